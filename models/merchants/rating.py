"""A merchant's rating: each dimension gives 0 to 100 by its steps, weighted into A+, A, B or B-.

rules/merchants.yaml ──check, publish──▶ merchant_rules (version, content) ──▶ Rules
what is known of a merchant ──▶ lines (dimension, value, points, weight) ──▶ score ──▶ class

The computation is kept as it was made. Who is rated B- has no live offers until rated better.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

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

from models import audit, ratings, sql
from models.audit import By
from models.base import Tx, document, metadata, moment
from models.catalogue import ENDED, RATINGS
from models.merchants import credit, partners
from models.offers import following
from models.rule_versions import RuleVersions

DIMENSIONS = TURNOVER, CAPITAL, STORES, CITIES, WORD_OF_MOUTH, CREDIT = (
    "turnover", "capital", "stores", "cities", "word_of_mouth", "credit",
)  # fmt: skip
WHOLE = 100  # percent; and what a dimension gives at most
# The stars that people gave a merchant, in hundredths (1 star: 100), and how many; None: nobody.
Stars = Callable[[Tx, str, datetime], "tuple[int, int] | None"]

_VERSIONS = RuleVersions("merchant_rules")
merchant_rules = _VERSIONS.table

# Never changed and never deleted (migrations/).
merchant_ratings = Table(
    "merchant_ratings",
    metadata,
    Column("merchant_code", String(32), ForeignKey("merchants.code"), nullable=False),
    Column("no", Integer, nullable=False),
    Column("rating", String(2), nullable=False),
    Column("score", Integer, nullable=False),  # of 10,000
    document("lines"),
    Column("version", Integer, ForeignKey("merchant_rules.version"), nullable=False),
    Column("why", Text, nullable=False),
    Column("by", String(80), nullable=False),
    moment("at"),
    PrimaryKeyConstraint("merchant_code", "no"),
    CheckConstraint(f"rating IN {RATINGS}", name="rating"),
    CheckConstraint("score BETWEEN 0 AND 10000", name="score"),
)


@dataclass(frozen=True, slots=True)
class Dimension:
    """`steps`: (from this value, so many points), values rising; `unknown`: points for no value."""

    name: str
    weight: int
    unknown: int
    steps: tuple[tuple[int, int], ...]

    def points(self, value: int | None) -> int:
        """0 to 100 for a value; below the first step 0."""
        if value is None:
            return self.unknown
        place = bisect_right([least for least, _points in self.steps], value)
        return self.steps[place - 1][1] if place else 0


@dataclass(frozen=True, slots=True)
class Rules:
    """One published version. `borders`: class -> the least score of 100, the best first."""

    version: int
    dimensions: tuple[Dimension, ...]
    borders: tuple[tuple[str, int], ...]
    least_ratings: int  # so many stars before word of mouth counts


@dataclass(frozen=True, slots=True)
class Line:
    """One dimension of a computation: its part of the score is `points` x `weight`."""

    name: str
    value: int | None
    points: int
    weight: int


@dataclass(frozen=True, slots=True)
class Rating:
    """A computation and what came out: `score` of 10,000 is the sum of points x weight."""

    rating: str
    score: int
    lines: tuple[Line, ...]
    version: int
    why: str
    by: str
    at: datetime


class NoRules(Exception):
    """No rules are published: nobody can be rated."""


def compute(rules: Rules, values: Mapping[str, int | None]) -> tuple[str, int, tuple[Line, ...]]:
    """The class, the score of 10,000 and the lines for what is known of a merchant."""
    lines = tuple(
        Line(each.name, values[each.name], each.points(values[each.name]), each.weight)
        for each in rules.dimensions
    )
    score = sum(line.points * line.weight for line in lines)
    rating = next(name for name, least in rules.borders if score >= least * WHOLE)
    return rating, score, lines


def rerate(
    tx: Tx, merchant_code: str, now: datetime, *, why: str = "", by: By = audit.CLOCK,
    stars: Stars = ratings.score,
) -> Rating | None:  # fmt: skip
    """Rate a merchant by what is known now, and bring its offers to where that puts them.

    None for one that has ended. Raises NoSuchMerchant, NoRules.
    """
    merchant = partners.get(tx, merchant_code, lock=True)
    if merchant.state == ENDED:
        return None
    rules = live(tx)
    if rules is None:
        raise NoRules
    rating, score, lines = compute(rules, _known(tx, merchant, rules, now, stars))
    made = Rating(rating, score, lines, rules.version, why, by.login, now)
    _keep(tx, merchant_code, made)
    sql.run(
        tx,
        "UPDATE merchants SET rating = %(rating)s, score = %(score)s, rated_at = %(now)s"
        " WHERE code = %(code)s",
        {"code": merchant_code, "rating": rating, "score": score, "now": now},
    )
    audit.write(
        tx, by, action="merchant.compute", subject=f"merchant:{merchant_code}",
        after={"rating": rating, "score": score, "version": rules.version}, reason=why, now=now,
    )  # fmt: skip
    if rating != merchant.rating:
        partners.note(
            tx, merchant_code, "rated", why=why, by=by, now=now,
            before={"rating": merchant.rating, "score": merchant.score},
            after={"rating": rating, "score": score},
        )  # fmt: skip
        following.follow(tx, merchant_code, why=f"rating {rating}", by=by, now=now)
    return made


def due(tx: Tx, before: datetime, limit: int) -> list[str]:
    """The codes of merchants that work with us and have not been rated since."""
    rows = sql.rows(
        tx,
        "SELECT code FROM merchants WHERE state IN ('open', 'paused')"
        " AND (rated_at IS NULL OR rated_at < %(before)s) ORDER BY code LIMIT %(limit)s",
        {"before": before, "limit": limit},
    )
    return [code for (code,) in rows]


def history(tx: Tx, merchant_code: str, limit: int = 12) -> list[Rating]:
    """A merchant's ratings, the newest first."""
    rows = sql.rows(
        tx,
        'SELECT rating, score, lines, version, why, "by", at FROM merchant_ratings'
        " WHERE merchant_code = %(code)s ORDER BY no DESC LIMIT %(limit)s",
        {"code": merchant_code, "limit": limit},
    )
    return [
        Rating(rating, score, tuple(Line(**line) for line in lines), *rest)
        for rating, score, lines, *rest in rows
    ]


