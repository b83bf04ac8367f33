"""Binding: a WeChat openid leads to the subscriber of a number, which a code has proven.

A person known by openid alone is merged into the number's subscriber. An openid that was bound
to another number only moves: that account stays with its own number.
"""

from __future__ import annotations

from datetime import datetime

from models import conversations, merging, page_links
from models.base import Tx
from models.subscribers import Subscriber, addresses, forget_wechat, get, lock, lock_id


def bind(tx: Tx, who: Subscriber, msisdn: str, *, origin: str, now: datetime) -> Subscriber:
    """Lead the openid of `who` (locked) to this number's subscriber, whom it returns, locked.

    Another openid that led there before does not any more: the code proves who holds the
    number now.
    """
    if who.openid is None:
        raise ValueError("only somebody with an openid can bind a number")
    target = lock(tx, "sms", msisdn, now)
    if target.id == who.id:
        return target
    tx.execute(
        addresses.delete().where(
            addresses.c.subscriber_id == target.id, addresses.c.channel == "wechat"
        )
    )
    page_links.close_sessions_of(tx, target.id)
    page_links.close_sessions_of(tx, who.id)
    # What was asked of whoever reached the number before is not this person's to answer.
    conversations.end_questions(tx, target.id, now)
    tx.execute(
        addresses.update()
        .where(addresses.c.channel == "wechat", addresses.c.address == who.openid)
        .values(subscriber_id=target.id, since=now)
    )
    if who.msisdn is None:
        merging.merge(tx, source=who, target=target, origin=origin, now=now)
    return get(tx, target.id)


class NotMergeable(Exception):
    """These two cannot become one: `why` is same, unknown, blocked, has_number or no_number."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class OnlyWeChat(Exception):
    """Without its WeChat link nobody could reach this account any more: it has no number."""


def merge_people(tx: Tx, *, source: int, target: int, origin: str, now: datetime) -> Subscriber:
    """Give a person known by WeChat alone to the one with a number, whom it returns, locked.

    What binding does after a right code, decided by an operator. Raises NotMergeable.
    """
    if source == target:
        raise NotMergeable("same")
    try:
        who = lock_id(tx, source)
        into = get(tx, target)
    except LookupError as error:
        raise NotMergeable("unknown") from error
    if who.id != source or who.status == "house" or into.status in ("merged", "house"):
        raise NotMergeable("unknown")
    if "blocked" in (who.status, into.status):
        raise NotMergeable("blocked")  # nobody slips out of a block by being somebody else
    if who.msisdn is not None:
        raise NotMergeable("has_number")
    if into.msisdn is None or who.openid is None:
        raise NotMergeable("no_number")
    return bind(tx, who, into.msisdn, origin=origin, now=now)


def unbind(tx: Tx, who: Subscriber, now: datetime) -> bool:
    """Take the WeChat link off a person (locked), who keeps all by number. False: there is none.

    Raises OnlyWeChat.
    """
    if who.openid is None:
        return False
    if who.msisdn is None:
        raise OnlyWeChat
    forget_wechat(tx, who)
    page_links.close_sessions_of(tx, who.id)
    # What was asked in that chat is not for whoever has it now.
    conversations.end_questions(tx, who.id, now)
    return True
