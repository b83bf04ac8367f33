"""The audit: what was done is there for good, and one can prove it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import partial

import psycopg
import pytest

from models import audit, audit_proof, sql
from models.audit import By
from models.audit_proof import Anchor, Fault
from models.base import Tx
from models.store import Store
from tests.models.conftest import NOON, at_once, rows

BY = By(None, "command:tests", "command", "r-1", "192.0.2.7")


def write(tx: Tx, number: int = 1, by: By = BY, action: str = "clubs.change") -> int:
    return audit.write(
        tx, by, action=action, subject=f"club:{number}", before={"价": 1}, after={"价": 2},
        reason="涨价", now=NOON + timedelta(minutes=number),
    )  # fmt: skip


@pytest.fixture
def written(store: Store) -> Store:
    """With six entries, in two transactions."""
    for part in (range(1, 4), range(4, 7)):
        with store.begin() as tx:
            for number in part:
                write(tx, number)
    return store


def verify(store: Store, *anchors: str) -> audit_proof.Report:
    with store.begin() as tx:
        return audit_proof.verify(tx, anchors=[Anchor.read(anchor) for anchor in anchors])


def spoil(tx: Tx, *statements: str) -> None:
    """Change what nobody can, as who owns the database could."""
    sql.run(tx, "SET LOCAL session_replication_role = replica")
    sql.run(tx, "ALTER TABLE audit_chain DROP CONSTRAINT audit_chain_sealed_check")
    for statement in statements:
        sql.run(tx, statement)


def test_an_entry_joins_the_chain_when_its_transaction_commits(store: Store) -> None:
    with store.begin() as tx:
        entry = write(tx)
        assert sql.value(tx, "SELECT count(*) FROM audit_chain") == 0
    assert rows(store, "SELECT no, entry_id FROM audit_chain") == [(1, entry)]


def test_what_is_rolled_back_leaves_neither_entry_nor_gap(store: Store) -> None:
    def fails(tx: Tx) -> None:
        write(tx)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.run(fails)
    with store.begin() as tx:
        write(tx)
    assert rows(store, "SELECT no FROM audit_chain") == [(1,)]
    assert verify(store).faults == []


def test_a_transaction_knows_whether_it_wrote_an_entry(store: Store) -> None:
    with store.begin() as tx:
        assert not audit.wrote(tx)
        nested = tx.begin_nested()
        write(tx)
        assert audit.wrote(tx)
        nested.rollback()
        assert not audit.wrote(tx)
        write(tx)
        assert audit.wrote(tx)
    with store.begin() as tx:
        assert not audit.wrote(tx)


def test_nobody_alters_deletes_or_empties_it(written: Store) -> None:
    for table in ("audit_entries", "audit_chain"):
        for statement in (
            f"UPDATE {table} SET digest = digest",
            f"DELETE FROM {table} WHERE false",
            f"TRUNCATE {table} CASCADE",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation), written.begin() as tx:
                sql.run(tx, statement)


def test_the_table_refuses_a_link_that_does_not_follow(written: Store) -> None:
    columns = "(no, entry_id, digest, previous_no, previous_hash, hash)"
    seal = "sha256({before} || int8send({no}) || int8send({entry}) || digest)"
    forged = (  # number, the one before, its hash, which entry, its seal
        (8, 6, "hash", 6, seal.format(before="hash", no=8, entry=6)),
        (7, 6, "sha256('x')", 6, seal.format(before="sha256('x')", no=7, entry=6)),
        (7, 6, "hash", 6, "sha256('x')"),
        (7, 6, "hash", 6, seal.format(before="hash", no=7, entry=6)),
        (1, "NULL", "hash", 6, seal.format(before="hash", no=1, entry=6)),
    )
    for no, previous_no, previous_hash, entry, sealed in forged:
        with pytest.raises(psycopg.errors.IntegrityError), written.begin() as tx:
            sql.run(
                tx,
                f"INSERT INTO audit_chain {columns} SELECT {no}, {entry}, digest, {previous_no},"
                f" {previous_hash}, {sealed} FROM audit_chain WHERE no = 6",
            )


def test_what_cannot_be_said_in_json_is_kept_in_words(store: Store) -> None:
    after = {
        "when": NOON, "day": date(2026, 3, 2), "fen": Decimal("1.50"), "tags": {"b", "a"},
        "factor": 1.1, "big": 1e22, "nothing": None, "text": "“引号” \0 \n", "z": {"y": [1, 2]},
    }  # fmt: skip
    with store.begin() as tx:
        audit.write(tx, BY, action="clubs.change", subject="club:1", after=after, now=NOON)
        for wrong in ({"x": object()}, {"x": float("nan")}):
            with pytest.raises((TypeError, ValueError)):
                audit.write(tx, BY, action="clubs.change", subject="club:1", after=wrong, now=NOON)
        with pytest.raises(ValueError, match="1000"):
            audit.write(tx, BY, action="a.b", subject="c:1", reason="长" * 1001, now=NOON)
    (entry,) = store.read(audit.search)
    assert entry.before is None
    assert dict(entry.after or {}) == {
        "when": "2026-03-02T04:00:00+00:00", "day": "2026-03-02", "fen": "1.50",
        "tags": ["a", "b"], "factor": 1.1, "big": 1e22, "nothing": None,
        "text": "“引号” \0 \n", "z": {"y": [1, 2]},
    }  # fmt: skip
    assert verify(store).faults == []


def test_anybody_can_prove_an_entry_with_sha256_alone(store: Store) -> None:
    with store.begin() as tx:
        write(tx)
    ((row,),) = rows(store, "SELECT to_json(e) FROM audit_entries e")
    said = {name: row[name] for name in sorted(row) if name not in ("id", "digest")}
    said |= {"at": "2026-03-02T04:01:00.000000+00:00", "before": '{"价":1}', "after": '{"价":2}'}
    text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert row["digest"] == "\\x" + hashlib.sha256(text.encode()).hexdigest()


# -- proofs ------------------------------------------------------------------------------------


def test_a_whole_chain_is_proved_and_gives_something_to_note(written: Store) -> None:
    report = verify(written)
    assert (report.entries, report.faults) == (6, [])
    assert report.head.startswith("6:")
    assert written.read(audit_proof.head) == report.head
    assert verify(written, report.head, report.head[:18]).faults == []


LINK = "UPDATE audit_chain SET {} WHERE no = 3"
SEALED_AGAIN = "hash = sha256(previous_hash || int8send(no) || int8send(entry_id) || digest)"
SPOILT = (
    (["UPDATE audit_entries SET login = 'li' WHERE id = 3"], "altered", "entry 3, of link 3"),
    (["UPDATE audit_entries SET after = '{\"价\": 2}' WHERE id = 3"], "altered", "entry 3"),
    (["UPDATE audit_entries SET reason = '' WHERE id = 3"], "altered", "entry 3"),
    (["UPDATE audit_entries SET at = at + interval '1 us' WHERE id = 3"], "altered", "entry 3"),
    # The digest made to fit, too, but not the link; then the link, but not the next one.
    (
        ["UPDATE audit_entries SET login = 'li', digest = sha256('x') WHERE id = 3"],
        "altered", "entry 3",
    ),
    ([LINK.format("digest = sha256('x')")], "altered", "entry 3"),
    ([LINK.format("hash = sha256('x')")], "altered", "link 3, of entry 3"),
    (
        [LINK.format("entry_id = 99"), LINK.format(SEALED_AGAIN)],
        "missing", "entry 99, of link 3",
    ),
    (["DELETE FROM audit_entries WHERE id = 3"], "missing", "entry 3, of link 3"),
    (["DELETE FROM audit_chain WHERE no = 3"], "missing", "link 3"),
    (["DELETE FROM audit_chain WHERE no = 1"], "missing", "link 1"),
    (
        ["INSERT INTO audit_entries SELECT 99, at, operator_id, login, role, action, subject,"
         " before, after, reason, request_id, address, digest FROM audit_entries WHERE id = 3"],
        "inserted", "entry 99 in no link: clubs.change by command:tests",
    ),
)  # fmt: skip


def test_a_proof_names_the_first_row_that_is_wrong(written: Store) -> None:
    for statements, what, row in SPOILT:
        with written.begin() as tx:
            spoil(tx, *statements)
            first = audit_proof.proof(tx).faults[0]
            assert (first.what, first.row[: len(row)]) == (what, row), statements
            tx.rollback()
    assert verify(written).faults == []


def test_a_chain_that_was_cut_or_sealed_anew_is_not_as_noted(written: Store) -> None:
    noted = verify(written).head
    paper = [Anchor.read(noted)]
    with written.begin() as tx:
        last = "DELETE FROM audit_{} = 6"
        spoil(tx, last.format("chain WHERE no"), last.format("entries WHERE id"))
        assert audit_proof.proof(tx).faults == []  # which is why one notes it
        cut = audit_proof.proof(tx, anchors=paper)
        assert cut.faults == [Fault("missing", "link 6, which was noted")]
        sql.run(tx, "SET LOCAL session_replication_role = origin")
        write(tx, 7)
        sql.run(tx, "SET CONSTRAINTS ALL IMMEDIATE")
        (fault,) = audit_proof.proof(tx, anchors=paper).faults
        assert fault.what == "not as noted"
        tx.rollback()
    for unreadable in ("6", "6:abc", "6:" + "x" * 16, "six:" + "0" * 16):
        with pytest.raises(ValueError, match=r"\w"):
            Anchor.read(unreadable)


# -- races -------------------------------------------------------------------------------------


def test_many_writers_at_once_make_one_chain(store: Store) -> None:
    def work(number: int) -> None:
        for _ in range(5):
            store.run(lambda tx: [write(tx, number), write(tx, number)])

    at_once([partial(work, number) for number in range(8)])
    report = verify(store)
    assert (report.entries, report.faults) == (80, [])


def test_nobody_waits_for_a_transaction_that_wrote_and_goes_on(store: Store) -> None:
    with store.begin() as slow:
        write(slow, 1)
        with store.begin() as quick:
            sql.run(quick, "SET LOCAL lock_timeout = '1s'")
            write(quick, 2)
    linked = rows(store, "SELECT subject FROM audit_entries JOIN audit_chain ON entry_id = id"
                         " ORDER BY no")  # fmt: skip
    assert linked == [("club:2",), ("club:1",)]


# -- search ------------------------------------------------------------------------------------


@pytest.fixture
def found(store: Store) -> Callable[..., list[str]]:
    """Search -> the subjects of what was found."""
    li = By(None, "li", "service", "r-2", "192.0.2.8")
    with store.begin() as tx:
        for number in range(1, 7):
            write(tx, number, by=li if number % 2 else BY, action=f"clubs.{'ab'[number % 2]}")

    def search(**wanted: object) -> list[str]:
        entries = store.read(lambda tx: audit.search(tx, **wanted))  # type: ignore[arg-type]
        return [entry.subject.removeprefix("club:") for entry in entries]

    return search


def test_entries_are_found_by_who_what_which_when_and_request(
    found: Callable[..., list[str]], store: Store
) -> None:
    assert found() == ["6", "5", "4", "3", "2", "1"]
    assert found(login="li") == found(request_id="r-2") == ["5", "3", "1"]
    assert found(action="clubs.a") == ["6", "4", "2"]
    assert found(action="clubs.", subject="club:2") == ["2"]
    assert found(action="club.") == found(action="clubs") == []
    minute = timedelta(minutes=1)
    assert found(since=NOON + 2 * minute, until=NOON + 4 * minute, login="li") == ["3"]
    assert store.read(audit.actions) == ["clubs.a", "clubs.b"]


def test_entries_are_paged_by_key_though_many_have_the_same_moment(store: Store) -> None:
    with store.begin() as tx:
        ids = [write(tx) for _ in range(7)]
    seen: list[int] = []
    before = None
    while page := store.read(lambda tx: audit.search(tx, before=before, limit=3)):  # noqa: B023
        seen += [entry.id for entry in page]
        before = page[-1].key
    assert seen == ids[::-1]
