"""Who works here, for the owner: added, moved, shut out, and helped in again.

GET /people   GET, POST /people/new   GET /people/<id>   GET, POST /people/<id>/<act>

Each act has a page of its own that says what will happen and asks why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import abort, url_for

from handlers.merchant.frame import ROLE_WORDS, Desk, Page, Visit
from handlers.office.forms import Form
from models.base import Tx
from models.merchants import staff
from models.merchants.permissions import CLERK, MERCHANT_ROLES
from models.merchants.staff import Colleague, NoSuchMerchant, NoSuchStaff
from models.operators import accounts, changes, lockouts, sessions
from models.operators.accounts import LoginTaken, Operator
from models.operators.changes import OwnAccount

REASON_LENGTH = 200
LINES = 50
ALL = "all"  # of a merchant's stores
# What an act gives back: a start password to show once, or "".
Act = Callable[[Tx, Visit, Colleague, Form], str]


def add_routes(desk: Desk) -> None:
    """The list, a new one, one, and what can be done to it."""

    @desk.page("/people", permission="staff.manage", nav="店员")
    def people(visit: Visit) -> Page:
        return visit.render("merchant/people.html", people=visit.read(lambda tx: _all(tx, visit)))

    @desk.page("/people/new", permission="staff.manage", methods=("GET", "POST"))
    def new_person(visit: Visit) -> Page:
        form = visit.form("name", "login", role=CLERK, store=ALL)
        if form.sent and (made := _add(visit, form)):
            return visit.render("merchant/person_start.html", who=made[0], start=made[1])
        return visit.render(
            "merchant/person_new.html", form=form, roles=list(ROLE_WORDS.items()),
            stores=_choices(visit), crumbs=_crumbs(),
        )  # fmt: skip

    @desk.page("/people/<int:number>", permission="staff.manage")
    def person(visit: Visit, number: int) -> Page:
        who = _found(visit, number)
        limits = desk.doorkeeper.limits
        return visit.render(
            "merchant/person.html",
            who=who,
            me=number == visit.operator.id,
            locked_until=visit.read(
                lambda tx: lockouts.locked_until(tx, who.operator.login, visit.now)
            ),
            sessions=visit.read(
                lambda tx: sessions.listed(tx, number, limits=limits, now=visit.now)
            ),
            crumbs=_crumbs(),
        )

    @desk.page(
        "/people/<int:number>/<act>", permission="staff.manage", methods=("GET", "POST")
    )  # fmt: skip
    def person_act(visit: Visit, number: int, act: str) -> Page:
        deed, who = DEEDS.get(act), _found(visit, number)
        if deed is None or (deed.of_clerks and who.operator.role != CLERK):
            abort(404)
        form = visit.form("reason", store=str(who.store.no) if who.store else ALL)
        if form.sent:
            start = _do(visit, deed, who, form)
            if start:
                return visit.render("merchant/person_start.html", who=who.operator, start=start)
            if form.good:
                visit.say(deed.done)
                return visit.go("person", number=number)
        return visit.render(
            "merchant/person_act.html", who=who, deed=deed, form=form, stores=_choices(visit),
            crumbs=[(who.operator.name, url_for("merchant.person", number=number))],
        )  # fmt: skip


def _all(tx: Tx, visit: Visit) -> list[Colleague]:
    found: list[Colleague] = []
    while page := staff.listed(
        tx, visit.staff.merchant_code, after=found[-1].operator.login if found else "", limit=LINES
    ):
        found += page
        if len(page) < LINES:
            break
    return found


def _add(visit: Visit, form: Form) -> tuple[Operator, str] | None:
    name = form.need("name", "请输入姓名", most=accounts.NAME_LENGTH)
    login = form.need("login", "请输入登录名", most=32).lower()
    role = form.one_of("role", MERCHANT_ROLES, "请选择身份")
    store_no = _store_no(visit, form) if role == CLERK else None
    if login and not accounts.LOGIN.fullmatch(login):
        form.wrong("login", "登录名用 2 到 32 个小写字母、数字、点、横线，字母开头")
    if form.errors:
        return None
    try:
        return visit.change(
            lambda tx: staff.add(
                tx, login=login, name=name, role=role, merchant=visit.staff.merchant_code,
                store_no=store_no, by=visit.by, now=visit.now,
            )
        )  # fmt: skip
    except LoginTaken:
        form.wrong("login", "这个登录名已经有人用了，请换一个")
    except ValueError:
        form.wrong("name", "姓名里有不能用的字符")
    return None


def _do(visit: Visit, deed: Deed, who: Colleague, form: Form) -> str:
    """Do it; the form says why not."""
    form.need("reason", "请写明原因", most=REASON_LENGTH)
    if deed.of_clerks:
        _store_no(visit, form)
    if form.errors:
        return ""
    try:
        return visit.change(lambda tx: deed.act(tx, visit, who, form))
    except OwnAccount:
        form.wrong("reason", "不能对自己的账户这样做，请别的店主来")
    except NoSuchMerchant:
        form.wrong("store", "请选择门店")
    return ""


def _store_no(visit: Visit, form: Form) -> int | None:
    known = {str(store.no): store.no for store in visit.staff.stores}
    form.one_of("store", (ALL, *known), "请选择门店")
    return known.get(form["store"])


def _choices(visit: Visit) -> list[tuple[str, str]]:
    return [(ALL, "全部门店"), *((str(store.no), store.name) for store in visit.staff.stores)]


def _found(visit: Visit, number: int) -> Colleague:
    """One of the same merchant's people; anybody else is nobody here."""
    if number > 2**62:
        abort(404)
    try:
        return visit.read(lambda tx: staff.get(tx, visit.staff.merchant_code, number))
    except NoSuchStaff:
        abort(404)


