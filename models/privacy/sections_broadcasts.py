"""The section of a person's copy about broadcasts that their number was among."""

from __future__ import annotations

from models.privacy.sections import NUMBER, Section, Shown
from models.privacy.shape import Said

BROADCASTS = (
    Section(
        "broadcasts", Said("群发", "Broadcasts"), "broadcast_targets",
        (
            Shown("broadcast_id", Said("编号", "number")),
            Shown("number", Said("手机号", "mobile number"), NUMBER),
            Shown("state", Said("结果", "state")),
            Shown("why", Said("没有发的原因", "why not sent")),
        ),
        "broadcast_id",
        where="number = ANY (ARRAY(SELECT address FROM subscriber_addresses"
        " WHERE channel = 'sms' AND subscriber_id = ANY (%(ids)s)))",
    ),
)  # fmt: skip
