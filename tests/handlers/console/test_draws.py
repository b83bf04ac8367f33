"""Draws in the console: edited, approved by another person, watched, stopped at once; parcels."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handlers import draw_publishing
from models import subscribers
from models.base import Tx
from models.draws import drawing, parcels, publishing, seeds
from models.draws.definition import Draw
from models.draws.parcels import Address
from models.draws.people import NotDrawn
from tests.handlers.console.conftest import Browser, Console
from tests.handlers.console.test_menus import hidden, proposed, saved, send

FILE, DRAFT = "/console/draws/file/egg.yaml", "/console/draws/draft"


@pytest.fixture(scope="module")
def li(console: Console) -> Browser:
    """Of operations; the clock has promised the seeds."""
    console.circle.store.run(
        lambda tx: seeds.promise_ahead(tx, console.circle.seeds, console.clock())
    )
    return console.as_("operations")


def approve(console: Console, proposal: str) -> str:
    wang = console.as_("approver")
    return wang.follow(send(wang, proposal, do="approve", because=""))


def egg(console: Console) -> publishing.Live:
    found = console.circle.store.read(lambda tx: publishing.find(tx, "egg"))
    assert found is not None
    return found


def text(console: Console) -> str:
    """What is live, as a file."""
    standing = console.circle.store.read(lambda tx: draw_publishing.standing(tx, {}))
    return standing.files["egg.yaml"]


def draw(console: Console, tx: Tx, key: str) -> drawing.Drawn:
    who = subscribers.lock(tx, "sms", "+8613800000001", console.clock())
    return drawing.draw(
        tx, who, "egg", key=key, channel="sms", seeds=console.circle.seeds, now=console.clock(),
        at_most=100,
    )  # fmt: skip


def test_a_change_is_shown_approved_by_another_and_drawn_from(
    console: Console, li: Browser
) -> None:
    before = egg(console)
    old = text(console)
    page = saved(li, FILE, old.replace("free_a_day: 1", "free_a_day: 2"))
    assert "检查通过" in page
    assert "free_a_day: 1 → 2" in li.page(DRAFT)
    approve(console, proposed(li, "多送一次", "draws"))
    after = egg(console)
    assert (after.version, after.draw.free_a_day) == (before.version + 1, 2)
    kept = console.rows(
        "SELECT author, approved_by FROM draw_versions WHERE draw_code = 'egg' AND version = %s",
        after.version,
    )
    assert kept[0][0] != kept[0][1]
    assert "多送一次" in li.page("/console/draws/history")


def test_mistakes_are_told_in_chinese_and_a_live_draw_keeps_its_file(
    console: Console, li: Browser
) -> None:
    page = saved(li, FILE, text(console).replace("odds_ppm: 716900", "odds_ppm: 700000"))
    assert "中奖机会加起来是 983100，应该是 1000000（还差 16900" in page
    li.follow(send(li, FILE, do="delete", seen=hidden(li, FILE, "seen")))
    assert "缺少这个文件（要停就停止抽奖）" in li.page(DRAFT)


def test_how_a_draw_goes_is_seen_and_it_is_stopped_at_once(console: Console, li: Browser) -> None:
    console.circle.store.run(lambda tx: draw(console, tx, "a"))
    page = li.page("/console/draws/live/egg")
    for said in ("20.0000%", "相符", "1GB流量包", "99.9%"):
        assert said in page
    assert "请写明为什么" in li.send("/console/draws/live/egg/stop",
                                form_from="/console/draws/live/egg", reason="").text  # fmt: skip
    li.follow(li.send("/console/draws/live/egg/stop", form_from="/console/draws/live/egg",
                      reason="水壶没货"))  # fmt: skip
    with pytest.raises(NotDrawn) as refused:
        console.circle.store.run(lambda tx: draw(console, tx, "b"))
    assert refused.value.why == "stopped"
    assert "恢复抽奖" not in li.page("/console/draws/live/egg")
    assert li.forge("/console/draws/live/egg/go", reason="x").status_code == 403
    wang = console.as_("approver")
    wang.follow(wang.send("/console/draws/live/egg/go", form_from="/console/draws/live/egg",
                          reason="到货"))  # fmt: skip
    console.circle.store.run(lambda tx: draw(console, tx, "b"))
    said = "SELECT action, reason FROM audit_entries WHERE subject = 'draw:egg' ORDER BY id"
    assert console.rows(said) == [("draws.stop", "水壶没货"), ("draws.go", "到货")]
    assert li.get("/console/draws/live/nothing").status_code == 404


def test_a_parcel_is_sent_with_its_number_and_its_owner_will_be_told(
    console: Console, li: Browser
) -> None:
    live = egg(console).draw
    content = live.content()
    for each in content["prizes"]:
        each["odds_ppm"] = 0
        if each["code"] == "kettle":
            each |= {"odds_ppm": 1_000_000, "release": "at_once"}
    sure = Draw.model_validate(content)

    def win(tx: Tx) -> int:
        publishing.publish(
            tx, sure, console.circle.seeds, author="t", note="t", now=console.clock()
        )
        won = draw(console, tx, "kettle").won
        assert won is not None
        who = subscribers.lock(tx, "sms", "+8613800000001", console.clock())
        address = Address("李雷", "13800000001", "湖南省长沙市五一大道1号")
        parcels.give_address(tx, who, won.result_id, address, console.clock())
        return won.result_id

    number = console.circle.store.run(win)
    ((owner,),) = console.rows("SELECT subscriber_id FROM draw_deliveries WHERE state = 'to_send'")
    page = li.page("/console/draws/parcels")
    assert "湖南省长沙市五一大道1号" in page
    bad = li.send("/console/draws/parcels", owner=str(owner), number=str(number), carrier="顺丰")
    assert "请写快递单号" in bad.text
    li.follow(li.send("/console/draws/parcels", owner=str(owner), number=str(number),
                      carrier="顺丰", tracking="SF1"))  # fmt: skip
    assert console.rows("SELECT state, tracking FROM draw_deliveries WHERE kind = 'parcel'") == [
        ("sent", "SF1")
    ]
    told = console.rows("SELECT count(*) FROM mailbox WHERE words LIKE %s", "%顺丰，单号SF1%")
    assert told == [(1,)]
    console.circle.store.run(lambda tx: parcels.forget(tx, console.clock() + timedelta(days=91)))
    assert console.rows("SELECT name, address FROM draw_deliveries WHERE kind = 'parcel'") == [
        (None, None)
    ]
