"""The inbox in operators' hands: taken by one, answered, put back and ended, each in the audit."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from itertools import count

import pytest

from models import handover_desk, handover_pictures, handovers, points, subscribers
from models.base import Tx
from models.handovers import Elsewhere, Handover, Over
from models.privacy import erasure
from models.subscribers import Subscriber
from tests.handlers.console.conftest import Browser, Console
from tests.models.conftest import at_once

EVIL = "<script>alert(1)</script> 13800138000"
LASTS = timedelta(hours=24)
OTHER = 999_999  # an operator who is somebody else
_numbers = count(1)


@pytest.fixture
def browser(console: Console) -> Browser:
    return console.as_("service")


def someone(console: Console) -> Subscriber:
    number = f"+86136{next(_numbers):08d}"
    return console.circle.store.run(lambda tx: subscribers.lock(tx, "sms", number, console.clock()))


def begun(console: Console, *words: str, at_wechat: bool = False) -> Handover:
    """Somebody new who has asked for a person and said this."""
    who, now = someone(console), console.clock()

    def work(tx: Tx) -> Handover:
        channel = "wechat" if at_wechat else "sms"
        found = handovers.begin(tx, who, channel=channel, at_wechat=at_wechat, lasts=LASTS, now=now)
        for no, said in enumerate(words):
            handovers.hear(
                tx, found, kind="text", words=said, key=f"k{found.id}:{no}", lasts=LASTS, now=now
            )
        return handovers.get(tx, found.id)

    return console.circle.store.run(work)


def now_of(console: Console, found: Handover) -> Handover:
    return console.circle.store.read(lambda tx: handovers.get(tx, found.id))


def do(browser: Browser, found: Handover, act: str, **fields: str) -> str:
    page = f"/console/inbox/{found.id}"
    answer = browser.send(page, do=act, **fields)
    return browser.follow(answer) if answer.status_code == 303 else answer.text


def test_somebody_who_waits_is_answered_and_hears_it_signed(
    console: Console, browser: Browser
) -> None:
    found = begun(console, EVIL)
    lines = browser.page("/console/inbox")
    assert str(found.id) in lines
    page = browser.page(f"/console/inbox/{found.id}")
    assert "<script>alert" not in page
    assert "13800138000" not in page
    assert "138****8000" in page
    assert "请写下要回复的内容" in do(browser, found, "answer", words="  ")
    assert "您好，我来看看" in do(browser, found, "answer", words="您好，我来看看")
    after = now_of(console, found)
    assert (after.state, after.unread, after.said) == ("taken", 0, 2)
    ((payload,),) = _rows(
        console, "SELECT payload ->> 'text' FROM outbox WHERE subscriber_id = %s",
        found.subscriber_id,
    )  # fmt: skip
    assert payload == "【和生活圈】您好，我来看看"
    assert "同样的内容刚刚发过" in do(browser, found, "answer", words="您好，我来看看")
    assert now_of(console, found).said == 2


def _rows(console: Console, query: str, *values: object) -> list[tuple[object, ...]]:
    with console.circle.store.reading() as tx:
        return [tuple(row) for row in tx.exec_driver_sql(query, values or None)]


def test_taken_put_back_and_ended_stand_in_the_audit(console: Console, browser: Browser) -> None:
    found = begun(console, "在吗")
    assert "放回，给别的客服" in do(browser, found, "take")
    assert "已放回" in do(browser, found, "back")
    assert now_of(console, found).state == "waiting"
    do(browser, found, "take")
    assert "已结束" in do(browser, found, "close")
    assert "客服结束" in browser.page(f"/console/inbox/{found.id}")
    assert "已经结束了" in browser.forge(f"/console/inbox/{found.id}", do="close").text
    acts = _rows(
        console, "SELECT action FROM audit_entries WHERE subject = %s ORDER BY id",
        f"handover:{found.id}",
    )  # fmt: skip
    assert [act for (act,) in acts] == [
        "handover.take", "handover.back", "handover.take", "handover.close",
    ]  # fmt: skip
    told = _rows(console, "SELECT words FROM mailbox WHERE subscriber_id = %s",
                 found.subscriber_id)  # fmt: skip
    assert "客服已经结束这次人工服务" in str(told)


def test_what_a_colleague_has_is_theirs(console: Console, browser: Browser) -> None:
    found = begun(console, "在吗")
    console.circle.store.run(lambda tx: handovers.take(tx, found.id, operator_id=OTHER))
    page = browser.forge(f"/console/inbox/{found.id}", do="answer", words="我来")
    assert "正由别的客服接待" in page.text
    for act in ("take", "back", "close"):
        page = browser.forge(f"/console/inbox/{found.id}", do=act)
        assert "正由别的客服接待" in page.text
    assert _rows(console, "SELECT count(*) FROM outbox WHERE subscriber_id = %s",
                 found.subscriber_id) == [(0,)]  # fmt: skip
    assert now_of(console, found).operator_id == OTHER


def test_the_list_shows_who_waits_longest_first_and_what_is_mine(
    console: Console, browser: Browser
) -> None:
    first, second, hidden = begun(console), begun(console, "我先说"), begun(console, at_wechat=True)
    do(browser, second, "take")
    everything = browser.page("/console/inbox")
    assert everything.index(f">{first.id}<") < everything.index(f">{second.id}<")
    assert f">{hidden.id}<" not in everything
    mine = browser.page("/console/inbox?show=mine")
    assert f">{second.id}<" in mine
    assert f">{first.id}<" not in mine
    assert "微信自己的客服" in browser.page(f"/console/inbox/{hidden.id}")
    assert browser.get("/console/inbox/99999999").status_code == 404
    assert browser.forge(f"/console/inbox/{first.id}", do="eat").status_code == 400


def test_nobody_else_reads_what_people_say(console: Console) -> None:
    found = begun(console, "秘密")
    for role in ("operations", "analyst", "approver"):
        assert console.as_(role).get(f"/console/inbox/{found.id}").status_code == 403


def test_who_is_deleted_meanwhile_is_gone_from_the_inbox(
    console: Console, browser: Browser
) -> None:
    found = begun(console, "请删除我")
    by = points.Cause(f"privacy:{found.subscriber_id}", "forfeited", "console", "test")
    console.circle.store.run(
        lambda tx: erasure.erase(
            tx, found.subscriber_id, cause=by, grace_days=30, proposal_id=None,
            now=console.clock(),
        )
    )  # fmt: skip
    assert browser.get(f"/console/inbox/{found.id}").status_code == 404
    assert browser.forge(f"/console/inbox/{found.id}", do="answer", words="您好").status_code == 404
    assert _rows(console, "SELECT count(*) FROM handover_messages WHERE handover_id = %s",
                 found.id) == [(0,)]  # fmt: skip


# -- at the same moment ------------------------------------------------------------------------


def test_two_operators_who_answer_at_once_one_is_the_one(console: Console) -> None:
    for turn in range(4):
        found = begun(console, "在吗")

        def answer(operator: int, found: Handover = found) -> bool:
            try:
                console.circle.store.run(
                    lambda tx: handovers.answer(
                        tx, found.id, words="您好", operator_id=operator, lasts=LASTS,
                        now=console.clock(),
                    )
                )  # fmt: skip
            except Elsewhere:
                return False
            return True

        works = [partial(answer, 1000 + turn * 10 + n) for n in range(4)]
        assert sum(at_once(works)) == 1
        assert now_of(console, found).said == 2  # theirs, and one answer


def test_asked_for_eight_times_at_once_it_is_one(console: Console) -> None:
    now = console.clock()
    for _ in range(4):
        who = someone(console)

        def ask(who: Subscriber = who) -> int:
            def work(tx: Tx) -> int:
                held = subscribers.lock_id(tx, who.id)
                return handovers.begin(
                    tx, held, channel="sms", at_wechat=False, lasts=LASTS, now=now
                ).id

            return console.circle.store.run(work)

        assert len(set(at_once([ask] * 8))) == 1


def test_words_and_an_end_at_once_lose_nothing_and_nothing_follows_an_end(
    console: Console,
) -> None:
    found, now = begun(console), console.clock()

    def end() -> None:
        console.circle.store.run(
            lambda tx: handovers.close(tx, found, by=handovers.BY_OPERATOR, now=now)
        )

    def take() -> None:
        try:
            console.circle.store.run(lambda tx: handovers.take(tx, found.id, operator_id=1))
        except Over:
            return

    at_once([end, take, end, take])
    after = now_of(console, found)
    assert (after.state, after.ended_by) == ("closed", "operator")
    with pytest.raises(Over):
        console.circle.store.run(lambda tx: handovers.take(tx, found.id, operator_id=1))
    assert console.circle.store.read(lambda tx: handover_desk.words_of(tx, after, 9)) == []


def test_a_picture_that_they_sent_is_shown_to_who_may_see_the_talk(
    console: Console, browser: Browser
) -> None:
    found = begun(console)

    def send(tx: Tx) -> None:
        now = console.clock()
        for no in (1, 2, 3):
            handovers.hear(
                tx, found, kind="image", words="", key=f"p{found.id}:{no}", lasts=LASTS, now=now
            )
            handover_pictures.want(tx, found, no, now)
        handover_pictures.fetched(tx, found.subscriber_id, found.id, 1, b"a jpeg", now)
        handover_pictures.fetched(tx, found.subscriber_id, found.id, 2, None, now)

    console.circle.store.run(send)
    path = f"/console/inbox/{found.id}"
    page = browser.page(path)
    assert f'src="{path}/pictures/1"' in page
    assert "图片取不来" in page
    assert "图片正在取来" in page
    shown = browser.get(f"{path}/pictures/1")
    assert (shown.data, shown.mimetype) == (b"a jpeg", "image/jpeg")
    assert browser.get(f"{path}/pictures/2").status_code == 404
    assert browser.get("/console/inbox/1/pictures/1").status_code == 404
    assert console.as_("operations").get(f"{path}/pictures/1").status_code == 403
