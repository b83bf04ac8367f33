"""How the merchants' pages say things: times, money, and why a voucher cannot be used."""

from __future__ import annotations

from datetime import datetime, timedelta

from models.merchants.counter import Seen
from models.points import SHANGHAI

_MOMENT = timedelta(microseconds=1)  # what ends at midnight was good for the day before
LEVELS = {"ordinary": "普通会员", "premium": "高级会员"}


def moment(at: datetime) -> str:
    """2026-03-02 12:00:05, in China."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


def clock(at: datetime) -> str:
    """12:00."""
    return f"{at.astimezone(SHANGHAI):%H:%M}"


def last_day(until: datetime) -> str:
    """The last day, in China, of what ends at a moment."""
    return f"{(until - _MOMENT).astimezone(SHANGHAI):%Y-%m-%d}"


def refusal(seen: Seen) -> tuple[str, str]:
    """A heading and a sentence for a voucher that cannot be used here and now."""
    match seen.why:
        case "used" if seen.used:
            return "已经用过了", f"这张券已于 {moment(seen.used.at)} 在{seen.used_store}核销。"
        case "expired":
            return "已经过期了", f"这张券可以用到 {last_day(seen.voucher.valid_until)}，已经过了。"
        case "refunded":
            return "已经退掉了", "顾客已经退掉这张券，积分已退回。"
        case "given":
            return "已经转送了", "这张券已转送给别人，请顾客出示新的券。"
        case "other_store":
            return "不能在本店用", f"这张券只能在{'、'.join(seen.stores)}使用。"
    return "现在不能用", "请顾客在手机上看这张券的状态。"
