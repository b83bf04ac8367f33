"""What points can get: all offers, one of them, and taking it.

GET /offers   GET /offers/<number>    for everybody
GET, POST /offers/<number>/redeem     with a session: what is agreed to, then the voucher
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import Any

import structlog
from flask import Blueprint, abort, redirect, render_template, request, url_for

from dialogs import offer_words, pages, refusals
from handlers.voucher_pages import Page, Shelf
from models import clubs, points, subscribers
from models.base import Tx
from models.earning.happened import happened
from models.offers import looking, terms
from models.offers.looking import Card
from models.offers.terms import NotOffered
from models.subscribers import Subscriber
from models.vouchers import redeeming

log = structlog.get_logger()

# Codes of merchants' categories, as people call them; others are shown as they are.
CATEGORIES = {
    "cinema": "电影", "car": "汽车", "sports": "运动", "lottery": "彩票", "games": "游戏",
    "barber": "理发", "food": "美食", "travel": "出行",
}  # fmt: skip
_AFTER = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})")
_NAME = re.compile(r"[a-z0-9_-]{1,32}")
_ONCE = re.compile(r"[A-Za-z0-9_-]{22}")


def add_routes(blueprint: Blueprint, shelf: Shelf) -> None:
    """GET /offers, GET /offers/<number>, GET and POST /offers/<number>/redeem."""

    @blueprint.get(pages.OFFERS)
    def offers() -> Page:
        return _offers(shelf)

    @blueprint.get(f"{pages.OFFERS}/<int:number>")
    def offer(number: int) -> Page:
        who, now = shelf.login.who(), shelf.login.now()
        seen = shelf.login.store.read(lambda tx: _offer(tx, number, who, shelf, now))
        return render_template("member/offer.html", **seen)

    @blueprint.get(f"{pages.OFFERS}/<int:number>/redeem")
    def redeem_offer(number: int) -> Page:
        who, now = shelf.login.who(), shelf.login.now()
        if who is None:
            return shelf.login.ask(f"{pages.offer(number)}/redeem")
        seen = shelf.login.store.read(lambda tx: _offer(tx, number, who, shelf, now))
        return render_template("member/redeem.html", once=secrets.token_urlsafe(16), **seen)

    @blueprint.post(f"{pages.OFFERS}/<int:number>/redeem")
    def take_offer(number: int) -> Page:
        return _take(shelf, number)


def _offers(shelf: Shelf) -> Page:
    who, now = shelf.login.who(), shelf.login.now()
    club, category = _chosen("club"), _chosen("kind")
    reach, after = who is not None and request.args.get("reach") == "1", _after()
    limit = shelf.limits.offers_a_page

    def read(tx: Tx) -> dict[str, Any]:
        has = points.balance(tx, who, now=now, expiring_days=1).usable if who else None
        found = looking.live(
            tx, now, club=club, category=category, most_points=has if reach else None,
            after=after, limit=limit + 1,
        )  # fmt: skip
        return {
            "has": has, "cards": found[:limit], "clubs": clubs.all_open(tx),
            "categories": [(code, CATEGORIES.get(code, code)) for code in looking.categories(tx)],
            "more": len(found) > limit,
        }  # fmt: skip

    seen = shelf.login.store.read(read)
    chosen = {"club": club, "kind": category, "reach": "1" if reach else None}
    last = seen["cards"][-1].offer if seen["more"] else None

    def address(**other: str | None) -> str:
        return url_for("member.offers", **{**chosen, **other})  # type: ignore[arg-type]

    older = address(after=f"{last.price_points}.{last.number}") if last else None
    return render_template(
        "member/offers.html", chosen=chosen, address=address, older=older, first_page=not after,
        words=CATEGORIES, **seen,
    )  # fmt: skip


def _offer(
    tx: Tx, number: int, who: Subscriber | None, shelf: Shelf, now: datetime
) -> dict[str, Any]:
    """What the page of an offer shows, and whether this person can take it now."""
    card = looking.numbered(tx, number)
    if card is None or card.offer.state in ("uploaded", "edited", "sent_back", "confirmed"):
        abort(404)  # nobody knows of it yet
    refused = None
    try:
        if who is None:
            _check_for_everybody(card, now)
        else:
            looking.check(tx, card, who, now)
    except NotOffered as why:
        refused = why
    has = points.balance(tx, who, now=now, expiring_days=1).usable if who else None
    return {
        "card": card, "offer": card.offer, "places": looking.places(tx, card.offer.code),
        "limits": offer_words.terms(card.offer), "who": who, "has": has, "refused": refused,
        "why": refusals.in_words(shelf.menus(), refused) if refused else "",
        "kind": CATEGORIES.get(card.category, card.category),
    }  # fmt: skip


def _check_for_everybody(card: Card, now: datetime) -> None:
    terms.check_window(card.offer, now)
    if card.left is not None and card.left <= 0:
        raise NotOffered("sold_out")


def _take(shelf: Shelf, number: int) -> Page:
    """Take the offer as it was shown, once for each time that the form was shown."""
    who, now = shelf.login.who(), shelf.login.now()
    if who is None:
        return shelf.login.ask(f"{pages.offer(number)}/redeem")
    once, agreed = request.form.get("once", ""), request.form.get("agreed", "")
    if not _ONCE.fullmatch(once):
        return redirect(url_for("member.redeem_offer", number=number), 303)

    def work(tx: Tx) -> int:
        card = looking.numbered(tx, number)
        if card is None:
            abort(404)
        held = subscribers.lock_id(tx, who.id)
        voucher = redeeming.redeem(
            tx, held, card.offer.code, key=f"page:{once}", channel="page",
            origin=f"page:{once}", now=now, agreed=agreed,
        )  # fmt: skip
        happened(tx, held.id, "redeemed_first", key=f"redeemed:{held.id}", now=now)
        return voucher.id

    try:
        voucher_id = shelf.login.store.run(work)
    except NotOffered as refused:
        log.info("not redeemed", subscriber=who.id, offer=number, why=refused.why)
        seen = shelf.login.store.read(lambda tx: _offer(tx, number, who, shelf, now))
        told = refusals.in_words(shelf.menus(), refused)
        page = render_template(
            "member/redeem.html", once=secrets.token_urlsafe(16), **{**seen, "told": told}
        )
        return page, 409
    log.info("redeemed", subscriber=who.id, offer=number, voucher=voucher_id)
    return redirect(url_for("member.voucher", number=voucher_id, new=1), 303)


def _chosen(name: str) -> str | None:
    given = request.args.get(name, "")
    return given if _NAME.fullmatch(given) else None


def _after() -> tuple[int, int] | None:
    found = _AFTER.fullmatch(request.args.get("after", ""))
    return (int(found[1]), int(found[2])) if found else None
