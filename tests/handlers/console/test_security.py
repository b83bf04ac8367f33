"""Attacks on the console, each tried through the door."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from html import unescape

import pytest

from handlers.console.deciding import KINDS, Kind
from handlers.console.frame import CannotApply, local
from models import approvals
from models.operators import roles
from models.operators.accounts import Operator
from tests.handlers.console.conftest import FORM_KEY, Browser, Console
from tests.models import operators

SCRIPT = "<script>alert(1)</script>"


def _person(console: Console, login: str, role: str = "service") -> Operator:
    with console.circle.store.begin() as tx:
        return operators.operator(
            tx, role, now=console.clock(), login=login, vault=console.circle.vault
        )


def _signs_in(browser: Browser, login: str, password: str) -> int:
    answer = browser.forge("/console/sign-in", login=login, password=password)
    return answer.status_code


# -- forms -----------------------------------------------------------------------------------------


def test_a_form_of_another_site_is_refused(console: Console) -> None:
    browser = console.as_("administrator")
    browser.get("/console/operators/new")
    fields = {"login": "eve", "name": "Eve", "role": "administrator"}
    assert browser.post("/console/operators/new", fields).status_code == 403
    guessed = {**fields, "form_key": FORM_KEY}
    assert browser.post("/console/operators/new", guessed).status_code == 403
    foreign = {"Sec-Fetch-Site": "cross-site"}
    key = {"form_key": browser.form_key("/console/operators/new")}
    answer = browser.post("/console/operators/new", {**fields, **key}, headers=foreign)
    assert answer.status_code == 403
    assert console.rows("SELECT 1 FROM operators WHERE login = 'eve'") == []


def test_signing_in_is_a_form_of_ours_too(console: Console) -> None:
    li = _person(console, "li.csrf")
    fields = {"login": li.login, "password": operators.PASSWORD}
    assert console.anonymous().post("/console/sign-in", fields).status_code == 403


def test_fields_that_the_form_does_not_have_change_nothing(console: Console) -> None:
    browser = console.as_("analyst")
    mine = browser.operator
    assert mine
    forged = {"role": "administrator", "active": "1", "operator_id": "1", "id": "1"}
    browser.forge("/console/language", language="en", back="/console", **forged)
    browser.forge("/console/language", language="zh", back="/console", **forged)
    assert console.rows("SELECT role FROM operators WHERE id = %s", mine.id) == [("analyst",)]


@pytest.mark.parametrize("role", sorted(set(roles.ROLES) - {"administrator"}))
def test_nobody_makes_an_administrator_but_administrators(console: Console, role: str) -> None:
    browser = console.as_(role)
    assert browser.operator
    new = browser.forge("/console/operators/new", login="eve", name="Eve", role="administrator")
    act = f"/console/operators/{browser.operator.id}/role"
    own = browser.forge(act, role="administrator", reason="me")
    assert (new.status_code, own.status_code) == (403, 403)


def test_an_administrator_does_not_change_their_own_account(console: Console) -> None:
    browser = console.as_("administrator")
    assert browser.operator
    for act in ("role", "disable", "reset-password", "reset-codes"):
        answer = browser.forge(
            f"/console/operators/{browser.operator.id}/{act}", role="service", reason="me"
        )
        assert answer.status_code == 400, act
        assert "不能对自己的账户" in answer.text


def test_a_role_that_is_none_is_refused_and_what_was_typed_is_kept(console: Console) -> None:
    answer = console.as_("administrator").forge(
        "/console/operators/new", login="eve", name="Eve", role="emperor"
    )
    assert answer.status_code == 400
    assert 'href="#role"' in answer.text
    assert 'value="Eve"' in answer.text


@pytest.mark.parametrize("name", ["x\x00y", "x" * 100_000, "\ud800", "名" * 61, "‮abc"])
def test_no_text_breaks_a_page(console: Console, name: str) -> None:
    browser = console.as_("administrator")
    raw = name.encode(errors="surrogatepass")
    answer = browser.forge(
        "/console/operators/new", login="eve", name=raw.decode("latin-1"), role="x"
    )
    assert answer.status_code in (400, 413)


# -- sessions --------------------------------------------------------------------------------------


def test_the_session_is_another_after_signing_in_whatever_the_browser_brought(
    console: Console,
) -> None:
    li = _person(console, "li.fixed")
    browser = console.anonymous()
    planted = "p" * 43
    name = "__Host-circle_console"
    browser.client.set_cookie(name, planted, domain="circle.example", secure=True)
    assert _signs_in(browser, li.login, operators.PASSWORD) == 303
    cookie = browser.client.get_cookie(name, domain="circle.example")
    assert cookie
    assert cookie.value != planted
    assert (cookie.http_only, cookie.secure, cookie.same_site) == (True, True, "Lax")
    eve = console.anonymous()
    eve.client.set_cookie(name, planted, domain="circle.example", secure=True)
    assert eve.get("/console").status_code == 303


def test_the_first_step_of_two_opens_nothing(console: Console) -> None:
    boss = _person(console, "boss.one", "administrator")
    browser = console.anonymous()
    assert _signs_in(browser, boss.login, operators.PASSWORD) == 303
    for path in ("/console", "/console/operators", "/console/account/codes", "/console/audit.csv"):
        answer = browser.get(path)
        assert answer.status_code == 303, path
        assert answer.location.startswith("/console/sign-in/code"), path


def test_an_account_that_is_disabled_is_out_at_once(console: Console) -> None:
    li = _person(console, "li.disabled")
    browser = console.anonymous()
    _signs_in(browser, li.login, operators.PASSWORD)
    assert browser.get("/console").status_code == 200
    path = f"/console/operators/{li.id}/disable"
    assert console.as_("administrator").forge(path, reason="left").status_code == 303
    assert browser.get("/console").status_code == 303
    assert _signs_in(console.anonymous(), li.login, operators.PASSWORD) == 400


def test_ending_a_sign_in_of_somebody_else_by_its_number_does_nothing(console: Console) -> None:
    victim = console.as_("operations")
    ((number,),) = console.rows("SELECT max(id) FROM operator_sessions")
    console.as_("service").forge("/console/account/sign-ins", session=str(number))
    assert victim.get("/console").status_code == 200


# -- addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/console", "//evil.example/console", "/\\evil.example",
        "/console//evil.example", "javascript:alert(1)", "/me", "/consolex", "\t//evil.example",
        "/console@evil.example", "/console/../..//evil.example", "https:/console", "",
    ],
)  # fmt: skip
def test_signing_in_leads_nowhere_but_into_the_console(console: Console, path: str) -> None:
    assert local(path) == "/console"
    browser = console.as_("service")
    answer = browser.get("/console/sign-in", query_string={"next": path})
    assert (answer.status_code, answer.location) == (303, "/console")


def test_the_headers_keep_scripts_and_frames_away(console: Console) -> None:
    for path in ("/console", "/console/sign-in", "/console/nowhere"):
        headers = console.as_("analyst").get(path).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert headers["Strict-Transport-Security"]


def test_a_request_id_is_ours_and_stands_in_the_audit(console: Console) -> None:
    browser = console.as_("operations")
    answer = browser.get("/console", headers={"X-Request-Id": "mine"})
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["X-Request-Id"])
    sent = browser.forge("/console/language", language="zh", back="/console")
    ((kept,),) = console.rows("SELECT request_id FROM audit_entries ORDER BY id DESC LIMIT 1")
    assert kept == sent.headers["X-Request-Id"]


# -- guessing --------------------------------------------------------------------------------------


def test_guessing_is_locked_out_and_the_right_password_waits_too(console: Console) -> None:
    li = _person(console, "li.guessed")
    eve = console.anonymous()
    for _try in range(5):
        assert "登录名或密码不对" in _tried(eve, li.login, "guess")
    assert "试得太多了" in _tried(eve, li.login, operators.PASSWORD)
    console.clock.advance(minutes=2)
    assert _signs_in(console.anonymous(), li.login, operators.PASSWORD) == 303
    console.clock.shift = timedelta()


def test_nobody_learns_which_logins_there_are(console: Console) -> None:
    _person(console, "li.known")
    pages = []
    for login in ("li.known", "li.unknown"):
        eve = console.anonymous()
        pages.append([_tried(eve, login, "guess").replace(login, "x") for _try in range(7)])
    assert pages[0] == pages[1]


def _tried(browser: Browser, login: str, password: str) -> str:
    answer = browser.forge("/console/sign-in", login=login, password=password)
    assert answer.status_code == 400
    found = re.search(r"<main.*</main>", answer.text, re.DOTALL)
    assert found
    return found[0]


# -- what is shown ---------------------------------------------------------------------------------


def test_what_somebody_wrote_is_shown_and_never_run(console: Console) -> None:
    browser = console.as_("administrator")
    made = browser.forge("/console/operators/new", login="xss", name=SCRIPT, role="service")
    assert made.status_code == 200
    for page in (made.text, browser.page("/console/operators?q=xss")):
        assert SCRIPT not in page
        assert SCRIPT in unescape(page)
    typed = browser.get("/console/operators", query_string={"q": f'"{SCRIPT}'})
    assert SCRIPT not in typed.text


def test_a_formula_stays_text_in_a_file(console: Console) -> None:
    browser = console.as_("administrator")
    browser.forge("/console/operators/new", login="sum", name="=1+1", role="service")
    file = browser.get("/console/operators.csv?q=sum").data.decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(file)))[1][1] == "'=1+1"


# -- four eyes -------------------------------------------------------------------------------------


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Something that can be proposed; what is given back fills with what was applied."""
    applied: list[int] = []

    def apply(_tx: object, _parts: object, proposal: approvals.Proposal, *_: object) -> None:
        if proposal.payload.get("impossible"):
            raise CannotApply("它已经变了")
        applied.append(proposal.id)

    made = Kind("测试", "menus.see", "menus.propose", "menus.approve", apply, "console/_kind.html")
    monkeypatch.setitem(KINDS, "test", made)
    return applied


