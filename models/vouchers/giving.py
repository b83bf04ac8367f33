"""Giving a voucher to a friend: the old one ends as given, the friend gets one with new codes.

    vouchers (giver's) ──given──▶ voucher_gifts ──▶ vouchers (friend's)

The serial, the price and the last day stay. So no point moves: a refund goes by the serial, back
to the lots of whoever paid, and there is one voucher of a serial at most that can be refunded.
What was taken counts for the giver as before, and for the friend, too: nobody gets more of an offer
by gifts than its limits say. A voucher that was a gift is not given on.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    UniqueConstraint,
)  # fmt: skip

from models import sql, subscribers
from models.base import Tx, metadata, moment
from models.offers import stock, terms
from models.points import day_of
from models.subscribers import Subscriber
from models.vouchers import reminding, vouchers
from models.vouchers.vouchers import EXPIRED, GIVEN, ISSUED, VOUCHER, Voucher

# Never updated, never deleted: a trigger refuses it (migrations/).
gifts = Table(
    "voucher_gifts",
    metadata,
    Column("subscriber_id", BigInteger, nullable=False),
    Column("voucher_id", BigInteger, nullable=False),
    Column("to_subscriber_id", BigInteger, nullable=False),
    Column("to_voucher_id", BigInteger, nullable=False),
    Column("day", Date, nullable=False),  # in China
    Column("no", SmallInteger, nullable=False),  # of this person's gifts on that day
    Column("most", SmallInteger, nullable=False),  # the limit then
    moment("at"),
    PrimaryKeyConstraint("subscriber_id", "voucher_id"),
    UniqueConstraint("subscriber_id", "day", "no"),
    ForeignKeyConstraint(["subscriber_id", "voucher_id"], VOUCHER),
    CheckConstraint("no BETWEEN 1 AND most", name="limit"),
    Index(None, "to_subscriber_id", "to_voucher_id"),
)


class NotGiven(Exception):
    """The voucher stays where it is: `why`.

    used, refunded, expired, given (to somebody else); gift (it was one), oneself, nobody (the
    friend is not there), limit (of today: `most`).
    """

    def __init__(self, why: str, **facts: object) -> None:
        super().__init__(why)
        self.why = why
        self.facts = facts


def give(
    tx: Tx, owner: Subscriber, *, subscriber_id: int, voucher_id: int, friend: Subscriber,
    by: str, now: datetime, most_a_day: int,
) -> Voucher:  # fmt: skip
    """Give a voucher away; returns the friend's. To the same friend again: the same one.

    The caller holds `owner`. Raises NotGiven, NoSuchVoucher, and NotOffered where the friend
    cannot have it: members only, tier, limits.
    """
    voucher = vouchers.get(tx, subscriber_id=subscriber_id, voucher_id=voucher_id, lock=True)
    again = _given_to(tx, voucher)
    if again is not None:
        if again.subscriber_id in subscribers.family(tx, friend.id):
            return again
        raise NotGiven(GIVEN)
    _check(tx, voucher, owner, friend, now)
    offer = terms.named(tx, voucher.offer_code)
    terms.check_person(tx, offer, friend, now)
    # What is counted for a friend stays counted only if the voucher is theirs in the end.
    with tx.begin_nested():
        return _hand_over(tx, voucher, offer, friend, by=by, now=now, most_a_day=most_a_day)


def may_give(
    tx: Tx, owner: Subscriber, *, subscriber_id: int, voucher_id: int, friend: Subscriber,
    now: datetime, most_a_day: int,
) -> Voucher:  # fmt: skip
    """The voucher, if give() would give it now; changes nothing. Raises as give() does."""
    voucher = vouchers.get(tx, subscriber_id=subscriber_id, voucher_id=voucher_id)
    if _given_to(tx, voucher) is not None:
        raise NotGiven(GIVEN)
    _check(tx, voucher, owner, friend, now)
    offer = terms.named(tx, voucher.offer_code)
    terms.check_person(tx, offer, friend, now)
    stock.may_count(tx, offer, friend, now)
    if given_today(tx, voucher, now) >= most_a_day:
        raise NotGiven("limit", most=most_a_day)
    return voucher


def giver(tx: Tx, voucher: Voucher) -> tuple[int, datetime] | None:
    """Who gave this voucher away (or whoever they are now), and when they had taken it."""
    row = sql.first(
        tx,
        "SELECT coalesce(s.merged_into, s.id), v.issued_at FROM voucher_gifts g"
        " JOIN vouchers v ON v.subscriber_id = g.subscriber_id AND v.id = g.voucher_id"
        " JOIN subscribers s ON s.id = g.subscriber_id"
        " WHERE g.to_subscriber_id = %(subscriber)s AND g.to_voucher_id = %(id)s",
        {"subscriber": voucher.subscriber_id, "id": voucher.id},
    )
    return (row[0], row[1]) if row else None


def receiver(tx: Tx, voucher: Voucher) -> Subscriber | None:
    """To whom this voucher was given (or whoever they are now), or None."""
    row = sql.first(
        tx,
        "SELECT coalesce(s.merged_into, s.id) FROM voucher_gifts g"
        " JOIN subscribers s ON s.id = g.to_subscriber_id"
        " WHERE g.subscriber_id = %(subscriber)s AND g.voucher_id = %(id)s",
        {"subscriber": voucher.subscriber_id, "id": voucher.id},
    )
    return subscribers.get(tx, row[0]) if row else None


def given_today(tx: Tx, voucher: Voucher, now: datetime) -> int:
    """How many gifts whoever has this voucher has made today."""
    owner = sql.value(
        tx,
        "SELECT coalesce(merged_into, id) FROM subscribers WHERE id = %(id)s",
        {"id": voucher.subscriber_id},
    )
    count: int = sql.value(
        tx,
        "SELECT count(*) FROM voucher_gifts WHERE subscriber_id = ANY (%(ids)s) AND day = %(day)s",
        {"ids": subscribers.family(tx, owner), "day": day_of(now)},
    )
    return count


def _check(tx: Tx, voucher: Voucher, owner: Subscriber, friend: Subscriber, now: datetime) -> None:
    if voucher.state != ISSUED:
        raise NotGiven(voucher.state)
    if now >= voucher.valid_until:
        raise NotGiven(EXPIRED)
    if friend.id == owner.id:
        raise NotGiven("oneself")
    if giver(tx, voucher) is not None:
        raise NotGiven("gift")
    # Nobody deletes the friend's data until this commits; who is blocked hears of nothing.
    if not subscribers.still_there(tx, friend.id) or friend.status != "active":
        raise NotGiven("nobody")


def _hand_over(
    tx: Tx, voucher: Voucher, offer: terms.Offer, friend: Subscriber, *, by: str, now: datetime,
    most_a_day: int,
) -> Voucher:  # fmt: skip
    no = given_today(tx, voucher, now) + 1
    if no > most_a_day:
        raise NotGiven("limit", most=most_a_day)
    stock.count_person(tx, offer, friend, now)
    new = vouchers.add(
        tx,
        {
            "id": friend.id, "key": f"gift:{voucher.subscriber_id}:{voucher.id}",
            "offer": voucher.offer_code, "merchant": voucher.merchant_code, "title": voucher.title,
            "points": voucher.price_points, "fen": voucher.price_fen, "face": voucher.face_fen,
            "pays": voucher.pays_cents, "serial": voucher.serial, "now": now,
            "until": voucher.valid_until, "remind": reminding.first(voucher.valid_until, now),
            "paid_by": voucher.paid_by,
        },
    )  # fmt: skip
    vouchers.note(
        tx, voucher, GIVEN, why=f"given as voucher {new.id}", by=by, now=now, remind_at=None
    )
    vouchers.note(tx, new, ISSUED, why=f"a gift, was voucher {voucher.id}", by=by, now=now)
    sql.run(
        tx,
        "INSERT INTO voucher_gifts (subscriber_id, voucher_id, to_subscriber_id, to_voucher_id,"
        " day, no, most, at) VALUES (%(from)s, %(id)s, %(to)s, %(new)s, %(day)s, %(no)s, %(most)s,"
        " %(now)s)",
        {
            "from": voucher.subscriber_id, "id": voucher.id, "to": new.subscriber_id,
            "new": new.id, "day": day_of(now), "no": no, "most": most_a_day, "now": now,
        },
    )  # fmt: skip
    return new


def _given_to(tx: Tx, voucher: Voucher) -> Voucher | None:
    row = sql.first(
        tx,
        "SELECT to_subscriber_id, to_voucher_id FROM voucher_gifts"
        " WHERE subscriber_id = %(subscriber)s AND voucher_id = %(id)s",
        {"subscriber": voucher.subscriber_id, "id": voucher.id},
    )
    return vouchers.get(tx, subscriber_id=row[0], voucher_id=row[1]) if row else None
