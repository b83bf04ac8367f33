"""The sections of a person's copy about what they have told us."""

from __future__ import annotations

from models.privacy.sections import MOMENT, TEXT, Section, Shown
from models.privacy.shape import Said

_AT = Shown("at", Said("时间", "at"), MOMENT)
_WORDS = Shown("words", Said("内容", "words"), TEXT)
_SURVEY = Shown("survey", Said("问卷", "survey"))
_THEIRS = "feedback IN (SELECT number FROM feedback WHERE subscriber_id = ANY (%(ids)s))"

FEEDBACK = (
    Section(
        "feedback", Said("反馈", "Feedback"), "feedback",
        (
            Shown("number", Said("编号", "number")),
            Shown("opened_at", Said("提出", "said"), MOMENT),
            Shown("category", Said("类别", "about")),
            Shown("channel", Said("渠道", "channel")),
            _WORDS,
            Shown("state", Said("状态", "state")),
            Shown("deadline", Said("答复期限", "answer due"), MOMENT),
            Shown("answered_at", Said("答复", "answered"), MOMENT),
        ),
        "number",
    ),
    Section(
        "feedback_events", Said("反馈的处理", "How feedback was dealt with"), "feedback_events",
        (
            _AT,
            Shown("feedback", Said("编号", "number")),
            Shown("what", Said("经过", "what")),
            Shown("state", Said("状态", "state")),
            _WORDS,
        ),
        "feedback, no", where=_THEIRS,
    ),
    Section(
        "feedback_pictures", Said("反馈的图片", "Pictures of feedback"), "feedback_pictures",
        (
            _AT,
            Shown("feedback", Said("编号", "number")),
            Shown("no", Said("第几张", "which")),
            Shown("state", Said("状态", "state")),
        ),
        "feedback, no", where=_THEIRS,
    ),
    Section(
        "survey_invitations", Said("请您填的问卷", "Surveys you were invited to"),
        "survey_invitations", (_AT, _SURVEY), "at",
    ),
    Section(
        "survey_responses", Said("填过的问卷", "Surveys you answered"), "survey_responses",
        (
            Shown("begun_at", Said("开始", "begun"), MOMENT),
            Shown("ended_at", Said("结束", "ended"), MOMENT),
            _SURVEY,
            Shown("state", Said("状态", "state")),
            Shown("answers", Said("答了几题", "answers")),
            Shown("channel", Said("渠道", "channel")),
        ),
        "begun_at",
    ),
    Section(
        "survey_answers", Said("问卷的回答", "Your answers"), "survey_answers",
        (
            _AT,
            _SURVEY,
            Shown("question", Said("题目", "question")),
            Shown("number", Said("选择", "choice")),
            _WORDS,
        ),
        "at, no",
    ),
    Section(
        "activity_ratings", Said("对活动的评价", "What you thought of activities"),
        "activity_ratings",
        (
            Shown("asked_at", Said("询问", "asked"), MOMENT),
            _AT,
            Shown("activity", Said("活动编号", "activity")),
            Shown("title", Said("活动", "title")),
            Shown("state", Said("状态", "state")),
            Shown("stars", Said("评分", "stars")),
            _WORDS,
        ),
        "asked_at, activity",
    ),
)  # fmt: skip
