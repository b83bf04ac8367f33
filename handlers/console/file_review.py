"""Files on their way to be live: one's draft against what is live, the proposal, the history.

GET, POST /KIND/draft           what would change, and why; propose, throw away, bring back
GET /KIND/history               every version, with who and why
GET, POST /KIND/versions/N      what it changed, against any other; go back to it, by a proposal
GET /KIND/files.zip             the files of a version, of what is live or of one's draft
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from flask import Response, abort, request, url_for

from handlers.console import file_desk, file_text, menu_preview
from handlers.console.file_desk import Desk
from handlers.console.file_pages import named
from handlers.console.file_sets import FileSet, Found
from handlers.console.frame import Console, Page, Visit
from handlers.console.listing import Column, Filter, Key, Listing
from handlers.console.visit import Parts
from handlers.console.words import _
from menus.checked_yaml import Mistakes
from models import approvals, drafts, publications
from models.approvals import REASON_LENGTH, Proposal
from models.base import Tx
from models.publications import Publication

_HISTORIES = {
    publications.MENUS: _("菜单与文字的历史"),
    publications.RULES: _("积分规则的历史"),
    publications.DRAWS: _("抽奖的历史"),
    publications.SURVEYS: _("问卷的历史"),
}


def add_routes(console: Console, files: FileSet) -> None:
    """The pages of one set of files."""
    kind = files.kind
    see, change = f"{kind}.see", f"{kind}.propose"
    console.listing(f"/{kind}/history", _history(files), permission=see)

    @console.page(f"/{kind}/draft", permission=change)
    @named(f"{kind}_draft")
    def draft(visit: Visit) -> Page:
        desk = file_desk.look(visit, files)
        return visit.render("console/draft.html", **_draft(visit, desk), form=visit.form("reason"))

    @console.page(f"/{kind}/draft", permission=change, methods=("POST",))
    @named(f"{kind}_draft_change")
    def draft_change(visit: Visit) -> Page:
        desk, form = file_desk.look(visit, files), visit.form("reason")
        did = {"propose": _propose, "clear": _clear, "undo": _undo, "import": _import}
        do = did.get(request.form.get("do", ""))
        if do is None:
            abort(400)
        if request.form.get("revision", "") != str(desk.draft.revision):
            form.wrong("reason", _(ANOTHER_WINDOW_DRAFT))
        else:
            try:
                if done := do(visit, desk, form):
                    return done
            except drafts.Overtaken:
                form.wrong("reason", _(ANOTHER_WINDOW_DRAFT))
        return visit.render("console/draft.html", **_draft(visit, desk), form=form)

    @console.page(f"/{kind}/versions/<int:number>", permission=see)
    @named(f"{kind}_version")
    def version(visit: Visit, number: int) -> Page:
        shown = _version(visit, files, _got(visit, files, number), request.args.get("old", ""))
        return visit.render("console/version.html", **shown, form=visit.form("reason"))

    @console.page(f"/{kind}/versions/<int:number>", permission=change, methods=("POST",))
    @named(f"{kind}_version_change")
    def version_change(visit: Visit, number: int) -> Page:
        wanted, form = _got(visit, files, number), visit.form("reason")
        form.need("reason", _("请写明为什么要退回"), most=REASON_LENGTH)
        desk = file_desk.look(visit, files)
        if form.good and wanted.files == desk.live.files:
            form.wrong("reason", _("线上已经就是这一版的内容了"))
        if form.good and (found := _checked(visit, files, wanted.files)).mistakes:
            form.wrong("reason", _first_mistake(files, found))
        if form.good:
            try:
                made = file_desk.propose_version(visit, desk, number, wanted.files, form["reason"])
            except approvals.AlreadyProposed as other:
                form.wrong("reason", _open_already(other.proposal_id))
            else:
                visit.say(_("已提议退回到第 {n} 版，等另一个人批准。", n=number))
                return visit.go("proposal", number=made.id)
        shown = _version(visit, files, wanted, "")
        return visit.render("console/version.html", **shown, form=form)

    @console.page(f"/{kind}/files.zip", permission=see)
    @named(f"{kind}_zip")
    def as_zip(visit: Visit) -> Page:
        texts, name = _chosen(visit, files, request.args.get("of", "live"))
        answer = Response(zipped(kind, texts), mimetype="application/zip")
        answer.headers["Content-Disposition"] = f'attachment; filename="{kind}-{name}.zip"'
        return answer


ANOTHER_WINDOW_DRAFT = _("草稿在另一个窗口改过了。下面是现在的样子，请再看一遍。")


# -- the draft -------------------------------------------------------------------------------------


def _draft(visit: Visit, desk: Desk) -> dict[str, Any]:
    kind = desk.files.kind

    def changes(tx: Tx) -> list[str]:
        if not desk.changed:
            return []
        return file_desk.noticed(tx, desk.files, desk.live.files, desk.texts, desk.found)

    return {
        "desk": desk,
        "kind": kind,
        "changes": visit.read(changes),
        "differences": desk.differences,
        "told": file_desk.told(desk.files, desk.found.mistakes, desk.texts),
        "more": max(0, len(desk.found.mistakes) - file_desk.MISTAKES_SHOWN),
        "warned": file_desk.told(desk.files, desk.found.warnings, desk.texts),
        "crumbs": [(_(desk.files.words), url_for(f"console.{kind}"))],
        **looks(desk.found, desk.live.files, list(desk.changed)),
    }


def looks(found: Found, old: Mapping[str, str | None], names: list[str]) -> dict[str, Any]:
    """How what changed will look on phones: the menus and the texts of these files."""
    if found.menus is None:
        return {}
    before = {name: text for name, text in old.items() if text is not None}
    changed = [name for name in names if name.startswith("wechat/")]
    phones = [
        shown
        for name in changed
        if name in found.menus.files
        and (shown := menu_preview.phone(found.menus, found.menus.files[name]))
    ]
    texts = [name for name in names if name.startswith("texts/")]
    return {"phones": phones, "sayings": menu_preview.changed_texts(found.menus, before, texts)}


def _propose(visit: Visit, desk: Desk, form: Any) -> Page | None:
    form.need("reason", _("请写明为什么要改，批准的人会看到"), most=REASON_LENGTH)
    if not desk.changed:
        form.wrong("reason", _("草稿和线上一样，没有什么可提议的"))
    elif desk.conflicts:
        form.wrong("reason", _("有文件别人也改过，请先决定用哪一个：{files}",
                               files=_("、").join(desk.conflicts)))  # fmt: skip
    elif desk.found.mistakes:
        form.wrong("reason", _first_mistake(desk.files, desk.found))
    if not form.good:
        return None
    try:
        made = file_desk.propose(visit, desk, form["reason"])
    except approvals.AlreadyProposed as other:
        form.wrong("reason", _open_already(other.proposal_id))
        return None
    visit.say(_("已提议发布，等另一个人批准。"))
    return visit.go("proposal", number=made.id)


def _clear(visit: Visit, desk: Desk, form: Any) -> Page | None:
    if desk.draft.files:
        file_desk.clear(visit, desk)
        visit.say(_("草稿已丢弃。后悔了可以取回。"))
    return visit.go(desk.files.kind)


def _undo(visit: Visit, desk: Desk, form: Any) -> Page | None:
    if desk.draft.cleared:
        file_desk.undo(visit, desk)
        visit.say(_("草稿取回来了。"))
    return visit.go(f"{desk.files.kind}_draft")


def _import(visit: Visit, desk: Desk, form: Any) -> Page | None:
    """Take what differs in the server's folder into the draft; edits of one's own stay."""
    try:
        folder = desk.files.folder(visit.parts)
    except (OSError, Mistakes) as wrong:
        form.wrong("reason", _("服务器上的文件夹读不了：{why}", why=str(wrong)[:300]))
        return None
    edits = dict(desk.draft.files)
    for name, text in folder.items():
        mine = name in edits or desk.live.files.get(name) == text
        if mine or not desk.files.allows(name):
            continue
        try:
            edits[name] = drafts.Edit(desk.live.files.get(name), file_desk.taken(text, text))
        except file_desk.NotTaken as why:
            form.wrong("reason", f"{name}: {why}")
            return None
    file_desk.keep(visit, desk, edits, what="import")
    visit.say(_("服务器文件夹里不一样的文件已放进草稿，没有发布。"))
    return visit.go(f"{desk.files.kind}_draft")


def _open_already(number: int) -> str:
    return _("已经有一个提议在等批准（编号 {n}）。先等它处理完，或者请提出人撤回。", n=number)


def _first_mistake(files: FileSet, found: Found) -> str:
    first = file_desk.told(files, found.mistakes, {})[0]
    return _(
        "检查没有通过，共 {n} 处，第一处：{file}:{line}:{column} {words}",
        n=len(found.mistakes), file=first.file, line=first.line, column=first.column,
        words=first.words,
    )  # fmt: skip


# -- versions --------------------------------------------------------------------------------------


def _got(visit: Visit, files: FileSet, number: int) -> Publication:
    if number >= 2**31:
        abort(404)
    found = visit.read(lambda tx: publications.get(tx, number, files.kind))
    if found is None:
        abort(404)
    return found


def _checked(visit: Visit, files: FileSet, texts: Mapping[str, str]) -> Found:
    return visit.read(lambda tx: files.check(tx, visit.parts, texts))


def _version(visit: Visit, files: FileSet, wanted: Publication, old: str) -> dict[str, Any]:
    """A version against another one, by default the one before it."""
    number = int(old) if old.isdecimal() and len(old) < 10 else wanted.version - 1
    before = visit.read(lambda tx: publications.get(tx, number, files.kind))
    newest = visit.read(lambda tx: publications.live_version(tx, files.kind))
    texts = before.files if before else {}
    found = _checked(visit, files, wanted.files)

    def changes(tx: Tx) -> list[str]:
        if files.kind != publications.MENUS:
            return []  # rules are compared with what is live, which says nothing of the past
        return file_desk.noticed(tx, files, texts, wanted.files, found)

    kind = files.kind
    return {
        "kind": kind,
        "files": files,
        "version": wanted,
        "before": before,
        "newest": newest,
        "is_live": wanted.version == newest,
        "differences": file_text.differences(texts, wanted.files),
        "changes": visit.read(changes),
        "mistakes": len(found.mistakes),
        "may_change": visit.can(f"{kind}.propose"),
        "crumbs": [
            (_(files.words), url_for(f"console.{kind}")),
            (_("历史"), url_for(f"console.{kind}_history")),
        ],
    }


def _history(files: FileSet) -> Listing[Publication]:
    kind = files.kind

    def fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Publication]:
        return publications.history(
            tx, limit, before=int(str(key[0])) if key else None, of=kind,
            author=filters.get("author", ""),
        )  # fmt: skip

    return Listing(
        name=f"{kind}_history",
        words=_HISTORIES[kind],
        columns=(
            Column(_("版本"), lambda one: one.version, "link"),
            Column(_("时间"), lambda one: one.at, "time"),
            Column(_("提出人"), lambda one: one.author),
            Column(_("批准人"), lambda one: one.approved_by or _("（命令行）")),
            Column(_("原因"), lambda one: one.note),
        ),
        filters=(Filter("author", _("提出人")),),
        fetch=fetch,
        key=lambda one: (one.version,),
        row_link=lambda one: url_for(f"console.{kind}_version", number=one.version),
        empty=_("还没有发布过。"),
    )


def _chosen(visit: Visit, files: FileSet, which: str) -> tuple[Mapping[str, str], str]:
    """The texts of "draft", "live" or a version, and what to call them."""
    if which.isdecimal() and len(which) < 10:
        return _got(visit, files, int(which)).files, f"v{which}"
    if which not in ("draft", "live"):
        abort(404)
    desk = file_desk.look(visit, files)
    return (desk.texts, "draft") if which == "draft" else (desk.live.files, "live")


def zipped(folder: str, texts: Mapping[str, str]) -> bytes:
    """The files as they lie in the folder of the project."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(texts.items()):
            archive.writestr(zipfile.ZipInfo(f"{folder}/{name}", (2020, 1, 1, 0, 0, 0)), text)
    return made.getvalue()


