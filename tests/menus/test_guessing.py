"""Guessing which word was meant, among the shipped words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dialogs import live
from menus import sounds
from menus.menus import Menus, Word, read_folder
from sms import replies
from tests.menus.conftest import FOLDER

SHIPPED = live.check(read_folder(FOLDER))
CHINESE = sorted(
    said
    for said, word in SHIPPED.words.items()
    if not word.exactly and len(said) > 1 and all(map(sounds.is_chinese, said))
)
LONG = [said for said in CHINESE if len(said) >= 4 and said[0] != "我"]  # 我 may be left out
NUMBERED = sorted(said for said in CHINESE if SHIPPED.words[said].takes)


def opens(menus: Menus, said: str) -> tuple[bool, list[str]]:
    """Whether a message's meaning is sure, and what we would call it."""
    guesses = menus.guess(replies.normalise(said))
    return guesses.sure, [word.name for word in guesses.words]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("我想查一下积分", "积分"), ("请问我还有多少积分呢？", "积分"), ("jifen", "积分"),
        ("ji fen", "积分"), ("机分", "积分"), ("查机份", "积分"), ("wdjf", "积分"),
        ("jifne", "积分"), ("分数", "积分"), ("还剩多少分", "积分"), ("能不能查积分", "积分"),
        ("我的卷", "我的券"), ("退圈", "退券"), ("加入电映", "加入电影"),
        ("我想加入电影俱乐部", "加入电影"), ("jiarudianying", "加入电影"), ("邦助", "帮助"),
        ("不会用", "帮助"), ("coujiang", "抽奖"), ("推订", "退订"), ("積份", "积分"),
        ("对换 1001", "兑换1001"), ("duihuan1001", "兑换1001"), ("我要兑焕1001号", "兑换1001"),
        ("转账", "转赠"), ("转点积分", "转赠"), ("怎么入会", "俱乐部"), ("我要办会员", "俱乐部"),
        ("不要会员了", "退会"), ("别发短信了", "退订"), ("我要找人", "人工"), ("推荐朋友", "邀请"),
        ("积分有什么用", "能换什么"), ("芙蓉区附近有什么店", "附近芙蓉区"),
        ("我在五一广场附近", "附近五一广场"),
        ("投素 100000123 师傅，不给洗", "投诉100000123"),
    ],
)  # fmt: skip
def test_what_is_near_to_one_word_means_it(said: str, meant: str) -> None:
    assert SHIPPED.word(replies.normalise(said)) is None
    assert opens(SHIPPED, said) == (True, [meant])


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("积分怎么这么少", ["积分"]), ("积分和兑换有啥用", ["积分", "兑换"]),
    ],
)  # fmt: skip
def test_a_word_within_a_sentence_is_asked_about(said: str, meant: list[str]) -> None:
    sure, found = opens(SHIPPED, said)
    assert not sure
    assert found == meant


@pytest.mark.parametrize(
    "said",
    ["今天天气真好", "米粉", "快递", "生日", "参加", "退钱",  # one letter off, and another word
     "abc", "1001", "不想抽奖了", "我不查积分", "别退券", "x", "", "。。。", "😀",
     "师傅态度很差，我在门口等了一个小时，最后说今天不营业，让我白跑一趟，你们要给我一个说法才行"],
)  # fmt: skip
def test_what_means_nothing_or_the_contrary_is_no_guess(said: str) -> None:
    assert opens(SHIPPED, said) == (False, [])


@given(some.sampled_from(CHINESE), some.sampled_from(["我想{}", "请问{}呢", "帮我{}一下，谢谢"]))
def test_every_word_is_found_among_what_is_said_around_it(said: str, around: str) -> None:
    sure, found = opens(SHIPPED, around.format(said))
    assert sure
    assert found == [SHIPPED.words[said].name]


@given(some.sampled_from(CHINESE))
def test_every_word_is_found_by_its_sound(said: str) -> None:
    _, found = opens(SHIPPED, "".join(sounds.usual(said)))
    assert SHIPPED.words[said].name in found


@given(some.sampled_from(NUMBERED), some.integers(1, 10**9))
def test_a_number_behind_a_word_stays_with_it(said: str, number: int) -> None:
    guesses = SHIPPED.guess(f"{''.join(sounds.usual(said))} {number}")
    takes = SHIPPED.words[said].takes or ""
    assert str(number) in [word.route.notes.get(takes) for word in guesses.words]


@given(some.sampled_from(LONG), some.data())
def test_every_long_word_is_found_with_two_letters_changed_about(
    said: str, data: some.DataObject
) -> None:
    at = data.draw(some.integers(0, len(said) - 2))
    wrong = said[:at] + said[at + 1] + said[at] + said[at + 2 :]
    word = SHIPPED.word(wrong)
    names = [word.name] if word else opens(SHIPPED, wrong)[1]
    assert word is not None or any(name.startswith(SHIPPED.words[said].name) for name in names)


@given(some.text(max_size=60))
def test_whatever_is_said_a_guess_is_made_or_not(said: str) -> None:
    guesses = SHIPPED.guess(replies.normalise(said))
    assert len(guesses.words) <= 3
    assert not guesses.sure or len(guesses.words) == 1
    assert all(isinstance(word, Word) for word in guesses.words)


@given(some.sampled_from(CHINESE), some.sampled_from(["不", "别", "不想", "我没", "不要"]))
def test_what_is_negated_is_never_sure(said: str, no: str) -> None:
    if no + said in SHIPPED.files["synonyms.yaml"]:  # 不要会员: that very wish
        return
    if SHIPPED.word(replies.normalise(no + said)) is None and said[0] not in "我有":
        sure, found = opens(SHIPPED, no + said)
        assert not sure
        assert SHIPPED.words[said].name not in found
