"""Complain: by the serial number of what it is about, or without one; then in one's own words.

投诉 10000123 ──▶ whose is it? ──▶ what happened? ──▶ models/complaints.py
投诉 ──▶ which number? ──┘  a number of somebody else's is met like one that nobody has
"""

from __future__ import annotations

import re
from datetime import datetime

from dialogs.balance import month_and_day
from dialogs.dialog import Dialog, Move, Talk
from dialogs.naming import shortened
from models import complaint_desk, complaints, serials
from models.points import SHANGHAI
from sms.replies import Reply

TRIES = 3
RECENT_SHOWN = 2  # of what was used lately, with its serial number; more would be a third SMS
# "流水号100000123，师傅不给洗": fewer digits are a number of something else.
_NUMBER_FIRST = re.compile(r"[^0-9]{0,8}([0-9]{6,18})[号笔]?[\s,，.。:：、]*(.*)", re.DOTALL)
_NO_COMPLAINT = frozenset({"不投诉", "不投诉了", "不想投诉", "不用投诉"})
_UNKNOWN = frozenset({"不知道", "没有", "没有流水号", "不记得", "忘了", "找不到", "不清楚"})


class Complain(Dialog):
    takes = frozenset({"serial", "words"})  # 投诉 100000123 师傅不给洗

    def opened(self, talk: Talk) -> Move:
        serial, words = (str(talk.notes.pop(name, "")) for name in ("serial", "words"))
        if serial:
            return _state(talk, serial) or _about(talk, serial, words)
        recent = complaint_desk.used_lately(talk.tx, talk.subscriber, limit=RECENT_SHOWN)
        if not recent:
            return talk.ask("complain.ask_serial", expects="text", then=self.serial_given)
        used = "；".join(f"{one.serial} {shortened(one.title, 10)}" for one in recent)
        return talk.ask(
            "complain.ask_which", used=used, expects="text", then=self.serial_given
        )  # fmt: skip

    def serial_given(self, talk: Talk, reply: Reply) -> Move:
        if reply.normal in _UNKNOWN:
            return talk.ask("complain.ask_words", expects="text", then=self.words_given)
        if declines(reply):
            return talk.end("complain.cancelled", ended_as="declined")
        if reply.number is not None:
            return _about(talk, str(reply.number), "")
        found = _NUMBER_FIRST.fullmatch(reply.text.strip())
        if found is not None:
            return _about(talk, found[1], found[2])
        if reply.is_yes or not reply.normal:
            return talk.ask("complain.ask_serial", expects="text", then=self.serial_given)
        return _open(talk, reply.text)  # what happened, said at once

    def words_given(self, talk: Talk, reply: Reply) -> Move:
        if declines(reply):
            return talk.end("complain.cancelled", ended_as="declined")
        if reply.is_yes or not reply.normal:
            return talk.ask("complain.ask_words", expects="text", then=self.words_given)
        return _open(talk, reply.text)


def declines(reply: Reply) -> bool:
    """No, or the words with which our questions offer it: "不投诉了，请回复否"."""
    return reply.is_no or reply.normal in _NO_COMPLAINT


def _state(talk: Talk, typed: str) -> Move | None:
    """How a complaint of theirs goes on, if TS10001 was said; None: it is no such number."""
    found = complaint_desk.one_of_theirs(talk.tx, talk.subscriber, int(typed))
    if found is None:
        return None
    return talk.end(
        (
            "complain.is_received", "complain.is_with_merchant", "complain.is_resolved",
            "complain.is_upheld", "complain.is_rejected",
        )[complaints.STATES.index(found.state)],
        number=complaints.name(found.number), day=_day(found.closed_at or found.deadline),
    )  # fmt: skip


def _about(talk: Talk, typed: str, words: str) -> Move:
    """Go on with this serial number, if the person may complain about it."""
    serial = int(typed) if re.fullmatch("[0-9]{1,18}", typed) else 0
    person = talk.subscriber.id
    open_one = complaint_desk.open_about(talk.tx, talk.subscriber, serial)
    if open_one is not None:
        return talk.end(
            "complain.already", number=complaints.name(open_one.number),
            day=_day(open_one.deadline),
        )  # fmt: skip
    voucher = serials.voucher_of(talk.tx, person, serial)
    if voucher is None and not serials.is_theirs(talk.tx, person, serial):
        talk.notes["tries"] = tries = int(talk.notes.get("tries", 0)) + 1
        if tries >= TRIES:
            return talk.end("complain.not_found_at_all", ended_as="failed")
        return talk.ask(
            "complain.not_found", serial=serial, expects="text", then=Complain().serial_given
        )
    talk.notes["serial"] = str(serial)
    if words.strip():
        return _open(talk, words)
    return talk.ask("complain.ask_words", expects="text", then=Complain().words_given)


def _open(talk: Talk, words: str) -> Move:
    limits, person = talk.rules.complaining, talk.subscriber.id
    if complaint_desk.opened_today(talk.tx, talk.subscriber, talk.now) >= limits.a_day:
        return talk.end("complain.too_many", ended_as="failed")
    serial = int(talk.notes["serial"]) if "serial" in talk.notes else None
    made = complaints.open_one(
        talk.tx, person=person, words=words.strip()[: complaints.WORDS_MAX], serial=serial,
        category=complaint_desk.category(talk.tx, person, serial), by=complaints.SUBSCRIBER,
        channel=talk.channel, lasts=limits.lasts, now=talk.now,
    )  # fmt: skip
    return talk.end("complain.done", number=complaints.name(made.number), day=_day(made.deadline))


def _day(moment: datetime) -> str:
    return month_and_day(moment.astimezone(SHANGHAI).date())
