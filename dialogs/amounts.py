"""How many somebody wants, as people write it: 100, 100分, 1,000积分, 一百, 两千五百, 三个."""

from __future__ import annotations

import re

from sms.replies import CHINESE_DIGITS, Reply

_DIGITS = re.compile(r"(?:赠|送|转赠|换|给)?([0-9]{1,9}|[0-9]{1,3}(?:,[0-9]{3}){1,2})(?:个|枚|块)?")
_CHINESE = re.compile(r"(?:赠|送|转赠|换|给)?([零一二两三四五六七八九十百千万]{1,12})(?:个|枚)?")
_UNITS = ("如意币", "积分", "分", "币", "点")
_PLACES = {"十": 10, "百": 100, "千": 1000}


def read(reply: Reply) -> int | None:
    """The number that this says, or None."""
    if reply.number is not None:
        return reply.number
    said = reply.normal
    for unit in _UNITS:
        said = said.removesuffix(unit)
    if found := _DIGITS.fullmatch(said):
        return int(found[1].replace(",", ""))
    if found := _CHINESE.fullmatch(said):
        return _chinese(found[1])
    return None


def _chinese(said: str) -> int | None:
    """两千五百 -> 2500, 一百五 -> 150; None for what is no number, such as 百百 or 一二三."""
    above, ten_thousand, rest = said.partition("万")
    if ten_thousand:
        high, low = _below_ten_thousand(above), _below_ten_thousand(rest) if rest else 0
        if not high or low is None:
            return None
        colloquial = len(rest) == 1 and rest not in "零十"  # 三万二 is 32000
        return high * 10_000 + low * (1000 if colloquial else 1)
    return _below_ten_thousand(said)


def _below_ten_thousand(said: str) -> int | None:
    total, digit, below, before = 0, None, 10_000, ""
    for sign in said:
        place = _PLACES.get(sign)
        if place is None:
            if digit or sign not in CHINESE_DIGITS:  # two digits beside each other, or 万
                return None
            before, digit = before if digit is None else "零", CHINESE_DIGITS[sign]
        elif place >= below or (digit is None and sign != "十"):
            return None
        else:
            total, digit, below = total + (1 if digit is None else digit) * place, None, place
            before = sign
    if digit and before in ("百", "千"):  # 一百五 is 150, 一百零五 is 105
        return total + digit * _PLACES[before] // 10
    return total + (digit or 0)
