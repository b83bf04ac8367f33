"""The frame: who gets in, where they are led, and what every page has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from werkzeug.wrappers import Response

import handlers.console as console_pages
import logs
from handlers.console.frame import Banner, Page, Visit
from handlers.console.frame import Console as Frame
from models import audit
from tests.handlers.console.conftest import Console, OpenConsole
from tests.models import operators


def test_signing_in_opens_a_session_and_leads_back_to_where_one_was(console: Console) -> None:
    with console.circle.store.begin() as tx:
        li = operators.operator(tx, "service", now=console.clock(), login="li.lei")
    browser = console.anonymous()
    asked = browser.get("/console/account")
    assert (asked.status_code, asked.location) == (303, "/console/sign-in?next=/console/account")
    answer = browser.send(asked.location, login=li.login, password=operators.PASSWORD)
    assert (answer.status_code, answer.location) == (303, "/console/account")
    assert li.login in browser.follow(answer)


def test_whoever_leaves_is_out(console: Console) -> None:
    browser = console.as_("service")
    answer = browser.send("/console/sign-out", form_from="/console")
    assert answer.location == "/console/sign-in"
    assert browser.get("/console").location.startswith("/console/sign-in")


def test_whoever_is_idle_signs_in_again_and_comes_back(console: Console) -> None:
    browser = console.as_("analyst")
    browser.page("/console")
    console.clock.advance(minutes=31)
    assert browser.get("/console/account").location == "/console/sign-in?next=/console/account"
    console.clock.shift = timedelta()


@pytest.mark.parametrize("role", ["operations", "approver", "service", "analyst", "administrator"])
def test_everybody_finds_a_first_page_with_what_they_may(console: Console, role: str) -> None:
    page = console.as_(role).page("/console")
    assert "某人，您好" in page
    assert 'lang="zh-CN"' in page


def test_the_console_speaks_english_to_whoever_asks(console: Console) -> None:
    browser = console.as_("operations")
    answer = browser.send("/console/language", form_from="/console", language="en", back="/console")
    assert '<html lang="en"' in browser.follow(answer)


# -- pages of a test's own -------------------------------------------------------------------------

WROTE = "13812345678 wrote something"


def _pages(frame: Frame) -> None:
    @frame.page("/broken", permission="home.see")
    def broken(visit: Visit) -> Page:
        raise ValueError(WROTE)

    @frame.page("/silent", permission="home.see", methods=("POST",))
    def silent(visit: Visit) -> Page:
        visit.change(lambda tx: tx.exec_driver_sql("UPDATE operators SET name = 'nobody'"))
        return visit.go("home")

    @frame.page("/told", permission="home.see", methods=("POST",))
    def told(visit: Visit) -> Page:
        visit.change(
            lambda tx: audit.write(
                tx, visit.by, action="tests.tell", subject="test:1", now=visit.now
            )
        )
        visit.say("已经做好 <b>")
        return visit.go("home")

    @frame.page("/polled", permission="home.see")
    def polled(visit: Visit) -> Page:
        return Response("still here")


@pytest.fixture(scope="module")
def with_pages(open_console: OpenConsole) -> Iterator[Console]:
    """A console with pages of these tests, and a banner."""
    with pytest.MonkeyPatch.context() as patch:
        page = SimpleNamespace(add_routes=_pages)
        patch.setattr(console_pages, "PAGES", (page, *console_pages.PAGES))
        patch.setattr(console_pages, "BANNERS", (lambda visit: Banner("网关停了", "/x", "去看"),))
        yield open_console()


def test_a_defect_is_told_in_words_and_logged_with_the_requests_id(with_pages: Console) -> None:
    browser = with_pages.as_("analyst")
    with capture_logs(processors=[merge_contextvars, logs.frames_only]) as entries:
        answer = browser.get("/console/broken")
    assert answer.status_code == 500
    assert "出错了，是我们的问题" in answer.text
    assert "wrote something" not in answer.text
    assert answer.headers["X-Request-Id"] in answer.text
    failed, answered = entries
    assert failed["event"] == "page failed"
    assert "ValueError" in failed["exception"]
    assert "13812345678" not in failed["exception"]
    assert {failed["request_id"], answered["request_id"]} == {answer.headers["X-Request-Id"]}


def test_a_change_that_nobody_would_read_of_in_the_audit_is_refused(with_pages: Console) -> None:
    browser = with_pages.as_("operations")
    assert browser.forge("/console/silent").status_code == 500
    assert with_pages.rows("SELECT 1 FROM operators WHERE name = 'nobody'") == []


def test_a_message_stands_on_the_next_page_once_as_text(with_pages: Console) -> None:
    browser = with_pages.as_("operations")
    page = browser.follow(browser.forge("/console/told"))
    assert "已经做好 &lt;b&gt;" in page
    assert "已经做好" not in browser.page("/console")


def test_a_banner_stands_above_every_page(with_pages: Console) -> None:
    for path in ("/console", "/console/account"):
        assert "网关停了" in with_pages.as_("service").page(path)


def test_a_page_that_asks_by_itself_keeps_nobody_signed_in(with_pages: Console) -> None:
    browser = with_pages.as_("service")
    asking = {"HX-Request": "true", "HX-Current-URL": "https://circle.example/console/account?a=1"}
    for _quarter in range(2):
        with_pages.clock.advance(minutes=14)
        assert browser.get("/console/polled", headers=asking).text == "still here"
    with_pages.clock.advance(minutes=3)
    over = browser.get("/console/polled", headers=asking)
    assert over.status_code == 401
    assert over.headers["HX-Redirect"] == "/console/sign-in?next=/console/account?a%3D1"
    with_pages.clock.shift = timedelta()


def test_whoever_sends_a_form_too_late_comes_back_to_its_page(with_pages: Console) -> None:
    browser = with_pages.anonymous()
    here = {"Referer": "https://circle.example/console/account?x=1"}
    browser.form_key("/console/sign-in")
    key = browser.form_key("/console/sign-in")
    answer = browser.post("/console/told", {"form_key": key}, headers=here)
    assert answer.status_code == 303
    assert answer.location == "/console/sign-in?next=/console/account?x%3D1"


def test_no_rule_asks_for_the_font_of_gov_uk() -> None:
    """Whatever a rule of theirs gives its font is named by a class of theirs, or in our sheet."""
    static = Path(console_pages.__file__).parents[1] / "static"
    theirs = next(static.glob("vendor/govuk-frontend-*.css")).read_text()
    ours = (static / "console.css").read_text()
    rules = re.findall(r"([^{}]+)\{[^{}]*font-family:GDS Transport", theirs)
    asked = {one for rule in rules for one in rule.split(",") if "@font-face" not in one}
    assert asked
    strange = {one for one in asked if not re.search(r"\.govuk-[\w-]+[^ ]*$", one)}
    assert [one for one in strange if one not in ours] == []
