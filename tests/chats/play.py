"""Plays a chat through the real doors, and reads from the phones what came of it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from emulators.state import Sms
from models.points import SHANGHAI
from sms.segments import count
from tests.chats.script import Act, Heard
from tests.conftest import Boss, MovableClock, Phone, World

# Monday morning in spring. Every chat begins then, so that its dates are the same every time.
BEGINS = datetime(2026, 3, 2, 10, 0, tzinfo=SHANGHAI)
# As in production, where no port stands in a link; of the length that production's have.
PUBLIC_URL = "https://circle.example.cn"
ONE_TIME_LINK = "Ab3dE5fG7h"
MOST_SEGMENTS = 2
_DIGITS = re.compile(r"<(\d+) digits>")


@dataclass
class StandingClock(MovableClock):
    """The time of a chat: it begins when every chat does, and moves only when the chat says so."""

    def __call__(self) -> datetime:
        return BEGINS + self.shift


@dataclass
class Stage:
    """A world in which a chat is played. `phones` remembers how much of each was read."""

    world: World
    phones: dict[str, Phone] = field(default_factory=dict)
    seen: dict[tuple[str, str], int] = field(default_factory=dict)

    def play(self, act: Act) -> Act:
        """Do it, and add what arrived on all phones since the last act."""
        if act.who:
            self._do(act)
        else:
            HAPPENS[act.verb](self, act.words)
        heard = [] if act.is_silent else list(self.arrived(act.who))
        if act.is_silent:
            list(self.arrived())
        return act.with_heard(heard)

    def phone(self, name: str) -> Phone:
        """The handset of somebody, one of those in emulators/people.py or given."""
        if name not in self.phones:
            person = self.world.emulators.world.person(name)
            self.phones[name] = Phone(self.world, name, person.openid or "", person.msisdn or "")
        return self.phones[name]

    def _do(self, act: Act) -> None:
        phone, words = self.phone(act.who), self._filled(act)
        if act.verb == "sends":
            kind, *more = words.split()
            phone._does(kind, **dict(pair.split("=", 1) for pair in more))
        elif act.verb in ("follows", "unfollows"):
            getattr(phone, act.verb)(*([words] if words else []))
        else:
            getattr(phone, act.verb)(words.replace("\\n", "\n"))

    def _filled(self, act: Act) -> str:
        """`<6 digits>` becomes the last number of so many digits that came to them by SMS."""

        def last(wanted: re.Match[str]) -> str:
            number = re.compile(rf"(?<!\d)\d{{{wanted[1]}}}(?!\d)")
            found = [
                one for text in self.phone(act.who).heard("sms") for one in number.findall(text)
            ]
            assert found, f"{act.line}: no SMS with {wanted[1]} digits"
            return str(found[-1])

        return _DIGITS.sub(last, act.words)

    def arrived(self, who: str = "") -> Iterator[Heard]:
        """What is new on each phone; on the phone of who acted first, WeChat before SMS."""
        state = self.world.emulators.world.state
        for name in sorted(state.people, key=lambda name: name != who):
            whose = "" if name == who else name
            wechat = [one["text"] for one in state.phones[name].wechat if one["from"] == "them"]
            number = state.people[name].msisdn
            sms = [one.body for one in state.sms.values() if _arrived_by_sms(one, number)]
            for channel, texts in (("WeChat", wechat), ("SMS", sms)):
                known = self.seen.get((name, channel), 0)
                self.seen[name, channel] = len(texts)
                for text in texts[known:]:
                    yield Heard(whose, channel, self._shown(channel, text))

    def _shown(self, channel: str, text: str) -> str:
        text = text.replace(self.world.url, PUBLIC_URL)
        text = re.sub(rf"(?<={PUBLIC_URL}/l/)\w{{10}}", ONE_TIME_LINK, text)
        if channel == "SMS":
            assert count(text) <= MOST_SEGMENTS, f"{count(text)} SMS: {text}"
        return text

    # -- what happens without anybody's phone ------------------------------------------------

    def call(self, words: str) -> None:
        """`given basics.points 李雷 500`: a function of tests/chats/given/."""
        name, *arguments = words.split()
        module, _, function = name.rpartition(".")
        found = getattr(importlib.import_module(f"tests.chats.given.{module}"), function)
        found(self.world, *arguments)
        self.world.work()

    def later(self, words: str) -> None:
        """`later 3 days`: the clock looks once at the end of it."""
        number, unit = words.split()
        by: dict[str, Any] = {unit if unit.endswith("s") else f"{unit}s": float(number)}
        self.world.clock.advance(**by)
        self.world.tick()

    def at(self, words: str) -> None:
        """`at 10:00`: the next time that it is so late in China."""
        hour, minute = map(int, words.split(":"))
        local = self.world.clock().astimezone(SHANGHAI)
        wanted = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
        if wanted <= local:
            wanted += timedelta(days=1)
        self.world.clock.advance(seconds=(wanted - local).total_seconds())
        self.world.tick()

    def boss(self, words: str) -> None:
        """`BOSS opens`, `BOSS closes`, `BOSS refuses 余额不足`: what waits there is answered."""
        verb, _, reason = words.partition(" ")
        state = {"opens": "opened", "closes": "closed", "refuses": "refused"}[verb]
        Boss(self.world).answers(state, reason)


def _arrived_by_sms(sms: Sms, number: str | None) -> bool:
    return sms.to == number and sms.direction.startswith("outbound") and sms.status == "delivered"


HAPPENS: dict[str, Callable[[Stage, str], None]] = {
    "given": Stage.call,
    "meanwhile": Stage.call,
    "later": Stage.later,
    "at": Stage.at,
    "BOSS": Stage.boss,
}
