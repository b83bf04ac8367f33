"""Whatever a draw promises, it gives no more, and its audit finds nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from models import points, sql
from models.draws import auditing, publishing
from models.store import Store
from tests.models.conftest import NOON, newcomer
from tests.models.draws import SEEDS, draw_once, prize, rich, terms

KINDS: list[dict[str, Any]] = [
    {"kind": "points", "points": 7}, {"kind": "coins", "coins": 1}, {"kind": "parcel"},
]  # fmt: skip


@some.composite
def promised(draw: some.DrawFn) -> tuple[dict[str, Any], ...]:
    """One to three prizes of any odds, stock, pace and limit per person."""
    room, prizes = 1_000_000, []
    for number in range(draw(some.integers(1, 3))):
        odds = draw(some.integers(0, room))
        room -= odds
        more = dict(draw(some.sampled_from(KINDS)))
        more["release"] = draw(some.sampled_from(["at_once", "daily", "hourly"]))
        if draw(some.booleans()):
            more["per_person"] = draw(some.integers(1, 3))
        prizes.append(prize(f"p{number}", odds, draw(some.integers(1, 6)), **more))
    return tuple(prizes)


@given(prizes=promised(), data=some.data())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_draw_gives_no_more_than_it_has_and_can_be_computed_again(
    store: Store, prizes: tuple[dict[str, Any], ...], data: some.DataObject
) -> None:
    more: dict[str, Any] = {"fallback": data.draw(some.sampled_from(["thanks", "p0"]))}
    if data.draw(some.booleans()):
        more["guaranteed"] = {"after_blanks": data.draw(some.integers(1, 4)), "prize": "p0"}
    with store.reading() as look:
        before = points.house_balance(look, points.ISSUING)
    with store.begin() as tx:
        publishing.publish(
            tx, terms(*prizes, **more), SEEDS, author="t", note="t", now=NOON
        )  # fmt: skip
        people = [rich(tx, newcomer(tx)) for _ in range(2)]
        for number in range(20):
            draw_once(tx, people[number % 2], now=NOON + timedelta(minutes=40 * number))
        report = auditing.audit(tx, "test", SEEDS)
        assert report.findings == []
        assert report.results == 20
        given = sql.rows(tx, "SELECT prize_code, taken, total FROM draw_stock WHERE draw_code = %s",
                         ["test"])  # fmt: skip
        assert all(report.given[code] == taken <= total for code, taken, total in given)
        tx.rollback()
    with store.reading() as look:
        assert points.house_balance(look, points.ISSUING) == before
