"""What is stored about what people took at merchants: vouchers, their use, how often."""

from __future__ import annotations

from models.privacy.shape import (
    BEHAVIOUR,
    BOOKS,
    INNER,
    MONEY,
    OURS,
    OWNER,
    SECRET,
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

_SETTLED = Said("兑换、核销并与商户结算", "to redeem, to verify, and to settle with merchants")
_CODE = Said("能换东西的码，不在副本中给出", "a code that is worth something is in no copy")
_TILL = Said("商户一侧的信息", "about the merchant's people")

VOUCHERS = (
    Kept(
        "vouchers",
        Said("兑换券", "vouchers"),
        _SETTLED,
        {
            OWNER: "subscriber_id",
            BEHAVIOUR: "id offer_code merchant_code title state",
            MONEY: "price_points price_fen face_fen pays_cents serial refund_serial",
            SECRET: "code short_code",
            TIME: "issued_at valid_until ended_at",
            TECHNICAL: "key events",
        },
        BOOKS,
        STAYS,
        ("vouchers",),
        withheld={
            "code": _CODE,
            "short_code": _CODE,
            "pays_cents": _TILL,
            **inner("key events"),
        },
    ),
    Kept(
        "voucher_codes",
        Said("从券码查到券", "from a code to its voucher"),
        _SETTLED,
        {
            OWNER: "subscriber_id",
            BEHAVIOUR: "merchant_code",
            SECRET: "code",
            TECHNICAL: "voucher_id",
        },
        BOOKS,
        Deletion(
            Said("删除", "deleted"),
            "DELETE FROM voucher_codes WHERE subscriber_id = ANY (%(ids)s)",
        ),
        not_exported=_CODE,
    ),
    Kept(
        "voucher_events",
        Said("兑换券的经过", "what happened to vouchers"),
        Said("说明谁在何时做了什么", "to prove who did what, when"),
        {
            OWNER: "subscriber_id",
            BEHAVIOUR: "voucher_id state",
            TEXT: "why",
            STAFF: "by",
            TIME: "at",
            TECHNICAL: "no",
        },
        BOOKS,
        STAYS,
        ("voucher_events",),
        withheld={"by": OURS, "why": _TILL, "no": INNER},
    ),
    Kept(
        "verifications",
        Said("在商户处的核销", "verifications at merchants"),
        _SETTLED,
        {
            OWNER: "subscriber_id",
            BEHAVIOUR: "voucher_id merchant_code store_no",
            MONEY: "cents",
            TEXT: "undone_why",
            STAFF: "by undone_by",
            TIME: "at due_on undone_at",
            TECHNICAL: "no key",
        },
        BOOKS,
        STAYS,
        ("verifications",),
        withheld={
            "cents": _TILL,
            "undone_why": _TILL,
            "by": _TILL,
            "undone_by": _TILL,
            "due_on": _TILL,
            **inner("no key"),
        },
    ),
    Kept(
        "settlement_deductions",
        Said("从商户结算中扣回的券", "vouchers that were taken off a settlement"),
        _SETTLED,
        {
            OWNER: "subscriber_id",
            BEHAVIOUR: "voucher_id merchant_code",
            MONEY: "cents",
            TEXT: "why",
            TIME: "on_day at",
        },
        BOOKS,
        STAYS,
        not_exported=Said("我们与商户之间的账", "between us and the merchant"),
    ),
    Kept(
        "offer_takings",
        Said("每种礼遇兑换过几次", "how often each offer was taken"),
        Said("遵守每人限兑", "to keep limits per person"),
        {OWNER: "subscriber_id", BEHAVIOUR: "offer_code taken", TIME: "day"},
        BOOKS,
        removes("offer_takings"),
        ("offer_takings",),
    ),
)
