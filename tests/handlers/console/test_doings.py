"""What somebody does with us stands on their timeline: activities, tasks, surveys, friends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models import clubs, feedback, handovers, subscribers, timeline
from models.activities import joining
from models.base import Tx
from models.subscribers import Subscriber
from models.timeline_doings import DOINGS
from tests.handlers.console.conftest import Console

STATEMENTS = (
    "INSERT INTO task_completions (subscriber_id, task_code, period, event_id, done_at)"
    " VALUES ({id}, 'first-club', '', 'e{id}', '{now}')",
    "INSERT INTO surveys (code, version, content, author, note, at)"
    " VALUES ('film{id}', 1, '{{\"title\": \"观影问卷\"}}', 'wang', 't', '{now}')",
    "INSERT INTO survey_responses (subscriber_id, survey, version, state, question, answers,"
    " channel, begun_at, ended_at) VALUES ({id}, 'film{id}', 1, 'done', 'q1', 3, 'sms', '{now}',"
    " '{later}')",
    "INSERT INTO invitations (subscriber_id, inviter_id, club_code, way, state, began_at,"
    " accepted_at, expires_at, changed_at, points, friend_points) VALUES ({friend}, {id}, 'film',"
    " 'scan', 'joined', '{now}', '{now}', '{later}', '{now}', 100, 50)",
    "INSERT INTO activity_ratings (subscriber_id, activity, title, state, due_at, asked_at, stars,"
    " words, at) VALUES ({id}, {activity}, '看片会', 'given', '{now}', '{now}', 4, '好', '{now}')",
    "UPDATE activity_signups SET state = 'came', came_at = '{later}' WHERE subscriber_id = {id}",
)
ACTIVITY = (
    "INSERT INTO activities (title, about, place, starts_at, ends_at, closes_at, remind_first_at,"
    " remind_last_at, state, author, created_at, changed_at) VALUES ('看片会', '', '影城',"
    " '{ends}', '{over}', '{ends}', '{now}', '{now}', 'published', 'wang', '{now}', '{now}')"
    " RETURNING id"
)


@pytest.fixture
def li(console: Console) -> Subscriber:
    """Somebody who has done one of each."""
    now = console.clock()

    def make(tx: Tx) -> Subscriber:
        who = subscribers.lock(tx, "sms", "+8613688880001", now)
        friend = subscribers.lock(tx, "sms", "+8613688880002", now)
        clubs.join(tx, who, "film", origin="t", now=now)
        values = {
            "id": who.id, "friend": friend.id, "now": now, "later": now + timedelta(minutes=5),
            "ends": now + timedelta(days=3), "over": now + timedelta(days=4),
        }  # fmt: skip
        number = tx.exec_driver_sql(ACTIVITY.format(**values)).scalar_one()
        tx.exec_driver_sql(
            "INSERT INTO activity_places (activity_id, capacity, queue_most) VALUES (%s, 5, 5)",
            (number,),
        )
        joining.sign_up(tx, who, number, wait=False, channel="sms", now=now)
        for each in STATEMENTS:
            tx.exec_driver_sql(each.format(activity=number, **values))
        feedback.keep(
            tx, person=who.id, category="idea", words="多放老电影", channel="sms",
            lasts=timedelta(hours=72), now=now,
        )  # fmt: skip
        handovers.begin(tx, who, channel="sms", at_wechat=False, lasts=timedelta(hours=2), now=now)
        return who

    found: Subscriber = console.circle.store.run(make)
    return found


def test_each_is_on_the_timeline_in_its_group(console: Console, li: Subscriber) -> None:
    with console.circle.store.reading() as tx:
        whole = timeline.page(tx, li.id, limit=50).entries
        groups = {
            name: timeline.page(tx, li.id, limit=50, group=name).entries
            for name in timeline.GROUPS
            if name != "all"
        }
    assert set(DOINGS) <= {one.source for one in whole}
    assert sum(len(each) for each in groups.values()) == len(whole)
    page = console.as_("service").page(f"/console/subscribers/{li.id}?group=doings")
    for words in (
        "报名：看片会", "签到：看片会", "做完任务：", "填完问卷：观影问卷", "回答了 3 题",
        "邀请的朋友加入了电影俱乐部", "对方 136****0002", "评了 4 星：看片会",
    ):  # fmt: skip
        assert words in page, words
    page = console.as_("service").page(f"/console/subscribers/{li.id}?group=desk")
    for words in ("反馈 2", "多放老电影", "找了人工（短信）"):
        assert words in page, words
    # A friend sees the other side, and no whole number.
    ((friend,),) = console.rows("SELECT subscriber_id FROM invitations")
    page = console.as_("service").page(f"/console/subscribers/{friend}?group=doings")
    assert "应朋友邀请加入了电影俱乐部" in page
    assert "136****0001" in page
    assert "13688880001" not in page
