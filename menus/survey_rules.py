"""rules/surveys/CODE.yaml: a survey as operators write it, checked with file, line and column.

    question ──`then:` of the answer, else of the question, else the next──▶ question ... end

Going on leads forward only, so that every survey ends; and no question stands where nobody comes.
"""

import pathlib
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Literal

import pydantic

from menus.checked_yaml import Document, Mistake, Mistakes, check, closest, parse
from menus.positions import Path
from menus.routes import SIMPLE_NAME, Strict

FOLDER = "surveys"
LEAST_QUESTIONS, MOST_QUESTIONS = 3, 10
LEAST_CHOICES, MOST_CHOICES = 2, 8
END = "end"
# Two SMS hold 134 UTF-16 units (GSM 03.38, UCS-2 in parts). The signature, the number of the
# question and how to stop take 40 of them (menus/texts/surveys.yaml).
QUESTION_UNITS = 94
DAY_HINT = "a day, as 2026-11-01"

Code = Annotated[str, pydantic.StringConstraints(pattern=SIMPLE_NAME, max_length=32)]
Id = Annotated[str, pydantic.StringConstraints(pattern=SIMPLE_NAME, max_length=24)]
Written = Annotated[str, pydantic.StringConstraints(pattern=r"^\S([^\n]*\S)?$")]


class Choice(Strict):
    """One answer to choose."""

    say: Annotated[Written, pydantic.StringConstraints(max_length=12)]
    then: Id | None = pydantic.Field(default=None, description="The question that follows it.")


class Question(Strict):
    """One question."""

    id: Id = pydantic.Field(description="Kept with answers: it must not change.")
    ask: Annotated[Written, pydantic.StringConstraints(max_length=60)]
    kind: Literal["choice", "stars", "score", "words"] = pydantic.Field(
        description="One of `choices`; 1 to 5 stars; 0 to 10, how likely; or in one's own words."
    )
    choices: tuple[Choice, ...] = pydantic.Field(default=(), max_length=MOST_CHOICES)
    low: Id | None = pydantic.Field(
        default=None, description="Where 1 or 2 stars, or a score up to 6, go on."
    )
    then: Id | None = pydantic.Field(
        default=None, description="Where all other answers go on: the next question unless said."
    )


class Audience(Strict):
    """Who is asked: everybody of whom all of this is true."""

    clubs: tuple[Code, ...] = pydantic.Field(default=(), description="Members of one of these.")
    level: Literal["ordinary", "premium"] | None = None
    used_within_days: Annotated[int, pydantic.Field(ge=1, le=365)] | None = pydantic.Field(
        default=None, description="Has used a voucher at a store within so many days."
    )
    share_percent: Annotated[int, pydantic.Field(ge=1, le=100)] = pydantic.Field(
        default=100, description="Of these people, drawn by lot but always the same."
    )


class Window(Strict):
    """From when until when, both days included."""

    first: date = pydantic.Field(alias="from")
    until: date


class SurveyFile(Strict):
    """The whole file."""

    code: Code = pydantic.Field(description="Kept with answers: it must not change.")
    title: Annotated[Written, pydantic.StringConstraints(max_length=16)]
    intro: Annotated[Written, pydantic.StringConstraints(max_length=40)]
    thanks: Annotated[Written, pydantic.StringConstraints(max_length=60)]
    window: Window
    audience: Audience
    invite_most: Annotated[int, pydantic.Field(ge=0, le=10**7)] = pydantic.Field(
        description="So many are invited in all; 0: nobody, who says 问卷 is asked."
    )
    questions: tuple[Question, ...] = pydantic.Field(
        min_length=LEAST_QUESTIONS, max_length=MOST_QUESTIONS
    )

    def content(self) -> dict[str, Any]:
        """What is stored when it is published."""
        return self.model_dump(mode="json", by_alias=True)


def read_folder(folder: pathlib.Path) -> dict[str, bytes]:
    """File name -> what is in it, of a folder rules/."""
    return {
        path.name: path.read_bytes()
        for path in sorted((folder / FOLDER).glob("*.y*ml"))
        if not path.name.startswith((".", "#"))
    }


def load(
    files: Mapping[str, str | bytes], *, clubs: Collection[str] | None = None,
    shown: str = f"rules/{FOLDER}",
) -> dict[str, SurveyFile]:  # fmt: skip
    """The surveys by code; `clubs`: None where nobody can say which there are. Raises Mistakes."""
    found: dict[str, SurveyFile] = {}
    mistakes: list[Mistake] = []
    for name, source in sorted(files.items()):
        document = parse(source, file=f"{shown}/{name}")
        survey, wrong = check(document, SurveyFile)
        mistakes += wrong
        if survey is not None:
            mistakes += _by_itself(document, survey, name)
            mistakes += _clubs(document, survey, clubs)
            mistakes += _questions(document, survey)
            found[survey.code] = survey
    if mistakes:
        raise Mistakes(sorted(mistakes))
    return found


