"""The terms of an offer as people type them, in a form or in a sheet: read, with what is wrong.

typed fields ──read──▶ Terms, or what is wrong field by field        Terms ──typed──▶ typed fields
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation

from handlers.office.words import _
from models import sql, tiers
from models.base import Tx
from models.merchants import stores
from models.offers.agreed import Terms
from models.offers.terms import DAY_MINUTES, EVERY_DAY, KINDS, WHOLE_BP
from models.points import SHANGHAI

TITLE_CHARS_MAX, ABOUT_CHARS_MAX = 30, 500
POINTS_MAX, YUAN_MAX, COUNT_MAX, VALID_DAYS_MAX = 1_000_000, 100_000, 1_000_000, 1000
VALID_DAYS = 30  # unless another number is written
YEARS = (2020, 2100)

KIND_WORDS = dict(
    zip(KINDS, (_("实物"), _("服务"), _("电子券"), _("门票"), _("活动通行证")), strict=True)
)
LEVEL_WORDS = {"ordinary": _("普通会员"), "premium": _("高级会员")}
DAYS = "一二三四五六日"
_DAY_SETS = {"": EVERY_DAY, "每天": EVERY_DAY, "工作日": 0b0011111, "周末": 0b1100000}
_YES, _NO = ("", "是", "yes", "y", "1"), ("否", "no", "n", "0")
_HOURS = re.compile(r"(\d{1,2}):(\d{2}) ?[-~至到] ?(\d{1,2}):(\d{2})")
_BETWEEN = re.compile(r"[,;、，；\s]+")

# What is typed -> its words. A form and the columns of a sheet have them in this order.
FIELDS: Mapping[str, str] = {
    "title": _("名称"),
    "kind": _("类别"),
    "about": _("说明"),
    "points": _("积分"),
    "yuan": _("另付现金（元）"),
    "face": _("面值（元）"),
    "starts": _("开始日期"),
    "ends": _("结束日期"),
    "weekdays": _("星期"),
    "hours": _("时段"),
    "total": _("总数量"),
    "per_person": _("每人最多"),
    "per_day": _("每人每天最多"),
    "club": _("俱乐部"),
    "level": _("会员级别"),
    "tier": _("积分等级"),
    "stores": _("门店"),
    "valid": _("券有效天数"),
    "refunds": _("过期退积分"),
}
PAYS = "pays"  # of operations alone: what was agreed with the merchant


@dataclass(frozen=True, slots=True)
class Known:
    """What an offer may name: clubs and tiers by their codes, the merchant's open stores."""

    clubs: Mapping[str, str]
    tiers: Mapping[str, str]
    stores: Mapping[int, str]


@dataclass(slots=True)
class _Reading:
    """What is typed, and what is wrong with it."""

    typed: Mapping[str, str]
    errors: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Full-width digits and signs as half-width ones, one space between words."""
        return " ".join(unicodedata.normalize("NFKC", self.typed.get(name, "")).split())

    def wrong(self, name: str, words: str) -> None:
        self.errors.setdefault(name, words)

    def whole(self, name: str, most: int, *, need: bool = False) -> int | None:
        """A whole number from 1; None for nothing."""
        text = self.text(name)
        if not text and not need:
            return None
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
        if not 1 <= number <= most:
            self.wrong(name, _("请写 1 到 {most} 的整数", most=f"{most:,}"))
        return number

    def fen(self, name: str, *, need: bool = False) -> int:
        """Yuan with two decimals at most, in fen."""
        text = self.text(name).removesuffix("元").strip("¥ ")
        if not text and not need:
            return 0
        try:
            fen = Decimal(text) * 100
        except InvalidOperation:
            fen = Decimal("NaN")
        least = 1 if need else 0
        if not fen.is_finite() or fen != int(fen) or not least <= fen <= YUAN_MAX * 100:
            self.wrong(
                name,
                _("请写不超过 {most} 的金额，最多两位小数，如 38 或 38.50", most=f"{YUAN_MAX:,}"),
            )
            return 0
        return int(fen)

    def day(self, name: str) -> date | None:
        text = self.text(name).replace("/", "-").replace(".", "-")
        if not text:
            return None
        try:
            found = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day, no moment
        except ValueError:
            found = date.min
        if not YEARS[0] <= found.year < YEARS[1]:
            self.wrong(name, _("日期没看懂，请这样写：2026-11-01"))
            return None
        return found

    def one_of(self, name: str, choices: Mapping[str, str], words: str) -> str | None:
        """A code, from itself or from its words; None for nothing."""
        text = self.text(name).casefold()
        if not text:
            return None
        for code, called in choices.items():
            if text in (code.casefold(), unicodedata.normalize("NFKC", called).casefold()):
                return code
        self.wrong(name, _("{words}：{choices}", words=words, choices="、".join(choices.values())))
        return None


def known(tx: Tx, merchant_code: str) -> Known:
    """What an offer of this merchant's may name now."""
    rules = tiers.live(tx)
    return Known(
        clubs=dict(sql.rows(tx, "SELECT code, name FROM clubs ORDER BY position")),
        tiers={one.code: one.name for one in rules.tiers} if rules else {},
        stores={
            one.store_no: one.name for one in stores.of(tx, merchant_code, closed=False)
        },
    )  # fmt: skip


