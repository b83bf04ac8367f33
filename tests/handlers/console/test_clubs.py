"""Clubs, scenes and tags at the console, with the emulated WeChat: changes, codes, posters."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import pytest
import zxingcpp
from PIL import Image

import app as product
import doors
from handlers import posters
from integrations.wechat_api import WeChatApi
from models import clubs, subscribers
from models.base import Tx
from tests.conftest import MovableClock, Phone, World
from tests.handlers.console.conftest import SECURE, Browser, Console

PhoneOf = Callable[[str], Phone]
NEW = {
    "name": "电影俱乐部",
    "intro": "半价电影票",
    "yuan": "6.5",
    "is_open": "yes",
    "reason": "涨价",
}


@pytest.fixture
def console(world: World, clock: MovableClock) -> Iterator[Console]:
    settings = world.circle.settings.model_copy(update={"public_url": SECURE})
    circle = product.Circle(settings, connections=4, now=clock)
    yield Console(doors.flask_app(circle), circle, clock)
    circle.store.close()


def change(browser: Browser, **fields: str) -> int:
    """Propose to change the film club; the proposal's number."""
    answer = browser.send("/console/clubs/film", **(NEW | fields))
    assert answer.status_code == 303, answer.text
    found = re.search(r"/approvals/([0-9]+)$", answer.location)
    assert found
    return int(found[1])


def fee(console: Console) -> int:
    ((fen,),) = console.rows("SELECT price_fen FROM clubs WHERE code = 'film'")
    return int(fen)


def test_what_an_offer_costs_once_is_no_monthly_price(console: Console) -> None:
    operations = console.as_("operations")
    assert "500 分 + 15 元<" in operations.page("/console/clubs/film")
    operations.send("/console/language", form_from="/console", language="en", back="/console")
    assert "500 points + 15 yuan<" in operations.page("/console/clubs/film")


def test_a_club_changes_when_somebody_else_has_approved(console: Console) -> None:
    operations, approver = console.as_("operations"), console.as_("approver")
    number = change(operations)
    assert fee(console) == 500
    path = f"/console/approvals/{number}"
    shown = approver.page(path)
    assert "5 元/月" in shown
    assert "6.5 元/月" in shown
    own = operations.send(path, do="approve", because="")
    assert own.status_code in (400, 403)
    approver.follow(approver.send(path, do="approve", because=""))
    assert fee(console) == 650
    assert console.rows("SELECT subject FROM audit_entries WHERE action = 'club.change'") == [
        ("club:film",)
    ]


def test_a_club_that_was_changed_meanwhile_is_not_changed_unseen(console: Console) -> None:
    number = change(console.as_("operations"))
    with console.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE clubs SET price_fen = 700 WHERE code = 'film'")
    approver = console.as_("approver")
    refused = approver.send(f"/console/approvals/{number}", do="approve", because="")
    assert "请重新提出" in refused.text
    assert fee(console) == 700


@pytest.mark.parametrize(
    "yuan", ["", "-1", "1.005", "1001", "NaN", "x", "1e99", "Infinity", "1e999999"]
)
def test_a_fee_that_is_none_is_refused_and_stays_as_it_was_typed(
    console: Console, yuan: str
) -> None:
    answer = console.as_("operations").send("/console/clubs/film", **(NEW | {"yuan": yuan}))
    assert answer.status_code == 400
    assert "最多两位小数" in answer.text
    assert f'value="{yuan}"' in answer.text


def test_only_operations_may_propose_and_make_codes(console: Console) -> None:
    for role in ("approver", "analyst", "service"):
        browser = console.as_(role)
        assert browser.get("/console/clubs/film").status_code == 200
        for path in ("/console/clubs/film", "/console/scenes/club-film", "/console/tags/new"):
            answer = browser.send(path, form_from="/console", name="film", lasts="forever")
            assert answer.status_code == 403, (role, path)
    assert console.as_("administrator").get("/console/clubs").status_code == 403


def test_members_are_counted_as_they_come_and_go(console: Console, clock: MovableClock) -> None:
    def come_and_go(tx: Tx) -> None:
        for n in range(20):
            who = subscribers.lock(tx, "sms", f"+861370000{n:04d}", clock())
            clubs.start_opening(tx, who, "film", origin="t", now=clock())
            if n >= 5:
                clubs.join(tx, who, "film", origin="t", now=clock())
            if n >= 12:
                clubs.leave(tx, who, "film", origin="t", now=clock())

    console.circle.store.run(come_and_go)
    ((counted, waiting),) = console.rows(
        "SELECT sum(members)::int, sum(opening)::int FROM club_members WHERE club_code = 'film'"
    )
    states = dict(console.rows("SELECT state, count(*) FROM memberships GROUP BY 1"))
    assert (counted, waiting) == (states["active"], states["opening"]) == (7, 5)


