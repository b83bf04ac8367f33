"""The outbox: how many owed SMS a second one worker hands to the gateway.

The gateway is the emulator, on the same processors, and it confirms each SMS by callbacks to the
web process: the whole way of a message, not only the taking of rows.
"""

from __future__ import annotations

import time

from bench import servers
from bench.report import Row
from bench.servers import ROOT
from bench.stage import FOLDER, Stage

START_WITHIN_S = 30.0
_SENT = "SELECT count(*) FROM outbox WHERE provider_id IS NOT NULL"


class NothingSent(RuntimeError):
    """The worker did not begin."""


def measure(stage: Stage, seconds: float) -> list[Row]:
    """Owed SMS sent a second, while there are more. Raises NothingSent."""
    port = stage.emulators_port
    environment = {
        **stage.environment,
        # The emulators call back where the product listens.
        "CIRCLE_HOST": "127.0.0.1",
    }
    emulators = servers.start(
        "emulators", ["-m", "emulators"],
        port=port, environment=environment, folder=FOLDER, ready="/control/people",
    )  # fmt: skip
    worker = servers.start(
        "worker", [str(ROOT / "app.py"), "worker"],
        port=port, environment=environment, folder=FOLDER, ready="/control/people",
    )  # fmt: skip
    try:
        began_with = _wait_for_the_first(stage)
        began = time.perf_counter()
        time.sleep(seconds)
        sent = stage.count(_SENT) - began_with
        took = time.perf_counter() - began
    finally:
        worker.stop()
        emulators.stop()
    return [Row("outbox.drain", round(sent / took, 1), "SMS/s")]


def _wait_for_the_first(stage: Stage) -> int:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        if sent := stage.count(_SENT):
            return sent
        time.sleep(0.05)
    raise NothingSent("no SMS was sent: see worker.log and emulators.log")
