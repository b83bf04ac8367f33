"""Postings: what each rule gave for each event and how it came to that, to answer "why 40?"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
)  # fmt: skip

from models import sql
from models.base import Tx, document, metadata, moment, subscriber_id
from models.earning import recorded, rules
from models.earning.counters import Cut
from models.earning.definition import Rule
from models.earning.event import Event
from models.earning.judging import Wanted
from models.points import SHANGHAI

# Never updated, never deleted: a trigger refuses it (migrations/).
postings = Table(
    "earning_postings",
    metadata,
    subscriber_id(),
    Column("serial", BigInteger, nullable=False),  # the transfer's; in another table's keeping
    Column("event_id", String(80), nullable=False),
    Column("rule", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("points", BigInteger, nullable=False),
    document("steps"),  # {"base": 50, "times": 200, "cut": [["person_day", 100, 60, 60]], ...}
    moment("at"),
    PrimaryKeyConstraint("subscriber_id", "serial"),
    ForeignKeyConstraint(["rule", "version"], ["earning_rules.code", "earning_rules.version"]),
    CheckConstraint("points > 0", name="points"),
)

_CAPS = {
    "person_day": "a person gets at most {limit} a day",
    "person": "a person gets at most {limit} in the campaign",
    "day": "the campaign gives at most {limit} a day",
}


@dataclass(frozen=True, slots=True)
class Made:
    """What was given for `wanted`: cut by caps, and `short` by what the budget had left."""

    wanted: Wanted
    serial: int
    points: int
    cuts: tuple[Cut, ...]
    short: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that led to one posting; `event` is None once it is forgotten."""

    subscriber_id: int
    serial: int
    event_id: str
    event: Event | None
    rule: Rule
    version: int
    at: datetime
    expires_on: date
    base: int
    times_hundredths: int
    cuts: tuple[Cut, ...]
    short: int
    beaten: tuple[str, ...]
    points: int

    @property
    def wanted(self) -> int:
        """What it would have been without caps and budget."""
        return self.base * self.times_hundredths // 100


def add(tx: Tx, made: Sequence[Made], now: datetime) -> None:
    """Keep how each posting came about."""
    if not made:
        return
    sql.change(
        tx,
        "INSERT INTO earning_postings"
        " (subscriber_id, serial, event_id, rule, version, points, steps, at)"
        " SELECT owner, serial, event_id, rule, version, points, steps, %(now)s"
        " FROM unnest(%(owners)b::bigint[], %(serials)b::bigint[], %(events)b::text[],"
        " %(rules)b::text[], %(versions)b::int[], %(points)b::bigint[], %(steps)b::jsonb[])"
        " AS p (owner, serial, event_id, rule, version, points, steps)",
        {
            "now": now,
            "owners": [each.wanted.owner for each in made],
            "serials": [each.serial for each in made],
            "events": [each.wanted.event.id for each in made],
            "rules": [each.wanted.live.rule.code for each in made],
            "versions": [each.wanted.live.version for each in made],
            "points": [each.points for each in made],
            "steps": [Jsonb(_steps(each)) for each in made],
        },
    )


def _steps(made: Made) -> dict[str, Any]:
    """Only what is not plain: every event of a daily file has a row."""
    wanted = made.wanted
    steps: dict[str, Any] = {"base": wanted.base, "until": wanted.expires_on.isoformat()}
    if wanted.live.rule.times_hundredths != 100:
        steps["times"] = wanted.live.rule.times_hundredths
    if made.cuts:
        steps["cut"] = [list(cut) for cut in made.cuts]
    if made.short:
        steps["short"] = made.short
    if wanted.beaten:
        steps["beaten"] = list(wanted.beaten)
    return steps


def explain(tx: Tx, serial: int) -> Explanation | None:
    """How the transfer with this serial number came about; None if no rule has made it."""
    row = sql.first(
        tx,
        "SELECT p.subscriber_id, p.event_id, p.rule, p.version, p.points, p.steps, p.at"
        " FROM points_legs l JOIN earning_postings p"
        " ON p.subscriber_id = l.payee_id AND p.serial = l.serial"
        " WHERE l.serial = %(serial)s AND l.leg_no = 1",
        {"serial": serial},
    )
    if row is None:
        return None
    owner, event_id, code, version, given, steps, at = row
    return Explanation(
        subscriber_id=owner, serial=serial, event_id=event_id, event=recorded.find(tx, event_id),
        rule=rules.get(tx, code, version).rule, version=version, at=at,
        expires_on=date.fromisoformat(steps["until"]), base=steps["base"],
        times_hundredths=steps.get("times", 100),
        cuts=tuple(Cut(*cut) for cut in steps.get("cut", ())), short=steps.get("short", 0),
        beaten=tuple(steps.get("beaten", ())), points=given,
    )  # fmt: skip


def in_words(why: Explanation) -> list[str]:
    """The explanation for operators, a line for each step."""
    rule = why.rule
    lines = [
        f"{why.serial}: {why.points} {rule.kind} points for subscriber {why.subscriber_id}, usable"
        f" until {why.expires_on}",
        f"rule {rule.code}@{why.version} ({rule.title}; {rule.family})",
        f"event {why.event_id}" + (f", {_told(why.event)}" if why.event else ", forgotten by now"),
    ]
    if rule.when is not None:
        lines.append(f"condition met: {rule.when}")
    lines.append(f"amount: {rule.amount} = {why.base}")
    if why.times_hundredths != 100:
        lines.append(f"times {why.times_hundredths / 100:g} = {why.wanted}")
    for cut in why.cuts:
        told = _CAPS[cut.cap].format(limit=cut.limit)
        lines.append(f"less {cut.points}: {told}, and {cut.used} had been given before")
    if why.short:
        lines.append(f"less {why.short}: the budget of {rule.budget_of} had no more")
    if why.beaten:
        lines.append(f"instead of {', '.join(why.beaten)}: same group, lower priority")
    lines.append(f"given: {why.points}")
    if rule.chances is not None:
        lines.append(f"and chances in the draw {rule.chances.draw}: {rule.chances.count}")
    return lines


def _told(event: Event) -> str:
    values: Mapping[str, Any] = event.values
    told = ", ".join(f"{name} = {value!r}" for name, value in sorted(values.items()))
    at = event.occurred_at.astimezone(SHANGHAI).isoformat(timespec="seconds")
    return f"{event.type} at {at}" + (f", {told}" if told else "")
