"""Invitations on pages: what a friend sees who has got a link, and who came through me.

GET, POST /i/<number>          everybody sees it; who is signed in says that they have come by it
GET, POST /me/invitations      my posters and links; a friend's number: step=ask, then step=send
GET /me/invitations/<club>.png the poster
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import qrcode
import structlog
from flask import Blueprint, Response, abort, redirect, render_template, request
from qrcode.constants import ERROR_CORRECT_M

from dialogs import invitation_news, invite_codes, pages, poster
from dialogs.club_words import price_words
from dialogs.dialog import Rules
from handlers import print as printing
from handlers.member_login import Login, Page, is_in_wechat
from integrations.errors import CallFailed
from menus.menus import Menus
from models import clubs, subscribers
from models.base import Tx
from models.invitations import asking, codes, coming, looking
from models.invitations.asking import NotAsked
from models.invitations.codes import Code, NotAMember
from models.invitations.limits import Limits
from models.invitations.tables import LINK, NUMBER_LEAST, NUMBER_MOST, ONESELF, SMS_DAY
from models.subscribers import Subscriber
from sms.numbers import NotANumber, masked, msisdn

log = structlog.get_logger()

FRIENDS_SHOWN = 100
QUIET, BOX_PX = 4, 8
POSTER_LASTS_S = 3600


@dataclass(frozen=True, slots=True)
class Hall:
    """What the pages of invitations need."""

    login: Login
    menus: Callable[[], Menus]
    rules: Rules

    @property
    def limits(self) -> Limits:
        return self.rules.inviting


def add_routes(blueprint: Blueprint, hall: Hall) -> None:
    """The page of a code, and my own."""

    @blueprint.get("/i/<int:number>")
    def invitation(number: int) -> Page:
        who, code = hall.login.who(), _find(hall, number)
        if who is None and request.args.get("me") == "1":
            return hall.login.ask(f"{pages.invitation(number)}?me=1")
        return _show(hall, code, who)

    @blueprint.post("/i/<int:number>")
    def come_by_invitation(number: int) -> Page:
        who, code = hall.login.who(), _find(hall, number)
        if who is None:
            return hall.login.ask(f"{pages.invitation(number)}?me=1")
        return _come(hall, code, who)

    @blueprint.get(pages.INVITATIONS)
    def my_invitations() -> Page:
        who = hall.login.who()
        if who is None:
            return hall.login.ask(pages.INVITATIONS)
        return _mine(hall, who, sent=request.args.get("sent") == "1")

    @blueprint.post(pages.INVITATIONS)
    def invite_by_number() -> Page:
        who = hall.login.who()
        if who is None:
            return hall.login.ask(pages.INVITATIONS)
        return _by_number(hall, who)

    @blueprint.get(f"{pages.INVITATIONS}/<club>.png")
    def invitation_poster(club: str) -> Page | Response:
        who = hall.login.who()
        if who is None:
            return hall.login.ask(pages.INVITATIONS)
        return _poster(hall, who, club)


def _find(hall: Hall, number: int) -> Code:
    """Whose code it is; a 404 for nobody's, and a 429 for who tries many."""
    known = NUMBER_LEAST <= number <= NUMBER_MOST
    code = hall.login.store.read(lambda tx: codes.find(tx, number)) if known else None
    if code is None or code.inviter.status != "active" or code.inviter.msisdn is None:
        if hall.login.guesses_too_often():
            abort(429)
        hall.login.count_guess()
        abort(404)
    return code


def _show(hall: Hall, code: Code, who: Subscriber | None, said: str = "") -> Page:
    now = hall.login.now()
    points = hall.login.store.read(lambda tx: looking.promised(tx, now)[1])
    page = render_template(
        "member/invitation.html", code=code, inviter=invitation_news.called(code.inviter),
        price=price_words(code.club.price_fen), points=points, who=who, said=said,
        picture=_picture(hall, code, now), in_wechat=is_in_wechat(),
        own=who is not None and who.id == code.inviter.id,
    )  # fmt: skip
    return (page, 400) if said else page


