"""My vouchers: the list, one with the picture that a till scans, and giving it back.

GET /me/vouchers   GET /me/vouchers/<id>   GET, POST /me/vouchers/<id>/refund
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import qrcode
import structlog
from flask import Blueprint, abort, redirect, render_template, request, url_for
from qrcode.constants import ERROR_CORRECT_M
from werkzeug.wrappers import Response as BaseResponse

from dialogs import offer_words, pages
from handlers.member_login import Login
from menus.menus import Menus
from models import outbox, subscribers
from models.base import Tx
from models.offers import looking
from models.subscribers import Subscriber
from models.vouchers import ending, giving, having
from models.vouchers.having import Held
from models.vouchers.vouchers import GIVEN, ISSUED, VERIFIED, NoSuchVoucher
from sms.numbers import masked

if TYPE_CHECKING:
    import settings

log = structlog.get_logger()

Page = BaseResponse | str | tuple[str, int]
MOST_SHOWN = 100  # of those that can be used, and as many that cannot
STATES = {
    "issued": "可以用", "verified": "已使用", "refunded": "已退", "expired": "已过期",
    "given": "已送人",
}  # fmt: skip
# Read from a screen by a till: large modules matter more than what error correction could mend.
QUIET, BOX_PX = 4, 10


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the pages of offers and vouchers need."""

    login: Login
    menus: Callable[[], Menus]
    nudge: Callable[[Iterable[str]], None]
    limits: settings.Vouchers
    grace_days: int

    def nudged(self) -> None:
        """Have what was owed sent soon."""
        self.nudge((outbox.REPLY, outbox.BULK))


def add_routes(blueprint: Blueprint, shelf: Shelf) -> None:
    """The list, a voucher, and its refund."""

    @blueprint.get(pages.VOUCHERS)
    def my_vouchers() -> Page:
        who, now = shelf.login.who(), shelf.login.now()
        if who is None:
            return shelf.login.ask(pages.VOUCHERS)

        def read(tx: Tx) -> dict[str, Any]:
            return {
                "usable": having.usable(tx, who, now, MOST_SHOWN),
                "ended": [
                    (held, STATES[held.state(now)])
                    for held in having.ended(tx, who, now, MOST_SHOWN)
                ],
            }

        seen = shelf.login.store.read(read)
        return render_template("member/vouchers.html", last_day=offer_words.last_day, **seen)

    @blueprint.get(f"{pages.VOUCHERS}/<int:number>")
    def voucher(number: int) -> Page:
        who = shelf.login.who()
        if who is None:
            return shelf.login.ask(pages.voucher(number))
        seen = shelf.login.store.read(lambda tx: look(tx, shelf, who, number))
        code = seen["voucher"].code if seen["state"] == ISSUED else None
        picture = _picture(f"{shelf.login.public_url}/v/{code}") if code else ""
        return render_template("member/voucher.html", told=_told(), picture=picture, **seen)

    @blueprint.get(f"{pages.VOUCHERS}/<int:number>/refund")
    def refund_voucher(number: int) -> Page:
        who = shelf.login.who()
        if who is None:
            return shelf.login.ask(f"{pages.voucher(number)}/refund")
        seen = shelf.login.store.read(lambda tx: look(tx, shelf, who, number))
        if seen["state"] != ISSUED or not seen["returnable"]:
            return redirect(url_for("member.voucher", number=number), 303)
        return render_template("member/voucher_refund.html", **seen)

    @blueprint.post(f"{pages.VOUCHERS}/<int:number>/refund")
    def give_voucher_back(number: int) -> Page:
        return _refund(shelf, number)


def look(tx: Tx, shelf: Shelf, who: Subscriber, number: int) -> dict[str, Any]:
    """What the pages of one voucher show; a 404 if it is not this person's."""
    now = shelf.login.now()
    held = find(tx, who, number)
    voucher, state = held.voucher, held.state(now)
    receiver = giving.receiver(tx, voucher) if state == GIVEN else None
    return {
        "held": held, "voucher": voucher, "state": state, "state_words": STATES[state],
        # Not what was a present of ours, or of somebody who is gone: nobody would get the points.
        "returnable": voucher.paid_by is None and not held.giver_gone,
        "code": offer_words.code(voucher.short_code),
        "last_day": offer_words.last_day(voucher.valid_until),
        "places": looking.places(tx, voucher.offer_code),
        "use": having.last_use(tx, voucher) if state == VERIFIED else None,
        "receiver": masked(receiver.msisdn) if receiver and receiver.msisdn else "",
        "gifts_a_day": shelf.limits.gifts_a_day,
    }  # fmt: skip


def find(tx: Tx, who: Subscriber, number: int) -> Held:
    """One of this person's vouchers, or a 404."""
    try:
        return having.one(tx, who, number)
    except NoSuchVoucher:
        abort(404)


def _refund(shelf: Shelf, number: int) -> Page:
    who, now = shelf.login.who(), shelf.login.now()
    if who is None:
        return shelf.login.ask(f"{pages.voucher(number)}/refund")

    def work(tx: Tx) -> None:
        subscribers.lock_id(tx, who.id)  # before whoever they took over, as everywhere
        held = find(tx, who, number)
        ending.refund(
            tx, subscriber_id=held.voucher.subscriber_id, voucher_id=number, by="owner",
            channel="page", now=now, grace_days=shelf.grace_days,
        )  # fmt: skip

    try:
        shelf.login.store.run(work)
    except ending.NotRefundable as refused:  # its page says what has become of it
        log.info("voucher not refunded", voucher=number, state=refused.state)
    else:
        log.info("voucher refunded", voucher=number)
    return redirect(url_for("member.voucher", number=number), 303)


def _told() -> str:
    return "换好了，到店出示这张券就行。" if request.args.get("new") == "1" else ""


def _picture(content: str) -> str:
    """The QR code as an address that holds it: a page that has arrived has its picture, too."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=QUIET, box_size=BOX_PX)
    code.add_data(content)
    stream = io.BytesIO()
    code.make_image().get_image().save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
