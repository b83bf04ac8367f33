"""How many SMS segments a text takes: GSM-7 where every character allows it, else UCS-2."""

# 3GPP TS 23.038, default alphabet; the second row costs two septets each.
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = "\f^{}\\[~]|€"


def segments(text: str) -> int:
    """Segments of a text: 160 or 70 units alone, 153 or 67 per part."""
    if all(char in BASIC or char in EXTENDED for char in text):
        units = len(text) + sum(char in EXTENDED for char in text)
        alone, part = 160, 153
    else:
        units = len(text.encode("utf-16-be")) // 2
        alone, part = 70, 67
    return 1 if units <= alone else -(-units // part)


def decode(body: bytes) -> str:
    """The text of unpacked septets; ESC (0x1B) leads to the extension table."""
    plain, escaped, text = BASIC[:27] + "\x1b" + BASIC[27:], False, ""
    for code in body:
        if code == 0x1B and not escaped:
            escaped = True
            continue
        text += ESCAPED.get(code, " ") if escaped else plain[code & 0x7F]
        escaped = False
    return text


ESCAPED = dict(zip(b"\x0a\x14\x28\x29\x2f\x3c\x3d\x3e\x40\x65", "\f^{}\\[~]|€", strict=True))
