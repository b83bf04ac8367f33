"""YAML text -> plain data that remembers the line and column of every key and value."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

# A file that people edit by hand is a few kilobytes; anything near this is a wrong file.
FILE_LIMIT_BYTES = 256 * 1024
NESTING_LIMIT = 20

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing to correct. Where no file is to blame, `file` is an environment name, line is 0."""

    file: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class Mistakes(ValueError):
    """All mistakes found, sorted by file, line and column; none twice."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = sorted(set(mistakes))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


@dataclass(frozen=True, slots=True)
class Spot:
    """A line and a column, both counted from 1."""

    line: int
    column: int


START = Spot(1, 1)


@dataclass(slots=True)
class Document:
    """The plain data of one file, the spot of each key and value, and the mistakes in its YAML."""

    file: str
    data: Any = None
    broken: bool = False  # the YAML ended early: what follows the mistake was not read
    mistakes: list[Mistake] = field(default_factory=list)
    keys: dict[Path, Spot] = field(default_factory=dict)
    values: dict[Path, Spot] = field(default_factory=dict)

    def mistake(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> Mistake:
        """A Mistake at the value (or the key) of `path`, or at its nearest parent in the file."""
        spots = self.keys if key else self.values
        while path and path not in spots:
            path, spots = path[:-1], self.values
        spot = spots.get(path, START)
        return Mistake(self.file, spot.line, spot.column, message, hint)


def parse(source: str | bytes, *, file: str) -> Document:
    """Read one YAML 1.2 document. Never raises: what is wrong stands in `.mistakes`."""
    document = Document(file)
    text = _decoded(source, document)
    document.broken = True
    if text is None:
        return document
    try:
        _Builder(document).build(YAML(typ="safe", pure=True).parse(text))
        document.broken = False
    except _TooDeep as deep:
        message = f"nested deeper than {NESTING_LIMIT} levels"
        document.mistakes.append(_at(document, deep.event, message))
    except MarkedYAMLError as error:
        document.mistakes.append(_syntax_mistake(error, text, document))
    except ReaderError as error:
        place = _place(text[: error.position])
        message = f"character {error.character!r} is not allowed in YAML"
        document.mistakes.append(Mistake(file, *place, message, "delete it"))
    except YAMLError as error:
        document.mistakes.append(Mistake(file, 1, 1, f"not YAML: {error}"))
    return document


def _decoded(source: str | bytes, document: Document) -> str | None:
    raw = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    if len(raw) > FILE_LIMIT_BYTES:
        message = f"the file has {len(raw)} bytes; at most {FILE_LIMIT_BYTES} are read"
        document.mistakes.append(Mistake(document.file, 1, 1, message))
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", "replace")
        hint = "save the file as UTF-8"
        document.mistakes.append(Mistake(document.file, *_place(before), "not UTF-8", hint))
        return None


def _place(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _syntax_mistake(error: MarkedYAMLError, text: str, document: Document) -> Mistake:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem = error.problem or error.context or "not YAML"
    lines = text.splitlines()
    here = lines[line - 1] if line <= len(lines) else ""
    indent = here[: len(here) - len(here.lstrip())]
    if "\t" in indent or "\\t" in problem:
        column = indent.index("\t") + 1 if "\t" in indent else column
        return Mistake(document.file, line, column, "a tab", "indent with spaces, never with tabs")
    hint = "look at this line and the one above: a colon, a quote or the indentation"
    return Mistake(document.file, line, column, f"not YAML: {problem}", hint)


def _at(document: Document, event: Event, message: str, hint: str = "") -> Mistake:
    mark = event.start_mark
    return Mistake(document.file, mark.line + 1, mark.column + 1, message, hint)


class _TooDeep(Exception):
    def __init__(self, event: Event) -> None:
        self.event = event


class _Builder:
    """Turns parser events into data, so that an alias is refused before it is ever expanded."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def build(self, events: Iterator[Event]) -> None:
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._wrong(event, "a second document in one file", "remove the line ---")
                    return
                self.document.data = self._value(next(events), events, ())

    def _wrong(self, event: Event, message: str, hint: str = "") -> None:
        self.document.mistakes.append(_at(self.document, event, message, hint))

    def _value(self, event: Event, events: Iterator[Event], path: Path) -> Any:
        self.document.values[path] = Spot(event.start_mark.line + 1, event.start_mark.column + 1)
        if len(path) > NESTING_LIMIT:
            raise _TooDeep(event)
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            self._wrong(event, "anchors (&) and aliases (*) are not used", "write the value out")
        elif tag := getattr(event, "tag", None):
            self._wrong(event, f"tags such as {tag} are not used", "remove the tag")
        if isinstance(event, MappingStartEvent):
            return self._mapping(events, path)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(events, path)
        return self._scalar(event) if isinstance(event, ScalarEvent) else None

    def _mapping(self, events: Iterator[Event], path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for event in events:
            if isinstance(event, MappingEndEvent):
                break
            if not isinstance(event, ScalarEvent):
                self._wrong(event, "a key must be one word or one quoted text")
                self._value(event, events, (*path, "?"))
                self._value(next(events), events, (*path, "?"))
                continue
            name, here = event.value, (*path, event.value)
            if name in data:
                first = self.document.keys[here].line
                self._wrong(event, f"{name}: written twice", f"it stands in line {first} too")
                kept = self.document.values[here]
                self._value(next(events), events, here)
                self.document.values[here] = kept
                continue
            self.document.keys[here] = Spot(event.start_mark.line + 1, event.start_mark.column + 1)
            data[name] = None
            data[name] = self._value(next(events), events, here)
        return data

    def _sequence(self, events: Iterator[Event], path: Path) -> list[Any]:
        data: list[Any] = []
        for event in events:
            if isinstance(event, SequenceEndEvent):
                break
            data.append(self._value(event, events, (*path, len(data))))
        return data

    def _scalar(self, event: ScalarEvent) -> Any:
        value: str = event.value
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            self._wrong(
                event, "half of a character (a lone surrogate)", "write the character itself"
            )
            return ""
        return plain(value) if event.style is None else value


# The core schema of YAML 1.2 (chapter 10.3.2): yes, no, on, off and dates are ordinary words.
_WORDS: Mapping[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")


def plain(value: str) -> Any:
    """The null, bool, int, float or text that an unquoted YAML 1.2 word means."""
    if value in _WORDS:
        return _WORDS[value]
    if _INTEGER.fullmatch(value):
        return int(value)
    if len(value) <= 40 and _FLOAT.fullmatch(value):
        number = float(value)
        return number if abs(number) != float("inf") else value
    return value
