"""Points: a double-entry ledger whose shape keeps it right.

An account is one lot: whose, which kind, expiring when. So "earliest expiry first", "a gift keeps
its dates" and "a refund goes back to its lot" are nothing but the choice of an account.

    points_transfers (serial, key) ──1:n──▶ points_legs (payer account ─points▶ payee account)

One leg names both sides and one amount, so the sum over all accounts is zero by construction.
The database itself refuses a negative balance, a second transfer with the same key, a changed
or deleted leg, and two legs with one number in an account.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)  # fmt: skip

from models import sql
from models.base import HOUSE, Tx, metadata, moment, subscriber_id
from models.subscribers import Subscriber

CONSUMPTION, PROMOTIONAL = "consumption", "promotional"
ISSUING, SPENT = "issuing", "spent"  # the house's own accounts
NEVER = date(9999, 12, 31)  # the house's accounts do not expire
SHANGHAI = ZoneInfo("Asia/Shanghai")  # a lot expires at the end of a day in China

accounts = Table(
    "points_accounts",
    metadata,
    subscriber_id(),
    Column("kind", String(16), nullable=False),
    Column("expires_on", Date, nullable=False),  # the last day the points can be used
    Column("balance", BigInteger, nullable=False, server_default="0"),
    Column("held", BigInteger, nullable=False, server_default="0"),
    Column("legs", Integer, nullable=False, server_default="0"),  # number of the last leg
    PrimaryKeyConstraint("subscriber_id", "kind", "expires_on"),
    CheckConstraint(
        f"subscriber_id = {HOUSE} OR kind IN ('consumption', 'promotional')", name="kind"
    ),
    CheckConstraint(
        f"subscriber_id = {HOUSE} OR (held >= 0 AND balance >= held)", name="never_negative"
    ),
)

transfers = Table(
    "points_transfers",
    metadata,
    Column("serial", BigInteger, Identity(start=100_000_001), primary_key=True),
    Column("key", String(200), nullable=False),  # idempotency: "<what>:<id of the cause>"
    Column("request_hash", String(64), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("origin", Text, nullable=False),  # the message, rule or operator behind it
    moment("at"),
    UniqueConstraint("key"),
)


def _side(name: str) -> list[Column[Any]]:
    return [
        Column(f"{name}_id", BigInteger, nullable=False),
        Column(f"{name}_kind", String(16), nullable=False),
        Column(f"{name}_expires_on", Date, nullable=False),
        Column(f"{name}_leg", Integer, nullable=False),
        Column(f"{name}_balance", BigInteger, nullable=False),  # after this leg
    ]


def _account_of(side: str) -> list[str]:
    return [f"{side}_id", f"{side}_kind", f"{side}_expires_on"]


_ACCOUNT = [f"points_accounts.{name}" for name in ("subscriber_id", "kind", "expires_on")]

legs = Table(
    "points_legs",
    metadata,
    Column("serial", BigInteger, ForeignKey("points_transfers.serial"), nullable=False),
    Column("leg_no", Integer, nullable=False),
    Column("points", BigInteger, nullable=False),
    *_side("payer"),
    *_side("payee"),
    PrimaryKeyConstraint("serial", "leg_no"),
    CheckConstraint("points > 0", name="positive"),
    CheckConstraint(
        "(payer_id, payer_kind, payer_expires_on) <> (payee_id, payee_kind, payee_expires_on)",
        name="two_accounts",
    ),
    UniqueConstraint(*_account_of("payer"), "payer_leg", name="points_legs_payer_leg"),
    UniqueConstraint(*_account_of("payee"), "payee_leg", name="points_legs_payee_leg"),
    ForeignKeyConstraint(_account_of("payer"), _ACCOUNT, name="points_legs_payer_fkey"),
    ForeignKeyConstraint(_account_of("payee"), _ACCOUNT, name="points_legs_payee_fkey"),
)


class NotEnough(Exception):
    """The payer has fewer points than asked for; `have` says how many can be used."""

    def __init__(self, have: int) -> None:
        super().__init__(f"only {have} points can be used")
        self.have = have


class KeyReused(Exception):
    """The idempotency key was used before, for another transfer: a mistake of the caller."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """`fresh` is False when the same key had made this transfer before."""

    serial: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class Account:
    owner: int
    kind: str
    expires_on: date


@dataclass(frozen=True, slots=True)
class Balance:
    """What a person has, in points; `expiring` of it until and including `expiring_by`."""

    consumption: int = 0
    promotional: int = 0
    held: int = 0
    expiring: int = 0
    expiring_by: date | None = None

    @property
    def total(self) -> int:
        return self.consumption + self.promotional

    @property
    def usable(self) -> int:
        return self.total - self.held


@dataclass(frozen=True, slots=True)
class Cause:
    """Why points move: kept with the transfer, for customer service and auditors."""

    key: str
    reason: str
    channel: str
    origin: str


_BALANCE = """
    SELECT coalesce(sum(balance) FILTER (WHERE kind = 'consumption'), 0)::bigint,
           coalesce(sum(balance) FILTER (WHERE kind = 'promotional'), 0)::bigint,
           coalesce(sum(held), 0)::bigint,
           coalesce(sum(balance - held) FILTER (WHERE expires_on <= %(soon)s), 0)::bigint,
           max(expires_on) FILTER (WHERE expires_on <= %(soon)s AND balance > held)
    FROM points_accounts
    WHERE subscriber_id = %(id)s AND expires_on >= %(today)s
