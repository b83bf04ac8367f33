"""A sender and its SMSC, each in a process of its own, over a database with many subscribers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from typing import Any

from bench import people, servers
from bench.servers import ROOT
from bench.stage import FOLDER, product_environment
from commands.db import upgrade
from embedded.postgres import Postgres
from embedded.spawning import spawn
from embedded.valkey import Valkey
from models.store import Store

PATIENCE_S = 600.0
LEASE_S = 5  # what a killed sender held is free again after so long
TEXT = "【和生活圈】您的积分"

_OWE = """
INSERT INTO outbox (subscriber_id, queue, kind, category, payload, created_at, due_at)
SELECT subscriber_id, %(queue)s, 'sms', %(category)s,
       jsonb_build_object('to', address, 'text', %(text)s::text), now(), now()
FROM subscriber_addresses WHERE channel = 'sms' AND address LIKE '+86139%%'
ORDER BY address OFFSET %(skip)s LIMIT %(count)s
"""


class TooSlow(RuntimeError):
    """What was owed has not left in time."""


def owe(
    store: Store, count: int, *, text: str = TEXT, queue: str = "bulk", category: str = "notice",
    skip: int = 0,
) -> None:  # fmt: skip
    """Owe as many SMS, each to somebody else."""
    values = {
        "queue": queue, "category": category, "text": text, "count": count, "skip": skip,
    }  # fmt: skip
    with store.begin() as tx:
        tx.exec_driver_sql(_OWE, values)


@dataclass(slots=True)
class Smsc:
    """The counting SMSC: python -m emulators.smsc_counter."""

    process: subprocess.Popen[str]
    ports: dict[str, int]

    @classmethod
    def start(cls, *, delay_ms: float = 0, receipts: bool = True) -> Smsc:
        command = [
            sys.executable, "-m", "emulators.smsc_counter", "--delay-ms", str(delay_ms),
            "--receipts" if receipts else "--no-receipts",
        ]  # fmt: skip
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        return cls(process, json.loads(process.stdout.readline()))

    def ask(self, line: str) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


@dataclass(slots=True)
class Plane:
    """What all cases share."""

    store: Store
    environment: dict[str, str]
    folder: Path = FOLDER

    def start_sender(
        self, smsc: Smsc, *, window: int, name: str = "sender", **more: str
    ) -> subprocess.Popen[bytes]:
        """`python app.py sms`, bound when this returns or soon after."""
        ready = self.folder / "sender.ready"
        ready.unlink(missing_ok=True)
        environment = self.environment | more | {
            "CIRCLE_SMS__SMPP__PORT": str(smsc.ports["smpp"]),
            "CIRCLE_SMS__CMPP__PORT": str(smsc.ports["cmpp"]),
            "CIRCLE_SMS__SMPP__WINDOW": str(window),
            "CIRCLE_SMS__CMPP__WINDOW": str(window),
        }  # fmt: skip
        with (self.folder / "sender.log").open("ab") as output:
            process = spawn(
                [sys.executable, str(ROOT / "app.py"), "sms", "--ready-file", str(ready),
                 "--name", name],
                env={**os.environ, **environment}, cwd=ROOT, output=output,
            )  # fmt: skip
        wait("the sender starts", ready.exists, process)
        return process

    @contextmanager
    def sending(self, *, delay_ms: float, window: int, senders: int = 1) -> Iterator[Sending]:
        """Senders with nothing to do yet; what is left of earlier ones is gone."""
        with self.store.begin() as tx:
            tx.exec_driver_sql("TRUNCATE outbox CASCADE")
        smsc = Smsc.start(delay_ms=delay_ms)
        started = [
            self.start_sender(smsc, window=window, name=f"sender{number}")
            for number in range(senders)
        ]
        try:
            yield Sending(smsc, started[0], started[1] if senders > 1 else None)
        finally:
            for process in started:
                process.send_signal(SIGTERM)
            for process in started:
                process.wait(30)
            smsc.stop()


@dataclass(slots=True)
class Sending:
    """A sender at work."""

    smsc: Smsc
    process: subprocess.Popen[bytes]
    second: subprocess.Popen[bytes] | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def pid(self) -> int:
        return self.process.pid

    def cpu_s(self) -> float:
        second = servers.cpu_s(self.second.pid) if self.second is not None else 0.0
        return servers.cpu_s(self.pid) + second

    def taken(self) -> int:
        return int(self.smsc.ask("taken")["taken"])

    def texts(self, prefix: str) -> dict[str, list[float]]:
        found: dict[str, list[float]] = self.smsc.ask(f"texts {prefix}")
        return found

    def wait_until(self, count: int) -> None:
        """Until the SMSC has taken so many. Raises TooSlow."""
        wait(f"{count} taken", lambda: self.taken() >= count, self.process)

    def rate(self, count: int, before: int = 0) -> float:
        """Submits a second, from the first tenth to the last; `before` were taken already."""
        self.wait_until(before + count // 10)
        first, began = self.taken(), time.perf_counter()
        self.wait_until(before + count * 9 // 10)
        last = self.taken()
        return (last - first) / (time.perf_counter() - began)


def wait(what: str, condition: Any, process: subprocess.Popen[bytes] | None = None) -> None:
    """Look again and again. Raises TooSlow, also where the process has ended."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if process is not None and process.poll() is not None:
            raise TooSlow(f"{what}: the sender has ended, see sender.log")
        if time.monotonic() > deadline:
            raise TooSlow(what)
        time.sleep(0.02)


@contextmanager
def plane(postgres: Postgres, subscribers: int, gateway: str = "smpp") -> Iterator[Plane]:
    """The database with so many subscribers, and a Valkey; senders bind by that gateway."""
    valkey = Valkey(Path(FOLDER) / "valkey")
    valkey.start()
    upgrade(postgres.url)
    store = Store(postgres.url, connections=4, patience_s=120)
    people.make(store, subscribers)
    try:
        yield Plane(store, environment(postgres.url, valkey.url, gateway))
    finally:
        store.close()
        valkey.stop()


def environment(database: str, redis: str, gateway: str = "smpp") -> dict[str, str]:
    """Of a sender that binds by that gateway, knows no pace and no night."""
    return product_environment(database, redis, servers.free_port(), 1) | {
        "CIRCLE_SMS__GATEWAY": gateway,
        "CIRCLE_SMS__SMPP__RATE_S": "100000",
        "CIRCLE_SMS__CMPP__RATE_S": "100000",
        "CIRCLE_NOTICES__QUIET_FROM": "00:00",
        "CIRCLE_NOTICES__QUIET_UNTIL": "00:00",
        "CIRCLE_LOG__LEVEL": "warning",
        "CIRCLE_OUTBOX__LEASE_S": str(LEASE_S),
    }
