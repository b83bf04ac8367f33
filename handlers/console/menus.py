"""Menus and texts: edited, looked at as on the phone, proposed, and shown by WeChat.

GET /menus ...          file_pages.py, file_review.py
GET /menus/preview      every menu and every text with sample values
POST /menus/push        have WeChat show what is live, once more
"""

from __future__ import annotations

from typing import Any

from flask import request, url_for

from handlers.console import file_desk, file_pages, file_review, menu_preview
from handlers.console.file_desk import Desk
from handlers.console.file_sets import MENUS
from handlers.console.frame import Banner, Console, Page, Visit
from handlers.console.words import _
from integrations.errors import CallFailed
from menus.checked_yaml import Mistakes
from models import audit, publications


def add_routes(console: Console) -> None:
    """The pages of the folder menus/, the preview, and the push."""
    file_pages.add_routes(
        console, MENUS, extra=_extra,
        about=_("用户点的菜单、说的话、收到的每一句：修改、检查、预览、提议发布、退回。"),
    )  # fmt: skip
    file_review.add_routes(console, MENUS)

    @console.page("/menus/preview", permission="menus.see")
    def menus_preview(visit: Visit) -> Page:
        desk = file_desk.look(visit, MENUS)
        which = request.args.get("of", "draft" if desk.changed else "live")
        texts = desk.texts if which == "draft" else desk.live.files
        found = visit.read(lambda tx: MENUS.check(tx, visit.parts, texts))
        return visit.render("console/menus_preview.html", **_preview(desk, which, found.menus))

    @console.page("/menus/push", permission="menus.push", methods=("POST",))
    def menus_push(visit: Visit) -> Page:
        visit.change(
            lambda tx: audit.write(
                tx, visit.by, action="menus.push", now=visit.now,
                subject=f"menus:{publications.live_version(tx)}",
            )
        )  # fmt: skip
        try:
            visit.say(_("微信已显示第 {n} 版。", n=visit.parts.publisher.push_live()))
        except LookupError:
            visit.say(_("还没有发布过，没有什么可推送的。"))
        except CallFailed as failed:
            visit.say(_("推送没有成功：{why}。线上的文字和回复不受影响。", why=str(failed)[:120]))
        return visit.go("menus")


def banner(visit: Visit) -> Banner | None:
    """What everybody who works with menus must know: a version that WeChat does not show."""
    if not visit.can("menus.see"):
        return None
    version = visit.read(publications.live_version)
    push = visit.read(publications.last_push)
    if version and (push is None or push.shown != version):
        return Banner(
            _("微信显示的还不是线上的第 {n} 版菜单。", n=version), url_for("console.menus"),
            _("去推送"),
        )  # fmt: skip
    return None


def _extra(visit: Visit, desk: Desk) -> dict[str, Any]:
    publication, push = visit.read(lambda tx: (publications.live(tx), publications.last_push(tx)))
    try:
        folder = MENUS.folder(visit.parts)
        differs = folder != dict(desk.live.files)
        unreadable = ""
    except (OSError, Mistakes) as wrong:
        differs, unreadable = False, str(wrong)[:300]
    return {
        "publication": publication,
        "push": push,
        "shown": push is not None and push.shown == desk.live.version,
        "may_push": visit.can("menus.push"),
        "folder_differs": differs,
        "folder_unreadable": unreadable,
        "live_warning": visit.parts.live.warning,
    }


def _preview(desk: Desk, which: str, menus: Any) -> dict[str, Any]:
    files = [] if menus is None else [name for name in menus.files if name.startswith("texts/")]
    return {
        "desk": desk,
        "which": which,
        "menus": menus,
        "phones": menu_preview.phones(menus) if menus else [],
        "groups": [(name, menu_preview.texts(menus, menus.files[name])) for name in sorted(files)],
        "crumbs": [(_(MENUS.words), url_for("console.menus"))],
    }
