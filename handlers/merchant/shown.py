"""GET /v/<code>: where a voucher's QR code leads.

A till that scans it with a phone's camera, signed in, comes to its check page. Anybody else is told
to show it at the store, and nothing else: neither whose it is nor whether there is one.
"""

from __future__ import annotations

from flask import Blueprint, g, redirect, render_template, url_for
from werkzeug.wrappers import Response as BaseResponse

from handlers import member_words
from handlers.merchant.frame import Desk
from models.operators.sessions import DONE
from models.vouchers import verifying
from models.vouchers.vouchers import CODE_LENGTH


def pages(desk: Desk) -> Blueprint:
    """The one page, which belongs to no door."""
    blueprint = Blueprint("voucher_link", __name__)

    def begin() -> None:
        g.office_now = desk.parts.now()

    blueprint.before_request(begin)
    desk.guard.protect(blueprint, error_page=_error_page)

    @blueprint.get("/v/<code>")
    def shown(code: str) -> BaseResponse | str:
        tidy = verifying.tidy(code)
        if len(tidy) != CODE_LENGTH:
            return render_template("merchant/shown.html", code="")
        session = desk.doorkeeper.session()
        if session is not None and session.step == DONE:
            return redirect(url_for("merchant.check", code=tidy), 303)
        return render_template("merchant/shown.html", code=tidy)

    return blueprint


def _error_page(status: int) -> str:
    return render_template("member/sorry.html", words=member_words.sorry(status))
