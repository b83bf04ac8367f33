"""The frame: who gets in, where they are led, and what every page has."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.handlers.console.conftest import Console
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
