"""A bind against the emulated SMSC and against a peer that nobody here wrote (smpp34's server)."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
import smpp34

from emulators.smsc import Centre, Login, Verdict
from emulators.smsc_wire import Submitted
from sms.wire import texts
from sms.wire.binds import Address, Carrier, Ears, Limits
from sms.wire.cmpp import V20, V30, Cmpp
from sms.wire.frames import Answered, Codec, Heard, Receipted
from sms.wire.link import Link, Timing
from sms.wire.smpp import Smpp

LOGIN = Login("lifecircle", "secret", "901234", "sp-key")
CODECS: dict[str, Callable[[], Codec]] = {
    "smpp": lambda: Smpp("lifecircle", "secret"),
    "cmpp2": lambda: Cmpp("901234", "sp-key", V20),
    "cmpp3": lambda: Cmpp("901234", "sp-key", V30),
}
every_protocol = pytest.mark.parametrize("protocol", CODECS)
QUICK = Timing(idle_s=0.2, answer_s=0.6)


@dataclass
class Noted(Ears):
    """What the gateway has told."""

    answers: list[tuple[object, Answered]] = field(default_factory=list)
    unknown: list[object] = field(default_factory=list)
    texts: list[Heard] = field(default_factory=list)
    receipts: list[Receipted] = field(default_factory=list)
    keeps: bool = True  # whether what is delivered is acknowledged

    def answered(self, carrier: Carrier, token: object, answer: Answered) -> None:
        self.answers.append((token, answer))

    def unanswered(self, carrier: Carrier, tokens: list[object]) -> None:
        self.unknown += tokens

    def delivered(self, carrier: Carrier, link: Link, frame: Heard | Receipted) -> None:
        if isinstance(frame, Heard):
            self.texts.append(frame)
        else:
            self.receipts.append(frame)
        if self.keeps:
            link.acknowledge(frame)

    def changed(self, carrier: Carrier) -> None:
        pass


@dataclass
class Smsc:
    """The emulated one: `verdicts` for the next submits, then all is well."""

    verdicts: list[Verdict] = field(default_factory=list)
    heard: list[Submitted] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.centre = Centre(LOGIN, self._judge)
        self.ports = self.centre.start()

    def _judge(self, protocol: str, submitted: Submitted, message_id: str) -> Verdict:
        self.heard.append(submitted)
        return self.verdicts.pop(0) if self.verdicts else Verdict()


@pytest.fixture
def smsc() -> Iterator[Smsc]:
    made = Smsc()
    yield made
    made.centre.stop()


def live(
    protocol: str, port: int, noted: Noted, chat: Callable[[Carrier], Awaitable[None]],
    *, window: int = 10, binds: int = 1, timing: Timing = QUICK, codec: Codec | None = None,
) -> None:  # fmt: skip
    """Hold a gateway open while a conversation runs, then end it in good order."""

    async def run() -> None:
        carrier = Carrier(
            protocol, Address("127.0.0.1", port),
            [codec or CODECS[protocol]() for _ in range(binds)],
            Limits(window=window, rate_s=1e6, reconnect_first_s=0.05, timing=timing), noted,
            clock=time.monotonic,
        )  # fmt: skip
        carrier.start()
        try:
            await until(lambda: carrier.bound == binds)
            await chat(carrier)
        finally:
            await carrier.stop(patience_s=1.0)

    in_a_thread(run())


def in_a_thread(work: Coroutine[None, None, None]) -> None:
    """Run it on a loop of its own: the browser of other tests keeps one in this thread."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


async def until(condition: Callable[[], object], within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)


def say(carrier: Carrier, text: str, token: object) -> None:
    for part in texts.parts(text, to="8613800000001", sender="10086123", reference=1):
        carrier.submit(part, token)


@every_protocol
def test_a_long_text_leaves_in_parts_and_its_receipts_come_back(protocol: str, smsc: Smsc) -> None:
    noted = Noted()
    text = "您的兑换码是123456，请在今天用完。" * 8

    async def chat(carrier: Carrier) -> None:
        say(carrier, text, 7)
        await until(lambda: len(noted.receipts) == 3)

    live(protocol, smsc.ports[protocol[:4]], noted, chat)
    assert [answer.status for _, answer in noted.answers] == [0, 0, 0]
    assert {r.message_id for r in noted.receipts} == {a.message_id for _, a in noted.answers}
    assert {(r.state, r.sender, r.to) for r in noted.receipts} == {
        ("DELIVRD", "8613800000001", "10086123")
    }
    bodies = [
        texts.place(Heard(0, "", "", one.body, one.coding, one.has_header, ""))[1]
        for one in smsc.heard
    ]
    assert b"".join(bodies).decode("utf-16-be") == text


