"""Tags: who WeChat shows which menu, and whether it has as many as our books say.

GET /tags   POST /tags/new
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import abort, g, request

from handlers.asking import ask
from handlers.console.frame import Console, Page, Visit
from handlers.console.listing import Column, Filter, Key, Listing, page_of
from handlers.console.words import _
from integrations.errors import CallFailed
from models import club_changes
from models.base import Tx
from models.club_changes import Standing


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
    console.listing(
        "/tags", LISTING, permission="clubs.see", nav=_("标签"),
        about=_("微信上有哪些人群标签、多少人，各看到哪个菜单。"), template="console/tags.html",
    )  # fmt: skip

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
            visit.say(_("微信没有回应，请稍后再试"))
        else:
            visit.say(_("标签 {name} 已建好。", name=name))
        return visit.go("tags")


def _wanted(visit: Visit) -> list[str]:
    """The tags that menus need."""
    return sorted({file.tag for file in visit.parts.live().menu_files if file.tag})


def _at_wechat(visit: Visit) -> dict[str, int] | None:
    """How many people have each tag at WeChat, asked once a request; None: it did not answer."""
    if "tags_at_wechat" not in g:
        try:
            found = {tag.name: tag.count for tag in visit.parts.wechat.counted_tags()}
        except CallFailed:
            found = None
        g.tags_at_wechat = found
    counted: dict[str, int] | None = g.tags_at_wechat
    return counted


def _scope(visit: Visit) -> Mapping[str, str]:
    # Asked before the transaction begins: WeChat may take its time.
    known = {"counts": _at_wechat(visit) or {}, "wanted": _wanted(visit)}
    return {"known": json.dumps(known)}


def _beside(visit: Visit) -> Mapping[str, object]:
    there = _at_wechat(visit)
    missing = [] if there is None else [name for name in _wanted(visit) if name not in there]
    return {"silent": there is None, "missing": missing}


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Line]:
    known = json.loads(filters["known"])
    lines = _lines(club_changes.standings(tx), known["counts"], known["wanted"])
    return page_of(
        lines, lambda line: (line.name,), key, limit, words=filters.get("words", ""),
        searched=lambda line: (line.name, line.title),
    )  # fmt: skip


def _lines(
    standings: Sequence[Standing], counts: Mapping[str, int], wanted: Sequence[str]
) -> list[Line]:
    clubs = {one.code: one for one in standings}
    return [
        Line(
            name,
            clubs[name].terms.name if name in clubs else "",
            counts.get(name),
            clubs[name].members if name in clubs else None,
            name in wanted,
        )
        for name in {*clubs, *wanted, *counts}
    ]


LISTING: Listing[Line] = Listing(
    name="tags",
    words=_("标签"),
    columns=(
        Column(_("标签"), lambda line: line.name, "code"),
        Column(_("俱乐部"), lambda line: line.title or None),
        Column(_("微信上的人数"), lambda line: line.at_wechat, "number"),
        Column(_("会员"), lambda line: line.members, "number"),
        Column(
            _("看到的菜单"),
            lambda line: f"menus/wechat/{line.name}.yaml" if line.menu else _("默认菜单"),
        ),
    ),
    filters=(Filter("words", _("标签或俱乐部")),),
    fetch=_fetch,
    key=lambda line: (line.name,),
    scope=_scope,
    beside=_beside,
)
