"""Deleting a person: the books stay right, nothing names them, and nobody slips in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from models import binding, clubs, consents, conversations, inbox, outbox, points, subscribers
from models.base import HOUSE, Tx
from models.conversations import Conversation
from models.points import expiry, gifts, holds, reversals
from models.points.gifts import GiftLimits, NobodyThere
from models.privacy import erasure
from models.privacy.erasure import Erased, InTheWay, NotDeletable
from models.store import Store
from models.subscribers import Subscriber
from tests.models import books
from tests.models.conftest import NOON, at_once, cause, newcomer, rows

FAR, SOON = date(2027, 12, 31), date(2026, 3, 20)
LIMITS = GiftLimits(gifts_a_day=50, points_a_day=100_000)
DAY = timedelta(days=1)
LOTS = {(points.CONSUMPTION, FAR): 300, (points.PROMOTIONAL, SOON): 50}


def erase(tx: Tx, who: Subscriber, **more: Any) -> Erased:
    return erasure.erase(
        tx, who.id, cause=cause(f"privacy:{who.id}", "forfeited"), grace_days=30,
        proposal_id=None, now=NOON, **more,
    )  # fmt: skip


@pytest.fixture
def li(store: Store) -> Subscriber:
    """Somebody with points and coins, two channels, a club, a talk and messages."""

    def make(tx: Tx) -> Subscriber:
        who = books.rich(tx, LOTS)
        points.issue(
            tx, who, kind=points.CONSUMPTION, points=7, expires_on=FAR, unit=points.COINS,
            cause=cause(f"coins:{who.id}"), now=NOON,
        )  # fmt: skip
        tx.execute(
            subscribers.addresses.insert().values(
                channel="wechat", address=f"o_{who.id}", subscriber_id=who.id, since=NOON
            )
        )
        clubs.join(tx, who, "film", origin="test", now=NOON)
        conversations.store(
            tx,
            Conversation(
                who.id, "bind_phone", "wechat", NOON, state="asking", expires_at=NOON + DAY,
                notes={"number": "+8613911112222"},
            ),
        )  # fmt: skip
        outbox.owe(
            tx, subscriber_id=who.id, kind="sms", now=NOON,
            payload={"to": who.msisdn, "text": "您好"},
        )  # fmt: skip
        inbox.keep(
            tx, key=f"k{who.id}", channel="sms", kind="text", subscriber_id=who.id,
            reply={"text": "您有350分"}, now=NOON,
        )  # fmt: skip
        consents.keep(
            tx, subscriber_id=who.id, subject="club:film", granted=True, question="加入吗？",
            answer="是", message_key="wx:sha256:1", asked_at=NOON, now=NOON,
        )  # fmt: skip
        return subscribers.get(tx, who.id)

    return store.run(make)


def everything(store: Store) -> str:
    """All rows of the database as text."""
    tables = rows(store, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return "\n".join(str(rows(store, f'SELECT * FROM "{table}"')) for (table,) in tables)


def test_a_deleted_person_is_nowhere_and_the_books_are_right(store: Store, li: Subscriber) -> None:
    assert li.msisdn is not None
    assert li.openid is not None
    assert all(each in everything(store) for each in (li.msisdn, li.openid, "您有350分"))
    erased = store.run(partial(erase, who=li))
    assert (erased.points, erased.coins, erased.clubs) == (350, 7, ("film",))
    # What is owed to BOSS and WeChat still names them; then nothing does.
    owed = rows(store, "SELECT payload ->> 'service' FROM outbox ORDER BY id")
    assert owed == [("boss.close_service",), ("wechat.untag",)]
    store.run(lambda tx: tx.exec_driver_sql("UPDATE outbox SET state = 'answered'"))
    finish = partial(erasure.finish, person=li.id, patience=DAY)
    assert store.run(partial(finish, now=NOON)) is False  # what is on its way may still come
    assert store.run(partial(finish, now=NOON + erasure.SETTLES)) is True
    left = everything(store)
    for trace in (li.msisdn, li.msisdn[3:], li.openid, "您有350分", "+8613911112222"):
        assert trace not in left
    assert books.lots_of(store, li) == {}
    forfeited = store.read(lambda tx: points.house_balance(tx, "forfeited"))
    assert forfeited == 350
    books.check(store)


def test_the_row_the_evidence_and_the_books_stay_under_a_number(
    store: Store, li: Subscriber
) -> None:
    before = rows(store, "SELECT count(*) FROM points_legs")
    store.run(partial(erase, who=li))
    found = rows(store, "SELECT status, opted_out_at FROM subscribers WHERE id = %s", li.id)
    assert found == [("deleted", None)]
    assert rows(store, "SELECT granted FROM consents WHERE subscriber_id = %s", li.id)
    (kept,) = rows(store, "SELECT state FROM memberships WHERE subscriber_id = %s", li.id)
    assert kept == ("left",)
    assert rows(store, "SELECT count(*) FROM points_legs") > before
    (done,) = store.read(lambda tx: erasure.listed(tx, before=None, limit=5))
    assert (done.subscriber_id, done.told, done.points, done.coins) == (li.id, "sms", 350, 7)


def test_who_comes_back_is_somebody_new(store: Store, li: Subscriber) -> None:
    assert li.msisdn is not None
    store.run(partial(erase, who=li))
    number = li.msisdn
    again = store.run(lambda tx: subscribers.lock(tx, "sms", number, NOON))
    assert again.id != li.id
    assert not again.opted_out
    assert books.lots_of(store, again) == {}


def test_nobody_is_deleted_twice_and_nobody_comes_back_to_life(
    store: Store, li: Subscriber
) -> None:
    store.run(partial(erase, who=li))
    with pytest.raises(NotDeletable):
        store.run(partial(erase, who=li))
    with pytest.raises(NotDeletable):
        store.run(lambda tx: erase(tx, subscribers.get(tx, HOUSE)))
    for statement in (
        f"UPDATE subscribers SET status = 'active' WHERE id = {li.id}",
        f"UPDATE privacy_deletions SET points = 0 WHERE subscriber_id = {li.id}",
        "DELETE FROM privacy_deletions",
        f"UPDATE subscriber_addresses SET subscriber_id = {li.id} WHERE channel = 'wechat'",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation), store.begin() as tx:
            tx.connection.driver_connection.execute(statement)  # type: ignore[union-attr]


def test_a_rolled_back_deletion_leaves_everything(store: Store, li: Subscriber) -> None:
    before = everything(store)

    def fails(tx: Tx) -> None:
        erase(tx, li)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.run(fails)
    assert everything(store) == before


# -- what is not finished ----------------------------------------------------------------------


def reserve(tx: Tx, who: Subscriber, lasts: timedelta = DAY) -> object:
    return holds.hold(tx, who, points=20, lasts=lasts, cause=cause("order", "order"), now=NOON)


def opening(tx: Tx, who: Subscriber) -> object:
    return clubs.start_opening(tx, who, "car", origin="test", now=NOON)


def calling(tx: Tx, who: Subscriber) -> object:
    payload = {"service": "boss.open_service", "arguments": {}}
    return outbox.owe(
        tx, subscriber_id=who.id, kind="call", queue="call", payload=payload, now=NOON
    )


def undoing(tx: Tx, who: Subscriber) -> object:
    serial = points.spend(
        tx, who, points=10, into=points.SPENT, cause=cause("spent", "redeem"), now=NOON
    ).serial
    return reversals.propose(tx, serial=serial, by="wang", reason="wrong", now=NOON)


def complaining(tx: Tx, who: Subscriber) -> object:
    return tx.exec_driver_sql(
        "INSERT INTO complaints (subscriber_id, category, words, deadline, channel, opened_by,"
        " opened_at) VALUES (%s, 'club', 'no popcorn', %s, 'console', 'wang', %s)",
        (who.id, NOON + DAY, NOON),
    )


@pytest.mark.parametrize(
    ("begin", "kind"),
    [
        (reserve, "hold"),
        (opening, "opening"),
        (calling, "call"),
        (undoing, "reversal"),
        (complaining, "complaint"),
    ],
)
def test_what_is_not_finished_stands_in_the_way(
    store: Store, li: Subscriber, begin: Callable[[Tx, Subscriber], object], kind: str
) -> None:
    store.run(lambda tx: begin(tx, li))
    before = everything(store)
    with pytest.raises(InTheWay) as refused:
        store.run(partial(erase, who=li))
    assert [each.kind for each in refused.value.obstacles] == [kind]
    assert all(value is not None for value in refused.value.obstacles[0].about.values())
    assert everything(store) == before


def test_a_reservation_whose_time_is_over_is_given_back_and_forfeited(
    store: Store, li: Subscriber
) -> None:
    store.run(partial(reserve, who=li, lasts=timedelta(minutes=5)))
    later = NOON + timedelta(minutes=6)
    erased = store.run(
        lambda tx: erasure.erase(
            tx, li.id, cause=cause("late", "forfeited"), grace_days=30, proposal_id=None, now=later
        )
    )
    assert erased.points == 350
    assert books.lots_of(store, li) == {}
    books.check(store)


# -- at the same moment ------------------------------------------------------------------------


def test_gifts_to_somebody_who_is_just_being_deleted_are_whole_or_refused(
    store: Store, li: Subscriber
) -> None:
    givers = [store.run(lambda tx: books.rich(tx, {(points.CONSUMPTION, FAR): 100}))
              for _ in range(6)]  # fmt: skip

    def give(giver: Subscriber) -> bool:
        try:
            store.run(
                lambda tx: gifts.give(
                    tx, payer=giver, payee=li, points=40, limits=LIMITS,
                    cause=cause(f"gift:{giver.id}", "gift"), now=NOON,
                )
            )  # fmt: skip
        except NobodyThere:
            return False
        return True

    works: list[Callable[[], object]] = [partial(give, giver) for giver in givers]
    works.insert(3, lambda: store.run(partial(erase, who=li)))
    *outcomes, _ = sorted(at_once(works), key=lambda each: isinstance(each, Erased))
    given = sum(1 for each in outcomes if each is True)
    left = sum(sum(books.lots_of(store, giver).values()) for giver in givers)
    assert left == 600 - 40 * given, "who was refused has all their points"
    assert books.lots_of(store, li) == {}, "no point lies with nobody"
    books.check(store)


def test_a_message_that_comes_meanwhile_makes_somebody_new_or_is_deleted_with_them(
    store: Store, li: Subscriber
) -> None:
    number = li.msisdn
    assert number is not None

    def hear(n: int) -> int:
        def work(tx: Tx) -> int:
            taken = inbox.take(tx, key=f"m{n}", channel="sms", kind="text", sender=number, now=NOON)
            inbox.keep(
                tx, key=f"m{n}", channel="sms", kind="text", subscriber_id=taken.who.id,
                reply={"text": "secret"}, now=NOON,
            )  # fmt: skip
            return taken.who.id

        return store.run(work)

    works: list[Callable[[], object]] = [partial(hear, n) for n in range(6)]
    works.insert(2, lambda: store.run(partial(erase, who=li)))
    heard_by = {each for each in at_once(works) if isinstance(each, int)}
    assert heard_by <= {li.id} | {row[0] for row in rows(
        store, "SELECT subscriber_id FROM subscriber_addresses WHERE address = %s", number
    )}  # fmt: skip
    assert rows(store, "SELECT count(*) FROM inbox WHERE subscriber_id = %s", li.id) == [(0,)]
    reached = rows(store, "SELECT count(*) FROM subscriber_addresses WHERE address = %s", number)
    assert reached in ([(0,)], [(1,)])


def test_a_binding_at_the_same_moment_merges_before_or_finds_somebody_new(
    store: Store, li: Subscriber
) -> None:
    number = li.msisdn
    assert number is not None
    # The openid of somebody else, who proves the number just now.
    store.run(
        lambda tx: tx.exec_driver_sql("DELETE FROM subscriber_addresses WHERE channel = 'wechat'")
    )
    other = store.run(lambda tx: subscribers.lock(tx, "wechat", "o_other", NOON))
    give = partial(
        points.issue, payee=other, kind=points.CONSUMPTION, points=11, expires_on=FAR,
        cause=cause("other"), now=NOON,
    )  # fmt: skip
    store.run(give)

    def bind(tx: Tx) -> int:
        who = subscribers.lock(tx, "wechat", "o_other", NOON)
        return binding.bind(tx, who, number, origin="test", now=NOON).id

    works: list[Callable[[], object]] = [
        lambda: store.run(bind),
        lambda: store.run(partial(erase, who=li)),
    ]
    bound, erased = at_once(works)
    assert isinstance(bound, int)
    assert isinstance(erased, Erased)
    if bound == li.id:  # first the merge: their points were the person's, and are forfeited
        assert erased.points == 361
    else:
        assert erased.points == 350
        assert sum(books.lots_of(store, subscribers_of(store, bound)).values()) == 11
    assert books.lots_of(store, li) == {}
    books.check(store)


def subscribers_of(store: Store, subscriber_id: int) -> Subscriber:
    return store.read(lambda tx: subscribers.get(tx, subscriber_id))


def test_who_was_merged_meanwhile_is_not_deleted_under_another_name(store: Store) -> None:
    number = store.run(newcomer)
    other = store.run(lambda tx: subscribers.lock(tx, "wechat", "o_x", NOON))
    assert number.msisdn is not None
    to = number.msisdn
    store.run(lambda tx: binding.bind(tx, other, to, origin="test", now=NOON))
    with pytest.raises(NotDeletable):
        store.run(partial(erase, who=other))
    store.run(partial(erase, who=number))  # and takes what was merged into it along
    assert rows(store, "SELECT count(*) FROM subscriber_addresses WHERE address = 'o_x'") == [(0,)]


def test_expiry_at_the_same_moment_takes_each_lot_once(store: Store, li: Subscriber) -> None:
    after = NOON + timedelta(days=25)  # SOON is over

    def sweep() -> object:
        store.run(lambda tx: expiry.begin_day(tx, SOON, now=after))
        return store.run(lambda tx: expiry.sweep(tx, now=after, day=SOON))

    erase_later = partial(
        erasure.erase, person=li.id, cause=cause("x", "forfeited"), grace_days=30,
        proposal_id=None, now=after,
    )  # fmt: skip
    at_once([sweep, lambda: store.run(erase_later)])
    assert books.lots_of(store, li) == {}
    took = store.read(
        lambda tx: points.house_balance(tx, "forfeited") + points.house_balance(tx, "expired")
    )
    assert took == 350
    books.check(store)


def test_what_arrived_from_somebody_who_did_not_wait_is_forfeited_by_the_clock(
    store: Store, li: Subscriber
) -> None:
    store.run(partial(erase, who=li))
    late = partial(
        points.issue, payee=li, kind=points.CONSUMPTION, points=5, expires_on=FAR,
        cause=cause("late event"), now=NOON,
    )  # fmt: skip
    store.run(late)
    store.run(partial(erasure.finish, person=li.id, patience=DAY, now=NOON))
    assert books.lots_of(store, li) == {}
    books.check(store)


def test_a_message_that_does_not_leave_is_given_up_and_an_unanswered_call_is_not(
    store: Store, li: Subscriber
) -> None:
    store.run(partial(erase, who=li))
    store.run(
        lambda tx: outbox.owe(
            tx, subscriber_id=li.id, kind="sms", payload={"to": li.msisdn, "text": "再见"}, now=NOON
        )
    )
    for after, left in ((timedelta(), 3), (DAY * 2, 2)):
        assert not store.run(partial(erasure.finish, person=li.id, patience=DAY, now=NOON + after))
        count = "SELECT count(*) FROM outbox WHERE subscriber_id = %s"
        assert rows(store, count, li.id) == [(left,)]
    assert store.read(partial(erasure.unfinished, limit=5)) == [li.id]
