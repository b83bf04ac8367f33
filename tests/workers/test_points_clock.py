"""The points clock: what has expired goes, and its owner has been told before, by day, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial

import pytest
from psycopg.errors import UniqueViolation
from structlog.testing import capture_logs

from models import expiry_warnings, outbox, points, subscribers
from models.base import Tx
from models.points import SHANGHAI, expiry
from models.store import Unavailable
from models.subscribers import Subscriber
from sms.segments import count
from tests.conftest import Phone, World
from tests.models.conftest import at_once
from tests.workers.conftest import LI, WANG, Owing
from workers.notices import BACKLOG
from workers.points_clock import PointsClock

PhoneOf = Callable[[str], Phone]


@dataclass
class Calendar:
    """Moves the clock to an hour in China, and gives points that expire on a day."""

    world: World
    gifts: int = 0

    @property
    def today(self) -> date:
        return points.day_of(self.world.clock())

    def goes_to(self, day: date, hour: int, minute: int = 0) -> None:
        self.world.clock.turn_to(
            datetime(day.year, day.month, day.day, hour, minute, 30, tzinfo=SHANGHAI)
        )

    def gives(
        self, msisdn: str, amount: int, day: date, *, kind: str = points.CONSUMPTION,
        unit: str = points.POINTS,
    ) -> Subscriber:  # fmt: skip
        def give(tx: Tx) -> Subscriber:
            who = subscribers.lock(tx, "sms", msisdn, self.world.clock())
            points.issue(
                tx, who, kind=kind, points=amount, expires_on=day, unit=unit,
                cause=points.Cause(f"gift:{self.gifts}", "test", "sms", "tests"),
                now=self.world.clock(),
            )  # fmt: skip
            return who

        self.gifts += 1
        return self.world.circle.store.run(give)

    def clock(self) -> PointsClock:
        """One that has just been started."""
        return replace(self.world.circle.points_clock, swept_for=None, warned_on=None)


@pytest.fixture
def calendar(world: World) -> Calendar:
    made = Calendar(world)
    made.goes_to(made.today + timedelta(days=60), 10)  # past what the seeded people have
    return made


# -- warnings ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_owner_is_told_30_7_and_1_days_ahead_and_then_the_points_are_gone(
    world: World, phone: PhoneOf, calendar: Calendar
) -> None:
    wang, last = phone("王大爷"), calendar.today + timedelta(days=30)
    calendar.gives(WANG, 70, last)
    day = f"{last.month}月{last.day}日"
    for told, ahead in enumerate((30, 7, 1), start=1):
        calendar.goes_to(last - timedelta(days=ahead), 10)
        for _ in range(3):  # each once, however often the clock looks
            world.tick()
        assert len(wang.heard("sms")) == told
        assert f"您有70积分最晚用到{day}" in wang.last("sms")
        assert "一共有500积分，够换（任选一样）：米粉一碗（400分）、" in wang.last("sms")
    calendar.goes_to(last, 23, 59)
    world.tick()
    wang.texts("JF")
    assert "您有500积分" in wang.last("sms")
    calendar.goes_to(last + timedelta(days=1), 0, 11)
    world.tick()
    wang.texts("JF")
    assert "您有430积分" in wang.last("sms")
    assert world.rows(
        "SELECT days_ahead, points FROM points_warnings ORDER BY at"
    ) == [(30, 70), (7, 70), (1, 70)]  # fmt: skip
    assert world.rows("SELECT lots, points FROM points_expiry_days WHERE day = %s"
                      " AND unit = 'points'", last) == [(1, 70)]  # fmt: skip
    assert world.rows("SELECT DISTINCT category, queue FROM outbox WHERE queue = 'bulk'") == [
        ("notice", "bulk")
    ]


def test_all_that_expires_on_a_day_is_summed_and_below_the_least_nobody_is_bothered(
    world: World, phone: PhoneOf, calendar: Calendar
) -> None:
    last = calendar.today + timedelta(days=7)
    calendar.gives(WANG, 6, last)
    calendar.gives(WANG, 4, last, kind=points.PROMOTIONAL)
    calendar.gives(LI, 9, last)
    world.tick()
    assert "您有10积分最晚用到" in phone("王大爷").last("sms")
    assert (phone("李雷").heard("sms"), phone("李雷").heard("wechat")) == ([], [])


def test_who_has_but_ten_points_hears_what_they_can_get(
    world: World, calendar: Calendar, phone: PhoneOf
) -> None:
    calendar.gives("+8613800000099", 10, calendar.today + timedelta(days=1))
    world.tick()
    ((text,),) = world.rows("SELECT payload ->> 'text' FROM outbox WHERE queue = 'bulk'")
    assert "够换（任选一样）：砸金蛋一次（10分）" in text


def test_where_nothing_is_in_reach_nothing_is_promised(
    world: World, phone: PhoneOf, calendar: Calendar
) -> None:
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE draws SET state = 'stopped'")
        tx.exec_driver_sql("UPDATE offers SET price_fen = 1")
    calendar.gives(WANG, 10, calendar.today + timedelta(days=1))
    world.tick()
    assert "您一共有440积分。查积分回复JF" in phone("王大爷").last("sms")
    assert "够换" not in phone("王大爷").last("sms")


def test_coins_are_warned_of_as_coins(world: World, phone: PhoneOf, calendar: Calendar) -> None:
    calendar.gives(WANG, 25, calendar.today + timedelta(days=7), unit=points.COINS)
    world.tick()
    assert "您有25如意币最晚用到" in phone("王大爷").last("sms")
    assert "您一共有25如意币" in phone("王大爷").last("sms")


@pytest.mark.slow
def test_who_is_in_wechat_hears_it_there(world: World, phone: PhoneOf, calendar: Calendar) -> None:
    phone("李雷").says("什么")
    calendar.gives(LI, 20, calendar.today + timedelta(days=7))
    world.tick()
    assert "温馨提醒：您有20积分快要到期" in phone("李雷").last("wechat")
    assert phone("李雷").heard("sms") == []
    calendar.goes_to(calendar.today + timedelta(days=6), 10)  # the window of 48 hours is over
    world.tick()
    assert "您有20积分最晚用到" in phone("李雷").last("sms")


def test_who_has_opted_out_or_cannot_be_reached_finds_it_in_the_mailbox_and_is_left_alone(
    world: World, phone: PhoneOf, calendar: Calendar, owing: Owing
) -> None:
    last = calendar.today + timedelta(days=7)
    phone("王大爷").texts("退订")
    said = phone("王大爷").heard("sms")
    calendar.gives(WANG, 50, last)
    calendar.gives(LI, 50, last)
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE subscribers SET status = 'blocked' WHERE id = %s", (owing.who(LI),)
        )
        silent = subscribers.find(tx, "wechat", "o_xiaozhang")  # no number, no open window
        assert silent is not None
        points.issue(
            tx, silent, kind=points.CONSUMPTION, points=50, expires_on=last, now=world.clock(),
            cause=points.Cause("silent", "test", "sms", "tests"),
        )  # fmt: skip
    world.tick()
    assert phone("王大爷").heard("sms") == said
    kept = [(owing.who(WANG), "none", "opted_out"), (silent.id, "none", "no_way")]
    assert (
        world.rows("SELECT subscriber_id, way, why FROM mailbox WHERE why <> '' ORDER BY 3 DESC")
        == kept
    )
    assert world.rows("SELECT DISTINCT kind FROM outbox WHERE queue = 'bulk'") == [("mailbox",)]


@pytest.mark.slow
@pytest.mark.night
@pytest.mark.parametrize(
    ("hour", "minute", "rings"), [(7, 55, False), (8, 0, True), (20, 55, True), (21, 0, False)]
)
def test_nobodys_phone_rings_at_night(
    world: World, phone: PhoneOf, calendar: Calendar, hour: int, minute: int, rings: bool
) -> None:
    calendar.goes_to(calendar.today, hour, minute)
    calendar.gives(WANG, 70, calendar.today + timedelta(days=7))
    world.tick()
    assert bool(phone("王大爷").heard("sms")) is rings
    calendar.goes_to(calendar.today + timedelta(days=1), 9)
    world.tick()
    assert len(phone("王大爷").heard("sms")) == 1  # made up for in the morning


def test_a_warning_that_is_days_late_is_left_to_the_next_horizon(
    world: World, phone: PhoneOf, calendar: Calendar
) -> None:
    last = calendar.today + timedelta(days=30)
    calendar.gives(WANG, 70, last)
    late = expiry_warnings.CATCH_UP_DAYS
    calendar.goes_to(last - timedelta(days=30 - late - 1), 10)
    world.tick()
    assert phone("王大爷").heard("sms") == []
    calendar.goes_to(last - timedelta(days=7 - late), 10)
    world.tick()
    assert len(phone("王大爷").heard("sms")) == 1


def test_points_that_were_spent_are_not_warned_of(
    world: World, phone: PhoneOf, calendar: Calendar
) -> None:
    last = calendar.today + timedelta(days=7)
    who = calendar.gives(WANG, 70, last)
    world.tick()
    cause = points.Cause("spent", "test", "sms", "tests")
    world.circle.store.run(
        lambda tx: points.spend(
            tx, who, points=65, into=points.SPENT, cause=cause, now=world.clock()
        )
    )
    calendar.goes_to(last - timedelta(days=1), 10)
    world.tick()
    assert len(phone("王大爷").heard("sms")) == 1


def test_while_many_messages_wait_no_more_are_owed(
    world: World, calendar: Calendar, owing: Owing
) -> None:
    calendar.gives(WANG, 70, calendar.today + timedelta(days=7))
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO outbox (subscriber_id, queue, kind, category, payload, created_at, due_at)"
            " SELECT 1, 'bulk', 'sms', 'marketing', '{}', %(now)s, %(now)s + interval '10 years'"
            " FROM generate_series(1, %(backlog)s)",
            {"now": world.clock(), "backlog": BACKLOG},
        )
        assert outbox.waiting(tx, outbox.BULK, most=BACKLOG) == BACKLOG
    world.circle.clock.tick()
    assert world.rows("SELECT * FROM points_warnings") == []
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("DELETE FROM outbox WHERE id = (SELECT max(id) FROM outbox)")
    world.circle.clock.tick()
    assert len(world.rows("SELECT * FROM points_warnings")) == 1


def test_every_warning_fits_two_sms_with_the_largest_figures(world: World) -> None:
    menus = world.circle.live()
    values = {
        "expiring": 1234567, "expiring_by": "12月31日", "total": 12345678,
        "offers": "贵宾厅一次（3000分）、君山银针50克（2000分）、球场一小时（1500分）",
    }  # fmt: skip
    for key in ("points.expiring_soon", "points.expiring_soon_small", "points.coins_expiring_soon"):
        assert count(menus.text(key, channel="sms", **values)) <= 2, key


def _crowd(world: World, count: int, day: date) -> list[int]:
    """People with numbers of their own and 50 points each."""
    people = []
    with world.circle.store.begin() as tx:
        for number in range(count):
            who = subscribers.lock(tx, "sms", f"+86137{number:08d}", world.clock())
            points.issue(
                tx, who, kind=points.CONSUMPTION, points=50, expires_on=day, now=world.clock(),
                cause=points.Cause(f"crowd:{number}", "test", "sms", "tests"),
            )  # fmt: skip
            people.append(who.id)
    return people


def test_a_clock_that_dies_among_its_warnings_is_followed_by_one_that_tells_the_others(
    world: World, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = _crowd(world, 25, calendar.today + timedelta(days=7))
    take, batches = expiry_warnings.take, 0

    def dying(tx: Tx, *, least: int, now: datetime) -> list[expiry_warnings.Warned] | None:
        nonlocal batches
        found = take(tx, least=least, now=now, batch=10)
        batches += bool(found)
        if batches == 2:
            batches += 1
            raise KeyboardInterrupt  # in the transaction, as a kill would
        return found

    monkeypatch.setattr(expiry_warnings, "take", dying)
    with pytest.raises(KeyboardInterrupt):
        calendar.clock().tick(world.clock())
    told = "SELECT subscriber_id FROM points_warnings ORDER BY 1"
    owed = "SELECT subscriber_id FROM outbox WHERE queue = 'bulk' ORDER BY 1"
    assert len(world.rows(told)) == len(world.rows(owed)) == 10
    calendar.clock().tick(world.clock())
    assert [row for (row,) in world.rows(told)] == people
    assert [row for (row,) in world.rows(owed)] == people


@pytest.mark.slow
def test_two_clocks_at_once_sweep_and_warn_once(world: World, calendar: Calendar) -> None:
    yesterday = calendar.today - timedelta(days=1)
    soon = _crowd(world, 60, calendar.today + timedelta(days=7))
    calendar.goes_to(yesterday, 10)
    for number in range(40):
        calendar.gives(f"+86136{number:08d}", 5, yesterday)
    calendar.goes_to(yesterday + timedelta(days=1), 10)
    now = world.clock()

    def run(clock: PointsClock) -> None:
        for _ in range(12):
            clock.tick(now)

    with capture_logs() as logs:
        at_once([partial(run, replace(calendar.clock(), batch=8)) for _ in range(3)])
    assert [line for line in logs if line["log_level"] == "error"] == []
    told = world.rows("SELECT subscriber_id FROM outbox WHERE queue = 'bulk' ORDER BY 1")
    assert [row for (row,) in told] == soon
    day = world.rows(
        "SELECT state, lots, points FROM points_expiry_days WHERE day = %s AND unit = 'points'",
        yesterday,
    )
    assert day == [("swept", 40, 200)]
    with world.circle.store.reading() as tx:
        assert expiry.unexplained(tx) == 0


def test_nobody_is_told_twice_though_the_program_were_wrong(
    world: World, calendar: Calendar
) -> None:
    who = calendar.gives(WANG, 70, calendar.today + timedelta(days=7))
    world.tick()
    again = expiry_warnings.Warned(
        who, points.POINTS, calendar.today + timedelta(days=7), 7, 70, 70
    )
    with pytest.raises(UniqueViolation, match="points_warnings_pkey"):
        world.circle.store.run(
            lambda tx: expiry_warnings.note(tx, again, owed_id=1, now=world.clock())
        )


# -- sweeping ------------------------------------------------------------------------------------


def test_a_tick_does_a_bounded_part_and_the_next_goes_on(
    world: World, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    _crowd(world, 25, calendar.today)
    calendar.goes_to(calendar.today + timedelta(days=1), 1)
    clock = calendar.clock()
    expired = "SELECT lots FROM points_expiry_days WHERE lots > 0"
    done = []
    monkeypatch.setattr(expiry, "BATCH", 10)
    clock.batch = 10
    clock.parts.batches = 2
    for _ in range(3):
        clock.tick(world.clock())
        done.append(world.rows(expired)[0][0])
    assert done == [20, 25, 25]


def test_a_batch_that_takes_too_long_is_tried_smaller(
    world: World, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    _crowd(world, 3, calendar.today)
    calendar.goes_to(calendar.today + timedelta(days=1), 1)
    sweep, tried = expiry.sweep, []

    def slow(tx: Tx, *, now: datetime, batch: int) -> expiry.Swept | None:
        tried.append(batch)
        if batch > 300:
            raise Unavailable("QueryCanceled")
        return sweep(tx, now=now, batch=batch)

    monkeypatch.setattr(expiry, "sweep", slow)
    clock, now = calendar.clock(), world.clock()
    with capture_logs() as logs:
        for minutes in range(3):
            clock.tick(now + timedelta(minutes=minutes))
    assert tried[:3] == [1000, 500, 250]
    assert [line["work"] for line in logs if line["log_level"] == "error"][:2] == ["sweep"] * 2
    assert world.rows("SELECT lots FROM points_expiry_days WHERE lots > 0") == [(3,)]


def test_a_sweep_that_fails_does_not_stop_the_warnings_nor_the_clock(
    world: World, phone: PhoneOf, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(expiry, "begin", broken)
    calendar.gives(WANG, 70, calendar.today + timedelta(days=7))
    with capture_logs() as logs:
        for _ in range(5):
            world.tick()
    failures = [line for line in logs if line["event"] == "clock failed"]
    assert [line["error"] for line in failures] == ["ZeroDivisionError"]  # then it pauses
    assert len(phone("王大爷").heard("sms")) == 1
