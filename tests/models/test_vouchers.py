"""Offers taken for points and vouchers verified at tills: within every limit, and once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from models import points, sql
from models.base import Tx
from models.offers import stock
from models.offers.terms import NotOffered
from models.store import Store
from models.subscribers import Subscriber
from models.vouchers import ending, redeeming, verifying, vouchers
from models.vouchers.verifying import NotVerified, Till, TooLate, Verification
from models.vouchers.vouchers import Voucher
from tests.models.conftest import NOON, at_once, cause, newcomer, rows

TILL = Till("jinxiu", 1, "staff:1")
HAIRCUT = 900  # points
Setting = Callable[..., None]


@pytest.fixture
def terms(store: Store) -> Setting:
    """Sets the terms of the haircut at the barber's."""

    def change(**columns: Any) -> None:
        chosen = ", ".join(f"{name} = %({name})s" for name in columns)
        store.run(lambda tx: sql.run(tx, f"UPDATE offers SET {chosen} WHERE code = 'haircut'",
                                     columns))  # fmt: skip

    return change


def _customer(store: Store, has: int = 2000) -> Subscriber:
    def make(tx: Tx) -> Subscriber:
        who = newcomer(tx)
        points.issue(
            tx, who, kind=points.CONSUMPTION, points=has, cause=cause(f"issue:{who.id}"), now=NOON,
            expires_on=points.day_of(NOON + timedelta(days=400)),
        )  # fmt: skip
        return who

    return store.run(make)


def _redeem(store: Store, who: Subscriber, key: str = "m1", *, now: datetime = NOON) -> Voucher:
    return store.run(
        lambda tx: redeeming.redeem(
            tx, who, "haircut", key=key, channel="wechat", origin="test", now=now
        )
    )


def _verify(
    store: Store, typed: str, key: str = "form", *, till: Till = TILL, now: datetime = NOON
) -> Verification:
    return store.run(lambda tx: verifying.verify(tx, till, typed, key=key, now=now))


def _has(store: Store, who: Subscriber) -> int:
    return store.read(lambda tx: points.balance(tx, who, now=NOON, expiring_days=30)).total


def _refused(store: Store, who: Subscriber, **how: Any) -> str:
    with pytest.raises(NotOffered) as refusal:
        _redeem(store, who, **how)
    return refusal.value.why


def test_a_voucher_is_paid_into_the_merchants_account_and_valid_to_the_end_of_a_day(
    store: Store, terms: Setting
) -> None:
    terms(face_fen=4000, pays_bp=8500, valid_days=30)
    who = _customer(store)
    before = store.read(lambda tx: points.house_balance(tx, "merchant:jinxiu"))
    voucher = _redeem(store, who)
    assert (voucher.state, voucher.price_points, voucher.pays_cents) == ("issued", 900, 340_000)
    assert voucher.valid_until == datetime(2026, 4, 1, 16, 0, tzinfo=UTC)  # midnight in China
    assert _has(store, who) == 2000 - HAIRCUT
    after = store.read(lambda tx: points.house_balance(tx, "merchant:jinxiu"))
    assert after - before == HAIRCUT
    assert rows(
        store, "SELECT state, why FROM voucher_events WHERE subscriber_id = %s", who.id
    ) == [("issued", "redeemed")]


def test_the_same_message_again_gets_the_same_voucher(store: Store) -> None:
    who = _customer(store)
    assert _redeem(store, who) == _redeem(store, who)
    assert _has(store, who) == 2000 - HAIRCUT


