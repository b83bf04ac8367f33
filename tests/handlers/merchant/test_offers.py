"""A merchant uploads offers, by form and by sheet, and confirms what operations makes of them."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Sequence
from html import unescape
from typing import Any

import pytest
import xlsxwriter
from werkzeug.test import TestResponse

from handlers import offer_sheet
from handlers.offer_terms import FIELDS, Known
from models.offers import uploads
from models.offers.agreed import Terms
from tests.handlers.merchant.conftest import Browser, Desk
from tests.models.partners import BY

OFFER = {"title": "洗剪吹一次", "kind": "service", "face": "58", "points": "1200"}
KNOWN = Known({"film": "电影俱乐部"}, {"gold": "金卡"}, {1: "定王台店", 2: "二店"})
HEADER = tuple(FIELDS.values())


def sheet(*rows: Sequence[Any], header: Sequence[str] = HEADER, **options: Any) -> bytes:
    """An XLSX file of these rows."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True, **options})
    page = book.add_worksheet()
    page.write_row(0, 0, header)
    for number, row in enumerate(rows, 1):
        page.write_row(number, 0, row)
    book.close()
    return file.getvalue()


def row(**typed: Any) -> list[Any]:
    known = {"title": "洗剪吹", "kind": "服务", "face": 58, "points": 1200, **typed}
    return [known.get(name, "") for name in FIELDS]


def send(owner: Browser, source: bytes, name: str = "offers.xlsx") -> TestResponse:
    return owner.send("/merchant/offers/file", file=(io.BytesIO(source), name))


def carried(page: str) -> str:
    found = re.search(r'name="carried" value="([^"]+)"', page)
    assert found, page[:2000]
    return unescape(found[1])


def upload(owner: Browser, **typed: str) -> str:
    """The code of an offer that was uploaded by form."""
    page = owner.send("/merchant/offers/new", **{**OFFER, **typed})
    assert page.status_code == 200, page.text
    owner.follow(
        owner.send("/merchant/offers/upload", form_from="/merchant/offers/new",
                   carried=carried(page.text))
    )  # fmt: skip
    found = re.findall(r"/merchant/offers/(o\d+)", owner.page("/merchant/offers"))
    return str(max(found, key=lambda code: int(code[1:])))


def test_what_is_typed_is_shown_before_it_is_uploaded_and_uploaded_once(desk: Desk) -> None:
    owner = desk.as_("owner")
    page = owner.send("/merchant/offers/new", about="<b>烫发</b>另算", total="30", **OFFER)
    assert "1,200 分" in page.text
    assert "&lt;b&gt;烫发" in page.text
    assert desk.rows("SELECT count(*) FROM offers WHERE title = '洗剪吹一次'") == [(0,)]
    for _ in range(2):
        answer = owner.send(
            "/merchant/offers/upload", form_from="/merchant/offers/new",
            carried=carried(page.text),
        )  # fmt: skip
        assert "洗剪吹一次" in owner.follow(answer)
    assert desk.rows(
        "SELECT o.state, o.face_fen, o.pays_bp, s.total FROM offers o JOIN offer_stock s"
        " ON s.offer_code = o.code WHERE title = '洗剪吹一次'"
    ) == [("uploaded", 5800, 8500, 30)]


def test_who_goes_back_from_the_preview_finds_what_was_typed(desk: Desk) -> None:
    owner = desk.as_("owner")
    typed = {**OFFER, "about": "烫发\n另算", "total": "30", "weekdays": "一三五"}
    page = owner.send("/merchant/offers/new", **typed)
    assert "回去改" in page.text
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    assert {name: fields[name] for name in typed} == typed
    again = owner.send("/merchant/offers/new", **typed, again=fields["again"])
    for value in ('value="洗剪吹一次"', "烫发\n另算</textarea>", 'value="30"', 'value="一三五"'):
        assert value in again.text
    assert '<details class="more_fields" open>' in again.text
    assert "回去改" not in send(owner, sheet(row())).text  # a sheet is mended where it was made


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"title": ""}, "请写名称"),
        ({"title": "长" * 31}, "最多 30 个字，现在有 31 个"),
        ({"kind": "x"}, "请选一个类别"),
        ({"points": "0"}, "1 到 1,000,000 的整数"),
        ({"points": "十"}, "1 到 1,000,000 的整数"),
        ({"face": "1.234"}, "最多两位小数"),
        ({"face": "NaN"}, "最多两位小数"),
        ({"face": "1e400"}, "最多两位小数"),
        ({"starts": "2026-13-01"}, "日期没看懂"),
        ({"starts": "2026-12-02", "ends": "2026-12-01"}, "早于开始日期"),
        ({"hours": "21:00-09:00"}, "09:00-21:00"),
        ({"hours": "25:00-26:00"}, "09:00-21:00"),
        ({"weekdays": "三八"}, "一三五"),
        ({"stores": "9"}, "没有门店“9”"),
        ({"club": "nobody"}, "没有这个俱乐部"),
        ({"level": "premium"}, "先写是哪个俱乐部"),
        ({"valid": "1001"}, "1 到 1,000 的整数"),
    ],
    ids=str,
)
def test_each_mistake_is_said_at_its_field_and_what_was_typed_stays(
    desk: Desk, typed: dict[str, str], words: str
) -> None:
    page = desk.as_("owner").send("/merchant/offers/new", **{**OFFER, "about": "写好了", **typed})
    assert page.status_code == 400
    (name,) = list(typed)[-1:]
    assert re.search(rf'id="{name}-error"[^>]*>.*?{re.escape(words)}', page.text), page.text
    assert "写好了" in page.text


