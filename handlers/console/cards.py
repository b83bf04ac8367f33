"""Cards for merchants' counters: of which offers there are some, and their files.

GET /cards   GET, POST /cards/<number>   GET /cards/<number>/<size>.pdf?cut=1
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from flask import Response, abort, request, url_for

from handlers import card_files, posters
from handlers import cards as pictures
from handlers.console.frame import Console, Page, Visit
from handlers.console.listing import Column, Filter, Key, Listing
from handlers.console.words import _
from integrations.errors import CallFailed
from models import scenes
from models.base import Tx
from models.offers import cards
from models.offers.cards import Card
from models.scenes import Scans

NUMBER_MAX = 2**31 - 1


def add_routes(console: Console) -> None:
    """The list, a card, and its files."""
    console.listing(
        "/cards", LISTING, permission="clubs.see", nav=_("水牌"),
        about=_("商户柜台上的水牌：一个优惠一张，扫码或发短信就能兑换。"),
    )  # fmt: skip

    @console.page("/cards/<int:number>", permission="clubs.see", methods=("GET", "POST"))
    def card(visit: Visit, number: int) -> Page:
        found = _card(visit, number)
        failed = ""
        if request.method == "POST":
            if not visit.can("scenes.change"):
                abort(403)
            try:
                card_files.make_code(visit, found)
                visit.say(_("二维码已生成。"))
                return visit.go("card", number=number)
            except CallFailed:
                failed = _("微信没有生成，请稍后再试")
        page = visit.render("console/card.html", failed=failed, **_drawn(visit, found))
        return (page, 400) if failed else page

    @console.page("/cards/<int:number>/qr.png", permission="clubs.see")
    def card_qr(visit: Visit, number: int) -> Page:
        code = card_files.code(visit, _card(visit, number))
        if code is None:
            abort(404)
        return Response(posters.png(code.url), mimetype="image/png")

    @console.page("/cards/<int:number>/<size>.pdf", permission="clubs.see")
    def card_pdf(visit: Visit, number: int, size: str) -> Page:
        found = _card(visit, number)
        answer = card_files.wanted(visit, found, size, to_cut="cut" in request.args)
        return answer or abort(404)


def _card(visit: Visit, number: int) -> Card:
    """The card of an offer that is live, else 404."""
    if number > NUMBER_MAX:
        abort(404)
    return visit.read(lambda tx: cards.find(tx, number, visit.now)) or abort(404)


def _drawn(visit: Visit, card: Card) -> Mapping[str, object]:
    counts = visit.read(lambda tx: scenes.scans(tx, visit.now))
    return {
        "card": card,
        "code": card_files.code(visit, card),
        "price": pictures.price(card),
        "conditions": pictures.conditions(card),
        "ways": card_files.ways(visit),
        "link": pictures.short_link(visit.parts.public_url, card.number),
        "text": f"{pictures.KEYWORD} {card.number}",
        "scans": counts.get(card.scene, Scans()),
        "sizes": pictures.SIZES,
        "crumbs": [(_("水牌"), url_for("console.cards"))],
    }


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Card]:
    after = int(str(key[0])) if key else 0
    now = datetime.fromisoformat(filters["now"])
    return cards.found(tx, now, words=filters.get("words", ""), after=after, limit=limit)


LISTING: Listing[Card] = Listing(
    name="cards",
    words=_("水牌"),
    columns=(
        Column(_("编号"), lambda card: card.number, "code"),
        Column(_("优惠名称"), lambda card: card.title, "link"),
        Column(_("商户"), lambda card: card.merchant),
        Column(_("俱乐部"), lambda card: card.club),
        Column(_("兑换价"), pictures.price),
    ),
    filters=(Filter("words", _("优惠、商户或编号")),),
    fetch=_fetch,
    key=lambda card: (card.number,),
    row_link=lambda card: url_for("console.card", number=card.number),
    empty=_("没有上架的优惠：优惠上架以后才有水牌。"),
    scope=lambda visit: {"now": visit.now.isoformat()},
)
