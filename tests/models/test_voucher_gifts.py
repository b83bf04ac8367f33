"""Vouchers given to friends, given back, run out and merged: no point is made, lost, or escapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import merging, points, sql, subscribers
from models.base import Tx
from models.offers import stock
from models.offers.terms import NotOffered
from models.store import Store
from models.subscribers import Subscriber
from models.vouchers import ending, giving, having, redeeming, reminding, verifying, vouchers
from models.vouchers.giving import NotGiven
from models.vouchers.vouchers import Voucher
from tests.models.conftest import NOON, at_once, cause, newcomer, rows

TILL = verifying.Till("jinxiu", 1, "staff:1")
PRICE, HAS, RICH = 900, 2000, 6000
MOST_A_DAY = 3


def _customer(store: Store, has: int = HAS) -> Subscriber:
    def make(tx: Tx) -> Subscriber:
        who = newcomer(tx)
        if has:
            _fund(tx, who, has)
        return who

    return store.run(make)


def _fund(tx: Tx, who: Subscriber, amount: int) -> None:
    points.issue(
        tx, who, kind=points.CONSUMPTION, points=amount, cause=cause(f"issue:{who.id}"), now=NOON,
        expires_on=points.day_of(NOON + timedelta(days=400)),
    )  # fmt: skip


def _redeem(store: Store, who: Subscriber, key: str = "m1", now: datetime = NOON) -> Voucher:
    return store.run(
        lambda tx: redeeming.redeem(
            tx, who, "haircut", key=key, channel="wechat", origin="test", now=now
        )
    )


def _give(
    store: Store, owner: Subscriber, voucher: Voucher, friend: Subscriber, now: datetime = NOON
) -> Voucher:
    def work(tx: Tx) -> Voucher:
        held = subscribers.lock_id(tx, owner.id)
        return giving.give(
            tx, held, subscriber_id=voucher.subscriber_id, voucher_id=voucher.id, friend=friend,
            now=now, by="owner", most_a_day=MOST_A_DAY,
        )  # fmt: skip

    return store.run(work)


def _refund(store: Store, voucher: Voucher, now: datetime = NOON) -> Voucher:
    return store.run(
        lambda tx: ending.refund(
            tx, subscriber_id=voucher.subscriber_id, voucher_id=voucher.id, by="owner",
            channel="wechat", now=now, grace_days=30,
        )
    )  # fmt: skip


def _has(store: Store, *people: Subscriber) -> list[int]:
    def total(tx: Tx, who: Subscriber) -> int:
        return points.balance(tx, who, now=NOON, expiring_days=30).total

    return [store.read(partial(total, who=who)) for who in people]


def _terms(store: Store, columns: str) -> None:
    store.run(lambda tx: sql.run(tx, f"UPDATE offers SET {columns} WHERE code = 'haircut'"))


def _why(store: Store, *gift: Any, **more: Any) -> str:
    try:
        _give(store, *gift, **more)
    except (NotGiven, NotOffered) as refused:
        return refused.why
    raise AssertionError("it was given")


def test_the_friend_gets_new_codes_the_same_day_and_the_old_code_is_dead(store: Store) -> None:
    owner, friend = _customer(store), _customer(store, 0)
    old = _redeem(store, owner)
    new = _give(store, owner, old, friend)
    assert (new.serial, new.price_points, new.valid_until) == (old.serial, PRICE, old.valid_until)
    assert {new.code, new.short_code}.isdisjoint({old.code, old.short_code})
    assert new.subscriber_id == friend.id
    with pytest.raises(verifying.NotVerified, match="given"):
        store.read(lambda tx: verifying.look(tx, TILL, old.code, NOON))
    line = store.run(lambda tx: verifying.verify(tx, TILL, new.short_code, key="f", now=NOON))
    assert line.voucher_id == new.id
    assert _has(store, owner, friend) == [HAS - PRICE, 0]


def test_given_back_by_the_friend_the_points_go_to_whoever_had_paid(store: Store) -> None:
    owner, friend = _customer(store), _customer(store, 0)
    _terms(store, "per_person = 1")
    new = _give(store, owner, _redeem(store, owner), friend)
    assert _refund(store, new).state == "refunded"
    assert _refund(store, new).state == "refunded"  # pressed twice
    assert _has(store, owner, friend) == [HAS, 0]
    (due,) = store.run(lambda tx: reminding.take(tx, NOON, 9)) or []
    assert (due.voucher.id, due.owner) == (new.id, friend.id)
    assert store.run(lambda tx: reminding.take(tx, NOON, 9)) is None
    _redeem(store, owner, "again")  # one more for each of them
    assert rows(store, "SELECT sum(taken) FROM offer_takings") == [(1,)]


def test_run_out_with_the_friend_the_points_go_back_where_the_offer_says_so(store: Store) -> None:
    owner, friend = _customer(store), _customer(store, 0)
    new = _give(store, owner, _redeem(store, owner), friend)
    ended = store.run(lambda tx: ending.expire_due(tx, new.valid_until, 9, grace_days=30))
    assert ended == 1
    assert _has(store, owner, friend) == [HAS, 0]


def test_gifts_do_not_get_round_the_limits_of_an_offer(store: Store) -> None:
    first, second, third = (_customer(store) for _ in range(3))
    _terms(store, "per_person = 1")
    given = _redeem(store, first)
    _give(store, first, given, third)
    with pytest.raises(NotOffered, match="person_limit"):  # who gave has had one
        _redeem(store, first, "again")
    with pytest.raises(NotOffered, match="person_limit"):  # and so has who got it
        _redeem(store, third)
    assert _why(store, second, _redeem(store, second), third) == "person_limit"
    assert rows(store, "SELECT count(*) FROM vouchers WHERE state = 'issued'") == [(2,)]


def test_who_may_not_take_an_offer_is_not_given_it(store: Store) -> None:
    owner, friend = _customer(store), _customer(store)
    voucher = _redeem(store, owner)
    _terms(store, "club_code = 'film'")
    assert _why(store, owner, voucher, friend) == "members_only"
    _terms(store, "club_code = NULL, tier = 'gold'")
    assert _why(store, owner, voucher, friend) == "tier"


def test_each_gift_that_cannot_be_has_its_reason_and_changes_nothing(store: Store) -> None:
    owner, friend, other = (_customer(store) for _ in range(3))
    voucher = _redeem(store, owner)
    assert _why(store, owner, voucher, owner) == "oneself"
    assert _why(store, owner, voucher, friend, now=voucher.valid_until) == "expired"
    store.run(lambda tx: subscribers.block(tx, friend.id))
    blocked = store.read(lambda tx: subscribers.get(tx, friend.id))
    assert _why(store, owner, voucher, blocked) == "nobody"
    gift = _give(store, owner, voucher, other)
    assert _give(store, owner, voucher, other) == gift  # sent twice
    assert _why(store, owner, voucher, friend) == "given"
    assert _why(store, other, gift, owner) == "gift"
    _refund(store, gift)
    for key in ("a", "b"):
        _give(store, owner, _redeem(store, owner, key), other)
    store.run(lambda tx: _fund(tx, newcomer(tx), 1))
    rich = _customer(store, 9000)
    for key in ("a", "b", "c"):
        _give(store, rich, _redeem(store, rich, key), other)
    last = _redeem(store, rich, "d")
    assert _why(store, rich, last, other) == "limit"
    assert rows(store, "SELECT state FROM vouchers WHERE id = %s", last.id) == [("issued",)]
    _give(store, rich, last, other, now=NOON + timedelta(days=1))


def test_a_till_a_friend_and_a_refund_at_once_agree_on_one_end(store: Store) -> None:
    for _ in range(6):
        owner, friend = _customer(store), _customer(store, 0)
        voucher = _redeem(store, owner)

        def give(o: Subscriber = owner, v: Voucher = voucher, f: Subscriber = friend) -> str:
            try:
                _give(store, o, v, f)
            except NotGiven:
                return ""
            return "given"

        def refund(v: Voucher = voucher) -> str:
            try:
                _refund(store, v)
            except ending.NotRefundable:
                return ""
            return "refunded"

        def verify(v: Voucher = voucher) -> str:
            try:
                store.run(lambda tx: verifying.verify(tx, TILL, v.code, key="f", now=NOON))
            except verifying.NotVerified:
                return ""
            return "verified"

        works: list[Callable[[], str]] = [give, refund, verify]
        (won,) = [one for one in at_once(works) if one]
        ((state,),) = rows(store, "SELECT state FROM vouchers WHERE id = %s", voucher.id)
        assert state == won
        assert _has(store, owner, friend) == [HAS if won == "refunded" else HAS - PRICE, 0]


def test_of_many_gifts_of_one_voucher_at_once_one_is_made(store: Store) -> None:
    owner = _customer(store)
    friends = [_customer(store, 0) for _ in range(12)]
    voucher = _redeem(store, owner)

    def give(friend: Subscriber) -> bool:
        try:
            _give(store, owner, voucher, friend)
        except NotGiven:
            return False
        return True

    assert sum(at_once([partial(give, friend) for friend in friends])) == 1
    assert rows(store, "SELECT count(*) FROM vouchers WHERE state = 'issued'") == [(1,)]


def test_after_a_merge_the_vouchers_are_the_others_to_see_use_and_give_back(store: Store) -> None:
    def people(tx: Tx) -> tuple[Subscriber, Subscriber]:
        source = subscribers.lock(tx, "wechat", f"o_{id(store)}", NOON)
        target = newcomer(tx)
        _fund(tx, source, 5000)
        return source, target

    source, target = store.run(people)
    friend = _customer(store, 0)
    _terms(store, "per_person = 4")
    used, back, gift = (_redeem(store, source, key) for key in "abc")
    store.run(
        lambda tx: merging.merge(
            tx, source=subscribers.lock_id(tx, source.id),
            target=subscribers.lock_id(tx, target.id), origin="test", now=NOON,
        )
    )  # fmt: skip
    owner = store.read(lambda tx: subscribers.get(tx, target.id))
    mine = store.read(lambda tx: having.usable(tx, owner, NOON, 9))
    assert {held.voucher.id for held in mine} == {used.id, back.id, gift.id}
    assert _has(store, owner) == [5000 - 3 * PRICE]
    store.run(lambda tx: verifying.verify(tx, TILL, used.code, key="f", now=NOON))
    assert _refund(store, back).state == "refunded"
    assert _has(store, owner) == [5000 - 2 * PRICE]
    _refund(store, _give(store, owner, gift, friend))
    assert _has(store, owner) == [5000 - PRICE]
    # One of four is taken, and it counts for whoever took over.
    assert rows(
        store, "SELECT subscriber_id, taken FROM offer_takings WHERE taken > 0"
    ) == [(target.id, 1)]  # fmt: skip
    with pytest.raises(vouchers.NoSuchVoucher):
        store.read(lambda tx: having.one(tx, friend, used.id))


def test_the_database_itself_keeps_gifts_and_their_limit(store: Store) -> None:
    owner, friend = _customer(store), _customer(store, 0)
    _give(store, owner, _redeem(store, owner), friend)
    for statement in ("UPDATE voucher_gifts SET no = 2", "DELETE FROM voucher_gifts"):
        with pytest.raises(psycopg.errors.RestrictViolation):
            store.run(partial(sql.run, statement=statement))
    with pytest.raises(psycopg.errors.CheckViolation):
        store.run(
            lambda tx: sql.run(
                tx,
                "INSERT INTO voucher_gifts SELECT v.subscriber_id, v.id, 1, 1, g.day, 4, 3, g.at"
                " FROM voucher_gifts g, vouchers v WHERE v.state = 'issued'",
            )
        )


# -- whatever is done in whatever order ---------------------------------------------------------

ACTS = st.lists(
    st.tuples(st.sampled_from(["redeem", "redeem", "give", "give", "refund", "verify", "expire"]),
              st.integers(0, 2), st.integers(0, 2), st.integers(0, 5)),
    min_size=6, max_size=20,
)  # fmt: skip


@dataclass
class Shop:
    """Three friends and what they do; refusals are part of life."""

    store: Store
    people: list[Subscriber]
    mine: list[Voucher] = field(default_factory=list)
    day: int = 0

    def do(self, act: str, who: int, whom: int, which: int, n: int) -> None:
        now = NOON + timedelta(days=self.day)
        try:
            if act == "redeem":
                self.mine.append(_redeem(self.store, self.people[who], f"m{n}", now))
            elif act == "expire":
                self.day += 20
                later = NOON + timedelta(days=self.day)
                self.store.run(lambda tx: ending.expire_due(tx, later, 99, grace_days=30))
            elif self.mine:
                voucher = self.mine[which % len(self.mine)]
                owner = next(one for one in self.people if one.id == voucher.subscriber_id)
                if act == "give":
                    self.mine.append(_give(self.store, owner, voucher, self.people[whom], now))
                elif act == "refund":
                    _refund(self.store, voucher, now)
                else:
                    self.store.run(
                        lambda tx: verifying.verify(tx, TILL, voucher.code, key="f", now=now)
                    )
        except (NotOffered, NotGiven, ending.NotRefundable, verifying.NotVerified):
            pass


@pytest.mark.slow
@settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True
)
@given(acts=ACTS)
def test_whatever_is_done_points_are_conserved_and_limits_hold(
    store: Store, acts: list[tuple[str, int, int, int]]
) -> None:
    _terms(store, "per_person = 2, refunds_expired = true")
    shop = Shop(store, [_customer(store, RICH) for _ in range(3)])
    for n, (act, who, whom, which) in enumerate(acts):
        shop.do(act, who, whom, which, n)
    ids = [one.id for one in shop.people]
    states = rows(
        store, "SELECT serial, state, subscriber_id FROM vouchers WHERE subscriber_id = ANY (%s)",
        ids,
    )  # fmt: skip
    # Of a serial one voucher at most is more than history.
    alive = [serial for serial, state, _ in states if state != "given"]
    assert len(alive) == len(set(alive))
    # What people lack is with the merchant, for vouchers that are open or used, and nowhere else.
    paid = PRICE * sum(state in ("issued", "verified") for _, state, _ in states)
    assert 3 * RICH - sum(_has(store, *shop.people)) == paid
    of_all = "SELECT count(*) FROM vouchers WHERE state IN ('issued', 'verified')"
    ((open_or_used,),) = rows(store, of_all)  # of earlier examples, too
    merchants = store.read(lambda tx: points.house_balance(tx, "merchant:jinxiu"))
    assert merchants == PRICE * open_or_used
    # Nobody has more of it than the offer allows, whoever took it.
    for person in ids:
        held = sum(s in ("issued", "verified") and whose == person for _, s, whose in states)
        assert held <= 2
    counted = rows(
        store, "SELECT taken FROM offer_takings WHERE subscriber_id = ANY (%s) AND day = %s",
        ids, stock.EVER,
    )  # fmt: skip
    assert all(0 <= taken <= 2 for (taken,) in counted)


@settings(
    max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True
)
@given(
    columns=st.sampled_from(
        ["state = 'paused'", "weekdays = 64", "from_minute = 1000", "club_code = 'film'",
         "tier = 'gold'", "price_points = 2001", "ends_at = '2026-01-01'", "per_person = 1"]
    )
)  # fmt: skip
def test_what_is_refused_leaves_nothing_behind(store: Store, columns: str) -> None:
    everything = (
        "SELECT (SELECT count(*) FROM vouchers), (SELECT count(*) FROM voucher_codes),"
        " (SELECT count(*) FROM voucher_events), (SELECT count(*) FROM points_transfers),"
        " (SELECT coalesce(sum(taken), 0) FROM offer_takings)"
    )
    reset = (
        "state = 'live', weekdays = 127, from_minute = 0, club_code = NULL, tier = NULL,"
        " price_points = 900, ends_at = NULL, per_person = NULL"
    )
    _terms(store, reset)
    who = _customer(store)
    if columns == "per_person = 1":
        _terms(store, columns)
        _redeem(store, who, "first")
    _terms(store, columns)
    before = rows(store, everything)
    with pytest.raises(NotOffered):
        _redeem(store, who)
    assert rows(store, everything) == before
