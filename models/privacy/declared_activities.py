"""What is stored about people who do tasks and come to activities."""

from __future__ import annotations

from models.privacy.shape import (
    BEHAVIOUR,
    EVIDENCE,
    OWNER,
    TECHNICAL,
    TIME,
    Kept,
    Said,
    inner,
    removes,
)

ACTIVITIES = (
    Kept(
        "task_completions",
        Said("完成的任务", "tasks that were done"),
        Said("同一任务只奖励一次；会员升级的依据", "so that a task counts once"),
        {
            OWNER: "subscriber_id",
            BEHAVIOUR: "task_code period club_code",
            TIME: "done_at",
            TECHNICAL: "event_id",
        },
        EVIDENCE,
        removes("task_completions"),
        ("task_completions",),
        withheld=inner("event_id"),
    ),
)
