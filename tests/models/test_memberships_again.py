"""Leaving and joining again: what was had goes on; no term is had twice, or without its price."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import clubs, memberships, merging, points, subscribers
from models.base import Tx
from models.memberships import Membership, NotAllowed
from models.store import Store
from models.subscribers import Subscriber
from tests.models import books
from tests.models.conftest import NOON, newcomer, rows

TODAY, FAR = date(2026, 3, 2), date(2036, 12, 31)
PRICE, PREMIUM_PRICE, GRACE = 100, 50, 5
LONGEST = 31  # days of a term of a month
RICH = 100_000


def publish(tx: Tx, price: int = PRICE) -> None:
    """Terms of a month in the film club: the next one, and premium, for points."""
    ordinary = {"term_months": 1, "grace_days": GRACE, "price_points": price}
    needs = {"tasks": None, "points_spent": None, "pay_points": PREMIUM_PRICE,
             "within_months": None}  # fmt: skip
    film = {
        "ordinary": ordinary, "services": [],
        "premium": {"term_months": 1, "grace_days": GRACE, "needs": needs, "benefits": []},
    }  # fmt: skip
    content = {
        "remind_days": [3], "renew_days": 10, "suspending": {"most_months": 6, "a_year": 12},
        "clubs": {"film": film},
    }  # fmt: skip
    memberships.publish(tx, content, author="wang", note="test", now=NOON)


def at(days: int) -> datetime:
    return NOON + timedelta(days=days)


def make(tx: Tx, have: int = RICH, price: int = PRICE) -> Subscriber:
    publish(tx, price)
    return books.rich(tx, {(points.CONSUMPTION, FAR): have}) if have else newcomer(tx)


def join(tx: Tx, who: Subscriber, days: int, *, agree: bool = True) -> bool:
    quote = memberships.beginning(tx, who, "film", at(days)).quote
    return memberships.join(
        tx, who, "film", agreed=quote.agreed if quote and agree else "", channel="sms",
        origin="test", now=at(days),
    )  # fmt: skip


def leave(tx: Tx, who: Subscriber, days: int) -> None:
    clubs.leave(tx, who, "film", origin="test", now=at(days))


def pay(tx: Tx, who: Subscriber, level: str, days: int) -> None:
    agreed = memberships.quote(tx, who, "film", level, at(days)).agreed
    memberships.pay(tx, who, "film", agreed=agreed, channel="sms", origin="test", now=at(days))


def of(store: Store, who: Subscriber) -> Membership:
    found = store.read(lambda tx: memberships.find(tx, who, "film"))
    assert found is not None
    return found


def spent(store: Store, who: Subscriber) -> int:
    has = store.read(lambda tx: points.balance(tx, who, now=NOON, expiring_days=1)).total
    return RICH - has


def test_who_joins_again_within_the_term_has_what_was_left_of_it(store: Store) -> None:
    who = store.run(make)
    store.run(lambda tx: join(tx, who, 0))
    first = of(store, who).ends_on
    assert first == date(2026, 4, 1)
    for days in (5, 15, 29):
        store.run(partial(leave, who=who, days=days))
        assert of(store, who).ends_on is None
        store.run(partial(join, who=who, days=days + 1))
        assert of(store, who).ends_on == first
    assert spent(store, who) == 0


def test_premium_goes_on_too_and_is_not_longer_than_it_was(store: Store) -> None:
    who = store.run(make)
    store.run(lambda tx: join(tx, who, 0))
    store.run(lambda tx: pay(tx, who, "premium", 3))
    until = of(store, who).premium_until
    store.run(lambda tx: leave(tx, who, 10))
    store.run(lambda tx: join(tx, who, 12))
    assert (of(store, who).level, of(store, who).premium_until) == ("premium", until)
    store.run(lambda tx: leave(tx, who, 13))
    store.run(lambda tx: join(tx, who, 40))
    assert of(store, who).level == "ordinary"


def test_after_its_grace_a_new_term_has_the_price_of_renewing(store: Store) -> None:
    who = store.run(make)
    store.run(lambda tx: join(tx, who, 0))
    store.run(lambda tx: leave(tx, who, 20))
    quote = store.read(lambda tx: memberships.due_to_join(tx, who, "film", at(60)))
    assert quote is not None
    assert quote.price == PRICE
    store.run(lambda tx: join(tx, who, 60))
    assert of(store, who).ends_on == quote.until
    assert spent(store, who) == PRICE
    paid = rows(store, "SELECT serial FROM membership_changes WHERE serial IS NOT NULL")
    assert len(paid) == 1


def test_within_the_grace_it_goes_on_overdue_and_is_renewed_or_ends(store: Store) -> None:
    who = store.run(make)
    store.run(lambda tx: join(tx, who, 0))
    last = of(store, who).ends_on
    store.run(lambda tx: leave(tx, who, 31))
    store.run(lambda tx: join(tx, who, 32))
    assert of(store, who).ends_on == last
    store.run(lambda tx: pay(tx, who, "ordinary", 33))
    assert spent(store, who) == PRICE


def test_who_did_not_agree_to_the_price_or_cannot_pay_begins_overdue(store: Store) -> None:
    who = store.run(lambda tx: make(tx, have=0))
    store.run(lambda tx: join(tx, who, 0))
    store.run(lambda tx: leave(tx, who, 1))
    with pytest.raises(NotAllowed, match="points"):
        store.read(lambda tx: memberships.due_to_join(tx, who, "film", at(60)))
    store.run(lambda tx: join(tx, who, 60))
    assert of(store, who).ends_on == TODAY + timedelta(days=59)
    news = store.run(lambda tx: memberships.look(tx, who, "film", at(60 + GRACE + 1)))
    assert [each.what for each in news] == ["ended"]


def test_where_renewing_is_free_so_is_joining_again(store: Store) -> None:
    who = store.run(lambda tx: make(tx, price=0))
    store.run(lambda tx: join(tx, who, 0))
    store.run(lambda tx: leave(tx, who, 20))
    assert store.read(lambda tx: memberships.due_to_join(tx, who, "film", at(60))) is None
    store.run(lambda tx: join(tx, who, 60))
    assert of(store, who).ends_on == date(2026, 5, 31)  # 60 days and a month on


def test_who_left_while_it_rested_has_the_days_for_which_it_did(store: Store) -> None:
    who = store.run(make)
    store.run(lambda tx: join(tx, who, 0))
    store.run(lambda tx: memberships.start_suspending(tx, who, "film", origin="t", now=at(10)))
    store.run(lambda tx: memberships.suspended(tx, who, "film", origin="t", now=at(10)))
    store.run(lambda tx: memberships.start_leaving(tx, who, "film", origin="t", now=at(30)))
    store.run(lambda tx: join(tx, who, 31))
    assert of(store, who).ends_on == date(2026, 4, 1) + timedelta(days=20)


def test_who_turns_out_to_be_somebody_else_has_not_joined_for_the_first_time(store: Store) -> None:
    who = store.run(make)

    def source(tx: Tx) -> Subscriber:
        made = subscribers.lock(tx, "wechat", "o_again", NOON)
        join(tx, made, 0)
        leave(tx, made, 5)
        merging.merge(tx, source=made, target=who, origin="test", now=at(6))
        return made

    store.run(source)
    store.run(lambda tx: join(tx, who, 10))
    assert of(store, who).ends_on == date(2026, 4, 1)


# -- whatever somebody does ------------------------------------------------------------------------

ACTS = st.lists(
    st.tuples(
        st.sampled_from(["join", "join unpaid", "leave", "ordinary", "premium", "wait"]),
        st.integers(0, 25),
    ),
    min_size=4, max_size=25,
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_nobody_has_more_terms_than_were_paid_for_or_given(store: Store, acts: object) -> None:
    """Days within a term, and as premium, against what the first term and the points bought."""
    assert isinstance(acts, list)
    who = store.run(make)
    now, had, premium, paid = 0, 0, 0, {"ordinary": 1, "premium": 0}
    for act, days in acts:
        before = spent(store, who)
        try:
            if act.startswith("join"):
                store.run(partial(join, who=who, days=now, agree=act == "join"))
            elif act == "leave":
                store.run(partial(leave, who=who, days=now))
            elif act != "wait":
                store.run(partial(pay, who=who, level=act, days=now))
        except NotAllowed:
            pass
        bought = spent(store, who) - before
        level = act if act == "premium" else "ordinary"
        paid[level] += bought // {"ordinary": PRICE, "premium": PREMIUM_PRICE}[level]
        one = store.read(lambda tx: memberships.find(tx, who, "film"))
        if one is not None and one.state == clubs.ACTIVE:
            had += _within(now, days, one.ends_on)
            premium += _within(now, days, one.premium_until)
        now += days  # they pass, and the clock looks
        store.run(partial(memberships.look, who=who, code="film", now=at(now)))
    assert had <= LONGEST * (paid["ordinary"] + paid["premium"])
    assert premium <= LONGEST * paid["premium"]


def _within(now: int, days: int, last: date | None) -> int:
    """How many of the days from `now` on are none after the last one."""
    return max(0, min(days, (last - TODAY).days - now + 1)) if last else 0
