"""Attacks that once got through, or ended in an error of ours: each is tried here as it was."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from threading import Barrier

import pytest

from handlers import sheets
from handlers.console import file_sets
from handlers.console.doorkeeper import Doorkeeper
from handlers.console.visit import Visit
from models import approvals, outbox, subscribers
from models.base import Tx
from models.operators import changes, sessions, totp
from models.operators.accounts import Operator
from models.operators.sign_in import Caller
from tests.handlers.console.conftest import FORM_KEY, SECURE, Browser, Console, OpenConsole
from tests.models import operators
from tests.models.conftest import at_once

BAD_ADDRESS = "http://[not-an-address"


def _person(console: Console, login: str, role: str = "service") -> Operator:
    with console.circle.store.begin() as tx:
        return operators.operator(
            tx, role, now=console.clock(), login=login, vault=console.circle.vault
        )


def _in(console: Console, who: Operator) -> Browser:
    """A browser in which this person is signed in."""
    browser = console.anonymous()
    with console.circle.store.begin() as tx:
        token = operators.signed_in(tx, who, now=console.clock())
    browser.client.set_cookie(
        "__Host-circle_console", token, domain="circle.example", secure=True, path="/"
    )
    return browser


# -- what a browser sends --------------------------------------------------------------------------


def test_an_address_that_is_none_in_a_header_is_no_error_of_ours(console: Console) -> None:
    nobody = console.anonymous()
    polled = {"HX-Request": "true", "HX-Current-URL": BAD_ADDRESS}
    answer = nobody.get("/console/operations/live", headers=polled)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (
        401, "/console/sign-in?next=/console",
    )  # fmt: skip
    nobody.client.set_cookie("__Host-form", FORM_KEY, domain="circle.example", secure=True)
    from_nowhere = {"Referer": BAD_ADDRESS}
    sent = nobody.post("/console/menus/push", {"form_key": FORM_KEY}, headers=from_nowhere)
    assert (sent.status_code, sent.location) == (303, "/console/sign-in?next=/console")


def test_a_nul_in_an_address_is_no_error_of_ours(console: Console) -> None:
    administrator = console.as_("administrator")
    answer = administrator.get("/console/outbox/bulk?do=retry&state=dead&error=%00x")
    assert answer.status_code == 200


# -- sessions --------------------------------------------------------------------------------------


def _same(browser: Browser, console: Console) -> Browser:
    """Another window of the same browser."""
    other = console.anonymous()
    for name in ("__Host-circle_console", "__Host-form"):
        if cookie := browser.client.get_cookie(name, "circle.example"):
            other.client.set_cookie(name, cookie.value, domain="circle.example", secure=True)
    return other


def test_a_double_click_on_the_first_code_is_no_error_of_ours(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = _person(console, "double.click")
    browser = _in(console, who)
    page = browser.page("/console/account/codes")
    secret = re.search(r">([A-Z2-7]{4}( [A-Z2-7]{4}){7})<", page)
    assert secret
    code = totp.code_at(secret[1].replace(" ", ""), console.clock())
    fields = {"form_key": browser.form_key("/console/account/codes"), "code": code}
    both, real = Barrier(2), Doorkeeper.caller

    def meets(self: Doorkeeper, login: str) -> Caller:
        both.wait(60)  # both have read their session
        return real(self, login)

    monkeypatch.setattr(Doorkeeper, "caller", meets)
    seen: list[int] = []

    def sends(window: Browser) -> None:
        seen.append(window.post("/console/account/codes", fields).status_code)

    at_once([partial(sends, one) for one in (browser, _same(browser, console))])
    assert seen == [303, 303]


def _acts_between(
    monkeypatch: pytest.MonkeyPatch, console: Console, work: Callable[[Tx], object]
) -> None:
    """Have `work` committed once, after a request knows who asks and before it changes anything."""
    real = Visit.change
    done: list[bool] = []

    def change(self: Visit, wanted: Callable[[Tx], object]) -> object:
        if not done:
            done.append(True)
            console.circle.store.run(work)
        return real(self, wanted)

    monkeypatch.setattr(Visit, "change", change)


@pytest.mark.parametrize("how", ["disabled", "another role", "signed out everywhere"])
def test_what_somebody_may_counts_when_it_is_done_not_when_it_was_asked_for(
    console: Console, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """An administrator is put out while their form is on its way: it changes nothing."""
    name = how.split()[0]
    who, boss = _person(console, f"going.{name}", "administrator"), console.as_("administrator")
    assert boss.operator
    browser, by, now = _in(console, who), operators.by(boss.operator), console.clock()
    works: dict[str, Callable[[Tx], object]] = {
        "disabled": lambda tx: changes.disable(tx, who.id, by=by, now=now),
        "another role": lambda tx: changes.change_role(tx, who.id, "analyst", by=by, now=now),
        "signed out everywhere": lambda tx: sessions.revoke_all(
            tx, who.id, because="lost", by=by, now=now
        ),
    }
    _acts_between(monkeypatch, console, works[how])
    answer = browser.forge(
        "/console/operators/new", login=f"friend.{name}", name="x", role="administrator"
    )
    assert answer.status_code == 303
    assert answer.location.startswith("/console/sign-in")
    assert console.rows("SELECT 1 FROM operators WHERE login = %s", f"friend.{name}") == []


@pytest.mark.slow
def test_a_page_that_polls_keeps_nobody_signed_in(console: Console) -> None:
    """Whoever has left a page open that asks every ten seconds is idle all the same."""
    browser = console.as_("operations")
    for _five_minutes in range(7):
        console.clock.advance(minutes=5)
        left_open = browser.get("/console/operations/live", headers={"HX-Request": "true"})
    assert left_open.status_code == 401


def test_whoever_fails_in_anothers_name_locks_out_strangers_alone(console: Console) -> None:
    """Nobody is kept from work by others who type their login with any password, hour by hour."""
    who, password = _person(console, "kept.out"), operators.PASSWORD
    own, stranger = _in(console, who), console.anonymous()
    own.page("/console")
    own.forge("/console/sign-out")
    for _failure in range(7):
        stranger.forge("/console/sign-in", login=who.login, password="guess")
    locked = stranger.forge("/console/sign-in", login=who.login, password=password)
    assert locked.status_code == 400  # the right password, too, where the browser is unknown
    came_in = own.forge("/console/sign-in", login=f" {who.login.upper()} ", password=password)
    assert came_in.status_code == 303
    own.forge("/console/sign-out")
    # Whoever has the browser guesses no longer than anybody else, and knows it for no other login.
    for _failure in range(7):
        own.forge("/console/sign-in", login=who.login, password="guess")
    assert own.forge("/console/sign-in", login=who.login, password=password).status_code == 400
    other = _person(console, "other.name")
    for _failure in range(7):
        stranger.forge("/console/sign-in", login=other.login, password="guess")
    answer = own.forge("/console/sign-in", login=other.login, password=password)
    assert answer.status_code == 400
    boss = console.as_("administrator")
    boss.forge(f"/console/operators/{who.id}/unlock", reason="it is me")
    assert own.forge("/console/sign-in", login=who.login, password=password).status_code == 303


# -- numbers of people -----------------------------------------------------------------------------


def test_a_number_that_is_typed_into_a_reason_is_kept_by_nobody(console: Console) -> None:
    """The audit cannot be cleaned later, and administrators need no number of a subscriber's."""
    who, boss = _person(console, "wrong.reason"), console.as_("administrator")
    boss.forge(f"/console/operators/{who.id}/disable", reason="机主 138/1234/5678 来电投诉")
    kept = console.rows("SELECT reason FROM audit_entries WHERE subject = %s AND reason <> ''",
                        f"operator:{who.id}")  # fmt: skip
    assert kept == [("机主 138****5678 来电投诉",)]
    with console.circle.store.begin() as tx:
        made = approvals.propose(
            tx, kind="menus", subject="menus", payload={}, reason="机主 +86 13812345678",
            by=operators.by(who), now=console.clock(),
        )  # fmt: skip
    assert made.reason == "机主 861****5678"


