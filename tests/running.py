"""`python app.py run` as a whole, in processes of its own, for tests that kill them."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
import requests

ROOT = Path(__file__).parents[1]
# On a machine that is slow, or busy: whoever waits for longer waits in vain.
UP_WITHIN_S = 240.0
HEALED_WITHIN_S = 120.0
# So that what dead processes held is given back within the patience of a test.
QUICK = {
    "CIRCLE_OUTBOX__LEASE_S": "4",
    "CIRCLE_OUTBOX__SWEEP_S": "0.3",
    "CIRCLE_OUTBOX__BACKOFF_FIRST_S": "0.2",
    "CIRCLE_OUTBOX__ASK_AGAIN_S": "2",
    "CIRCLE_BOSS__TIMEOUT_S": "3",
    "CIRCLE_SMS__TWILIO__TIMEOUT_S": "3",
    "CIRCLE_LOG__LEVEL": "warning",
}


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, condition: Callable[[], Any], within_s: float = HEALED_WITHIN_S) -> Any:
    """The first true value of `condition`, looked at again and again. Fails after a while."""
    pause, deadline = threading.Event(), time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except (requests.RequestException, psycopg.Error):
            pass  # being killed and coming back is what these tests are about
        pause.wait(0.05)
    raise AssertionError(f"not within {within_s} s: {what}")


@dataclass
class Running:
    """The processes of `make run`."""

    process: subprocess.Popen[bytes]
    url: str
    emulators_url: str
    data: Path
    env: dict[str, str]
    http: requests.Session = field(default_factory=requests.Session)

    @classmethod
    def start(cls, data: Path, **more: str) -> Running:
        """Start everything on free ports and wait until it is ready."""
        port, emulators = free_port(), free_port()
        env = {name: value for name, value in os.environ.items() if not name.startswith("CIRCLE_")}
        env |= QUICK | more
        env |= {
            "CIRCLE_PORT": str(port),
            "CIRCLE_EMULATORS_PORT": str(emulators),
            "CIRCLE_DATA_DIR": str(data),
        }
        data.mkdir(parents=True, exist_ok=True)
        with (data / "run.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(ROOT / "app.py"), "run"],
                cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        made = cls(process, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{emulators}", data, env)
        log_path = data / "run.log"
        try:
            wait_for("ready", lambda: b"\nReady: " in log_path.read_bytes(), UP_WITHIN_S)
        except AssertionError:
            made.stop()
            raise
        return made

    def stop(self) -> None:
        """End it in good order."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.http.close()

    def kill(self, *words: str) -> int:
        """kill -9 every process of ours whose command line has all these words."""
        killed = 0
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                line = " ".join(child.cmdline())
                if all(word in line for word in words):
                    child.kill()
                    killed += 1
            except psutil.NoSuchProcess:
                continue
        return killed

    def control(self, method: str, path: str, /, **body: Any) -> Any:
        """The emulators' control API."""
        answer = self.http.request(
            method, f"{self.emulators_url}/control{path}", json=body, timeout=60
        )
        answer.raise_for_status()
        return answer.json()

    def person(self, name: str, msisdn: str) -> None:
        """Somebody new with a phone, but without WeChat."""
        self.control("POST", "/people", name=name, msisdn=msisdn)

    def texts(self, name: str, text: str) -> None:
        self.control("POST", f"/sms/{quote(name)}/text", text=text)

    def heard(self, name: str, channel: str = "sms") -> list[str]:
        """What has arrived on this phone, the oldest first."""
        phone = self.control("GET", f"/phones/{quote(name)}")
        return [entry["text"] for entry in phone[channel] if entry["from"] == "them"]

    def hears(self, name: str, words: str, channel: str = "sms") -> None:
        """Wait until something with these words has arrived."""
        wait_for(
            f"{name} hears {words}", lambda: any(words in t for t in self.heard(name, channel))
        )

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database says."""
        with psycopg.connect(
            self.said["CIRCLE_DATABASE_URL"].replace("+psycopg", "")
        ) as connection:
            return list(connection.execute(query.encode(), values))

    @property
    def said(self) -> dict[str, str]:
        """The environment for other commands, as `run` leaves it in a file."""
        lines = (self.data / "run.env").read_text().splitlines()
        return {name: shlex.split(value)[0] for name, _, value in (a.partition("=") for a in lines)}
