"""Databases for tests, and connections to them that outlive a test.

Refilled    one database for many tests, which has the sample data again before each
Recycled    connections that a test has closed, for the next one: to open one takes longer than
            most tests do, and a new one has read nothing of the tables yet
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import pq
from sqlalchemy import Engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg, _log_notices

TEMPLATE = "circle_template"
EMPTY = "circle_empty"  # the same without the sample data
TRUNCATED_EVERY = 50
MOST_IDLE = 40  # connections kept for a database, of the 200 that the server has

Connection = psycopg.Connection[Any]


# -- connections -------------------------------------------------------------------------------


class Recycled:
    """Takes connections that SQLAlchemy closes, and hands them out for one with the same settings.

    What a session could have left behind is undone: a transaction, locks, the commit mode. Nobody
    here sets anything for a session but what every store sets; see `Store`.
    """

    def __init__(self) -> None:
        self._idle: dict[str, list[Connection]] = {}
        self._key_of: WeakKeyDictionary[Connection, str] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._close = PGDialect_psycopg.do_close

    def start(self) -> None:
        """Stand between SQLAlchemy and the driver."""
        event.listen(Engine, "do_connect", self._connect)
        PGDialect_psycopg.do_close = (  # type: ignore[method-assign]
            lambda dialect, connection: self._take(connection)
        )

    def stop(self) -> None:
        event.remove(Engine, "do_connect", self._connect)
        PGDialect_psycopg.do_close = self._close  # type: ignore[method-assign]
        self.forget()

    def idle_in(self, database: str) -> list[int]:
        """The process ids of the servers of connections that wait to be used again."""
        with self._lock:
            waiting = [one for each in self._idle.values() for one in each]
        return [one.info.backend_pid for one in waiting if one.info.dbname == database]

    def forget(self, database: str | None = None) -> None:
        """Close those that wait, because their database, or all, will go."""
        with self._lock:
            for waiting in self._idle.values():
                for one in list(waiting):
                    if database in (None, one.info.dbname):
                        waiting.remove(one)
                        one.close()

    def _connect(
        self, dialect: Any, record: object, words: Any, settings: dict[str, Any]
    ) -> Connection:
        key = repr(sorted((name, str(v)) for name, v in settings.items() if name != "context"))
        while True:
            with self._lock:
                waiting = self._idle.get(key)
                found = waiting.pop() if waiting else None
            if found is None:
                new: Connection = dialect.connect(*words, **settings)
                self._key_of[new] = key
                return new
            if _is_clean(found):
                return found
            found.close()

    def _take(self, connection: Connection) -> None:
        key = self._key_of.get(connection)
        if key is None or not _is_clean(connection):
            connection.close()
            return
        connection.remove_notice_handler(_log_notices)
        with self._lock:
            waiting = self._idle.setdefault(key, [])
            if len(waiting) < MOST_IDLE:
                waiting.append(connection)
                return
        connection.close()


def _is_clean(connection: Connection) -> bool:
    """Whether it answers; then it holds nothing any more."""
    if connection.closed or connection.info.transaction_status == pq.TransactionStatus.ACTIVE:
        return False
    try:
        connection.rollback()
        connection.autocommit = True
        connection.execute("SELECT pg_advisory_unlock_all()")
        connection.autocommit = False
    except psycopg.Error:
        return False
    return True


# -- databases ---------------------------------------------------------------------------------


@dataclass
class Refilled:
    """One database for many tests. `refill` gives it the sample data of the template again, which
    takes a tenth of the time that a new database does."""

    name: str
    dsn: str
    admin: Connection
    recycled: Recycled
    template: str = TEMPLATE
    refills: int = 0
    inside: Connection = field(init=False)

    def __post_init__(self) -> None:
        self._make()

    def refill(self) -> None:
        """Whoever is still connected, and not for the next test, belongs to one that is over."""
        try:
            self.inside.execute("SELECT 1")
        except psycopg.OperationalError:  # a test ended all connections, ours too
            self.drop()
            self._make()
            return
        self.admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> ALL (%s) AND backend_type = 'client backend'",
            [self.name, [self.inside.info.backend_pid, *self.recycled.idle_in(self.name)]],
        )
        self.refills += 1
        # What was deleted lies there until its table is truncated.
        anew = self.refills % TRUNCATED_EVERY == 0
        self.inside.execute("SELECT pg_temp.refill(%s)", [anew])

    def drop(self) -> None:
        self.inside.close()
        self.recycled.forget(self.name)
        drop(self.admin, self.name)

    def _make(self) -> None:
        self.admin.execute(copy_of_template(self.name, self.template))
        self.inside = psycopg.connect(self.dsn, autocommit=True)
        self.inside.execute(_prepared(self.inside).encode())


def _prepared(inside: Connection) -> str:
    """The statements that keep the sample data, and make pg_temp.refill(anew boolean)."""
    names = [
        name
        for (name,) in inside.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        )
    ]
    seeded = {name for name in names if _first(inside, f'SELECT EXISTS (SELECT FROM "{name}")')}
    rewound = _first(
        inside,
        "SELECT string_agg(format('PERFORM setval(%L, %s, %L);', quote_ident(sequencename),"
        " coalesce(last_value, start_value), last_value IS NOT NULL), ' ') FROM pg_sequences",
    )
    kept, steps = [], []
    for name in names:
        if name not in seeded:
            steps.append(f'IF EXISTS (SELECT FROM "{name}") THEN DELETE FROM "{name}"; END IF;')
            continue
        columns = _first(
            inside,
            "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
            " AND attgenerated = ''",
            f'public."{name}"',
        )
        kept.append(f'CREATE TEMP TABLE "seed_{name}" AS SELECT {columns} FROM "{name}";')
        # A sum over the rows, whatever their order.
        now = f'(SELECT sum(hash_record_extended(x, 0)) FROM "{name}" x)'
        then = _first(inside, f"SELECT {now}")
        steps.append(
            f"IF {now} IS DISTINCT FROM {then} THEN"
            f' DELETE FROM "{name}";'
            f' INSERT INTO "{name}" ({columns}) OVERRIDING SYSTEM VALUE'
            f' SELECT {columns} FROM "seed_{name}"; END IF;'
        )
    # Only what has changed is touched: to truncate an empty table costs as much as a full one.
    all_of_them = ", ".join(f'"{name}"' for name in names)
    return f"""
        -- Neither the triggers that keep history nor foreign keys stand in the way.
        SET session_replication_role = replica;
        {" ".join(kept)}
        CREATE FUNCTION pg_temp.refill(anew boolean) RETURNS void LANGUAGE plpgsql AS $refill$
        BEGIN
            IF anew THEN TRUNCATE {all_of_them}; END IF;
            {" ".join(steps)}
            {rewound}
        END $refill$;
    """


def _first(inside: Connection, query: str, *values: Any) -> Any:
    found = inside.execute(query.encode(), values or None).fetchone()
    return found[0] if found else None


def copy_of_template(name: str, template: str = TEMPLATE) -> bytes:
    """The statement that makes a database of this name."""
    # Copying files takes a third of the time of PostgreSQL's default, which logs every page.
    return f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY".encode()


def drop(admin: Connection, name: str) -> None:
    """Drop a test's database once its connections have ended, or in spite of them."""
    # PostgreSQL itself would look again only after 100 ms.
    open_ones = "SELECT 1 FROM pg_stat_activity WHERE datname = %s LIMIT 1"
    for _ in range(20):
        if admin.execute(open_ones, [name]).fetchone() is None:
            break
        time.sleep(0.002)
    admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
