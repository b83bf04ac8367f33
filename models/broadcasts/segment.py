"""Who is in a segment: one small rule, stored as JSON. Richer segments come in here later.

    {"clubs": ["film"], "level": "premium", "tiers": ["gold"], "cities": ["南京"]}

All that is named must hold; of a list one is enough. A city is where somebody has used a voucher:
nothing else that is kept says where a person is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from models import sql
from models.base import Tx
from models.tiers import rules

LEVELS = ("ordinary", "premium")
NAMES_MOST = 20  # of one list


class BadSegment(ValueError):
    """The rule says something that cannot be; `field` names what."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


@dataclass(frozen=True, slots=True)
class Segment:
    """What is named; an empty one is everybody with a number."""

    clubs: tuple[str, ...] = ()
    level: str | None = None  # in one of these clubs, or in any
    tiers: tuple[str, ...] = ()
    cities: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Segment:
        """Raises BadSegment."""
        if unknown := set(stored) - set(cls.__dataclass_fields__):
            raise BadSegment(sorted(unknown)[0])
        lists: dict[str, tuple[str, ...]] = {}
        for name in ("clubs", "tiers", "cities"):
            given = stored.get(name) or ()
            if not isinstance(given, list | tuple) or len(given) > NAMES_MOST:
                raise BadSegment(name)
            if not all(isinstance(one, str) and 0 < len(one) <= 32 for one in given):
                raise BadSegment(name)
            lists[name] = tuple(given)
        level = stored.get("level")
        if level is not None and level not in LEVELS:
            raise BadSegment("level")
        return cls(level=level, **lists)


def check(tx: Tx, segment: Segment) -> None:
    """Whether all that it names exists. Raises BadSegment."""
    known = (
        ("clubs", segment.clubs, "SELECT code FROM clubs WHERE code = ANY (%(names)s)"),
        ("cities", segment.cities,
         "SELECT coalesce(s.city, m.city) FROM stores s JOIN merchants m ON m.code ="
         " s.merchant_code WHERE coalesce(s.city, m.city) = ANY (%(names)s)"),
    )  # fmt: skip
    for field, names, statement in known:
        found = {row[0] for row in sql.rows(tx, statement, {"names": list(names)})}
        if set(names) - found:
            raise BadSegment(field)
    live = rules.live(tx)
    if set(segment.tiers) - {tier.code for tier in (live.tiers if live else ())}:
        raise BadSegment("tiers")


# Somebody of the segment, as a condition on `subscribers s`.
IN = """
    s.status = 'active'
    AND (cardinality(%(clubs)s::text[]) = 0 AND %(level)s::text IS NULL OR EXISTS (
        SELECT 1 FROM memberships m WHERE m.subscriber_id = s.id AND m.state = 'active'
        AND (cardinality(%(clubs)s::text[]) = 0 OR m.club_code = ANY (%(clubs)s))
        AND m.level = coalesce(%(level)s, m.level)))
    AND (cardinality(%(tiers)s::text[]) = 0 OR EXISTS (
        SELECT 1 FROM tier_standings t WHERE t.subscriber_id = s.id AND t.tier = ANY (%(tiers)s)))
    AND (cardinality(%(cities)s::text[]) = 0 OR EXISTS (
        SELECT 1 FROM verifications v JOIN merchants p ON p.code = v.merchant_code
        LEFT JOIN stores o ON o.merchant_code = v.merchant_code AND o.store_no = v.store_no
        WHERE v.subscriber_id = s.id AND coalesce(o.city, p.city) = ANY (%(cities)s)))
"""


def values(segment: Segment) -> dict[str, Any]:
    """What IN asks for."""
    return {
        "clubs": list(segment.clubs), "level": segment.level, "tiers": list(segment.tiers),
        "cities": list(segment.cities),
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choices:
    """What a rule may name now: codes with their words."""

    clubs: tuple[tuple[str, str], ...]
    tiers: tuple[tuple[str, str], ...]
    cities: tuple[tuple[str, str], ...]


def choices(tx: Tx) -> Choices:
    """All that exists."""
    live = rules.live(tx)
    cities = sql.rows(
        tx,
        "SELECT DISTINCT coalesce(s.city, m.city) FROM stores s"
        " JOIN merchants m ON m.code = s.merchant_code ORDER BY 1",
    )
    return Choices(
        tuple((row[0], row[1]) for row in sql.rows(tx, "SELECT code, name FROM clubs ORDER BY 1")),
        tuple((tier.code, tier.name) for tier in (live.tiers if live else ())),
        tuple((row[0], row[0]) for row in cities),
    )
