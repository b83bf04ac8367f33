"""What is stored about who invited whom."""

from __future__ import annotations

from models.privacy.shape import (
    BEHAVIOUR,
    EVIDENCE,
    MONEY,
    OTHERS,
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

_WHY = Said("双方各奖励一次，防止刷奖励", "to reward both once, and to stop fraud")

INVITATIONS = (
    Kept(
        "invitation_codes",
        Said("邀请码", "codes of invitations"),
        Said("知道朋友是谁邀请来的", "to know by whom a friend has come"),
        {
            OWNER: "subscriber_id",
            BEHAVIOUR: "club_code",
            TIME: "at poster_until",
            TECHNICAL: "number poster_media poster_shows",
        },
        UNTIL_DELETED,
        removes("invitation_codes"),
        ("invitation_codes",),
        withheld=inner("poster_media poster_shows poster_until"),
    ),
    Kept(
        "invitations",
        Said("谁邀请了谁，结果如何", "who invited whom, and what came of it"),
        _WHY,
        {
            OWNER: "subscriber_id inviter_id",
            BEHAVIOUR: "club_code way state why times",
            MONEY: "points friend_points",
            TIME: "began_at due_at asked_at accepted_at expires_at changed_at",
            TECHNICAL: "id",
        },
        EVIDENCE,
        Deletion(
            Said("保留编号，没办完的结束", "stays by number alone; what waits is ended"),
            "UPDATE invitations SET state = 'lapsed', due_at = NULL"
            " WHERE subscriber_id = ANY (%(ids)s) AND state IN ('wanted', 'asked', 'accepted')",
        ),
        ("invitations",),
        withheld={"inviter_id": OTHERS, **inner("id due_at times")},
    ),
    Kept(
        "invitation_counts",
        Said("每天每月邀请了多少", "how many somebody invited a day and a month"),
        Said("遵守邀请的限额", "to keep the limits of invitations"),
        {OWNER: "subscriber_id", BEHAVIOUR: "what number", TIME: "since", TECHNICAL: "at_most"},
        UNTIL_DELETED,
        removes("invitation_counts"),
        ("invitation_counts",),
        withheld=inner("at_most"),
    ),
)
