"""Sessions of operators: opaque, limited, and good for nothing until every step is done."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from models.audit import By
from models.operators import accounts, roles, sessions
from models.operators.sessions import Session
from models.store import Store
from tests.models.conftest import NOON, rows
from tests.models.operators import COMMAND, LIMITS, by, operator, signed_in


def begun(store: Store, role: str = roles.SERVICE) -> str:
    """The token of somebody who has just signed in for the first time."""
    with store.begin() as tx:
        made, _ = accounts.create(tx, login="li", name="李", role=role, by=COMMAND, now=NOON)
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


def test_sessions_are_listed_and_revoked_by_their_owner_or_an_administrator(store: Store) -> None:
    with store.begin() as tx:
        li, wang = (operator(tx, roles.SERVICE, now=NOON) for _ in range(2))
        root = operator(tx, roles.ADMINISTRATOR, now=NOON)
        tokens = [signed_in(tx, li, now=NOON) for _ in range(4)]
    mine = store.read(lambda tx: sessions.listed(tx, li.id, limits=LIMITS, now=NOON))
    assert len(mine) == 4
    assert mine[-1] == find(store, tokens[0])

    def revoke(session: Session, who: By) -> bool:
        return store.run(lambda tx: sessions.revoke(tx, session.id, by=who, now=NOON))

    with pytest.raises(PermissionError):
        revoke(mine[0], by(wang))
    assert revoke(mine[0], by(li))
    assert not revoke(mine[0], by(li))
    assert revoke(mine[1], by(root))
    store.run(lambda tx: sessions.sign_out(tx, mine[2], by=by(li), now=NOON))
    alive = [token for token in tokens if find(store, token)]
    assert alive == tokens[:1]
    said = rows(
        store,
        "SELECT login, after ->> 'because' FROM audit_entries WHERE action = 'session.end'"
        " ORDER BY id",
    )
    assert said == [(li.login, "revoked"), (root.login, "revoked"), (li.login, "signed out")]


def test_one_signs_out_everywhere_else(store: Store) -> None:
    with store.begin() as tx:
        li = operator(tx, roles.SERVICE, now=NOON)
        tokens = [signed_in(tx, li, now=NOON) for _ in range(3)]
    here = find(store, tokens[1])
    assert here is not None
    ended = store.run(
        lambda tx: sessions.revoke_all(
            tx, li.id, because="revoked", by=by(li), now=NOON, but=here.id
        )
    )
    assert ended == 2
    assert [find(store, token) is not None for token in tokens] == [False, True, False]


def test_a_session_that_was_revoked_is_not_renewed(store: Store) -> None:
    token = begun(store)
    session = find(store, token)
    assert session is not None
    store.run(lambda tx: sessions.revoke(tx, session.id, by=COMMAND, now=NOON))
    with pytest.raises(sessions.Over):
        store.run(lambda tx: sessions.renew(tx, session, now=NOON))


def test_being_seen_is_noted_once_a_minute(store: Store) -> None:
    token = begun(store)
    for seconds, noted in ((59, 0), (60, 60), (119, 60), (121, 121)):
        now = NOON + timedelta(seconds=seconds)
        find(store, token, now)
        ((seen,),) = rows(store, "SELECT seen_at FROM operator_sessions")
        assert seen == NOON + timedelta(seconds=noted)


def test_sessions_are_forgotten_a_month_after_their_end(store: Store) -> None:
    with store.begin() as tx:
        li = operator(tx, roles.SERVICE, now=NOON)
        for _ in range(3):
            signed_in(tx, li, now=NOON)
    end = NOON + LIMITS.lasts + sessions.KEPT_FOR
    assert store.run(lambda tx: sessions.forget_before(tx, end - sessions.KEPT_FOR, 2)) == 0
    after = end + timedelta(seconds=1)
    assert store.run(lambda tx: sessions.forget_before(tx, after - sessions.KEPT_FOR, 2)) == 2
    assert store.run(lambda tx: sessions.forget_before(tx, after - sessions.KEPT_FOR, 2)) == 1
