"""The H5 pages: my account, and the list of all the others.

GET /me   POST /logout    with a session; without one: member_login.py
GET /clubs...       club_pages.py, club_plans.py
GET /o/<number>     short_links.py          GET /offers...          offer_pages.py
GET /me/points...   statement_pages.py      GET /me/complaints...   complaint_pages.py
GET /me/feedback... feedback_pages.py       GET /me/surveys...  survey_pages.py
GET /me/vouchers... voucher_pages.py, voucher_gifts.py    GET /me/gift... gift_pages.py
GET /draws...       draw_pages.py           GET /me/prizes... prize_pages.py
GET /nearby...      nearby_pages.py
GET /me/messages... GET /me/notices         notice_pages.py
GET /i/<number>, /me/invitations...  invitation_pages.py
GET /activities...  GET /me/activities   GET /me/tasks        activity_pages.py
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import redis
from flask import Blueprint, Response, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from dialogs import club_words
from dialogs import pages as paths
from dialogs.dialog import Rules
from dialogs.engine import Engine
from handlers import (
    activity_pages,
    club_pages,
    complaint_pages,
    draw_pages,
    feedback_pages,
    gift_pages,
    invitation_pages,
    member_login,
    member_tier,
    member_words,
    nearby_pages,
    notice_pages,
    offer_pages,
    prize_pages,
    short_links,
    statement_pages,
    survey_pages,
    voucher_gifts,
    voucher_pages,
)
from handlers.club_pages import Lounge
from handlers.draw_pages import Stall
from handlers.gift_pages import Giving
from handlers.guards import Guard
from handlers.invitation_pages import Hall
from handlers.member_login import Login
from handlers.voucher_pages import Shelf
from integrations.wechat_api import WeChatApi
from menus.menus import Menus
from models import clubs, memberships, points
from models.base import Tx
from models.draws.seeds import Seeds
from models.points.gifts import GiftLimits
from models.store import Store
from models.subscribers import Subscriber
from sms.numbers import masked

if TYPE_CHECKING:
    import settings


def pages(
    *,
    store: Store,
    wechat: WeChatApi,
    counters: redis.Redis,
    public_url: str,
    limits: settings.Pages,
    points: settings.Points,
    vouchers: settings.Vouchers,
    menus: Callable[[], Menus],
    nudge: Callable[[Iterable[str]], None],
    rules: Rules,
    picture_kb: int,
    seeds: Seeds,
    gifts: GiftLimits,
    messages_a_page: int,
    engine: Engine,
    now: Callable[[], datetime],
) -> Blueprint:
    """All that a subscriber sees in a browser."""
    blueprint = Blueprint("member", __name__)
    guard = Guard(secure=public_url.startswith("https://"))
    login = Login(store, wechat, counters, guard, public_url, limits, now)
    feedback_pages.make_room(blueprint, login, picture_kb)
    guard.protect(blueprint, error_page=_error_page)
    member_words.add_to(blueprint, now=now)
    member_login.add_routes(blueprint, login)
    statement_pages.add_routes(blueprint, login, menus)
    short_links.add_routes(blueprint)
    shelf = Shelf(login, menus, nudge, vouchers, points.refund_grace_days)
    for pages in (offer_pages, voucher_pages, voucher_gifts):
        pages.add_routes(blueprint, shelf)
    complaint_pages.add_routes(blueprint, login, rules.complaining)
    draw_pages.add_routes(blueprint, Stall(login, menus, rules.seeds))
    feedback_pages.add_routes(blueprint, login, rules.hearing, picture_kb)
    survey_pages.add_routes(blueprint, login)
    prize_pages.add_routes(blueprint, login)
    gift_pages.add_routes(blueprint, Giving(login, menus, nudge, rules.gifts))
    nearby_pages.add_routes(blueprint, store, now)
    notice_pages.add_routes(blueprint, login, messages_a_page)
    club_pages.add_routes(blueprint, Lounge(login, engine, nudge))
    invitation_pages.add_routes(blueprint, Hall(login, menus, rules))
    activity_pages.add_routes(blueprint, activity_pages.Board(login, menus))
    rate = points

    @blueprint.get(paths.ACCOUNT)
    def account() -> BaseResponse | str:
        who = login.who()
        if who is None:
            return login.ask(paths.ACCOUNT)
        seen = store.read(lambda tx: _account(tx, who, rate, now()))
        return render_template("member/account.html", **seen)

    @blueprint.app_errorhandler(404)
    def nowhere(_: Exception) -> tuple[Response, int]:
        # Where no route is: a mistyped address deserves a sentence, too.
        return guard.dressed(_error_page(404)), 404

    return blueprint


def _account(tx: Tx, who: Subscriber, rate: settings.Points, now: datetime) -> dict[str, object]:
    balance, coins = points.balances(tx, who, now=now, expiring_days=rate.expiring_days)
    joined = memberships.all_of(tx, who)
    mine = {one.club.code for one in joined}
    return {
        "number": masked(who.msisdn) if who.msisdn else None,
        "balance": balance,
        "coins": coins,
        "value_fen": balance.total * rate.fen_per_1000 // 1000,
        "joined": joined,
        "standings": {one.club.code: club_words.standing(one) for one in joined},
        "others": [club for club in clubs.all_open(tx) if club.code not in mine],
        "by_wechat": who.openid is not None,
        "tier": member_tier.card(tx, who, now),
    }


def _error_page(status: int) -> str:
    return render_template(
        "member/sorry.html",
        words=member_words.sorry(status),
        again=request.path if request.method == "GET" else url_for("member.account"),
    )
