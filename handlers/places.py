"""Places for files that are written while somebody waits: few, and one for each person."""

from __future__ import annotations

import threading


class Places:
    """So many files at once, and one for each operator: who reads slowly keeps nobody else out."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._taken: set[int] = set()

    def take(self, operator_id: int) -> bool:
        """Whether there is a place, which is theirs until free()."""
        with self._lock:
            if operator_id in self._taken or len(self._taken) >= self._most:
                return False
            self._taken.add(operator_id)
            return True

    def free(self, operator_id: int) -> None:
        """Give the place back."""
        with self._lock:
            self._taken.discard(operator_id)
