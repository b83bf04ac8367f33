"""The doors alone, on real sockets and a real database, one for a whole module.

No emulator and no worker runs: what a test sees is what the doors themselves have done. Tests of
a module share the database, so each speaks as somebody new (`stranger`).
"""

from __future__ import annotations

import io
import itertools
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import requests
import structlog
from werkzeug.serving import WSGIRequestHandler, make_server

import app as product
import logs
import settings as configuration
from doors import web
from embedded.valkey import Valkey
from models.tables import metadata
from tests.conftest import MovableClock
from tests.handlers.callers import Boss, Twilio, WeChat

_numbers = itertools.count(1)


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


@dataclass
class Doors:
    """The web app of one circle, listening; `serve` opens others on the same database."""

    url: str
    app: Callable[..., Iterable[bytes]]
    circle: product.Circle
    clock: MovableClock
    environment: dict[str, str]
    stack: ExitStack
    http: requests.Session = field(default_factory=requests.Session)

    def serve(self, **environment: str) -> Doors:
        """Other doors with other settings, named without the prefix; they see the same people."""
        named = {f"CIRCLE_{name}": value for name, value in environment.items()}
        return _open(self.stack, {**self.environment, **named}, self.clock)

    def raw(
        self, query: str = "", body: bytes = b"", *, path: str = "/wechat", **environ: str
    ) -> int:
        """The status for what no HTTP client would send, handed over in memory."""
        said: list[str] = []
        parts = self.app(
            {
                "REQUEST_METHOD": "POST",
                "SCRIPT_NAME": "",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_LENGTH": str(len(body)),
                "SERVER_NAME": "127.0.0.1",
                "SERVER_PORT": "80",
                "wsgi.url_scheme": "http",
                "wsgi.input": io.BytesIO(body),
                "wsgi.errors": sys.stderr,
                **environ,
            },
            lambda status, headers, error=None: said.append(status),
        )
        b"".join(parts)
        return int(said[0][:3])

    @property
    def wechat(self) -> WeChat:
        account = self.circle.settings.wechat
        return WeChat(
            f"{self.url}/wechat", self.http, account.token, account.encoding_aes_key,
            account.app_id, account.mode, lambda: self.clock().timestamp(),
        )  # fmt: skip

    @property
    def twilio(self) -> Twilio:
        public = self.circle.settings.public_url
        secret = self.circle.settings.sms.twilio.auth_token or ""
        return Twilio(self.url, public, self.http, secret)

    @property
    def boss(self) -> Boss:
        secret = self.circle.settings.boss.secret or ""
        return Boss(
            f"{self.url}/boss/callback", self.http, secret, lambda: self.clock().timestamp()
        )

    @property
    def boss_events(self) -> Boss:
        return replace(self.boss, url=f"{self.url}/boss/events")

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database says."""
        with self.circle.store.reading() as tx:
            return [tuple(row) for row in tx.exec_driver_sql(query, values or None)]

    def sent(self, number: str) -> None:
        """As if a worker had handed to the gateway what is owed to this number."""
        with self.circle.store.begin() as tx:
            tx.exec_driver_sql(
                "UPDATE outbox SET submitted_at = %s, state = 'sent'"
                " WHERE state = 'owed' AND payload ->> 'to' = %s",
                (self.clock(), number),
            )

    def stored(self) -> tuple[Any, ...]:
        """Something that is another as soon as any row of any table is another."""
        parts = ", ".join(
            f"(SELECT count(*)::text || ':' || coalesce(sum(xmin::text::bigint), 0)"
            f' FROM "{table.name}")'
            for table in metadata.sorted_tables
        )
        return self.rows(f"SELECT {parts}")[0]

    @contextmanager
    def nothing_changes(self) -> Iterator[None]:
        """Whatever happens inside must leave the database as it was."""
        before = self.stored()
        yield
        assert self.stored() == before


@pytest.fixture(scope="module", autouse=True)
def _logs_as_in_production() -> Iterator[None]:
    """One line for an error: structlog's own way draws every local variable, for seconds."""
    before = structlog.get_config()
    logs.configure("info")
    yield
    structlog.configure(**before)


@pytest.fixture(scope="module")
def doors(module_database_url: str, valkey: Valkey) -> Iterator[Doors]:
    """Everything that listens, on a database of this module's own with the sample data."""
    with ExitStack() as stack:
        environment = {
            "CIRCLE_DATABASE_URL": module_database_url,
            "CIRCLE_REDIS_URL": valkey.url,
        }
        yield _open(stack, environment, MovableClock())


@pytest.fixture(scope="module")
def cut_off(valkey: Valkey) -> Iterator[Doors]:
    """Doors whose database cannot be reached: nobody listens at its port."""
    with ExitStack() as stack:
        environment = {
            "CIRCLE_DATABASE_URL": f"postgresql://nobody@127.0.0.1:{_closed_port()}/none",
            "CIRCLE_REDIS_URL": valkey.url,
        }
        yield _open(stack, environment, MovableClock())


@pytest.fixture
def stranger() -> str:
    """The openid of somebody who has never written before."""
    return f"o_stranger_{next(_numbers)}"


@pytest.fixture
def new_number() -> str:
    """The number of somebody who has never written before."""
    return f"+86139{next(_numbers):08d}"


def _open(stack: ExitStack, environment: dict[str, str], clock: MovableClock) -> Doors:
    apps: dict[str, Callable[..., Any]] = {}
    server = make_server(
        "127.0.0.1", 0, lambda e, s: apps["web"](e, s), threaded=True, request_handler=_Quiet
    )
    url = f"http://127.0.0.1:{server.server_port}"
    settings = configuration.load(
        {
            **configuration.DEVELOPMENT,
            "CIRCLE_PUBLIC_URL": "https://circle.example",
            "CIRCLE_BOSS__BASE_URL": "http://127.0.0.1:9/boss",
            **environment,
        }
    )
    circle = product.Circle(settings, connections=12, now=clock)
    apps["web"] = web(circle)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    opened = Doors(url, apps["web"], circle, clock, environment, stack)
    stack.callback(circle.store.close)
    stack.callback(opened.http.close)
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    return opened


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
