"""Start again: the people of the simulator as if they had never written. Development only.

History stays, as everywhere: they leave their clubs, they are not deleted from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from handlers.simulator_emulators import Person
from models import conversations, page_links, sql, subscribers
from models.base import Tx
from models.conversations import Conversation
from models.subscribers import Subscriber

ORIGIN = "simulator:reset"
MARK = "simulator_reset"  # the dialog of a conversation that only says when this was
# Seeded as bound; whoever else is bound has done so in the simulator.
BOUND_FROM_THE_START = frozenset({"o_lilei", "o_hanmeimei"})

_LEAVE = """
    WITH gone AS (
        UPDATE memberships SET state = 'left', changes = changes + 1, level = 'ordinary',
            ends_on = NULL, premium_until = NULL, suspended_on = NULL, look_on = NULL
        WHERE subscriber_id = %(id)s AND state NOT IN ('left', 'ended', 'refused', 'moved')
        RETURNING subscriber_id, club_code, changes, state, level)
    INSERT INTO membership_changes
        (subscriber_id, club_code, change_no, state, level, origin, at)
    SELECT subscriber_id, club_code, changes, state, level, %(origin)s, %(now)s FROM gone
"""
_END = """
    UPDATE conversations SET state = 'ended', ended_as = 'reset', ended_at = %(now)s,
        expires_at = NULL
    WHERE subscriber_id = %(id)s AND state <> 'ended'
"""
_DROP = """
    UPDATE outbox SET state = 'dropped', error = %(origin)s, settled_at = %(now)s
    WHERE subscriber_id = %(id)s AND state IN ('owed', 'accepted')
"""


def start_again(tx: Tx, people: Iterable[Person], now: datetime) -> None:
    """Nobody is a member, in a conversation, opted out, or owed anything."""
    for person in people:
        for channel, address in (("wechat", person.openid), ("sms", person.msisdn)):
            who = subscribers.find(tx, channel, address) if address else None
            if who is not None:
                _forget(tx, subscribers.lock_id(tx, who.id), now)


def _forget(tx: Tx, who: Subscriber, now: datetime) -> None:
    values = {"id": who.id, "origin": ORIGIN, "now": now}
    for statement in (_LEAVE, _END, _DROP):
        sql.change(tx, statement, values)
    conversations.store(tx, _mark(who, now))
    subscribers.opt_in(tx, who)
    page_links.close_sessions_of(tx, who.id)
    if who.openid is not None and who.msisdn and who.openid not in BOUND_FROM_THE_START:
        subscribers.forget_wechat(tx, who)


def _mark(who: Subscriber, now: datetime) -> Conversation:
    # The last thing to have ended, so that a 是 is not told of a question from before; and the
    # panel shows what is newer.
    return Conversation(
        subscriber_id=who.id, dialog=MARK, channel="sms", opened_at=now, waiting_since=now,
        ended_as="reset", ended_at=now,
    )  # fmt: skip
