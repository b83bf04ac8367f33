"""The timeline: everything about a person once, the newest first, whatever the page's size."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import (
    audit,
    binding,
    clubs,
    complaints,
    consents,
    inbox,
    notes,
    outbox,
    points,
    subscribers,
    timeline,
)  # fmt: skip
from models.base import Tx
from models.draws import parcels
from models.inbox import CODE_MARK
from models.store import Store
from models.subscribers import Subscriber
from models.timeline import Cursor, Entry
from models.vouchers import redeeming, verifying
from tests.models import books, draws
from tests.models.conftest import NOON, cause, newcomer, rows

LATER = date(2027, 12, 31)
LI = audit.By(None, "li", "service", "r1", "127.0.0.1")


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def hears(tx: Tx, who: Subscriber, words: str, minutes: float, key: str = "") -> None:
    inbox.keep(
        tx, key=key or f"k{minutes}:{words[:20]}", channel="sms", kind="text",
        subscriber_id=who.id, reply={"text": ""}, now=at(minutes), said=words,
    )  # fmt: skip


def says(tx: Tx, who: Subscriber, words: str, minutes: float, **more: object) -> int:
    payload = {"to": who.msisdn, "text": words, "page": None, **more}
    return outbox.owe(tx, subscriber_id=who.id, kind="sms", payload=payload, now=at(minutes))


@pytest.fixture
def li(store: Store) -> Subscriber:
    """Somebody to whom something of each kind has happened, a minute apart."""
    with store.begin() as tx:
        who, friend = newcomer(tx), newcomer(tx)
        hears(tx, who, "加入电影", 1)
        says(tx, who, "回复是加入", 1)
        consents.keep(
            tx, subscriber_id=who.id, subject="club:film", granted=True, question="加入？",
            answer="是", message_key="m", asked_at=at(1), now=at(2),
        )  # fmt: skip
        clubs.join(tx, who, "film", origin="m", now=at(3))
        points.issue(
            tx, who, kind=points.CONSUMPTION, points=100, expires_on=LATER, cause=cause("i"),
            now=at(4),
        )  # fmt: skip
        points.transfer(tx, payer=who, payee=friend, points=30, cause=cause("g", "gift"), now=at(5))
        found = complaints.open_one(
            tx, person=who.id, category="points", words="少了三十分", by="li", channel="console",
            lasts=timedelta(hours=72), now=at(6),
        )  # fmt: skip
        complaints.move(tx, found.number, to="resolved", words="是转赠", by="li", now=at(7))
        notes.write(tx, who.id, words="客气", by="li", now=at(8))
        points.issue(
            tx, who, kind=points.CONSUMPTION, points=900, expires_on=LATER, cause=cause("j"),
            now=at(8),
        )  # fmt: skip
        voucher = redeeming.redeem(
            tx, who, "haircut", key="k", channel="sms", origin="m", now=at(8.5)
        )
        verifying.verify(
            tx, verifying.Till("jinxiu", 1, "staff:1"), voucher.code, key="f", now=at(8.75)
        )
        audit.write(
            tx, LI, action="subscriber.block", subject=f"subscriber:{who.id}", reason="试试",
            now=at(9),
        )  # fmt: skip
        return who


def read(store: Store, person: int, *, limit: int = 100, group: str = "all") -> list[Entry]:
    """All pages, one after the other."""
    found: list[Entry] = []
    written = ""
    while True:
        before = timeline.read_cursor(written)
        with store.reading() as tx:
            page = timeline.page(tx, person, limit=limit, before=before, group=group)
        found += page.entries
        if page.older is None:
            return found
        written = timeline.write_cursor(page.older)


def test_everything_about_a_person_stands_in_its_order(store: Store, li: Subscriber) -> None:
    assert [entry.source for entry in read(store, li.id)] == [
        "action", "voucher", "voucher", "points", "note", "points", "complaint", "complaint",
        "points", "points", "membership", "consent", "said", "heard",
    ]  # fmt: skip


def test_a_consent_names_its_club(store: Store, li: Subscriber) -> None:
    (consent,) = [one for one in read(store, li.id, group="clubs") if one.source == "consent"]
    assert (consent.facts["subject"], consent.facts["name"]) == ("club:film", "电影俱乐部")


def test_a_voucher_says_where_it_was_used_and_never_its_code(store: Store, li: Subscriber) -> None:
    used, taken = read(store, li.id, group="vouchers")
    assert (used.facts["state"], used.facts["store"]) == ("verified", "锦绣理发定王台店")
    assert (taken.facts["state"], taken.facts["store"]) == ("issued", None)
    ((code, short),) = rows(store, "SELECT code, short_code FROM vouchers")
    for entry in (used, taken):
        assert code not in str(entry.facts)
        assert short not in str(entry.facts)


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_of_any_size_show_the_same(store: Store, li: Subscriber, limit: int) -> None:
    assert read(store, li.id, limit=limit) == read(store, li.id)


def test_a_group_shows_its_own_kinds_alone(store: Store, li: Subscriber) -> None:
    kinds = {
        group: [e.source for e in read(store, li.id, group=group)] for group in timeline.GROUPS
    }
    assert kinds["messages"] == ["said", "heard"]
    assert kinds["points"] == ["points"] * 4
    assert kinds["vouchers"] == ["voucher", "voucher"]
    assert kinds["clubs"] == ["membership", "consent"]
    assert kinds["desk"] == ["action", "note", "complaint", "complaint"]
    assert sum(len(found) for name, found in kinds.items() if name != "all") == len(kinds["all"])


def test_what_happened_at_one_instant_is_paged_without_loss(store: Store) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        for number in range(9):
            hears(tx, who, f"第{number}条", 1, key=f"k{number}")
            says(tx, who, f"答{number}", 1)
            points.issue(
                tx, who, kind=points.PROMOTIONAL, points=1, expires_on=LATER,
                cause=cause(f"i{number}"), now=at(1),
            )  # fmt: skip
    whole = read(store, who.id)
    assert len(whole) == 27
    assert read(store, who.id, limit=4) == whole


def test_a_transfer_of_many_lots_is_one_entry(store: Store) -> None:
    lots = {(points.CONSUMPTION, date(2027, month, 1)): 10 for month in range(1, 13)}
    with store.begin() as tx:
        who = books.rich(tx, lots)
        made = points.spend(tx, who, points=115, into="spent", cause=cause("s"), now=at(1))
    newest = read(store, who.id, limit=2)[0]
    assert (newest.facts["serial"], newest.facts["points"]) == (made.serial, -115)
    assert newest.facts["account"] == "spent"


def test_a_gift_names_the_other_person_and_a_hold_changes_nothing(store: Store) -> None:
    with store.begin() as tx:
        who = books.rich(tx, {(points.CONSUMPTION, LATER): 50})
        friend = newcomer(tx)
        points.transfer(tx, payer=who, payee=friend, points=5, cause=cause("g"), now=at(1))
        points.move(
            tx, payer=who.id, payer_kinds=points.KINDS, payee=who.id, payee_kind="held",
            payee_expires_on=None, points=20, unit="points", cause=cause("h"), now=at(2),
        )  # fmt: skip
    hold, gift, _ = read(store, who.id)
    assert (hold.facts["points"], hold.facts["moved"], hold.facts["party"]) == (0, 20, None)
    assert (gift.facts["points"], gift.facts["party"]) == (-5, friend.msisdn)
    assert gift.facts["party_id"] == friend.id


def test_who_was_merged_is_the_same_person(store: Store) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        alone = subscribers.lock(tx, "wechat", "o-alone", NOON)
        hears(tx, alone, "我是谁", 1)
        points.issue(
            tx, alone, kind=points.PROMOTIONAL, points=7, expires_on=LATER, cause=cause("i"),
            now=at(2),
        )  # fmt: skip
        binding.merge_people(tx, source=alone.id, target=who.id, origin="console:li", now=at(3))
        hears(tx, who, "绑好了", 4)
    found = read(store, who.id)
    assert [entry.source for entry in found] == ["heard", "points", "points", "heard"]
    assert [entry.facts["points"] for entry in found if entry.source == "points"] == [0, 7]
    assert read(store, who.id, limit=1) == found


def test_a_one_time_code_is_never_shown(store: Store) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        says(tx, who, "验证码 482913", 1, secret=True)
        for number, typed in enumerate(("482913", " 4 8 2-9 1 3", "４８２９１３", "是482913。")):
            hears(tx, who, typed, 2 + number)
    found = read(store, who.id)
    assert [entry.facts.get("said") for entry in found] == [
        f"是{CODE_MARK}。", CODE_MARK, CODE_MARK, CODE_MARK, None,
    ]  # fmt: skip
    assert found[-1].facts["text"] is None
    assert found[-1].facts["secret"] is True
    assert not rows(store, "SELECT 1 FROM inbox WHERE said ~ '[0-9０-９]'")


@given(st.text(max_size=40), st.text("0123456789", min_size=6, max_size=6))
def test_a_code_alone_is_never_kept_whatever_stands_around_it(around: str, code: str) -> None:
    spaces = "".join(char for char in around if not char.isalnum())
    assert code not in inbox.without_codes(f"{spaces}{code}{spaces}")


@pytest.mark.parametrize("text", ["兑换 138", "第10000张", "13800000001", "", "电影", "2026年"])
def test_other_numbers_stay_as_they_were_written(text: str) -> None:
    assert inbox.without_codes(text) == text


@pytest.mark.parametrize(
    "text", ["x", "1.2", "1.99.a", "99999999999999999999.1.a", "1.1." + "a" * 99, "1.1.a'b"]
)
def test_a_cursor_that_is_none_of_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        timeline.read_cursor(text)


@pytest.mark.parametrize("group", list(timeline.GROUPS))
@pytest.mark.own_database  # a plan is made from how full the tables have been
def test_every_source_is_read_by_an_index(store: Store, li: Subscriber, group: str) -> None:
    """Whatever the tables' sizes: where indexes may be used, nothing big is read whole."""
    before = Cursor(at(100), 4, "x")
    with store.begin() as tx:
        tx.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = tx.exec_driver_sql(
            "EXPLAIN " + timeline.statement(group, 31), timeline.values(li.id, before)
        )
        lines = [row[0].strip() for row in plan]
    assert [line for line in lines if "Seq Scan" in line and "clubs" not in line] == []
    wanted = {
        "messages": ["inbox_of", "outbox_words_of"],
        "points": ["points_legs_payer_id_at_idx", "points_legs_payee_id_at_idx"],
        "clubs": ["membership_changes_pkey", "consents_pkey"],
        "vouchers": ["voucher_events_subscriber_id_at_idx"],
        "doings": ["activity_signups_pkey", "task_completions_", "survey_responses_pkey"],
        "draws": ["draw_results_subscriber_id_at_idx"],
        "desk": ["audit_entries_subject_at_id_idx", "complaints_subscriber_id_idx"],
        "all": [],
    }[group]
    for index in wanted:
        assert any(index in line for line in lines), (index, lines)


def test_a_draw_says_what_was_won_and_what_has_become_of_it(store: Store) -> None:
    prize = {"kind": "parcel", "title": "电热水壶", "per_person": 1}
    draws.publish(store, draws.terms(draws.prize("kettle", 1_000_000, 9, **prize), free_a_day=2))
    with store.begin() as tx:
        who, other = newcomer(tx), newcomer(tx)
        won = draws.draw_once(tx, who, now=at(1)).won
        draws.draw_once(tx, who, now=at(2))  # has one already: a blank
        draws.draw_once(tx, other, now=at(3))
        assert won is not None
        home = parcels.Address("李雷", "13800000001", "长沙市定王台路1号")
        parcels.give_address(tx, who, won.result_id, home, at(4))
    blank, kettle = read(store, who.id, group="draws")
    assert (blank.facts["title"], blank.facts["prize"], blank.at) == ("试抽", None, at(2))
    assert (kettle.facts["prize"], kettle.facts["state"]) == ("电热水壶", "to_send")
    assert datetime.fromisoformat(kettle.facts["changed_at"]) == at(4)
    assert "定王台" not in str(kettle.facts)  # where it goes is nobody's business here
