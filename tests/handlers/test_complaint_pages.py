"""One's own complaints in a browser: opened by serial number, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models import complaints
from models.vouchers.vouchers import Voucher
from tests.conftest import Phone, World
from tests.pages.visitor import Visitor, fresh_link
from tests.used import by_day, person, redeemed, used

PhoneOf = Callable[[str], Phone]
EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(1)> 打 13800138000'
NEW = "/me/complaints/new"


@pytest.fixture
def had(world: World, phone: PhoneOf) -> Voucher:
    """What 王大爷 has used."""
    by_day(world)
    voucher = redeemed(world, person(world, phone("王大爷").msisdn))
    used(world, voucher)
    return voucher


def _visitor(world: World, who: Phone) -> Visitor:
    visitor = Visitor(world.url)
    visitor.send(fresh_link(who))
    return visitor


def test_a_complaint_is_opened_once_shown_and_its_words_harm_nobody(
    world: World, phone: PhoneOf, had: Voucher
) -> None:
    wang = _visitor(world, phone("王大爷"))
    assert "剪发券" in wang.get(NEW).text
    for _ in range(2):
        made = wang.send(world.url + NEW, serial=str(had.serial), words=EVIL)
        assert made.url.endswith("/me/complaints/10001"), made.url
    assert "&lt;script&gt;alert(1)" in made.text
    assert "<script>alert" not in made.text + wang.get("/me/complaints").text
    assert "正在办理" in made.text
    assert world.rows("SELECT count(*), max(channel) FROM complaints") == [(1, "page")]


def test_letters_that_nobody_types_are_left_out_and_break_nothing(
    world: World, phone: PhoneOf, had: Voucher
) -> None:
    wang = _visitor(world, phone("王大爷"))
    assert wang.send(world.url + NEW, serial="", words="\0\0").status_code == 400
    assert "不给洗" in wang.send(world.url + NEW, serial="", words="不给\0洗").text


def test_somebody_elses_serial_or_complaint_is_not_there(
    world: World, phone: PhoneOf, had: Voucher
) -> None:
    wang, li = _visitor(world, phone("王大爷")), _visitor(world, phone("李雷"))
    wang.send(world.url + NEW, serial=str(had.serial), words="不给洗")
    for serial in (str(had.serial), "999999999", "x1"):
        refused = li.send(world.url + NEW, serial=serial, words="不给洗")
        assert refused.status_code == 400
        assert "没有找到您的这笔流水号" in refused.text
        assert "不给洗" in refused.text  # what was typed stays
    assert li.get("/me/complaints/10001").status_code == 404
    assert "没有投诉过" in li.get("/me/complaints").text
    assert world.rows("SELECT count(*) FROM complaints") == [(1,)]


def test_who_is_told_what_is_found_finds_it_on_the_page_too(
    world: World, phone: PhoneOf, had: Voucher
) -> None:
    wang = _visitor(world, phone("王大爷"))
    wang.send(world.url + NEW, serial=str(had.serial), words="不给洗")
    world.circle.store.run(
        lambda tx: complaints.move(
            tx, 10001, to="rejected", words="师傅洗了，监控里有", by="li", now=world.clock()
        )
    )
    page = wang.get("/me/complaints/10001").text
    assert "这次没有支持" in page
    assert "师傅洗了，监控里有" in page


def test_nobody_sees_anything_without_a_session(world: World) -> None:
    for path in ("/me/complaints", NEW, "/me/complaints/10001"):
        assert Visitor(world.url).get(path).status_code == 403
