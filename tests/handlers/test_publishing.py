"""What goes live is checked once more as it goes live, whoever checked it before."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialogs.live import LiveMenus
from handlers import publishing
from handlers.publishing import FILES_MOST, SET_MOST_BYTES, Stale
from integrations.errors import CallFailed
from menus.menus import Mistakes, read_folder
from models import clubs, publications
from models.store import Store
from tests.conftest import World
from tests.models.conftest import NOON, at_once

FILES = read_folder(Path(__file__).parents[2] / "menus")
DEFAULT = "wechat/default.yaml"


def put(
    store: Store, files: dict[str, str], base: int | None = None, url: str = "https://a.cn"
) -> int:
    return store.run(
        lambda tx: publishing.put(
            tx, files, base=base, public_url=url, author="wang", note="why", now=NOON
        )
    )


def changed(old: str, new: str, name: str = DEFAULT) -> dict[str, str]:
    assert old in FILES[name]
    return {**FILES, name: FILES[name].replace(old, new, 1)}


ATTACKS = {
    "a dialog that is not there": changed("dialog: balance", "dialog: balanse"),
    "a club that is not there": changed("club: film", "club: flim", "scenes.yaml"),
    "a key twice": changed("menu:\n", "menu: []\nmenu:\n"),
    "an alias bomb": changed("menu:\n", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\nmenu:\n"),
    "a tag of Python": changed("name: 查积分", "name: !!python/object/apply:os.system [id]"),
    "a file that climbs out": {**FILES, "../config.yaml": "x: 1\n"},
    "an absolute name": {**FILES, "/etc/passwd": "x: 1\n"},
    "a file that nothing reads": {**FILES, "wechat/film.yaml.bak": "x: 1\n"},
    "a file that is missing": {name: FILES[name] for name in FILES if name != DEFAULT},
    "a second document": {**FILES, DEFAULT: FILES[DEFAULT] + "---\nmenu: []\n"},
    "too many entries": changed("menu:\n", "menu:\n" + "  - {name: a, dialog: balance}\n" * 3),
    "an address of a script": changed("dialog: balance", 'url: "javascript:alert(1)"'),
    "a file that is too long": {**FILES, DEFAULT: FILES[DEFAULT] + "#" * SET_MOST_BYTES},
    "too many files": {**FILES, **{f"texts/x{n}.yaml": "" for n in range(FILES_MOST)}},
    "no files": {},
    "a sentence without its value": changed("{reference}", "{referense}", "texts/common.yaml"),
    "half of a character": changed("name: 查积分", 'name: "\\ud800"'),
    "a page whose whole address is too long": changed("dialog: balance", f"page: /{'a' * 899}"),
}


def test_a_bad_menu_does_not_go_live(world: World) -> None:
    store = world.circle.store
    url = "https://" + "circle." * 20 + "cn"  # so long that a page of 900 bytes is too much
    gone_live = []
    for attack, files in ATTACKS.items():
        try:
            put(store, files, base=0, url=url)
        except Mistakes:
            continue
        gone_live.append(attack)
    assert gone_live == []
    assert store.read(publications.live_version) == 0


def test_what_was_good_when_it_was_proposed_is_refused_when_its_club_has_gone(world: World) -> None:
    store = world.circle.store
    with store.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO clubs SELECT 'books', '读书会', intro, price_fen, boss_service, 99, true"
            " FROM clubs WHERE code = 'film'"
        )
    files = changed("club: lottery", "club: books", "scenes.yaml")
    known = store.read(clubs.codes)
    publishing.checked(files, clubs=known, public_url="")
    with store.begin() as tx:
        tx.exec_driver_sql("DELETE FROM clubs WHERE code = 'books'")
    with pytest.raises(Mistakes, match="books"):
        put(store, files, base=0)


def test_who_publishes_over_a_version_that_they_have_not_seen_is_told(world: World) -> None:
    store = world.circle.store
    assert put(store, FILES, base=0) == 1
    with pytest.raises(Stale, match="version 1 is live, not version 0"):
        put(store, changed("name: 查积分", "name: 看积分"), base=0)
    assert store.read(publications.live_version) == 1


def test_of_two_who_publish_at_once_over_the_same_version_one_is_told(world: World) -> None:
    store = world.circle.store

    def attempt() -> str:
        try:
            return str(put(store, FILES, base=0))
        except Stale:
            return "told"

    assert sorted(at_once([attempt] * 3)) == ["1", "told", "told"]


def test_a_push_that_fails_is_kept_and_pushing_again_puts_it_right(world: World) -> None:
    publisher, store = world.circle.publisher, world.circle.store
    put(store, FILES)
    world.fault("wechat.api", "error", path="menu/create", code=-1)
    with pytest.raises(CallFailed):
        publisher.push_live()
    failed = store.read(publications.last_push)
    assert failed is not None
    assert (failed.version, failed.shown, bool(failed.failed)) == (1, 0, True)
    assert publisher.push_live() == 1
    done = store.read(publications.last_push)
    assert done is not None
    assert (done.version, done.shown, done.failed) == (1, 1, "")


def test_pushers_take_turns_so_that_each_tag_has_one_menu(world: World) -> None:
    put(world.circle.store, FILES)
    at_once([world.circle.publisher.push_live] * 2)
    menus = LiveMenus(world.circle.store, FILES)
    conditional = world.circle.wechat.get_menus()["conditionalmenu"]
    assert len(conditional) == len(menus().menu_files) - 1
