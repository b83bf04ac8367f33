"""kill -9 of the sender, again and again, while it sends: the SMSC counts what it took, by text.

Two passes. In the first one nothing is sent again of which nobody knows; every text must stand at
the SMSC once and here as delivered, or not stand there at all and here as unknown. In the second
one the time of those that are unknown is over: then every text must stand there once.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.report import Row
from bench.sms_plane import Plane, Smsc, plane, wait
from embedded.postgres import Postgres
from models import outbox
from models.store import Store

WINDOW = 50
DELAY_MS = 5
# Between two kills the sender has so long to work, once it runs.
LIVES_S = (0.1, 1.0)

_OWE = """
INSERT INTO outbox (subscriber_id, queue, kind, category, payload, created_at, due_at)
SELECT subscriber_id, 'bulk', 'sms', 'notice', jsonb_build_object(
    'to', address, 'text', '【和生活圈】第' || row_number() OVER (ORDER BY address) || '条'),
    now(), now()
FROM subscriber_addresses WHERE channel = 'sms' AND address LIKE '+86139%%'
ORDER BY address LIMIT %(count)s
"""
# What became of each text. Settled by its receipt alone: the answer was lost with a process.
_STATES = """
SELECT substr(payload ->> 'to', 2) || ' ' || (payload ->> 'text'),
       CASE WHEN state = 'delivered' AND settled_at = submitted_at THEN 'resolved'
            WHEN state = 'owed' AND submitted_at IS NOT NULL THEN 'unknown' ELSE state END
FROM outbox WHERE queue = 'bulk'
"""
_OPEN = """
SELECT count(*) FROM outbox WHERE queue = 'bulk' AND (state IN ('taken', 'sent')
    OR state = 'owed' AND (submitted_at IS NULL OR %(all)s))
"""


@dataclass(frozen=True, slots=True)
class Balance:
    """What the SMSC counted against what the rows say."""

    once: int
    doubled: int
    lost: int  # not at the SMSC, though the row does not say that nobody knows
    unknown: int  # not at the SMSC, and the row says that nobody knows
    resolved: int  # at the SMSC, their answer lost, known by their receipt


def measure(postgres: Postgres, kills: int, count: int, gateway: str) -> list[Row]:
    """The figures of both passes. Raises TooSlow."""
    with plane(postgres, count, gateway) as ready:
        first, second = run(ready, kills, count)
    return [
        Row("sms.kills", kills, "times"),
        Row("sms.kills.once", first.once, "SMS"),
        Row("sms.kills.doubled", first.doubled + second.doubled, "SMS"),
        Row("sms.kills.lost", first.lost + second.lost, "SMS"),
        Row("sms.kills.unknown", first.unknown, "SMS"),
        Row("sms.kills.resolved", first.resolved, "SMS"),
        Row("sms.kills.once_in_the_end", second.once, "SMS"),
    ]


def run(ready: Plane, kills: int, count: int) -> tuple[Balance, Balance]:
    """Owe, kill, count; and again once nothing is unknown any more."""
    store = ready.store
    with store.begin() as tx:
        tx.exec_driver_sql(_OWE, {"count": count})
    smsc = Smsc.start(delay_ms=DELAY_MS)
    chance = random.Random(8)
    try:
        for number in range(kills):
            # Spread over all of it: each life ends after its share has left.
            _live_and_die(ready, smsc, chance, until=count * number // kills)
        process = ready.start_sender(smsc, window=WINDOW)
        wait("all settled", lambda: _settled(store, all_of_them=False), process)
        first = _balance(store, smsc)
        process.kill()
        process = ready.start_sender(smsc, window=WINDOW, CIRCLE_SMS__UNKNOWN_MINUTES="0.01")
        wait("all known", lambda: _settled(store, all_of_them=True), process)
        second = _balance(store, smsc)
        process.kill()
    finally:
        smsc.stop()
    return first, second


def _live_and_die(ready: Plane, smsc: Smsc, chance: random.Random, *, until: int) -> None:
    process = ready.start_sender(smsc, window=WINDOW)
    wait("its share has left", lambda: smsc.ask("taken")["taken"] >= until, process)
    time.sleep(chance.uniform(*LIVES_S))
    process.kill()  # SIGKILL: it can do nothing about it
    process.wait(10)


def _settled(store: Store, *, all_of_them: bool) -> bool:
    """What dead processes held is given back, as the clock does; is all of it settled?"""
    now = datetime.now(UTC)
    store.run(lambda tx: outbox.release_expired(tx, now))
    with store.reading() as tx:
        left = tx.exec_driver_sql(_OPEN, {"all": all_of_them}).scalar_one()
    return not left


def _balance(store: Store, smsc: Smsc) -> Balance:
    there = {key: times for key, (times, _) in smsc.ask("texts 【").items()}
    with store.reading() as tx:
        here = dict(tuple(row) for row in tx.exec_driver_sql(_STATES))
    return Balance(
        once=sum(there.get(key) == 1 for key in here),
        doubled=sum(times > 1 for times in there.values()),
        lost=sum(key not in there and state != "unknown" for key, state in here.items()),
        unknown=sum(key not in there and state == "unknown" for key, state in here.items()),
        resolved=sum(state == "resolved" for state in here.values()),
    )
