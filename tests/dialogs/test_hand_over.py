"""Talking with a person of ours: what is said goes to the inbox, what is a word of ours not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from models import handover_desk, handover_pictures, handovers, subscribers
from tests.conftest import MovableClock, Phone, World

PhoneOf = Callable[[str], Phone]
WORDS = "SELECT who, kind, words FROM handover_messages ORDER BY handover_id, no"


def states(world: World) -> list[tuple[str, str | None]]:
    return [tuple(row) for row in world.rows("SELECT state, ended_by FROM handovers ORDER BY id")]


def test_what_is_no_word_of_ours_goes_to_the_inbox_until_it_is_ended(
    world: World, phone: PhoneOf
) -> None:
    li = phone("李雷")
    assert "已经为您转人工" in li.says("人工")["reply"]["text"]
    assert "已经转给客服" in li.says("我的积分怎么少了")["reply"]["text"]
    assert li.says("上个月还有两千多")["reply"] is None  # as between people
    assert li.says("是的")["reply"] is None  # no question of ours is open
    assert "1580积分" in li.says("积分")["reply"]["text"]  # a word of ours is one
    assert li.says("帮助")["reply"]
    assert li.says("好吧我再等等看")["reply"] is None
    assert "人工服务结束了" in li.says("结束")["reply"]["text"]
    assert "没看懂" in li.says("上个月还有两千多嘛")["reply"]["text"]
    said = [words for _, _, words in world.rows(WORDS)]
    assert said == ["我的积分怎么少了", "上个月还有两千多", "是的", "好吧我再等等看"]
    assert states(world) == [("closed", "person")]
    assert "您现在没有在人工服务中" in li.says("JS")["reply"]["text"]


def test_by_sms_and_asked_twice_it_is_one(world: World, phone: PhoneOf) -> None:
    wang = phone("王大爷")
    wang.texts("rg")
    assert "已经为您转人工" in wang.last("sms")
    wang.texts("转人工")
    assert "您已经在人工服务中" in wang.last("sms")
    wang.texts("我要找人问问")
    assert "已经转给客服" in wang.last("sms")
    before = len(wang.heard("sms"))
    wang.texts("还在吗，没人吗")
    assert len(wang.heard("sms")) == before
    wang.texts("退订")
    assert "不再" in wang.last("sms")
    assert states(world) == [("waiting", None)]


def test_whoever_waits_hears_how_many_are_before_them(phone: PhoneOf) -> None:
    assert "前面还有" not in phone("李雷").says("人工")["reply"]["text"]
    assert "前面还有1位" in phone("韩梅梅").says("人工")["reply"]["text"]


def test_an_open_question_gets_its_answer_first(world: World, phone: PhoneOf) -> None:
    li = phone("李雷")
    li.says("人工")
    li.says("转赠")
    assert "多少积分" in li.says("13800000002")["reply"]["text"]
    assert "请只回复一个数字" in li.says("客服在吗")["reply"]["text"]
    li.says("否")
    assert "已经转给客服" in li.says("客服在吗")["reply"]["text"]
    assert [words for _, _, words in world.rows(WORDS)] == ["客服在吗"]


PICTURES = "SELECT no, state, octet_length(jpeg) > 0 FROM handover_pictures ORDER BY no"


def test_a_picture_is_fetched_for_whoever_is_there_and_goes_with_the_talk(
    world: World, phone: PhoneOf
) -> None:
    li = phone("李雷")
    li.says("人工")
    assert "图片收到了" in li.sends("image")["reply"]["text"]
    world.tick()
    assert world.rows(WORDS) == [("person", "image", "")]
    assert world.rows(PICTURES) == [(1, "kept", True)]
    li._does("image", media_id="gone-since-long")
    world.tick()
    assert [row[1] for row in world.rows(PICTURES)] == ["kept", "failed"]
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE handovers SET state = 'closed', closed_at = heard_at,"
                           " ended_by = 'clock'")  # fmt: skip
        later = world.clock() + timedelta(days=1)
        assert handovers.forget_before(tx, later, 10) == 1
    assert world.rows(PICTURES) == []


def test_pictures_are_enough_at_some_time(
    world: World, phone: PhoneOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover_pictures, "MOST", 1)
    li = phone("李雷")
    li.says("人工")
    li.sends("image")
    assert "图片已经够多了" in li.sends("image")["reply"]["text"]
    assert len(world.rows(PICTURES)) == 1


def test_one_talk_takes_so_much_and_no_more(
    world: World, phone: PhoneOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handovers, "SAID_MOST", 2)
    li = phone("李雷")
    for words in ("人工", "一句话", "又一句话"):
        li.says(words)
    assert "不能再接着说了" in li.says("还有一句话")["reply"]["text"]
    assert len(world.rows(WORDS)) == 2


def test_an_answer_by_us_goes_on_and_a_day_without_a_word_ends_it(
    world: World, phone: PhoneOf, clock: MovableClock
) -> None:
    li, wang = phone("李雷"), phone("王大爷")
    for one in (li, wang):
        one.texts("人工")
    with world.circle.store.begin() as tx:
        (mine, _), *_ = handover_desk.listed(tx, limit=9, after=None)
        handovers.answer(
            tx, mine.id, words="您好", operator_id=7, lasts=timedelta(hours=24),
            now=clock(),
        )  # fmt: skip
    clock.advance(hours=25)
    world.tick()
    assert states(world) == [("closed", "clock")] * 2
    assert "很抱歉，这次没有客服接待到您" in wang.last("sms")
    assert not li.sees("sms", "很抱歉")  # who was answered is left in peace
    wang.texts("客服")
    assert "已经为您转人工" in wang.last("sms")


@pytest.mark.parametrize("yes", ["1", "好的"])
def test_after_three_messages_not_understood_a_person_comes_if_wanted(
    world: World, phone: PhoneOf, yes: str
) -> None:
    li = phone("李雷")
    for words in ("噼里啪啦", "叮叮咚咚"):
        li.says(words)
    assert "要请客服人员帮您吗" in li.says("稀里哗啦")["reply"]["text"]
    assert states(world) == []  # nobody waits who has not agreed
    assert "已经为您转人工" in li.says(yes)["reply"]["text"]
    assert states(world) == [("waiting", None)]


def test_who_wants_no_person_gets_none_and_an_offer_keeps_nobody_from_going_on(
    world: World, phone: PhoneOf
) -> None:
    wang = phone("王大爷")
    for words in ("噼里啪啦", "叮叮咚咚", "稀里哗啦"):
        wang.texts(words)
    assert "要请客服人员帮您吗" in wang.last("sms")
    wang.texts("不要")
    assert "好的，不转人工" in wang.last("sms")
    for words in ("噼里啪啦", "叮叮咚咚", "稀里哗啦"):
        wang.texts(words)
    wang.texts("积分")
    assert "积分" in wang.last("sms")
    wang.texts("轰隆隆隆")  # not the offer once more: it is still open
    assert "这句话我没看懂" in wang.last("sms")
    assert states(world) == []


def test_whoever_binds_a_number_meanwhile_stays_with_their_person(
    world: World, phone: PhoneOf
) -> None:
    zhang, wang = phone("小张"), phone("王大爷")
    zhang.says("人工")
    zhang.says("我的号码是另一个")
    wang.texts("人工")
    with world.circle.store.begin() as tx:
        source = subscribers.find(tx, "wechat", zhang.openid)
        target = subscribers.find(tx, "sms", wang.msisdn)
        assert source is not None
        assert target is not None
        handovers.merge(tx, source=source.id, target=target.id, now=world.clock())
        tx.exec_driver_sql(
            "UPDATE subscribers SET status = 'merged', merged_into = %s WHERE id = %s",
            (target.id, source.id),
        )
        found = handovers.of(tx, target, world.clock())
        assert found is not None
        assert found.subscriber_id == target.id
    assert states(world) == [("closed", "merge"), ("waiting", None)]


class TestInWeChat:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"CIRCLE_HANDOVER__BY_WECHAT": "true", "CIRCLE_WECHAT__MODE": "plain"}

    def test_wechats_own_desk_gets_what_is_said_in_the_chat(
        self, world: World, phone: PhoneOf
    ) -> None:
        li = phone("李雷")
        assert li.says("人工")["reply"] is None
        assert li.says("我的积分怎么少了")["reply"] is None
        passed = world.rows("SELECT reply ->> 'to_wechats_desk' FROM inbox ORDER BY received_at")
        assert passed == [("true",), ("true",)]
        wire = [one["response"] for one in world.control("GET", "/wire?after=0")]
        bodies = [one["body"] for one in wire if one is not None]
        assert sum("<![CDATA[transfer_customer_service]]>" in body for body in bodies) == 2
        assert "1580积分" in li.says("积分")["reply"]["text"]
        assert world.rows(WORDS) == []
        wang = phone("王大爷")
        wang.texts("人工")
        assert "已经为您转人工" in wang.last("sms")
        assert "人工服务结束了" in li.says("结束")["reply"]["text"]
