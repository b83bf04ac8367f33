"""The outbox in the console: looked at masked, retried, dropped, and never more than was said."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from dialogs.delivery import PAGE_MARK
from models import outbox
from tests.handlers.console.conftest import Browser, Console

WANG, LI = "+8613800000003", "+8613800000001"


def owe(console: Console, *, state: str = "dead", kind: str = "sms", **more: Any) -> int:
    """A row in a state, as workers would have left it."""
    payload = {
        "sms": {"to": WANG, "text": "您的余额有变动，详情 {page}", "page": "/me"},
        "wechat": {"openid": "o_hanmeimei", "text": "好"},
        "call": {
            "service": "boss.open_service", "arguments": {"msisdn": LI, "service": "CLUB_FILM"},
        },
    }[kind] | more.pop("payload", {})  # fmt: skip
    now = console.clock()
    with console.circle.store.begin() as tx:
        owed_id = outbox.owe(
            tx, subscriber_id=1, kind=kind, payload=payload, now=now,
            queue="call" if kind == "call" else "reply",
        )  # fmt: skip
        outbox.set_where(
            tx, owed_id, "state = %(state)s, attempts = 8, error = %(error)s, settled_at = %(now)s",
            "true", state=state, error=more.get("error", "Twilio is busy or broken (code 503)"),
            now=now,
        )  # fmt: skip
    return owed_id


@pytest.fixture(autouse=True)
def _empty(console: Console) -> None:
    with console.circle.store.begin() as tx:
        tx.exec_driver_sql("DELETE FROM outbox")


@pytest.fixture
def administrator(console: Console) -> Browser:
    return console.as_("administrator")


def state(console: Console, owed_id: int) -> str:
    return str(console.rows("SELECT state FROM outbox WHERE id = %s", owed_id)[0][0])


def last_entry(console: Console) -> tuple[Any, ...]:
    return console.rows(
        "SELECT action, subject, reason, after FROM audit_entries ORDER BY id DESC LIMIT 1"
    )[0]


def hidden(page: str, name: str) -> str:
    found = re.search(f'name="{name}" value="([^"]*)"', page)
    assert found
    return found[1]


def test_the_list_shows_what_is_given_up_first_and_masks_people(
    console: Console, administrator: Browser
) -> None:
    sms, call = owe(console), owe(console, kind="call", error="BOSS refused (code 401)")
    waiting = owe(console, state="owed")
    page = administrator.page("/console/outbox")
    assert f"/outbox/{sms}" in page
    assert f"/outbox/{call}" in page
    assert f"/outbox/{waiting}" not in page
    assert "138****0003" in page
    for secret in (WANG[1:], LI[1:], WANG[3:], LI[3:]):
        assert secret not in page
    only = administrator.page("/console/outbox?state=dead&kind=call")
    assert f"/outbox/{call}" in only
    assert f"/outbox/{sms}" not in only
    assert f"/outbox/{waiting}" in administrator.page("/console/outbox?state=owed")
    found = administrator.page("/console/outbox?state=dead&error=503")
    assert f"/outbox/{sms}" in found
    assert f"/outbox/{call}" not in found
    assert f"/outbox/{sms}" not in administrator.page("/console/outbox?state=dead&error=5%253")
    assert f"/outbox/{sms}" not in administrator.page("/console/outbox?state=sent&error=503")


def test_a_row_shows_what_it_carries_but_no_code_and_no_number(
    console: Console, administrator: Browser
) -> None:
    page = administrator.page(f"/console/outbox/{owe(console)}")
    assert "138****0003" in page
    assert "您的余额有变动" in page
    assert PAGE_MARK not in page
    assert "code 503" in page
    code = owe(console, payload={"text": "验证码 482913", "secret": "x"})
    page = administrator.page(f"/console/outbox/{code}")
    assert "482913" not in page
    words = owe(console, payload={"text": "请拨打 13912345678"})
    assert "13912345678" not in administrator.page(f"/console/outbox/{words}")
    assert administrator.get("/console/outbox/999999").status_code == 404


def test_one_row_is_put_back_and_the_audit_knows(console: Console, administrator: Browser) -> None:
    row = owe(console)
    answer = administrator.send(f"/console/outbox/{row}", do="retry")
    assert "已放回队列：1 条" in administrator.follow(answer)
    assert state(console, row) == "owed"
    assert last_entry(console)[:2] == ("outbox.retry", f"outbox:{row}")


def test_to_drop_needs_a_reason_which_is_kept(console: Console, administrator: Browser) -> None:
    row = owe(console)
    page = f"/console/outbox/{row}"
    refused = administrator.send(page, do="drop", reason=" ")
    assert refused.status_code == 400
    assert "请写明为什么放弃" in refused.text
    assert state(console, row) == "dead"
    administrator.follow(administrator.send(page, do="drop", reason="太晚了"))
    assert state(console, row) == "dropped"
    assert last_entry(console)[:3] == ("outbox.drop", f"outbox:{row}", "太晚了")
    again = administrator.post(
        page, {"form_key": administrator.form_key("/console"), "do": "retry"}
    )
    assert again.status_code == 400
    assert "状态已经变了" in again.text


def test_many_at_once_are_those_that_stood_on_the_page_and_no_others(
    console: Console, administrator: Browser
) -> None:
    rows = [owe(console) for _ in range(3)] + [owe(console, kind="call")]
    page = administrator.page("/console/outbox/bulk?do=retry&state=dead")
    assert "重试 4 条？" in page
    assert "短信 3 条、调用 1 条" in page
    later, gone = owe(console), rows[0]
    administrator.send(f"/console/outbox/{gone}", do="retry")
    done = administrator.post(
        "/console/outbox/bulk",
        {name: hidden(page, name) for name in ("form_key", "ids", "do")} | {"reason": "网关好了"},
    )
    assert "已放回队列：3 条。另有 1 条状态已变，没有动。" in administrator.follow(done)
    assert [state(console, row) for row in rows] == ["owed"] * 4
    assert state(console, later) == "dead"
    action, subject, reason, after = last_entry(console)
    assert (action, subject, reason) == ("outbox.retry", f"outbox:{rows[1]}-{rows[3]}", "网关好了")
    assert after == {"rows": rows[1:], "left_alone": [gone]}


def test_a_filter_narrows_what_is_done_at_once(console: Console, administrator: Browser) -> None:
    sms, call = owe(console), owe(console, kind="call")
    page = administrator.page("/console/outbox/bulk?do=drop&state=dead&kind=sms")
    fields = {name: hidden(page, name) for name in ("form_key", "ids", "do")}
    kept = administrator.post("/console/outbox/bulk", fields)
    assert kept.status_code == 400
    assert hidden(kept.text, "ids") == str(sms)
    administrator.follow(administrator.post("/console/outbox/bulk", fields | {"reason": "过时"}))
    assert (state(console, sms), state(console, call)) == ("dropped", "dead")


def test_more_than_a_confirmation_holds_is_said(
    console: Console, administrator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.console.outbox.MOST_AT_ONCE", 2)
    monkeypatch.setattr("handlers.console.outbox.ROWS_A_COMMIT", 1)
    rows = [owe(console) for _ in range(3)]
    page = administrator.page("/console/outbox/bulk?do=drop&state=dead")
    assert "一次最多 2 条" in page
    fields = {name: hidden(page, name) for name in ("form_key", "ids", "do")}
    done = administrator.post("/console/outbox/bulk", fields | {"reason": "过时"})
    assert "已放弃：2 条" in administrator.follow(done)
    assert [state(console, row) for row in rows] == ["dropped", "dropped", "dead"]


@pytest.mark.parametrize(
    "ids", ["1;DROP TABLE outbox", "1,,2", "-1", "1" * 19, ",".join(["1"] * 501)]
)
def test_ids_that_are_none_are_refused(administrator: Browser, ids: str) -> None:
    fields = {"form_key": administrator.form_key("/console"), "ids": ids, "do": "retry"}
    assert administrator.post("/console/outbox/bulk", fields).status_code == 400


@pytest.mark.parametrize("query", ["do=retry&state=sent", "do=drop&state=failed", "do=x", ""])
def test_only_what_was_given_up_can_be_asked_for(administrator: Browser, query: str) -> None:
    assert administrator.get(f"/console/outbox/bulk?{query}").status_code == 404


@pytest.mark.parametrize("role", ["operations", "service"])
def test_who_may_look_changes_nothing(console: Console, role: str) -> None:
    row, browser = owe(console), console.as_(role)
    page = browser.page(f"/console/outbox/{row}")
    assert 'value="retry"' not in page
    assert "全部重试" not in browser.page("/console/outbox")
    fields = {"form_key": browser.form_key("/console"), "do": "retry"}
    assert browser.post(f"/console/outbox/{row}", fields).status_code == 403
    answer = browser.post("/console/outbox/bulk", fields | {"ids": str(row)})
    assert answer.status_code == 403
    assert state(console, row) == "dead"


@pytest.mark.parametrize("role", ["analyst", "approver"])
def test_others_see_none_of_it(console: Console, role: str) -> None:
    assert console.as_(role).get("/console/outbox").status_code == 403


def test_too_many_dead_letters_stand_above_every_page(
    console: Console, administrator: Browser
) -> None:
    most = console.circle.settings.console.dead_letters_most
    for _ in range(most + 1):
        owe(console)
    console.clock.advance(seconds=6)
    assert f"有 {most + 1} 条消息或请求发不出去" in administrator.page("/console")
    assert "发不出去，已放弃" not in console.as_("analyst").page("/console")
    console.clock.shift = timedelta()