def _crumbs() -> list[tuple[str, str]]:
    return [("店员", url_for("merchant.people"))]


def _move(tx: Tx, visit: Visit, who: Colleague, form: Form) -> str:
    staff.move(
        tx, who.operator.id, _store_no(visit, form), by=visit.by, reason=form["reason"],
        now=visit.now,
    )  # fmt: skip
    return ""


def _disable(tx: Tx, visit: Visit, who: Colleague, form: Form) -> str:
    changes.disable(tx, who.operator.id, by=visit.by, reason=form["reason"], now=visit.now)
    return ""


def _enable(tx: Tx, visit: Visit, who: Colleague, form: Form) -> str:
    changes.enable(tx, who.operator.id, by=visit.by, reason=form["reason"], now=visit.now)
    return ""


def _reset_password(tx: Tx, visit: Visit, who: Colleague, form: Form) -> str:
    return changes.reset_password(
        tx, who.operator.id, by=visit.by, reason=form["reason"], now=visit.now
    )[1]


def _reset_totp(tx: Tx, visit: Visit, who: Colleague, form: Form) -> str:
    changes.reset_totp(tx, who.operator.id, by=visit.by, reason=form["reason"], now=visit.now)
    return ""


def _unlock(tx: Tx, visit: Visit, who: Colleague, form: Form) -> str:
    changes.unlock(tx, who.operator.id, by=visit.by, reason=form["reason"], now=visit.now)
    return ""


def _end_sessions(tx: Tx, visit: Visit, who: Colleague, form: Form) -> str:
    changes.end_sessions(tx, who.operator.id, by=visit.by, reason=form["reason"], now=visit.now)
    return ""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something done to an account, and what will happen."""

    words: str
    will: str
    done: str
    act: Act
    of_clerks: bool = False  # at which store they work
    hurts: bool = False


DEEDS: Mapping[str, Deed] = {
    "store": Deed(
        "换门店", "这个人从下一笔起在新的门店核销，看不到原来门店的。", "门店已换。", _move,
        of_clerks=True,
    ),
    "reset-password": Deed(
        "重置密码", "旧密码马上失效，这个人被退出。新的初始密码只显示一次。", "", _reset_password
    ),
    "reset-codes": Deed(
        "清除动态验证码", "这个人被退出，下次登录时用新手机重新设置。换了手机时用。",
        "动态验证码已清除。", _reset_totp, hurts=True,
    ),
    "sign-out": Deed("退出所有登录", "这个人在所有手机上马上被退出，可以再登录。",
                     "所有登录都已结束。", _end_sessions),
    "unlock": Deed("解锁", "密码试错太多次的锁定马上解除。", "已解锁。", _unlock),
    "disable": Deed(
        "停用账户", "这个人马上被退出，不能再登录。记录都会保留，以后可以恢复。",
        "账户已停用。", _disable, hurts=True,
    ),
    "enable": Deed("恢复账户", "这个人可以再用原来的密码登录。", "账户已恢复。", _enable),
}  # fmt: skip
