"""A broadcast's text sent to a few numbers before it goes: ours, or the proposer's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from models import audit, mailbox, outbox, sending_policy, sql, subscribers
from models.audit import By
from models.base import Tx
from models.broadcasts.broadcast import get, subject
from models.broadcasts.queueing import KIND
from models.sending_policy import LATER, MARKETING, SMS, Policy

TESTS_MOST = 20  # numbers at once


def send(
    tx: Tx, number: int, numbers: Sequence[str], *, by: By, policy: Policy, now: datetime
) -> list[str]:
    """Owe the text to these numbers; returns those that may be written to. Raises
    NoSuchBroadcast.

    It counts as marketing like any other, so nobody who has left is reached by way of a test.
    """
    found = get(tx, number)
    people = subscribers.numbered(tx, numbers[:TESTS_MOST], now)
    sent = []
    for address, person in sorted(people.items()):
        who = subscribers.lock_id(tx, person)
        way = sending_policy.decide(tx, who, kind=KIND, category=MARKETING, policy=policy, now=now)
        # A test is about the SMS, even for whoever would be written to in WeChat.
        if way.by not in (sending_policy.NOWHERE, LATER):
            owed = outbox.owe(
                tx, subscriber_id=who.id, kind=SMS, queue=outbox.BULK, category=MARKETING,
                payload={"to": address, "text": found.words}, now=now,
            )  # fmt: skip
            _keep(tx, who.id, owed, found.text, found.words, now)
            sent.append(address)
    audit.write(
        tx, by, action="broadcasts.test", subject=subject(number), after={"sent": len(sent)},
        now=now,
    )  # fmt: skip
    return sent


def _keep(tx: Tx, person: int, owed: int, text: str, words: str, now: datetime) -> None:
    sql.together(
        tx,
        [
            mailbox.keeping(
                subscriber_id=person, letter_id=owed, kind=KIND, category=MARKETING, words=text,
                words_sms=words, page=None, now=now, way=SMS,
            )
        ],
    )  # fmt: skip
