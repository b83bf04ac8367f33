"""One-time links and the sessions they open."""

from __future__ import annotations

from datetime import datetime, timedelta

from models import page_links
from models.page_links import Leads, Link
from models.store import Store
from tests.models.conftest import NOON, at_once, newcomer, rows

DAY = timedelta(days=1)


def _make(store: Store, who: int, *, owed: int = 1, now: datetime = NOON) -> str:
    wanted = [Leads(owed, who, "/me")]
    made = store.run(lambda tx: page_links.make_links(tx, wanted, key=b"key", lasts=DAY, now=now))
    return made[owed]


def _who(store: Store) -> int:
    return store.run(newcomer).id


def test_a_token_works_once_and_looking_does_not_use_it_up(store: Store) -> None:
    who = _who(store)
    token = _make(store, who)
    assert len(token) == page_links.TOKEN_LENGTH
    for _ in range(2):
        found = store.read(lambda tx: page_links.look_up(tx, token, NOON))
        assert found == Link(who, "/me", usable=True)
    assert store.run(lambda tx: page_links.use(tx, token, NOON)) == Link(who, "/me", usable=True)
    assert store.run(lambda tx: page_links.use(tx, token, NOON)) is None
    assert store.read(lambda tx: page_links.look_up(tx, token, NOON)) == Link(
        who, "/me", usable=False
    )


def test_of_many_openings_at_once_one_succeeds(store: Store) -> None:
    token = _make(store, _who(store))
    opened = at_once([lambda: store.run(lambda tx: page_links.use(tx, token, NOON))] * 8)
    assert sum(link is not None for link in opened) == 1


def test_the_token_is_only_in_the_message_and_stored_hashed(store: Store) -> None:
    token = _make(store, _who(store))
    ((stored,),) = rows(store, "SELECT token_hash FROM page_links")
    assert token not in stored
    assert len(stored) == 64


def test_the_same_message_has_the_same_token_and_others_have_others(store: Store) -> None:
    who = _who(store)
    assert _make(store, who) == _make(store, who)
    assert len({_make(store, who, owed=number) for number in range(50)}) == 50
    assert rows(store, "SELECT count(*) FROM page_links") == [(50,)]


def test_a_message_that_is_sent_again_days_later_has_a_link_that_works(store: Store) -> None:
    who = _who(store)
    token, later = _make(store, who), NOON + 2 * DAY
    assert store.run(lambda tx: page_links.use(tx, token, later)) is None
    assert _make(store, who, now=later) == token
    assert store.run(lambda tx: page_links.use(tx, token, later)) is not None


def test_sending_a_message_again_does_not_make_a_used_link_work_again(store: Store) -> None:
    who = _who(store)
    token = _make(store, who)
    store.run(lambda tx: page_links.use(tx, token, NOON))
    _make(store, who, now=NOON + timedelta(hours=1))
    assert store.run(lambda tx: page_links.use(tx, token, NOON)) is None


def test_a_session_ends_by_time_by_itself_and_with_all_others(store: Store) -> None:
    who, other = _who(store), _who(store)

    def open_one(whose: int) -> str:
        return store.run(
            lambda tx: page_links.open_session(tx, subscriber_id=whose, lasts=DAY, now=NOON)
        )

    def owner(session: str, now: datetime = NOON) -> int | None:
        return store.read(lambda tx: page_links.session_owner(tx, session, now))

    first, second, third = open_one(who), open_one(who), open_one(other)
    assert (owner(first), owner(first, NOON + DAY), owner("made up")) == (who, None, None)
    store.run(lambda tx: page_links.close_session(tx, first))
    assert (owner(first), owner(second)) == (None, who)
    store.run(lambda tx: page_links.close_sessions_of(tx, who))
    assert (owner(second), owner(third)) == (None, other)
    assert rows(store, "SELECT count(*) FROM page_sessions WHERE id_hash = %s", third) == [(0,)]


def test_what_is_over_is_forgotten(store: Store) -> None:
    who = _who(store)
    _make(store, who)
    fresh = _make(store, who, owed=2, now=NOON + DAY)
    over = NOON + DAY + timedelta(seconds=1)
    assert store.run(lambda tx: page_links.forget_links_before(tx, over, 10)) == 1
    assert rows(store, "SELECT count(*) FROM page_links") == [(1,)]
    assert store.read(lambda tx: page_links.look_up(tx, fresh, NOON + DAY)) is not None
