"""Phone numbers in what people write: hidden where they are shown, and before they are kept."""

from __future__ import annotations

import re

# 11 digits and more are a number, or may be one, however they are written.
_LONG = r"\+?\d(?:[\s\-.()]{0,2}\d){10,}"
# A mobile's 11 are one whatever stands between them: 138/1234/5678, 138 - 1234 - 5678, 138，1234…
_MOBILE = r"(?<!\d)[1１][\W_]{0,3}[3-9３-９](?:[\W_]{0,3}\d){9}(?!\d)"
# A mobile in one piece ends where it ends, if an amount stands behind it: 13800001234 100.
_AND_AMOUNT = r"(?<!\d)[1１][3-9３-９]\d{9}(?=[\s,]{1,2}\d{1,4}(?![\s\-.()]{0,2}\d))"
_NUMBER = re.compile(f"{_AND_AMOUNT}|{_LONG}|{_MOBILE}")


def has_number(text: str) -> bool:
    """Whether a phone number may stand in a text, in half- or full-width digits."""
    return _NUMBER.search(text) is not None


def hide_numbers(text: str) -> str:
    """Text with every number that may be a phone's masked, in half- or full-width digits."""

    def mask(match: re.Match[str]) -> str:
        digits = [char for char in match[0] if char.isdigit()]
        return "".join(digits[:3]) + "****" + "".join(digits[-4:])

    return _NUMBER.sub(mask, text)
