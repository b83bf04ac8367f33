"""Expressions of the rules: a small part of CEL, which always ends soon and reaches nothing.

    source ─▶ words (what is not allowed is refused) ─▶ cel.compile ─▶ evaluate(values of an event)

Allowed: numbers, texts, `event.name`, arithmetic, comparisons, && || !, `? :`, `in [..]`, and the
functions in FUNCTIONS. Without loops, calls of ours and regular expressions an evaluation takes one
step a word, so that the length of the source bounds its cost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import cel  # where it is used: it takes half a second to load, which few commands need

SOURCE_CHARS_MOST = 500
WORDS_MOST = 150
NESTING_MOST = 12  # the parser needs about 20 frames of the stack for each
POINTS_MOST = 1_000_000  # an event can earn by one rule
VALUE_CHARS_MOST = 200
VALUES_MOST = 30
WHOLE_MOST = 2**63 - 1  # CEL's int

FUNCTIONS = frozenset(
    {"int", "double", "string", "size", "has", "contains", "startsWith", "endsWith"}
)
WORDS = frozenset({"event", "true", "false", "in"})
# Texts have no escapes but of quotes, so that where one ends is never in doubt.
_WORD = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\\n]|\\["'\\])*"|'(?:[^'\\\n]|\\["'\\])*')"""
    r"""|(?P<number>[0-9]+(?:\.[0-9]+)?)(?![A-Za-z0-9_.])"""
    r"""|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"""
    r"""|(?P<sign>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]]))"""
)
_END = re.compile(r"\s*\Z")
_ERRORS = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


class Refused(ValueError):
    """An expression that is not taken; the words say why, `hint` what to write instead."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


class Failed(Exception):
    """An expression that cannot be evaluated for this event; `reason` is a short fixed phrase."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression, and the names of the event's values that it looks at."""

    source: str
    names: tuple[str, ...]
    program: cel.Program

    def evaluate(self, context: cel.Context) -> Any:
        """A number, text or truth value. Raises Failed."""
        try:
            return self.program.execute(context)
        except _ERRORS as error:
            raise _failed(error) from None
        except BaseException as error:
            if _is_panic(error):
                raise Failed("the expression library failed") from None
            raise


def context_of(values: Mapping[str, Any]) -> cel.Context:
    """What expressions see of an event: `event` with its whole numbers, texts and truth values."""
    seen = {
        name: value
        for name, value in values.items()
        if isinstance(value, bool)
        or (isinstance(value, int) and -WHOLE_MOST <= value <= WHOLE_MOST)
        or (isinstance(value, str) and len(value) <= VALUE_CHARS_MOST)
    }
    if len(seen) > VALUES_MOST:
        raise Failed("the event has too many values")
    import cel

    return cel.Context({"event": seen})


def read(source: str) -> Expression:
    """The expression that a source says. Raises Refused."""
    if len(source) > SOURCE_CHARS_MOST:
        raise Refused(f"has {len(source)} characters; at most {SOURCE_CHARS_MOST} are taken")
    names = _checked(source)
    import cel

    try:
        program = cel.compile(source)
    except _ERRORS as error:
        raise Refused(f"is no expression: {_parser_said(error)}") from None
    except BaseException as error:
        if _is_panic(error):
            raise Refused("is no expression: the parser gave up") from None
        raise
    return Expression(source, names, program)


def _checked(source: str) -> tuple[str, ...]:
    """The names of the event's values. Raises Refused for what is not allowed."""
    words = list(_words(source))
    if not words:
        raise Refused("is empty")
    if len(words) > WORDS_MOST:
        raise Refused(f"has {len(words)} words and signs; at most {WORDS_MOST} are taken")
    depth, names = 0, []
    for position, (kind, word) in enumerate(words):
        before = words[position - 1][1] if position else ""
        after = words[position + 1][1] if position + 1 < len(words) else ""
        if word in ("(", "[", "?", "!") or (word == "-" and before in ("", "-", "(", "!")):
            depth += 1
            if depth > NESTING_MOST:
                raise Refused(f"is nested deeper than {NESTING_MOST}", "split the rule into two")
        elif word in (")", "]"):
            depth = max(0, depth - 1)
        elif kind == "text" and position and words[position - 1][0] != "sign" and before != "in":
            raise Refused(f"{word} cannot stand after {before}")  # r'..' and '''..''' neither
        if kind == "name":
            _check_name(word, before, after)
            if before == "." and after != "(":
                names.append(word)
    return tuple(dict.fromkeys(names))


def _check_name(word: str, before: str, after: str) -> None:
    if after == "(":
        if word not in FUNCTIONS:
            raise Refused(f"{word}() is not known", f"known: {', '.join(sorted(FUNCTIONS))}")
    elif before == ".":
        return
    elif word not in WORDS:
        hint = "a text stands in quotes; a value of the event is written event.name"
        raise Refused(f"{word} is not known", hint)
    elif word == "event" and after != ".":
        raise Refused("event alone has no value", "write event.name")


def _words(source: str) -> list[tuple[str, str]]:
    words, at = [], 0
    while not _END.match(source, at):
        found = _WORD.match(source, at)
        if found is None:
            rest = source[at:].strip()[:12]
            raise Refused(f"{rest!r} cannot stand here", "docs/earning-rules.md lists what can")
        words.append((found.lastgroup or "", found[found.lastgroup or 0]))
        at = found.end()
    return words


def _is_panic(error: BaseException) -> bool:
    """Whether the library has met a bug of its own: no reason for us to end."""
    return type(error).__name__ == "PanicException"


def _parser_said(error: BaseException) -> str:
    said = re.search(r"ERROR: <input>:\d+:(\d+): (?:Syntax error: )?([^\n|]+)", str(error))
    if said is None:
        return "the parser does not understand it"
    return f"at its character {said[1]}: {said[2].split(' expecting ')[0].strip()}"


def _failed(error: BaseException) -> Failed:
    said = str(error).split("\n")[0][:120]
    if isinstance(error, ZeroDivisionError):
        return Failed("division by nothing")
    if isinstance(error, OverflowError):
        return Failed("a number too big")
    if isinstance(error, LookupError):
        return Failed("the event lacks a value", said.strip("'"))
    if isinstance(error, TypeError):
        return Failed("a value of the wrong type", said)
    return Failed("cannot be evaluated", said)
