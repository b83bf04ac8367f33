"""Agents: the tree of them, one of them, what they did for customers, what moved in their account.

GET /agents                        the tree; as CSV and XLSX, too
GET /agents/<code>                 one of them
GET /agents/orders?agent=<code>    what was wanted, and what came of it (CSV, XLSX)
GET /agents/movements?agent=<code> every movement of the account (CSV, XLSX)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import abort, url_for

from handlers.console.frame import Console, Page, Visit
from handlers.console.listing import Column, Filter, Key, Listing
from handlers.console.words import _
from models.agents import commission, register, statement, tree
from models.agents.register import CODE, Agent
from models.agents.statement import Done, Entry
from models.agents.tree import Node
from models.base import Tx
from models.points import day_of
from sms.numbers import masked

STATE_WORDS = {"active": _("正常"), "suspended": _("已暂停"), "closed": _("已关闭")}
COLOURS = {"active": "green", "suspended": "yellow", "closed": "grey"}
LEVEL_WORDS = {
    "province": _("省级"), "city": _("市级"), "county": _("县级"), "shop": _("网点"),
}  # fmt: skip
ORDER_WORDS = {
    "wanted": _("等着问"), "asked": _("等顾客回复"), "done": _("办成"), "declined": _("顾客不同意"),
    "lapsed": _("顾客没回复"), "failed": _("没办成"),
}  # fmt: skip
KIND_WORDS = {"redeem": _("兑换"), "look": _("查询")}
ENTRY_WORDS = {
    "sold": _("自己办的"), "shared": _("下级分成"), "returned": _("退单扣回"),
    "paid": _("付给代理点"),
}  # fmt: skip
WHY_NOT = {
    "branch": _("上级已暂停，它也办不了业务。"),
    "dormant": _("很久没有办过业务，已停用；确认号码还是本人的，再恢复。"),
}
BELOW_SHOWN, ORDERS_SHOWN, MONTHS_SHOWN = 50, 10, 12


def add_routes(console: Console) -> None:
    """The tree, one agent, and two lists about one."""
    console.listing(
        "/agents", TREE, permission="agents.see", nav=_("代理点"),
        about=_("省、市、县代理和网点：限额、佣金、暂停和密码。"), template="console/agents.html",
    )  # fmt: skip
    console.listing("/agents/orders", ORDERS, permission="agents.see")
    console.listing("/agents/movements", MOVEMENTS, permission="agents.see")

    @console.page("/agents/<code>", permission="agents.see")
    def agent(visit: Visit, code: str) -> Page:
        one = found(visit, code)
        return visit.render(
            "console/agent.html", agent=one, states=STATE_WORDS, colours=COLOURS,
            levels=LEVEL_WORDS, order_words=ORDER_WORDS, kinds=KIND_WORDS, masked=masked,
            crumbs=crumbs(), **visit.read(lambda tx: _look(tx, one, visit)),
        )  # fmt: skip


def found(visit: Visit, code: str) -> Agent:
    """The agent of an address; 404 where there is none."""
    one = visit.read(lambda tx: register.of_code(tx, code)) if CODE.fullmatch(code) else None
    if one is None:
        abort(404)
    return one


def crumbs(one: Agent | None = None) -> list[tuple[str, str]]:
    """The way to an agent's pages."""
    first = [(_("代理点"), url_for("console.agents"))]
    return first + ([(one.name, url_for("console.agent", code=one.code))] if one else [])


def _look(tx: Tx, one: Agent, visit: Visit) -> dict[str, Any]:
    why = register.works(tx, one, visit.now) if one.state == "active" else ""
    return {
        "above": register.above(tx, one.code)[::-1],
        "below": [
            each for each in register.listed(tx, parent=one.code, limit=BELOW_SHOWN)
            if each.state != "closed"
        ],
        "all_below": tree.below(tx, one.code),
        "why_not": _(WHY_NOT[why]) if why in WHY_NOT else "",
        "dormant": one.state == "active" and register.dormant(tx, one, visit.now),
        "of": statement.of(tx, one, visit.now),
        "account": commission.account_of(tx, one),
        "months": statement.months(tx, one)[:MONTHS_SHOWN],
        "orders": statement.orders(tx, one.id, before=None, limit=ORDERS_SHOWN),
    }  # fmt: skip


