"""Chats saved in the simulator, played again before the running product."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from handlers import simulator_scripts
from handlers.simulator_emulators import Emulators
from models import outbox
from tests.conftest import Boss, Phone, World
from tests.pages.visitor import Visitor, do, part

pytestmark = pytest.mark.slow

PhoneOf = Callable[[str], Phone]


@pytest.fixture
def visitor(world: World) -> Visitor:
    world.circle.publisher.push(world.circle.live())
    return Visitor(world.url)


def test_a_saved_chat_passes_as_a_test_after_a_reset(
    visitor: Visitor, world: World, phone: PhoneOf, boss: Boss
) -> None:
    do(visitor, "scan", scene="cinema-01")
    world.work()
    do(visitor, "sms", text="是。")
    world.work()
    boss.answers()
    do(visitor, "tap", key="balance")
    phone("王大爷").texts("JF")
    zhang = phone("小张")
    zhang.says("绑定")
    zhang.says("13800000004")
    code = next(iter(part for part in zhang.last("sms").split("是") if part[:6].isdigit()))[:6]
    zhang.says(code)
    saved = visitor.get("/simulator/saved_chat.py")
    assert "attachment" in saved.headers["Content-Disposition"]
    for line in ('li.scans("cinema-01")', 'li.texts("是。")', "boss.answers()", "re.findall"):
        assert line in saved.text
    assert code not in saved.text
    do(visitor, "reset")
    assert part(visitor, "state").count("active") == 0
    play(saved.text, phone, boss)
    assert "电影俱乐部 会员 active" in part(visitor, "state")


def play(saved: str, phone: PhoneOf, boss: Boss) -> None:
    """Run a saved chat, as pytest would."""
    names: dict[str, Callable[..., None]] = {}
    exec(compile(saved, "test_saved_chat.py", "exec"), names)
    names["test_saved_chat"](phone, boss)


@pytest.mark.parametrize(
    ("mood", "pause_s", "line", "seen"),
    [
        ("quick", 3, "boss.answers()", "欢迎加入"),
        ("slow", 16, "boss.answers()", "欢迎加入"),
        ("refuses", 0, 'boss.answers("refused", "余额不足")', "余额不足"),
    ],
)
def test_a_saved_chat_has_the_mood_of_boss(
    visitor: Visitor, world: World, phone: PhoneOf, boss: Boss,
    mood: str, pause_s: float, line: str, seen: str,
) -> None:  # fmt: skip
    do(visitor, "boss", mood=mood)
    do(visitor, "scan", person="韩梅梅", scene="cinema-01")
    world.work()
    do(visitor, "text", person="韩梅梅", text="是")
    for queue in outbox.QUEUES:
        world.circle.drainer.drain(queue)
    world.control("POST", "/clock", advance_s=pause_s)
    world.work()
    saved = visitor.get("/simulator/saved_chat.py").text
    assert line in saved
    assert seen in saved.rpartition(line)[2]
    do(visitor, "reset")
    world.control("POST", "/boss/settings", confirm_after_s=None)  # as a test begins
    play(saved, phone, boss)


def test_a_saved_chat_waits_as_long_as_boss_was_silent(
    visitor: Visitor, world: World, phone: PhoneOf, boss: Boss
) -> None:
    do(visitor, "boss", mood="silent")
    do(visitor, "scan", person="韩梅梅", scene="cinema-01")
    world.work()
    do(visitor, "text", person="韩梅梅", text="是")
    world.work()
    world.clock.advance(minutes=11)
    world.tick()
    wire, shown = world.control("GET", "/wire"), world.control("GET", "/phones/韩梅梅")
    # The emulators stamp with the time of the machine, which no test moves.
    last = shown["wechat"][-1]
    last["at"] = (datetime.fromisoformat(last["at"]) + timedelta(minutes=11)).isoformat()
    people = Emulators(world.emulators_url).people()
    saved = simulator_scripts.script(wire, people, {"韩梅梅": shown})
    assert "boss.world.tick()\n    assert han.sees(" in saved
    assert "boss.answers" not in saved
    do(visitor, "reset")
    world.control("POST", "/boss/settings", confirm_after_s=None)  # as a test begins
    play(saved, phone, boss)


def test_a_saved_chat_names_the_faults_that_struck(
    visitor: Visitor, world: World, phone: PhoneOf, boss: Boss
) -> None:
    for fault in ("twice-wechat", "sms-busy", "boss-timeout"):
        do(visitor, "fault", fault=fault)
    do(visitor, "scan", scene="cinema-01")
    world.work()
    world.clock.advance(seconds=30)
    world.tick()
    do(visitor, "sms", text="是")
    world.work()
    saved = visitor.get("/simulator/saved_chat.py").text
    for label in ("微信消息重复", "短信网关出错", "BOSS 断线"):
        assert f"# A fault of the simulator struck from here on: {label}" in saved
    do(visitor, "reset")
    world.control("POST", "/boss/settings", confirm_after_s=None)
    play(saved, phone, boss)
