"""The sections of a person's copy about draws: chances, results, prizes."""

from __future__ import annotations

from models.privacy.sections import MOMENT, NUMBER, TEXT, Section, Shown
from models.privacy.shape import Said

_AT = Shown("at", Said("时间", "at"), MOMENT)
_DRAW = Shown("draw_code", Said("抽奖", "draw"))

DRAWS = (
    Section(
        "draw_people", Said("抽奖次数", "How often you drew"), "draw_people",
        (
            _DRAW,
            Shown("player", Said("公开编号", "public name in this draw")),
            Shown("draws", Said("次数", "draws")),
            Shown("blanks", Said("连续未中", "blanks in a row")),
            Shown("day", Said("日期", "day")),
            Shown("day_draws", Said("当日次数", "draws that day")),
            Shown("day_free", Said("当日免费", "free draws that day")),
            Shown("chances", Said("剩余机会", "chances left")),
        ),
        "draw_code",
    ),
    Section(
        "draw_chances", Said("得到的抽奖机会", "Chances you earned"), "draw_chances",
        (_AT, _DRAW, Shown("chances", Said("次数", "chances"))),
        "at, draw_code, key",
    ),
    Section(
        "draw_results", Said("抽奖结果", "What you drew"), "draw_results",
        (
            _AT,
            Shown("id", Said("流水号", "serial number")),
            _DRAW,
            Shown("prize", Said("奖品", "prize")),
            Shown("wanted", Said("抽到", "drawn")),
            Shown("number", Said("号码", "number")),
            Shown("day", Said("日期", "day")),
            Shown("player", Said("公开编号", "public name")),
            Shown("nonce", Said("第几次", "which draw of yours")),
            Shown("chance", Said("机会", "chance")),
            Shown("points", Said("积分", "points")),
            Shown("serial", Said("积分流水号", "serial number of the points")),
            Shown("channel", Said("渠道", "channel")),
        ),
        "id",
    ),
    Section(
        "draw_prizes", Said("奖品", "Prizes"), "draw_deliveries",
        (
            Shown("won_at", Said("中奖", "won"), MOMENT),
            Shown("result_id", Said("流水号", "serial number")),
            _DRAW,
            Shown("title", Said("奖品", "prize")),
            Shown("kind", Said("类型", "kind")),
            Shown("state", Said("状态", "state")),
            Shown("serial", Said("积分流水号", "serial number of the points")),
            Shown("or_points", Said("改发积分", "points instead")),
            Shown("voucher_id", Said("券号", "voucher")),
            Shown("address_by", Said("填地址截止", "address wanted by"), MOMENT),
            Shown("reminded_at", Said("提醒", "reminded"), MOMENT),
            Shown("name", Said("收件人", "name"), TEXT),
            Shown("phone", Said("电话", "number"), NUMBER),
            Shown("address", Said("地址", "address"), TEXT),
            Shown("carrier", Said("快递", "carrier")),
            Shown("tracking", Said("快递单号", "tracking number")),
            Shown("changed_at", Said("变更", "changed"), MOMENT),
        ),
        "result_id",
    ),
)  # fmt: skip
