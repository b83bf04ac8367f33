"""Memberships of two who are one by now: the union of the clubs, and in each the better terms."""

from __future__ import annotations

from datetime import date, datetime

from models import clubs, points, sql
from models.base import Tx
from models.clubs import ACTIVE, LEFT, MOVED, NO_MEMBER, OPENING, STANDING, SUSPENDED
from models.memberships.rules import ORDINARY, PREMIUM
from models.memberships.terms import Membership, all_of, find
from models.subscribers import Subscriber


def merge(tx: Tx, *, source: Subscriber, target: Subscriber, now: datetime) -> None:
    """Give `target` each membership of `source`, or its better terms; `source` keeps none.

    What BOSS is being asked about is not known by then: its answer finds `target` by itself.
    """
    _keep(tx, source, target, now)
    for theirs in all_of(tx, source):
        code = theirs.club.code
        if theirs.state not in (ACTIVE, SUSPENDED):
            continue
        had = find(tx, target, code)
        clubs.change(
            tx, source, code, MOVED, of=STANDING, origin=f"merge:{target.id}", now=now
        )  # fmt: skip
        _give(tx, target, theirs, had, origin=f"merge:{source.id}", now=now)


def _keep(tx: Tx, source: Subscriber, target: Subscriber, now: datetime) -> None:
    """Let `target` join again, too, with what was left of a term that `source` has left."""
    left = sql.rows(
        tx,
        "SELECT club_code, kept_until, kept_premium FROM memberships"
        " WHERE subscriber_id = %(id)s AND (kept_until IS NOT NULL OR kept_premium IS NOT NULL)",
        {"id": source.id},
    )
    for code, until, premium in left:
        if find(tx, target, code) is None:
            clubs.change(
                tx, target, code, LEFT, of=NO_MEMBER, origin=f"merge:{source.id}", now=now,
                why="merged",
            )  # fmt: skip
        sql.change(
            tx,
            "UPDATE memberships SET kept_until = greatest(kept_until, %(until)s::date),"
            " kept_premium = greatest(kept_premium, %(premium)s::date)"
            " WHERE subscriber_id = %(id)s AND club_code = %(code)s AND state = ANY (%(of)s)",
            {
                "id": target.id, "code": code, "until": until, "premium": premium,
                "of": [OPENING, *NO_MEMBER],
            },
        )  # fmt: skip


def _give(
    tx: Tx, target: Subscriber, theirs: Membership, had: Membership | None, *, origin: str,
    now: datetime,
) -> None:  # fmt: skip
    code, terms = theirs.club.code, _terms(theirs)
    if had is None or had.state in NO_MEMBER or had.state == OPENING:
        of = (OPENING, *NO_MEMBER) if theirs.state == ACTIVE else NO_MEMBER
        if not clubs.change(tx, target, code, ACTIVE, of=of, origin=origin, now=now):
            return  # it is being opened: that is better than one that rests
        state = theirs.state
        if had is not None and terms["ends_on"] is not None:  # what was left is not lost
            terms["ends_on"] = max(theirs.ends_on or date.min, had.kept_until or date.min)
    else:
        if had.state not in (ACTIVE, SUSPENDED):
            return  # BOSS is being asked about it: theirs was the same service
        state = ACTIVE if ACTIVE in (had.state, theirs.state) else SUSPENDED
        terms = _better(had, theirs)
    resting = theirs.suspended_on or (had.suspended_on if had else None)
    sets = terms | {
        "suspended_on": resting if state == SUSPENDED else None,
        "look_on": points.day_of(now),  # the clock sees what comes next
    }
    clubs.change(
        tx, target, code, state, of=(ACTIVE, SUSPENDED), origin=origin, now=now, why="merged",
        sets=sets,
    )  # fmt: skip


def _terms(one: Membership) -> dict[str, object]:
    return {"level": one.level, "ends_on": one.ends_on, "premium_until": one.premium_until}


def _better(one: Membership, other: Membership) -> dict[str, object]:
    """Of both the later end, and premium if either was; no end is later than any."""
    premium = [each for each in (one, other) if each.is_premium]
    return {
        "level": PREMIUM if premium else ORDINARY,
        "ends_on": _later([each.ends_on for each in (one, other)]),
        "premium_until": _later([each.premium_until for each in premium]),
    }


def _later(days: list[date | None]) -> date | None:
    known = [day for day in days if day is not None]
    return max(known) if known and len(known) == len(days) else None
