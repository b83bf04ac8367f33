"""The sections of a person's copy about vouchers: what was taken, used, and how often."""

from __future__ import annotations

from models.privacy.sections import MOMENT, TEXT, Section, Shown
from models.privacy.shape import Said

_AT = Shown("at", Said("时间", "at"), MOMENT)
_VOUCHER = Shown("voucher_id", Said("券号", "voucher"))

VOUCHERS = (
    Section(
        "vouchers", Said("兑换券", "Vouchers"), "vouchers",
        (
            Shown("id", Said("券号", "voucher")),
            Shown("offer_code", Said("礼遇", "offer")),
            Shown("title", Said("名称", "title")),
            Shown("merchant_code", Said("商户", "merchant")),
            Shown("price_points", Said("积分", "points")),
            Shown("price_fen", Said("到店付（分）", "to pay at the till, in fen")),
            Shown("face_fen", Said("面值（分）", "face value in fen")),
            Shown("serial", Said("流水号", "serial number")),
            Shown("state", Said("状态", "state")),
            Shown("issued_at", Said("领取", "issued"), MOMENT),
            Shown("valid_until", Said("有效期至", "valid until"), MOMENT),
            Shown("ended_at", Said("结束", "ended"), MOMENT),
            Shown("refund_serial", Said("退回流水号", "serial number of the refund")),
        ),
        "id",
    ),
    Section(
        "voucher_events", Said("兑换券的经过", "What happened to vouchers"), "voucher_events",
        (_AT, _VOUCHER, Shown("state", Said("状态", "state"))),
        "voucher_id, no",
    ),
    Section(
        "voucher_gifts", Said("送给朋友的券", "Vouchers given to friends"), "voucher_gifts",
        (_AT, Shown("day", Said("日期", "day")), _VOUCHER),
        "voucher_id",
    ),
    Section(
        "verifications", Said("核销", "Verifications"), "verifications",
        (
            _AT,
            _VOUCHER,
            Shown("merchant_code", Said("商户", "merchant")),
            Shown("store_no", Said("门店", "store")),
            Shown("undone_at", Said("撤销", "undone"), MOMENT),
        ),
        "voucher_id, no",
    ),
    Section(
        "ratings", Said("评价", "Ratings"), "ratings",
        (
            _VOUCHER,
            Shown("merchant_code", Said("商户", "merchant")),
            Shown("store_no", Said("门店", "store")),
            Shown("state", Said("状态", "state")),
            Shown("asked_at", Said("询问", "asked"), MOMENT),
            _AT,
            Shown("stars", Said("星级", "stars")),
            Shown("words", Said("内容", "words"), TEXT),
        ),
        "voucher_id",
    ),
    Section(
        "offer_takings", Said("兑换次数", "How often each offer was taken"), "offer_takings",
        (
            Shown("day", Said("日期（9999-12-31为累计）", "day (9999-12-31: of all days)")),
            Shown("offer_code", Said("礼遇", "offer")),
            Shown("taken", Said("次数", "times")),
        ),
        "offer_code, day",
    ),
)  # fmt: skip
