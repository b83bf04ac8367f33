"""Rules and events for tests: what is not said is plain."""

from __future__ import annotations

import itertools
import json
from datetime import datetime, timedelta
from typing import Any

from models import sql
from models.base import Tx
from models.earning import publishing
from models.earning.definition import Rule
from models.earning.event import Event
from models.store import Store
from models.subscribers import Subscriber
from tests.models.conftest import NOON

# When a process has surely taken a published version over; still the same day in China.
SOON = NOON + timedelta(seconds=5)
_numbers = itertools.count(1)

# The table that the intake of events makes; here where its migration is not there yet.
EVENTS = """
    CREATE TABLE IF NOT EXISTS earning_events (
        event_id varchar(80) PRIMARY KEY, type varchar(40) NOT NULL, subscriber_id bigint NOT NULL,
        occurred_at timestamptz NOT NULL, "values" jsonb NOT NULL, content_hash bytea NOT NULL,
        source varchar(80) NOT NULL, received_at timestamptz NOT NULL)
"""


def rule(code: str, /, **more: Any) -> Rule:
    """A rule that gives 10 promotional points for each event of the type "paid"."""
    plain = {
        "code": code, "title": "测试", "family": "activity", "event": "paid",
        "window": {"from": "2026-01-01"}, "amount": 10, "kind": "promotional",
        "valid": {"months": 12},
    }  # fmt: skip
    return Rule.model_validate_json(json.dumps(plain | more))


def event(
    who: Subscriber | int, kind: str = "paid", /, *, at: datetime = NOON, **values: Any
) -> Event:
    """Something that somebody has just done."""
    owner = who if isinstance(who, int) else who.id
    return Event(f"e{next(_numbers)}", kind, owner, at, values)


def publish(store: Store, *rules: Rule, at: datetime = NOON) -> list[tuple[Rule, int]]:
    return store.run(lambda tx: publishing.publish(tx, list(rules), by="wang", note="test", now=at))


def record(tx: Tx, *events: Event) -> None:
    """Keep events as their intake does."""
    sql.run(tx, EVENTS)
    for each in events:
        sql.run(
            tx,
            "INSERT INTO earning_events VALUES (%s, %s, %s, %s, %s, %s, 'boss', %s)",
            [each.id, each.type, each.subscriber_id, each.occurred_at, json.dumps(each.values),
             b"hash", each.occurred_at],
        )  # fmt: skip
