"""The door for BOSS: an order that was accepted has ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
from flask import Blueprint, request

from dialogs.dialog import Answer
from dialogs.engine import Engine
from handlers.answering import Nudge
from integrations.boss import BadCallback, read_callback
from models import outbox
from models.base import Tx
from models.store import Store, Unavailable

log = structlog.get_logger()

OWED_DIGITS = 18  # what fits a bigint whatever the digits are


def door(
    *, secret: str | None, window_s: int, store: Store, engine: Engine, nudge: Nudge,
    now: Callable[[], datetime],
) -> Blueprint:  # fmt: skip
    """POST /boss/callback: 204 once the answer is stored, also for a repeat."""
    blueprint = Blueprint("boss", __name__)

    @blueprint.post("/boss/callback")
    def receive() -> tuple[str, int]:
        if not secret:  # an empty key would let everybody sign
            return "BOSS is not configured here", 503
        try:
            order = read_callback(
                request.get_data(),
                dict(request.headers),
                secret=secret,
                now=now(),
                max_age_s=window_s,
            )
        except BadCallback as refused:
            log.info("boss callback refused", why=str(refused))
            return str(refused), 403
        owed_id = _owed_id(order.request_id)
        answer = Answer(order.state, _storable(order.reason))
        try:
            if owed_id is None or not store.read(lambda tx: _is_call(tx, owed_id)):
                log.info("boss answered nothing of ours", owed=owed_id)
                return "no such request", 404
            fresh = store.run(lambda tx: engine.resume(tx, owed_id, answer, now()))
        except Unavailable:
            return "the database cannot be reached, send it again", 503
        except Exception as failed:  # our bug: the step is rolled back, and BOSS asks again
            log.exception("step failed", owed=owed_id, error=type(failed).__name__)
            return "this could not be handled, send it again", 500
        log.info("boss answered", owed=owed_id, state=order.state, fresh=fresh)
        nudge(outbox.QUEUES)
        return "", 204

    return blueprint


def _owed_id(request_id: str) -> int | None:
    """Our id in a request id, None if it is not one that we have given."""
    is_ours = request_id.isascii() and request_id.isdigit() and len(request_id) <= OWED_DIGITS
    return int(request_id) if is_ours and request_id == str(int(request_id)) else None


def _is_call(tx: Tx, owed_id: int) -> bool:
    owed = outbox.get(tx, owed_id)
    return owed is not None and owed.kind == "call" and owed.payload["service"].startswith("boss.")


def _storable(text: str) -> str:
    """Without what PostgreSQL cannot store: NUL, and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
