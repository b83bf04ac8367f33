"""The desk: what customer service does with one person, and that the audit says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from models import (
    approvals,
    audit,
    binding,
    clubs,
    complaints,
    conversations,
    desk,
    outbox,
    page_links,
    points,
    subscribers,
)
from models.base import Tx
from models.conversations import Conversation
from models.points import reversals
from models.store import Store
from models.subscribers import Subscriber
from tests.models import books, operators
from tests.models.conftest import NOON, at_once, cause, newcomer, rows

LI = audit.By(None, "li", "service", "r1", "127.0.0.1")
SIGNED = "【和生活圈】"
Act = Callable[..., Any]


@pytest.fixture
def li(store: Store) -> Subscriber:
    """Somebody with a number and WeChat, heard a day ago, in the film club, who is asked."""
    with store.begin() as tx:
        number = newcomer(tx).msisdn
        alone = subscribers.lock(tx, "wechat", "o-li", NOON)
        who = binding.bind(tx, alone, str(number), origin="t", now=NOON)
        _sql(tx, f"UPDATE subscriber_addresses SET open_until = '{NOON + timedelta(days=1)}'"
                 " WHERE channel = 'wechat'")  # fmt: skip
        clubs.join(tx, who, "film", origin="t", now=NOON)
        conversations.store(tx, talk(who, "asking"))
        page_links.open_session(tx, subscriber_id=who.id, lasts=timedelta(hours=1), now=NOON)
        return subscribers.get(tx, who.id)


def talk(who: Subscriber, state: str) -> Conversation:
    return Conversation(
        who.id, "join_club", "wechat", NOON, state=state, expects="yes_no",
        expires_at=NOON + timedelta(hours=24),
    )  # fmt: skip


def actions(store: Store) -> list[tuple[Any, ...]]:
    return rows(store, "SELECT action, subject, reason FROM audit_entries ORDER BY id")


def test_a_block_ends_questions_and_pages_and_is_undone_by_an_unblock(
    store: Store, li: Subscriber
) -> None:
    with store.begin() as tx:
        desk.block(tx, li.id, by=LI, reason="骚扰", now=NOON)
        assert subscribers.get(tx, li.id).status == "blocked"
        assert conversations.waiting(tx, li.id) == []
    assert rows(store, "SELECT 1 FROM page_sessions") == []
    with store.begin() as tx, pytest.raises(desk.Nothing):
        desk.block(tx, li.id, by=LI, reason="再来", now=NOON)
    with store.begin() as tx:
        desk.unblock(tx, li.id, by=LI, reason="误会", now=NOON)
        assert subscribers.get(tx, li.id).status == "active"
    assert actions(store) == [
        ("subscriber.block", f"subscriber:{li.id}", "骚扰"),
        ("subscriber.unblock", f"subscriber:{li.id}", "误会"),
    ]


def test_wechat_is_taken_off_and_the_account_stays_by_number(store: Store, li: Subscriber) -> None:
    with store.begin() as tx:
        desk.unbind(tx, li.id, by=LI, reason="换手机", now=NOON)
        after = subscribers.get(tx, li.id)
        assert (after.openid, after.msisdn) == (None, li.msisdn)
        assert [club.code for club in clubs.joined(tx, after)] == ["film"]
    assert rows(store, "SELECT payload -> 'arguments' ->> 'tag' FROM outbox") == [("film",)]
    with store.begin() as tx, pytest.raises(desk.Nothing):
        desk.unbind(tx, li.id, by=LI, reason="再来", now=NOON)


def test_wechat_alone_is_not_taken_off(store: Store) -> None:
    with store.begin() as tx:
        alone = subscribers.lock(tx, "wechat", "o-alone", NOON)
        with pytest.raises(binding.OnlyWeChat):
            desk.unbind(tx, alone.id, by=LI, reason="换手机", now=NOON)


def test_who_is_known_by_wechat_alone_is_given_to_a_number(store: Store) -> None:
    with store.begin() as tx:
        alone = subscribers.lock(tx, "wechat", "o-alone", NOON)
        points.issue(
            tx, alone, kind=points.PROMOTIONAL, points=9, expires_on=date(2027, 1, 1),
            cause=cause("i"), now=NOON,
        )  # fmt: skip
        clubs.join(tx, alone, "film", origin="t", now=NOON)
        target = newcomer(tx)
    with store.begin() as tx:
        merged = desk.merge(tx, source=alone.id, target=target.id, by=LI, reason="本人", now=NOON)
    assert (merged.id, merged.openid, merged.msisdn) == (target.id, "o-alone", target.msisdn)
    with store.begin() as tx:
        assert points.balance(tx, merged, now=NOON, expiring_days=30).total == 9
        with pytest.raises(desk.NoSuchPerson) as gone:
            desk.person(tx, alone.id)
        assert gone.value.into == target.id
    books.check(store)


def test_people_who_cannot_be_one_stay_two(store: Store, li: Subscriber) -> None:
    with store.begin() as tx:
        alone = subscribers.lock(tx, "wechat", "o-alone", NOON).id
        other, bad = newcomer(tx).id, subscribers.lock(tx, "wechat", "o-bad", NOON).id
        subscribers.block(tx, bad)
    for source, target, why in (
        (li.id, other, "has_number"), (alone, bad, "blocked"), (bad, other, "blocked"),
        (alone, alone, "same"), (alone, 999_999, "unknown"), (999_999, li.id, "unknown"),
        (0, li.id, "unknown"), (alone, 0, "unknown"),
    ):  # fmt: skip
        with store.begin() as tx, pytest.raises(binding.NotMergeable) as refused:
            desk.merge(tx, source=source, target=target, by=LI, reason="本人", now=NOON)
        assert refused.value.why == why
    assert actions(store) == []


def test_an_open_question_is_ended_and_a_wait_for_a_system_is_not(
    store: Store, li: Subscriber
) -> None:
    with store.begin() as tx:
        (open_one,) = conversations.waiting(tx, li.id)
        calling = talk(li, "calling")
        conversations.store(tx, calling)
        desk.end_question(tx, li.id, open_one.id, by=LI, reason="问错了", now=NOON)
        for number in (open_one.id, calling.id, 999):
            with pytest.raises(desk.Nothing):
                desk.end_question(tx, li.id, number, by=LI, reason="问错了", now=NOON)
        assert [row.state for row in conversations.waiting(tx, li.id)] == ["calling"]


@pytest.mark.parametrize(("hours", "kind"), [(23.9, "wechat"), (24.1, "sms")])
def test_words_go_by_wechat_in_its_window_and_else_signed_by_sms(
    store: Store, li: Subscriber, hours: float, kind: str
) -> None:
    now = NOON + timedelta(hours=hours)  # heard 24 h before noon
    with store.begin() as tx:
        how, owed_id = desk.message(tx, li.id, words="您好", signature=SIGNED, by=LI, now=now)
        owed = outbox.get(tx, owed_id)
    assert owed is not None
    by_sms = {"to": li.msisdn, "text": "【和生活圈】您好", "page": None}
    expected = {"openid": "o-li", "text": "您好", "sms": by_sms} if kind == "wechat" else by_sms
    assert (how.kind, owed.kind, owed.payload) == (kind, kind, expected)


def test_a_form_that_is_sent_twice_sends_once(store: Store, li: Subscriber) -> None:
    def send() -> bool:
        try:
            with store.begin() as tx:
                desk.message(tx, li.id, words="您好", signature=SIGNED, by=LI, now=NOON)
        except desk.SaidAlready:
            return False
        return True

    assert sum(at_once([send] * 5)) == 1
    with store.begin() as tx:
        later = NOON + desk.SAME_AGAIN + timedelta(seconds=1)
        desk.message(tx, li.id, words="您好", signature=SIGNED, by=LI, now=later)


def test_nobody_writes_to_who_is_blocked_or_cannot_be_reached(store: Store, li: Subscriber) -> None:
    with store.begin() as tx:
        alone = subscribers.lock(tx, "wechat", "o-alone", NOON).id  # never heard
        desk.block(tx, li.id, by=LI, reason="骚扰", now=NOON)
    for number, why in ((li.id, "blocked"), (alone, "no_way")):
        with store.begin() as tx, pytest.raises(desk.Unreachable) as refused:
            desk.message(tx, number, words="您好", signature=SIGNED, by=LI, now=NOON)
        assert refused.value.why == why


@dataclass(frozen=True)
class Case:
    """A spending of somebody's, an operator who proposes to undo it, and one who decides."""

    who: Subscriber
    serial: int
    proposer: audit.By
    decider: audit.By

    def propose(self, store: Store, now: datetime = NOON) -> approvals.Proposal:
        with store.begin() as tx:
            return desk.propose_reversal(
                tx, self.who.id, self.serial, partial=False, reason="错了", by=self.proposer,
                now=now,
            )  # fmt: skip


