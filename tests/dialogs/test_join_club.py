"""J1: the film club at the cinema, up to the welcome and the ticket page."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models import clubs, subscribers
from tests.conftest import Boss, MovableClock, Phone, World

PhoneOf = Callable[[str], Phone]


def test_a_scan_and_a_yes_make_a_member_when_boss_has_confirmed(
    phone: PhoneOf, boss: Boss, world: World
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    assert li.sees("wechat", "请您看一下手机138****0001的短信")
    assert "电影俱乐部" in li.last("sms")
    assert "5元" in li.last("sms")
    li.texts("是。")
    assert "正在为您开通" in li.last("sms")
    boss.answers()
    assert "欢迎加入电影俱乐部" in li.last("sms")
    assert f"{world.url}/l/" in li.last("sms")
    assert world.rows("SELECT club_code, state FROM memberships") == [("film", "active")]
    history = world.rows("SELECT change_no, state FROM membership_changes ORDER BY change_no")
    assert history == [(1, "opening"), (2, "active")]


def test_the_same_question_can_be_answered_in_the_chat(phone: PhoneOf, boss: Boss) -> None:
    han = phone("韩梅梅")
    han.scans("cinema-01")
    answer = han.says("好的")
    assert "正在为您开通" in answer["reply"]["text"]
    boss.answers()
    assert "欢迎加入电影俱乐部" in han.last("wechat")
    assert "/clubs/film" in han.last("wechat")


def test_somebody_without_wechat_joins_by_a_keyword(phone: PhoneOf, boss: Boss) -> None:
    wang = phone("王大爷")
    wang.texts("ＪＲ电影")
    assert "同意请回复“是”" in wang.last("sms")
    wang.texts("同意")
    boss.answers()
    assert "欢迎加入电影俱乐部" in wang.last("sms")


def test_the_consent_is_kept_with_question_answer_and_message(phone: PhoneOf, world: World) -> None:
    phone("李雷").scans("cinema-01")
    phone("李雷").texts(" 是 ")
    ((subject, granted, question, answer, key),) = world.rows(
        "SELECT subject, granted, question, answer, message_key FROM consents"
    )
    assert (subject, granted, answer) == ("club:film", "yes", " 是 ")
    assert "每月5元" in question
    assert key.startswith("twilio:")


def test_a_no_ends_it_without_a_call(phone: PhoneOf, boss: Boss) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    li.texts("不要")
    assert "这次不加入电影俱乐部" in li.last("sms")
    assert boss.orders() == []
    li.texts("是")
    assert "没有等您回答的问题" in li.last("sms")


def test_a_member_is_told_so_and_not_asked(phone: PhoneOf, boss: Boss) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    li.texts("1")
    boss.answers()
    answer = li.scans("cinema-01")
    assert "已经是电影俱乐部的会员" in answer["reply"]["text"]
    assert len(boss.orders()) == 1


def test_a_scan_while_boss_is_working_does_not_ask_again(phone: PhoneOf, boss: Boss) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    li.texts("是")
    assert "正在为您开通" in li.scans("cinema-01")["reply"]["text"]
    li.texts("是")
    assert "还在办理" in li.last("sms")
    assert len(boss.orders()) == 1


def test_what_is_no_answer_is_met_once_with_help_and_then_left_open(
    phone: PhoneOf, boss: Boss
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    li.texts("多少钱啊")
    assert "没看懂您的回复。您愿意加入" in li.last("sms")
    li.texts("你是谁")
    assert "这句话我没看懂" in li.last("sms")
    li.texts("是")
    assert len(boss.orders()) == 1


def test_looking_at_the_balance_leaves_the_question_open(phone: PhoneOf, boss: Boss) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    assert "1580积分" in li.taps("balance")["reply"]["text"]
    assert "1580积分" in li.says("JF")["reply"]["text"]
    li.texts("JF")
    assert "1580积分" in li.last("sms")
    li.texts("是")
    assert len(boss.orders()) == 1


def test_a_second_scan_replaces_the_question_of_the_first(phone: PhoneOf, boss: Boss) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    li.scans("club-car")
    li.texts("是")
    assert [order["service"] for order in boss.orders()] == ["CLUB_CAR"]


def test_a_yes_that_was_sent_before_the_question_confirms_nothing(
    phone: PhoneOf, boss: Boss, clock: MovableClock
) -> None:
    li = phone("李雷")
    li.scans("club-car")
    clock.advance(minutes=5)
    li.scans("cinema-01")
    clock.advance(minutes=-1)  # WeChat delivers late what was said a minute before
    answer = li.says("是")
    assert "前面的问题" in answer["reply"]["text"]
    assert "电影俱乐部" in answer["reply"]["text"]
    assert boss.orders() == []


def test_an_unanswered_question_lapses_and_a_late_yes_is_told_so(
    phone: PhoneOf, boss: Boss, world: World, clock: MovableClock
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    sent = len(li.heard("sms"))
    clock.advance(hours=24, minutes=1)
    world.tick()
    assert len(li.heard("sms")) == sent
    li.texts("是")
    assert "已经过了时间" in li.last("sms")
    assert boss.orders() == []


def test_boss_refuses_and_the_subscriber_hears_why(
    phone: PhoneOf, boss: Boss, world: World
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    li.texts("是")
    boss.answers("refused", "号码已停机")
    assert "没有收费。原因：号码已停机" in li.last("sms")
    assert world.rows("SELECT state FROM memberships") == [("refused",)]
    li.scans("cinema-01")
    assert "同意请回复" in li.last("sms")


@pytest.mark.slow
def test_boss_is_late_and_the_true_answer_still_counts(
    phone: PhoneOf, boss: Boss, world: World, clock: MovableClock
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    li.texts("是")
    clock.advance(minutes=11)
    world.tick()
    assert "比平时慢" in li.last("sms")
    clock.advance(hours=30)
    world.tick()
    boss.answers()
    assert "欢迎加入电影俱乐部" in li.last("sms")
    welcomes = [said for said in li.heard("sms") if "欢迎加入" in said]
    assert len(welcomes) == 1
    assert len(boss.orders()) == 1


def test_boss_confirms_three_times_and_there_is_one_welcome(
    phone: PhoneOf, boss: Boss, world: World
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    li.texts("是")
    boss.answers(times=3)
    assert len([said for said in li.heard("sms") if "欢迎加入" in said]) == 1
    assert world.rows("SELECT count(*) FROM membership_changes") == [(2,)]


@pytest.mark.slow
def test_a_confirmation_that_never_came_is_asked_for(
    phone: PhoneOf, boss: Boss, world: World, clock: MovableClock
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    li.texts("是")
    world.fault("boss.callback", "bad_signature", times=0)
    boss.answers()
    assert "正在为您开通" in li.last("sms")
    clock.advance(minutes=2)
    world.tick()
    assert "欢迎加入电影俱乐部" in li.last("sms")


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "more"), [("error", {"status": 503}), ("drop", {})])
def test_a_call_that_fails_is_made_again_as_the_same_order(
    phone: PhoneOf, boss: Boss, world: World, clock: MovableClock, fault: str, more: dict[str, int]
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    world.fault("boss.api", fault, **more)
    li.texts("是")
    clock.advance(seconds=10)
    world.tick()
    boss.answers()
    assert "欢迎加入电影俱乐部" in li.last("sms")
    assert len(boss.orders()) == 1


@pytest.mark.slow
def test_a_call_is_owed_for_as_long_as_boss_is_down_and_made_when_it_is_back(
    phone: PhoneOf, boss: Boss, world: World, clock: MovableClock
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    world.fault("boss.api", "error", status=503, times=0)
    li.texts("是")
    for _ in range(10):
        clock.advance(minutes=15)
        world.tick()
    assert "比平时慢" in li.last("sms")
    assert world.rows("SELECT state FROM outbox WHERE kind = 'call'") == [("owed",)]
    world.control("DELETE", "/faults")
    clock.advance(minutes=15)
    world.tick()
    boss.answers()
    assert "欢迎加入电影俱乐部" in li.last("sms")


def test_a_question_is_over_when_its_time_is_over_even_if_no_clock_runs(
    phone: PhoneOf, boss: Boss, clock: MovableClock
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    clock.advance(hours=25)
    li.texts("是")
    assert "已经过了时间" in li.last("sms")
    assert boss.orders() == []


def test_a_yes_by_sms_does_not_answer_a_question_that_has_not_been_sent(
    phone: PhoneOf, boss: Boss, world: World
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    world.control("POST", f"/wechat/{li.openid}/scan", scene="club-car")  # no worker runs
    answer = world.control("POST", "/sms/+8613800000001/text", text="是")
    assert answer["status"] == 200
    world.work()
    assert "前面的问题" in li.last("sms")
    assert boss.orders() == []


def test_a_yes_that_wechat_delivers_late_does_not_answer_a_newer_question(
    phone: PhoneOf, boss: Boss, clock: MovableClock
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    clock.advance(seconds=4)
    li.scans("club-vip")
    clock.advance(seconds=-4)
    assert "前面的问题" in li.says("是")["reply"]["text"]
    assert boss.orders() == []


def test_the_chat_shows_what_is_agreed_to(phone: PhoneOf) -> None:
    text = phone("李雷").scans("cinema-01")["reply"]["text"]
    assert "中国移动邀您加入电影俱乐部，资费每月5元" in text
    assert "退会" in text


def test_a_price_that_changed_since_the_offer_is_offered_anew(
    phone: PhoneOf, boss: Boss, world: World
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE clubs SET price_fen = 9900 WHERE code = 'film'")
    li.texts("是")
    assert "资费每月99元" in li.last("sms")
    assert boss.orders() == []
    assert world.rows("SELECT count(*) FROM consents") == [(0,)]
    li.texts("是")
    assert len(boss.orders()) == 1


def test_a_blocked_person_opens_nothing(phone: PhoneOf, boss: Boss, world: World) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE subscribers SET status = 'blocked' WHERE id = 1001")
    li.texts("是")
    assert boss.orders() == []


def test_who_became_a_member_elsewhere_meanwhile_is_not_opened_again(
    phone: PhoneOf, boss: Boss, world: World, clock: MovableClock
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    with world.circle.store.begin() as tx:
        who = subscribers.find(tx, "wechat", "o_lilei")
        assert who is not None
        clubs.join(tx, who, "film", origin="import", now=clock())
    li.texts("是")
    assert "已经是电影俱乐部的会员" in li.last("sms")
    assert boss.orders() == []


def test_a_club_that_does_not_exist_any_more_is_told_so(phone: PhoneOf, world: World) -> None:
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE clubs SET is_open = false WHERE code = 'film'")
    answer = phone("李雷").scans("cinema-01")
    assert "没有找到这个俱乐部" in answer["reply"]["text"]


@pytest.mark.slow
def test_joining_puts_the_clubs_menu_on_the_phone(phone: PhoneOf, boss: Boss, world: World) -> None:
    world.circle.publisher.push(world.circle.live())
    li = phone("李雷")
    assert "电影票" not in str(world.control("GET", "/phones/李雷")["menu"])
    li.scans("cinema-01")
    li.texts("是")
    boss.answers()
    names = str(world.control("GET", "/phones/李雷")["menu"])
    assert "电影" in names
    assert names != str(world.control("GET", "/phones/韩梅梅")["menu"])
