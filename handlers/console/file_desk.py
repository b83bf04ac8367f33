"""One operator's work on a set of files: what is live, the draft over it, and what a check finds.

Beneath the pages of files (file_pages.py, file_review.py): no addresses and no templates here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from handlers.console import check_words, file_text
from handlers.console.file_sets import (
    FILE_MOST_BYTES,
    LINE_MOST_CHARS,
    FileSet,
    Found,
    Live,
)
from handlers.console.visit import Visit
from handlers.console.words import _
from models import approvals, audit, drafts
from models.base import Tx
from models.drafts import Draft, Edit

MISTAKES_SHOWN = 30


class NotTaken(Exception):
    """Why a text cannot be kept at all, in an operator's words."""


@dataclass
class Desk:
    """What an operator has before them; read once for a page."""

    files: FileSet
    live: Live
    draft: Draft
    open_proposal: approvals.Proposal | None
    found: Found

    @cached_property
    def texts(self) -> dict[str, str]:
        """The files as the draft makes them."""
        return self.draft.over(self.live.files)

    @cached_property
    def conflicts(self) -> list[str]:
        """Files that somebody else has published since they were edited here."""
        return self.draft.conflicts(self.live.files)

    @cached_property
    def changed(self) -> dict[str, str]:
        """Changed file -> "new", "gone" or "changed"."""
        kinds = {}
        for name in self.draft.files:
            was, now = self.live.files.get(name), self.texts.get(name)
            if was != now:
                kinds[name] = "new" if was is None else "gone" if now is None else "changed"
        return kinds

    @property
    def undoable(self) -> int:
        """How many files a draft that was thrown away would bring back."""
        live = self.live.files
        return sum(edit.text != live.get(name) for name, edit in self.draft.cleared.items())

    @property
    def differences(self) -> list[file_text.FileDifference]:
        """The draft against what is live."""
        return file_text.differences(
            {name: self.live.files.get(name) for name in self.changed},
            {name: self.texts.get(name) for name in self.changed},
        )

    @property
    def may_propose(self) -> bool:
        """Whether there is something, without mistakes and conflicts, and nothing else is open."""
        good = bool(self.changed) and not self.found.mistakes and not self.conflicts
        return good and self.open_proposal is None


def look(visit: Visit, files: FileSet) -> Desk:
    """What the operator works on now."""

    def work(tx: Tx) -> Desk:
        live = files.live(tx, visit.parts)
        draft = drafts.get(tx, visit.operator.id, files.kind)
        waiting = approvals.open_proposal(tx, files.kind, files.subject)
        if waiting is not None and waiting.expires_at <= visit.now:
            waiting = None
        found = files.check(tx, visit.parts, draft.over(live.files))
        return Desk(files, live, draft, waiting, found)

    return visit.read(work)


def taken(typed: str, before: str) -> str:
    """The text to keep for what was typed. Raises NotTaken for what no file may be."""
    text = file_text.as_written(typed, before)
    size = len(text.encode("utf-8", "replace"))
    if size > FILE_MOST_BYTES:
        raise NotTaken(
            _("文件有 {size} 字节，最多 {most} 字节；没有保存", size=size, most=FILE_MOST_BYTES)
        )
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise NotTaken(_("第 {line} 行有空字符（NUL），这不是文字；没有保存", line=line))
    for number, each in enumerate(text.split("\n"), start=1):
        if len(each) > LINE_MOST_CHARS:
            raise NotTaken(
                _("第 {line} 行超过 {most} 个字；没有保存", line=number, most=LINE_MOST_CHARS)
            )
    try:
        text.encode()
    except UnicodeEncodeError as half:
        raise NotTaken(_("里面有半个字符，不是正确的文字；没有保存")) from half
    return text


def keep(visit: Visit, desk: Desk, files: Mapping[str, Edit], *, what: str) -> Draft:
    """Save these files as the draft. Raises drafts.Overtaken."""

    def work(tx: Tx) -> Draft:
        saved = drafts.save(tx, desk.draft, files, visit.now)
        _note(tx, visit, desk, what, files)
        return saved

    return visit.change(work)


