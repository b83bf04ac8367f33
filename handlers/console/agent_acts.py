"""What is done about an agent: registered, moved, limited, given a PIN, suspended, closed.

GET, POST /agents/new   /agents/<code>/move   /agents/<code>/limits   /agents/<code>/pin
GET, POST /agents/<code>/to/<state>           suspended, active, closed
"""

from __future__ import annotations

from collections.abc import Callable

from flask import abort

from handlers.console.agents import LEVEL_WORDS, crumbs, found
from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.words import _
from models.agents import register, tree
from models.agents.register import CODE, MOST, RESERVED, Agent, Limits, NotRegistered
from models.agents.tables import ABOVE, ACTIVE, CLOSED, LEVELS, NAME_LETTERS, SUSPENDED
from models.audit import REASON_LENGTH
from models.base import Tx
from sms.numbers import NotANumber, msisdn

ACT_WORDS = {SUSPENDED: _("暂停"), ACTIVE: _("恢复"), CLOSED: _("关闭")}
ACT_ABOUT = {
    SUSPENDED: _("从现在起不再为它办理，正等顾客回复的也不办；它的所有下级同样停办，佣金暂不付。"),
    ACTIVE: _("从现在起又可以为顾客办理；因为它停办的下级也一起恢复。"),
    CLOSED: _("永远停办，不能再打开，这个代码和号码也不能再登记；已得的佣金下次照付。"),
}
WHY_NOT = {
    "state": _("它刚才变了状态，请刷新再看"),
    "below": _("下面还有没关闭的代理点，请先把它们移到别处或者关闭"),
    "parent": _("上级必须是高一级、没有关闭的代理点"),
    "taken": _("这个代码或者手机号已经登记过了"),
    "code": _("用 2 到 16 个小写字母、数字、横线，不能是 new、orders 这些网址用的词"),
    "name": _("名称是 1 到 16 个字"),
    "limits": _("请写 0 到 1000000 的整数"),
}
WRONG_CODE, WRONG_LIMIT = WHY_NOT["code"], WHY_NOT["limits"]
_LIMITS = ("deals", "points", "pin_above")


def add_routes(console: Console) -> None:
    """One page for each act."""

    @console.page("/agents/new", permission="agents.change", methods=("GET", "POST"))
    def agent_new(visit: Visit) -> Page:
        form = visit.form("code", "name", "number", "parent", level="shop", **_typed(Limits()))
        if form.sent and (made := _add(visit, form)):
            visit.say(_("已登记。超过免密积分的业务要密码，请给它一个。"))
            return visit.go("agent", code=made.code)
        return visit.render(
            "console/agent_form.html", form=form, levels=list(LEVEL_WORDS.items()), crumbs=crumbs()
        )

    @console.page("/agents/<code>/move", permission="agents.change", methods=("GET", "POST"))
    def agent_move(visit: Visit, code: str) -> Page:
        one = _open(visit, code)
        if one.level not in ABOVE:
            abort(404)
        form = visit.form("reason", parent=one.parent or "")
        if form.sent and _changed(visit, form, "parent", lambda tx: register.move(
            tx, code, form["parent"], by=visit.by, reason=form["reason"], now=visit.now
        )):  # fmt: skip
            visit.say(_("已移到新的上级下面。"))
            return visit.go("agent", code=code)
        options = visit.read(lambda tx: tree.who_can_be_above(tx, ABOVE[one.level]))
        return visit.render(
            "console/agent_move.html", form=form, agent=one, crumbs=crumbs(one),
            options=[(value, f"{name}（{value}）") for value, name in options],
        )  # fmt: skip

    @console.page("/agents/<code>/limits", permission="agents.change", methods=("GET", "POST"))
    def agent_limits(visit: Visit, code: str) -> Page:
        one = _open(visit, code)
        form = visit.form("reason", **_typed(one.limits))
        form.need("reason", _("请写明原因"), most=REASON_LENGTH)
        limits = _limits(form)

        def work(tx: Tx) -> None:
            if limits is not None:
                register.change_limits(
                    tx, code, limits, by=visit.by, reason=form["reason"], now=visit.now
                )

        if form.sent and limits and _changed(visit, form, "deals", work):
            visit.say(_("限额已修改，马上生效。"))
            return visit.go("agent", code=code)
        return visit.render("console/agent_limits.html", form=form, agent=one, crumbs=crumbs(one))

    @console.page("/agents/<code>/pin", permission="agents.change", methods=("GET", "POST"))
    def agent_pin(visit: Visit, code: str) -> Page:
        one, made = _open(visit, code), ""
        form = visit.form("reason")

        def work(tx: Tx) -> None:
            nonlocal made
            made = register.new_pin(tx, code, by=visit.by, reason=form["reason"], now=visit.now)

        if form.sent and _changed(visit, form, "reason", work):
            return visit.render("console/agent_pin.html", agent=one, pin=made)
        return visit.render(
            "console/agent_act.html", form=form, agent=one, words=_("新密码"), hurts=False,
            about=_("旧密码马上失效，输错锁定的也解锁。新密码只显示一次，我们只存它的校验值。"),
            crumbs=crumbs(one),
        )  # fmt: skip

    _add_states(console)