def _proposed(console: Console, by: Operator, subject: str, **payload: object) -> int:
    now = console.clock()
    with console.circle.store.begin() as tx:
        return approvals.propose(
            tx, kind="test", subject=subject, payload=payload, reason="why",
            by=operators.by(by), now=now,
        ).id  # fmt: skip


def test_nobody_decides_on_their_own_proposal(console: Console, kind: list[int]) -> None:
    approver = console.as_("approver")
    assert approver.operator
    number = _proposed(console, approver.operator, "test:own")
    path = f"/console/approvals/{number}"
    assert 'value="approve"' not in approver.page(path)
    answer = approver.forge(path, do="approve")
    assert (answer.status_code, kind) == (400, [])
    assert "要由别人来审批" in answer.text
    another = console.as_("approver", another=True)
    assert another.forge(path, do="approve").status_code == 303
    assert kind == [number]
    again = another.forge(path, do="approve")
    assert again.status_code == 400
    assert "已经有人处理过了" in again.text
    assert kind == [number]


def test_who_may_only_propose_cannot_approve_by_a_forged_field(
    console: Console, kind: list[int]
) -> None:
    li = _person(console, "li.proposes", "operations")
    number = _proposed(console, li, "test:forged")
    path = f"/console/approvals/{number}"
    colleague = console.as_("operations")
    for do in ("approve", "reject"):
        answer = colleague.forge(path, do=do, because="x", decided_by="1", state="approved")
        assert answer.status_code == 403
    assert colleague.forge(path, do="apply").status_code == 400
    assert console.as_("service").forge(path, do="approve").status_code == 404
    assert kind == []


