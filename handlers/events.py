"""The door for events: BOSS tells what subscribers have done, and hears what became of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge

from integrations.boss import BadCallback, verify
from models.base import Tx
from models.earning import events, told
from models.earning.event import Event
from models.earning.told import Bad, Told
from models.store import Store, Unavailable
from sms.numbers import msisdn

log = structlog.get_logger()

Earn = Callable[[Tx, Sequence[Event], datetime], int]
SOURCE = "boss"
ACCEPTED, REPEAT, REFUSED, FAILED = "accepted", "repeat", "refused", "failed"
KNOWN = frozenset({*told.FIELDS, told.VALUES})
ID_CHARS_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may bring: so many events, in a body of so many bytes, so old."""

    events: int
    body_bytes: int
    window_s: int


def door(
    *, secret: str | None, limits: Limits, store: Store, earn: Earn, now: Callable[[], datetime]
) -> Blueprint:
    """POST /boss/events: 200 with a result for each event, in their order, once they are stored."""
    blueprint = Blueprint("boss_events", __name__)

    @blueprint.post("/boss/events")
    def receive() -> Response | tuple[Response, int]:
        request.max_content_length = limits.body_bytes
        if not secret:  # an empty key would let everybody sign
            return _mistake("BOSS is not configured here", 503)
        try:
            body, moment = request.get_data(), now()
        except RequestEntityTooLarge:
            return _mistake(f"more than {limits.body_bytes // 1024} KB in one request", 413)
        try:
            verify(
                body, dict(request.headers), secret=secret, now=moment, max_age_s=limits.window_s
            )
        except BadCallback as refused:
            log.info("boss events refused", why=str(refused))
            return _mistake(str(refused), 403)
        try:
            given = _given(body)
        except ValueError as unreadable:
            return _mistake(str(unreadable), 400)
        if len(given) > limits.events:
            return _mistake(f"more than {limits.events} events in one request", 413)
        results = [_read(each, moment) for each in given]
        try:
            _take(store, earn, results, moment)
        except Unavailable:
            return _mistake("the database cannot be reached, send it again", 503)
        log.info("boss events", **_counted(results))
        return jsonify({"results": [each.as_json() for each in results]})

    return blueprint


@dataclass(slots=True)
class _Result:
    """What becomes of one event, filled in as it becomes known."""

    event_id: str | None
    told: Told | None = None
    result: str = REFUSED
    reason: str = ""

    def as_json(self) -> dict[str, str | None]:
        said = {"event_id": self.event_id, "result": self.result}
        return {**said, "reason": self.reason} if self.reason else said


def _given(body: bytes) -> list[Any]:
    """The events as they were sent. Raises ValueError with what to tell BOSS."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None
    found = given.get("events") if isinstance(given, dict) else None
    if not isinstance(found, list):
        raise ValueError('the body must be {"events": [...]}')
    return found


def _read(given: Any, moment: datetime) -> _Result:
    if not isinstance(given, dict):
        return _Result(None, reason="an event must be an object")
    event_id, values = given.get(told.ID), given.get(told.VALUES, {})
    shown = _storable(event_id)[:ID_CHARS_SHOWN] if isinstance(event_id, str) else None
    if unknown := sorted(set(given) - KNOWN):
        return _Result(shown, reason=f"unknown: {_storable(unknown[0])[:ID_CHARS_SHOWN]}")
    if not isinstance(values, dict):
        return _Result(shown, reason=f"{told.VALUES}: must be an object")
    try:
        return _Result(shown, told.read(given, values, msisdn=msisdn, now=moment))
    except Bad as bad:
        return _Result(shown, reason=_storable(str(bad)))


def _take(store: Store, earn: Earn, results: Sequence[_Result], moment: datetime) -> None:
    """Store the good ones. Raises Unavailable."""
    good = [each for each in results if each.told is not None]
    try:
        _take_together(store, earn, good, moment)
    except Unavailable:
        raise
    except Exception as bug:  # one event must not block the others: each by itself
        log.exception("events failed together", error=type(bug).__name__)
        for each in good:
            _take_alone(store, earn, each, moment)


def _take_alone(store: Store, earn: Earn, one: _Result, moment: datetime) -> None:
    try:
        _take_together(store, earn, [one], moment)
    except Unavailable:
        raise
    except Exception as bug:  # our bug: rolled back, and BOSS may send this one again
        log.exception("event failed", event_id=one.event_id, error=type(bug).__name__)
        one.result, one.reason = FAILED, "could not be handled now, send it again"


def _take_together(store: Store, earn: Earn, good: Sequence[_Result], moment: datetime) -> None:
    if not good:
        return

    def work(tx: Tx) -> events.Recorded:
        batch = [each.told for each in good if each.told is not None]
        found = events.record(tx, batch, source=SOURCE, now=moment)
        if found.events:
            earn(tx, found.events, moment)
        return found

    found = store.run(work)
    repeats, conflicts = ({id(each) for each in some} for some in (found.repeats, found.conflicts))
    for each in good:
        if id(each.told) in conflicts:
            each.result = REFUSED
            each.reason = f"{told.ID}: told before with other content"
        else:
            each.result = REPEAT if id(each.told) in repeats else ACCEPTED


def _counted(results: Sequence[_Result]) -> dict[str, int]:
    kinds = (ACCEPTED, REPEAT, REFUSED, FAILED)
    return {kind: sum(each.result == kind for each in results) for kind in kinds}


def _mistake(sentence: str, status: int) -> tuple[Response, int]:
    return jsonify({"error": sentence}), status


def _storable(text: str) -> str:
    """Without halves of characters, which no answer can hold."""
    return text.encode("utf-8", "replace").decode()
