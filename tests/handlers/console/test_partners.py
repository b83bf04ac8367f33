"""Merchants at the console: from the first talk to an owner's account, with its rating shown."""

from __future__ import annotations

import re

import pytest

from tests.handlers.console.conftest import Browser, Console

NEW = {"code": "qingfeng", "name": "清风茶馆", "category": "food", "city": "长沙"}
STORE = {
    "name": "一店",
    "address": "五一大道1号",
    "city": "长沙",
    "latitude": "28.2",
    "longitude": "113",
}


def make(console: Console, code: str) -> Browser:
    """A merchant with a store, negotiated; and the operator who did it."""
    operator = console.as_("operations")
    operator.follow(operator.send("/console/merchants/new", **{**NEW, "code": code}))
    operator.follow(operator.send(f"/console/merchants/{code}/stores/new", **STORE))
    return operator


def test_a_merchant_is_added_signed_opened_rated_and_given_an_owner(console: Console) -> None:
    operator = make(console, "qingfeng")
    for to, words in (("signed", "已签约"), ("open", "合作中")):
        answer = operator.send(f"/console/merchants/qingfeng/move/{to}", why="合同 17 号")
        assert f"已改为：{words}" in operator.follow(answer)
    page = operator.follow(
        operator.send("/console/merchants/qingfeng/rate", form_from="/console/merchants/qingfeng")
    )
    assert "评级：B，62.5 分" in page
    text = re.sub(r"<[^>]+>|\s+", " ", page)
    assert re.search(r"门店数 +1 +50 +15% +7.5", text)
    answer = operator.send("/console/merchants/qingfeng/owner", login="boss.qing", name="陈掌柜")
    assert "boss.qing" in answer.text
    assert re.search(r'panel__secret code">[^<]{10,}', answer.text)
    assert "陈掌柜" in operator.page("/console/merchants/qingfeng")
    assert [what for (what,) in console.rows(
        "SELECT what FROM merchant_events WHERE merchant_code = 'qingfeng' ORDER BY no"
    )] == ["added", "store", "moved", "moved", "rated"]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "name", "words"),
    [
        ({"code": "Q!"}, "code", "小写字母"),
        ({"code": "jinxiu"}, "code", "已经有商户用了"),
        ({"code": "new"}, "code", "小写字母"),
        ({"name": ""}, "name", "请写名称"),
        ({"capital": "-1"}, "capital", "整数的元"),
        ({"turnover": "9" * 15}, "turnover", "整数的元"),
    ],
)
def test_mistakes_are_said_at_their_fields(
    console: Console, typed: dict[str, str], name: str, words: str
) -> None:
    page = console.as_("operations").send("/console/merchants/new", **{**NEW, **typed})
    assert page.status_code == 400
    assert re.search(rf'id="{name}-error".*?{words}', page.text)


def test_no_step_is_skipped_and_none_is_without_a_reason_or_a_store(console: Console) -> None:
    operator = console.as_("operations")
    operator.follow(operator.send("/console/merchants/new", **{**NEW, "code": "shop-2"}))
    assert operator.get("/console/merchants/shop-2/move/open").status_code == 404
    path = "/console/merchants/shop-2/move/signed"
    assert "请写明原因" in operator.send(path).text
    operator.follow(operator.send(path, why="签了"))
    assert "先加一个门店" in operator.send("/console/merchants/shop-2/move/open", why="开").text
    assert operator.get("/console/merchants/shop-2/owner").status_code == 404


def test_who_only_looks_sees_half_a_telephone_number_and_changes_nothing(console: Console) -> None:
    operator = make(console, "shop-3")
    operator.follow(
        operator.send("/console/merchants/shop-3/edit", contact_tel="0731-88886666",
                      name="清风", category="food", city="长沙")
    )  # fmt: skip
    assert "0731-88886666" in operator.page("/console/merchants/shop-3")
    service = console.as_("service")
    assert "073****66" in service.page("/console/merchants/shop-3")
    for path in ("edit", "move/signed", "stores/new", "stores/1", "owner"):
        assert service.get(f"/console/merchants/shop-3/{path}").status_code == 403
    assert service.forge("/console/merchants/shop-3/rate").status_code == 403
    assert "0731" not in str(console.rows("SELECT before, after FROM audit_entries"))


def test_a_store_is_edited_and_closed_unless_it_is_the_last_one(console: Console) -> None:
    operator = console.as_("operations")
    path = "/console/merchants/chaye/stores"
    assert "最后一个门店" in operator.send(f"{path}/1/close", why="租约").text
    operator.follow(operator.send(f"{path}/new", **STORE))
    assert "28.5" in operator.send(f"{path}/2", **{**STORE, "latitude": "28.5x"}).text
    operator.follow(operator.send(f"{path}/2", **{**STORE, "name": "新二店"}))
    assert "新二店" in operator.page("/console/merchants/chaye")
    assert "门店已关闭" in operator.follow(operator.send(f"{path}/2/close", why="租约"))
    assert operator.get(f"{path}/2").status_code == 404


def test_the_list_is_searched_and_exported(console: Console) -> None:
    analyst = console.as_("analyst")
    page = analyst.page("/console/merchants?words=锦绣")
    assert "锦绣理发" in page
    assert "君山茶业" not in page
    answer = analyst.get("/console/merchants.csv?state=open")
    assert "锦绣理发" in answer.data.decode()


def test_a_name_with_markup_stays_text(console: Console) -> None:
    operator = console.as_("operations")
    name = "<script>alert(1)</script>"
    operator.follow(operator.send("/console/merchants/new", **{**NEW, "code": "bad", "name": name}))
    for path in ("/console/merchants/bad", "/console/merchants?words=bad"):
        assert name not in operator.page(path)
        assert "&lt;script&gt;" in operator.page(path)
