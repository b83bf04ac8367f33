"""What one message leaves behind in words: the answer on the spot, and what is owed.

here, while a WeChat callback waits ──▶ the passive reply
here, later                         ──▶ customer-service message while the window is open
by SMS, or the window is closed     ──▶ SMS
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from dialogs.dialog import Saying
from menus.menus import Menus
from models import conversations, mailbox, outbox, sql
from models.base import Tx
from models.subscribers import Subscriber

# Stands in an owed SMS where the worker puts a fresh one-time link as it sends it, so that no
# usable link is ever stored.
PAGE_MARK = mailbox.PAGE_MARK


@dataclass(frozen=True, slots=True)
class Reply:
    """What a door answers at once, a text or nothing; and the queues in which something is owed.

    `taps` (id, words): the last lines of the text, where they are answers to be tapped in WeChat.
    """

    text: str = ""
    queues: frozenset[str] = frozenset()
    to_wechats_desk: bool = False  # the message goes to WeChat's own customer service
    taps: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        stored: dict[str, Any] = {"text": self.text}
        if self.to_wechats_desk:
            stored["to_wechats_desk"] = True
        if self.taps:
            stored["taps"] = [list(tap) for tap in self.taps]
        return stored

    @classmethod
    def from_json(cls, stored: Any) -> Reply:
        if not stored:
            return cls()
        return cls(
            stored["text"], to_wechats_desk=bool(stored.get("to_wechats_desk")),
            taps=tuple((id_, words) for id_, words in stored.get("taps", ())),
        )  # fmt: skip


@dataclass(slots=True)
class Delivery:
    """Puts sayings into words and sends each one its way, in the caller's transaction."""

    tx: Tx
    menus: Menus
    public_url: str
    who: Subscriber
    channel: str
    now: datetime
    passive: bool  # a WeChat callback is waiting for the answer
    gateway: str = ""  # over which SMS gateway the person spoke: answers take it, too
    heard_at: datetime | None = None  # when the person said what is being answered, if known
    category: str = "answer"
    queue: str = outbox.REPLY  # of what is said
    met: str | None = None  # how a message was met that was not understood (models/inbox.py)
    kind: str | None = None  # of a notice: what is said is kept in the mailbox, too
    to_wechats_desk: bool = False
    spoken: list[str] = field(default_factory=list)
    taps: tuple[tuple[str, str], ...] = ()  # of what was spoken last
    queues: set[str] = field(default_factory=set)
    writes: list[sql.Write] = field(default_factory=list)  # written by flush(), as one statement
    conversation_id: int | None = None  # ids at hand, which cost no question to the database
    owed_id: int | None = None

    def say(self, saying: Saying) -> int | None:
        """Say it on the way it asks for, or on the one that is open; its id where it is owed."""
        if saying.via == "here" and self.channel == "wechat" and self.passive:
            self.spoken.append(self.words(saying, "wechat"))
            self.taps = _picks(saying)
            return None
        if saying.via == "sms" or self.channel == "sms" or not self._wechat_is_better():
            return self._owe_sms(saying)
        return self._owe_wechat(saying)

    def reply(self) -> Reply:
        """All that was said on the spot, as one text."""
        desk = self.to_wechats_desk and not self.spoken
        return Reply("\n".join(self.spoken), frozenset(self.queues), desk, self.taps)

    def owe_call(
        self, service: str, arguments: Mapping[str, Any], conversation_id: int | None
    ) -> int:
        """Owe a call of another system; returns the id that its answer will carry."""
        payload = {"service": service, "arguments": dict(arguments)}
        if self.gateway:  # what is said when the answer comes takes it, too
            payload["spoken_over"] = self.gateway
        return self._owe(
            kind="call",
            queue=outbox.CALL,
            payload=payload,
            conversation_id=conversation_id,
        )

    def new_conversation_id(self) -> int:
        """An id for a conversation that begins."""
        given, self.conversation_id = self.conversation_id, None
        return given or conversations.next_id(self.tx)

    def new_owed_id(self) -> int:
        """An id for what is about to be owed."""
        given, self.owed_id = self.owed_id, None
        return given or outbox.next_id(self.tx)

    def flush(self) -> None:
        """Write all that is not written yet, as one statement."""
        sql.together(self.tx, self.writes)
        self.writes.clear()

    def words(self, saying: Saying, channel: str) -> str:
        """The sentence, with its link where it has one."""
        values = dict(saying.values) | ({"link": PAGE_MARK} if saying.page is not None else {})
        text = self.menus.text(saying.key, channel=channel, **values)
        if channel == "sms":
            return text
        if saying.page is not None:  # words out of the mailbox bring a mark of their own
            text = text.replace(PAGE_MARK, self.public_url + saying.page)
        if not saying.taps:
            return text
        return "\n".join([text.rstrip(), *(words for _, words in saying.taps)])

    def _wechat_is_better(self) -> bool:
        return self.who.wechat_is_open(self.now) or self.who.msisdn is None

    def _owe_sms(self, saying: Saying) -> int | None:
        payload = self._sms(saying)
        if payload is None:
            return None
        return self._keep(saying, self._owe(kind="sms", payload=payload), "sms")

    def _owe_wechat(self, saying: Saying) -> int | None:
        payload: dict[str, Any] = {
            "openid": self.who.openid,
            "text": self.words(saying, "wechat"),
        }
        if saying.taps:  # to be tapped; the text says the same where that is not shown
            head = self.words(replace(saying, taps=()), "wechat")
            payload["menu"] = {"head": head, "options": [list(pick) for pick in _picks(saying)]}
        if (by_sms := self._sms(saying)) is not None:
            payload["sms"] = by_sms  # should WeChat not take it
        if self.who.openid is None:
            return None
        return self._keep(saying, self._owe(kind="wechat", payload=payload), "wechat")

    def _keep(self, saying: Saying, owed_id: int, way: str) -> int:
        """Keep what is owed in the mailbox, where it is a notice."""
        if self.kind is not None:
            self.writes.append(
                mailbox.keeping(
                    subscriber_id=self.who.id, letter_id=owed_id, kind=self.kind,
                    category=self.category, page=saying.page, now=self.now, way=way,
                    **worded(self.menus, saying),
                )
            )  # fmt: skip
        return owed_id

    def _sms(self, saying: Saying) -> dict[str, Any] | None:
        to = saying.to or self.who.msisdn
        if to is None:
            return None
        payload = {"to": to, "text": self.words(saying, "sms"), "page": saying.page}
        if self.gateway:
            payload["gateway"] = self.gateway
        # Words to somebody who is not known yet are a code: they are forgotten once sent.
        return payload | ({"secret": True} if saying.to else {})

    def _owe(
        self, *, kind: str, payload: dict[str, Any], queue: str | None = None,
        conversation_id: int | None = None,
    ) -> int:  # fmt: skip
        queue = queue or self.queue
        self.queues.add(queue)
        owed_id = self.new_owed_id()
        self.writes.append(
            outbox.owing(
                owed_id=owed_id,
                subscriber_id=self.who.id,
                kind=kind,
                queue=queue,
                payload=payload,
                category=self.category,
                conversation_id=conversation_id,
                now=self.now,
            )
        )
        return owed_id


def _picks(saying: Saying) -> tuple[tuple[str, str], ...]:
    """Its answers to be tapped, each with the id that says of which wait it is."""
    if not saying.pick:
        return ()
    return tuple((f"{saying.pick}.{answer}", words) for answer, words in saying.taps)


def worded(menus: Menus, saying: Saying) -> dict[str, str]:
    """A sentence as the mailbox keeps it: for WeChat and for SMS, with a mark for its link."""
    values = {**saying.values, "link": PAGE_MARK} if saying.page is not None else saying.values
    return {
        "words": menus.text(saying.key, channel="wechat", **values),
        "words_sms": menus.text(saying.key, channel="sms", **values),
    }
