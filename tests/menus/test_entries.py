"""WeChat menus keep WeChat's limits, and each entry opens one thing."""

import pytest

from menus.checked_yaml import Mistakes, read_text
from menus.entries import MenuFile


def told(yaml: str) -> list[str]:
    with pytest.raises(Mistakes) as caught:
        read_text(yaml, MenuFile, file="m.yaml")
    return [str(mistake) for mistake in caught.value.mistakes]


def entry(lines: str) -> str:
    return f"menu:\n  - name: 服务\n    entries:\n      - name: 帮助\n        {lines}\n"


def test_an_entry_of_the_bar_may_open_a_dialog_by_itself() -> None:
    menu = read_text("menu:\n  - {name: 积分, dialog: balance}\n", MenuFile, file="m.yaml")
    button = menu.menu[0].button("")
    assert button == {"type": "click", "name": "积分", "key": "balance"}


def test_a_url_and_a_page_become_view_buttons() -> None:
    url = read_text(entry("url: https://10086.cn/a?b=c"), MenuFile, file="m.yaml")
    page = read_text(entry("page: /me"), MenuFile, file="m.yaml")
    assert url.menu[0].button("")["sub_button"][0]["url"] == "https://10086.cn/a?b=c"
    assert page.menu[0].button("https://a.cn")["sub_button"][0] == {
        "type": "view",
        "name": "帮助",
        "url": "https://a.cn/me",
    }


def test_four_entries_in_the_bar_are_too_many() -> None:
    rows = "".join(f"  - {{name: 积分{n}, dialog: balance}}\n" for n in range(4))
    (found,) = told("menu:\n" + rows)
    assert found.startswith("m.yaml:2:3: menu: has 4 items; at most 3 can stand here")


def test_six_entries_behind_one_are_too_many() -> None:
    rows = "".join(f"      - {{name: 积分{n}, dialog: balance}}\n" for n in range(6))
    (found,) = told("menu:\n  - name: 积分\n    entries:\n" + rows)
    assert found.startswith("m.yaml:4:7: menu.0.entries: has 6 items; at most 5 can stand here")


def test_names_have_16_bytes_in_the_bar_and_60_behind_it() -> None:
    name = "圈" * 20
    good = entry("dialog: help").replace("帮助", name)
    assert read_text(good, MenuFile, file="m.yaml").menu[0].entries is not None
    assert told(good.replace(name, name + "a"))[0].startswith(
        "m.yaml:4:15: menu.0.entries.0.name: 61 bytes; WeChat allows 60 here"
    )
    assert told(good.replace("服务", "我的生活服务"))[0].startswith(
        "m.yaml:2:11: menu.0.name: 18 bytes; WeChat allows 16 here, that is 5 Chinese"
    )


@pytest.mark.parametrize("name", ['" "', '"a\\nb"', '""'])
def test_a_name_can_be_seen(name: str) -> None:
    assert "needs letters that can be seen" in told(entry("dialog: help").replace("帮助", name))[0]


@pytest.mark.parametrize(
    ("lines", "place", "why"),
    [
        ("page: clubs/film", "5:15", "page: a page of this server starts with one /"),
        ("page: //evil.example", "5:15", "page: a page of this server starts with one /"),
        (f"page: /{'a' * 900}", "5:15", "page: 901 bytes; a page may have 900"),
        ("url: ftp://a.cn", "5:14", "url: a URL starts with https://"),
        (f"url: https://a.cn/{'a' * 1024}", "5:14", "url: 1037 bytes; WeChat allows 1024"),
        ("dialog: Join Club", "5:17", "dialog: should match pattern"),
        (
            "dialog: help\n        page: /me",
            "4:9",
            " needs exactly one of dialog, page, url; found",
        ),
        ("with: {club: film}", "4:9", " needs exactly one of dialog, page, url; found none"),
        ("page: /me\n        with: {a: b}", "4:9", " `with:` belongs to `dialog:`"),
        ("dialog: help\n        with: {club: 5}", "6:22", "with.club: should be a valid string"),
        ("entries: []", "5:9", "entries: unknown key"),
    ],
)
def test_each_entry_opens_one_thing(lines: str, place: str, why: str) -> None:
    dot = "" if why.startswith(" ") else "."
    expected = f"m.yaml:{place}: menu.0.entries.0{dot or ':'}{why}"
    assert any(found.startswith(expected) for found in told(entry(lines)))


def test_a_key_has_at_most_128_bytes() -> None:
    lines = f"dialog: help\n        with: {{a: {'圈' * 15}}}"
    assert "the key has 142 bytes; WeChat allows 128" in told(entry(lines))[0]
