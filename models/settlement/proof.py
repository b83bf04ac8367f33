"""Proof: every statement says what its lines say, and every point and fen is where it should be.

    statement ─▶ lines ─▶ voucher ─▶ transfer in the ledger          payments ─▶ statements

Each check names the first row that breaks its rule; memory stays flat whatever there is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, groupby
from typing import Any, cast

import psycopg

from models import sql
from models.base import Tx
from models.points import closings, day_of
from models.settlement import periods
from models.settlement.lines import (
    DEDUCTED_LINES,
    ROWS_AT_ONCE,
    VERIFIED_LINES,
    Line,
    Sum,
    sum_up,
)
from models.settlement.statements import COLUMNS, Statement

# What is due is stated by then; the clock makes statements shortly after midnight.
STATED_WITHIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Check:
    """A rule, how many rows break it, and the first of them."""

    name: str
    rule: str
    wrong: int
    first: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Report:
    checks: list[Check]
    statements: int
    lines: int
    fen: int
    points: int
    took_s: float

    @property
    def ok(self) -> bool:
        return not any(check.wrong for check in self.checks)


# name, rule, the rows that break it: in SQL, ordered, each with what names it.
_RULES: tuple[tuple[str, str, str], ...] = (
    (
        "vouchers",
        "every line is a voucher of this merchant, used, worth what it was agreed to be worth",
        """SELECT s.id AS statement, v.id AS voucher, v.state, n.cents, v.pays_cents
           FROM settlement_statements s JOIN verifications n ON n.merchant_code = s.merchant_code
               AND n.due_on BETWEEN s.first AND s.last AND n.undone_at IS NULL
           LEFT JOIN vouchers v ON v.subscriber_id = n.subscriber_id AND v.id = n.voucher_id
           WHERE (v.merchant_code, v.state, v.pays_cents)
               IS DISTINCT FROM (n.merchant_code, 'verified', n.cents)""",
    ),
    (
        "transfers",
        "every line was paid by a transfer of its points into the merchant's account",
        """SELECT s.id AS statement, v.id AS voucher, v.serial, v.price_points,
               l.points AS transferred
           FROM settlement_statements s JOIN verifications n ON n.merchant_code = s.merchant_code
               AND n.due_on BETWEEN s.first AND s.last AND n.undone_at IS NULL
           JOIN vouchers v ON v.subscriber_id = n.subscriber_id AND v.id = n.voucher_id
           LEFT JOIN LATERAL (SELECT sum(points) AS points FROM points_legs
               WHERE serial = v.serial AND payee_id = 0 AND unit = 'points'
                   AND payee_kind = 'merchant:' || n.merchant_code) l ON true
           WHERE l.points IS DISTINCT FROM v.price_points""",
    ),
    (
        "refunds",
        "no line's points went back without a deduction that says so",
        """SELECT n.merchant_code AS merchant, v.id AS voucher, r.serial
           FROM points_refunds r JOIN vouchers v ON v.serial = r.of_serial
           JOIN verifications n ON n.subscriber_id = v.subscriber_id AND n.voucher_id = v.id
               AND n.undone_at IS NULL
           LEFT JOIN settlement_deductions d ON d.subscriber_id = v.subscriber_id
               AND d.voucher_id = v.id
           WHERE d.refund_serial IS DISTINCT FROM r.serial""",
    ),
    (
        "deductions",
        "every deduction is worth what its line was worth, and comes no earlier",
        """SELECT d.merchant_code AS merchant, d.voucher_id AS voucher, d.on_day, d.cents, d.points
           FROM settlement_deductions d
           LEFT JOIN verifications n ON n.subscriber_id = d.subscriber_id
               AND n.voucher_id = d.voucher_id AND n.undone_at IS NULL
           LEFT JOIN vouchers v ON v.subscriber_id = d.subscriber_id AND v.id = d.voucher_id
           WHERE (d.merchant_code, d.cents) IS DISTINCT FROM (n.merchant_code, n.cents)
               OR d.on_day < n.due_on OR d.points NOT IN (0, v.price_points)
               OR d.points > 0 AND d.on_day > n.due_on""",
    ),
    (
        "moved",
        "every statement's points went from the merchant's account to the settled ones",
        """SELECT s.id AS statement, s.points, s.serial, l.points AS moved
           FROM settlement_statements s LEFT JOIN LATERAL (
               SELECT sum(points) AS points FROM points_legs
               WHERE serial = s.serial AND payer_id = 0 AND payee_id = 0
                   AND payee_kind = 'settled' AND payer_kind = 'merchant:' || s.merchant_code
           ) l ON true WHERE coalesce(l.points, 0) <> s.points""",
    ),
    (
        "settled",
        "nothing else has moved points into the settled ones, or out of them",
        """SELECT serial, points FROM points_legs WHERE payee_id = 0 AND payee_kind = 'settled'
               AND NOT EXISTS (SELECT FROM settlement_statements s
                               WHERE s.serial = points_legs.serial)
           UNION ALL
           SELECT serial, -points FROM points_legs WHERE payer_id = 0 AND payer_kind = 'settled'
               AND NOT EXISTS (SELECT FROM settlement_deductions d
                               WHERE d.unsettled_serial = points_legs.serial)""",
    ),
    (
        "in_row",
        "each statement begins on the day after the one before it: no line is in two",
        """SELECT id AS statement, merchant_code AS merchant, first, before FROM (
               SELECT *, lag(last) OVER (PARTITION BY merchant_code ORDER BY first) AS before
               FROM settlement_statements) s
           WHERE before IS NOT NULL AND first <> before + 1
               OR before IS DISTINCT FROM previous_last""",
    ),
    (
        "carried",
        "what was below nothing is carried on, and the rest is paid in whole fen",
        """SELECT id AS statement, carried_cents, missing, fen FROM (
               SELECT *, least(0, coalesce(lag(cents + carried_cents) OVER (
                   PARTITION BY merchant_code ORDER BY first), 0)) AS missing
               FROM settlement_statements) s
           WHERE carried_cents <> missing
               OR fen <> greatest(0, floor((cents + carried_cents + 50) / 100.0))""",
    ),
    (
        "stated",
        "whatever is due is in a statement",
        """SELECT n.merchant_code AS merchant, n.voucher_id AS voucher, n.due_on
           FROM verifications n LEFT JOIN (
               SELECT merchant_code, min(first) AS first, max(last) AS last
               FROM settlement_statements GROUP BY merchant_code) s USING (merchant_code)
           WHERE n.undone_at IS NULL AND n.due_on < %(running)s
               AND (n.due_on BETWEEN s.first AND s.last) IS NOT TRUE""",
    ),
    (
        "payments",
        "every payment is the sum of its statements, of its own merchants, and approved",
        """SELECT p.id AS payment, p.fen, x.fen AS statements_fen, y.fen AS payees_fen
           FROM settlement_payments p
           LEFT JOIN (SELECT x.payment_id, count(*) AS n, sum(x.fen) AS fen,
                          bool_and((x.fen, x.merchant_code) = (s.fen, s.merchant_code)) AS same
                      FROM settlement_payment_statements x
                      JOIN settlement_statements s ON s.id = x.statement_id GROUP BY 1) x
               ON x.payment_id = p.id
           LEFT JOIN (SELECT payment_id, count(*) AS n, sum(fen) AS fen
                      FROM settlement_payment_payees GROUP BY 1) y ON y.payment_id = p.id
           LEFT JOIN approval_proposals a ON a.id = p.proposal_id AND a.kind = 'payment'
               AND a.state = 'approved'
           WHERE (p.fen, p.fen, p.statements, p.merchants, true)
               IS DISTINCT FROM (x.fen, y.fen, x.n, y.n, x.same) OR a.id IS NULL""",
    ),
)


def verify(
    tx: Tx, *, kind: str, now: datetime, progress: Callable[[str], object] = lambda line: None
) -> Report:
    """Check everything; `kind` is the setting of periods.

    Of one moment, where the transaction is REPEATABLE READ; it takes as long as it takes.
    """
    began = time.monotonic()
    closings.unhurried(tx)
    lines, checks = _digests(tx, progress)
    # What became due in the period before the last day, at the latest.
    values = {"running": periods.first_of(day_of(now - STATED_WITHIN), kind)}
    for name, rule, rows in _RULES:
        progress(rule)
        checks.append(_check(tx, name, rule, rows, values))
    count, fen, points = sql.one(
        tx,
        "SELECT count(*), coalesce(sum(fen), 0)::bigint, coalesce(sum(points), 0)::bigint"
        " FROM settlement_statements",
    )
    return Report(checks, count, lines, fen, points, time.monotonic() - began)


def _check(tx: Tx, name: str, rule: str, rows: str, values: dict[str, Any]) -> Check:
    # All at once: the first by order, and how many there are.
    cursor = sql.run(
        tx, f"SELECT count(*) OVER () AS wrong, w.* FROM ({rows}) w ORDER BY 2, 3 LIMIT 1", values
    )
    row = cursor.fetchone()
    if row is None:
        return Check(name, rule, 0, None)
    names = [column.name for column in cursor.description or ()]
    return Check(name, rule, row[0], dict(zip(names[1:], row[1:], strict=True)))


_OF_STATEMENT = (
    ("n.merchant_code = %(merchant)s", "n.merchant_code = s.merchant_code"),
    ("d.merchant_code = %(merchant)s", "d.merchant_code = s.merchant_code"),
    ("%(first)s AND %(last)s", "s.first AND s.last"),
)


def _digests(tx: Tx, progress: Callable[[str], object]) -> tuple[int, list[Check]]:
    """Sum up every statement's lines again, in one pass over all of them."""
    rule = "every statement is the sum of its lines, and its digest is theirs"
    progress(rule)
    count, wrong, first = 0, 0, None
    for statement, summed in _summed(tx):
        count += summed.lines
        stated = Sum(statement.lines, statement.points, statement.cents, statement.digest)
        if summed != stated:
            wrong += 1
            first = first or {
                "statement": statement.id, "merchant": statement.merchant_code,
                "lines": summed.lines, "points": summed.points, "cents": summed.cents,
                "stated_lines": stated.lines, "stated_points": stated.points,
                "stated_cents": stated.cents,
            }  # fmt: skip
        if count and statement.id % 1000 == 0:
            progress(f"{count} lines")
    return count, [Check("digests", rule, wrong, first)]


