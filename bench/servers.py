"""The servers under measurement: children that end with us, their processor time and memory."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT

import psutil

from embedded.spawning import spawn

ROOT = Path(__file__).parent.parent
START_WITHIN_S = 90.0
STOP_WITHIN_S = 15.0
MEBIBYTE = 1 << 20


class StartFailed(RuntimeError):
    """A server did not answer in time; its log says why."""


@dataclass(slots=True)
class Server:
    """A running web server. `started_in_s`: from the command to the first answer."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    started_in_s: float

    def cpu_s(self) -> float:
        """Processor time used so far, by all its processes."""
        return cpu_s(self.process.pid)

    def memory_mib(self) -> list[float]:
        """Memory that is each serving process's own (USS), in MiB."""
        workers = psutil.Process(self.process.pid).children()
        return [worker.memory_full_info().uss / MEBIBYTE for worker in workers]

    def stop(self) -> None:
        """Stop it in good order, by force when it takes too long."""
        self.process.send_signal(SIGINT)
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()


def cpu_s(pid: int) -> float:
    """Processor time used so far by a process, its children, and children that have ended."""
    total = 0.0
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def start(
    name: str,
    command: Sequence[str],
    *,
    port: int,
    environment: Mapping[str, str],
    folder: Path,
    ready: str = "/healthz",
) -> Server:
    """A Python command as a server that answers at `ready`, its output in `folder`.

    Raises StartFailed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    with (folder / f"{name}.log").open("wb") as output:
        process = spawn(
            [sys.executable, *command],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            cwd=folder,
            output=output,
        )
    url = f"http://127.0.0.1:{port}{ready}"
    while not _answers(url):
        if process.poll() is not None or time.perf_counter() - began > START_WITHIN_S:
            process.kill()
            log = (folder / f"{name}.log").read_text(errors="replace")
            raise StartFailed(f"{name} did not start:\n{log[-2000:]}")
        time.sleep(0.02)
    return Server(name, port, process, time.perf_counter() - began)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True  # WeRoBot has no such address, but it is there
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def private_mib(pid: int) -> float:
    """A process's own memory, without what it shares with others: PostgreSQL's buffers."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("Linux says RssAnon in /proc/PID/status (proc(5))")
