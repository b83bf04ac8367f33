"""Files in the browser: the list, the editor, and a check while one types.

GET /KIND                    what is live, one's draft, every file
GET, POST /KIND/file/NAME    edit, keep as draft, put back, delete; nothing here goes live
POST /KIND/check/NAME        what the check says of what is typed
POST /KIND/new               a new file
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from flask import abort, request, url_for

from handlers.console import file_desk, menu_preview
from handlers.console.file_desk import Desk, NotTaken
from handlers.console.file_sets import DRAWS, FILE_MOST_BYTES, SURVEYS, FileSet, Found
from handlers.console.file_words import about
from handlers.console.frame import Console, Page, Visit
from handlers.console.words import _
from models import club_changes, drafts

ANOTHER_WINDOW = _(
    "您在另一个窗口也改了这个文件，刚才没有保存。您打的字还在下面；再按一次保存，就用它代替。"
)


def named(name: str) -> Callable[[Any], Any]:
    """A view's endpoint: it is called as its view, and two sets of files have the same views."""

    def rename(view: Any) -> Any:
        view.__name__ = name
        return view

    return rename


def add_routes(console: Console, files: FileSet, *, about: str, extra: Callable[..., Any]) -> None:
    """The pages of one set; `extra(visit, desk)` adds what its overview shows beside."""
    kind = files.kind
    see, change = f"{kind}.see", f"{kind}.propose"

    @console.page(f"/{kind}", permission=see, nav=files.words, about=about)
    @named(kind)
    def overview(visit: Visit) -> Page:
        desk = file_desk.look(visit, files)
        return visit.render(f"console/{kind}.html", **_overview(visit, desk), **extra(visit, desk))

    @console.page(f"/{kind}/file/<path:name>", permission=see)
    @named(f"{kind}_file")
    def file(visit: Visit, name: str) -> Page:
        desk = _desk(visit, files, name)
        if name not in desk.texts and name not in desk.live.files:
            abort(404)
        return visit.render("console/file.html", **_file(visit, desk, name))

    @console.page(f"/{kind}/file/<path:name>", permission=change, methods=("POST",))
    @named(f"{kind}_file_change")
    def file_change(visit: Visit, name: str) -> Page:
        desk = _desk(visit, files, name)
        did = _DO.get(request.form.get("do", "save"))
        if did is None:
            abort(400)
        try:
            return did(visit, desk, name)
        except NotTaken as why:
            error = str(why)
        except drafts.Overtaken:
            error = _(ANOTHER_WINDOW)
            desk = _desk(visit, files, name)
        shown = _file(visit, desk, name, typed=request.form.get("text", ""), error=error)
        return visit.render("console/file.html", **shown), 400

    @console.page(f"/{kind}/check/<path:name>", permission=change, methods=("POST",))
    @named(f"{kind}_check")
    def check(visit: Visit, name: str) -> Page:
        desk = _desk(visit, files, name)
        try:
            text = file_desk.taken(_typed(), desk.texts.get(name, ""))
        except NotTaken as why:
            return visit.render("console/_file_found.html", error=str(why), found=None)
        texts = {**desk.texts, name: text}
        found = visit.read(lambda tx: files.check(tx, visit.parts, texts))
        return visit.render("console/_file_found.html", **_found(desk, found, name, texts))

    @console.page(f"/{kind}/new", permission=change, methods=("POST",))
    @named(f"{kind}_new")
    def new(visit: Visit) -> Page:
        desk = file_desk.look(visit, files)
        form = visit.form("folder", "stem")
        name = f"{form['folder']}{form['stem'].removesuffix('.yaml')}.yaml"
        if form["folder"] not in [folder for folder, _words in files.files_of]:
            form.wrong("folder", _("请选择放在哪里"))
        if not files.allows(name):
            form.wrong("stem", _("名称用小写字母、数字和 -，字母开头，最多 40 个字"))
        elif name in desk.texts:
            form.wrong("stem", _("已经有这个文件了"))
        if not form.good:
            more = {**_overview(visit, desk), **extra(visit, desk), "form": form}
            return visit.render(f"console/{kind}.html", **more)
        text = _begin(files, name)
        file_desk.keep(visit, desk, desk.draft.with_file(name, text, desk.live.files), what=name)
        return visit.go(f"{kind}_file", name=name)