def _summed(tx: Tx) -> Iterator[tuple[Statement, Sum]]:
    part = " UNION ALL ".join((VERIFIED_LINES, DEDUCTED_LINES))
    for given, of_statement in _OF_STATEMENT:
        part = part.replace(given, of_statement)
    columns = ", ".join(f"s.{name.strip()}" for name in COLUMNS.split(","))
    width = len(Statement.__dataclass_fields__)

    def line(row: sql.Row) -> Line:
        return Line(*row[width:])

    query = (
        f"SELECT {columns}, l.* FROM settlement_statements s LEFT JOIN LATERAL ({part})"
        " l (due_on, at, voucher, serial, title, store_no, points, cents, why) ON true"
        " ORDER BY s.id, why <> '', due_on, at, voucher"
    )
    driver = cast("psycopg.Connection[Any]", tx.connection.driver_connection)
    with driver.cursor() as cursor:
        rows = cursor.stream(query, size=ROWS_AT_ONCE)
        for _, group in groupby(rows, key=lambda row: row[0]):
            head, rest = next(group), group  # noqa: B031 - what is left of it
            # A statement without lines has a row of nothing beside it.
            first = [line(head)] if head[width] is not None else []
            yield Statement(*head[:width]), sum_up(chain(first, map(line, rest)))
