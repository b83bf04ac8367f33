"""Giving points on a page: once for each question, within the chat's limits, kindly refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import pytest

from tests.conftest import Phone, World
from tests.models.conftest import at_once
from tests.pages.visitor import Visitor, fresh_link

PhoneOf = Callable[[str], Phone]
_HIDDEN = re.compile(r'name="(form_key|step|once|phone|points)" value="([^"]*)"')
LI = 1580  # points, to begin with
HAS = (
    "SELECT sum(balance) FROM points_accounts a JOIN subscriber_addresses n USING (subscriber_id)"
    " WHERE n.address = %s AND unit = 'points'"
)


@pytest.fixture
def visitor(world: World, phone: PhoneOf) -> Visitor:
    made = Visitor(world.url)
    made.send(fresh_link(phone("李雷")))
    return made


def has(world: World, number: str) -> int:
    return int(world.rows(HAS, number)[0][0])


def asked(visitor: Visitor, phone: str = "13800000002", points: str = "100") -> dict[str, str]:
    """What the question carries."""
    page = visitor.send("/me/gift", step="ask", phone=phone, points=points)
    assert page.status_code == 200, page.text
    return dict(_HIDDEN.findall(page.text))


def test_the_question_gives_once_however_often_it_is_answered(
    world: World, visitor: Visitor, phone: PhoneOf
) -> None:
    before = has(world, "+8613800000002")
    fields = asked(visitor)
    for _ in range(2):
        page = visitor.post("/me/gift", fields)
        assert "100积分已经转赠给 138****0002" in page.text
        assert "1480积分可用" in page.text
    at_once([partial(visitor.post, "/me/gift", fields)] * 4)
    assert has(world, "+8613800000001") == LI - 100
    assert has(world, "+8613800000002") == before + 100
    world.work()
    told = world.rows("SELECT count(*) FROM points_transfers WHERE reason = 'gift'")
    assert told == [(1,)]
    assert sum("转赠给您100积分" in said for said in everything(phone("韩梅梅"))) == 1


def everything(phone: Phone) -> list[str]:
    return [*phone.heard("sms"), *phone.heard("wechat")]


def test_mistakes_stand_at_their_field_and_what_was_typed_stays(visitor: Visitor) -> None:
    for phone, points, said in (
        ("12345", "100", "这个手机号好像不对"),
        ("13800000001", "100", "这是您自己的手机号"),
        ("13999999999", "100", "还没有用过和生活圈"),
        ("13800000002", "", "请填要转赠的积分"),
        ("13800000002", "0", "至少1积分"),
        ("13800000002", "-5", "只填数字"),
        ("13800000002", "1581", "您的积分不够，现在有1580积分可用"),
        ("13800000002", "9" * 40, "请填要转赠的积分"),
        ("<b>", "1", "这个手机号好像不对"),
    ):
        page = visitor.send("/me/gift", step="ask", phone=phone, points=points)
        assert (page.status_code, said in page.text) == (400, True), (phone, points)
        assert "<b>" not in page.text.partition("<form")[2].partition("</form")[0]


def test_hostile_answers_move_nothing(world: World, visitor: Visitor) -> None:
    good = asked(visitor)
    for change in (
        {"once": ""}, {"once": "x"}, {"points": "99999999"}, {"phone": "13999999999"},
        {"phone": "abc"}, {"points": "1.5"}, {"step": "give", "points": "-1"},
    ):  # fmt: skip
        assert visitor.post("/me/gift", good | change).status_code in (200, 400)
    assert has(world, "+8613800000001") == LI
    visitor.post("/me/gift", good)
    assert visitor.post("/me/gift", good | {"points": "7"}).status_code == 200
    assert has(world, "+8613800000001") == LI - 100


def test_answers_to_questions_that_nobody_asked_find_out_no_more_numbers(
    world: World, visitor: Visitor
) -> None:
    fields = asked(visitor, points="1")
    before = has(world, "+8613800000003")
    for no in range(20):
        guess = fields | {"phone": f"139123450{no:02}", "once": f"{no:022}"}
        assert "还没有用过" in visitor.post("/me/gift", guess).text
    guess = fields | {"phone": "13800000003", "once": "x" * 22}  # who is with us
    assert "试过的号码太多了" in visitor.post("/me/gift", guess).text
    assert has(world, "+8613800000003") == before


def test_a_gift_is_shown_to_its_giver_alone(world: World, visitor: Visitor, phone: PhoneOf) -> None:
    visitor.post("/me/gift", asked(visitor))
    ((serial,),) = world.rows("SELECT serial FROM points_transfers WHERE reason = 'gift'")
    assert str(serial) in visitor.get(f"/me/gift/{serial}").text
    world.work()
    han = Visitor(world.url)
    han.send(fresh_link(phone("韩梅梅")))
    for nowhere in (serial, 1, 10**30):
        assert han.get(f"/me/gift/{nowhere}").status_code == 404
    assert Visitor(world.url).get("/me/gift").status_code == 403


class TestLimits:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"CIRCLE_POINTS__GIFTS_A_DAY": "1", "CIRCLE_POINTS__GIFT_TRIES_A_DAY": "3"}

    def test_the_chat_and_the_page_count_together(
        self, visitor: Visitor, phone: PhoneOf, world: World
    ) -> None:
        li = phone("李雷")
        li.says("转赠13999990001")
        li.says("否")
        visitor.send("/me/gift", step="ask", phone="13999990002", points="1")
        fields = asked(visitor, points="3")
        page = visitor.send("/me/gift", step="ask", phone="13800000003", points="1")
        assert "试过的号码太多" in page.text
        assert "3积分已经转赠" in visitor.post("/me/gift", fields).text
        assert "已经到了上限" in visitor.get("/me/gift").text
        assert "已经到了上限" in li.says("转赠")["reply"]["text"]
