"""My account: who I am here, my password, my sign-ins.

GET /account   GET, POST /account/password   POST /account/sign-ins
"""

from __future__ import annotations

from flask import abort, request, url_for

from handlers.office.doorkeeper import Doorkeeper
from handlers.office.forms import Form
from handlers.office.office import Office
from handlers.office.sign_in import entered, told
from handlers.office.visit import Page, Visit
from handlers.office.words import _
from models.operators import passwords, sessions
from models.operators import sign_in as steps
from models.operators.sign_in import Refused, Unfit

UNFIT = {
    "short": _("太短了，至少 {n} 个字符"),
    "long": _("太长了，最多 {most} 个字符"),
    "personal": _("不能含有您的姓名或登录名"),
    "common": _("太好猜了。请换几个不相干的词，连起来用"),
    "same": _("和现在的密码一样，请换一个"),
}


def add_routes(office: Office, nav: str | None = None) -> None:
    """My own account; nobody else's. `nav`: its words in the navigation."""
    doorkeeper, entrance = office.doorkeeper, office.entrance

    @office.page("/account", permission="account.own", nav=nav)
    def account(visit: Visit) -> Page:
        return visit.render(f"{entrance.name}/account.html", sessions=_sessions(visit, doorkeeper))

    @office.page(
        "/account/password", permission="account.own", methods=("GET", "POST"),
        steps=(sessions.PASSWORD, sessions.DONE),
    )  # fmt: skip
    def password(visit: Visit) -> Page:
        form = visit.form("old_password", "new_password", "again_password")
        if form.sent and (token := _change(doorkeeper, visit, form)):
            visit.say(_("密码已修改。"))
            return entered(doorkeeper, token, entrance.local(request.args.get("next", "")))
        return visit.render(
            f"{entrance.name}/password.html", form=form, least=passwords.LEAST,
            crumbs=_crumbs(visit), beginning=visit.session.step == sessions.PASSWORD,
        )  # fmt: skip

    @office.page("/account/sign-ins", permission="account.own", methods=("POST",))
    def end_sign_in(visit: Visit) -> Page:
        number = visit.form("session")["session"]
        if not number.isdecimal() or len(number) > 18:
            abort(400)
        mine = {one.id for one in _sessions(visit, doorkeeper)}
        if int(number) in mine - {visit.session.id}:
            visit.change(lambda tx: sessions.revoke(tx, int(number), by=visit.by, now=visit.now))
        visit.say(_("那一处的登录已经结束。"))
        return visit.go("account")


def _crumbs(visit: Visit) -> list[tuple[str, str]]:
    """The way back to the account, for whoever has come from there."""
    if visit.session.step != sessions.DONE:
        return []
    return [(_("我的账户"), url_for(f"{visit.entrance.name}.account"))]


def _sessions(visit: Visit, doorkeeper: Doorkeeper) -> list[sessions.Session]:
    limits = doorkeeper.limits
    return visit.read(
        lambda tx: sessions.listed(tx, visit.operator.id, limits=limits, now=visit.now)
    )


def _change(doorkeeper: Doorkeeper, visit: Visit, form: Form) -> str:
    """The token of the session that follows, or "" and the form says why not."""
    if visit.session.step == sessions.DONE:
        form.need("old_password", _("请输入现在的密码"))
    new = form.need("new_password", _("请输入新密码"), most=passwords.MOST)
    if form["again_password"] != new:
        form.wrong("again_password", _("两次输入的不一样"))
    if form.errors:
        return ""
    result = visit.parts.store.run(
        lambda tx: steps.change_password(
            tx, visit.session, new=new, current=form["old_password"], limits=doorkeeper.limits,
            caller=doorkeeper.caller(visit.operator.login), now=visit.now,
        )
    )  # fmt: skip
    if isinstance(result, Refused):
        form.wrong("old_password", told(visit.entrance, result, _("现在的密码不对"), visit.now))
        return ""
    if isinstance(result, Unfit):
        form.wrong(
            "new_password", _(UNFIT[result.why]).format(n=passwords.LEAST, most=passwords.MOST)
        )
        return ""
    return result.token
