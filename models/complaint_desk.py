"""What complaints are asked for: by the person, by the merchant that has them, and by the clock.

deadline near ──▶ reminded      deadline over ──▶ the person is told, once
a merchant's time is over ──▶ received again: we answer without it
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from models import complaints, serials, sql
from models.base import Tx
from models.complaints import OPEN, RECEIVED, WITH_MERCHANT, Complaint
from models.subscribers import Subscriber, family
from models.vouchers.vouchers import VERIFIED

CLOCK = "clock"  # who does what nobody did
DAY = timedelta(hours=24)
SAME_AGAIN = timedelta(minutes=2)  # the same words so soon after are a form that was sent twice
# What a reminder is about.
SERVICE, MERCHANT, TAKEN_BACK, LATE = "service", "merchant", "taken_back", "late"
REMINDED = {SERVICE: "快到答复期限，请抓紧办理", MERCHANT: "快到答复期限，请商户尽快答复"}
NOT_ANSWERED = "商户没有按时答复，由客服继续办理"


@dataclass(frozen=True, slots=True)
class Used:
    """A voucher that somebody has used: what people complain about."""

    serial: int
    title: str
    merchant: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What a merchant may know of a complaint that is with it."""

    number: int
    words: str | None
    title: str | None
    serial: int | None
    msisdn: str | None  # to be masked
    opened_at: datetime
    merchant_deadline: datetime


# -- the person -----------------------------------------------------------------------------------


def used_lately(tx: Tx, who: Subscriber, *, limit: int) -> list[Used]:
    """What this person has used, the latest first."""
    rows = sql.rows(
        tx,
        "SELECT v.serial, v.title, m.name, v.ended_at FROM vouchers v"
        " JOIN merchants m ON m.code = v.merchant_code"
        f" WHERE v.subscriber_id = ANY (%(family)s) AND v.state = '{VERIFIED}'"
        " ORDER BY v.ended_at DESC LIMIT %(limit)s",
        {"family": family(tx, who.id), "limit": limit},
    )
    return [Used(*row) for row in rows]


def theirs(tx: Tx, who: Subscriber, *, limit: int) -> list[Complaint]:
    """This person's complaints, the newest first."""
    return complaints.of(tx, family(tx, who.id), limit)


def one_of_theirs(tx: Tx, who: Subscriber, number: int) -> Complaint | None:
    """The complaint of this number, if it is this person's."""
    if number > 10**18:
        return None
    try:
        found = complaints.get(tx, number)
    except complaints.NoSuchComplaint:
        return None
    return found if found.subscriber_id in family(tx, who.id) else None


def open_about(tx: Tx, who: Subscriber, serial: int) -> Complaint | None:
    """The complaint of this person's about a serial number that is not closed, or None."""
    number = sql.maybe_value(
        tx,
        "SELECT number FROM complaints WHERE transfer_serial = %(serial)s"
        " AND subscriber_id = ANY (%(family)s) AND state = ANY (%(open)s)"
        " ORDER BY number LIMIT 1",
        {"serial": serial, "family": family(tx, who.id), "open": list(OPEN)},
    )
    return complaints.get(tx, number) if number is not None else None


def opened_today(tx: Tx, who: Subscriber, now: datetime) -> int:
    """How many complaints this person has opened within a day, by chat or page."""
    return int(
        sql.value(
            tx,
            "SELECT count(*) FROM complaints WHERE subscriber_id = ANY (%(family)s)"
            " AND opened_by = %(by)s AND opened_at > %(since)s",
            {"family": family(tx, who.id), "by": complaints.SUBSCRIBER, "since": now - DAY},
        )
    )


def category(tx: Tx, person: int, serial: int | None) -> str:
    """What a complaint about this serial number is about."""
    if serial is None:
        return "other"
    return "merchant" if serials.voucher_of(tx, person, serial) else "points"


# -- the merchant ---------------------------------------------------------------------------------

