"""A far end over real HTTP that answers as a test says: what our clients talk to when they must
meet a server that hangs, hangs up, or says something odd.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Call:
    """A request that has arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass
class FarEnd:
    """`answer` says (status, JSON-able or bytes, headers?); None hangs, "drop" hangs up."""

    answer: Callable[[Call], Any]
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def to(self, path: str) -> list[Call]:
        return [call for call in self.calls if call.path == path]


class _Server(ThreadingHTTPServer):
    # Twenty threads may knock at once; a full queue would cost them a second.
    request_queue_size = 64


@contextmanager
def far_end(says: Any) -> Iterator[FarEnd]:
    """A far end that says this with status 200 until the test gives it another answer."""
    end = FarEnd(lambda _: (200, says))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One write per answer, or each waits for a delayed acknowledgement.
        wbufsize = -1

        def handle_one(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = dict(self.headers.items())
            call = Call(self.command, url.path, dict(parse_qsl(url.query)), headers, body)
            end.calls.append(call)
            told = end.answer(call)
            self.close_connection = told is None or told == "drop"
            if told is None:
                end.over.wait(60)
            if not self.close_connection:
                self._say(*told)

        def _say(self, status: int, said: Any, headers: Any = None) -> None:
            raw = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(raw)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = handle_one  # noqa: N815  # the names that http.server looks for

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's name
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    end.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield end
    end.over.set()
    server.shutdown()
    server.server_close()
