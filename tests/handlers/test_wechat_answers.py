"""What the WeChat door answers: once and the same again, in time, and politely when all fails."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

import logs
from dialogs.dialog import Move, Talk
from dialogs.join_club import JoinClub
from menus.menus import read_folder
from models import publications
from tests.handlers import callers
from tests.handlers.conftest import Doors

BUSY = "系统正忙"
SORRY = "对不起，刚才出了点问题"


def _bound(doors: Doors, openid: str, number: str) -> None:
    """Somebody who follows and has a number, so that a scan is a change of state."""
    with doors.circle.store.begin() as tx:
        subscriber = tx.exec_driver_sql(
            "INSERT INTO subscribers (created_at) VALUES (now()) RETURNING id"
        ).scalar_one()
        for channel, address in (("wechat", openid), ("sms", number)):
            tx.exec_driver_sql(
                "INSERT INTO subscriber_addresses (channel, address, subscriber_id, since)"
                " VALUES (%(channel)s, %(address)s, %(id)s, now())",
                {"channel": channel, "address": address, "id": subscriber},
            )


@pytest.fixture
def member(doors: Doors, stranger: str, new_number: str) -> str:
    _bound(doors, stranger, new_number)
    return stranger


def _effects(doors: Doors, openid: str) -> tuple[int, int]:
    """How many conversations and owed messages somebody has."""
    person = "(SELECT subscriber_id FROM subscriber_addresses WHERE address = %(openid)s)"
    with doors.circle.store.reading() as tx:
        row = tx.exec_driver_sql(
            f"SELECT (SELECT count(*) FROM conversations WHERE subscriber_id = {person}),"
            f" (SELECT count(*) FROM outbox WHERE subscriber_id = {person})",
            {"openid": openid},
        ).one()
    return (row[0], row[1])


# -- once, and the same again ------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["plain", "compatible", "secure"])
def test_the_same_callback_three_times_has_one_effect_and_equal_replies(
    doors: Doors, member: str, mode: str
) -> None:
    wechat = doors.serve(WECHAT__MODE=mode).wechat
    xml = callers.event(member, "SCAN", "cinema-01", created=wechat.now())
    answers = [wechat.sends(xml) for _ in range(3)]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.xml for answer in answers}) == 1
    assert "短信" in answers[0].said
    assert _effects(doors, member) == (1, 1)


def test_a_repeat_long_after_its_question_was_answered_changes_nothing(
    doors: Doors, member: str
) -> None:
    wechat = doors.wechat
    scan = callers.event(member, "SCAN", "cinema-01", created=wechat.now())
    first = wechat.sends(scan)
    assert "不加入" in wechat.says(member, "否").said
    with doors.nothing_changes():
        assert wechat.sends(scan).xml == first.xml


@pytest.mark.slow
def test_a_repeat_gets_the_old_words_after_the_texts_were_changed(
    doors: Doors, member: str
) -> None:
    wechat = doors.wechat
    xml = callers.text(member, "没有这种词", created=wechat.now())
    first = wechat.sends(xml)
    _publish(doors, "对不起，这句话我没看懂", "新的话")
    try:
        assert wechat.sends(xml).xml == first.xml
        assert "新的话" in wechat.says(member, "没有这种词").said
    finally:
        _publish(doors, "", "")


@pytest.mark.slow
@pytest.mark.parametrize("round_number", range(5))
def test_eight_deliveries_at_once_have_one_effect_and_equal_replies(
    doors: Doors, member: str, round_number: int
) -> None:
    wechat = doors.wechat
    xml = callers.event(member, "SCAN", "cinema-01", created=wechat.now())
    answers = _at_once(8, lambda _: wechat.sends(xml))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.xml for answer in answers}) == 1
    assert answers[0].said
    assert _effects(doors, member) == (1, 1)


@pytest.mark.slow
def test_eight_deliveries_at_once_from_a_newcomer_make_one_subscriber(
    doors: Doors, stranger: str
) -> None:
    wechat = doors.wechat
    before = doors.rows("SELECT count(*) FROM subscribers")[0][0]
    answers = _at_once(8, lambda n: wechat.says(stranger, f"第{n}句"))
    assert {answer.status for answer in answers} == {200}
    assert doors.rows("SELECT count(*) FROM subscribers") == [(before + 1,)]


@pytest.mark.slow
def test_eight_different_scans_at_once_leave_one_question_open(doors: Doors, member: str) -> None:
    wechat = doors.wechat
    clubs = ["film", "car", "sports", "lottery"] * 2
    answers = _at_once(8, lambda n: wechat.reports(member, "SCAN", f"club-{clubs[n]}"))
    assert {answer.status for answer in answers} == {200}
    asking = (
        "SELECT count(*) FROM conversations c JOIN subscriber_addresses a USING (subscriber_id)"
    )
    assert doors.rows(f"{asking} WHERE c.state = 'asking' AND a.address = %s", member) == [(1,)]


def test_the_same_message_id_from_somebody_else_is_another_message(
    doors: Doors, member: str, new_number: str
) -> None:
    wechat = doors.wechat
    other = f"{member}_other"
    _bound(doors, other, "+86138" + new_number[6:])
    for openid in (member, other):
        wechat.sends(callers.text(openid, "加入电影", created=wechat.now(), msg_id=7_000_001))
        assert _effects(doors, openid) == (1, 1)


def test_two_taps_in_the_same_second_on_different_entries_are_two(
    doors: Doors, member: str
) -> None:
    wechat = doors.wechat
    now = wechat.now()
    wechat.sends(callers.event(member, "SCAN", "club-film", created=now))
    wechat.sends(callers.event(member, "SCAN", "club-car", created=now))
    assert _effects(doors, member) == (2, 2)


# -- words -------------------------------------------------------------------------------------


def _publish(doors: Doors, old: str, new: str) -> None:
    files = {
        name: source.replace(old, new) if old else source
        for name, source in read_folder("menus").items()
    }
    now = doors.clock()
    doors.circle.store.run(
        lambda tx: publications.publish(tx, files, author="test", note="", now=now)
    )
    doors.circle.live.refresh()
    assert doors.circle.live.warning == ""


@pytest.fixture
def wording(doors: Doors) -> Iterator[Callable[[str], None]]:
    """Changes what is said to what nobody understands, until the test is over."""
    yield lambda words: _publish(
        doors,
        '"对不起，这句话我没看懂。回复“积分”查积分，回复“帮助”看看能做什么。"',
        json.dumps(words),
    )
    _publish(doors, "", "")


@pytest.mark.parametrize(
    "words",
    ["a]]>b", "]]></Content><MsgType>news</MsgType><Content><![CDATA[", "<b>&amp;</b>", "]]]]>>"],
)
def test_a_text_of_the_operators_never_breaks_the_reply(
    doors: Doors, stranger: str, wording: Callable[[str], None], words: str
) -> None:
    wording(words)
    answer = doors.wechat.says(stranger, "没有这种词")
    assert answer.said == words
    assert list(answer.fields) == [
        "ToUserName", "FromUserName", "CreateTime", "MsgType", "Content",
    ]  # fmt: skip


def test_what_xml_does_not_allow_is_left_out_of_a_reply(
    doors: Doors, stranger: str, wording: Callable[[str], None]
) -> None:
    wording("a\x08b\x1fc\ufffed")
    assert doors.wechat.says(stranger, "没有这种词").said == "abcd"


def test_a_text_by_itself_never_reaches_the_reply_of_another(doors: Doors, stranger: str) -> None:
    answer = doors.wechat.says(stranger, "]]]]><![CDATA[>是")
    assert answer.status == 200
    assert "]]>" not in answer.said


# -- when things fail --------------------------------------------------------------------------


def test_without_a_database_the_door_says_so_politely_and_in_time(cut_off: Doors) -> None:
    wechat = cut_off.wechat
    started = time.perf_counter()
    for answer in (
        wechat.says("o_lilei", "积分"),
        wechat.says("o_lilei", "加入电影"),
        wechat.reports("o_lilei", "SCAN", "cinema-01"),
        wechat.reports("o_lilei", "CLICK", "balance"),
    ):
        assert answer.status == 200
        assert BUSY in answer.said
    # Nobody reads an answer to that one: WeChat tries again.
    assert wechat.reports("o_lilei", "unsubscribe").status == 503
    assert wechat.reports("o_lilei", "LOCATION").body == "success"
    assert wechat.says("o_lilei", "x", created=-1).status == 400
    assert time.perf_counter() - started < 5


@pytest.mark.slow
def test_a_database_that_takes_calls_but_never_answers_is_given_up_in_time(doors: Doors) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        stuck = doors.serve(
            DATABASE_URL=f"postgresql://nobody@127.0.0.1:{port}/none", WEB__ANSWER_WITHIN_S="2"
        )
        started = time.perf_counter()
        answer = stuck.wechat.reports("o_lilei", "SCAN", "cinema-01")
        assert BUSY in answer.said
        assert time.perf_counter() - started < 3


@pytest.mark.slow
def test_when_all_connections_are_taken_the_door_says_so_in_time(doors: Doors, member: str) -> None:
    crowded = doors.serve(WEB__ANSWER_WITHIN_S="0.5")
    store = crowded.circle.store
    held = [store.engine.connect() for _ in range(12)]  # type: ignore[attr-defined]
    started = time.perf_counter()
    answer = crowded.wechat.reports(member, "SCAN", "cinema-01")
    for connection in held:
        connection.close()
    assert BUSY in answer.said
    assert time.perf_counter() - started < 2
    assert "短信" in crowded.wechat.reports(member, "SCAN", "cinema-01").said


def test_a_database_that_was_restarted_is_used_again_at_once(doors: Doors, member: str) -> None:
    restarted = doors.serve()
    engine = restarted.circle.store.engine
    held = [engine.connect() for _ in range(10)]  # type: ignore[attr-defined]
    numbers = [one.exec_driver_sql("SELECT pg_backend_pid()").scalar_one() for one in held]
    for connection in held:
        connection.close()
    for number in numbers:  # ten idle ones in the pool, and all of them are cut off now
        doors.rows("SELECT pg_terminate_backend(%s)", number)
    assert "短信" in restarted.wechat.reports(member, "SCAN", "cinema-01").said
    assert "短信" in restarted.wechat.reports(member, "SCAN", "club-film").said


@pytest.mark.slow
def test_a_locked_subscriber_is_given_up_in_time_and_the_repeat_is_served(
    doors: Doors, member: str
) -> None:
    hasty = doors.serve(WEB__ANSWER_WITHIN_S="0.5")
    xml = callers.event(member, "SCAN", "cinema-01", created=doors.wechat.now())
    with doors.circle.store.begin() as other:
        other.exec_driver_sql("SELECT 1 FROM subscribers FOR UPDATE")
        started = time.perf_counter()
        assert BUSY in hasty.wechat.sends(xml).said
        assert time.perf_counter() - started < 2
    assert _effects(doors, member) == (0, 0)
    assert "短信" in hasty.wechat.sends(xml).said
    assert _effects(doors, member) == (1, 1)


@pytest.fixture
def logged() -> Iterator[LogCapture]:
    """What the doors log, numbers masked as in production."""
    capture = LogCapture()
    before = structlog.get_config()["processors"]
    structlog.configure(processors=[logs.frames_only, logs.mask_numbers, capture])
    yield capture
    structlog.configure(processors=before)


def _failing(broken: Callable[[Talk], Any]) -> Callable[[JoinClub, Talk], Move]:
    def opened(_: JoinClub, talk: Talk) -> Move:
        talk.tx.exec_driver_sql("UPDATE subscribers SET opted_out_at = now()")
        broken(talk)
        raise AssertionError("not reached")

    return opened


def _divides_by_zero(talk: Talk) -> None:
    raise ZeroDivisionError("somebody's number is 13812345678")


def _breaks_a_constraint(talk: Talk) -> None:
    talk.tx.exec_driver_sql(
        "UPDATE subscribers SET status = %(status)s WHERE id = %(id)s",
        {"status": "悄悄话13812345678", "id": talk.subscriber.id},
    )


def _loses_the_thread(talk: Talk) -> None:
    raise RecursionError


@pytest.mark.parametrize("broken", [_divides_by_zero, _breaks_a_constraint, _loses_the_thread])
def test_a_step_that_raises_is_rolled_back_apologised_for_and_logged(
    doors: Doors, member: str, monkeypatch: pytest.MonkeyPatch, logged: LogCapture,
    broken: Callable[[Talk], Any],
) -> None:  # fmt: skip
    monkeypatch.setattr(JoinClub, "opened", _failing(broken))
    wechat = doors.wechat
    xml = callers.event(member, "SCAN", "cinema-01", created=wechat.now())
    first = wechat.sends(xml)
    assert SORRY in first.said
    assert doors.rows("SELECT count(*) FROM subscribers WHERE opted_out_at IS NOT NULL") == [(0,)]
    assert _effects(doors, member) == (0, 0)
    with doors.nothing_changes():  # a repeat is not tried again
        assert wechat.sends(xml).xml == first.xml

    failures = [entry for entry in logged.entries if entry["event"] == "step failed"]
    assert len(failures) == 1
    (failure,) = failures
    assert failure["reference"] in first.said
    assert failure["key"].startswith("wx:")
    assert member not in failure["key"]
    assert "dialogs/steps.py" in failure["exception"]
    whole = json.dumps(logged.entries, ensure_ascii=False, default=str)
    assert "13812345678" not in whole
    assert "悄悄话" not in whole


def test_a_step_that_raises_once_does_not_spoil_the_next_message(
    doors: Doors, member: str, monkeypatch: pytest.MonkeyPatch, logged: LogCapture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(JoinClub, "opened", _failing(_divides_by_zero))
        assert SORRY in doors.wechat.reports(member, "SCAN", "cinema-01").said
    assert "短信" in doors.wechat.reports(member, "SCAN", "club-film").said


@pytest.mark.slow
def test_eight_deliveries_of_a_failing_message_get_one_apology(
    doors: Doors, member: str, monkeypatch: pytest.MonkeyPatch, logged: LogCapture
) -> None:
    monkeypatch.setattr(JoinClub, "opened", _failing(_divides_by_zero))
    wechat = doors.wechat
    xml = callers.event(member, "SCAN", "cinema-01", created=wechat.now())
    answers = _at_once(8, lambda _: wechat.sends(xml))
    assert SORRY in answers[0].said
    assert len({answer.xml for answer in answers}) == 1


def test_without_a_queue_the_answer_comes_in_time_all_the_same(
    doors: Doors, member: str, cut_off: Doors
) -> None:
    port = (cut_off.circle.settings.database_url or "").split(":")[-1].split("/")[0]
    alone = doors.serve(REDIS_URL=f"redis://127.0.0.1:{port}/0")
    started = time.perf_counter()
    assert "短信" in alone.wechat.reports(member, "SCAN", "cinema-01").said
    assert time.perf_counter() - started < 3
    assert _effects(doors, member) == (1, 1)


def test_a_message_stamped_by_a_clock_that_moved_is_still_answered(
    doors: Doors, member: str
) -> None:
    later = doors.wechat.using(clock=lambda: (doors.clock() + timedelta(seconds=200)).timestamp())
    assert "短信" in later.reports(member, "SCAN", "cinema-01").said


def _at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Do it from threads that start together."""
    barrier = threading.Barrier(count)

    def run(number: int) -> Any:
        barrier.wait()
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))
