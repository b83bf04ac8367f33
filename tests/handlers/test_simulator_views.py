"""How the simulator shows messages and the wire."""

from __future__ import annotations

import pytest

from handlers.simulator_browser import Link, one_name
from handlers.simulator_views import clock, exchange, pieces


def test_links_in_a_message_end_where_chinese_begins() -> None:
    assert pieces("请看：http://x.example/l/Ab12345678。谢谢") == [
        Link("请看："),
        Link("http://x.example/l/Ab12345678", "http://x.example/l/Ab12345678"),
        Link("。谢谢"),
    ]
    assert pieces("没有链接") == [Link("没有链接")]


def test_times_are_those_of_china() -> None:
    assert clock("2026-11-22T00:00:01.000+00:00") == "08:00:01"
    assert clock(None) == ""


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ('{"a":"好"}', '{\n  "a": "好"\n}'),
        ("From=%2B86138&Body=%E6%98%AF", "From=+86138\nBody=是"),
        ("<xml>是</xml>", "<xml>是</xml>"),
        ("{not json", "{not json"),
    ],
)
def test_bodies_are_shown_so_that_they_can_be_read(body: str, shown: str) -> None:
    entry = {
        "id": 1, "at": "2026-11-22T00:00:01+00:00", "direction": "out", "what": "w",
        "method": "POST", "url": "http://x/y?z=1", "status": None, "ms": 3, "note": "fault: drop",
        "request": {"headers": {"Authorization": "Basic abc"}, "body": body}, "response": None,
    }  # fmt: skip
    line = exchange(entry)
    assert line.went_wrong
    assert line.address == "/y"
    assert dict(line.details)["请求内容 Request body"] == shown
    assert "abc" not in dict(line.details)["请求 Request"]


def test_names_of_one_machine_are_told_apart_by_the_emulators() -> None:
    local = "http://127.0.0.1:8001"
    assert one_name("http://localhost:8000/simulator?a=b", local) == (
        "http://127.0.0.1:8000/simulator?a=b"
    )
    assert one_name("http://127.0.0.1:8000/simulator", local) is None
    assert one_name("http://simulator.example/simulator", local) is None
