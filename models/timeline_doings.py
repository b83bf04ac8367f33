"""What somebody does with us, for the timeline: activities, tasks, surveys, friends, opinions.

activity_signups ─▶ signed up, waits, came ...    ratings, activity_ratings ─▶ stars
task_completions ─▶ done                          feedback_events ─▶ said, answered
survey_responses ─▶ begun, done, stopped          handovers ─▶ begun, ended
invitations ─▶ of who invites, and of the friend
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ACTIVITY, TASK, SURVEY, INVITATION, RATING, FEEDBACK, TALK = DOINGS = (
    "activity", "task", "survey", "invitation", "rating", "feedback", "talk",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """How a source is read: what it shows, from where, whose it is, and what orders it."""

    facts: str
    tables: str
    mine: str
    at: str
    ref: str


PADDED = "lpad({}::text, 20, '0')"

FROM: Mapping[str, Source] = {
    # A sign-up is one row: when it was made, and since when it is what it is now.
    ACTIVITY: Source(
        "'number', a.id, 'title', a.title, 'what', e.what, 'state', g.state, 'channel', g.channel,"
        " 'why', a.why",
        "activity_signups g JOIN activities a ON a.id = g.activity_id CROSS JOIN LATERAL"
        " (VALUES ('signed', g.signed_at), (g.state, coalesce(g.came_at, g.changed_at)))"
        " AS e (what, at)",
        "g.subscriber_id = mine.id AND (e.what = 'signed' OR e.at > g.signed_at)", "e.at",
        f"({PADDED.format('g.activity_id')} || e.what)",
    ),
    TASK: Source(
        "'task', t.task_code, 'period', t.period, 'club', k.name, 'title', (SELECT x ->> 'title'"
        " FROM task_rules r, jsonb_array_elements(r.content -> 'tasks') x"
        " WHERE x ->> 'code' = t.task_code ORDER BY r.version DESC LIMIT 1)",
        "task_completions t LEFT JOIN clubs k ON k.code = t.club_code", "t.subscriber_id = mine.id",
        "t.done_at", "(t.task_code || ':' || t.period)",
    ),
    SURVEY: Source(
        "'survey', q.survey, 'title', v.content ->> 'title', 'what', e.what, 'answers', q.answers,"
        " 'channel', q.channel",
        "survey_responses q JOIN surveys v ON v.code = q.survey AND v.version = q.version"
        " CROSS JOIN LATERAL (VALUES ('begun', q.begun_at), (q.state, q.ended_at)) AS e (what, at)",
        "q.subscriber_id = mine.id AND e.at IS NOT NULL", "e.at", "(q.survey || ':' || e.what)",
    ),
    INVITATION: Source(
        "'invites', i.inviter_id = mine.id, 'state', i.state, 'why', i.why, 'way', i.way,"
        " 'club', k.name, 'times', i.times, 'party', n.address,"
        " 'points', CASE i.inviter_id WHEN mine.id THEN i.points ELSE i.friend_points END",
        "invitations i JOIN clubs k ON k.code = i.club_code LEFT JOIN subscriber_addresses n"
        " ON n.channel = 'sms' AND n.subscriber_id ="
        " CASE i.inviter_id WHEN mine.id THEN i.subscriber_id ELSE i.inviter_id END",
        "(i.inviter_id = mine.id OR i.subscriber_id = mine.id)", "i.changed_at",
        f"({PADDED.format('i.subscriber_id')} || {PADDED.format('i.id')})",
    ),
    RATING: Source(
        "'title', r.title, 'activity', r.activity, 'stars', r.stars, 'words', r.words",
        "(SELECT subscriber_id, 'a' || activity AS ref, title, activity, stars, words, at"
        " FROM activity_ratings WHERE state = 'given' UNION ALL"
        " SELECT x.subscriber_id, 'v' || x.voucher_id, v.title, NULL, x.stars, x.words, x.at"
        " FROM ratings x JOIN vouchers v ON v.subscriber_id = x.subscriber_id"
        " AND v.id = x.voucher_id WHERE x.state = 'given') r",
        "r.subscriber_id = mine.id", "r.at", "r.ref",
    ),
    FEEDBACK: Source(
        "'number', f.number, 'what', e.what, 'state', e.state, 'category', f.category,"
        " 'words', CASE e.what WHEN 'opened' THEN f.words ELSE e.words END, 'by', e.by",
        "feedback f JOIN feedback_events e ON e.feedback = f.number", "f.subscriber_id = mine.id",
        "e.at", f"({PADDED.format('f.number')} || {PADDED.format('e.no')})",
    ),
    TALK: Source(
        "'number', h.id, 'what', e.what, 'channel', h.channel, 'said', h.said,"
        " 'ended_by', h.ended_by",
        "handovers h CROSS JOIN LATERAL"
        " (VALUES ('begun', h.opened_at), ('ended', h.closed_at)) AS e (what, at)",
        "h.subscriber_id = mine.id AND e.at IS NOT NULL", "e.at",
        f"({PADDED.format('h.id')} || e.what)",
    ),
}  # fmt: skip
