"""Files of numbers as people save them, and as an attacker does."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from handlers import broadcast_file
from handlers.broadcast_file import Limits
from handlers.spreadsheet import Unreadable
from models.broadcasts.loading import Bad, Line

LIMITS = Limits(bytes=1 << 20, lines=1000, xlsx_lines=50)
A, B = "+8613800000001", "+8613900000002"


def read(content: bytes, limits: Limits = LIMITS) -> list[Line | Bad]:
    return list(broadcast_file.read(io.BytesIO(content), limits))


def workbook(*rows: Sequence[object]) -> bytes:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"13800000001\n13900000002\n",
        "手机号\n138 0000 0001\n+86139-0000-0002".encode(),
        "姓名,手机号码\n张三,8613800000001\n李四,008613900000002\n".encode("gb18030"),
        "\ufeffNumber;name\r\n１３８０００００００１;x\r\n13900000002;y\r\n".encode(),
        "客户名单\n\n手机\t等级\n13800000001\t金\n\n'13900000002\t银\n".encode(),
        workbook(["姓名", "电话"], ["张", 13800000001], ["李", "139 0000 0002"]),
        workbook([13800000001.0], [None], [13900000002]),
    ],
)
def test_a_file_is_read_in_every_way_that_people_save_it(content: bytes) -> None:
    found = read(content)
    assert [one.number for one in found if isinstance(one, Line)] == [A, B]


def test_a_line_without_a_number_is_named_with_its_place_and_its_reason() -> None:
    content = "号码,备注\n13800000001,\n,没有\n12345,\n1.38E+10,\n010-65551234,座机\n"
    found = read(content.encode())
    expected: list[Line | Bad] = [
        Line(2, A), Bad(3, "no_cell"), Bad(4, "not_a_number"), Bad(5, "science"),
        Bad(6, "not_a_number"),
    ]  # fmt: skip
    assert found == expected
    assert all(one.why in broadcast_file.REASONS for one in found if isinstance(one, Bad))


def bomb() -> bytes:
    made = io.BytesIO(workbook([13800000001]))
    with zipfile.ZipFile(made, "a", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/media/x.bin", b"\0" * (80 << 20))
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "空"),
        (b"a,b\nc,d\n", "手机号"),
        ("手机号\n13800000001\n".encode("utf-16"), "UTF-8"),
        (b"13800000001\n" * 1001, "行数太多"),
        (b"13800000001\n" + b"\n" * 5000, "空行太多"),
        (workbook(*[[13800000001 + n] for n in range(80)]), "最多"),
        (b"x" * (1 << 21), "文件太大"),
        (b"PK\x03\x04 no zip", "损坏"),
        (b'13800000001\n"13900000002' + b"x" * 200_000, "引号"),
        (bomb(), "解开后太大"),
    ],
)
def test_a_hostile_file_is_refused_in_words(content: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read(content)


@given(st.binary(max_size=400))
def test_no_bytes_at_all_break_it(content: bytes) -> None:
    try:
        found = read(content)
    except Unreadable:
        return
    assert all(isinstance(one, Bad) or one.number.startswith("+") for one in found)
