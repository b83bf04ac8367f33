"""The merchants' door: who gets in, by which steps, and that it is no door of the console."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from models import sql
from models.merchants import staff
from models.operators import totp
from models.operators.roles import CLERK
from tests.handlers.merchant.conftest import Desk
from tests.models import operators

PASSWORD = "vier blaue Elefanten tanzen"


def test_a_clerk_comes_in_from_the_start_password_to_the_first_code(desk: Desk) -> None:
    with desk.circle.store.begin() as tx:
        _, start = staff.add(
            tx, login="xiao.liu", name="小刘", role=CLERK, merchant="jinxiu", store_no=1,
            by=operators.COMMAND, now=desk.clock(),
        )  # fmt: skip
    browser = desk.anonymous()
    asked = browser.get("/merchant")
    assert (asked.status_code, asked.location) == (303, "/merchant/sign-in?next=/merchant")
    wrong = browser.send(asked.location, login="xiao.liu", password="guess")
    assert wrong.status_code == 400
    assert "登录名或密码不对" in wrong.text
    answer = browser.send(asked.location, login="xiao.liu", password=start)
    page = browser.get(answer.location)
    assert page.location == "/merchant/account/password?next=/merchant"
    answer = browser.send(page.location, new_password=PASSWORD, again_password=PASSWORD)
    page = browser.get(answer.location)
    assert page.location == "/merchant/account/codes?next=/merchant"
    enrol = browser.page(page.location)
    secret = re.search(r">([A-Z2-7]{4}( [A-Z2-7]{4}){7})<", enrol)
    assert secret
    code = totp.code_at(secret[1].replace(" ", ""), desk.clock())
    assert "锦绣理发" in browser.follow(browser.send(page.location, code=code))
    answer = browser.send("/merchant/sign-out", form_from="/merchant")
    assert answer.location == "/merchant/sign-in"
    assert browser.get("/merchant").location.startswith("/merchant/sign-in")


def test_a_session_of_one_door_is_none_at_the_other(desk: Desk) -> None:
    now = desk.clock()
    with desk.circle.store.begin() as tx:
        boss = operators.operator(tx, "administrator", now=now, vault=desk.circle.vault)
        operators_token = operators.signed_in(tx, boss, now=now)
    owner = desk.as_("owner")
    assert owner.operator
    with desk.circle.store.begin() as tx:
        owners_token = operators.signed_in(tx, owner.operator, now=now)
    for cookie, token, path in (
        ("circle_merchant", operators_token, "/merchant"),
        ("circle_console", owners_token, "/console"),
        ("circle_console", operators_token, "/merchant"),
    ):
        browser = desk.anonymous()
        browser.client.set_cookie(f"__Host-{cookie}", token, domain="circle.example", secure=True)
        assert browser.get(path).location.startswith(f"{path}/sign-in"), (cookie, path)


@pytest.mark.parametrize("door", ["console", "merchant"])
def test_nobody_signs_in_at_the_door_of_others(desk: Desk, door: str) -> None:
    with desk.circle.store.begin() as tx:
        login = f"stranger.{door}"
        operators.operator(tx, "service", now=desk.clock(), login=login, vault=desk.circle.vault)
    owner = desk.as_("owner").operator
    assert owner
    login = owner.login if door == "console" else login
    answer = desk.anonymous().send(
        f"/{door}/sign-in", login=login, password=operators.PASSWORD
    )  # fmt: skip
    assert answer.status_code == 400
    assert "登录名或密码不对" in answer.text


def test_whoever_belongs_to_no_merchant_gets_in_nowhere(desk: Desk) -> None:
    clerk = desk.as_("clerk", another=True)
    assert clerk.operator
    with desk.circle.store.begin() as tx:
        sql.run(
            tx, "DELETE FROM merchant_staff WHERE operator_id = %(id)s", {"id": clerk.operator.id}
        )
    assert clerk.get("/merchant").status_code == 403


def test_whoever_is_idle_or_has_been_here_all_day_signs_in_again(desk: Desk) -> None:
    browser = desk.as_("clerk")
    desk.clock.advance(minutes=31)
    assert browser.get("/merchant/account").location.startswith("/merchant/sign-in")
    browser = desk.as_("clerk")
    for _half_hour in range(25):
        desk.clock.advance(minutes=29)
        answer = browser.get("/merchant")
    assert answer.location.startswith("/merchant/sign-in")
    desk.clock.shift = timedelta()


def test_a_form_of_another_site_changes_nothing(desk: Desk) -> None:
    browser = desk.as_("owner")
    assert browser.post("/merchant/sign-out", {}).status_code == 403
    foreign = {"Sec-Fetch-Site": "cross-site"}
    key = browser.form_key("/merchant")
    assert browser.post("/merchant/sign-out", {"form_key": key}, headers=foreign).status_code == 403
    browser.page("/merchant")


def test_the_consoles_administrators_neither_see_nor_change_a_merchants_people(desk: Desk) -> None:
    owner = desk.as_("owner").operator
    assert owner
    now = desk.clock()
    with desk.circle.store.begin() as tx:
        boss = operators.operator(tx, "administrator", now=now, vault=desk.circle.vault)
        token = operators.signed_in(tx, boss, now=now)
    browser = desk.anonymous()
    browser.client.set_cookie("__Host-circle_console", token, domain="circle.example", secure=True)
    found = browser.page(f"/console/operators?q={owner.login}")
    assert owner.login not in found.partition("<table")[2]
    assert browser.get(f"/console/operators/{owner.id}").status_code == 404
    assert browser.forge(f"/console/operators/{owner.id}/role", role="analyst").status_code == 404


def test_an_address_with_a_letter_that_no_database_takes_is_no_page(desk: Desk) -> None:
    owner = desk.as_("owner")
    for path in ("/merchant/offers/%00", "/merchant/offers/a%00b/end", "/merchant/check/%00"):
        for method in ("GET", "POST"):
            assert owner.forge(path, method).status_code == 404, f"{method} {path}"
