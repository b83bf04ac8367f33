"""Accounts of operators, for the system administrator.

GET /operators   GET, POST /operators/new   GET /operators/<id>   GET, POST /operators/<id>/<act>

Each act has a page of its own that says what will happen and asks why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import abort, url_for

from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.listing import Column, Filter, Key, Listing
from handlers.console.request_frame import role_words
from handlers.console.words import _
from models.base import Tx
from models.operators import accounts, changes, lockouts, sessions
from models.operators.accounts import Listed, LoginTaken, NoSuchOperator, Operator
from models.operators.changes import LastAdministrator, OwnAccount
from models.operators.roles import ROLES

REASON_LENGTH = 500
# What an act gives back: a start password to show once, or "".
Act = Callable[[Tx, Visit, Operator, Form], str]


def add_routes(console: Console) -> None:
    """The list, a new one, one, and what can be done to it."""
    console.listing(
        "/operators", LISTING, permission="operators.manage", nav=_("账户"),
        about=_("谁能进操作台，以什么角色。"), template="console/operators.html",
    )  # fmt: skip

    @console.page("/operators/new", permission="operators.manage", methods=("GET", "POST"))
    def new_operator(visit: Visit) -> Page:
        form = visit.form("name", "login", "role")
        if form.sent and (made := _create(visit, form)):
            return visit.render("console/operator_start.html", who=made[0], start=made[1])
        return visit.render(
            "console/operator_new.html", form=form, roles=_roles(), crumbs=_crumbs()
        )

    @console.page("/operators/<int:number>", permission="operators.manage")
    def operator(visit: Visit, number: int) -> Page:
        who = _found(visit, number)
        limits = console.doorkeeper.limits
        return visit.render(
            "console/operator.html",
            who=who,
            me=who.id == visit.operator.id,
            locked_until=visit.read(lambda tx: lockouts.locked_until(tx, who.login, visit.now)),
            sessions=visit.read(
                lambda tx: sessions.listed(tx, who.id, limits=limits, now=visit.now)
            ),
            crumbs=_crumbs(),
        )

    @console.page(
        "/operators/<int:number>/<act>", permission="operators.manage", methods=("GET", "POST")
    )
    def operator_act(visit: Visit, number: int, act: str) -> Page:
        deed = DEEDS.get(act)
        who = _found(visit, number)
        if deed is None:
            abort(404)
        form = visit.form("reason", role=who.role, name=who.name)
        if form.sent:
            start = _do(visit, deed, who, form)
            if start:
                return visit.render("console/operator_start.html", who=who, start=start)
            if form.good:
                visit.say(_(deed.done))
                return visit.go("operator", number=number)
        return visit.render(
            "console/operator_act.html", who=who, deed=deed, form=form, roles=_roles(),
            crumbs=[*_crumbs(), (who.name, url_for("console.operator", number=who.id))],
        )  # fmt: skip


def _create(visit: Visit, form: Form) -> tuple[Operator, str] | None:
    login = form.need("login", _("请输入登录名"), most=32).lower()
    name = form.need("name", _("请输入姓名"), most=accounts.NAME_LENGTH)
    role = form.one_of("role", ROLES, _("请选择角色"))
    if login and not accounts.LOGIN.fullmatch(login):
        form.wrong("login", _("登录名用 2 到 32 个小写字母、数字、点、横线，字母开头"))
    if form.errors:
        return None
    try:
        return visit.change(
            lambda tx: accounts.create(
                tx, login=login, name=name, role=role, by=visit.by, now=visit.now
            )
        )
    except LoginTaken:
        form.wrong("login", _("这个登录名已经有人用了"))
    except ValueError:
        form.wrong("name", _("姓名里有不能用的字符"))
    return None


def _do(visit: Visit, deed: Deed, who: Operator, form: Form) -> str:
    """Do it; the form says why not."""
    form.at_most("reason", REASON_LENGTH)
    if deed.asks == "name":
        form.need("name", _("请输入姓名"), most=accounts.NAME_LENGTH)
    else:
        form.need("reason", _("请写明原因，审计里会看到"), most=REASON_LENGTH)
    if deed.asks == "role":
        form.one_of("role", ROLES, _("请选择角色"))
    if form.errors:
        return ""
    try:
        return visit.change(lambda tx: deed.act(tx, visit, who, form))
    except OwnAccount:
        form.wrong(deed.asks, _("不能对自己的账户这样做，请别的系统管理员来"))
    except LastAdministrator:
        form.wrong(deed.asks, _("这是最后一个能用的系统管理员，不能没有"))
    except ValueError:
        form.wrong(deed.asks, _("里面有不能用的字符"))
    return ""


def _disable(tx: Tx, visit: Visit, who: Operator, form: Form) -> str:
    changes.disable(tx, who.id, by=visit.by, reason=form["reason"], now=visit.now)
    return ""


def _enable(tx: Tx, visit: Visit, who: Operator, form: Form) -> str:
    changes.enable(tx, who.id, by=visit.by, reason=form["reason"], now=visit.now)
    return ""


def _change_role(tx: Tx, visit: Visit, who: Operator, form: Form) -> str:
    changes.change_role(tx, who.id, form["role"], by=visit.by, reason=form["reason"], now=visit.now)
    return ""


def _rename(tx: Tx, visit: Visit, who: Operator, form: Form) -> str:
    changes.rename(tx, who.id, form["name"], by=visit.by, now=visit.now)
    return ""


def _reset_password(tx: Tx, visit: Visit, who: Operator, form: Form) -> str:
    return changes.reset_password(tx, who.id, by=visit.by, reason=form["reason"], now=visit.now)[1]


def _reset_totp(tx: Tx, visit: Visit, who: Operator, form: Form) -> str:
    changes.reset_totp(tx, who.id, by=visit.by, reason=form["reason"], now=visit.now)
    return ""


def _unlock(tx: Tx, visit: Visit, who: Operator, form: Form) -> str:
    changes.unlock(tx, who.id, by=visit.by, reason=form["reason"], now=visit.now)
    return ""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something done to an account: what will happen, and what is asked (`asks`: a field)."""

    words: str
    will: str
    done: str
    act: Act
    asks: str = "reason"
    hurts: bool = False


