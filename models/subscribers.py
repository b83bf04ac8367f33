"""Subscribers, and the addresses they are reached at: one number, one WeChat openid.

    subscriber_addresses (channel, address) ──▶ subscribers (id)

A person known by openid alone becomes, by binding, the subscriber of the number
(models/binding.py); the row left behind points to the one that took over.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    Identity,
    Index,
    String,
    Table,
    UniqueConstraint,
    text,
)  # fmt: skip

from models import sql
from models.base import HOUSE, Tx, metadata, moment

subscribers = Table(
    "subscribers",
    metadata,
    Column("id", BigInteger, Identity(start=1001), primary_key=True),
    Column("status", String(16), nullable=False, server_default="active"),
    Column("merged_into", BigInteger, ForeignKey("subscribers.id")),
    moment("opted_out_at", nullable=True),
    moment("created_at"),
    # For the references of points_accounts: who is merged has no points.
    Column(
        "merged",
        Boolean,
        Computed("(status)::text = 'merged'::text", persisted=True),
        nullable=False,
    ),
    UniqueConstraint("id", "merged"),
    # deleted: the person asked for it; what is left is a number without a name (models/privacy/).
    CheckConstraint("status IN ('active', 'blocked', 'merged', 'house', 'deleted')", name="status"),
    Index(None, "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
    CheckConstraint("(status = 'merged') = (merged_into IS NOT NULL)", name="merged"),
)

# A lookup table by address, so that the subscriber-scoped tables need no global key.
addresses = Table(
    "subscriber_addresses",
    metadata,
    Column("channel", String(16), primary_key=True),
    Column("address", String(64), primary_key=True),
    Column("subscriber_id", BigInteger, ForeignKey("subscribers.id"), nullable=False),
    moment("since"),
    # When the person last did something on this channel, and how long WeChat lets us write after
    # what they did there. Gone with the row when the person unfollows.
    moment("heard_at", nullable=True),
    moment("open_until", nullable=True),
    UniqueConstraint("subscriber_id", "channel"),
    CheckConstraint("channel IN ('wechat', 'sms')", name="channel"),
)

# How long WeChat takes customer-service messages after what a person did (docs: 客服消息下发规则):
# 5 of them after a message, 3 after a tap; what is beyond the number it refuses, and goes by SMS.
AFTER_MESSAGE, AFTER_TAP = timedelta(hours=48), timedelta(minutes=1)
_OPENS = {
    **dict.fromkeys(("text", "image", "voice", "video", "location", "link"), AFTER_MESSAGE),
    **dict.fromkeys(("click", "scan", "follow"), AFTER_TAP),
}


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A person as the rules see one."""

    id: int
    status: str
    opted_out: bool
    openid: str | None
    msisdn: str | None
    wechat_open_until: datetime | None

    @property
    def is_new(self) -> bool:
        return self.id == HOUSE

    def wechat_is_open(self, now: datetime) -> bool:
        """Whether WeChat lets us write to this person now without being asked."""
        until = self.wechat_open_until
        return self.openid is not None and until is not None and now < until


# What a stranger looks like to a dialog that only reads.
STRANGER = Subscriber(HOUSE, "active", False, None, None, None)

_COLUMNS = """
    s.id, s.status, s.opted_out_at IS NOT NULL,
    w.address, n.address, w.open_until
"""
_BY_ADDRESS = f"""
    SELECT {_COLUMNS}
    FROM subscriber_addresses a
    JOIN subscribers s ON s.id = a.subscriber_id
    LEFT JOIN subscriber_addresses w ON w.subscriber_id = s.id AND w.channel = 'wechat'
    LEFT JOIN subscriber_addresses n ON n.subscriber_id = s.id AND n.channel = 'sms'
    WHERE a.channel = %(channel)s AND a.address = %(address)s
"""
_BY_ID = f"""
    SELECT {_COLUMNS}
    FROM subscribers s
    LEFT JOIN subscriber_addresses w ON w.subscriber_id = s.id AND w.channel = 'wechat'
    LEFT JOIN subscriber_addresses n ON n.subscriber_id = s.id AND n.channel = 'sms'
    WHERE s.id = %(id)s
"""
# A function of the database (migrations/): it creates a newcomer, and looks again after waiting.
_LOCK = "SELECT * FROM hold_subscriber(%(channel)s, %(address)s, %(now)s, NULL, NULL)"


