"""Who is asked: the audience of a survey, whom to invite today, and what somebody can answer.

Once a day the clock goes through the people of each survey, some at a time; where it is stands in
survey_rounds. Nobody is invited twice to a survey, nor to two within a week.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
)

from models import sql
from models.base import Tx, metadata, moment, subscriber_id
from models.surveys.definition import Survey, live

invitations = Table(
    "survey_invitations",
    metadata,
    subscriber_id(),
    Column("survey", String(32), nullable=False),
    moment("at"),
    PrimaryKeyConstraint("subscriber_id", "survey"),
    Index(None, "survey"),
)

rounds = Table(
    "survey_rounds",
    metadata,
    Column("survey", String(32), primary_key=True),
    Column("day", Date, nullable=False),
    Column("after", BigInteger, nullable=False),  # the last subscriber who was looked at
    Column("finished", Boolean, nullable=False),
    Column("invited", Integer, nullable=False),  # since the survey was first published
    CheckConstraint("after >= 0 AND invited >= 0", name="counts"),
)

# Somebody of the audience, as a condition on `subscribers s`.
_IN = """
    s.status = 'active'
    AND (cardinality(%(clubs)s::text[]) = 0 OR EXISTS (
        SELECT 1 FROM memberships m WHERE m.subscriber_id = s.id AND m.state = 'active'
        AND m.club_code = ANY (%(clubs)s) AND m.level = coalesce(%(level)s, m.level)))
    AND (%(used_since)s::timestamptz IS NULL OR EXISTS (
        SELECT 1 FROM vouchers v WHERE v.subscriber_id = s.id AND v.state = 'verified'
        AND v.ended_at > %(used_since)s))
"""
# By lot, and always the same people: so a share that is raised asks those who were not asked yet.
_DRAWN = "abs(hashtextextended(%(code)s || ':' || s.id, 0) %% 100) < %(share)s"


@dataclass(frozen=True, slots=True)
class Round:
    """How far the clock is with a survey today."""

    survey: str
    day: date
    after: int
    finished: bool
    invited: int


def to_invite(
    tx: Tx, survey: Survey, *, after: int, every: timedelta, now: datetime, limit: int
) -> list[int]:
    """People to be invited now, by number, from the one behind `after` on."""
    rows = sql.rows(
        tx,
        "SELECT s.id FROM subscribers s WHERE s.id > %(after)s AND s.opted_out_at IS NULL"
        f" AND {_IN} AND {_DRAWN} AND NOT EXISTS (SELECT 1 FROM survey_invitations i"
        "  WHERE i.subscriber_id = s.id AND (i.survey = %(code)s OR i.at > %(since)s))"
        " AND NOT EXISTS (SELECT 1 FROM survey_responses r"
        "  WHERE r.subscriber_id = s.id AND r.survey = %(code)s)"
        " ORDER BY s.id LIMIT %(limit)s",
        {
            **_values(survey, now), "after": after, "since": now - every, "limit": limit,
            "share": survey.share_percent,
        },
    )  # fmt: skip
    return [row[0] for row in rows]


def invite(tx: Tx, person: int, survey: Survey, *, every: timedelta, now: datetime) -> bool:
    """Note that somebody, held, is invited; False where they were, or to another lately."""
    invited = sql.change(
        tx,
        "INSERT INTO survey_invitations (subscriber_id, survey, at)"
        " SELECT %(person)s, %(code)s, %(now)s WHERE NOT EXISTS ("
        "  SELECT 1 FROM survey_invitations WHERE subscriber_id = %(person)s AND at > %(since)s)"
        " ON CONFLICT DO NOTHING",
        {"person": person, "code": survey.code, "now": now, "since": now - every},
    )
    return invited == 1


def round_of(tx: Tx, survey: Survey, day: date) -> Round:
    """How far the clock is today, held; a new day begins anew."""
    row = sql.one(
        tx,
        "INSERT INTO survey_rounds AS r (survey, day, after, finished, invited)"
        " VALUES (%(code)s, %(day)s, 0, false, 0) ON CONFLICT (survey) DO UPDATE SET"
        " after = CASE WHEN r.day < excluded.day THEN 0 ELSE r.after END,"
        " finished = r.finished AND r.day >= excluded.day,"
        " day = greatest(r.day, excluded.day) RETURNING survey, day, after, finished, invited",
        {"code": survey.code, "day": day},
    )
    return Round(*row)


def went_on(
    tx: Tx, survey: Survey, *, after: int = 0, finished: bool = False, invited: int = 0
) -> None:
    """Note how far the clock has come today, and how many more were invited."""
    sql.change(
        tx,
        "UPDATE survey_rounds SET after = greatest(after, %(after)s), finished = %(finished)s,"
        " invited = invited + %(invited)s WHERE survey = %(code)s",
        {"code": survey.code, "after": after, "finished": finished, "invited": invited},
    )


def for_person(tx: Tx, people: Collection[int], day: date, now: datetime) -> list[Survey]:
    """What this person, given as all ids of theirs, can answer now: begun ones first, then those
    they are invited to, then those that they are in the audience of."""
    running = [survey for survey in live(tx).values() if survey.is_open(day)]
    ranked: list[tuple[int, str, Survey]] = []
    for survey in running:
        rank = sql.maybe_value(
            tx,
            "SELECT CASE WHEN r.state = 'done' THEN 9 WHEN r.state IS NOT NULL THEN 0"
            " WHEN i.at IS NOT NULL THEN 1 ELSE 2 END FROM subscribers s"
            " LEFT JOIN survey_responses r ON r.subscriber_id = s.id AND r.survey = %(code)s"
            " LEFT JOIN survey_invitations i ON i.subscriber_id = s.id AND i.survey = %(code)s"
            f" WHERE s.id = ANY (%(people)s) AND (r.state IS NOT NULL OR i.at IS NOT NULL OR {_IN})"
            " ORDER BY r.state = 'done' DESC NULLS LAST, 1 LIMIT 1",
            {**_values(survey, now), "people": list(people)},
        )
        if rank is not None and rank < 9:
            ranked.append((rank, survey.code, survey))
    return [survey for _rank, _code, survey in sorted(ranked, key=lambda one: one[:2])]


def _values(survey: Survey, now: datetime) -> dict[str, object]:
    days = survey.used_within_days
    return {
        "code": survey.code, "clubs": list(survey.clubs), "level": survey.level,
        "used_since": now - timedelta(days=days) if days is not None else None,
    }  # fmt: skip
