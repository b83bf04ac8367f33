"""Memberships at the desk: which clubs somebody is in, and what has become of them, in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handlers.console.person_words import MEMBERSHIPS, STILL_MEMBERS
from models import clubs, memberships
from models.base import Tx
from tests.handlers.console.conftest import OpenConsole
from tests.handlers.console.test_desk import Desk


@pytest.fixture
def desk(open_console: OpenConsole) -> Desk:
    console = open_console()
    return Desk(console, console.as_("service"))


def test_every_state_and_every_reason_has_words() -> None:
    assert set(MEMBERSHIPS) == set(clubs.STATES)
    assert set(STILL_MEMBERS) >= {"term", "renewed", "paid", "reached", "resumed", "merged"}


def test_the_page_of_a_person_says_level_rest_and_what_became_of_it(desk: Desk) -> None:
    who, now = desk.newcomer(have=900), desk.console.clock()

    def work(tx: Tx) -> None:
        for code in ("film", "car", "sports"):
            memberships.join(tx, who, code, origin="t", now=now)
        agreed = memberships.quote(tx, who, "film", "premium", now).agreed
        memberships.pay(tx, who, "film", agreed=agreed, channel="sms", origin="t", now=now)
        memberships.start_suspending(tx, who, "car", origin="t", now=now)
        memberships.suspended(tx, who, "car", origin="t", now=now)
        memberships.start_leaving(tx, who, "sports", origin="t", now=now)

    desk.run(work)
    page = desk.page(who)
    for words in (
        "电影俱乐部（高级会员）", "车友会（暂停）", "体育俱乐部（等 BOSS 答复）",
        "电影俱乐部高级会员，用积分，到", "暂停了车友会", "正在退出体育俱乐部",
    ):  # fmt: skip
        assert words in page, words
    later = now + timedelta(days=5)

    def back(tx: Tx) -> None:
        memberships.start_resuming(tx, who, "car", origin="t", now=later)
        memberships.resumed(tx, who, "car", origin="t", now=later)
        memberships.stayed(tx, who, "sports", origin="t", now=later)

    desk.run(back)
    page = desk.page(who)
    assert "恢复了车友会" in page
    assert "BOSS 没有办成，体育俱乐部照旧" in page
