"""An SMSC that says what it should not: its bind is kept or replaced, no submit is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from emulators.smsc import Verdict
from emulators.smsc_wire import CmppCodec, SmppCodec, SmscCodec
from sms.wire import link as links
from sms.wire.binds import Carrier
from sms.wire.link import Timing
from tests.sms.wire.test_link import Noted, Smsc, every_protocol, live, say, smsc, until

__all__ = ["smsc"]
LONG = Timing(idle_s=30, answer_s=30)  # nothing is given up by the clock


def frame(protocol: str, command: int, sequence: int = 1, body: bytes = b"") -> bytes:
    """A frame of either protocol; SMPP's has a status more."""
    status = bytes(4) if protocol == "smpp" else b""
    length = 12 + len(status) + len(body)
    return length.to_bytes(4, "big") + command.to_bytes(4, "big") + status + (
        sequence.to_bytes(4, "big") + body
    )  # fmt: skip


GARBAGE: Mapping[str, Callable[[str], bytes]] = {
    "noise": lambda _: bytes(range(255, 0, -1)),
    "text": lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "four gigabytes": lambda _: b"\xff\xff\xff\xff" + bytes(60),
    "no length": lambda _: bytes(16),
    "a delivery cut off": lambda protocol: frame(protocol, 5, 7, b"\x01"),
    "unbind": lambda protocol: frame(protocol, 6 if protocol == "smpp" else 2),
}
HARMLESS: Mapping[str, Callable[[str], bytes]] = {
    "an answer to nothing": lambda protocol: frame(protocol, 0x80000004, 999_999, bytes(12)),
    "a second bind answer": lambda protocol: frame(protocol, 0x80000001, 1, bytes(40)),
    "a refusal of nothing": lambda protocol: frame(protocol, 0x80000000, 999_999),
    "an unknown request": lambda protocol: frame(protocol, 0x99, 3),
    "an answer to a test that was none": lambda protocol: frame(
        protocol, 0x80000015 if protocol == "smpp" else 0x80000008, 12, b"\0"
    ),
}


@every_protocol
@pytest.mark.parametrize("what", GARBAGE)
def test_nonsense_costs_the_bind_and_nothing_else(protocol: str, what: str, smsc: Smsc) -> None:
    noted = Noted()
    smsc.verdicts.append(Verdict(answers=False))

    async def chat(carrier: Carrier) -> None:
        say(carrier, "一", "under way")
        await until(lambda: smsc.heard)
        first = carrier.links[0]
        smsc.centre.say(protocol[:4], GARBAGE[what](protocol[:4]))
        await until(lambda: noted.unknown == ["under way"])
        await until(lambda: carrier.bound == 1 and carrier.links[0] is not first)
        say(carrier, "二", "again")
        await until(lambda: noted.answers)

    live(protocol, smsc.ports[protocol[:4]], noted, chat, timing=LONG)
    assert [token for token, _ in noted.answers] == ["again"]


@every_protocol
@pytest.mark.parametrize("what", HARMLESS)
def test_a_frame_that_means_nothing_changes_nothing(protocol: str, what: str, smsc: Smsc) -> None:
    noted = Noted()
    smsc.verdicts.append(Verdict(after_s=0.1))

    async def chat(carrier: Carrier) -> None:
        say(carrier, "一", 1)
        await until(lambda: smsc.heard)
        first = carrier.links[0]
        smsc.centre.say(protocol[:4], HARMLESS[what](protocol[:4]))
        await until(lambda: noted.answers)
        assert carrier.links == [first]

    live(protocol, smsc.ports[protocol[:4]], noted, chat, timing=LONG)
    assert [(token, answer.status) for token, answer in noted.answers] == [(1, 0)]


@every_protocol
def test_half_a_frame_and_then_a_drop_now_and_then_is_no_sign_of_life(
    protocol: str, smsc: Smsc
) -> None:
    async def chat(carrier: Carrier) -> None:
        first, centre = carrier.links[0], smsc.centre
        centre.say(protocol[:4], (4000).to_bytes(4, "big"))
        async with asyncio.timeout(5):
            while carrier.links and carrier.links[0] is first:
                centre.say(protocol[:4], b"\0")
                await asyncio.sleep(0.05)
        await until(lambda: carrier.bound == 1)

    live(protocol, smsc.ports[protocol[:4]], Noted(), chat)


@every_protocol
def test_more_than_we_can_keep_is_not_read(
    protocol: str, smsc: Smsc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window of the SMSC is not ours to trust: 20 unkept are the most here, 100 come."""
    monkeypatch.setattr(links, "UNKEPT_MOST", 20)
    noted = Noted(keeps=False)
    flood = 100
    texts = (frame_of_a_text(protocol, number) for number in range(flood))

    async def chat(carrier: Carrier) -> None:
        link = carrier.links[0]
        for text in texts:
            smsc.centre.say(protocol[:4], text)
            await asyncio.sleep(0.001)
        kept = [*noted.texts]
        assert 20 <= len(kept) < flood
        await asyncio.sleep(0.1)
        assert len(noted.texts) == len(kept)
        noted.keeps = True
        for heard in kept:
            link.acknowledge(heard)
        await until(lambda: len(noted.texts) == flood)
        assert carrier.links == [link]

    live(protocol, smsc.ports[protocol[:4]], noted, chat, timing=LONG)


def frame_of_a_text(protocol: str, number: int) -> bytes:
    """A deliver as the emulated SMSC makes it, though nobody keeps count of it."""
    codec: SmscCodec = SmppCodec("", "")
    if protocol != "smpp":
        codec = CmppCodec("", "")
        codec._version = 0x20 if protocol == "cmpp2" else 0x30
    return codec.deliver(number + 1, "8613800000001", "10086", b"JF", 4, False)
