"""What the checks say, in Chinese for who reads Chinese: what is wrong, where, what to write."""

from __future__ import annotations

import re

import pytest

from dialogs.live import check
from handlers.console import check_words, words
from menus.menus import Mistakes, diff
from tests.handlers.test_publishing import ATTACKS, DEFAULT, FILES

_ENGLISH = re.compile(r"(?:^| )(should|unknown|missing|not|with|opens|moves|called|the)\b")


@pytest.mark.parametrize(
    ("message", "hint", "said"),
    [
        ("menu.0.dialgo: unknown key", "did you mean dialog?",
         "menu.0.dialgo：没有这个键（是不是 dialog？）"),
        ("event: x is not in events.yaml", "known: a, b",
         "event：events.yaml 里没有 x（现有：a, b）"),
        ("tag: missing; only default.yaml is for everybody", "write `tag: vip`",
         "缺少 tag：只有 default.yaml 给所有人看（请写 `tag: vip`）"),
        ("积分: reads the same as JF in line 7", "keep one of them",
         "“积分”和“JF”（第 7 行）读起来一样（只留一个）"),
        ("something quite new", "", "something quite new"),
    ],
)  # fmt: skip
def test_mistakes_are_said_in_chinese(message: str, hint: str, said: str) -> None:
    assert check_words.mistake(message, hint) == said


def test_who_reads_english_gets_what_the_command_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_words, "language", lambda: words.ENGLISH)
    assert (
        check_words.mistake("x: unknown key", "did you mean y?")
        == "x: unknown key (did you mean y?)"
    )
    assert check_words.change("~ a: is now called b") == "~ a: is now called b"


@pytest.mark.slow
def test_no_mistake_of_a_bad_menu_is_left_in_english() -> None:
    for attack, files in ATTACKS.items():
        try:
            check(files, clubs=("film", "car", "sports", "lottery", "gamers", "vip"))
        except Mistakes as wrong:
            for each in wrong.mistakes:
                said = check_words.mistake(each.message, each.hint)
                assert not _ENGLISH.search(re.sub(r"`[^`]*`|[“(].*", "", said)), f"{attack}: {said}"


def test_what_subscribers_notice_is_said_in_chinese() -> None:
    text = FILES[DEFAULT].replace("查积分", "看积分").replace("dialog: help", "page: /help", 1)
    new = {name: text for name, text in FILES.items() if name != "wechat/vip.yaml"}
    lines = diff(FILES, {**new, DEFAULT: text}).splitlines()
    said = [check_words.change(line) for line in lines]
    assert "  ~ 积分 > 查积分: 改名为 看积分".replace(": ", "：") in said
    assert not [line for line in said if _ENGLISH.search(line.replace("page /help", ""))]