# -- a proposal, as an approver sees it ------------------------------------------------------------


def details(files: FileSet, tx: Tx, parts: Parts, proposal: Proposal) -> dict[str, Any]:
    """What the proposal would change, checked against everything as it is now."""
    payload = proposal.payload
    live = files.live(tx, parts)
    found = files.check(tx, parts, payload["files"])
    old = {**payload["files"], **payload["was"]}
    before = {name: text for name, text in old.items() if text is not None}
    changed = sorted(payload["was"])
    # Rules are compared with what is live: once they are, that says nothing more.
    waiting = proposal.state == approvals.PROPOSED or files.kind == publications.MENUS
    return {
        "files": files,
        "back_to": payload.get("back_to"),
        "stale": proposal.state == approvals.PROPOSED and payload["base"] != live.base,
        "live": live,
        "told": file_desk.told(files, found.mistakes, payload["files"]),
        "more": max(0, len(found.mistakes) - file_desk.MISTAKES_SHOWN),
        "warned": file_desk.told(files, found.warnings, payload["files"]),
        "changes": (
            file_desk.noticed(tx, files, before, payload["files"], found) if waiting else []
        ),
        "differences": file_text.differences(
            payload["was"], {name: payload["files"].get(name) for name in changed}
        ),
        **looks(found, payload["was"], changed),
    }  # fmt: skip
