"""Surveys in a browser: those that wait for this person, one question to a page.

GET /me/surveys   GET, POST /me/surveys/<code>     what was begun in the chat goes on here
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from dialogs import pages as paths
from dialogs.survey import reward
from handlers.member_login import Login
from handlers.office.forms import clean
from models import subscribers
from models.base import Tx
from models.points import day_of
from models.subscribers import Subscriber
from models.surveys import audience, definition, responses
from models.surveys.definition import WORDS, Question, Survey
from models.surveys.responses import DONE, Response

CHOOSE = "请先选一个答案。"
TOO_LONG = f"最多{responses.WORDS_MAX}个字，请写短一些。"
STARS = {5: "很满意", 4: "满意", 3: "一般", 2: "不满意", 1: "很不满意"}
Page = BaseResponse | str | tuple[str, int]


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is in a survey; `response` None: it is not begun."""

    survey: Survey
    response: Response | None
    points: int = 0  # that it has earned

    @property
    def question(self) -> Question:
        at = self.response.question if self.response else self.survey.questions[0].id
        return self.survey.question(at)

    @property
    def is_done(self) -> bool:
        return self.response is not None and self.response.state == DONE

    @property
    def no(self) -> int:
        return self.response.answers + 1 if self.response else 1


def add_routes(blueprint: Blueprint, login: Login) -> None:
    """The list, and a survey."""

    @blueprint.get(paths.SURVEYS)
    def survey_list() -> Page:
        who = login.who()
        if who is None:
            return login.ask(paths.SURVEYS)
        now = login.now()
        found = login.store.read(
            lambda tx: audience.for_person(tx, subscribers.family(tx, who.id), day_of(now), now)
        )
        return render_template("member/surveys.html", found=found)

    @blueprint.route(f"{paths.SURVEYS}/<code>", methods=("GET", "POST"))
    def survey(code: str) -> Page:
        who = login.who()
        if who is None:
            return login.ask(paths.survey(code) if code.isascii() else paths.SURVEYS)
        place = login.store.read(lambda tx: _place(tx, login, who, code))
        if place is None:
            abort(404)
        mistake = ""
        if request.method == "POST" and not place.is_done:
            mistake = _answer(login, who, place)
            if not mistake:
                return redirect(url_for("member.survey", code=code), 303)
        page = render_template(
            "member/survey.html", place=place, survey=place.survey, question=place.question,
            mistake=mistake, stars=STARS, typed=clean(request.form.get("words", "")),
            most=responses.WORDS_MAX,
        )  # fmt: skip
        return (page, 400) if mistake else page


def _place(tx: Tx, login: Login, who: Subscriber, code: str) -> Place | None:
    """Where this person is, or None: it is not for them, or over."""
    people, now = subscribers.family(tx, who.id), login.now()
    begun = responses.of(tx, people, code)
    if begun is not None and begun.state == DONE:
        points = responses.earned(tx, people, begun)
        return Place(definition.get(tx, code, begun.version), begun, points)
    waiting = audience.for_person(tx, people, day_of(now), now)
    survey = next((one for one in waiting if one.code == code), None)
    if survey is None:
        return None
    return Place(definition.get(tx, code, begun.version) if begun else survey, begun)


def _answer(login: Login, who: Subscriber, place: Place) -> str:
    """Keep the answer of the form; what is wrong with it, or "".

    A form that was sent twice, or after an answer in the chat, answers nothing anew.
    """
    asked = request.form.get("question", "")
    words, typed = clean(request.form.get("words", "")), request.form.get("number", "")
    number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 3 else None
    try:
        question = place.survey.question(asked)
    except LookupError:
        abort(400)
    if question.kind == WORDS and len(words) > responses.WORDS_MAX:
        return TOO_LONG
    if question.kind != WORDS and (number is None or not question.takes(number)):
        return CHOOSE
    now = login.now()

    def work(tx: Tx) -> None:
        person = subscribers.lock_id(tx, who.id)
        people = subscribers.family(tx, person.id)
        begun = responses.begin(tx, person.id, people, place.survey, channel="page", now=now)
        if begun.state == DONE or begun.version != place.survey.version:
            return
        after = responses.answer(
            tx, begun, place.survey, question, now=now,
            number=number if question.kind != WORDS else None,
            words=words if question.kind == WORDS else None,
        )  # fmt: skip
        if after.state == DONE:
            reward(tx, person, after, now)

    login.store.run(work)
    return ""
