"""The files of the folder rules/: read, checked by themselves and against each other.

events.yaml   which events there are, and their values      earning/CODE.yaml   one rule each
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

import pydantic

from menus.checked_yaml import Document, Mistake, Mistakes, check, closest, parse
from models.earning import expressions
from models.earning.definition import Name, Rule
from models.earning.expressions import Expression, Failed, Refused
from models.earning.told import COUNTED

EVENTS = "events.yaml"
RULES = "earning"
# What an expression is tried with: each value of an event takes these in turn.
TRIALS: tuple[dict[str, int | str], ...] = (
    {"whole": 5000, "text": "10GB"},
    {"whole": 1, "text": "x"},
    {"whole": 0, "text": ""},
    {"whole": 10**9, "text": "一"},
)
# Of these an expression can be cured; of others, such as a division by nothing, only events tell.
_CURABLE = ("a value of the wrong type", "cannot be evaluated", "the event lacks a value")


class EventType(pydantic.BaseModel):
    """One type of event, and the values that are told with it."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)
    title: str
    values: dict[Name, Literal["whole", "text"]] = {}

    @pydantic.field_validator("values")
    @classmethod
    def _as_events_are_read(cls, found: dict[str, str]) -> dict[str, str]:
        for name, kind in found.items():
            if (kind == "whole") != name.endswith(COUNTED):
                raise ValueError(
                    f"{name}: whole numbers, and only they, end in {', '.join(COUNTED)}"
                )
        return found


class EventTypes(pydantic.RootModel[dict[Name, EventType]]):
    """The file events.yaml."""


@dataclass(slots=True)
class Rules:
    """Rules without a mistake, by code, and what is worth a second look."""

    drafts: dict[str, Rule] = field(default_factory=dict)
    warnings: list[Mistake] = field(default_factory=list)


def load(
    folder: Path, *, clubs: Collection[str] | None = None,
    draws: Mapping[str, bool] | None = None, others: Collection[Rule] = (),
) -> Rules:  # fmt: skip
    """The rules of a folder. Raises Mistakes, all at once; see load_files."""
    files = read_folder(folder)
    return load_files(files, shown=folder.name, clubs=clubs, draws=draws, others=others)


def read_folder(folder: Path) -> dict[str, bytes]:
    """Name relative to the folder -> what is in it: the events, and each rule."""
    found = {EVENTS: folder / EVENTS} if (folder / EVENTS).is_file() else {}
    for path in sorted((folder / RULES).glob("*.y*ml")):
        if not path.name.startswith((".", "#")):
            found[f"{RULES}/{path.name}"] = path
    return {name: path.read_bytes() for name, path in found.items()}


def event_types(folder: Path) -> dict[str, EventType]:
    """Each type of event there is. Raises Mistakes, OSError."""
    document = parse((folder / EVENTS).read_bytes(), file=f"{folder.name}/{EVENTS}")
    types, wrong = check(document, EventTypes)
    if types is None:
        raise Mistakes(wrong)
    return types.root


def load_files(
    files: Mapping[str, str | bytes], *, shown: str = "rules",
    clubs: Collection[str] | None = None, draws: Mapping[str, bool] | None = None,
    others: Collection[Rule] = (),
) -> Rules:  # fmt: skip
    """The rules that stand in files. Raises Mistakes, all at once.

    `clubs`: the codes there are, None where nobody can say; `draws`: the same of draws, and whether
    each takes chances that were earned; `others`: rules that are live, of which
    those without a file go on beside these; `shown`: the folder, as mistakes call it.
    """
    reading = _Reading(shown=shown, clubs=clubs, draws=draws)
    types = reading.types(files.get(EVENTS))
    for name, source in sorted(files.items()):
        if name.startswith(f"{RULES}/"):
            reading.rule(name, source, types)
    if not reading.found and not reading.mistakes:
        reading.mistakes.append(Mistake(f"{shown}/{RULES}", 1, 1, "there is no rule here"))
    staying = [rule for rule in others if rule.code not in reading.found]
    for document, rule in reading.found.values():
        beside = [other for _, other in reading.found.values() if other is not rule] + staying
        for other in beside:
            reading.mistakes += _between(document, rule, other)
    if reading.mistakes:
        raise Mistakes(reading.mistakes)
    return Rules({code: rule for code, (_, rule) in reading.found.items()}, reading.warnings)


