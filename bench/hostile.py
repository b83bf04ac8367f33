"""Bodies of ten megabytes: how fast they are turned away, and what memory they leave behind."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Sequence
from statistics import median

from bench import messages
from bench.cases import WrongAnswer
from bench.people import Person
from bench.report import Row, versus
from bench.servers import Server
from bench.stage import Stage

PATIENCE_S = 20.0


def measure(stage: Stage, count: int) -> list[Row]:
    """Time to a definite answer, and growth of a serving process. Raises WrongAnswer."""
    requests = [messages.too_large(Person(n).openid) for n in range(4)]
    before = max(stage.product.memory_mib())
    ours = _times_ms(stage.product, requests, count, (413,))
    growth = max(stage.product.memory_mib()) - before
    # The echo has no limit: it decrypts all of it before it sees that it is none of WeChat's.
    theirs = _times_ms(stage.echo, requests, count, (403, 413))
    return [
        versus("wechat.hostile_10mb.time", median(ours), "ms", median(theirs)),
        Row("wechat.hostile_10mb.growth", round(growth, 1), "MiB/process"),
    ]


def _times_ms(
    server: Server, requests: Sequence[bytes], count: int, expected: tuple[int, ...]
) -> list[float]:
    times = []
    for number in range(count):
        began = time.perf_counter()
        status = _send(server.port, requests[number % len(requests)])
        if status not in expected:
            raise WrongAnswer(f"{status} to ten megabytes at {server.name}")
        times.append(1000 * (time.perf_counter() - began))
    return times


def _send(port: int, request: bytes) -> int:
    """The status of the answer; a server may close before it has read everything."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        # The answer may be there all the same.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        answer = connection.recv(4096)
    return int(answer.split(b" ", 2)[1])