def test_full_width_digits_and_words_are_understood(desk: Desk) -> None:
    owner = desk.as_("owner")
    code = upload(
        owner, title="染发", points="９００", face="￥３８．５０元", weekdays="周一、周三",
        hours="９：００－２１：００", stores="１，２", club="film", level="premium",
        ends="2027/3/31",
    )  # fmt: skip
    terms = desk.circle.store.read(lambda tx: uploads.get(tx, code)).terms
    assert (terms.price_points, terms.face_fen, terms.weekdays) == (900, 3850, 0b101)
    assert (terms.from_minute, terms.until_minute, terms.stores) == (540, 1260, (1, 2))
    assert terms.ends_at is not None
    assert terms.ends_at.isoformat() == "2027-03-31T16:00:00+00:00"


def test_a_sheet_of_the_template_is_previewed_and_uploaded(desk: Desk) -> None:
    owner = desk.as_("owner")
    answer = owner.get("/merchant/offers/template.xlsx")
    assert answer.data.startswith(b"PK")
    page = send(owner, sheet(row(title="甲"), row(), row(title="乙", kind="实物", total=5)))
    assert page.text.count('<section class="card preview">') == 3
    owner.follow(
        owner.send("/merchant/offers/upload", form_from="/merchant/offers/new",
                   carried=carried(page.text))
    )  # fmt: skip
    found = "SELECT title, pays_bp FROM offers WHERE title IN ('甲', '乙') ORDER BY 2"
    assert desk.rows(found) == [
        ("甲", 8500), ("乙", 9500),
    ]  # fmt: skip


def test_wrong_cells_are_named_by_row_and_column_and_nothing_is_uploaded(desk: Desk) -> None:
    page = send(
        desk.as_("owner"),
        sheet(row(), row(points="很多", title=""), row(face=-1, hours=3.5), ["=1+1", "服务"]),
    )
    text = re.sub(r"<[^>]+>", "", page.text)
    assert page.status_code == 400
    for words in (
        "第 3 行 A 列（名称）：请写名称",
        "第 3 行 D 列（积分）：请写 1 到",
        "第 4 行 F 列（面值（元））：请写不超过",
        "第 4 行 J 列（时段）：请写 全天",
        "第 5 行 A 列（名称）：这一格是公式",
    ):
        assert words in text
    assert "有 3 行要改，一行也没有上传" in text


BROKEN: Sequence[tuple[str, Callable[[], bytes], str]] = [
    ("nothing", lambda: b"", "请先选一个文件"),
    ("text", lambda: b"name,points\n", "请用 Excel 工作簿"),
    ("cut off", lambda: sheet(row())[:900], "打不开"),
    ("a zip of something else", lambda: _zip({"a.txt": b"hi"}), "打不开"),
    ("a bomb", lambda: _zip({"xl/a.xml": bytes(20 << 20)}), "解开后太大"),
    ("a bomb that lies", lambda: _lying_zip(), "打不开"),
    ("too large", lambda: b"PK" + b"x" * 300_000, "文件太大"),
    ("10,000 rows", lambda: sheet(*[["x", "服务"]] * 10_000), "文件太大|最多 100 行"),
    ("101 rows", lambda: sheet(*[row()] * 101), "最多 100 行"),
    ("only a header", lambda: sheet(), "还没有优惠"),
    ("another header", lambda: sheet(header=("名字", "类别")), "第 1 行 A 列：没有叫“名字”的列"),
    ("a header twice", lambda: sheet(header=("名称", "名称")), "“名称”有两列"),
    ("no header", lambda: sheet(header=("名称",)), "缺少这些列：类别、积分、面值"),
    ("entities", lambda: _entities(), "打不开"),
]


