"""The desk: what customer service does with one person, each act with its entry in the audit.

Whoever is acted on is held first, so that a message of the person's waits, or is waited for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from models import (
    approvals,
    audit,
    binding,
    clubs,
    conversations,
    mailbox,
    notes,
    outbox,
    page_links,
    quotas,
    sending_policy,
    sql,
    subscribers,
)  # fmt: skip
from models.approvals import Proposal
from models.audit import By
from models.base import HOUSE, Tx
from models.complaints import NotTheirs, said
from models.hiding import hide_numbers
from models.points import reversals
from models.serials import is_theirs, paid_a_voucher
from models.subscribers import Subscriber

# The same words to the same person so soon after are a form that was sent twice.
SAME_AGAIN = timedelta(minutes=2)
# Somebody who is looked at is noted, and counted, once for so long.
SEEN, SEEN_FOR = "subscriber.see", timedelta(hours=1)
LAPSED_AT_ONCE = 100  # proposals that are ended on the way to a new one


class NoSuchPerson(Exception):
    """No subscriber has this id, or it was merged into `into`."""

    def __init__(self, into: int | None = None) -> None:
        super().__init__("no such subscriber")
        self.into = into


class Nothing(Exception):
    """There is nothing to do: it is so already."""


class Unreachable(Exception):
    """Nothing can be sent to this person: `why` is blocked or no_way."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class PaidAVoucher(Exception):
    """The points paid for a voucher, which would stay: it is returned, or its use compensated."""


class SaidAlready(Exception):
    """The same words were sent to this person just before."""


def subject(person: int) -> str:
    """How the audit names a person."""
    return f"subscriber:{person}"


def person(tx: Tx, number: int) -> Subscriber:
    """A subscriber by id. Raises NoSuchPerson, which says into whom they were merged."""
    try:
        found = subscribers.get(tx, number)
    except LookupError as error:
        raise NoSuchPerson from error
    if found.status == "merged":
        raise NoSuchPerson(
            sql.value(tx, "SELECT merged_into FROM subscribers WHERE id = %(id)s", {"id": number})
        )
    if found.id == HOUSE:
        raise NoSuchPerson
    return found


def seen_lately(tx: Tx, number: int, *, by: By, now: datetime) -> bool:
    """Whether the audit says already that this operator looks at this person."""
    return bool(
        sql.value(
            tx,
            "SELECT EXISTS (SELECT 1 FROM audit_entries WHERE subject = %(subject)s"
            " AND at > %(since)s AND action = %(action)s AND operator_id = %(who)s"
            " AND after ->> 'allowed' = 'true')",
            {
                "subject": subject(number), "since": now - SEEN_FOR, "action": SEEN,
                "who": by.operator_id,
            },
        )
    )  # fmt: skip


def note_seen(tx: Tx, number: int, *, most: int, by: By, now: datetime) -> bool:
    """Count and note that an operator looks at a person. False: not this hour any more."""
    allowed = by.operator_id is not None and quotas.take(
        tx, by.operator_id, quotas.PEOPLE, most=most, now=now
    )
    after = {"allowed": allowed}
    audit.write(tx, by, action=SEEN, subject=subject(number), after=after, now=now)
    return allowed


def hold(tx: Tx, number: int) -> Subscriber:
    """A subscriber by id, locked, to do something with. Raises NoSuchPerson.

    So it does for whoever was deleted: there is nobody left to write to, to block, to note
    something about.
    """
    person(tx, number)
    held = subscribers.lock_id(tx, number)
    if held.status == "deleted":
        raise NoSuchPerson
    if held.id != number:
        raise NoSuchPerson(held.id)
    return held


def block(tx: Tx, number: int, *, by: By, reason: str, now: datetime) -> None:
    """Block a person, with a reason: questions and pages end at once. Raises Nothing."""
    who = hold(tx, number)
    if not subscribers.block(tx, who.id):
        raise Nothing
    conversations.end_questions(tx, who.id, now)
    page_links.close_sessions_of(tx, who.id)
    _note(tx, by, "subscriber.block", who, {"status": "blocked"}, reason, now,
          before={"status": "active"})  # fmt: skip


