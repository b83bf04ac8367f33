"""What changes for subscribers, in words."""

from collections.abc import Mapping

import pytest

from menus.menus import Mistakes, diff

OLD = """\
menu:
  - name: 积分
    entries:
      - {name: 查积分, dialog: balance}
      - {name: 我的账户, page: /me}
  - name: 服务
    entries:
      - {name: 绑定, dialog: bind_phone}
      - {name: 帮助, dialog: help}
      - {name: 退订, dialog: opt_out}
"""
NEW = """\
menu:
  - name: 积分
    entries:
      - {name: 积分余额, dialog: balance}
      - {name: 我的账户, page: /account}
      - {name: 绑定, dialog: bind_phone}
  - name: 更多
    entries:
      - {name: 退订, dialog: opt_out}
      - {name: 帮助, dialog: help}
      - {name: 加入, dialog: join_club, with: {club: film}}
"""


def files(**changes: str) -> dict[str, str]:
    return {
        "wechat/default.yaml": changes.get("menu", OLD),
        "wechat/film.yaml": changes.get("film", "tag: film\n" + OLD),
        "keywords.yaml": changes.get(
            "keywords", "words:\n  - {say: [积分, JF], dialog: balance}\n"
        ),
        "scenes.yaml": changes.get("scenes", "scenes:\n  a: {dialog: help}\n"),
        "texts/common.yaml": changes.get("texts", "signature: 【圈】\na.b: 你好\n"),
    }


def test_the_same_files_change_nothing() -> None:
    assert diff(files(), files()) == "Nothing changes for subscribers.\n"


def test_a_comment_changes_nothing() -> None:
    assert diff(files(), files(menu="# new\n" + OLD)) == "Nothing changes for subscribers.\n"


def test_entries_come_go_move_and_change() -> None:
    assert (
        diff(files(), files(menu=NEW))
        == """\
Menu wechat/default.yaml (everybody else)
  ~ 服务: is now called 更多
  ~ 积分 > 查积分: is now called 积分余额
  ~ 积分 > 我的账户: opens page /account (was page /me)
  > 更多 > 绑定: moves to 积分
  > 更多 > 退订: moves to place 1
  + 更多 > 加入: dialog join_club club=film
"""
    )


def test_an_entry_that_goes_and_a_bar_in_another_order() -> None:
    new = """\
menu:
  - name: 服务
    entries:
      - {name: 绑定, dialog: bind_phone}
      - {name: 退订, dialog: opt_out}
  - name: 积分
    entries:
      - {name: 查积分, dialog: balance}
      - {name: 我的账户, page: /me}
"""
    assert (
        diff(files(), files(menu=new))
        == """\
Menu wechat/default.yaml (everybody else)
  > the bar reads 服务 | 积分
  - 服务 > 帮助: dialog help
"""
    )


def test_a_menu_that_comes_goes_or_is_for_others() -> None:
    without = files()
    del without["wechat/film.yaml"]
    assert (
        diff(files(), without)
        == """\
Menu wechat/film.yaml (members with the tag film)
  - the whole menu goes; those who saw it get another one of theirs, or the default
"""
    )
    assert diff(without, files()).startswith("""\
Menu wechat/film.yaml (members with the tag film)
  + the whole menu is new
  + 积分 > 查积分: dialog balance
""")
    assert (
        diff(files(), files(film="tag: vip\n" + OLD))
        == """\
Menu wechat/film.yaml (members with the tag vip)
  ~ shown to those with the tag vip (was film)
"""
    )


def test_words_scenes_and_texts() -> None:
    new = files(
        keywords="words:\n  - {say: [积分], dialog: help, always: true}\n"
        "  - {say: [余额], dialog: balance}\n",
        scenes="scenes:\n  b: {dialog: help}\n",
        texts="signature: 【圈】\na.b: {wechat: 你好, sms: 您好}\na.c: 新的\n",
    )
    assert (
        diff(files(), new)
        == """\
Words
  ~ 积分: opens dialog help, always (was dialog balance)
  - JF: dialog balance
  + 余额: dialog balance

Scenes (QR codes)
  - a: dialog help (printed codes with this scene stop working)
  + b: dialog help

Texts
  ~ a.b (sms)
      was: 你好
      now: 您好
  + a.c (wechat and sms)
      now: 新的
"""
    )


def test_the_first_version_is_all_new(sample: Mapping[str, str]) -> None:
    told = diff({}, sample)
    assert "Menu wechat/default.yaml (everybody else)\n  + the whole menu is new" in told
    assert "  + cinema-01: dialog join_club club=film" in told


def test_files_with_mistakes_are_refused() -> None:
    with pytest.raises(Mistakes, match=r"menus/wechat/default\.yaml:1:1: menu: missing"):
        diff(files(), files(menu=""))
