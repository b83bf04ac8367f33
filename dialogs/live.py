"""The live menus: the version that was published last, taken over while the server runs."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping

import structlog

from dialogs.catalog import (
    MARKETING_TEXTS,
    NUMBERED_SCENES,
    optional_notes,
    required_notes,
    texts_used,
)
from menus.menus import Menus, Mistake, Mistakes, load
from models import publications
from models.leaving_words import says_how_to_leave
from models.store import Store, Unavailable
from sms import replies

log = structlog.get_logger()


def check(
    files: Mapping[str, str], *, version: int = 0, clubs: Collection[str] | None = None
) -> Menus:
    """The files as menus that fit this program's dialogs. Raises Mistakes, all at once.

    `clubs`: the codes that notes and tags may name; None where nobody can say.
    """
    return load(
        files,
        dialogs=required_notes(),
        optional=optional_notes(),
        numbered_scenes=NUMBERED_SCENES,
        texts_used=texts_used(),
        normalise=replies.normalise,
        reserved=_is_an_answer,
        version=version,
        marketing=MARKETING_TEXTS,
        says_how_to_leave=says_how_to_leave,
        choices={"club": clubs, "tag": clubs} if clubs is not None else None,
    )


class LiveMenus:
    """Call it for the menus to use now. A bad version is refused: the last good one stays."""

    def __init__(self, store: Store, fallback: Mapping[str, str]) -> None:
        self._store = store
        self._menus = check(fallback)
        self._seen = 0
        self._stop = threading.Event()
        self.warning = ""  # why the newest version is not in use; operators must see it

    def __call__(self) -> Menus:
        return self._menus

    def refresh(self) -> None:
        """Take over what was published since the last look. Raises Unavailable."""
        newest = self._store.read(publications.live_version)
        if newest == self._seen:
            return
        publication = self._store.read(lambda tx: publications.get(tx, newest))
        if publication is None:
            return
        self._seen = newest
        try:
            self._menus = check(_as_files(publication.files), version=newest)
        except Mistakes as bad:
            first = bad.mistakes[0]
            self.warning = f"version {newest} cannot be used: {first}; {self._menus.version} stays"
            log.error("published menus refused", version=newest, mistakes=len(bad.mistakes))
        else:
            self.warning = ""
            log.info("menus taken over", version=newest)

    def follow(self, every_s: float) -> None:
        """Look for new versions from a thread of its own, until stop()."""
        threading.Thread(target=self._follow, args=(every_s,), daemon=True, name="menus").start()

    def stop(self) -> None:
        self._stop.set()

    def _follow(self, every_s: float) -> None:
        while not self._stop.wait(every_s):
            try:
                self.refresh()
            except Unavailable:
                log.warning("menus not refreshed", why="database unavailable")
            except Exception as bug:
                log.exception("menus not refreshed", why=type(bug).__name__)


def _as_files(stored: object) -> dict[str, str]:
    """What is stored as a publication, if it is files at all. Raises Mistakes."""
    if not isinstance(stored, dict) or not all(isinstance(text, str) for text in stored.values()):
        raise Mistakes([Mistake("publication", 0, 0, "not a map of file names to texts")])
    return stored


def _is_an_answer(text: str) -> bool:
    said = replies.read(text)
    known = said.is_yes or said.is_no or said.is_opt_out or said.is_opt_in
    return known or said.number is not None
