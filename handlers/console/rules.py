"""Earning rules and tiers: edited as files, tried on what has happened, proposed.

GET /rules ...               file_pages.py, file_review.py
GET, POST /rules/dry-run     what the draft would have given for recorded events; moves nothing
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import url_for

from handlers.console import file_desk, file_pages, file_review, trials
from handlers.console.file_desk import Desk
from handlers.console.file_sets import RULES
from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.words import _
from models import publications, tiers
from models.earning import budgets, rules
from models.points import day_of

DAYS_MOST = 31


def add_routes(console: Console) -> None:
    """The pages of the folder rules/, and the dry run."""
    file_pages.add_routes(
        console, RULES, extra=_extra,
        about=_("什么行为送多少积分、会员等级：修改、检查、用过去的事件试算、提议发布。"),
    )  # fmt: skip
    file_review.add_routes(console, RULES)

    @console.page("/rules/dry-run", permission="rules.see")
    def rules_trial(visit: Visit) -> Page:
        yesterday = (day_of(visit.now) - timedelta(days=1)).isoformat()
        form = visit.form(first=yesterday, last=yesterday)
        return _trial_page(visit, form)

    @console.page("/rules/dry-run", permission="rules.propose", methods=("POST",))
    def rules_trial_start(visit: Visit) -> Page:
        form = visit.form("first", "last")
        first, last = (_day(form, name) for name in ("first", "last"))
        desk = file_desk.look(visit, RULES)
        if first and last and not first <= last <= first + timedelta(days=DAYS_MOST - 1):
            form.wrong("last", _("最后一天不能在第一天之前，最多 {n} 天", n=DAYS_MOST))
        if form.good and desk.found.rules is None:
            form.wrong("first", _("草稿里还有错，改好才能试算"))
        if form.good and first and last and desk.found.rules:
            if trials.start(visit, desk.found.rules, first, last):
                return visit.go("rules_trial")
            form.wrong("first", _("现在有别的试算在跑，等它完了再试"))
        return _trial_page(visit, form)

    @console.page("/rules/dry-run/progress", permission="rules.see")
    def rules_trial_progress(visit: Visit) -> Page:
        return visit.render("console/_trial.html", trial=trials.seen(visit))


def _trial_page(visit: Visit, form: Form) -> str:
    desk = file_desk.look(visit, RULES)
    return visit.render(
        "console/rules_trial.html",
        desk=desk,
        form=form,
        may_change=visit.can("rules.propose"),
        trial=trials.seen(visit),
        crumbs=[(_(RULES.words), url_for("console.rules"))],
    )


def _day(form: Form, name: str) -> date | None:
    try:
        return date.fromisoformat(form[name])
    except ValueError:
        form.wrong(name, _("日期没看懂，请这样写：2026-11-01"))
        return None


def _extra(visit: Visit, desk: Desk) -> dict[str, Any]:
    def work(tx: Any) -> dict[str, Any]:
        live = rules.live(tx)
        return {
            "publication": publications.live(tx, publications.RULES),
            "live_rules": [
                (each, budgets.left(tx, each.rule.budget_of) if each.rule.budget else None)
                for _code, each in sorted(live.items())
            ],
            "live_tiers": tiers.live(tx),
        }

    found = visit.read(work)
    try:
        folder = RULES.folder(visit.parts)
    except OSError as gone:
        return {**found, "folder_differs": False, "folder_unreadable": str(gone)[:300]}
    return {**found, "folder_differs": folder != dict(desk.live.files), "folder_unreadable": ""}
