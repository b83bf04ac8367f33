"""Rating what one has used: asked once, at a good moment, and one digit is enough."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from models import activity_ratings, ratings
from models.vouchers import verifying
from models.vouchers.vouchers import Voucher
from tests.conftest import Phone, World
from tests.used import TILL, by_day, person, redeemed, used

PhoneOf = Callable[[str], Phone]


@pytest.fixture
def wang(phone: PhoneOf) -> Phone:
    return phone("王大爷")


@pytest.fixture
def li(phone: PhoneOf) -> Phone:
    return phone("李雷")


def _had(world: World, phone: Phone) -> Voucher:
    """Somebody has used a haircut, by day, and twenty minutes have passed."""
    by_day(world)
    voucher = redeemed(world, person(world, phone.msisdn))
    used(world, voucher)
    world.clock.advance(minutes=21)
    return voucher


def _state(world: World) -> list[tuple[object, ...]]:
    return world.rows("SELECT state, stars FROM ratings")


@pytest.mark.night
def test_the_owner_hears_at_once_that_it_was_used_and_what_to_do_if_it_was_a_thief(
    world: World, wang: Phone
) -> None:
    by_day(world, hour=2)  # by night, too
    voucher = redeemed(world, person(world, wang.msisdn))
    used(world, voucher)
    told = wang.last("sms")
    assert f"流水号{voucher.serial}" in told
    assert "锦绣理发" in told
    assert f"投诉{voucher.serial}" in told
    world.clock.advance(minutes=30)
    world.tick()
    assert wang.last("sms") == told  # nobody is asked anything by night
    by_day(world, hour=9)
    world.tick()
    assert "满意吗" in wang.last("sms")


def test_a_digit_by_sms_is_the_stars_and_counts_for_the_merchant(world: World, wang: Phone) -> None:
    _had(world, wang)
    world.tick()
    assert "1到5" in wang.last("sms")
    wang.texts("5")
    assert "谢谢您的评价" in wang.last("sms")
    assert _state(world) == [("given", 5)]
    now = world.clock()
    score = world.circle.store.read(lambda tx: ratings.score(tx, "jinxiu", now))
    assert score == (500, 1)
    world.tick()
    wang.texts("1")  # asked and answered once
    assert _state(world) == [("given", 5)]


def test_who_wrote_in_wechat_last_is_asked_there(world: World, li: Phone) -> None:
    by_day(world)
    li.says("我到店了")
    used(world, redeemed(world, person(world, li.msisdn)))
    assert "流水号" in li.last("wechat")
    world.clock.advance(minutes=21)
    world.tick()
    assert "很满意" in li.last("wechat")
    assert "谢谢" in li.says("4")["reply"]["text"]
    assert _state(world) == [("given", 4)]


def test_few_stars_lead_to_a_complaint_in_ones_own_words(world: World, wang: Phone) -> None:
    voucher = _had(world, wang)
    world.tick()
    wang.texts("7")
    assert "1到5" in wang.last("sms")
    wang.texts("１。")
    assert "对不起" in wang.last("sms")
    wang.texts("师傅不给洗头")
    assert "已经受理" in wang.last("sms")
    assert "TS10001" in wang.last("sms")
    assert world.rows(
        "SELECT words, transfer_serial, merchant_code, channel, category FROM complaints"
    ) == [("师傅不给洗头", voucher.serial, "jinxiu", "sms", "merchant")]
    assert world.rows("SELECT stars, words FROM ratings") == [(1, "师傅不给洗头")]


def test_who_has_complained_is_not_asked_how_it_was(world: World, wang: Phone) -> None:
    by_day(world)
    voucher = redeemed(world, person(world, wang.msisdn))
    used(world, voucher)
    wang.texts(f"投诉{voucher.serial} 师傅不给洗")
    world.clock.advance(minutes=21)
    world.tick()
    assert "已经受理" in wang.last("sms")
    assert _state(world) == [("dropped", None)]


@pytest.mark.parametrize("no", ["否", "不投诉", "不投诉了。"])
def test_who_does_not_want_to_complain_is_left_alone(world: World, wang: Phone, no: str) -> None:
    _had(world, wang)
    world.tick()
    wang.texts("2")
    wang.texts(no)
    assert "谢谢您告诉我们" in wang.last("sms")
    assert world.rows("SELECT count(*) FROM complaints") == [(0,)]


def test_it_waits_while_another_question_is_open_and_is_never_asked_over_it(
    world: World, wang: Phone
) -> None:
    by_day(world)
    used(world, redeemed(world, person(world, wang.msisdn)))
    wang.texts("加入电影")
    question = wang.last("sms")
    world.clock.advance(minutes=21)
    world.tick()
    assert (wang.last("sms"), _state(world)) == (question, [("owed", None)])
    wang.texts("否")
    world.clock.advance(minutes=11)
    world.tick()
    assert "满意吗" in wang.last("sms")


def test_who_has_opted_out_is_not_asked(world: World, wang: Phone) -> None:
    by_day(world)
    wang.texts("TD")
    used(world, redeemed(world, person(world, wang.msisdn)))
    assert "流水号" in wang.last("sms")  # but must know of a thief
    world.clock.advance(minutes=21)
    world.tick()
    assert "流水号" in wang.last("sms")
    assert _state(world) == [("dropped", None)]


def test_what_was_taken_back_is_not_asked_about_until_it_is_used_again(
    world: World, wang: Phone
) -> None:
    by_day(world)
    voucher = redeemed(world, person(world, wang.msisdn))
    now = used(world, voucher)
    world.circle.store.run(
        lambda tx: verifying.undo(
            tx, TILL, subscriber_id=voucher.subscriber_id, voucher_id=voucher.id, why="按错了",
            now=now,
        )
    )  # fmt: skip
    world.clock.advance(minutes=21)
    world.tick()
    assert _state(world) == [("dropped", None)]
    used(world, voucher, key="again")
    world.clock.advance(minutes=21)
    world.tick()
    assert _state(world) == [("asked", None)]


def test_a_rating_is_not_changed_behind_anybodys_back(world: World, wang: Phone) -> None:
    _had(world, wang)
    world.tick()
    wang.texts("2")
    for change in ("stars = 5", "state = 'dropped', stars = NULL, at = NULL, asked_at = NULL"):
        with pytest.raises(Exception, match="stays what it was"), world.circle.store.begin() as tx:
            tx.exec_driver_sql(f"UPDATE ratings SET {change}")
    assert _state(world) == [("given", 2)]


def _menu(world: World, phone: Phone) -> list[dict[str, str]]:
    """What can be tapped below the last question in the chat."""
    chat = world.control("GET", f"/phones/{phone.name}")["wechat"]
    return [one for one in chat if one["kind"] == "menu_question"][-1]["options"]  # type: ignore[no-any-return]


def test_in_wechat_one_tap_is_enough_and_an_old_one_answers_nothing_else(
    world: World, li: Phone
) -> None:
    by_day(world)
    li.says("反馈")
    li.says("否")
    used(world, redeemed(world, person(world, li.msisdn)))
    world.clock.advance(minutes=21)
    world.tick()
    options = _menu(world, li)
    assert [one["text"] for one in options][:2] == ["5 很满意", "4 满意"]
    tapped = {"text": options[1]["text"], "menu_id": options[1]["id"]}
    assert "谢谢您的评价" in li._does("text", **tapped)["reply"]["text"]
    assert _state(world) == [("given", 4)]
    li.says("退券")  # another question, to which 1 would be a yes
    li.says("加入电影")
    old = {"text": options[4]["text"], "menu_id": options[4]["id"]}
    assert "不用再点" in li._does("text", **old)["reply"]["text"]
    assert _state(world) == [("given", 4)]
    assert world.rows("SELECT count(*) FROM memberships") == [(0,)]


def _came(world: World, phone: Phone, *, ended: timedelta = timedelta()) -> None:
    """Somebody has come to an activity, which is over by now."""
    who, now = person(world, phone.msisdn), world.clock()
    world.circle.store.run(
        lambda tx: activity_ratings.owe(
            tx, subscriber_id=who.id, activity=7, title="周末观影会", ends_at=now - ended
        )
    )


def _stars(world: World) -> list[tuple[object, ...]]:
    return world.rows("SELECT state, stars, words FROM activity_ratings")


def test_who_came_to_an_activity_is_asked_when_it_is_over(world: World, wang: Phone) -> None:
    by_day(world)
    _came(world, wang)
    world.tick()
    assert _stars(world) == [("owed", None, None)]
    world.clock.advance(minutes=31)
    world.tick()
    assert "您参加了周末观影会" in wang.last("sms")
    wang.texts("5")
    assert "下次会办得更好" in wang.last("sms")
    assert _stars(world) == [("given", 5, None)]


def test_what_was_bad_about_an_activity_becomes_feedback_that_is_answered(
    world: World, wang: Phone
) -> None:
    by_day(world)
    _came(world, wang)
    world.clock.advance(minutes=31)
    world.tick()
    wang.texts("8")
    assert "1到5" in wang.last("sms")
    wang.texts("2")
    wang.texts("座位不够，站着看的")
    assert "FK20001" in wang.last("sms")
    assert _stars(world) == [("given", 2, "座位不够，站着看的")]
    assert world.rows("SELECT category, words FROM feedback") == [
        ("club", "周末观影会：座位不够，站着看的")
    ]


def test_nobody_is_asked_about_what_was_long_ago_or_after_opting_out(
    world: World, wang: Phone, li: Phone
) -> None:
    by_day(world)
    _came(world, wang, ended=timedelta(days=3))
    li.texts("TD")
    _came(world, li, ended=timedelta(hours=1))
    world.tick()
    assert [row[0] for row in _stars(world)] == ["dropped", "dropped"]
