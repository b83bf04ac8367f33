"""How words sound: 积分 -> jifen, as somebody writes who cannot find the character.

The tables of pypinyin are read when somebody is first not understood, not before: most servers
run for a while until then.
"""

import itertools
import os
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

READINGS_MAX = 16  # of one word whose characters have several
KEPT_WORDS = 4096
# What many who learned Mandarin late do not tell apart, the first written as the second.
_ALIKE = (
    ("zh", "z"), ("ch", "c"), ("sh", "s"), ("ang", "an"), ("eng", "en"), ("ing", "in"),
    ("hu", "f"), ("l", "n"), ("r", "n"),
)  # fmt: skip
_SPELLED = re.compile("[a-z]+")


@lru_cache(KEPT_WORDS)
def readings(text: str) -> tuple[tuple[str, ...], ...]:
    """How a text may be read, syllable by syllable, the usual way first: (("ji", "fen"),).

    A letter or digit stands for itself; () for a text that is too long or has none.
    """
    of_each = [_of_letter(letter) for letter in text if letter.isalnum()]
    if not of_each:
        return ()
    return tuple(itertools.islice(itertools.product(*of_each), READINGS_MAX))


def usual(text: str) -> tuple[str, ...]:
    """The usual reading, syllable by syllable."""
    found = readings(text)
    return found[0] if found else ()


def initials(text: str) -> str:
    """查积分 -> cjf."""
    return "".join(syllable[0] for syllable in usual(text))


def alike(spelled: str) -> str:
    """The same for what many do not tell apart: zhuanzeng and zuanzen."""
    for heard, written in _ALIKE:
        spelled = spelled.replace(heard, written)
    return spelled


def is_spelled(text: str) -> bool:
    """Whether a text may be pinyin: Latin letters alone."""
    return _SPELLED.fullmatch(text) is not None


def is_chinese(letter: str) -> bool:
    return "\u4e00" <= letter <= "\u9fff"


def _of_letter(letter: str) -> tuple[str, ...]:
    if not is_chinese(letter):
        return (letter,)
    found = _tables().get(ord(letter), letter)
    return tuple(dict.fromkeys(_toneless(found)))


def _toneless(listed: str) -> Iterator[str]:
    tone = _without_tone()
    for syllable in listed.split(","):
        yield tone(syllable).replace("ü", "v")


@cache
def _tables() -> Any:
    # The words of several characters take 40 MB and half a second, and are not needed: a word of
    # ours is looked up under all of its readings.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    from pypinyin.constants import PINYIN_DICT

    return PINYIN_DICT


@cache
def _without_tone() -> Any:
    from pypinyin.contrib.tone_convert import to_normal

    return lru_cache(2048)(to_normal)