"""


def balance(tx: Tx, subscriber: Subscriber, *, now: datetime, expiring_days: int) -> Balance:
    """What this person can see and use now. Lots whose day has passed do not count."""
    today = now.astimezone(SHANGHAI).date()
    row = sql.one(
        tx,
        _BALANCE,
        {"id": subscriber.id, "today": today, "soon": today + timedelta(days=expiring_days)},
    )
    return Balance(*row)


def issue(
    tx: Tx, payee: Subscriber, *, kind: str, points: int, expires_on: date, cause: Cause,
    now: datetime,
) -> Transfer:  # fmt: skip
    """Give newly made points. The same key again returns the first transfer."""
    if points <= 0:
        raise ValueError("a transfer moves at least one point")
    request = f"issue {payee.id} {kind} {points} {expires_on}"
    transfer = _claim(tx, cause, request, now)
    if transfer.fresh:
        source = Account(HOUSE, ISSUING, NEVER)
        _move(tx, transfer, 1, points, source, Account(payee.id, kind, expires_on))
    return transfer


def spend(
    tx: Tx, payer: Subscriber, *, points: int, into: str, cause: Cause, now: datetime
) -> Transfer:
    """Take points, the soonest to expire first, into an account of the house.

    Raises NotEnough. The same key again returns the first transfer.
    """
    parts = _choose(tx, payer, points, cause.key, now)
    transfer = _claim(tx, cause, f"spend {payer.id} {points} {into}", now)
    if transfer.fresh:
        _move_all(tx, transfer, ((*part, Account(HOUSE, into, NEVER)) for part in parts))
    return transfer


def transfer(
    tx: Tx, *, payer: Subscriber, payee: Subscriber, points: int, cause: Cause, now: datetime
) -> Transfer:
    """Move points between two people; they keep their kinds and their expiry dates.

    Raises NotEnough. The same key again returns the first transfer.
    """
    if payer.id == payee.id:
        raise ValueError("a transfer needs two people")
    parts = _choose(tx, payer, points, cause.key, now, payee=payee)
    made = _claim(tx, cause, f"transfer {payer.id} {payee.id} {points}", now)
    if made.fresh:
        _move_all(
            tx, made, ((n, lot, Account(payee.id, lot.kind, lot.expires_on)) for n, lot in parts)
        )
    return made


def merge(tx: Tx, *, source: Subscriber, target: Subscriber, cause: Cause, now: datetime) -> None:
    """Move all that `source` has, lot by lot, expired ones too, to `target`."""
    made = _claim(tx, cause, f"merge {source.id} {target.id}", now)
    if made.fresh:
        lots = _lots(tx, source, date.min)
        _move_all(
            tx, made, ((n, lot, Account(target.id, lot.kind, lot.expires_on)) for n, lot in lots)
        )


def _claim(tx: Tx, cause: Cause, request: str, now: datetime) -> Transfer:
    asked = hashlib.sha256(f"{request} {cause.reason}".encode()).hexdigest()
    serial = sql.maybe_value(
        tx,
        "INSERT INTO points_transfers (key, request_hash, reason, channel, origin, at)"
        " VALUES (%(key)s, %(hash)s, %(reason)s, %(channel)s, %(origin)s, %(now)s)"
        " ON CONFLICT (key) DO NOTHING RETURNING serial",
        {
            "key": cause.key, "hash": asked, "reason": cause.reason, "channel": cause.channel,
            "origin": cause.origin, "now": now,
        },
    )  # fmt: skip
    if serial is not None:
        return Transfer(serial, fresh=True)
    serial, first_asked = sql.one(
        tx,
        "SELECT serial, request_hash FROM points_transfers WHERE key = %(key)s",
        {"key": cause.key},
    )
    if first_asked != asked:
        raise KeyReused(cause.key)
    return Transfer(serial, fresh=False)


def _lots(
    tx: Tx, owner: Subscriber, first_day: date, payee: Subscriber | None = None
) -> list[tuple[int, Account]]:
    # The payee's lots are locked with them, always the lower id first: opposite transfers between
    # two people wait for each other instead of deadlocking.
    rows = sql.rows(
        tx,
        "SELECT balance - held, subscriber_id, kind, expires_on FROM points_accounts"
        " WHERE subscriber_id = ANY (%(ids)s) AND expires_on >= %(day)s"
        " AND (balance > held OR subscriber_id <> %(id)s)"
        " ORDER BY subscriber_id, expires_on, kind FOR NO KEY UPDATE",
        {"id": owner.id, "ids": [owner.id, *([payee.id] if payee else [])], "day": first_day},
    )
    return [(row[0], Account(*row[1:])) for row in rows if row[1] == owner.id]


def _choose(
    tx: Tx,
    payer: Subscriber,
    points: int,
    key: str,
    now: datetime,
    payee: Subscriber | None = None,
) -> list[tuple[int, Account]]:
    """How much of each lot, the soonest to expire first.

    Raises NotEnough before the key is claimed: a transfer that did not happen must not use it up.
    """
    if points <= 0:
        raise ValueError("a transfer moves at least one point")
    chosen, missing = [], points
    lots = _lots(tx, payer, now.astimezone(SHANGHAI).date(), payee)
    for free, lot in lots:
        part = min(free, missing)
        if part:
            chosen.append((part, lot))
            missing -= part
    if missing and not _is_claimed(tx, key):  # a repeat finds less than the first one did
        raise NotEnough(sum(free for free, _ in lots))
    return chosen


def _is_claimed(tx: Tx, key: str) -> bool:
    found = sql.first(tx, "SELECT 1 FROM points_transfers WHERE key = %(key)s", {"key": key})
    return found is not None


def _move_all(tx: Tx, made: Transfer, parts: Iterable[tuple[int, Account, Account]]) -> None:
    for number, (points, payer, payee) in enumerate(parts, start=1):
        _move(tx, made, number, points, payer, payee)


def _move(tx: Tx, made: Transfer, number: int, points: int, payer: Account, payee: Account) -> None:
    """The one place where a balance changes: both sides and the leg, in one statement."""
    sql.change(
        tx,
        f"WITH payer AS ({_PAY}), payee AS ({_RECEIVE})"
        " INSERT INTO points_legs (serial, leg_no, points,"
        " payer_id, payer_kind, payer_expires_on, payer_leg, payer_balance,"
        " payee_id, payee_kind, payee_expires_on, payee_leg, payee_balance)"
        " SELECT %(serial)s, %(number)s, %(points)s, payer.*, payee.* FROM payer, payee",
        {
            "serial": made.serial, "number": number, "points": points,
            "payer_id": payer.owner, "payer_kind": payer.kind, "payer_on": payer.expires_on,
            "payee_id": payee.owner, "payee_kind": payee.kind, "payee_on": payee.expires_on,
        },
    )  # fmt: skip


# The payer's account must exist (the house's are made by the migration); the payee's may be new.
_PAY = (
    "UPDATE points_accounts SET balance = balance - %(points)s, legs = legs + 1"
    " WHERE (subscriber_id, kind, expires_on)"
    " = (%(payer_id)s, %(payer_kind)s, %(payer_on)s::date)"
    " RETURNING subscriber_id, kind, expires_on, legs, balance"
)
_RECEIVE = (
    "INSERT INTO points_accounts AS a (subscriber_id, kind, expires_on, balance, legs)"
    " VALUES (%(payee_id)s, %(payee_kind)s, %(payee_on)s, %(points)s, 1)"
    " ON CONFLICT (subscriber_id, kind, expires_on)"
    " DO UPDATE SET balance = a.balance + excluded.balance, legs = a.legs + 1"
    " RETURNING subscriber_id, kind, expires_on, legs, balance"
)
