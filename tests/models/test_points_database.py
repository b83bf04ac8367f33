"""What the database refuses by itself, whoever asks and however."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.exc import DBAPIError

from models import clubs, consents, points, publications, sql
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


def refused(store: Store, statement: str, *, without: str = "", **values: object) -> str:
    """Which rule the database names as it refuses this, with a trigger of a table switched off.

    `without` is "table trigger"; the switch is rolled back with the statement.
    """

    def attempt() -> None:
        with store.begin() as tx:
            if without:
                table, trigger = without.split()
                tx.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
            tx.exec_driver_sql(statement, values)

    with pytest.raises(DBAPIError) as error:
        attempt()
    diagnosis = error.value.orig.diag  # type: ignore[union-attr]
    return str(diagnosis.constraint_name or diagnosis.message_primary)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("balance = balance - 101", "points_accounts_never_negative_check"),
        ("balance = 3, legs = 0", "points_accounts_unused_check"),
        ("kind = 'gold'", "points_accounts_kind_check"),
        ("unit = 'yuan'", "points_accounts_unit_check"),
        ("stripe = 2", "points_accounts_stripe_check"),
        ("expires_on = expires_on + 1", "points_legs_payee_fkey"),
        (
            "balance = NULL",
            'null value in column "balance" of relation "points_accounts" violates not-null'
            " constraint",
        ),
    ],
)
def test_an_account_is_refused_by_the_trigger_and_by_its_own_rules_without_it(
    store: Store, rich: Subscriber, change: str, rule: str
) -> None:
    statement = f"UPDATE points_accounts SET {change} WHERE subscriber_id = %(id)s"
    assert refused(store, statement, id=rich.id) == "points_accounts_by_legs_alone"
    alone = "points_accounts points_accounts_update"
    assert refused(store, statement, without=alone, id=rich.id) == rule
    check_books(store)


LEG = (
    "INSERT INTO points_legs (serial, leg_no, at, unit, points,"
    " payer_id, payer_kind, payer_expires_on, payer_stripe, payer_leg, payer_balance,"
    " payee_id, payee_kind, payee_expires_on, payee_stripe, payee_leg, payee_balance)"
    " SELECT serial, 2, at, unit, %(points)s,"
    " {payer}, payer_leg + %(payer_step)s, {balance},"
    " {payee}, payee_leg + %(payee_step)s, 0"
    " FROM points_legs WHERE payee_id = %(id)s"
)
ISSUING = "payer_id, payer_kind, payer_expires_on, payer_stripe"
PERSON = "payee_id, payee_kind, payee_expires_on, payee_stripe"


def _leg(payee: str, payer: str = ISSUING, balance: str = "0") -> str:
    return LEG.format(payer=payer, payee=payee, balance=balance)


TO_THE_SAME = _leg(PERSON)
TO_ITSELF = _leg(ISSUING)
TO_NOBODY = _leg("9, payee_kind, payee_expires_on, payee_stripe")
TO_A_WRONG_KIND = _leg("payee_id, 'gold', payee_expires_on, 0")
TO_A_STRIPE = _leg("payee_id, payee_kind, payee_expires_on, 2")
TO_NO_HOUSE = _leg("0, 'nowhere', payer_expires_on, 0")
FROM_THE_PERSON = _leg(ISSUING, PERSON)
BELOW_NOTHING = _leg(ISSUING, PERSON, "-1")
FROM_NOBODY = _leg(ISSUING, "payee_id, payee_kind, payee_expires_on + 1, payee_stripe")
BOOK = "points_legs points_legs_book"


@pytest.mark.parametrize(
    ("leg", "moved", "rule"),
    [
        (TO_THE_SAME, 0, "points_legs_positive_check"),
        (TO_THE_SAME, -5, "points_legs_positive_check"),
        (TO_ITSELF, 5, "points_legs_two_accounts_check"),
        (TO_NOBODY, 5, "points_accounts_subscriber_id_merged_fkey"),
        (TO_NO_HOUSE, 5, "points_legs_payee_fkey"),
        (TO_A_WRONG_KIND, 5, "points_accounts_kind_check"),
        (TO_A_STRIPE, 5, "points_accounts_stripe_check"),
        (FROM_NOBODY, 5, "points_legs_payer_fkey"),
        (FROM_THE_PERSON, 101, "points_accounts_never_negative_check"),
    ],
)
def test_a_leg_that_makes_no_sense_is_refused(
    store: Store, rich: Subscriber, leg: str, moved: int, rule: str
) -> None:
    assert refused(store, leg, points=moved, payer_step=1, payee_step=1, id=rich.id) == rule
    check_books(store)


@pytest.mark.parametrize(
    ("leg", "moved", "payer_step", "payee_step", "rule"),
    [
        (TO_THE_SAME, 0, 1, 1, "points_legs_positive_check"),
        (TO_THE_SAME, -5, 1, 1, "points_legs_positive_check"),
        (TO_ITSELF, 5, 1, 1, "points_legs_two_accounts_check"),
        (TO_NOBODY, 5, 1, 1, "points_legs_payee_fkey"),
        (TO_THE_SAME, 5, 0, 1, "points_legs_payer_leg"),
        (TO_THE_SAME, 5, 1, 0, "points_legs_payee_leg"),
        (TO_NO_HOUSE, 5, 1, 1, "points_legs_payee_fkey"),
        (FROM_NOBODY, 5, 1, 1, "points_legs_payer_fkey"),
        (BELOW_NOTHING, 5, 1, 1, "points_legs_never_negative_check"),
    ],
)
def test_a_leg_that_makes_no_sense_is_refused_by_the_table_without_the_trigger(
    store: Store, rich: Subscriber, leg: str, moved: int, payer_step: int, payee_step: int,
    rule: str,
) -> None:  # fmt: skip
    said = refused(
        store, leg, without=BOOK, points=moved, payer_step=payer_step, payee_step=payee_step,
        id=rich.id,
    )  # fmt: skip
    assert said == rule


@pytest.mark.parametrize("without", ["", BOOK])
def test_a_leg_number_is_used_once_in_a_transfer(
    store: Store, rich: Subscriber, without: str
) -> None:
    again = TO_THE_SAME.replace(" serial, 2,", " serial, leg_no,")
    said = refused(store, again, without=without, points=5, payer_step=1, payee_step=1, id=rich.id)
    assert said == "points_legs_pkey"
    check_books(store)


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
        statements = [f"UPDATE {table} SET {column} = {column}", f"TRUNCATE {table} CASCADE"]
        if table != "consents":  # which may go after five months (test_privacy_erasure.py)
            statements += [f"DELETE FROM {table}", f"DELETE FROM {table} WHERE false"]
        for statement in statements:
            assert refused(store, statement) == f"{table} is append-only"
        assert rows(store, f"SELECT * FROM {table} ORDER BY 1, 2, 3") == before


def test_the_parents_of_evidence_cannot_be_deleted_from_under_it(
    store: Store, evidence: dict[str, str], rich: Subscriber
) -> None:
    accounts = "DELETE FROM points_accounts WHERE subscriber_id = %(id)s"
    assert refused(store, accounts, id=rich.id) == "points_accounts_by_legs_alone"
    for statement, without in (
        (accounts, "points_accounts points_accounts_kept"),
        ("DELETE FROM memberships WHERE subscriber_id = %(id)s", ""),
        ("DELETE FROM subscribers WHERE id = %(id)s", ""),
    ):
        assert refused(store, statement, without=without, id=rich.id).endswith("_fkey")
    check_books(store)


def test_a_consent_stays_for_five_months(store: Store, evidence: dict[str, str]) -> None:
    assert evidence
    store.run(
        lambda tx: sql.run(
            tx,
            "INSERT INTO consents (subscriber_id, subject, granted, question, answer, message_key,"
            " answered_at) SELECT subscriber_id, subject, granted, question, answer, message_key,"
            " now() - interval '5 months' + interval '1 hour' FROM consents",
        )
    )
    assert refused(store, "DELETE FROM consents") == "consents is append-only"
