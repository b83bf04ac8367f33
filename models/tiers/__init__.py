"""Tiers: up at once by points earned or spent in a rolling period, down only at a review, late.

rules      what operators published        counting   points by month, from the ledger's legs
standings  who has which tier, and why     outlook    what is missing, and what will lapse
history    what was, and whom to tell
"""

from models.tiers.counting import marks, months
from models.tiers.history import history, people_in, take_untold, untold
from models.tiers.merging import merge
from models.tiers.outlook import Projection, Standing, both, project, standing
from models.tiers.rules import (
    Rules,
    Tier,
    TierInUse,
    content_of,
    live,
    publish,
    tier_rules,
)
from models.tiers.standings import (
    DOWN,
    GRACE,
    KEPT,
    UP,
    WHY,
    Change,
    changes,
    earned,
    qualify,
    recount,
    review_due,
    standings,
)

__all__ = [
    "DOWN",
    "GRACE",
    "KEPT",
    "UP",
    "WHY",
    "Change",
    "Projection",
    "Rules",
    "Standing",
    "Tier",
    "TierInUse",
    "both",
    "changes",
    "content_of",
    "earned",
    "history",
    "live",
    "marks",
    "merge",
    "months",
    "people_in",
    "project",
    "publish",
    "qualify",
    "recount",
    "review_due",
    "standing",
    "standings",
    "take_untold",
    "tier_rules",
    "untold",
]
