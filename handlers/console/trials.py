"""Dry runs of rules, one at a time in a process, on a thread of its own; the page asks how far.

start ─▶ running (events so far) ─▶ done (what each rule would have given) | failed
"""

from __future__ import annotations

import json
import threading
from datetime import date, datetime, timedelta
from typing import Any

import redis
import structlog

from handlers.console.visit import Visit
from handlers.rule_publishing import Checked
from models.earning.definition import midnight
from models.earning.dry_run import Outcome, Report, dry_run
from models.earning.judging import RuleBook, compiled
from models.store import Store

log = structlog.get_logger()

KEPT_S = 24 * 3600
SILENT_S = 60  # a run that says nothing for so long has died with its process
EVENTS_MOST = 2_000_000
_running = threading.Semaphore(1)


class TooMany(Exception):
    """More events than a page should wait for."""


def start(visit: Visit, found: Checked, first: date, last: date) -> bool:
    """Begin a dry run of these rules for the operator; False if one is running here already."""
    if not _running.acquire(blocking=False):
        return False
    notes = _Notes(visit.parts.counters, _key(visit), first, last)
    try:
        notes.write("running", 0)
        book = RuleBook(compiled(rule, 0) for rule in found.drafts.values())
        threading.Thread(
            target=_run, args=(visit.parts.store, book, notes, visit.now), daemon=True,
            name="dry run",
        ).start()  # fmt: skip
    except BaseException:
        _running.release()
        raise
    return True


def seen(visit: Visit) -> dict[str, Any] | None:
    """How the operator's last dry run stands, or None."""
    counters: Any = visit.parts.counters
    try:
        kept = counters.get(_key(visit))
        alive = counters.exists(f"{_key(visit)}:alive")
    except redis.RedisError as down:
        log.warning("dry run not read", why=type(down).__name__)
        return None
    if kept is None:
        return None
    found: dict[str, Any] = json.loads(kept)
    if found["state"] == "running" and not alive:
        found["state"] = "died"
    return found


class _Notes:
    """Where a run writes how far it is."""

    def __init__(self, counters: redis.Redis, key: str, first: date, last: date) -> None:
        self.counters, self.key = counters, key
        self.first, self.last = first, last

    def write(self, state: str, events: int, **more: Any) -> None:
        said = {"state": state, "events": events, "first": str(self.first), "last": str(self.last)}
        self.counters.set(self.key, json.dumps({**said, **more}), ex=KEPT_S)
        self.counters.set(f"{self.key}:alive", 1, ex=SILENT_S)

    def tell(self, events: int) -> None:
        if events > EVENTS_MOST:
            raise TooMany
        self.write("running", events)


def _run(store: Store, book: RuleBook, notes: _Notes, now: datetime) -> None:
    try:
        report = dry_run(
            store, book, since=midnight(notes.first),
            until=midnight(notes.last + timedelta(days=1)), now=now, tell=notes.tell,
        )  # fmt: skip
        notes.write("done", report.events, **_plain(report))
    except TooMany:
        notes.write("too many", EVENTS_MOST)
    except Exception as error:
        log.error("dry run failed", exc_info=error)
        notes.write("failed", 0)
    finally:
        _running.release()


def _plain(report: Report) -> dict[str, Any]:
    return {
        "points": report.points,
        "rules": [_line(code, found) for code, found in sorted(report.outcomes.items())],
        "refused": sorted(report.refused.items(), key=lambda each: -each[1]),
    }


def _line(code: str, found: Outcome) -> dict[str, Any]:
    return {
        "code": code,
        "matched": found.matched,
        "points": found.points,
        "people": found.people,
        "capped_events": found.capped_events,
        "capped_points": found.capped_points,
        "over_budget_events": found.over_budget_events,
        "over_budget_points": found.over_budget_points,
        "refused": sorted(found.refused.items(), key=lambda each: -each[1]),
    }


def _key(visit: Visit) -> str:
    return f"console:dry-run:{visit.operator.id}"
