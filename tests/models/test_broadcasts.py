"""Broadcasts: each number once, whatever happens, at their pace, and nobody who has left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from functools import partial

import psycopg
import pytest

from models import approvals, mailbox, outbox, preferences, sql, submissions, subscribers
from models.base import Tx
from models.broadcasts import acting, following, loading, looking, queueing, wording
from models.broadcasts.broadcast import Broadcast, WrongState
from models.broadcasts.loading import Bad, Line
from models.broadcasts.queueing import Pacing
from models.broadcasts.segment import Segment
from models.broadcasts.tables import QUEUED, SENT
from models.leaving_words import says_how_to_leave
from models.sending_policy import Policy
from models.store import Store
from models.submissions import Submitted
from tests import broadcasts
from tests.broadcasts import NO_NIGHT, SAID, numbers, seen
from tests.models import operators
from tests.models.conftest import NOON, at_once, rows

PACING = Pacing(timedelta(seconds=5), 500)


def queue(
    store: Store, number: int, *, now: datetime = NOON, policy: Policy = NO_NIGHT,
    pacing: Pacing = PACING,
) -> queueing.Batch:  # fmt: skip
    return store.run(lambda tx: queueing.queue(tx, number, policy=policy, pacing=pacing, now=now))


def follow(store: Store, number: int) -> None:
    for state in (QUEUED, SENT):
        after: int | None = 0
        while after is not None:
            after = store.run(
                partial(following.follow, number=number, state=state, after=after, limit=100)
            )


def send(store: Store, now: datetime, limit: int = 1000) -> list[outbox.Owed]:
    """What a sender does, whose carrier takes everything at once."""

    def work(tx: Tx) -> list[outbox.Owed]:
        taken = submissions.take(
            tx, usual="smpp", limit=limit, lease=timedelta(seconds=30),
            unknown_for=timedelta(minutes=10), now=now,
        )  # fmt: skip
        submissions.taken_up(tx, [Submitted(one, (f"smpp:{one.id}",)) for one in taken], now)
        return taken

    return store.run(work)


def consistent(store: Store, number: int) -> Broadcast:
    """The counts are what the rows say; every owed row is of one target, and the other way."""
    found = seen(store, number)
    by_state = dict(
        rows(store, "SELECT state, count(*) FROM broadcast_targets"
             " WHERE broadcast_id = %s GROUP BY state", number)
    )  # fmt: skip
    assert by_state == {
        name: times
        for name, times in (
            ("waiting", found.left), ("queued", found.queued), ("sent", found.sent),
            ("delivered", found.delivered), ("failed", found.failed), ("skipped", found.skipped),
        )
        if times
    }  # fmt: skip
    assert sum(found.reasons.values()) == found.skipped
    [(strange,)] = rows(
        store, "SELECT count(*) FROM outbox o FULL JOIN broadcast_targets t ON t.owed_id = o.id"
        " WHERE (o.id IS NULL AND t.owed_id IS NOT NULL) OR (t.no IS NULL AND o.kind = 'sms')"
    )  # fmt: skip
    assert not strange
    [(twice,)] = rows(
        store, "SELECT count(*) FROM (SELECT payload ->> 'to' FROM outbox WHERE category ="
        " 'marketing' GROUP BY 1 HAVING count(*) > 1) AS more"
    )  # fmt: skip
    assert not twice
    return found


def test_everybody_gets_it_once_at_its_pace_and_it_ends(store: Store) -> None:
    to = numbers(700)
    number = store.run(lambda tx: broadcasts.running(tx, to, now=NOON))
    clock, now = broadcasts.clock(store), NOON
    clock.tick(now)
    # Five seconds of a hundred a second, and not one more however often it is asked.
    clock.tick(now)
    assert consistent(store, number).queued == 500
    due = [row[0] for row in rows(store, "SELECT due_at FROM outbox ORDER BY id")]
    assert due[0] == NOON
    assert due[100] == NOON + timedelta(seconds=1)
    left: list[str] = []
    while seen(store, number).state == "running":
        now += timedelta(seconds=1)
        left += [one.payload["to"] for one in send(store, now)]
        clock.tick(now)
        consistent(store, number)
        assert len(left) <= 100 * ((now - NOON).total_seconds() + 1)
    assert left == to
    done = seen(store, number)
    assert (done.state, done.sent, done.left) == ("done", 700, 0)
    assert (now - NOON).total_seconds() < 10
    letters = rows(
        store, "SELECT DISTINCT words, words_sms, way FROM mailbox WHERE kind = 'marketing'"
    )
    assert letters == [(SAID.text, "【和生活圈】" + SAID.text, "sms")]


def test_a_sender_that_stands_still_is_not_given_more_than_some_seconds(store: Store) -> None:
    number = store.run(lambda tx: broadcasts.running(tx, numbers(900), now=NOON))
    clock = broadcasts.clock(store)
    for seconds in range(0, 60, 3):
        clock.tick(NOON + timedelta(seconds=seconds))
    assert consistent(store, number).queued == 500


def test_who_may_not_be_written_to_is_left_out_by_reason(store: Store) -> None:
    to = numbers(9)
    policy = Policy(
        time.min, time.min, a_week=1, blocklist=frozenset({to[0]}), test_numbers=frozenset({to[8]})
    )

    def prepare(tx: Tx) -> int:
        people = [subscribers.lock(tx, "sms", one, NOON) for one in to[:7]]
        subscribers.opt_out(tx, people[1], NOON)
        subscribers.block(tx, people[2].id)
        preferences.change(
            tx, people[3].id, {("marketing", "sms"): False}, question="?", answer="no",
            origin="test", now=NOON,
        )  # fmt: skip
        for who in (people[4], people[5]):  # one too long ago to count
            ago = timedelta(days=1) if who is people[4] else timedelta(days=8)
            letter = mailbox.keeping(
                subscriber_id=who.id, letter_id=outbox.next_id(tx), kind="clubs",
                category="notice", words="w", words_sms="w", page=None, now=NOON - ago, way="sms",
            )  # fmt: skip
            sql.together(tx, [letter])
        return broadcasts.running(tx, to, now=NOON)

    number = store.run(prepare)
    trial = store.read(lambda tx: looking.sample(tx, number, policy, NOON))
    queue(store, number, policy=policy)
    found = consistent(store, number)
    assert found.reasons == {
        "blocklist": 1, "opted_out": 1, "gone": 1, "unwanted": 1, "cap": 1
    }  # fmt: skip
    assert found.queued == 4
    assert (trial.skipped, trial.unknown) == (found.reasons, 2)
    # Who was unknown is somebody now, and can leave.
    assert all(store.read(partial(subscribers.find, channel="sms", address=one)) for one in to)
    # What counted for this one counts for the next.
    second = store.run(lambda tx: broadcasts.running(tx, to[5:], now=NOON))
    queue(store, second, policy=policy)
    assert seen(store, second).reasons == {"cap": 3}


def test_nothing_is_queued_by_night(store: Store) -> None:
    number = store.run(lambda tx: broadcasts.running(tx, numbers(3), now=NOON))
    policy = Policy(quiet_from=time(21), quiet_until=time(8))
    night = NOON.replace(hour=14)  # 22:00 in China
    assert queue(store, number, policy=policy, now=night) == queueing.NOTHING
    assert queue(store, number, policy=policy).queued == 3
    ends = looking.ends_at(seen(store, number), policy, night)
    assert ends is not None
    assert ends > night + timedelta(hours=10)


def test_who_is_just_being_talked_to_is_passed_over_and_comes_later(store: Store) -> None:
    to = numbers(5)
    number = store.run(lambda tx: broadcasts.running(tx, to, now=NOON))
    store.run(lambda tx: subscribers.numbered(tx, to, NOON))
    with store.begin() as other:
        subscribers.lock(other, "sms", to[1], NOON)
        queue(store, number)
        assert seen(store, number).queued == 4
    queue(store, number, now=NOON + timedelta(seconds=1))
    assert consistent(store, number).queued == 5


def test_two_clocks_at_once_queue_nobody_twice(store: Store) -> None:
    number = store.run(lambda tx: broadcasts.running(tx, numbers(400), now=NOON, pace_s=1000))

    def queue_all() -> int:
        done = 0
        while seen(store, number).left:
            done += queue(store, number, pacing=Pacing(timedelta(seconds=5), 30)).queued
        return done

    assert sum(at_once([queue_all] * 4)) == 400
    assert consistent(store, number).queued == 400


@pytest.mark.parametrize("end", ["pause", "stop"])
def test_what_has_not_left_is_taken_back_while_others_queue_and_send(
    store: Store, end: str
) -> None:
    number = store.run(lambda tx: broadcasts.running(tx, numbers(600), now=NOON, pace_s=1000))
    later = NOON + timedelta(seconds=1)
    queue(store, number, pacing=Pacing(timedelta(seconds=5), 50))
    act = {
        "pause": lambda tx: acting.pause(tx, number, by=operators.COMMAND, now=later),
        "stop": lambda tx: acting.stop(
            tx, number, by=operators.COMMAND, reason="错了", now=later
        ),
    }  # fmt: skip
    clocks = [broadcasts.clock(store, batch=40) for _ in range(3)]
    works: list[Callable[[], object]] = [partial(store.run, act[end])]
    works += [partial(one.tick, later) for one in clocks]
    works += [partial(send, store, later, 20) for _ in range(3)]
    at_once(works)
    follow(store, number)
    found = consistent(store, number)
    assert found.state == {"pause": "paused", "stop": "stopped"}[end]
    assert found.queued == 0
    assert not send(store, later + timedelta(minutes=1))
    for clock in clocks:
        clock.tick(later + timedelta(minutes=1))
    assert consistent(store, number).left == found.left
    if end == "pause":
        store.run(lambda tx: acting.resume(tx, number, by=operators.COMMAND, now=later))
        now = later
        while seen(store, number).state == "running":
            now += timedelta(seconds=1)
            clocks[0].tick(now)
            send(store, now)
        assert consistent(store, number).sent == 600
    else:
        with pytest.raises(WrongState):
            store.run(lambda tx: acting.resume(tx, number, by=operators.COMMAND, now=later))


def test_what_the_carrier_puts_back_after_a_stop_does_not_leave(store: Store) -> None:
    number = store.run(lambda tx: broadcasts.running(tx, numbers(3), now=NOON))
    queue(store, number)
    taken = store.run(
        lambda tx: submissions.take(
            tx, usual="smpp", limit=9, lease=timedelta(seconds=30),
            unknown_for=timedelta(minutes=10), now=NOON + timedelta(seconds=2),
        )
    )  # fmt: skip
    store.run(lambda tx: acting.stop(tx, number, by=operators.COMMAND, reason="错了", now=NOON))
    assert seen(store, number).queued == 3
    store.run(lambda tx: submissions.put_back(tx, taken, ["busy"] * 3, until=NOON))
    broadcasts.clock(store).tick(NOON + timedelta(seconds=3))
    assert not send(store, NOON + timedelta(seconds=5))
    assert consistent(store, number).left == 3


def test_receipts_move_targets_on_and_never_back(store: Store) -> None:
    number = store.run(lambda tx: broadcasts.running(tx, numbers(3), now=NOON))
    queue(store, number)
    ids = [one.id for one in send(store, NOON + timedelta(seconds=1))]
    store.run(lambda tx: sql.change(
        tx, "UPDATE outbox SET state = 'delivered' WHERE id = %(id)s", {"id": ids[0]}
    ))  # fmt: skip
    follow(store, number)
    assert (seen(store, number).delivered, seen(store, number).sent) == (1, 2)
    store.run(lambda tx: sql.change(tx, "UPDATE outbox SET state = 'failed'"))
    follow(store, number)
    found = consistent(store, number)
    assert (found.delivered, found.failed) == (1, 2)


def test_a_proposed_text_is_the_one_that_is_sent(store: Store) -> None:
    number = store.run(lambda tx: broadcasts.approved(tx, numbers(2), now=NOON))
    with pytest.raises(WrongState):
        store.run(lambda tx: loading.reword(tx, number, SAID, by=operators.COMMAND, now=NOON))
    for forged in (
        "UPDATE broadcasts SET text = text || '。'",
        "UPDATE broadcasts SET pace_s = 5000",
        "UPDATE broadcasts SET state = 'draft', proposal_id = NULL",
        "UPDATE broadcast_targets SET number = '+8613900000000'",
        "UPDATE broadcast_targets SET state = 'delivered', owed_id = 1",
        f"INSERT INTO broadcast_targets (broadcast_id, number) VALUES ({number}, '+861')",
    ):
        with pytest.raises(psycopg.errors.CheckViolation), store.begin() as tx:
            sql.run(tx, forged)


def test_nobody_starts_what_another_person_has_not_approved(store: Store) -> None:
    number = store.run(lambda tx: broadcasts.draft(tx, numbers(2), now=NOON))
    with pytest.raises(WrongState):
        store.run(lambda tx: acting.start(tx, number, by=operators.COMMAND, now=NOON))
    who = store.run(lambda tx: operators.operator(tx, "operations", now=NOON))
    by = operators.by(who)
    proposal = store.run(lambda tx: acting.propose(tx, number, reason="试", by=by, now=NOON))
    with pytest.raises(psycopg.errors.CheckViolation), store.begin() as tx:
        sql.run(tx, "UPDATE broadcasts SET state = 'approved'")
    store.run(lambda tx: approvals.withdraw(tx, proposal.id, by=by, now=NOON))
    broadcasts.clock(store).tick(NOON)
    assert seen(store, number).state == "draft"
    store.run(lambda tx: acting.propose(tx, number, reason="再试", by=by, now=NOON))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("周末电影半价", "way_out"),
        ("周末电影半价，拒收请回复R", "way_out"),
        ("如需退订请打开网页", "way_out"),
        ("{name}，周末电影半价。退订回T", "hole"),
        ("XX先生，周末电影半价。退订回T", "hole"),
        ("您的积分%s。退订回T", "hole"),
        ("【别家】周末电影半价。退订回T", "signed"),
        ("", "empty"),
        ("好" * 500 + "回TD", "long"),
    ],
)
def test_a_text_that_must_not_go_out_is_refused_by_function_and_table(
    store: Store, text: str, why: str
) -> None:
    assert why in wording.faults(text)
    with pytest.raises(psycopg.errors.CheckViolation), store.begin() as tx:
        sql.run(
            tx, "INSERT INTO broadcasts (name, text, signature, parts, fen_per_1000, pace_s,"
            " source, created_by, created_at, changed_at) VALUES ('n', %s, '【s】', 1, 1, 1, '',"
            " 'x', now(), now())", [text],
        )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "半价。退订回T",
        "半价，拒收请回复TD",
        "半价！回“退订”不再接收",
        "Sale. 回 td 退订",
        "TD退订。半价",
        "ＴＤ退订",
    ],
)
def test_every_usual_way_to_say_how_to_leave_is_taken(text: str) -> None:
    assert not wording.faults(text)
    assert says_how_to_leave(text), "or the senders would refuse it"


def test_a_number_is_once_in_a_broadcast_and_bad_lines_are_kept(store: Store) -> None:
    number = store.run(
        lambda tx: loading.create(
            tx, SAID, segment=None, source="f", by=operators.COMMAND, now=NOON
        )
    )
    a, b, c = numbers(3)
    store.run(
        lambda tx: loading.add(
            tx, number, [Line(1, a), Line(2, b), Line(4, a)], [Bad(3, "not_a_number")]
        )
    )
    store.run(lambda tx: loading.add(tx, number, [Line(5, b), Line(6, c), Line(7, c)]))
    found = store.run(lambda tx: loading.loaded(tx, number, by=operators.COMMAND, now=NOON))
    assert (found.targets, found.rejected, found.repeated) == (3, 1, 3)
    bad = store.read(lambda tx: loading.rejected(tx, number, limit=9))
    assert [(one.line, one.why) for one in bad] == [
        (3, "not_a_number"), (4, "repeated"), (5, "repeated"), (7, "repeated"),
    ]  # fmt: skip
    with pytest.raises(WrongState):
        store.run(lambda tx: loading.add(tx, number, [Line(8, "+8613912345678")]))


def test_a_segment_is_whoever_the_rule_names(store: Store) -> None:
    everybody = {row[0] for row in rows(
        store, "SELECT address FROM subscriber_addresses JOIN subscribers ON id = subscriber_id"
        " WHERE channel = 'sms' AND status = 'active'")}  # fmt: skip
    film = {row[0] for row in rows(
        store, "SELECT address FROM subscriber_addresses a JOIN memberships m USING (subscriber_id)"
        " WHERE channel = 'sms' AND club_code = 'film' AND state = 'active'")}  # fmt: skip

    def loaded(segment: Segment) -> set[str]:
        number = store.run(lambda tx: loading.create(
            tx, SAID, segment=segment, source="", by=operators.COMMAND, now=NOON
        ))  # fmt: skip
        after: int | None = 0
        while after is not None:
            after = store.run(
                partial(loading.add_people, number=number, segment=segment, after=after, limit=3)
            )
        return {row[0] for row in rows(
            store, "SELECT number FROM broadcast_targets WHERE broadcast_id = %s", number
        )}  # fmt: skip

    assert loaded(Segment()) == everybody
    assert loaded(Segment(clubs=("film",))) == film
    assert loaded(Segment(clubs=("film",), level="premium")) <= film
    assert loaded(Segment(cities=("株洲",))) <= everybody


def test_a_broadcast_that_the_planner_knows_nothing_of_is_followed_row_by_row(
    store: Store,
) -> None:
    store.run(lambda tx: broadcasts.draft(tx, numbers(3000), now=NOON))
    with store.reading() as tx:
        sql.run(tx, "ANALYZE broadcast_targets")  # it knows of the first one alone
    number = store.run(lambda tx: broadcasts.running(tx, numbers(500), now=NOON))
    queue(store, number)
    values = {"id": number, "state": QUEUED, "after": 0, "limit": 2000}
    with store.reading() as tx:
        plan = "\n".join(row[0] for row in sql.rows(tx, f"EXPLAIN {following._FOLLOW}", values))
    update = plan[plan.index("Update on broadcast_targets") :]
    assert "broadcast_targets_pkey" in update
    assert "Index Cond: (no = s.no)" in update
