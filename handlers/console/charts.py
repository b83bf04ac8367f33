"""Charts: each a picture with its figures in a table beside it, and as JSON for the picture.

GET /charts   GET /charts/<name>.json   GET /charts/<name>.csv, each with `days`
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask import Response, abort, jsonify, request, url_for

from handlers import sheets
from handlers.console.frame import Console, Page, Visit
from handlers.console.words import _
from handlers.sheets import Cell
from models import audit, club_days, clubs, figures
from models.base import Tx
from models.points import SHANGHAI, day_of

DAYS = {"7": _("最近 7 天"), "30": _("最近 30 天"), "90": _("最近 90 天"), "365": _("最近一年")}
FIRST_DAYS = "30"
# More hours than this cannot be told apart in a picture: then days are shown.
HOURS_UP_TO_DAYS = 7


@dataclass(frozen=True, slots=True)
class Series:
    """A line, or the bars of one colour."""

    words: str
    values: Sequence[int]


@dataclass(frozen=True, slots=True)
class Figures:
    """A chart's content: `points` along the bottom, and for each of them a value in each series."""

    points: Sequence[str]
    series: Sequence[Series]

    @property
    def rows(self) -> Iterator[tuple[str, list[int]]]:
        """The table's lines, the newest first."""
        for place in reversed(range(len(self.points))):
            yield self.points[place], [one.values[place] for one in self.series]

    @property
    def empty(self) -> bool:
        return not any(any(one.values) for one in self.series)

    @property
    def totals(self) -> list[int]:
        return [sum(one.values) for one in self.series]


@dataclass(frozen=True, slots=True)
class Chart:
    """`shape`: "line", "bar" (side by side) or "stack"; `summed`: whether totals make sense."""

    name: str
    words: str
    about: str
    shape: str
    first_column: str
    fetch: Callable[[Tx, date, date], Figures]
    summed: bool = True


def add_routes(console: Console) -> None:
    """All charts on a page, and the figures of one."""

    @console.page(
        "/charts", permission="charts.see", nav=_("图表"),
        about=_("消息量、发送结果、积分收支、俱乐部人数。"),
    )  # fmt: skip
    def charts(visit: Visit) -> Page:
        days = _days()
        since, until = _span(visit.now, days)
        drawn = [
            {
                "chart": chart,
                "figures": visit.read(lambda tx, chart=chart: chart.fetch(tx, since, until)),  # type: ignore[misc]
                "json": url_for("console.chart_json", name=chart.name, days=days),
                "csv": url_for("console.chart_csv", name=chart.name, days=days),
            }
            for chart in CHARTS
        ]
        return visit.render(
            "console/charts.html", drawn=drawn, days=days, choices=DAYS, since=since, until=until
        )

    @console.page("/charts/<name>.json", permission="charts.see")
    def chart_json(visit: Visit, name: str) -> Page:
        chart, found = _found(visit, name)
        said = _("{words}，{first} 到 {last}。数字在旁边的表格里。", words=_(chart.words),
                 first=found.points[0] if found.points else "",
                 last=found.points[-1] if found.points else "")  # fmt: skip
        return jsonify(
            shape=chart.shape, points=list(found.points), described=said,
            series=[{"name": one.words, "values": list(one.values)} for one in found.series],
        )  # fmt: skip

    @console.page("/charts/<name>.csv", permission="charts.see")
    def chart_csv(visit: Visit, name: str) -> Page:
        chart, found = _found(visit, name)
        header = [_(chart.first_column), *(one.words for one in found.series)]
        visit.change(
            lambda tx: audit.write(
                tx, visit.by, action="charts.export", subject=f"chart:{name}",
                after={"days": _days()}, now=visit.now,
            )
        )  # fmt: skip
        lines: Iterator[list[Cell]] = ([point, *values] for point, values in found.rows)
        answer = Response(b"".join(sheets.csv_chunks(header, lines)), mimetype="text/csv")
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}-{_days()}.csv"'
        return answer


def _found(visit: Visit, name: str) -> tuple[Chart, Figures]:
    chart = next((one for one in CHARTS if one.name == name), None)
    if chart is None:
        abort(404)
    since, until = _span(visit.now, _days())
    return chart, visit.read(lambda tx: chart.fetch(tx, since, until))


