"""Check in at the door of an activity: by a scan of the screen, or with its six digits by SMS."""

from __future__ import annotations

import re

from dialogs import activity_words
from dialogs.dialog import Dialog, Move, Talk
from models.activities import doors
from models.activities.joining import NotPossible
from sms.replies import Reply

_TYPED = re.compile(r"[0-9]{1,6}")  # a zero in front may have been lost
_SCANNED = re.compile(r"[0-9]{7,18}")


class CheckIn(Dialog):
    takes = frozenset({"code"})

    def opened(self, talk: Talk) -> Move:
        code = str(talk.notes.pop("code", ""))
        if not code:
            return talk.ask(
                "checkin.ask", again="checkin.ask", expects="number", then=self.code_given
            )
        return self._let_in(talk, code)

    def code_given(self, talk: Talk, reply: Reply) -> Move:
        if reply.number is None:
            return talk.end("checkin.declined", ended_as="declined")
        return self._let_in(talk, str(reply.number))

    def _let_in(self, talk: Talk, code: str) -> Move:
        try:
            if _TYPED.fullmatch(code):
                came = doors.typed(
                    talk.tx, talk.subscriber, code.zfill(6), channel=talk.channel, now=talk.now
                )
            elif _SCANNED.fullmatch(code):
                came = doors.scanned(
                    talk.tx, talk.subscriber, int(code), channel=talk.channel, now=talk.now
                )
            else:
                raise NotPossible("old_code")
        except NotPossible as why:
            key, values = activity_words.not_possible(why)
            return talk.end(key, ended_as="failed", **values)
        title = activity_words.title(came.activity)
        if came.points:
            return talk.end("checkin.done_points", title=title, points=came.points)
        return talk.end("checkin.done", title=title)
