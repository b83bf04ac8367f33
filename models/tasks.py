"""Tasks: what is rewarded when it is done, as it stands with one person.

Which tasks there are, and how events do them: models/earning/following.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models import sql
from models.base import Tx
from models.earning import people
from models.earning.event import Event
from models.earning.following import DONE, Task, live, values_of
from models.earning.judging import judge
from models.earning.rules import current
from models.points import day_of
from models.subscribers import Subscriber

BOUND = "number_bound"


@dataclass(frozen=True, slots=True)
class Standing:
    """A task that is open, for one person now: what it gives, before caps, and when it was done."""

    task: Task
    points: int
    done_at: datetime | None


def done(tx: Tx, subscriber_id: int, club_code: str, since: datetime) -> int:
    """How many tasks of a club somebody has done since then, that moment included."""
    return int(
        sql.value(
            tx,
            "SELECT count(*) FROM task_completions WHERE subscriber_id = %(id)s"
            " AND club_code = %(club)s AND done_at >= %(since)s",
            {"id": subscriber_id, "club": club_code, "since": since},
        )
    )


def standings(tx: Tx, who: Subscriber, now: datetime) -> list[Standing]:
    """The tasks that this person can do today, with those of their clubs, and how they stand."""
    today = day_of(now)
    clubs = {
        row[0]
        for row in sql.rows(
            tx,
            "SELECT club_code FROM memberships WHERE subscriber_id = %(id)s AND state = 'active'",
            {"id": who.id},
        )
    }
    open_now = [
        task for task in live(tx) if task.is_open(today) and task.club in (None, *sorted(clubs))
    ]
    found = {
        (row[0], row[1]): row[2]
        for row in sql.rows(
            tx,
            "SELECT task_code, period, done_at FROM task_completions WHERE subscriber_id = %(id)s",
            {"id": who.id},
        )
    }
    standing = [
        Standing(task, _worth(tx, who, task, now), found.get((task.code, task.period(today))))
        for task in open_now
    ]
    # Whoever was bound before there were tasks cannot do that any more.
    is_bound = who.openid is not None and who.msisdn is not None
    return [
        each for each in standing if each.done_at or not (is_bound and each.task.event == BOUND)
    ]


def merge(tx: Tx, *, source: int, target: int) -> None:
    """What `source` has done, `target` has done; the caller holds both."""
    sql.run(
        tx,
        "WITH moved AS (DELETE FROM task_completions WHERE subscriber_id = %(source)s"
        " RETURNING task_code, period, club_code, event_id, done_at)"
        " INSERT INTO task_completions"
        " (subscriber_id, task_code, period, club_code, event_id, done_at)"
        " SELECT %(target)s, task_code, period, club_code, event_id, done_at FROM moved"
        " ORDER BY task_code, period ON CONFLICT DO NOTHING",
        {"source": source, "target": target},
    )


def _worth(tx: Tx, who: Subscriber, task: Task, now: datetime) -> int:
    """What the live rules would give this person for it now, before caps and budgets."""
    event = Event("", DONE, who.id, now, values_of(task, task.club))
    book = current(tx, now)
    known = people.find(tx, {who.id}, clubs=book.asks_about_clubs)
    wanted, _ = judge(book, event, known.get(who.id), now)
    return sum(each.points for each in wanted)
