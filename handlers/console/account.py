"""My account: what every place has (handlers/office/own_account.py), and my language.

GET /account   GET, POST /account/password   POST /account/sign-ins   POST /language
"""

from __future__ import annotations

from flask import abort, redirect

from handlers.console.frame import Console, Page, Visit, local
from handlers.office import own_account, words
from handlers.office.sign_in import EVERY_STEP
from handlers.office.words import _
from models.base import Tx
from models.operators import changes


def add_routes(console: Console) -> None:
    """My own account; nobody else's."""
    own_account.add_routes(console)

    @console.page("/language", permission="account.own", methods=("POST",), steps=EVERY_STEP)
    def speak(visit: Visit) -> Page:
        form = visit.form("language", "back")
        language = form.one_of("language", words.LANGUAGES, _("请选择语言"))
        if not form.good:
            abort(400)

        def work(tx: Tx) -> None:
            changes.set_language(tx, visit.operator.id, language, by=visit.by, now=visit.now)

        visit.change(work)
        return redirect(local(form["back"]), 303)
