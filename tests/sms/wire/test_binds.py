"""The binds of a gateway: TLS, several at once, pauses that grow, a good end, the agreed pace."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import smpp34
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from emulators.smsc import Centre, Verdict
from sms.wire.binds import Address, Carrier, Limits
from sms.wire.frames import Codec
from sms.wire.pace import BURST_S, Pace
from sms.wire.smpp import Smpp
from tests.sms.wire.test_link import (
    CODECS,
    LOGIN,
    QUICK,
    Noted,
    Smsc,
    every_protocol,
    free_port,
    in_a_thread,
    live,
    say,
    smsc,
    until,
)  # fmt: skip

__all__ = ["smsc"]


def carrier_to(
    address: Address, noted: Noted, codec: Codec | None = None, *, first_s: float = 0.02,
    most_s: float = 60.0,
) -> Carrier:  # fmt: skip
    limits = Limits(reconnect_first_s=first_s, reconnect_most_s=most_s, timing=QUICK)
    return Carrier(
        "smsc", address, [codec or CODECS["smpp"]()], limits, noted, clock=time.monotonic
    )


# -- TLS -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1, signed by itself: peer.key, peer.pem."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "smsc.test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(
            [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "peer.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "peer.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )  # fmt: skip
    return folder


@pytest.fixture
def tls_smsc(certificates: Path) -> Iterator[Centre]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / "peer.pem", certificates / "peer.key")
    centre = Centre(LOGIN, lambda *_: Verdict(), tls=context)
    centre.start()
    yield centre
    centre.stop()


@every_protocol
def test_over_tls_the_same_is_said(protocol: str, tls_smsc: Centre, certificates: Path) -> None:
    noted = Noted()

    async def run() -> None:
        address = Address(
            "127.0.0.1", tls_smsc.ports[protocol[:4]], True, str(certificates / "peer.pem")
        )
        carrier = carrier_to(address, noted, CODECS[protocol]())
        carrier.start()
        await until(lambda: carrier.bound)
        say(carrier, "好", 1)
        await until(lambda: noted.receipts)
        await carrier.stop(1.0)

    in_a_thread(run())
    assert [answer.status for _, answer in noted.answers] == [0]


@pytest.mark.parametrize(
    ("host", "knows_authority"), [("127.0.0.1", False), ("localhost", True)]
)  # fmt: skip
def test_a_certificate_of_nobody_known_or_for_another_name_is_refused(
    host: str, knows_authority: bool, tls_smsc: Centre, certificates: Path
) -> None:
    """By default the peer is verified: the password is never sent to whoever answers."""
    ca_file = str(certificates / "peer.pem") if knows_authority else None

    async def run() -> None:
        carrier = carrier_to(Address(host, tls_smsc.ports["smpp"], True, ca_file), Noted())
        carrier.start()
        await asyncio.sleep(0.3)
        assert (carrier.bound, tls_smsc.sessions["smpp"]) == (0, [])
        await carrier.stop(0.1)

    in_a_thread(run())


def test_a_tls_peer_that_nobody_here_wrote_is_bound_to(certificates: Path) -> None:
    """smpp34's server, behind a TLS end as an operator's stunnel would be."""
    noted = Noted()

    async def run() -> None:
        server = smpp34.Server(host="127.0.0.1", port=(plain := free_port()), system_id="peer")
        await server.start()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificates / "peer.pem", certificates / "peer.key")
        pipes: list[asyncio.Task[None]] = []

        async def pipe(source: asyncio.StreamReader, drain: asyncio.StreamWriter) -> None:
            while data := await source.read(4096):
                drain.write(data)
            drain.close()

        async def through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inner, outer = await asyncio.open_connection("127.0.0.1", plain)
            pipes.append(asyncio.create_task(pipe(reader, outer)))
            pipes.append(asyncio.create_task(pipe(inner, writer)))

        async def serve() -> None:
            while True:
                event = await server.next()
                if isinstance(event, smpp34.SubmitSmEvent):
                    event.accept(message_id="peer-1")

        front = await asyncio.start_server(through, "127.0.0.1", 0, ssl=context)
        serving = asyncio.create_task(serve())
        port = front.sockets[0].getsockname()[1]
        carrier = carrier_to(
            Address("127.0.0.1", port, True, str(certificates / "peer.pem")), noted
        )
        carrier.start()
        await until(lambda: carrier.bound)
        say(carrier, "好", 1)
        await until(lambda: noted.answers)
        await carrier.stop(1.0)
        for task in (serving, *pipes):
            task.cancel()
        front.close()

    in_a_thread(run())
    assert [answer.message_id for _, answer in noted.answers] == ["peer-1"]


# -- several, and their lives ----------------------------------------------------------------------


@every_protocol
def test_several_binds_share_what_is_sent(protocol: str, smsc: Smsc) -> None:
    noted = Noted()
    smsc.verdicts += [Verdict(after_s=0.1)] * 6

    async def chat(carrier: Carrier) -> None:
        assert (carrier.bound, carrier.most) == (3, 6)
        for number in range(6):
            say(carrier, "好", number)
        assert [link.under_way for link in carrier.links] == [2, 2, 2]
        await until(lambda: len(noted.answers) == 6)

    live(protocol, smsc.ports[protocol[:4]], noted, chat, window=2, binds=3)


@every_protocol
def test_one_of_several_binds_may_break_and_the_others_go_on(protocol: str, smsc: Smsc) -> None:
    noted = Noted()

    async def chat(carrier: Carrier) -> None:
        carrier.links[0].close("broken")
        await until(lambda: carrier.bound == 1)
        say(carrier, "好", 1)
        await until(lambda: noted.answers and carrier.bound == 2)

    live(protocol, smsc.ports[protocol[:4]], noted, chat, binds=2)


@every_protocol
def test_a_good_end_waits_for_what_is_under_way(protocol: str, smsc: Smsc) -> None:
    noted = Noted()
    smsc.verdicts.append(Verdict(after_s=0.2))

    async def chat(carrier: Carrier) -> None:
        say(carrier, "好", 1)
        await until(lambda: smsc.heard)
        link = carrier.links[0]
        await carrier.stop(patience_s=2.0)
        assert [token for token, _ in noted.answers] == [1]
        assert (noted.unknown, link.why) == ([], "left in good order")

    live(protocol, smsc.ports[protocol[:4]], noted, chat)


def pauses(monkeypatch: pytest.MonkeyPatch, port: int, most_s: float, tries: int) -> list[float]:
    """How long it waits between tries."""
    waited: list[float] = []
    sleep = asyncio.sleep

    async def noting(seconds: float) -> None:
        waited.append(seconds)
        await sleep(0)

    async def run() -> None:
        carrier = carrier_to(
            Address("127.0.0.1", port),
            Noted(),
            Smpp("lifecircle", "wrong"),
            first_s=3,
            most_s=most_s,
        )
        keeper = asyncio.create_task(carrier._keep(1, carrier.codec))
        async with asyncio.timeout(5):
            while len(waited) < tries:
                await sleep(0.01)
        keeper.cancel()

    monkeypatch.setattr("sms.wire.binds.asyncio.sleep", noting)
    monkeypatch.setattr("sms.wire.binds.random.uniform", lambda _low, _high: 1.0)
    in_a_thread(run())
    return waited[:tries]


def test_pauses_grow_while_nobody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pauses(monkeypatch, free_port(), 60, 7) == [3, 6, 12, 24, 48, 60, 60]


def test_pauses_grow_while_the_bind_is_refused(monkeypatch: pytest.MonkeyPatch, smsc: Smsc) -> None:
    assert pauses(monkeypatch, smsc.ports["smpp"], 10, 4) == [3, 6, 10, 10]


# -- the agreed pace -------------------------------------------------------------------------------


def test_no_more_leave_in_a_second_than_was_agreed() -> None:
    at = [0.0]
    pace = Pace(200.0, lambda: at[0])
    left = 0
    for _ in range(1000):  # ten seconds, looked at every 10 ms
        at[0] += 0.01
        room = pace.room()
        pace.took(room)
        left += room
    assert left == pytest.approx(2000, abs=200 * BURST_S)


@every_protocol
def test_the_pace_bounds_what_has_room(protocol: str, smsc: Smsc) -> None:
    async def chat(carrier: Carrier) -> None:
        carrier.pace = Pace(50.0, time.monotonic)
        await asyncio.sleep(0.3)
        assert carrier.room == 50 * BURST_S

    live(protocol, smsc.ports[protocol[:4]], Noted(), chat, window=100)
