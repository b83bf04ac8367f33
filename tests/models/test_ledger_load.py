"""The ledger under many clients at once, and under kill -9 of its database in the middle."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from commands.db import seed, upgrade
from embedded.postgres import Postgres
from models.store import Store, Unavailable
from tests.models.conftest import NOON, at_once, rows
from tests.models.ledger_load import REFUSALS, Client, Work, check_all, rich_people

CLIENTS, PEOPLE, EACH = 8, 4, 60


@pytest.mark.slow
def test_eight_clients_at_once_leave_the_books_right(store: Store) -> None:
    people = rich_people(store, PEOPLE)

    def work(number: int) -> int:
        client = Client(f"client {number}", people, seed=number)
        for _ in range(EACH):
            key, movement = client.next()
            try:
                try:
                    done = store.run(movement)
                except Unavailable:  # collided as often as the store tries: the client asks again
                    done = store.run(movement)
                client.note(key, done)
            except REFUSALS:
                continue
        return len(client.made)

    made = at_once([lambda n=n: work(n) for n in range(CLIENTS)])  # type: ignore[misc]
    assert sum(made) > CLIENTS * EACH / 2  # most of it was no refusal
    check_all(store)


@pytest.mark.slow
def test_a_database_killed_under_load_has_all_that_it_acknowledged_and_nothing_twice(
    tmp_path: Path,
) -> None:
    server = Postgres(tmp_path / "postgres")  # durable, as in production
    server.start()
    try:
        upgrade(server.url)
        store = Store(server.url, connections=CLIENTS, patience_s=10)
        seed(store, NOON, rules=False)
        people = rich_people(store, PEOPLE)
        clients = [Client(f"client {n}", people, seed=n) for n in range(CLIENTS)]
        open_ends = _load_until_killed(server, store, clients)
        store.close()
        server.start()
        store = Store(server.url, connections=CLIENTS, patience_s=10)
        _acknowledged_is_there(store, clients)
        # Whoever got no answer asks again under the same key, as often as it takes.
        for client, (key, movement) in open_ends:
            for _ in range(2):
                try:
                    client.note(key, store.run(movement))
                except REFUSALS:
                    break
        _acknowledged_is_there(store, clients)
        check_all(store)
        store.close()
    finally:
        server.stop()


def _load_until_killed(
    server: Postgres, store: Store, clients: list[Client]
) -> list[tuple[Client, tuple[str, Work]]]:
    """What each client was waiting for when the database died."""
    warm = threading.Barrier(len(clients) + 1)
    open_ends: list[tuple[Client, tuple[str, Work]]] = []

    def work(client: Client) -> None:
        for turn in range(100_000):
            if turn == 15:
                warm.wait()
            movement = client.next()
            try:
                client.note(movement[0], store.run(movement[1]))
            except REFUSALS:
                continue
            except (Unavailable, DBAPIError, psycopg.Error):
                open_ends.append((client, movement))
                return

    crew = [threading.Thread(target=work, args=[client]) for client in clients]
    for each in crew:
        each.start()
    warm.wait()  # all of them are in the middle of it
    os.kill(server.pid, signal.SIGKILL)
    for each in crew:
        each.join()
    assert len(open_ends) == len(clients)
    return open_ends


def _acknowledged_is_there(store: Store, clients: list[Client]) -> None:
    kept = dict(rows(store, "SELECT key, serial FROM points_transfers"))
    for client in clients:
        assert client.made.items() <= kept.items()
