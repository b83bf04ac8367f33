"""Broadcasts at the console: written, looked at, proposed, approved by another, run and stopped."""

from __future__ import annotations

import io
from typing import Any

import pytest

import sending
from tests.broadcasts import TEXT
from tests.handlers.console.conftest import Browser, Console, OpenConsole

NUMBERS = "号码\n13711110001\n137 1111 0002\n座机\n13711110001\n"


@pytest.fixture(scope="module")
def console(open_console: OpenConsole) -> Console:
    return open_console(
        NOTICES__QUIET_FROM="00:00", NOTICES__QUIET_UNTIL="00:00",
        NOTICES__TEST_NUMBERS="+8613900009999",
    )  # fmt: skip


def write(browser: Browser, content: str | bytes | None = NUMBERS, **fields: Any) -> Any:
    data = content.encode() if isinstance(content, str) else content
    given: dict[str, Any] = {"name": "周末电影", "text": TEXT, "pace": "100", "who": "file"}
    if data is not None:
        given["file"] = (io.BytesIO(data), "名单.csv")
    return browser.send("/console/broadcasts/new", **{**given, **fields})


def path_of(answer: Any) -> str:
    assert answer.status_code == 303, answer.text[:3000]
    return str(answer.location).split("circle.example")[-1]


def approve(console: Console, browser: Browser, path: str) -> None:
    assert browser.send(f"{path}/propose", form_from=path, reason="周末活动").status_code == 303
    [(proposal,)] = console.rows(
        "SELECT proposal_id FROM broadcasts WHERE id = %s", int(path.rpartition("/")[2])
    )
    approver = console.as_("approver")
    page = approver.page(f"/console/approvals/{proposal}")
    assert TEXT in page
    assert "看这次群发" in page
    answer = approver.send(f"/console/approvals/{proposal}", do="approve", because="好")
    approver.follow(answer)


def test_a_broadcast_goes_from_a_file_to_phones_by_two_people(console: Console) -> None:
    browser = console.as_("operations")
    path = path_of(write(browser))
    page = browser.page(path)
    for words in (
        "137****0001", "名单.csv", "1 行没有手机号，1 行和前面重复", "第 4 行：不是手机号", "0.08",
        "2 个还不认识",
    ):  # fmt: skip
        assert words in page, words
    assert browser.get(f"{path}/rejects.csv").text.count("\r\n") == 3
    tried = browser.follow(browser.send(f"{path}/test", form_from=path, to=""))
    assert "1 个号码" in tried
    approve(console, browser, path)
    assert "已批准" in browser.page(path)
    started = browser.follow(browser.send(f"{path}/start"))
    assert "发送中" in started
    sending.broadcasts_clock(console.circle).tick(console.clock())
    assert "正在发" in browser.get(f"{path}/live?state=running").text
    paused = browser.follow(browser.send(f"{path}/pause", form_from=path))
    assert "收回了 2 条" in paused
    moved = browser.get(f"{path}/live?state=running")
    assert moved.headers["HX-Refresh"] == "true"
    assert "接着发送" in browser.follow(browser.send(f"{path}/resume", form_from=path))
    assert browser.send(f"{path}/stop", reason="").status_code == 400
    stopped = browser.follow(browser.send(f"{path}/stop", reason="写错了"))
    assert "已终止" in stopped
    assert "没有做" in browser.follow(browser.forge(f"{path}/start"))
    actions = [row[0] for row in console.rows(
        "SELECT action FROM audit_entries WHERE subject = %s ORDER BY id",
        f"broadcast:{path.rpartition('/')[2]}",
    )]  # fmt: skip
    assert actions == [f"broadcasts.{verb}" for verb in (
        "create", "load", "test", "start", "pause", "resume", "stop"
    )]  # fmt: skip


def test_a_segment_is_chosen_instead_of_a_file(console: Console) -> None:
    browser = console.as_("operations")
    page = browser.page(path_of(write(browser, None, who="segment", club="film")))
    [(members,)] = console.rows(
        "SELECT count(*) FROM memberships JOIN subscriber_addresses USING (subscriber_id)"
        " WHERE club_code = 'film' AND state = 'active' AND channel = 'sms'"
    )
    assert f">{members}<" in page.replace("\n", "").replace(" ", "")
    assert write(browser, None, who="segment", club="nowhere").status_code == 400


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"text": "周末电影半价"}, "写明怎样退订"),
        ({"text": "{name}您好。退订回T"}, "没填好的地方"),
        ({"text": "【别家】半价。退订回T"}, "签名会自动加"),
        ({"text": "好" * 480 + "。退订回T"}, "超过了 4 条"),
        ({"pace": "0"}, "每秒 1 到 1000"),
        ({"pace": "１００"}, "每秒 1 到 1000"),
        ({"name": ""}, "请写名称"),
        ({"content": "没有\n"}, "没有手机号"),
        ({"content": "手机号\n13711110001\n".encode("utf-16")}, "UTF-8"),
        ({"content": None}, "请选择一个文件"),
        ({"content": b"PK\x03\x04\x00"}, "损坏"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    console: Console, fields: dict[str, Any], words: str
) -> None:
    answer = write(console.as_("operations"), **{"content": NUMBERS, **fields})
    assert answer.status_code == 400
    assert words in answer.text
    assert (fields.get("text") or TEXT) in answer.text


def test_a_text_is_counted_as_it_is_typed_and_changed_while_it_is_a_draft(
    console: Console,
) -> None:
    browser = console.as_("operations")
    size = browser.send("/console/broadcasts/size", form_from="/console/broadcasts/new",
                        text="🎬" * 40 + "回T")  # fmt: skip
    assert "按短信算 2 条" in size.text
    path = path_of(write(browser))
    assert "已改好" in browser.follow(
        browser.send(f"{path}/edit", name="新名", text="周日。退订回T", pace="5")
    )
    assert "周日。退订回T" in browser.page(path)
    assert browser.send(f"{path}/edit", name="新名", text="周日", pace="5").status_code == 400


def test_tests_are_sent_so_often_and_only_to_who_may_be_written_to(console: Console) -> None:
    browser = console.as_("operations", another=True)
    path = path_of(write(browser))
    answers = [browser.send(f"{path}/test", form_from=path, to="13711119999") for _ in range(21)]
    assert [one.status_code for one in answers] == [*[303] * 10, *[400] * 11]
    assert "没有可以发的号码" in answers[10].text  # its week is full
    assert "用完了" in answers[20].text
    assert browser.send(f"{path}/test", form_from=path, to="010").status_code == 400


def test_who_may_not_does_not(console: Console) -> None:
    path = path_of(write(console.as_("operations")))
    for role, forbidden in (
        ("analyst", ("new", "start", "stop")), ("service", ("new", "start")), ("approver", ("new",))
    ):  # fmt: skip
        browser = console.as_(role)
        assert browser.get(path).status_code == 200
        for what in forbidden:
            where = "/console/broadcasts/new" if what == "new" else f"{path}/{what}"
            assert browser.get(where).status_code == 403
    assert console.as_("administrator").get(path).status_code == 403
    assert console.as_("operations").get("/console/broadcasts/999999").status_code == 404
    assert "周末电影" in console.as_("operations").page("/console/broadcasts?state=draft")
