"""Settlement: lines a second of a statement, its proof, its file, and a file compared; flat memory.

`python -m bench.settlement --vouchers N` runs it alone, on a PostgreSQL of its own. The vouchers
are written in bulk, past the triggers, but whole: each was issued to somebody, paid into the
merchant's account by a transfer of its own, and verified at a moment of half a month.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import BinaryIO

import logs
from bench import servers
from bench.report import Row, table
from bench.servers import ROOT, private_mib
from bench.stage import postgres_alone
from commands.db import upgrade
from embedded.postgres import Postgres
from handlers import reconcile_file, settlement_files, sheets
from models import points, sql
from models.base import Tx
from models.settlement import deductions, proof, reconciling, statements
from models.settlement.statements import Statement
from models.store import Store
from models.vouchers.redeeming import account

VOUCHERS, FEW = 1_000_000, 10_000
CHUNK = 100_000  # vouchers written in one transaction
PRICE = 900  # points of each
FACE_FEN, FACES, PAYS_BP = 1_001, 5_000, 8_500  # 10.01 yuan to 60.00
# Verified in the first half of March in China, so due from the 16th to the 30th.
FROM, SECONDS = datetime(2026, 2, 28, 16, 0, tzinfo=UTC), 15 * 24 * 3600
FIRST, LAST = date(2026, 3, 16), date(2026, 3, 31)
NOW = datetime(2026, 4, 1, 4, 0, tzinfo=UTC)
FIRST_ID, FIRST_SERIAL = 10_000_000, 1_000_000_000
SPOILT = 100  # lines of each kind of the merchant's file that do not agree

_MERCHANT = """
INSERT INTO merchants (code, name, category, city) VALUES (%(code)s, %(code)s, 'x', 'x');
INSERT INTO stores VALUES (%(code)s, 1, 'x', 'x', 0, 0);
INSERT INTO offers (code, merchant_code, title, price_points, face_fen)
VALUES (%(code)s, %(code)s, '剪发券', 900, 1)
"""
# The n-th of all: the k-th of its stripe of the house's accounts.
_PEOPLE = f"""
CREATE UNLOGGED TABLE bench_people AS
SELECT n, {FIRST_ID} + n AS id,
       {FIRST_SERIAL} + 2 * n AS issued, {FIRST_SERIAL} + 2 * n + 1 AS paid,
       mod(n, {points.STRIPES})::smallint AS stripe, (n - %(start)s) / {points.STRIPES} AS k,
       %(from)s + (n - %(start)s) * interval '1 second' * {SECONDS} / %(total)s AS at,
       {FACE_FEN} + mod(n * 7919, {FACES}) AS face
FROM generate_series(%(first)s::bigint, %(last)s) n
"""
_LEG = """
INSERT INTO points_legs (serial, leg_no, at, unit, points, payer_id, payer_kind, payer_expires_on,
    payer_stripe, payer_leg, payer_balance, payee_id, payee_kind, payee_expires_on, payee_stripe,
    payee_leg, payee_balance)
"""
_ROWS = (
    "INSERT INTO subscribers (id, created_at) SELECT id, at FROM bench_people",
    """
INSERT INTO points_transfers (serial, key, request_hash, reason, channel, origin, at)
SELECT serial, 'bench:' || serial, '\\x00', reason, 'bench', 'bench', at FROM bench_people,
LATERAL (VALUES (issued, 'bench'), (paid, 'redeem')) t (serial, reason)
""",
    """
INSERT INTO points_accounts (subscriber_id, unit, kind, expires_on, balance, legs)
SELECT id, 'points', 'consumption', DATE '2027-12-31', 0, 2 FROM bench_people
""",
    f"""{_LEG}
SELECT issued, 1, at, 'points', {PRICE}, 0, 'issuing', '9999-12-31', stripe,
       %(issuing)s + k + 1, -(%(issuing)s + k + 1) * {PRICE}, id, 'consumption', '2027-12-31', 0, 1,
       {PRICE} FROM bench_people
""",
    f"""{_LEG}
