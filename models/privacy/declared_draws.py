"""What is stored about people who draw: their counts, what they drew, where a parcel goes."""

from __future__ import annotations

from models.privacy.shape import (
    BEHAVIOUR,
    BOOKS,
    CONTACT,
    EVIDENCE,
    MONEY,
    OWNER,
    SECRET,
    STAYS,
    TECHNICAL,
    TIME,
    Deletion,
    Forever,
    Kept,
    Said,
    inner,
    removes,
)  # fmt: skip

_FAIR = Said("证明抽奖公平：每个结果都能重新计算", "to prove that draws are fair")
_SEAL = Said("防篡改的校验值", "a check value against alteration")

DRAWS = (
    Kept(
        "draw_people",
        Said("每个抽奖抽过几次、剩几次机会", "how often somebody drew, and chances left"),
        Said("遵守每人限次", "to keep limits per person"),
        {
            OWNER: "subscriber_id",
            BEHAVIOUR: "draw_code nonce draws blanks day_draws day_free chances",
            TIME: "day",
            TECHNICAL: "player at_most day_at_most",
        },
        BOOKS,
        removes("draw_people"),
        ("draw_people",),
        withheld=inner("at_most day_at_most nonce"),
    ),
    Kept(
        "draw_chances",
        Said("得到的抽奖机会", "chances that were earned"),
        Said("同一任务只给一次", "so that a task gives them once"),
        {OWNER: "subscriber_id", BEHAVIOUR: "draw_code chances", TIME: "at", TECHNICAL: "key"},
        EVIDENCE,
        STAYS,
        ("draw_chances",),
        withheld=inner("key"),
    ),
    Kept(
        "draw_results",
        Said("抽奖结果", "results of draws"),
        _FAIR,
        {
            OWNER: "subscriber_id",
            BEHAVIOUR: "id draw_code channel player nonce version blanks number wanted by prize"
            " slot seen chance",
            MONEY: "points serial",
            SECRET: "seal",
            TIME: "day at",
            TECHNICAL: "key",
        },
        EVIDENCE,
        STAYS,
        ("draw_results",),
        withheld={"seal": _SEAL, **inner("key version blanks by slot seen")},
    ),
    Kept(
        "draw_deliveries",
        Said("奖品和寄送", "prizes and where they went"),
        Said("把奖品交给本人", "to deliver what was won"),
        {
            OWNER: "subscriber_id",
            BEHAVIOUR: "result_id draw_code prize_code title kind state voucher_id",
            CONTACT: "name phone address carrier tracking",
            MONEY: "serial or_points",
            TIME: "address_by reminded_at won_at changed_at",
            TECHNICAL: "owed_id",
        },
        Forever(
            Said(
                "凭证，长期保存；收件信息在寄出90天后删除",
                "for good, as evidence; name, number and address go 90 days after it was sent",
            )
        ),
        Deletion(
            Said("保留奖品，删除收件信息", "the prize stays; name, number and address go"),
            "UPDATE draw_deliveries SET name = NULL, phone = NULL, address = NULL"
            " WHERE subscriber_id = ANY (%(ids)s)",
        ),
        ("draw_prizes",),
        withheld=inner("owed_id prize_code"),
    ),
)
