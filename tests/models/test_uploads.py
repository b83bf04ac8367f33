"""An offer's way to the shelf: nobody skips a step, and nothing is live that was not approved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import psycopg
import pytest

from models import sql
from models.base import Tx
from models.merchants import partners
from models.offers import happening, stock, uploads
from models.offers.agreed import Terms
from models.offers.happening import NoWay
from models.offers.stock import LessThanTaken
from models.offers.terms import NotOffered
from models.offers.uploads import Barred, ChangedSince, Upload
from models.store import Store
from models.subscribers import Subscriber
from models.vouchers import redeeming
from tests.models.conftest import NOON, at_once, newcomer, rows
from tests.models.partners import BY, TERMS, approved, go_live, merchant, offer, rich


@pytest.fixture(autouse=True)
def teahouse(store: Store) -> None:
    store.run(merchant)


def test_an_offer_is_uploaded_edited_confirmed_approved_and_then_taken(store: Store) -> None:
    made = store.run(lambda tx: uploads.upload(tx, "qingfeng", TERMS, key="k", by=BY, now=NOON))
    assert (made.state, made.code, made.edition) == ("uploaded", f"o{made.number}", 1)
    assert made.number > 1000
    better = replace(TERMS, about="雨前龙井，限两小时", price_points=280, total=5)
    store.run(lambda tx: uploads.edit(tx, made.code, better, why="定价", by=BY, now=NOON))
    seen = store.read(lambda tx: uploads.get(tx, made.code))
    event = store.read(lambda tx: happening.events_of(tx, made.code))[0]
    assert event.before == {"price_points": 300, "about": "", "total": None}
    assert event.after == {"price_points": 280, "about": "雨前龙井，限两小时", "total": 5}
    confirm = partial(uploads.confirm, code=made.code, by=BY, now=NOON)
    store.run(lambda tx: confirm(tx, edition=seen.edition, events=seen.events))
    live = store.run(lambda tx: go_live(tx, uploads.get(tx, made.code)))
    assert (live.state, live.terms.pays) == ("live", 8500)

    def take(tx: Tx) -> int:
        who = newcomer(tx)
        rich(tx, who, 500)
        return redeeming.redeem(
            tx, who, made.code, key="m", channel="sms", origin="t", now=NOON
        ).pays_cents

    assert store.run(take) == 3800 * 85
    assert store.read(lambda tx: stock.left(tx, made.code)) == 4


def _act(name: str, code: str) -> Callable[[Tx], Upload]:
    """The function that brings an offer to this state, with all it needs."""

    def work(tx: Tx) -> Upload:
        found = uploads.get(tx, code)
        return {
            "uploaded": lambda: uploads.upload_again(tx, code, TERMS, by=BY, now=NOON),
            "edited": lambda: uploads.edit(tx, code, TERMS, by=BY, now=NOON),
            "sent_back": lambda: uploads.send_back(tx, code, why="x", by=BY, now=NOON),
            "confirmed": lambda: uploads.confirm(
                tx, code, edition=found.edition, events=found.events, by=BY, now=NOON
            ),
            "live": lambda: uploads.resume(tx, code, why="x", by=BY, now=NOON)
            if found.state == "paused" else go_live(tx, found),
            "paused": lambda: uploads.pause(tx, code, why="x", by=BY, now=NOON),
            "ended": lambda: uploads.end(tx, code, why="x", by=BY, now=NOON),
        }[name]()  # fmt: skip

    return work


@pytest.mark.parametrize("one", uploads.NEXT)
def test_the_code_and_the_database_refuse_the_same_steps(store: Store, one: str) -> None:
    made = store.run(lambda tx: offer(tx, state="live" if one == "ended" else one))
    if one == "ended":
        store.run(_act("ended", made.code))
    for to in uploads.NEXT:
        allowed = to in uploads.NEXT[one]
        with store.begin() as tx:
            aside = tx.begin_nested()
            if allowed:
                assert _act(to, made.code)(tx).state == to
            else:
                with pytest.raises((NoWay, Barred)):
                    _act(to, made.code)(tx)
            aside.rollback()
            aside = tx.begin_nested()
            if not allowed and to != one:
                with pytest.raises(psycopg.errors.RestrictViolation):
                    sql.run(
                        tx,
                        "UPDATE offers SET state = %(to)s, paused_for = NULL WHERE code = %(code)s",
                        {"to": to, "code": made.code},
                    )
            aside.rollback()


def test_the_database_puts_nothing_live_that_nobody_approved(store: Store) -> None:
    made = store.run(lambda tx: offer(tx, state="confirmed"))

    def by_hand(tx: Tx) -> None:
        sql.run(tx, "UPDATE offers SET state = 'live' WHERE code = %(c)s", {"c": made.code})

    with pytest.raises(psycopg.errors.RestrictViolation, match="nobody has approved"):
        store.run(by_hand)
    store.run(lambda tx: approved(tx, made.code, {"edition": 2}))
    with pytest.raises(psycopg.errors.RestrictViolation, match="nobody has approved"):
        store.run(by_hand)


def test_what_was_changed_after_it_was_seen_is_neither_confirmed_nor_put_live(
    store: Store,
) -> None:
    made = store.run(lambda tx: offer(tx, state="edited"))
    dearer = replace(TERMS, price_points=999)
    store.run(lambda tx: uploads.edit(tx, made.code, dearer, by=BY, now=NOON))
    with pytest.raises(ChangedSince):
        store.run(
            lambda tx: uploads.confirm(
                tx, made.code, edition=made.edition, events=made.events, by=BY, now=NOON
            )
        )
    seen = store.read(lambda tx: uploads.get(tx, made.code))
    store.run(_act("confirmed", made.code))
    with pytest.raises(ChangedSince):
        store.run(
            lambda tx: uploads.put_live(
                tx, made.code, edition=1, terms=made.terms.plain(), why="", by=BY, now=NOON
            )
        )
    assert seen.terms.price_points == 999


def test_other_terms_take_it_off_as_a_new_edition_under_the_same_number(store: Store) -> None:
    made = store.run(lambda tx: offer(tx))
    cheaper = replace(made.terms, price_points=200)
    revised = store.run(lambda tx: uploads.edit(tx, made.code, cheaper, by=BY, now=NOON))
    assert (revised.state, revised.edition, revised.number) == ("edited", 2, made.number)
    store.run(_act("confirmed", made.code))
    with pytest.raises(psycopg.errors.RestrictViolation):  # edition 1 was approved, not this one
        store.run(
            lambda tx: uploads.put_live(
                tx, made.code, edition=2, terms=cheaper.plain(), why="", by=BY, now=NOON
            )
        )
    store.run(lambda tx: go_live(tx, uploads.get(tx, made.code)))


def test_the_total_of_a_live_offer_can_only_be_lowered_and_not_below_what_is_taken(
    store: Store,
) -> None:
    made = store.run(lambda tx: offer(tx, total=10))
    store.run(lambda tx: sql.run(tx, "UPDATE offer_stock SET taken = 4"))
    cut = partial(uploads.cut, code=made.code, why="茶叶不够", by=BY, now=NOON)
    with pytest.raises(NoWay):
        store.run(lambda tx: cut(tx, total=10))
    with pytest.raises(LessThanTaken):
        store.run(lambda tx: cut(tx, total=3))
    assert store.run(lambda tx: cut(tx, total=4)).terms.total == 4
    with pytest.raises(LessThanTaken):  # what is counted is not forgotten
        store.run(lambda tx: uploads.edit(tx, made.code, TERMS, by=BY, now=NOON))


def test_a_total_that_comes_later_counts_what_was_taken_before(store: Store) -> None:
    made = store.run(lambda tx: offer(tx))

    def take(tx: Tx) -> None:
        who = newcomer(tx)
        rich(tx, who, 500)
        redeeming.redeem(tx, who, made.code, key="m", channel="sms", origin="t", now=NOON)

    store.run(take)
    with pytest.raises(LessThanTaken):
        store.run(lambda tx: stock.set_total(tx, made.code, 0))
    store.run(lambda tx: stock.set_total(tx, made.code, 1))
    with pytest.raises(NotOffered, match="sold_out"):
        store.run(take)


def test_a_form_that_comes_twice_makes_one_offer(store: Store) -> None:
    work = partial(uploads.upload, merchant_code="qingfeng", terms=TERMS, key="k", by=BY, now=NOON)
    made = at_once([lambda: store.run(work) for _ in range(6)])
    assert len({one.code for one in made}) == 1
    assert len(rows(store, "SELECT 1 FROM offer_events")) == 1


def test_a_merchant_resumes_only_what_it_has_paused_itself(store: Store) -> None:
    made = store.run(lambda tx: offer(tx, state="paused"))
    resume = partial(uploads.resume, code=made.code, why="x", by=BY, now=NOON)
    with pytest.raises(NoWay):
        store.run(lambda tx: resume(tx, of="merchant"))
    store.run(lambda tx: resume(tx))
    store.run(lambda tx: uploads.pause(tx, made.code, why="x", by=BY, now=NOON, of="merchant"))
    assert store.run(lambda tx: resume(tx, of="merchant")).state == "live"


def test_a_closed_merchant_uploads_nothing_and_shows_nothing(store: Store) -> None:
    made = store.run(lambda tx: offer(tx, state="confirmed"))
    store.run(lambda tx: partners.move(tx, "qingfeng", to="paused", why="x", by=BY, now=NOON))
    with pytest.raises(Barred, match="partner"):
        store.run(lambda tx: uploads.upload(tx, "qingfeng", TERMS, key="k", by=BY, now=NOON))
    with pytest.raises(Barred, match="partner"):
        store.run(lambda tx: go_live(tx, made))


def test_another_merchants_offer_is_not_there(store: Store) -> None:
    made = store.run(lambda tx: offer(tx))
    with pytest.raises(uploads.NoSuchOffer):
        store.read(lambda tx: uploads.get(tx, made.code, of="jinxiu"))


def test_terms_are_the_same_after_their_way_through_json_and_the_database(store: Store) -> None:
    every = Terms(
        "龙井50克", "goods", 900, 12800, "今年新茶", 500, None, "film", "premium", "gold", NOON,
        NOON.replace(year=2027), 0b0011111, 540, 1260, 3, 1, 90, False, 200, (1,),
    )  # fmt: skip
    made = store.run(lambda tx: uploads.upload(tx, "qingfeng", every, key="k", by=BY, now=NOON))
    assert Terms.read(every.plain()).plain() == made.terms.plain() == every.plain()
    assert made.terms.pays == 9500


@pytest.mark.slow
def test_of_2000_at_once_exactly_500_get_one_of_500(store: Store) -> None:
    made = store.run(lambda tx: offer(tx, total=500))
    threads, each = 16, 125

    def one_of_them(tx: Tx) -> Subscriber:
        who = newcomer(tx)
        rich(tx, who, each * 300)
        return who

    people = [store.run(one_of_them) for _ in range(threads)]

    def take(who: Subscriber) -> list[str]:
        said = []
        for number in range(each):
            redeem = partial(
                redeeming.redeem, who=who, offer_code=made.code, key=f"m{number}", channel="sms",
                origin="t", now=NOON,
            )  # fmt: skip
            try:
                said.append(store.run(redeem).state)
            except NotOffered as refused:
                said.append(refused.why)
        return said

    said = [one for some in at_once([partial(take, who) for who in people]) for one in some]
    assert (said.count("issued"), said.count("sold_out")) == (500, 1500)
    assert rows(store, "SELECT total, taken FROM offer_stock") == [(500, 500)]
    assert rows(store, "SELECT count(*) FROM vouchers") == [(500,)]
    ((points,),) = rows(
        store, "SELECT sum(balance) FROM points_accounts WHERE kind = 'merchant:qingfeng'"
    )
    assert points == 500 * 300
