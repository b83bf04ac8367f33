"""The audit of a draw computes every result again, and names the row that was altered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from models.draws import auditing, parcels, seeds
from models.draws.auditing import Finding, Report
from models.draws.seeds import Seeds
from models.operators.vault import Vault
from models.store import Store
from tests.models.conftest import NOON, newcomer, rows
from tests.models.draws import SEEDS, draw_once, prize, publish, rich, terms


def played(store: Store) -> list[int]:
    """Three people draw until two prizes, of which one is rare, have run out; ids of results."""
    publish(
        store,
        terms(
            prize("five", 300_000, 4), prize("box", 200_000, 2, kind="parcel"),
            prize("coin", 0, 3, kind="coins", coins=1), fallback="coin",
            guaranteed={"after_blanks": 4, "prize": "five"}, limits={"person_day": 20},
        ),
    )  # fmt: skip
    with store.begin() as tx:
        people = [rich(tx, newcomer(tx)) for _ in range(3)]
        drawn = [draw_once(tx, who) for _ in range(12) for who in people]
    return [each.result.id for each in drawn]


def audited(store: Store, by: Seeds = SEEDS) -> Report:
    with store.reading() as tx:
        return auditing.audit(tx, "test", by)


def altered(store: Store, statement: str) -> None:
    """What somebody can do who may do anything in the database."""
    with psycopg.connect(_dsn(store), autocommit=True) as inside:
        inside.execute("SET session_replication_role = replica")
        inside.execute(statement.encode())


def _dsn(store: Store) -> str:
    url: Any = store.engine
    return str(url.url.render_as_string(hide_password=False)).replace("+psycopg", "")


def test_an_honest_draw_is_found_good_before_and_after_its_seed_is_revealed(store: Store) -> None:
    ids = played(store)
    found = audited(store)
    assert (found.findings, found.results, found.revealed) == ([], len(ids), 0)
    assert [found.given[each] for each in ("five", "box", "coin")] == [4, 2, 3]
    assert found.drawn["five"] > 4
    with store.begin() as tx:
        assert seeds.reveal_due(tx, SEEDS, NOON + timedelta(hours=11), 9) == []
        assert len(seeds.reveal_due(tx, SEEDS, NOON + timedelta(days=1), 9)) == 1
    stranger = Seeds(lambda: Vault("another secret"))
    found = audited(store, stranger)
    sealed = [each for each in found.findings if "still sealed" not in each.what]
    assert (sealed, found.revealed) == ([], 1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("prize = 'five', slot = 5", "seal"),
        ("number = 0", "the seed gives"),
        ("subscriber_id = 1 - subscriber_id", "seal"),
        ("""seen = '[["five", "stock", 4, 4]]'""", "seal"),
    ],
)
def test_one_altered_result_is_found_and_named(store: Store, changed: str, said: str) -> None:
    played(store)
    blank = "SELECT id FROM draw_results WHERE prize = 'thanks' AND wanted = 'thanks' LIMIT 1"
    found = rows(store, blank)[0][0]
    altered(store, f"UPDATE draw_results SET {changed} WHERE id = {found}")
    findings = audited(store).findings
    assert any(each.where == f"result {found}" and said in each.what for each in findings)
    others = {each.where for each in findings if each.where.startswith("result")}
    assert others == {f"result {found}"}


def test_a_deleted_result_leaves_a_gap(store: Store) -> None:
    ids = played(store)
    with store.begin() as tx:
        seeds.reveal_due(tx, SEEDS, NOON + timedelta(days=1), 9)
    altered(store, f"DELETE FROM draw_results WHERE id = {ids[3]}")
    found = audited(store).findings
    assert any("after draw" in each.what for each in found)
    assert any(each.where == "day 2026-03-02" and "were published" in each.what for each in found)


def test_who_knows_the_revealed_seed_still_cannot_alter_a_result(store: Store) -> None:
    ids = played(store)
    with store.begin() as tx:
        seeds.reveal_due(tx, SEEDS, NOON + timedelta(days=1), 9)
    altered(store, f"UPDATE draw_results SET seal = sha256('x') WHERE id = {ids[0]}")
    assert Finding("day 2026-03-02", "its results do not have the digest that was published") in (
        audited(store).findings
    )


def test_a_version_or_a_seed_that_was_altered_is_found(store: Store) -> None:
    played(store)
    altered(
        store,
        "UPDATE draw_versions SET content = jsonb_set(content, '{title}', '\"x\"')"
        " WHERE draw_code = 'test'",
    )
    altered(store, "UPDATE draw_seeds SET commitment = repeat('0', 64) WHERE draw_code = 'test'")
    found = {each.where for each in audited(store).findings}
    assert {"version 1", "day 2026-03-02"} <= found


def test_a_forfeited_prize_is_won_again_and_the_audit_knows(store: Store) -> None:
    publish(store, terms(prize("box", 1_000_000, 1, kind="parcel")))
    with store.begin() as tx:
        who = rich(tx, newcomer(tx))
        first = draw_once(tx, who)
        assert first.won is not None
        assert draw_once(tx, who).prize.code == "thanks"
        later = NOON + timedelta(days=2)
        assert parcels.overdue(tx, later, 9) == []
        altered_now = NOON + timedelta(days=14)
        due = parcels.overdue(tx, altered_now, 9)
        assert [each.result_id for each in due] == [first.result.id]
        assert parcels.forfeit(tx, due[0], altered_now) is not None
        assert parcels.forfeit(tx, due[0], altered_now) is None
    with store.begin() as tx:
        publish_until = terms(
            prize("box", 1_000_000, 1, kind="parcel"),
            window={"from": "2026-03-01", "until": "2026-03-31"},
        )
    publish(store, publish_until, altered_now)
    with store.begin() as tx:
        again = draw_once(tx, who, now=altered_now + timedelta(minutes=1))
    assert (again.prize.code, again.result.slot) == ("box", 2)
    assert audited(store).findings == []
