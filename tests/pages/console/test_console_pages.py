"""The console in Chromium: a first sign-in, an account made and shut, in both sizes, with axe."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect

from handlers.console.deciding import KINDS, Kind
from models import approvals
from models.operators import accounts, totp
from tests.conftest import World
from tests.models import operators
from tests.pages.conftest import NewPage
from tests.pages.console.conftest import SignedIn, looked_at

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PASSWORD = "vier blaue Elefanten tanzen"


@pytest.fixture
def start(world: World) -> tuple[str, str]:
    """The login and start password of an administrator who has never been here."""
    with world.circle.store.begin() as tx:
        who, password = accounts.create(
            tx, login="zhao.min", name="赵敏", role="administrator", by=operators.COMMAND,
            now=world.clock(),
        )  # fmt: skip
    return who.login, password


def _send(page: Page, **typed: str) -> None:
    for name, text in typed.items():
        page.locator(f"#{name}").fill(text)
    page.locator("main button[type=submit]").first.click()


def test_a_first_sign_in_from_the_start_password_to_the_first_code(
    world: World, start: tuple[str, str], new_page: NewPage
) -> None:
    page = new_page()
    page.goto(f"{world.url}/console/operators?q=zhao")
    looked_at(page)
    _send(page, login=start[0], password="wrong")
    expect(page.locator(".govuk-error-summary")).to_be_focused()
    expect(page.locator("#login")).to_have_value(start[0])
    looked_at(page)
    _send(page, password=start[1])

    expect(page.get_by_role("heading", name="修改密码")).to_be_visible()
    looked_at(page)
    _send(page, new_password=PASSWORD, again_password=PASSWORD)

    expect(page.get_by_role("heading", name="设置动态验证码")).to_be_visible()
    looked_at(page)
    picture = page.request.get(f"{world.url}/console/account/codes.png").body()
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))
    secret = code.text.partition("secret=")[2].partition("&")[0]
    _send(page, code=totp.code_at(secret, world.clock()))

    expect(page).to_have_url(f"{world.url}/console/operators?q=zhao")
    expect(page.get_by_role("status").first).to_contain_text("动态验证码已设置")


def test_a_day_of_an_administrator(world: World, signed_in: SignedIn) -> None:
    page = signed_in("administrator", "/console/operators?q=a")
    looked_at(page, narrow=True)
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()

    page.get_by_role("link", name="新建账户").click()
    looked_at(page)
    page.locator("#name").fill("李雷")
    page.get_by_label("客服", exact=False).check()
    _send(page, login="li.lei")
    expect(page.locator(".panel__secret")).to_have_text(
        # what a person reads out over the telephone
        re.compile(r"^[a-z2-9]{4}(-[a-z2-9]{4}){3}$")
    )
    looked_at(page)
    page.get_by_role("link", name="看这个账户").click()
    looked_at(page)
    page.get_by_role("link", name="停用账户").click()
    _send(page)
    expect(page.locator("#reason-error")).to_be_visible()
    looked_at(page)
    _send(page, reason="离职")
    expect(page.get_by_role("status").first).to_contain_text("账户已停用")

    for path in ("", "/audit", "/account", "/approvals", "/nowhere"):
        page.goto(f"{world.url}/console{path}")
        looked_at(page, narrow=path == "/account")
    page.goto(f"{world.url}/console/audit")
    with page.expect_download() as file:
        page.get_by_role("link", name="CSV").click()
    assert file.value.suggested_filename.startswith("audit-")
    expect(page.locator("#export-progress")).to_contain_text("已导出")

    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Audit")).to_be_visible()
    world.clock.shift += timedelta(minutes=31)
    page.get_by_role("link", name="Accounts").click()
    expect(page).to_have_url(f"{world.url}/console/sign-in?next=/console/operators")


def test_the_console_works_without_scripts(world: World, signed_in: SignedIn) -> None:
    page = signed_in("administrator", "/console/operators", scripts=False, width=375)
    page.get_by_text("导航").click()
    page.get_by_role("link", name="审计").click()
    expect(page.get_by_role("heading", name="审计")).to_be_visible()
    page.goto(f"{world.url}/console/operators/new")
    _send(page, login="li.lei")
    expect(page.locator("#name-error")).to_be_visible()
    expect(page.locator("#login")).to_have_value("li.lei")


def test_a_proposal_is_looked_at_and_approved(
    world: World, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []
    kind = Kind(
        "改优惠", "clubs.see", "clubs.change", "clubs.approve",
        lambda _tx, _parts, proposal, _by, _now: done.append(proposal.id), "console/_kind.html",
    )  # fmt: skip
    monkeypatch.setitem(KINDS, "offers", kind)
    with world.circle.store.begin() as tx:
        han = operators.operator(tx, "operations", now=world.clock())
        payload = {"半价电影票": "500积分 → 400积分", "从": "2026-12-01"}
        approvals.propose(
            tx, kind="offers", subject="offer:film-half", payload=payload, reason="双旦活动",
            by=operators.by(han), now=world.clock(),
        )  # fmt: skip
    page = signed_in("approver", "/console/approvals")
    looked_at(page, narrow=True)
    page.get_by_role("link", name="改优惠").click()
    looked_at(page, narrow=True)
    page.get_by_role("button", name="驳回").click()
    expect(page.locator("#because-error")).to_be_visible()
    looked_at(page)
    page.get_by_role("button", name="通过并生效").click()
    expect(page.get_by_role("status").first).to_contain_text("已通过，并已生效")
    looked_at(page)
    assert done == [1]
