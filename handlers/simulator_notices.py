"""Warnings about menus: the live version is not the newest, or the files on disk are not live."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from dialogs.live import LiveMenus, check
from menus.menus import Mistakes, read_folder

MISTAKES_SHOWN = 5
Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """One banner: `lines` are details below it."""

    text: str
    lines: tuple[str, ...] = ()


@dataclass
class MenuNotices:
    """Looks at the files again only when one of them has changed."""

    live: LiveMenus
    folder: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stamp: Stamp = ()
    _files: dict[str, str] = field(default_factory=dict)
    _mistakes: tuple[str, ...] = ()

    def __call__(self) -> list[Notice]:
        """What an operator must know now, the worst first."""
        found = []
        if self.live.warning:
            found.append(Notice(f"新发布的菜单没有启用 Menus not in use: {self.live.warning}"))
        files, mistakes = self._look()
        if mistakes:
            more = len(mistakes) - MISTAKES_SHOWN
            lines = mistakes[:MISTAKES_SHOWN] + ((f"… {more} more",) if more > 0 else ())
            found.append(
                Notice("菜单文件有错，还没有发布 The menu files have mistakes:", tuple(lines))
            )
        elif files != dict(self.live().files):
            found.append(
                Notice(
                    "菜单文件改过，还没有发布 Not yet published: run python app.py menus publish"
                )
            )
        return found

    def _look(self) -> tuple[dict[str, str], tuple[str, ...]]:
        with self._lock:
            stamp = _stamp(self.folder)
            if stamp != self._stamp:
                self._stamp, (self._files, self._mistakes) = stamp, _checked(self.folder)
            return self._files, self._mistakes


def _stamp(folder: Path) -> Stamp:
    return tuple(
        (str(path), state.st_mtime_ns, state.st_size)
        for path in sorted(folder.rglob("*.yaml"))
        for state in [path.stat()]
    )


def _checked(folder: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    try:
        files = read_folder(folder)
        check(files)
    except Mistakes as wrong:
        return {}, tuple(str(mistake) for mistake in wrong.mistakes)
    except OSError as gone:
        return {}, (f"cannot be read: {gone}",)
    return files, ()
