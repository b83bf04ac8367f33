"""SMS over each gateway: what left in which hour, what of it came and how fast, what it cost.

GET /gateways   /gateways.csv   /gateways.xlsx: the hours; below them days by category, with costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from handlers.console.frame import Console, Visit
from handlers.console.listing import Column, Filter, Key, Listing
from handlers.console.words import _
from models import sms_report
from models.base import Tx
from models.points.accounts import day_of
from models.sms_counts import hour_of
from models.sms_report import Hour

HOURS, DAYS = 48, 7
CODES_SHOWN = 3
GATEWAYS = {"twilio": "Twilio", "smpp": "SMPP", "cmpp": "CMPP"}
CATEGORIES = {"answer": _("答复"), "notice": _("通知类"), "marketing": _("营销")}


def add_routes(console: Console) -> None:
    """The list, with the days beside it."""
    console.listing(
        "/gateways", LISTING, permission="operations.see", nav=_("短信网关"),
        about=_("每个网关每小时：发出、送达、失败的原因、回执快慢、花费。"),
        template="console/gateways.html",
    )  # fmt: skip


def name_of(gateway: str) -> str:
    """What operators call a gateway."""
    return GATEWAYS.get(gateway, gateway)


def yuan(fen: Decimal | None) -> Decimal | None:
    """An amount as people read it, None where nobody has named a price."""
    return None if fen is None else (fen / 100).quantize(Decimal("0.01"))


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Hour]:
    # The list is short: two days of the few gateways there are.
    until = datetime.fromisoformat(filters["until"])
    found = sms_report.by_hour(tx, since=until - timedelta(hours=HOURS), until=until)
    gateway = filters.get("gateway")
    rows = [one for one in found if gateway in (None, "", one.gateway)]
    if key is not None:
        rows = [one for one in rows if _key(one) > key]
    return rows[:limit]


def _key(one: Hour) -> Key:
    return (-int(one.hour.timestamp()), one.gateway)


def _codes(one: Hour) -> str:
    return _("，").join(f"{code} × {n}" for code, n in one.going.codes[:CODES_SHOWN])


def _scope(visit: Visit) -> Mapping[str, str]:
    return {"until": (hour_of(visit.now) + timedelta(hours=1)).astimezone(UTC).isoformat()}


def _beside(visit: Visit) -> Mapping[str, object]:
    today = day_of(visit.now)
    days = visit.read(
        lambda tx: sms_report.by_day(tx, since=today - timedelta(days=DAYS - 1), until=today)
    )
    return {
        "days": [
            {"one": one, "gateway": name_of(one.gateway),
             "category": _(CATEGORIES.get(one.category, one.category)),
             "yuan": yuan(one.going.cost_fen)}
            for one in days
        ],
        "priced": all(one.going.cost_fen is not None for one in days),
        "hours_shown": HOURS,
        "days_shown": DAYS,
    }  # fmt: skip


LISTING: Listing[Hour] = Listing(
    name="gateways",
    words=_("短信网关"),
    columns=(
        Column(_("小时"), lambda one: one.hour, "time"),
        Column(_("网关"), lambda one: name_of(one.gateway)),
        Column(_("发出"), lambda one: one.going.submitted, "number"),
        Column(_("送达"), lambda one: one.going.delivered, "number"),
        Column(_("送达率%"), lambda one: one.going.delivered_percent, "number"),
        Column(_("失败"), lambda one: one.going.failed, "number"),
        Column(_("失败原因"), _codes),
        Column(_("还没有回执"), lambda one: one.going.unknown, "number"),
        Column(_("中位数（秒）"), lambda one: one.going.within_s(0.5), "number"),
        Column(_("95%（秒）"), lambda one: one.going.within_s(0.95), "number"),
        Column(_("计费条数"), lambda one: one.going.segments, "number"),
        Column(_("花费（元）"), lambda one: yuan(one.going.cost_fen)),
    ),
    filters=(Filter("gateway", _("网关"), "choice", tuple(GATEWAYS.items())),),
    fetch=_fetch,
    key=_key,
    empty=_("最近 48 小时没有发出过短信。"),
    scope=_scope,
    beside=_beside,
)
