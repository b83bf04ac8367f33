"""What a crowd says: words of the menus, answers, numbers it has read, and nonsense."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from random import Random
from typing import Any, Protocol

from dialogs.catalog import NUMBERED_SCENES
from menus.menus import Menus
from menus.routes import make_key

YES = ("是", "是。", "y", "1", "好", "同意", "确认", "ＹＥＳ", "是的！")
NO = ("否", "不", "N", "0", "不用了", "取消", "不要。")
MORE = ("更多", "下一页", "完", "没有", "不知道", "结束", "跳过", "返回")
ODD = (
    "", " ", "？", "。。。", "😀", "😀" * 60, "a" * 500, "你好", "在吗", "我要投诉你们！！！",
    "％％s%d{x}{{}}", "<b>积分</b>", "';--", "\u202e积分", "ＪＦ", "积 分", "1 2 3", "-1", "1e9",
    "999999999999999999", "０", "壹", "十", "\n\n", "http://example.com/x?y=1&z", "\ud83d",
    "http://127.0.0.1/l/Ab3dE5fG7h", "谢谢", "5", "3", "2", "10", "100", "我在五一广场，想洗车",
    "生日3月2日", "女", "88岁",
)  # fmt: skip
MEDIA = ("image", "voice", "video", "location", "link", "other", "notice", "view")
AMOUNTS = ("1", "10", "50", "100", "500", "5000", "0", "1000000")
OFFERS = (1001, 1014)  # the first and the last of the sample data
_NUMBER = re.compile(r"\d{1,18}")
_CODE = re.compile(r"验证码是(\d{6})")


class Reader(Protocol):
    """Who says it: what they have read, and whether they follow."""

    read: list[str]
    msisdn: str


@dataclass
class Vocabulary:
    """Everything that can be said, drawn by the dice."""

    menus: Menus
    dice: Random
    people: Sequence[Reader]
    by_dialog: dict[str, list[str]] = field(init=False)
    keys: list[str] = field(init=False)
    scenes: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.by_dialog = {}
        for said, word in sorted(self.menus.words.items()):
            self.by_dialog.setdefault(word.route.dialog, []).append(said)
        routes = [word.route for word in self.menus.words.values()]
        known = {make_key(route.dialog, route.notes) for route in routes}
        self.keys = sorted({*known, *self.menus.keys})
        self.scenes = sorted(self.menus.scenes)

    def text(self, who: Reader) -> str:
        """Words of somebody who has just read something, or who has not."""
        said: str = self._one(
            (30, lambda: self._answer(who)),
            (34, lambda: self._keyword(who)),
            (4, lambda: self._misspelt()),
            (6, lambda: self._code(who)),
            (8, lambda: self.dice.choice(ODD)),
        )
        return said.encode("utf-8", "replace").decode()

    def wechat(self, who: Reader) -> tuple[str, str]:
        """A kind of message and what it says."""
        kind, said = self._one(
            (60, lambda: ("text", self.text(who))),
            (22, lambda: ("click", self._key())),
            (9, lambda: ("scan", self._scene(who))),
            (5, lambda: (self.dice.choice(MEDIA), "media-1")),
            (1, lambda: ("unfollow", "")),
        )
        return str(kind), str(said)

    def more(self, kind: str, inbound: type[Any]) -> dict[str, Any]:
        """Where somebody is, for doors that tell."""
        if kind != "location" or "place" not in {one.name for one in fields(inbound)}:
            return {}
        return {"place": (28.0 + self.dice.random(), 112.5 + self.dice.random())}

    def _one(self, *choices: tuple[int, Any]) -> Any:
        weights, makers = zip(*choices, strict=True)
        return self.dice.choices(makers, weights)[0]()

    def _answer(self, who: Reader) -> str:
        return str(
            self._one(
                (10, lambda: self.dice.choice(YES)),
                (4, lambda: self.dice.choice(NO)),
                (8, lambda: str(self.dice.randint(1, 6))),
                (4, lambda: self._number(who)),
                (2, lambda: self.dice.choice(MORE)),
                (2, lambda: self._other_number()),
            )
        )

    def _keyword(self, who: Reader) -> str:
        word = self.dice.choice(self.by_dialog[self.dice.choice(sorted(self.by_dialog))])
        said = self._one(
            (12, lambda: word),
            (3, lambda: f"{word}{self.dice.choice(('', ' '))}{self._number(who)}"),
            (1, lambda: f"{word} {self._number(who)} {self.dice.choice(ODD)}"),
            (2, lambda: f"{word} {self._other_number()} {self.dice.choice(AMOUNTS)}"),
            (1, lambda: f"{word} {self._other_number()} {self.dice.randint(*OFFERS)}"),
            (1, lambda: f"{self.dice.choice(('我想', '请问', '怎么', '帮我'))}{word}"),
        )
        return str(said)

    def _misspelt(self) -> str:
        word = [*self.dice.choice(self.by_dialog[self.dice.choice(sorted(self.by_dialog))])]
        word[self.dice.randrange(len(word))] = self.dice.choice("积分x我1 ")
        return "".join(word)

    def _number(self, who: Reader) -> str:
        """One that they have read, or one that might be something."""
        read = [number for text in who.read for number in _NUMBER.findall(text)]
        if read and self.dice.random() < 0.6:
            return str(self.dice.choice(read))
        return self.dice.choice((str(self.dice.randint(*OFFERS)), *AMOUNTS, "10000001"))

    def _other_number(self) -> str:
        other = self.dice.choice(self.people).msisdn or "+8613800000009"
        return self.dice.choice((other, other[3:], other[3:6] + " " + other[6:]))

    def _code(self, who: Reader) -> str:
        codes = [code for text in who.read for code in _CODE.findall(text)]
        return str(codes[-1]) if codes else (who.msisdn[3:] or self._other_number())

    def _key(self) -> str:
        return self.dice.choice((self.dice.choice(self.keys),) * 12 + ("nothing?x=1", "rate", ""))

    def _scene(self, who: Reader) -> str:
        numbered = f"{self.dice.choice(sorted(NUMBERED_SCENES))}-{self._number(who)}"
        return self.dice.choice((self.dice.choice(self.scenes), numbered, numbered, "nowhere"))
