"""Help: what can be said here, where the person stands, and what may come next."""

from __future__ import annotations

from dialogs import choices
from dialogs.dialog import Dialog, Move, Talk
from menus.menus import Word
from models import standing

# What may come next: of each line the first that the live words open; by SMS a digit opens it.
NEXT = (("balance",), ("what_for", "redeem"), ("nearby",), ("my_vouchers",), ("activities",))
MEMBERS, OTHERS = ("my_clubs", "club_services"), ("clubs",)
PERSON = ("hand_over",)
CHOICES_SHOWN = 6
QUESTION_LETTERS = 40  # of an open question; by SMS it is heard again by answering


class Help(Dialog):
    reads_only = True

    def opened(self, talk: Talk) -> Move:
        stands = standing.look(talk.tx, talk.subscriber, talk.now, besides=choices.SOFT)
        if talk.subscriber.msisdn is None:
            talk.say("help.bind_first")
        if stands.clubs:
            talk.say("help.member", clubs="、".join(stands.clubs))
        if stands.question is not None:
            talk.say("help.still_asking", now=_asked(talk, stands.question))
            if talk.channel == "sms":
                return talk.end()
            return talk.end("help.general")
        if talk.channel == "sms" and (offered := _next(talk, bool(stands.clubs))):
            return talk.end(then=("help_choices", {"choices": offered}))
        return talk.end("help.general")


class Thanks(Dialog):
    """谢谢: a word of politeness deserves one, and is no question that was not understood."""

    reads_only = True

    def opened(self, talk: Talk) -> Move:
        return talk.end("words.thanks")


def _next(talk: Talk, member: bool) -> list[dict[str, object]]:
    """What may come next, for this person: the last is somebody to talk to."""
    lines = (*NEXT[:2], MEMBERS if member else OTHERS, *NEXT[2:])
    words = [word for line in lines if (word := _first(talk, line))]
    person = _first(talk, PERSON)
    shown = [*words[: CHOICES_SHOWN - 1], person] if person else words[:CHOICES_SHOWN]
    found: list[dict[str, object]] = choices.noted(shown)["choices"]
    return found


def _first(talk: Talk, dialogs: tuple[str, ...]) -> Word | None:
    words = (talk.menus.opening(name) for name in dialogs)
    return next((word for word in words if word is not None), None)


def _asked(talk: Talk, question: str) -> str:
    """The open question: all of it in WeChat, by SMS so much that two segments hold it."""
    question = question.removeprefix(talk.menus.text("signature", channel="wechat"))
    long = talk.channel == "sms" and len(question) > QUESTION_LETTERS
    return question[: QUESTION_LETTERS - 1] + "…" if long else question
