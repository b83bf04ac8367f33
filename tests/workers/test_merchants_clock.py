"""Merchants are rated once a month by the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from models import sql
from models.merchants import rating
from models.store import Store
from tests.models.conftest import rows, store
from workers.merchants_clock import MerchantsClock

__all__ = ["store"]

# The last second of February and the first of March, in China.
FEBRUARY = datetime(2026, 2, 28, 15, 59, 59, tzinfo=UTC)


def test_everybody_is_rated_once_a_month_in_china(store: Store) -> None:
    clock, open_ones = MerchantsClock(store), rows(store, "SELECT count(*) FROM merchants")[0][0]

    def rated() -> int:
        return int(rows(store, "SELECT count(*) FROM merchant_ratings")[0][0])

    for at, times in (
        (FEBRUARY, 1), (FEBRUARY, 1), (FEBRUARY + timedelta(seconds=1), 2),
        (FEBRUARY + timedelta(days=20), 2),
    ):  # fmt: skip
        clock.tick(at)
        assert rated() == times * open_ones
    last = store.read(lambda tx: rating.history(tx, "jinxiu"))[0]
    assert (last.by, last.why) == ("clock", "monthly")


def test_without_rules_the_clock_waits(store: Store) -> None:
    store.run(lambda tx: sql.run(tx, "DELETE FROM merchant_rules"))
    MerchantsClock(store).tick(FEBRUARY)
    assert rows(store, "SELECT count(*) FROM merchant_ratings") == [(0,)]
