"""The till: a code typed or photographed, looked at, verified once, and taken back."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
import qrcode
from PIL import Image
from werkzeug.test import TestResponse

from handlers.merchant import photo
from handlers.merchant.frame import Visit
from models import sql
from models.base import Tx
from models.vouchers import ending
from models.vouchers.vouchers import Voucher
from tests.handlers.merchant.conftest import Browser, Desk
from tests.models.conftest import at_once

_KEY = re.compile(r'name="key" value="([^"]+)"')


def picture(*texts: str, kind: str = "JPEG", size: tuple[int, int] = (1200, 1600)) -> io.BytesIO:
    """A photo with these QR codes in it, one below the other."""
    canvas = Image.new("RGB", size, "#d8d0c4")
    for number, text in enumerate(texts):
        code = qrcode.make(text).get_image().convert("RGB").resize((500, 500))
        canvas.paste(code, (300, 100 + 600 * number))
    file = io.BytesIO()
    canvas.save(file, kind)
    file.seek(0)
    return file


def sends_photo(browser: Browser, file: io.BytesIO, name: str = "image.jpg") -> TestResponse:
    key = browser.form_key("/merchant")
    return browser.post("/merchant", {"form_key": key, "store": "1", "photo": (file, name)})


def types(browser: Browser, code: str, store: str = "1") -> TestResponse:
    return browser.forge("/merchant", code=code, store=store)


def form_of(browser: Browser, code: str, store: int = 1) -> str:
    """The key of the confirming form."""
    found = _KEY.search(browser.page(f"/merchant/check/{code}?store={store}"))
    assert found
    return found[1]


def confirms(browser: Browser, code: str, key: str, store: str = "1") -> TestResponse:
    return browser.forge(f"/merchant/check/{code}", key=key, store=store)


def verified(desk: Desk, voucher: Voucher, browser: Browser | None = None) -> Browser:
    browser = browser or desk.as_("clerk", store_no=1)
    answer = confirms(browser, voucher.code, form_of(browser, voucher.code))
    assert answer.location == f"/merchant/used/{voucher.code}"
    return browser


# -- looking and verifying -------------------------------------------------------------------------


def test_a_typed_code_is_looked_at_confirmed_and_has_a_serial_number(desk: Desk) -> None:
    voucher, clerk = desk.voucher(price_fen=1550), desk.as_("clerk", store_no=1)
    short = voucher.short_code
    answer = types(clerk, f" {short[:3]} {short[3:]}")
    # The typed code, whose guessing is counted, is not in the address.
    assert answer.location == f"/merchant/check/{voucher.code}?store=1"
    page = clerk.follow(answer)
    assert "剪发券" in page
    assert re.search(r"请收 <b>15.50\s?元</b>", page)
    answer = confirms(clerk, voucher.code, form_of(clerk, voucher.code))
    page = clerk.follow(answer)
    assert "已核销" in page
    assert str(voucher.serial) in page
    assert desk.rows(
        "SELECT action, after ->> 'store' FROM audit_entries WHERE subject = %s",
        f"voucher:{voucher.id}",
    ) == [("till.verify", "1")]
    with desk.circle.store.begin() as tx:
        sql.run(tx, "UPDATE offers SET price_fen = 0")


def test_the_owner_hears_of_it_once_and_of_no_form_that_came_again(desk: Desk) -> None:
    voucher, clerk = desk.voucher(), desk.as_("clerk", store_no=1)
    key = form_of(clerk, voucher.code)
    for _again in range(2):
        confirms(clerk, voucher.code, key)
    told = desk.rows("SELECT words FROM mailbox WHERE subscriber_id = %s", voucher.subscriber_id)
    assert len(told) == 1
    assert str(voucher.serial) in told[0][0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_of_the_code_leads_to_the_same_page(desk: Desk, kind: str) -> None:
    voucher, clerk = desk.voucher(), desk.as_("clerk", store_no=1)
    file = picture(f"https://circle.example/v/{voucher.code}", kind=kind)
    answer = sends_photo(clerk, file)
    assert answer.location == f"/merchant/check/{voucher.code}?store=1", answer.text


def test_the_loser_of_two_tills_hears_when_and_where(desk: Desk) -> None:
    voucher = desk.voucher()
    here, there = desk.as_("clerk", store_no=1), desk.as_("clerk", store_no=2)
    key = form_of(there, voucher.code, 2)
    verified(desk, voucher, here)
    lost = confirms(there, voucher.code, key, "2")
    assert lost.status_code == 409
    assert re.search(r"这张券已于 \d{4}-\d\d-\d\d \d\d:\d\d:\d\d 在锦绣理发定王台店核销", lost.text)
    assert "data-once" not in lost.text


@pytest.mark.slow
def test_of_64_tills_at_once_one_wins_and_63_hear_where_and_when(desk: Desk) -> None:
    voucher, clerk = desk.voucher(), desk.as_("clerk", store_no=1)
    assert clerk.operator
    tills = [desk.browser_of(clerk.operator) for _till in range(64)]
    answers = at_once(
        [
            partial(confirms, till, voucher.code, f"till-number-{n:010d}")
            for n, till in enumerate(tills)
        ]
    )
    codes = [answer.status_code for answer in answers]
    assert (codes.count(303), codes.count(409)) == (1, 63)
    for answer in answers:
        assert answer.status_code == 303 or "在锦绣理发定王台店核销" in answer.text
    assert desk.rows(
        "SELECT count(*) FROM verifications WHERE voucher_id = %s", voucher.id
    ) == [(1,)]  # fmt: skip


def test_a_form_that_is_sent_again_gets_the_same_answer_and_after_an_undo_none(
    desk: Desk,
) -> None:
    voucher, clerk = desk.voucher(), desk.as_("clerk", store_no=1)
    key = form_of(clerk, voucher.code)
    for _again in range(2):
        assert confirms(clerk, voucher.code, key).location == f"/merchant/used/{voucher.code}"
    noted = "SELECT action FROM audit_entries WHERE subject = %s ORDER BY id"
    acts = [act for (act,) in desk.rows(noted, f"voucher:{voucher.id}")]
    assert acts == ["till.verify", "till.repeat"]
    clerk.forge(f"/merchant/undo/{voucher.code}", reason="弄错了")
    assert confirms(clerk, voucher.code, key).status_code == 409
    assert desk.rows(
        "SELECT count(*) FROM verifications WHERE voucher_id = %s AND undone_at IS NULL",
        voucher.id,
    ) == [(0,)]


def test_each_reason_why_not_is_said(desk: Desk) -> None:
    clerk = desk.as_("clerk", store_no=1)
    refunded, elsewhere = desk.voucher(), desk.voucher("noodles")
    expired = desk.voucher(valid_days=1)
    desk.circle.store.run(
        lambda tx: ending.refund(
            tx, subscriber_id=refunded.subscriber_id, voucher_id=refunded.id, by="test",
            channel="wechat", now=desk.clock(), grace_days=30,
        )
    )  # fmt: skip
    page = clerk.page(f"/merchant/check/{refunded.code}?store=1")
    assert "已经退掉了" in page
    assert "确认核销" not in page
    unknown = types(clerk, elsewhere.short_code)
    assert "没有这张券，或者它不是本店商户的" in unknown.text
    assert clerk.get(f"/merchant/check/{elsewhere.code}?store=1").status_code == 404
    desk.clock.advance(days=3)
    clerk = desk.as_("clerk", store_no=1)
    assert "已经过期了" in clerk.page(f"/merchant/check/{expired.code}?store=1")
    desk.clock.shift = timedelta()


def test_an_offer_of_one_store_is_not_taken_at_another(desk: Desk) -> None:
    voucher, clerk = desk.voucher(), desk.as_("clerk", store_no=1)
    key = form_of(clerk, voucher.code)
    with desk.circle.store.begin() as tx:
        sql.run(tx, "INSERT INTO offer_stores VALUES ('haircut', 'jinxiu', 2)")
    assert "这张券只能在二店使用" in clerk.page(f"/merchant/check/{voucher.code}?store=1")
    assert confirms(clerk, voucher.code, key).status_code == 409
    there = desk.as_("clerk", store_no=2)
    assert confirms(there, voucher.code, key, "2").status_code == 303
    with desk.circle.store.begin() as tx:
        sql.run(tx, "DELETE FROM offer_stores WHERE offer_code = 'haircut'")


def test_what_is_shown_is_escaped(desk: Desk) -> None:
    bad = "<script>alert(1)</script>"
    with desk.circle.store.begin() as tx:
        sql.run(tx, "UPDATE offers SET title = %(bad)s WHERE code = 'haircut'", {"bad": bad})
    voucher, clerk = desk.voucher(), desk.as_("clerk", store_no=1)
    pages = [clerk.page(f"/merchant/check/{voucher.code}?store=1")]
    verified(desk, voucher, clerk)
    pages += [clerk.page(path) for path in ("/merchant/today", f"/merchant/used/{voucher.code}")]
    for page in pages:
        assert bad not in page
        assert "&lt;script&gt;" in page
    with desk.circle.store.begin() as tx:
        sql.run(tx, "UPDATE offers SET title = '剪发券' WHERE code = 'haircut'")


# -- who may where ---------------------------------------------------------------------------------


def test_a_clerk_of_one_store_works_at_no_other(desk: Desk) -> None:
    voucher, clerk = desk.voucher(), desk.as_("clerk", store_no=2)
    key = form_of(clerk, voucher.code, 2)
    refused = confirms(clerk, voucher.code, key, "1")
    assert refused.location == "/merchant"
    assert types(clerk, voucher.short_code, "1").status_code == 400
    verified(desk, voucher, desk.as_("clerk", store_no=1))
    # Neither do they see what it did, nor take it back.
    assert str(voucher.serial) not in clerk.page("/merchant/today")
    assert clerk.get(f"/merchant/used/{voucher.code}").location.startswith("/merchant/check/")
    clerk.forge(f"/merchant/undo/{voucher.code}", reason="mine")
    assert desk.rows(
        "SELECT undone_at FROM verifications WHERE voucher_id = %s", voucher.id
    ) == [(None,)]  # fmt: skip


def test_another_merchant_knows_nothing_of_it(desk: Desk) -> None:
    voucher, other = desk.voucher(), desk.as_("owner", merchant="chaye")
    assert "没有这张券" in types(other, voucher.short_code).text
    assert other.get(f"/merchant/check/{voucher.code}?store=1").status_code == 404
    assert confirms(other, voucher.code, "x" * 22).status_code == 404
    verified(desk, voucher)
    assert other.forge(f"/merchant/undo/{voucher.code}", reason="mine").location
    assert str(voucher.serial) not in other.page("/merchant/today")
    assert desk.rows(
        "SELECT undone_at FROM verifications WHERE voucher_id = %s", voucher.id
    ) == [(None,)]  # fmt: skip


def test_an_owner_of_two_stores_says_at_which_one_and_the_phone_remembers(desk: Desk) -> None:
    voucher, owner = desk.voucher(), desk.as_("owner", another=True)
    assert "请选择门店" in types(owner, voucher.short_code, "").text
    assert types(owner, voucher.short_code, "2").location.endswith("?store=2")
    assert '<option value="2" selected>' in owner.page("/merchant")
    key = form_of(owner, voucher.code, 2)
    confirms(owner, voucher.code, key, "2")
    assert "二店" in owner.page(f"/merchant/used/{voucher.code}")


@pytest.mark.parametrize(
    "how",
    [
        "UPDATE merchant_staff SET store_no = 2 WHERE operator_id = %(id)s",
        "UPDATE operators SET active = false WHERE id = %(id)s",
        "UPDATE operator_sessions SET ended_at = now(), ended_because = 'x'"
        " WHERE operator_id = %(id)s",
    ],
    ids=["moved", "disabled", "signed out"],
)
def test_whoever_is_moved_or_put_out_while_their_form_is_on_its_way_changes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    voucher, clerk = desk.voucher(), desk.as_("clerk", store_no=1, another=True)
    desk.people.pop("clerk jinxiu 1 True")
    key, real, who = form_of(clerk, voucher.code), Visit.change, clerk.operator
    assert who

    def change(self: Visit, work: Callable[[Tx], object]) -> object:
        desk.circle.store.run(lambda tx: sql.run(tx, how, {"id": who.id}))
        return real(self, work)

    monkeypatch.setattr(Visit, "change", change)
    assert confirms(clerk, voucher.code, key).location.startswith("/merchant/sign-in")
    assert desk.rows("SELECT 1 FROM verifications WHERE voucher_id = %s", voucher.id) == []


# -- guessing --------------------------------------------------------------------------------------


def test_who_types_codes_that_are_none_is_stopped_and_longer_each_time(desk: Desk) -> None:
    voucher = desk.voucher("tea")
    guesser = desk.as_("clerk", merchant="chaye")
    for guess in range(10):
        assert "没有这张券" in types(guesser, f"{guess:010d}").text
    locked = types(guesser, voucher.short_code)
    assert (locked.status_code, "请过 1 分钟再输" in locked.text) == (400, True)
    # The camera works on, and so do the colleagues.
    file = picture(f"https://circle.example/v/{voucher.code}")
    assert sends_photo(guesser, file).location == f"/merchant/check/{voucher.code}?store=1"
    colleague = desk.as_("owner", merchant="chaye")
    assert types(colleague, voucher.short_code).status_code == 303
    desk.clock.advance(seconds=61)
    types(guesser, "0000000000")
    assert "请过 2 分钟再输" in types(guesser, voucher.short_code).text
    # Many together are stopped by the store's count.
    for number in range(3):
        helper = desk.as_("clerk", merchant="chaye", store_no=None, another=bool(number))
        for guess in range(10):
            types(helper, f"{number}{guess:09d}")
    for guess in range(10):
        types(colleague, f"9{guess:09d}")
    assert "试错太多次" in types(colleague, voucher.short_code).text
    desk.clock.shift = timedelta()


def test_a_code_in_an_address_is_a_long_one(desk: Desk) -> None:
    voucher, clerk = desk.voucher(), desk.as_("clerk", store_no=1)
    for path in ("check", "used"):
        assert clerk.get(f"/merchant/{path}/{voucher.short_code}").status_code == 404


# -- photos ----------------------------------------------------------------------------------------


def _bomb() -> io.BytesIO:
    """Says that it has 400 million pixels, in 100 bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        tail = kind + data
        return struct.pack(">I", len(data)) + tail + struct.pack(">I", zlib.crc32(tail))

    size = struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)
    return io.BytesIO(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"0"))
    )


