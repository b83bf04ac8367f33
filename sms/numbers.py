"""Mobile numbers: every way of writing one to E.164, and back to what may be shown."""

from __future__ import annotations

import re
import unicodedata

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

REGION, COUNTRY_CODE = "CN", 86
NUMBER_CHARS_MAX = 40
# What people put between the digits; phonenumbers would also read letters as keys and extensions.
_SEPARATORS = re.compile(r"[\s\-–—‐‑.()]+")
_DIGITS = re.compile(r"\+?[0-9]{7,20}")
_ELSEWHERE = re.compile(r"\+[0-9]{7,15}")
# What nearly all numbers look like, in the ranges that have long been in use: known without
# phonenumbers, which takes 60 us, far too long for files of ten million lines.
_PLAIN_MOBILE = re.compile(
    r"(?:\+86|0086|86)?(1(?:[38][0-9]|4[57]|5[0-35-9]|6[25-7]|7[0135-8]|9[0-35-9])[0-9]{8})"
)


class NotANumber(ValueError):
    """The text is not a mobile number. It is not quoted: logs must not hold whole numbers."""


def msisdn(text: str) -> str:
    """E.164 ("+8613800000001") of 138..., 86138..., +86138..., 0086138..., in any width.

    Numbers of other countries need their + or 00, and may be of any kind. Raises NotANumber.
    """
    if plain := _PLAIN_MOBILE.fullmatch(text):
        return f"+86{plain[1]}"
    if len(text) > NUMBER_CHARS_MAX:
        raise NotANumber("too long for a number")
    half_width = "".join(
        char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf"
    )
    digits = _SEPARATORS.sub("", half_width)
    if not _DIGITS.fullmatch(digits):
        raise NotANumber("a number has 7 to 20 digits")
    try:
        number = phonenumbers.parse(digits, REGION)
    except NumberParseException as error:
        raise NotANumber("not a number of any country") from error
    if not phonenumbers.is_valid_number(number):
        raise NotANumber("no such number in the numbering plan")
    # Elsewhere mobile numbers often cannot be told from others; at home they can.
    at_home = number.country_code == COUNTRY_CODE
    if at_home and phonenumbers.number_type(number) != PhoneNumberType.MOBILE:
        raise NotANumber("not a mobile number")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def masked(number: str) -> str:
    """The number as people may see it: "+8613800000001" -> "138****0001". Never raises."""
    if number.startswith("+86") and len(number) == 14 and number[1:].isdigit():
        return f"{number[3:6]}****{number[-4:]}"
    if _ELSEWHERE.fullmatch(number) and len(number) >= 10:
        return f"{number[:3]}****{number[-4:]}"
    return "****"
