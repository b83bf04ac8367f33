"""What is stored about people who do tasks and come to activities."""

from __future__ import annotations

from models.privacy.shape import (
    BEHAVIOUR,
    EVIDENCE,
    OWNER,
    TECHNICAL,
    TIME,
    UNTIL_DELETED,
    Deletion,
    Kept,
    Said,
    inner,
    removes,
)

# The places of somebody who is deleted are free: the clock gives them to whoever waits.
_FREES = """
    WITH gone AS (
        DELETE FROM activity_signups WHERE subscriber_id = ANY (%(ids)s)
        RETURNING activity_id, state
    ), counted AS (
        SELECT activity_id, count(*) FILTER (WHERE state IN ('going', 'came')) AS taken,
               count(*) FILTER (WHERE state = 'waiting') AS waiting
        FROM gone GROUP BY activity_id
    )
    UPDATE activity_places p SET taken = p.taken - c.taken, waiting = p.waiting - c.waiting
    FROM counted c WHERE c.activity_id = p.activity_id
"""

ACTIVITIES = (
    Kept(
        "activity_signups",
        Said("报名和参加的活动", "activities somebody signed up for and came to"),
        Said("留名额、候补、提醒、签到", "for a place, the queue, reminders and the door"),
        {
            OWNER: "subscriber_id",
            BEHAVIOUR: "activity_id state queue_no channel tries",
            TIME: "signed_at changed_at came_at",
            TECHNICAL: "reminded news",
        },
        UNTIL_DELETED,
        Deletion(Said("删除，名额空出来", "deleted; the place is free"), _FREES),
        ("activity_signups",),
        withheld=inner("queue_no tries reminded news"),
    ),
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
