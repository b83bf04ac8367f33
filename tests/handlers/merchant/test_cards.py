"""A merchant's own counter cards: made by the owner, taken by everybody there, by nobody else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pypdfium2
import pytest
import zxingcpp

from integrations.errors import TryLater
from integrations.wechat_api import Qr, WeChatApi
from models import sql
from tests.handlers.merchant.conftest import Desk


@pytest.fixture
def wechat(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """WeChat, which makes codes, or does not while `down`; `asked` are the scenes."""
    state = SimpleNamespace(down=False, asked=[])

    def create(_: WeChatApi, scene: str) -> Qr:
        state.asked.append(scene)
        if state.down:
            raise TryLater("down")
        return Qr(f"ticket-{scene}", f"http://weixin.qq.com/q/{scene}", None)

    monkeypatch.setattr(WeChatApi, "create_permanent_qr", create)
    return state


def number(desk: Desk, **columns: Any) -> int:
    """The number of the haircut's offer; `columns` change it first."""
    with desk.circle.store.begin() as tx:
        for name, value in {"state": "live", "ends_at": None, **columns}.items():
            sql.run(tx, f"UPDATE offers SET {name} = %(v)s WHERE code = 'haircut'", {"v": value})
        return int(sql.value(tx, "SELECT number FROM offers WHERE code = 'haircut'"))


@pytest.mark.slow
def test_an_owner_has_a_code_made_and_a_clerk_prints_the_card(
    desk: Desk, wechat: SimpleNamespace
) -> None:
    owner, clerk, offer = desk.as_("owner"), desk.as_("clerk", store_no=1), number(desk)
    code = f"/merchant/cards/{offer}/code"
    assert "请店主生成" in clerk.page("/merchant/cards")
    assert clerk.forge(code).status_code == 403
    wechat.down = True
    assert "请稍后再试" in owner.follow(owner.send(code, form_from="/merchant/cards"))
    wechat.down = False
    assert "已生成" in owner.follow(owner.send(code, form_from="/merchant/cards"))
    owner.follow(owner.forge(code))
    assert wechat.asked == [f"offer-{offer}"] * 2, "once it is there it is not made again"
    actions = desk.rows("SELECT action FROM audit_entries WHERE action ~ '^scenes' ORDER BY id")
    assert [row[0] for row in actions] == [
        "scenes.ask", "scenes.fail", "scenes.ask", "scenes.make",
    ]  # fmt: skip
    answer = clerk.get(f"/merchant/cards/{offer}/A6.pdf")
    assert answer.mimetype == "application/pdf"
    page = pypdfium2.PdfDocument(answer.data)[0]
    (found,) = zxingcpp.read_barcodes(page.render(scale=2).to_pil())
    assert found.text == f"http://weixin.qq.com/q/offer-{offer}"
    assert "锦绣" in page.get_textpage().get_text_range()


def test_nobody_has_another_merchants_card_nor_one_of_an_offer_that_is_not_live(
    desk: Desk, wechat: SimpleNamespace
) -> None:
    with desk.circle.store.begin() as tx:
        sql.run(
            tx, "INSERT INTO merchants (code, name, category, city)"
                " VALUES ('chaye', '茶叶铺', 'tea', '北京') ON CONFLICT DO NOTHING", {},
        )  # fmt: skip
    offer = number(desk)
    other = desk.as_("owner", merchant="chaye")
    assert f"/cards/{offer}" not in other.page("/merchant/cards")
    for asked in (
        other.get(f"/merchant/cards/{offer}/A6.pdf"),
        other.forge(f"/merchant/cards/{offer}/code"),
    ):
        assert asked.status_code == 404
    number(desk, state="paused")
    owner = desk.as_("owner")
    assert owner.get(f"/merchant/cards/{offer}/A6.pdf").status_code == 404
    assert owner.forge(f"/merchant/cards/{offer}/code").status_code == 404
    assert f"/cards/{offer}" not in owner.page("/merchant/cards")
    assert "没有更多了" in owner.page("/merchant/cards?after=999999")
    assert owner.page("/merchant/cards?after=x").count("水牌") > 1
    assert wechat.asked == []
