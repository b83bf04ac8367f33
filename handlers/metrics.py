"""Figures for Prometheus: what came in, how long it took, what is owed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)  # fmt: skip

from models.alarm_kinds import KINDS
from models.alarms import Alarm
from models.sms_report import Hour

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


def exposition(
    owed: Mapping[tuple[str, str], int], menus_version: int, menus_bad: bool,
    sms: Iterable[Hour] = (), alarms: Iterable[Alarm] = (), looped: int = 0,
) -> bytes:  # fmt: skip
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
    _sms_hour(sms, store)
    _alarms(alarms, store)
    Gauge(
        "circle_sms_looped_last_hour", "SMS that the guard against loops has held back",
        registry=store,
    ).set(looped)  # fmt: skip
    return counters + generate_latest(store)


def _sms_hour(hours: Iterable[Hour], registry: CollectorRegistry) -> None:
    """The last whole hour of each gateway."""
    counted = Gauge(
        "circle_sms_last_hour", "SMS of the last whole hour by gateway and what became of them",
        ["gateway", "figure"], registry=registry,
    )  # fmt: skip
    took = Gauge(
        "circle_sms_last_hour_receipt_seconds", "Time to receipt in the last whole hour, at most",
        ["gateway", "quantile"], registry=registry,
    )  # fmt: skip
    for one in hours:
        going = one.going
        for figure in ("submitted", "delivered", "failed", "unknown", "segments"):
            counted.labels(one.gateway, figure).set(getattr(going, figure))
        for quantile in (0.5, 0.95):
            if (seconds := going.within_s(quantile)) is not None:
                took.labels(one.gateway, str(quantile)).set(seconds)


def _alarms(alarms: Iterable[Alarm], registry: CollectorRegistry) -> None:
    """1 for each alarm that is raised; 0 for each kind of which there is none."""
    raised = Gauge(
        "circle_alarm", "1 while an alarm is raised", ["name", "subject"], registry=registry
    )
    standing = [(one.name, one.subject) for one in alarms]
    for name in KINDS.keys() - {name for name, _ in standing}:
        raised.labels(name, "").set(0)
    for name, subject in standing:
        raised.labels(name, subject).set(1)
