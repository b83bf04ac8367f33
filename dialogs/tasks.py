"""Tasks: what can be done for points, how, and what is done already."""

from __future__ import annotations

from collections.abc import Sequence

from dialogs import pages
from dialogs.dialog import Dialog, Move, Talk
from models import tasks
from models.tasks import Standing
from sms.segments import units

LIST_UNITS = 88  # of the list, within two SMS
MOST_LISTED = {"sms": 3, "wechat": 8}


class Tasks(Dialog):
    reads_only = True

    def opened(self, talk: Talk) -> Move:
        found = tasks.standings(talk.tx, talk.subscriber, talk.now)
        to_do = [each for each in found if each.done_at is None]
        if not found:
            return talk.end("tasks.none")
        if not to_do:
            return talk.end("tasks.all_done", count=len(found), page=pages.TASKS)
        return talk.end(
            "tasks.list", tasks="\n".join(listed(to_do, talk.channel)), count=len(to_do),
            page=pages.TASKS,
        )  # fmt: skip


def listed(to_do: Sequence[Standing], channel: str) -> list[str]:
    """A line for each, as many as two SMS hold or a screen shows; no number: none is asked for."""
    lines: list[str] = []
    for each in to_do[: MOST_LISTED[channel]]:
        worth = f"送{each.points}分" if each.points else ""
        line = f"· {each.task.title}{worth}：{each.task.how}"
        if channel == "sms" and lines and units("\n".join([*lines, line])) > LIST_UNITS:
            break
        lines.append(line)
    return lines
