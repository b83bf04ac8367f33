"""Ways of notices: when one is to leave, its way is decided, with its reader held.

outbox row of the kind "notice" ──decide──▶ "wechat" | "template" | "sms"   and leaves at once
                                       ├──▶ "mailbox": it is kept there and goes no further
                                       └──▶ Later: in the morning
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from models import mailbox, outbox, sending_policy, sql, subscribers
from models.base import Tx
from models.mailbox import PAGE_MARK, Letter
from models.outbox import Owed
from models.points.accounts import SHANGHAI
from models.preferences import IN_WORDS
from models.sending_policy import GONE, LATER, NOWHERE, SMS, TEMPLATE, Policy, Way
from models.subscribers import Subscriber

MESSAGES = "/me/messages"
THING_CHARS = 20  # of a field such as thing1.DATA (docs: 模板消息, 参数说明)


@dataclass(frozen=True, slots=True)
class Later:
    """It must wait."""

    until: datetime


def decide(tx: Tx, owed: Owed, *, policy: Policy, now: datetime) -> Owed | Later | None:
    """The row as it leaves now, taken by us still; Later; or None: it goes nowhere."""
    who = subscribers.lock_id(tx, owed.subscriber_id)
    letter = mailbox.hold(tx, [who.id, owed.subscriber_id], owed.id)
    if letter is None or letter.way is not None:  # blocked or deleted when it was owed
        _keep(tx, owed, GONE, now)
        return None
    way = sending_policy.decide(
        tx, who, kind=letter.kind, category=letter.category, policy=policy, now=now
    )
    if way.by == LATER and way.until is not None:
        return Later(way.until)
    mailbox.decided(tx, letter, owner=who.id, way=way.by, why=way.why or None, now=now)
    if way.by == NOWHERE:
        _keep(tx, owed, way.why, now)
        return None
    payload = _payload(who, letter, way, policy)
    outbox.set_ours(
        tx, owed, "kind = %(kind)s, payload = %(payload)s, subscriber_id = %(subscriber)s",
        kind=way.by, payload=Jsonb(payload), subscriber=who.id,
    )  # fmt: skip
    return replace(owed, subscriber_id=who.id, kind=way.by, payload=payload)


def template_receipt(tx: Tx, number: str, *, success: bool, status: str) -> bool:
    """Note what became of the template message with WeChat's number; False if there is none.

    One that did not arrive goes by SMS, if it may.
    """
    changed = sql.change(
        tx,
        "UPDATE outbox SET status = %(status)s::varchar, leased_until = NULL, state = CASE"
        " WHEN %(good)s THEN 'delivered' WHEN payload ? 'sms' THEN 'owed' ELSE 'failed' END,"
        " kind = CASE WHEN NOT %(good)s AND payload ? 'sms' THEN 'sms' ELSE kind END,"
        " payload = CASE WHEN NOT %(good)s AND payload ? 'sms' THEN payload -> 'sms'"
        " ELSE payload END, submitted_at = CASE WHEN %(good)s THEN submitted_at END,"
        " provider_id = CASE WHEN %(good)s THEN provider_id END, attempts = 0,"
        " error = CASE WHEN %(good)s THEN NULL ELSE %(status)s::text END"
        " WHERE provider_id = %(number)s AND kind = 'template' AND state = 'sent'",
        {"number": number, "good": success, "status": status[:16]},
    )
    return changed == 1


def _keep(tx: Tx, owed: Owed, why: str, now: datetime) -> None:
    """It has arrived, in the mailbox, and goes no further."""
    outbox.set_ours(
        tx, owed,
        "kind = 'mailbox', state = 'delivered', leased_until = NULL, error = NULL,"
        " status = %(why)s, settled_at = %(now)s",
        why=why, now=now,
    )  # fmt: skip


def _payload(who: Subscriber, letter: Letter, way: Way, policy: Policy) -> dict[str, Any]:
    by_sms = {"to": who.msisdn, "text": letter.words_sms, "page": letter.page}
    if way.by == SMS:
        return by_sms
    payload: dict[str, Any] = {"openid": who.openid, "text": letter.words, "page": letter.page}
    if way.by == TEMPLATE:
        payload |= {
            "template": policy.templates[letter.kind], "data": _fields(letter, policy),
            "page": letter.page or f"{MESSAGES}/{letter.id}",
        }  # fmt: skip
    return payload | ({"sms": by_sms} if way.or_sms else {})


def _fields(letter: Letter, policy: Policy) -> dict[str, dict[str, str]]:
    words = " ".join(letter.words.replace(PAGE_MARK, "").split())
    about, what, when = policy.template_fields
    return {
        about: {"value": IN_WORDS[letter.kind]},
        what: {"value": words if len(words) <= THING_CHARS else f"{words[: THING_CHARS - 1]}…"},
        when: {"value": f"{letter.at.astimezone(SHANGHAI):%Y年%m月%d日 %H:%M}"},
    }
