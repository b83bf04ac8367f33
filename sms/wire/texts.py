"""Texts as bytes and back: GSM-7 and UCS-2, cut into parts with a header, put together again.

The parts of a long text from a phone wait for each other in the store (models/heard_parts.py):
they may come over different binds, and a process that dies between two of them loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sms import segments
from sms.wire.frames import GSM7, UCS2, Heard, Part

_BASIC, _ESC = segments.GSM7_ALPHABET, ord(segments.ESC)
_ENCODE = {char: bytes([code]) for code, char in enumerate(_BASIC) if code != _ESC} | {
    char: bytes([_ESC, code]) for char, code in segments.GSM7_EXTENSION.items()
}
_DECODE_EXTENDED = {code: char for char, code in segments.GSM7_EXTENSION.items()}

# User data header elements (3GPP TS 23.040, 9.2.3.24.1 and .8).
_CONCAT_8, _CONCAT_16 = 0x00, 0x08
REFERENCES, REFERENCES_WIDE = 256, 65_536
PARTS_MOST = 255
UCS2_BYTES = 2 * segments.UCS2_SINGLE

# data_coding / Msg_Fmt of what phones send, besides: Latin-1, bytes without words, GB 18030.
_LATIN1, _BINARY, _GBK = 3, 4, 15


def parts(
    text: str, *, to: str, sender: str, reference: int, wide: bool = False, ascii_only: bool = False
) -> list[Part]:
    """The SMS that a text makes, in order; a `wide` reference has 16 bits. Raises ValueError.

    `ascii_only`: the protocol's coding 0 is ASCII (CMPP), not the GSM alphabet (SMPP).
    """
    if not segments.is_gsm7(text) and len(plain := text.encode("utf-16-be")) <= UCS2_BYTES:
        return [Part(to, sender, plain, UCS2)]  # by far the most
    gsm7 = segments.is_gsm7(text) and not (ascii_only and _encode(text, True) != _ascii(text))
    cut = segments.split(text, gsm7=gsm7, wide=wide)
    coding = GSM7 if gsm7 else UCS2
    if len(cut) == 1:
        return [Part(to, sender, _encode(cut[0], gsm7), coding)]
    if len(cut) > PARTS_MOST:
        raise ValueError(f"a text of {len(cut)} parts: {PARTS_MOST} are the most")
    mark = reference % REFERENCES_WIDE if wide else reference % REFERENCES
    head = bytes([6, _CONCAT_16, 4, *mark.to_bytes(2, "big")] if wide else [5, _CONCAT_8, 3, mark])
    return [
        Part(
            to, sender, head + bytes([len(cut), number]) + _encode(piece, gsm7), coding, number,
            len(cut), has_header=True,
        )
        for number, piece in enumerate(cut, start=1)
    ]  # fmt: skip


def _ascii(text: str) -> bytes:
    return text.encode("ascii", "ignore")


def _encode(text: str, gsm7: bool) -> bytes:
    if gsm7:  # one septet a byte: the SMSC packs them
        return b"".join(_ENCODE[char] for char in text)
    return text.encode("utf-16-be")


def decode(body: bytes, coding: int) -> str:
    """The words of a body; what cannot be read becomes �, so that nothing is lost on the way."""
    if coding == UCS2:
        return body.decode("utf-16-be", "replace")
    if coding == _GBK:
        return body.decode("gb18030", "replace")
    if coding == _LATIN1:
        return body.decode("latin-1")
    if coding == _BINARY:
        return ""
    return "".join(_gsm7(body))


def _gsm7(body: bytes) -> Iterator[str]:
    escaped = False
    for code in body:
        if escaped:
            yield _DECODE_EXTENDED.get(code, " ")
            escaped = False
        elif code == _ESC:
            escaped = True
        else:
            # Above 127 stands no septet: some gateways send Latin-1 for "default".
            yield _BASIC[code] if code < len(_BASIC) else chr(code)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part stands in its message."""

    reference: int
    of: int
    number: int
    wide: bool  # a reference of 16 bits


def place(heard: Heard) -> tuple[Place | None, bytes]:
    """A part's place, None for a whole message; and the text's bytes behind the header."""
    if heard.sar is not None:
        reference, number, of = heard.sar
        return Place(reference, of, number, True), heard.body
    if not heard.has_header or not heard.body:
        return None, heard.body
    length = heard.body[0]
    header, rest = heard.body[1 : 1 + length], heard.body[1 + length :]
    at = 0
    while at + 2 <= len(header):
        kind, size = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + size]
        if kind == _CONCAT_8 and size == 3 and len(value) == 3:
            return Place(value[0], value[1], value[2], False), rest
        if kind == _CONCAT_16 and size == 4 and len(value) == 4:
            return Place(int.from_bytes(value[:2], "big"), value[2], value[3], True), rest
        at += 2 + size
    return None, rest


def words(pieces: Sequence[tuple[bytes, int]]) -> str:
    """The text of a message's parts, each its bytes and its coding, in order.

    A character that its sender cut in two is whole again.
    """
    coding = pieces[0][1]
    if all(each == coding for _, each in pieces):
        return decode(b"".join(body for body, _ in pieces), coding)
    return "".join(decode(body, each) for body, each in pieces)
