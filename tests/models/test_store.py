"""Transactions: run again after a collision, bounded in time, and whole or not at all."""

from __future__ import annotations

import threading
from functools import partial

import psycopg
import pytest

from models import sql
from models.base import Tx
from models.store import Store, Unavailable
from tests.models.conftest import at_once, rows

PRICE = "UPDATE clubs SET price_fen = price_fen + 1 WHERE code = %s"


@pytest.mark.slow
def test_of_two_that_deadlock_both_come_through(store: Store) -> None:
    before = rows(store, "SELECT sum(price_fen) FROM clubs")[0][0]
    both_hold_one = threading.Barrier(2)
    tries: list[str] = []

    def work(tx: Tx, first: str, second: str) -> None:
        tries.append(first)
        sql.run(tx, PRICE, (first,))
        if len(tries) <= 2:
            both_hold_one.wait(60)
        sql.run(tx, PRICE, (second,))

    at_once(
        [
            partial(store.run, partial(work, first="film", second="car")),
            partial(store.run, partial(work, first="car", second="film")),
        ]
    )
    assert len(tries) >= 3  # one of them, or on a slow machine both in turn, tried again
    assert rows(store, "SELECT sum(price_fen) FROM clubs") == [(before + 4,)]


def test_who_waits_too_long_for_a_lock_is_told_and_nothing_has_changed(
    store: Store, database_url: str
) -> None:
    before = rows(store, "SELECT price_fen FROM clubs WHERE code = 'film'")
    hurried = Store(database_url, connections=1, patience_s=0.2)
    with store.begin() as holding:
        sql.run(holding, PRICE, ("film",))
        with pytest.raises(Unavailable):
            hurried.run(lambda tx: sql.change(tx, PRICE, ("film",)))
        holding.rollback()
    assert rows(store, "SELECT price_fen FROM clubs WHERE code = 'film'") == before
    assert hurried.run(lambda tx: sql.change(tx, PRICE, ("film",))) == 1
    hurried.close()


def test_a_mistake_of_ours_is_raised_at_once_and_undoes_everything(store: Store) -> None:
    tries = []

    def work(tx: Tx) -> None:
        tries.append(1)
        sql.run(tx, PRICE, ("film",))
        sql.run(tx, "UPDATE clubs SET price_fen = -1 WHERE code = 'film'")

    before = rows(store, "SELECT price_fen FROM clubs WHERE code = 'film'")
    with pytest.raises(psycopg.errors.CheckViolation):
        store.run(work)
    assert len(tries) == 1
    assert rows(store, "SELECT price_fen FROM clubs WHERE code = 'film'") == before


def test_without_a_free_connection_or_a_server_it_is_unavailable(database_url: str) -> None:
    small = Store(database_url, connections=1, patience_s=0.2)
    with small.begin(), pytest.raises(Unavailable, match="no connection is free"):
        small.run(lambda tx: sql.value(tx, "SELECT 1"))
    assert small.read(lambda tx: sql.value(tx, "SELECT 1")) == 1
    small.close()
    nowhere = Store("postgresql://nobody@127.0.0.1:1/none", connections=1, patience_s=0.2)
    with pytest.raises(Unavailable):
        nowhere.read(lambda tx: sql.value(tx, "SELECT 1"))
    nowhere.close()


def test_a_connection_that_the_server_has_closed_is_replaced(store: Store) -> None:
    pids = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
    mine = store.read(lambda tx: sql.value(tx, "SELECT pg_backend_pid()"))
    others = Store(
        store.engine.url.render_as_string(hide_password=False),  # type: ignore[attr-defined]
        connections=1, patience_s=5,
    )  # fmt: skip
    rows(others, f"SELECT pg_terminate_backend(pid) FROM ({pids}) p WHERE pid <> pg_backend_pid()")
    others.close()
    assert store.run(lambda tx: sql.value(tx, "SELECT pg_backend_pid()")) != mine


def test_a_statement_alone_is_kept_at_once_and_made_again_on_a_new_connection(
    store: Store, database_url: str
) -> None:
    before = rows(store, "SELECT price_fen FROM clubs WHERE code = 'film'")[0][0]
    lonely = Store(database_url, connections=1, patience_s=5)
    pid = lonely.alone(lambda tx: sql.value(tx, "SELECT pg_backend_pid()"))
    rows(store, f"SELECT pg_terminate_backend({pid})")
    assert lonely.alone(lambda tx: sql.change(tx, PRICE, ("film",))) == 1
    lonely.close()
    assert rows(store, "SELECT price_fen FROM clubs WHERE code = 'film'") == [(before + 1,)]
