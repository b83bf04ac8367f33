"""Logging in: by the one-time link of an SMS, and by WeChat."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from flask import Flask

from handlers import member
from models.store import Store
from settings import Pages, Points, Vouchers
from tests.conftest import MovableClock, Phone, World
from tests.pages.visitor import IN_WECHAT, Visitor, fresh_link

PhoneOf = Callable[[str], Phone]
NO_SUCH_LINK = "/l/aaaaaaaaaa"


@pytest.fixture
def li(phone: PhoneOf) -> Phone:
    return phone("李雷")


@pytest.fixture
def visitor(world: World) -> Visitor:
    return Visitor(world.url)


def in_wechat(world: World, person: str) -> Visitor:
    return Visitor(world.url, agent=IN_WECHAT, person=person)


def test_looking_at_a_link_does_not_use_it_up(world: World, visitor: Visitor, li: Phone) -> None:
    link = fresh_link(li)
    for _ in range(3):
        preview = Visitor(world.url).get(link)
        assert preview.status_code == 200
        assert "打开" in preview.text
        assert "138" not in preview.text
    assert "我的积分" in visitor.send(link).text


def test_a_used_link_opens_nothing_in_another_browser_but_again_in_the_same(
    world: World, visitor: Visitor, li: Phone
) -> None:
    link = fresh_link(li)
    visitor.send(link)
    other = Visitor(world.url).get(link)
    assert other.status_code == 410
    assert "WD" in other.text
    again = visitor.get(link)
    assert again.url.endswith("/me")
    assert "我的积分" in again.text


def test_a_used_link_does_not_open_for_another_person_who_is_logged_in(
    visitor: Visitor, li: Phone, phone: PhoneOf
) -> None:
    link = fresh_link(phone("韩梅梅"))
    visitor.send(link)
    visitor.send(fresh_link(li))
    assert visitor.get(link).status_code == 410


def test_a_link_expires(visitor: Visitor, li: Phone, clock: MovableClock) -> None:
    link = fresh_link(li)
    clock.advance(hours=25)
    answer = visitor.get(link)
    assert answer.status_code == 410
    assert "过期" in answer.text


def test_of_two_who_have_the_page_open_the_first_to_press_gets_in(
    world: World, visitor: Visitor, li: Phone
) -> None:
    link, second = fresh_link(li), Visitor(world.url)
    key = second.form_key(link)
    assert visitor.send(link).status_code == 200
    late = second.post(link, {"form_key": key})
    assert late.status_code == 410
    assert "circle_session" not in second.session.cookies


def test_of_many_who_press_at_the_same_moment_one_gets_in(world: World, li: Phone) -> None:
    link = fresh_link(li)
    crowd = [Visitor(world.url) for _ in range(6)]
    keys = [one.form_key(link) for one in crowd]
    with ThreadPoolExecutor(len(crowd)) as pool:
        said = list(pool.map(lambda one, key: one.post(link, {"form_key": key}), crowd, keys))
    assert sorted(answer.status_code for answer in said) == [200] + [410] * 5
    assert world.rows("SELECT count(*) FROM page_sessions") == [(1,)]


def test_a_form_that_is_not_ours_uses_nothing_up(visitor: Visitor, li: Phone) -> None:
    link = fresh_link(li)
    assert visitor.post(link, {}).status_code == 403
    key = visitor.form_key(link)
    assert visitor.post(link, {"form_key": key[:-1] + "x"}).status_code == 403
    elsewhere = visitor.post(link, {"form_key": key}, **{"Sec-Fetch-Site": "cross-site"})
    assert elsewhere.status_code == 403
    assert "我的积分" in visitor.send(link).text


class TestGuessing:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"CIRCLE_PAGES__LINKS_AN_HOUR": "3"}

    def test_an_address_that_guesses_is_stopped_for_the_hour(
        self, visitor: Visitor, li: Phone, clock: MovableClock
    ) -> None:
        link = fresh_link(li)
        said = [visitor.get(f"/l/{number:010d}").status_code for number in range(4)]
        assert said == [404, 404, 404, 429]
        assert visitor.get(link).status_code == 200  # a link of ours always works
        clock.advance(hours=1)
        assert visitor.get("/l/0000000009").status_code == 404

    def test_good_links_are_not_counted(self, visitor: Visitor, li: Phone) -> None:
        link = fresh_link(li)
        assert [visitor.get(link).status_code for _ in range(6)] == [200] * 6


def test_a_session_ends_in_time_and_at_the_door(
    visitor: Visitor, li: Phone, clock: MovableClock
) -> None:
    visitor.send(fresh_link(li))
    clock.advance(hours=25)
    assert visitor.get("/me").status_code == 403
    visitor.send(fresh_link(li))
    left = visitor.send("/logout", form_from="/me")
    assert "已经退出" in left.text
    assert visitor.get("/me").status_code == 403


@pytest.mark.slow
def test_the_session_cookie_is_for_our_pages_alone(visitor: Visitor, li: Phone) -> None:
    visitor.send(fresh_link(li))
    cookie = next(one for one in visitor.session.cookies if one.name == "circle_session")
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "Lax"
    assert len(cookie.value or "") == 43


def test_outside_wechat_a_stranger_reads_how_to_get_a_link(visitor: Visitor) -> None:
    for path in ("/me", "/clubs/film"):
        answer = visitor.get(path)
        assert answer.status_code == 403
        assert "WD" in answer.text


def test_in_wechat_one_is_logged_in_without_doing_anything(world: World) -> None:
    page = in_wechat(world, "李雷").get("/clubs/film")
    assert page.url == f"{world.url}/clubs/film"
    assert "电影俱乐部" in page.text
    assert "138****0002" in in_wechat(world, "韩梅梅").get("/me").text


def test_who_has_not_bound_a_number_reads_how_to(world: World) -> None:
    answer = in_wechat(world, "小张").get("/me")
    assert answer.status_code == 403
    assert "绑定" in answer.text
    stranger = world.control("POST", "/people", name="路人", follows=True)
    answer = in_wechat(world, stranger["openid"]).get("/me")
    assert "绑定" in answer.text


def test_an_answer_to_another_browsers_question_logs_nobody_in(world: World) -> None:
    attacker, victim = in_wechat(world, "李雷"), in_wechat(world, "")
    asked = attacker.session.get(
        f"{world.url}/me", headers={"User-Agent": IN_WECHAT}, allow_redirects=False, timeout=60
    )
    back = attacker.session.get(
        asked.headers["Location"].replace("#wechat_redirect", "&person=o_lilei"),
        allow_redirects=False,
        timeout=60,
    ).headers["Location"]
    answer = victim.get(back)
    assert answer.status_code == 400
    assert "再试一次" in answer.text
    assert "circle_session" not in victim.session.cookies


def test_two_taps_at_once_both_come_back(world: World) -> None:
    hasty = in_wechat(world, "李雷")
    headers = {"User-Agent": IN_WECHAT}
    taps = [
        hasty.session.get(f"{world.url}/me", headers=headers, allow_redirects=False, timeout=60)
        for _ in range(2)
    ]
    for tap in taps:
        assert "138****0001" in hasty.get(hasty.following(tap)).text


def test_a_code_that_wechat_refuses_and_a_wechat_that_is_away_are_told_apart(
    world: World,
) -> None:
    world.fault("wechat.api", "error", path="/sns/oauth2", code=40029)
    refused = in_wechat(world, "李雷").get("/me")
    assert refused.status_code == 400
    assert "登录没有成功" in refused.text
    world.fault("wechat.api", "error", path="/sns/oauth2", code=-1, times=0)
    assert in_wechat(world, "李雷").get("/me").status_code == 503


def test_by_https_cookies_are_bound_to_the_host_and_secure(world: World) -> None:
    app = _app(world.circle.store, world, "https://circle.example")
    answer = app.test_client().get("/me", headers={"User-Agent": IN_WECHAT})
    assert "redirect_uri=https%3A%2F%2Fcircle.example%2Foauth%2Fcallback" in answer.location
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-login_")
    assert "Secure" in cookie
    assert "HttpOnly" in cookie
    assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_without_the_database_a_page_says_so_in_plain_words(world: World) -> None:
    gone = Store("postgresql://nobody@127.0.0.1:1/none", connections=1, patience_s=1)
    answer = _app(gone, world).test_client().get("/clubs/film")
    assert answer.status_code == 503
    assert "系统正忙" in answer.text
    gone.close()


def test_without_redis_links_still_open(world: World, li: Phone) -> None:
    link = fresh_link(li)
    browser = _app(world.circle.store, world, counters="redis://127.0.0.1:1").test_client()
    assert browser.get(link.removeprefix(world.url)).status_code == 200
    assert browser.get(NO_SUCH_LINK).status_code == 404


def _app(
    store: Store, world: World, public_url: str = "http://127.0.0.1", counters: str = ""
) -> Flask:
    """An app of the pages alone."""
    root = Path(member.__file__).parent
    app = Flask("app", template_folder=root / "templates", static_folder=root / "static")
    away = redis.Redis.from_url(counters, socket_connect_timeout=0.2) if counters else None
    app.register_blueprint(
        member.pages(
            store=store,
            wechat=world.circle.wechat,
            counters=away or world.circle.redis,
            public_url=public_url,
            limits=Pages(),
            points=Points(),
            vouchers=Vouchers(),
            menus=world.circle.live,
            nudge=world.circle.nudges,
            rules=world.circle.rules,
            seeds=world.circle.seeds,
            gifts=world.circle.rules.gifts,
            messages_a_page=20,
            engine=world.circle.engine,
            picture_kb=1024,
            now=world.clock,
        )
    )
    return app
