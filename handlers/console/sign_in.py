"""Signing in and out.

GET, POST /sign-in   POST /sign-out   POST /language
"""

from __future__ import annotations

from typing import Any

import structlog
from flask import g, redirect, render_template, request, url_for

from handlers.console import words
from handlers.console.doorkeeper import Doorkeeper
from handlers.console.forms import Form, read
from handlers.console.frame import PREFIX, Console, Page, Visit, local
from handlers.console.words import _
from models import audit, sql
from models.base import Tx
from models.operators import passwords, sessions

log = structlog.get_logger()

LOGIN_LENGTH = 32
EVERY_STEP = (sessions.CODE, sessions.PASSWORD, sessions.ENROL, sessions.DONE)


def add_routes(console: Console) -> None:
    """The door, from outside and from inside."""
    doorkeeper = console.doorkeeper

    @console.public("/sign-in", methods=("GET", "POST"))
    def sign_in() -> Page:
        form = read(request.form if request.method == "POST" else None, ("login", "password"), {})
        back = local(request.args.get("next", ""))
        form.need("login", _("请输入登录名"), most=LOGIN_LENGTH)
        form.need("password", _("请输入密码"), most=passwords.MOST)
        token = _enter(doorkeeper, form) if form.good else None
        if token:
            answer = redirect(back, 303)
            doorkeeper.keep(answer, token)
            return answer
        page = render_template("console/sign_in.html", form=form, **_around(back))
        return page, 400 if form.errors else 200

    @console.page("/sign-out", permission="account.own", methods=("POST",), steps=EVERY_STEP)
    def sign_out(visit: Visit) -> Page:
        def work(tx: Tx) -> None:
            sql.run(
                tx,
                "UPDATE operator_sessions SET ended_at = %(now)s, ended_because = 'signed out'"
                " WHERE id = %(id)s AND ended_at IS NULL",
                {"now": visit.now, "id": visit.session.id},
            )
            audit.write(
                tx, visit.by, action="sessions.end", subject=f"operator:{visit.operator.id}",
                now=visit.now,
            )  # fmt: skip

        visit.change(work)
        answer = redirect(url_for("console.sign_in"), 303)
        doorkeeper.forget(answer)
        return answer

    @console.page("/language", permission="account.own", methods=("POST",), steps=EVERY_STEP)
    def speak(visit: Visit) -> Page:
        form = visit.form("language", "back")
        language = form["language"] if form["language"] in words.LANGUAGES else words.CHINESE

        def work(tx: Tx) -> None:
            sql.run(
                tx,
                "UPDATE operators SET language = %(language)s WHERE id = %(id)s",
                {"language": language, "id": visit.operator.id},
            )
            audit.write(
                tx, visit.by, action="operators.speak", subject=f"operator:{visit.operator.id}",
                before={"language": visit.operator.language}, after={"language": language},
                now=visit.now,
            )  # fmt: skip

        visit.change(work)
        return redirect(local(form["back"]), 303)


def _around(back: str) -> dict[str, Any]:
    other = words.ENGLISH if words.language() == words.CHINESE else words.CHINESE
    return {
        "back": back if back != PREFIX else "",
        "other_language": url_for(
            "console.sign_in", language=other, next=back if back != PREFIX else None
        ),
    }


def _enter(doorkeeper: Doorkeeper, form: Form) -> str | None:
    """The token of a new session, or None and the form says why not."""
    by = doorkeeper.by(None, login=form["login"])

    def work(tx: Tx) -> str | None:
        row = sql.first(
            tx,
            "SELECT id, password_hash FROM operators WHERE login = %(login)s AND active",
            {"login": form["login"].lower()},
        )
        if row is None or not passwords.matches(form["password"], row[1]):
            return None
        return sessions.create(
            tx, row[0], limits=doorkeeper.limits, address=by.address,
            browser=request.user_agent.string, now=g.console_now,
        )  # fmt: skip

    token = doorkeeper.parts.store.run(work)
    if token is None:
        form.wrong("login", _("登录名或密码不对"))
    return token
