"""Numbers that are not written to, at the console: masked, with who, when and why."""

from __future__ import annotations

from tests.handlers.console.conftest import Console

LIST, ADD = "/console/blocklist", "/console/blocklist/add"


def test_a_number_is_added_shown_masked_and_taken_off(console: Console) -> None:
    who = console.as_("service")
    page = who.follow(who.send(ADD, number="138 0000 0009", why="12321 投诉"))
    for words in ("已加入", "138****0009", "12321 投诉", str(who.operator and who.operator.login)):
        assert words in page
    assert "13800000009" not in page
    assert "13800000009" not in who.get(f"{LIST}.csv").text
    assert console.rows("SELECT number FROM blocked_numbers") == [("+8613800000009",)]
    ((number,),) = console.rows("SELECT id FROM blocked_numbers")
    assert "请写明原因" in who.send(f"{LIST}/{number}", why="").text
    assert "名单是空的" in who.follow(who.send(f"{LIST}/{number}", why="本人要求"))
    actions = console.rows(
        "SELECT action FROM audit_entries WHERE subject = %s", f"blocklist:{number}"
    )
    assert [each[0] for each in actions] == ["blocklist.add", "blocklist.remove"]


def test_what_is_typed_wrong_is_told_and_kept(console: Console) -> None:
    who = console.as_("operations")
    page = who.send(ADD, number="12345", why="试试").text
    assert "这不是手机号" in page
    assert "试试" in page
    who.send(ADD, number="13800000008", why="一")
    assert "已经在名单里" in who.send(ADD, number="+8613800000008", why="二").text
    assert who.get(f"{LIST}/999").status_code == 404


def test_who_may_not_change_the_list_may_look(console: Console) -> None:
    who = console.as_("administrator")
    assert "加一个号码" not in who.page(LIST)
    assert who.get(ADD).status_code == 403
    assert console.as_("analyst").get(LIST).status_code == 403