@every_protocol
def test_what_a_phone_texts_is_sent_again_until_it_is_acknowledged(
    protocol: str, smsc: Smsc
) -> None:
    noted = Noted(keeps=False)

    async def chat(carrier: Carrier) -> None:
        smsc.centre.text(protocol[:4], "8613800000001", "10086123", "是".encode("utf-16-be"), 8)
        await until(lambda: noted.texts)
        noted.keeps = True
        smsc.centre.hang_up(protocol[:4])  # we die before it was kept
        await until(lambda: len(noted.texts) == 2)

    live(protocol, smsc.ports[protocol[:4]], noted, chat)
    assert {(t.sender, t.to, texts.decode(t.body, t.coding)) for t in noted.texts} == {
        ("8613800000001", "10086123", "是")
    }


@every_protocol
def test_the_window_bounds_what_waits_for_an_answer(protocol: str, smsc: Smsc) -> None:
    noted = Noted()
    smsc.verdicts += [Verdict(after_s=0.1)] * 4

    async def chat(carrier: Carrier) -> None:
        for number in range(4):
            say(carrier, "好", number)
        assert carrier.room == 0
        with pytest.raises(LookupError):
            say(carrier, "好", 4)
        await until(lambda: carrier.room == 4)

    live(protocol, smsc.ports[protocol[:4]], noted, chat, window=4)
    assert [token for token, _ in noted.answers] == [0, 1, 2, 3]


@every_protocol
def test_what_is_never_answered_is_told_as_unknown(protocol: str, smsc: Smsc) -> None:
    noted = Noted()
    smsc.verdicts += [Verdict(answers=False), Verdict(), Verdict(answers=False, hang_up=True)]

    async def chat(carrier: Carrier) -> None:
        say(carrier, "一", "silent")
        say(carrier, "二", "fine")
        await until(lambda: noted.unknown == ["silent"])
        say(carrier, "三", "cut off")
        await until(lambda: noted.unknown == ["silent", "cut off"])
        await until(lambda: carrier.bound == 1)  # it has bound again
        say(carrier, "四", "again")
        await until(lambda: len(noted.answers) == 2)

    live(protocol, smsc.ports[protocol[:4]], noted, chat)
    assert [token for token, _ in noted.answers] == ["fine", "again"]


@pytest.mark.parametrize(
    ("protocol", "status", "verdict"),
    [
        ("smpp", 0x58, "busy"), ("smpp", 0x14, "busy"), ("smpp", 0x0B, "refused"),
        ("smpp", 0x08, "later"), ("smpp", 0x45, "later"), ("smpp", 0x401, "later"),
        ("cmpp2", 8, "busy"), ("cmpp2", 5, "refused"), ("cmpp2", 9, "later"),
        ("cmpp3", 8, "busy"), ("cmpp3", 260, "later"),
    ],
)  # fmt: skip
def test_a_status_says_what_to_do(protocol: str, status: int, verdict: str, smsc: Smsc) -> None:
    noted = Noted()
    smsc.verdicts.append(Verdict(status=status))

    async def chat(carrier: Carrier) -> None:
        say(carrier, "好", 1)
        await until(lambda: noted.answers)
        assert carrier.codec.verdict(noted.answers[0][1].status) == verdict
        assert carrier.bound == 1  # a refusal, a vendor's code even, never costs the bind

    live(protocol, smsc.ports[protocol[:4]], noted, chat)


@every_protocol
def test_a_silent_link_is_tested_and_stays(protocol: str, smsc: Smsc) -> None:
    async def chat(carrier: Carrier) -> None:
        link = carrier.links[0]
        await asyncio.sleep(QUICK.idle_s + QUICK.answer_s + 0.2)
        assert carrier.links == [link]

    live(protocol, smsc.ports[protocol[:4]], Noted(), chat)


