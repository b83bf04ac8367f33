"""A sample chat as a file: what people do, and below each act every word that comes of it.

text ──read──▶ Chat(head, acts) ──play.py──▶ the same acts with what was heard ──written──▶ text
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

INDENT = "  "
NOTHING = f"{INDENT}(nothing)"
# What somebody does, by the second word of a line.
DOES = ("texts", "says", "taps", "scans", "follows", "unfollows", "sends")
# What happens otherwise, by the first.
HAPPENS = ("given", "meanwhile", "later", "at", "BOSS")


class Unreadable(ValueError):
    """A line is no act; the sentence says which and why."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that arrived: whose phone it was if not that of who acted, the channel, words."""

    whose: str
    channel: str  # SMS, WeChat
    text: str

    def lines(self) -> list[str]:
        """As it stands in the file: later lines stand under the first."""
        front = f"{INDENT}{self.whose + ' ' if self.whose else ''}{self.channel}: "
        first, *more = self.text.split("\n")
        return [(front + first).rstrip(), *(f"{INDENT * 2}{line}".rstrip() for line in more)]


@dataclass(frozen=True, slots=True)
class Act:
    """One line that somebody does, or that happens, and what was heard of it."""

    line: str
    who: str = ""  # for what people do
    verb: str = ""
    words: str = ""
    heard: tuple[Heard, ...] = ()

    def with_heard(self, heard: Iterable[Heard]) -> Act:
        return replace(self, heard=tuple(heard))

    @property
    def is_silent(self) -> bool:
        """What prepares the stage: not even silence is worth a line."""
        return self.verb == "given"

    def lines(self) -> list[str]:
        said = [line for message in self.heard for line in message.lines()]
        return [self.line, *(said or ([] if self.is_silent else [NOTHING]))]


@dataclass(frozen=True, slots=True)
class Chat:
    """A file: its head (lines that begin with #) and its acts; `gaps` are empty lines to keep."""

    head: tuple[str, ...]
    acts: tuple[Act, ...]
    gaps: frozenset[int] = field(default_factory=frozenset)

    def played(self, play: Callable[[Act], Act]) -> Chat:
        """The same chat with what is heard now."""
        return replace(self, acts=tuple(play(act) for act in self.acts))

    def written(self) -> str:
        """The whole file."""
        lines = [*self.head]
        for number, act in enumerate(self.acts):
            lines += [""] * (number in self.gaps or (number == 0 and bool(self.head)))
            lines += act.lines()
        return "\n".join(lines) + "\n"


def read(text: str) -> Chat:
    """The chat of a file; what was heard is left out. Raises Unreadable."""
    head: list[str] = []
    acts: list[Act] = []
    gaps: set[int] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#"):
            if acts:
                raise Unreadable(f"line {number}: a # line belongs to the head, above all acts")
            head.append(line.rstrip())
        elif not line.strip():
            gaps.add(len(acts))
        elif not line.startswith(" "):
            acts.append(_act(line.rstrip(), number))
    if not head or not acts:
        raise Unreadable("a chat begins with a # line that says what it shows, and has acts")
    return Chat(tuple(head), tuple(acts), frozenset(gaps - {0, len(acts)}))


def _act(line: str, number: int) -> Act:
    first, _, rest = line.partition(" ")
    second, _, words = rest.partition(" ")
    if first in HAPPENS:
        return Act(line, verb=first, words=rest)
    if second not in DOES:
        raise Unreadable(
            f"line {number}: {line!r}: NAME {'|'.join(DOES)} ..., or {'|'.join(HAPPENS)} ..."
        )
    return Act(line, who=first, verb=second, words=words)
