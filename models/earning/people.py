"""What audiences look at of the subscribers in a batch of events, in one statement."""

from __future__ import annotations

from collections.abc import Collection

from models import sql
from models.base import Tx
from models.earning.judging import Person

_PEOPLE = """
    SELECT s.id, s.status, s.merged_into, s.opted_out_at IS NOT NULL, a.address
    FROM subscribers s
    LEFT JOIN subscriber_addresses a ON a.subscriber_id = s.id AND a.channel = 'sms'
    WHERE s.id = ANY (%(ids)s)
"""
_LEVELS = (
    "SELECT subscriber_id, club_code, level FROM memberships"
    " WHERE subscriber_id = ANY (%(ids)s) AND state = 'active'"
)


def find(tx: Tx, ids: Collection[int], *, clubs: bool) -> dict[int, Person]:
    """By each id the person, or the one that took it over; with their `clubs` if asked for."""
    took_over: dict[int, int] = {}
    found: dict[int, Person] = {}
    wanted = set(ids)
    while wanted:
        rows = sql.rows(tx, _PEOPLE, {"ids": sorted(wanted)})
        took_over |= {row[0]: row[2] for row in rows if row[2] is not None}
        for row in rows:
            if row[2] is None:
                found[row[0]] = Person(row[0], row[1], row[3], row[4])
        wanted = set(took_over.values()) - set(found) - set(took_over)
    if clubs and found:
        levels: dict[int, dict[str, str]] = {}
        for owner, club, level in sql.rows(tx, _LEVELS, {"ids": sorted(found)}):
            levels.setdefault(owner, {})[club] = level
        found = {
            key: Person(key, who.status, who.opted_out, who.msisdn, levels.get(key))
            for key, who in found.items()
        }
    return {each: found[last] for each in ids if (last := _last(each, took_over)) in found}


def _last(each: int, took_over: dict[int, int]) -> int:
    while each in took_over:
        each = took_over[each]
    return each