SELECT paid, 1, at, 'points', {PRICE}, id, 'consumption', '2027-12-31', 0, 2, 0, 0,
       'merchant:' || %(code)s, '9999-12-31', stripe, k + 1, (k + 1) * {PRICE} FROM bench_people
""",
    f"""
INSERT INTO vouchers (subscriber_id, id, key, offer_code, merchant_code, title, state, code,
    short_code, price_points, price_fen, face_fen, pays_cents, serial, issued_at, valid_until,
    ended_at, events)
SELECT id, id, 'bench', %(code)s, %(code)s, '剪发券', 'verified', lpad(id::text, 26, '0'),
       lpad(id::text, 10, '0'), {PRICE}, 0, face, face * {PAYS_BP} / 100, paid, at,
       at + interval '30 days', at, 0 FROM bench_people
""",
    f"""
INSERT INTO verifications (subscriber_id, voucher_id, no, key, merchant_code, store_no, by, at,
    due_on, cents)
SELECT id, id, 1, 'bench', %(code)s, 1, 'bench', at,
       (at AT TIME ZONE 'Asia/Shanghai')::date + 15, face * {PAYS_BP} / 100 FROM bench_people
""",
)
_HOUSE = f"""
UPDATE points_accounts a SET legs = legs + used, balance = balance + CASE kind
    WHEN 'issuing' THEN -1 ELSE 1 END * used * {PRICE}
FROM (SELECT mod(n, {points.STRIPES}) AS stripe, count(*) AS used
      FROM generate_series(%(start)s::bigint, %(end)s) n GROUP BY 1) each
WHERE subscriber_id = 0 AND unit = 'points' AND kind IN ('issuing', 'merchant:' || %(code)s)
    AND a.stripe = each.stripe
