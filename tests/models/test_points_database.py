"""What the database refuses by itself, whoever asks and however."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.exc import DBAPIError

from models import clubs, consents, points, publications
from models.store import Store
from models.subscribers import Subscriber
from tests.models.conftest import NOON, cause, newcomer, rows
from tests.models.test_points import check_books

DAY = date(2026, 12, 31)


@pytest.fixture
def rich(store: Store) -> Subscriber:
    """Somebody with 100 points in one lot."""
    with store.begin() as tx:
        who = newcomer(tx)
        points.issue(
            tx, who, kind=points.CONSUMPTION, points=100, expires_on=DAY, cause=cause("gift"),
            now=NOON,
        )  # fmt: skip
    return who


def refused(store: Store, statement: str, **values: object) -> str:
    """Which rule the database names as it refuses this."""
    with pytest.raises(DBAPIError) as error, store.begin() as tx:
        tx.exec_driver_sql(statement, values)
    diagnosis = error.value.orig.diag  # type: ignore[union-attr]
    return str(diagnosis.constraint_name or diagnosis.message_primary)


def test_no_account_of_a_person_goes_below_nothing_or_what_is_held(
    store: Store, rich: Subscriber
) -> None:
    change = "UPDATE points_accounts SET {} WHERE subscriber_id = %(id)s"
    never = "points_accounts_never_negative_check"
    for wrong in ("balance = -1", "balance = 3, held = 4", "held = -1", "balance = NULL"):
        assert refused(store, change.format(wrong), id=rich.id) in (
            never, 'null value in column "balance" of relation "points_accounts" violates'
            " not-null constraint",
        )  # fmt: skip
    assert refused(store, change.format("kind = 'gold'"), id=rich.id) in (
        "points_accounts_kind_check", "points_legs_payee_fkey",
    )  # fmt: skip


LEG = (
    "INSERT INTO points_legs (serial, leg_no, points, payer_id, payer_kind, payer_expires_on,"
    " payer_leg, payer_balance, payee_id, payee_kind, payee_expires_on, payee_leg, payee_balance)"
    " SELECT serial, 2, %(points)s, payer_id, payer_kind, payer_expires_on,"
    " payer_leg + %(payer_step)s, 0, {payee}, payee_leg + %(payee_step)s, 0"
    " FROM points_legs WHERE payee_id = %(id)s"
)
TO_THE_SAME = LEG.format(payee="payee_id, payee_kind, payee_expires_on")
TO_ITSELF = LEG.format(payee="payer_id, payer_kind, payer_expires_on")
TO_NOBODY = LEG.format(payee="payee_id, payee_kind, payee_expires_on + 1")


@pytest.mark.parametrize(
    ("leg", "moved", "payer_step", "payee_step", "rule"),
    [
        (TO_THE_SAME, 0, 1, 1, "points_legs_positive_check"),
        (TO_THE_SAME, -5, 1, 1, "points_legs_positive_check"),
        (TO_ITSELF, 5, 1, 1, "points_legs_two_accounts_check"),
        (TO_NOBODY, 5, 1, 1, "points_legs_payee_fkey"),
        (TO_THE_SAME, 5, 0, 1, "points_legs_payer_leg"),
        (TO_THE_SAME, 5, 1, 0, "points_legs_payee_leg"),
    ],
)
def test_a_leg_that_makes_no_sense_is_refused(
    store: Store, rich: Subscriber, leg: str, moved: int, payer_step: int, payee_step: int,
    rule: str,
) -> None:  # fmt: skip
    said = refused(
        store, leg, points=moved, payer_step=payer_step, payee_step=payee_step, id=rich.id
    )
    assert said == rule


def test_a_leg_number_is_used_once_in_a_transfer(store: Store, rich: Subscriber) -> None:
    again = TO_THE_SAME.replace(" serial, 2,", " serial, leg_no,")
    said = refused(store, again, points=5, payer_step=1, payee_step=1, id=rich.id)
    assert said == "points_legs_pkey"


def test_a_second_transfer_with_the_same_key_is_refused(store: Store, rich: Subscriber) -> None:
    again = (
        "INSERT INTO points_transfers (key, request_hash, reason, channel, origin, at)"
        " SELECT key, 'other', reason, channel, origin, at FROM points_transfers"
        " WHERE key = 'gift'"
    )
    assert refused(store, again) == "points_transfers_key_key"


@pytest.fixture
def evidence(store: Store, rich: Subscriber) -> dict[str, str]:
    """A row in each table of evidence: table -> a column of it."""
    with store.begin() as tx:
        clubs.join(tx, rich, "film", origin="tests", now=NOON)
        consents.keep(
            tx, subscriber_id=rich.id, subject="club:film", granted=True, question="?",
            answer="是", message_key="m", asked_at=None, now=NOON,
        )  # fmt: skip
        publications.publish(tx, {}, author="tests", note="none", now=NOON)
    return {
        "points_transfers": "reason", "points_legs": "points", "membership_changes": "state",
        "consents": "answer", "publications": "note",
    }  # fmt: skip


def test_evidence_is_never_changed_deleted_or_emptied(
    store: Store, evidence: dict[str, str]
) -> None:
    for table, column in evidence.items():
        before = rows(store, f"SELECT * FROM {table} ORDER BY 1, 2, 3")
        assert before
        for statement in (
            f"UPDATE {table} SET {column} = {column}",
            f"DELETE FROM {table}",
            f"DELETE FROM {table} WHERE false",
            f"TRUNCATE {table} CASCADE",
        ):
            assert refused(store, statement) == f"{table} is append-only"
        assert rows(store, f"SELECT * FROM {table} ORDER BY 1, 2, 3") == before


def test_the_parents_of_evidence_cannot_be_deleted_from_under_it(
    store: Store, evidence: dict[str, str], rich: Subscriber
) -> None:
    for parent, column in (
        ("points_accounts", "subscriber_id"),
        ("memberships", "subscriber_id"),
        ("subscribers", "id"),
    ):
        said = refused(store, f"DELETE FROM {parent} WHERE {column} = %(id)s", id=rich.id)
        assert said.endswith("_fkey")
    check_books(store)
