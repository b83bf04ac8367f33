"""Feedback by chat and SMS: words first, pictures where there is a camera, and the answer."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from PIL import Image

from dialogs import feedback_news
from models import feedback, feedback_pictures, subscribers
from tests.conftest import Phone, World

PhoneOf = Callable[[str], Phone]


@pytest.fixture
def wang(phone: PhoneOf) -> Phone:
    return phone("王大爷")


@pytest.fixture
def li(phone: PhoneOf) -> Phone:
    return phone("李雷")


def _kept(world: World) -> list[tuple[object, ...]]:
    return world.rows("SELECT number, category, words, channel, state FROM feedback ORDER BY 1")


def _sends(phone: Phone, picture: bytes | None = None) -> str:
    """A picture in the chat; what is answered on the spot."""
    body = {"picture": base64.b64encode(picture).decode()} if picture is not None else {}
    return str(phone._does("image", **body)["reply"]["text"])


def test_by_sms_a_digit_and_ones_own_words_are_enough(world: World, wang: Phone) -> None:
    wang.texts("反馈")
    assert "1积分 2俱乐部和活动" in wang.last("sms")
    wang.texts("3")
    assert "写下来" in wang.last("sms")
    wang.texts("洗车要等太久，希望能预约")
    assert "编号FK20001" in wang.last("sms")
    assert "图片" not in wang.last("sms")
    assert _kept(world) == [(20001, "merchant", "洗车要等太久，希望能预约", "sms", "received")]


def test_who_writes_at_once_need_not_choose(world: World, wang: Phone) -> None:
    wang.texts("fk")
    wang.texts("短信太多了，一天三条")
    assert "FK20001" in wang.last("sms")
    assert _kept(world)[0][1:3] == ("other", "短信太多了，一天三条")


def test_no_ends_it_and_nothing_is_kept(world: World, wang: Phone) -> None:
    wang.texts("建议")
    wang.texts("不用了，谢谢")
    assert "随时回复" in wang.last("sms")
    wang.texts("意见")
    wang.texts("9")
    assert "6其他" in wang.last("sms")
    wang.texts("2")
    wang.texts("否")
    assert _kept(world) == []


def test_in_wechat_a_picture_follows_and_is_drawn_anew_without_its_place(
    world: World, li: Phone
) -> None:
    assert "3 商户" in li.says("反馈")["reply"]["text"]
    li.says("3")
    assert "最多3张" in li.says("券用不了，机器坏了")["reply"]["text"]
    assert "第1张" in _sends(li)
    assert "编号FK20001" in li.says("完")["reply"]["text"]
    jpeg = world.circle.store.read(lambda tx: feedback_pictures.jpeg_of(tx, 20001, 1))
    assert jpeg is not None
    picture = Image.open(io.BytesIO(jpeg))
    assert (picture.format, picture.size, len(picture.getexif())) == ("JPEG", (1280, 960), 0)
    assert b"Exif" not in jpeg
    assert b"Phone" not in jpeg


def test_a_picture_may_come_first_and_three_are_enough(world: World, li: Phone) -> None:
    li.says("反馈")
    assert "再写几个字" in _sends(li)
    li.says("门口的牌子写错了")
    _sends(li)
    assert "收齐了" in _sends(li)
    assert world.rows("SELECT no, state FROM feedback_pictures ORDER BY no") == [
        (1, "kept"), (2, "kept"), (3, "kept"),
    ]  # fmt: skip
    assert "看不懂图片" in _sends(li)  # nobody waits for one any more


def test_what_is_no_picture_is_noted_and_the_words_stay(world: World, li: Phone) -> None:
    li.says("反馈")
    li.says("电影票很划算")
    _sends(li, b"\xff\xd8\xff no picture")
    li._does("image", media_id="gone-since-long")
    assert world.rows("SELECT state FROM feedback_pictures") == [("failed",), ("failed",)]
    assert _kept(world)[0][2] == "电影票很划算"


def test_what_is_said_while_a_picture_is_awaited_is_added(world: World, li: Phone) -> None:
    li.says("反馈")
    li.says("座位太硬")
    assert "补充的话记下了" in li.says("在三号厅")["reply"]["text"]
    world.clock.advance(hours=25)
    world.tick()
    assert "FK20001已收到" in li.says("FK20001")["reply"]["text"]
    said = world.circle.store.read(lambda tx: feedback.events_of(tx, 20001))
    assert [(one.what, one.words) for one in said] == [("opened", None), ("added", "在三号厅")]


def test_wechat_gives_the_picture_later_and_it_is_fetched_then(world: World, li: Phone) -> None:
    li.says("反馈")
    li.says("票面印错了")
    world.fault("wechat.api", "error", path="media/get", code=-1)
    _sends(li)
    world.clock.advance(minutes=10)
    world.tick()
    assert world.rows("SELECT state FROM feedback_pictures") == [("kept",)]


def test_a_person_is_told_that_somebody_has_it_and_what_we_say(
    world: World, wang: Phone, li: Phone
) -> None:
    wang.texts("反馈")
    wang.texts("希望周末也能换票")
    store, menus, now = world.circle.store, world.circle.live(), world.clock()

    def take(tx: object) -> None:
        taken = feedback.take(tx, 20001, by="zhang", now=now)  # type: ignore[arg-type]
        feedback_news.moved(tx, menus, taken, now=now)  # type: ignore[arg-type]

    store.run(take)
    world.work()
    assert "FK20001已有专人在办" in wang.last("sms")
    words = "下个月起，周末也能换票了。" * 6
    store.run(
        lambda tx: feedback_news.moved(
            tx, menus, feedback.answer(tx, 20001, words=words, by="zhang", now=now),
            answer=words, now=now,
        )
    )  # fmt: skip
    world.work()
    assert "周末也能换票" in wang.last("sms")
    wang.texts("我的反馈")
    assert "FK20001" in wang.last("sms")
    assert "已答复" in wang.last("sms")
    wang.texts("FK20001")
    assert "的答复：下个月起" in wang.last("sms")
    li.says("FK20001")
    assert "没有找到您的这个编号" in li.says("FK20001")["reply"]["text"]
    assert "还没有给我们留过话" in li.says("我的反馈")["reply"]["text"]


def test_so_much_a_day_and_no_more(world: World, wang: Phone) -> None:
    person = world.circle.store.read(lambda tx: subscribers.find(tx, "sms", wang.msisdn))
    assert person is not None
    for _ in range(10):
        world.circle.store.run(
            lambda tx: feedback.keep(
                tx, person=person.id, category="other", words="还是不行", channel="sms",
                lasts=timedelta(hours=72), now=world.clock(),
            )
        )  # fmt: skip
    wang.texts("反馈")
    assert "说得比较多" in wang.last("sms")


def test_much_white_space_before_the_words_is_not_what_was_said(world: World, wang: Phone) -> None:
    wang.texts("反馈")
    wang.texts(" " * 1001 + "排队太久")
    assert "FK20001" in wang.last("sms")
    assert _kept(world)[0][2] == "排队太久"
