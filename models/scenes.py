"""Scenes: how often each QR code was scanned, and the codes that WeChat has made for us.

The scenes themselves stand in menus/scenes.yaml.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Identity,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment
from models.points.accounts import STRIPES, day_of

days = Table(
    "scene_days",
    metadata,
    Column("scene", String(64), nullable=False),
    Column("day", Date, nullable=False),  # in China
    Column("stripe", SmallInteger, nullable=False),  # of who scanned: a poster is scanned by many
    Column("scans", BigInteger, nullable=False),
    PrimaryKeyConstraint("scene", "day", "stripe"),
    CheckConstraint("scans > 0", name="scans"),
)

codes = Table(
    "scene_codes",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("scene", String(64), nullable=False),
    Column("url", Text, nullable=False),  # what the picture says
    Column("ticket", Text, nullable=False),
    Column("made_by", String(60), nullable=False),
    moment("at"),
    moment("expires_at", nullable=True),  # none: for ever
    CheckConstraint("url <> '' AND ticket <> ''", name="named"),
    CheckConstraint("expires_at > at", name="lasts"),
    Index(None, "scene", "id"),
)


@dataclass(frozen=True, slots=True)
class Code:
    """A QR code that WeChat has made; it works until `expires_at`, or for ever."""

    id: int
    scene: str
    url: str
    ticket: str
    made_by: str
    at: datetime
    expires_at: datetime | None

    def works(self, now: datetime) -> bool:
        return self.expires_at is None or self.expires_at > now


@dataclass(frozen=True, slots=True)
class Scans:
    """How often a scene was scanned: today, within `DAYS`, and ever."""

    today: int = 0
    lately: int = 0
    ever: int = 0


DAYS = 30


def counted(scene: str, subscriber_id: int, now: datetime) -> sql.Write:
    """What counts a scan, to be written with the message's other rows."""
    values = {"scene": scene, "day": day_of(now), "stripe": subscriber_id % STRIPES}
    return sql.Write(_COUNT, values)


_COUNT = (
    "INSERT INTO scene_days AS d (scene, day, stripe, scans)"
    " VALUES (%(scene)s, %(day)s, %(stripe)s, 1)"
    " ON CONFLICT (scene, day, stripe) DO UPDATE SET scans = d.scans + 1"
)


def scans(tx: Tx, now: datetime) -> dict[str, Scans]:
    """How often each scene was scanned."""
    today = day_of(now)
    rows = sql.rows(
        tx,
        "SELECT scene, coalesce(sum(scans) FILTER (WHERE day = %(today)s), 0)::bigint,"
        " coalesce(sum(scans) FILTER (WHERE day > %(since)s), 0)::bigint, sum(scans)::bigint"
        " FROM scene_days GROUP BY scene",
        {"today": today, "since": today - timedelta(days=DAYS)},
    )
    return {row[0]: Scans(*row[1:]) for row in rows}


def by_day(tx: Tx, scene: str, now: datetime) -> list[tuple[date, int]]:
    """How often a scene was scanned on each of the last days that had any, the newest first."""
    return [
        (row[0], row[1])
        for row in sql.rows(
            tx,
            "SELECT day, sum(scans)::bigint FROM scene_days"
            " WHERE scene = %(scene)s AND day > %(since)s GROUP BY day ORDER BY day DESC",
            {"scene": scene, "since": day_of(now) - timedelta(days=DAYS)},
        )
    ]


_COLUMNS = "id, scene, url, ticket, made_by, at, expires_at"


def keep(
    tx: Tx, scene: str, *, url: str, ticket: str, made_by: str, expires_at: datetime | None,
    now: datetime,
) -> int:  # fmt: skip
    """Keep a code that WeChat has made; returns its number."""
    return int(
        sql.value(
            tx,
            "INSERT INTO scene_codes (scene, url, ticket, made_by, at, expires_at) VALUES"
            " (%(scene)s, %(url)s, %(ticket)s, %(by)s, %(now)s, %(expires)s) RETURNING id",
            {
                "scene": scene, "url": url, "ticket": ticket, "by": made_by, "now": now,
                "expires": expires_at,
            },
        )
    )  # fmt: skip


def codes_of(tx: Tx, scene: str, limit: int) -> list[Code]:
    """The codes of a scene, the newest first."""
    rows = sql.rows(
        tx,
        f"SELECT {_COLUMNS} FROM scene_codes WHERE scene = %(scene)s"
        " ORDER BY id DESC LIMIT %(limit)s",
        {"scene": scene, "limit": limit},
    )
    return [Code(*row) for row in rows]


def lasting(tx: Tx, names: Sequence[str]) -> dict[str, Code]:
    """The newest code that works for ever of each of these scenes that has one."""
    rows = sql.rows(
        tx,
        f"SELECT DISTINCT ON (scene) {_COLUMNS} FROM scene_codes"
        " WHERE scene = ANY (%(names)s) AND expires_at IS NULL ORDER BY scene, id DESC",
        {"names": list(names)},
    )
    return {row[1]: Code(*row) for row in rows}


def best(found: Sequence[Code], now: datetime) -> Code | None:
    """The code to print: one for ever if there is one, else the one that works longest."""
    working = [code for code in found if code.works(now)]
    forever = [code for code in working if code.expires_at is None]
    return next(iter(forever), None) or max(
        working, key=lambda code: code.expires_at or code.at, default=None
    )
