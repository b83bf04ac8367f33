"""The owner's people: added with a password shown once, moved, shut out; nobody else's."""

from __future__ import annotations

import re

from models.operators.accounts import Operator
from tests.handlers.merchant.conftest import Browser, Desk
from tests.models import merchants, operators

_START = re.compile(r">([a-z2-9]{4}(-[a-z2-9]{4}){3})<")


def _clerk(desk: Desk, login: str, store_no: int | None = 1) -> Operator:
    with desk.circle.store.begin() as tx:
        return merchants.person(
            tx, "merchant_clerk", now=desk.clock(), store_no=store_no, login=login,
            vault=desk.circle.vault,
        )  # fmt: skip


def _enters(desk: Desk, login: str, password: str) -> int:
    return desk.anonymous().send("/merchant/sign-in", login=login, password=password).status_code


def test_an_owner_adds_a_clerk_whose_password_is_shown_once(desk: Desk) -> None:
    owner = desk.as_("owner")
    bad = owner.send("/merchant/people/new", name="小李", login="小李", role="merchant_clerk",
                     store="9")  # fmt: skip
    assert bad.status_code == 400
    assert "小写字母" in bad.text
    assert "请选择门店" in bad.text
    fields = {"name": "小李", "login": "xiaoli.jx", "role": "merchant_clerk", "store": "2"}
    made = owner.send("/merchant/people/new", **fields)
    start = _START.search(made.text)
    assert start
    assert start[1] not in owner.page("/merchant/people")
    assert _enters(desk, "xiaoli.jx", start[1]) == 303
    assert desk.rows(
        "SELECT s.merchant_code, s.store_no, s.role FROM merchant_staff s JOIN operators o"
        " ON o.id = s.operator_id WHERE o.login = 'xiaoli.jx'"
    ) == [("jinxiu", 2, "merchant_clerk")]
    taken = owner.send("/merchant/people/new", **fields)
    assert "已经有人用了" in taken.text


def test_each_act_does_what_it_says(desk: Desk) -> None:
    owner, who = desk.as_("owner"), _clerk(desk, "acts.on")
    page = f"/merchant/people/{who.id}"
    browser = desk.browser_of(who)
    browser.page("/merchant")
    assert "请写明原因" in owner.send(f"{page}/disable").text
    said = owner.follow(owner.send(f"{page}/sign-out", reason="丢了手机"))
    assert "所有登录都已结束" in said
    assert browser.get("/merchant").location.startswith("/merchant/sign-in")

    assert "门店已换" in owner.follow(owner.send(f"{page}/store", store="2", reason="调店"))
    assert "二店" in desk.browser_of(who).page("/merchant")
    reset = _START.search(owner.send(f"{page}/reset-password", reason="忘了").text)
    assert reset
    assert _enters(desk, who.login, operators.PASSWORD) == 400
    assert _enters(desk, who.login, reset[1]) == 303

    owner.follow(owner.send(f"{page}/reset-codes", reason="换手机"))
    owner.follow(owner.send(f"{page}/disable", reason="离职"))
    assert "已停用" in owner.page("/merchant/people")
    assert _enters(desk, who.login, reset[1]) == 400
    owner.follow(owner.send(f"{page}/unlock", reason="本人"))
    owner.follow(owner.send(f"{page}/enable", reason="回来了"))
    assert _enters(desk, who.login, reset[1]) == 303
    done = desk.rows(
        "SELECT action FROM audit_entries WHERE subject = %s AND operator_id = %s ORDER BY id",
        f"operator:{who.id}", owner.operator.id if owner.operator else 0,
    )  # fmt: skip
    assert [action for (action,) in done if not action.startswith("session")] == [
        "operators.end_sessions", "staff.move", "operators.reset_password", "operators.reset_totp",
        "operators.disable", "operators.unlock", "operators.enable",
    ]  # fmt: skip


def test_nobody_reaches_another_merchants_people(desk: Desk) -> None:
    who, stranger = _clerk(desk, "not.yours"), desk.as_("owner", merchant="chaye")
    assert "not.yours" not in stranger.page("/merchant/people")
    for path in ("", "/disable", "/reset-password", "/store"):
        answer = stranger.forge(f"/merchant/people/{who.id}{path}", "GET" if not path else "POST",
                                reason="mine")  # fmt: skip
        assert answer.status_code == 404, path
    assert stranger.get(f"/merchant/people/{2**63}").status_code == 404
    assert desk.rows("SELECT active FROM operators WHERE id = %s", who.id) == [(True,)]


def test_an_owner_does_nothing_to_themselves(desk: Desk) -> None:
    owner = desk.as_("owner")
    assert owner.operator
    answer = owner.forge(f"/merchant/people/{owner.operator.id}/disable", reason="oops")
    assert "不能对自己的账户这样做" in answer.text


def _status(browser: Browser, path: str, method: str) -> int:
    return browser.forge(path, method).status_code


def test_a_clerk_manages_nobody(desk: Desk) -> None:
    clerk, who = desk.as_("clerk", store_no=1), _clerk(desk, "colleague")
    for path, method in (
        ("/merchant/people", "GET"), ("/merchant/people/new", "POST"),
        (f"/merchant/people/{who.id}", "GET"), (f"/merchant/people/{who.id}/disable", "POST"),
    ):  # fmt: skip
        assert _status(clerk, path, method) == 403, path
    assert "店员</a>" not in clerk.page("/merchant")