@dataclass(slots=True)
class _Reading:
    shown: str
    clubs: Collection[str] | None
    draws: Mapping[str, bool] | None
    found: dict[str, tuple[Document, Rule]] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[Mistake] = field(default_factory=list)

    def types(self, source: str | bytes | None) -> Mapping[str, EventType] | None:
        """The types of events; None if the file cannot be read."""
        file = f"{self.shown}/{EVENTS}"
        if source is None:
            self.mistakes.append(Mistake(file, 1, 1, "the file is missing"))
            return None
        document = parse(source, file=file)
        types, wrong = check(document, EventTypes)
        self.mistakes += wrong
        return types.root if types else None

    def rule(self, name: str, source: str | bytes, types: Mapping[str, EventType] | None) -> None:
        document = parse(source, file=f"{self.shown}/{name}")
        rule, wrong = check(document, Rule)
        self.mistakes += wrong
        if rule is None:
            return
        if rule.code != PurePosixPath(name).stem:
            hint = f"call the file {rule.code}.yaml"
            self.mistakes.append(document.mistake(("code",), "code: not the file's name", hint))
            return
        self.found[rule.code] = document, rule
        self.mistakes += _by_itself(document, rule)
        self._audience(document, rule)
        self._chances(document, rule)
        if types is not None:
            self._event(document, rule, types)

    def _audience(self, document: Document, rule: Rule) -> None:
        for number, club in enumerate(rule.audience.clubs):
            if self.clubs is not None and club not in self.clubs:
                hint = closest(club, self.clubs) or f"known: {', '.join(sorted(self.clubs))}"
                where = ("audience", "clubs", number)
                self.mistakes.append(document.mistake(where, f"no club is called {club}", hint))

    def _chances(self, document: Document, rule: Rule) -> None:
        if rule.chances is None or self.draws is None:
            return
        code, where = rule.chances.draw, ("chances", "draw")
        if code not in self.draws:
            hint = closest(code, self.draws) or f"known: {', '.join(sorted(self.draws)) or 'none'}"
            self.mistakes.append(document.mistake(where, f"no draw is called {code}", hint))
        elif not self.draws[code]:
            hint = "earned_chances: true in its file"
            wrong = f"the draw {code} takes no earned chances"
            self.mistakes.append(document.mistake(where, wrong, hint))

    def _event(self, document: Document, rule: Rule, types: Mapping[str, EventType]) -> None:
        told = types.get(rule.event)
        if told is None:
            hint = closest(rule.event, types) or f"known: {', '.join(sorted(types))}"
            wrong = f"event: {rule.event} is not in {EVENTS}"
            self.mistakes.append(document.mistake(("event",), wrong, hint))
            return
        if rule.when is not None:
            self._expression(document, "when", rule.when, told)
        if isinstance(rule.amount, str):
            self._expression(document, "amount", rule.amount, told)

    def _expression(self, document: Document, path: str, source: str, told: EventType) -> None:
        try:
            found = expressions.read(source)
        except Refused as refused:
            self.mistakes.append(document.mistake((path,), f"{path}: {refused}", refused.hint))
            return
        unknown = [name for name in found.names if name not in told.values]
        for name in unknown:
            known = ", ".join(sorted(told.values)) or "none"
            hint = closest(name, told.values) or f"its values: {known}"
            wrong = f"{path}: the event has no value {name}"
            self.mistakes.append(document.mistake((path,), wrong, hint))
        if not unknown:
            self._tried(document, path, found, told)

    def _tried(self, document: Document, path: str, found: Expression, told: EventType) -> None:
        """Evaluate with made-up values: what always fails, or is of a wrong type, is a mistake."""
        wanted = bool if path == "when" else int
        failed: list[str] = []
        for trial in TRIALS:
            values = {name: trial[kind] for name, kind in told.values.items()}
            try:
                result = found.evaluate(expressions.context_of(values))
            except Failed as why:
                failed.append(why.reason)
                if why.reason in _CURABLE:
                    hint = "texts stand in quotes, whole numbers do not; double(x) * 1.5"
                    self.mistakes.append(document.mistake((path,), f"{path}: {why}", hint))
                    return
                continue
            if type(result) is not wanted:
                self.mistakes.append(_wrong_result(document, path, result))
                return
        if len(failed) == len(TRIALS):
            wrong = f"{path}: {failed[0]}, whatever the event"
            self.mistakes.append(document.mistake((path,), wrong))
        elif failed:
            why_not = f"{path}: {failed[0]}, for some events, which earn nothing then"
            self.warnings.append(document.mistake((path,), why_not))


def _wrong_result(document: Document, path: str, result: object) -> Mistake:
    should = "true or false" if path == "when" else "a whole number"
    named = {float: "a number with decimals", str: "a text", bool: "true or false"}
    found = named.get(type(result), "a whole number" if isinstance(result, int) else "neither")
    hint = "int(...) rounds towards nothing" if isinstance(result, float) else ""
    return document.mistake((path,), f"{path}: gives {found}, should give {should}", hint)


def _by_itself(document: Document, rule: Rule) -> list[Mistake]:
    found = []
    caps, last = rule.caps, rule.window.until
    if caps.person_day and caps.person and caps.person_day > caps.person:
        wrong = "person_day: more than person, so it never counts"
        found.append(document.mistake(("caps", "person_day"), wrong))
    if rule.valid.until is not None and (last is None or rule.valid.until < last):
        wrong = "until: points of the last days of the window would have expired already"
        found.append(document.mistake(("valid", "until"), wrong, "end the window first, too"))
    if rule.campaign == rule.code:
        hint = "leave the line out"
        found.append(document.mistake(("campaign",), "campaign: the rule itself", hint))
    return found


def _between(document: Document, rule: Rule, other: Rule) -> list[Mistake]:
    """What is wrong with a rule beside another one."""
    found = []
    rivals = rule.group and rule.group == other.group and rule.event == other.event
    if rivals and rule.priority == other.priority:
        wrong = f"priority: the same as of {other.code} in the same group"
        found.append(document.mistake(("priority",), wrong, "the higher one wins"))
    if rule.budget_of == other.budget_of:
        for name in ("budget", "caps"):
            if getattr(rule, name) != getattr(other, name):
                wrong = f"{name}: differs from {other.code} in the same campaign"
                hint = "rules of a campaign share its caps and its budget"
                found.append(document.mistake((name,), wrong, hint))
    return found