# -- the lists -------------------------------------------------------------------------------------


def _fetch_tree(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Node]:
    return tree.listed(
        tx, words=filters.get("words", ""), level=filters.get("level", ""),
        state=filters.get("state", ""), within=filters.get("within", ""),
        after=str(key[0]) if key else "", first=filters["first"], limit=limit,
    )  # fmt: skip


def _state(node: Node) -> str:
    if node.state == "active" and node.halted:
        return _("上级已暂停")
    return _(STATE_WORDS[node.state])


def _this_month(visit: Visit) -> Mapping[str, str]:
    return {"first": day_of(visit.now).replace(day=1).isoformat()}


TREE: Listing[Node] = Listing(
    name="agents",
    words=_("代理点"),
    columns=(
        # An ideographic blank for each step down: browsers keep it, and so does a sheet.
        Column(_("级别"), lambda node: "　" * node.depth + _(LEVEL_WORDS[node.level])),
        Column(_("名称"), lambda node: node.name, "link"),
        Column(_("代码"), lambda node: node.code, "code"),
        Column(_("上级"), lambda node: node.parent, "code"),
        Column(_("状态"), _state),
        Column(_("本月笔数"), lambda node: node.deals, "number"),
        Column(_("本月积分"), lambda node: node.points, "number"),
    ),
    filters=(
        Filter("words", _("名称或代码")),
        Filter("level", _("级别"), "choice", tuple(LEVEL_WORDS.items())),
        Filter("state", _("状态"), "choice", tuple(STATE_WORDS.items())),
        Filter("within", _("只看这一支（上级的代码）")),
    ),
    fetch=_fetch_tree,
    key=lambda node: (node.path,),
    row_link=lambda node: url_for("console.agent", code=node.code),
    empty=_("还没有代理点。"),
    scope=_this_month,
)


def _id(tx: Tx, filters: Mapping[str, str]) -> int | None:
    one = register.of_code(tx, filters.get("agent", "")[:16])
    return one.id if one else None


def _fetch_orders(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Done]:
    one = _id(tx, filters)
    before = int(str(key[0])) if key else None
    return [] if one is None else statement.orders(tx, one, before=before, limit=limit)


def _fetch_entries(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Entry]:
    one = _id(tx, filters)
    before = int(str(key[0])) if key else None
    return [] if one is None else statement.entries(tx, one, before=before, limit=limit)


_AGENT = Filter("agent", _("代理点的代码"))

ORDERS: Listing[Done] = Listing(
    name="agent_orders",
    words=_("代办"),
    columns=(
        Column(_("时间"), lambda one: one.began_at, "time"),
        Column(_("顾客"), lambda one: masked(one.number or "")),
        Column(_("事项"), lambda one: _(KIND_WORDS[one.kind])),
        Column(_("优惠"), lambda one: one.offer_code, "code"),
        Column(_("积分"), lambda one: one.points, "number"),
        Column(_("结果"), lambda one: _(ORDER_WORDS[one.state])),
        Column(_("流水号"), lambda one: None if one.serial is None else str(one.serial), "code"),
    ),
    filters=(_AGENT,),
    fetch=_fetch_orders,
    key=lambda one: (one.id,),
    empty=_("请填写代理点的代码。"),
)

MOVEMENTS: Listing[Entry] = Listing(
    name="agent_movements",
    words=_("佣金账户"),
    columns=(
        Column(_("时间"), lambda one: one.at, "time"),
        Column(_("流水号"), lambda one: str(one.serial), "code"),
        Column(_("事项"), lambda one: _(ENTRY_WORDS[one.kind])),
        Column(_("积分"), lambda one: one.points, "number"),
        Column(_("余额"), lambda one: one.balance, "number"),
        Column(_("兑换的流水号"), lambda one: str(one.of_serial or "") or None, "code"),
    ),
    filters=(_AGENT,),
    fetch=_fetch_entries,
    key=lambda one: (one.serial,),
    empty=_("请填写代理点的代码。"),
)
