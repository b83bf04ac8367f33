"""`ledger expire`: sweeping by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from models import points, subscribers
from models.points import SHANGHAI, expiry
from tests.commands.conftest import Typed
from tests.conftest import World

LAST = date(2028, 2, 29)
WANG = "+8613800000003"


@pytest.fixture
def has_points(world: World) -> int:
    """王大爷 has 40 points until the leap day; it is three days later."""
    with world.circle.store.begin() as tx:
        who = subscribers.find(tx, "sms", WANG)
        assert who is not None
        points.issue(
            tx, who, kind=points.PROMOTIONAL, points=40, expires_on=LAST, now=world.clock(),
            cause=points.Cause("gift", "test", "sms", "tests"),
        )  # fmt: skip
    later = datetime(2028, 3, 3, 12, tzinfo=SHANGHAI)
    world.clock.turn_to(later)
    return who.id


def test_all_that_is_due_expires_and_a_second_time_finds_nothing(
    typed: Typed, has_points: int
) -> None:
    first = typed("ledger", "expire")
    assert first.exit_code == 0, first.output
    assert "2028-02-29  points expired: 40, of lots: 1\n" in first.output
    assert typed("ledger", "expire").output.endswith("lots expired now: 0\n")


def test_one_day_is_swept_however_long_ago(world: World, typed: Typed, has_points: int) -> None:
    world.clock.advance(days=expiry.LATE_DAYS)
    assert "lots expired now: 0" in typed("ledger", "expire", "--day", "2028-02-28").output
    assert "lots expired now: 1" in typed("ledger", "expire", "--day", "2028-02-29").output
    assert world.rows("SELECT balance FROM points_accounts WHERE expires_on = %s", LAST) == [(0,)]


def test_a_day_that_is_not_over_and_a_day_that_is_none_are_refused(
    typed: Typed, has_points: int
) -> None:
    for day, words in (("2028-03-03", "is not over"), ("2028-02-30", "is no day such as")):
        refused = typed("ledger", "expire", "--day", day)
        assert refused.exit_code == 2
        assert words in refused.output
        assert "Traceback" not in refused.output


def test_what_an_operator_sees_is_the_statement(
    world: World, typed: Typed, has_points: int
) -> None:
    typed("ledger", "expire")
    with world.circle.store.reading() as tx:
        said = expiry.expired_by_day(tx, since=LAST - timedelta(days=1), until=LAST)
        assert [(day.day, day.points, day.complete) for day in said] == [
            (LAST, 40, True), (LAST - timedelta(days=1), 0, True),
        ]  # fmt: skip
        assert expiry.unexplained(tx) == 0
