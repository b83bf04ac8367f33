"""History: the last movements of points, a few at a time, and the page that has all of them.

明细 ──▶ the last five, or as many of them as fit      明细6 ──▶ from the sixth on, as it has said
"""

from __future__ import annotations

from dialogs import pages, reasons
from dialogs.dialog import Dialog, Move, Talk
from dialogs.naming import shortened
from models.points import day_of, history
from models.points.history import Line
from sms.numbers import masked
from sms.segments import units

LINES = 5
FIRST_MOST = 200  # whoever looks further back is better served by the page
LIST_UNITS = 88
REASON_CHARS = 15  # 收到138****0002转赠


class History(Dialog):
    takes = frozenset({"first"})
    reads_only = True

    def opened(self, talk: Talk) -> Move:
        if talk.subscriber.msisdn is None:
            return talk.end("points.unbound")
        asked = str(talk.notes.get("first", "1"))
        skip = min(max(int(asked), 1), FIRST_MOST) - 1
        seen = history.page(talk.tx, talk.subscriber, now=talk.now, limit=skip + LINES + 1)
        found = seen.lines[skip : skip + LINES]
        if not found:
            return talk.end("history.no_more" if skip else "history.none", have=seen.balance)
        lines = [_line(talk, line) for line in found]
        shown = _that_fit(lines) if talk.channel == "sms" else lines
        behind = skip + len(shown)
        more = len(seen.lines) > behind and behind < FIRST_MOST
        return talk.end(
            "history.lines_more" if more else "history.lines", page=pages.POINTS,
            have=seen.balance, moves="\n".join(shown), first=behind + 1,
        )  # fmt: skip


def _line(talk: Talk, line: Line) -> str:
    """ "11月22日 抽奖 -10"."""
    day = day_of(line.at)
    party = masked(line.party) if line.party else None
    words = shortened(reasons.words(talk.menus, line, party=party), REASON_CHARS)
    return f"{day.month}月{day.day}日 {words} {line.points:+d}"


def _that_fit(lines: list[str]) -> list[str]:
    """As many as two SMS hold, with what stands around them."""
    while len(lines) > 1 and units("\n".join(lines)) > LIST_UNITS:
        lines = lines[:-1]
    return lines
