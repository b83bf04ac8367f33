"""The drawing of the menu."""

from collections.abc import Callable, Mapping

import pytest

from menus.menus import Menus, preview

MENU = """\
menu:
  - {name: 积分, dialog: balance}
  - name: 俱乐部
    entries:
      - {name: 加入VIP, dialog: join_club, with: {club: vip}}
      - {name: 官网, url: "https://10086.cn"}
      - {name: 一个特别特别特别特别特别特别长的名字, page: /me}
"""
DRAWING = """\
Menu for everybody
┌──────┬────────────────────────────────┐
│      │ 加入VIP                        │
│      │ 官网                           │
│      │ 一个特别特别特别特别特别特别…  │
├──────┼────────────────────────────────┤
│ 积分 │ ≡ 俱乐部                       │
└──────┴────────────────────────────────┘
积分                                            dialog balance
俱乐部 > 加入VIP                                dialog join_club club=vip
俱乐部 > 官网                                   url https://10086.cn
俱乐部 > 一个特别特别特别特别特别特别长的名字   page /me"""


def test_the_menu_is_drawn_as_on_the_phone(
    sample: Mapping[str, str], load_sample: Callable[..., Menus]
) -> None:
    menus = load_sample({**sample, "wechat/default.yaml": MENU})
    assert preview(menus) == DRAWING


def test_the_menu_of_a_club_is_drawn_by_its_tag(sample_menus: Menus) -> None:
    drawing = preview(sample_menus, "film")
    assert drawing.startswith("Menu for the tag film\n")
    assert "俱乐部 > 我的电影俱乐部       page /clubs/film" in drawing


def test_a_bar_without_entries_behind_it_is_one_row(
    sample: Mapping[str, str], load_sample: Callable[..., Menus]
) -> None:
    menu = "menu:\n  - {name: 积分, dialog: balance}\n"
    drawing = preview(load_sample({**sample, "wechat/default.yaml": menu}))
    assert drawing.splitlines()[1:4] == ["┌──────┐", "│ 积分 │", "└──────┘"]


def test_a_tag_without_a_menu_raises(menus: Menus) -> None:
    with pytest.raises(KeyError, match="nobody"):
        preview(menus, "nobody")
