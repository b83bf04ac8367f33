"""Why messages must not leave: asked for a whole batch, and the same as row by row."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from models import outbox, preferences, sending_policy, sql
from models.base import Tx
from models.outbox import Owed
from models.sending_policy import LOOP, LOOP_LIMIT, LOOP_WITHIN, NO_WAY_OUT, NOT_WANTED, Policy
from models.store import Store
from models.subscribers import Subscriber
from tests.models.conftest import NOON, newcomer

BLOCKED, GONE = "the subscriber is blocked", "the subscriber is deleted"
SOLD = "周末电影半价，回复TD退订"
OUT = "the subscriber has opted out"


def _somebody(store: Store, change: str = "") -> Subscriber:
    who = store.run(newcomer)
    if change:
        store.run(lambda tx: sql.run(tx, f"UPDATE subscribers SET {change} WHERE id = {who.id}"))
    return who


def _owe(
    store: Store, who: Subscriber, category: str = "notice", at: datetime = NOON, **more: Any
) -> Owed:
    def owe(tx: Tx) -> Owed:
        what = {"kind": "sms", "payload": {"to": who.msisdn, "text": "您好"}} | more
        owed = outbox.owe(tx, subscriber_id=who.id, category=category, now=at, **what)
        found = outbox.get(tx, owed)
        assert found is not None
        return found

    return store.run(owe)


@pytest.fixture
def batch(store: Store) -> list[tuple[Owed, str | None]]:
    """Rows of all kinds of people, each with what is expected of it."""
    plain, out = _somebody(store), _somebody(store, "opted_out_at = now()")
    blocked, gone = _somebody(store, "status = 'blocked'"), _somebody(store, "status = 'deleted'")
    talker = _somebody(store)
    rows = [
        (_owe(store, plain), None), (_owe(store, plain, "marketing"), NO_WAY_OUT),
        (_owe(store, plain, "marketing", payload={"to": plain.msisdn, "text": SOLD}), None),
        (_owe(store, plain, "marketing", kind="wechat", payload={"openid": "o"}), None),
        (_owe(store, out), OUT), (_owe(store, out, "answer"), None),
        (_owe(store, blocked, "answer"), BLOCKED), (_owe(store, gone, "marketing"), GONE),
        (_owe(store, out, kind="wechat", payload={"openid": "o", "text": "您好"}), OUT),
    ]  # fmt: skip
    early = NOON - LOOP_WITHIN
    rows += [(_owe(store, talker, "answer", at=early), LOOP)]
    rows += [(_owe(store, talker, "answer"), LOOP) for _ in range(LOOP_LIMIT)]
    later = NOON + LOOP_WITHIN + timedelta(seconds=1)
    return [*rows, (_owe(store, talker, "answer", at=later), None)]


def test_a_batch_is_judged_as_row_by_row(
    store: Store, batch: list[tuple[Owed, str | None]]
) -> None:
    rows, expected = [owed for owed, _ in batch], [why for _, why in batch]
    together = store.read(lambda tx: sending_policy.refusals(tx, rows, Policy()))
    apart = store.read(lambda tx: [sending_policy.refusal(tx, owed, Policy()) for owed in rows])
    assert (together, apart) == (expected, expected)


def test_marketing_that_waited_for_the_morning_minds_what_was_switched_off_by_night(
    store: Store,
) -> None:
    who, other = _somebody(store), _somebody(store)
    sold = {"to": who.msisdn, "text": SOLD}
    rows = [_owe(store, who, "marketing", payload=sold), _owe(store, who), _owe(store, other)]
    store.run(
        lambda tx: preferences.change(
            tx, who.id, {("marketing", "sms"): False}, question="", answer="4", origin="o", now=NOON
        )
    )
    found = store.read(lambda tx: sending_policy.refusals(tx, rows, Policy()))
    assert found == [NOT_WANTED, None, None]


def test_a_batch_costs_one_statement(
    store: Store, batch: list[tuple[Owed, str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    plain = sql.run

    def counted(tx: Tx, statement: str, values: sql.Values = None) -> Any:
        asked.append(statement)
        return plain(tx, statement, values)

    monkeypatch.setattr(sql, "run", counted)
    store.read(lambda tx: sending_policy.refusals(tx, [owed for owed, _ in batch], Policy()))
    assert len(asked) == 1
