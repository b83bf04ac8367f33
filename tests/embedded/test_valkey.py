"""The private Valkey starts, stops, keeps what it was told and dies with its parent."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from embedded import valkey
from embedded.server import AlreadyRunning
from tests.embedded.ends import ends

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
OWNER = """
import sys
from pathlib import Path
from embedded import valkey
server = valkey.start(Path(sys.argv[1]))
print(server.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[valkey.Valkey]:
    """A running server that keeps its data."""
    server = valkey.start(tmp_path / "valkey")
    yield server
    server.stop()


@pytest.fixture
def client(server: valkey.Valkey) -> Iterator["redis.Redis"]:
    """A connection to it."""
    with redis.Redis.from_url(server.url) as client:
        yield client


def test_it_appends_to_a_file_and_never_evicts(client: "redis.Redis") -> None:
    wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
    assert client.config_get(*wanted) == wanted
    assert client.config_get("port") == {"port": "0"}


def test_a_stop_in_good_order_keeps_data_and_address(
    server: valkey.Valkey, client: "redis.Redis"
) -> None:
    client.set("kept", "1")
    url = server.url
    server.stop()
    assert server.poll() == 0
    server.start()
    assert (server.url, client.get("kept")) == (url, b"1")


def test_a_kill_is_seen_and_healed(server: valkey.Valkey, client: "redis.Redis") -> None:
    client.set("kept", "1")
    os.kill(server.pid, signal.SIGKILL)
    assert server._process is not None
    server._process.wait()
    assert server.poll() == -signal.SIGKILL
    assert (server.folder / "valkey.pid").exists()
    server.start()
    assert client.get("kept") == b"1"


def test_a_second_server_on_the_same_folder_is_refused(
    server: valkey.Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedded.server.LOCK_TIMEOUT_S", 0.0)
    with pytest.raises(AlreadyRunning, match=f"process {server.pid}"):
        valkey.start(server.folder)


def test_it_dies_with_its_parent_even_when_that_is_killed(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", OWNER, str(tmp_path / "valkey")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(argv, cwd=ROOT, text=True, **pipes) as owner:  # type: ignore[call-overload]
        pid = int(owner.stdout.readline())
        owner.kill()
    successor = valkey.start(tmp_path / "valkey")
    assert ends(pid)
    successor.stop()


def test_without_durability_nothing_is_written(tmp_path: Path) -> None:
    server = valkey.start(tmp_path / "valkey", durable=False)
    with redis.Redis.from_url(server.url) as client:
        client.set("lost", "1")
        server.stop()
        server.start()
        assert client.get("lost") is None
    server.stop()
    assert not (server.folder / "appendonlydir").exists()