def _add_states(console: Console) -> None:
    @console.page("/agents/<code>/to/<state>", permission="agents.change", methods=("GET", "POST"))
    def agent_state(visit: Visit, code: str, state: str) -> Page:
        one = _open(visit, code)
        if state not in ACT_WORDS:
            abort(404)
        acts = {
            SUSPENDED: register.suspend, ACTIVE: register.resume, CLOSED: register.close
        }  # fmt: skip
        form = visit.form("reason")
        if form.sent and _changed(visit, form, "reason", lambda tx: acts[state](
            tx, code, by=visit.by, reason=form["reason"], now=visit.now
        )):  # fmt: skip
            visit.say(_("已{done}：{name}", done=_(ACT_WORDS[state]), name=one.name))
            return visit.go("agent", code=code)
        below = visit.read(lambda tx: tree.below(tx, code))
        return visit.render(
            "console/agent_act.html", form=form, agent=one, words=_(ACT_WORDS[state]),
            about=_(ACT_ABOUT[state]), below=below, hurts=state != ACTIVE, crumbs=crumbs(one),
        )  # fmt: skip


def _open(visit: Visit, code: str) -> Agent:
    one = found(visit, code)
    if one.state == CLOSED:
        abort(404)
    return one


def _changed(visit: Visit, form: Form, field: str, work: Callable[[Tx], None]) -> bool:
    """Do it with a reason; or say at `field` why it cannot be done."""
    form.need("reason", _("请写明原因"), most=REASON_LENGTH)
    if form.errors:
        return False
    try:
        visit.change(work)
    except NotRegistered as refused:
        form.wrong(field if refused.why in ("parent", "limits") else "reason",
                   _(WHY_NOT[refused.why]))  # fmt: skip
    return form.good


def _add(visit: Visit, form: Form) -> Agent | None:
    code, name = form.need("code", _("请写代码"), most=16), form.need("name", _("请写名称"))
    if code and (not CODE.fullmatch(code) or code in RESERVED):
        form.wrong("code", _(WRONG_CODE))
    form.at_most("name", NAME_LETTERS)
    level = form.one_of("level", LEVELS, _("请选级别"))
    number = _number(form)
    limits = _limits(form)
    if form.errors or limits is None:
        return None
    try:
        return visit.change(
            lambda tx: register.add(
                tx, code=code, name=name, level=level, parent=form["parent"] or None,
                number=number, limits=limits, by=visit.by, now=visit.now,
            )
        )  # fmt: skip
    except NotRegistered as refused:
        fields = {"taken": "code", "limits": "deals"}
        form.wrong(fields.get(refused.why, refused.why), _(WHY_NOT[refused.why]))
    return None


def _number(form: Form) -> str:
    typed = form.need("number", _("请写手机号"), most=30)
    try:
        return msisdn(typed) if typed else ""
    except NotANumber:
        form.wrong("number", _("这不是手机号，例如 13800001234"))
    return ""


def _limits(form: Form) -> Limits | None:
    read: list[int] = []
    for name in _LIMITS:
        typed = form[name].replace(",", "")
        if not (typed.isascii() and typed.isdigit() and len(typed) < 8 and int(typed) <= MOST):
            form.wrong(name, _(WRONG_LIMIT))
        else:
            read.append(int(typed))
    return Limits(*read) if len(read) == len(_LIMITS) else None


def _typed(limits: Limits) -> dict[str, str]:
    values = (*limits.day, limits.pin_above)
    return {name: str(value) for name, value in zip(_LIMITS, values, strict=True)}
