"""What is stored about agents, and about the customers they ask."""

from __future__ import annotations

from models.privacy.shape import (
    BEHAVIOUR,
    EVIDENCE,
    HASH,
    MONEY,
    OTHERS,
    OWNER,
    SECRET,
    TECHNICAL,
    TEXT,
    TIME,
    UNTIL_DELETED,
    Deletion,
    Kept,
    Said,
    inner,
    removes,
)

AGENTS = (
    Kept(
        "agents",
        Said("谁是代理点、能办多少", "who is an agent of ours, and what they may"),
        Said("代理点为顾客代办", "agents redeem for customers"),
        {
            OWNER: "subscriber_id", TEXT: "name", SECRET: "pin",
            BEHAVIOUR: "code level parent state deals_a_day points_a_day pin_above",
            TIME: "registered_at changed_at worked_at",
            TECHNICAL: "parent_level pin_failures pin_locked_until",
        },
        EVIDENCE,
        Deletion(
            Said("代理点关闭，名称和密码清除", "it is closed; its name and PIN go"),
            "UPDATE agents SET state = 'closed', pin = NULL, name = '-'"
            " WHERE subscriber_id = ANY (%(ids)s)",
        ),
        ("agents",),
        withheld={"pin": HASH, **inner("parent_level pin_failures pin_locked_until")},
    ),
    Kept(
        "agent_orders",
        Said("代理点想为谁办什么，结果如何", "what agents wanted to do for whom, and its end"),
        Said("证明本人同意过，防止冒办", "to prove that the customer agreed, and to stop fraud"),
        {
            OWNER: "subscriber_id agent_id",
            BEHAVIOUR: "kind offer_code agreed state why",
            MONEY: "points serial",
            TIME: "day began_at due_at changed_at",
            TECHNICAL: "id ask_no",
        },
        EVIDENCE,
        Deletion(
            Said("保留编号，没办完的结束", "stays by number alone; what waits is ended"),
            "UPDATE agent_orders SET state = 'lapsed', due_at = NULL"
            " WHERE subscriber_id = ANY (%(ids)s) AND state IN ('wanted', 'asked')",
        ),
        ("agent_orders",),
        withheld={"agent_id": OTHERS, **inner("id ask_no due_at agreed day")},
    ),
    Kept(
        "agent_days",
        Said("代理点每天办了多少", "how much an agent does a day"),
        Said("遵守代办限额", "to keep an agent's limits"),
        {
            OWNER: "subscriber_id", BEHAVIOUR: "deals asks declined", MONEY: "points",
            TIME: "day", TECHNICAL: "deals_most points_most asks_most",
        },
        UNTIL_DELETED,
        removes("agent_days"),
        ("agent_days",),
        withheld=inner("deals_most points_most asks_most"),
    ),
    Kept(
        "agent_commissions",
        Said("代理点的佣金", "what agents earned"),
        Said("结算佣金", "to pay commission"),
        {
            OWNER: "subscriber_id", MONEY: "points serial", BEHAVIOUR: "state own",
            TIME: "day changed_at due_at", TECHNICAL: "version",
        },
        EVIDENCE,
        Deletion(Said("保留编号", "stays by number alone"), None),
        ("agent_commissions",),
        withheld=inner("own version due_at"),
    ),
    Kept(
        "agent_entries",
        Said("代理点佣金账户的进出", "what moved in an agent's account"),
        Said("结算佣金，以后能查账", "to pay commission, and to prove it later"),
        {
            OWNER: "subscriber_id", MONEY: "points serial of_serial", BEHAVIOUR: "kind",
            TIME: "day at",
        },
        EVIDENCE,
        Deletion(Said("保留编号", "stays by number alone"), None),
        ("agent_entries",),
        withheld=inner("day"),
    ),
    Kept(
        "agent_payouts",
        Said("付给代理点的佣金", "what agents were paid"),
        Said("结算佣金，以后能查账", "to pay commission, and to prove it later"),
        {
            OWNER: "subscriber_id", MONEY: "points fen serial", TIME: "month",
            TECHNICAL: "run_id",
        },
        EVIDENCE,
        Deletion(Said("保留编号", "stays by number alone"), None),
        ("agent_payouts",),
        withheld=inner("run_id"),
    ),
)  # fmt: skip
