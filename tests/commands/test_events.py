"""`events load`: a daily file, each of its events once, whatever happens on the way."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Event as Signal
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import duckdb
import pytest

from commands import events as command
from models import points, subscribers
from models.base import Tx
from models.earning.event import Event
from models.earning.files import File, TakenOver
from models.points import Cause
from models.store import Store
from tests.commands.conftest import ROOT, Typed
from tests.conftest import World
from tests.running import wait_for
from workers import event_lines
from workers.event_loader import Loader

HEADER = ("event_id", "type", "msisdn", "occurred_at", "amount_fen", "package")


def _one_point_each(tx: Tx, events: Sequence[Event], now: Any) -> int:
    """A rule without any guard of its own: what is counted twice is given twice."""
    who = subscribers.get(tx, events[0].subscriber_id)  # all of it, so that it takes no time
    points.issue(
        tx, who, kind=points.PROMOTIONAL, points=len(events),
        expires_on=points.day_of(now) + timedelta(days=365),
        cause=Cause(f"earn:{uuid4()}", "earned", "boss", "tests"), now=now,
    )  # fmt: skip
    return len(events)


@pytest.fixture(autouse=True)
def _rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "earn", _one_point_each)


@pytest.fixture
def day(world: World) -> Callable[..., list[str]]:
    """The cells of an event of yesterday."""

    def line(event_id: object, number: str = "13812340001", **other: str) -> list[str]:
        at = (world.clock() - timedelta(days=1)).isoformat(timespec="seconds")
        cells = {
            "event_id": str(event_id), "type": "bill_paid", "msisdn": number, "occurred_at": at,
            "amount_fen": "5000", "package": "",
        } | other  # fmt: skip
        return list(cells.values())

    return line


Day = Callable[..., list[str]]


def _csv(path: Path, lines: Iterable[Sequence[str]], *, header: Sequence[str] = HEADER) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *lines])
    return path


def _rejects(path: Path) -> list[list[str]]:
    written = path.with_name(path.name + ".rejects.csv").read_text(encoding="utf-8-sig")
    return list(csv.reader(written.splitlines()))


def _kept(world: World) -> int:
    return int(world.rows("SELECT count(*) FROM earning_events")[0][0])


def _given(world: World) -> int:
    found = (
        "SELECT coalesce(sum(points), 0) FROM points_legs l JOIN points_transfers USING (serial)"
    )
    return int(world.rows(f"{found} WHERE reason = 'earned'")[0][0])


def test_a_file_is_loaded_and_says_what_became_of_it(
    typed: Typed, world: World, day: Day, tmp_path: Path
) -> None:
    path = _csv(tmp_path / "day.csv", [day(n, f"1381234{n:04d}") for n in range(250)])
    said = typed("events", "load", str(path), "--batch", "100")
    assert said.exit_code == 0, said.output
    assert said.stdout == (
        "day.csv: loaded, 250 lines: 250 new, 0 repeats, 0 conflicts, 0 bad; 250 points given\n"
    )
    assert (_kept(world), _given(world)) == (250, 250)
    sources = world.rows("SELECT source FROM earning_events WHERE event_id IN ('0', '249')")
    assert sorted(row[0].split(":")[-1] for row in sources) == ["2", "251"]
    assert "day.csv: loaded, 250 lines" in typed("events", "files").stdout
    assert not (tmp_path / "day.csv.rejects.csv").exists()


def test_the_same_content_again_is_known_whatever_it_is_called(
    typed: Typed, world: World, day: Day, tmp_path: Path
) -> None:
    path = _csv(tmp_path / "day.csv", [day(n) for n in range(20)])
    typed("events", "load", str(path))
    again = typed("events", "load", str(path.rename(tmp_path / "copy.csv")))
    assert again.exit_code == 0
    assert "nothing left to load" in again.stderr
    assert (_kept(world), _given(world)) == (20, 20)


def test_who_loads_a_file_again_elsewhere_is_told_where_its_bad_lines_are(
    typed: Typed, day: Day, tmp_path: Path
) -> None:
    path = _csv(tmp_path / "day.csv", [day(n) for n in range(30)] + [day("x", "12")])
    first = typed("events", "load", str(path))
    assert f"the lines that were not taken: {path}.rejects.csv\n" in first.stderr
    (tmp_path / "other").mkdir()
    again = typed("events", "load", str(path.rename(tmp_path / "other" / "copy.csv")))
    assert "the lines that were not taken: in day.csv.rejects.csv, where it was" in again.stderr


def test_progress_is_told_once_the_speed_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter([0, 10, 20, 620])
    monkeypatch.setattr("commands.events.time.monotonic", lambda: next(seconds))
    progress = command._Progress()
    for lines, share in ((1_000, 0.02), (3_000, 0.06), (9_000, 0.18)):
        progress.tell(cast("File", SimpleNamespace(lines=lines, bad=0, conflicts=0)), share)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "3,000 lines, 6%, 200 lines/s, 0 bad, 0 conflicts, about 4 min left"
    assert second == "9,000 lines, 18%, 13 lines/s, 0 bad, 0 conflicts, about 52 min left"
    assert command._lasting(29.6) == "30 s"


def test_what_two_files_share_counts_once_and_conflicts_are_told(
    typed: Typed, world: World, day: Day, tmp_path: Path
) -> None:
    first = _csv(tmp_path / "1.csv", [day(n) for n in range(30)])
    other = [day(n) for n in range(20, 40)]
    other[3][4] = "1"
    second = _csv(tmp_path / "2.csv", other)
    typed("events", "load", str(first))
    said = typed("events", "load", str(second))
    assert "20 lines: 10 new, 9 repeats, 1 conflicts, 0 bad" in said.stdout
    assert _rejects(second)[1:] == [["5", "23", "event_id", "told before with other content", "23"]]
    assert (_kept(world), _given(world)) == (40, 40)


# -- what is in a line -------------------------------------------------------------------------


def test_bad_lines_are_told_with_their_place_and_reason_and_good_ones_taken(
    typed: Typed, world: World, day: Day, tmp_path: Path
) -> None:
    now = world.clock()
    lines = [
        day("good-1"),
        day("bad", number="10086"),
        day("", number="13812340001"),
        day("bad type", type="Bill Paid"),
        day("future", occurred_at=(now + timedelta(days=1)).isoformat()),
        day("ancient", occurred_at="1999-12-31T00:00:00"),
        day("=cmd()", amount_fen="=1+1"),
        day("much", amount_fen="50.5"),
        day("control", package="a\0b"),
        day("short")[:4],
        [],
        day("long", package="x" * 201),
        day("good-2", package='他说"好"，\n下一行'),
        day("good-3", number="+86 138-1234-0001"),
    ]
    path = _csv(tmp_path / "day.csv", lines)
    said = typed("events", "load", str(path), "--keep-going")
    assert "13 lines: 3 new, 0 repeats, 0 conflicts, 10 bad; 3 points" in said.stdout
    header, *rejects = _rejects(path)
    assert header == ["line", "event_id", "column", "reason", "value"]
    assert [(each[0], each[2]) for each in rejects] == [
        ("3", "msisdn"), ("4", "event_id"), ("5", "event_id"), ("6", "occurred_at"),
        ("7", "occurred_at"), ("8", "amount_fen"), ("9", "amount_fen"), ("10", "package"),
        ("11", ""), ("13", "package"),
    ]  # fmt: skip
    assert rejects[5][1] == "'=cmd()"
    assert rejects[5][4] == "'=1+1"
    assert rejects[8][3] == "4 cells for 6 columns"
    assert "2 x amount_fen: not a whole number" in said.stderr
    assert world.rows('SELECT "values" FROM earning_events WHERE event_id = %s', "good-2") == [
        ({"amount_fen": 5000, "package": '他说"好"，\n下一行'},)
    ]
    assert oct((tmp_path / "day.csv.rejects.csv").stat().st_mode & 0o777) == "0o600"


@pytest.mark.parametrize(
    ("encoding", "bom"), [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("gb18030", b"")]
)
def test_a_file_is_read_as_it_is_encoded(
    typed: Typed, world: World, day: Day, tmp_path: Path, encoding: str, bom: bytes
) -> None:
    path = _csv(tmp_path / "day.csv", [day(n, package="流量包，包月") for n in range(10)])
    path.write_bytes(bom + path.read_text(encoding="utf-8").encode(encoding))
    assert typed("events", "load", str(path)).exit_code == 0
    assert world.rows("SELECT DISTINCT \"values\" ->> 'package' FROM earning_events") == [
        ("流量包，包月",)
    ]


def test_a_line_that_is_not_of_the_encoding_is_bad_and_says_in_which_column(
    typed: Typed, world: World, day: Day, tmp_path: Path
) -> None:
    lines = [day(n, package="流量包") for n in range(10)]
    path = _csv(tmp_path / "day.csv", lines)
    raw = path.read_bytes().split(b"\r\n")
    raw[4] = raw[4].replace("流".encode(), b"\xe6\xb5")
    path.write_bytes(b"\r\n".join(raw))
    said = typed("events", "load", str(path), "--bad-percent", "10")
    assert "10 lines: 9 new, 0 repeats, 0 conflicts, 1 bad" in said.stdout
    assert _rejects(path)[1][:4] == ["5", "3", "package", "not in the file's encoding"]


def test_a_quote_that_is_never_closed_costs_its_own_line_alone(
    typed: Typed, world: World, day: Day, tmp_path: Path
) -> None:
    path = _csv(tmp_path / "day.csv", [day(n) for n in range(200)])
    raw = path.read_bytes().split(b"\r\n")
    raw[50] += b'"open'
    raw[100] += b'"x"y'
    raw[198] += b'"to the end'
    raw[20] += b"x" * 200_000
    path.write_bytes(b"\r\n".join(raw))
    said = typed("events", "load", str(path), "--batch", "100")
    assert "200 lines: 196 new, 0 repeats, 0 conflicts, 4 bad" in said.stdout, said.output
    assert [each[0] for each in _rejects(path)[1:]] == ["21", "51", "101", "199"]


def test_the_columns_may_stand_in_any_order_and_bring_others(
    typed: Typed, world: World, day: Day, tmp_path: Path
) -> None:
    cells = dict(zip(HEADER, day("a"), strict=True)) | {"city": "成都"}
    header = sorted(cells, reverse=True)
    path = _csv(tmp_path / "day.csv", [[cells[name] for name in header]], header=header)
    assert typed("events", "load", str(path)).exit_code == 0
    assert world.rows('SELECT "values" FROM earning_events') == [
        ({"amount_fen": 5000, "city": "成都"},)
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\r\n", "empty"),
        (b"event_id,type,occurred_at\r\n1,2,3\r\n", "columns are missing: msisdn"),
        (b"event_id,type,msisdn,occurred_at,type\r\n", "columns are there twice: type"),
        (b"event_id,type,msisdn,occurred_at,\xff\r\n", "names are no names"),
        (
            b"event_id,type,msisdn,occurred_at,A b\r\n",
            "no names (small letters, digits, _): A b",
        ),
        (b'"event_id', "the columns cannot be read"),
        (b"x" * 100_000, "the columns cannot be read"),
        (b"event_id;type;msisdn;occurred_at\r\n", "columns are missing"),
        ("event_id,type".encode("utf-16"), "UTF-16"),
        (b"\0" * 1000, r"(there are: \x00\x00"),
        ("event_id,type".encode("utf-16-le"), r"(there are: e\x00v\x00"),
        (b"\x1f\x8b\x08\x00" + b"\0" * 100, "the file is packed (gzip): unpack it"),
        (b"PK\x03\x04" + b"\0" * 100, "the file is packed (zip, or an Excel workbook)"),
        (b"PAR1 and nothing", "not a Parquet file"),
    ],
)
def test_a_file_that_cannot_be_read_says_so_and_changes_nothing(
    typed: Typed, world: World, tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "day.csv"
    path.write_bytes(content)
    said = typed("events", "load", str(path))
    assert said.exit_code == 1
    assert words in said.stderr
    assert world.rows("SELECT * FROM event_files") == []


def test_a_file_of_columns_alone_is_loaded(typed: Typed, tmp_path: Path) -> None:
    said = typed("events", "load", str(_csv(tmp_path / "day.csv", [])))
    assert (said.exit_code, "loaded, 0 lines" in said.stdout) == (0, True)


# -- Parquet -----------------------------------------------------------------------------------


def _parquet(path: Path, what: str) -> Path:
    duckdb.execute(f"COPY ({what}) TO '{path}' (FORMAT parquet)")
    return path


@pytest.mark.slow
def test_a_parquet_file_is_read_like_the_csv_file_it_would_be(
    typed: Typed, world: World, day: Day, tmp_path: Path
) -> None:
    at = (world.clock() - timedelta(days=1)).isoformat()
    path = _parquet(
        tmp_path / "day[1]*.parquet",
        "SELECT 'e' || i AS event_id, 'bill_paid' AS type, 13812340000 + i AS msisdn,"
        f" TIMESTAMPTZ '{at}' AS occurred_at, i AS amount_fen,"
        " CASE WHEN i % 2 = 0 THEN '流量包' END AS package FROM range(12000) t(i)",
    )
    said = typed("events", "load", str(path))
    assert "12,000 lines: 12,000 new, 0 repeats, 0 conflicts, 0 bad" in said.stdout, said.output
    same = _csv(tmp_path / "same.csv", [
        day("e2", "13812340002", occurred_at=at, amount_fen="2", package="流量包"),
        day("e3", "13812340003", occurred_at=at, amount_fen="3"),
    ])  # fmt: skip
    assert "0 new, 2 repeats, 0 conflicts" in typed("events", "load", str(same)).stdout


def test_parquet_columns_of_wrong_types_make_bad_lines(
    typed: Typed, world: World, tmp_path: Path
) -> None:
    path = _parquet(
        tmp_path / "day.parquet",
        "SELECT i AS event_id, 'bill_paid' AS type, 13812340000.5 + i AS msisdn,"
        " DATE '2026-01-01' AS occurred_at, 1.5 AS amount_fen, [1, 2] AS tags,"
        " {'a': 1} AS more FROM range(3) t(i)",
    )
    said = typed("events", "load", str(path))
    assert said.exit_code == 1
    assert "3 of the first 3 lines are bad" in said.stderr
    assert _kept(world) == 0
    assert [each[:3] for each in _rejects(path)[1:]] == [
        [str(n + 1), str(n), "msisdn"] for n in range(3)
    ]


def test_a_damaged_parquet_file_is_refused(typed: Typed, world: World, tmp_path: Path) -> None:
    path = _parquet(tmp_path / "day.parquet", "SELECT 1 AS event_id")
    path.write_bytes(path.read_bytes()[:-20])
    said = typed("events", "load", str(path))
    assert (said.exit_code, "not a Parquet file" in said.stderr) == (1, True)


# -- too many bad lines ------------------------------------------------------------------------


def test_a_file_with_too_many_bad_lines_is_stopped_and_goes_on_when_told_to(
    typed: Typed, world: World, day: Day, tmp_path: Path
) -> None:
    lines = [day(n) for n in range(100)] + [
        day(n, "x" if n % 3 else "13812340001") for n in range(100, 300)
    ]
    path = _csv(tmp_path / "day.csv", lines)
    said = typed("events", "load", str(path), "--batch", "100")
    assert said.exit_code == 1
    assert "67 of the first 200 lines are bad, more than 5 %" in said.stderr
    assert "behind line 101, with 100 events taken" in said.stderr
    assert len(_rejects(path)) == 1 + 67
    assert (_kept(world), _given(world)) == (100, 100)
    assert typed("events", "load", str(path), "--batch", "100").exit_code == 1
    said = typed("events", "load", str(path), "--batch", "100", "--keep-going")
    assert said.exit_code == 0
    assert "300 lines: 166 new, 0 repeats, 0 conflicts, 134 bad; 166 points" in said.stdout
    assert len(_rejects(path)) == 1 + 134
    assert (_kept(world), _given(world)) == (166, 166)


# -- when things break on the way --------------------------------------------------------------


def test_a_batch_that_our_rules_fail_on_is_not_taken_and_the_next_start_goes_on_there(
    typed: Typed, world: World, day: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(tx: Tx, events: Sequence[Event], now: Any) -> int:
        given = _one_point_each(tx, events, now)
        if any(event.id == "250" for event in events):
            raise ZeroDivisionError
        return given

    path = _csv(tmp_path / "day.csv", [day(n) for n in range(400)])
    with monkeypatch.context() as patch:
        patch.setattr(command, "earn", fails)
        said = typed("events", "load", str(path), "--batch", "100")
    assert said.exit_code == 1
    assert "lines 202 to 301: ZeroDivisionError" in said.stderr
    assert (_kept(world), _given(world)) == (200, 200)
    said = typed("events", "load", str(path), "--batch", "100")
    assert "400 lines: 400 new" in said.stdout
    assert (_kept(world), _given(world)) == (400, 400)


@pytest.mark.slow
def test_two_loads_at_once_count_once(
    world: World, database_url: str, day: Day, tmp_path: Path
) -> None:
    lines = [day(n, f"1381234{n:04d}") for n in range(1000)]
    first, copy = (_csv(tmp_path / name, lines) for name in ("day.csv", "copy.csv"))
    overlapping = _csv(tmp_path / "more.csv", [*lines[::-2], day("last")])
    inside, go_on = Signal(), Signal()
    store = Store(database_url, connections=4, patience_s=30)

    def waits(tx: Tx, events: Sequence[Event], now: Any) -> int:
        inside.set()
        assert go_on.wait(60)
        return _one_point_each(tx, events, now)

    def load(path: Path) -> File:
        loader = Loader(store, waits, world.clock, 100, 5.0, False, lambda *_: None)
        return loader.load(path, None)

    with ThreadPoolExecutor(3) as pool:
        loading = [pool.submit(load, first)]
        assert inside.wait(60)
        with pytest.raises(event_lines.Unreadable, match="being loaded already"):
            load(first)
        # The same content under another name: whoever began last has it.
        loading += [pool.submit(load, path) for path in (copy, overlapping)]
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        wait_for("the copy waits", lambda: world.rows(waiting) == [(1,)])
        go_on.set()
        with pytest.raises(TakenOver):
            loading[0].result()
        assert [each.result().state for each in loading[1:]] == ["loaded"] * 2
    store.close()
    assert (_kept(world), _given(world)) == (1001, 1001)


class _LosesAnswers(Store):
    """Every transaction is committed, and run again because nobody heard so."""

    def run(self, work: Callable[[Tx], Any]) -> Any:
        super().run(work)
        return super().run(work)


def test_a_batch_whose_commit_was_not_heard_counts_once(
    world: World, database_url: str, day: Day, tmp_path: Path
) -> None:
    path = _csv(tmp_path / "day.csv", [*(day(n) for n in range(250)), day("bad", "1")])
    store = _LosesAnswers(database_url, connections=2, patience_s=30)
    loader = Loader(store, _one_point_each, world.clock, 100, 5.0, False, lambda *_: None)
    loaded = loader.load(path, None)
    store.close()
    assert (loaded.state, loaded.new, loaded.repeats, loaded.bad) == ("loaded", 250, 0, 1)
    assert (_kept(world), _given(world), len(_rejects(path))) == (250, 250, 2)


def test_a_file_that_is_changed_while_it_is_read_is_stopped(
    typed: Typed, world: World, day: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _csv(tmp_path / "day.csv", [day(n) for n in range(300)])

    def grows(tx: Tx, events: Sequence[Event], now: Any) -> int:
        with path.open("a") as file:
            file.write("more\n")
        return 0

    monkeypatch.setattr(command, "earn", grows)
    said = typed("events", "load", str(path), "--batch", "100")
    assert (said.exit_code, "changed while it is read" in said.stderr) == (1, True)
    assert _kept(world) == 100


# As the command does it, without the seconds that the command takes to start.
LOAD = """
import sys; sys.path.insert(0, {root!r})
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from models import points, subscribers
from models.store import Store
from workers.event_loader import Loader