"""


@dataclass(slots=True)
class Watch:
    """What something took: time, processor (ours and the server's), and memory at most."""

    seconds: float = 0.0
    cpu_s: float = 0.0
    ours_mib: float = 0.0
    server_mib: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def on(self, server: int) -> Iterator[Watch]:
        """Watch what is done within."""
        thread = threading.Thread(target=self._sample, args=(server,), daemon=True)
        thread.start()
        began, cpu_s = time.perf_counter(), time.process_time() + servers.cpu_s(server)
        yield self
        self.seconds = time.perf_counter() - began
        self.cpu_s = time.process_time() + servers.cpu_s(server) - cpu_s
        self.over.set()
        thread.join()

    def _sample(self, server: int) -> None:
        while True:
            self.ours_mib = max(self.ours_mib, private_mib(os.getpid()))
            self.server_mib = max(self.server_mib, private_mib(server))
            if self.over.wait(0.05):
                return


def measure(postgres: Postgres, vouchers: int = VOUCHERS) -> list[Row]:
    """The rows about settlement, in a database of their own: few vouchers first, then all."""
    # As many in each stripe of the house: the legs' numbers are in closed form then.
    few, many = (n // points.STRIPES * points.STRIPES for n in (min(FEW, vouchers // 4), vouchers))
    store = _made(postgres, {"few": few, "many": many})
    server = store.run(lambda tx: int(sql.value(tx, "SELECT pg_backend_pid()")))
    rows = []
    small = _statement(store, "few", few, server)
    large = _statement(store, "many", many, server)
    rows += _of("settlement.statement", small, large, many)
    rows += _of(
        "settlement.download", _download(store, "few", server), _download(store, "many", server),
        many,
    )  # fmt: skip
    rows += _of(
        "settlement.reconcile", _reconcile(store, "few", few, server),
        _reconcile(store, "many", many, server), many,
    )  # fmt: skip
    rows += _of("settlement.verify", None, _verify(store, few + many, server), few + many)
    store.close()
    return rows


def _of(name: str, small: Watch | None, large: Watch, lines: int) -> list[Row]:
    """Lines a second, and how much more memory many lines take than few."""
    _say(f"{name}: {lines} lines in {large.seconds:.1f} s, {large.ours_mib:.0f} MiB,"
         f" server {large.server_mib:.0f} MiB")  # fmt: skip
    found = [
        Row(name, round(lines / large.seconds, 1), "lines/s"),
        # On a busy machine this says more: the processor's time of both of us.
        Row(f"{name}.cpu", round(1e6 * large.cpu_s / lines, 1), "us/line"),
    ]
    for who in ("ours", "server"):
        most = getattr(large, f"{who}_mib")
        before = getattr(small, f"{who}_mib") if small else most
        label = f"{name}.memory" if who == "ours" else f"{name}.server_memory"
        found.append(Row(label, round(most, 1), "MiB", round(before, 1), round(most / before, 3)))
    return found


def _statement(store: Store, merchant: str, vouchers: int, server: int) -> Watch:
    """Make it, and compare with what the vouchers' faces and the ledger say."""
    before = store.read(lambda tx: points.house_balance(tx, account(merchant)))
    watch = Watch()
    with watch.on(server), store.begin() as tx:
        made = statements.make(tx, merchant, FIRST, LAST, now=NOW)
    start = _start(merchant)
    cents = sum(_face(n) * PAYS_BP // 100 for n in range(start, start + vouchers))
    _must(made.lines == vouchers, "a line is missing, or too many")
    _must(made.cents == cents, "the sum is not what the vouchers' faces say")
    _must(made.fen == (cents + 50) // 100, "it is not rounded half up, once")
    with store.reading() as tx:
        into, _ = sql.one(
            tx,
            "SELECT sum(points), count(*) FROM points_legs WHERE payee_id = 0 AND payee_kind = %s",
            [account(merchant)],
        )
        moved = sql.value(
            tx, "SELECT sum(points) FROM points_legs WHERE serial = %s", [made.serial]
        )
        left = points.house_balance(tx, account(merchant))
    _must(made.points == into == before == moved, "the points are not what the ledger says")
    _must(left == 0, "points are left in the merchant's account")
    return watch


def _download(store: Store, merchant: str, server: int) -> Watch:
    """The statement as CSV, read in pages as a door reads it."""
    one = _of_merchant(store, merchant)
    watch, lines = Watch(), 0
    with watch.on(server):
        read = settlement_files.lines(store.read, one)
        for _chunk in sheets.csv_chunks(settlement_files.HEADER, map(settlement_files.row, read)):
            lines += 1
    _must(lines == one.lines + 1, "a line of the file is missing")
    return watch


def _reconcile(store: Store, merchant: str, vouchers: int, server: int) -> Watch:
    """A file of as many lines, some of them spoilt in each way, against ours."""
    folder = ROOT / "var" / "bench-settlement"
    folder.mkdir(parents=True, exist_ok=True)
    path, limits = folder / f"{merchant}.csv", reconcile_file.Limits(2**30, 2 * vouchers)
    with path.open("w+b") as file:
        _write_file(file, _start(merchant), vouchers)
        watch = Watch()
        with watch.on(server), store.begin() as tx:
            found = reconciling.reconcile(
                tx, merchant=merchant, first=FIRST, last=LAST, file_name=path.name, by="bench",
                theirs=reconcile_file.read(file, limits), now=NOW,
            )  # fmt: skip
    path.unlink()
    spoilt = min(SPOILT, vouchers // 10)
    said = (found.matched, found.only_ours, found.only_theirs, found.differs, found.rejected)
    _must(said == (vouchers - 2 * spoilt, spoilt, spoilt, spoilt, spoilt), f"wrong counts {said}")
    return watch


def _write_file(file: BinaryIO, start: int, vouchers: int) -> None:
    """Their lines: the first ones are missing, the next cost a fen more, and some are nobody's."""
    spoilt = min(SPOILT, vouchers // 10)
    text = io.TextIOWrapper(file, "gbk", newline="")
    write = csv.writer(text).writerow
    write(["流水号", "金额（元）"])
    for n in range(start + spoilt, start + vouchers):
        cents = _face(n) * PAYS_BP // 100
        fen = (cents + 50) // 100 + (n < start + 2 * spoilt)
        write([FIRST_SERIAL + 2 * n + 1, f"{fen // 100}.{fen % 100:02d}"])
    for n in range(spoilt):
        write([n + 1, "1.00"])
        write(["合计", "?"])
    text.flush()
    text.detach()


def _verify(store: Store, lines: int, server: int) -> Watch:
    watch = Watch()
    with watch.on(server), store.begin() as tx:
        report = proof.verify(tx, kind="half_month", now=NOW)
    wrong = [check for check in report.checks if check.wrong]
    _must(not wrong, f"the proof finds {wrong[:1]}")
    _must(report.lines == lines, "the proof has not seen every line")
    return watch


def _start(merchant: str) -> int:
    return 0 if merchant == "few" else VOUCHERS


def _face(n: int) -> int:
    return FACE_FEN + n * 7919 % FACES


def _of_merchant(store: Store, merchant: str) -> Statement:
    return store.read(lambda tx: statements.history(tx, merchant, limit=1))[0]


def _made(postgres: Postgres, merchants: dict[str, int]) -> Store:
    admin = Store(postgres.url, connections=1, patience_s=3600)
    with admin.reading() as tx:
        tx.exec_driver_sql("DROP DATABASE IF EXISTS settlement")
        tx.exec_driver_sql("CREATE DATABASE settlement")
    admin.close()
    url = postgres.url.replace("/lifecircle?", "/settlement?")
    upgrade(url)
    store = Store(url, connections=1, patience_s=3600)
    began, used = time.monotonic(), 0
    for merchant, vouchers in merchants.items():
        store.run(lambda tx, code=merchant: _open(tx, code))  # type: ignore[misc]
        _fill(store, merchant, vouchers, used)
        used += vouchers // points.STRIPES
    with store.reading() as tx:
        tx.exec_driver_sql("VACUUM ANALYZE")
        tx.exec_driver_sql("CHECKPOINT")
    _say(f"{sum(merchants.values())} vouchers made in {time.monotonic() - began:.0f} s")
    return store


def _open(tx: Tx, code: str) -> None:
    for statement in _MERCHANT.split(";"):
        sql.run(tx, statement, {"code": code})
    points.open_house_account(tx, account(code))
    points.open_house_account(tx, deductions.SETTLED)


def _fill(store: Store, merchant: str, vouchers: int, issuing: int) -> None:
    """Write a merchant's vouchers; `issuing` legs are in each stripe of that account already."""
    start = _start(merchant)
    values = {
        "code": merchant, "start": start, "end": start + vouchers - 1, "total": vouchers,
        "issuing": issuing, "from": FROM,
    }  # fmt: skip
    for first in range(start, start + vouchers, CHUNK):
        last = min(first + CHUNK, start + vouchers) - 1
        with store.begin() as tx:
            sql.run(tx, "SET LOCAL session_replication_role = replica")
            sql.run(tx, "SET LOCAL synchronous_commit = off")
            _inlined(tx, _PEOPLE, values | {"first": first, "last": last})
            for statement in _ROWS:
                _inlined(tx, statement, values)
            sql.run(tx, "DROP TABLE bench_people")
        _say(f"{last - start + 1} vouchers of {merchant}")
    with store.begin() as tx:
        sql.run(tx, "SET LOCAL session_replication_role = replica")
        _inlined(tx, _HOUSE, values)


def _inlined(tx: Tx, statement: str, values: dict[str, object]) -> None:
    """CREATE TABLE AS takes no parameters: the values are numbers, a moment and names of ours."""
    plain = {
        name: f"'{value}'" if isinstance(value, str | datetime) else str(value)
        for name, value in values.items()
    }
    plain["from"] = f"timestamptz {plain['from']}"
    sql.run(tx, statement % plain)


def _must(holds: bool, words: str) -> None:
    if not holds:
        raise RuntimeError(words)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Alone, on a PostgreSQL of its own."""
    parser = argparse.ArgumentParser(prog="python -m bench.settlement", description=__doc__)
    parser.add_argument("--vouchers", type=int, default=VOUCHERS)
    options = parser.parse_args()
    logs.configure("warning")
    with postgres_alone() as postgres:
        print(table(measure(postgres, options.vouchers)))


if __name__ == "__main__":
    main()
