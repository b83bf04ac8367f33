"""The mailbox, in the chat: the newest messages by number, and each of them whole.

opened ──the newest──▶ picked ──1, 2, 3──▶ that message, and the list is still open
                          └──the number after the last──▶ older ones
"""

from __future__ import annotations

from datetime import timedelta

from dialogs import pages
from dialogs.dialog import Dialog, Move, Talk
from dialogs.naming import shortened
from models import mailbox
from models.mailbox import PAGE_MARK, Letter
from models.points import SHANGHAI
from sms.replies import Reply

LISTED = {"sms": 3, "wechat": 5}
SNIPPET_CHARS = 17
# So long a digit means a message: nobody remembers a list for longer.
OPEN_FOR = timedelta(minutes=30)


class Mailbox(Dialog):
    def opened(self, talk: Talk) -> Move:
        return self._list(talk, below=None)

    def picked(self, talk: Talk, reply: Reply) -> Move:
        listed: list[int] = talk.notes["listed"]
        number = reply.number
        if number is None or number == 0:
            return talk.end("mailbox.closed", ended_as="declined")
        if number == len(listed) + 1 and talk.notes["more"]:
            return self._list(talk, below=listed[-1])
        if number > len(listed):
            return talk.end("mailbox.no_such", most=len(listed), ended_as="failed")
        letter = mailbox.one(talk.tx, talk.subscriber.id, listed[number - 1])
        if letter is None:  # forgotten meanwhile
            return talk.end("mailbox.no_such", most=len(listed), ended_as="failed")
        mailbox.mark_read(talk.tx, letter.owner, talk.now, letter_id=letter.id)
        return talk.ask(
            "mailbox.letter", words=_words(letter, talk.channel), page=letter.page,
            expects="number", again="mailbox.again", lasts=OPEN_FOR, then=self.picked,
        )  # fmt: skip

    def _list(self, talk: Talk, *, below: int | None) -> Move:
        most = LISTED[talk.channel]
        found = mailbox.listed(talk.tx, talk.subscriber.id, limit=most + 1, below=below)
        shown, more = found[:most], len(found) > most
        talk.notes["more"] = more
        if not shown:
            return talk.end("mailbox.none")
        talk.notes["listed"] = [letter.id for letter in shown]
        unread = mailbox.unread(talk.tx, talk.subscriber.id)
        lines = [_line(n, letter) for n, letter in enumerate(shown, 1)]
        if talk.channel == "wechat" and talk.subscriber.msisdn is not None:
            talk.say("mailbox.page", page=pages.MESSAGES)
        return talk.ask(
            "mailbox.list_more" if more else "mailbox.list",
            letters="\n".join(lines), count=unread, more=len(shown) + 1,
            expects="number", again="mailbox.again", lasts=OPEN_FOR, then=self.picked,
        )  # fmt: skip


def _line(number: int, letter: Letter) -> str:
    """ "1 新 11月22日 您有80积分最晚用到…"."""
    at = letter.at.astimezone(SHANGHAI)
    words = "".join(letter.words.replace(PAGE_MARK, "").split())
    new = "新 " if letter.read_at is None else ""
    return f"{number} {new}{at.month}月{at.day}日 {shortened(words, SNIPPET_CHARS)}"


def _words(letter: Letter, channel: str) -> str:
    """The whole message as this channel says it; an SMS signs itself."""
    return letter.words if channel == "wechat" else letter.unsigned
