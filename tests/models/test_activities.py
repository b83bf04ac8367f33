"""Places at activities: never more than there are, whoever wants them at once; queues; merging."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import pytest

from models import clubs, merging, sql, subscribers
from models.activities import doors, joining, looking, planning, telling
from models.activities.joining import NotPossible
from models.base import Tx
from models.privacy.declared import BY_TABLE
from models.store import Store
from models.subscribers import Subscriber
from tests.dialogs.activities import plan
from tests.models.conftest import NOON, at_once, newcomer, rows

START = NOON + timedelta(days=7)
COUNTS = "SELECT taken, waiting FROM activity_places WHERE activity_id = %s"


@pytest.fixture
def activity(store: Store) -> Callable[..., int]:
    def made(capacity: int = 3, **changes: object) -> int:
        def work(tx: Tx) -> int:
            number = planning.add(
                tx, plan(START, capacity=capacity, **changes), author="tests", now=NOON
            )
            planning.publish(tx, number, now=NOON)
            return number

        return store.run(work)

    return made


def people(store: Store, count: int) -> list[Subscriber]:
    return store.run(lambda tx: [newcomer(tx) for _ in range(count)])


def signs_up(store: Store, who: Subscriber, number: int, *, wait: bool = True) -> str:
    def work(tx: Tx) -> str:
        held = subscribers.lock_id(tx, who.id)
        return joining.sign_up(tx, held, number, wait=wait, channel="sms", now=NOON).state

    try:
        return store.run(work)
    except NotPossible as why:
        return why.why


def gives_up(store: Store, who: Subscriber, number: int) -> str:
    def work(tx: Tx) -> None:
        joining.give_up(tx, subscribers.lock_id(tx, who.id), number, now=NOON)

    try:
        store.run(work)
    except NotPossible as why:
        return why.why
    return "left"


def is_sound(store: Store, number: int) -> bool:
    return store.read(joining.miscounted) == [] and bool(number)


def test_sixteen_at_once_get_three_places_and_the_rest_wait_in_order(
    store: Store, activity: Callable[..., int]
) -> None:
    number = activity(8)
    found = at_once([partial(signs_up, store, who, number) for who in people(store, 16)])
    assert sorted(found) == ["going"] * 8 + ["waiting"] * 8
    assert rows(store, COUNTS, number) == [(8, 8)]
    order = rows(store, "SELECT queue_no FROM activity_signups ORDER BY queue_no")
    assert [row[0] for row in order] == list(range(1, 17))
    assert is_sound(store, number)


def test_the_last_place_goes_to_one_and_the_others_are_told(
    store: Store, activity: Callable[..., int]
) -> None:
    number = activity(1)
    many = people(store, 12)
    found = at_once([partial(signs_up, store, who, number, wait=False) for who in many])
    assert sorted(found) == ["full"] * 11 + ["going"]


def test_one_person_from_eight_doors_has_one_place(
    store: Store, activity: Callable[..., int]
) -> None:
    number, (li,) = activity(3), people(store, 1)
    found = at_once([partial(signs_up, store, li, number)] * 8)
    assert sorted(found) == ["already"] * 7 + ["going"]
    assert rows(store, COUNTS, number) == [(1, 0)]


def test_while_people_come_and_go_nobody_is_lost_and_nobody_doubled(
    store: Store, activity: Callable[..., int]
) -> None:
    number, many = activity(4), people(store, 16)
    with store.begin() as tx:  # all of them can wait, should nobody leave before the others come
        sql.run(tx, "UPDATE activity_places SET queue_most = 16")
    for who in many[:8]:
        signs_up(store, who, number)
    works = [partial(gives_up, store, who, number) for who in many[:8]]
    works += [partial(signs_up, store, who, number) for who in many[8:]]
    at_once(works)
    assert rows(store, COUNTS, number) == [(4, 4)]
    assert is_sound(store, number)
    going = rows(store, "SELECT max(queue_no) FROM activity_signups WHERE state = 'going'")
    waiting = rows(store, "SELECT min(queue_no) FROM activity_signups WHERE state = 'waiting'")
    assert going < waiting  # whoever came first went first


def test_the_table_itself_refuses_one_too_many(store: Store, activity: Callable[..., int]) -> None:
    number = activity(1)
    with pytest.raises(psycopg.errors.CheckViolation), store.begin() as tx:
        sql.run(tx, "UPDATE activity_places SET taken = 2 WHERE activity_id = %s", [number])


def test_who_waits_moves_up_in_order_and_who_is_blocked_is_passed_over(
    store: Store, activity: Callable[..., int]
) -> None:
    number = activity(1)
    li, blocked, wang = people(store, 3)
    for who in (li, blocked, wang):
        signs_up(store, who, number)
    store.run(lambda tx: subscribers.block(tx, blocked.id))
    assert gives_up(store, li, number) == "left"
    found = "SELECT subscriber_id, state, news FROM activity_signups ORDER BY queue_no"
    assert rows(store, found) == [
        (li.id, "left", None), (blocked.id, "off", None), (wang.id, "going", "moved_up"),
    ]  # fmt: skip
    assert is_sound(store, number)
    assert gives_up(store, li, number) == "not_signed_up"
    assert signs_up(store, li, number) == "waiting"  # again, behind the others


def test_what_is_for_members_is_not_for_who_has_left(
    store: Store, activity: Callable[..., int]
) -> None:
    number = activity(1, club="film")
    first, second, third = people(store, 3)
    for who in (first, second, third):
        store.run(partial(clubs.join, subscriber=who, code="film", origin="test", now=NOON))
    assert [signs_up(store, who, number) for who in (first, second, third)] == [
        "going", "waiting", "waiting",
    ]  # fmt: skip
    for who in (first, second):
        store.run(partial(clubs.leave, subscriber=who, code="film", origin="test", now=NOON))
    with pytest.raises(NotPossible, match="members_only"):
        store.run(lambda tx: doors.let_in(tx, first, number, channel="sms", now=START))
    assert gives_up(store, first, number) == "left"
    states = "SELECT state FROM activity_signups WHERE subscriber_id = %s"
    assert rows(store, states, second.id) == [("off",)]
    assert rows(store, states, third.id) == [("going",)]
    assert rows(store, COUNTS, number) == [(1, 0)]
    assert is_sound(store, number)


def test_more_places_move_people_up_and_the_queue_ends_before_the_beginning(
    store: Store, activity: Callable[..., int]
) -> None:
    number, many = activity(1), people(store, 4)
    found = [signs_up(store, who, number) for who in many]
    assert found == ["going", "waiting", "waiting", "queue_full"]

    def more(tx: Tx) -> None:
        planning.edit(tx, number, plan(START, capacity=2), now=NOON)
        held = planning.hold(tx, number)
        assert held is not None
        assert list(joining.move_up(tx, held, NOON)) == [many[1].id]

    store.run(more)
    assert rows(store, COUNTS, number) == [(2, 1)]
    late = START - timedelta(hours=1)
    assert (number, True) in store.read(lambda tx: telling.to_look_at(tx, late))
    assert store.run(lambda tx: joining.send_away(tx, number, late)) == 1
    assert rows(store, COUNTS, number) == [(2, 0)]
    assert store.run(lambda tx: joining.send_away(tx, number, late)) == 0


def test_merged_people_have_one_place_and_the_other_is_free(
    store: Store, activity: Callable[..., int]
) -> None:
    number, alone = activity(2), activity(2)
    li, wang = people(store, 2)
    other = store.run(lambda tx: subscribers.lock(tx, "wechat", "o_new", NOON))
    bound = Subscriber(other.id, "active", False, "o_new", "+8613900009999", None)
    for who, where in ((li, number), (bound, number), (wang, number), (bound, alone)):
        join = partial(joining.sign_up, who=who, activity_id=where, wait=True, channel="sms",
                       now=NOON)  # fmt: skip
        store.run(join)

    def merged(tx: Tx) -> None:
        for each in sorted((other.id, li.id)):
            subscribers.lock_wholly(tx, each)
        merging.merge(tx, source=other, target=li, origin="test", now=NOON)

    store.run(merged)
    found = "SELECT subscriber_id, activity_id, state FROM activity_signups ORDER BY 2, 1"
    assert rows(store, found) == [
        (li.id, number, "going"), (wang.id, number, "going"), (li.id, alone, "going"),
    ]  # fmt: skip
    assert is_sound(store, number)


def test_a_deleted_person_leaves_a_free_place(store: Store, activity: Callable[..., int]) -> None:
    number, (li, wang) = activity(1), people(store, 2)
    for who in (li, wang):
        signs_up(store, who, number)
    statement = BY_TABLE["activity_signups"].deletion.statement
    assert statement
    store.run(lambda tx: sql.run(tx, statement, {"ids": [li.id]}))
    assert rows(store, COUNTS, number) == [(0, 1)]
    assert store.read(lambda tx: telling.to_look_at(tx, NOON)) == [(number, False)]
    assert is_sound(store, number)


def test_somebody_is_let_in_once_however_often_they_scan(
    store: Store, activity: Callable[..., int]
) -> None:
    number, (li,) = activity(1), people(store, 1)
    signs_up(store, li, number)

    def comes() -> str:
        def work(tx: Tx) -> None:
            doors.let_in(
                tx, subscribers.lock_id(tx, li.id), number, channel="wechat", now=START
            )  # fmt: skip

        try:
            store.run(work)
        except NotPossible as why:
            return why.why
        return "in"

    assert sorted(at_once([comes] * 8)) == ["came"] * 7 + ["in"]
    assert rows(store, "SELECT type FROM earning_events ORDER BY 1") == [
        ("activity_attended",),
        ("task_done",),
    ]
    assert store.read(lambda tx: looking.came(tx, number)) == 1


@pytest.mark.parametrize(
    ("hours", "why"), [(-3, "not_yet"), (4, "over"), (0, "members_only")]
)  # fmt: skip
def test_who_may_not_come_in_is_told_why(
    store: Store, activity: Callable[..., int], hours: int, why: str
) -> None:
    number, (li,) = activity(1, club="film"), people(store, 1)
    at = START + timedelta(hours=hours)
    with pytest.raises(NotPossible, match=why):
        store.run(lambda tx: doors.let_in(tx, li, number, channel="wechat", now=at))

    def join(tx: Tx) -> None:
        clubs.join(tx, li, "film", origin="test", now=NOON)

    store.run(join)


@pytest.mark.parametrize(
    ("start", "reminders"),
    [
        ("2026-12-05 14:00", ("2026-12-04 14:00", "2026-12-05 12:00")),
        ("2026-12-05 09:30", ("2026-12-04 09:30", "2026-12-04 19:00")),
        ("2026-12-05 06:00", ("2026-12-03 19:00", "2026-12-04 19:00")),
        ("2026-12-05 22:30", ("2026-12-04 19:00", "2026-12-05 19:00")),
    ],
)
def test_nobody_is_reminded_at_night(start: str, reminders: tuple[str, str]) -> None:
    at = datetime.fromisoformat(f"{start}+08:00").astimezone(UTC)
    expected = tuple(datetime.fromisoformat(f"{each}+08:00") for each in reminders)
    assert planning.reminders(at) == expected