def unblock(tx: Tx, number: int, *, by: By, reason: str, now: datetime) -> None:
    """Let a blocked person in again, with a reason. Raises Nothing."""
    who = hold(tx, number)
    if not subscribers.unblock(tx, who.id):
        raise Nothing
    _note(tx, by, "subscriber.unblock", who, {"status": "active"}, reason, now,
          before={"status": "blocked"})  # fmt: skip


def unbind(tx: Tx, number: int, *, by: By, reason: str, now: datetime) -> None:
    """Take the WeChat link off, with a reason. Raises Nothing and binding.OnlyWeChat."""
    who = hold(tx, number)
    joined = clubs.joined(tx, who)
    if not binding.unbind(tx, who, now):
        raise Nothing
    _tags(tx, who, "wechat.untag", who.openid, joined, now)
    _note(tx, by, "subscriber.unbind", who, {"wechat": False}, reason, now,
          before={"wechat": True})  # fmt: skip


def merge(tx: Tx, *, source: int, target: int, by: By, reason: str, now: datetime) -> Subscriber:
    """Give a person known by WeChat alone to the one with a number. Raises NotMergeable."""
    try:
        had, replaced = clubs.joined(tx, person(tx, source)), person(tx, target)
    except NoSuchPerson as error:
        raise binding.NotMergeable("unknown") from error
    merged = binding.merge_people(
        tx, source=source, target=target, origin=f"console:{by.login}", now=now
    )
    _tags(tx, merged, "wechat.untag", replaced.openid, clubs.joined(tx, merged), now)
    joined = clubs.joined(tx, merged)
    gone = [club for club in had if club not in joined]
    _tags(tx, merged, "wechat.untag", merged.openid, gone, now)
    _tags(tx, merged, "wechat.tag", merged.openid, joined, now)
    _note(tx, by, "subscriber.merge", merged, {"merged": source}, reason, now)
    return merged


def end_question(
    tx: Tx, number: int, conversation_id: int, *, by: By, reason: str, now: datetime
) -> None:
    """End an open question of a person's. Raises Nothing: it is over, or waits for a system."""
    who = hold(tx, number)
    if not conversations.end_by_operator(tx, who.id, conversation_id, now):
        raise Nothing
    after = {"conversation": conversation_id, "ended_as": "operator"}
    _note(tx, by, "subscriber.end_question", who, after, reason, now)


@dataclass(frozen=True, slots=True)
class Way:
    """How words reach a person now: by wechat while its window is open, else by sms, or not."""

    kind: str  # wechat | sms | none
    why: str = ""  # of none: blocked, or no_way
    open_until: datetime | None = None


def way(who: Subscriber, now: datetime) -> Way:
    """How a text to this person would go now."""
    if who.status == "blocked":
        return Way("none", "blocked")
    if who.wechat_is_open(now):
        return Way("wechat", open_until=who.wechat_open_until)
    return Way("sms") if who.msisdn is not None else Way("none", "no_way")


def message(
    tx: Tx, number: int, *, words: str, signature: str, by: By, now: datetime
) -> tuple[Way, int]:
    """Owe a person a text: in the WeChat window, else by SMS, signed. Returns how, and its id.

    What WeChat does not take goes by SMS. Raises Unreachable and SaidAlready.
    """
    who, words = hold(tx, number), said(words)
    how = way(who, now)
    if how.kind == "none":
        raise Unreachable(how.why)
    by_sms = who.msisdn and {"to": who.msisdn, "text": signature + words, "page": None}
    if how.kind == "wechat":
        payload: dict[str, Any] = {"openid": who.openid, "text": words}
        payload |= {"sms": by_sms} if by_sms else {}
    else:
        payload = dict(by_sms or {})
    if _said_already(tx, who, payload["text"], now):
        raise SaidAlready
    owed = outbox.owe(
        tx, subscriber_id=who.id, kind=how.kind, payload=payload, now=now,
        category=sending_policy.ANSWER,
    )  # fmt: skip
    kept = mailbox.keeping(
        subscriber_id=who.id, letter_id=owed, kind="service", category=sending_policy.ANSWER,
        words=words, words_sms=signature + words, page=None, way=how.kind, now=now,
    )  # fmt: skip
    sql.together(tx, [kept])
    _note(tx, by, "subscriber.message", who, {"owed": owed, "kind": how.kind}, "", now)
    return how, owed


