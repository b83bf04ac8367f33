"""The operator's console: its pages in the order of the navigation. docs/console.md: adding one.

One page = one file here with `add_routes(console)`, one template in templates/console/, one line in
PAGES.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import ModuleType

from flask import Blueprint

from dialogs.live import LiveMenus
from handlers.console import (
    account,
    activities,
    activity_door,
    agent_acts,
    agent_money,
    agents,
    alarms,
    approvals,
    audit,
    blocklist,
    broadcast,
    broadcasts,
    cards,
    charts,
    clubs,
    complaints,
    draws,
    feedback,
    gateways,
    home,
    inbox,
    invitations,
    listing_pages,
    machinery,
    menus,
    offers,
    operations,
    operators,
    outbox,
    partner_stores,
    partners,
    payments,
    privacy,
    reconciliations,
    request_frame,
    rules,
    scenes,
    settlement,
    subscriber,
    subscriber_acts,
    subscribers,
    surveys,
    tags,
)  # fmt: skip
from handlers.console.frame import PREFIX, Banner, Console, Parts, Visit
from handlers.guards import Guard
from handlers.office import enrolment, sign_in

PAGES: Sequence[ModuleType] = (
    home,
    subscribers,
    subscriber,
    subscriber_acts,
    inbox,
    complaints,
    feedback,
    surveys,
    partners,
    partner_stores,
    offers,
    agents,
    agent_acts,
    agent_money,
    clubs,
    activities,
    activity_door,
    scenes,
    cards,
    tags,
    invitations,
    broadcasts,
    broadcast,
    settlement,
    reconciliations,
    payments,
    approvals,
    menus,
    rules,
    draws,
    outbox,
    operations,
    gateways,
    alarms,
    blocklist,
    charts,
    privacy,
    operators,
    audit,
    account,
    enrolment,
    sign_in,
    listing_pages,
)

# What stands above every page while it is so: a function says it, or None.
BANNERS: Sequence[Callable[[Visit], Banner | None]] = (
    menus.banner,
    machinery.files_banner,
    machinery.gateways_banner,
    alarms.banner,
    machinery.clock_banner,
    machinery.dead_letters_banner,
    complaints.overdue_banner,
    feedback.overdue_banner,
)

# The number beside an entry of the navigation, by its endpoint.
BADGES: Mapping[str, Callable[[Visit], int]] = {
    "approvals": approvals.waiting,
    "offers": offers.waiting,
    "inbox": inbox.waiting,
}


def begin(live: LiveMenus, now: datetime) -> None:
    """The process with these menus starts: what starts together with it is not missed yet."""
    machinery.begin(live, now)


def build(parts: Parts) -> Console:
    """The console with all its pages; its `blueprint` is for Flask."""
    guard = Guard(secure=parts.public_url.startswith("https://"))
    blueprint = Blueprint("console", __name__, url_prefix=PREFIX)
    made = Console(parts, guard, blueprint, BANNERS, BADGES)
    request_frame.protect(made)
    for page in PAGES:
        page.add_routes(made)
    return made
