"""What customer service and approvers write about people: complaints, notes, decisions."""

from __future__ import annotations

from models.privacy.shape import (
    BEHAVIOUR,
    EVIDENCE,
    INNER,
    MONEY,
    OURS,
    OWNER,
    STAFF,
    TECHNICAL,
    TEXT,
    TIME,
    Deletion,
    Forever,
    Kept,
    Said,
    inner,
    removes,
)  # fmt: skip

_WORDS = Said("文字删除，记录保留", "the words go, the entry stays")

DESK = (
    Kept(
        "complaints",
        Said("投诉", "complaints"),
        Said("受理并按期答复", "to deal with them in time"),
        {
            OWNER: "subscriber_id", TEXT: "words",
            BEHAVIOUR: "category state transfer_serial voucher_owner voucher_id merchant_code",
            STAFF: "opened_by",
            TIME: "deadline opened_at closed_at merchant_deadline reminded_at late_at",
            TECHNICAL: "number channel events",
        },
        EVIDENCE,
        Deletion(
            _WORDS,
            "UPDATE complaints SET words = NULL"
            " WHERE subscriber_id = ANY (%(ids)s) AND words IS NOT NULL",
        ),
        ("complaints",),
        withheld={"opened_by": OURS}
        | inner("events voucher_owner voucher_id merchant_deadline reminded_at late_at"),
    ),
    Kept(
        "complaint_events",
        Said("投诉的处理经过", "how complaints were dealt with"),
        Said("说明谁在何时做了什么", "to prove who did what, when"),
        {
            OWNER: "complaint", TEXT: "words", BEHAVIOUR: "what state", STAFF: "by", TIME: "at",
            TECHNICAL: "no",
        },
        EVIDENCE,
        Deletion(
            _WORDS,
            "UPDATE complaint_events SET words = NULL WHERE words IS NOT NULL AND complaint IN"
            " (SELECT number FROM complaints WHERE subscriber_id = ANY (%(ids)s))",
        ),
        ("complaint_events",),
        withheld={"by": OURS, "no": INNER},
    ),
    Kept(
        "compensations",
        Said("投诉属实后的补偿", "what was given for complaints that were upheld"),
        Said("只补一次，分毫可查", "once, and to the point"),
        {
            OWNER: "complaint",
            MONEY: "refund_points refund_serial goodwill_points goodwill_serial",
            TIME: "at", TECHNICAL: "voucher_owner voucher_id proposal",
        },
        EVIDENCE,
        Deletion(Said("保留，只有编号", "stays: it names the person by number alone")),
        ("compensations",),
        withheld=inner("voucher_owner voucher_id proposal"),
    ),
    Kept(
        "handovers",
        Said("转人工的对话", "talks with a person of ours"),
        Said("有人接待，也知道谁接待过", "so that somebody answers, and who did"),
        {
            OWNER: "subscriber_id", BEHAVIOUR: "state channel at_wechat ended_by",
            STAFF: "operator_id", TIME: "opened_at heard_at ends_at closed_at",
            TECHNICAL: "id said unread",
        },
        "handovers",
        removes("handovers"),
        ("handovers",),
        withheld={"operator_id": OURS} | inner("at_wechat said unread heard_at ends_at"),
    ),
    Kept(
        "handover_messages",
        Said("转人工时双方说的话", "what both said in them"),
        Said("下一句接得上", "so that the next word fits the last"),
        {
            OWNER: "subscriber_id", TEXT: "words", BEHAVIOUR: "who kind", STAFF: "operator_id",
            TIME: "at", TECHNICAL: "handover_id no key",
        },
        Forever(Said("和对话一样久", "as long as the talk")),
        Deletion(Said("随对话一起删除", "deleted with the talk")),
        ("handover_messages",),
        withheld={"operator_id": OURS} | inner("key"),
    ),
    Kept(
        "handover_pictures",
        Said("转人工时发来的图片", "pictures sent in them"),
        Said("客服看清是怎么回事", "so that customer service sees what happened"),
        {
            OWNER: "subscriber_id", TEXT: "jpeg", BEHAVIOUR: "state", TIME: "at",
            TECHNICAL: "handover_id no",
        },
        Forever(Said("和对话一样久", "as long as the talk")),
        Deletion(Said("随对话一起删除", "deleted with the talk")),
        ("handover_pictures",),
        withheld={"jpeg": Said("图片本身向客服索取", "customer service gives the picture itself")},
    ),
    Kept(
        "subscriber_notes",
        Said("客服的备注", "notes of customer service"),
        Said("下一位客服接着办", "so that the next one knows"),
        {OWNER: "subscriber_id", TEXT: "words", STAFF: "by", TIME: "at", TECHNICAL: "id"},
        EVIDENCE,
        Deletion(
            _WORDS,
            "UPDATE subscriber_notes SET words = NULL"
            " WHERE subscriber_id = ANY (%(ids)s) AND words IS NOT NULL",
        ),
        ("notes",),
        withheld={"by": OURS, "id": INNER},
    ),
    Kept(
        "approval_proposals",
        Said("需要两人经手的申请", "what one person proposes and another decides"),
        Said("四眼原则", "four eyes"),
        {
            OWNER: "subject", TEXT: "reason decided_because", BEHAVIOUR: "kind state",
            STAFF: "proposed_by decided_by", TIME: "proposed_at decided_at expires_at",
            TECHNICAL: "id payload",
        },
        EVIDENCE,
        Deletion(Said("保留，只有编号", "stays: it names the person by number alone")),
        ("proposals",),
        withheld={"proposed_by": OURS, "decided_by": OURS} | inner("id payload expires_at"),
    ),
    Kept(
        "audit_entries",
        Said("工作人员的操作记录", "what people of ours did"),
        Said("事后可查，任何人不能改", "so that it can be seen afterwards, unaltered"),
        {
            OWNER: "subject", TEXT: "reason", BEHAVIOUR: "action before after",
            STAFF: "operator_id login role address", TIME: "at",
            TECHNICAL: "id request_id digest",
        },
        EVIDENCE,
        Deletion(Said("保留，只有编号", "stays: it names the person by number alone")),
        ("actions",),
        withheld={
            "operator_id": OURS, "login": OURS, "address": OURS, "before": INNER, "after": INNER,
        } | inner("id request_id digest"),
    ),
)  # fmt: skip
