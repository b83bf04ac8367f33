"""How offers and vouchers are put in words: prices, days, places; short enough for two SMS."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from models.offers.looking import Place
from models.offers.shelf import Attainable
from models.offers.terms import DAY_MINUTES, EVERY_DAY, Offer
from models.points import SHANGHAI

# Longer names are cut in a message: what a merchant writes may have 60 letters.
TITLE_LETTERS, SHOP_LETTERS, PLACE_LETTERS = 14, 10, 22
LISTED_TITLE_LETTERS = 10
NAMED_LETTERS = 40  # of the things that points can get, within a sentence
_WEEKDAYS = "一二三四五六日"


def clipped(text: str, letters: int) -> str:
    """At most so many letters, the last of them … where some are missing."""
    return text if len(text) <= letters else text[: letters - 1] + "…"


def yuan(fen: int) -> str:
    """500 -> "5", 550 -> "5.5"."""
    return format((Decimal(fen) / 100).normalize(), "f")


def price(offer: Offer) -> str:
    """ "500积分加15元"."""
    return points_and_money(offer.price_points, offer.price_fen)


def points_and_money(points: int, fen: int) -> str:
    """The same of any price."""
    return f"{points}积分" + (f"加{yuan(fen)}元" if fen else "")


def title(text: str) -> str:
    """What is offered, as a message says it."""
    return clipped(text, TITLE_LETTERS)


def shop(text: str) -> str:
    """A merchant, as a message says it."""
    return clipped(text, SHOP_LETTERS)


def where(places: Sequence[Place]) -> str:
    """ "五一大道88号", or of several stores the first: "五一大道88号等3家店"."""
    if not places:
        return "店里"
    more = f"等{len(places)}家店" if len(places) > 1 else ""
    return clipped(places[0].address, PLACE_LETTERS - len(more)) + more


def named(things: Sequence[Attainable]) -> str:
    """ "剪发券（900分）、米粉一碗（400分）": as many as a message has room for, at least one."""
    said = ""
    for thing in things:
        one = f"{clipped(thing.title, LISTED_TITLE_LETTERS)}（{thing.price_points}分）"
        if said and len(said) + len(one) > NAMED_LETTERS:
            break
        said = f"{said}、{one}" if said else one
    return said


def last_day(valid_until: datetime) -> str:
    """The last day of a voucher, in China: "12月22日"."""
    day = (valid_until - timedelta(microseconds=1)).astimezone(SHANGHAI).date()
    return f"{day.month}月{day.day}日"


def moment(at: datetime) -> str:
    """ "12月1日9:30", in China."""
    local = at.astimezone(SHANGHAI)
    return f"{local.month}月{local.day}日{local.hour}:{local.minute:02d}"


def weekdays(bits: int) -> str:
    """ "周一到周五", "周六、周日"."""
    if bits == EVERY_DAY:
        return "每天"
    chosen = [day for day in range(7) if bits >> day & 1]
    if len(chosen) > 2 and chosen == list(range(chosen[0], chosen[-1] + 1)):
        return f"周{_WEEKDAYS[chosen[0]]}到周{_WEEKDAYS[chosen[-1]]}"
    return "、".join(f"周{_WEEKDAYS[day]}" for day in chosen)


def hours(from_minute: int, until_minute: int) -> str:
    """ "9:00到17:30"."""
    return f"{_clock(from_minute)}到{_clock(until_minute)}"


def _clock(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02d}"


def terms(offer: Offer) -> list[str]:
    """The limits of an offer, a sentence each; nothing where there are none."""
    said = []
    if offer.starts_at is not None:
        said.append(f"{moment(offer.starts_at)}开始兑换")
    if offer.ends_at is not None:
        said.append(f"兑换到{moment(offer.ends_at)}为止")
    if offer.weekdays != EVERY_DAY:
        said.append(f"{weekdays(offer.weekdays)}可以兑换")
    if (offer.from_minute, offer.until_minute) != (0, DAY_MINUTES):
        said.append(f"每天{hours(offer.from_minute, offer.until_minute)}可以兑换")
    if offer.per_person is not None:
        said.append(f"每人一共可以换{offer.per_person}次")
    if offer.per_person_day is not None:
        said.append(f"每人每天可以换{offer.per_person_day}次")
    if offer.level == "premium":
        said.append("高级会员专享")
    return said


def code(short: str) -> str:
    """1234567890 -> "123 456 7890", as people read it aloud."""
    return f"{short[:3]} {short[3:6]} {short[6:]}"
