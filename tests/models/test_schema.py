"""The shape that lets the same tables be spread over many machines, kept as a rule.

A subscriber-scoped table has the subscriber first in its keys (docs/architecture.md). A new table
belongs into one of the lists here, or follows the rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Inspector, inspect

from models.store import Store
from models.tables import metadata

# The same on every machine: what operators enter.
REFERENCE = {
    "clubs",
    "merchants",
    "stores",
    "offers",
    "offer_stores",
    "draws",
    "draw_versions",
    "screenings",
    "publications",
    "rule_publications",
    "draw_publications",
    "survey_publications",
    "menu_pushes",
    "earning_rules",
    "earning_campaigns",
    "tier_rules",
    "merchant_rules",
    "agent_rules",
    "task_rules",
    "membership_rules",
    "activities",
    "surveys",
}
# Found by something else than the subscriber, so spread by that, or not at all.
EXCEPTIONS = {
    "subscribers": "the subscriber itself",
    "subscriber_addresses": "the lookup table from an address to its subscriber",
    "points_transfers": "claimed by an idempotency key, between two people",
    "points_legs": "between two people: of the transfer's serial",
    "points_refunds": "of the refunded transfer's serial, like its legs",
    "points_reversals": "of the reversed transfer's serial, between two people",
    "earning_events": "claimed by the event's id, which BOSS gives for all subscribers",
    "event_files": "found by the hash of what is in them",
    "ledger_closings": "of a day, over everybody",
    "ledger_gate": "one row: from when on days are open",
    "sms_counts": "counts of everybody's messages, until they are added up",
    "sms_hours": "counts of everybody's messages in an hour",
    "sms_minutes": "counts of everybody's messages in a minute",
    "sms_prices": "what a segment costs over a gateway",
    "alarms": "what is wrong with gateways and queues",
    "blocked_numbers": "numbers, whoever they belong to",
    "hourly_figures": "counts of everybody's messages in an hour",
    "club_days": "of a day and a club, over everybody",
    "draw_stock": "how many of a prize are taken, over everybody",
    "draw_seeds": "of a draw and a day, over everybody",
    "draw_reveals": "of a draw and a day, over everybody",
    "activity_places": "how many places of an activity are taken, over everybody",
    "activity_doors": "codes at the door of an activity",
    "offer_stock": "how many of an offer are taken, over everybody",
    "voucher_codes": "the lookup table from what a till reads to its voucher",
    "merchant_events": "of a merchant",
    "merchant_ratings": "of a merchant",
    "merchant_credit": "of a merchant",
    "offer_events": "of an offer",
    "settlement_statements": "of a merchant and a period, over everybody",
    "reconciliations": "of a merchant's file",
    "reconciliation_findings": "lines of a merchant's file",
    "reconciliation_rejects": "lines of a merchant's file that nobody can read",
    "merchant_payees": "of a merchant",
    "settlement_payments": "of many merchants",
    "settlement_payment_payees": "of a payment and a merchant",
    "settlement_payment_statements": "of a payment's statements",
    "invitation_codes": "found by the number that a QR code or a link carries",
    "remembered_rewards": "found by a hash, and nobody's",
    "inbox": "claimed by the message's key, before its subscriber is known",
    "outbox": "a queue, taken in the order of what is due",
    "agent_fundings": "what was put into the budget of agents",
    "agent_payout_runs": "of many agents",
    "agent_payouts": "of a run and an agent",
    "agents": "found by the code, in a tree of many people",
    "sms_parts": "found by the carrier's id",
    "heard_parts": "found by a phone, before its subscriber is known",
    "points_expiry_days": "what expired of everybody's on a day",
    "points_warning_days": "how far the warnings of a day are",
    "page_links": "found by the hash of a token",
    "page_sessions": "found by the hash of a session id",
    "earning_misses": "counts of events, of nobody in particular",
    "operators": "who works at the console",
    "operator_sessions": "found by the hash of a token",
    "operator_tries": "failures at the console's door, by login and by address",
    "merchant_staff": "who works at a merchant",
    "till_tries": "typed codes that were none, by store and by person",
    "approval_proposals": "between two operators",
    "audit_entries": "what operators did, by moment",
    "audit_chain": "one chain over all audit entries",
    "complaints": "found by its number",
    "complaint_events": "of the complaint's number",
    "feedback": "found by its number",
    "feedback_events": "of the feedback's number",
    "feedback_pictures": "of the feedback's number",
    "survey_rounds": "how far the invitations to a survey are, over everybody",
    "compensations": "of the complaint's number",
    "operator_quotas": "of an operator",
    "broadcasts": "a text to many",
    "broadcast_targets": "of a broadcast, by number, before its subscriber is known",
    "broadcast_rejects": "lines of a broadcast's file",
    "drafts": "of an operator",
    "club_members": "counts of a club's members",
    "scene_days": "counts of a scene's scans",
    "scene_codes": "QR codes of a scene",
    "retention_runs": "how much of everybody's was forgotten on a day",
    "alembic_version": "of the migrations",
}


@pytest.fixture
def database(store: Store) -> Iterator[Inspector]:
    with store.begin() as tx:
        yield inspect(tx)


def _scoped(database: Inspector) -> list[str]:
    return sorted(set(database.get_table_names()) - REFERENCE - set(EXCEPTIONS))


def _uniques(database: Inspector, table: str) -> list[list[str]]:
    """The columns of the primary key and of everything else that must be unique."""
    found: list[list[Any]] = [database.get_pk_constraint(table)["constrained_columns"]]
    found += [unique["column_names"] for unique in database.get_unique_constraints(table)]
    found += [index["column_names"] for index in database.get_indexes(table) if index["unique"]]
    return found


def test_the_database_has_the_tables_of_the_models_and_the_lists_here_are_true(
    database: Inspector,
) -> None:
    names = set(database.get_table_names())
    assert names == set(metadata.tables) | {"alembic_version"}
    assert REFERENCE | set(EXCEPTIONS) <= names
    assert _scoped(database) == [
        "activity_ratings",
        "activity_signups",
        "agent_commissions",
        "agent_days",
        "agent_entries",
        "agent_orders",
        "bind_codes",
        "consents",
        "conversations",
        "draw_chances",
        "draw_deliveries",
        "draw_people",
        "draw_results",
        "earning_counters",
        "earning_postings",
        "handover_messages",
        "handover_pictures",
        "handovers",
        "invitation_counts",
        "invitations",
        "mailbox",
        "membership_changes",
        "memberships",
        "notice_preferences",
        "offer_takings",
        "points_accounts",
        "points_gift_days",
        "points_holds",
        "points_warnings",
        "privacy_deletions",
        "ratings",
        "settlement_deductions",
        "subscriber_notes",
        "survey_answers",
        "survey_invitations",
        "survey_responses",
        "task_completions",
        "tier_changes",
        "tier_marks",
        "tier_months",
        "tier_standings",
        "verifications",
        "voucher_events",
        "voucher_gifts",
        "vouchers",
    ]


def test_what_belongs_to_a_subscriber_has_the_subscriber_first_in_its_keys(
    database: Inspector,
) -> None:
    for table in _scoped(database):
        uniques = _uniques(database, table)
        assert uniques[0][0] == "subscriber_id", table
        assert all(columns[0] == "subscriber_id" for columns in uniques), table


def test_references_between_what_belongs_to_subscribers_contain_the_subscriber(
    database: Inspector,
) -> None:
    scoped, seen = _scoped(database), 0
    for table in scoped:
        for reference in database.get_foreign_keys(table):
            if reference["referred_table"] in scoped:
                pairs = zip(
                    reference["constrained_columns"], reference["referred_columns"], strict=True
                )
                assert ("subscriber_id", "subscriber_id") in pairs, reference["name"]
                seen += 1
    assert seen >= 1


def test_a_subscribers_rows_refer_only_to_what_is_theirs_or_the_same_everywhere(
    database: Inspector,
) -> None:
    scoped = _scoped(database)
    for table in scoped:
        for reference in database.get_foreign_keys(table):
            assert reference["referred_table"] in {*scoped, *REFERENCE, "subscribers"}, table


def test_reference_data_knows_no_subscriber(database: Inspector) -> None:
    for table in REFERENCE:
        columns = {column["name"] for column in database.get_columns(table)}
        assert "subscriber_id" not in columns, table


def test_every_moment_is_stored_with_its_zone(database: Inspector) -> None:
    for table in database.get_table_names():
        for column in database.get_columns(table):
            kind = str(column["type"])
            if "TIMESTAMP" in kind:
                assert getattr(column["type"], "timezone", False), f"{table}.{column['name']}"


def test_every_constraint_has_the_name_that_the_convention_gives_it(database: Inspector) -> None:
    endings = ("_pkey", "_key", "_fkey", "_check", "_leg")
    for table in database.get_table_names():
        names: list[Any] = [database.get_pk_constraint(table)["name"]]
        names += [one["name"] for one in database.get_foreign_keys(table)]
        names += [one["name"] for one in database.get_check_constraints(table)]
        if table != "alembic_version":
            assert all(name.startswith(table) and name.endswith(endings) for name in names), names