def _days() -> str:
    asked = request.args.get("days", FIRST_DAYS)
    return asked if asked in DAYS else FIRST_DAYS


def _span(now: datetime, days: str) -> tuple[date, date]:
    """The days to show, today included."""
    today = day_of(now)
    return today - timedelta(days=int(days) - 1), today


# -- what each chart shows -------------------------------------------------------------------------


def _hours(tx: Tx, since: date, until: date) -> dict[datetime, dict[str, int]]:
    first = datetime.combine(since, datetime.min.time(), SHANGHAI)
    last = datetime.combine(until + timedelta(days=1), datetime.min.time(), SHANGHAI)
    return figures.by_hour(tx, since=first, until=last)


def _counted(
    found: Mapping[datetime, Mapping[str, int]], since: date, until: date,
    names: Mapping[str, Sequence[str]],
) -> Figures:  # fmt: skip
    """Hours for a few days, else days: words -> the counters that belong to them."""
    days = (until - since).days + 1
    by_hour = days <= HOURS_UP_TO_DAYS
    points = [
        f"{since + timedelta(days=day):%m-%d} {hour:02}:00" if by_hour
        else (since + timedelta(days=day)).isoformat()
        for day in range(days) for hour in (range(24) if by_hour else (0,))
    ]  # fmt: skip
    places = {point: place for place, point in enumerate(points)}
    series = {words: [0] * len(points) for words in names}
    for hour, counts in found.items():
        local = hour.astimezone(SHANGHAI)
        place = places[f"{local:%m-%d %H}:00" if by_hour else local.date().isoformat()]
        for words, counters in names.items():
            series[words][place] += sum(counts.get(name, 0) for name in counters)
    return Figures(points, [Series(_(words), values) for words, values in series.items()])


def _messages(tx: Tx, since: date, until: date) -> Figures:
    names = {_("微信来的"): ["in:wechat"], _("短信来的"): ["in:sms"]}
    return _counted(_hours(tx, since, until), since, until, names)


def _sends(tx: Tx, since: date, until: date) -> Figures:
    names = {
        _("短信发出"): ["sent:sms"],
        _("微信发出"): ["sent:wechat"],
        _("回执：送达"): ["receipt:delivered"],
        _("回执：未送达"): ["receipt:failed"],
        _("推迟再发"): ["put off"],
        _("放弃或被拒"): ["gave up:dead", "gave up:failed"],
    }
    return _counted(_hours(tx, since, until), since, until, names)


def _points(tx: Tx, since: date, until: date) -> Figures:
    days = figures.points_by_day(tx, since=since, until=until)
    return Figures(
        [one.day.isoformat() for one in days],
        [
            Series(_("发放"), [one.issued for one in days]),
            Series(_("使用"), [one.spent for one in days]),
            Series(_("过期"), [one.expired for one in days]),
            Series(_("换成金币"), [one.exchanged for one in days]),
        ],
    )


def _members(tx: Tx, since: date, until: date) -> Figures:
    found = club_days.between(tx, since=since, until=until)
    days = sorted({one.day for one in found})
    members = {(one.day, one.club_code): one.members for one in found}
    return Figures(
        [day.isoformat() for day in days],
        [
            Series(clubs.named(tx, code).name, [members.get((day, code), 0) for day in days])
            for code in clubs.codes(tx)
        ],
    )


CHARTS: Sequence[Chart] = (
    Chart(
        "messages", _("收到的消息"), _("用户发来的消息和点击；最后一格是到现在为止。"), "line",
        _("时间"), _messages,
    ),
    Chart(
        "sends", _("发送结果"), _("我们发出的消息和运营商的回执；最后一格是到现在为止。"), "line",
        _("时间"), _sends,
    ),
    Chart(
        "points", _("积分收支"),
        _("按天，取自已封账的日子，所以没有今天；撤销和退回已扣除。"), "bar", _("日期"), _points,
    ),
    Chart(
        "members", _("俱乐部人数"), _("每天结束时的会员数，第二天凌晨算出。"), "line", _("日期"),
        _members, summed=False,
    ),
)  # fmt: skip
