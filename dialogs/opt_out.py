"""Opt out of what nobody asked for, and opt in again: 退订, 恢复."""

from __future__ import annotations

from dialogs.dialog import Dialog, Move, Talk
from models import consents, subscribers


class OptOut(Dialog):
    def opened(self, talk: Talk) -> Move:
        if talk.subscriber.opted_out:
            return talk.end("opt_out.already")
        subscribers.opt_out(talk.tx, talk.subscriber, talk.now)
        _keep(talk, granted=False)
        return talk.end("opt_out.done")


class OptIn(Dialog):
    def opened(self, talk: Talk) -> Move:
        if not talk.subscriber.opted_out:
            return talk.end("opt_in.already")
        subscribers.opt_in(talk.tx, talk.subscriber)
        _keep(talk, granted=True)
        return talk.end("opt_in.done")


def _keep(talk: Talk, *, granted: bool) -> None:
    consents.keep(
        talk.tx, subscriber_id=talk.subscriber.id, subject="messages", granted=granted,
        question="", answer="opt in" if granted else "opt out",
        message_key=talk.origin, asked_at=None, now=talk.now,
    )  # fmt: skip
