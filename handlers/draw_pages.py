"""Draws on the phone: which there are, drawing, the result, and how to check that it was fair.

GET /draws                     GET, POST /draws/<code>        the egg, and what there is to win
GET /draws/<code>/odds         odds, promises, seeds, own results: for everybody
GET /draws/<code>/<result>     what came of a draw, of oneself alone

The server decides before the egg moves; without scripts and without movement it says the same.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from dialogs import draw_words
from handlers.member_login import Login
from menus.menus import Menus
from models import points, subscribers
from models.base import RunAgain, Tx
from models.draws import drawing, people, publishing, results, seeds, tables
from models.draws.drawing import Drawn
from models.draws.people import NotDrawn, Standing
from models.draws.publishing import Live
from models.draws.results import Result
from models.draws.seeds import Seeds
from models.subscribers import Subscriber

log = structlog.get_logger()

DAYS_SHOWN = 30
RESULTS_SHOWN = 20
Page = BaseResponse | str | tuple[str, int]
_CODE = re.compile(r"[a-z][a-z0-9-]{0,31}")
_ONCE = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True)
class Stall:
    """What the pages of draws need."""

    login: Login
    menus: Callable[[], Menus]
    seeds: Seeds

    def says(self, why: NotDrawn) -> str:
        """Why somebody cannot draw, in words."""
        key, values = draw_words.not_drawn(why)
        return self.menus().text(key, channel="wechat", **values)


def add_routes(blueprint: Blueprint, stall: Stall) -> None:
    """GET /draws, GET and POST /draws/<code>, GET /draws/<code>/odds and /draws/<code>/<result>."""

    @blueprint.get("/draws")
    def draws() -> Page:
        who, now = stall.login.who(), stall.login.now()
        stranger = who or subscribers.STRANGER
        seen = stall.login.store.read(lambda tx: people.open_to(tx, stranger, now))
        costs = {each.draw.code: draw_words.cost(each) for each in seen}
        return render_template("member/draws.html", open_now=seen, costs=costs, who=who)

    @blueprint.get("/draws/<code>")
    def draw(code: str) -> Page:
        who = stall.login.who()
        return _show(stall, code, who)

    @blueprint.post("/draws/<code>")
    def draw_once(code: str) -> Page:
        return _draw(stall, code)

    @blueprint.get("/draws/<code>/odds")
    def draw_odds(code: str) -> Page:
        who = stall.login.who()
        seen = stall.login.store.read(lambda tx: _odds(tx, code, who))
        return render_template("member/draw_odds.html", **seen)

    @blueprint.get("/draws/<code>/<int:number>")
    def drawn(code: str, number: int) -> Page:
        who = stall.login.who()
        if who is None:
            return stall.login.ask(draw_words.page_of(code))
        seen = stall.login.store.read(lambda tx: _result(tx, who, code, number))
        if seen is None:
            abort(404)
        return _show(stall, code, who, drawn=seen, fresh=request.args.get("new") == "1")


def _show(
    stall: Stall, code: str, who: Subscriber | None, *, drawn: Drawn | None = None,
    fresh: bool = False, told: str = "",
) -> Page:  # fmt: skip
    """The page of a draw, and on it the result of one, if there is one to show."""
    now = stall.login.now()
    seen = stall.login.store.read(lambda tx: _draw_page(tx, code, who, stall, now))
    page = render_template(
        "member/draw.html", once=secrets.token_urlsafe(16), drawn=drawn, fresh=fresh, told=told,
        serial=draw_words.serial, **seen,
    )  # fmt: skip
    return (page, 409) if told else page


def _draw_page(
    tx: Tx, code: str, who: Subscriber | None, stall: Stall, now: datetime
) -> dict[str, Any]:
    live = _live(tx, code)
    standing: Standing | None = None
    refused = ""
    have = points.balance(tx, who, now=now, expiring_days=1).usable if who else 0
    try:
        standing = people.look(tx, who or subscribers.STRANGER, code, now)
        if who is not None:
            people.check(tx, standing, who, now)
            if have < standing.price:
                raise NotDrawn("points", have=have, price=standing.price)
    except NotDrawn as why:
        refused = stall.says(why)
    prizes = [prize for prize in live.draw.prizes if not prize.is_blank]
    return {
        "draw": live.draw, "prizes": prizes, "who": who, "standing": standing, "have": have,
        "refused": refused, "free": tables.FREE, "earned": tables.EARNED,
    }  # fmt: skip


def _draw(stall: Stall, code: str) -> Page:
    """Draw for the price that was shown, once for each time that the form was shown."""
    who, now = stall.login.who(), stall.login.now()
    if who is None:
        return stall.login.ask(draw_words.page_of(code) if _CODE.fullmatch(code) else "/draws")
    once, price = request.form.get("once", ""), request.form.get("price", "")
    if not _ONCE.fullmatch(once) or not re.fullmatch(r"[0-9]{1,9}", price):
        return redirect(url_for("member.draw", code=code), 303)

    def work(tx: Tx) -> Drawn:
        _live(tx, code)
        held = subscribers.lock_id(tx, who.id)
        return drawing.draw(
            tx, held, code, key=f"page:{once}", channel="page", seeds=stall.seeds, now=now,
            at_most=int(price),
        )  # fmt: skip

    try:
        drawn = stall.login.store.run(work)
    except NotDrawn as why:
        log.info("not drawn", subscriber=who.id, draw=code, why=why.why)
        return _show(stall, code, who, told=stall.says(why))
    except RunAgain:
        log.warning("not drawn", subscriber=who.id, draw=code, why="collided")
        return redirect(url_for("member.draw", code=code), 303)
    log.info("drawn", subscriber=who.id, draw=code, result=drawn.result.id)
    return redirect(url_for("member.drawn", code=code, number=drawn.result.id, new=1), 303)


def _result(tx: Tx, who: Subscriber, code: str, number: int) -> Drawn | None:
    found = results.of(tx, who, draw_code=code, limit=1, before=number + 1)
    if not found or found[0].id != number:
        return None
    return drawing.drawn(tx, who, found[0])


def _odds(tx: Tx, code: str, who: Subscriber | None) -> dict[str, Any]:
    live = _live(tx, code)
    mine: list[Result] = []
    if who is not None:
        mine = results.of(tx, who, draw_code=code, limit=RESULTS_SHOWN)
    return {
        "draw": live.draw, "live": live, "days": seeds.days(tx, code, limit=DAYS_SHOWN),
        "mine": mine, "serial": draw_words.serial, "versions": publishing.history(tx, code),
        "ranges": _ranges(live),
    }  # fmt: skip


def _ranges(live: Live) -> list[tuple[Any, int, int]]:
    """(prize, first number, last number) of each prize that can be drawn by its number."""
    found, first = [], 0
    for prize in live.draw.prizes:
        if prize.odds_ppm:
            found.append((prize, first, first + prize.odds_ppm - 1))
            first += prize.odds_ppm
    return found


def _live(tx: Tx, code: str) -> Live:
    found = publishing.find(tx, code) if _CODE.fullmatch(code) else None
    if found is None:
        abort(404)
    return found
