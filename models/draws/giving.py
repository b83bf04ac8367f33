"""What a prize is when it is won: points at once, a voucher, a package asked of BOSS, a parcel.

points, coins   out of the draw's budget, into a lot of their own          given
voucher         its points out of the budget, to the merchant's account    given
data            a call owed to BOSS; points instead if it refuses           calling ...
parcel          the person says where to                                   wants_address ...
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from models import outbox, points, sql
from models.base import Tx
from models.draws import publishing, tables
from models.draws.definition import COINS, DATA, PARCEL, POINTS, VOUCHER, Prize
from models.draws.results import WON, Result, Won
from models.points import PROMOTIONAL, Cause, day_of
from models.subscribers import Subscriber, lock_id
from models.vouchers import granting

# How long the points are good that are given instead of a package.
INSTEAD_DAYS = 90


@dataclass(frozen=True, slots=True)
class Giving:
    """To whom, what, for which result."""

    who: Subscriber
    draw_code: str
    prize: Prize
    result_id: int
    channel: str
    now: datetime

    @property
    def cause(self) -> Cause:
        return Cause(
            f"draw-prize:{self.result_id}", "prize", self.channel, f"draw {self.draw_code}"
        )


@dataclass(frozen=True, slots=True)
class Given:
    """How the delivery begins."""

    state: str
    now: datetime
    serial: int | None = None
    voucher_id: int | None = None
    owed_id: int | None = None
    address_by: datetime | None = None

    def values(self, prize: Prize) -> dict[str, Any]:
        """What DELIVERED needs besides the result's facts."""
        return {
            "d_title": prize.title, "d_kind": prize.kind, "d_state": self.state,
            "d_serial": self.serial, "d_voucher": self.voucher_id, "d_owed": self.owed_id,
            "d_or_points": prize.or_points, "d_address_by": self.address_by,
        }  # fmt: skip

    def won(self, subscriber_id: int, result_id: int, result: Result, prize: Prize) -> Won:
        return Won(
            subscriber_id, result_id, result.draw_code, prize.code, prize.title, prize.kind,
            self.state, self.serial, self.voucher_id, self.owed_id, prize.or_points,
            self.address_by, None, None, None, None, None, None, self.now, self.now,
        )  # fmt: skip


# Written with the result, in one statement.
DELIVERED = """
    , delivered AS (INSERT INTO draw_deliveries (subscriber_id, result_id, draw_code, prize_code,
        title, kind, state, serial, voucher_id, owed_id, or_points, address_by, won_at, changed_at)
    SELECT %(subscriber_id)s, r.id, %(draw_code)s, %(prize)s, %(d_title)s, %(d_kind)s, %(d_state)s,
        %(d_serial)s, %(d_voucher)s, %(d_owed)s, %(d_or_points)s, %(d_address_by)s, %(at)s, %(at)s
    FROM r)
"""


def give(tx: Tx, what: Giving) -> Given:
    """Give the prize, or owe it. Raises NotEnough where the budget has not got it."""
    prize = what.prize
    if prize.kind in (POINTS, COINS):
        return Given(tables.GIVEN, what.now, serial=_points(tx, what))
    if prize.kind == VOUCHER:
        voucher = granting.grant(
            tx, what.who, prize.offer or "", key=f"draw-prize:{what.result_id}",
            paid_by=publishing.pays_from(what.draw_code), channel=what.channel,
            origin=f"draw {what.draw_code}", now=what.now,
        )  # fmt: skip
        return Given(tables.GIVEN, what.now, serial=voucher.serial, voucher_id=voucher.id)
    if prize.kind == DATA:
        arguments = {"msisdn": what.who.msisdn, "service": prize.service}
        owed_id = outbox.owe(
            tx, subscriber_id=what.who.id, kind="call", queue=outbox.CALL, now=what.now,
            payload={"service": "boss.open_service", "arguments": arguments},
        )  # fmt: skip
        return Given(tables.CALLING, what.now, owed_id=owed_id)
    if prize.kind == PARCEL:
        by = what.now + timedelta(days=prize.address_days)
        return Given(tables.WANTS_ADDRESS, what.now, address_by=by)
    raise AssertionError(f"nothing is given of a prize of the kind {prize.kind}")


def _points(tx: Tx, what: Giving) -> int:
    prize = what.prize
    last = day_of(what.now) + timedelta(days=prize.valid_days)
    return points.issue(
        tx, what.who, kind=PROMOTIONAL, points=prize.points or prize.coins or 0, expires_on=last,
        unit=points.COINS if prize.kind == COINS else points.POINTS, now=what.now,
        source=publishing.pays_from(what.draw_code), cause=what.cause,
    ).serial  # fmt: skip


def answered(tx: Tx, limit: int) -> list[tuple[int, int]]:
    """(subscriber id, result id) of packages that BOSS has answered about."""
    rows = sql.rows(
        tx,
        "SELECT w.subscriber_id, w.result_id FROM draw_deliveries w"
        " JOIN outbox o ON o.id = w.owed_id"
        " WHERE w.state = 'calling' AND o.state = 'answered' ORDER BY w.owed_id LIMIT %(limit)s",
        {"limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


def settle(tx: Tx, *, subscriber_id: int, result_id: int, now: datetime) -> Won | None:
    """Note what BOSS has answered about a package; None where it is noted already.

    Where it refused, the person gets the points that the draw promises instead.
    """
    who = lock_id(tx, subscriber_id)
    row = sql.first(
        tx,
        f"SELECT {WON}, o.result ->> 'state' FROM draw_deliveries w"
        " JOIN outbox o ON o.id = w.owed_id WHERE w.subscriber_id = %(id)s"
        " AND w.result_id = %(result)s AND w.state = 'calling' AND o.state = 'answered'",
        {"id": subscriber_id, "result": result_id},
    )
    if row is None:
        return None
    *columns, answer = row
    won = Won(*columns)
    state, serial = tables.GIVEN, won.serial
    if answer != "opened":
        state = tables.REFUSED
        if won.or_points:
            serial = points.issue(
                tx, who, kind=PROMOTIONAL, points=won.or_points,
                expires_on=day_of(now) + timedelta(days=INSTEAD_DAYS), now=now,
                source=publishing.pays_from(won.draw_code),
                cause=Cause(
                    f"draw-instead:{won.result_id}", "prize", "clock", f"draw {won.draw_code}"
                ),
            ).serial  # fmt: skip
    row = sql.one(
        tx,
        "UPDATE draw_deliveries w SET state = %(state)s, serial = %(serial)s, changed_at = %(now)s"
        f" WHERE subscriber_id = %(id)s AND result_id = %(result)s RETURNING {WON}",
        {
            "state": state, "serial": serial, "now": now, "id": won.subscriber_id,
            "result": won.result_id,
        },
    )  # fmt: skip
    return Won(*row)
