"""Subscribers for the load: each follows, has a bound number, and three lots of points.

Written in bulk; the balances stand without the transfers that would have made them, which a
balance query does not read.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.store import Store

FIRST_NUMBER = 13_900_000_000
PROMOTIONAL, EXPIRING = 300, 80

_MAKE = """
WITH made AS (
    INSERT INTO subscribers (created_at)
    SELECT now() FROM generate_series(1, %(count)s) RETURNING id
), numbered AS (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM made
), by_wechat AS (
    INSERT INTO subscriber_addresses (channel, address, subscriber_id, since, heard_at, open_until)
    SELECT 'wechat', 'o_bench_' || lpad(n::text, 20, '0'), id, now(), now(),
           now() + interval '48 hours' FROM numbered
), by_sms AS (
    INSERT INTO subscriber_addresses (channel, address, subscriber_id, since)
    SELECT 'sms', '+86' || (%(first)s + n), id, now() FROM numbered
)
INSERT INTO points_accounts (subscriber_id, unit, kind, expires_on, balance, legs)
SELECT id, 'points', lot.kind, current_date + lot.days, lot.points, 1
FROM numbered CROSS JOIN LATERAL (VALUES
    ('consumption', 700, 1000 + n %% 1000),
    ('promotional', 300, %(promotional)s::bigint),
    ('promotional', 15, %(expiring)s::bigint)
) AS lot (kind, days, points)
"""


@dataclass(frozen=True, slots=True)
class Person:
    """The n-th of them."""

    n: int

    @property
    def openid(self) -> str:
        return f"o_bench_{self.n:020d}"

    @property
    def points(self) -> int:
        return 1000 + self.n % 1000 + PROMOTIONAL + EXPIRING

    @property
    def masked(self) -> str:
        number = str(FIRST_NUMBER + self.n)
        return f"{number[:3]}****{number[-4:]}"


def make(store: Store, count: int) -> None:
    """Write `count` people, and let the planner know of them.

    Not of the tables that are still empty: it would plan for empty ones from then on.
    """
    values = {
        "count": count, "first": FIRST_NUMBER, "promotional": PROMOTIONAL, "expiring": EXPIRING,
    }  # fmt: skip
    with store.begin() as tx:
        # Past the trigger that refuses a balance without legs, and past the foreign keys.
        tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
        tx.exec_driver_sql(_MAKE, values)
    with store.reading() as tx:
        tx.exec_driver_sql("VACUUM ANALYZE subscribers, subscriber_addresses, points_accounts")
