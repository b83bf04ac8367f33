"""What is no text: voices, pictures, links and places; and the stores around a place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.conftest import Phone, World

PhoneOf = Callable[[str], Phone]
WUYI = {"latitude": 28.1957, "longitude": 112.9768, "label": "长沙市芙蓉区五一广场"}


def sends(phone: Phone, kind: str, **more: Any) -> str:
    """Send something with what belongs to it; the answer's text."""
    phone.world.clock.advance(seconds=1)
    answer = phone.world.control("POST", f"/wechat/{phone.openid}/{kind}", **more)
    phone.world.work()
    return str((answer["reply"] or {}).get("text", ""))


def test_a_place_leads_to_the_nearest_stores(phone: PhoneOf) -> None:
    said = sends(phone("李雷"), "location", **WUYI)
    assert "· 星河影城五一店，约100米\n　地址：五一大道88号\n　可以换：半价电影票" in said
    assert "· 锦绣理发定王台店" in said
    assert "· 洁力洗车芙蓉店，约950米" in said
    assert "好运彩站" not in said
    assert "/nearby/28.196/112.977" in said


def test_a_place_far_from_every_store_says_where_there_are_some(phone: PhoneOf) -> None:
    said = sends(phone("李雷"), "location", latitude=39.9087, longitude=116.3975)
    assert "50公里以内还没有合作门店" in said
    assert "长沙、" in said


def test_a_place_without_degrees_asks_for_one_in_words(phone: PhoneOf, world: World) -> None:
    li = phone("李雷")
    answer = world.control(
        "POST", f"/wechat/{li.openid}/raw",
        fields={"MsgType": "location", "Location_X": "ninety", "Label": "家"},
    )  # fmt: skip
    assert "请点左下角的“＋”" in answer["reply"]["text"]


def test_by_sms_a_place_is_named(phone: PhoneOf) -> None:
    wang = phone("王大爷")
    wang.texts("FJ")
    assert "请回复“附近”加您在的城市或路名" in wang.last("sms")
    wang.texts("附近长沙五一大道")
    assert "：星河影城五一店，五一大道88号，有半价电影票；锦绣" in wang.last("sms")
    assert len(wang.last("sms")) <= 134
    wang.texts("附近 株洲市")
    assert "：安行汽修天元店，天元大道66号，有小保养。" in wang.last("sms")
    wang.texts("芙蓉区附近有什么店")
    assert "洁力洗车芙蓉店" in wang.last("sms")
    wang.texts("附近拉萨")
    assert "没有找到“拉萨”附近" in wang.last("sms")


def test_a_place_alone_is_what_was_asked_for(phone: PhoneOf) -> None:
    wang, li = phone("王大爷"), phone("李雷")
    wang.texts("附近")
    wang.texts("株洲。")
    assert "：安行汽修天元店" in wang.last("sms")
    assert "星河影城五一店" in li.says("五一大道")["reply"]["text"]
    assert "锦绣理发" in li.says("理发")["reply"]["text"]
    wang.texts("拉萨")
    assert "没看懂" in wang.last("sms")
    wang.texts("绑定")
    li.says("转赠")
    assert "手机号好像不对" in li.says("长沙")["reply"]["text"]  # no answer is taken for a place


def test_a_closed_store_and_an_ended_merchant_are_not_near(phone: PhoneOf, world: World) -> None:
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE stores SET closed_at = %s WHERE merchant_code = 'xinghe'", (world.clock(),)
        )
        tx.exec_driver_sql("UPDATE merchants SET state = 'paused' WHERE code = 'jinxiu'")
        tx.exec_driver_sql("UPDATE offers SET state = 'ended' WHERE merchant_code = 'haoyun'")
    said = sends(phone("李雷"), "location", **WUYI)
    assert "星河" not in said
    assert "锦绣" not in said
    assert "好运彩站太平店，约1.0公里\n　地址：太平街35号\n" in said
    assert "2元彩票" not in said


def test_a_voice_opens_what_reads_and_is_asked_about_else(phone: PhoneOf, world: World) -> None:
    li = phone("李雷")
    assert "语音我还听不懂" in sends(li, "voice")
    assert "1580积分" in sends(li, "voice", recognition="我想查积分。")
    assert "您是不是想说“兑换1001”" in sends(li, "voice", recognition="兑换1001")
    assert world.rows("SELECT count(*) FROM vouchers") == [(0,)]


def test_a_voice_is_never_an_answer(phone: PhoneOf, world: World) -> None:
    li = phone("李雷")
    li.says("兑换1010")
    before = world.rows("SELECT state, step, repeats FROM conversations")
    assert "我听到的是“是。”。为了不弄错，请您打字回复" in sends(li, "voice", recognition="是。")
    assert world.rows("SELECT state, step, repeats FROM conversations") == before


def test_pictures_links_and_films_are_answered_and_the_question_stays(phone: PhoneOf) -> None:
    li = phone("李雷")
    assert "图片收到了" in li.sends("image")["reply"]["text"]
    link = {"MsgType": "link", "Title": "好消息", "Url": "https://example.com"}
    assert "打不开链接" in sends(li, "raw", fields=link)
    film = {"MsgType": "shortvideo", "MediaId": "m1"}
    assert "看不懂视频" in sends(li, "raw", fields=film)
    li.says("兑换1010")
    said = li.sends("image")["reply"]["text"]
    assert "请打字回答这个问题：" in said
    assert "米粉一碗" in said or "剪发" in said