def test_an_error_of_a_gateway_is_shown_without_the_number_in_it(console: Console) -> None:
    now = console.clock()
    with console.circle.store.begin() as tx:
        who = subscribers.lock(tx, "sms", "+8613999990001", now)
        payload = {"to": "+8613999990001", "text": "x", "page": None}
        owed = outbox.owe(tx, subscriber_id=who.id, kind="sms", payload=payload, now=now)
        tx.exec_driver_sql(
            "UPDATE outbox SET state = 'dead', settled_at = %s, error = %s WHERE id = %s",
            (now, "The number +8613999990001 is not a mobile number", owed),
        )
    browser = console.as_("operations")
    for path in (f"/console/outbox/{owed}", "/console/outbox", "/console/outbox.csv"):
        seen = browser.page(path)
        assert "is not a mobile number" in seen, path
        assert "13999990001" not in seen, path


def test_nobody_walks_along_the_ids_of_people_unseen_and_without_end(
    open_console: OpenConsole,
) -> None:
    console = open_console(DESK__PEOPLE_AN_HOUR="3")
    browser, now = console.as_("service"), console.clock()
    with console.circle.store.begin() as tx:
        people = [subscribers.lock(tx, "sms", f"+86139888800{n:02}", now).id for n in range(5)]

    def looks(path: str) -> int:
        return browser.get(path).status_code

    pages = [f"/console/subscribers/{number}" for number in people]
    assert [looks(pages[0]), looks(pages[0]), looks(f"{pages[1]}/message")] == [200] * 3
    assert browser.forge("/console/subscribers", q=f"#{people[2]}").status_code == 200
    assert [looks(pages[3]), looks(f"{pages[3]}/message"), looks(f"{pages[4]}/block")] == [429] * 3
    assert browser.forge("/console/subscribers", q=f"#{people[4]}").status_code == 400
    assert looks(pages[0]) == 200  # whom one has seen already
    assert browser.operator
    seen = console.rows(
        "SELECT subject, after ->> 'allowed', count(*) FROM audit_entries"
        " WHERE action = 'subscriber.see' AND operator_id = %s GROUP BY 1, 2 ORDER BY 1",
        browser.operator.id,
    )
    told = [("true", 1), ("true", 1), ("false", 2), ("false", 1)]
    expected = zip([0, 1, 3, 4], told, strict=True)
    assert seen == [(f"subscriber:{people[n]}", *each) for n, each in expected]
    console.clock.advance(hours=1)
    browser = console.as_("service")
    assert looks(pages[4]) == 200


