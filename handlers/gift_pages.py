"""Giving points to somebody else: the number and how many, then what will happen, then it has.

GET, POST /me/gift    step=ask shows the masked number, step=give gives     GET /me/gift/<serial>

The rules are those of dialogs/gift.py: the same limits a day, the same count of numbers tried.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import structlog
from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from dialogs import gift as chat
from dialogs import notices, pages
from handlers.member_login import Login
from menus.menus import Menus
from models import outbox, points, subscribers
from models.base import RunAgain, Tx
from models.points import Cause, KeyReused, NotEnough, gifts
from models.points.gifts import GIFT, GiftLimits, NobodyThere, OverLimit, ToOneself
from models.subscribers import Subscriber
from sms.numbers import NotANumber, masked, msisdn

log = structlog.get_logger()

Page = BaseResponse | str | tuple[str, int]
BAD_NUMBER = "这个手机号好像不对，请填11位手机号。"
ONESELF = "这是您自己的手机号，请填对方的手机号。"
NOBODY = "对方还没有用过和生活圈，赠不了。请对方先发短信JF或在微信里用一次，再来转赠。"
TOO_OFTEN = "您今天试过的号码太多了，请明天再来转赠。"
BAD_AMOUNT = "请填要转赠的积分，只填数字，至少1积分。"
NOT_ENOUGH = "您的积分不够，现在有{have}积分可用。"
OVER_LIMIT = "超过了每天转赠的上限，今天最多还能赠{left}积分。"
NO_MORE_TODAY = "您今天转赠的次数或积分已经到了上限，请明天再来。"
_ONCE = re.compile(r"[A-Za-z0-9_-]{22}")
_AMOUNT = re.compile(r"[0-9]{1,9}")


class Refused(Exception):
    """It cannot be given: `words` says why, `field` where ("phone", "points", or neither)."""

    def __init__(self, words: str, field: str = "") -> None:
        super().__init__(words)
        self.words = words
        self.field = field


@dataclass(frozen=True, slots=True)
class Giving:
    """What the pages of gifts need."""

    login: Login
    menus: Callable[[], Menus]
    nudge: Callable[[Iterable[str]], None]
    limits: GiftLimits


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody has filled in."""

    phone: str
    points: str

    @property
    def number(self) -> str:
        """The friend's number, as E.164. Raises Refused."""
        try:
            return msisdn(self.phone)
        except NotANumber as wrong:
            raise Refused(BAD_NUMBER, "phone") from wrong

    @property
    def amount(self) -> int:
        """Raises Refused."""
        if not _AMOUNT.fullmatch(self.points) or not int(self.points):
            raise Refused(BAD_AMOUNT, "points")
        return int(self.points)


def add_routes(blueprint: Blueprint, giving: Giving) -> None:
    """GET and POST /me/gift, GET /me/gift/<serial>."""

    @blueprint.get(pages.GIFT)
    def gift() -> Page:
        who = giving.login.who()
        if who is None:
            return giving.login.ask(pages.GIFT)
        return _form(giving, who, Wanted("", ""))

    @blueprint.post(pages.GIFT)
    def give_gift() -> Page:
        who = giving.login.who()
        if who is None:
            return giving.login.ask(pages.GIFT)
        wanted = Wanted(*(request.form.get(name, "").strip()[:40] for name in ("phone", "points")))
        try:
            if request.form.get("step") == "give":
                return _give(giving, who, wanted)
            return _ask(giving, who, wanted)
        except Refused as refused:
            log.info("points not given", subscriber=who.id, where=refused.field)
            return _form(giving, who, wanted, refused)

    @blueprint.get(f"{pages.GIFT}/<int:serial>")
    def gift_given(serial: int) -> Page:
        who = giving.login.who()
        if who is None:
            return giving.login.ask(pages.GIFT)
        seen = giving.login.store.read(lambda tx: _given(tx, giving, who, serial))
        if seen is None:
            abort(404)
        return render_template("member/gift_given.html", **seen)


def _form(giving: Giving, who: Subscriber, wanted: Wanted, why: Refused | None = None) -> Page:
    """The form, with what was typed and why it did not do."""
    seen = giving.login.store.read(lambda tx: _standing(tx, giving, who))
    page = render_template("member/gift.html", wanted=wanted, refused=why, who=who, **seen)
    return (page, 400) if why else page


def _standing(tx: Tx, giving: Giving, who: Subscriber) -> dict[str, Any]:
    now = giving.login.now()
    return {
        "have": points.balance(tx, who, now=now, expiring_days=1).usable,
        "left": gifts.given_today(tx, who, now=now).left(giving.limits),
        "limits": giving.limits,
    }


