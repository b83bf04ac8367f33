"""Is this server alive, is it ready, and how is it doing: /healthz, /readyz, /metrics."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import redis
from flask import Blueprint, Response, jsonify

from dialogs.live import LiveMenus
from handlers import metrics
from models import alarms, dead_letters, sms_report
from models.sms_counts import LOOPED, hour_of
from models.store import Store, Unavailable

HOUR = timedelta(hours=1)


def routes(
    *, store: Store, queue: redis.Redis, live: LiveMenus, now: Callable[[], datetime]
) -> Blueprint:
    """Health for load balancers, figures for Prometheus."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/healthz")
    def healthz() -> Response:
        return Response("ok", mimetype="text/plain")

    @blueprint.get("/readyz")
    def readyz() -> tuple[Response, int]:
        parts: dict[str, Callable[[], object]] = {
            "store": lambda: store.read(lambda tx: tx.exec_driver_sql("SELECT 1").scalar_one()),
            "queue": queue.ping,
        }
        state = {name: _works(check) for name, check in parts.items()}
        ready = all(said == "ok" for said in state.values())
        state["menus"] = live.warning or "ok"
        return jsonify(state), 200 if ready else 503

    @blueprint.get("/metrics")
    def figures() -> Response:
        try:
            owed = store.read(dead_letters.counts)
            hour = hour_of(now())
            sms = store.read(lambda tx: sms_report.by_hour(tx, since=hour - HOUR, until=hour))
            wrong = store.read(alarms.open_now)
            since = now() - HOUR
            looped = store.read(lambda tx: sms_report.counted_since(tx, LOOPED, since))
        except Unavailable:
            owed, sms, wrong, looped = {}, [], [], 0
        body = metrics.exposition(owed, live().version, bool(live.warning), sms, wrong, looped)
        return Response(body, mimetype="text/plain; version=0.0.4")

    return blueprint


def _works(check: Callable[[], object]) -> str:
    try:
        check()
    except (Unavailable, redis.RedisError) as error:
        return f"not reachable ({type(error).__name__})"
    return "ok"
