"""Points accounts: one per owner, unit, kind and expiry date, so an account of a person is a lot.

    person: points  consumption · promotional, and held_… what is reserved of each
            coins   the same kinds
    house:  issuing (what exists, below nothing) · spent · expired · forfeited · exchange ·
            whoever is paid

"Earliest expiry first", "a gift keeps its dates" and "a refund goes back to its lot" are nothing
but the choice of an account. A balance changes by a leg alone (ledger.py): a trigger sees to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    text,
)  # fmt: skip

from models import sql
from models.base import HOUSE, Tx, metadata
from models.subscribers import Subscriber

POINTS, COINS = UNITS = ("points", "coins")
CONSUMPTION, PROMOTIONAL = KINDS = ("consumption", "promotional")
HELD = {kind: f"held_{kind}" for kind in KINDS}
# The house's own accounts, in each unit; others are opened by open_house_account().
ISSUING, SPENT, EXPIRED, EXCHANGE = "issuing", "spent", "expired", "exchange"
FORFEITED = "forfeited"  # what people had who asked to be deleted
NEVER = date(9999, 12, 31)  # the house's accounts do not expire
SHANGHAI = ZoneInfo("Asia/Shanghai")  # a lot expires at the end of a day in China
# So many transfers at once need not wait for each other at one account of the house.
STRIPES = 16
# The stripe of a person's points that have been given a grace (points/lots.py), and get no other.
ON_GRACE = 1

accounts = Table(
    "points_accounts",
    metadata,
    Column("subscriber_id", BigInteger, nullable=False, autoincrement=False),
    Column("kind", String(48), nullable=False),
    Column("expires_on", Date, nullable=False),  # the last day the points can be used
    Column("balance", BigInteger, nullable=False, server_default="0"),
    Column("legs", Integer, nullable=False, server_default="0"),  # number of the last leg
    Column("unit", String(8), nullable=False),
    Column("stripe", SmallInteger, nullable=False, server_default="0"),
    Column("merged", Boolean, nullable=False, server_default="false"),  # as the owner's row says
    PrimaryKeyConstraint("subscriber_id", "unit", "expires_on", "kind", "stripe"),
    ForeignKeyConstraint(
        ["subscriber_id", "merged"], ["subscribers.id", "subscribers.merged"], onupdate="CASCADE"
    ),
    CheckConstraint("NOT merged OR balance = 0", name="merged_has_nothing"),
    CheckConstraint("unit IN ('points', 'coins')", name="unit"),
    CheckConstraint(
        f"subscriber_id = {HOUSE} OR kind IN"
        " ('consumption', 'promotional', 'held_consumption', 'held_promotional')",
        name="kind",
    ),
    CheckConstraint(f"stripe >= 0 AND (stripe <= 1 OR subscriber_id = {HOUSE})", name="stripe"),
    CheckConstraint(
        f"balance >= 0 OR (subscriber_id = {HOUSE} AND kind = 'issuing')", name="never_negative"
    ),
    CheckConstraint("legs > 0 OR balance = 0", name="unused"),
    Index(None, "expires_on", "subscriber_id", postgresql_where=text(f"subscriber_id <> {HOUSE}")),
)


@dataclass(frozen=True, slots=True)
class Account:
    """Whose, which kind, expiring when; the unit goes with the leg.

    `stripe`: which of a house account's stripes; without one, the database takes a free one. Of a
    person: ON_GRACE, or None.
    """

    owner: int
    kind: str
    expires_on: date
    stripe: int | None = None


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


# `held` is a part of what it was taken from, as a person sees it: "1000, 200 of it reserved".
_SUMS = """
           coalesce(sum(balance) FILTER (WHERE kind IN ('consumption', 'held_consumption')), 0)
               ::bigint,
           coalesce(sum(balance) FILTER (WHERE kind IN ('promotional', 'held_promotional')), 0)
               ::bigint,
           coalesce(sum(balance) FILTER (WHERE kind LIKE 'held%%'), 0)::bigint,
           coalesce(sum(balance) FILTER (
               WHERE expires_on <= %(soon)s AND kind NOT LIKE 'held%%'), 0)::bigint,
           max(expires_on) FILTER (
               WHERE expires_on <= %(soon)s AND kind NOT LIKE 'held%%' AND balance > 0)
"""
_COUNTS = "(expires_on >= %(today)s OR kind LIKE 'held%%')"
_BALANCE = (
    f"SELECT {_SUMS} FROM points_accounts"
    f" WHERE subscriber_id = %(id)s AND unit = %(unit)s AND {_COUNTS}"
)
_BALANCES = (
    f"SELECT unit, {_SUMS} FROM points_accounts"
    f" WHERE subscriber_id = %(id)s AND {_COUNTS} GROUP BY unit"
)


def day_of(now: datetime) -> date:
    """The day it is in China: lots expire by it."""
    return now.astimezone(SHANGHAI).date()


def balance(
    tx: Tx, subscriber: Subscriber, *, now: datetime, expiring_days: int, unit: str = POINTS
) -> Balance:
    """What this person can see and use now. Lots whose day has passed do not count."""
    today = day_of(now)
    soon = today + timedelta(days=expiring_days)
    values = {"id": subscriber.id, "unit": unit, "today": today, "soon": soon}
    return Balance(*sql.one(tx, _BALANCE, values))


def balances(
    tx: Tx, subscriber: Subscriber, *, now: datetime, expiring_days: int
) -> tuple[Balance, Balance]:
    """The same of points and of coins, at the price of one."""
    today = day_of(now)
    values = {
        "id": subscriber.id, "today": today, "soon": today + timedelta(days=expiring_days),
    }  # fmt: skip
    has = {unit: Balance(*sums) for unit, *sums in sql.rows(tx, _BALANCES, values)}
    return has.get(POINTS, Balance()), has.get(COINS, Balance())


def open_house_account(tx: Tx, kind: str, *, unit: str = POINTS, stripes: int = STRIPES) -> None:
    """Open an account of the house, such as "merchant:m001" or "campaign:spring", if it is new.

    A campaign's is its budget: it is paid into first, and never goes below nothing.
    """
    sql.change(
        tx,
        "INSERT INTO points_accounts (subscriber_id, unit, kind, expires_on, stripe)"
        " SELECT %(house)s, %(unit)s, %(kind)s, %(never)s, n FROM generate_series(0, %(last)s) n"
        " ON CONFLICT DO NOTHING",
        {"house": HOUSE, "unit": unit, "kind": kind, "never": NEVER, "last": stripes - 1},
    )


def house_balance(tx: Tx, kind: str, *, unit: str = POINTS) -> int:
    """What an account of the house has, over its stripes."""
    return int(
        sql.value(
            tx,
            "SELECT coalesce(sum(balance), 0) FROM points_accounts"
            " WHERE subscriber_id = %(house)s AND unit = %(unit)s AND kind = %(kind)s",
            {"house": HOUSE, "unit": unit, "kind": kind},
        )
    )
