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
from models.store import Store, Unavailable

log = structlog.get_logger()


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
        if not (order.request_id.isascii() and order.request_id.isdigit()):
            return "no such request", 404
        answer = Answer(order.state, order.reason.replace("\0", ""))
        owed_id = int(order.request_id[:18])
        try:
            fresh = store.run(lambda tx: engine.resume(tx, owed_id, answer, now()))
        except Unavailable:
            return "the database cannot be reached, send it again", 503
        log.info("boss answered", owed=owed_id, state=order.state, fresh=fresh)
        nudge(outbox.QUEUES)
        return "", 204

    return blueprint
