"""Choices: what somebody may want next, numbered, to be opened by a digit.

did_you_mean   a message was near to these words; nothing opens before the person has chosen
help_choices   by SMS, what help says can be done
offer_person   nothing was understood, again and again: whether a person of ours is wanted
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from dialogs.dialog import Dialog, Move, Talk
from menus.menus import Word
from models.conversations import Conversation
from sms.replies import Reply

# Nothing is lost with them, and other questions may not be asked while they wait.
LASTS = timedelta(minutes=30)
# Not waited for: what else is said is looked at as if nothing were open.
SOFT = frozenset({"did_you_mean", "help_choices", "offer_person"})

MOST_CHOICES = 99

CHOSEN_BY = "chosen_by"  # the note that keeps the digit with which a dialog was chosen


def noted(words: Sequence[Word]) -> dict[str, Any]:
    """The notes with which did_you_mean opens."""
    return {
        "choices": [
            {"name": word.name, "dialog": word.route.dialog, "notes": dict(word.route.notes)}
            for word in words
        ]
    }


class DidYouMean(Dialog):
    by_menu = False
    requires = frozenset({"choices"})

    def opened(self, talk: Talk) -> Move:
        choices = talk.notes["choices"]
        if len(choices) == 1:
            return talk.ask(
                "words.did_you_mean_one", again="words.did_you_mean_one", word=choices[0]["name"],
                lasts=LASTS, then=self.chosen,
            )  # fmt: skip
        return talk.ask(
            "words.did_you_mean", again="words.did_you_mean", choices=_listed(choices),
            expects="number", lasts=LASTS, then=self.chosen,
        )  # fmt: skip

    def chosen(self, talk: Talk, reply: Reply) -> Move:
        choices = talk.notes["choices"]
        if len(choices) == 1 and reply.is_yes:
            return _open(talk, choices[0], reply)
        if reply.number is not None and 0 < reply.number <= len(choices):
            return _open(talk, choices[reply.number - 1], reply)
        if reply.is_no or len(choices) == 1:
            return talk.end("words.none_of_these", ended_as="declined")
        return self.opened(talk)


class HelpChoices(Dialog):
    by_menu = False
    requires = frozenset({"choices"})

    def opened(self, talk: Talk) -> Move:
        return talk.ask(
            "help.choose", again="help.choose", choices=_listed(talk.notes["choices"]),
            expects="number", lasts=LASTS, then=self.chosen,
        )  # fmt: skip

    def chosen(self, talk: Talk, reply: Reply) -> Move:
        choices = talk.notes["choices"]
        if reply.number is not None and 0 < reply.number <= len(choices):
            return _open(talk, choices[reply.number - 1], reply)
        if reply.is_no:
            return talk.end("words.none_of_these", ended_as="declined")
        return self.opened(talk)


class OfferPerson(Dialog):
    """Nobody is handed over unasked: a person at the desk costs others their turn."""

    by_menu = False

    def opened(self, talk: Talk) -> Move:
        return talk.ask(
            "words.offer_person", again="words.offer_person", lasts=LASTS, then=self.answered
        )

    def answered(self, talk: Talk, reply: Reply) -> Move:
        if reply.is_yes:
            return talk.end(then=("hand_over", {}), ended_as="chosen")
        return talk.end("words.no_person", ended_as="declined")


def _listed(choices: Sequence[Mapping[str, Any]]) -> str:
    return "，".join(f"{place} {choice['name']}" for place, choice in enumerate(choices, start=1))


def sent_twice(row: Conversation, reply: Reply) -> bool:
    """Whether an answer may be the digit that has chosen this dialog, sent twice: no clear yes."""
    chosen_by = row.notes.get(CHOSEN_BY)
    return chosen_by is not None and row.expects == "yes_no" and reply.number == chosen_by


def is_beyond(row: Conversation, reply: Reply) -> bool:
    """Whether a number is none of the few choices that are not waited for: a code, a phone."""
    return row.dialog in SOFT and reply.number is not None and reply.number > MOST_CHOICES


def _open(talk: Talk, choice: Mapping[str, Any], reply: Reply) -> Move:
    by = {CHOSEN_BY: reply.number} if reply.number is not None else {}
    return talk.end(then=(choice["dialog"], {**choice["notes"], **by}), ended_as="chosen")
