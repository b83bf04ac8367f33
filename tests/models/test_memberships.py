"""Memberships: terms, premium, resting and leaving, by the rules as they are delivered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial

import pytest

from models import clubs, memberships, merging, points, subscribers
from models.base import Tx
from models.memberships import Membership, NotAllowed
from models.privacy import erasure, export
from models.privacy.erasure import InTheWay
from models.privacy.sections import WHO
from models.store import Store
from models.subscribers import Subscriber
from models.vouchers import ending, redeeming
from tests.models import books
from tests.models.conftest import NOON, at_once, cause, newcomer, rows

TODAY = date(2026, 3, 2)
FAR = date(2030, 12, 31)


def member(tx: Tx, code: str = "film", have: int = 0) -> Subscriber:
    who = books.rich(tx, {(points.CONSUMPTION, FAR): have}) if have else newcomer(tx)
    memberships.join(tx, who, code, origin="test", now=NOON)
    return who


def of(store: Store, who: Subscriber, code: str = "film") -> Membership:
    found = store.read(lambda tx: memberships.find(tx, who, code))
    assert found is not None
    return found


def at(day: date) -> datetime:
    return NOON + (day - TODAY)


def pay(tx: Tx, who: Subscriber, level: str, now: datetime = NOON, code: str = "film") -> None:
    agreed = memberships.quote(tx, who, code, level, now).agreed
    memberships.pay(tx, who, code, agreed=agreed, channel="sms", origin="test", now=now)


def buy(tx: Tx, who: Subscriber, n: int, now: datetime = NOON) -> int:
    bought = redeeming.redeem(
        tx, who, "film-ticket", key=f"k{n}", channel="sms", origin="test", now=now
    )
    return bought.id


def why(store: Store, work: Callable[[Tx], object]) -> str:
    with pytest.raises(NotAllowed) as refused:
        store.run(work)
    return refused.value.why


def look(store: Store, who: Subscriber, day: date, code: str = "film") -> list[str]:
    def work(tx: Tx) -> list[str]:
        held = subscribers.lock_id(tx, who.id)
        return [news.what for news in memberships.look(tx, held, code, at(day))]

    return store.run(work)


# -- terms ----------------------------------------------------------------------------------------


def test_a_term_ends_a_day_before_its_day_and_the_next_one_follows_it(store: Store) -> None:
    who = store.run(member)
    assert of(store, who).ends_on == date(2027, 3, 1)
    assert why(store, lambda tx: pay(tx, who, "ordinary")) == "too_early"
    late = at(date(2027, 3, 20))  # within the grace: from the old end all the same
    store.run(lambda tx: pay(tx, who, "ordinary", late))
    assert of(store, who).ends_on == date(2028, 3, 1)


def test_what_has_no_end_is_never_renewed(store: Store) -> None:
    who = store.run(lambda tx: member(tx, "vip"))
    assert of(store, who, "vip").ends_on is None
    assert why(store, lambda tx: pay(tx, who, "ordinary", code="vip")) == "no_end"
    assert why(store, lambda tx: pay(tx, who, "premium", code="vip")) == "no_premium"


def test_a_months_last_day_is_a_term_too(store: Store) -> None:
    rule = store.read(memberships.live).of("sports").ordinary
    assert rule.next_term(date(2028, 2, 29)) == date(2029, 2, 28)
    assert rule.first_term(date(2028, 2, 29)) == date(2029, 2, 27)


def test_the_clock_warns_waits_out_the_grace_and_ends_it_once(store: Store) -> None:
    who = store.run(member)
    last = date(2027, 3, 1)
    assert look(store, who, last - timedelta(days=15)) == []
    assert look(store, who, last - timedelta(days=14)) == ["ends"]
    assert look(store, who, last - timedelta(days=14)) == []
    assert look(store, who, last - timedelta(days=3)) == ["ends"]
    assert look(store, who, last + timedelta(days=1)) == ["over"]
    assert look(store, who, last + timedelta(days=30)) == []
    assert of(store, who).state == "active"
    assert look(store, who, last + timedelta(days=31)) == ["ended"]
    assert of(store, who).state == "ended"
    owed = rows(store, "SELECT payload ->> 'service' FROM outbox WHERE kind = 'call' ORDER BY id")
    assert owed == [("boss.close_service",)]
    assert look(store, who, last + timedelta(days=31)) == []


def test_who_was_a_member_before_there_were_terms_begins_one(store: Store) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        clubs.join(tx, who, "film", origin="import", now=NOON)
    assert of(store, who).ends_on is None
    assert store.read(lambda tx: memberships.due(tx, NOON, 10)) == [(who.id, "film")]
    assert look(store, who, TODAY) == []
    assert of(store, who).ends_on == date(2027, 3, 1)


def test_who_joins_again_begins_as_an_ordinary_member(store: Store) -> None:
    who = store.run(lambda tx: member(tx, have=2000))
    store.run(lambda tx: pay(tx, who, "premium"))
    assert of(store, who).is_premium

    def work(tx: Tx) -> None:
        assert memberships.start_leaving(tx, who, "film", origin="test", now=NOON)
        assert memberships.left(tx, who, "film", origin="test", now=NOON)
        assert clubs.start_opening(tx, who, "film", origin="test", now=NOON)
        assert clubs.join(tx, who, "film", origin="test", now=NOON)

    store.run(work)
    again = of(store, who)
    assert (again.state, again.level, again.premium_until) == ("active", "ordinary", None)


# -- premium --------------------------------------------------------------------------------------


def test_premium_is_paid_for_once_whoever_says_yes_at_once(store: Store) -> None:
    who = store.run(lambda tx: member(tx, have=5000))
    agreed = store.read(lambda tx: memberships.quote(tx, who, "film", "premium", NOON)).agreed

    def yes(n: int) -> str:
        def work(tx: Tx) -> None:
            held = subscribers.lock_id(tx, who.id)
            memberships.pay(
                tx, held, "film", agreed=agreed, channel="sms", origin=f"yes {n}", now=NOON
            )

        try:
            store.run(work)
        except NotAllowed as refused:
            return refused.why
        return "paid"

    assert sorted(at_once([partial(yes, n) for n in range(8)])) == ["paid"] + ["too_early"] * 7
    now = of(store, who)
    assert (now.level, now.premium_until) == ("premium", date(2026, 9, 1))
    assert store.read(lambda tx: points.house_balance(tx, "club:film")) == 800
    books.check(store)


def test_what_was_agreed_to_is_what_is_paid(store: Store) -> None:
    who = store.run(lambda tx: member(tx, have=5000))
    for other in ("premium:1:2026-09-01", "premium:800:2099-09-01", "ordinary:0:2099-01-01", "x"):
        refused = why(store, partial(_agree, who=who, agreed=other))
        assert refused in ("changed", "too_early")
    assert store.read(lambda tx: points.house_balance(tx, "club:film")) == 0


def _agree(tx: Tx, who: Subscriber, agreed: str) -> None:
    memberships.pay(tx, who, "film", agreed=agreed, channel="sms", origin="test", now=NOON)


def test_who_has_too_few_points_stays_as_they_are(store: Store) -> None:
    who = store.run(lambda tx: member(tx, have=799))
    assert why(store, lambda tx: pay(tx, who, "premium")) == "points"
    assert not of(store, who).is_premium


def test_points_spent_in_the_club_make_premium_and_what_comes_back_does_not(store: Store) -> None:
    who = store.run(lambda tx: member(tx, have=9000))

    first = store.run(lambda tx: buy(tx, who, 1))
    store.run(
        lambda tx: ending.refund(
            tx, subscriber_id=who.id, voucher_id=first, by="owner", channel="sms", now=NOON,
            grace_days=30,
        )
    )  # fmt: skip
    store.run(lambda tx: buy(tx, who, 2))
    assert look(store, who, TODAY) == []
    assert not of(store, who).is_premium
    store.run(lambda tx: buy(tx, who, 3))
    assert look(store, who, TODAY) == ["premium_reached"]
    assert of(store, who).premium_until == date(2026, 9, 1)


def test_premium_ends_after_its_grace_unless_it_was_earned_again(store: Store) -> None:
    who, keeps = store.run(lambda tx: (member(tx, have=800), member(tx, have=9000)))
    for each in (who, keeps):
        store.run(partial(pay, who=each, level="premium"))
    last = date(2026, 9, 1)
    for day, news in ((-14, ["premium_ends"]), (-3, ["premium_ends"]), (1, ["premium_over"]),
                      (16, ["premium_ended"])):  # fmt: skip
        assert look(store, who, last + timedelta(days=day)) == news
    assert (of(store, who).level, of(store, who).state) == ("ordinary", "active")
    for n in (1, 2):
        store.run(partial(buy, who=keeps, n=n, now=at(date(2026, 8, 1))))
    for day in (-14, -3):
        look(store, keeps, last + timedelta(days=day))
    assert look(store, keeps, last + timedelta(days=1)) == ["premium_kept"]
    assert of(store, keeps).premium_until == date(2027, 3, 1)


def test_premium_that_was_paid_for_outlasts_the_term(store: Store) -> None:
    who = store.run(lambda tx: member(tx, have=2000))
    store.run(lambda tx: pay(tx, who, "premium", at(date(2027, 2, 1))))
    assert of(store, who).ends_on == of(store, who).premium_until == date(2027, 7, 31)


# -- resting and leaving --------------------------------------------------------------------------


def rest(tx: Tx, who: Subscriber, now: datetime = NOON) -> None:
    memberships.start_suspending(tx, who, "film", origin="test", now=now)
    memberships.suspended(tx, who, "film", origin="test", now=now)


def rise(tx: Tx, who: Subscriber, now: datetime) -> None:
    memberships.start_resuming(tx, who, "film", origin="test", now=now)
    memberships.resumed(tx, who, "film", origin="test", now=now)


def test_a_term_stands_still_while_the_membership_rests(store: Store) -> None:
    who = store.run(lambda tx: member(tx, have=800))
    store.run(lambda tx: pay(tx, who, "premium"))
    store.run(lambda tx: rest(tx, who))
    assert of(store, who).state == "suspended"
    assert store.read(lambda tx: clubs.joined(tx, who)) == []
    assert why(store, lambda tx: pay(tx, who, "ordinary")) == "resting"
    store.run(lambda tx: rise(tx, who, at(TODAY + timedelta(days=40))))
    now = of(store, who)
    assert (now.state, now.level) == ("active", "premium")
    assert now.ends_on == date(2027, 3, 1) + timedelta(days=40)
    assert now.premium_until == date(2026, 9, 1) + timedelta(days=40)


def test_it_rests_twice_a_year_and_not_beyond_its_end(store: Store) -> None:
    who = store.run(member)
    for days in (10, 50):
        store.run(partial(rest, who=who, now=at(TODAY + timedelta(days=days))))
        store.run(partial(rise, who=who, now=at(TODAY + timedelta(days=days + 5))))
    again = at(TODAY + timedelta(days=90))
    assert why(store, lambda tx: rest(tx, who, again)) == "often"
    over = at(date(2027, 3, 20))
    assert why(store, lambda tx: rest(tx, who, over)) == "overdue"


def test_what_rests_too_long_ends_and_boss_need_not_close_it_again(store: Store) -> None:
    who = store.run(member)
    store.run(lambda tx: rest(tx, who))
    last = date(2026, 9, 2)
    assert look(store, who, last - timedelta(days=14)) == ["rest_ends"]
    assert look(store, who, last - timedelta(days=3)) == ["rest_ends"]
    assert look(store, who, last) == []
    assert look(store, who, last + timedelta(days=1)) == ["rest_ended"]
    assert of(store, who).state == "ended"
    assert rows(store, "SELECT count(*) FROM outbox WHERE kind = 'call'") == [(0,)]


def test_what_boss_refuses_goes_on_as_it_was(store: Store) -> None:
    who = store.run(member)
    before = of(store, who)
    works: list[Callable[[Tx], object]] = [
        lambda tx: memberships.start_leaving(tx, who, "film", origin="t", now=NOON),
        lambda tx: memberships.stayed(tx, who, "film", origin="t", now=NOON),
        lambda tx: memberships.start_suspending(tx, who, "film", origin="t", now=NOON),
        lambda tx: memberships.not_suspended(tx, who, "film", origin="t", now=NOON),
    ]
    for work in works:
        store.run(work)
    after = of(store, who)
    assert (after.state, after.ends_on, after.look_on) == (
        "active", before.ends_on, before.look_on,
    )  # fmt: skip


def test_nobody_leaves_twice_and_an_answer_that_comes_twice_counts_once(store: Store) -> None:
    who = store.run(member)

    def leave(tx: Tx) -> bool:
        held = subscribers.lock_id(tx, who.id)
        return memberships.start_leaving(tx, held, "film", origin="t", now=NOON)

    assert store.run(leave)
    assert why(store, leave) == "busy"

    def close(tx: Tx) -> bool:
        return memberships.left(tx, subscribers.lock_id(tx, who.id), "film", origin="t", now=NOON)

    assert sorted(at_once([lambda: store.run(close)] * 4)) == [False, False, False, True]
    assert why(store, leave) == "not_member"


# -- merging, and what the table keeps ------------------------------------------------------------


def test_two_who_are_one_keep_the_union_of_clubs_and_the_better_terms(store: Store) -> None:
    with store.begin() as tx:
        source, target = member(tx, have=3000), newcomer(tx)
        for code in ("car", "vip"):
            memberships.join(tx, source, code, origin="test", now=NOON)
        pay(tx, source, "premium")
    later = at(TODAY + timedelta(days=20))
    with store.begin() as tx:
        memberships.join(tx, target, "film", origin="test", now=later)
    store.run(lambda tx: rest(tx, target, later))
    store.run(lambda tx: merging.merge(tx, source=source, target=target, origin="t", now=later))
    film, car = of(store, target), of(store, target, "car")
    assert (film.state, film.level, film.premium_until) == ("active", "premium", date(2026, 9, 1))
    assert film.ends_on == date(2027, 3, 21)
    assert (car.state, car.ends_on) == ("active", date(2027, 3, 1))
    assert of(store, target, "vip").ends_on is None
    assert {of(store, source, code).state for code in ("film", "car", "vip")} == {"moved"}
    assert [news for code in ("film", "car") for news in look(
        store, target, TODAY + timedelta(days=20), code
    )] == []  # fmt: skip


@pytest.mark.parametrize(
    ("change", "guard"),
    [
        ("premium_until = '2030-01-01'", "premium_check"),
        ("state = 'suspended'", "suspended_check"),
        ("state = 'left'", "standing_check"),
        ("state = 'gone', ends_on = NULL, look_on = NULL", "state_check"),
        ("since = NULL", "since_check"),
    ],
)
def test_the_table_refuses_what_cannot_be(store: Store, change: str, guard: str) -> None:
    who = store.run(member)
    with pytest.raises(Exception, match=guard), store.begin() as tx:
        tx.exec_driver_sql(f"UPDATE memberships SET {change} WHERE subscriber_id = {who.id}")


def test_who_is_deleted_leaves_what_rests_and_waits_for_what_is_under_way(store: Store) -> None:
    who, leaves = store.run(lambda tx: (member(tx), member(tx)))
    store.run(lambda tx: rest(tx, who))

    def begin(tx: Tx) -> None:
        memberships.start_leaving(tx, leaves, "film", origin="t", now=NOON)

    store.run(begin)
    store.run(lambda tx: _erase(tx, who))
    assert of(store, who).state == "left"
    with pytest.raises(InTheWay):
        store.run(lambda tx: _erase(tx, leaves))


def _erase(tx: Tx, who: Subscriber) -> None:
    why = cause(f"privacy:{who.id}", "forfeited")
    erasure.erase(tx, who.id, cause=why, grace_days=30, proposal_id=None, now=NOON)


def test_a_copy_of_ones_data_says_how_long_a_membership_lasts(store: Store) -> None:
    who = store.run(lambda tx: member(tx, have=900))
    store.run(lambda tx: pay(tx, who, "premium"))
    with store.begin() as tx:
        export.steadily(tx)
        whose = export.person(tx, who.id)
        (section,) = [each for each in WHO if each.name == "memberships"]
        (row,) = export.rows(tx, whose, section, mask=str)
    assert {date(2027, 3, 1), date(2026, 9, 1)} <= set(row)
