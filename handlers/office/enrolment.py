"""The codes of an authenticator: its QR code, and the first code that proves it.

GET, POST /account/codes   GET /account/codes.png
"""

from __future__ import annotations

import io

import qrcode
from flask import Response, abort, request, url_for

from handlers.office.office import Office
from handlers.office.sign_in import entered, told
from handlers.office.visit import Page, Visit
from handlers.office.words import _
from models.operators import sessions
from models.operators import sign_in as steps
from models.operators.sign_in import Offer, Refused

BOX_PIXELS, BORDER_BOXES = 6, 4


def add_routes(office: Office) -> None:
    """Setting up codes, at the first sign-in or later."""
    doorkeeper, entrance = office.doorkeeper, office.entrance
    may = (sessions.ENROL, sessions.DONE)

    @office.page("/account/codes", permission="account.own", methods=("GET", "POST"), steps=may)
    def enrol(visit: Visit) -> Page:
        if visit.operator.totp:
            return visit.go("account")
        offer = _offer(visit)
        form = visit.form("code")
        form.need("code", _("请输入验证码"), most=20)
        if form.good:
            result = visit.parts.store.run(
                lambda tx: steps.confirm_totp(
                    tx, visit.session, form["code"], vault=visit.parts.vault,
                    caller=doorkeeper.caller(visit.operator.login), now=visit.now,
                )
            )  # fmt: skip
            if isinstance(result, Refused):
                wrong = _("验证码不对。请看手机的时间准不准，等下一个再试")
                form.wrong("code", told(visit.entrance, result, wrong, visit.now))
            else:
                visit.say(_("动态验证码已设置，下次登录时要用。"))
                return entered(
                    doorkeeper, result.token, entrance.local(request.args.get("next", ""))
                )
        beginning = visit.session.step == sessions.ENROL
        return visit.render(
            f"{entrance.name}/enrol.html", form=form, secret=_in_fours(offer.secret),
            beginning=beginning,
            crumbs=[] if beginning else [(_("我的账户"), url_for(f"{entrance.name}.account"))],
        )  # fmt: skip

    @office.page("/account/codes.png", permission="account.own", steps=may)
    def enrol_qr(visit: Visit) -> Page:
        if visit.operator.totp:
            abort(404)
        code = qrcode.QRCode(box_size=BOX_PIXELS, border=BORDER_BOXES)
        code.add_data(_offer(visit).uri)
        file = io.BytesIO()
        code.make_image().save(file)
        return Response(file.getvalue(), mimetype="image/png")


def _offer(visit: Visit) -> Offer:
    """The same secret until a code has proved it."""
    return visit.parts.store.run(
        lambda tx: steps.offer_totp(tx, visit.session, vault=visit.parts.vault)
    )


def _in_fours(secret: str) -> str:
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
