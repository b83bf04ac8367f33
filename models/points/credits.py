"""Credits: points given to many people in one statement, each a transfer under its own key.

    credits ─▶ points_credit() ─▶ lock stripes of the house ─▶ transfers ─▶ legs, person by person

Out of a budget that has not enough, those that come first get theirs, one gets the rest, and the
others nothing; nobody gets more than the budget's account has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from models import sql
from models.base import Tx
from models.points.accounts import POINTS
from models.points.ledger import nobody_merged


@dataclass(frozen=True, slots=True)
class Credit:
    """What one person shall get; `source` is the account of the house that pays."""

    key: str
    origin: str
    rule: str
    source: str
    owner: int
    kind: str
    expires_on: date
    points: int


@dataclass(frozen=True, slots=True)
class Credited:
    """What was given; no serial number where the budget had nothing left."""

    serial: int | None
    points: int


_NOTHING = Credited(None, 0)
_CREDIT = (
    "SELECT n, serial, given FROM points_credit(%(at)s, %(reason)s, %(channel)s, %(unit)s,"
    " %(keys)b, %(requests)b, %(origins)b, %(rules)b, %(sources)b, %(owners)b, %(kinds)b,"
    " %(expires)b, %(points)b)"
)


def credited(tx: Tx, keys: Sequence[str]) -> set[str]:
    """Those of the keys under which something was given already."""
    found = "SELECT key FROM points_transfers WHERE key = ANY (%(keys)b)"
    return {row[0] for row in sql.rows(tx, found, {"keys": list(keys)})}


def credit(
    tx: Tx, asked: Sequence[Credit], *, reason: str, channel: str, now: datetime
) -> list[Credited]:  # fmt: skip
    """Give each credit in the order given, as far as its source has points; one answer for each.

    The keys must be new: ask `credited` first. Raises psycopg's SerializationFailure, after which
    Store.run tries again, when somebody else uses one of them at the same instant; and Merged.
    """
    if not asked:
        return []
    if any(each.points <= 0 for each in asked):
        raise ValueError("a credit gives at least one point")
    values = {
        "at": now, "reason": reason, "channel": channel, "unit": POINTS,
        "keys": [each.key for each in asked],
        "requests": [_request(each, reason) for each in asked],
        "origins": [each.origin for each in asked],
        "rules": [each.rule for each in asked],
        "sources": [each.source for each in asked],
        "owners": [each.owner for each in asked],
        "kinds": [each.kind for each in asked],
        "expires": [each.expires_on for each in asked],
        "points": [each.points for each in asked],
    }  # fmt: skip
    with nobody_merged():
        rows = sql.rows(tx, _CREDIT, values)
    given = [_NOTHING] * len(asked)
    for number, serial, points in rows:
        given[number - 1] = Credited(serial, points)
    return given


def _request(each: Credit, reason: str) -> bytes:
    asked = f"{each.source} {each.owner} {each.kind} {each.expires_on} {each.points} {reason}"
    return hashlib.sha256(asked.encode()).digest()
