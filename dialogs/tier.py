"""Tier: which one somebody has and until when, what it brings, and what is missing to the next."""

from __future__ import annotations

from datetime import date

from dialogs import pages
from dialogs.dialog import Dialog, Move, Talk
from models import tiers

BENEFITS_SAID = 2  # of a tier, each of 20 characters at most; the page has all


class Tier(Dialog):
    reads_only = True

    def opened(self, talk: Talk) -> Move:
        if talk.subscriber.msisdn is None:
            return talk.end("my_tier.unbound")
        seen = tiers.both(talk.tx, talk.subscriber.id, talk.now)
        if seen is None:
            return talk.end("my_tier.none")
        has, ahead = seen
        name, benefits = has.tier.name, "、".join(has.tier.benefits[:BENEFITS_SAID])
        if has.in_grace:
            return talk.end(
                "my_tier.grace", tier=name, until=_day(has.valid_until), benefits=benefits,
                missing=ahead.keep_missing, page=pages.ACCOUNT,
            )  # fmt: skip
        if ahead.next is None:
            return talk.end(
                "my_tier.highest", tier=name, until=_day(has.valid_until), benefits=benefits,
                page=pages.ACCOUNT,
            )  # fmt: skip
        if has.valid_until is None:
            return talk.end(
                "my_tier.lowest", tier=name, benefits=benefits, next=ahead.next.name,
                missing=ahead.missing, page=pages.ACCOUNT,
            )  # fmt: skip
        return talk.end(
            "my_tier.between", tier=name, until=_day(has.valid_until), benefits=benefits,
            next=ahead.next.name, missing=ahead.missing, page=pages.ACCOUNT,
        )  # fmt: skip


def _day(day: date | None) -> str:
    return f"{day.year}年{day.month}月{day.day}日" if day else ""
