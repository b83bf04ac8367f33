"""Publish surveys from files, by command or console: what is live, what would change, and doing it.

Versions are kept as data (models/surveys/definition.py), without comments. The text that goes with
them is kept beside, and counts as long as it still says what is live.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import structlog
from ruamel.yaml import YAML

from handlers.publishing import Stale, refuse_big
from menus import survey_rules
from menus.checked_yaml import Mistake, Mistakes, check, parse
from menus.survey_rules import SurveyFile
from models import clubs, publications
from models.base import Tx
from models.points import day_of
from models.surveys import definition

log = structlog.get_logger()

SHOWN = "surveys"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is live as files, and a mark that is another one after every change."""

    files: Mapping[str, str]
    base: str
    version: int  # of the files; 0: they were never published whole


@dataclass(frozen=True, slots=True)
class Change:
    """A survey that would change; `version` is the live one's, 0: it was never published."""

    survey: SurveyFile
    version: int
    lines: tuple[tuple[str, object, object], ...]  # (name, before, after) of what differs


def standing(tx: Tx, folder: Mapping[str, str], now: datetime) -> Standing:
    """The surveys that are not over. `folder`: files of this machine, where no text is kept."""
    kept = publications.live(tx, publications.SURVEYS)
    texts = [kept.files, folder] if kept else [folder]
    files = {}
    for code, content in _running(tx, day_of(now)).items():
        name = f"{code}.yaml"
        fitting = (text[name] for text in texts if name in text and _in(text[name]) == content)
        files[name] = next(fitting, None) or _as_yaml(content)
    return Standing(files, mark(tx), kept.version if kept else 0)


def mark(tx: Tx) -> str:
    """What changes with everything that is published."""
    versions = (str(survey.version) for survey in definition.live(tx).values())
    return ".".join([str(publications.live_version(tx, publications.SURVEYS)), *versions])


def checked(tx: Tx, files: Mapping[str, str], now: datetime) -> dict[str, SurveyFile]:
    """The files, read. Raises Mistakes: all of them, in every file."""
    refuse_big(files)
    missing = [
        Mistake(
            f"{SHOWN}/{code}.yaml", 1, 1, "the file is missing", "end it: window, until yesterday"
        )
        for code in _running(tx, day_of(now))
        if f"{code}.yaml" not in files
    ]
    try:
        found = survey_rules.load(files, clubs=clubs.codes(tx), shown=SHOWN)
    except Mistakes as wrong:
        raise Mistakes([*missing, *wrong.mistakes]) from None
    if missing:
        raise Mistakes(missing)
    return found


def unpublished(files: Mapping[str, str], live: Mapping[str, str], now: datetime) -> bool:
    """Whether a folder differs from what is live; files of surveys that are over do not count."""
    for name, text in files.items():
        found = None if name in live else _in(text)
        over = found is not None and found["window"]["until"] < day_of(now).isoformat()
        if live.get(name) != text and not over:
            return True
    return not live.keys() <= files.keys()


def changes(tx: Tx, found: Iterable[SurveyFile]) -> list[Change]:
    """What publishing would change, by code."""
    live, contents = definition.live(tx), definition.contents(tx)
    made = []
    for survey in found:
        old, new = _flat(contents.get(survey.code, {})), _flat(survey.content())
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        if names:
            version = live[survey.code].version if survey.code in live else 0
            lines = tuple((name, old.get(name), new.get(name)) for name in names)
            made.append(Change(survey, version, lines))
    return made


def put_files(
    tx: Tx, files: Mapping[str, str], *, base: str, author: str, note: str, now: datetime,
    approved_by: str, proposal_id: int,
) -> int:  # fmt: skip
    """Check and make the files live, as two people want it; returns the number of this set.

    Raises Stale, Mistakes: then nothing has changed.
    """
    publications.lock(tx, publications.SURVEYS)
    if base != (live := mark(tx)):
        raise Stale(base, live)
    for survey in checked(tx, files, now).values():
        made = definition.publish(tx, survey.content(), author=author, note=note, now=now)
        if made is not None:
            log.info("survey published", survey=made.code, version=made.version, author=author)
    return publications.publish(
        tx, files, author=author, note=note, now=now, approved_by=approved_by,
        proposal_id=proposal_id, of=publications.SURVEYS,
    )  # fmt: skip


def _running(tx: Tx, today: date) -> dict[str, Mapping[str, Any]]:
    """What is live of each survey that runs or is to come."""
    live, contents = definition.live(tx), definition.contents(tx)
    return {code: contents[code] for code, one in live.items() if one.until >= today}


def _flat(content: Mapping[str, Any]) -> dict[str, object]:
    plain = {name: value for name, value in content.items() if name != "questions"}
    return {**plain, **{f"questions.{one['id']}": one for one in content.get("questions", ())}}


@lru_cache(maxsize=64)
def _in(text: str) -> Mapping[str, Any] | None:
    found = check(parse(text, file=SHOWN), SurveyFile)[0]
    return found.content() if found else None


def _as_yaml(content: Mapping[str, Any]) -> str:
    """A text for what was published without one that we know."""
    yaml = YAML(pure=True)
    yaml.default_flow_style = None
    yaml.allow_unicode = True
    written = io.StringIO()
    yaml.dump(_without_nothing(content), written)
    return written.getvalue()


def _without_nothing(found: Any) -> Any:
    if isinstance(found, Mapping):
        return {k: _without_nothing(v) for k, v in found.items() if v is not None and v != []}
    return [_without_nothing(each) for each in found] if isinstance(found, list) else found