def _large() -> io.BytesIO:
    file = io.BytesIO()
    Image.new("1", (5000, 5000)).save(file, "PNG")
    file.seek(0)
    return file


def _torn() -> io.BytesIO:
    whole = picture("https://circle.example/v/x").getvalue()
    return io.BytesIO(whole[: len(whole) // 3])


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: io.BytesIO(b"no picture"), "不是照片"),
        (lambda: io.BytesIO(b""), "不是照片"),
        (lambda: io.BytesIO(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "不是照片"),
        (lambda: picture(), "没有找到券的二维码"),
        (lambda: picture("https://evil.example/login"), "没有找到券的二维码"),
        (lambda: picture("0" * 26, "1" * 26), "有几张券"),
        (_torn, "没有传完整"),
        (_bomb, "照片太大"),
        (_large, "照片太大"),
    ],
    ids=["text", "empty", "svg", "no code", "another code", "two", "torn", "bomb", "large"],
)
def test_a_photo_that_cannot_be_read_is_answered_in_words(
    desk: Desk, make: Callable[[], io.BytesIO], told: str
) -> None:
    answer = sends_photo(desk.as_("clerk", store_no=1), make())
    assert answer.status_code == 400
    assert told in answer.text


def test_a_photo_larger_than_any_phones_is_refused_and_of_strangers_any(desk: Desk) -> None:
    clerk, limit = desk.as_("clerk", store_no=1), photo.PHOTO_KB * 1024
    answer = sends_photo(clerk, io.BytesIO(b"\xff\xd8" + bytes(limit + 100_000)))
    assert (answer.status_code, "太大了" in answer.text) == (413, True)
    allowed = sends_photo(clerk, io.BytesIO(b"\xff\xd8" + bytes(300_000)))
    assert allowed.status_code == 400
    stranger = desk.anonymous()
    stranger.client.set_cookie("__Host-form", "k" * 43, domain="circle.example", secure=True)
    fields = {"form_key": "k" * 43, "photo": (io.BytesIO(bytes(300_000)), "x.jpg")}
    assert stranger.post("/merchant", fields).status_code == 413


