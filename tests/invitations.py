"""Invitations in tests: the shipped rules that reward them, live."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from handlers import rule_files
from models.earning import publishing, rules
from models.invitations.coming import CAME_INVITED, INVITED_FRIEND
from models.store import Store

FOLDER = Path(__file__).parents[1] / "rules"


def rewarding(store: Store, now: datetime) -> None:
    """Have the shipped rules for invitations live, unless all rules are already."""
    found = rule_files.load(FOLDER).drafts.values()
    drafts = [each for each in found if each.event in (CAME_INVITED, INVITED_FRIEND)]
    if store.read(rules.newest).keys() >= {each.code for each in drafts}:
        return
    store.run(lambda tx: publishing.publish(tx, drafts, by="test", note="tests", now=now))
