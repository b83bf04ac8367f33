"""The sections of a person's copy about tasks and activities."""

from __future__ import annotations

from models.privacy.sections import MOMENT, Section, Shown
from models.privacy.shape import Said

_CLUB = Shown("club_code", Said("俱乐部", "club"))

ACTIVITIES = (
    Section(
        "activity_signups", Said("活动", "Activities"), "activity_signups",
        (
            Shown("signed_at", Said("报名", "signed up"), MOMENT),
            Shown("activity_id", Said("活动号", "activity")),
            Shown("state", Said("状态", "state")),
            Shown("channel", Said("渠道", "channel")),
            Shown("came_at", Said("签到", "came"), MOMENT),
            Shown("changed_at", Said("变更", "changed"), MOMENT),
        ),
        "signed_at, activity_id",
    ),
    Section(
        "task_completions", Said("完成的任务", "Tasks you did"), "task_completions",
        (
            Shown("done_at", Said("时间", "at"), MOMENT),
            Shown("task_code", Said("任务", "task")),
            Shown("period", Said("周期", "within")),
            _CLUB,
        ),
        "done_at, task_code, period",
    ),
)  # fmt: skip
