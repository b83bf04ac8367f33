"""Another system is asked for something at somebody's word, and the audit knows it before.

    scenes.ask ──▶ the call ──▶ scenes.make, with what is kept of the answer
                           └──▶ scenes.fail

Whoever dies in the middle leaves an attempt without an end in the audit, not nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

from integrations.errors import CallFailed
from models import audit
from models.base import Tx

Result = TypeVar("Result")
Facts = Mapping[str, Any]


class Asker(Protocol):
    """A visit of an operator or of somebody at a merchant's."""

    @property
    def by(self) -> audit.By: ...
    @property
    def now(self) -> datetime: ...
    def change(self, work: Callable[[Tx], None]) -> None: ...


def ask(
    visit: Asker,
    call: Callable[[], Result],
    *,
    noun: str,
    subject: str,
    facts: Facts,
    keep: Callable[[Tx, Result], Facts],
) -> Result:
    """What the call gives, after `keep` has kept it; what that returns joins `facts` in the audit.

    Raises CallFailed, which the audit then knows, too.
    """

    def note(verb: str, said: Callable[[Tx], Facts]) -> None:
        def work(tx: Tx) -> None:
            after = {**facts, **said(tx)}
            action = f"{noun}.{verb}"
            audit.write(tx, visit.by, action=action, subject=subject, after=after, now=visit.now)

        visit.change(work)

    note("ask", lambda _tx: {})
    try:
        result = call()
    except CallFailed as failed:
        why = {"why": type(failed).__name__, "code": failed.code}
        note("fail", lambda _tx: why)
        raise
    note("make", lambda tx: keep(tx, result))
    return result
