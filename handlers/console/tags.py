"""Tags: who WeChat shows which menu, and whether it has as many as our books say.

GET /tags   POST /tags/new
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import abort, request

from handlers.asking import ask
from handlers.console.frame import Console, Page, Visit
from handlers.console.words import _
from integrations.errors import CallFailed
from integrations.wechat_api import Tag
from models import club_changes


@dataclass(frozen=True, slots=True)
class Line:
    """A tag; `members` of its club by our books, None where no club has its name."""

    name: str
    title: str
    at_wechat: int | None  # None: WeChat does not have it
    members: int | None
    menu: bool


def add_routes(console: Console) -> None:
    """The list, and making what is missing at WeChat."""

    @console.page(
        "/tags", permission="clubs.see", nav=_("标签"),
        about=_("微信上有哪些人群标签、多少人，各看到哪个菜单。"),
    )  # fmt: skip
    def tags(visit: Visit) -> Page:
        return _draw(visit)

    @console.page("/tags/new", permission="tags.change", methods=("POST",))
    def make_tag(visit: Visit) -> Page:
        name = request.form.get("name", "")
        if name not in _wanted(visit):
            abort(400)
        try:
            ask(
                visit, lambda: visit.parts.wechat.create_tag(name), noun="tags",
                subject=f"tag:{name}", facts={}, keep=lambda _tx, _made: {},
            )  # fmt: skip
        except CallFailed:
            return _draw(visit, _("微信没有回应，请稍后再试"))
        visit.say(_("标签 {name} 已建好。", name=name))
        return visit.go("tags")


def _draw(visit: Visit, failed: str = "") -> Page:
    try:
        there = visit.parts.wechat.counted_tags()
    except CallFailed:
        there, failed = [], failed or _("微信没有回应，人数暂时看不到")
    return visit.render("console/tags.html", lines=_lines(visit, there), failed=failed)


def _wanted(visit: Visit) -> set[str]:
    """The tags that menus need."""
    return {file.tag for file in visit.parts.live().menu_files if file.tag}


def _lines(visit: Visit, there: list[Tag]) -> list[Line]:
    clubs = {one.code: one for one in visit.read(club_changes.standings)}
    wanted, counts = _wanted(visit), {tag.name: tag.count for tag in there}
    names = [*clubs, *sorted((wanted | set(counts)) - set(clubs))]
    return [
        Line(
            name,
            clubs[name].terms.name if name in clubs else "",
            counts.get(name),
            clubs[name].members if name in clubs else None,
            name in wanted,
        )
        for name in names
    ]