def read(png: bytes) -> str:
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)))
    return str(found.text)


@pytest.mark.slow
def test_a_code_is_made_drawn_printed_and_scanned(
    console: Console, phone: PhoneOf, world: World
) -> None:
    operations, path = console.as_("operations"), "/console/scenes/club-film"
    assert "请先生成" in operations.page(path)
    assert operations.get(f"{path}/qr.png").status_code == 404
    operations.follow(operations.send(path, lasts="days", days="7"))
    operations.follow(operations.send(path, lasts="forever", days=""))
    kept = dict(console.rows("SELECT expires_at IS NULL, url FROM scene_codes"))
    assert set(kept) == {True, False}
    png = operations.get(f"{path}/qr.png").data
    assert read(png) == kept[True], "the one for ever is printed"
    assert operations.get(f"{path}/qr.svg").data.startswith(b"<?xml")
    poster = operations.get(f"{path}/poster?size=A5&form=png").data
    assert read(poster) == kept[True]
    pdf = operations.get(f"{path}/poster?size=A4&form=pdf")
    assert pdf.data.startswith(b"%PDF")
    assert "club-film-A4.pdf" in pdf.headers["Content-Disposition"]
    assert operations.get(f"{path}/poster?size=A0&form=pdf").status_code == 404
    for _ in range(3):
        phone("李雷").scans("club-film")
    phone("韩梅梅").scans("nowhere")
    assert console.rows("SELECT scene, sum(scans)::int FROM scene_days GROUP BY 1") == [
        ("club-film", 3)
    ]
    listed = operations.page("/console/scenes")
    assert "3" in listed
    assert "draw_this" not in listed  # a draw by the word that opens it
    assert "砸金蛋" in listed


def test_a_code_that_lasts_too_long_is_refused(console: Console) -> None:
    operations = console.as_("operations")
    for days in ("0", "31", "x", "9999999"):
        answer = operations.send("/console/scenes/club-film", lasts="days", days=days)
        assert answer.status_code == 400
    assert console.rows("SELECT count(*) FROM scene_codes") == [(0,)]


def test_wechat_that_does_not_answer_is_said_and_nothing_is_kept(
    console: Console, world: World
) -> None:
    world.fault("wechat.api", "error", times=20)
    operations = console.as_("operations")
    answer = operations.send("/console/scenes/club-film", lasts="forever", days="")
    assert answer.status_code == 400
    assert "请稍后再试" in answer.text
    assert console.rows("SELECT count(*) FROM scene_codes") == [(0,)]
    tags = operations.get("/console/tags")
    assert tags.status_code == 200
    assert "电影俱乐部" in tags.text
    operations.send("/console/tags/new", form_from="/console/language", name="film")
    assert [row[:2] for row in entries(console)] == [
        ("scenes.ask", "scene:club-film"), ("scenes.fail", "scene:club-film"),
        ("tags.ask", "tag:film"), ("tags.fail", "tag:film"),
    ]  # fmt: skip


def entries(console: Console) -> list[tuple[str, str, Any]]:
    return [
        (action, subject, after)
        for action, subject, after in console.rows(
            "SELECT action, subject, after FROM audit_entries"
            " WHERE action ~ '^(scenes|tags)' ORDER BY id"
        )
    ]


