"""The sections of a person's copy about agents: what they are, did, earned, and were asked."""

from __future__ import annotations

from models.privacy.sections import MOMENT, NUMBER, Section, Shown
from models.privacy.shape import Said

AGENTS = (
    Section(
        "agents", Said("代理点", "You as an agent"), "agents",
        (
            Shown("code", Said("编号", "code")),
            Shown("name", Said("名称", "name")),
            Shown("level", Said("级别", "level")),
            Shown("parent", Said("上级", "under")),
            Shown("state", Said("状态", "state")),
            Shown("deals_a_day", Said("每天笔数", "deals a day")),
            Shown("points_a_day", Said("每天积分", "points a day")),
            Shown("pin_above", Said("超过要密码", "PIN above")),
            Shown("registered_at", Said("登记", "registered"), MOMENT),
            Shown("changed_at", Said("变更", "changed"), MOMENT),
            Shown("worked_at", Said("最近办理", "last order"), MOMENT),
        ),
        "code",
    ),
    Section(
        "agent_orders", Said("代办", "Orders through agents"), "agent_orders",
        (
            Shown("began_at", Said("时间", "at"), MOMENT),
            Shown(
                "subscriber_id", Said("对方", "with"), NUMBER,
                "(SELECT address FROM subscriber_addresses a WHERE a.channel = 'sms'"
                " AND a.subscriber_id = CASE WHEN o.subscriber_id = ANY (%(ids)s)"
                " THEN o.agent_id ELSE o.subscriber_id END)",
            ),
            Shown("kind", Said("事项", "what")),
            Shown("offer_code", Said("优惠", "offer")),
            Shown("points", Said("积分", "points")),
            Shown("state", Said("结果", "state")),
            Shown(
                "why", Said("没办成的原因", "why not"),
                source="CASE WHEN o.subscriber_id = ANY (%(ids)s) THEN o.why END",
            ),
            Shown("serial", Said("流水号", "serial number")),
            Shown("changed_at", Said("变更", "changed"), MOMENT),
        ),
        "began_at, id",
        where="o.subscriber_id = ANY (%(ids)s) OR o.agent_id = ANY (%(ids)s)",
        source="agent_orders o",
    ),
    Section(
        "agent_days", Said("每天代办", "Your days as an agent"), "agent_days",
        (
            Shown("day", Said("日期", "day")),
            Shown("deals", Said("笔数", "deals")),
            Shown("points", Said("积分", "points")),
            Shown("asks", Said("问过顾客", "customers asked")),
            Shown("declined", Said("没有同意", "declined")),
        ),
        "day",
    ),
    Section(
        "agent_commissions", Said("佣金", "Your commission"), "agent_commissions",
        (
            Shown("day", Said("日期", "day")),
            Shown("serial", Said("流水号", "serial number")),
            Shown("points", Said("积分", "points")),
            Shown("state", Said("状态", "state")),
            Shown("changed_at", Said("变更", "changed"), MOMENT),
        ),
        "day, serial",
    ),
    Section(
        "agent_entries", Said("佣金账户", "Your commission account"), "agent_entries",
        (
            Shown("at", Said("时间", "at"), MOMENT),
            Shown("serial", Said("流水号", "serial number")),
            Shown("kind", Said("事项", "what")),
            Shown("points", Said("积分", "points")),
            Shown("of_serial", Said("兑换的流水号", "of the redemption")),
        ),
        "serial",
    ),
    Section(
        "agent_payouts", Said("付给您的佣金", "Commission paid to you"), "agent_payouts",
        (
            Shown("month", Said("月份", "month")),
            Shown("points", Said("积分", "points")),
            Shown("fen", Said("金额（分）", "fen")),
            Shown("serial", Said("流水号", "serial number")),
        ),
        "month",
    ),
)  # fmt: skip