def test_a_link_that_does_not_answer_its_test_is_replaced() -> None:
    """A peer that takes the bind and then hears nothing more."""
    met: list[asyncio.StreamWriter] = []

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(16)
        await reader.readexactly(int.from_bytes(head[:4], "big") - 16)
        writer.write(bytes.fromhex("0000001180000009 00000000") + head[12:16] + b"\0")
        met.append(writer)

    async def run() -> None:
        server = await asyncio.start_server(deaf, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        carrier = Carrier(
            "smpp", Address("127.0.0.1", port), [CODECS["smpp"]()],
            Limits(reconnect_first_s=0.01, timing=Timing(0.05, 0.1)), Noted(),
            clock=time.monotonic,
        )  # fmt: skip
        carrier.start()
        await until(lambda: len(met) >= 2)
        await carrier.stop(0.1)
        server.close()

    in_a_thread(run())


@pytest.mark.parametrize(
    ("protocol", "codec"),
    [
        ("smpp", Smpp("lifecircle", "wrong")), ("cmpp2", Cmpp("901234", "wrong", V20)),
        ("cmpp3", Cmpp("901234", "wrong", V30)),
    ],
)  # fmt: skip
def test_a_wrong_secret_is_refused_and_tried_again_with_pauses(
    protocol: str, codec: Codec, smsc: Smsc
) -> None:
    async def run() -> None:
        carrier = Carrier(
            protocol, Address("127.0.0.1", smsc.ports[protocol[:4]]), [codec],
            Limits(reconnect_first_s=0.01), Noted(), clock=time.monotonic,
        )  # fmt: skip
        carrier.start()
        await asyncio.sleep(0.2)
        assert carrier.bound == 0
        await carrier.stop(0.1)

    in_a_thread(run())


def test_a_transmitter_and_a_receiver_work_as_a_pair(smsc: Smsc) -> None:
    noted = Noted()

    async def run() -> None:
        carrier = Carrier(
            "smpp", Address("127.0.0.1", smsc.ports["smpp"]),
            [Smpp("lifecircle", "secret", "tx"), Smpp("lifecircle", "secret", "rx")],
            Limits(window=3), noted, clock=time.monotonic,
        )  # fmt: skip
        carrier.start()
        await until(lambda: carrier.bound == 2 and carrier.room == 3)
        for number in range(3):  # as many as the transmitter may have under way
            say(carrier, "好", number)
        assert (carrier.most, carrier.room) == (3, 0)
        await until(lambda: len(noted.receipts) == 3)
        await carrier.stop(1.0)

    in_a_thread(run())
    assert [answer.status for _, answer in noted.answers] == [0, 0, 0]


def test_a_peer_that_nobody_here_wrote_takes_the_same_exchange() -> None:
    """smpp34's own server: bind, submit, refusal, receipt by TLV, a text from a phone, unbind."""
    noted = Noted()

    async def run() -> None:
        server = smpp34.Server(host="127.0.0.1", port=(port := free_port()), system_id="peer")
        await server.start()
        seen: list[smpp34.SubmitSmEvent] = []

        async def serve() -> None:
            esme = None
            while True:
                event = await server.next()
                if isinstance(event, smpp34.Esme):
                    esme = event
                elif isinstance(event, smpp34.SubmitSmEvent):
                    if "再" in event.short_message.decode("utf-16-be"):  # it works on both at once
                        event.reject(0x58)
                        continue
                    seen.append(event)
                    event.accept(message_id="peer-1")
                    assert esme is not None
                    await esme.deliver_sm(
                        source_addr=event.destination_addr, destination_addr=event.source_addr,
                        esm_class=0x04, short_message=b"",
                        tlvs=[smpp34.Tlv(0x1E, b"peer-1\0"), smpp34.Tlv(0x427, b"\x02")],
                    )  # fmt: skip
                    await esme.deliver_sm(
                        source_addr=event.destination_addr, destination_addr=event.source_addr,
                        data_coding=8, short_message="是".encode("utf-16-be"),
                    )  # fmt: skip

        serving = asyncio.create_task(serve())
        carrier = Carrier(
            "smpp", Address("127.0.0.1", port), [CODECS["smpp"]()], Limits(), noted,
            clock=time.monotonic,
        )  # fmt: skip
        carrier.start()
        await until(lambda: carrier.bound == 1)
        say(carrier, "回复是加入电影俱乐部", 1)
        say(carrier, "再来一条", 2)
        await until(lambda: noted.texts and noted.receipts and len(noted.answers) == 2)
        assert seen[0].short_message.decode("utf-16-be") == "回复是加入电影俱乐部"
        assert (seen[0].source_addr, seen[0].destination_addr) == ("10086123", "8613800000001")
        assert (seen[0].registered_delivery, seen[0].data_coding) == (1, 8)
        await carrier.stop(2.0)
        serving.cancel()

    in_a_thread(run())
    answers = dict(noted.answers)
    assert (answers[1].status, answers[1].message_id, answers[2].status) == (0, "peer-1", 0x58)
    assert [(r.message_id, r.state) for r in noted.receipts] == [("peer-1", "DELIVRD")]
    assert texts.decode(noted.texts[0].body, noted.texts[0].coding) == "是"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