def read(typed: Mapping[str, str], known: Known) -> tuple[Terms | None, dict[str, str]]:
    """The terms that were typed, or None and what is wrong, by field."""
    it = _Reading(typed)
    title, about = it.text("title"), it.typed.get("about", "").strip()
    for name, text, most in (("title", title, TITLE_CHARS_MAX), ("about", about, ABOUT_CHARS_MAX)):
        if len(text) > most:
            it.wrong(name, _("最多 {most} 个字，现在有 {n} 个", most=most, n=len(text)))
    if not title:
        it.wrong("title", _("请写名称"))
    kind = it.one_of("kind", KIND_WORDS, _("请选一个类别"))
    if kind is None:
        it.wrong("kind", _("请选一个类别"))
    starts, ends = it.day("starts"), it.day("ends")
    if starts and ends and ends < starts:
        it.wrong("ends", _("结束日期早于开始日期"))
    club = it.one_of("club", known.clubs, _("没有这个俱乐部，只有"))
    level = it.one_of("level", LEVEL_WORDS, _("会员级别只有"))
    if level and not club and "club" not in it.errors:
        it.wrong("level", _("要限会员级别，先写是哪个俱乐部"))
    from_minute, until_minute = _hours(it)
    terms = {
        "title": title, "about": about, "kind": kind or "", "club_code": club, "level": level,
        "price_points": it.whole("points", POINTS_MAX, need=True) or 0,
        "price_fen": it.fen("yuan"),
        "face_fen": it.fen("face", need=True),
        "pays_bp": _pays(it),
        "starts_at": _midnight(starts),
        "ends_at": _midnight(ends + timedelta(days=1)) if ends else None,
        "weekdays": _weekdays(it),
        "from_minute": from_minute,
        "until_minute": until_minute,
        "total": it.whole("total", COUNT_MAX),
        "per_person": it.whole("per_person", COUNT_MAX),
        "per_person_day": it.whole("per_day", COUNT_MAX),
        "tier": it.one_of("tier", known.tiers, _("没有这个积分等级，只有")),
        "valid_days": it.whole("valid", VALID_DAYS_MAX) or VALID_DAYS,
        "refunds_expired": _refunds(it),
        "stores": _stores(it, known),
    }  # fmt: skip
    if it.errors:
        return None, {name: it.errors[name] for name in (*FIELDS, PAYS) if name in it.errors}
    return Terms(**terms), {}  # type: ignore[arg-type]


def typed(terms: Terms, known: Known) -> dict[str, str]:
    """What somebody would have typed for these terms."""
    last = terms.ends_at and terms.ends_at.astimezone(SHANGHAI) - timedelta(days=1)
    return {
        "title": terms.title,
        "kind": terms.kind,
        "about": terms.about,
        "points": str(terms.price_points),
        "yuan": yuan(terms.price_fen) if terms.price_fen else "",
        "face": yuan(terms.face_fen),
        "starts": _day_of(terms.starts_at),
        "ends": _day_of(last),
        "weekdays": weekdays_words(terms.weekdays),
        "hours": hours_words(terms.from_minute, terms.until_minute),
        "total": _or_nothing(terms.total),
        "per_person": _or_nothing(terms.per_person),
        "per_day": _or_nothing(terms.per_person_day),
        "club": terms.club_code or "",
        "level": terms.level or "",
        "tier": terms.tier or "",
        "stores": "、".join(known.stores.get(no, str(no)) for no in terms.stores),
        "valid": str(terms.valid_days),
        "refunds": "是" if terms.refunds_expired else "否",
        PAYS: yuan(terms.pays),
    }


