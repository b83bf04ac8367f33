"""The form of an activity: what operators type, read into a plan, with what is wrong."""

from __future__ import annotations

from datetime import datetime

from handlers.console.forms import Form
from handlers.console.frame import Visit
from handlers.console.words import _
from models import club_changes
from models.activities.planning import NotPlanned, Plan
from models.activities.tables import ABOUT_MOST, PLACE_MOST, PLACES_MOST, TITLE_MOST
from models.points import SHANGHAI

FIELDS = ("title", "about", "place", "club", "premium_only", "starts_at", "ends_at", "closes_at",
           "capacity")  # fmt: skip


def typed(plan: Plan) -> dict[str, str]:
    """The fields as they are when somebody begins to edit."""

    def moment(at: datetime) -> str:
        return f"{at.astimezone(SHANGHAI):%Y-%m-%dT%H:%M}"

    return {
        "title": plan.title, "about": plan.about, "place": plan.place, "club": plan.club or "",
        "premium_only": "yes" if plan.premium_only else "", "starts_at": moment(plan.starts_at),
        "ends_at": moment(plan.ends_at), "closes_at": moment(plan.closes_at),
        "capacity": str(plan.capacity),
    }  # fmt: skip


def read(visit: Visit, form: Form) -> Plan | None:
    """The plan that was typed, or None, and the form says what is wrong."""
    title = form.need("title", _("请写名称"), most=TITLE_MOST)
    about = form.at_most("about", ABOUT_MOST)
    place = form.need("place", _("请写地点"), most=PLACE_MOST)
    known = [club.code for club in visit.read(club_changes.standings)]
    club = form.one_of("club", ["", *known], _("请从列表里选一个")) or None
    premium = form["premium_only"] == "yes"
    if premium and club is None:
        form.wrong("premium_only", _("先选俱乐部：高级会员是某个俱乐部的"))
    starts, ends, closes = (_moment(form, name) for name in ("starts_at", "ends_at", "closes_at"))
    if starts and ends and ends <= starts:
        form.wrong("ends_at", _("结束要在开始之后"))
    if starts and closes and closes > starts:
        form.wrong("closes_at", _("报名截止不能晚于开始"))
    wanted = form["capacity"]
    capacity = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 6 else 0
    if not 1 <= capacity <= PLACES_MOST:
        form.wrong("capacity", _("请写 1 到 {most} 的整数", most=PLACES_MOST))
    if not form.good or starts is None or ends is None or closes is None:
        return None
    return Plan(club, premium, title, about, place, starts, ends, closes, capacity)


def _moment(form: Form, name: str) -> datetime | None:
    """A day and an hour in China; None, and the form says what is wrong."""
    try:
        at = datetime.fromisoformat(form[name].replace(" ", "T"))
    except ValueError:
        at = None
    if (
        at is None
        or at.tzinfo is not None
        or "T" not in form[name].replace(" ", "T")
        or not (2000 <= at.year < 2100)
    ):
        form.wrong(name, _("请写日期和时间，例如 2026-12-05 14:00"))
        return None
    return at.replace(tzinfo=SHANGHAI)


# Which field a reason concerns.
FIELD_OF = {"past": "starts_at", "taken": "capacity"}


def words_for(why: NotPlanned) -> str:
    """Why it cannot be so, to an operator."""
    if why.why == "past":
        return _("开始和报名截止都要在现在以后")
    if why.why == "taken":
        return _("已经有 {n} 个人报名，名额不能比这少", n=why.taken)
    return _("活动的状态变了：可能别人已经处理，或者已经开始。")
