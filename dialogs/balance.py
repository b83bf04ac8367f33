"""Balance: what points somebody has, what expires soon, and what they can get."""

from __future__ import annotations

from datetime import date

from dialogs import offer_words
from dialogs.dialog import Dialog, Move, Talk
from models import points


class Balance(Dialog):
    reads_only = True

    def opened(self, talk: Talk) -> Move:
        if talk.subscriber.msisdn is None:
            return talk.end("points.unbound")
        has, coins = points.balances(
            talk.tx, talk.subscriber, now=talk.now, expiring_days=talk.rules.expiring_days
        )
        shown = talk.rules.shelf.within_reach(
            talk.tx, has.usable, talk.rules.offers_shown, talk.now
        )
        also = ""
        if coins.total:
            also = talk.menus.text(
                "points.also_coins", channel=talk.channel, coins=coins.total
            )  # fmt: skip
        offers = offer_words.named(shown)
        if has.held:  # one sentence with all: a second SMS would cost as much as the first
            return talk.end(
                ("points.held_expiring" if has.expiring else "points.held")
                if shown
                else ("points.held_small_expiring" if has.expiring else "points.held_small"),
                total=has.total,
                also=also,
                consumption=has.consumption,
                promotional=has.promotional,
                held=has.held,
                usable=has.usable,
                expiring=has.expiring,
                expiring_by=month_and_day(has.expiring_by),
                offers=offers,
            )
        return talk.end(
            ("points.balance_expiring" if has.expiring else "points.balance")
            if shown
            else ("points.balance_small_expiring" if has.expiring else "points.balance_small"),
            total=has.total,
            also=also,
            consumption=has.consumption,
            promotional=has.promotional,
            expiring=has.expiring,
            expiring_by=month_and_day(has.expiring_by),
            offers=offers,
        )


def month_and_day(day: date | None) -> str:
    """2026-12-12 -> "12月12日"."""
    return f"{day.month}月{day.day}日" if day else ""
