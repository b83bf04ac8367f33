"""Operations: live numbers, the systems outside and their breakers, queues, workers and the clock.

GET /operations   GET /operations/live: its body, polled by htmx, 304 while nothing has changed
GET, POST /operations/gateways/<name>: a breaker, held and closed by hand
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import redis
import rq
from flask import Response, abort, render_template, request, url_for

from handlers.console import machinery
from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.machinery import SYSTEMS, TASKS
from handlers.console.words import _
from integrations.breaker import CLOSED, HELD, OPEN, PROBING, Condition
from integrations.clock_beat import Beat, last_beat
from integrations.live_numbers import Numbers
from models import audit, dead_letters, outbox

Found = TypeVar("Found")

POLL_S = 10
SPANS_S = (60, 300, 900)
COUNTED_TO = 100_000  # rows of a queue
REASON_LENGTH = 300
HOLD, CLOSE = "hold", "close"
STATES = {
    CLOSED: (_("通"), "green"),
    OPEN: (_("断开，暂停发送"), "red"),
    PROBING: (_("断开，正在试探"), "orange"),
    HELD: (_("人工停用"), "red"),
}


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue as it stands: jobs in Redis, rows in the store, and since when the oldest is due."""

    name: str
    jobs: int | None
    owed: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    name: str
    queues: str
    state: str
    beat_at: datetime | None


def add_routes(console: Console) -> None:
    """The page, the part of it that is polled, and a breaker."""

    @console.page(
        "/operations", permission="operations.see", nav=_("运行状况"),
        about=_("消息快慢、网关和外部系统、队列、时钟，此刻的样子。"),
    )  # fmt: skip
    def operations(visit: Visit) -> Page:
        body, tag = _live(visit)
        return visit.render("console/operations.html", body=body, tag=tag, every_s=POLL_S)

    @console.page("/operations/live", permission="operations.see")
    def operations_live(visit: Visit) -> Page:
        body, tag = _live(visit)
        html = render_template("console/operations_part.html", body=body, tag=tag, every_s=POLL_S)
        answer = Response(html, mimetype="text/html")
        answer.set_etag(tag)
        answer.make_conditional(request)
        return answer

    @console.page(
        "/operations/gateways/<name>", permission="operations.see", methods=("GET", "POST")
    )
    def gateway(visit: Visit, name: str) -> Page:
        if name not in visit.parts.breakers:
            abort(404)
        form = visit.form("reason")
        if form.sent and _move(visit, name, form, request.form.get("do", "")):
            return visit.go("gateway", name=name)
        condition = _of_redis(visit.parts.breakers[name].condition)
        return visit.render(
            "console/gateway.html",
            crumbs=[(_("运行状况"), url_for("console.operations"))],
            name=name, system=_(SYSTEMS.get(name, name)), condition=condition, form=form,
            state=_state(condition) if condition else None,
            limits=visit.parts.settings.breakers, may=visit.can("gateways.change"),
        )  # fmt: skip


def _move(visit: Visit, name: str, form: Form, do: str) -> bool:
    """Hold or close a breaker; whether it is done, else the form says why not."""
    if not visit.can("gateways.change"):
        abort(403)
    if do not in (HOLD, CLOSE):
        abort(400)
    reason = form.need("reason", _("请写明原因，同事和审计会看到"), most=REASON_LENGTH)
    if not form.good:
        return False
    breaker = visit.parts.breakers[name]
    before = _of_redis(breaker.condition)
    if before is None:
        form.wrong("reason", _("Redis 连不上，断路器的状态读不到也改不了"))
        return False
    # Noted first: a change that Redis then refuses is told below, an unnoted change by nobody.
    visit.change(
        lambda tx: audit.write(
            tx, visit.by, action=f"gateway.{do}", subject=f"gateway:{name}", reason=reason,
            before={"state": before.state}, after={"state": HELD if do == HOLD else CLOSED},
            now=visit.now,
        )
    )  # fmt: skip
    act = breaker.hold if do == HOLD else breaker.close
    try:
        act(by=visit.operator.login, because=reason)
    except redis.RedisError:
        form.wrong("reason", _("Redis 没有回答，不知道改了没有：请再看一次状态"))
        return False
    machinery.forget(visit)
    if do == CLOSE:
        visit.parts.nudges(outbox.QUEUES)
    visit.say(_("已人工停用。") if do == HOLD else _("已放通，欠着的马上发送。"))
    return True


