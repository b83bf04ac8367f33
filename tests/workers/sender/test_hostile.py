"""What an SMSC or a phone may send to harm us: the sender goes on, and nothing is lost by it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from emulators.smsc_wire import Receipt, SmscCodec
from models import heard_parts
from models.receipts import Receipt as Known
from tests.conftest import World
from tests.workers.conftest import Owing
from tests.workers.sender.conftest import Phone, Running, until
from workers.sender.coming import Coming

WANG_BARE = "8613800000003"
UCS2 = 8


def part(
    world: World, gateway: str, words: str, *, reference: int, of: int, number: int,
    sender: str = WANG_BARE, head: bytes | None = None,
) -> None:  # fmt: skip
    """A part of a long text, from a phone."""
    assert world.emulators.smsc is not None
    head = head if head is not None else bytes([5, 0, 3, reference, of, number])
    body = head + words.encode("utf-16-be")
    world.emulators.smsc.centre.text(gateway, sender, "10086", body, UCS2, has_header=True)


def said(world: World) -> list[str]:
    return [row[0] for row in world.rows("SELECT said FROM inbox ORDER BY received_at")]


def receipts_of_strangers(world: World, gateway: str, count: int) -> None:
    assert world.emulators.smsc is not None
    ids = ["0" * 30, "9" * 18, "7"] if gateway == "smpp" else ["1", "9" * 18, "7"]
    for number in range(count):
        receipt = Receipt(ids[number % 3], "DELIVRD", "000", WANG_BARE, "10086999", "", "")

        def frame(codec: SmscCodec, sequence: int, receipt: Receipt = receipt) -> bytes:
            return codec.receipt(sequence, receipt)

        world.emulators.smsc.centre.queue(gateway, frame)


def test_receipts_of_what_is_not_ours_hold_nothing_up(
    owing: Owing, world: World, running: Running, wang: Phone, gateway: str
) -> None:
    receipts_of_strangers(world, gateway, 300)
    owed = owing.sms()
    until(lambda: owing.get(owed).state == "delivered", "delivered")
    assert len(wang.heard()) == 1


def test_a_receipt_that_may_overtake_its_answer_is_looked_up_three_times() -> None:
    coming = Coming(answer_s=-1.9)
    coming.put(stranger := Known("smpp:1", "delivered", "DELIVRD", "+8613800000001", "001"))
    pause, tries = threading.Event(), 0
    for _ in range(1000):
        if due := coming.due():
            tries += 1
            if coming.looked_up(due, [stranger], {"8613800000001"}):
                break
        pause.wait(0.001)
    assert tries == 3


def test_an_id_that_does_not_fit_its_column_costs_nobody_anything(
    owing: Owing, world: World, running: Running, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SMPP allows 64 characters of any kind, CMPP numbers of 64 bits."""
    longest = {"smpp": ["x" * 64, "y" * 63 + "\x7f"], "cmpp": [str(2**64 - 1), str(2**63)]}
    assert world.emulators.smsc is not None
    smsc = world.emulators.smsc.centre
    monkeypatch.setattr(smsc, "ids", iter([*longest[gateway], *map(str, range(1, 99))]))
    owed = [owing.sms(), owing.sms(to="+8613800000001"), owing.sms(to="+8613800000002")]
    until(lambda: all(owing.get(one).state == "delivered" for one in owed), "all delivered")


def test_a_header_that_lies_is_heard_as_far_as_it_can_be(
    running: Running, world: World, gateway: str
) -> None:
    part(world, gateway, "零之一", reference=1, of=0, number=1)
    part(world, gateway, "九之二", reference=2, of=2, number=9)
    part(world, gateway, "第零部分", reference=3, of=3, number=0)
    part(world, gateway, "头太长", reference=4, of=2, number=1, head=bytes([200, 0, 3]))
    part(world, gateway, "没有头", reference=5, of=2, number=1, head=b"")
    until(lambda: len(said(world)) >= 5, "all heard")
    assert {"零之一", "九之二", "第零部分"} <= set(said(world))
    assert world.rows("SELECT count(*) FROM heard_parts") == [(0,)]


def test_a_text_of_255_parts_is_cut_where_texts_are(
    running: Running, world: World, gateway: str
) -> None:
    for number in range(255, 0, -1):
        part(world, gateway, f"{number % 10}" * 67, reference=9, of=255, number=number)
    until(lambda: said(world), "heard", 30)
    assert said(world)[0].startswith("1" * 67 + "2" * 67)
    assert len(said(world)[0]) <= 1600
    until(lambda: world.rows("SELECT count(*) FROM heard_parts") == [(0,)], "forgotten")


def test_a_reference_that_is_used_again_mixes_no_two_texts(
    running: Running, world: World, gateway: str
) -> None:
    """The second part of the first text was lost; eight bits of references come round soon."""
    part(world, gateway, "投诉旧的", reference=7, of=2, number=1)
    until(lambda: world.rows("SELECT count(*) FROM heard_parts") == [(1,)], "kept")
    part(world, gateway, "投诉新的", reference=7, of=2, number=1)
    until(lambda: said(world) == ["投诉旧的"], "the old one is heard as it is")
    part(world, gateway, "一半", reference=7, of=2, number=2)
    until(lambda: "投诉新的一半" in said(world), "the new one is whole")
    assert len(said(world)) == 2


def test_a_part_of_no_number_is_not_kept_for_ever(
    running: Running, wang: Phone, world: World, gateway: str
) -> None:
    part(world, gateway, "广告", reference=7, of=2, number=1, sender="106900000000000099")
    wang.texts("JF")
    wang.hears("积分")
    assert world.rows("SELECT count(*) FROM heard_parts") == [(0,)]


def test_a_text_that_cannot_be_understood_is_put_aside_and_the_next_is_heard(
    running: Running, wang: Phone, world: World, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be delivered, and raise, for ever."""
    monkeypatch.setattr(heard_parts, "keep", lambda *_, **__: 1 / 0)
    part(world, gateway, "坏的", reference=7, of=2, number=1)
    aside = Path(world.circle.settings.data_dir) / "spool" / "sender.aside.jsonl"
    until(lambda: aside.exists() and aside.read_text(), "put aside")
    until(lambda: acknowledged(world, gateway), "acknowledged")
    wang.texts("JF")
    wang.hears("积分")


def acknowledged(world: World, gateway: str) -> bool:
    assert world.emulators.smsc is not None
    smsc = world.emulators.smsc.centre
    return not any(one.under_way for one in smsc.sessions[gateway]) and not smsc.queues[gateway]
