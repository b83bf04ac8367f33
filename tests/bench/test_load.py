"""The generator counts what a server has answered, whole answers only."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from bench import load

pytestmark = pytest.mark.slow

REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def in_pieces() -> Iterator[int]:
    """A server that sends every answer in two pieces; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    connected: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            while connection.recv(4096):
                connection.sendall(b"HTTP/1.1 200 OK\r\nconte")
                connection.sendall(b"nt-length: 2\r\n\r\nok")

    def accept() -> None:
        for _ in range(load.CONNECTIONS):
            connected.append(listener.accept()[0])
            threading.Thread(target=serve, args=(connected[-1],), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    thread.join()
    listener.close()


def test_every_request_has_its_answer_and_its_time(in_pieces: int) -> None:
    ran = load.run(in_pieces, [REQUEST] * 100, seconds=10)
    assert ran.answers == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"] * 100
    assert len(ran.latencies_s) == 100
    assert 0 < ran.percentile_ms(0.5) <= ran.percentile_ms(0.99)


def test_no_more_is_sent_when_the_time_is_up(in_pieces: int) -> None:
    ran = load.run(in_pieces, [REQUEST] * 100, seconds=0)
    assert len(ran.answers) == load.CONNECTIONS