def test_what_cannot_be_applied_stays_open_and_says_why(console: Console, kind: list[int]) -> None:
    li = _person(console, "li.impossible", "operations")
    number = _proposed(console, li, "test:impossible", impossible=True)
    approver = console.as_("approver")
    assert '<span class="badge">' in approver.page("/console")
    answer = approver.forge(f"/console/approvals/{number}", do="approve", because="yes")
    assert answer.status_code == 400
    assert "它已经变了" in answer.text
    rejected = approver.forge(f"/console/approvals/{number}", do="reject")
    assert "请写明为什么驳回" in rejected.text
    answer = approver.forge(f"/console/approvals/{number}", do="reject", because="变了")
    assert "已驳回" in approver.follow(answer)
    assert console.rows("SELECT state FROM approval_proposals WHERE id = %s", number) == [
        ("rejected",)
    ]


def test_a_proposal_can_be_withdrawn_by_who_made_it(console: Console, kind: list[int]) -> None:
    operations = console.as_("operations")
    assert operations.operator
    number = _proposed(console, operations.operator, "test:withdrawn")
    path = f"/console/approvals/{number}"
    assert "test:withdrawn" in operations.page("/console/approvals?state=proposed&whose=mine")
    answer = operations.send(path, do="withdraw")
    assert "已撤回" in operations.follow(answer)
