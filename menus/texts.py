"""Texts: every sentence that a subscriber reads, with {placeholders} that the dialogs fill.

    club.declined: "好的，这次不加入。"                   the same on WeChat and by SMS
    club.welcome: {wechat: "...", sms: "..."}          one for each; where one is missing, the other

`{{` and `}}` stand for the braces themselves. The text `signature` goes in front of every SMS.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

import pydantic

from menus.checked_yaml import Document, Mistake, closest
from menus.positions import Path
from menus.routes import SIMPLE_NAME, Name, Strict

SIGNATURE = "signature"
CHANNELS = ("wechat", "sms")
SMS_LIMIT_SEGMENTS = 2
# UCS-2 with a header for joining: 67 UTF-16 units a part (3GPP TS 23.040, 9.2.3.24.1).
SMS_LIMIT_UNITS = SMS_LIMIT_SEGMENTS * 67
WECHAT_LIMIT_BYTES = 2048  # WeChat: 客服消息 / 被动回复, field `content`.

# How long a filled placeholder may get, in UTF-16 units; others count as OTHER_UNITS. Whoever fills
# one keeps to it: a name of ours says where a longer one is cut.
TYPICAL_UNITS: Mapping[str, int] = {
    "acts": 40,  # dialogs/clubs.py: five of them
    "activities": 89,  # dialogs/activity_words.py: LIST_UNITS
    "turn": 3,
    "place": 18,  # dialogs/activity_words.py: PLACE_LETTERS
    "tasks": 88,  # dialogs/tasks.py: LIST_UNITS
    "when": 13,  # 12月28日周六14:00
    "share": 36,  # dialogs/invite.py: our address and /i/<number>
    "answer": 60,  # dialogs/feedback.py: ANSWER_CHARS
    "whole": 100,  # dialogs/feedback.py: WHOLE_CHARS
    "ask": 60,  # menus/survey_rules.py, as the next four
    "question": 94,
    "lead": 20,
    "thanks": 60,
    "feedback": 60,  # dialogs/feedback.py: three, each with its number and state
    "choices": 70,  # dialogs/redeem.py: LIST_UNITS
    "cities": 16,  # dialogs/nearby.py
    "stores": 76,  # dialogs/nearby.py: SMS_UNITS
    "heard": 9,  # dialogs/understanding.py
    "word": 8,
    "doing": 5,
    "how": 60,  # menus/membership_rules.py: HOW_LIMIT
    "intro": 40,  # dialogs/club_words.py: INTRO_UNITS
    "level": 4,
    "limit": 2,
    "list": 76,  # dialogs/club_words.py: LIST_UNITS
    "progress": 41,  # dialogs/club_words.py: tasks and points
    "standing": 17,  # 高级会员，到2026年12月31日
    "starts": 11,
    "count": 2,
    "days": 5,  # 周一到周五
    "have": 7,
    "most": 1,
    "number": 9,  # TS10000123
    "because": 40,  # dialogs/complaint_news.py: BECAUSE_CHARS
    "serial": 9,
    "store": 16,  # dialogs/naming.py: CHARS_SHOWN
    "used": 42,  # dialogs/complain.py: two, each with its serial number
    "shop": 10,  # dialogs/offer_words.py cuts shops, titles and places
    "title": 20,  # with （会员专享）
    "vouchers": 76,  # dialogs/my_vouchers.py: LIST_UNITS
    "where": 22,
    "whose": 12,
    "benefits": 41,  # two of a tier, each of 20 at most (menus/tier_rules.py)
    "club": 9,  # 全球通VIP俱乐部
    "clubs": 39,  # all six
    "code": 12,  # 123 456 7890
    "consumption": 7,
    "draw": 14,  # models/draws/definition.py
    "draws": 75,  # three, each with what it costs
    "earned": 13,  # +9999积分，已经到账。
    "expiring": 7,
    "expiring_by": 10,  # 2026年12月31日
    "held": 7,
    "kinds": 41,  # dialogs/notice_settings.py
    "last": 11,
    "left": 1,
    "letters": 89,  # dialogs/mailbox.py: three lines
    "link": 40,
    "minutes": 2,
    "missing": 7,
    "next": 8,  # menus/tier_rules.py
    "now": 90,  # dialogs/engine.py: NOW_CHARS
    "moves": 88,  # dialogs/history.py: LIST_UNITS
    "also": 10,  # ，另有12个如意币
    "coins": 4,
    "n": 4,
    "first": 3,
    "rate": 3,
    "points": 6,
    "counted": 6,
    "off": 34,  # dialogs/notice_settings.py, where most is closed
    "offers": 40,  # dialogs/offer_words.py: NAMED_LETTERS
    "phone": 11,  # 138****0001
    "price": 15,  # 12500积分加125.5元
    "prize": 14,  # models/draws/definition.py
    "promotional": 7,
    "reason": 30,
    "reference": 10,
    "tier": 8,
    "total": 7,
    "tracking": 15,
    "until": 11,  # 2026年12月31日
}
OTHER_UNITS = 10

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence ready to be filled: a %-template and the names that fill it, in order."""

    template: str
    names: tuple[str, ...]

    def fill(self, values: Mapping[str, object]) -> str:
        """The sentence with its values. Raises KeyError for a name without a value."""
        if not self.names:
            return self.template
        return self.template % tuple([values[name] for name in self.names])