@pytest.fixture
def case(store: Store) -> Case:
    with store.begin() as tx:
        who = books.rich(tx, {(points.CONSUMPTION, date(2027, 1, 1)): 50})
        serial = points.spend(tx, who, points=5, into="spent", cause=cause("s"), now=NOON).serial
        people = []
        for role in ("service", "approver"):
            one = operators.operator(tx, role, now=NOON)
            people.append(audit.By(one.id, one.login, role, "r", "127.0.0.1"))
    return Case(who, serial, *people)


def state(store: Store) -> tuple[Any, ...]:
    return rows(
        store, "SELECT state, decided_by, rejected_because FROM points_reversals ORDER BY id DESC"
    )[0]


def test_only_a_persons_own_transfer_is_proposed_for_reversal(store: Store, case: Case) -> None:
    with store.begin() as tx:
        other = newcomer(tx)
        with pytest.raises(complaints.NotTheirs):
            desk.propose_reversal(
                tx, other.id, case.serial, partial=False, reason="错了", by=case.proposer, now=NOON
            )
    assert case.propose(store).subject == f"transfer:{case.serial}"
    with pytest.raises(reversals.AlreadyProposed):
        case.propose(store)
    assert actions(store)[-1] == ("subscriber.reversal", f"subscriber:{case.who.id}", "错了")


