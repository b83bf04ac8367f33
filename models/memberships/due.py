"""What the clock does about memberships: reminders, grace, what was reached, and the end.

look_on ──▶ look: end what is over, keep or end premium, else say what comes ──▶ the next look_on

A day's work is a batch of people; each is looked at in a transaction of its own, by how things
stand then, so a clock that dies is followed by one that goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from models import clubs, outbox, points, sql
from models.base import Tx
from models.clubs import ACTIVE, ENDED, SUSPENDED
from models.memberships import rules as published
from models.memberships import terms
from models.memberships.pausing import rests_look
from models.memberships.progress import progress
from models.memberships.rules import ORDINARY, Level, Rules
from models.memberships.terms import Membership, find, looks_on
from models.subscribers import Subscriber

ORIGIN = "clock"


@dataclass(frozen=True, slots=True)
class News:
    """What a member is to be told: `what`, of which membership, with its facts.

    ends, over, ended (the membership) · premium_ends, premium_over, premium_ended, premium_kept,
    premium_reached · rest_ends, rest_ended
    """

    what: str
    club: clubs.Club
    facts: Mapping[str, Any]


def due(tx: Tx, now: datetime, limit: int) -> list[tuple[int, str]]:
    """Whose memberships in which clubs the clock has something to do about; longest due first."""
    rows = sql.rows(
        tx,
        "SELECT subscriber_id, club_code FROM memberships WHERE look_on <= %(today)s"
        " ORDER BY look_on, subscriber_id, club_code LIMIT %(limit)s",
        {"today": points.day_of(now), "limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


def look(tx: Tx, who: Subscriber, code: str, now: datetime) -> list[News]:
    """Do what is due about one membership of a person who is held; what they are to be told."""
    found, rules, today = find(tx, who, code), published.live(tx), points.day_of(now)
    if found is None or found.look_on is None or found.look_on > today:
        return []  # somebody was faster
    if found.state == SUSPENDED:
        return _look_at_rest(tx, who, found, rules, now)
    if found.ends_on is None and rules.of(code).ordinary.term_months and found.since is not None:
        terms.begin(tx, who, code, origin=ORIGIN, now=now)
        found = replace(find(tx, who, code) or found, look_on=found.look_on)
    news = _look_at_end(tx, who, found, rules, now)
    if news is None:
        return [News("ended", found.club, {})]
    news += _look_at_premium(tx, who, found, rules, now)
    _look_later(tx, who, code, rules, today)
    return news


def _look_at_end(
    tx: Tx, who: Subscriber, found: Membership, rules: Rules, now: datetime
) -> list[News] | None:
    """What is said of the membership's own end; None: it is over, and has been ended."""
    terms_of, today = rules.of(found.club.code).ordinary, points.day_of(now)
    if found.ends_on is None:
        return []
    last = found.ends_on + timedelta(days=terms_of.grace_days)
    if today > last:
        _end(tx, who, found, now, close=True)
        return None
    facts = {"until": found.ends_on, "last": last, "price": terms_of.price_points}
    return [News(what, found.club, facts) for what in _said(found, found.ends_on, rules, today)]


def _look_at_premium(
    tx: Tx, who: Subscriber, found: Membership, rules: Rules, now: datetime
) -> list[News]:
    """Premium that is reached, kept or over, and what is said of it."""
    rule, today, club = rules.of(found.club.code), points.day_of(now), found.club
    level = rule.premium
    may_reach = level is not None and (
        not found.is_premium or (found.premium_until is not None and today > found.premium_until)
    )
    if may_reach and progress(tx, who, club.code, rule, now).reached:
        until = terms.reach_premium(tx, who, found, rules, origin=ORIGIN, now=now)
        what = "premium_kept" if found.is_premium else "premium_reached"
        return [News(what, club, {"until": until})]
    if found.premium_until is None:
        return []
    last = found.premium_until + timedelta(days=level.grace_days if level else 0)
    if today > last:
        clubs.change(
            tx, who, club.code, ACTIVE, of=(ACTIVE,), origin=ORIGIN, now=now, why="premium_over",
            sets={"level": ORDINARY, "premium_until": None},
        )  # fmt: skip
        return [News("premium_ended", club, {})]
    facts = {"until": found.premium_until, "last": last, "price": _price(level)}
    said = _said(found, found.premium_until, rules, today)
    return [News(f"premium_{what}", club, facts) for what in said]


def _said(found: Membership, last: date, rules: Rules, today: date) -> list[str]:
    """ "ends" or "over", if that is what the clock has come for."""
    if found.look_on == last + timedelta(days=1):
        return ["over"]
    reminders = {last - timedelta(days=days) for days in rules.remind_days}
    return ["ends"] if found.look_on in reminders and today <= last else []


def _look_at_rest(
    tx: Tx, who: Subscriber, found: Membership, rules: Rules, now: datetime
) -> list[News]:
    today = points.day_of(now)
    since = found.suspended_on or today  # the table says that it is there
    last = rules.rests_until(since)
    if today > last:
        _end(tx, who, found, now, close=False)
        return [News("rest_ended", found.club, {})]
    reminders = {last - timedelta(days=days) for days in rules.remind_days}
    _set_look(tx, who, found.club.code, rests_look(rules, since, today))
    if found.look_on not in reminders:
        return []
    return [News("rest_ends", found.club, {"until": last})]


def _end(tx: Tx, who: Subscriber, found: Membership, now: datetime, *, close: bool) -> None:
    """End a membership, and have BOSS and WeChat told; nobody waits for what they answer."""
    club = found.club
    clubs.change(
        tx, who, club.code, ENDED, of=(ACTIVE, SUSPENDED), origin=ORIGIN, now=now, why="over"
    )
    if close and who.msisdn is not None:
        _owe(tx, who, "boss.close_service", now, msisdn=who.msisdn, service=club.boss_service)
    if close and who.openid is not None:
        _owe(tx, who, "wechat.untag", now, tag=club.code, openid=who.openid)


def _look_later(tx: Tx, who: Subscriber, code: str, rules: Rules, today: date) -> None:
    found = find(tx, who, code)
    if found is not None and found.state == ACTIVE:
        then = looks_on(rules, rules.of(code), today, found.ends_on, found.premium_until)
        _set_look(tx, who, code, then)


def _set_look(tx: Tx, who: Subscriber, code: str, day: date | None) -> None:
    sql.change(
        tx,
        "UPDATE memberships SET look_on = %(day)s"
        " WHERE subscriber_id = %(id)s AND club_code = %(code)s",
        {"id": who.id, "code": code, "day": day},
    )


def _price(level: Level | None) -> int | None:
    return level.price_points if level else None


def _owe(tx: Tx, who: Subscriber, what: str, now: datetime, /, **arguments: str) -> None:
    payload = {"service": what, "arguments": arguments}
    outbox.owe(tx, subscriber_id=who.id, kind="call", queue=outbox.CALL, payload=payload, now=now)
