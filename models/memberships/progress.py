"""How far somebody is on the way to premium: tasks done in the club, points spent on its offers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time

from models import points, sql, tasks
from models.base import Tx
from models.memberships.rules import ClubRules, months_after
from models.points import SHANGHAI
from models.subscribers import Subscriber, family


@dataclass(frozen=True, slots=True)
class Progress:
    """What was done and what is needed; None: the club does not count it."""

    tasks: int
    tasks_needed: int | None
    spent: int
    spent_needed: int | None
    months: int  # back from today, in which it was done

    @property
    def reached(self) -> bool:
        """Whether any one of them is enough."""
        return (self.tasks_needed is not None and self.tasks >= self.tasks_needed) or (
            self.spent_needed is not None and self.spent >= self.spent_needed
        )


# What a person has paid for the club's offers and not got back: what was given to a friend counts
# for whoever paid, unless the friend has given it back.
_SPENT = """
    SELECT coalesce(sum(v.price_points), 0) FROM vouchers v
    JOIN offers o ON o.code = v.offer_code AND o.club_code = %(club)s
    LEFT JOIN voucher_gifts g ON g.subscriber_id = v.subscriber_id AND g.voucher_id = v.id
    LEFT JOIN vouchers f ON f.subscriber_id = g.to_subscriber_id AND f.id = g.to_voucher_id
    WHERE v.subscriber_id = ANY (%(ids)s) AND v.issued_at >= %(since)s
      AND v.paid_by IS NULL AND v.refund_serial IS NULL AND f.refund_serial IS NULL
      AND NOT EXISTS (SELECT 1 FROM voucher_gifts got
                      WHERE got.to_subscriber_id = v.subscriber_id AND got.to_voucher_id = v.id)
"""


def progress(tx: Tx, who: Subscriber, club_code: str, rule: ClubRules, now: datetime) -> Progress:
    """How far this person is, by what the club's rules count."""
    needs, months = rule.needs, rule.needs.within_months or 0
    day = months_after(points.day_of(now), -months)
    since = datetime.combine(day, time(), SHANGHAI).astimezone(UTC)
    done = spent = 0
    if needs.tasks is not None:
        done = tasks.done(tx, who.id, club_code, since)
    if needs.points_spent is not None:
        values = {"ids": family(tx, who.id), "club": club_code, "since": since}
        spent = int(sql.value(tx, _SPENT, values))
    return Progress(done, needs.tasks, spent, needs.points_spent, months)
