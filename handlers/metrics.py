"""Figures for Prometheus: what came in, how long it took, what is owed."""

from __future__ import annotations

import os

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)  # fmt: skip

_CALLBACKS = Counter("circle_callbacks_total", "Callbacks by door and status", ["door", "status"])
_SECONDS = Histogram(
    "circle_callback_seconds",
    "Time to answer a callback",
    ["door"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)


def callbacks(door: str, status: str, seconds: float) -> None:
    """Count one callback."""
    _CALLBACKS.labels(door, status).inc()
    _SECONDS.labels(door).observe(seconds)


def exposition(owed: dict[tuple[str, str], int], menus_version: int, menus_bad: bool) -> bytes:
    """The page for Prometheus: this server's counters over all its processes, and the store's."""
    own = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.MultiProcessCollector(own)  # type: ignore[no-untyped-call]
        counters = generate_latest(own)
    else:
        counters = generate_latest()
    store = CollectorRegistry()
    rows = Gauge(
        "circle_outbox_rows", "Owed rows by queue and state", ["queue", "state"], registry=store
    )
    for (queue, state), count in owed.items():
        rows.labels(queue, state).set(count)
    Gauge("circle_menus_version", "Live version of the menus", registry=store).set(menus_version)
    Gauge("circle_menus_bad", "1 if the last published version cannot be used", registry=store).set(
        menus_bad
    )
    return counters + generate_latest(store)