def units(text: str) -> int:
    """How much of an SMS a text takes, in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def _by_itself(document: Document, survey: SurveyFile, name: str) -> Iterator[Mistake]:
    if survey.code != pathlib.PurePosixPath(name).stem:
        hint = f"call the file {survey.code}.yaml"
        yield document.mistake(("code",), "code: not the file's name", hint)
    if survey.window.until < survey.window.first:
        message = "window.until: before the first day"
        yield document.mistake(("window", "until"), message, DAY_HINT)
    if survey.audience.level is not None and not survey.audience.clubs:
        message = "audience.level: of which club?"
        yield document.mistake(("audience", "level"), message, "write `clubs: [...]`, too")


def _clubs(
    document: Document, survey: SurveyFile, clubs: Collection[str] | None
) -> Iterator[Mistake]:
    for no, code in enumerate(survey.audience.clubs):
        if clubs is not None and code not in clubs:
            message = f"audience.clubs.{no}: there is no club {code}"
            hint = closest(code, clubs) or f"there are {', '.join(sorted(clubs))}"
            yield document.mistake(("audience", "clubs", no), message, hint)


def _questions(document: Document, survey: SurveyFile) -> Iterator[Mistake]:
    places: dict[str, int] = {}
    for no, question in enumerate(survey.questions):
        path: Path = ("questions", no)
        first = places.setdefault(question.id, no)
        if question.id == END:
            message = f"questions.{no}.id: {END} is where a survey ends"
            yield document.mistake((*path, "id"), message, "choose another word")
        elif first != no:
            message = f"questions.{no}.id: questions.{first} is called so, too"
            yield document.mistake((*path, "id"), message)
        yield from _shape(document, path, question)
        yield from _size(document, path, question)
    reached = {0}
    for no, question in enumerate(survey.questions):
        for where, name in _ways(question):
            path = ("questions", no, *where)
            shown = ".".join(str(part) for part in path)
            if name == END:
                continue
            if name not in places:
                message = f"{shown}: there is no question {name}"
                yield document.mistake(path, message, closest(name, [*places, END]))
            elif places[name] <= no:
                message = f"{shown}: {name} does not stand further down"
                yield document.mistake(path, message, "going back would never end")
            elif no in reached:
                reached.add(places[name])
        if _goes_on(question) and no in reached:
            reached.add(no + 1)
    for no, question in enumerate(survey.questions):
        if no not in reached:
            message = f"questions.{no}: nobody ever comes to {question.id}"
            yield document.mistake(("questions", no, "id"), message, "let a `then:` lead here")


def _shape(document: Document, path: Path, question: Question) -> Iterator[Mistake]:
    """What of a question fits its kind."""
    name = ".".join(str(part) for part in path)
    if question.kind == "choice" and len(question.choices) < LEAST_CHOICES:
        message = f"{name}.choices: {LEAST_CHOICES} to {MOST_CHOICES} answers to choose from"
        yield document.mistake((*path, "kind"), message, "or `kind: words`")
    if question.kind != "choice" and question.choices:
        message = f"{name}.choices: {question.kind} has none"
        yield document.mistake((*path, "choices"), message, "or `kind: choice`")
    if question.low is not None and question.kind not in ("stars", "score"):
        message = f"{name}.low: {question.kind} has no low answers"
        yield document.mistake((*path, "low"), message, "a choice has a `then:` of its own")
    said: set[str] = set()
    for no, choice in enumerate(question.choices):
        if choice.say in said:
            message = f"{name}.choices.{no}.say: stands above already"
            yield document.mistake((*path, "choices", no, "say"), message)
        said.add(choice.say)


def _size(document: Document, path: Path, question: Question) -> Iterator[Mistake]:
    """Whether two SMS hold the question with its answers."""
    listed = "".join(f"{no}{choice.say} " for no, choice in enumerate(question.choices, start=1))
    size = units(question.ask + listed)
    if size > QUESTION_UNITS:
        name = ".".join(str(part) for part in path)
        message = f"{name}.ask: {size} characters with its answers; two SMS hold {QUESTION_UNITS}"
        yield document.mistake((*path, "ask"), message, "write it shorter")


def _ways(question: Question) -> Iterator[tuple[Path, str]]:
    """Where it may go on: the place of the word in the question, and the word."""
    for no, choice in enumerate(question.choices):
        if choice.then is not None:
            yield ("choices", no, "then"), choice.then
    if question.low is not None:
        yield ("low",), question.low
    if question.then is not None:
        yield ("then",), question.then


def _goes_on(question: Question) -> bool:
    """Whether some answer simply goes on to the next question."""
    if question.then is not None:
        return False
    return question.kind != "choice" or any(one.then is None for one in question.choices)
