"""What the sender writes: what became of the rows that it has taken, in one transaction a batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from models import receipts, submissions
from models.base import Tx
from models.outbox import Owed
from models.receipts import Receipt
from sms import segments
from sms.wire.receipts import spellings
from workers.sender.outgoing import Results


@dataclass(frozen=True, slots=True)
class Pacing:
    """How the sender takes and gives back. `usual`: the gateway of rows that name none."""

    usual: str
    batch: int = 200
    poll_s: float = 0.1
    lease: timedelta = timedelta(seconds=30)
    unknown_for: timedelta = timedelta(minutes=10)
    again_first: timedelta = timedelta(seconds=2)
    again_most: timedelta = timedelta(minutes=10)
    attempts: int = 8
    leaves_within_s: float = 4.0
    ask_after: timedelta | None = None  # without a receipt; None: nobody is asked
    parts_of: Callable[[str], int] = segments.count  # a text, as it is owed


def settle(
    tx: Tx, results: Results, come: Sequence[Receipt], *, but: Collection[int], pacing: Pacing,
    now: datetime,
) -> list[Receipt]:  # fmt: skip
    """Write all of it; the receipts that name nothing of ours yet come back.

    `but`: rows under way in several parts, which no single receipt settles.
    """
    submissions.taken_up(tx, results.submitted, now)
    submissions.unknown(tx, results.unknown)
    submissions.put_back_untried(tx, results.untried)
    submissions.put_off(tx, results.too_late)
    rows, why = _apart(results.refused)
    submissions.refused(tx, rows, why, state="failed", now=now)
    patient = [one for one in results.put_back if one[0].attempts < pacing.attempts]
    for attempts in {owed.attempts for owed, _ in patient}:
        rows, why = _apart([one for one in patient if one[0].attempts == attempts])
        wait = min(pacing.again_first * 2.0 ** (attempts - 1), pacing.again_most)
        submissions.put_back(tx, rows, why, until=now + wait)
    rows, why = _apart([one for one in results.put_back if one not in patient])
    submissions.refused(tx, rows, why, state="dead", now=now)
    strange = receipts.receipts(tx, come, now) if come else []
    if strange:
        strange = receipts.receipts(tx, strange, now, spellings)
    return receipts.resolve(tx, strange, now, parts_of=pacing.parts_of, but=but)


def _apart(pairs: Sequence[tuple[Owed, str]]) -> tuple[list[Owed], list[str]]:
    return [owed for owed, _ in pairs], [why for _, why in pairs]
