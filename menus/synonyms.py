"""Synonyms: what people say around a word, and instead of it, so that a second look finds it.

around   我想查积分一下 is looked at as 查积分
instead  查分数 is looked at as 查积分
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import pydantic

from menus.checked_yaml import Document, Mistake, closest
from menus.keywords import WORD_LIMIT_LETTERS, Word
from menus.positions import Path
from menus.routes import Strict

Why = tuple[str, str]  # what is wrong, and a hint
_TURNS: Why = ("turns the sense of a sentence", "不 and its like are never taken away")
_ANSWER: Why = ("is an answer to a question", "an answer cannot mean a word")
Said = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=WORD_LIMIT_LETTERS)]
# What turns the sense of a sentence is never taken away: 不要积分 is no 积分.
_NEGATION = re.compile("[不没别勿甭莫]")
_OR_NOT = re.compile("(.)[不没]\\1")  # 能不能, 有没有: a question, not a no


@dataclass(frozen=True, slots=True)
class Synonyms:
    """As they are compared: `around`, the longest first; `instead`: what is said -> the word."""

    around: tuple[str, ...] = ()
    instead: tuple[tuple[str, str], ...] = ()

    def negate(self, text: str) -> bool:
        """Whether 不 or its like turns the sense of a text; 不会用 may stand for a word."""
        for said, _ in self.instead:
            text = text.replace(said, "")
        return negates(text)


def negates(text: str) -> bool:
    """Whether 不 or its like turns the sense of a text. 能不能 does not."""
    return _NEGATION.search(_OR_NOT.sub("", text)) is not None


class SynonymsFile(Strict):
    """menus/synonyms.yaml."""

    around: tuple[Said, ...] = pydantic.Field(
        default=(), description="What is said around a word and means nothing: [我想, 请问, 一下]."
    )
    instead: dict[Said, tuple[Said, ...]] = pydantic.Field(
        default={}, description="A word of keywords.yaml: what people say instead of it."
    )


def read_synonyms(
    document: Document,
    file: SynonymsFile,
    *,
    words: Mapping[str, Word],
    normalise: Callable[[str], str],
    reserved: Callable[[str], bool],
) -> tuple[Synonyms, list[Mistake]]:
    """The synonyms, and what is wrong with them. `words`: the keywords, as they are compared."""
    mistakes: list[Mistake] = []
    first: dict[str, int] = {}
    around: list[str] = []
    instead: list[tuple[str, str]] = []

    def look(said: str, where: Path, refused: Why | None) -> str | None:
        normal = normalise(said)
        found = _wrong(normal, first, words) or refused
        if found is not None:
            mistakes.append(document.mistake(where, f"{said}: {found[0]}", found[1]))
            return None
        first[normal] = document.values[where].line
        return normal

    for number, said in enumerate(file.around):
        if normal := look(said, ("around", number), _TURNS if negates(said) else None):
            around.append(normal)
    for word, synonyms in file.instead.items():
        meant = normalise(word)
        if meant not in words:
            hint = closest(word, words) or "write a word of keywords.yaml"
            message = f"{word}: no word of keywords.yaml"
            mistakes.append(document.mistake(("instead", word), message, hint, key=True))
            continue
        for place, said in enumerate(synonyms):
            if normal := look(said, ("instead", word, place), _ANSWER if reserved(said) else None):
                instead.append((normal, meant))
    longest = tuple(sorted(around, key=len, reverse=True))
    pairs = tuple(sorted(instead, key=lambda pair: len(pair[0]), reverse=True))
    return Synonyms(longest, pairs), mistakes


def _wrong(normal: str, first: Mapping[str, int], words: Mapping[str, Word]) -> Why | None:
    """A message and a hint, where a synonym is empty, a keyword, or there already."""
    if not normal:
        return "nothing is left of this when it is read", "use letters or characters"
    if normal in words and not words[normal].exactly:
        return "is a word of keywords.yaml", "delete it here"
    if normal in first:
        return f"stands in line {first[normal]} already", "keep one of them"
    return None