def _ask(giving: Giving, who: Subscriber, wanted: Wanted) -> Page:
    """What will happen, with the number as it may be shown; nothing has happened yet."""
    number, amount = wanted.number, wanted.amount

    def work(tx: Tx) -> dict[str, Any] | None:
        held = subscribers.lock_id(tx, who.id)
        seen = _check(tx, giving, held, number, amount)
        if not gifts.try_number(tx, held, limits=giving.limits, now=giving.login.now()):
            return None  # kept: the transaction commits
        return seen | {"friend": _friend(tx, number)}

    seen = giving.login.store.run(work)
    if seen is None:
        raise Refused(TOO_OFTEN, "phone")
    if seen.pop("friend") is None:
        raise Refused(NOBODY, "phone")
    return render_template(
        "member/gift_ask.html", phone=number, shown=masked(number), points=amount,
        once=secrets.token_urlsafe(16), **seen,
    )  # fmt: skip


def _give(giving: Giving, who: Subscriber, wanted: Wanted) -> Page:
    """Give what was agreed to, once for each time that the question was shown."""
    number, amount, once = wanted.number, wanted.amount, request.form.get("once", "")
    if not _ONCE.fullmatch(once):
        return redirect(url_for("member.gift"), 303)
    now = giving.login.now()
    cause = Cause(f"page:gift:{once}", GIFT, "page", f"page {once}")

    def work(tx: Tx) -> int | None:
        payer = subscribers.lock_id(tx, who.id)
        if points.find(tx, cause.key) is None:
            _check(tx, giving, payer, number, amount)
            if gifts.tried_too_many(tx, payer, limits=giving.limits, now=now):
                raise Refused(TOO_OFTEN, "phone")
        friend = _friend(tx, number)
        if friend is None:  # gone since the question; or nobody asked it, and this is a guess
            more = replace(giving.limits, tries_a_day=giving.limits.tries_a_day + 1)
            gifts.try_number(tx, payer, limits=more, now=now)
            return None
        made = gifts.give(
            tx, payer=payer, payee=friend, points=amount, limits=giving.limits, cause=cause,
            now=now,
        )  # fmt: skip
        if made.fresh:  # else the form was sent twice: the friend has been told
            notices.tell(
                tx, giving.menus(), friend, "give.received", kind="gifts", page=pages.POINTS,
                now=now, points=amount, phone=masked(payer.msisdn or ""),
            )  # fmt: skip
        return made.serial

    try:
        serial = giving.login.store.run(work)
    except NotEnough as short:
        raise Refused(NOT_ENOUGH.format(have=short.have), "points") from short
    except OverLimit as over:
        raise Refused(NO_MORE_TODAY) from over
    except (NobodyThere, ToOneself) as gone:
        raise Refused(NOBODY, "phone") from gone
    except (KeyReused, RunAgain):
        return redirect(url_for("member.gift"), 303)
    if serial is None:
        raise Refused(NOBODY, "phone")
    giving.nudge((outbox.REPLY, outbox.BULK))
    log.info("points given", subscriber=who.id, serial=serial)
    return redirect(url_for("member.gift_given", serial=serial), 303)


def _check(tx: Tx, giving: Giving, payer: Subscriber, number: str, amount: int) -> dict[str, Any]:
    """Where the payer stands. Raises Refused: before anybody is looked up, so it tells nothing."""
    seen = _standing(tx, giving, payer)
    if payer.msisdn is None or not seen["left"]:
        raise Refused(NO_MORE_TODAY)
    if number == payer.msisdn:
        raise Refused(ONESELF, "phone")
    if amount > seen["have"]:
        raise Refused(NOT_ENOUGH.format(have=seen["have"]), "points")
    if amount > seen["left"]:
        raise Refused(OVER_LIMIT.format(left=seen["left"]), "points")
    return seen


def _friend(tx: Tx, number: str) -> Subscriber | None:
    friend = subscribers.find(tx, "sms", number)
    return friend if friend is not None and chat.can_get(friend) else None


def _given(tx: Tx, giving: Giving, who: Subscriber, serial: int) -> dict[str, Any] | None:
    made = gifts.made(tx, who, serial) if serial < 2**63 else None
    if made is None:
        return None
    friend = subscribers.by_now(tx, made.payee)
    shown = masked(friend.msisdn) if friend.msisdn else "对方"
    return {"made": made, "shown": shown, **_standing(tx, giving, who)}
