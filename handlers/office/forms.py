"""A form: what was typed, and what is wrong with it. What fails is shown again as it was typed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from handlers.office.words import _

LONGEST = 2000  # characters of a field that names no other limit
# PostgreSQL takes no NUL, and nobody types the others; line ends and tabs stay.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(slots=True)
class Form:
    """Named fields; others that a browser may send are never read."""

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    sent: bool = False

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    @property
    def good(self) -> bool:
        """Whether it was sent, and nothing is wrong."""
        return self.sent and not self.errors

    def wrong(self, name: str, words: str) -> None:
        """Say what is wrong with a field; the first thing said stands."""
        if name not in self.values:
            raise KeyError(name)
        self.errors.setdefault(name, words)

    def need(self, name: str, words: str, *, most: int = LONGEST) -> str:
        """A field that may be neither empty nor longer than `most` characters."""
        typed = self.values[name]
        if self.sent and not typed:
            self.wrong(name, words)
        return self.at_most(name, most)

    def at_most(self, name: str, most: int) -> str:
        """A field that may not be longer than `most` characters."""
        typed = self.values[name]
        if self.sent and len(typed) > most:
            self.wrong(name, _("最多 {most} 个字，现在有 {n} 个", most=most, n=len(typed)))
        return typed

    def one_of(self, name: str, choices: Sequence[str], words: str) -> str:
        """A field whose value must be one of `choices`."""
        if self.sent and self.values[name] not in choices:
            self.wrong(name, words)
        return self.values[name]


def read(typed: Mapping[str, str] | None, names: Sequence[str], first: Mapping[str, str]) -> Form:
    """The fields called `names`: as typed, else as they are at first."""
    if typed is None:
        return Form({name: first.get(name, "") for name in (*names, *first)})
    fields = {name: clean(typed.get(name, "")) for name in (*names, *first)}
    return Form(fields, sent=True)


def clean(text: str) -> str:
    """What somebody typed, without what nobody types; lines end as ours do."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
