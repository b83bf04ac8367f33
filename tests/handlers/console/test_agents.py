"""Agents at the console: the tree, what is done about one, and their money by two people."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from models.agents import commission, payouts, register
from tests.agents import ABOVE, BY
from tests.handlers.console.conftest import Browser, Console

TYPED = {
    "code": "xingsha", "name": "星沙便利店", "number": "13800000391", "level": "shop",
    "parent": "cs-xian", "deals": "20", "points": "20000", "pin_above": "500",
}  # fmt: skip


@pytest.fixture
def operator(console: Console) -> Browser:
    """Who has registered a province, a city and a county, once."""
    found = console.as_("operations")
    if not console.rows("SELECT 1 FROM agents"):
        for code, name, level, parent, number in ABOVE:
            found.follow(
                found.send(
                    "/console/agents/new", code=code, name=name, level=level,
                    parent=parent or "", number=number, deals="50", points="50000",
                    pin_above="1000",
                )
            )  # fmt: skip
        found.follow(found.send("/console/agents/new", **TYPED))
    return found


def test_the_tree_is_drawn_searched_and_exported(console: Console, operator: Browser) -> None:
    page = console.as_("analyst").page("/console/agents")
    names = ["湖南省代理", "长沙市代理", "长沙县代理", "星沙便利店"]
    places = [page.index(f">{name}</a>") for name in names]
    assert places == sorted(places)
    assert ">　　　网点<" in page
    page = operator.page("/console/agents?words=XINGSHA")
    assert "星沙便利店" in page
    assert ">长沙县代理<" not in page
    assert "湖南省代理" not in operator.page("/console/agents?within=cs")
    text = operator.get("/console/agents.csv?within=cs").data.decode()
    assert len(text.strip().splitlines()) == 4
    assert operator.get("/console/agents.xlsx").status_code == 200


@pytest.mark.parametrize(
    ("typed", "name", "words"),
    [
        ({"code": "X!"}, "code", "小写字母"),
        ({"code": "new"}, "code", "小写字母"),
        ({"code": "xingsha"}, "code", "已经登记过"),
        ({"number": "13800000391", "code": "other"}, "code", "已经登记过"),
        ({"number": "123"}, "number", "不是手机号"),
        ({"name": "店" * 17}, "name", "最多 16 个字"),
        ({"parent": "cs"}, "parent", "高一级"),
        ({"level": "village"}, "level", "请选级别"),
        ({"deals": "-1"}, "deals", "整数"),
        ({"points": "1000001"}, "points", "整数"),
    ],
)
def test_mistakes_are_said_at_their_fields(
    operator: Browser, typed: dict[str, str], name: str, words: str
) -> None:
    page = operator.send(
        "/console/agents/new", **{**TYPED, "code": "shop-9", "number": "13800000399", **typed}
    )
    assert page.status_code == 400
    assert re.search(rf'id="{name}-error".*?{words}', page.text)


def test_an_agent_is_given_limits_and_a_pin_and_is_suspended_resumed_moved_and_closed(
    console: Console, operator: Browser
) -> None:
    new = {**TYPED, "code": "kiosk", "name": "小亭", "number": "13800000392"}
    operator.follow(operator.send("/console/agents/new", **new))
    path = "/console/agents/kiosk"
    assert "请写明原因" in operator.send(f"{path}/limits", deals="5").text
    limits = {"deals": "5", "points": "600", "pin_above": "100"}
    page = operator.follow(operator.send(f"{path}/limits", **limits, reason="试"))
    assert "限额已修改" in page
    answer = operator.send(f"{path}/pin", reason="当面给")
    pin = re.search(r'panel__secret code">([0-9]{6})<', answer.text)
    assert pin
    kept = console.rows("SELECT pin FROM agents WHERE code = 'kiosk'")[0][0]
    assert pin[1] not in kept
    assert pin[1] not in str(console.rows("SELECT before, after, reason FROM audit_entries"))
    assert pin[1] not in operator.page(path)
    assert "已暂停" in operator.follow(operator.send(f"{path}/to/suspended", reason="投诉多"))
    assert "已恢复" in operator.follow(operator.send(f"{path}/to/active", reason="查清了"))
    operator.follow(operator.send(
        "/console/agents/new", **{**TYPED, "code": "nx", "name": "宁乡县代理", "level": "county",
                                  "parent": "cs", "number": "13800000393"},
    ))  # fmt: skip
    page = operator.follow(operator.send(f"{path}/move", parent="nx", reason="搬了"))
    assert "宁乡县代理" in page
    assert "下面还有没关闭" in operator.send("/console/agents/nx/to/closed", reason="关").text
    operator.follow(operator.send(f"{path}/to/closed", reason="不做了"))
    for act in ("limits", "pin", "move", "to/active"):
        assert operator.get(f"{path}/{act}").status_code == 404
    actions = [one for (one,) in console.rows(
        "SELECT action FROM audit_entries WHERE subject = 'agent:kiosk' ORDER BY id"
    )]  # fmt: skip
    assert actions == [
        "agent.register", "agent.limits", "agent.pin", "agent.suspend", "agent.resume",
        "agent.move", "agent.close",
    ]  # fmt: skip


def test_who_only_looks_changes_nothing(console: Console, operator: Browser) -> None:
    service = console.as_("service")
    page = service.page("/console/agents/xingsha")
    assert "138****0391" in page
    assert "13800000391" not in page
    for path in ("new", "xingsha/limits", "xingsha/pin", "xingsha/move", "xingsha/to/closed"):
        assert service.get(f"/console/agents/{path}").status_code == 403
    assert service.forge("/console/agents/budget/fund", points="5", reason="x").status_code == 403
    assert service.forge("/console/agents/payouts/propose").status_code == 403
    for nowhere in ("nobody", "XX", "xingsha/to/open"):
        assert operator.get(f"/console/agents/{nowhere}").status_code == 404


def test_little_is_put_in_alone_once_and_much_by_two(console: Console, operator: Browser) -> None:
    path = "/console/agents/budget"
    key = operator.form_key(path)
    for _ in range(2):  # sent twice
        operator.follow(operator.post(
            f"{path}/fund", {"form_key": key, "points": "3,000", "reason": "春", "once": "abc"}
        ))  # fmt: skip
    assert "3,000" in operator.page(path)
    assert console.rows("SELECT points FROM agent_fundings") == [(3000,)]
    assert "整数" in operator.send(f"{path}/fund", form_from=path, points="0", reason="x").text
    page = operator.follow(
        operator.send(f"{path}/fund", form_from=path, points="20000", reason="夏")
    )
    number = re.search(r"#(\d+)", page)
    assert number
    again = operator.send(f"{path}/fund", form_from=path, points="30000", reason="x")
    assert "已经有一份申请在等审批" in again.text
    assert "有一份申请在等审批" in operator.page(path)
    proposal = f"/console/approvals/{number[1]}"
    assert "您的决定" not in operator.page(proposal)
    approver = console.as_("approver")
    approver.follow(approver.send(proposal, do="approve"))
    assert console.rows("SELECT points, proposal_id FROM agent_fundings ORDER BY serial")[1] == (
        20_000, int(number[1]),
    )  # fmt: skip


def test_commission_is_paid_by_two_and_shown_to_whoever_asks(
    console: Console, operator: Browser
) -> None:
    month = payouts.last_month(console.clock())
    then = console.clock() - timedelta(days=32)
    with console.circle.store.begin() as tx:
        shop = register.of_code(tx, "xingsha")
        assert shop is not None
        commission.owe(tx, shop, price=20_000, serial=9_001, now=then)
        for who, serial in commission.due(tx, then, 10):
            assert commission.settle(tx, who, serial, then) == commission.MOVED
    path = "/console/agents/payouts"
    page = operator.page(path)
    assert "12.00" in page  # 400 points
    assert "3.00" in page  # the county's 100; the city's 60 are carried over
    assert "2 个代理点，500 积分，共 15.00 元" in page
    assert "已经过完的月份" in operator.get(f"{path}?month=2099-01").text
    page = operator.follow(operator.send(
        f"{path}/propose", form_from=path, month=f"{month:%Y-%m}", reason="上月"
    ))  # fmt: skip
    number = re.search(r"#(\d+)", page)
    assert number
    approver = console.as_("approver")
    assert "星沙便利店" in approver.page(f"/console/approvals/{number[1]}")
    approver.follow(approver.send(f"/console/approvals/{number[1]}", do="approve"))
    ((run,),) = console.rows("SELECT id FROM agent_payout_runs")
    answer = operator.send(f"{path}/{run}.csv", form_from=f"{path}/{run}")
    assert "+8613800000391" in answer.data.decode()
    assert "没有" in operator.page(path)
    page = operator.follow(
        operator.send(f"{path}/{run}/paid", form_from=f"{path}/{run}", note="回单 7")
    )
    assert "回单 7" in page
    page = operator.page("/console/agents/xingsha")
    assert f"{month:%Y-%m}" in page
    movements = operator.get("/console/agents/movements.csv?agent=xingsha").data.decode()
    assert "付给代理点" in movements
    assert "-400" in movements
    assert operator.get("/console/agents/orders.xlsx?agent=xingsha").status_code == 200
    assert "请填写代理点的代码" in operator.page("/console/agents/orders")


def test_a_name_with_markup_stays_text(console: Console, operator: Browser) -> None:
    name = "<b>店</b>"
    new = {**TYPED, "code": "bad", "name": name, "number": "13800000394"}
    operator.follow(operator.send("/console/agents/new", **new))
    for path in ("/console/agents/bad", "/console/agents?words=bad", "/console/agents/bad/pin"):
        assert name not in operator.page(path)


def test_whom_a_suspension_above_stops_is_shown_as_stopped(
    console: Console, operator: Browser
) -> None:
    with console.circle.store.begin() as tx:
        register.suspend(tx, "cs", by=BY, reason="t", now=console.clock())
    assert "上级已暂停，它也办不了业务" in operator.page("/console/agents/xingsha")
    assert "上级已暂停" in operator.page("/console/agents?words=xingsha")
    operator.follow(operator.send("/console/agents/cs/to/active", reason="t"))
    assert "上级已暂停" not in operator.page("/console/agents/xingsha")
