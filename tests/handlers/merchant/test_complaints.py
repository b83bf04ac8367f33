"""Complaints at the merchants' desk: the owner answers those that are with this merchant."""

from __future__ import annotations

from datetime import timedelta

from models import complaints
from models.base import Tx
from models.vouchers import verifying
from models.vouchers.verifying import Till
from tests.handlers.merchant.conftest import Desk

EVIL = "不给洗<script>alert(1)</script>，打13800138000"


def _asked(desk: Desk, *, merchant: bool = True) -> int:
    """The number of a complaint about the barber's, which is with them."""
    voucher, now = desk.voucher(), desk.clock()

    def work(tx: Tx) -> int:
        till = Till("jinxiu", 1, "staff:1")
        verifying.verify(tx, till, voucher.code, key=f"k{voucher.id}", now=now)
        made = complaints.open_one(
            tx, person=voucher.subscriber_id, category="merchant", words=EVIL, channel="sms",
            by="subscriber", lasts=timedelta(hours=72), now=now, serial=voucher.serial,
        )  # fmt: skip
        if merchant:
            complaints.move(tx, made.number, to="with_merchant", words="问", by="li", now=now)
        return made.number

    return desk.circle.store.run(work)


def test_the_owner_sees_what_is_said_and_whose_only_masked(desk: Desk) -> None:
    number = _asked(desk)
    page = desk.as_("owner").page(f"/merchant/complaints/{number}")
    assert "不给洗&lt;script&gt;" in page
    assert "138****8000" in page
    assert "13800138000" not in page
    assert "139****" in page
    assert f"TS{number}" in desk.as_("owner").page("/merchant/complaints")


def test_an_answer_brings_it_back_to_us_and_is_given_once(desk: Desk) -> None:
    number, path = (made := _asked(desk)), f"/merchant/complaints/{made}"
    owner = desk.as_("owner")
    assert owner.operator is not None
    key = owner.form_key(path)
    assert owner.send(path, words=" ").status_code == 400
    assert "谢谢" in owner.follow(owner.send(path, words="停水了"))
    assert owner.post(path, {"form_key": key, "words": "又一次"}).status_code == 404
    assert desk.rows(
        'SELECT what, state, words, "by" FROM complaint_events WHERE complaint = %s ORDER BY no'
        " DESC LIMIT 1", number,
    ) == [("answered", "received", "停水了", f"jinxiu:{owner.operator.login}")]  # fmt: skip


def test_what_is_not_with_this_merchant_is_not_there(desk: Desk) -> None:
    theirs, not_yet = _asked(desk), _asked(desk, merchant=False)
    other = desk.as_("owner", merchant="chaye")
    for browser, number in ((other, theirs), (desk.as_("owner"), not_yet), (other, 99999)):
        assert browser.get(f"/merchant/complaints/{number}").status_code == 404
        forged = browser.forge(f"/merchant/complaints/{number}", words="是我们")
        assert forged.status_code == 404
    assert f"TS{theirs}" not in other.page("/merchant/complaints")
    assert desk.as_("clerk", store_no=1).get("/merchant/complaints").status_code == 403
    assert desk.anonymous().get("/merchant/complaints").status_code == 303
