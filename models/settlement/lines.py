"""Lines: what fell due in a period, verification by verification, then what was taken off again.

    verifications (due_on)  ─┐
                             ├─▶ in the order of (deducted, due day, moment, voucher), as it comes
    deductions    (on_day)  ─┘

A million lines take no more memory than a page of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast

import psycopg

from models import sql
from models.base import Tx

ROWS_AT_ONCE = 1000  # fetched from the server
Key = tuple[bool, date, datetime, int]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a verification, or a deduction with `cents` below nothing and a `why`.

    `due_on`, for a deduction its day, is what brings it into its period.
    """

    due_on: date
    at: datetime
    voucher_id: int
    serial: int
    title: str
    store_no: int | None
    points: int
    cents: int
    why: str

    @property
    def key(self) -> Key:
        """Its place: verifications, then deductions, each as they fell due."""
        return bool(self.why), self.due_on, self.at, self.voucher_id

    def evidence(self) -> bytes:
        """What a statement's digest is over: one line of text a line."""
        return (
            f"{self.at.astimezone(UTC).isoformat()} {self.voucher_id} {self.serial}"
            f" {self.store_no or ''} {self.points} {self.cents}\n"
        ).encode()


VERIFIED_LINES = """
    SELECT n.due_on, n.at, v.id, v.serial, v.title, n.store_no, v.price_points, n.cents, ''
    FROM verifications n JOIN vouchers v
        ON v.subscriber_id = n.subscriber_id AND v.id = n.voucher_id
    WHERE n.merchant_code = %(merchant)s AND n.due_on BETWEEN %(first)s AND %(last)s
        AND n.undone_at IS NULL
"""
DEDUCTED_LINES = """
    SELECT d.on_day, d.at, v.id, v.serial, v.title, NULL, -d.points, -d.cents, d.why
    FROM settlement_deductions d JOIN vouchers v
        ON v.subscriber_id = d.subscriber_id AND v.id = d.voucher_id
    WHERE d.merchant_code = %(merchant)s AND d.on_day BETWEEN %(first)s AND %(last)s
"""


def of(tx: Tx, merchant: str, first: date, last: date) -> Iterator[Line]:
    """What fell due from the first to the last day, in its order, as it comes.

    One statement of the server for all of them: `unhurried` (points.closings) where they are many.
    """
    driver = cast("psycopg.Connection[Any]", tx.connection.driver_connection)
    values = {"merchant": merchant, "first": first, "last": last}
    for part in (VERIFIED_LINES + "ORDER BY 1, 2, 3", DEDUCTED_LINES + "ORDER BY 1, 2, 3"):
        with driver.cursor() as cursor:
            for row in cursor.stream(part, values, size=ROWS_AT_ONCE):
                yield Line(*row)


def page(
    tx: Tx, merchant: str, first: date, last: date, *, limit: int, after: Key | None = None
) -> list[Line]:
    """The same lines, so many of them; the next page begins `after` the key of the last one."""
    beginning = {"day": first, "at": datetime.min.replace(tzinfo=UTC), "id": 0}
    deducted, day, at, number = after or (False, *beginning.values())
    values: dict[str, Any] = {
        "merchant": merchant, "first": first, "last": last, "limit": limit, "day": day, "at": at,
        "id": number,
    }  # fmt: skip
    found: list[sql.Row] = []
    if not deducted:
        found = sql.rows(
            tx,
            VERIFIED_LINES + " AND (n.due_on, n.at, n.voucher_id) > (%(day)s, %(at)s, %(id)s)"
            " ORDER BY n.due_on, n.at, n.voucher_id LIMIT %(limit)s",
            values,
        )  # fmt: skip
        values |= beginning
    if len(found) < limit:
        found += sql.rows(
            tx,
            DEDUCTED_LINES + " AND (d.on_day, d.at, d.voucher_id) > (%(day)s, %(at)s, %(id)s)"
            " ORDER BY d.on_day, d.at, d.voucher_id LIMIT %(limit)s",
            values | {"limit": limit - len(found)},
        )
    return [Line(*row) for row in found]


@dataclass(frozen=True, slots=True)
class Sum:
    """How many lines, their points and cents, and the digest over all of them."""

    lines: int
    points: int
    cents: int
    digest: bytes


def sum_up(found: Iterable[Line]) -> Sum:
    """What a statement says of these lines."""
    count = spent = cents = 0
    digest = hashlib.sha256()
    for line in found:
        count, spent, cents = count + 1, spent + line.points, cents + line.cents
        digest.update(line.evidence())
    return Sum(count, spent, cents, digest.digest())
