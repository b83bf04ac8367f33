"""The sections of a person's copy about points: what is there, every movement, why, tiers."""

from __future__ import annotations

from models.privacy.sections import DOCUMENT, MOMENT, NUMBER, PLAIN, TEXT, Section, Shown
from models.privacy.shape import Said

_AT = Shown("at", Said("时间", "at"), MOMENT)
_UNIT = Shown("unit", Said("单位", "unit"))
_POINTS = Shown("points", Said("数量", "amount"))
_SERIAL = Shown("serial", Said("流水号", "serial number"))

# A movement as this person sees it: the other side is a masked number or the operator itself.
_MOVEMENTS = """(
    SELECT l.at, l.serial, l.leg_no, t.reason, t.channel, t.rule, l.unit, l.points, l.payee_kind,
           l.payee_expires_on, l.payee_balance, l.payer_id AS other, 1 AS sign
    FROM points_legs l JOIN points_transfers t ON t.serial = l.serial
    WHERE l.payee_id = ANY (%(ids)s) AND l.payee_id <> 0
    UNION ALL
    SELECT l.at, l.serial, l.leg_no, t.reason, t.channel, t.rule, l.unit, -l.points, l.payer_kind,
           l.payer_expires_on, l.payer_balance, l.payee_id, -1
    FROM points_legs l JOIN points_transfers t ON t.serial = l.serial
    WHERE l.payer_id = ANY (%(ids)s) AND l.payer_id <> 0
) AS m (at, serial, leg_no, reason, channel, rule, unit, points, kind, expires_on, balance, other,
        sign)
LEFT JOIN subscriber_addresses a
    ON a.subscriber_id = m.other AND a.channel = 'sms' AND m.other <> ALL (%(ids)s)"""

