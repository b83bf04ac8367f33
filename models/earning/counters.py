"""Counters: points given of each cap, so that nobody gets more, however many earn at once.

    (person, campaign, day)     a person a day        (person, campaign, ever)  a person
    (house, campaign, day)      everybody a day

A batch locks what it needs, the people first and the lower id first; gives; and counts what it
gave. The table refuses more than the cap, whoever counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
)  # fmt: skip

from models import sql
from models.base import HOUSE, Tx, metadata, subscriber_id
from models.earning.judging import Wanted
from models.points import NEVER, day_of

# Longer than events are taken after they happened (60 days): a late one still finds its day.
KEPT_FOR = timedelta(days=92)

counters = Table(
    "earning_counters",
    metadata,
    subscriber_id(),  # the house's: of everybody together
    Column("campaign", String(40), nullable=False),
    Column("day", Date, nullable=False),  # 9999-12-31: of the campaign's whole life
    Column("used", BigInteger, nullable=False),
    Column("at_most", BigInteger, nullable=False),  # the cap when it was last counted
    PrimaryKeyConstraint("subscriber_id", "campaign", "day"),
    CheckConstraint("used >= 0 AND used <= at_most", name="used"),
    Index(None, "day"),
)


class Counter(NamedTuple):
    """Whose, of which campaign, on which day."""

    owner: int
    campaign: str
    day: date


class Cut(NamedTuple):
    """What a cap took away: which one, its limit, what had been given before, and how much."""

    cap: str
    limit: int
    used: int
    points: int


def caps_of(wanted: Wanted) -> list[tuple[str, Counter, int]]:
    """(name, counter, limit) of the caps on what a rule gives for an event; its day is China's."""
    rule = wanted.live.rule
    caps, campaign = rule.caps, rule.budget_of
    if not caps.are_set:  # most rules have none, and every event asks
        return []
    day = day_of(wanted.event.occurred_at)
    each = (
        ("person_day", Counter(wanted.owner, campaign, day), caps.person_day),
        ("person", Counter(wanted.owner, campaign, NEVER), caps.person),
        ("day", Counter(HOUSE, campaign, day), caps.day),
    )
    return [(name, counter, limit) for name, counter, limit in each if limit is not None]


@dataclass(slots=True)
class Room:
    """How much of each counter is used; `take` gives what all caps allow, the rest if need be."""

    used: dict[Counter, int] = field(default_factory=dict)

    def take(self, wanted: Wanted) -> tuple[int, list[Cut]]:
        """The points to give, which are used up now, and what the caps took away."""
        caps, points, cuts = caps_of(wanted), wanted.points, []
        for name, counter, limit in caps:
            before = self.used.get(counter, 0)
            allowed = max(0, limit - before)
            if points > allowed:
                cuts.append(Cut(name, limit, before, points - allowed))
                points = allowed
        self.add(wanted, points)
        return points, cuts

    def add(self, wanted: Wanted, points: int) -> None:
        """Count points; less than nothing for what was not given after all."""
        if points:
            for _, counter, _ in caps_of(wanted):
                self.used[counter] = self.used.get(counter, 0) + points


def lock(tx: Tx, needed: Mapping[Counter, int]) -> Room:
    """Hold the counters that are needed (each with its limit), making those that are missing."""
    if not needed:
        return Room()
    keys = sorted(needed, key=lambda each: (each.owner == HOUSE, each))
    values = _columns(keys) | {"at_most": [needed[key] for key in keys]}
    sql.change(
        tx,
        "INSERT INTO earning_counters (subscriber_id, campaign, day, used, at_most)"
        " SELECT owner, campaign, day, 0, at_most FROM unnest(%(owners)s::bigint[],"
        " %(campaigns)s::text[], %(days)s::date[], %(at_most)s::bigint[])"
        " WITH ORDINALITY AS k (owner, campaign, day, at_most, n) ORDER BY n"
        " ON CONFLICT DO NOTHING",
        values,
    )
    rows = sql.rows(
        tx,
        "SELECT c.subscriber_id, c.campaign, c.day, c.used FROM unnest(%(owners)s::bigint[],"
        " %(campaigns)s::text[], %(days)s::date[]) WITH ORDINALITY AS k (owner, campaign, day, n)"
        " JOIN earning_counters c ON c.subscriber_id = k.owner AND c.campaign = k.campaign"
        " AND c.day = k.day ORDER BY n FOR NO KEY UPDATE OF c",
        values,
    )
    return Room({Counter(*row[:3]): row[3] for row in rows})


def count(tx: Tx, given: Mapping[Counter, tuple[int, int]]) -> None:
    """Add points to counters that are held: (points, limit) of each. No limit is ever passed."""
    added = {key: each for key, each in given.items() if each[0] > 0}
    if not added:
        return
    keys = list(added)
    changed = sql.change(
        tx,
        "UPDATE earning_counters c SET used = c.used + k.points, at_most = k.at_most"
        " FROM unnest(%(owners)s::bigint[], %(campaigns)s::text[], %(days)s::date[],"
        " %(points)s::bigint[], %(at_most)s::bigint[]) AS k (owner, campaign, day, points, at_most)"
        " WHERE c.subscriber_id = k.owner AND c.campaign = k.campaign AND c.day = k.day"
        " AND c.used + k.points <= k.at_most",
        _columns(keys)
        | {
            "points": [added[key][0] for key in keys],
            "at_most": [added[key][1] for key in keys],
        },
    )
    if changed != len(keys):
        raise AssertionError("a cap would have been passed")


def hold(tx: Tx, people: Sequence[int]) -> None:
    """Hold all counters of these people until the transaction ends."""
    sql.run(
        tx,
        "SELECT 1 FROM earning_counters WHERE subscriber_id = ANY (%(people)s)"
        " ORDER BY subscriber_id, campaign, day FOR NO KEY UPDATE",
        {"people": list(people)},
    )


def merge(tx: Tx, *, source: int, target: int) -> None:
    """Let what `source` was given of each cap count for `target`, though it be beyond the cap."""
    sql.change(
        tx,
        "INSERT INTO earning_counters AS c (subscriber_id, campaign, day, used, at_most)"
        " SELECT %(target)s, campaign, day, used, at_most FROM earning_counters"
        " WHERE subscriber_id = %(source)s"
        " ON CONFLICT (subscriber_id, campaign, day) DO UPDATE"
        " SET used = c.used + excluded.used,"
        " at_most = greatest(c.at_most, c.used + excluded.used)",
        {"source": source, "target": target},
    )


def forget_before(tx: Tx, before: datetime, limit: int) -> int:
    """Delete counters of days that no event can be of any more, at most `limit`; how many."""
    return sql.change(
        tx,
        "DELETE FROM earning_counters WHERE (subscriber_id, campaign, day) IN"
        " (SELECT subscriber_id, campaign, day FROM earning_counters WHERE day < %(before)s"
        " ORDER BY day LIMIT %(limit)s)",
        {"before": day_of(before), "limit": limit},
    )


def _columns(keys: list[Counter]) -> dict[str, object]:
    return {
        "owners": [key.owner for key in keys],
        "campaigns": [key.campaign for key in keys],
        "days": [key.day for key in keys],
    }
