"""What the text of a broadcast must say, and must not; the table asks much the same of it.

WAY_OUT and HOLE are read by Python and by PostgreSQL, so they keep to what both understand alike.
"""

from __future__ import annotations

import re
import unicodedata

from models.leaving_words import says_how_to_leave

TEXT_MOST, NAME_MOST = 500, 60  # characters

# How to leave: the table's net. What it must say in full asks models/leaving_words.py, as the
# sender does once more.
WAY_OUT = (
    r"(回复?|回覆|发送?|發送?|输入|编辑|reply|text|send)[^A-Za-z0-9]{0,3}"
    r"(td|t|ｔｄ|ｔ|退订|退訂|拒收|停发|stop|unsubscribe)"
    r"|(td|t|ｔｄ|ｔ)\s*(退订|拒收)|(退订|拒收)[:：,，\s]*(td|t|ｔｄ|ｔ)"
)
# What a program or a person forgot to fill in: {name}, ${x}, %s, #code#, <姓名>, [姓名], XX先生.
HOLE = (
    r"[{}]|\$[A-Za-z(]|%(s|d)($|[^A-Za-z])|%\(|#[A-Za-z_]+#|<[^<>]{1,20}>"
    r"|\[[^\]\[]{1,20}\]|XX($|[^A-Za-z])"
)
SIGNED = r"^\s*【"

NO_WAY_OUT, HAS_HOLE, HAS_CONTROL, IS_SIGNED = "way_out", "hole", "control", "signed"
EMPTY, TOO_LONG = "empty", "long"
_WAY_OUT = re.compile(WAY_OUT, re.IGNORECASE)
_HOLE, _SIGNED = re.compile(HOLE), re.compile(SIGNED)
# What nobody sees: a text would read otherwise for its approver than on a phone. U+200D joins
# emoji.
_UNSEEN, _SEEN = ("Cc", "Cf", "Cs", "Zl", "Zp"), "\n\u200d"


class Unfit(ValueError):
    """The text cannot be sent; `why` names the first fault."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def tidy(text: str) -> str:
    """The text as it is kept: one kind of line end, nothing around it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def faults(text: str) -> list[str]:
    """All that is wrong with a tidy text."""
    found = {
        EMPTY: not text, TOO_LONG: len(text) > TEXT_MOST, HAS_CONTROL: _unseen(text),
        IS_SIGNED: _SIGNED.search(text), HAS_HOLE: _HOLE.search(text),
        NO_WAY_OUT: text and not (says_how_to_leave(text) and _WAY_OUT.search(text)),
    }  # fmt: skip
    return [why for why, is_so in found.items() if is_so]


def _unseen(text: str) -> bool:
    return any(unicodedata.category(one) in _UNSEEN and one not in _SEEN for one in text)


def hole(text: str) -> str:
    """The first thing that looks as if it should have been filled in, or ""."""
    found = _HOLE.search(text)
    return text[max(0, found.start() - 2) : found.end() + 8] if found else ""


def check(text: str) -> None:
    """Raises Unfit."""
    for why in faults(text):
        raise Unfit(why)