def opens(channel: str, kind: str) -> timedelta | None:
    """For how long an act of this kind opens WeChat; None: not at all."""
    return _OPENS.get(kind) if channel == "wechat" else None


def find(tx: Tx, channel: str, address: str) -> Subscriber | None:
    """The subscriber at this address, or None."""
    row = sql.first(tx, _BY_ADDRESS, {"channel": channel, "address": address})
    return Subscriber(*row) if row else None


def get(tx: Tx, subscriber_id: int) -> Subscriber:
    """The subscriber with this id, who must exist."""
    return Subscriber(*sql.one(tx, _BY_ID, {"id": subscriber_id}))


def lock(tx: Tx, channel: str, address: str, now: datetime) -> Subscriber:
    """The subscriber at this address, created if new, locked until the transaction ends.

    One message at a time per person: whoever else handles one for the same person waits here.
    """
    row = sql.one(tx, _LOCK, {"channel": channel, "address": address, "now": now})
    return Subscriber(*row[:6])


def lock_id(tx: Tx, subscriber_id: int) -> Subscriber:
    """The subscriber with this id, or the one that took it over, locked."""
    while True:
        row = sql.one(
            tx,
            "SELECT merged_into FROM subscribers WHERE id = %(id)s FOR NO KEY UPDATE",
            {"id": subscriber_id},
        )
        if row[0] is None:
            return get(tx, subscriber_id)
        subscriber_id = row[0]


def by_now(tx: Tx, subscriber_id: int) -> Subscriber:
    """The subscriber with this id, or the one that took it over; nobody is locked."""
    found = sql.value(
        tx,
        "WITH RECURSIVE taken (id, merged_into) AS ("
        " SELECT id, merged_into FROM subscribers WHERE id = %(id)s"
        " UNION SELECT s.id, s.merged_into FROM subscribers s"
        " JOIN taken ON s.id = taken.merged_into) SELECT id FROM taken WHERE merged_into IS NULL",
        {"id": subscriber_id},
    )
    return get(tx, found)


def spoke_last(tx: Tx, subscriber_id: int) -> str:
    """The channel on which this person spoke last: what comes unasked goes there."""
    found = sql.maybe_value(
        tx,
        "SELECT channel FROM subscriber_addresses WHERE subscriber_id = %(id)s"
        " ORDER BY heard_at DESC NULLS LAST, channel DESC LIMIT 1",
        {"id": subscriber_id},
    )
    return str(found or "sms")


def family(tx: Tx, subscriber_id: int) -> list[int]:
    """This person's id, and then the ids of everybody who was merged into them."""
    rows = sql.rows(
        tx,
        "WITH RECURSIVE mine (id) AS (SELECT %(id)s::bigint UNION"
        " SELECT s.id FROM subscribers s JOIN mine ON s.merged_into = mine.id)"
        " SELECT id FROM mine",
        {"id": subscriber_id},
    )
    return [subscriber_id, *sorted(row[0] for row in rows if row[0] != subscriber_id)]


def lock_wholly(tx: Tx, subscriber_id: int) -> Subscriber:
    """This very subscriber, merged or not, locked even against rows that only refer to them.

    Whoever holds the person, or gives something to them, has committed when this returns; whoever
    comes later waits, and looks again. Raises LookupError.
    """
    sql.one(tx, "SELECT 1 FROM subscribers WHERE id = %(id)s FOR UPDATE", {"id": subscriber_id})
    return get(tx, subscriber_id)


