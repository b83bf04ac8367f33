"""A Twilio-shaped far end over real HTTP that answers as the test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    authorization: str


@dataclass
class FarEnd:
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    # (status, JSON-able or bytes, headers?); None = hang until the test is over; "drop" = hang up.
    answer: Callable[[Call], Any] = lambda _: (200, {})
    over: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def far() -> Iterator[FarEnd]:
    end = FarEnd()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One write per answer, or each waits for a delayed acknowledgement.
        wbufsize = -1

        def handle_one(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            query, form = dict(parse_qsl(url.query)), dict(parse_qsl(body))
            signed = self.headers.get("Authorization", "")
            call = Call(self.command, url.path, query, form, signed)
            end.calls.append(call)
            told = end.answer(call)
            self.close_connection = told is None or told == "drop"
            if self.close_connection:
                if told is None:
                    end.over.wait(30)
                return
            status, said, *more = told
            raw = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            headers = {"Content-Length": str(len(raw)), **(more[0] if more else {})}
            for name, value in headers.items():
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