# -- the part that is polled -----------------------------------------------------------------------


def _live(visit: Visit) -> tuple[str, str]:
    """The body as HTML, and its ETag."""
    body = render_template("console/operations_live.html", **_seen(visit))
    return body, hashlib.sha256(body.encode()).hexdigest()[:16]


def _seen(visit: Visit) -> dict[str, Any]:
    parts, now = visit.parts, visit.now
    beat = _of_redis(lambda: last_beat(parts.counters))
    return {
        "visit": visit,
        "spans": _of_redis(lambda: [_span(parts.numbers.last(each)) for each in SPANS_S]),
        "gateways": [_gateway(visit, name) for name in parts.breakers],
        "queues": _queues(visit),
        "counted_to": COUNTED_TO,
        "workers": _of_redis(lambda: _workers(parts.counters, now)),
        "beat": beat,
        "leads": _leads(beat, now),
        "tasks": [(_(TASKS.get(one.name, one.name)), one) for one in beat.tasks] if beat else [],
        "dead": visit.read(lambda tx: dead_letters.dead(tx, most=COUNTED_TO)),
        "warning": machinery.files_warning(visit),
    }


def _span(numbers: Numbers) -> dict[str, Any]:
    received = numbers.total("in:")
    return {
        "minutes": round(numbers.seconds / 60),
        "received": received,
        "a_second": f"{received / numbers.seconds:.1f}",
        "p50": numbers.within_ms(0.5),
        "p99": numbers.within_ms(0.99),
        "errors": numbers.total("error:"),
        "sms": numbers.counts.get("sent:sms", 0),
        "wechat": numbers.counts.get("sent:wechat", 0),
        "calls": numbers.counts.get("call", 0),
        "receipts": numbers.total("receipt:"),
        "delivered": numbers.counts.get("receipt:delivered", 0),
        "put_off": numbers.counts.get("put off", 0),
        "gave_up": numbers.total("gave up:"),
    }


def _gateway(visit: Visit, name: str) -> dict[str, Any]:
    condition = _of_redis(visit.parts.breakers[name].condition)
    return {
        "name": name,
        "system": _(SYSTEMS.get(name, name)),
        "condition": condition,
        "state": _state(condition) if condition else None,
        "address": url_for("console.gateway", name=name),
    }


def _state(condition: Condition) -> tuple[str, str]:
    words, colour = STATES[condition.state]
    return _(words), colour


def _queues(visit: Visit) -> list[Queue]:
    now = visit.now
    oldest = visit.read(lambda tx: dead_letters.oldest_due(tx, now))
    owed = visit.read(
        lambda tx: {name: outbox.waiting(tx, name, most=COUNTED_TO) for name in outbox.QUEUES}
    )
    connection = visit.parts.counters
    return [
        Queue(
            _(machinery.QUEUES[name]),
            _of_redis(lambda name=name: rq.Queue(name, connection=connection).count),  # type: ignore[misc]
            owed[name],
            oldest.get(name),
        )
        for name in outbox.QUEUES
    ]


def _workers(connection: redis.Redis, now: datetime) -> list[WorkerSeen]:
    found = rq.Worker.all(connection=connection)
    return sorted(
        (
            WorkerSeen(
                f"{one.hostname}:{one.pid}",
                _("、").join(_(machinery.QUEUES.get(name, name)) for name in one.queue_names()),
                str(one.get_state()),
                one.last_heartbeat and min(one.last_heartbeat, now),
            )
            for one in found
        ),
        key=lambda seen: seen.name,
    )


def _leads(beat: Beat | None, now: datetime) -> bool:
    return beat is not None and now - beat.at < machinery.CLOCK_SILENT


def _of_redis(ask: Callable[[], Found]) -> Found | None:
    """What Redis says, None while it does not answer."""
    try:
        return ask()
    except redis.RedisError:
        return None
