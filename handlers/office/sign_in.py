"""Signing in, step by step, and out: models/operators/sign_in.py has the rules.

GET, POST /sign-in ─▶ /sign-in/code ─▶ /account/password ─▶ /account/codes     POST /sign-out
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from handlers.office import words
from handlers.office.doorkeeper import Doorkeeper
from handlers.office.entrance import Entrance
from handlers.office.forms import Form, read
from handlers.office.office import Office
from handlers.office.visit import Page, Visit
from handlers.office.words import _
from models.operators import passwords, sessions
from models.operators import sign_in as steps
from models.operators.sign_in import Passed, Refused

EVERY_STEP = (sessions.CODE, sessions.PASSWORD, sessions.ENROL, sessions.DONE)


def add_routes(office: Office) -> None:
    """The door, from outside and from inside."""
    doorkeeper, entrance = office.doorkeeper, office.entrance

    @office.public("/sign-in", methods=("GET", "POST"))
    def sign_in() -> Page:
        form = read(request.form if request.method == "POST" else None, ("login", "password"), {})
        back = entrance.local(request.args.get("next", ""))
        if not form.sent and doorkeeper.session() is not None:
            return redirect(back, 303)
        form.need("login", _("请输入登录名"))
        form.need("password", _("请输入密码"), most=passwords.MOST)
        token = _password(doorkeeper, form) if form.good else ""
        if token:
            return entered(doorkeeper, token, back)
        page = render_template(
            f"{entrance.name}/sign_in.html", form=form, **_around(entrance, back)
        )
        return page, 400 if form.errors else 200

    @office.page(
        "/sign-in/code", permission="account.own", methods=("GET", "POST"), steps=(sessions.CODE,)
    )
    def code(visit: Visit) -> Page:
        form = visit.form("code")
        form.need("code", _("请输入验证码"), most=20)
        if form.good and (token := _code(doorkeeper, visit, form)):
            return entered(doorkeeper, token, entrance.local(request.args.get("next", "")))
        return visit.render(f"{entrance.name}/code.html", form=form)

    @office.page("/sign-out", permission="account.own", methods=("POST",), steps=EVERY_STEP)
    def sign_out(visit: Visit) -> Page:
        visit.change(lambda tx: sessions.sign_out(tx, visit.session, by=visit.by, now=visit.now))
        answer = redirect(url_for(f"{entrance.name}.sign_in"), 303)
        doorkeeper.forget(answer)
        return answer


def entered(doorkeeper: Doorkeeper, token: str, path: str) -> BaseResponse:
    """To a page, with the session's new token."""
    answer = redirect(path, 303)
    doorkeeper.keep(answer, token)
    return answer


def told(entrance: Entrance, refused: Refused, words_if_wrong: str, now: datetime) -> str:
    """Why somebody was refused: wrong, or not even looked at."""
    if refused.until is None:
        return words_if_wrong
    minutes = max(1, -(-int((refused.until - now).total_seconds()) // 60))
    return _("试得太多了。请过 {n} 分钟再试，或请{who}解锁。", n=minutes, who=_(entrance.helper))


def _password(doorkeeper: Doorkeeper, form: Form) -> str:
    """The token of a new session, or "" and the form says why not."""
    # Whoever signs in anew has no use for the session that this browser had.
    old = doorkeeper.session()
    result = doorkeeper.parts.store.run(
        lambda tx: steps.sign_in(
            tx, login=form["login"], password=form["password"], limits=doorkeeper.limits,
            caller=doorkeeper.caller(form["login"]), now=g.office_now,
            admits=doorkeeper.entrance.roles,
        )
    )  # fmt: skip
    if isinstance(result, Refused):
        form.wrong("login", told(doorkeeper.entrance, result, _("登录名或密码不对"), g.office_now))
        return ""
    if old is not None:
        by = doorkeeper.by(old.operator)
        doorkeeper.parts.store.run(lambda tx: sessions.sign_out(tx, old, by=by, now=g.office_now))
    return result.token


def _code(doorkeeper: Doorkeeper, visit: Visit, form: Form) -> str:
    result: Passed | Refused = visit.parts.store.run(
        lambda tx: steps.enter_code(
            tx, visit.session, form["code"], vault=visit.parts.vault,
            caller=doorkeeper.caller(visit.operator.login), now=visit.now,
        )
    )  # fmt: skip
    if isinstance(result, Refused):
        wrong = _("验证码不对，或者已经用过。请等下一个再试")
        form.wrong("code", told(visit.entrance, result, wrong, visit.now))
        return ""
    return result.token


def _around(entrance: Entrance, back: str) -> dict[str, Any]:
    other = words.ENGLISH if words.language() == words.CHINESE else words.CHINESE
    onward = back if back != entrance.prefix else None
    return {
        "back": onward,
        "other_language": url_for(f"{entrance.name}.sign_in", language=other, next=onward),
    }
