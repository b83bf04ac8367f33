"""The sections of a person's copy about invitations: their codes, whom they brought, who did."""

from __future__ import annotations

from models.privacy.sections import MOMENT, NUMBER, Section, Shown
from models.privacy.shape import Said

_CLUB = Shown("club_code", Said("俱乐部", "club"))

INVITATIONS = (
    Section(
        "invitation_codes", Said("邀请码", "Your codes of invitations"), "invitation_codes",
        (_CLUB, Shown("number", Said("邀请码", "code")), Shown("at", Said("时间", "at"), MOMENT)),
        "club_code",
    ),
    Section(
        "invitations", Said("邀请", "Invitations"), "invitations",
        (
            Shown("began_at", Said("开始", "began"), MOMENT),
            Shown(
                "subscriber_id", Said("对方", "with"), NUMBER,
                "(SELECT address FROM subscriber_addresses a WHERE a.channel = 'sms'"
                " AND a.subscriber_id = CASE WHEN i.subscriber_id = ANY (%(ids)s)"
                " THEN i.inviter_id ELSE i.subscriber_id END)",
            ),
            _CLUB,
            Shown("way", Said("方式", "by")),
            Shown("state", Said("状态", "state")),
            Shown("why", Said("不计的原因", "why it did not count")),
            Shown("asked_at", Said("询问", "asked"), MOMENT),
            Shown("accepted_at", Said("接受", "accepted"), MOMENT),
            Shown("expires_at", Said("有效至", "valid until"), MOMENT),
            Shown("changed_at", Said("变更", "changed"), MOMENT),
            Shown("points", Said("邀请人积分", "points of who invited")),
            Shown("friend_points", Said("朋友积分", "points of the friend")),
        ),
        "began_at, id",
        where="i.subscriber_id = ANY (%(ids)s) OR i.inviter_id = ANY (%(ids)s)",
        source="invitations i",
    ),
    Section(
        "invitation_counts", Said("邀请次数", "How many you invited"), "invitation_counts",
        (
            Shown("what", Said("计数", "count")),
            Shown("since", Said("日期", "since")),
            Shown("number", Said("次数", "times")),
        ),
        "since, what",
    ),
)  # fmt: skip