# -- files -----------------------------------------------------------------------------------------


def test_who_reads_a_file_slowly_keeps_nobody_else_from_theirs(console: Console) -> None:
    slow, other = console.as_("approver"), console.as_("administrator")
    opened = [slow.client.get("/console/audit.csv", base_url=SECURE) for _file in range(3)]
    assert [answer.status_code for answer in opened] == [200, 503, 503]
    assert other.get("/console/audit.csv").status_code == 200
    for answer in opened:
        answer.close()
    assert slow.get("/console/audit.xlsx").status_code == 200


@pytest.mark.parametrize("sign", "=+-@\t\r\n＝＋－＠")
def test_no_cell_begins_a_formula(sign: str) -> None:
    (line,) = list(sheets.csv_chunks(["x"], [[f"{sign}cmd|' /C calc'!A0"]]))[1:]
    assert line.decode().startswith(f"\"'{sign}")


# -- twice -----------------------------------------------------------------------------------------


def test_a_form_that_is_sent_many_times_at_once_does_one_thing(console: Console) -> None:
    browser = console.as_("service")
    with console.circle.store.begin() as tx:
        who = subscribers.lock(tx, "sms", "+8613999990077", console.clock())
    windows = [_same(browser, console) for _window in range(4)]
    here = f"/console/subscribers/{who.id}"
    opened = at_once(
        [
            partial(one.forge, f"{here}/complaint", category="points", words="少了 50 分")
            for one in windows
        ]
    )
    assert len({answer.location for answer in opened}) == 1, opened
    at_once([partial(one.forge, f"{here}/notes", words="已回电") for one in windows])
    for table in ("complaints", "subscriber_notes"):
        assert console.rows(f"SELECT count(*) FROM {table} WHERE subscriber_id = %s", who.id) == [
            (1,)
        ], table
    later = browser.forge(f"{here}/complaint", category="points", words="又少了 50 分")
    assert later.location not in {answer.location for answer in opened}


def test_many_changes_of_one_person_at_once_wait_for_each_other(console: Console) -> None:
    browser = console.as_("analyst")
    windows = [_same(browser, console) for _window in range(4)]
    began = time.monotonic()
    answers = at_once([partial(one.forge, "/console/language", language="en") for one in windows])
    assert [answer.status_code for answer in answers] == [303] * 4
    assert time.monotonic() - began < 1  # PostgreSQL looks for a deadlock after a second


def test_a_file_of_the_server_that_cannot_be_kept_is_said_and_no_error_of_ours(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        type(file_sets.MENUS), "folder", lambda _set, _parts: {"keywords.yaml": "#" * 3000}
    )
    browser = console.as_("operations", another=True)
    answer = browser.forge("/console/menus/draft", do="import", revision="0")
    assert answer.status_code == 400
    assert "keywords.yaml" in answer.text