# -- today, and taking back ------------------------------------------------------------------------


def test_within_ten_minutes_it_is_taken_back_with_a_reason(desk: Desk) -> None:
    voucher = desk.voucher()
    clerk = verified(desk, voucher)
    path = f"/merchant/undo/{voucher.code}"
    assert "撤销" in clerk.page("/merchant/today")
    empty = clerk.send(path, reason=" ")
    assert (empty.status_code, "请写明为什么撤销" in empty.text) == (400, True)
    page = clerk.follow(clerk.send(path, reason="顾客 13812345678 没消费"))
    assert f"已撤销：剪发券，流水号 {voucher.serial}" in page
    assert "138****5678" in page
    assert "13812345678" not in page
    assert desk.rows(
        "SELECT action, reason FROM audit_entries WHERE subject = %s ORDER BY id DESC LIMIT 1",
        f"voucher:{voucher.id}",
    ) == [("till.undo", "顾客 138****5678 没消费")]
    told = desk.rows(  # who has heard that it was used hears that it was not
        "SELECT words FROM mailbox WHERE subscriber_id = %s ORDER BY id DESC LIMIT 1",
        voucher.subscriber_id,
    )
    assert "没有用掉，还可以再用" in str(told[0][0])
    assert str(voucher.serial) in str(told[0][0])
    verified(desk, voucher, clerk)
    desk.clock.advance(minutes=10)
    page = clerk.follow(clerk.forge(path, reason="late"))
    assert "10 分钟内才能撤销" in page
    desk.clock.shift = timedelta()