POINTS = (
    Section(
        "balances", Said("积分余额", "Points"), "points_accounts",
        (
            _UNIT,
            Shown("kind", Said("种类", "kind")),
            Shown("expires_on", Said("最后可用日", "last day")),
            Shown("balance", Said("余额", "balance")),
        ),
        "unit, expires_on, kind", where="subscriber_id = ANY (%(ids)s) AND balance <> 0",
    ),
    Section(
        "movements", Said("积分流水", "Movements of points"), "points_legs",
        (
            Shown("at", Said("时间", "at"), MOMENT, "m.at"),
            Shown("serial", Said("流水号", "serial number"), PLAIN, "m.serial"),
            Shown("reason", Said("原因", "reason"), PLAIN, "m.reason"),
            Shown("channel", Said("渠道", "channel"), PLAIN, "m.channel"),
            Shown("rule", Said("规则", "rule"), PLAIN, "m.rule"),
            Shown("unit", Said("单位", "unit"), PLAIN, "m.unit"),
            Shown("points", Said("变动", "change"), PLAIN, "m.points"),
            Shown("kind", Said("种类", "kind"), PLAIN, "m.kind"),
            Shown("expires_on", Said("最后可用日", "last day"), PLAIN, "m.expires_on"),
            Shown("balance", Said("该批余额", "left of the lot"), PLAIN, "m.balance"),
            Shown("other", Said("对方", "with"), NUMBER, "a.address"),
        ),
        "m.at, m.serial, m.leg_no, m.sign", where="true", source=_MOVEMENTS,
        also={
            "points_transfers": "serial reason channel rule at",
            "points_legs": "serial unit points at payer_kind payee_kind payer_expires_on"
                           " payee_expires_on payer_balance payee_balance",
        },
    ),
    Section(
        "holds", Said("预留的积分", "Points that were reserved"), "points_holds",
        (
            _SERIAL, _UNIT, _POINTS,
            Shown("reason", Said("原因", "reason")),
            Shown("state", Said("状态", "state")),
            Shown("held_at", Said("预留时间", "held at"), MOMENT),
            Shown("expires_at", Said("最晚到", "until"), MOMENT),
            Shown("captured", Said("已使用", "used")),
            Shown("ended_at", Said("结束", "ended at"), MOMENT),
            Shown("ended_why", Said("结束原因", "why")),
        ),
        "serial",
    ),
    Section(
        "gift_days", Said("每日转赠", "Gifts a day"), "points_gift_days",
        (
            Shown("day", Said("日期", "day")),
            Shown("gifts", Said("次数", "gifts")),
            _POINTS,
            Shown("tries", Said("试过的号码", "numbers tried")),
        ),
        "day",
    ),
    Section(
        "reversals", Said("撤销流水的申请", "Proposals to undo a transfer"), "points_reversals",
        (
            Shown("of_serial", Said("流水号", "serial number")),
            Shown("state", Said("状态", "state")),
            Shown("partial", Said("可部分撤销", "in part")),
            Shown("reason", Said("理由", "reason"), TEXT),
            Shown("proposed_at", Said("提出", "proposed at"), MOMENT),
            Shown("decided_at", Said("决定", "decided at"), MOMENT),
            Shown("rejected_because", Said("拒绝理由", "rejected because"), TEXT),
            _POINTS,
        ),
        "id",
        where="EXISTS (SELECT 1 FROM points_legs l WHERE l.serial = of_serial"
        " AND (l.payer_id = ANY (%(ids)s) OR l.payee_id = ANY (%(ids)s)))",
    ),
    Section(
        "warnings", Said("到期提醒", "Warnings of expiry"), "points_warnings",
        (
            _AT, _UNIT,
            Shown("expires_on", Said("最后可用日", "last day")),
            Shown("days_ahead", Said("提前天数", "days ahead")),
            _POINTS,
        ),
        "at, expires_on",
    ),
    Section(
        "events", Said("BOSS 报来的事件", "What BOSS told us"), "earning_events",
        (
            Shown("occurred_at", Said("发生时间", "happened at"), MOMENT),
            Shown("received_at", Said("收到时间", "received at"), MOMENT),
            Shown("type", Said("类型", "type")),
            Shown("values", Said("内容", "values"), DOCUMENT),
        ),
        "occurred_at, event_id",
    ),
    Section(
        "awards", Said("积分怎么来的", "How points were worked out"), "earning_postings",
        (
            _AT, _SERIAL,
            Shown("rule", Said("规则", "rule")),
            Shown("version", Said("版本", "version")),
            _POINTS,
            Shown("steps", Said("计算", "steps"), DOCUMENT),
        ),
        "at, serial",
    ),
    Section(
        "counters", Said("活动封顶", "Caps of campaigns"), "earning_counters",
        (
            Shown("campaign", Said("活动", "campaign")),
            Shown("day", Said("日期", "day")),
            Shown("used", Said("已得", "used")),
        ),
        "day, campaign",
    ),
    Section(
        "tier", Said("等级", "Tier"), "tier_standings",
        (
            Shown("tier", Said("等级", "tier")),
            Shown("since", Said("自", "since")),
            Shown("review_on", Said("复核日", "review on")),
            Shown("grace_until", Said("宽限到", "grace until")),
            Shown("counted", Said("计入积分", "counted")),
        ),
        "subscriber_id",
    ),
    Section(
        "tier_changes", Said("等级变化", "How the tier changed"), "tier_changes",
        (
            _AT,
            Shown("on_day", Said("日期", "day")),
            Shown("from_tier", Said("原等级", "from")),
            Shown("to_tier", Said("新等级", "to")),
            Shown("why", Said("原因", "why")),
            Shown("counted", Said("计入积分", "counted")),
            Shown("grace_until", Said("宽限到", "grace until")),
        ),
        "no",
    ),
    Section(
        "tier_months", Said("每月积分", "Points by month"), "tier_months",
        (
            Shown("month", Said("月份", "month")),
            Shown("earned", Said("得到", "earned")),
            Shown("spent", Said("使用", "spent")),
        ),
        "month, counting",
    ),
)  # fmt: skip
