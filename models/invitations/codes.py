"""The personal number of a member and a club, which the QR code and the link carry.

It is drawn at random: who counts upwards meets nobody's code, and learns nobody's number.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from models import clubs, sql, subscribers
from models.base import Tx
from models.clubs import Club
from models.invitations.tables import NUMBER_LEAST, NUMBER_MOST
from models.subscribers import Subscriber

TRIES = 20  # numbers that somebody has already, in a row: then something else is wrong


class NotAMember(Exception):
    """Only members of a club invite others to it."""


@dataclass(frozen=True, slots=True)
class Code:
    """Who sends a code (or whoever they are now), and to which club it invites."""

    number: int
    inviter: Subscriber
    club: Club


def of(tx: Tx, inviter: Subscriber, club_code: str, now: datetime) -> Code:
    """The code of this member (held) for this club, made when there is none. Raises NotAMember."""
    if clubs.standing(tx, inviter, club_code) != "active":
        raise NotAMember(club_code)
    club = clubs.named(tx, club_code)
    for _ in range(TRIES):
        known = sql.maybe_value(
            tx,
            "SELECT number FROM invitation_codes WHERE subscriber_id = %(id)s"
            " AND club_code = %(club)s",
            {"id": inviter.id, "club": club_code},
        )
        if known is not None:
            return Code(int(known), inviter, club)
        sql.change(
            tx,
            "INSERT INTO invitation_codes (number, subscriber_id, club_code, at)"
            " VALUES (%(number)s, %(id)s, %(club)s, %(now)s) ON CONFLICT DO NOTHING",
            {
                "number": NUMBER_LEAST + secrets.randbelow(NUMBER_MOST - NUMBER_LEAST + 1),
                "id": inviter.id, "club": club_code, "now": now,
            },
        )  # fmt: skip
    raise LookupError("no number is free for a code of an invitation")


def poster_media(tx: Tx, number: int, shows: str, now: datetime) -> str | None:
    """The id under which WeChat still has this poster, or None: it must be drawn."""
    found: str | None = sql.maybe_value(
        tx,
        "SELECT poster_media FROM invitation_codes WHERE number = %(number)s"
        " AND poster_shows = %(shows)s AND poster_until > %(now)s",
        {"number": number, "shows": shows, "now": now},
    )
    return found


def keep_poster(tx: Tx, number: int, shows: str, media: str, *, until: datetime) -> None:
    """Remember what WeChat calls the poster that it was just given."""
    sql.change(
        tx,
        "UPDATE invitation_codes SET poster_media = %(media)s, poster_shows = %(shows)s,"
        " poster_until = %(until)s WHERE number = %(number)s",
        {"number": number, "media": media, "shows": shows, "until": until},
    )


def find(tx: Tx, number: int) -> Code | None:
    """Whose code this is, and for which club; None if it is nobody's, or the club is closed."""
    row = sql.first(
        tx,
        "SELECT subscriber_id, club_code FROM invitation_codes WHERE number = %(number)s",
        {"number": number},
    )
    club = clubs.find(tx, row[1]) if row else None
    if row is None or club is None:
        return None
    return Code(number, subscribers.by_now(tx, row[0]), club)