_KNOWN = """
    SELECT c.number, c.words, v.title, c.transfer_serial, a.address, c.opened_at,
        c.merchant_deadline
    FROM complaints c
    LEFT JOIN vouchers v ON v.subscriber_id = c.voucher_owner AND v.id = c.voucher_id
    LEFT JOIN subscriber_addresses a ON a.subscriber_id = c.subscriber_id AND a.channel = 'sms'
    WHERE c.merchant_code = %(merchant)s AND c.state = 'with_merchant'
"""


def with_merchant(tx: Tx, merchant_code: str, *, limit: int) -> list[Known]:
    """Complaints that a merchant is asked about now, the most urgent first."""
    rows = sql.rows(
        tx, _KNOWN + " ORDER BY c.merchant_deadline, c.number LIMIT %(limit)s",
        {"merchant": merchant_code, "limit": limit},
    )  # fmt: skip
    return [Known(*row) for row in rows]


def known(tx: Tx, merchant_code: str, number: int) -> Known:
    """One of them. Raises NoSuchComplaint where it is not with this merchant now."""
    row = sql.first(
        tx, _KNOWN + " AND c.number = %(number)s", {"merchant": merchant_code, "number": number}
    )
    if row is None:
        raise complaints.NoSuchComplaint(number)
    return Known(*row)


def answer(
    tx: Tx, merchant_code: str, number: int, *, words: str, by: str, now: datetime
) -> Complaint:
    """Take a merchant's answer; the complaint is customer service's again.

    Raises NoSuchComplaint where it is not with this merchant (any more); ValueError without words.
    """
    found = complaints.get(tx, number, lock=True)
    if found.merchant_code != merchant_code or found.state != WITH_MERCHANT:
        raise complaints.NoSuchComplaint(number)
    return complaints.move(
        tx, number, to=RECEIVED, words=words, by=by, now=now, what="answered"
    )  # fmt: skip


# -- the clock ------------------------------------------------------------------------------------


def overdue(tx: Tx, now: datetime) -> int:
    """How many open complaints are past their deadline."""
    return int(
        sql.value(
            tx,
            "SELECT count(*) FROM complaints WHERE state IN ('received', 'with_merchant')"
            " AND deadline <= %(now)s",
            {"now": now},
        )
    )


def to_remind(tx: Tx, now: datetime, *, ahead: timedelta, limit: int) -> list[int]:
    """Numbers of complaints that the clock has to look at, the most urgent first."""
    rows = sql.rows(
        tx,
        "SELECT number FROM complaints WHERE state IN ('received', 'with_merchant') AND ("
        " (merchant_deadline <= %(now)s)"
        " OR (deadline <= %(now)s AND late_at IS NULL)"
        " OR (reminded_at IS NULL AND coalesce(merchant_deadline, deadline) <= %(soon)s))"
        " ORDER BY deadline, number LIMIT %(limit)s",
        {"now": now, "soon": now + ahead, "limit": limit},
    )
    return [row[0] for row in rows]


def remind(tx: Tx, number: int, now: datetime, *, ahead: timedelta) -> tuple[str, Complaint] | None:
    """Do what is due about one: (what was done, the complaint), or None: nothing any more."""
    found = complaints.get(tx, number, lock=True)
    if not found.is_open:
        return None
    if found.merchant_deadline is not None and found.merchant_deadline <= now:
        back = complaints.move(tx, number, to=RECEIVED, words=NOT_ANSWERED, by=CLOCK, now=now)
        return TAKEN_BACK, back
    if found.deadline <= now and _mark(tx, number, "late_at", now):
        return LATE, found
    if (found.merchant_deadline or found.deadline) > now + ahead:
        return None
    if not _mark(tx, number, "reminded_at", now):
        return None
    whom = MERCHANT if found.state == WITH_MERCHANT else SERVICE
    return whom, complaints.note(
        tx, number, words=REMINDED[whom], by=CLOCK, now=now, what="reminded"
    )  # fmt: skip


def _mark(tx: Tx, number: int, column: str, now: datetime) -> bool:
    changed = sql.change(
        tx,
        f"UPDATE complaints SET {column} = %(now)s WHERE number = %(number)s AND {column} IS NULL",
        {"now": now, "number": number},
    )
    return changed == 1
