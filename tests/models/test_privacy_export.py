"""A copy of one's data: all of it, nobody else's number, no code and no hash."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date
from typing import Any

import pytest

from handlers import privacy_file
from models import bind_codes, binding, clubs, inbox, outbox, page_links, points, sql, subscribers
from models.base import Tx
from models.bind_codes import Limits
from models.points import gifts
from models.points.gifts import GiftLimits
from models.privacy import export
from models.privacy.declared import DECLARED
from models.privacy.export import SECTIONS
from models.store import Store
from models.subscribers import Subscriber
from sms.numbers import masked
from tests.models import books
from tests.models.conftest import NOON, cause, newcomer
from tests.models.test_privacy_erasure import DAY, FAR, LOTS

LIMITS = GiftLimits(gifts_a_day=5, points_a_day=1000)
CODES = Limits(DAY, 5, 5, 5, frozenset({"+86"}))
SOMEBODY = "+8613712345678"


def copy_of(store: Store, who: Subscriber) -> dict[str, bytes]:
    with store.begin() as tx:
        export.steadily(tx)
        whose = export.person(tx, who.id)
        with privacy_file.write(tx, whose, now=NOON) as file:
            archive = zipfile.ZipFile(io.BytesIO(file.read()))
    assert archive.testzip() is None
    return {name: archive.read(name) for name in archive.namelist()}


def data(files: dict[str, bytes], section: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(files[f"data/{section}.json"])
    return found


@pytest.fixture
def two(store: Store) -> tuple[Subscriber, Subscriber, str]:
    """Somebody who gave points to somebody else and is binding a number; and the code."""

    def make(tx: Tx) -> tuple[Subscriber, Subscriber, str]:
        who, friend = books.rich(tx, LOTS), newcomer(tx)
        gifts.give(
            tx, payer=who, payee=friend, points=40, limits=LIMITS,
            cause=cause("gift", "gift"), now=NOON,
        )  # fmt: skip
        clubs.join(tx, who, "film", origin="test", now=NOON)
        code = bind_codes.make_code(tx, who, SOMEBODY, limits=CODES, now=NOON)
        for text, more in (("您的验证码是" + code, {"secret": True}), (f"给{friend.msisdn}的", {})):
            outbox.owe(
                tx, subscriber_id=who.id, kind="sms", now=NOON,
                payload={"to": SOMEBODY if more else who.msisdn, "text": text, **more},
            )  # fmt: skip
        page_links.open_session(tx, subscriber_id=who.id, lasts=DAY, now=NOON)
        inbox.keep(
            tx, key="k", channel="sms", kind="text", subscriber_id=who.id,
            reply={"text": "好的，转给 13712345678"}, now=NOON,
        )  # fmt: skip
        return subscribers.get(tx, who.id), friend, code

    return store.run(make)


def test_a_copy_has_everything_of_the_person(
    store: Store, two: tuple[Subscriber, Subscriber, str]
) -> None:
    who, _, _ = two
    files = copy_of(store, who)
    assert set(files) == {"个人信息.html", *(f"data/{s.name}.json" for s in SECTIONS)}
    assert data(files, "addresses")[0]["address"] == who.msisdn
    assert [one["club_code"] for one in data(files, "memberships")] == ["电影俱乐部"]
    assert sum(one["balance"] for one in data(files, "balances")) == 310
    moved = data(files, "movements")
    assert sum(one["points"] for one in moved) == 310
    assert [one["other"] for one in moved if one["reason"] == "gift"][-1].startswith("139****")
    page = files["个人信息.html"].decode()
    assert (who.msisdn or "?") in page
    assert all(section.title.zh in page for section in SECTIONS)


def test_a_copy_has_no_number_of_anybody_else_no_code_and_no_hash(
    store: Store, two: tuple[Subscriber, Subscriber, str]
) -> None:
    who, friend, code = two
    everything = b"\n".join(copy_of(store, who).values()).decode()
    assert friend.msisdn
    hashes = [
        row[0]
        for table, column in (
            ("bind_codes", "code_hash"), ("bind_codes", "salt"), ("page_sessions", "id_hash"),
        )
        for row in _rows(store, table, column)
    ]  # fmt: skip
    assert len(hashes) == 3
    for secret in (friend.msisdn, friend.msisdn[3:], SOMEBODY, SOMEBODY[3:], code, *hashes):
        assert secret not in everything
    assert "137****5678" in everything


def _rows(store: Store, table: str, column: str) -> list[Any]:
    with store.reading() as tx:
        return list(tx.exec_driver_sql(f"SELECT {column} FROM {table}"))


def test_the_other_side_of_a_gift_has_a_copy_of_their_own(
    store: Store, two: tuple[Subscriber, Subscriber, str]
) -> None:
    who, friend, _ = two
    files = copy_of(store, friend)
    assert sum(one["points"] for one in data(files, "movements")) == 40
    assert (who.msisdn or "?") not in b"".join(files.values()).decode()


def test_who_was_merged_is_in_the_copy_of_who_took_them_over(store: Store) -> None:
    number = store.run(newcomer)
    other = store.run(lambda tx: subscribers.lock(tx, "wechat", "o_merged", NOON))

    def earn_and_bind(tx: Tx) -> None:
        points.issue(
            tx, other, kind=points.CONSUMPTION, points=9, expires_on=date(2027, 1, 1),
            cause=cause("nine"), now=NOON,
        )  # fmt: skip
        binding.bind(tx, other, number.msisdn or "", origin="test", now=NOON)

    store.run(earn_and_bind)
    files = copy_of(store, other)  # asked for by the old id
    assert {one["id"] for one in data(files, "account")} == {number.id, other.id}
    assert sum(one["points"] for one in data(files, "movements")) == 9
    assert [one["other"] for one in data(files, "movements")] == [None] * 3, "both sides are theirs"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("打给13712345678吧", "打给137****5678吧"),
        ("+86 13712345678", "+86 137****5678"),
        ("8613712345678", "137****5678"),
        ("008613712345678。", "137****5678。"),
        ("+12025550123", "+12****0123"),
        ("流水号100000001，订单20261122000123", "流水号100000001，订单20261122000123"),
        ("我是13900000001", "我是13900000001"),
        ('{"number": "+8613712345678"}', '{"number": "137****5678"}'),
    ],
)
def test_numbers_in_a_text_are_masked_but_ones_own(text: str, shown: str) -> None:
    whose = export.Person(1, (1,), "+8613900000001")
    assert export.hidden(text, whose, masked) == shown


def test_a_page_runs_nothing_that_a_person_wrote(store: Store) -> None:
    who = store.run(lambda tx: books.rich(tx, {(points.CONSUMPTION, FAR): 1}))
    store.run(
        lambda tx: inbox.keep(
            tx, key="x", channel="sms", kind="text", subscriber_id=who.id,
            reply={"text": "<script>alert(1)</script>"}, now=NOON,
        )
    )  # fmt: skip
    page = copy_of(store, who)["个人信息.html"].decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


# A day's links at most: not worth an index.
SMALL = "page_links"


def test_no_statement_about_one_person_reads_a_whole_table(store: Store) -> None:
    values = {"ids": [1001, 1002], "numbers": ["+8613800000001"], "before": NOON}
    statements = [section.statement for section in SECTIONS]
    statements += [kept.deletion.statement for kept in DECLARED if kept.deletion.statement]
    with store.begin() as tx:
        sql.run(tx, "SET LOCAL enable_seqscan = off")  # else an empty table is read whole
        for statement in statements:
            plan = "\n".join(row[0] for row in sql.rows(tx, f"EXPLAIN {statement}", values))
            read = [line for line in plan.splitlines() if "Seq Scan" in line and SMALL not in line]
            assert not read, statement
