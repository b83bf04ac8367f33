"""Giving a voucher to a friend: the number, then what will happen, then it has happened.

GET, POST /me/vouchers/<id>/give    step=ask shows the masked number, step=give gives
"""

from __future__ import annotations

from typing import Any

import redis
import structlog
from flask import Blueprint, redirect, render_template, request, url_for

from dialogs import pages, refusals, voucher_news
from handlers.voucher_pages import Page, Shelf, find, look
from models import subscribers
from models.base import Tx
from models.offers.terms import NotOffered
from models.points import day_of
from models.subscribers import Subscriber
from models.vouchers import giving
from models.vouchers.giving import NotGiven
from models.vouchers.vouchers import GIVEN, ISSUED
from sms.numbers import NotANumber, masked, msisdn

log = structlog.get_logger()

BAD_NUMBER = "这个手机号好像不对，请填11位手机号。"
TOO_OFTEN = "今天试过的号码太多了，请明天再送。"
A_DAY_S = 24 * 3600


def add_routes(blueprint: Blueprint, shelf: Shelf) -> None:
    """GET and POST /me/vouchers/<id>/give."""

    @blueprint.get(f"{pages.VOUCHERS}/<int:number>/give")
    def give_voucher(number: int) -> Page:
        who = shelf.login.who()
        if who is None:
            return shelf.login.ask(f"{pages.voucher(number)}/give")
        seen = shelf.login.store.read(lambda tx: look(tx, shelf, who, number))
        if seen["state"] != ISSUED or seen["held"].is_gift:
            return redirect(url_for("member.voucher", number=number), 303)
        return render_template("member/voucher_give.html", typed="", **seen)

    @blueprint.post(f"{pages.VOUCHERS}/<int:number>/give")
    def hand_voucher_over(number: int) -> Page:
        who = shelf.login.who()
        if who is None:
            return shelf.login.ask(f"{pages.voucher(number)}/give")
        return _give(shelf, who, number)


def _give(shelf: Shelf, who: Subscriber, number: int) -> Page:
    typed = request.form.get("phone", "").strip()[:40]
    try:
        phone = msisdn(typed)
    except NotANumber:
        return _again(shelf, who, number, typed, BAD_NUMBER)
    if request.form.get("step") != "give":
        return _ask(shelf, who, number, typed, phone)
    now = shelf.login.now()

    def work(tx: Tx) -> None:
        held = find(tx, who, number)
        owner = subscribers.lock_id(tx, who.id)
        friend = _friend(tx, phone)
        was = held.voucher.state
        voucher = giving.give(
            tx, owner, subscriber_id=held.voucher.subscriber_id, voucher_id=number, friend=friend,
            by="owner", now=now, most_a_day=shelf.limits.gifts_a_day,
        )  # fmt: skip
        if was != GIVEN:  # else the form was sent twice: both have been told
            voucher_news.given(tx, shelf.menus(), voucher, giver=owner, friend=friend, now=now)

    try:
        shelf.login.store.run(work)
    except (NotGiven, NotOffered) as refused:
        log.info("voucher not given", voucher=number, why=refused.why)
        return _again(shelf, who, number, typed, refusals.not_given(shelf.menus(), refused))
    shelf.nudged()
    log.info("voucher given", voucher=number)
    return redirect(url_for("member.voucher", number=number), 303)


def _ask(shelf: Shelf, who: Subscriber, number: int, typed: str, phone: str) -> Page:
    """What will happen, with the number as it may be shown; nothing has happened yet."""
    if _tried_too_often(shelf, who):
        return _again(shelf, who, number, typed, TOO_OFTEN)

    def read(tx: Tx) -> dict[str, Any]:
        held = find(tx, who, number)
        giving.may_give(
            tx, who, subscriber_id=held.voucher.subscriber_id, voucher_id=number,
            friend=_friend(tx, phone), now=shelf.login.now(),
            most_a_day=shelf.limits.gifts_a_day,
        )  # fmt: skip
        return look(tx, shelf, who, number)

    try:
        seen = shelf.login.store.read(read)
    except (NotGiven, NotOffered) as refused:
        return _again(shelf, who, number, typed, refusals.not_given(shelf.menus(), refused))
    return render_template("member/voucher_give_ask.html", phone=phone, shown=masked(phone), **seen)


def _again(shelf: Shelf, who: Subscriber, number: int, typed: str, mistake: str) -> Page:
    """The form once more, with what was typed and why it did not do."""
    seen = shelf.login.store.read(lambda tx: look(tx, shelf, who, number))
    page = render_template("member/voucher_give.html", typed=typed, mistake=mistake, **seen)
    return page, 400


def _friend(tx: Tx, phone: str) -> Subscriber:
    friend = subscribers.find(tx, "sms", phone)
    if friend is None:
        raise NotGiven("nobody")
    return friend


def _tried_too_often(shelf: Shelf, who: Subscriber) -> bool:
    """Count a try: who tries many numbers would learn who is with us."""
    key = f"pages:gifts:{day_of(shelf.login.now()):%Y%m%d}:{who.id}"
    try:
        with shelf.login.counters.pipeline() as steps:
            steps.incr(key)
            steps.expire(key, A_DAY_S)
            tries = int(steps.execute()[0])
    except redis.RedisError as down:
        log.warning("gift tries not counted", why=type(down).__name__)
        return False
    return tries > shelf.limits.gift_tries_a_day
