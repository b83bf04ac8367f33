"""Texts of files as browsers send them, and as a difference is shown: line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

CONTEXT_LINES = 3
# What a browser may add to or change of a text area: how lines end, and nothing else.
_LINE_END = re.compile(r"\r\n?|\n")
_BOM = "\ufeff"


def as_written(typed: str, before: str) -> str:
    """What was typed, with every line that was not touched as it stands in `before`, to the byte.

    Browsers send CRLF; a file keeps its own line ends, its mark of order, and its last line end.
    """
    lines = _LINE_END.split(typed)
    if before.startswith(_BOM) and not typed.startswith(_BOM):
        lines[0] = _BOM + lines[0]
    if lines[-1] and (before.endswith(("\n", "\r")) or not before):
        lines.append("")
    if "\r" not in before:
        return "\n".join(lines)
    return "".join(_with_ends(lines, before))


def _with_ends(lines: list[str], before: str) -> Iterator[str]:
    """The lines with the ends that they had; new ones end as the first one of the file does."""
    old = [(text, end) for text, end in _split(before)]
    usual = old[0][1] or "\n"
    matcher = SequenceMatcher(None, [text for text, _ in old], lines, autojunk=False)
    last = len(lines) - 1
    for tag, begin, _, first, until in matcher.get_opcodes():
        for place, number in enumerate(range(first, until)):
            same = tag == "equal" and old[begin + place][1]
            yield lines[number] + ("" if number == last else same or usual)


def _split(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    for end in _LINE_END.finditer(text):
        yield text[at : end.start()], end[0]
        at = end.end()
    yield text[at:], ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a difference: sign " ", "+", "-", or "@" for what is left out; numbers from 1."""

    sign: str
    text: str
    old: int | None = None
    new: int | None = None


@dataclass(frozen=True, slots=True)
class FileDifference:
    """A file that differs. `kind`: "new", "gone" or "changed"."""

    name: str
    kind: str
    lines: tuple[Line, ...]

    @property
    def added(self) -> int:
        return sum(line.sign == "+" for line in self.lines)

    @property
    def removed(self) -> int:
        return sum(line.sign == "-" for line in self.lines)


def differences(
    old: Mapping[str, str | None], new: Mapping[str, str | None]
) -> list[FileDifference]:
    """Every file that differs, by name, with its lines as `git diff` would show them."""
    found = []
    for name in sorted({*old, *new}):
        was, now = old.get(name), new.get(name)
        if was != now:
            kind = "new" if was is None else "gone" if now is None else "changed"
            found.append(FileDifference(name, kind, tuple(difference(was or "", now or ""))))
    return found


def difference(old: str, new: str) -> Iterator[Line]:
    """The changed lines with some around them; how lines end counts, too."""
    before, after = _shown(old), _shown(new)
    matcher = SequenceMatcher(None, before, after)
    groups = list(matcher.get_grouped_opcodes(CONTEXT_LINES))
    for group in groups:
        if group[0][1] or group[0][3]:
            yield Line("@", "")
        for tag, begin, end, first, until in group:
            if tag == "equal":
                for place, text in enumerate(before[begin:end]):
                    yield Line(" ", text, begin + place + 1, first + place + 1)
                continue
            for place, text in enumerate(before[begin:end]):
                yield Line("-", text, begin + place + 1)
            for place, text in enumerate(after[first:until]):
                yield Line("+", text, None, first + place + 1)
    if groups and (groups[-1][-1][2] < len(before) or groups[-1][-1][4] < len(after)):
        yield Line("@", "")


def _shown(text: str) -> list[str]:
    """Lines; an end other than LF, or none at all, is written out."""
    if not text:
        return []
    ends = {"\n": "", "\r\n": " ␍␊", "\r": " ␍"}
    parts = list(_split(text))
    last, _ = parts.pop()
    lines = [line + ends[end] for line, end in parts]
    return [*lines, f"{last} ⌁"] if last else lines
