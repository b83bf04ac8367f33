"""A voucher from a friend who has been deleted since: it can be used, and is not given back."""

from __future__ import annotations

from collections.abc import Callable

from models import points, subscribers
from models.base import Tx
from models.privacy import erasure
from models.vouchers import giving, redeeming
from tests.conftest import Phone, World
from tests.pages.visitor import Visitor, fresh_link


def test_it_is_said_why_it_cannot_be_given_back(
    world: World, phone: Callable[[str], Phone]
) -> None:
    now = world.clock()

    def work(tx: Tx) -> int:
        li = subscribers.find(tx, "sms", "+8613800000001")
        wang = subscribers.find(tx, "sms", "+8613800000003")
        assert li is not None
        assert wang is not None
        held = subscribers.lock_id(tx, li.id)
        taken = redeeming.redeem(
            tx, held, "haircut", key="m1", channel="wechat", origin="test", now=now
        )
        given = giving.give(
            tx, held, subscriber_id=li.id, voucher_id=taken.id, friend=wang, now=now, by="owner",
            most_a_day=5,
        )  # fmt: skip
        cause = points.Cause("privacy:li", "forfeited", "console", "test")
        erasure.erase(tx, li.id, cause=cause, grace_days=30, proposal_id=None, now=now)
        return given.id

    voucher = world.circle.store.run(work)
    wang = phone("王大爷")
    wang.texts("退券")
    assert "送您“剪发券”的朋友已经注销" in wang.last("sms")
    visitor = Visitor(world.url)
    visitor.send(fresh_link(wang))
    page = visitor.get(f"/me/vouchers/{voucher}")
    assert "券码" in page.text
    assert "退回积分" not in page.text
    assert visitor.get(f"/me/vouchers/{voucher}/refund").url.endswith(f"/me/vouchers/{voucher}")
    visitor.send(f"/me/vouchers/{voucher}/refund", form_from="/me")
    assert world.rows("SELECT state FROM vouchers WHERE id = %s", voucher) == [("issued",)]
