"""The tasks that operators have published, and which of them events have done.

    rules/tasks.yaml ──check, publish──▶ task_rules
    event (club_joined ...) ──follow──▶ task_completions
                                   └──▶ event task_done ──▶ the earning rules give points

Nobody says of themselves that a task is done: an event does, whoever has told it. Who has done what
and what it is worth: models/tasks.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
)  # fmt: skip

from models import clubs, sql
from models.base import Tx, metadata, moment, subscriber_id
from models.earning import events as recorded
from models.earning import people
from models.earning.event import Event
from models.points import day_of
from models.rule_versions import RuleVersions

ONCE, DAILY, MONTHLY = REPEATS = ("once", "daily", "monthly")
# The event that a task which is done becomes: rules/earning/ says what it is worth.
DONE = "task_done"
SOURCE = "circle"  # of events that BOSS has not told

_VERSIONS = RuleVersions("task_rules")
task_rules = _VERSIONS.table

completions = Table(
    "task_completions",
    metadata,
    subscriber_id(),
    Column("task_code", String(32), nullable=False),
    Column("period", String(10), nullable=False),  # "", "2026-11-22" or "2026-11"
    Column("club_code", String(32), ForeignKey("clubs.code")),  # where it counts; none: nowhere
    Column("event_id", String(80), nullable=False),  # what it was done by
    moment("done_at"),
    PrimaryKeyConstraint("subscriber_id", "task_code", "period"),
    CheckConstraint("task_code <> '' AND event_id <> ''", name="named"),
    Index(None, "subscriber_id", "club_code", "done_at"),
)


@dataclass(frozen=True, slots=True)
class Task:
    """One task as operators have published it."""

    code: str
    title: str
    how: str  # what to do, in a few words
    event: str  # the type of event that does it
    club: str | None  # only events of this club do it, and it is its members' task
    repeats: str
    first: date | None
    until: date | None

    def is_open(self, day: date) -> bool:
        """Whether it can be done on this day, in China; both days included."""
        return (self.first is None or day >= self.first) and (
            self.until is None or day <= self.until
        )

    def done_by(self, event: Event) -> bool:
        """Whether this event does it."""
        return (
            event.type == self.event
            and (self.club is None or event.values.get("club") == self.club)
            and self.is_open(day_of(event.occurred_at))
        )

    def period(self, day: date) -> str:
        """Within what it is done once, on this day."""
        if self.repeats == DAILY:
            return day.isoformat()
        return f"{day:%Y-%m}" if self.repeats == MONTHLY else ""


def live(tx: Tx) -> tuple[Task, ...]:
    """The tasks that were published last, in the operators' order."""
    found = _VERSIONS.live(tx)
    return _read(found[1]) if found else ()


def publish(tx: Tx, content: Mapping[str, Any], *, author: str, note: str, now: datetime) -> int:
    """Make these tasks live: the checked content of rules/tasks.yaml. Returns the version."""
    version, _ = _VERSIONS.publish(tx, content, author=author, note=note, now=now)
    return version


def content_of(tx: Tx) -> Mapping[str, Any] | None:
    """What is live as it was published, to compare a file with; or None."""
    return _VERSIONS.content_of(tx)


def follow(tx: Tx, events: Sequence[Event], now: datetime) -> list[Event]:
    """Note the tasks that new events have done; returns what follows: an event for each of them.

    For models/earning/earn.py, which earns these together with the others.
    """
    told = [event for event in events if event.type != DONE]
    doing = [(task, event) for task in (live(tx) if told else ()) for event in told
             if task.done_by(event)]  # fmt: skip
    if not doing:
        return []
    known = people.find(tx, {event.subscriber_id for _, event in doing}, clubs=False)
    done: dict[tuple[int, str, str], tuple[Task, Event]] = {}
    for task, event in doing:
        who = known.get(event.subscriber_id)
        if who is not None and who.status == "active":
            key = (who.id, task.code, task.period(day_of(event.occurred_at)))
            done.setdefault(key, (task, event))
    new = _note(tx, done)
    for key in sorted(new):
        club = _club_of(*done[key])
        if club is not None:  # it counts towards premium there
            clubs.look_again(tx, key[0], club, now)
    return recorded.keep(
        tx, [_done_event(key, *done[key]) for key in sorted(new)], source=SOURCE, now=now
    )


_NOTE = """
    INSERT INTO task_completions (subscriber_id, task_code, period, club_code, event_id, done_at)
    SELECT who, task, period, (SELECT code FROM clubs WHERE code = club), event, at
    FROM jsonb_to_recordset(%(done)s::jsonb)
         AS done (who bigint, task text, period text, club text, event text, at timestamptz)
    ORDER BY who, task, period
    ON CONFLICT DO NOTHING RETURNING subscriber_id, task_code, period
"""


def _note(
    tx: Tx, done: Mapping[tuple[int, str, str], tuple[Task, Event]]
) -> set[tuple[int, str, str]]:
    """Those that were not done before in their period."""
    written = [
        {
            "who": who, "task": code, "period": period, "club": _club_of(task, event),
            "event": event.id, "at": event.occurred_at.isoformat(),
        }
        for (who, code, period), (task, event) in done.items()
    ]  # fmt: skip
    rows = sql.rows(tx, _NOTE, {"done": json.dumps(written)}) if written else []
    return {(row[0], row[1], row[2]) for row in rows}


def _club_of(task: Task, event: Event) -> str | None:
    """Where it counts: at the task's club, else at the one that the event was about."""
    return task.club or event.values.get("club")


def _done_event(key: tuple[int, str, str], task: Task, event: Event) -> Event:
    who, code, period = key
    return Event(
        f"task:{code}:{period or ONCE}:{who}", DONE, who, event.occurred_at,
        values_of(task, _club_of(task, event)),
    )  # fmt: skip


def values_of(task: Task, club: str | None) -> dict[str, str]:
    """What the rules may look at of a task that was done."""
    return {"task": task.code, "club": club or ""}


@lru_cache(maxsize=16)
def _read(written: str) -> tuple[Task, ...]:
    def day(found: str | None) -> date | None:
        return date.fromisoformat(found) if found else None

    return tuple(
        Task(
            each["code"], each["title"], each["how"], each["event"], each.get("club"),
            each["repeats"], day(each.get("from")), day(each.get("until")),
        )
        for each in json.loads(written)["tasks"]
    )  # fmt: skip