def test_what_wechat_is_asked_for_stands_in_the_audit_before_it_is_asked(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    operations, seen = console.as_("operations"), []

    def cut_off(*_: object) -> None:
        seen.extend(entries(console))
        raise SystemExit("kill -9")

    monkeypatch.setattr(WeChatApi, "create_permanent_qr", cut_off)
    with pytest.raises(SystemExit):
        operations.send("/console/scenes/club-film", lasts="forever", days="")
    assert seen == [("scenes.ask", "scene:club-film", {"days": None})]
    monkeypatch.undo()
    operations.send("/console/scenes/club-film", lasts="days", days="7")
    operations.send("/console/tags/new", form_from="/console/tags", name="film")
    asked, asked_again, made, *tags = entries(console)
    assert asked == seen[0]
    assert (asked_again[0], made[0]) == ("scenes.ask", "scenes.make")
    ((code,),) = console.rows("SELECT id FROM scene_codes")
    assert made[2] == {"code": code, "days": 7}
    assert [row[0] for row in tags] == ["tags.ask", "tags.make"]


def test_tags_are_shown_with_their_menus_and_made_where_they_are_missing(console: Console) -> None:
    operations = console.as_("operations")
    assert "menus/wechat/film.yaml" in operations.page("/console/tags")
    operations.follow(operations.send("/console/tags/new", form_from="/console/tags", name="film"))
    assert "film" in {tag.name for tag in console.circle.wechat.counted_tags()}
    made_up = operations.send("/console/tags/new", form_from="/console", name="made-up")
    assert made_up.status_code == 400


def test_a_poster_fits_a_long_title() -> None:
    made = posters.poster("x", title="全球通VIP俱乐部尊享服务中心" * 2, size="A5", form="png")
    assert Image.open(io.BytesIO(made)).size == (1748, 2480)
    assert read(made) == "x"


@pytest.mark.parametrize(
    ("path", "words", "found", "left_out"),
    [
        ("clubs", "电影", "/console/clubs/film", "/console/clubs/car"),
        ("clubs", "VIP", "/console/clubs/vip", "/console/clubs/film"),
        ("scenes", "cinema", "/console/scenes/cinema-01", "/console/scenes/club-film"),
        ("scenes", "车友", "/console/scenes/club-car", "/console/scenes/club-film"),
        ("tags", "电影", "film", "lottery"),
    ],
)
def test_clubs_scenes_and_tags_are_searched_and_taken_as_files(
    console: Console, path: str, words: str, found: str, left_out: str
) -> None:
    operations = console.as_("operations")
    page = operations.page(f"/console/{path}?words={words}")
    table = page.partition("<tbody")[2].partition("</tbody>")[0]
    assert found in table
    assert left_out not in table
    assert "没有符合条件的" in operations.page(f"/console/{path}?words=没有这个")
    whole = operations.get(f"/console/{path}.csv").data.decode("utf-8-sig").splitlines()
    some = operations.get(f"/console/{path}.csv?words={words}").data.decode().splitlines()
    assert len(whole) > len(some) > 1
    assert operations.get(f"/console/{path}.xlsx?words={words}").data.startswith(b"PK")
    exports = "SELECT count(*) FROM audit_entries WHERE action = 'lists.export'"
    assert console.rows(exports) == [(3,)]


def test_clubs_stand_in_their_order_and_can_be_narrowed_to_those_that_take_members(
    console: Console,
) -> None:
    with console.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE clubs SET is_open = false WHERE code = 'car'")
    operations = console.as_("operations")
    order = [code for (code,) in console.rows("SELECT code FROM clubs ORDER BY position")]
    assert re.findall(r"/console/clubs/([a-z]+)", operations.page("/console/clubs")) == order
    closed = operations.page("/console/clubs?open=no")
    assert re.findall(r"/console/clubs/([a-z]+)", closed) == ["car"]


def test_a_list_is_paged_by_key_though_it_is_read_whole(console: Console) -> None:
    settings = console.circle.settings
    few = settings.model_copy(
        update={"console": settings.console.model_copy(update={"rows_a_page": 5})}
    )
    circle = product.Circle(few, connections=2, now=console.clock)
    operations = Console(doors.flask_app(circle), circle, console.clock).as_("operations")
    page, names = operations.page("/console/scenes"), []
    while True:
        names += re.findall(r"/console/scenes/([a-z0-9-]+)", page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        if not following:
            break
        page = operations.page(unescape(following[1]))
    assert names == sorted(circle.live().scenes)
    circle.store.close()


def test_scenes_that_are_gone_are_named_and_a_silent_wechat_leaves_the_tags(
    console: Console, world: World
) -> None:
    with console.circle.store.begin() as tx:
        tx.exec_driver_sql("INSERT INTO scene_days VALUES ('old-poster', '2026-01-01', 0, 3)")
    operations = console.as_("operations")
    assert "old-poster" in operations.page("/console/scenes")
    world.fault("wechat.api", "error", times=20)
    page = operations.page("/console/tags")
    assert "人数暂时看不到" in page
    assert "电影俱乐部" in page
