"""The supervisor starts in order, brings back what dies, and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import pytest

from tests.embedded.ends import ends

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
WAITS = "import os, signal; print('pid', os.getpid()); signal.pause()"
STUBBORN = (
    "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('pid', os.getpid())\nwhile True: signal.pause()"
)
# Starts a child of its own, as a server with worker processes does.
FAMILY = (
    "import os, signal, subprocess, sys; "
    f'child = subprocess.Popen([sys.executable, "-c", {WAITS!r}]); '
    "print('parent', os.getpid()); signal.pause()"
)
HEAD = """
import sys
from pathlib import Path
from embedded import processes
from embedded.processes import Child, Supervisor
from embedded.valkey import Valkey
processes.FIRST_BACKOFF_S, processes.CHILD_PATIENCE_S = 0.05, 0.2
def python(name, code, **more):
    return Child(name, [sys.executable, "-c", code], **more)
"""


@dataclass(slots=True)
class Run:
    """A supervisor at work, in a process of its own."""

    process: "subprocess.Popen[str]"
    unused: list[str] = field(default_factory=list)

    def line(self, pattern: str) -> "re.Match[str]":
        """The first line, of those not asked for yet, in which the pattern is found; fails when
        the supervisor ends without one."""
        assert self.process.stdout is not None
        for line in chain(tuple(self.unused), self.process.stdout):
            if match := re.search(pattern, line):
                if line in self.unused:
                    self.unused.remove(line)
                return match
            if line not in self.unused:
                self.unused.append(line)
        raise AssertionError(f"the supervisor ended without a line like {pattern!r}")

    def pid(self, name: str) -> int:
        """The process id that the child of this name printed."""
        return int(self.line(rf"^{name} +│ pid (\d+)")[1])

    def ends(self) -> tuple[int, str]:
        """The exit code, and what was printed until then."""
        rest, _ = self.process.communicate()
        return self.process.returncode, rest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name."""
    with tempfile.TemporaryDirectory(prefix="lc-test-") as name:
        yield Path(name)


@pytest.fixture
def start(folder: Path) -> Iterator["type[Starter]"]:
    """Starts supervisors, and makes sure that none is left."""
    Starter.folder, Starter.runs = folder, []
    yield Starter
    for run in Starter.runs:
        with run.process:
            run.process.kill()


class Starter:
    """`Starter.of(parts)`: a supervisor over parts written as Python."""

    folder: Path
    runs: list[Run]

    @classmethod
    def of(cls, parts: str) -> Run:
        ready = "on_ready=lambda: print('all ready', flush=True)"
        code = f"{HEAD}\nsys.exit(Supervisor([{parts}], {ready}).run())"
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(cls.folder)],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        cls.runs.append(Run(process))
        return cls.runs[-1]


def test_parts_start_in_order_each_when_the_one_before_is_ready(start: type[Starter]) -> None:
    sign = "Path(sys.argv[1], 'sign')"
    first = f"python('first', {WAITS!r}, ready=lambda: {sign}.exists())"
    run = start.of(f"{first}, python('second', {WAITS!r})")
    run.pid("first")
    (start.folder / "sign").touch()
    run.pid("second")
    run.line("^all ready")
    run.process.send_signal(signal.SIGINT)
    assert run.ends()[0] == 0


def test_a_killed_child_comes_back(start: type[Starter]) -> None:
    run = start.of(f"python('web', {WAITS!r})")
    first = run.pid("web")
    os.kill(first, signal.SIGKILL)
    run.line(r"^web │ ended with signal 9 \(Killed\), starting again in 0.05 s")
    assert run.pid("web") != first


def test_each_death_in_a_row_doubles_the_wait(start: type[Starter]) -> None:
    run = start.of(f"python('web', {WAITS!r})")
    for wait_s in ("0.05", "0.1", "0.2"):
        os.kill(run.pid("web"), signal.SIGKILL)
        run.line(rf"starting again in {wait_s} s")


def test_a_killed_server_comes_back(start: type[Starter]) -> None:
    run = start.of(f"Valkey(Path(sys.argv[1], 'valkey')), python('web', {WAITS!r})")
    run.pid("web")
    pid_file = start.folder / "valkey" / "valkey.pid"
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    run.line("^valkey +│ ended with signal 9")
    run.line("^valkey +│ is back")
    run.process.send_signal(signal.SIGTERM)
    assert run.ends()[0] == 0
    assert not pid_file.exists()


def test_what_a_killed_child_had_started_is_ended_with_it(start: type[Starter]) -> None:
    run = start.of(f"python('web', {FAMILY!r})")
    parent = int(run.line(r"parent (\d+)")[1])
    grandchild = run.pid("web")
    os.kill(parent, signal.SIGKILL)
    run.line("starting again")
    assert ends(grandchild)


def test_a_stop_ends_all_and_kills_who_does_not_listen(start: type[Starter]) -> None:
    run = start.of(f"python('a', {WAITS!r}), python('b', {STUBBORN!r})")
    children = [run.pid("a"), run.pid("b")]
    run.process.send_signal(signal.SIGTERM)
    code, rest = run.ends()
    assert (code, all(map(ends, children))) == (0, True)
    assert "b │ does not stop, killed" in rest


def test_the_children_of_a_killed_supervisor_die_with_it(start: type[Starter]) -> None:
    run = start.of(f"python('a', {WAITS!r})")
    child = run.pid("a")
    run.process.kill()
    assert ends(child)


def test_a_child_that_never_gets_ready_ends_the_run_with_its_own_words(
    start: type[Starter],
) -> None:
    run = start.of("python('web', 'raise SystemExit(\"port 8000 is taken\")', ready=lambda: False)")
    code, rest = run.ends()
    assert code == 1
    assert rest.count("web │ port 8000 is taken") == 3
    assert "web │ ended with code 1 and was never ready: giving up" in rest


def test_a_program_that_is_not_there_is_named(start: type[Starter]) -> None:
    run = start.of("Child('web', ['/nowhere/server'], ready=lambda: False)")
    code, rest = run.ends()
    assert code == 1
    assert "web │ /nowhere/server: No such file or directory" in rest


def test_lines_stay_whole_and_bad_bytes_do_no_harm(start: type[Starter]) -> None:
    code = "import os; os.write(1, b'one\\ntwo '); os.write(1, b'\\xff\\nlast without an end')"
    run = start.of(f"python('web', {code!r})")
    for line in ("one", "two \ufffd", "last without an end"):
        run.line(f"^web │ {line}$")