def test_what_another_person_approves_is_undone(store: Store, case: Case) -> None:
    proposal = case.propose(store)
    with store.begin() as tx:
        decided = approvals.approve(tx, proposal.id, by=case.decider, now=NOON)
        done = desk.approve_reversal(tx, decided, by=case.decider, now=NOON, grace_days=30)
        assert (done.state, done.points) == ("approved", 5)
        assert points.balance(tx, case.who, now=NOON, expiring_days=30).total == 50
    books.check(store)


def test_a_proposal_that_ends_otherwise_ends_the_reversal_and_can_be_made_again(
    store: Store, case: Case
) -> None:
    first = case.propose(store)
    with store.begin() as tx:
        approvals.reject(tx, first.id, by=case.decider, because="没错", now=NOON)
    assert state(store) == ("rejected", case.decider.login, "没错")
    second = case.propose(store)
    with store.begin() as tx:
        approvals.withdraw(tx, second.id, by=case.proposer, now=NOON)
    assert state(store) == ("rejected", "approvals", "withdrawn")
    third = case.propose(store)
    assert state(store)[0] == "proposed"
    case.propose(store, third.expires_at + timedelta(seconds=1))  # before the clock comes by
    ended = "SELECT rejected_because FROM points_reversals WHERE state = 'rejected' ORDER BY id"
    assert rows(store, ended)[-1] == ("expired",)


@pytest.mark.parametrize("number", [0, 999_999])
def test_there_is_no_page_of_the_house_or_of_nobody(store: Store, number: int) -> None:
    with store.begin() as tx, pytest.raises(desk.NoSuchPerson):
        desk.person(tx, number)


def _sql(tx: Tx, statement: str) -> None:
    tx.exec_driver_sql(statement)
