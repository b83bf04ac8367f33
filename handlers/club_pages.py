"""Clubs on the phone: which there are, one of them with one's membership, and what can be done.

GET /clubs                        all of them, for everybody
GET /clubs/<code>                 what it is, how one stands, progress, services, tickets, offers
GET, POST /clubs/<code>/<act>     join, premium, renew, renew-premium, suspend, resume, leave

Each act shows first what will happen and what it costs; the form carries that, and it is looked at
again when it comes back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from dialogs import club_acts, club_words, pages
from dialogs.engine import Engine
from handlers import club_plans, member_words
from handlers.club_plans import Plan
from handlers.member_login import Login, is_in_wechat
from models import catalogue, clubs, consents, memberships, outbox, points, subscribers
from models.base import RunAgain, Tx
from models.clubs import ACTIVE, Club
from models.memberships import PREMIUM, ClubRules, Membership, NotAllowed, Rules, Service
from models.offers import looking
from models.offers.looking import Card
from models.subscribers import Subscriber

log = structlog.get_logger()

CLUB_OFFERS = 50  # on the page of a club
_CODE = re.compile(r"[a-z0-9_-]{1,32}")
# What is said on the club's page after an act.
DONE = {
    "join": "收到，正在为您开通，办好后发消息告诉您。",
    "premium": "升级好了，您现在是高级会员。",
    "renew": "续好了，谢谢您！",
    "renew-premium": "续好了，谢谢您！",
    "suspend": "收到，正在为您暂停，办好后发消息告诉您。",
    "resume": "收到，正在为您恢复，办好后发消息告诉您。",
    "leave": "收到，正在为您退会，办好后发消息告诉您。",
}
CHANGED = "刚刚有变化，还没有办理，请重新看一下。"
BIND_FIRST = "要先绑定手机号：回到公众号，发送“绑定”，一分钟就好。"
Page = BaseResponse | str | tuple[str, int]


@dataclass(frozen=True, slots=True)
class Lounge:
    """What the pages of clubs need."""

    login: Login
    engine: Engine
    nudge: Callable[[Iterable[str]], None]

    def says(self, club: Club, why: NotAllowed) -> str:
        """Why something cannot be done, in words."""
        key, values = club_words.refused(club.name, why)
        return self.engine.menus().text(key, channel="wechat", **values)


def add_routes(blueprint: Blueprint, lounge: Lounge) -> None:
    """The list, a club, and what can be done there."""

    @blueprint.get(pages.CLUBS)
    def clubs_list() -> Page:
        who = lounge.login.who()

        def read(tx: Tx) -> dict[str, Any]:
            mine = memberships.all_of(tx, who) if who else []
            return {
                "clubs": clubs.all_open(tx),
                "mine": {one.club.code: club_words.standing(one) for one in mine},
            }

        return render_template("member/clubs.html", who=who, **lounge.login.store.read(read))

    @blueprint.get(f"{pages.CLUBS}/<code>")
    def club(code: str) -> Page:
        found = _find(lounge, code)
        who, now = lounge.login.who(), lounge.login.now()
        if who is None:
            return lounge.login.ask(pages.club(code))
        seen = lounge.login.store.read(lambda tx: _club(tx, who, found, now))
        told = DONE.get(request.args.get("done", ""), "")
        return render_template("member/club.html", told=told, **seen)

    @blueprint.get(f"{pages.CLUBS}/<code>/<act>")
    def club_act(code: str, act: str) -> Page:
        found = _find(lounge, code, act)
        who = lounge.login.who()
        if who is None:
            return lounge.login.ask(f"{pages.club(code)}/{act}")
        return _show(lounge, who, found, act)

    @blueprint.post(f"{pages.CLUBS}/<code>/<act>")
    def club_do(code: str, act: str) -> Page:
        found = _find(lounge, code, act)
        who = lounge.login.who()
        if who is None:
            return lounge.login.ask(f"{pages.club(code)}/{act}")
        return _do(lounge, who, found, act)


def _find(lounge: Lounge, code: str, act: str | None = None) -> Club:
    """The club that takes members, or any that this person could be in; else a 404."""
    if not _CODE.fullmatch(code) or (act is not None and act not in club_plans.ACTS):
        abort(404)

    def read(tx: Tx) -> Club | None:
        found = clubs.find(tx, code)
        if found is None and act != "join":  # closed to newcomers; members stay
            who = lounge.login.who()
            mine = memberships.all_of(tx, who) if who else []
            return next((one.club for one in mine if one.club.code == code), None)
        return found

    club = lounge.login.store.read(read)
    if club is None:
        abort(404)
    return club


def _show(lounge: Lounge, who: Subscriber, club: Club, act: str, told: str = "") -> Page:
    """Ask for an act, or say why it cannot be done."""
    plan: Plan | None = None
    refused = BIND_FIRST if act in club_plans.DIALOGS and who.msisdn is None else ""
    if not refused:
        now = lounge.login.now()
        try:
            plan = lounge.login.store.read(lambda tx: club_plans.plan(tx, who, club, act, now))
        except NotAllowed as why:
            refused = lounge.says(club, why)
    page = render_template(
        "member/club_act.html", club=club, act=act, plan=plan, refused=refused, told=told
    )
    return (page, 409) if told else page


def _do(lounge: Lounge, who: Subscriber, club: Club, act: str) -> Page:
    """Do what was agreed to, once; what has changed since is shown anew."""
    agreed, now = request.form.get("agreed", ""), lounge.login.now()
    origin = f"page:{act}:{club.code}"

    def work(tx: Tx) -> bool:
        held = subscribers.lock_id(tx, who.id)
        if act in club_plans.DIALOGS and held.msisdn is None:
            return False
        plan = club_plans.plan(tx, held, clubs.named(tx, club.code), act, now)
        if plan.agreed != agreed:
            return False
        consents.keep(
            tx, subscriber_id=held.id, subject=consents.to_club(club.code, act), granted=True,
            question=plan.question, answer=plan.button, message_key=origin, asked_at=None, now=now,
        )  # fmt: skip
        if act in club_plans.DIALOGS:
            dialog = club_plans.DIALOGS[act]
            club_acts.begin(tx, lounge.engine, held, dialog, club=club.code, origin=origin, now=now)
        elif agreed == club_plans.REACHED:
            _reach(tx, held, club.code, origin, now)
        else:
            memberships.pay(
                tx, held, club.code, agreed=agreed, channel="page", origin=origin, now=now
            )
        return True

    try:
        done = lounge.login.store.run(work)
    except NotAllowed as why:
        log.info("not done in a club", subscriber=who.id, club=club.code, act=act, why=why.why)
        return _show(lounge, who, club, act, told=lounge.says(club, why))
    except RunAgain:
        log.warning("collided in a club", subscriber=who.id, club=club.code, act=act)
        done = False
    if not done:
        return _show(lounge, who, club, act, told=CHANGED)
    log.info("done in a club", subscriber=who.id, club=club.code, act=act)
    lounge.nudge((outbox.REPLY, outbox.CALL))
    return redirect(url_for("member.club", code=club.code, done=act), 303)


def _reach(tx: Tx, held: Subscriber, code: str, origin: str, now: datetime) -> None:
    """Premium for what was done: the plan has just found that it is enough."""
    one, rules = memberships.find(tx, held, code), memberships.live(tx)
    if one is not None:
        memberships.reach_premium(tx, held, one, rules, origin=origin, now=now)


# -- what the page of a club shows -----------------------------------------------------------------


def _club(tx: Tx, who: Subscriber, club: Club, now: datetime) -> dict[str, object]:
    rules, mine = memberships.live(tx), memberships.find(tx, who, club.code)
    if mine is not None and mine.state in clubs.NO_MEMBER:
        mine = None
    rule = rules.of(club.code)
    offers = looking.live(tx, now, club=club.code, limit=CLUB_OFFERS)
    listed = _services(rule, offers)
    named = {card.offer.code for _, card in listed if card is not None}
    return {
        "club": club,
        "mine": mine,
        "standing": club_words.standing(mine) if mine else "",
        "acts": _acts(tx, who, mine, rules, now) if mine else [],
        "premium": _premium(tx, who, mine, rule, now),
        "services": listed,
        "days": member_words.by_day(catalogue.upcoming_screenings(tx, club.code, now)),
        "offers": [card for card in offers if card.offer.code not in named],
        "in_wechat": is_in_wechat(),
    }


def _services(rule: ClubRules, offers: list[Card]) -> list[tuple[Service, Card | None]]:
    live = {card.offer.code: card for card in offers}
    return [
        (service, live.get(service.offer or ""))
        for service in rule.services
        if service.offer is None or service.offer in live
    ]


def _premium(
    tx: Tx, who: Subscriber, mine: Membership | None, rule: ClubRules, now: datetime
) -> dict[str, object] | None:
    """The way to premium, or what it gives; None: the club has none."""
    if rule.premium is None:
        return None
    active = mine is not None and mine.state == ACTIVE
    if mine is None or mine.is_premium or not active:
        return {"benefits": rule.benefits, "progress": None, "price": None}
    return {
        "benefits": rule.benefits,
        "progress": memberships.progress(tx, who, mine.club.code, rule, now),
        "price": rule.premium.price_points,
    }


def _acts(
    tx: Tx, who: Subscriber, mine: Membership, rules: Rules, now: datetime
) -> list[tuple[str, str]]:
    """(act, words) of what can be done with a membership now."""
    if mine.state == clubs.SUSPENDED:
        return [("resume", "恢复会员"), ("leave", "退会")]
    if mine.state != ACTIVE:
        return []
    today, acts = points.day_of(now), []
    soon = today + timedelta(days=rules.renew_days)
    if mine.ends_on is not None and mine.ends_on <= soon:
        acts.append(("renew", "续会籍"))
    rule = rules.of(mine.club.code).premium
    sold = rule is not None and rule.price_points is not None
    if mine.level == PREMIUM and mine.premium_until and mine.premium_until <= soon and sold:
        acts.append(("renew-premium", "续高级会员"))
    return [*acts, ("suspend", "暂停会员"), ("leave", "退会")]
