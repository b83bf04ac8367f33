"""A voucher at a till: looked at, verified, taken back, and what was verified today.

The rules are of models/vouchers/verifying.py; here is what a merchant's people are told, what
their guesses count, and what the audit keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time

from models import audit, sql
from models.audit import By
from models.base import Tx
from models.hiding import hide_numbers
from models.merchants import guesses
from models.merchants.staff import Staff
from models.points import SHANGHAI
from models.vouchers import verifying
from models.vouchers.verifying import UNDO_WITHIN, NotVerified, Till, TooLate, Verification
from models.vouchers.vouchers import SHORT_LENGTH, VERIFIED, Voucher

REASON_LENGTH = 200
Place = tuple[datetime, int, int]  # of a line in a list: when, the voucher, its verification


@dataclass(frozen=True, slots=True)
class Locked:
    """Too many typed codes were none: the next is looked at `until` then."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """A voucher of this merchant. `why` "": it can be verified here and now; else as NotVerified.

    `used` is where and when, of one that is used; `stores` are those that can, if not this one;
    `club` and `level` are what its owner is a member of, where the offer belongs to a club.
    """

    voucher: Voucher
    why: str
    used: Verification | None
    used_store: str
    stores: tuple[str, ...]
    club: str
    level: str


@dataclass(frozen=True, slots=True)
class Line:
    """A verification in a list. `by`: the name of whoever did it; `why`: taken back, and why."""

    at: datetime
    voucher_id: int
    no: int
    code: str
    title: str
    serial: int
    price_fen: int
    store_no: int
    store: str
    by: str
    undone_at: datetime | None
    why: str | None

    @property
    def place(self) -> Place:
        """Where the line stands in its list."""
        return self.at, self.voucher_id, self.no

    def undoable(self, now: datetime) -> bool:
        """Whether it can be taken back now."""
        return self.undone_at is None and now < self.at + UNDO_WITHIN


def typed(tx: Tx, who: Staff, store_no: int, code: str, now: datetime) -> Seen | Locked | None:
    """The voucher of a code that somebody typed or scanned; None: there is none, and a typed one
    is counted, so the transaction must commit."""
    tidy = verifying.tidy(code)
    if len(tidy) != SHORT_LENGTH:
        return seen(tx, who, store_no, tidy, now)
    till = till_of(who, store_no)
    locked = guesses.hold(tx, till, who.operator.id, now)
    if locked:
        return Locked(locked)
    found = seen(tx, who, store_no, tidy, now)
    if found is None:
        guesses.fail(tx, till, who.operator.id, now)
    return found


def seen(tx: Tx, who: Staff, store_no: int, code: str, now: datetime) -> Seen | None:
    """The voucher of a code at this merchant, and whether this store can verify it; or None."""
    till = till_of(who, store_no)
    try:
        voucher, limited_to = verifying.find(tx, till, code)
    except NotVerified:
        return None
    why: str = ""
    used: Verification | None = None
    stores: tuple[str, ...] = ()
    try:
        verifying.check(tx, voucher, limited_to, till, now)
    except NotVerified as refused:
        why, used = refused.why, refused.used
        stores = _stores_of_offer(tx, voucher) if why == "other_store" else ()
    club, level = _membership(tx, voucher)
    place = _store_name(tx, who.merchant_code, used.store_no) if used else ""
    return Seen(voucher, why, used, place, stores, club, level)


def verify(
    tx: Tx, who: Staff, store_no: int, code: str, *, key: str, by: By, now: datetime
) -> Verification:
    """Verify a voucher, once. Raises NotVerified. The same key again returns the same again."""
    done = verifying.verify(tx, till_of(who, store_no), code, key=f"{_by(who)}:{key}", now=now)
    audit.write(  # a form that came twice has done nothing the second time
        tx, by, action="till.verify" if done.at == now else "till.repeat",
        subject=f"voucher:{done.voucher_id}", now=now,
        after={"merchant": done.merchant_code, "store": done.store_no, "no": done.no},
    )  # fmt: skip
    return done


def undo(tx: Tx, who: Staff, code: str, *, why: str, by: By, now: datetime) -> Voucher:
    """Take back what one of the stores of this person has verified.

    Raises TooLate, where there is nothing to take back; ValueError without a reason.
    """
    line = live(tx, who, code)
    if line is None:
        raise TooLate
    why = hide_numbers(why.strip())[:REASON_LENGTH]  # nobody can take a number out again
    voucher, _ = verifying.find(tx, till_of(who, line.store_no), code)
    back = verifying.undo(
        tx, till_of(who, line.store_no), subscriber_id=voucher.subscriber_id,
        voucher_id=voucher.id, why=why, now=now,
    )  # fmt: skip
    audit.write(
        tx, by, action="till.undo", subject=f"voucher:{voucher.id}", reason=why, now=now,
        before={"merchant": who.merchant_code, "store": line.store_no, "no": line.no},
    )  # fmt: skip
    return back


def live(tx: Tx, who: Staff, code: str) -> Line | None:
    """The verification of a voucher that counts, at a store of this person, or None."""
    rows = sql.rows(
        tx,
        f"SELECT {_LINE} FROM voucher_codes c JOIN verifications n"
        f" ON n.subscriber_id = c.subscriber_id AND n.voucher_id = c.voucher_id {_JOINS}"
        " WHERE c.merchant_code = %(merchant)s AND c.code = %(code)s AND n.undone_at IS NULL"
        f" AND v.state = '{VERIFIED}' AND {_MINE}",
        {"code": verifying.tidy(code), **_mine(who)},
    )
    return Line(*rows[0]) if rows else None


def recent(tx: Tx, who: Staff, now: datetime, *, before: Place | None, limit: int) -> list[Line]:
    """What their stores verified today, and what can still be taken back; the newest first."""
    at, voucher_id, no = before or (None, None, None)
    rows = sql.rows(
        tx,
        f"SELECT {_LINE} FROM verifications n {_JOINS} WHERE n.merchant_code = %(merchant)s"
        f" AND n.at >= %(since)s AND {_MINE} AND (%(at)s::timestamptz IS NULL"
        " OR (n.at, n.voucher_id, n.no) < (%(at)s, %(voucher)s::bigint, %(no)s::integer))"
        " ORDER BY n.at DESC, n.voucher_id DESC, n.no DESC LIMIT %(limit)s",
        {
            "since": since(now), "at": at, "voucher": voucher_id, "no": no, "limit": limit,
            **_mine(who),
        },
    )  # fmt: skip
    return [Line(*row) for row in rows]


def count(tx: Tx, who: Staff, now: datetime) -> int:
    """How many verifications of the list count: those that were not taken back."""
    found: int = sql.value(
        tx,
        "SELECT count(*) FROM verifications n WHERE n.merchant_code = %(merchant)s"
        f" AND n.at >= %(since)s AND n.undone_at IS NULL AND {_MINE}",
        {"since": since(now), **_mine(who)},
    )
    return found


def since(now: datetime) -> datetime:
    """Where the list of today begins: at midnight in China, or while it can be taken back."""
    midnight = datetime.combine(now.astimezone(SHANGHAI).date(), time(), SHANGHAI)
    return min(midnight.astimezone(now.tzinfo), now - UNDO_WITHIN)


def till_of(who: Staff, store_no: int) -> Till:
    """The till of a store where this person works. Raises PermissionError at any other."""
    if who.store(store_no) is None:
        raise PermissionError(f"store {store_no} is not theirs")
    return Till(who.merchant_code, store_no, _by(who))


_LINE = (
    "n.at, n.voucher_id, n.no, v.code, v.title, v.serial, v.price_fen, n.store_no, s.name,"
    " coalesce(o.name, n.by), n.undone_at, n.undone_why"
)
_JOINS = (
    " JOIN vouchers v ON v.subscriber_id = n.subscriber_id AND v.id = n.voucher_id"
    " JOIN stores s ON s.merchant_code = n.merchant_code AND s.store_no = n.store_no"
    " LEFT JOIN operators o ON 'staff:' || o.id = n.by"
)
_MINE = "n.merchant_code = %(merchant)s AND (%(store)s::integer IS NULL OR n.store_no = %(store)s)"


def _mine(who: Staff) -> dict[str, object]:
    return {"merchant": who.merchant_code, "store": who.store_no}


def _by(who: Staff) -> str:
    return f"staff:{who.operator.id}"


def _store_name(tx: Tx, merchant: str, store_no: int) -> str:
    return str(
        sql.value(
            tx,
            "SELECT name FROM stores WHERE merchant_code = %(merchant)s AND store_no = %(no)s",
            {"merchant": merchant, "no": store_no},
        )
    )


def _stores_of_offer(tx: Tx, voucher: Voucher) -> tuple[str, ...]:
    rows = sql.rows(
        tx,
        "SELECT s.name FROM offer_stores o JOIN stores s USING (merchant_code, store_no)"
        " WHERE o.offer_code = %(offer)s ORDER BY o.store_no",
        {"offer": voucher.offer_code},
    )
    return tuple(row[0] for row in rows)


def _membership(tx: Tx, voucher: Voucher) -> tuple[str, str]:
    """The offer's club and its owner's level there, "" for none."""
    row = sql.first(
        tx,
        "WITH RECURSIVE owner (id, into_id) AS (SELECT id, merged_into FROM subscribers"
        " WHERE id = %(id)s UNION SELECT s.id, s.merged_into FROM subscribers s"
        " JOIN owner ON s.id = owner.into_id)"
        " SELECT c.name, m.level FROM offers o JOIN clubs c ON c.code = o.club_code"
        " JOIN memberships m ON m.club_code = c.code AND m.state = 'active'"
        " AND m.subscriber_id IN (SELECT id FROM owner) WHERE o.code = %(offer)s LIMIT 1",
        {"id": voucher.subscriber_id, "offer": voucher.offer_code},
    )
    return (row[0], row[1]) if row else ("", "")


__all__ = [
    "UNDO_WITHIN", "Line", "Locked", "NotVerified", "Seen", "TooLate", "count", "live", "recent",
    "seen", "since", "till_of", "typed", "undo", "verify",
]  # fmt: skip
