"""How many SMS a text makes: 160/153 GSM-7 septets or 70/67 UCS-2 units (3GPP TS 23.038, 23.040).

The signature 【...】 is part of the text: the caller adds it before counting.
"""

from __future__ import annotations

from collections.abc import Iterator

GSM7_SINGLE, GSM7_PART = 160, 153
UCS2_SINGLE, UCS2_PART = 70, 67

# The default alphabet in the order of its codes (3GPP TS 23.038, 6.2.1); ESC leads to the other.
ESC = "\x1b"
GSM7_ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# The extension table (6.2.1.1): ESC and one more septet, by its code.
GSM7_EXTENSION = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E,
    "|": 0x40, "€": 0x65,
}  # fmt: skip
GSM7_BASIC = frozenset(GSM7_ALPHABET) - {ESC}
GSM7_EXTENDED = frozenset(GSM7_EXTENSION)
_GSM7 = GSM7_BASIC | GSM7_EXTENDED
_BEYOND_BMP = 0xFFFF


def is_gsm7(text: str) -> bool:
    """Whether the whole text fits the GSM-7 alphabet; one other character makes it UCS-2."""
    return _GSM7.issuperset(text)


def units(text: str) -> int:
    """Septets in GSM-7 (extended characters take two), else UTF-16 units (emoji take two)."""
    return sum(_sizes(text, is_gsm7(text)))


def count(text: str) -> int:
    """How many SMS the text is billed as; 0 for an empty one."""
    return len(split(text))


def split(text: str, *, gsm7: bool | None = None, wide: bool = False) -> list[str]:
    """The parts, in order. No part ends inside a surrogate pair or a GSM-7 escape.

    `gsm7` False: as UCS-2 whatever it is. `wide`: a reference of 16 bits, which costs each part one
    character.
    """
    if not text:
        return []
    gsm7 = is_gsm7(text) if gsm7 is None else gsm7
    single, part = (GSM7_SINGLE, GSM7_PART) if gsm7 else (UCS2_SINGLE, UCS2_PART)
    sizes = [*_sizes(text, gsm7)]
    if sum(sizes) <= single:
        return [text]
    parts: list[str] = []
    start = used = 0
    for position, size in enumerate(sizes):
        if used + size > part - wide:
            parts.append(text[start:position])
            start, used = position, 0
        used += size
    parts.append(text[start:])
    return parts


def _sizes(text: str, gsm7: bool) -> Iterator[int]:
    """How many units each character takes."""
    if gsm7:
        return (2 if char in GSM7_EXTENDED else 1 for char in text)
    return (2 if ord(char) > _BEYOND_BMP else 1 for char in text)
