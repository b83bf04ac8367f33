"""Merchants: who they are, where each stands, how it is rated, who works there.

GET       /merchants                      a list; as CSV and XLSX, too
GET, POST /merchants/new                  one that we negotiate with
GET       /merchants/<code>               one of them
GET, POST /merchants/<code>/edit          what is known of it
GET, POST /merchants/<code>/move/<to>     to another state, with a reason
POST      /merchants/<code>/rate          rated anew, by what is known now
GET, POST /merchants/<code>/owner         an account for its owner: its start password, once
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import abort, url_for

from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.listing import Column, Filter, Key, Listing
from handlers.console.words import _
from models.base import Tx
from models.catalogue import OPEN, RATINGS
from models.merchants import partners, rating, staff, stores
from models.merchants.partners import Details, Merchant, NoStore, NoSuchMerchant, Taken
from models.merchants.rating import NoRules
from models.merchants.staff import OWNER
from models.offers.happening import WHY_LENGTH, NoWay
from models.operators import accounts
from models.operators.accounts import LoginTaken, Operator

STATE_WORDS = {
    "negotiated": _("洽谈中"),
    "signed": _("已签约"),
    "open": _("合作中"),
    "paused": _("已暂停"),
    "ended": _("已终止"),
}
COLOURS = {"negotiated": "blue", "signed": "turquoise", "open": "green", "paused": "yellow"}
RATING_COLOURS = {"A+": "green", "A": "green", "B": "yellow", "B-": "red"}
MOVE_WORDS = {
    "signed": _("签约"), "open": _("开户"), "paused": _("暂停合作"), "ended": _("终止合作"),
}  # fmt: skip
MOVE_ABOUT = {
    "signed": _("双方签了合同。"),
    "open": _("开立积分账户；可以给它的人开账号，它可以上传优惠。暂停时下架的优惠恢复上架。"),
    "paused": _("它的优惠全部下架，恢复合作时再上架；已发出的券照样能用，照样结算。"),
    "ended": _("它的优惠全部结束，不能恢复；已发出的券照样能用，照样结算。"),
}
EVENT_WORDS = {
    "added": _("登记"), "moved": _("改变状态"), "edited": _("修改资料"), "store": _("门店变动"),
    "rated": _("评级变化"),
}  # fmt: skip
DIMENSION_WORDS = {
    "turnover": _("年营业额（元）"),
    "capital": _("注册资本（元）"),
    "stores": _("门店数"),
    "cities": _("门店分布（城市数）"),
    "word_of_mouth": _("口碑（平均星数 × 100）"),
    "credit": _("信用（满分 100，投诉成立要扣）"),
}
CODE = re.compile(r"[a-z][a-z0-9-]{1,29}")
YUAN_MAX = 10**12
_LENGTHS = {
    "name": 60, "category": 32, "city": 32, "legal_name": 100, "contract_no": 40,
    "contact_name": 40, "contact_tel": 20,
}  # fmt: skip


def add_routes(console: Console) -> None:
    """The list, one merchant, and what is done about it."""
    console.listing(
        "/merchants", LISTING, permission="merchants.see", nav=_("商户"),
        about=_("商户的签约、开户、评级、门店和账号。"), template="console/merchants.html",
    )  # fmt: skip

    _add_acts(console)

    @console.page("/merchants/new", permission="merchants.change", methods=("GET", "POST"))
    def merchant_new(visit: Visit) -> Page:
        form = visit.form("code", "capital", "turnover", "why", *_LENGTHS)
        if form.sent and (made := _add(visit, form)):
            visit.say(_("已登记。"))
            return visit.go("merchant", code=made.code)
        return visit.render(
            "console/merchant_form.html", form=form, merchant=None, crumbs=_crumbs()
        )

    @console.page("/merchants/<code>", permission="merchants.see")
    def merchant(visit: Visit, code: str) -> Page:
        return _page(visit, _found(visit, code))

    @console.page("/merchants/<code>/edit", permission="merchants.change", methods=("GET", "POST"))
    def merchant_edit(visit: Visit, code: str) -> Page:
        found = _found(visit, code)
        form = visit.form("why", **_typed(found.details))
        if form.sent and (details := _read(form)):
            if details != found.details:
                visit.change(
                    lambda tx: partners.edit(
                        tx, code, details, why=form["why"], by=visit.by, now=visit.now
                    )
                )
            visit.say(_("已修改。"))
            return visit.go("merchant", code=code)
        return visit.render(
            "console/merchant_form.html", form=form, merchant=found, crumbs=_crumbs(found)
        )


def _add_acts(console: Console) -> None:
    """What is done about a merchant, beside writing down what is known of it."""

    @console.page(
        "/merchants/<code>/move/<to>", permission="merchants.change", methods=("GET", "POST")
    )
    def merchant_move(visit: Visit, code: str, to: str) -> Page:
        found = _found(visit, code)
        if to not in partners.NEXT[found.state]:
            abort(404)
        form = visit.form("why")
        if form.sent and _moved(visit, found, to, form):
            visit.say(_("已改为：{state}", state=_(STATE_WORDS[to])))
            return visit.go("merchant", code=code)
        words = _("恢复合作") if (found.state, to) == ("paused", OPEN) else _(MOVE_WORDS[to])
        return visit.render(
            "console/merchant_move.html", form=form, merchant=found, words=words,
            about=_(MOVE_ABOUT[to]), hurts=to in ("paused", "ended"), crumbs=_crumbs(found),
        )  # fmt: skip

    @console.page("/merchants/<code>/rate", permission="merchants.change", methods=("POST",))
    def merchant_rate(visit: Visit, code: str) -> Page:
        found = _found(visit, code)
        try:
            made = visit.change(lambda tx: rating.rerate(tx, code, visit.now, by=visit.by))
        except NoRules:
            visit.say(_("还没有评级规则，请先发布 rules/merchants.yaml。"))
            return visit.go("merchant", code=found.code)
        if made:
            visit.say(
                _("评级：{rating}，{score} 分", rating=made.rating, score=f"{made.score / 100:g}")
            )
        return visit.go("merchant", code=found.code)

    @console.page(
        "/merchants/<code>/owner", permission="merchants.accounts", methods=("GET", "POST")
    )
    def merchant_owner(visit: Visit, code: str) -> Page:
        found = _found(visit, code)
        if found.state != OPEN:
            abort(404)
        form = visit.form("login", "name")
        if form.sent and (made := _add_owner(visit, found, form)):
            return visit.render(
                "console/merchant_start.html", who=made[0], start=made[1], merchant=found
            )
        return visit.render(
            "console/merchant_owner.html", form=form, merchant=found, crumbs=_crumbs(found)
        )


def _page(visit: Visit, found: Merchant) -> Page:
    def work(tx: Tx) -> dict[str, Any]:
        return {
            "stores": stores.of(tx, found.code),
            "events": partners.events_of(tx, found.code),
            "ratings": rating.history(tx, found.code),
            "people": staff.listed(tx, found.code, limit=100),
        }

    moves = [
        (to, _("恢复合作") if (found.state, to) == ("paused", OPEN) else _(MOVE_WORDS[to]))
        for to in partners.NEXT[found.state]
    ]
    return visit.render(
        "console/merchant.html", merchant=found, moves=moves, states=STATE_WORDS, colours=COLOURS,
        rating_colours=RATING_COLOURS, whats=EVENT_WORDS, dimensions=DIMENSION_WORDS,
        tel=_tel(visit, found), crumbs=_crumbs(), **visit.read(work),
    )  # fmt: skip


def _tel(visit: Visit, found: Merchant) -> str:
    """Whole for whoever works with them; the others see which it is."""
    tel = found.details.contact_tel
    return tel if visit.can("merchants.change") or not tel else f"{tel[:3]}****{tel[-2:]}"


def _add(visit: Visit, form: Form) -> Merchant | None:
    code = form.need("code", _("请写代码"), most=30)
    if code and (not CODE.fullmatch(code) or code == "new"):
        form.wrong("code", _("用 2 到 30 个小写字母、数字、横线，字母开头"))
    details = _read(form)
    if details is None or form.errors:
        return None
    try:
        return visit.change(
            lambda tx: partners.add(
                tx, code, details, why=form["why"], by=visit.by, now=visit.now
            )
        )  # fmt: skip
    except Taken:
        form.wrong("code", _("这个代码已经有商户用了"))
        return None


def _read(form: Form) -> Details | None:
    for name, most in _LENGTHS.items():
        form.at_most(name, most)
    form.need("name", _("请写名称"), most=_LENGTHS["name"])
    form.need("category", _("请写类别"), most=_LENGTHS["category"])
    form.need("city", _("请写城市"), most=_LENGTHS["city"])
    form.at_most("why", WHY_LENGTH)
    yuan = {name: _yuan(form, name) for name in ("capital", "turnover")}
    if form.errors:
        return None
    return Details(
        **{name: form[name] for name in _LENGTHS}, capital_yuan=yuan["capital"],
        turnover_yuan=yuan["turnover"],
    )  # fmt: skip


def _yuan(form: Form, name: str) -> int | None:
    text = form[name].replace(",", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 14 and int(text) <= YUAN_MAX):
        form.wrong(name, _("请写整数的元，不知道就不写"))
        return None
    return int(text)


def _typed(details: Details) -> dict[str, str]:
    known = {"capital": details.capital_yuan, "turnover": details.turnover_yuan}
    return {name: getattr(details, name) for name in _LENGTHS} | {
        name: "" if yuan is None else str(yuan) for name, yuan in known.items()
    }


def _moved(visit: Visit, found: Merchant, to: str, form: Form) -> bool:
    form.need("why", _("请写明原因"), most=WHY_LENGTH)
    if form.errors:
        return False
    try:
        visit.change(
            lambda tx: partners.move(
                tx, found.code, to=to, why=form["why"], by=visit.by, now=visit.now
            )
        )
    except NoStore:
        form.wrong("why", _("还没有门店，请先加一个门店再开户"))
    except NoWay as other:
        form.wrong("why", _("它刚才变了状态：{state}", state=_(STATE_WORDS[other.state])))
    return form.good


def _add_owner(visit: Visit, found: Merchant, form: Form) -> tuple[Operator, str] | None:
    login = form.need("login", _("请输入登录名"), most=32).lower()
    name = form.need("name", _("请输入姓名"), most=accounts.NAME_LENGTH)
    if login and not accounts.LOGIN.fullmatch(login):
        form.wrong("login", _("登录名用 2 到 32 个小写字母、数字、点、横线，字母开头"))
    if form.errors:
        return None
    try:
        return visit.change(
            lambda tx: staff.add(
                tx, login=login, name=name, role=OWNER, merchant=found.code, by=visit.by,
                now=visit.now,
            )
        )  # fmt: skip
    except LoginTaken:
        form.wrong("login", _("这个登录名已经有人用了"))
    except ValueError:
        form.wrong("name", _("姓名里有不能用的字符"))
    return None


def _found(visit: Visit, code: str) -> Merchant:
    try:
        return visit.read(lambda tx: partners.get(tx, code))
    except NoSuchMerchant:
        abort(404)


def _crumbs(found: Merchant | None = None) -> list[tuple[str, str]]:
    first = [(_("商户"), url_for("console.merchants"))]
    return first + ([(found.name, url_for("console.merchant", code=found.code))] if found else [])


# -- the list --------------------------------------------------------------------------------------


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Merchant]:
    return partners.listed(
        tx, words=filters.get("words", ""), state=filters.get("state", ""),
        rating=filters.get("rating", ""), after=str(key[0]) if key else "", limit=limit,
    )  # fmt: skip


LISTING: Listing[Merchant] = Listing(
    name="merchants",
    words=_("商户"),
    columns=(
        Column(_("商户"), lambda one: one.name, "link"),
        Column(_("代码"), lambda one: one.code, "code"),
        Column(_("城市"), lambda one: one.details.city),
        Column(_("状态"), lambda one: _(STATE_WORDS[one.state])),
        Column(_("评级"), lambda one: one.rating),
        Column(_("得分"), lambda one: None if one.score is None else f"{one.score / 100:g}"),
        Column(_("评级时间"), lambda one: one.rated_at, "time"),
    ),
    filters=(
        Filter("words", _("名称、城市或代码")),
        Filter("state", _("状态"), "choice", tuple(STATE_WORDS.items())),
        Filter("rating", _("评级"), "choice", tuple((one, one) for one in RATINGS)),
    ),
    fetch=_fetch,
    key=lambda one: (one.code,),
    row_link=lambda one: url_for("console.merchant", code=one.code),
    empty=_("还没有商户。"),
)