@pytest.mark.parametrize(("name", "make", "words"), BROKEN, ids=lambda one: one if
                         isinstance(one, str) and len(one) < 30 else "")  # fmt: skip
def test_what_is_no_good_sheet_is_answered_with_a_sentence(
    desk: Desk, name: str, make: Callable[[], bytes], words: str
) -> None:
    page = send(desk.as_("owner"), make())
    assert page.status_code == 400, page.status
    assert re.search(words, page.text), re.sub(r"<[^>]+>|\s+", " ", page.text)


def test_a_cell_at_the_far_end_of_a_sheet_costs_nothing(desk: Desk) -> None:
    with zipfile.ZipFile(io.BytesIO(sheet(row(), row()))) as good:
        parts = {name: good.read(name) for name in good.namelist()}
    xml = parts["xl/worksheets/sheet1.xml"]
    far = re.sub(rb'r="([A-Z]+)3"', rb'r="XFD1048576"', xml).replace(
        b'row r="3"', b'row r="1048576"'
    )
    assert far != xml
    parts["xl/worksheets/sheet1.xml"] = far
    assert "预览：1 个优惠" in send(desk.as_("owner"), _zip(parts)).text


def test_a_text_that_looks_like_a_formula_stays_text_in_every_file(desk: Desk) -> None:
    bad = '=HYPERLINK("http://x","x")'
    owner = desk.as_("owner")
    page = send(owner, sheet(row(title=bad), strings_to_formulas=False))
    assert "预览：1 个优惠" in page.text
    owner.send("/merchant/offers/upload", form_from="/merchant/offers/new",
               carried=carried(page.text))  # fmt: skip
    assert desk.rows("SELECT count(*) FROM offers WHERE title = %s", bad) == [(1,)]


def test_a_preview_is_good_for_its_merchant_alone_and_only_as_it_was(desk: Desk) -> None:
    mine = carried(desk.as_("owner").send("/merchant/offers/new", **OFFER).text)
    other = desk.as_("owner", merchant="chaye")
    for bad in (mine, mine[:-2], mine.swapcase(), "", "x" * 5000):
        whose = other if bad == mine else desk.as_("owner")
        answer = whose.send(
            "/merchant/offers/upload", form_from="/merchant/offers/new", carried=bad
        )
        assert answer.status_code == 400


def test_clerks_see_offers_and_upload_none(desk: Desk) -> None:
    clerk = desk.as_("clerk")
    assert "剪发券" in clerk.page("/merchant/offers")
    assert "填表上传" not in clerk.page("/merchant/offers")
    for path in ("/merchant/offers/new", "/merchant/offers/file"):
        assert clerk.get(path).status_code == 403
    assert clerk.forge("/merchant/offers/haircut/confirm").status_code == 403
    assert clerk.forge("/merchant/offers/haircut/end").status_code == 403


def test_another_merchants_offer_is_not_there(desk: Desk) -> None:
    code = upload(desk.as_("owner"), title="我的")
    other = desk.as_("owner", merchant="chaye")
    for act in ("", "/change", "/end", "/pause"):
        assert other.get(f"/merchant/offers/{code}{act}").status_code == 404
    assert other.forge(f"/merchant/offers/{code}/confirm").status_code == 404
    assert "我的优惠" not in other.page("/merchant/offers")


def test_the_owner_sees_what_operations_changed_and_confirms_exactly_that(desk: Desk) -> None:
    owner = desk.as_("owner")
    code = upload(owner, title="护理", points="1000")
    store, now = desk.circle.store, desk.clock()

    def edit(points: int, why: str) -> None:
        def work(tx: Any) -> None:
            terms = uploads.get(tx, code).terms
            better = Terms.read({**terms.plain(), "price_points": points})
            uploads.edit(tx, code, better, why=why, by=BY, now=now)

        store.run(work)

    edit(900, "低一点好卖")
    page = owner.page(f"/merchant/offers/{code}")
    assert "运营改了这些" in page
    assert re.search(r"<del>.*1,000 分.*</del>.*<ins>.*900 分", page)
    seen = dict(re.findall(r'name="(edition|events)" value="(\d+)"', page))
    edit(800, "再低一点")
    path = f"/merchant/offers/{code}/confirm"
    answer = owner.send(path, form_from=f"/merchant/offers/{code}", **seen)
    assert answer.status_code == 409
    assert "刚才又改过了" in answer.text
    assert re.search(r"<del>.*1,000 分.*</del>.*<ins>.*800 分", answer.text)
    seen = dict(re.findall(r'name="(edition|events)" value="(\d+)"', answer.text))
    owner.follow(owner.send(path, form_from=f"/merchant/offers/{code}", **seen))
    assert desk.rows("SELECT state FROM offers WHERE code = %s", code) == [("confirmed",)]


