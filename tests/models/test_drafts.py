"""Drafts: nothing typed is lost, and nobody overwrites what somebody else has published."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from models import approvals, drafts, publications
from models.base import Tx
from models.drafts import Draft, Edit, Overtaken
from models.operators import accounts, roles
from models.store import Store
from tests.models.conftest import NOON, at_once
from tests.models.operators import by, operator

WANG, LI = 1, 2  # the first two operators of each database
LIVE = {"a.yaml": "one\n", "b.yaml": "two\n"}


@pytest.fixture(autouse=True)
def _people(store: Store) -> None:
    with store.begin() as tx:
        made = [operator(tx, role, now=NOON).id for role in (roles.OPERATIONS, roles.APPROVER)]
        assert made == [WANG, LI]


def proposal(store: Store) -> int:
    """A proposal of Wang's."""
    with store.begin() as tx:
        return approvals.propose(
            tx, kind="rules", subject=f"rules:{uuid4()}", payload={}, reason="x",
            by=by(accounts.get(tx, WANG)), now=NOON,
        ).id  # fmt: skip


def typed(store: Store, name: str, text: str | None, who: int = WANG) -> Draft:
    def work(tx: Tx) -> Draft:
        draft = drafts.get(tx, who, "menus")
        return drafts.save(tx, draft, draft.with_file(name, text, LIVE), NOON)

    return store.run(work)


def read(store: Store, who: int = WANG, kind: str = "menus") -> Draft:
    return store.read(lambda tx: drafts.get(tx, who, kind))


def test_what_was_typed_is_there_again_and_lies_over_what_is_live(store: Store) -> None:
    assert read(store) == Draft(WANG, "menus")
    typed(store, "a.yaml", "mistake: [\n")
    typed(store, "c.yaml", "new\n")
    assert read(store).over(LIVE) == {**LIVE, "a.yaml": "mistake: [\n", "c.yaml": "new\n"}
    typed(store, "b.yaml", None)
    assert read(store).over(LIVE) == {"a.yaml": "mistake: [\n", "c.yaml": "new\n"}


def test_a_file_that_is_again_as_it_was_is_no_edit(store: Store) -> None:
    typed(store, "a.yaml", "changed\n")
    assert typed(store, "a.yaml", "one\n").files == {}
    typed(store, "c.yaml", "new\n")
    assert typed(store, "c.yaml", None).files == {}


def test_operators_and_kinds_have_drafts_of_their_own(store: Store) -> None:
    typed(store, "a.yaml", "wang\n")
    typed(store, "a.yaml", "li\n", LI)
    assert read(store).over(LIVE)["a.yaml"] == "wang\n"
    assert read(store, LI).over(LIVE)["a.yaml"] == "li\n"
    assert read(store, kind="rules").revision == 0


def test_a_change_in_another_window_is_noticed_not_overwritten(store: Store) -> None:
    seen = typed(store, "a.yaml", "first window\n")
    typed(store, "b.yaml", "second window\n")
    with pytest.raises(Overtaken):
        store.run(lambda tx: drafts.save(tx, seen, seen.with_file("a.yaml", "x", LIVE), NOON))
    assert read(store).over(LIVE) == {"a.yaml": "first window\n", "b.yaml": "second window\n"}


def test_of_two_windows_that_save_at_once_one_is_told(store: Store) -> None:
    seen = typed(store, "a.yaml", "begun\n")

    def save(text: str) -> str:
        files = seen.with_file("a.yaml", text, LIVE)
        try:
            store.run(lambda tx: drafts.save(tx, seen, files, NOON))
        except Overtaken:
            return "told"
        return text

    said = at_once([lambda: save("x"), lambda: save("y")])
    assert sorted(said)[0] == "told"
    assert read(store).files["a.yaml"].text in said


def test_what_somebody_else_published_shows_only_where_both_changed_the_same_file(
    store: Store,
) -> None:
    draft = typed(store, "a.yaml", "mine\n")
    assert draft.conflicts(LIVE) == []
    assert draft.conflicts({**LIVE, "b.yaml": "theirs\n"}) == []
    theirs = {**LIVE, "a.yaml": "theirs\n"}
    assert draft.conflicts(theirs) == ["a.yaml"]
    assert draft.conflicts({**LIVE, "a.yaml": "mine\n"}) == []
    assert draft.settled("a.yaml", theirs, keep=True) == {"a.yaml": Edit("theirs\n", "mine\n")}
    assert draft.settled("a.yaml", theirs, keep=False) == {}
    assert draft.settled("a.yaml", {"b.yaml": "two\n"}, keep=True)["a.yaml"].was is None


def test_a_draft_that_was_thrown_away_can_be_brought_back(store: Store) -> None:
    typed(store, "a.yaml", "mine\n")
    cleared = store.run(lambda tx: drafts.clear(tx, read(store), NOON))
    assert (cleared.files, list(cleared.cleared)) == ({}, ["a.yaml"])
    typed(store, "b.yaml", "later\n")
    back = store.run(lambda tx: drafts.undo(tx, read(store), NOON))
    assert back.over(LIVE) == {"a.yaml": "mine\n", "b.yaml": "later\n"}
    assert read(store).cleared == {}


def test_a_push_that_failed_is_remembered_with_what_wechat_still_shows(store: Store) -> None:
    assert store.read(publications.last_push) is None
    for version, failed in ((1, ""), (2, "WeChat did not answer " * 100)):
        store.run(
            lambda tx, v=version, f=failed: publications.pushed(tx, v, failed=f, now=NOON)  # type: ignore[misc]
        )
    last = store.read(publications.last_push)
    assert last is not None
    assert (last.version, last.shown, len(last.failed)) == (2, 1, publications.WHY_CHARS_MOST)


def test_rules_and_menus_have_histories_of_their_own(store: Store) -> None:
    for note in ("one", "two", "three"):
        proposed = proposal(store)
        store.run(
            lambda tx, note=note, proposed=proposed: publications.publish(  # type: ignore[misc]
                tx, LIVE, author="wang", note=note, now=NOON, of="rules",
                approved_by="li", proposal_id=proposed,
            )
        )  # fmt: skip
    assert store.read(publications.live_version) == 0
    page = store.read(lambda tx: publications.history(tx, 2, of="rules"))
    assert [each.note for each in page] == ["three", "two"]
    page = store.read(lambda tx: publications.history(tx, 2, before=2, of="rules"))
    assert [(each.note, each.approved_by, each.files) for each in page] == [("one", "li", {})]
    live = store.read(lambda tx: publications.live(tx, "rules"))
    assert live is not None
    assert live.files == LIVE


def test_nobody_approves_what_they_have_published_and_a_proposal_is_published_once(
    store: Store,
) -> None:
    proposed = proposal(store)

    def publish(tx: Tx, approved_by: str) -> int:
        return publications.publish(
            tx, LIVE, author="wang", note="x", now=NOON, approved_by=approved_by,
            proposal_id=proposed,
        )  # fmt: skip

    with pytest.raises(psycopg.errors.CheckViolation, match="four_eyes"):
        store.run(lambda tx: publish(tx, "wang"))
    store.run(lambda tx: publish(tx, "li"))
    with pytest.raises(psycopg.errors.UniqueViolation):
        store.run(lambda tx: publish(tx, "li"))
