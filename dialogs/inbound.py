"""One message from outside, the same whichever door it came through."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Channel = Literal["wechat", "sms"]
Kind = Literal[
    "text", "click", "scan", "follow", "unfollow", "view",
    "location", "image", "voice", "video", "link", "receipt", "notice", "other",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Inbound:
    """What somebody did: `value` is the text, the menu key or the scene, by `kind`."""

    key: str  # unique per message: the same message delivered again has the same key
    channel: Channel
    sender: str  # an openid, or a number as +8613800000001
    kind: Kind
    value: str = ""
    sent_at: datetime | None = None  # when the person sent it, where the channel says so
    picked: str = ""  # which answer was tapped of a question with choices
    to: str = ""  # our official account or service number
    place: tuple[float, float] | None = None  # of a location: latitude and longitude (GCJ-02)
    gateway: str = ""  # the SMS gateway that it came over, where there are several
    suffix: str = ""  # the digits behind our number that it was sent to: which message it answers
