"""What is stored about what people say: feedback and its pictures, surveys, stars."""

from __future__ import annotations

from models.privacy.shape import (
    BEHAVIOUR,
    EVIDENCE,
    INNER,
    OURS,
    OWNER,
    STAFF,
    STAYS,
    TECHNICAL,
    TEXT,
    TIME,
    Deletion,
    Kept,
    Said,
    inner,
    removes,
)  # fmt: skip

_WORDS = Said("文字删除，记录保留", "the words go, the entry stays")
_THEIRS = "feedback IN (SELECT number FROM feedback WHERE subscriber_id = ANY (%(ids)s))"
_SURVEYS = Said("了解大家的看法", "to know what people think")

FEEDBACK = (
    Kept(
        "feedback",
        Said("反馈", "feedback"),
        Said("按期答复", "to answer it in time"),
        {
            OWNER: "subscriber_id",
            TEXT: "words",
            BEHAVIOUR: "category state",
            STAFF: "owner priority",
            TIME: "deadline opened_at answered_at",
            TECHNICAL: "number channel events",
        },
        EVIDENCE,
        Deletion(
            _WORDS,
            "UPDATE feedback SET words = NULL"
            " WHERE subscriber_id = ANY (%(ids)s) AND words IS NOT NULL",
        ),
        ("feedback",),
        withheld={"owner": OURS, "priority": OURS, "events": INNER},
    ),
    Kept(
        "feedback_events",
        Said("反馈的处理经过", "how feedback was dealt with"),
        Said("说明谁在何时做了什么", "to prove who did what, when"),
        {
            OWNER: "feedback",
            TEXT: "words",
            BEHAVIOUR: "what state",
            STAFF: "by",
            TIME: "at",
            TECHNICAL: "no",
        },
        EVIDENCE,
        Deletion(
            _WORDS,
            f"UPDATE feedback_events SET words = NULL WHERE words IS NOT NULL AND {_THEIRS}",
        ),
        ("feedback_events",),
        withheld={"by": OURS, "no": INNER},
    ),
    Kept(
        "feedback_pictures",
        Said("反馈的图片", "pictures of feedback"),
        Said("看清是怎么回事", "to see what happened"),
        {
            OWNER: "feedback",
            TEXT: "jpeg",
            BEHAVIOUR: "state",
            TIME: "at",
            TECHNICAL: "no media_id",
        },
        "feedback_pictures",
        Deletion(Said("删除", "deleted"), f"DELETE FROM feedback_pictures WHERE {_THEIRS}"),
        ("feedback_pictures",),
        withheld={
            "jpeg": Said("图片本身在“我的反馈”页面上看", "the picture stands on the page 我的反馈"),
            "media_id": INNER,
        },
    ),
    Kept(
        "survey_invitations",
        Said("请您填的问卷", "surveys you were invited to"),
        Said("同一份问卷只请一次，一周最多一次", "once each, and one a week at most"),
        {OWNER: "subscriber_id", BEHAVIOUR: "survey", TIME: "at"},
        EVIDENCE,
        removes("survey_invitations"),
        ("survey_invitations",),
    ),
    Kept(
        "survey_responses",
        Said("填过的问卷", "surveys you answered"),
        _SURVEYS,
        {
            OWNER: "subscriber_id",
            BEHAVIOUR: "survey state question answers",
            TIME: "begun_at ended_at",
            TECHNICAL: "version channel",
        },
        EVIDENCE,
        STAYS,
        ("survey_responses",),
        withheld=inner("version question"),
    ),
    Kept(
        "survey_answers",
        Said("问卷的回答", "answers to surveys"),
        _SURVEYS,
        {
            OWNER: "subscriber_id",
            TEXT: "words",
            BEHAVIOUR: "survey question number",
            TIME: "at",
            TECHNICAL: "no",
        },
        EVIDENCE,
        Deletion(
            Said("文字删除，选择保留", "the words go, the choices stay"),
            "UPDATE survey_answers SET words = NULL"
            " WHERE subscriber_id = ANY (%(ids)s) AND words IS NOT NULL",
        ),
        ("survey_answers",),
        withheld=inner("no"),
    ),
    Kept(
        "activity_ratings",
        Said("对活动的评价", "what was thought of activities"),
        Said("下次办得更好", "to do better next time"),
        {
            OWNER: "subscriber_id",
            BEHAVIOUR: "activity title state stars",
            TEXT: "words",
            TIME: "due_at asked_at at",
        },
        EVIDENCE,
        Deletion(
            Said("文字删除，评分保留", "the words go, the stars stay"),
            "UPDATE activity_ratings SET words = NULL"
            " WHERE subscriber_id = ANY (%(ids)s) AND words IS NOT NULL",
        ),
        ("activity_ratings",),
        withheld=inner("due_at"),
    ),
)
