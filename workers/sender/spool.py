"""The spool: what came over a bind while the database was away, on disk until it is heard.

One JSON document a line, flushed to the disk before the carrier is told that we have it. It is read
again in order; whoever is heard twice is heard once, by the message's key.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger()

SPOOL_MOST_BYTES = 256 * 2**20  # about a million texts; then the carrier keeps what it has


class Full(Exception):
    """No room: do not acknowledge, the carrier will deliver it again."""


class Spool:
    """A file of lines. Safe to share between threads."""

    def __init__(self, folder: Path, name: str, *, most_bytes: int = SPOOL_MOST_BYTES) -> None:
        self._path = folder / f"{name}.jsonl"
        self._being_read = folder / f"{name}.replay.jsonl"
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, document: dict[str, Any]) -> None:
        """Keep it; it is on the disk when this returns. Raises Full, OSError."""
        line = json.dumps(document, ensure_ascii=False).encode() + b"\n"
        with self._lock:
            if self._path.exists() and self._path.stat().st_size + len(line) > self._most_bytes:
                raise Full(f"{self._path.name} is full")
            with self._path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())

    @property
    def waits(self) -> bool:
        """Whether something is kept."""
        return self._path.exists() or self._being_read.exists()

    @property
    def size(self) -> int:
        """How much is kept."""
        found = 0
        for path in (self._path, self._being_read):
            try:
                found += path.stat().st_size
            except FileNotFoundError:  # heard meanwhile
                continue
        return found

    def replay(self, hear: Callable[[dict[str, Any]], None]) -> int:
        """Hear all that is kept, in order, then forget it. Returns how many.

        What raises stays, with all behind it; a line that was cut off by a crash is passed over.
        """
        with self._lock:
            if not self._being_read.exists():
                if not self._path.exists():
                    return 0
                self._path.rename(self._being_read)
        lines = self._being_read.read_bytes().splitlines(keepends=True)
        done = 0
        try:
            for line in lines:
                document = _read(line)
                if document is not None:
                    hear(document)
                done += 1
        finally:
            self._keep(lines[done:])
        return done

    def _keep(self, lines: list[bytes]) -> None:
        if not lines:
            self._being_read.unlink()
            return
        fresh = self._being_read.with_suffix(".part")
        fresh.write_bytes(b"".join(lines))
        fresh.replace(self._being_read)


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(line)
    except ValueError:
        log.warning("spool line unreadable", length=len(line))
        return None
    return document if isinstance(document, dict) else None
