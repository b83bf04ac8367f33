"""A survey as it was published: its questions, and where each answer leads.

rules/surveys/CODE.yaml ──check, publish──▶ surveys (code, version, content) ──▶ Survey
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import CheckConstraint, Column, Integer, PrimaryKeyConstraint, String, Table, Text

from models import sql
from models.base import Tx, document, metadata, moment

CHOICE, STARS, SCORE, WORDS = KINDS = ("choice", "stars", "score", "words")
END = "end"
STARS_MOST, SCORE_MOST = 5, 10
LOW_STARS, LOW_SCORE = 2, 6  # so many or fewer go where `low:` says

surveys = Table(
    "surveys",
    metadata,
    Column("code", String(32), nullable=False),
    Column("version", Integer, nullable=False),
    document("content"),
    Column("author", String(60), nullable=False),
    Column("note", Text, nullable=False),
    moment("at"),
    PrimaryKeyConstraint("code", "version"),
    CheckConstraint("version > 0", name="version"),
)


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `leads` says for each choice where it goes on, None: as the question does."""

    id: str
    ask: str
    kind: str
    choices: tuple[str, ...]
    leads: tuple[str | None, ...]
    low: str | None
    then: str | None

    @property
    def least(self) -> int:
        """The smallest number that answers it."""
        return 0 if self.kind == SCORE else 1

    @property
    def most(self) -> int:
        """The largest number that answers it; 0 where words do."""
        if self.kind == CHOICE:
            return len(self.choices)
        return {STARS: STARS_MOST, SCORE: SCORE_MOST, WORDS: 0}[self.kind]

    def takes(self, number: int) -> bool:
        """Whether this number is an answer."""
        return self.kind != WORDS and self.least <= number <= self.most

    def words_of(self, number: int) -> str:
        """A number as people read it: the words of a choice, "4"."""
        return self.choices[number - 1] if self.kind == CHOICE else str(number)


@dataclass(frozen=True, slots=True)
class Survey:
    """One published version. `share_percent` of those in the audience are invited."""

    code: str
    version: int
    title: str
    intro: str
    thanks: str
    first: date
    until: date
    clubs: tuple[str, ...]
    level: str | None
    used_within_days: int | None
    share_percent: int
    invite_most: int
    questions: tuple[Question, ...]

    def is_open(self, day: date) -> bool:
        """Whether it runs on this day, in China."""
        return self.first <= day <= self.until

    def question(self, name: str) -> Question:
        """The question called so. Raises LookupError."""
        for question in self.questions:
            if question.id == name:
                return question
        raise LookupError(f"{self.code}: no question {name}")

    def after(self, question: Question, number: int | None) -> Question | None:
        """The question that follows this answer; None: it was the last."""
        place = next(no for no, one in enumerate(self.questions) if one.id == question.id)
        lead = question.then
        if question.kind == CHOICE and number is not None:
            lead = question.leads[number - 1] or lead
        low = LOW_SCORE if question.kind == SCORE else LOW_STARS
        if question.low is not None and number is not None and number <= low:
            lead = question.low
        if lead == END:
            return None
        if lead is not None:
            return self.question(lead)
        return self.questions[place + 1] if place + 1 < len(self.questions) else None


def publish(
    tx: Tx, content: Mapping[str, Any], *, author: str, note: str, now: datetime
) -> Survey | None:
    """Make a survey live as its next version; None where nothing has changed."""
    code = content["code"]
    sql.run(tx, "SELECT pg_advisory_xact_lock(hashtext(%(name)s))", {"name": f"survey:{code}"})
    row = sql.first(
        tx,
        "SELECT version, content = %(content)s FROM surveys WHERE code = %(code)s"
        " ORDER BY version DESC LIMIT 1",
        {"code": code, "content": Jsonb(dict(content))},
    )
    if row is not None and row[1]:
        return None
    made = sql.one(
        tx,
        "INSERT INTO surveys (code, version, content, author, note, at) VALUES"
        " (%(code)s, %(version)s, %(content)s, %(author)s, %(note)s, %(now)s)"
        " RETURNING code, version, content::text",
        {
            "code": code, "version": row[0] + 1 if row else 1, "content": Jsonb(dict(content)),
            "author": author, "note": note, "now": now,
        },
    )  # fmt: skip
    return _read(*made)


def live(tx: Tx) -> dict[str, Survey]:
    """The last version of each survey, by code, whether it runs now or not."""
    rows = sql.rows(
        tx,
        "SELECT DISTINCT ON (code) code, version, content::text FROM surveys"
        " ORDER BY code, version DESC",
    )
    return {row[0]: _read(*row) for row in rows}


def contents(tx: Tx) -> dict[str, Mapping[str, Any]]:
    """The last version of each survey as it was published, by code, to compare a file with."""
    return dict(
        sql.rows(
            tx, "SELECT DISTINCT ON (code) code, content FROM surveys ORDER BY code, version DESC"
        )
    )


def get(tx: Tx, code: str, version: int) -> Survey:
    """One version. Raises LookupError."""
    row = sql.one(
        tx,
        "SELECT code, version, content::text FROM surveys"
        " WHERE code = %(code)s AND version = %(version)s",
        {"code": code, "version": version},
    )
    return _read(*row)


@lru_cache(maxsize=64)
def _read(code: str, version: int, written: str) -> Survey:
    content = json.loads(written)
    audience = content["audience"]
    return Survey(
        code=code,
        version=version,
        title=content["title"],
        intro=content["intro"],
        thanks=content["thanks"],
        first=date.fromisoformat(content["window"]["from"]),
        until=date.fromisoformat(content["window"]["until"]),
        clubs=tuple(audience["clubs"]),
        level=audience["level"],
        used_within_days=audience["used_within_days"],
        share_percent=audience["share_percent"],
        invite_most=content["invite_most"],
        questions=tuple(
            Question(
                one["id"], one["ask"], one["kind"],
                tuple(choice["say"] for choice in one["choices"]),
                tuple(choice["then"] for choice in one["choices"]), one["low"], one["then"],
            )
            for one in content["questions"]
        ),
    )  # fmt: skip