def yuan(fen: int) -> str:
    """3850 -> "38.5"; of hundredths of a percent, percent."""
    return format((Decimal(fen) / 100).normalize(), "f")


def weekdays_words(days: int) -> str:
    """A set of days as it is typed: 每天, or 一三五."""
    for words, known_days in _DAY_SETS.items():
        if words and days == known_days:
            return words
    return "".join(day for n, day in enumerate(DAYS) if days >> n & 1)


def hours_words(from_minute: int, until_minute: int) -> str:
    """Hours as they are typed: 全天, or 09:00-21:00."""
    if (from_minute, until_minute) == (0, DAY_MINUTES):
        return "全天"
    return "-".join(f"{m // 60:02d}:{m % 60:02d}" for m in (from_minute, until_minute))


def _weekdays(it: _Reading) -> int:
    text = it.text("weekdays").replace("周一至周五", "工作日").replace("星期", "").replace(" ", "")
    if text in _DAY_SETS:
        return _DAY_SETS[text]
    found = 0
    for each in re.sub(r"[周,、,]", "", text).replace("天", "日"):
        place = DAYS.find(each) if each in DAYS else "1234567".find(each)
        if place < 0:
            it.wrong("weekdays", _("请写 每天、工作日、周末，或者如 一三五"))
            return EVERY_DAY
        found |= 1 << place
    return found or EVERY_DAY


def _hours(it: _Reading) -> tuple[int, int]:
    text = it.text("hours")
    if text in ("", "全天"):
        return 0, DAY_MINUTES
    if match := _HOURS.fullmatch(text):
        begin, begin_m, end, end_m = map(int, match.groups())
        first, last = begin * 60 + begin_m, end * 60 + end_m
        if begin_m < 60 and end_m < 60 and first < last <= DAY_MINUTES:
            return first, last
    it.wrong("hours", _("请写 全天，或者如 09:00-21:00"))
    return 0, DAY_MINUTES


def _stores(it: _Reading, known: Known) -> tuple[int, ...]:
    text = it.text("stores")
    if text in ("", "全部", "全部门店"):
        return ()
    by_name = {unicodedata.normalize("NFKC", name): no for no, name in known.stores.items()}
    found = set()
    for each in filter(None, _BETWEEN.split(text)):
        no = int(each) if each.isascii() and each.isdigit() and len(each) < 6 else by_name.get(each)
        if no not in known.stores:
            here = "、".join(f"{number} {name}" for number, name in known.stores.items())
            it.wrong("stores", _("没有门店“{each}”，有：{here}", each=each[:20], here=here))
            return ()
        found.add(no)
    return tuple(sorted(no for no in found if no is not None))


def _refunds(it: _Reading) -> bool:
    text = it.text("refunds").casefold()
    if text not in (*_YES, *_NO):
        it.wrong("refunds", _("请写 是 或 否"))
    return text not in _NO


def _pays(it: _Reading) -> int | None:
    """Percent with two decimals at most, in hundredths; None where it was not asked."""
    text = it.text(PAYS).removesuffix("%").strip()
    if not text:
        return None
    try:
        bp = Decimal(text) * 100
    except InvalidOperation:
        bp = Decimal("NaN")
    if not bp.is_finite() or bp != int(bp) or not 0 <= bp <= WHOLE_BP:
        it.wrong(PAYS, _("请写 0 到 100 的百分数，最多两位小数"))
        return None
    return int(bp)


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), SHANGHAI) if day else None


def _day_of(moment: datetime | None) -> str:
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d}" if moment else ""


def _or_nothing(number: int | None) -> str:
    return "" if number is None else str(number)
