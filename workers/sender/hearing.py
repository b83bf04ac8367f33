"""What carriers deliver: texts of phones go to the engine, receipts to the rows that they are of.

Both are acknowledged when they are kept: in the database, or in the spool while it is away.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from dialogs.inbound import Inbound
from models import heard_parts, inbox
from models.base import Tx
from models.heard_parts import Place, Text
from models.receipts import Receipt
from models.store import Store, Unavailable
from models.submissions import SUFFIX_DIGITS
from sms.numbers import NotANumber, msisdn
from sms.wire import receipts, texts
from sms.wire.frames import Heard, Receipted
from workers.sender.spool import Full, Spool

log = structlog.get_logger()

NUMBER_MOST = 24  # digits of one of our numbers
TEXT_LIMIT = 1600  # characters of a text that are read; as of every other door
# SMPP gives a text no id: the same words of the same phone, heard so short a time before over a
# bind that has broken since, are what the SMSC did not see us acknowledge.
DELIVERED_AGAIN_WITHIN = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Ear:
    """Hands whole texts to the engine."""

    hear: Callable[[Inbound], object]  # Answering.answer: raises Unavailable
    service_number: str
    count: Callable[[str], None]

    def whole(self, gateway: str, sender: str, to: str, words: str, key: str) -> None:
        """A text, once by its key. Raises Unavailable."""
        try:
            phone = msisdn(sender)
        except NotANumber:
            self.nobody(gateway)
            return
        self.hear(
            Inbound(
                key=key,
                channel="sms",
                sender=phone,
                kind="text" if words.strip() else "other",
                value=words.replace("\0", "")[:TEXT_LIMIT],
                to=to,
                gateway=gateway,
                suffix=self.suffix(to),
            )
        )

    def nobody(self, gateway: str) -> None:
        """A text came that no mobile number has sent."""
        log.info("text of no mobile number", gateway=gateway)
        self.count("sms:no number")

    def long(self, gateway: str, where: Place, text: Text) -> None:
        """A text of several parts; its key is theirs, and that of the moment of the first."""
        key = f"{gateway}:parts:{_digest(str(where), text.began.isoformat())}"
        self.whole(gateway, where.sender, where.recipient, texts.words(text.pieces), key)

    def suffix(self, to: str) -> str:
        """The digits behind our number, "" where there are none."""
        bare = to.removeprefix("+").removeprefix("86") if to.startswith(("+86", "86")) else to
        rest = bare.removeprefix(self.service_number)
        right = bare.startswith(self.service_number) and len(rest) == SUFFIX_DIGITS
        return rest if right and rest.isdigit() else ""


@dataclass(frozen=True, slots=True)
class Hearing:
    """Takes one delivery at a time, on any thread."""

    store: Store
    ear: Ear
    spool: Spool
    aside: Spool  # what cannot be heard at all, for people to look at
    now: Callable[[], datetime]
    began: dict[str, datetime] = field(default_factory=dict)  # gateway -> its newest bind

    def text(self, gateway: str, frame: Heard) -> bool:
        """A text, or a part of one. False: it is not kept, and must not be acknowledged."""
        document = {
            "gateway": gateway, "sender": frame.sender, "to": frame.to, "body": frame.body.hex(),
            "coding": frame.coding, "has_header": frame.has_header, "id": frame.message_id,
            "sar": frame.sar, "at": self.now().isoformat(),
        }  # fmt: skip
        if not self.spool.waits:  # else it would be heard before what came before it
            try:
                self._take(document)
                return True
            except Unavailable:
                pass
            except Exception as bug:  # noqa: BLE001 - logged there, with its trace
                return self._put_aside(document, bug)
        try:
            self.spool.put(document)
        except (OSError, Full) as failed:
            log.error("text not kept", gateway=gateway, why=type(failed).__name__)
            return False
        self.ear.count("sms:spooled")
        return True

    def replay(self) -> int:
        """Hear what the spool has. Raises Unavailable while the database is away."""
        return self.spool.replay(self._take_if_possible)

    def _take_if_possible(self, document: dict[str, Any]) -> None:
        """As _take, but what it cannot take holds up nothing behind it. Raises Unavailable."""
        try:
            self._take(document)
        except Unavailable:
            raise
        except Exception as bug:
            if not self._put_aside(document, bug):
                raise

    def _put_aside(self, document: dict[str, Any], bug: Exception) -> bool:
        """Keep what raises for people to look at: delivered again, it would raise again."""
        log.exception("text not understood", gateway=document["gateway"], error=type(bug).__name__)
        self.ear.count("sms:put aside")
        try:
            self.aside.put(document)
        except (OSError, Full) as failed:
            log.error("text not kept", why=type(failed).__name__)
            return False
        return True

    def _take(self, document: dict[str, Any]) -> None:
        body = bytes.fromhex(document["body"])
        sar = document["sar"]
        frame = Heard(
            0, document["sender"], document["to"], body, document["coding"],
            document["has_header"], document["id"], tuple(sar) if sar else None,
        )  # fmt: skip
        gateway = document["gateway"]
        where, rest = texts.place(frame)
        if where is None or where.of <= 1 or not 1 <= where.number <= where.of:
            words = texts.decode(rest, frame.coding)
            self.ear.whole(gateway, frame.sender, frame.to, words, self._key(gateway, frame))
            return
        try:
            msisdn(frame.sender)  # nothing is kept for what is none, nor fits where it is kept
        except NotANumber:
            self.ear.nobody(gateway)
            return
        place = Place(frame.sender, frame.to[:NUMBER_MOST], where.reference, where.wide, where.of)
        now = self.now()
        older = self.store.read(
            lambda tx: heard_parts.another(tx, place, part_no=where.number, body=rest)
        )
        if older is not None:  # its reference is used again: no more parts of it will come
            self._hear_long(gateway, place, older)
        come = self.store.run(
            lambda tx: heard_parts.keep(
                tx, place, part_no=where.number, body=rest, coding=frame.coding, now=now
            )
        )
        if come is not None:
            self._hear_long(gateway, place, come)

    def _hear_long(self, gateway: str, place: Place, come: Text) -> None:
        self.ear.long(gateway, place, come)
        self.store.run(partial(heard_parts.forget, where=place, heard=come))

    def _key(self, gateway: str, frame: Heard) -> str:
        """A message's key: by the carrier's id, or by who said what, told apart by time."""
        said = _digest(frame.sender, frame.to, frame.body.hex())
        if frame.message_id:
            return f"{gateway}:{frame.message_id}:{said[:8]}"
        known = self.store.read(lambda tx: self._again(tx, gateway, said))
        return known or f"{gateway}:{said}:{secrets.token_hex(4)}"

    def _again(self, tx: Tx, gateway: str, said: str) -> str | None:
        began = self.began.get(gateway)
        now = self.now()
        if began is None or began + DELIVERED_AGAIN_WITHIN < now:
            return None
        return inbox.heard_between(
            tx, f"{gateway}:{said}:", since=began - DELIVERED_AGAIN_WITHIN, until=began
        )


def receipt(gateway: str, frame: Receipted, suffix: str) -> Receipt:
    """A carrier's receipt in our words."""
    try:
        phone = msisdn(frame.sender)
    except NotANumber:
        phone = ""
    return Receipt(
        id=receipts.known_as(gateway, frame.message_id),
        outcome=receipts.outcome(frame.state),
        code=" ".join(filter(None, (frame.state, frame.error)))[:40].replace("\0", ""),
        phone=phone,
        suffix=suffix,
    )


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:24]
