"""Sample invitations: a friend who joined, one who has not yet, and some that do not count."""

from __future__ import annotations

from datetime import datetime, timedelta

from models import clubs, subscribers
from models.base import Tx
from models.invitations import codes, coming
from models.invitations.limits import Limits

CLUB, OTHER_CLUB = "film", "car"
INVITER, JOINED, WAITS, MEMBER = (f"+861380000010{number}" for number in (1, 2, 3, 4))
LIMITS = Limits(a_day=5, a_month=30, sms_a_day=5, lasts=timedelta(days=30), rest=timedelta(days=90))
ORIGIN = "sample data"


def seed(tx: Tx, now: datetime) -> None:
    """Insert them once; the rules must be live."""
    if subscribers.find(tx, "sms", INVITER) is not None:
        return
    inviter, joined, waits, member = (
        subscribers.lock(tx, "sms", number, now) for number in (INVITER, JOINED, WAITS, MEMBER)
    )
    came = now - timedelta(minutes=1)
    clubs.join(tx, inviter, CLUB, origin=ORIGIN, now=came - timedelta(days=1))
    clubs.join(tx, member, OTHER_CLUB, origin=ORIGIN, now=came - timedelta(days=1))
    code = codes.of(tx, inviter, CLUB, came)
    for friend in (joined, waits, member, inviter):
        coming.accept(tx, code, friend, way="scan", limits=LIMITS, now=came)
    clubs.join(tx, joined, CLUB, origin=ORIGIN, now=now)
    coming.settle(tx, joined, limits=LIMITS, now=now)
