"""What chats of clubs may begin with: members with their terms, and what a page was told."""

from __future__ import annotations

from dialogs import club_acts
from handlers import club_plans
from models import memberships, subscribers
from tests.chats.given.basics import who_is
from tests.conftest import World


def member(world: World, name: str, *clubs: str) -> None:
    """`given clubs.member 李雷 film car`: a member of these, whose terms begin now."""
    now = world.clock()
    with world.circle.store.begin() as tx:
        who = who_is(tx, world, name)
        for code in clubs:
            memberships.join(tx, who, code, origin="given", now=now)


def page(world: World, name: str, act: str, club: str) -> None:
    """`meanwhile clubs.page 李雷 leave film`: agreed to on the page /clubs/film/leave."""
    now, dialog = world.clock(), club_plans.DIALOGS[act]
    with world.circle.store.begin() as tx:
        who = subscribers.lock_id(tx, who_is(tx, world, name).id)
        club_acts.begin(
            tx, world.circle.engine, who, dialog, club=club, origin=f"page:{act}:{club}", now=now
        )
