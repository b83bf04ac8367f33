"""How the pages put dates, money and bad news."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby

from flask import Blueprint

from models.catalogue import Screening
from models.points import SHANGHAI

_WEEKDAYS = "一二三四五六日"
_NEAR = ("今天", "明天", "后天")


@dataclass(frozen=True, slots=True)
class Sorry:
    """An error, in a subscriber's words: what happened, and what to do."""

    title: str
    advice: str


_SORRY = {
    403: Sorry("页面放得太久了", "请返回上一页，刷新一下，再点一次。"),
    404: Sorry("没有找到这个页面", "地址可能输错了，或者这个页面已经取消。"),
    429: Sorry("点得太勤了", "请过一个小时再试。"),
    503: Sorry("系统正忙", "您的积分和会籍都在，请过几分钟再打开。"),
}
_OTHER = Sorry("这个页面打不开", "请返回上一页再试一次；还是不行，请拨打10086。")


def sorry(status: int) -> Sorry:
    """What to say for an HTTP status."""
    return _SORRY.get(status, _OTHER)


def add_to(blueprint: Blueprint, *, now: Callable[[], datetime]) -> None:
    """Filters for the templates: yuan, day, clock, long_day, when, signed."""

    def near_day(on: date) -> str:
        return day(on, now().astimezone(SHANGHAI).date())

    filters: dict[str, Callable[..., str]] = {
        "yuan": yuan, "near_day": near_day, "clock": clock, "long_day": long_day,
        "when": when, "signed": signed,
    }  # fmt: skip
    for name, word in filters.items():
        blueprint.add_app_template_filter(word, name)


def by_day(screenings: Iterable[Screening]) -> list[tuple[date, list[Screening]]]:
    """Screenings (in order of time) under the day in China they are on."""
    days = groupby(screenings, key=lambda one: one.starts_at.astimezone(SHANGHAI).date())
    return [(on, list(group)) for on, group in days]


def yuan(fen: int) -> str:
    """2500 -> "25.00元", 780 -> "7.80元"."""
    return f"{Decimal(fen) / 100:.2f}元"


def day(on: date, today: date) -> str:
    """ "明天 11月22日 周日"."""
    ahead = (on - today).days
    near = _NEAR[ahead] + " " if 0 <= ahead < len(_NEAR) else ""
    year = "" if on.year == today.year else f"{on.year}年"
    return f"{near}{year}{on.month}月{on.day}日 周{_WEEKDAYS[on.weekday()]}"


def long_day(on: date) -> str:
    """ "2026年12月31日"."""
    return f"{on.year}年{on.month}月{on.day}日"


def clock(at: datetime) -> str:
    """The time of day in China: "19:00"."""
    return f"{at.astimezone(SHANGHAI):%H:%M}"


def when(at: datetime) -> str:
    """Day and time in China: "11月22日 09:05"."""
    local = at.astimezone(SHANGHAI)
    return f"{local.month}月{local.day}日 {local:%H:%M}"


def signed(points: int) -> str:
    """ "+20" or "−20", with the sign that is as wide as a digit."""
    return f"{points:+d}".replace("-", "\u2212")
