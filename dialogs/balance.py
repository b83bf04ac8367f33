"""Balance: what points somebody has, what expires soon, and what they can get."""

from __future__ import annotations

from dialogs.dialog import Dialog, Move, Talk
from models import points


class Balance(Dialog):
    reads_only = True

    def opened(self, talk: Talk) -> Move:
        if talk.subscriber.msisdn is None:
            return talk.end("points.unbound")
        has = points.balance(
            talk.tx, talk.subscriber, now=talk.now, expiring_days=talk.rules.expiring_days
        )
        shown = talk.rules.shelf.within_reach(
            talk.tx, has.usable, talk.rules.offers_shown, talk.now
        )
        return talk.end(
            "points.balance" if shown else "points.balance_small",
            consumption=has.consumption,
            promotional=has.promotional,
            total=has.total,
            held=has.held,
            expiring=has.expiring,
            expiring_by=has.expiring_by.isoformat() if has.expiring_by else "-",
            offers="、".join(f"{thing.title}({thing.price_points}分)" for thing in shown),
        )