# -- what can be done to a file --------------------------------------------------------------------


def _save(visit: Visit, desk: Desk, name: str) -> Page:
    if request.form.get("seen", "") != seen(desk.texts.get(name)):
        raise drafts.Overtaken(name)
    before = desk.texts.get(name) or desk.live.files.get(name) or ""
    text = file_desk.taken(_typed(), before)
    if text == desk.texts.get(name):
        visit.say(_("没有改动。"))
        return visit.go(f"{desk.files.kind}_file", name=name)
    edits = desk.draft.with_file(name, text, desk.live.files)
    file_desk.keep(visit, desk, edits, what=f"save {name}")
    after = file_desk.look(visit, desk.files)
    wrong = len(after.found.of(desk.files.shown(name)))
    if wrong:
        visit.say(_("已存为草稿，但还有 {n} 处要改。没有发布。", n=wrong))
    else:
        visit.say(_("已存为草稿，这个文件检查通过。没有发布。"))
    return visit.go(f"{desk.files.kind}_file", name=name)


def _delete(visit: Visit, desk: Desk, name: str) -> Page:
    if name in desk.files.required:
        abort(400)
    edits = desk.draft.with_file(name, None, desk.live.files)
    file_desk.keep(visit, desk, edits, what=f"delete {name}")
    visit.say(_("草稿里去掉了 {name}；发布以前随时可以恢复。", name=name))
    return visit.go(desk.files.kind)


def _restore(visit: Visit, desk: Desk, name: str) -> Page:
    files = {other: edit for other, edit in desk.draft.files.items() if other != name}
    file_desk.keep(visit, desk, files, what=f"restore {name}")
    visit.say(_("{name} 恢复成线上的样子了。", name=name))
    return visit.go(desk.files.kind)


def _settle(keep: bool) -> Callable[[Visit, Desk, str], Page]:
    def settle(visit: Visit, desk: Desk, name: str) -> Page:
        files = desk.draft.settled(name, desk.live.files, keep=keep)
        file_desk.keep(visit, desk, files, what=f"{'keep' if keep else 'take'} {name}")
        visit.say(_("已用您的版本。") if keep else _("已用线上的版本。"))
        return visit.go(f"{desk.files.kind}_file", name=name)

    return settle


_DO: dict[str, Callable[[Visit, Desk, str], Page]] = {
    "save": _save,
    "delete": _delete,
    "restore": _restore,
    "keep": _settle(True),
    "take": _settle(False),
}


# -- what pages show -------------------------------------------------------------------------------


def seen(text: str | None) -> str:
    """What a form says of the text that it began with."""
    return "" if text is None else hashlib.sha256(text.encode()).hexdigest()[:32]


def _typed() -> str:
    """The text of the form, or of the file that was chosen instead. Raises NotTaken."""
    upload = request.files.get("upload")
    if upload and upload.filename:
        raw = upload.stream.read(FILE_MOST_BYTES + 1)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            if len(raw) <= FILE_MOST_BYTES:
                line = raw[: error.start].count(b"\n") + 1
                raise NotTaken(
                    _("这个文件不是 UTF-8 编码（第 {line} 行），没有采用", line=line)
                ) from error
            return "x" * (FILE_MOST_BYTES + 1)  # cut within a letter: told as too long
    return request.form.get("text", "")


def _desk(visit: Visit, files: FileSet, name: str) -> Desk:
    if not files.allows(name):
        abort(404)
    return file_desk.look(visit, files)


