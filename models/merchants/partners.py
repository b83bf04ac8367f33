"""A merchant's states, each with who, when and why.

negotiated ──▶ signed ──▶ open ◀──▶ paused         open: its account takes points, its people
     └────────────┴─────────┴──────────┴──▶ ended         may be given accounts, offers may be live

Its offers follow it in the same transaction (offers/uploads.py): they are off while it is not open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb
from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)  # fmt: skip

from models import audit, points, sql
from models.audit import By
from models.base import Tx, document, metadata, moment
from models.catalogue import ENDED, NEGOTIATED, OPEN, PAUSED, SIGNED
from models.offers import following
from models.offers.happening import Event, NoWay, said
from models.vouchers.redeeming import account

# Where a merchant may go from each state. A trigger holds whoever forgets to ask.
NEXT: Mapping[str, tuple[str, ...]] = {
    NEGOTIATED: (SIGNED, ENDED),
    SIGNED: (OPEN, ENDED),
    OPEN: (PAUSED, ENDED),
    PAUSED: (OPEN, ENDED),
    ENDED: (),
}

# Never changed and never deleted (migrations/).
merchant_events = Table(
    "merchant_events",
    metadata,
    Column("merchant_code", String(32), ForeignKey("merchants.code"), nullable=False),
    Column("no", Integer, nullable=False),
    Column("what", String(16), nullable=False),
    Column("state", String(12), nullable=False),  # after it
    Column("why", Text, nullable=False),
    Column("by", String(80), nullable=False),
    moment("at"),
    document("before", nullable=True),
    document("after", nullable=True),
    PrimaryKeyConstraint("merchant_code", "no"),
    CheckConstraint("what IN ('added', 'moved', 'edited', 'store', 'rated')", name="what"),
    CheckConstraint("btrim(\"by\") <> ''", name="by"),
    CheckConstraint("what <> 'moved' OR btrim(why) <> ''", name="why"),
)


@dataclass(frozen=True, slots=True)
class Details:
    """What operators write about a merchant. Money in yuan, None: not known."""

    name: str
    category: str
    city: str
    legal_name: str = ""
    contract_no: str = ""
    contact_name: str = ""
    contact_tel: str = ""
    capital_yuan: int | None = None  # registered capital
    turnover_yuan: int | None = None  # of a year, as its books say

    def plain(self) -> dict[str, Any]:
        """For an event: without the contact, who is a person."""
        found = asdict(self)
        return {name: found[name] for name in found if not name.startswith("contact_")}


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant as it is now; `rating` None: not rated yet, `score` of 10,000."""

    code: str
    state: str
    rating: str | None
    score: int | None
    rated_at: datetime | None
    events: int
    details: Details

    @property
    def name(self) -> str:
        return self.details.name


class NoSuchMerchant(Exception):
    """No merchant has this code."""


class Taken(Exception):
    """Another merchant has this code."""


class NoStore(Exception):
    """A merchant without a store cannot be opened: nobody could take anything anywhere."""


_DETAILS = ", ".join(field.name for field in fields(Details))
_FIELDS = f"code, state, rating, score, rated_at, events, {_DETAILS}"


def add(tx: Tx, code: str, details: Details, *, why: str, by: By, now: datetime) -> Merchant:
    """A merchant that somebody negotiates with. Raises Taken."""
    values = asdict(details)
    try:
        with tx.begin_nested():
            sql.run(
                tx,
                f"INSERT INTO merchants (code, state, events, {_DETAILS}) VALUES (%(code)s,"
                f" 'negotiated', 1, {', '.join(f'%({name})s' for name in values)})",
                {"code": code, **values},
            )
    except UniqueViolation as taken:
        raise Taken(code) from taken
    made = get(tx, code)
    _note(tx, made, "added", why=why, by=by, now=now, after=details.plain())
    return made


def edit(
    tx: Tx, code: str, details: Details, *, why: str, by: By, now: datetime
) -> Merchant:  # fmt: skip
    """Write other details. Raises NoSuchMerchant."""
    before = get(tx, code, lock=True)
    if before.details == details:
        return before
    values = asdict(details)
    after = _change(tx, code, ", ".join(f"{name} = %({name})s" for name in values), **values)
    old, new = before.details.plain(), details.plain()
    changed = [name for name in old if old[name] != new[name]]
    _note(
        tx, after, "edited", why=why, by=by, now=now,
        before={name: old[name] for name in changed}, after={name: new[name] for name in changed},
    )  # fmt: skip
    return after


