"""What chats about feedback, surveys and activities begin with, and what others do meanwhile."""

from __future__ import annotations

from dialogs import feedback_news
from handlers import rule_files
from models import activity_ratings, feedback
from models.base import Tx
from models.earning import publishing
from models.surveys import definition
from tests.chats.given.basics import who_is
from tests.conftest import ROOT, World


def came(world: World, name: str, title: str) -> None:
    """`given feedback.came 李雷 周末观影会`: came to an activity that ends now."""
    now = world.clock()
    with world.circle.store.begin() as tx:
        who = who_is(tx, world, name)
        activity_ratings.owe(tx, subscriber_id=who.id, activity=7, title=title, ends_at=now)


def survey(world: World, invite_most: str = "0") -> None:
    """`given feedback.survey 100`: the survey of the film club is for all, so many are invited,
    and it is worth what the shipped rule says."""
    now = world.clock()

    def work(tx: Tx) -> None:
        found = definition.live(tx)["film"]
        row = tx.exec_driver_sql("SELECT content FROM surveys WHERE code = %s", (found.code,))
        content = dict(row.scalar_one())
        content["audience"] = content["audience"] | {"clubs": [], "share_percent": 100}
        content["invite_most"] = int(invite_most)
        definition.publish(tx, content, author="given", note="a chat", now=now)
        rule = rule_files.load(ROOT / "rules").drafts["survey"]
        publishing.publish(tx, [rule], by="given", note="a chat", now=now)

    world.circle.store.run(work)


def answered(world: World, words: str) -> None:
    """`meanwhile feedback.answered 周末也能换了`: service takes the last one and answers it."""
    now, menus = world.clock(), world.circle.live()

    def work(tx: Tx) -> None:
        number = int(tx.exec_driver_sql("SELECT max(number) FROM feedback").scalar_one())
        taken = feedback.take(tx, number, by="zhang", now=now)
        feedback_news.moved(tx, menus, taken, now=now)
        done = feedback.answer(tx, number, words=words, by="zhang", now=now)
        feedback_news.moved(tx, menus, done, answer=words, now=now)

    world.circle.store.run(work)
