"""Premium and renewing by chat and SMS: progress, price, points, and what was agreed to."""

from __future__ import annotations

from collections.abc import Callable

from tests.conftest import MovableClock, Phone, World
from tests.dialogs.test_clubs import joins, state

PhoneOf = Callable[[str], Phone]


def spent(world: World) -> int:
    return int(
        world.rows(
            "SELECT coalesce(sum(balance), 0) FROM points_accounts WHERE kind LIKE 'club:%%'"
        )[0][0]
    )


def test_progress_is_shown_and_points_make_premium_at_once(world: World, phone: PhoneOf) -> None:
    joins(world, "李雷", "film")
    li = phone("李雷")
    asked = li.says("升级")["reply"]["text"]
    assert "电影俱乐部高级会员：每月一张免费电影票、首映场优先选座" in asked
    assert "近6个月做任务0/5个，用积分0/2000" in asked
    assert "做到一样就能升级。想马上升级，可以用800积分" in asked
    assert "您有1580积分" in asked
    assert "升级好了！您是电影俱乐部高级会员" in li.says("是")["reply"]["text"]
    assert (state(world), spent(world)) == ([("active", "premium")], 800)
    assert "已经是电影俱乐部高级会员" in li.says("SJ")["reply"]["text"]
    assert "生日当月带身份证" in _birthday(li)
    li.texts("退会")
    assert "高级会员也停，花掉的积分不退" in li.last("sms")


def test_one_condition_alone_is_said_as_one(world: World, phone: PhoneOf) -> None:
    joins(world, "李雷", "lottery")
    li = phone("李雷")
    asked = li.says("升级")["reply"]["text"]
    assert "近6个月用积分0/700，用够了就能升级。想马上升级，可以用300积分" in asked
    li.texts("升级")
    assert "用够了就能升级。想马上升级彩民俱乐部高级会员，可以用300积分" in li.last("sms")


def _birthday(li: Phone) -> str:
    li.says("FW")
    return str(li.says("4")["reply"]["text"])


def test_who_has_too_few_points_is_told_what_they_have(world: World, phone: PhoneOf) -> None:
    joins(world, "王大爷", "film")
    wang = phone("王大爷")
    wang.texts("升级")
    assert "近6个月做任务0/5个" in wang.last("sms")
    assert "您有455积分，还不够" in wang.last("sms")
    assert spent(world) == 0


def test_a_no_costs_nothing_and_a_club_without_premium_says_so(
    world: World, phone: PhoneOf
) -> None:
    joins(world, "李雷", "film", "vip")
    li = phone("李雷")
    li.texts("SJ")
    assert "可以用800积分，有效到" in li.last("sms")
    li.texts("不要")
    assert "没有扣积分" in li.last("sms")
    assert spent(world) == 0
    assert "不分高级会员" in li.taps("premium?club=vip")["reply"]["text"]


def test_what_was_spent_in_the_club_makes_premium_for_nothing(world: World, phone: PhoneOf) -> None:
    joins(world, "韩梅梅", "film")
    han = phone("韩梅梅")
    for _ in range(2):
        han.texts("会员服务")
        han.texts("2")
        han.texts("是")
        assert "换好了：2D电影票" in han.last("sms")
    han.texts("升级")
    assert "恭喜！您已经达到电影俱乐部高级会员的条件" in han.last("sms")
    assert (state(world), spent(world)) == ([("active", "premium")], 0)


def test_rules_that_change_between_question_and_yes_are_asked_anew(
    world: World, phone: PhoneOf, clock: MovableClock
) -> None:
    joins(world, "李雷", "film")
    li = phone("李雷")
    li.texts("升级")
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO membership_rules (content, author, note, at) SELECT jsonb_set(content,"
            " '{clubs,film,premium,needs,pay_points}', '900'), 'wang', 'dearer', now()"
            " FROM membership_rules"
        )
    li.texts("是")
    assert "可以用900积分，有效到" in li.last("sms")
    assert spent(world) == 0
    li.texts("是")
    assert spent(world) == 900


def test_renewing_is_too_early_then_free_then_done(
    world: World, phone: PhoneOf, clock: MovableClock
) -> None:
    joins(world, "王大爷", "film")
    wang = phone("王大爷")
    wang.texts("续费")
    assert "起可以续，到时候会提醒您" in wang.last("sms")
    clock.advance(days=350)
    wang.texts("XF")
    assert "续会免费，不用积分" in wang.last("sms")
    wang.texts("是")
    assert "续好了：电影俱乐部会籍有效到" in wang.last("sms")
    wang.texts("续费")
    assert "起可以续" in wang.last("sms")


def test_of_several_that_can_be_renewed_one_is_picked_and_paid_for(
    world: World, phone: PhoneOf, clock: MovableClock
) -> None:
    joins(world, "李雷", "gamers", "lottery")
    li = phone("李雷")
    li.texts("升级")
    li.texts("1")
    assert "彩民俱乐部高级会员" in li.last("sms")
    li.texts("1")
    assert spent(world) == 0
    li.texts("是")
    assert spent(world) == 300
    clock.advance(days=160)
    li.texts("续会")
    assert "1 彩民俱乐部高级会员，300积分\n2 手机玩家俱乐部会籍，50积分" in li.last("sms")
    li.texts("2")
    assert "要用50积分，您有" in li.last("sms")
    li.texts("是")
    assert "手机玩家俱乐部会籍有效到" in li.last("sms")
    assert spent(world) == 350
    li.texts("JF")
    assert "1150积分" in li.last("sms") or "1230积分" in li.last("sms")


def test_a_membership_without_an_end_needs_no_renewing(world: World, phone: PhoneOf) -> None:
    joins(world, "王大爷", "vip")
    wang = phone("王大爷")
    wang.texts("续费")
    assert "一直有效，不用续费" in wang.last("sms")