def clear(visit: Visit, desk: Desk) -> None:
    """Throw the draft away, for as long as nobody wants it back. Raises drafts.Overtaken."""

    def work(tx: Tx) -> None:
        drafts.clear(tx, desk.draft, visit.now)
        _note(tx, visit, desk, "clear", {})

    visit.change(work)


def undo(visit: Visit, desk: Desk) -> None:
    """Bring back what was thrown away. Raises drafts.Overtaken."""

    def work(tx: Tx) -> None:
        back = drafts.undo(tx, desk.draft, visit.now)
        _note(tx, visit, desk, "undo", back.files)

    visit.change(work)


def propose(visit: Visit, desk: Desk, reason: str) -> approvals.Proposal:
    """Propose the draft, as it is kept here; then it is empty, and can be brought back.

    Raises approvals.AlreadyProposed, drafts.Overtaken.
    """

    def work(tx: Tx) -> approvals.Proposal:
        was = {name: desk.live.files.get(name) for name in desk.changed}
        made = _propose(tx, visit, desk, desk.texts, was, reason, {})
        drafts.clear(tx, desk.draft, visit.now)
        return made

    return visit.change(work)


def propose_version(
    visit: Visit, desk: Desk, version: int, files: Mapping[str, str], reason: str
) -> approvals.Proposal:
    """Propose to make an older version live again. Raises approvals.AlreadyProposed."""
    live = desk.live.files
    was = {name: live.get(name) for name in {*files, *live} if files.get(name) != live.get(name)}
    return visit.change(
        lambda tx: _propose(tx, visit, desk, files, was, reason, {"back_to": version})
    )


def _propose(
    tx: Tx, visit: Visit, desk: Desk, files: Mapping[str, str], was: Mapping[str, str | None],
    reason: str, more: Mapping[str, Any],
) -> approvals.Proposal:  # fmt: skip
    # All that will be live, and what it replaces: nothing is taken from a form later.
    payload = {"files": dict(files), "was": dict(was), "base": desk.live.base,
               "version": desk.live.version, **more}  # fmt: skip
    return approvals.propose(
        tx, kind=desk.files.kind, subject=desk.files.subject, payload=payload, reason=reason,
        by=visit.by, now=visit.now,
    )  # fmt: skip


def _note(tx: Tx, visit: Visit, desk: Desk, what: str, files: Mapping[str, Edit]) -> None:
    audit.write(
        tx, visit.by, action=f"{desk.files.kind}.draft", subject=f"draft:{visit.operator.id}",
        before={"files": sorted(desk.draft.files), "revision": desk.draft.revision},
        after={"files": sorted(files), "did": what}, now=visit.now,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """A mistake as a page shows it, with the line where it is."""

    file: str  # as in the set, "" for none in particular
    line: int
    column: int
    words: str
    source: str = ""  # the line itself, cut


def noticed(
    tx: Tx, files: FileSet, old: Mapping[str, str], new: Mapping[str, str], found: Found
) -> list[str]:
    """What subscribers will notice, in the language of whoever looks; [] if it cannot be said."""
    if found.mistakes:
        return []
    return [check_words.change(line) for line in files.changes(tx, old, new, found)]


def told(desk_files: FileSet, mistakes: Sequence[Any], texts: Mapping[str, str]) -> list[Told]:
    """Mistakes or warnings with their lines, the first MISTAKES_SHOWN."""
    found = []
    for each in mistakes[:MISTAKES_SHOWN]:
        name = each.file.removeprefix(f"{desk_files.kind}/")
        lines = texts.get(name, "").split("\n")
        source = lines[each.line - 1] if 0 < each.line <= len(lines) else ""
        known = name in texts or desk_files.allows(name)
        words = check_words.mistake(each.message, each.hint)
        if not known:
            words = f"{each.file}: {words}"
        found.append(Told(name if known else "", each.line, each.column, words, source[:200]))
    return found