def _picture(hall: Hall, code: Code, now: datetime) -> str:
    """WeChat's code as an address that holds it; "" while WeChat makes none."""
    try:
        url, _ = invite_codes.qr(
            hall.login.store, hall.login.wechat.create_temporary_qr, code.number, now
        )
    except CallFailed as failed:
        log.warning("no code for an invitation", code=failed.code)
        return ""
    drawn = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=QUIET, box_size=BOX_PX)
    drawn.add_data(url)
    stream = io.BytesIO()
    drawn.make_image().get_image().save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _come(hall: Hall, code: Code, who: Subscriber) -> Page:
    now = hall.login.now()

    def work(tx: Tx) -> str | None:
        friend = subscribers.lock_id(tx, who.id)
        return coming.accept(tx, code, friend, way=LINK, limits=hall.limits, now=now)

    why = hall.login.store.run(work)
    log.info("came by an invitation", subscriber=who.id, why=why)
    if why == ONESELF:
        return _show(hall, code, who, _words(hall, "invited.oneself", club=code.club.name))
    # Whether it counts or not: the page of the club says how to join.
    return redirect(pages.club(code.club.code), 303)


def _mine(
    hall: Hall, who: Subscriber, *, sent: bool = False, typed: str = "", chosen: str = "",
    mistake: str = "",
) -> Page:  # fmt: skip
    now = hall.login.now()

    def work(tx: Tx) -> dict[str, Any]:
        owner = subscribers.lock_id(tx, who.id)
        return {
            "codes": [
                codes.of(tx, owner, club.code, now) for club in clubs.joined(tx, owner)
            ],
            "summary": looking.summary(tx, owner.id),
            "friends": looking.mine(tx, owner.id, FRIENDS_SHOWN),
            "promised": looking.promised(tx, now),
        }  # fmt: skip

    seen = hall.login.store.run(work)
    page = render_template(
        "member/invitations.html", called=invitation_news.friend, limits=hall.limits, sent=sent,
        typed=typed, chosen=chosen, mistake=mistake, site=hall.login.public_url, **seen,
    )  # fmt: skip
    return (page, 400) if mistake else page


def _by_number(hall: Hall, who: Subscriber) -> Page:
    typed = request.form.get("phone", "").strip()[:40]
    club_code = request.form.get("club", "")[:32]

    def again(key: str, **values: object) -> Page:
        mistake = _words(hall, key, **values)
        return _mine(hall, who, typed=typed, chosen=club_code, mistake=mistake)

    try:
        number = msisdn(typed)
    except NotANumber:
        return again("invite.bad_number")
    if not number.startswith(tuple(hall.rules.binding.countries)):
        return again("invite.bad_number")
    if number == who.msisdn:
        return again("invite.oneself")
    if request.form.get("step") != "send":
        return _ask(hall, who, number, club_code) or again("invite.no_club")
    now = hall.login.now()

    def work(tx: Tx) -> None:
        code = codes.of(tx, subscribers.lock_id(tx, who.id), club_code, now)
        asking.want(tx, code, number, limits=hall.limits, now=now)

    try:
        hall.login.store.run(work)
    except NotAMember:
        return again("invite.no_club")
    except NotAsked as no:
        keys = {ONESELF: "invite.oneself", SMS_DAY: "invite.sms_limit"}
        return again(keys.get(no.why, "invite.limit"), most=no.most)
    log.info("friend to be asked", inviter=who.id)
    return redirect(f"{pages.INVITATIONS}?sent=1", 303)


def _ask(hall: Hall, who: Subscriber, number: str, club_code: str) -> Page | None:
    """What will happen; None where the person is in no such club. Nothing has happened yet."""
    mine = hall.login.store.read(lambda tx: clubs.joined(tx, who))
    club = next((one for one in mine if one.code == club_code), None)
    if club is None:
        return None
    return render_template(
        "member/invitation_ask.html", phone=number, shown=masked(number), club=club,
        me=masked(who.msisdn or ""), price=price_words(club.price_fen),
    )  # fmt: skip


def _poster(hall: Hall, who: Subscriber, club_code: str) -> Response:
    now, store = hall.login.now(), hall.login.store

    def work(tx: Tx) -> Code:
        return codes.of(tx, subscribers.lock_id(tx, who.id), club_code, now)

    try:
        code = store.run(work)
        made = invite_codes.poster(store, hall.login.wechat.create_temporary_qr, code.number, now)
    except NotAMember:
        abort(404)
    except CallFailed as failed:
        log.warning("no poster for an invitation", code=failed.code)
        abort(503)
    if made is None:  # the club has closed
        abort(404)
    with printing.drawing():
        answer = Response(poster.draw(made), mimetype="image/png")
    answer.headers["Cache-Control"] = f"private, max-age={POSTER_LASTS_S}"
    return answer


def _words(hall: Hall, key: str, **values: object) -> str:
    return hall.menus().text(key, channel="wechat", **values)