def compile_sentence(text: str) -> Sentence:
    """A sentence from what operators wrote. Raises ValueError for a bad placeholder."""
    pieces: list[str] = []
    names: list[str] = []
    for match in _PIECE.finditer(text):
        piece, name = match[0], match[1]
        if piece in ("{{", "}}"):
            pieces.append(piece[0])
        elif piece in ("{", "}"):
            raise ValueError(f"a single {piece}; write {piece * 2} for the brace itself")
        elif name is None:
            pieces.append(piece)
        elif re.fullmatch(SIMPLE_NAME, name):
            pieces.append("{}")
            names.append(name)
        else:
            raise ValueError(f"{piece}: a placeholder is one simple name, such as {{club}}")
    if not names:
        return Sentence("".join(pieces), ())
    # "{}" itself cannot be an ordinary piece: braces arrive as pieces of one letter.
    template = "".join("%s" if piece == "{}" else piece.replace("%", "%%") for piece in pieces)
    return Sentence(template, tuple(names))


def _sentence(text: str) -> str:
    if not text.strip():
        raise ValueError("an empty sentence")
    compile_sentence(text)
    return text.rstrip("\n")


Written = Annotated[str, pydantic.AfterValidator(_sentence)]


class ByChannel(Strict):
    """One sentence for WeChat and one for SMS; where one is missing, the other is used."""

    wechat: Written | None = pydantic.Field(default=None, description="At most 2048 bytes.")
    sms: Written | None = pydantic.Field(
        default=None, description="At most two SMS, 134 characters with the signature."
    )
    without: tuple[Name, ...] = pydantic.Field(
        default=(), description="Values that are left out on purpose: no warning for them."
    )

    @pydantic.model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.wechat is None and self.sms is None:
            raise ValueError("needs wechat or sms")
        return self


def _shape(value: Any) -> str:
    return "by_channel" if isinstance(value, dict | ByChannel) else "one"


Text = Annotated[
    Annotated[Written, pydantic.Tag("one")] | Annotated[ByChannel, pydantic.Tag("by_channel")],
    pydantic.Discriminator(_shape),
]
TextKey = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$")]


class TextsFile(pydantic.RootModel[dict[TextKey, Text]]):
    """menus/texts/*.yaml: the key of a text and its sentence."""

    def written(self) -> Iterator[tuple[str, Path, str, str]]:
        """Key, path in the file, channel ('' = both) and sentence of everything written."""
        for key, text in self.root.items():
            if isinstance(text, str):
                yield key, (key,), "", text
                continue
            for channel in CHANNELS:
                if (sentence := getattr(text, channel)) is not None:
                    yield key, (key, channel), channel, sentence

    def without(self, key: str) -> tuple[str, ...]:
        """The values that this text leaves out on purpose."""
        text = self.root[key]
        return () if isinstance(text, str) else text.without


def by_channel(file: TextsFile) -> Iterator[tuple[str, dict[str, str]]]:
    """Key and {channel: sentence} with the missing channel filled from the other."""
    for key, text in file.root.items():
        if isinstance(text, str):
            yield key, dict.fromkeys(CHANNELS, text)
        else:
            one = text.wechat or text.sms or ""
            yield key, {"wechat": one, "sms": text.sms or one}


def check_sentence(
    document: Document,
    path: Path,
    channel: str,
    text: str,
    *,
    offered: frozenset[str],
    signature: str,
) -> list[Mistake]:
    """Placeholders that the dialogs do not offer, and a sentence too long for its channel."""
    sentence = compile_sentence(text)
    mistakes = []
    for name in sorted(set(sentence.names) - offered):
        hint = closest(name, offered) or f"offered here: {', '.join(sorted(offered)) or 'nothing'}"
        message = f"{path[0]}: no value for {{{name}}}"
        mistakes.append(document.mistake(path, message, hint))
    filled = {name: TYPICAL_UNITS.get(name, OTHER_UNITS) for name in sentence.names}
    in_sms = units(signature + sentence.fill({name: "x" * n for name, n in filled.items()}))
    if channel != "wechat" and in_sms > SMS_LIMIT_UNITS:
        message = (
            f"{path[0]}: about {in_sms} characters by SMS, signature and values included; "
            f"{SMS_LIMIT_SEGMENTS} SMS hold {SMS_LIMIT_UNITS}"
        )
        hint = "write it shorter, or give it `wechat:` and a shorter `sms:`"
        mistakes.append(document.mistake(path, message, hint))
    in_wechat = len(sentence.fill({name: "圈" * n for name, n in filled.items()}).encode())
    if channel != "sms" and in_wechat > WECHAT_LIMIT_BYTES:
        message = f"{path[0]}: about {in_wechat} bytes on WeChat; it takes {WECHAT_LIMIT_BYTES}"
        mistakes.append(document.mistake(path, message, "write it shorter"))
    return mistakes


def units(text: str) -> int:
    """How many UTF-16 units a text takes: an emoji takes two."""
    return len(text.encode("utf-16-le")) // 2
