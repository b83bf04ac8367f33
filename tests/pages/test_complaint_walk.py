"""J12 in Chromium: from a haircut that went wrong to points back in their lots."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from handlers.console.doorkeeper import COOKIE
from handlers.merchant.frame import ENTRANCE
from models import points
from models.merchants import credit, rating
from models.points import verify
from models.settlement import statements
from tests.conftest import Phone, World
from tests.models import merchants, operators
from tests.pages.conftest import NewPage, overflow, violations
from tests.pages.visitor import fresh_link
from tests.used import PRICE, by_day, person, redeemed, used

pytestmark = [pytest.mark.browser, pytest.mark.slow]
EVIL = "师傅不给洗<img src=x onerror=alert(1)>，打13800138000"
SeenBy = Callable[[str], Page]


@pytest.fixture
def opened(world: World, new_page: NewPage) -> SeenBy:
    """`opened("service")`: the browser of somebody signed in to the console, or to the till."""

    def of(role: str) -> Page:
        now, vault = world.clock(), world.circle.vault
        with world.circle.store.begin() as tx:
            if role == "owner":
                who = merchants.person(tx, "merchant_owner", now=now, vault=vault)
            else:
                who = operators.operator(tx, role, now=now, vault=vault)
            token = operators.signed_in(tx, who, now=now)
        page = new_page(width=375 if role == "owner" else 1300)
        cookie = ENTRANCE.session if role == "owner" else COOKIE
        page.context.add_cookies([{"name": cookie, "value": token, "url": world.url}])
        return page

    return of


def _looked_at(page: Page) -> None:
    assert overflow(page) == 0, page.url
    assert violations(page) == [], page.url


def _lots(world: World, owner: int) -> list[tuple[object, ...]]:
    return world.rows(
        "SELECT kind, expires_on, balance FROM points_accounts WHERE subscriber_id = %s"
        " AND balance > 0 ORDER BY kind, expires_on", owner,
    )  # fmt: skip


def test_from_a_bad_haircut_to_points_back_in_their_lots(
    world: World, phone: Callable[[str], Phone], opened: SeenBy, new_page: NewPage
) -> None:
    by_day(world)
    wang = phone("王大爷")
    who = person(world, wang.msisdn)
    voucher = redeemed(world, who)
    spent = _lots(world, who.id)
    used(world, voucher)
    assert str(voucher.serial) in wang.last("sms")
    world.clock.advance(minutes=12)
    wang.texts(f"投诉{voucher.serial} {EVIL}")
    assert "TS10001已经受理" in wang.last("sms")

    service = opened("service")
    service.goto(f"{world.url}/console/complaints/10001")
    expect(service.locator(".govuk-summary-list")).to_contain_text("锦绣理发")
    expect(service.locator(".govuk-summary-list")).to_contain_text("138****8000")
    _looked_at(service)
    service.locator("#words").fill("请店里说明")
    service.get_by_role("button", name="转给商户").click()
    expect(service.get_by_role("status").first).to_contain_text("已记录")
    world.work()
    assert "已转给商户核实" in wang.last("sms")

    owner = opened("owner")
    owner.goto(f"{world.url}/merchant/complaints")
    expect(owner.locator(".case__words")).to_contain_text("师傅不给洗<img")
    expect(owner.locator("body")).not_to_contain_text("13800138000")
    _looked_at(owner)
    owner.get_by_role("link", name="去答复").click()
    expect(owner.locator(".facts")).to_contain_text("138****0003")
    _looked_at(owner)
    owner.get_by_role("button", name="交给客服").click()
    expect(owner.locator(".wrong")).to_contain_text("请写下经过")
    owner.locator("#words").fill("那天停水，没有洗，对不起顾客")
    owner.get_by_role("button", name="交给客服").click()
    expect(owner.get_by_role("status")).to_contain_text("已交给客服")
    expect(owner.locator(".empty")).to_contain_text("没有要您答复的投诉")

    service.reload()
    expect(service.locator(".line")).to_contain_text("那天停水")
    service.get_by_role("link", name="提出补偿").click()
    expect(service.get_by_label(f"退回这张券的 {PRICE} 分")).to_be_visible()
    _looked_at(service)
    service.get_by_label("退回这张券的").check()
    service.locator("#goodwill").fill("100")
    service.locator("#reason").fill("店里承认没有洗")
    service.get_by_role("button", name="提出补偿").click()
    expect(service.get_by_role("status").first).to_contain_text("由另一个人审批")
    assert _lots(world, who.id) == spent  # nothing yet

    approver = opened("approver")
    approver.goto(f"{world.url}/console/approvals")
    approver.get_by_role("link", name="投诉补偿").click()
    expect(approver.locator("main")).to_contain_text("那天停水")
    _looked_at(approver)
    approver.get_by_role("button", name="通过").click()
    expect(approver.get_by_role("status").first).to_contain_text("已通过")
    world.work()
    assert "1000积分已经退到您的账户" in wang.last("sms")
    _points_are_back(world, who.id, spent)
    _the_merchant_has_less(world)

    mine = new_page(width=375)
    mine.goto(fresh_link(wang))
    mine.get_by_role("button").first.click()
    mine.get_by_role("link", name="我的投诉").click()
    _looked_at(mine)
    mine.get_by_role("link", name="TS10001").click()
    expect(mine.locator("main")).to_contain_text("退回 900积分，另外补偿 100积分")
    _looked_at(mine)
    mine.goto(f"{world.url}/me/complaints/new")
    _looked_at(mine)


def _points_are_back(world: World, owner: int, spent: list[tuple[object, ...]]) -> None:
    """What was taken is in the lots of before, and the goodwill in one of its own."""
    now = world.clock()
    lots = _lots(world, owner)
    assert sum(int(str(lot[2])) for lot in lots) == sum(int(str(lot[2])) for lot in spent) + 1000
    assert {lot[:2] for lot in spent} < {lot[:2] for lot in lots}
    goodwill = ("promotional", points.day_of(now) + timedelta(days=180), 100)
    assert goodwill in lots
    with world.circle.store.begin() as tx:
        assert verify.verify(tx).ok


def _the_merchant_has_less(world: World) -> None:
    """Credit, rating and the statement that is made in a month."""
    now = world.clock()
    today = points.day_of(now)
    with world.circle.store.begin() as tx:
        assert credit.of(tx, "jinxiu", now) == 90
        assert rating.history(tx, "jinxiu")[0].why == "complaint TS10001 upheld"
        made = statements.make(
            tx, "jinxiu", today.replace(day=1), today + timedelta(days=20),
            now=now + timedelta(days=30),
        )  # fmt: skip
        assert (made.lines, made.cents, made.points) == (2, 0, 0)
        assert points.house_balance(tx, "merchant:jinxiu") == 0