def test_an_owner_sees_all_stores_and_takes_back_at_each(desk: Desk) -> None:
    voucher = desk.voucher()
    verified(desk, voucher)
    owner = desk.as_("owner")
    assert str(voucher.serial) in owner.page("/merchant/today")
    owner.follow(owner.send(f"/merchant/undo/{voucher.code}", reason="弄错了"))
    assert desk.rows(
        "SELECT count(*) FROM verifications WHERE voucher_id = %s AND undone_at IS NOT NULL",
        voucher.id,
    ) == [(1,)]


def test_the_list_is_paged_and_loses_none(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.merchant.today.LINES", 2)
    clerk = desk.as_("clerk", store_no=2)
    made = [desk.voucher() for _voucher in range(5)]
    for voucher in made:
        confirms(clerk, voucher.code, form_of(clerk, voucher.code, 2), "2")
    seen, path = [], "/merchant/today"
    for _page in range(4):
        page = clerk.page(path)
        seen += re.findall(r"流水号 (\d+)", page)
        more = re.search(r'href="(/merchant/today\?before=[^"]+)">较早的', page)
        if not more:
            break
        path = more[1]
    expected = [str(voucher.serial) for voucher in reversed(made)]
    assert [serial for serial in seen if serial in expected] == expected
    assert len(seen) == len(set(seen))
    for forged in ("x", "1.2", "9" * 17 + ".1.1", "1.1.99999999999999999", "٣.1.1"):
        assert clerk.get("/merchant/today", query_string={"before": forged}).status_code == 200


# -- where the QR code leads -----------------------------------------------------------------------


def test_a_phone_that_opens_the_code_is_told_to_show_it_and_nothing_of_its_owner(
    desk: Desk,
) -> None:
    voucher = desk.voucher()
    nobody = desk.anonymous().page(f"/v/{voucher.code}")
    assert "到店出示" in nobody
    assert "剪发券" not in nobody
    assert str(voucher.serial) not in nobody
    # Nobody learns from it whether there is such a code.
    other = "0" * 26
    same = desk.anonymous().page(f"/v/{other}").replace(other, voucher.code)
    assert same == nobody
    assert "二维码不完整" in desk.anonymous().page("/v/123")


def test_a_till_that_opens_the_code_comes_to_its_check_page(desk: Desk) -> None:
    voucher, clerk = desk.voucher(), desk.as_("clerk", store_no=1)
    answer = clerk.get(f"/v/{voucher.code}")
    assert "确认核销" in clerk.follow(answer)
    # Signed in a moment ago, but not with a code yet: not further than anybody else.
    assert clerk.operator
    with desk.circle.store.begin() as tx:
        sql.run(
            tx, "UPDATE operator_sessions SET code_passed = false WHERE operator_id = %(id)s",
            {"id": clerk.operator.id},
        )  # fmt: skip
    assert "到店出示" in clerk.page(f"/v/{voucher.code}")
