"""The private PostgreSQL starts, stops, survives kill -9 and dies with its parent."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from embedded import places, postgres
from embedded.server import AlreadyRunning, StartFailed
from tests.embedded.ends import ends

# Each test starts a server or two.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
# A process of its own that starts a server, says so, and waits for its end of input.
OWNER = """
import sys
from pathlib import Path
from embedded import postgres
server = postgres.start(Path(sys.argv[1]), durable=False)
print(server.pid, server.dsn, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that any user can reach, as var/ is in most clones, and with a short name."""
    path = Path(tempfile.mkdtemp(prefix="lc-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def server(folder: Path) -> Iterator[postgres.Postgres]:
    """A running server."""
    server = postgres.start(folder / "postgres", durable=False)
    yield server
    server.stop()


def ask(dsn: str, question: str) -> str:
    """The first column of the answer's first row."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(question.encode()).fetchone()
        assert row is not None
        return str(row[0])


def test_it_answers_in_utf8_sorted_by_code_points(server: postgres.Postgres) -> None:
    assert ask(server.dsn, "SELECT upper('生活圈 é')") == "生活圈 É"
    assert (
        ask(server.dsn, "SELECT string_agg(x, '' ORDER BY x) FROM (VALUES ('a'), ('B')) t (x)")
        == "Ba"
    )
    engine = sqlalchemy.create_engine(server.url)
    with engine.connect() as connection:
        found = connection.execute(sqlalchemy.text("SELECT current_database()")).scalar()
    engine.dispose()
    assert found == "lifecircle"


def test_only_the_tests_server_trades_safety_for_speed(folder: Path) -> None:
    server = postgres.start(folder / "postgres")
    assert [ask(server.dsn, f"SHOW {name}") for name in ("fsync", "full_page_writes")] == ["on"] * 2
    server.stop()
    server.durable = False
    server.start()
    assert [ask(server.dsn, f"SHOW {name}") for name in ("fsync", "full_page_writes")] == [
        "off"
    ] * 2
    server.stop()


def test_a_stop_in_good_order_keeps_data_and_address(server: postgres.Postgres) -> None:
    with psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    url = server.url
    server.stop()
    assert server.poll() == 0
    server.start()
    assert (server.url, ask(server.dsn, "SELECT n FROM kept")) == (url, "1")


def test_a_kill_is_seen_and_healed_with_nothing_lost(server: postgres.Postgres) -> None:
    with psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    os.kill(server.pid, signal.SIGKILL)
    assert server._process is not None
    server._process.wait()
    assert server.poll() == -signal.SIGKILL
    server.start()
    assert ask(server.dsn, "SELECT n FROM kept") == "1"


def test_a_stale_pid_file_that_names_a_living_stranger_is_healed(server: postgres.Postgres) -> None:
    server.stop()
    pid_file = server.folder / "data" / "postmaster.pid"
    # Another program runs under the number that the killed server had: our parent, say.
    pid_file.write_text(f"{os.getppid()}\n{server.folder / 'data'}\n1\n5432\n\n\n  1  1\nready\n")
    server.start()
    assert ask(server.dsn, "SELECT 1") == "1"


def test_an_interrupted_creation_is_begun_again(folder: Path) -> None:
    half = folder / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = postgres.start(folder / "postgres", durable=False)
    assert ask(server.dsn, "SELECT 1") == "1"
    server.stop()


def test_a_second_server_on_the_same_folder_is_refused(
    server: postgres.Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedded.server.LOCK_TIMEOUT_S", 0.0)
    with pytest.raises(AlreadyRunning, match=f"process {server.pid}.*CIRCLE_DATA_DIR"):
        postgres.start(server.folder, durable=False)


def test_data_of_another_version_is_refused_with_a_way_out(server: postgres.Postgres) -> None:
    server.stop()
    version = server.folder / "data" / "PG_VERSION"
    version.write_text("13\n")
    with pytest.raises(StartFailed, match="written by PostgreSQL 13"):
        server.start()


def test_it_dies_with_its_parent_even_when_that_is_killed(folder: Path) -> None:
    argv = [sys.executable, "-c", OWNER, str(folder / "postgres")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(argv, cwd=ROOT, text=True, **pipes) as owner:  # type: ignore[call-overload]
        pid = int(owner.stdout.readline().split()[0])
        owner.kill()
    # The next one waits until the orphan has closed its files; then it must be gone.
    successor = postgres.start(folder / "postgres", durable=False)
    assert ends(pid)
    successor.stop()


def test_started_in_a_short_lived_thread_it_outlives_the_thread(folder: Path) -> None:
    server = postgres.Postgres(folder / "postgres", durable=False)
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    assert ask(server.dsn, "SELECT 1") == "1"
    server.stop()


def test_a_deep_folder_gets_a_short_socket_and_the_same_again(folder: Path) -> None:
    server = postgres.start(folder / ("deep" * 20) / "postgres", durable=False)
    url = server.url
    assert len(os.fsencode(server._socket / postgres.SOCKET_FILE)) <= places.SOCKET_PATH_LIMIT_BYTES
    server.stop()
    server.start()
    assert server.url == url
    server.stop()
    server._socket.rmdir()


def test_in_a_private_home_it_runs_too_and_begins_afresh_when_removed(folder: Path) -> None:
    private = folder / "home"
    private.mkdir(mode=0o700)
    server = postgres.start(private / "postgres", durable=False)
    with psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    # Started by root it runs as nobody, who cannot enter a private home: its files stand elsewhere.
    real = (private / "postgres" / "data").resolve()
    server.stop()
    shutil.rmtree(private)
    private.mkdir(mode=0o700)
    server.start()
    assert ask(server.dsn, "SELECT count(*) FROM pg_tables WHERE tablename = 'kept'") == "0"
    server.stop()
    if os.geteuid() == 0:
        shutil.rmtree(real.parent)
