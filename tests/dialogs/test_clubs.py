"""Clubs by chat and SMS: the list, joining from it, one's own clubs and their services."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models import memberships, subscribers
from tests.conftest import Boss, MovableClock, Phone, World

PhoneOf = Callable[[str], Phone]


def joins(world: World, name: str, *codes: str) -> None:
    """A member of these clubs, from this moment on."""
    person = world.emulators.world.person(name)
    channel, address = ("sms", person.msisdn) if person.msisdn else ("wechat", person.openid)
    now = world.clock()
    with world.circle.store.begin() as tx:
        who = subscribers.lock(tx, channel, address or "", now)
        for code in codes:
            memberships.join(tx, who, code, origin="test", now=now)


def state(world: World, code: str = "film") -> list[tuple[str, str]]:
    return [
        (row[0], row[1])
        for row in world.rows("SELECT state, level FROM memberships WHERE club_code = %s", code)
    ]


def test_by_sms_a_club_is_chosen_looked_at_and_joined(
    world: World, phone: PhoneOf, boss: Boss
) -> None:
    wang = phone("王大爷")
    wang.texts("俱乐部")
    assert "1 电影俱乐部\n2 车友会" in wang.last("sms")
    wang.texts("2")
    assert "车友会：免费洗车" in wang.last("sms")
    assert "资费每月8元" in wang.last("sms")
    wang.texts("2")
    assert "1 电影俱乐部" in wang.last("sms")
    wang.texts("1")
    wang.texts("1")
    assert "资费每月5元。同意请回复“是”" in wang.last("sms")
    wang.texts("是")
    boss.answers()
    assert "欢迎加入电影俱乐部" in wang.last("sms")
    assert state(world) == [("active", "ordinary")]
    (ends,) = world.rows("SELECT ends_on IS NOT NULL FROM memberships")
    assert ends == (True,)


def test_a_digit_sent_twice_neither_joins_nor_redeems(
    world: World, phone: PhoneOf, boss: Boss
) -> None:
    wang = phone("王大爷")
    for words in ("俱乐部", "2", "1", "1"):
        wang.texts(words)
    assert "请再确认一次：加入中国移动的车友会，资费每月8元" in wang.last("sms")
    assert boss.orders() == []
    wang.texts("1")
    assert len(boss.orders()) == 1
    joins(world, "李雷", "film")
    li = phone("李雷")
    for words in ("FW", "1", "1"):
        li.texts(words)
    assert "要用500积分加15元" in li.last("sms")
    assert world.rows("SELECT count(*) FROM vouchers") == [(0,)]


def test_in_wechat_the_list_says_which_ones_are_mine_and_leads_to_what_i_can_do(
    world: World, phone: PhoneOf
) -> None:
    joins(world, "李雷", "film")
    li = phone("李雷")
    assert "1 电影俱乐部（已加入）\n2 车友会" in li.taps("clubs")["reply"]["text"]
    answer = li.says("1")["reply"]["text"]
    assert "电影俱乐部：会员，到" in answer
    assert "1 会员服务\n2 升级高级会员\n3 续费\n4 暂停会员\n5 退会" in answer
    assert "没有办理" in li.says("否")["reply"]["text"]


def test_what_cannot_be_read_is_asked_again_and_a_wrong_number_too(
    world: World, phone: PhoneOf
) -> None:
    wang = phone("王大爷")
    wang.texts("JLB")
    wang.texts("风吹草低见牛羊")
    assert "请只回复1到6里的一个数字" in wang.last("sms")
    wang.texts("9")
    assert "请只回复1到6里的一个数字" in wang.last("sms")
    wang.texts("0")
    assert "没有办理" in wang.last("sms")


def test_who_is_in_no_club_is_told_where_the_list_is(phone: PhoneOf) -> None:
    wang = phone("王大爷")
    for words in ("我的俱乐部", "FW", "SJ", "XF", "ZT", "HFHY", "TH"):
        wang.texts(words)
        assert "您还没有加入俱乐部。回复“俱乐部”" in wang.last("sms"), words


def test_one_of_several_clubs_is_picked_by_its_number(world: World, phone: PhoneOf) -> None:
    joins(world, "王大爷", "film", "car")
    wang = phone("王大爷")
    wang.texts("WDJLB")
    assert "我的俱乐部：请选一个俱乐部\n1 电影俱乐部\n2 车友会" in wang.last("sms")
    wang.texts("2")
    assert "车友会：会员，到" in wang.last("sms")
    wang.texts("1")
    assert "车友会的会员服务：\n1 洗车券 600积分" in wang.last("sms")


def test_a_service_is_taken_for_points_or_said_how_to_get(world: World, phone: PhoneOf) -> None:
    joins(world, "李雷", "film")
    li = phone("李雷")
    listed = li.says("会员服务")["reply"]["text"]
    assert "1 半价电影票 500积分加15元\n2 2D电影票 1200积分\n3 首映场选座（高级）" in listed
    assert "高级会员的服务。想升级" in li.says("3")["reply"]["text"]
    li.says("会员服务")
    assert "2D电影票（会员专享）\n· 要用：1200积分" in li.says("2")["reply"]["text"]
    joins(world, "王大爷", "car")
    wang = phone("王大爷")
    wang.texts("FW")
    wang.texts("3")
    assert "违章提醒：入会就开通" in wang.last("sms")


def test_a_service_whose_offer_is_taken_off_is_not_listed(world: World, phone: PhoneOf) -> None:
    joins(world, "王大爷", "car")
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE offers SET ends_at = %s WHERE code = 'carwash'", (world.clock(),)
        )
    wang = phone("王大爷")
    wang.texts("FW")
    assert "1 小保养 5000积分" in wang.last("sms")


# -- leaving -------------------------------------------------------------------------------------


def test_j1s_member_leaves_by_sms_boss_closes_and_the_tag_goes(
    world: World, phone: PhoneOf, boss: Boss
) -> None:
    world.control("POST", "/boss/settings", close_at_once=False)
    li = phone("李雷")
    li.scans("cinema-01")
    li.texts("是")
    boss.answers()
    assert _tags(world, "李雷") != []
    li.texts("退出电影")
    assert "月费停收，会员优惠不能再用" in li.last("sms")
    li.texts("是")
    assert "正在为您退出电影俱乐部" in li.last("sms")
    assert state(world) == [("leaving", "ordinary")]
    li.texts("TCDY")
    assert "正在办理，请等一等" in li.last("sms")
    boss.answers("closed")
    assert "您已退出电影俱乐部，不再收费" in li.last("sms")
    assert state(world) == [("left", "ordinary")]
    assert _tags(world, "李雷") == []
    assert world.rows("SELECT subject, granted FROM consents ORDER BY id") == [
        ("club:film", "yes"), ("club:film:leave", "yes"),
    ]  # fmt: skip


def _tags(world: World, name: str) -> list[int]:
    return list(world.control("GET", f"/phones/{name}")["tags"])


def test_who_says_no_stays_and_a_digit_sent_twice_is_no_yes(world: World, phone: PhoneOf) -> None:
    joins(world, "王大爷", "film", "car")
    wang = phone("王大爷")
    wang.texts("TH")
    wang.texts("1")
    assert "退出电影俱乐部以后" in wang.last("sms")
    wang.texts("1")
    assert "退出电影俱乐部以后" in wang.last("sms")
    assert state(world) == [("active", "ordinary")]
    wang.texts("否")
    assert "好的，不退，您还是电影俱乐部的会员" in wang.last("sms")


def test_what_boss_refuses_to_close_stays_open(world: World, phone: PhoneOf) -> None:
    joins(world, "王大爷", "film")
    wang = phone("王大爷")
    world.control("POST", "/boss/settings", refuse=True, reason="有未付账单")
    wang.texts("退会")
    wang.texts("是")
    assert "这次没有退成，您还是会员，优惠照常用。原因：有未付账单" in wang.last("sms")
    assert state(world) == [("active", "ordinary")]


def test_who_has_left_joins_again(world: World, phone: PhoneOf, boss: Boss) -> None:
    joins(world, "王大爷", "film")
    wang = phone("王大爷")
    wang.texts("退会")
    wang.texts("是")
    assert state(world) == [("left", "ordinary")]
    wang.texts("加入电影")
    wang.texts("是")
    boss.answers()
    assert "欢迎加入电影俱乐部" in wang.last("sms")
    assert state(world) == [("active", "ordinary")]


# -- resting -------------------------------------------------------------------------------------


def test_a_membership_rests_and_comes_back(
    world: World, phone: PhoneOf, boss: Boss, clock: MovableClock
) -> None:
    joins(world, "李雷", "film")
    li = phone("李雷")
    assert "最长6个月" in li.says("暂停会员")["reply"]["text"]
    assert "正在为您暂停" in li.says("是")["reply"]["text"]
    assert "暂停好了，不再收费" in li.last("wechat")
    (ends,) = world.rows("SELECT ends_on FROM memberships")
    assert "会籍暂停着" in li.says("会员服务")["reply"]["text"]
    clock.advance(days=10)
    li.texts("加入电影")
    assert "恢复电影俱乐部吗？资费每月5元" in li.last("sms")
    li.texts("是")
    boss.answers()
    assert "欢迎回来！电影俱乐部恢复好了：会员，到" in li.last("sms")
    assert state(world) == [("active", "ordinary")]
    ((later,),) = world.rows("SELECT ends_on FROM memberships")
    assert (later - ends[0]).days == 10


def test_another_fee_than_was_asked_for_is_asked_for_anew(
    world: World, phone: PhoneOf, boss: Boss
) -> None:
    joins(world, "王大爷", "film")
    wang = phone("王大爷")
    wang.texts("ZT")
    wang.texts("是")
    wang.texts("HFHY")
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE clubs SET price_fen = 9900 WHERE code = 'film'")
    wang.texts("是")
    assert "资费每月99元" in wang.last("sms")
    wang.texts("是")
    boss.answers("refused", "号码已停机")
    assert "没有恢复成功，没有收费。原因：号码已停机" in wang.last("sms")
    assert state(world) == [("suspended", "ordinary")]


@pytest.mark.parametrize("words", ["暂停会员", "退会"])
def test_a_late_answer_of_boss_still_counts(
    world: World, phone: PhoneOf, boss: Boss, clock: MovableClock, words: str
) -> None:
    joins(world, "王大爷", "film")
    world.control("POST", "/boss/settings", close_at_once=False)
    wang = phone("王大爷")
    wang.texts(words)
    wang.texts("是")
    clock.advance(minutes=31)
    world.tick()
    assert "比平时慢了一些" in wang.last("sms")
    boss.answers("closed")
    assert "不再收费" in wang.last("sms")