def _overview(visit: Visit, desk: Desk) -> dict[str, Any]:
    wrong = [each.file for each in desk.found.mistakes]
    names = {club.code: club.terms.name for club in visit.read(club_changes.standings)}
    return {
        "desk": desk,
        "kind": desk.files.kind,
        "may_change": visit.can(f"{desk.files.kind}.propose"),
        "rows": [
            {
                "name": name,
                "about": about(name, desk.texts.get(name) or desk.live.files[name], names),
                "lines": (desk.texts.get(name) or "").count("\n"),
                "change": desk.changed.get(name, ""),
                "conflict": name in desk.conflicts,
                "wrong": wrong.count(desk.files.shown(name)),
            }
            for name in sorted({*desk.live.files, *desk.texts}, key=_order)
        ],
        "folders": [(folder, _(words)) for folder, words in desk.files.files_of],
        "told": file_desk.told(desk.files, desk.found.mistakes, desk.texts),
        "more": max(0, len(desk.found.mistakes) - file_desk.MISTAKES_SHOWN),
        "form": visit.form("folder", "stem") if request.method == "GET" else None,
    }


def _file(
    visit: Visit, desk: Desk, name: str, *, typed: str | None = None, error: str = ""
) -> dict[str, Any]:
    text = desk.texts.get(name)
    kind = desk.files.kind
    return {
        "desk": desk,
        "text": text if typed is None else typed,
        "gone": text is None and typed is None,
        "seen": seen(text),
        "error": error,
        "conflict": name in desk.conflicts,
        "theirs": desk.live.files.get(name),
        "change": desk.changed.get(name, ""),
        "may_change": visit.can(f"{kind}.propose"),
        "may_delete": name not in desk.files.required,
        "most": FILE_MOST_BYTES,
        "crumbs": [(_(desk.files.words), url_for(f"console.{kind}"))],
        **_found(desk, desk.found, name, desk.texts),
    }


def _found(desk: Desk, found: Found, name: str, texts: dict[str, str]) -> dict[str, Any]:
    """What the check says of a file, and how it will look."""
    shown = desk.files.shown(name)
    mine, source = found.of(shown), texts.get(name, "")
    warnings = [each for each in found.warnings if each.file == shown]
    looks: dict[str, Any] = {}
    if found.menus and name.startswith("wechat/"):
        looks["phone"] = menu_preview.phone(found.menus, source)
    elif found.menus and name.startswith("texts/"):
        looks["sayings"] = menu_preview.texts(found.menus, source)
    return {
        "kind": desk.files.kind,
        "name": name,
        "found": found,
        "told": file_desk.told(desk.files, mine, texts),
        "more": max(0, len(mine) - file_desk.MISTAKES_SHOWN),
        "warned": file_desk.told(desk.files, warnings, texts),
        "elsewhere": len(found.mistakes) - len(mine),
        **looks,
    }


def _order(name: str) -> tuple[int, str]:
    """Menus first, then words and scenes, then texts."""
    groups = ("wechat/default", "wechat/", "earning/", "keywords", "synonyms", "scenes", "texts/")
    return next((no for no, group in enumerate(groups) if name.startswith(group)), 9), name


def _begin(files: FileSet, name: str) -> str:
    """What a new file begins with, so that the check names what is missing and no more."""
    stem = name.rpartition("/")[2].removesuffix(".yaml")
    if name.startswith("wechat/"):
        schema = "# yaml-language-server: $schema=../schema/wechat.json\n"
        return f"{schema}tag: {stem}\nmenu:\n  - name: 积分\n    dialog: balance\n"
    if name.startswith("earning/"):
        return f"code: {stem}\ntitle: \n"
    if files.kind == SURVEYS.kind:
        return f"code: {stem}\ntitle: \nintro: \nthanks: \n"
    if files.kind == DRAWS.kind:
        return f"code: {stem}\ntitle: \n"
    return "# yaml-language-server: $schema=../schema/texts.json\n"
