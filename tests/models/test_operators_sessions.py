"""Sessions of operators: opaque, limited, and good for nothing until every step is done."""

from __future__ import annotations

from datetime import datetime, timedelta

from models.operators import accounts, roles, sessions
from models.operators.sessions import Limits, Session
from models.store import Store
from tests.models.conftest import NOON, rows
from tests.models.test_audit import BY

LIMITS = Limits()


def begun(store: Store, role: str = roles.SERVICE) -> str:
    """The token of somebody who has just signed in for the first time."""
    with store.begin() as tx:
        made, _ = accounts.create(tx, login="li", name="李", role=role, by=BY, now=NOON)
        return sessions.create(
            tx, made.id, limits=LIMITS, address="192.0.2.7", browser="Firefox", now=NOON
        )


def find(store: Store, token: str, now: datetime = NOON) -> Session | None:
    return store.read(lambda tx: sessions.find(tx, token, limits=LIMITS, now=now))


def test_the_token_is_not_in_the_database(store: Store) -> None:
    token = begun(store)
    ((stored,),) = rows(store, "SELECT token_hash::text || s::text FROM operator_sessions s")
    assert token not in stored
    assert find(store, token + "x") is None


def test_a_session_ends_when_idle_and_at_its_limit_though_used(store: Store) -> None:
    token = begun(store)
    assert find(store, token, NOON + timedelta(minutes=29)) is not None
    assert find(store, token, NOON + timedelta(minutes=58)) is not None
    assert find(store, token, NOON + timedelta(minutes=89)) is None
    now = NOON + timedelta(minutes=58)
    while now < NOON + LIMITS.lasts:
        assert find(store, token, now) is not None, now
        now += timedelta(minutes=29)
    assert find(store, token, NOON + LIMITS.lasts) is None


def test_who_begins_changes_the_start_password_before_anything_else(store: Store) -> None:
    found = find(store, begun(store))
    assert found is not None
    assert (found.operator.login, found.step) == ("li", sessions.PASSWORD)