def test_who_has_too_little_is_told_and_nothing_is_counted(store: Store, terms: Setting) -> None:
    terms(per_person=1)
    store.run(lambda tx: stock.set_total(tx, "haircut", 5))
    who = _customer(store, has=899)
    assert _refused(store, who) == "points"
    assert store.read(lambda tx: stock.left(tx, "haircut")) == 5
    assert rows(store, "SELECT * FROM offer_takings WHERE subscriber_id = %s", who.id) == []


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"state": "paused"}, "not_live"),
        ({"starts_at": NOON + timedelta(seconds=1)}, "not_yet"),
        ({"ends_at": NOON}, "over"),
        ({"weekdays": 0b1111110}, "weekday"),  # NOON is a Monday
        ({"from_minute": 0, "until_minute": 12 * 60}, "hour"),
        ({"club_code": "film"}, "members_only"),
        ({"tier": "gold"}, "tier"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_each_term_refuses_with_its_own_name(
    store: Store, terms: Setting, columns: dict[str, Any], why: str
) -> None:
    who = _customer(store)
    terms(**columns)
    assert _refused(store, who) == why
    assert _has(store, who) == 2000


def test_limits_count_by_day_and_for_ever_and_a_refund_gives_back(
    store: Store, terms: Setting
) -> None:
    terms(per_person=2, per_person_day=1)
    who = _customer(store, has=9000)
    first = _redeem(store, who, "a")
    assert _refused(store, who, key="b") == "day_limit"
    _redeem(store, who, "b", now=NOON + timedelta(days=1))
    assert _refused(store, who, key="c", now=NOON + timedelta(days=2)) == "person_limit"
    store.run(
        lambda tx: ending.refund(
            tx, subscriber_id=who.id, voucher_id=first.id, by="owner", channel="wechat", now=NOON,
            grace_days=30,
        )
    )  # fmt: skip
    _redeem(store, who, "c", now=NOON + timedelta(days=2))


@pytest.mark.slow
def test_of_many_at_once_exactly_as_many_get_one_as_there_are(store: Store) -> None:
    store.run(lambda tx: stock.set_total(tx, "haircut", 25))
    crowd = [_customer(store) for _ in range(100)]

    def take(some: list[Subscriber]) -> list[str]:
        said = []
        for who in some:
            try:
                _redeem(store, who)
                said.append("got")
            except NotOffered as refused:
                said.append(refused.why)
        return said

    groups = at_once([partial(take, crowd[n::10]) for n in range(10)])
    said = [each for group in groups for each in group]
    assert (said.count("got"), said.count("sold_out")) == (25, 75)
    assert store.read(lambda tx: stock.left(tx, "haircut")) == 0
    assert sum(_has(store, who) < 2000 for who in crowd) == 25


def test_a_total_below_what_was_taken_is_refused(store: Store) -> None:
    store.run(lambda tx: stock.set_total(tx, "haircut", 3))
    _redeem(store, _customer(store))
    with pytest.raises(stock.LessThanTaken):
        store.run(lambda tx: stock.set_total(tx, "haircut", 0))


@pytest.mark.parametrize("which", ["code", "short_code"])
def test_a_till_reads_either_code_however_it_is_typed(store: Store, which: str) -> None:
    code = getattr(_redeem(store, _customer(store)), which)
    typed = f" {code[:3]}-{code[3:7]} {code[7:].lower()}"
    looked = store.read(lambda tx: verifying.look(tx, TILL, typed, NOON))
    assert looked.title == "剪发券"
    line = _verify(store, typed)
    assert (line.store_no, str(line.due_on)) == (1, "2026-03-17")


def test_of_64_tills_at_once_one_wins_and_the_others_hear_where_and_when(store: Store) -> None:
    code = _redeem(store, _customer(store)).code

    def verify(n: int) -> str:
        try:
            _verify(store, code, f"form {n}", till=Till("jinxiu", 1, f"staff:{n}"))
        except NotVerified as refused:
            used = refused.used
            return f"{refused.why} {used.by} {used.at}" if used else refused.why
        return "won"

    said = at_once([partial(verify, n) for n in range(64)])
    assert said.count("won") == 1
    (others,) = set(said) - {"won"}
    assert others.startswith("used staff:")
    assert others.endswith(str(NOON))
    assert rows(store, "SELECT count(*) FROM verifications") == [(1,)]


def test_the_same_form_again_gets_the_same_answer(store: Store) -> None:
    code = _redeem(store, _customer(store)).code
    assert _verify(store, code) == _verify(store, code)


def test_another_merchants_till_knows_nothing_of_it(store: Store) -> None:
    code = _redeem(store, _customer(store)).code
    with pytest.raises(NotVerified, match="unknown"):
        _verify(store, code, till=Till("chaye", 1, "staff:9"))


def test_only_the_stores_of_an_offer_verify_it(store: Store) -> None:
    store.run(
        lambda tx: sql.run(
            tx,
            "INSERT INTO stores VALUES ('jinxiu', 2, '二店', '某路1号', 28, 112);"
            "INSERT INTO offer_stores VALUES ('haircut', 'jinxiu', 2)",
        )
    )
    code = _redeem(store, _customer(store)).code
    with pytest.raises(NotVerified, match="other_store"):
        _verify(store, code)
    _verify(store, code, till=Till("jinxiu", 2, "staff:2"))


def test_it_is_too_late_at_the_first_moment_after_its_last_day(store: Store) -> None:
    voucher = _redeem(store, _customer(store))
    with pytest.raises(NotVerified, match="expired"):
        _verify(store, voucher.code, now=voucher.valid_until)
    _verify(store, voucher.code, now=voucher.valid_until - timedelta(seconds=1))


def test_within_ten_minutes_it_is_undone_with_a_reason_and_can_be_used_again(store: Store) -> None:
    voucher = _redeem(store, _customer(store))
    _verify(store, voucher.code)
    undo = partial(
        verifying.undo, till=TILL, subscriber_id=voucher.subscriber_id, voucher_id=voucher.id
    )
    later = NOON + timedelta(minutes=9)
    with pytest.raises(ValueError, match="reason"):
        store.run(lambda tx: undo(tx, why=" ", now=later))
    assert store.run(lambda tx: undo(tx, why="wrong", now=later)).state == "issued"
    with pytest.raises(NotVerified, match="undone"):
        _verify(store, voucher.code)  # the old form, sent again
    _verify(store, voucher.code, "another", now=later)
    with pytest.raises(TooLate):
        store.run(lambda tx: undo(tx, why="late", now=later + timedelta(minutes=10)))
    assert rows(store, "SELECT no, undone_why FROM verifications ORDER BY no") == [
        (1, "wrong"), (2, None)
    ]  # fmt: skip


def test_another_store_does_not_undo_it(store: Store) -> None:
    voucher = _redeem(store, _customer(store))
    _verify(store, voucher.code)
    with pytest.raises(TooLate):
        store.run(
            lambda tx: verifying.undo(
                tx, Till("chaye", 1, "staff:9"), subscriber_id=voucher.subscriber_id,
                voucher_id=voucher.id, why="mine", now=NOON,
            )
        )  # fmt: skip


def test_a_used_voucher_is_not_refunded_and_a_refunded_one_not_used(store: Store) -> None:
    who = _customer(store)
    used, unused = _redeem(store, who, "a"), _redeem(store, who, "b")
    _verify(store, used.code)

    def refund(tx: Tx, voucher: Voucher) -> Voucher:
        return ending.refund(
            tx, subscriber_id=who.id, voucher_id=voucher.id, by="owner", channel="wechat",
            now=NOON, grace_days=30,
        )  # fmt: skip

    with pytest.raises(ending.NotRefundable):
        store.run(lambda tx: refund(tx, used))
    for _ in range(2):  # pressed twice
        assert store.run(lambda tx: refund(tx, unused)).state == "refunded"
    assert _has(store, who) == 2000 - HAIRCUT
    with pytest.raises(NotVerified, match="refunded"):
        _verify(store, unused.code)


def test_refund_and_till_at_once_agree(store: Store) -> None:
    for _ in range(8):
        who = _customer(store)
        voucher = _redeem(store, who)

        def verify(of: Voucher = voucher) -> bool:
            try:
                _verify(store, of.code)
            except NotVerified:
                return False
            return True

        def refund(of: Voucher = voucher) -> bool:
            try:
                store.run(
                    lambda tx: ending.refund(
                        tx, subscriber_id=of.subscriber_id, voucher_id=of.id, by="owner",
                        channel="wechat", now=NOON, grace_days=30,
                    )
                )  # fmt: skip
            except ending.NotRefundable:
                return False
            return True

        used, refunded = at_once([verify, refund])
        assert used != refunded
        assert _has(store, who) == (2000 if refunded else 2000 - HAIRCUT)


def test_what_nobody_used_expires_and_pays_back_where_the_offer_says_so(
    store: Store, terms: Setting
) -> None:
    terms(refunds_expired=True)
    back, gone = _customer(store), _customer(store)
    voucher = _redeem(store, back)
    expire = partial(ending.expire_due, now=voucher.valid_until, limit=10, grace_days=30)
    assert store.run(lambda tx: expire(tx, now=voucher.valid_until - timedelta(seconds=1))) == 0
    assert store.run(expire) == 1
    terms(refunds_expired=False)
    _redeem(store, gone)
    assert store.run(expire) == 1
    assert store.run(expire) == 0
    assert (_has(store, back), _has(store, gone)) == (2000, 2000 - HAIRCUT)
    assert {v.state for v in store.read(lambda tx: vouchers.of(tx, gone, limit=9))} == {"expired"}


def test_the_database_itself_allows_one_verification_and_keeps_what_happened(store: Store) -> None:
    voucher = _redeem(store, _customer(store))
    _verify(store, voucher.code)
    with pytest.raises(psycopg.errors.UniqueViolation):
        store.run(
            lambda tx: sql.run(
                tx,
                "INSERT INTO verifications SELECT subscriber_id, voucher_id, 2, 'x', merchant_code,"
                " store_no, by, at, due_on, cents FROM verifications",
            )
        )
    for statement in ("UPDATE voucher_events SET why = ''", "DELETE FROM voucher_events"):
        with pytest.raises(psycopg.errors.RestrictViolation):
            store.run(partial(sql.run, statement=statement))
