"""Surveys: edited as files and proposed; what was answered; and how satisfied people are.

GET /surveys ...           file_pages.py, file_review.py
GET /surveys/live/<code>   /surveys/answers?survey=<code> (.csv, .xlsx)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import abort, url_for

from handlers import survey_publishing
from handlers.console import file_pages, file_review, person
from handlers.console.file_desk import Desk
from handlers.console.file_sets import SURVEYS
from handlers.console.frame import Console, Page, Visit
from handlers.console.listing import Column, Filter, Key, Listing
from handlers.console.person_words import CHANNELS
from handlers.console.words import _
from models.base import Tx
from models.points import day_of
from models.surveys import definition, results
from models.surveys.definition import WORDS, Survey
from models.surveys.results import Line

WORDS_SHOWN = 20  # of what people wrote to a question; all of it is in the file
SATISFIED_WITHIN_DAYS = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as a list shows it."""

    line: Line
    asked: str
    answered: str


def add_routes(console: Console) -> None:
    """The list, one survey with what was answered, and all answers."""
    console.listing("/surveys/answers", LISTING, permission="surveys.see")
    file_pages.add_routes(
        console, SURVEYS, extra=_extra,
        about=_("问卷：修改、检查、提议发布；多少人回答、回答了什么；用券和活动的满意度。"),
    )  # fmt: skip
    file_review.add_routes(console, SURVEYS)

    @console.page("/surveys/live/<code>", permission="surveys.see")
    def survey(visit: Visit, code: str) -> Page:
        seen = visit.read(lambda tx: _results(tx, code))
        if seen is None:
            abort(404)
        return visit.render(
            "console/survey.html",
            runs=seen["survey"].is_open(day_of(visit.now)),
            hide=person.hide_numbers,
            crumbs=[(_("问卷"), url_for("console.surveys"))],
            **seen,
        )


def _extra(visit: Visit, desk: Desk) -> dict[str, Any]:
    seen = visit.read(lambda tx: _overview(tx, visit.now)) | {"days": SATISFIED_WITHIN_DAYS}
    try:
        folder = SURVEYS.folder(visit.parts)
    except OSError as gone:
        return {**seen, "folder_differs": False, "folder_unreadable": str(gone)[:300]}
    differs = survey_publishing.unpublished(folder, desk.live.files, visit.now)
    return {**seen, "folder_differs": differs, "folder_unreadable": ""}


def _overview(tx: Tx, now: datetime) -> dict[str, Any]:
    live, counts, today = definition.live(tx), results.overviews(tx), day_of(now)
    return {
        "surveys": [(one, counts[code], one.is_open(today)) for code, one in live.items()],
        "satisfied": results.satisfaction(tx, now, SATISFIED_WITHIN_DAYS),
    }


def _results(tx: Tx, code: str) -> dict[str, Any] | None:
    survey = definition.live(tx).get(code)
    if survey is None:
        return None
    outcomes = results.outcomes(tx, survey)
    written = {
        one.question.id: results.words_of(tx, code, one.question.id, limit=WORDS_SHOWN)
        for one in outcomes
        if one.question.kind == WORDS
    }
    return {
        "survey": survey, "counted": results.overviews(tx)[code], "outcomes": outcomes,
        "written": written,
    }  # fmt: skip


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Answer]:
    survey = definition.live(tx).get(filters.get("survey", ""))
    if survey is None:
        return []
    after = None
    if key is not None:
        if not isinstance(key[0], datetime):
            raise TypeError("the first part of the key is a moment")
        after = key[0], int(str(key[1])), int(str(key[2]))
    found = results.lines(tx, survey.code, after=after, limit=limit)
    return [_answer(survey, line) for line in found]


def _answer(survey: Survey, line: Line) -> Answer:
    try:
        question = survey.question(line.question)
    except LookupError:  # of an older version
        return Answer(line, line.question, line.words or str(line.number or ""))
    if line.number is not None and question.takes(line.number):
        return Answer(line, question.ask, question.words_of(line.number))
    return Answer(line, question.ask, person.hide_numbers(line.words or ""))


LISTING: Listing[Answer] = Listing(
    name="survey_answers",
    words=_("问卷的回答"),
    columns=(
        Column(_("答卷"), lambda one: one.line.name, "code"),
        Column(_("回答时间"), lambda one: one.line.at, "time"),
        Column(_("渠道"), lambda one: _(CHANNELS[one.line.channel])),
        Column(_("第几题"), lambda one: one.line.no, "number"),
        Column(_("题目"), lambda one: one.asked),
        Column(_("回答"), lambda one: one.answered),
        Column(_("选择"), lambda one: one.line.number, "number"),
    ),
    filters=(Filter("survey", _("问卷"), hint=_("问卷的代码，例如 film")),),
    fetch=_fetch,
    key=lambda one: (one.line.begun_at, one.line.response, one.line.no),
    empty=_("还没有人回答。"),
)
