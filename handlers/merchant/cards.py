"""Cards for the merchant's own counters.

GET /cards?after=<number>   POST /cards/<number>/code   GET /cards/<number>/<size>.pdf?cut=1
"""

from __future__ import annotations

from flask import abort, request, url_for

from handlers import card_files
from handlers import cards as pictures
from handlers.merchant.frame import Desk, Page, Visit
from integrations.errors import CallFailed
from models import scenes
from models.offers import cards
from models.offers.cards import Card

CARDS_A_PAGE = 20
NUMBER_MAX = 2**31 - 1


def add_routes(desk: Desk) -> None:
    """The list, and the files; owners have the codes made."""

    @desk.page("/cards", permission="offers.see", nav="水牌")
    def cards_list(visit: Visit) -> Page:
        return visit.render("merchant/cards.html", **_drawn(visit))

    @desk.page("/cards/<int:number>/code", permission="offers.propose", methods=("POST",))
    def make_card_code(visit: Visit, number: int) -> Page:
        card = _card(visit, number)
        try:
            card_files.make_code(visit, card)
        except CallFailed:
            visit.say("微信没有生成，请稍后再试。")
        else:
            visit.say(f"“{card.title}”的二维码已生成，可以下载水牌。")
        return visit.go("cards_list")

    @desk.page("/cards/<int:number>/<size>.pdf", permission="offers.see")
    def card_pdf(visit: Visit, number: int, size: str) -> Page:
        card = _card(visit, number)
        answer = card_files.wanted(visit, card, size, to_cut="cut" in request.args)
        return answer or abort(404)


def _card(visit: Visit, number: int) -> Card:
    """The card of an offer of this merchant's that is live, else 404."""
    if number > NUMBER_MAX:
        abort(404)
    merchant = visit.staff.merchant_code
    found = visit.read(lambda tx: cards.find(tx, number, visit.now, merchant=merchant))
    return found or abort(404)


def _drawn(visit: Visit) -> dict[str, object]:
    typed = request.args.get("after", "0")
    after = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 10 else 0
    found = visit.read(
        lambda tx: cards.found(
            tx, visit.now, merchant=visit.staff.merchant_code, after=after, limit=CARDS_A_PAGE + 1
        )
    )
    shown = found[:CARDS_A_PAGE]
    more = len(found) > CARDS_A_PAGE
    return {
        "cards": shown,
        "codes": visit.read(lambda tx: scenes.lasting(tx, [card.scene for card in shown])),
        "sizes": pictures.SIZES,
        "price": pictures.price,
        "ways": card_files.ways(visit),
        "keyword": pictures.KEYWORD,
        "following": url_for("merchant.cards_list", after=shown[-1].number) if more else "",
        "first": after == 0,
    }
