"""The load: requests prepared as bytes, sent over keep-alive connections by one epoll loop.

Rendering, encrypting and checking happen before and after, so that the generator takes little of
the processors that it shares with the servers (its own share is measured too).
"""

from __future__ import annotations

import gc
import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

CONNECTIONS = 8
RECEIVE_BYTES = 65536
PATIENCE_S = 10.0


class LoadFailed(RuntimeError):
    """A connection broke or the server did not answer."""


@dataclass(slots=True)
class Run:
    """What came back: `answers[i]` belongs to the i-th request, b"" if there was none in time.

    Times are in seconds; a request without an answer has none.
    """

    seconds: float
    generator_cpu_s: float
    latencies_s: list[float]
    answers: list[bytes]

    def percentile_ms(self, share: float) -> float:
        """The latency that this share of all requests kept, in milliseconds."""
        ordered = sorted(self.latencies_s) or [PATIENCE_S]
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    request: int = -1
    sent_at: float = 0.0
    received: bytearray = field(default_factory=bytearray)


def run(
    port: int,
    requests: Sequence[bytes],
    *,
    seconds: float,
    patience_s: float = PATIENCE_S,
    connections: int = CONNECTIONS,
) -> Run:
    """Send requests one after the other on each connection, until the time or they are up.

    The last answers are waited for, `patience_s` at most. Raises LoadFailed.
    """
    selector = selectors.DefaultSelector()
    opened = [_connect(port) for _ in range(connections)]
    for connection in opened:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    gc.collect()
    gc.disable()  # a pause of ours would count as theirs
    try:
        return _loop(selector, opened, requests, seconds, patience_s)
    finally:
        gc.enable()
        selector.close()
        for connection in opened:
            connection.socket.close()


def _connect(port: int) -> _Connection:
    made = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return _Connection(made)


def _loop(
    selector: selectors.BaseSelector,
    connections: list[_Connection],
    requests: Sequence[bytes],
    seconds: float,
    patience_s: float,
) -> Run:
    clock = time.perf_counter
    latencies: list[float] = []
    answers: list[bytes] = [b""] * len(requests)
    started, cpu_before = clock(), time.process_time()
    ends_at, following, under_way = started + seconds, 0, 0
    for connection in connections[: len(requests)]:
        _send(connection, requests, following)
        following, under_way = following + 1, under_way + 1
    while under_way:
        ready = selector.select(max(0.0, ends_at + patience_s - clock()))
        if not ready:
            break
        for key, _ in ready:
            connection = key.data
            answer = _receive(connection)
            if answer is None:
                continue
            now = clock()
            latencies.append(now - connection.sent_at)
            answers[connection.request] = answer
            if following < len(requests) and now < ends_at:
                _send(connection, requests, following)
                following += 1
            else:
                under_way -= 1
    ended = clock()
    return Run(
        seconds=ended - started,
        generator_cpu_s=time.process_time() - cpu_before,
        latencies_s=latencies,
        answers=answers[:following],
    )


def _send(connection: _Connection, requests: Sequence[bytes], number: int) -> None:
    connection.request = number
    connection.sent_at = time.perf_counter()
    connection.socket.sendall(requests[number])


def _receive(connection: _Connection) -> bytes | None:
    """The whole answer, head and body, or None while some of it is missing."""
    received = connection.socket.recv(RECEIVE_BYTES)
    if not received:
        raise LoadFailed("the server closed a connection")
    if connection.received:
        connection.received += received
        received = bytes(connection.received)
    head = received.find(b"\r\n\r\n")
    if head >= 0 and len(received) >= head + 4 + _length(received[:head]):
        connection.received.clear()
        return received
    connection.received[:] = received
    return None


def _length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    if at < 0:
        raise LoadFailed("an answer without Content-Length")
    return int(lowered[at + 15 :].split(b"\r", 1)[0])
