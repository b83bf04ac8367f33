"""The audit: what was done is there for good, and one can prove it."""

from __future__ import annotations

from models import audit
from models.audit import By
from models.base import Tx
from models.store import Store
from tests.models.conftest import NOON, rows

BY = By(None, "command:tests", "command", "r-1", "192.0.2.7")


def write(tx: Tx, number: int = 1, by: By = BY) -> int:
    return audit.write(
        tx, by, action="clubs.change", subject=f"club:{number}", before={"价": 1}, after={"价": 2},
        reason="涨价", now=NOON,
    )  # fmt: skip


def test_an_entry_joins_the_chain_when_its_transaction_commits(store: Store) -> None:
    with store.begin() as tx:
        entry = write(tx)
        assert tx.exec_driver_sql("SELECT count(*) FROM audit_chain").scalar_one() == 0
    assert rows(store, "SELECT no, entry_id FROM audit_chain") == [(1, entry)]


def test_a_transaction_knows_whether_it_wrote_an_entry(store: Store) -> None:
    with store.begin() as tx:
        assert not audit.wrote(tx)
        write(tx)
        assert audit.wrote(tx)
    with store.begin() as tx:
        assert not audit.wrote(tx)
