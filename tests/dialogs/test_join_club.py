"""J1: the film club at the cinema, up to the welcome and the ticket page."""

from __future__ import annotations

from collections.abc import Callable

from tests.conftest import Boss, Phone, World

PhoneOf = Callable[[str], Phone]


def test_a_scan_and_a_yes_make_a_member_when_boss_has_confirmed(
    phone: PhoneOf, boss: Boss, world: World
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    assert li.sees("wechat", "短信")
    assert li.sees("sms", "电影俱乐部")
    li.texts("是。")
    assert "正在为您开通" in li.last("sms")
    boss.answers()
    assert "欢迎加入电影俱乐部" in li.last("sms")
    assert f"{world.url}/l/" in li.last("sms")
    assert world.rows("SELECT club_code, state FROM memberships") == [("film", "active")]