def earn(tx, events, now):
    points.issue(
        tx, subscribers.get(tx, events[0].subscriber_id), kind="promotional", points=len(events),
        expires_on=points.day_of(now) + timedelta(days=365), now=now,
        cause=points.Cause(f"earn:{{uuid4()}}", "earned", "boss", "tests"),
    )
    return len(events)

store = Store({url!r}, connections=1, patience_s=30)
Loader(store, earn, lambda: datetime.now(UTC), 250, 5.0, False, lambda *_: None).load(
    Path({path!r}), None
)
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_load_that_is_killed_goes_on_where_it_stopped(
    world: World, database_url: str, typed: Typed, day: Day, tmp_path: Path
) -> None:
    lines = [day(n, f"1381{n % 5000:07d}") for n in range(6000)]
    for n in range(7, 6000, 100):
        lines[n][2] = "1" * 12
    path = _csv(tmp_path / "day.csv", lines)
    script = tmp_path / "load.py"
    script.write_text(LOAD.format(root=str(ROOT), url=database_url, path=str(path)))
    position = "SELECT coalesce(max(position), 0) FROM event_files"
    reached = 0
    for _ in range(3):
        process = subprocess.Popen([sys.executable, str(script)], cwd=ROOT)
        while process.poll() is None and world.rows(position)[0][0] <= reached:
            Signal().wait(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        reached = world.rows(position)[0][0]
    assert 0 < reached < path.stat().st_size
    assert _given(world) == _kept(world)
    said = typed("events", "load", str(path), "--batch", "250")
    assert said.exit_code == 0, said.output
    assert "6,000 lines: 5,940 new, 0 repeats, 0 conflicts, 60 bad; 5,940 points" in said.stdout
    assert (_kept(world), _given(world)) == (5940, 5940)
    assert [each[0] for each in _rejects(path)[1:]] == [str(n + 2) for n in range(7, 6000, 100)]


def test_the_lines_of_a_file_can_be_read_from_every_place_where_one_ends(
    day: Day, tmp_path: Path
) -> None:
    lines = [day(n, package='"quoted"\nand broken') for n in range(10)]
    lines[3] = ['open"', *lines[3][1:]]
    path = _csv(tmp_path / "day.csv", lines)
    raw = path.read_bytes().split(b"\n")
    raw[9] += b'"'
    path.write_bytes(b"\n".join(raw))
    with path.open("rb") as file:
        opened = event_lines.open_lines(file, "utf-8")
        whole = list(opened.read(0, 0))
        for n, line in enumerate(whole):
            assert list(opened.read(line.ends, _last_line(path, line.ends))) == whole[n + 1 :]


def _last_line(path: Path, position: int) -> int:
    return path.read_bytes()[:position].count(b"\n")
