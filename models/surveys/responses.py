"""What people answer: one response to a survey each, gone on with wherever they stopped.

    (none) ──begin──▶ open ──answer, answer, ...──▶ done
                       └──stop──▶ stopped ──begin──▶ open: at the same question

What a person began on a row that was merged since goes on there: `people` are all ids of theirs.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
)

from models import sql
from models.base import Tx, metadata, moment, subscriber_id
from models.surveys.definition import Question, Survey

OPEN, DONE, STOPPED = STATES = ("open", "done", "stopped")
CHANNELS = ("wechat", "sms", "page")
WORDS_MAX = 500

responses = Table(
    "survey_responses",
    metadata,
    subscriber_id(),
    Column("survey", String(32), nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", String(8), nullable=False),
    Column("question", String(24), nullable=False),  # the next one; the last one, once done
    Column("answers", SmallInteger, nullable=False, server_default="0"),
    Column("channel", String(8), nullable=False),  # where it was begun
    moment("begun_at"),
    moment("ended_at", nullable=True),
    PrimaryKeyConstraint("subscriber_id", "survey"),
    ForeignKeyConstraint(["survey", "version"], ["surveys.code", "surveys.version"]),
    CheckConstraint(f"state IN {STATES}", name="state"),
    CheckConstraint(f"channel IN {CHANNELS}", name="channel"),
    CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="ended"),
    CheckConstraint("answers >= 0 AND (state <> 'done' OR answers > 0)", name="answers"),
    Index(None, "survey", "begun_at"),
)

# Never deleted, and never changed but for the words, which may be erased (migrations/).
answers = Table(
    "survey_answers",
    metadata,
    Column("subscriber_id", BigInteger, nullable=False),
    Column("survey", String(32), nullable=False),
    Column("question", String(24), nullable=False),
    Column("no", SmallInteger, nullable=False),  # in the order of the answers
    Column("number", SmallInteger),  # the choice from 1, the stars or the score
    Column("words", Text),  # null: none, or erased
    moment("at"),
    PrimaryKeyConstraint("subscriber_id", "survey", "question"),
    ForeignKeyConstraint(
        ["subscriber_id", "survey"],
        ["survey_responses.subscriber_id", "survey_responses.survey"],
    ),
    CheckConstraint("no > 0", name="no"),
    CheckConstraint("number BETWEEN 0 AND 10", name="number"),
    CheckConstraint(f"char_length(words) <= {WORDS_MAX}", name="words"),
    CheckConstraint("number IS NULL OR words IS NULL", name="one"),
    Index(None, "survey", "question"),
)


@dataclass(frozen=True, slots=True)
class Response:
    """How far somebody is with a survey, and with which version."""

    subscriber_id: int
    survey: str
    version: int
    state: str
    question: str
    answers: int


_FIELDS = ", ".join(Response.__dataclass_fields__)


def of(tx: Tx, people: Collection[int], code: str, *, lock: bool = False) -> Response | None:
    """This person's response to a survey, the one that is furthest, or None."""
    row = sql.first(
        tx,
        f"SELECT {_FIELDS} FROM survey_responses WHERE subscriber_id = ANY (%(people)s)"
        " AND survey = %(code)s ORDER BY state = 'done' DESC, answers DESC, subscriber_id LIMIT 1"
        + (" FOR NO KEY UPDATE" if lock else ""),
        {"people": list(people), "code": code},
    )
    return Response(*row) if row else None


def begin(
    tx: Tx, person: int, people: Collection[int], survey: Survey, *, channel: str, now: datetime
) -> Response:
    """Begin, or go on with what was begun or stopped; what is done is given as it is.

    The caller holds the person.
    """
    found = of(tx, people, survey.code, lock=True)
    if found is not None:
        if found.state != STOPPED:
            return found
        row = sql.one(
            tx,
            "UPDATE survey_responses SET state = 'open', ended_at = NULL"
            " WHERE subscriber_id = %(person)s AND survey = %(code)s"
            f" RETURNING {_FIELDS}",
            {"person": found.subscriber_id, "code": survey.code},
        )
        return Response(*row)
    row = sql.one(
        tx,
        "INSERT INTO survey_responses (subscriber_id, survey, version, state, question, channel,"
        " begun_at) VALUES (%(person)s, %(code)s, %(version)s, 'open', %(question)s, %(channel)s,"
        f" %(now)s) RETURNING {_FIELDS}",
        {
            "person": person, "code": survey.code, "version": survey.version,
            "question": survey.questions[0].id, "channel": channel, "now": now,
        },
    )  # fmt: skip
    return Response(*row)


def answer(
    tx: Tx, response: Response, survey: Survey, question: Question, *, number: int | None,
    words: str | None, now: datetime,
) -> Response:  # fmt: skip
    """Keep an answer, a number or words (neither: skipped); the response as it stands then.

    An answer to another question than the one that is next changes nothing: it came twice.
    Raises ValueError for a number that answers nothing.
    """
    if number is not None and not question.takes(number):
        raise ValueError(f"{question.id} takes {question.least} to {question.most}")
    following = survey.after(question, number)
    row = sql.first(
        tx,
        "UPDATE survey_responses SET answers = answers + 1, question = %(following)s,"
        " state = %(state)s, ended_at = %(ended)s"
        " WHERE subscriber_id = %(person)s AND survey = %(code)s AND state = 'open'"
        f" AND question = %(question)s RETURNING {_FIELDS}",
        {
            "person": response.subscriber_id, "code": survey.code, "question": question.id,
            "following": following.id if following else question.id,
            "state": OPEN if following else DONE, "ended": None if following else now,
        },
    )  # fmt: skip
    if row is None:
        return of(tx, [response.subscriber_id], survey.code) or response
    after = Response(*row)
    sql.change(
        tx,
        "INSERT INTO survey_answers (subscriber_id, survey, question, no, number, words, at) VALUES"
        " (%(person)s, %(code)s, %(question)s, %(no)s, %(number)s, %(words)s, %(now)s)",
        {
            "person": after.subscriber_id, "code": survey.code, "question": question.id,
            "no": after.answers, "number": number, "now": now,
            "words": (words or "").strip()[:WORDS_MAX] or None,
        },
    )  # fmt: skip
    return after


def event_id(response: Response) -> str:
    """The id of the event that a response becomes when it is done; one person has one."""
    return f"survey:{response.survey}:{response.subscriber_id}"


def earned(tx: Tx, people: Collection[int], response: Response) -> int:
    """The points that answering to the end has given this person."""
    return int(
        sql.value(
            tx,
            "SELECT coalesce(sum(points), 0) FROM earning_postings"
            " WHERE subscriber_id = ANY (%(people)s) AND event_id = %(event)s",
            {"people": list(people), "event": event_id(response)},
        )
    )


def stop(tx: Tx, response: Response, now: datetime) -> None:
    """Leave it at that; it can be gone on with later."""
    sql.change(
        tx,
        "UPDATE survey_responses SET state = 'stopped', ended_at = %(now)s"
        " WHERE subscriber_id = %(person)s AND survey = %(code)s AND state = 'open'",
        {"person": response.subscriber_id, "code": response.survey, "now": now},
    )