DEEDS: Mapping[str, Deed] = {
    "rename": Deed(
        _("改姓名"), _("页面上和审批记录里显示新的姓名。"), _("姓名已修改。"), _rename, "name"
    ),
    "role": Deed(
        _("改角色"), _("这个人马上被退出，下次登录时是新角色。"), _("角色已修改。"), _change_role,
        "role",
    ),
    "reset-password": Deed(
        _("重置密码"), _("旧密码马上失效，这个人被退出。新的初始密码只显示一次。"), "",
        _reset_password,
    ),
    "reset-codes": Deed(
        _("清除动态验证码"), _("这个人被退出，下次登录时只用密码；角色需要的，要重新设置。"),
        _("动态验证码已清除。"), _reset_totp, hurts=True,
    ),
    "unlock": Deed(
        _("解锁"), _("密码试错太多次的锁定马上解除。"), _("已解锁。"), _unlock
    ),
    "disable": Deed(
        _("停用账户"), _("这个人马上被退出，不能再登录。记录都会保留，以后可以恢复。"),
        _("账户已停用。"), _disable, hurts=True,
    ),
    "enable": Deed(_("恢复账户"), _("这个人可以再用原来的密码登录。"), _("账户已恢复。"), _enable),
}  # fmt: skip


def _found(visit: Visit, number: int) -> Operator:
    try:
        who = visit.read(lambda tx: accounts.get(tx, number))
    except NoSuchOperator:
        abort(404)
    if who.role not in ROLES:  # a merchant's person, who is managed by their own people
        abort(404)
    return who


def _roles() -> list[tuple[str, str, str]]:
    return [(role, role_words(role), _(ROLE_TASKS[role])) for role in ROLES]


def _crumbs() -> list[tuple[str, str]]:
    return [(_("账户"), url_for("console.operators"))]


ROLE_TASKS = {
    "operations": _("菜单、文字、俱乐部、规则：提出修改"),
    "approver": _("审批别人提出的修改；登录要动态验证码"),
    "service": _("查用户、办投诉、申请撤销流水"),
    "analyst": _("看报表"),
    "administrator": _("账户、角色、接口、审计；登录要动态验证码"),
}


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Listed]:
    return accounts.listed(
        tx,
        search=filters.get("q", ""),
        role=filters.get("role"),
        active={"yes": True, "no": False}.get(filters.get("active", "")),
        after=str(key[0]) if key else "",
        limit=limit,
    )


def _state(line: Listed) -> str:
    if not line.operator.active:
        return _("已停用")
    return _("还没有登录过") if line.must_change else _("正常")


LISTING: Listing[Listed] = Listing(
    name="operators",
    words=_("账户"),
    columns=(
        Column(_("登录名"), lambda line: line.operator.login, "link"),
        Column(_("姓名"), lambda line: line.operator.name),
        Column(_("角色"), lambda line: role_words(line.operator.role)),
        Column(_("动态验证码"), lambda line: line.operator.totp),
        Column(_("状态"), _state),
        Column(_("最近使用"), lambda line: line.seen_at, "time"),
    ),
    filters=(
        Filter("q", _("姓名或登录名")),
        Filter("role", _("角色"), "choice", (
            ("operations", _("运营")), ("approver", _("审批")), ("service", _("客服")),
            ("analyst", _("分析")), ("administrator", _("系统管理")),
        )),
        Filter("active", _("状态"), "choice", (("yes", _("能登录")), ("no", _("已停用")))),
    ),
    fetch=_fetch,
    key=lambda line: (line.operator.login,),
    row_link=lambda line: url_for("console.operator", number=line.operator.id),
)  # fmt: skip