def test_what_was_sent_back_is_changed_and_comes_again_with_its_rate_untouched(desk: Desk) -> None:
    owner = desk.as_("owner")
    code = upload(owner, title="按摩")
    now = desk.clock()
    desk.circle.store.run(
        lambda tx: uploads.send_back(tx, code, why="请写清楚多少分钟", by=BY, now=now)
    )
    assert "请写清楚多少分钟" in owner.page(f"/merchant/offers/{code}")
    path = f"/merchant/offers/{code}/change"
    answer = owner.send(path, **{**OFFER, "title": "按摩45分钟", "pays": "100"})
    assert "已重新上传" in owner.follow(answer)
    assert desk.rows("SELECT title, state, pays_bp FROM offers WHERE code = %s", code) == [
        ("按摩45分钟", "uploaded", 8500)
    ]


def test_an_owner_pauses_and_resumes_with_a_reason(desk: Desk) -> None:
    owner = desk.as_("owner", merchant="xiangwei")
    path = "/merchant/offers/noodles"
    assert "请写明原因" in owner.send(f"{path}/pause").text
    assert "已暂停" in owner.follow(owner.send(f"{path}/pause", why="换厨师"))
    assert desk.rows("SELECT state, paused_for FROM offers WHERE code = 'noodles'") == [
        ("paused", "merchant")
    ]
    assert "已恢复" in owner.follow(owner.send(f"{path}/resume", why="好了"))


def test_a_closed_merchant_hears_where_to_ask(desk: Desk) -> None:
    owner = desk.as_("owner", merchant="wanjia")
    page = owner.send("/merchant/offers/new", **OFFER)
    with desk.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE merchants SET state = 'paused' WHERE code = 'wanjia'")
    answer = owner.send("/merchant/offers/upload", form_from="/merchant/offers/new",
                        carried=carried(page.text))  # fmt: skip
    assert "还不能上传优惠" in owner.follow(answer)


def _zip(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, what in parts.items():
            made.writestr(name, what)
    return file.getvalue()


def _lying_zip() -> bytes:
    """A sheet of 40 MB that says it has 1,000 bytes."""
    whole = sheet(row())
    with zipfile.ZipFile(io.BytesIO(whole)) as good:
        parts = {name: good.read(name) for name in good.namelist()}
    parts["xl/worksheets/sheet1.xml"] += b" " * (40 << 20)
    made = bytearray(_zip(parts))
    size = len(parts["xl/worksheets/sheet1.xml"]).to_bytes(4, "little")
    while (place := made.find(size)) >= 0:
        made[place : place + 4] = (1000).to_bytes(4, "little")
    return bytes(made)


def _entities() -> bytes:
    """A sheet whose XML grows when it is read."""
    with zipfile.ZipFile(io.BytesIO(sheet(row()))) as good:
        parts = {name: good.read(name) for name in good.namelist()}
    xml = parts["xl/sharedStrings.xml"]
    laughs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 9))
    head = f'<!DOCTYPE x [<!ENTITY a0 "ha">{laughs}]>'.encode()
    start = xml.index(b"<sst")
    parts["xl/sharedStrings.xml"] = xml[:start] + head + xml[start:].replace(
        "洗剪吹".encode(), b"&a8;"
    )  # fmt: skip
    return _zip(parts)


def test_a_sheet_is_read_the_same_by_hand() -> None:
    (line,) = offer_sheet.read(sheet(row(stores="定王台店", tier="金卡", refunds=False)), KNOWN)
    assert line.terms is not None
    assert (line.terms.stores, line.terms.tier, line.terms.refunds_expired) == ((1,), "gold", False)


def test_of_what_has_no_total_none_is_taken_off(desk: Desk) -> None:
    owner = desk.as_("owner")
    answer = owner.get("/merchant/offers/haircut/cut")
    assert answer.status_code == 409
    assert "现在不能这样做" in answer.text
    assert owner.forge("/merchant/offers/haircut/cut", total="5", why="x").status_code == 409
