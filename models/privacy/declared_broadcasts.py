"""What is stored about whom broadcasts went to."""

from __future__ import annotations

from models.privacy.shape import BEHAVIOUR, CONTACT, TECHNICAL, Deletion, Kept, Said, inner

BROADCASTS = (
    Kept(
        "broadcast_targets",
        Said("群发发给了哪些号码", "which numbers broadcasts went to"),
        Said("每个号码只发一次，查得到结果", "to send to each once, and to say what came of it"),
        {
            CONTACT: "number", BEHAVIOUR: "state why", TECHNICAL: "broadcast_id no owed_id",
        },
        "broadcast_targets",
        Deletion(
            Said("号码清除；还没发的不再发", "the number goes; what has not left never will"),
            "UPDATE broadcast_targets SET number = NULL WHERE number = ANY (%(numbers)s)",
        ),
        ("broadcasts",),
        withheld=inner("no owed_id"),
    ),
)  # fmt: skip