def still_there(tx: Tx, subscriber_id: int) -> bool:
    """Whether a person can be given something; they cannot be deleted until this commits.

    Who is merged can, as far as this goes: the ledger says whom it concerns (points.Merged).
    """
    status = sql.maybe_value(
        tx, "SELECT status FROM subscribers WHERE id = %(id)s FOR KEY SHARE", {"id": subscriber_id}
    )
    return status in ("active", "blocked", "merged")


def forget_wechat(tx: Tx, subscriber: Subscriber) -> None:
    """Remove what came from WeChat: the person has unfollowed; the account stays by number."""
    tx.execute(
        addresses.delete().where(
            addresses.c.subscriber_id == subscriber.id, addresses.c.channel == "wechat"
        )
    )


def opt_out(tx: Tx, subscriber: Subscriber, now: datetime) -> None:
    """Nothing but answers from now on, until the person opts in."""
    tx.execute(
        subscribers.update().where(subscribers.c.id == subscriber.id).values(opted_out_at=now)
    )


def opt_in(tx: Tx, subscriber: Subscriber) -> None:
    tx.execute(
        subscribers.update().where(subscribers.c.id == subscriber.id).values(opted_out_at=None)
    )


def block(tx: Tx, subscriber_id: int) -> bool:
    """Answer this person no more, and send nothing, until unblocked. False if not active."""
    return _become(tx, subscriber_id, "blocked", of="active")


def unblock(tx: Tx, subscriber_id: int) -> bool:
    """Let a blocked person in again. False if not blocked."""
    return _become(tx, subscriber_id, "active", of="blocked")


def _become(tx: Tx, subscriber_id: int, status: str, *, of: str) -> bool:
    changed = sql.change(
        tx,
        "UPDATE subscribers SET status = %(status)s WHERE id = %(id)s AND status = %(of)s",
        {"status": status, "id": subscriber_id, "of": of},
    )
    return changed == 1


# Newcomers get their ids before their rows, so that one statement makes both.
_ADD = """
    WITH new AS MATERIALIZED (
        SELECT number, nextval(pg_get_serial_sequence('subscribers', 'id')) AS id
        FROM (SELECT unnest(%(numbers)s::text[]) AS number ORDER BY 1) AS wanted
    ), people AS (
        INSERT INTO subscribers (id, created_at) SELECT id, %(now)s FROM new
    ), reached AS (
        INSERT INTO subscriber_addresses (channel, address, subscriber_id, since)
        SELECT 'sms', number, id, %(now)s FROM new ORDER BY number
        ON CONFLICT DO NOTHING RETURNING subscriber_id
    )
    SELECT id FROM new WHERE id NOT IN (SELECT subscriber_id FROM reached)
"""
_NUMBERED = (
    "SELECT address, subscriber_id FROM subscriber_addresses"
    " WHERE channel = 'sms' AND address = ANY (%(numbers)s)"
)


def known(tx: Tx, numbers: Collection[str]) -> dict[str, int]:
    """The ids of the subscribers with these numbers, where there are any."""
    return dict(sql.rows(tx, _NUMBERED, {"numbers": list(numbers)}))


def numbered(tx: Tx, numbers: Collection[str], now: datetime) -> dict[str, int]:
    """The ids of the subscribers with these numbers; those who are new are created, not locked."""
    found: dict[str, int] = {}
    missing = set(numbers)
    while missing:
        found |= known(tx, missing)
        missing -= found.keys()
        if missing:
            late = sql.rows(tx, _ADD, {"numbers": sorted(missing), "now": now})
            if late:  # somebody else has just created them
                sql.change(
                    tx, "DELETE FROM subscribers WHERE id = ANY (%(ids)s)",
                    {"ids": [row[0] for row in late]},
                )  # fmt: skip
    return found
