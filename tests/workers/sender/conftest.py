"""A sender that runs beside the test, bound to the emulated SMSC."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import World
from tests.workers.conftest import Owing
from workers.sender.process import Sender

GATEWAYS = ("smpp", "cmpp")


@dataclass
class Running:
    """One sender process, as a thread; kill() ends it as a power cut would."""

    world: World
    sender: Sender | None = None
    _ready: threading.Event = field(default_factory=threading.Event)
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None

    def start(self) -> Running:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._ready.wait(60)
        assert self.sender is not None
        wanted = self.sender.carriers
        until(lambda: all(carrier.bound for carrier in wanted), "bound")
        return self

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.sender = self.world.circle.sender()
        running = asyncio.create_task(self.sender.run(on_ready=self._ready.set))
        try:
            await running
        except asyncio.CancelledError:
            return

    def stop(self) -> None:
        """In good order."""
        if self._loop is not None and self.sender is not None and self._thread is not None:
            if self._thread.is_alive():
                self._loop.call_soon_threadsafe(self.sender.stop)
                self._thread.join(60)
            assert not self._thread.is_alive()


def until(condition: Callable[[], Any], what: str, within_s: float = 60.0) -> Any:
    """The first true value."""
    pause, deadline = threading.Event(), time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := condition():
            return found
        pause.wait(0.01)
    raise AssertionError(f"not within {within_s} s: {what}")


@pytest.fixture(params=GATEWAYS)
def gateway(request: pytest.FixtureRequest) -> str:
    """Each test runs over every gateway."""
    return str(request.param)


@pytest.fixture
def environment(gateway: str) -> dict[str, str]:
    return {"CIRCLE_SMS__GATEWAY": gateway, "CIRCLE_SMS__POLL_S": "0.02"}


@pytest.fixture
def running(world: World) -> Iterator[Running]:
    made = Running(world).start()
    yield made
    made.stop()


@dataclass
class Phone:
    """Somebody who texts over the gateway."""

    world: World
    gateway: str
    name: str

    def texts(self, text: str, **more: Any) -> None:
        self.world.control(
            "POST", f"/sms/{quote(self.name)}/text", text=text, via=self.gateway, **more
        )

    def heard(self) -> list[dict[str, Any]]:
        phone = self.world.control("GET", f"/phones/{quote(self.name)}")
        return [entry for entry in phone["sms"] if entry["from"] == "them"]

    def hears(self, words: str) -> dict[str, Any]:
        """Wait for a text with these words."""

        def look() -> dict[str, Any] | None:
            self.world.work()
            return next((e for e in reversed(self.heard()) if words in e["text"]), None)

        found: dict[str, Any] = until(look, f"{self.name} hears {words}: {self.heard()}")
        return found


@pytest.fixture
def wang(world: World, gateway: str) -> Phone:
    return Phone(world, gateway, "王大爷")


@pytest.fixture
def owing(world: World) -> Owing:
    return Owing(world)
