"""The sections of a person's copy about what customer service wrote and did."""

from __future__ import annotations

from models.privacy.sections import MOMENT, TEXT, Section, Shown
from models.privacy.shape import Said

_AT = Shown("at", Said("时间", "at"), MOMENT)
_WORDS = Shown("words", Said("内容", "words"), TEXT)
_THEIRS = "subject IN (SELECT 'subscriber:' || id FROM unnest(%(ids)s::bigint[]) AS id)"

DESK = (
    Section(
        "complaints", Said("投诉", "Complaints"), "complaints",
        (
            Shown("number", Said("编号", "number")),
            Shown("opened_at", Said("提出", "opened"), MOMENT),
            Shown("category", Said("类别", "about")),
            Shown("channel", Said("渠道", "channel")),
            _WORDS,
            Shown("transfer_serial", Said("流水号", "serial number")),
            Shown("merchant_code", Said("商户", "merchant")),
            Shown("state", Said("状态", "state")),
            Shown("deadline", Said("答复期限", "answer due"), MOMENT),
            Shown("closed_at", Said("办结", "closed"), MOMENT),
        ),
        "number",
    ),
    Section(
        "complaint_events", Said("投诉的处理", "How complaints were dealt with"),
        "complaint_events",
        (
            _AT,
            Shown("complaint", Said("编号", "number")),
            Shown("what", Said("经过", "what")),
            Shown("state", Said("状态", "state")),
            _WORDS,
        ),
        "complaint, no",
        where="complaint IN (SELECT number FROM complaints WHERE subscriber_id = ANY (%(ids)s))",
    ),
    Section(
        "compensations", Said("投诉的补偿", "What complaints have got you"), "compensations",
        (
            _AT,
            Shown("complaint", Said("编号", "number")),
            Shown("refund_points", Said("退回积分", "points back")),
            Shown("refund_serial", Said("退回流水号", "serial number of the refund")),
            Shown("goodwill_points", Said("补偿积分", "points given")),
            Shown("goodwill_serial", Said("补偿流水号", "serial number of what was given")),
        ),
        "complaint",
        where="complaint IN (SELECT number FROM complaints WHERE subscriber_id = ANY (%(ids)s))",
    ),
    Section(
        "handovers", Said("转人工", "Talks with a person"), "handovers",
        (
            Shown("id", Said("编号", "number")),
            Shown("opened_at", Said("开始", "begun"), MOMENT),
            Shown("channel", Said("渠道", "channel")),
            Shown("state", Said("状态", "state")),
            Shown("closed_at", Said("结束", "ended"), MOMENT),
            Shown("ended_by", Said("结束方", "ended by")),
        ),
        "id",
    ),
    Section(
        "handover_messages", Said("转人工时说的话", "What was said in them"), "handover_messages",
        (
            _AT,
            Shown("handover_id", Said("编号", "number")),
            Shown("no", Said("第几句", "which")),
            Shown("who", Said("谁说的", "who")),
            Shown("kind", Said("形式", "kind")),
            _WORDS,
        ),
        "handover_id, no",
    ),
    Section(
        "handover_pictures", Said("转人工时发来的图片", "Pictures sent in them"),
        "handover_pictures",
        (
            _AT,
            Shown("handover_id", Said("编号", "number")),
            Shown("no", Said("第几句", "which")),
            Shown("state", Said("状态", "state")),
        ),
        "handover_id, no",
    ),
    Section(
        "notes", Said("客服备注", "Notes about you"), "subscriber_notes", (_AT, _WORDS), "at, id"
    ),
    Section(
        "proposals", Said("为您提出的申请", "What was proposed about you"), "approval_proposals",
        (
            Shown("proposed_at", Said("提出", "proposed"), MOMENT),
            Shown("kind", Said("事项", "what")),
            Shown("reason", Said("理由", "reason"), TEXT),
            Shown("state", Said("状态", "state")),
            Shown("decided_at", Said("决定", "decided"), MOMENT),
            Shown("decided_because", Said("意见", "because"), TEXT),
        ),
        "id", where=_THEIRS,
    ),
    Section(
        "actions", Said("工作人员的操作", "What people of ours did"), "audit_entries",
        (
            _AT,
            Shown("action", Said("操作", "action")),
            Shown("role", Said("角色", "role")),
            Shown("reason", Said("理由", "reason"), TEXT),
        ),
        "at, id", where=_THEIRS,
    ),
)  # fmt: skip
