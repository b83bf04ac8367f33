"""Merchants by their states: each step has who, when and why, and nobody skips one."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any

import psycopg
import pytest

from models import points, sql
from models.base import Tx
from models.catalogue import MERCHANT_STATES
from models.merchants import partners, staff, stores
from models.merchants.partners import Details
from models.merchants.stores import Place
from models.offers import uploads
from models.offers.happening import NoWay
from models.operators.roles import CLERK
from models.store import Store
from tests.models.conftest import NOON, rows
from tests.models.merchants import person
from tests.models.operators import COMMAND
from tests.models.partners import BY, DETAILS, PLACE, merchant, offer


def test_a_merchant_comes_in_by_steps_that_say_who_when_and_why(store: Store) -> None:
    def work(tx: Tx) -> None:
        partners.add(tx, "qingfeng", DETAILS, why="茶博会", by=BY, now=NOON)
        stores.add(tx, "qingfeng", PLACE, by=BY, now=NOON)
        partners.move(tx, "qingfeng", to="signed", why="合同 2026-17", by=BY, now=NOON)
        partners.move(tx, "qingfeng", to="open", why="开户", by=BY, now=NOON)

    store.run(work)
    found = store.read(lambda tx: partners.events_of(tx, "qingfeng"))
    assert [(one.what, one.state, one.why, one.by, one.at) for one in reversed(found)] == [
        ("added", "negotiated", "茶博会", "tests", NOON),
        ("store", "negotiated", "", "tests", NOON),
        ("moved", "signed", "合同 2026-17", "tests", NOON),
        ("moved", "open", "开户", "tests", NOON),
    ]
    assert store.read(lambda tx: points.house_balance(tx, "merchant:qingfeng")) == 0
    assert rows(store, "SELECT count(*) FROM points_accounts WHERE kind = 'merchant:qingfeng'") == [
        (16,)
    ]


@pytest.mark.parametrize("one", MERCHANT_STATES)
def test_the_code_and_the_database_refuse_the_same_steps(store: Store, one: str) -> None:
    store.run(lambda tx: merchant(tx, state=one))
    for to in MERCHANT_STATES:
        allowed = to in partners.NEXT[one]
        with store.begin() as tx:  # taken back each time
            by_hand = tx.begin_nested()
            try:
                sql.run(
                    tx, "UPDATE merchants SET state = %(to)s WHERE code = 'qingfeng'", {"to": to}
                )
                assert allowed or to == one, f"{one} to {to}"
            except psycopg.errors.RestrictViolation:
                assert not allowed, f"{one} to {to}"
            by_hand.rollback()
            if not allowed:
                with pytest.raises(NoWay):
                    partners.move(tx, "qingfeng", to=to, why="so", by=BY, now=NOON)


def test_a_step_needs_a_reason_and_an_opening_a_store(store: Store) -> None:
    store.run(lambda tx: partners.add(tx, "qingfeng", DETAILS, why="", by=BY, now=NOON))
    with pytest.raises(ValueError, match="reason"):
        store.run(lambda tx: partners.move(tx, "qingfeng", to="signed", why=" ", by=BY, now=NOON))
    store.run(lambda tx: partners.move(tx, "qingfeng", to="signed", why="so", by=BY, now=NOON))
    with pytest.raises(partners.NoStore):
        store.run(lambda tx: partners.move(tx, "qingfeng", to="open", why="so", by=BY, now=NOON))


@pytest.mark.parametrize("table", ["merchant_events", "offer_events"])
def test_events_are_never_changed(store: Store, table: str) -> None:
    store.run(lambda tx: (merchant(tx), offer(tx)))
    for act in ("UPDATE {} SET why = 'x'", "DELETE FROM {}", "TRUNCATE {}"):
        with pytest.raises(psycopg.errors.RestrictViolation):
            store.run(partial(sql.change, statement=act.format(table)))


def test_an_event_says_what_was_edited_and_nothing_of_the_contact(store: Store) -> None:
    store.run(lambda tx: partners.add(tx, "qingfeng", DETAILS, why="", by=BY, now=NOON))
    other = Details("清风茶楼", "food", "长沙", contact_name="李女士", contact_tel="0731-1")
    store.run(lambda tx: partners.edit(tx, "qingfeng", other, why="改名", by=BY, now=NOON))
    (event, added) = store.read(lambda tx: partners.events_of(tx, "qingfeng"))
    assert event.before == {"name": "清风茶馆"}
    assert event.after == {"name": "清风茶楼"}
    assert "陈先生" not in str(added.after)


def test_offers_follow_their_merchant_and_only_those_that_followed_come_back(
    store: Store,
) -> None:
    def states(tx: Tx) -> list[tuple[str, str | None]]:
        found = uploads.listed(tx, merchant_code="qingfeng")
        return [(one.state, one.paused_for) for one in reversed(found)]

    def work(tx: Tx) -> None:
        merchant(tx)
        offer(tx, title="一")
        offer(tx, title="二", state="paused")
        offer(tx, title="三", state="confirmed")

    store.run(work)
    for to, seen in (
        ("paused", [("paused", "partner"), ("paused", "operations"), ("confirmed", None)]),
        ("open", [("live", None), ("paused", "operations"), ("confirmed", None)]),
        ("ended", [("ended", None)] * 3),
    ):
        store.run(partial(partners.move, code="qingfeng", to=to, why="x", by=BY, now=NOON))
        assert store.read(states) == seen


def test_stores_have_numbers_and_the_last_one_of_an_offer_or_merchant_stays(store: Store) -> None:
    store.run(merchant)
    with pytest.raises(stores.Needed) as last:
        store.run(lambda tx: stores.close(tx, "qingfeng", 1, why="x", by=BY, now=NOON))
    assert (last.value.titles, last.value.people) == ([], 0)
    second = Place("二店", "芦淞路2号", "株洲", 27.8, 113.1)
    assert store.run(lambda tx: stores.add(tx, "qingfeng", second, by=BY, now=NOON)) == 2
    store.run(lambda tx: offer(tx, stores=(1,)))
    with pytest.raises(stores.Needed, match="盖碗茶一位"):
        store.run(lambda tx: stores.close(tx, "qingfeng", 1, why="x", by=BY, now=NOON))
    clerk = store.run(lambda tx: person(tx, CLERK, now=NOON, merchant="qingfeng", store_no=2))
    with pytest.raises(stores.Needed) as needed:
        store.run(lambda tx: stores.close(tx, "qingfeng", 2, why="x", by=BY, now=NOON))
    assert needed.value.people == 1
    store.run(lambda tx: staff.move(tx, clerk.id, 1, by=COMMAND, now=NOON))
    store.run(lambda tx: stores.close(tx, "qingfeng", 2, why="租约到期", by=BY, now=NOON))
    assert [one.no for one in store.read(lambda tx: staff.stores_of(tx, "qingfeng"))] == [1]
    assert [one.store_no for one in store.read(lambda tx: stores.of(tx, "qingfeng", closed=False))
            ] == [1]  # fmt: skip
    with pytest.raises(stores.NoSuchStore):
        store.run(lambda tx: stores.edit(tx, "qingfeng", 2, PLACE, by=BY, now=NOON))


def test_a_code_is_one_merchants(store: Store) -> None:
    with pytest.raises(partners.Taken):
        store.run(lambda tx: partners.add(tx, "jinxiu", DETAILS, why="", by=BY, now=NOON))


def test_merchants_are_found_by_words_state_and_class(store: Store) -> None:
    store.run(lambda tx: merchant(tx, state="signed"))

    def codes(**how: Any) -> list[str]:
        return [one.code for one in store.read(lambda tx: partners.listed(tx, **how))]

    assert codes(words="清风") == codes(state="signed") == ["qingfeng"]
    assert codes(rating="A+") == []
    everybody = codes()
    assert everybody == sorted(everybody)
    assert codes(after=everybody[0]) == everybody[1:]


def test_every_step_is_written_in_both_tables_of_moves(store: Store) -> None:
    ((body,),) = rows(store, "SELECT prosrc FROM pg_proc WHERE proname = 'check_offer_move'")
    for one, to in product(uploads.NEXT, uploads.NEXT):
        if one != to:
            assert (f"'{one}>{to}'" in body) == (to in uploads.NEXT[one]), f"{one} to {to}"
