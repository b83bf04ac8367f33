"""The ledger: transfers, and the legs that move points between two accounts.

    points_transfers (serial, key) ──1:n──▶ points_legs (payer account ─points▶ payee account)

One leg names both sides, one unit and one amount, so the sum over all accounts of a unit is zero
by construction. The database books a leg itself (trigger points_book): it numbers it in both
accounts, states both balances after it and updates both accounts. It refuses a negative balance, a
second transfer with the same key, a changed or deleted leg, and any other change of a balance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)  # fmt: skip

from models import sql
from models.base import HOUSE, RunAgain, Tx, metadata, moment
from models.points.accounts import ISSUING, KINDS, NEVER, POINTS, Account, day_of
from models.subscribers import Subscriber

transfers = Table(
    "points_transfers",
    metadata,
    Column("serial", BigInteger, Identity(start=100_000_001), primary_key=True),
    Column("key", String(200), nullable=False),  # idempotency: "<what>:<id of the cause>"
    Column("request_hash", LargeBinary, nullable=False),
    Column("reason", String(40), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("origin", Text, nullable=False),  # the message, event or file behind it
    moment("at"),
    Column("operator", String(64)),  # who ordered it, where a person of ours did
    Column("rule", String(64)),  # the earning rule and its version: "double-data@3"
    UniqueConstraint("key"),
    UniqueConstraint("serial", "at"),  # for the legs, which have the same moment
    Index(None, "at", postgresql_using="brin"),  # a day's, for its closing
)


def _side(name: str) -> list[Column[Any]]:
    return [
        Column(f"{name}_id", BigInteger, nullable=False),
        Column(f"{name}_kind", String(48), nullable=False),
        Column(f"{name}_expires_on", Date, nullable=False),
        Column(f"{name}_stripe", SmallInteger, nullable=False),
        Column(f"{name}_leg", Integer, nullable=False),  # its number in this account
        Column(f"{name}_balance", BigInteger, nullable=False),  # of this account after it
    ]


def _account_of(side: str) -> list[str]:
    return [f"{side}_id", "unit", f"{side}_expires_on", f"{side}_kind", f"{side}_stripe"]


_ACCOUNT = [
    f"points_accounts.{name}" for name in ("subscriber_id", "unit", "expires_on", "kind", "stripe")
]

legs = Table(
    "points_legs",
    metadata,
    Column("serial", BigInteger, nullable=False),
    Column("leg_no", Integer, nullable=False),
    moment("at"),  # the transfer's
    Column("unit", String(8), nullable=False),
    Column("points", BigInteger, nullable=False),
    *_side("payer"),
    *_side("payee"),
    # Deferrable: else ON CONFLICT DO NOTHING would book a leg and not keep it.
    PrimaryKeyConstraint("serial", "leg_no", deferrable=True, initially="IMMEDIATE"),
    ForeignKeyConstraint(["serial", "at"], ["points_transfers.serial", "points_transfers.at"]),
    CheckConstraint("points > 0", name="positive"),
    CheckConstraint(
        "(payer_id, payer_kind, payer_expires_on, payer_stripe)"
        " <> (payee_id, payee_kind, payee_expires_on, payee_stripe)",
        name="two_accounts",
    ),
    CheckConstraint(
        f"payer_balance >= 0 OR (payer_id = {HOUSE} AND payer_kind = 'issuing')",
        name="never_negative",
    ),
    CheckConstraint(  # people's points keep their day, or get a grace, and that once
        f"payer_id = {HOUSE} OR payee_id = {HOUSE}"
        " OR (payer_stripe = payee_stripe AND payer_expires_on = payee_expires_on)"
        " OR (payer_stripe = 0 AND payee_stripe = 1 AND payee_expires_on > payer_expires_on)",
        name="grace_once",
    ),
    UniqueConstraint(*_account_of("payer"), "payer_leg", name="points_legs_payer_leg"),
    UniqueConstraint(*_account_of("payee"), "payee_leg", name="points_legs_payee_leg"),
    ForeignKeyConstraint(_account_of("payer"), _ACCOUNT, name="points_legs_payer_fkey"),
    ForeignKeyConstraint(_account_of("payee"), _ACCOUNT, name="points_legs_payee_fkey"),
    # A person's history, the newest first.
    Index(None, "payer_id", "at", postgresql_where=text(f"payer_id <> {HOUSE}")),
    Index(None, "payee_id", "at", postgresql_where=text(f"payee_id <> {HOUSE}")),
    Index(None, "at", postgresql_using="brin"),
)


# Who is merged has no points (migrations/0018): an account of theirs, and a new one.
_MERGED_HAS_NOTHING = {
    "points_accounts_merged_has_nothing_check", "points_accounts_subscriber_id_merged_fkey",
}  # fmt: skip


class NotEnough(Exception):
    """The payer has fewer points than asked for; `have` says how many can be used."""

    def __init__(self, have: int) -> None:
        super().__init__(f"only {have} points can be used")
        self.have = have


class Merged(RunAgain):
    """Payer or payee was merged into somebody else meanwhile; nothing moved.

    Store.run looks everybody up anew, who looks people up within it. Else: subscribers.lock_id.
    """


class KeyReused(Exception):
    """The idempotency key was used before, for another transfer: a mistake of the caller."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """`fresh` is False when the same key had made this transfer before."""

    serial: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class Cause:
    """Why points move: kept with the transfer, for customer service and auditors."""

    key: str
    reason: str
    channel: str
    origin: str
    operator: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """One movement between two accounts of a unit."""

    points: int
    payer: Account
    payee: Account
    unit: str = POINTS


def issue(
    tx: Tx, payee: Subscriber, *, kind: str, points: int, expires_on: date, cause: Cause,
    now: datetime, source: str = ISSUING, unit: str = POINTS,
) -> Transfer:  # fmt: skip
    """Give newly made points, or points out of a budget: an account of the house as `source`.

    Raises NotEnough when the budget has not enough. The same key returns the first transfer again.
    """
    return move(
        tx, payer=HOUSE, payer_kinds=[source], payee=payee.id, payee_kind=kind,
        payee_expires_on=expires_on, points=points, unit=unit, cause=cause, now=now,
    )  # fmt: skip


def spend(
    tx: Tx, payer: Subscriber, *, points: int, into: str, cause: Cause, now: datetime,
    unit: str = POINTS,
) -> Transfer:  # fmt: skip
    """Take points, the soonest to expire first, into an account of the house.

    Raises NotEnough. The same key again returns the first transfer.
    """
    return move(
        tx, payer=payer.id, payer_kinds=KINDS, payee=HOUSE, payee_kind=into,
        payee_expires_on=NEVER, points=points, unit=unit, cause=cause, now=now,
    )  # fmt: skip


def transfer(
    tx: Tx, *, payer: Subscriber, payee: Subscriber, points: int, cause: Cause, now: datetime
) -> Transfer:
    """Move points between two people; they keep their kinds and their expiry dates.

    Raises NotEnough. The same key again returns the first transfer.
    """
    if payer.id == payee.id:
        raise ValueError("a transfer needs two people")
    return move(
        tx, payer=payer.id, payer_kinds=KINDS, payee=payee.id, payee_kind=None,
        payee_expires_on=None, points=points, unit=POINTS, cause=cause, now=now,
    )  # fmt: skip


def merge(tx: Tx, *, source: Subscriber, target: Subscriber, cause: Cause, now: datetime) -> None:
    """Move all that `source` has, in every unit, lot by lot, held and expired ones too.

    Nobody pays into any lot of `source` from now on until the transaction ends: they wait, and
    find that `source` is merged (models/merging.py) or is not.
    """
    # Transfers between two people, then who opens a lot, then who is in one: so none deadlocks.
    sql.run(
        tx,
        "SELECT pg_advisory_xact_lock(-id) FROM unnest(%(people)s::bigint[]) AS id",
        {"people": sorted((source.id, target.id))},
    )
    sql.run(tx, "SELECT 1 FROM subscribers WHERE id = %(id)s FOR UPDATE", {"id": source.id})
    lots = sql.rows(  # empty ones too: somebody may just be paying into one
        tx,
        "SELECT balance, unit, kind, expires_on, nullif(stripe, 0) FROM points_accounts"
        " WHERE subscriber_id = %(id)s ORDER BY expires_on, kind, unit FOR NO KEY UPDATE",
        {"id": source.id},
    )
    moved = [
        Leg(points, Account(source.id, *lot), Account(target.id, *lot), unit)
        for points, unit, *lot in lots
        if points
    ]
    post(tx, moved, request=f"merge {source.id} {target.id}", cause=cause, now=now)


_MOVE = (
    "SELECT * FROM points_move(%(key)s, %(request)s, %(reason)s, %(channel)s, %(origin)s,"
    " %(operator)s, %(rule)s, %(at)s, %(today)s, %(unit)s, %(points)s, %(payer)s, %(kinds)s,"
    " %(payee)s, %(payee_kind)s, %(payee_expires_on)s)"
)


def move(
    tx: Tx, *, payer: int, payer_kinds: Sequence[str], payee: int, payee_kind: str | None,
    payee_expires_on: date | None, points: int, unit: str, cause: Cause, now: datetime,
) -> Transfer:  # fmt: skip
    """Move points out of the payer's lots, the soonest to expire first, in one call of the server.

    Without a kind or a date for the payee, each lot keeps its own; the kind "held" reserves them.
    Raises NotEnough, which leaves the key unused, KeyReused, and Merged.
    """
    if points <= 0:
        raise ValueError("a transfer moves at least one point")
    request = (
        f"{payer} {sorted(payer_kinds)} {payee} {payee_kind} {payee_expires_on} {points} {unit}"
    )
    values = {
        **_claim(cause, request, now), "today": day_of(now), "unit": unit, "points": points,
        "payer": payer, "kinds": list(payer_kinds), "payee": payee, "payee_kind": payee_kind,
        "payee_expires_on": payee_expires_on,
    }  # fmt: skip
    with nobody_merged():
        serial, outcome, have = sql.one(tx, _MOVE, values)
    if outcome == "merged":
        raise Merged(f"{payer} was merged into somebody else")
    if outcome == "short":
        raise NotEnough(have)
    return _made(serial, outcome, cause)


def fund(
    tx: Tx, kind: str, *, points: int, cause: Cause, now: datetime, unit: str = POINTS
) -> Transfer:
    """Pay newly made points into an account of the house, evenly over its stripes: a budget.

    Raises LookupError where there is no such account.
    """
    stripes = sql.value(
        tx,
        "SELECT count(*) FROM points_accounts"
        " WHERE subscriber_id = %(house)s AND unit = %(unit)s AND kind = %(kind)s",
        {"house": HOUSE, "unit": unit, "kind": kind},
    )
    if stripes == 0:
        raise LookupError(f"the house has no account {kind}")
    if points <= 0:
        raise ValueError("a budget is one point at least")
    source = Account(HOUSE, ISSUING, NEVER)
    parts = [points // stripes + (n < points % stripes) for n in range(stripes)]
    moved = [
        Leg(part, source, Account(HOUSE, kind, NEVER, n), unit)
        for n, part in enumerate(parts)
        if part
    ]
    return post(tx, moved, request=f"fund {kind} {points} {unit}", cause=cause, now=now)


_POST = (
    "SELECT * FROM points_post(%(key)s, %(request)s, %(reason)s, %(channel)s, %(origin)s,"
    " %(operator)s, %(rule)s, %(at)s, %(legs)s)"
)


def post(tx: Tx, moved: Sequence[Leg], *, request: str, cause: Cause, now: datetime) -> Transfer:
    """Write legs that the caller has chosen, holding the lots they take from, as one transfer.

    `request` says what was asked for: the same key with another request raises KeyReused. Raises
    Merged where points would go to somebody who is gone.
    """
    written = [
        {
            "unit": leg.unit,
            "points": leg.points,
            "payer": _named(leg.payer),
            "payee": _named(leg.payee),
        }
        for leg in moved
    ]
    values = _claim(cause, request, now) | {"legs": Jsonb(written)}
    with nobody_merged():
        serial, outcome = sql.one(tx, _POST, values)
    return _made(serial, outcome, cause)


@contextmanager
def nobody_merged() -> Iterator[None]:
    """Raise Merged where the database says that points would go to somebody who is merged."""
    try:
        yield
    except psycopg.IntegrityError as error:
        if error.diag.constraint_name in _MERGED_HAS_NOTHING:
            raise Merged("the payee was merged into somebody else") from error
        raise


def find(tx: Tx, key: str) -> int | None:
    """The serial number of the transfer that was made under a key, or None."""
    serial: int | None = sql.maybe_value(
        tx, "SELECT serial FROM points_transfers WHERE key = %(key)s", {"key": key}
    )
    return serial


def legs_of(tx: Tx, serial: int) -> list[Leg]:
    """The legs of a transfer, in their order; of the house's accounts without their stripes."""
    rows = sql.rows(
        tx,
        "SELECT points, payer_id, payer_kind, payer_expires_on,"
        f" CASE WHEN payer_id <> {HOUSE} THEN nullif(payer_stripe, 0) END,"
        " payee_id, payee_kind, payee_expires_on,"
        f" CASE WHEN payee_id <> {HOUSE} THEN nullif(payee_stripe, 0) END, unit"
        " FROM points_legs WHERE serial = %(serial)s ORDER BY leg_no",
        {"serial": serial},
    )
    return [Leg(row[0], Account(*row[1:5]), Account(*row[5:9]), row[9]) for row in rows]


def _named(account: Account) -> list[object]:
    return [account.owner, account.kind, account.expires_on.isoformat(), account.stripe]


def _claim(cause: Cause, request: str, now: datetime) -> dict[str, Any]:
    asked = hashlib.sha256(f"{request} {cause.reason}".encode()).digest()
    return {
        "key": cause.key, "request": asked, "reason": cause.reason, "channel": cause.channel,
        "origin": cause.origin, "operator": cause.operator, "rule": cause.rule, "at": now,
    }  # fmt: skip


def _made(serial: int, outcome: str, cause: Cause) -> Transfer:
    if outcome == "conflict":
        raise KeyReused(cause.key)
    return Transfer(serial, fresh=outcome == "made")
