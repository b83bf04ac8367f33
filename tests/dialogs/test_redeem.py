"""Redeem: from the counter card, the list or a texted number to the voucher, on both channels."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from dialogs.engine import Engine
from dialogs.inbound import Inbound
from models import clubs, points, subscribers
from sms import segments
from tests.conftest import Boss, MovableClock, Phone, World
from tests.models.conftest import at_once

PhoneOf = Callable[[str], Phone]


def number(world: World, code: str) -> int:
    """The number of an offer, as people type it."""
    ((found,),) = world.rows("SELECT number FROM offers WHERE code = %s", code)
    return int(found)


def terms(world: World, code: str, columns: str) -> None:
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql(
            f"UPDATE offers SET {columns} WHERE code = '{code}'", {"now": world.clock()}
        )


def vouchers(world: World) -> list[tuple[object, ...]]:
    return world.rows("SELECT offer_code, state FROM vouchers ORDER BY id")


def has(world: World, msisdn: str) -> int:
    def read(tx: object) -> int:
        who = subscribers.find(tx, "sms", msisdn)  # type: ignore[arg-type]
        assert who is not None
        found = points.balance(tx, who, now=world.clock(), expiring_days=1)  # type: ignore[arg-type]
        return found.total

    return world.circle.store.read(read)


def spread(code: str) -> str:
    return f"{code[:3]} {code[3:6]} {code[6:]}"


def test_j5_a_counter_card_leads_to_the_offer_and_a_yes_to_the_voucher(
    phone: PhoneOf, world: World
) -> None:
    li = phone("李雷")
    asked = li.scans(f"offer-{number(world, 'haircut')}")["reply"]["text"]
    for words in ("剪发券", "900积分", "锦绣理发，定王台街5号", "30天内有效", "要换请回复“是”"):
        assert words in asked
    answer = li.says("是")["reply"]["text"]
    ((voucher, short, serial),) = world.rows("SELECT id, short_code, serial FROM vouchers")
    assert f"{world.url}/me/vouchers/{voucher}" in answer
    assert spread(short) in answer
    assert str(serial) in answer
    assert has(world, li.msisdn) == 1580 - 900
    assert world.rows("SELECT sum(scans) FROM scene_days") == [(1,)]


def test_the_number_is_texted_and_the_code_comes_by_sms(phone: PhoneOf, world: World) -> None:
    assert number(world, "haircut") == 1010
    li = phone("李雷")
    li.texts("ＤＨ　１０１０")
    assert "“剪发券”要用900积分" in li.last("sms")
    li.texts("是。")
    assert vouchers(world) == [("haircut", "issued")]
    assert "给店员报券码" in li.last("sms")
    assert "/l/" not in li.last("sms")


def test_without_a_number_one_chooses_from_what_one_can_take(phone: PhoneOf, world: World) -> None:
    li = phone("李雷")
    li.texts("dh")
    listed = li.last("sms")
    assert "您有1580积分可用，能换：\n1 剪发券 900积分\n2 米粉一碗 400积分" in listed
    assert "电影票" not in listed  # of a club
    assert "君山银针" not in listed  # too dear
    li.texts("2")
    assert "“米粉一碗”要用400积分" in li.last("sms")
    li.texts("要")
    assert vouchers(world) == [("noodles", "issued")]


def test_a_digit_sent_twice_is_no_yes(phone: PhoneOf, world: World) -> None:
    li = phone("李雷")
    li.says("兑换")
    li.says("1")
    assert "要换请回复“是”" in li.says("1")["reply"]["text"]
    assert vouchers(world) == []
    li.says("是")
    assert vouchers(world) == [("haircut", "issued")]


def test_more_leads_on_and_round_again_within_two_sms(phone: PhoneOf, world: World) -> None:
    han = phone("韩梅梅")
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE offers SET club_code = NULL, title = title || '（全市通用的）'")
    han.texts("兑换")
    first = han.last("sms")
    assert "更多" in first
    seen = [first]
    for _ in range(8):
        han.texts("更多")
        seen.append(han.last("sms"))
        if seen[-1] == first:
            break
    assert seen[-1] == first, "the list never begins again"
    assert any("后面没有了" in said for said in han.heard("sms"))
    assert max(segments.count(said) for said in seen) <= 2
    han.texts("否")
    assert "积分没有动" in han.last("sms")


def test_the_longest_names_still_make_two_sms(phone: PhoneOf, world: World) -> None:
    li = phone("李雷")
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE offers SET title = repeat('长', 60), price_fen = 12345")
        tx.exec_driver_sql("UPDATE merchants SET name = repeat('店', 60)")
        tx.exec_driver_sql("UPDATE stores SET address = repeat('路', 200), name = repeat('名', 60)")
    for said in ("dh", "1", "？？", "是", "我的券", "退券", "是"):
        li.texts(said)
        assert segments.count(li.last("sms")) <= 2, li.last("sms")
    assert vouchers(world) == [("haircut", "refunded")]


def test_who_is_no_member_is_led_to_the_club_and_the_welcome_names_the_offer(
    phone: PhoneOf, world: World, boss: Boss
) -> None:
    li, wanted = phone("李雷"), number(world, "film-ticket")
    said = li.scans(f"offer-{wanted}")["reply"]["text"]
    assert "“2D电影票”要1200积分，是电影俱乐部会员才能换的" in said
    li.says("是")
    boss.answers()
    assert f"“2D电影票”现在可以换了，请回复“DH{wanted}”" in li.last("wechat")
    li.says(f"DH{wanted}")
    li.says("是")
    assert vouchers(world) == [("film-ticket", "issued")]


def test_who_has_no_number_binds_one_and_is_back_at_the_offer(phone: PhoneOf, world: World) -> None:
    zhang = phone("小张")
    said = zhang.scans(f"offer-{number(world, 'noodles')}")["reply"]["text"]
    assert "“米粉一碗”要400积分" in said
    zhang.says("13800000003")
    code = "".join(letter for letter in phone("王大爷").last("sms") if letter.isdigit())[:6]
    back = zhang.says(code)["reply"]["text"]
    assert "绑定好了" in back
    assert "要换请回复“是”" in back
    zhang.says("是")
    assert vouchers(world) == [("noodles", "issued")]


REFUSALS = (
    ("state = 'paused'", "现在不能换了"),
    ("state = 'live', starts_at = %(now)s + interval '1 day'", "才开始"),
    ("starts_at = NULL, ends_at = %(now)s - interval '1 day'", "已经结束了"),
    ("ends_at = NULL, tier = 'gold'", "要金卡以上才能换"),
    ("tier = NULL, price_points = 1581", "还差1"),
    ("price_points = 1, club_code = 'film', level = 'premium'", "电影俱乐部高级会员才能换"),
)


def test_each_refusal_says_why_and_what_to_do_and_leaves_nothing(
    phone: PhoneOf, world: World
) -> None:
    li = phone("李雷")
    with world.circle.store.begin() as tx:
        who = subscribers.find(tx, "sms", li.msisdn)
        assert who is not None
        clubs.join(tx, who, "film", origin="test", now=world.clock())
    for columns, words in REFUSALS:
        terms(world, "haircut", columns)
        li.texts("DH1010")
        assert words in li.last("sms")
        assert segments.count(li.last("sms")) <= 2
        assert "兑换" in li.last("sms")
    li.texts("是")
    assert vouchers(world) == []
    assert world.rows("SELECT * FROM offer_takings") == []
    assert has(world, li.msisdn) == 1580
    for said in ("DH9999", "DH 0", "DH999999999999999999"):
        assert "没有找到这个编号" in li.says(said)["reply"]["text"]


def test_sold_out_between_the_question_and_the_answer(phone: PhoneOf, world: World) -> None:
    li, han = phone("李雷"), phone("韩梅梅")
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("INSERT INTO offer_stock VALUES ('haircut', 1, 0)")
    for one in (li, han):
        one.says("DH1010")
    li.says("是")
    assert "已经换完，您的积分没有动" in han.says("是")["reply"]["text"]
    assert "已经换完" in han.says("DH1010")["reply"]["text"]
    assert has(world, han.msisdn) == 5600


def test_a_price_that_changed_since_the_question_is_asked_anew(
    phone: PhoneOf, world: World
) -> None:
    li = phone("李雷")
    li.says("DH1010")
    terms(world, "haircut", "price_points = 1000")
    answer = li.says("是")["reply"]["text"]
    assert "刚刚变了" in answer
    assert "1000积分" in answer
    assert vouchers(world) == []
    li.says("是")
    assert has(world, li.msisdn) == 580


def test_the_same_yes_many_times_at_once_makes_one_voucher(phone: PhoneOf, world: World) -> None:
    li = phone("李雷")
    li.says("DH1010")
    engine: Engine = world.circle.engine
    said = Inbound(key="wechat:same", channel="wechat", sender=li.openid, kind="text", value="是")
    now = world.clock() + timedelta(seconds=2)

    def answer() -> str:
        return world.circle.store.run(lambda tx: engine.hear(tx, said, now)).text

    (reply,) = set(at_once([answer] * 12))
    assert "换好了" in reply
    assert vouchers(world) == [("haircut", "issued")]
    assert has(world, li.msisdn) == 680


def test_my_vouchers_are_listed_and_one_is_given_back_for_its_points(
    phone: PhoneOf, world: World, clock: MovableClock
) -> None:
    li = phone("李雷")
    assert "您现在没有能用的券" in li.says("我的券")["reply"]["text"]
    li.says("DH1010")
    li.says("是")
    clock.advance(days=1)
    li.says("DH1011")
    li.says("是")
    (first, second) = [row[0] for row in world.rows("SELECT short_code FROM vouchers ORDER BY id")]
    listed = li.says("WDQ")["reply"]["text"]
    assert "您有2张券可用" in listed
    assert f"1 剪发券，券码{spread(first)}" in listed
    assert f"2 米粉一碗，券码{spread(second)}" in listed
    li.texts("我的券")
    assert spread(first) in li.last("sms")
    assert spread(second) in li.last("sms")
    li.texts("退券 2")
    assert f"要退掉“米粉一碗”（湘味小馆，券码{spread(second)}）吗" in li.last("sms")
    li.texts("否")
    assert has(world, li.msisdn) == 280
    li.texts("退券")
    assert "要退哪一张？" in li.last("sms")
    li.texts("2")
    li.texts("1")  # no clear yes
    assert "要退掉“米粉一碗”" in li.last("sms")
    li.texts("好的")
    assert "400积分退还给您" in li.last("sms")
    assert vouchers(world) == [("haircut", "issued"), ("noodles", "refunded")]
    assert has(world, li.msisdn) == 680
    li.texts("退券 2")
    assert "没有这一张，您一共有1张券" in li.last("sms")


def test_a_voucher_used_while_one_was_asked_is_not_given_back(phone: PhoneOf, world: World) -> None:
    li = phone("李雷")
    li.says("DH1010")
    li.says("是")
    li.says("退券")
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE vouchers SET state = 'verified', ended_at = %s", (world.clock(),)
        )
    assert "不能再退" in li.says("是")["reply"]["text"]
    assert has(world, li.msisdn) == 680
