"""Invitations at the console: which did not count and why, with numbers masked."""

from __future__ import annotations

import pytest

from models import clubs, subscribers
from models.base import Tx
from models.invitations import codes, coming
from models.subscribers import Subscriber
from tests.handlers.console.conftest import Console

LIST = "/console/invitations"


@pytest.fixture(scope="module", autouse=True)
def inviter(console: Console) -> Subscriber:
    """李雷, who has invited himself three times, and somebody who came and has not joined yet."""
    now, limits = console.circle.now(), console.circle.inviting

    def work(tx: Tx) -> Subscriber:
        li = subscribers.lock(tx, "sms", "+8613800000001", now)
        friend = subscribers.lock(tx, "sms", "+8613800000003", now)
        clubs.join(tx, li, "film", origin="test", now=now)
        code = codes.of(tx, li, "film", now)
        for who in (li, li, li, friend):
            coming.accept(tx, code, who, way="scan", limits=limits, now=now)
        return li

    return console.circle.store.run(work)


def test_those_that_did_not_count_come_first_with_the_reason(
    console: Console, inviter: Subscriber
) -> None:
    page = console.as_("operations").page(LIST)
    assert "邀请自己" in page
    assert f"#{inviter.id} 138****0001" in page
    assert "138****0003" not in page
    assert "13800000001" not in page


def test_all_of_one_person_are_found(console: Console, inviter: Subscriber) -> None:
    who = console.as_("service")
    page = who.page(f"{LIST}?person=%23{inviter.id}&state=&why=")
    assert "138****0003" in page
    assert "来了，还没加入" in page
    assert "138****0003" not in who.page(f"{LIST}?person={inviter.id}&why=oneself")
    assert "请填用户编号" in who.get(f"{LIST}?person=abc").text
    assert "原因" in who.get(f"{LIST}.csv").text


def test_who_may_not_does_not(console: Console) -> None:
    assert console.as_("administrator").get(LIST).status_code == 403
