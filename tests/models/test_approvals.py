"""Approvals: one person proposes, another decides, once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import psycopg
import pytest

from models import approvals, sql
from models.approvals import (
    AlreadyDecided,
    AlreadyProposed,
    Expired,
    NoSuchProposal,
    NotTheProposer,
    Proposal,
    SamePerson,
)
from models.audit import By
from models.base import Tx
from models.operators import roles
from models.store import Store
from tests.models.conftest import NOON, at_once, rows
from tests.models.operators import by, operator

LATER = NOON + timedelta(hours=1)
TOO_LATE = NOON + approvals.OPEN_FOR


class People:
    """One who proposes, two who decide."""

    def __init__(self, store: Store) -> None:
        with store.begin() as tx:
            self.li, self.wang, self.zhao = (
                by(operator(tx, role, now=NOON, login=login))
                for role, login in (
                    (roles.OPERATIONS, "li"), (roles.APPROVER, "wang"), (roles.APPROVER, "zhao"),
                )
            )  # fmt: skip


@pytest.fixture
def people(store: Store) -> People:
    return People(store)


def propose(tx: Tx, who: By, *, subject: str = "menus:live", reason: str = "夏天") -> Proposal:
    return approvals.propose(
        tx, kind="menus", subject=subject, payload={"files": {"a.yaml": "名: 夏"}}, reason=reason,
        by=who, now=NOON,
    )  # fmt: skip


def said(store: Store) -> list[tuple[str, str, str]]:
    """What the audit has of proposals: who did what to which."""
    query = (
        "SELECT login, action, subject FROM audit_entries WHERE subject LIKE 'proposal:%%'"
        " ORDER BY id"
    )
    return [(str(a), str(b), str(c)) for a, b, c in rows(store, query)]


def test_another_person_approves_and_both_are_on_record(store: Store, people: People) -> None:
    made = store.run(lambda tx: propose(tx, people.li))
    assert (made.state, made.decided_by, made.payload) == (
        approvals.PROPOSED, None, {"files": {"a.yaml": "名: 夏"}},
    )  # fmt: skip
    done = store.run(lambda tx: approvals.approve(tx, made.id, by=people.wang, now=LATER))
    assert (done.state, done.decided_by, done.decided_at) == (
        approvals.APPROVED, people.wang.operator_id, LATER,
    )  # fmt: skip
    assert said(store) == [
        ("li", "menus.propose", f"proposal:{made.id}"),
        ("wang", "menus.approve", f"proposal:{made.id}"),
    ]


def test_who_proposes_neither_approves_nor_rejects(store: Store, people: People) -> None:
    made = store.run(lambda tx: propose(tx, people.li))
    with pytest.raises(SamePerson):
        store.run(lambda tx: approvals.approve(tx, made.id, by=people.li, now=LATER))
    with pytest.raises(SamePerson):
        store.run(lambda tx: approvals.reject(tx, made.id, by=people.li, because="x", now=LATER))
    # Nor as an approver, should the role change in between.
    promoted = By(people.li.operator_id, "li", roles.APPROVER, "", "")
    with pytest.raises(SamePerson):
        store.run(lambda tx: approvals.approve(tx, made.id, by=promoted, now=LATER))
    assert store.read(lambda tx: approvals.get(tx, made.id)).state == approvals.PROPOSED


REFUSED = (
    (
        "state = 'approved', decided_by = proposed_by, decided_at = proposed_at",
        "other_person_check",
    ),
    ("state = 'approved', decided_by = NULL, decided_at = proposed_at", "other_person_check"),
    ("state = 'withdrawn', decided_by = 2, decided_at = proposed_at", "other_person_check"),
    ("state = 'approved', decided_by = 2, decided_at = expires_at", "in_time_check"),
    ("state = 'rejected', decided_by = 2, decided_at = proposed_at", "because_check"),
    ("state = 'approved', decided_by = 2", "decided_check"),
    ("payload = '{}'", "approval_decided_once"),
    ("state = 'expired', decided_at = proposed_at, payload = '{}'", "approval_stays"),
    ("state = 'expired', decided_at = proposed_at, proposed_by = 2", "approval_stays"),
)


def test_the_table_refuses_what_the_functions_refuse(store: Store, people: People) -> None:
    assert people.wang.operator_id == 2
    made = store.run(lambda tx: propose(tx, people.li))
    for change, rule in REFUSED:
        with pytest.raises(psycopg.errors.IntegrityError) as refused, store.begin() as tx:
            sql.run(tx, f"UPDATE approval_proposals SET {change} WHERE id = {made.id}")
        assert rule in (refused.value.diag.constraint_name or ""), change


def test_what_is_decided_stays_decided(store: Store, people: People) -> None:
    made = store.run(lambda tx: propose(tx, people.li))
    store.run(lambda tx: approvals.reject(tx, made.id, by=people.wang, because="太长", now=LATER))
    for again in (approvals.approve, approvals.reject):
        with pytest.raises(AlreadyDecided, match="rejected"):
            store.run(partial(again, proposal_id=made.id, by=people.zhao, because="x", now=LATER))
    for statement in (
        "UPDATE approval_proposals SET state = 'proposed', decided_by = NULL, decided_at = NULL",
        "DELETE FROM approval_proposals",
        "TRUNCATE approval_proposals CASCADE",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation), store.begin() as tx:
            sql.run(tx, statement)


def test_only_the_proposer_withdraws(store: Store, people: People) -> None:
    made = store.run(lambda tx: propose(tx, people.li))
    with pytest.raises(NotTheProposer):
        store.run(lambda tx: approvals.withdraw(tx, made.id, by=people.wang, now=LATER))
    done = store.run(lambda tx: approvals.withdraw(tx, made.id, by=people.li, now=LATER))
    assert (done.state, done.decided_by) == (approvals.WITHDRAWN, people.li.operator_id)


def test_there_is_one_open_proposal_for_a_thing(store: Store, people: People) -> None:
    first = store.run(lambda tx: propose(tx, people.li))
    with pytest.raises(AlreadyProposed) as already:
        store.run(lambda tx: propose(tx, people.wang))
    assert already.value.proposal_id == first.id
    store.run(lambda tx: propose(tx, people.li, subject="menus:other"))
    store.run(lambda tx: approvals.withdraw(tx, first.id, by=people.li, now=LATER))
    assert store.run(lambda tx: propose(tx, people.wang)).state == approvals.PROPOSED


def test_a_proposal_expires_even_before_the_clock_comes_by(store: Store, people: People) -> None:
    made = store.run(lambda tx: propose(tx, people.li))
    for decide in (approvals.approve, approvals.withdraw):
        with pytest.raises(Expired):
            store.run(partial(decide, proposal_id=made.id, by=people.wang, now=TOO_LATE))
    # Nor is the next one for the same thing kept out by it.
    store.run(
        lambda tx: approvals.propose(
            tx, kind="menus", subject="menus:live", payload={}, reason="秋天", by=people.li,
            now=TOO_LATE,
        )
    )  # fmt: skip
    assert store.read(lambda tx: approvals.get(tx, made.id)).state == approvals.EXPIRED


def test_the_clock_ends_what_nobody_decided_and_says_so(store: Store, people: People) -> None:
    with store.begin() as tx:
        old = [propose(tx, people.li, subject=f"menus:{n}") for n in "ab"]
    assert store.run(lambda tx: approvals.expire(tx, LATER, 10)) == 0
    assert store.run(lambda tx: approvals.expire(tx, TOO_LATE, 1)) == 1
    assert store.run(lambda tx: approvals.expire(tx, TOO_LATE, 10)) == 1
    assert rows(store, "SELECT DISTINCT state FROM approval_proposals") == [("expired",)]
    assert said(store)[-1] == ("clock", "menus.expire", f"proposal:{old[1].id}")
    with pytest.raises(Expired):
        store.run(lambda tx: approvals.approve(tx, old[0].id, by=people.wang, now=TOO_LATE))


def test_reasons_are_asked_for(store: Store, people: People) -> None:
    with pytest.raises(ValueError, match="says why"):
        store.run(lambda tx: propose(tx, people.li, reason="  "))
    made = store.run(lambda tx: propose(tx, people.li))
    with pytest.raises(ValueError, match="says why"):
        store.run(lambda tx: approvals.reject(tx, made.id, by=people.wang, because=" ", now=LATER))
    with pytest.raises(ValueError, match="500"):
        store.run(lambda tx: propose(tx, people.li, subject="b", reason="长" * 501))
    with pytest.raises(ValueError, match="person"):
        store.run(lambda tx: propose(tx, By(None, "clock", "clock", "", ""), subject="b"))
    with pytest.raises(NoSuchProposal):
        store.run(lambda tx: approvals.approve(tx, 999, by=people.wang, now=LATER))


def test_lists_are_paged_by_key_and_count_what_waits_for_me(store: Store, people: People) -> None:
    with store.begin() as tx:
        made = [propose(tx, people.li, subject=f"m:{n}") for n in range(5)]
    ids = [p.id for p in reversed(made)]
    first = store.read(lambda tx: approvals.listed(tx, kinds=("menus",), limit=2))
    rest = store.read(lambda tx: approvals.listed(tx, state="proposed", before=first[-1].id))
    assert [p.id for p in (*first, *rest)] == ids
    assert store.read(lambda tx: approvals.listed(tx, kinds=("rules",))) == []
    assert [p.id for p in store.read(lambda tx: approvals.listed(tx, subject="m:3"))] == [ids[1]]

    def waiting(who: By) -> int:
        return store.read(
            lambda tx: approvals.waiting(
                tx, kinds=("menus",), not_by=who.operator_id or 0, now=LATER
            )
        )

    assert (waiting(people.wang), waiting(people.li)) == (5, 0)


# -- races -------------------------------------------------------------------------------------


def _outcome(work: Callable[[], Proposal]) -> str:
    try:
        return work().state
    except AlreadyDecided as already:
        return f"already {already.state}"


def test_of_two_approvers_at_once_one_wins(store: Store, people: People) -> None:
    def approve(proposal_id: int, who: By) -> str:
        return _outcome(
            lambda: store.run(lambda tx: approvals.approve(tx, proposal_id, by=who, now=LATER))
        )

    for round_no in range(5):
        made = store.run(partial(propose, who=people.li, subject=f"menus:{round_no}"))
        outcomes = at_once([partial(approve, made.id, who) for who in (people.wang, people.zhao)])
        assert sorted(outcomes) == ["already approved", "approved"]
    assert len(said(store)) == 10


def test_approving_against_withdrawing_has_one_outcome(store: Store, people: People) -> None:
    def decide(work: Callable[..., Proposal], proposal_id: int, who: By) -> str:
        return _outcome(
            lambda: store.run(partial(work, proposal_id=proposal_id, by=who, now=LATER))
        )

    for round_no in range(5):
        made = store.run(partial(propose, who=people.li, subject=f"menus:{round_no}"))
        outcomes = at_once(
            [
                partial(decide, approvals.approve, made.id, people.wang),
                partial(decide, approvals.withdraw, made.id, people.li),
            ]
        )
        state = store.read(partial(approvals.get, proposal_id=made.id)).state
        assert sorted(outcomes) == sorted([state, f"already {state}"])


def test_of_many_who_propose_the_same_at_once_one_does(store: Store, people: People) -> None:
    def attempt(who: By) -> bool:
        try:
            store.run(lambda tx: propose(tx, who))
        except AlreadyProposed:
            return False
        return True

    made = at_once([partial(attempt, who) for who in (people.li, people.wang, people.zhao) * 2])
    assert sum(made) == 1
    assert rows(store, "SELECT count(*) FROM approval_proposals") == [(1,)]
