"""What came out of a survey: how many were invited, began and ended, and what they answered.

Answers are counted by question; nobody's number stands beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from models import sql
from models.base import Tx
from models.surveys.definition import SCORE, STARS, Question, Survey

GOOD_STARS = 4  # so many or more are satisfied
# Who would recommend us (Reichheld, Net Promoter Score): 9 or 10; up to 6 would not.
PROMOTERS, DETRACTORS = 9, 6


@dataclass(frozen=True, slots=True)
class Overview:
    """One survey in numbers."""

    code: str
    invited: int
    begun: int
    done: int
    stopped: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many gave an answer."""

    number: int
    words: str
    people: int
    percent: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was answered to one question. `hundredths`: stars or score on average, in hundredths."""

    question: Question
    answered: int
    counts: tuple[Count, ...]
    hundredths: int | None
    good_percent: int | None  # of stars: 4 or 5
    recommend: int | None  # of a score: promoters less detractors, -100 to 100


@dataclass(frozen=True, slots=True)
class Line:
    """One answer, for a list. `name` tells responses apart and says nothing of whose they are."""

    response: int
    name: str
    begun_at: datetime
    at: datetime
    channel: str
    question: str
    number: int | None
    words: str | None
    no: int


def overviews(tx: Tx) -> dict[str, Overview]:
    """Every survey that was ever published, by code."""
    rows = sql.rows(
        tx,
        "SELECT s.code, (SELECT count(*) FROM survey_invitations i WHERE i.survey = s.code),"
        " count(r.survey), count(*) FILTER (WHERE r.state = 'done'),"
        " count(*) FILTER (WHERE r.state = 'stopped')"
        " FROM (SELECT DISTINCT code FROM surveys) s"
        " LEFT JOIN survey_responses r ON r.survey = s.code GROUP BY s.code",
    )
    return {row[0]: Overview(*row) for row in rows}


def outcomes(tx: Tx, survey: Survey) -> list[Outcome]:
    """What was answered to each question of its last version, in its order."""
    rows = sql.rows(
        tx,
        "SELECT question, number, count(*) FROM survey_answers WHERE survey = %(code)s"
        " GROUP BY question, number",
        {"code": survey.code},
    )
    by_question: dict[str, dict[int | None, int]] = {}
    for question, number, people in rows:
        by_question.setdefault(question, {})[number] = people
    return [_outcome(one, by_question.get(one.id, {})) for one in survey.questions]


def words_of(tx: Tx, code: str, question: str, *, limit: int) -> list[str]:
    """The latest words that were answered to a question."""
    rows = sql.rows(
        tx,
        "SELECT words FROM survey_answers WHERE survey = %(code)s AND question = %(question)s"
        " AND words IS NOT NULL ORDER BY at DESC LIMIT %(limit)s",
        {"code": code, "question": question, "limit": limit},
    )
    return [row[0] for row in rows]


def lines(tx: Tx, code: str, *, after: tuple[datetime, int, int] | None, limit: int) -> list[Line]:
    """All answers, response by response, the oldest first; `after`: begun_at, response, no."""
    begun, response, no = after or (None, 0, 0)
    rows = sql.rows(
        tx,
        "SELECT a.subscriber_id, left(md5(a.survey || ':' || a.subscriber_id), 8), r.begun_at,"
        " a.at, r.channel, a.question, a.number, a.words, a.no"
        " FROM survey_responses r JOIN survey_answers a"
        "  ON a.subscriber_id = r.subscriber_id AND a.survey = r.survey"
        " WHERE r.survey = %(code)s AND (%(begun)s::timestamptz IS NULL"
        "  OR (r.begun_at, a.subscriber_id, a.no) > (%(begun)s, %(response)s, %(no)s))"
        " ORDER BY r.begun_at, a.subscriber_id, a.no LIMIT %(limit)s",
        {"code": code, "begun": begun, "response": response, "no": no, "limit": limit},
    )
    return [Line(*row) for row in rows]


def satisfaction(tx: Tx, now: datetime, days: int) -> dict[str, tuple[int, int]]:
    """Of "vouchers" and "activities": how many rated within so many days, how many 4 or 5 stars."""
    row = sql.one(
        tx,
        "SELECT (SELECT count(*) FROM ratings WHERE state = 'given' AND at > %(since)s),"
        " (SELECT count(*) FROM ratings WHERE state = 'given' AND at > %(since)s"
        "  AND stars >= %(good)s),"
        " (SELECT count(*) FROM activity_ratings WHERE state = 'given' AND at > %(since)s),"
        " (SELECT count(*) FROM activity_ratings WHERE state = 'given' AND at > %(since)s"
        "  AND stars >= %(good)s)",
        {"since": now - timedelta(days=days), "good": GOOD_STARS},
    )
    return {"vouchers": (row[0], row[1]), "activities": (row[2], row[3])}


def _outcome(question: Question, found: dict[int | None, int]) -> Outcome:
    answered = sum(found.values())
    numbers = {number: people for number, people in found.items() if number is not None}
    given = sum(numbers.values())
    shown = range(question.least, question.most + 1) if question.most else range(0)
    counts = tuple(
        Count(no, question.words_of(no), numbers.get(no, 0), _percent(numbers.get(no, 0), given))
        for no in shown
    )
    total = sum(number * people for number, people in numbers.items())
    average = (total * 100 + given // 2) // given if given else None
    good = sum(people for number, people in numbers.items() if number >= GOOD_STARS)
    fans = sum(people for number, people in numbers.items() if number >= PROMOTERS)
    others = sum(people for number, people in numbers.items() if number <= DETRACTORS)
    is_stars, is_score = question.kind == STARS, question.kind == SCORE
    return Outcome(
        question, answered, counts, average if is_stars or is_score else None,
        _percent(good, given) if is_stars and given else None,
        (100 * (fans - others)) // given if is_score and given else None,
    )  # fmt: skip


def _percent(part: int, whole: int) -> int:
    return (part * 100 + whole // 2) // whole if whole else 0
