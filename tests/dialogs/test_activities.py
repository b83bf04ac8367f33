"""Activities: found, signed up for, waited for, given up, told of; by SMS and in the chat."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from models.activities import planning
from tests.conftest import MovableClock, Phone, World
from tests.dialogs.activities import at_the_door, join_club, miscounted, noon, only, plan

PhoneOf = Callable[[str], Phone]


def test_by_sms_one_is_chosen_agreed_to_and_found_again(world: World, phone: PhoneOf) -> None:
    only(
        world,
        plan(noon(world, 3)),
        plan(noon(world, 4), title="社区讲座", place="定王台"),
    )
    wang = phone("王大爷")
    wang.texts("hd")
    film, talk = (row[0] for row in world.rows("SELECT id FROM activities WHERE state ="
                                               " 'published' ORDER BY id"))  # fmt: skip
    assert f"{film} 周末观影会，" in wang.last("sms")
    assert f"{talk} 社区讲座，" in wang.last("sms")
    assert "余3位" in wang.last("sms")
    wang.texts("2")
    assert "定王台，还有3个名额，不收费" in wang.last("sms")
    wang.texts("是")
    assert "报名成功！社区讲座" in wang.last("sms")
    wang.texts("我的活动")
    assert " 社区讲座，" in wang.last("sms")
    assert "已报名" in wang.last("sms")
    wang.texts("取消活动")
    assert "要取消社区讲座" in wang.last("sms")
    wang.texts("是")
    assert "取消好了" in wang.last("sms")
    wang.texts("WDHD")
    assert "现在没有报名的活动" in wang.last("sms")
    assert miscounted(world) == []


def test_more_than_two_sms_hold_are_read_on(world: World, phone: PhoneOf) -> None:
    names = [f"第{no}场电影" for no in "一二三四五"]
    only(world, *[plan(noon(world, 3 + no), title=name) for no, name in enumerate(names)])
    wang = phone("王大爷")
    wang.texts("活动")
    first = wang.last("sms")
    assert "看后面的回复“更多”" in first
    wang.texts("更多")
    assert "第五场电影" in wang.last("sms")
    assert names[first.count("场电影")] in wang.last("sms")
    wang.texts("什么")
    assert re.search(r"请只回复活动前面的数字，例如[0-9]{4}；", wang.last("sms"))
    wang.texts("1")
    assert f"{names[first.count('场电影')]}：" in wang.last("sms")


def test_in_the_chat_a_poster_leads_straight_to_it(world: World, phone: PhoneOf) -> None:
    (number,) = only(world, plan(noon(world, 3)))
    li = phone("李雷")
    assert "还有3个名额" in li.scans(f"activity-{number}")["reply"]["text"]
    assert "报名成功" in li.says("好的")["reply"]["text"]
    assert "您已经报名了" in li.says(f"活动{number}")["reply"]["text"]
    assert "没有报名" in phone("韩梅梅").says(f"取消活动{number}")["reply"]["text"]


def test_who_waits_moves_up_when_somebody_gives_up_and_is_told(
    world: World, phone: PhoneOf, clock: MovableClock
) -> None:
    (number,) = only(world, plan(noon(world, 3), capacity=1))
    li, wang, han = phone("李雷"), phone("王大爷"), phone("韩梅梅")
    _signs_up(li, number)
    wang.texts(f"活动{number}")
    assert "名额满了，可以候补，您排第1位" in wang.last("sms")
    wang.texts("是")
    assert "候补登记好了" in wang.last("sms")
    han.says(f"活动{number}")
    assert "您排第2位" in han.says("是")["reply"]["text"]
    li.says("取消活动")
    assert "取消好了" in li.says("是")["reply"]["text"]
    _by_day(world, clock)
    assert "排到您了！周末观影会有了您的名额" in wang.last("sms")
    assert not han.sees("wechat", "排到您了")
    assert "候补第1位" in han.says("我的活动")["reply"]["text"]
    assert miscounted(world) == []


def test_a_place_that_was_taken_meanwhile_is_waited_for_only_if_asked(
    world: World, phone: PhoneOf
) -> None:
    (number,) = only(world, plan(noon(world, 3), capacity=1))
    li, wang = phone("李雷"), phone("王大爷")
    wang.texts(f"活动{number}")
    _signs_up(li, number)
    wang.texts("是")
    assert "名额满了，可以候补" in wang.last("sms")
    assert world.rows("SELECT taken, waiting FROM activity_places") == [(1, 0)]
    wang.texts("否")
    assert "没有报名" in wang.last("sms")


def test_what_was_changed_since_it_was_asked_is_asked_anew(world: World, phone: PhoneOf) -> None:
    (number,) = only(world, plan(noon(world, 3)))
    wang = phone("王大爷")
    wang.texts(f"活动{number}")
    later = plan(noon(world, 5), place="华艺影院")
    world.circle.store.run(lambda tx: planning.edit(tx, number, later, now=world.clock()))
    wang.texts("是")
    assert "华艺影院，还有3个名额" in wang.last("sms")
    wang.texts("是")
    assert "报名成功" in wang.last("sms")


def test_a_digit_that_was_sent_twice_is_no_yes(world: World, phone: PhoneOf) -> None:
    only(world, plan(noon(world, 3)), plan(noon(world, 4), title="社区讲座"))
    wang = phone("王大爷")
    wang.texts("活动")
    wang.texts("1")
    wang.texts("1")
    assert "要报名请回复“是”" in wang.last("sms")
    assert world.rows("SELECT count(*) FROM activity_signups") == [(0,)]


def test_a_yes_is_clear_where_another_digit_has_picked_it(world: World, phone: PhoneOf) -> None:
    _, talk = only(world, plan(noon(world, 3)), plan(noon(world, 4), title="社区讲座"))
    wang, li = phone("王大爷"), phone("李雷")
    for words in ("活动", "2", "1"):
        wang.texts(words)
    assert "报名成功！社区讲座" in wang.last("sms")
    li.says("活动")
    assert "社区讲座" in li.says(str(talk))["reply"]["text"]
    assert "报名成功" in li.says("1")["reply"]["text"]


def test_a_place_counts_in_a_list_just_shown_and_never_behind_a_word(
    world: World, phone: PhoneOf
) -> None:
    film, talk = only(world, plan(noon(world, 3)), plan(noon(world, 4), title="社区讲座"))
    li = phone("李雷")
    assert f"{film} 周末观影会" in li.says("活动2")["reply"]["text"]  # which 2? the list
    assert "社区讲座\n" in li.says("2")["reply"]["text"]
    assert "报名成功" in li.says("是")["reply"]["text"]
    li.says(f"活动{film}")
    li.says("是")
    listed = li.says("QXHD 1")["reply"]["text"]
    assert f"要取消哪一个？\n{film} 周末观影会" in listed
    assert f"{talk} 社区讲座" in listed
    assert "要取消社区讲座" in li.says(str(talk))["reply"]["text"]
    li.says("否")
    assert "要取消周末观影会" in li.says(f"QXHD{film}")["reply"]["text"]


def test_members_come_first_to_their_own_and_others_are_led_to_joining(
    world: World, phone: PhoneOf
) -> None:
    film, everybody = only(
        world, plan(noon(world, 3), club="film"), plan(noon(world, 4), title="社区讲座")
    )
    wang = phone("王大爷")
    wang.texts("活动")
    said = wang.last("sms")
    assert said.index("社区讲座") < said.index("周末观影会")  # what he can come to stands first
    wang.texts(str(film))
    assert any("先来办加入" in each for each in wang.heard("sms"))
    assert "电影俱乐部" in wang.last("sms")
    wang.texts("否")
    join_club(world, wang.msisdn, "film")
    wang.texts(f"hd{film}")
    assert "还有3个名额" in wang.last("sms")
    (premium,) = only(world, plan(noon(world, 3), club="film", premium_only=True))
    wang.texts(f"hd{premium}")
    assert "高级会员" in wang.last("sms")
    assert everybody


def test_where_a_club_has_none_its_menu_shows_the_others(world: World, phone: PhoneOf) -> None:
    only(world, plan(noon(world, 3), title="社区讲座"))
    assert "社区讲座" in phone("李雷").taps("activities?club=film")["reply"]["text"]


def test_whose_number_is_not_known_binds_it_and_goes_on(world: World, phone: PhoneOf) -> None:
    only(world, plan(noon(world, 3)))
    assert "报名要先知道您的手机号" in phone("小张").says("活动")["reply"]["text"]


def test_an_activity_that_is_called_off_or_moved_is_told_to_all_who_signed_up(
    world: World, phone: PhoneOf, clock: MovableClock
) -> None:
    (number,) = only(world, plan(noon(world, 3), capacity=1))
    li, wang = phone("李雷"), phone("王大爷")
    _signs_up(li, number)
    wang.texts(f"活动{number}")
    wang.texts("是")
    wang.texts("退订")  # no notices; but this he waits for
    moved = plan(noon(world, 3) + timedelta(hours=2), capacity=1)
    world.circle.store.run(lambda tx: planning.edit(tx, number, moved, now=world.clock()))
    _by_day(world, clock)
    assert "改了时间或地点" in wang.last("sms")
    assert li.sees("wechat", "时间或地点有变化") or "改了时间或地点" in li.last("sms")
    world.circle.store.run(
        lambda tx: planning.cancel(tx, number, why="影院停电", now=world.clock())
    )
    _by_day(world, clock)
    assert "取消了：影院停电" in wang.last("sms")
    wang.texts(f"活动{number}")
    assert "已经取消了" in wang.last("sms")
    assert world.rows("SELECT taken, waiting FROM activity_places") == [(0, 0)]


def test_who_goes_is_reminded_the_day_before_and_some_hours_before_and_no_more(
    world: World, phone: PhoneOf, clock: MovableClock
) -> None:
    (number,) = only(world, plan(noon(world, 3)))
    wang = phone("王大爷")
    wang.texts(f"活动{number}")
    wang.texts("是")
    clock.advance(seconds=(noon(world, 2) - world.clock()).total_seconds() + 60)
    for _ in range(2):
        world.tick()
    told = [each for each in wang.heard("sms") if "温馨提醒" in each]
    assert len(told) == 1
    assert "周末观影会快到了" in told[0]
    clock.advance(hours=22)
    world.tick()
    assert len([each for each in wang.heard("sms") if "温馨提醒" in each]) == 2


def test_at_the_door_the_screen_is_scanned_or_its_digits_are_sent(
    world: World, phone: PhoneOf, clock: MovableClock
) -> None:
    (number,) = only(world, plan(noon(world, 1)))
    li, wang, han = phone("李雷"), phone("王大爷"), phone("韩梅梅")
    _signs_up(li, number)
    wang.texts(f"活动{number}")
    wang.texts("是")
    clock.advance(seconds=(noon(world, 1) - world.clock()).total_seconds() - 3600)
    code = at_the_door(world, number)
    assert "签到成功" in li.scans(f"checkin-{code.code}")["reply"]["text"]
    assert "已经签到过了" in li.scans(f"checkin-{code.code}")["reply"]["text"]
    wang.texts("签到")
    assert "6位数字" in wang.last("sms")
    wang.texts(code.digits)
    assert "签到成功" in wang.last("sms")
    assert "签到成功" in han.scans(f"checkin-{code.code}")["reply"]["text"]  # there was a place
    clock.advance(minutes=3)
    late = phone("小张").scans(f"checkin-{code.code}")["reply"]["text"]
    assert "已经换了" in late  # a photo of it is worth nothing
    events = "SELECT subscriber_id, values FROM earning_events WHERE type = 'activity_attended'"
    assert len(world.rows(events)) == 3
    assert miscounted(world) == []


def test_digits_cannot_be_guessed(world: World, phone: PhoneOf, clock: MovableClock) -> None:
    (number,) = only(world, plan(noon(world, 1)))
    wang = phone("王大爷")
    wang.texts("签到482913")
    assert "没有报名" in wang.last("sms")
    wang.texts(f"活动{number}")
    wang.texts("是")
    wang.texts("签到482913")
    assert "10:00开始签到" in wang.last("sms")
    clock.advance(seconds=(noon(world, 1) - world.clock()).total_seconds())
    code = at_the_door(world, number)
    wrong = f"{(int(code.digits) + 1) % 10**6:06d}"
    for _ in range(5):
        wang.texts(f"签到{wrong}")
        assert "数字不对" in wang.last("sms")
    wang.texts(f"签到{code.digits}")
    assert "找现场的工作人员" in wang.last("sms")


@pytest.mark.parametrize(
    ("words", "said"),
    [("活动9999", "没有找到这个活动"), ("HD", "没有可以报名的活动"), ("QXHD", "没有报名的活动")],
)  # fmt: skip
def test_what_is_not_there_is_said(world: World, phone: PhoneOf, words: str, said: str) -> None:
    only(world)
    wang = phone("王大爷")
    wang.texts(words)
    assert said in wang.last("sms")


def _signs_up(who: Phone, number: int) -> None:
    who.says(f"活动{number}")
    assert "报名成功" in who.says("是")["reply"]["text"]


def _by_day(world: World, clock: MovableClock) -> None:
    """News is told at the next ten o'clock."""
    clock.advance(seconds=(noon(world, 1) - world.clock()).total_seconds() - 7200)
    world.tick()


def test_nobody_is_offered_to_wait_when_nobody_moves_up_any_more(
    world: World, phone: PhoneOf
) -> None:
    soon = world.clock() + timedelta(hours=1, minutes=30)
    (number,) = only(
        world, plan(soon, capacity=1, closes_at=soon - timedelta(minutes=10))
    )  # fmt: skip
    li, han = phone("李雷"), phone("韩梅梅")
    li.says(f"活动{number}")
    li.says("是")
    said = han.says(f"活动{number}")["reply"]["text"]
    assert "候补，您排" not in said
    assert "排不上了" in said