def note(tx: Tx, number: int, *, words: str, by: By, now: datetime) -> int:
    """Keep a note about a person. Raises Nothing: the same was sent just before."""
    who = hold(tx, number)
    latest = notes.of(tx, [who.id], 1)
    same = latest and (latest[0].words, latest[0].by) == (said(words), by.login)
    if same and now - latest[0].at < SAME_AGAIN:
        raise Nothing
    made = notes.write(tx, who.id, words=words, by=by.login, now=now)
    _note(tx, by, "subscriber.note", who, {"note": made}, "", now)
    return made


REVERSAL = "reversal"  # the kind of proposal


def propose_reversal(
    tx: Tx, number: int, serial: int, *, partial: bool, reason: str, by: By, now: datetime
) -> Proposal:
    """Propose to undo a transfer of this person's; somebody else decides (models/approvals.py).

    The proposal there and the one in points_reversals end together: a trigger sees to it. Raises
    complaints.NotTheirs, and what reversals.propose() and approvals.propose() raise.
    """
    who = hold(tx, number)
    if not is_theirs(tx, who.id, serial):
        raise NotTheirs(serial)
    if paid_a_voucher(tx, who.id, serial):
        raise PaidAVoucher(serial)
    # One whose time is over must not stand in the way until the clock comes by.
    approvals.expire(tx, now, LAPSED_AT_ONCE)
    made = reversals.propose(
        tx, serial=serial, by=by.login, reason=hide_numbers(reason), now=now, partial=partial
    )
    payload = {"reversal": made.id, "serial": serial, "partial": partial, "subscriber": who.id}
    proposal = approvals.propose(
        tx, kind=REVERSAL, subject=f"transfer:{serial}", payload=payload, reason=reason, by=by,
        now=now,
    )  # fmt: skip
    _note(tx, by, "subscriber.reversal", who, {"serial": serial, "proposal": proposal.id}, reason,
          now)  # fmt: skip
    return proposal


def approve_reversal(
    tx: Tx, proposal: Proposal, *, by: By, now: datetime, grace_days: int
) -> reversals.Reversal:
    """Apply an approved proposal. Raises what reversals.approve() raises."""
    number = int(proposal.payload["reversal"])
    return reversals.approve(tx, number, by=by.login, now=now, grace_days=grace_days)


def _said_already(tx: Tx, who: Subscriber, text: str, now: datetime) -> bool:
    return bool(
        sql.value(
            tx,
            "SELECT EXISTS (SELECT 1 FROM outbox WHERE subscriber_id = %(id)s AND kind <> 'call'"
            " AND created_at > %(since)s AND payload ->> 'text' = %(text)s)",
            {"id": who.id, "since": now - SAME_AGAIN, "text": text},
        )
    )


def _tags(
    tx: Tx, who: Subscriber, service: str, openid: str | None, of: list[clubs.Club], now: datetime
) -> None:
    """Owe what shows a club's menu in WeChat, or takes it away."""
    for club in of if openid is not None else []:
        payload = {"service": service, "arguments": {"tag": club.code, "openid": openid}}
        outbox.owe(tx, subscriber_id=who.id, kind="call", queue=outbox.CALL, payload=payload,
                   now=now)  # fmt: skip


def _note(
    tx: Tx, by: By, action: str, who: Subscriber, after: Mapping[str, Any], reason: str,
    now: datetime, before: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    audit.write(
        tx, by, action=action, subject=subject(who.id), before=before, after=after,
        reason=reason, now=now,
    )  # fmt: skip
