"""What comes of a message that is no word, no entry and no answer.

near to one word, which only reads ──▶ it opens
near to words                      ──▶ 您是不是想说…? with numbers; nothing opens by a guess
a place with partner stores        ──▶ what is there
digits of a shape of ours          ──▶ a friend's invitation; where a code belongs
near to none                       ──▶ not understood; the third time a person is offered, in words
a voice, a picture, a place, a link ──▶ each its own answer
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from dialogs import choices
from dialogs.delivery import Delivery
from dialogs.dialog import Saying
from dialogs.inbound import Inbound
from dialogs.naming import shortened
from menus.guessing import Guesses
from menus.menus import Route
from models import inbox
from models.conversations import Conversation
from models.invitations import codes
from models.merchants import nearby
from sms import replies

# So many in so short a time, and it is asked whether a person of ours is wanted.
NOT_UNDERSTOOD_MOST = 3
NOT_UNDERSTOOD_WITHIN = timedelta(minutes=10)
HAND_OVER = "hand_over"  # the dialog that calls a person, where there is one

# What the engine says with these, and the placeholders it fills (dialogs/catalog.py).
TEXTS: Mapping[str, frozenset[str]] = {
    "common.not_understood": frozenset(),
    "words.say_the_word": frozenset({"word"}),
    "words.call_us": frozenset(),
    "words.ask_for_a_person": frozenset({"word"}),
    "words.six_digits": frozenset(),
    "common.media": frozenset(),
    "media.voice": frozenset(),
    "media.heard_an_answer": frozenset({"heard"}),
    "media.picture": frozenset(),
    "media.video": frozenset(),
    "media.link": frozenset(),
    "media.sticker": frozenset(),
    "media.still_asking": frozenset({"now"}),
}
MEDIA: Mapping[str, str] = {
    "voice": "media.voice",
    "image": "media.picture",
    "video": "media.video",
    "link": "media.link",
}
NOW_CHARS = 90  # of the question that is open now, in an SMS that says so
HEARD_LETTERS = 8  # of what a voice message said, shown again

# What WeChat writes in place of an animated sticker, and its own small faces: /::) [微笑]
_STICKER = re.compile(
    r"【收到不支持的消息类型，暂无法显示】|(?:\s|\[[^\[\]\s]{1,8}\]|/:[^\s一-鿿]{1,8})+"
)

_CODE = re.compile("[0-9]{6}")  # sent to bind a number, or shown at a door
_INVITATION = re.compile("[0-9]{9}")  # models/invitations/tables.py: NUMBER_LEAST
_PLACE = re.compile("[一-鿿]{2,12}")  # a city, a street, a store

Reads = Callable[[str], bool]  # whether a dialog of this name only reads


@dataclass(frozen=True, slots=True)
class Met:
    """How a message is met: a dialog opens, or something is said; `met` is kept with it."""

    opens: Route | None = None
    saying: Saying | None = None
    met: str | None = None


def unclear(
    out: Delivery, said: replies.Reply, question: Conversation | None, reads: Reads
) -> Met:  # fmt: skip
    """Of a text that is no word, and no answer to what is open."""
    if is_sticker(said.text):
        return Met(saying=Saying("media.sticker", {}))
    if (met := _digits(out, said, question)) is not None:
        return met
    guessed = _guessed(out, out.menus.guess(said.normal), question, reads)
    return guessed or _place(out, said, question) or _lost(out, question)


def at_once(out: Delivery, said: replies.Reply, reads: Reads) -> Route | None:
    """What may open while a question is open, and stays open: a sure guess that only reads."""
    guesses = out.menus.guess(said.normal)
    return guesses.words[0].route if _is_safe(guesses, reads) else None


def media(
    out: Delivery, inbound: Inbound, question: Conversation | None, reads: Reads
) -> Met:  # fmt: skip
    """Of what is no text. A place leads to what is near; a voice counts as a guess."""
    if inbound.kind == "location":
        names = ("latitude", "longitude")
        notes = dict(zip(names, map(str, inbound.place), strict=True)) if inbound.place else {}
        return Met(opens=Route("nearby", notes))
    if inbound.kind == "voice" and inbound.value.strip():
        return _heard(out, inbound, question, reads)
    if question is not None and question.dialog not in choices.SOFT and out.channel == "wechat":
        return Met(saying=still_asking(out, question))
    return Met(saying=Saying(MEDIA.get(inbound.kind, "common.media"), {}))


def still_asking(out: Delivery, question: Conversation) -> Saying:
    """That a text is needed, and what for."""
    return Saying("media.still_asking", {"now": open_now(out, question)})


def again(row: Conversation) -> Saying:
    """The open question in other words, for who has not answered it."""
    question = row.question or {}
    if question.get("again"):
        return Saying(question["again"], question["values"])
    return Saying("common.say_number" if row.expects == "number" else "common.say_yes_or_no", {})


def open_now(out: Delivery, question: Conversation) -> str:
    """The open question in words; by SMS as much of it as goes into two."""
    if not question.question:
        return ""
    asked = question.question
    words = out.menus.text(asked["key"], channel="wechat", **asked["values"])
    return shortened(words, NOW_CHARS) if out.channel == "sms" else words


def is_sticker(text: str) -> bool:
    """Whether a text is faces alone, or what WeChat writes in place of a sticker."""
    return _STICKER.fullmatch(text.strip()) is not None


def _heard(out: Delivery, inbound: Inbound, question: Conversation | None, reads: Reads) -> Met:
    """A voice, in the words that WeChat has heard: never a yes, and never more than a guess."""
    said = replies.read(inbound.value)
    word = out.menus.word(said.normal)
    guesses = Guesses((word,), sure=True) if word is not None else out.menus.guess(said.normal)
    met = _guessed(out, guesses, question, reads)
    if met is not None:
        return met
    if question is not None and question.dialog not in choices.SOFT:
        shown = inbound.value[:HEARD_LETTERS] + "…" * (len(inbound.value) > HEARD_LETTERS)
        return Met(saying=Saying("media.heard_an_answer", {"heard": shown}))
    return Met(saying=Saying("media.voice", {}))


def _guessed(
    out: Delivery, guesses: Guesses, question: Conversation | None, reads: Reads
) -> Met | None:  # fmt: skip
    if not guesses.words:
        return None
    if _is_safe(guesses, reads):
        return Met(opens=guesses.words[0].route, met=inbox.GUESSED)
    if question is None or question.dialog in choices.SOFT:
        return Met(opens=Route("did_you_mean", choices.noted(guesses.words)), met=inbox.ASKED)
    # Another question is open, and is not to be lost by a guess.
    saying = Saying("words.say_the_word", {"word": guesses.words[0].name})
    return Met(saying=saying, met=inbox.ASKED)


def _is_safe(guesses: Guesses, reads: Reads) -> bool:
    return guesses.sure and reads(guesses.words[0].route.dialog)


def _digits(out: Delivery, said: replies.Reply, question: Conversation | None) -> Met | None:
    """Digits alone that have a shape of ours: a code that belongs elsewhere, a friend's code."""
    if _CODE.fullmatch(said.normal):
        return Met(saying=Saying("words.six_digits", {}))
    if question is not None and question.dialog not in choices.SOFT:
        return None
    if not _INVITATION.fullmatch(said.normal) or codes.find(out.tx, int(said.normal)) is None:
        return None
    return Met(opens=Route("invited", {"number": said.normal}), met=inbox.GUESSED)


def _place(out: Delivery, said: replies.Reply, question: Conversation | None) -> Met | None:
    """A place alone, as who was asked for one after 附近 says it."""
    if question is not None and question.dialog not in choices.SOFT:
        return None
    if not _PLACE.fullmatch(said.normal) or not nearby.is_place(out.tx, said.normal):
        return None
    return Met(opens=Route("nearby", {"where": said.normal}), met=inbox.GUESSED)


def _lost(out: Delivery, question: Conversation | None) -> Met:
    since = out.now - NOT_UNDERSTOOD_WITHIN
    if inbox.not_understood(out.tx, out.who.id, since) + 1 < NOT_UNDERSTOOD_MOST:
        return Met(saying=Saying("common.not_understood", {}), met=inbox.NOT_UNDERSTOOD)
    person = out.menus.opening(HAND_OVER)
    if person is None:
        return Met(saying=Saying("words.call_us", {}), met=inbox.OFFERED)
    if question is None or question.dialog in choices.SOFT:
        return Met(opens=Route("offer_person", {}), met=inbox.OFFERED)
    return Met(saying=Saying("words.ask_for_a_person", {"word": person.name}), met=inbox.OFFERED)