def live(tx: Tx) -> Rules | None:
    """The rules that were published last, or None."""
    found = _VERSIONS.live(tx)
    return _read(*found) if found else None


def content_of(tx: Tx) -> Mapping[str, Any] | None:
    """The live rules as they were published, to compare a file with; or None."""
    return _VERSIONS.content_of(tx)


def publish(tx: Tx, content: Mapping[str, Any], *, author: str, note: str, now: datetime) -> Rules:
    """Make the checked content of rules/merchants.yaml live; nobody is rated by that alone."""
    return _read(*_VERSIONS.publish(tx, content, author=author, note=note, now=now))


def _known(
    tx: Tx, merchant: partners.Merchant, rules: Rules, now: datetime, stars: Stars
) -> dict[str, int | None]:
    stores, cities = sql.one(
        tx,
        "SELECT count(*), count(DISTINCT coalesce(s.city, m.city)) FROM stores s"
        " JOIN merchants m ON m.code = s.merchant_code"
        " WHERE s.merchant_code = %(code)s AND s.closed_at IS NULL",
        {"code": merchant.code},
    )
    given = stars(tx, merchant.code, now)
    return {
        TURNOVER: merchant.details.turnover_yuan,
        CAPITAL: merchant.details.capital_yuan,
        STORES: stores,
        CITIES: cities,
        WORD_OF_MOUTH: given[0] if given and given[1] >= rules.least_ratings else None,
        CREDIT: credit.of(tx, merchant.code, now),
    }


def _keep(tx: Tx, merchant_code: str, made: Rating) -> None:
    sql.run(
        tx,
        "INSERT INTO merchant_ratings (merchant_code, no, rating, score, lines, version, why,"
        ' "by", at) SELECT %(code)s::varchar, coalesce(max(no), 0) + 1, %(rating)s,'
        " %(score)s, %(lines)s, %(version)s, %(why)s, %(by)s, %(at)s FROM merchant_ratings"
        " WHERE merchant_code = %(code)s::varchar",
        {
            "code": merchant_code, "rating": made.rating, "score": made.score,
            "lines": Jsonb([asdict(line) for line in made.lines]), "version": made.version,
            "why": made.why, "by": made.by, "at": made.at,
        },
    )  # fmt: skip


@lru_cache(maxsize=16)
def _read(version: int, written: str) -> Rules:
    content = json.loads(written)
    return Rules(
        version=version,
        dimensions=tuple(
            Dimension(
                name, one["weight"], one["unknown"],
                tuple((step["least"], step["points"]) for step in one["steps"]),
            )
            for name in DIMENSIONS
            for one in (content["dimensions"][name],)
        ),
        borders=tuple((one["name"], one["least"]) for one in content["classes"]),
        least_ratings=content["least_ratings"],
    )  # fmt: skip