def move(tx: Tx, code: str, *, to: str, why: str, by: By, now: datetime) -> Merchant:
    """Bring a merchant to another state, its offers with it.

    Raises NoSuchMerchant, NoWay, NoStore; ValueError without a reason.
    """
    why = said(why)
    found = get(tx, code, lock=True)
    if to not in NEXT[found.state]:
        raise NoWay(found.state, to)
    if to == OPEN:
        if not sql.first(
            tx, "SELECT 1 FROM stores WHERE merchant_code = %(code)s AND closed_at IS NULL",
            {"code": code},
        ):  # fmt: skip
            raise NoStore(code)
        points.open_house_account(tx, account(code))
    moved = _change(tx, code, "state = %(to)s", to=to)
    _note(
        tx, moved, "moved", why=why, by=by, now=now, before={"state": found.state},
        after={"state": to},
    )  # fmt: skip
    following.follow(tx, moved.code, why=why, by=by, now=now)
    return moved


def get(tx: Tx, code: str, *, lock: bool = False) -> Merchant:
    """A merchant as it is now. Raises NoSuchMerchant."""
    row = sql.first(
        tx,
        f"SELECT {_FIELDS} FROM merchants WHERE code = %(code)s"
        + (" FOR NO KEY UPDATE" if lock else ""),
        {"code": code},
    )
    if row is None:
        raise NoSuchMerchant(code)
    return _read(row)


def listed(
    tx: Tx, *, words: str = "", state: str = "", rating: str = "", after: str = "", limit: int = 50
) -> list[Merchant]:
    """Merchants by code, those after `after`; `words` are part of a name, a city or the code."""
    wanted = {
        "state = %(state)s": bool(state), "rating = %(rating)s": bool(rating),
        "strpos(lower(code || ' ' || name || ' ' || legal_name || ' ' || city),"
        " lower(%(words)s)) > 0": bool(words),
    }  # fmt: skip
    where = "".join(f" AND {condition}" for condition, given in wanted.items() if given)
    rows = sql.rows(
        tx,
        f"SELECT {_FIELDS} FROM merchants WHERE code > %(after)s{where}"
        " ORDER BY code LIMIT %(limit)s",
        {"state": state, "rating": rating, "words": words, "after": after, "limit": limit},
    )
    return [_read(row) for row in rows]


def events_of(tx: Tx, code: str, limit: int = 100) -> list[Event]:
    """What has happened to a merchant, the newest first."""
    rows = sql.rows(
        tx,
        'SELECT no, what, state, why, "by", at, before, after FROM merchant_events'
        " WHERE merchant_code = %(code)s ORDER BY no DESC LIMIT %(limit)s",
        {"code": code, "limit": limit},
    )
    return [Event(*row) for row in rows]


def note(
    tx: Tx, code: str, what: str, *, why: str, by: By, now: datetime,
    before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write an event of a merchant that the caller holds."""
    _note(
        tx, _change(tx, code, "state = state"), what, why=why, by=by, now=now, before=before,
        after=after,
    )  # fmt: skip


def _read(row: sql.Row) -> Merchant:
    code, state, rating, score, rated_at, events, *details = row
    return Merchant(code, state, rating, score, rated_at, events, Details(*details))


def _change(tx: Tx, code: str, what: str, **values: Any) -> Merchant:
    return _read(
        sql.one(
            tx,
            f"UPDATE merchants SET {what}, events = events + 1 WHERE code = %(code)s"
            f" RETURNING {_FIELDS}",
            {"code": code, **values},
        )
    )


def _note(
    tx: Tx, made: Merchant, what: str, *, why: str, by: By, now: datetime,
    before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    sql.run(
        tx,
        'INSERT INTO merchant_events (merchant_code, no, what, state, why, "by", at, before,'
        " after) VALUES (%(code)s, %(no)s, %(what)s, %(state)s, %(why)s, %(by)s, %(now)s,"
        " %(before)s, %(after)s)",
        {
            "code": made.code, "no": made.events, "what": what, "state": made.state, "why": why,
            "by": by.login, "now": now, "before": Jsonb(before) if before else None,
            "after": Jsonb(after) if after else None,
        },
    )  # fmt: skip
    verbs = {"added": "add", "moved": "move", "edited": "edit", "store": "store", "rated": "rate"}
    audit.write(
        tx, by, action=f"merchant.{verbs[what]}", subject=f"merchant:{made.code}", before=before,
        after=after, reason=why, now=now,
    )  # fmt: skip
