"""Earning rules in the console: a file is edited, tried on the past, approved, and pays."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from handlers import rule_publishing
from models import memberships
from models.earning import rules
from tests.handlers.console.conftest import Browser, Console
from tests.handlers.console.test_menus import hidden, proposed, saved, send

FOLDER = Path(__file__).parents[3] / "rules"
DATA, DRAFT = "/console/rules/file/earning/data.yaml", "/console/rules/draft"


@pytest.fixture(scope="module")
def li(console: Console) -> Browser:
    """Of operations; the rules of the folder are live, by a proposal that wang has approved."""
    who = console.as_("operations")
    who.follow(send(who, DRAFT, do="import", revision="0"))
    approve(console, proposed(who, "开始", "rules"))
    return who


def approve(console: Console, proposal: str) -> str:
    wang = console.as_("approver")
    return wang.follow(send(wang, proposal, do="approve", because=""))


def live(console: Console) -> dict[str, rules.Version]:
    return console.circle.store.read(rules.live)


def test_the_files_of_the_folder_go_live_with_their_comments(console: Console, li: Browser) -> None:
    shipped = sorted(path.stem for path in (FOLDER / "earning").glob("*.yaml"))
    assert sorted(live(console)) == shipped
    standing = console.circle.store.read(lambda tx: rule_publishing.standing(tx, {}))
    for name in ("earning/data.yaml", "events.yaml", "tiers.yaml", "memberships.yaml"):
        assert standing.files[name] == (FOLDER / name).read_text("utf-8")
    page = li.page("/console/rules")
    assert "1,000,000 / 1,000,000" in page  # the budget of the weekend's campaign is funded
    assert "普卡、银卡" in page


def test_memberships_are_checked_shown_and_go_live_with_the_others(
    console: Console, li: Browser
) -> None:
    path = "/console/rules/file/memberships.yaml"
    text = (FOLDER / "memberships.yaml").read_text("utf-8")
    assert "没有这个优惠" in saved(li, path, text.replace("offer: gym-day", "offer: gym-dya"))
    page = saved(li, path, text.replace("pay_points: 800", "pay_points: 900"))
    assert "检查通过" in page
    assert "俱乐部会籍规则换成新的一版" in li.page(DRAFT)
    approve(console, proposed(li, "贵一点", "rules"))
    rule = console.circle.store.read(memberships.live).of("film")
    assert rule.premium is not None
    assert rule.premium.price_points == 900
    answer = send(li, path, do="delete")
    assert answer.status_code == 400


def test_a_change_is_shown_tried_approved_and_paid_by(console: Console, li: Browser) -> None:
    text = (FOLDER / "earning/data.yaml").read_text("utf-8")
    page = saved(li, DATA, text.replace("amount_fen / 100", "amount_fen / 50"))
    assert "检查通过" in page
    assert "amount: event.amount_fen / 100 → event.amount_fen / 50" in li.page(DRAFT)
    trial = "/console/rules/dry-run"
    li.follow(send(li, trial, first="2026-03-01", last="2026-03-02"))
    for _ in range(200):
        seen = li.page(f"{trial}/progress")
        if "正在试算" not in seen:
            break
        time.sleep(0.05)  # the run has a thread of its own
    assert "0 个事件，共送 0 积分" in seen
    before = live(console)["data"].version
    approve(console, proposed(li, "双倍", "rules"))
    found = live(console)
    assert found["data"].version == before + 1
    assert found["data"].rule.amount == "event.amount_fen / 50"
    assert found["check-in"].version == 1


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("event: package_ordered", "event: package_orderd", "events.yaml 里没有 package_orderd"),
        ("event.amount_fen / 100", "event.amount_fan", "事件没有 amount_fan 这个值"),
        ("kind: promotional", "kind: gold", "应该是"),
        ("code: data", "code: other", "和文件名不一样"),
    ],
)
def test_mistakes_are_told_in_chinese_with_their_place(
    li: Browser, old: str, new: str, told: str
) -> None:
    text = (FOLDER / "earning/data.yaml").read_text("utf-8")
    answer = send(li, DATA.replace("/file/", "/check/"), text=text.replace(old, new))
    assert told in answer.text
    assert "earning/data.yaml:" in answer.text


def test_a_rule_whose_file_is_removed_stops(console: Console, li: Browser) -> None:
    li.follow(send(li, "/console/rules/file/earning/check-in.yaml", do="delete"))
    assert "check-in：停用" in li.page(DRAFT)
    approve(console, proposed(li, "不做了", "rules"))
    assert "check-in" not in live(console)


def test_a_proposal_over_rules_that_have_changed_is_refused(console: Console, li: Browser) -> None:
    text = (FOLDER / "earning/bill-points.yaml").read_text("utf-8")
    saved(li, "/console/rules/file/earning/bill-points.yaml", text.replace("2000", "3000"))
    proposal = proposed(li, "更多", "rules")
    now = console.clock()
    with console.circle.store.begin() as tx:
        found = rules.live(tx)["data"].rule
        rules.add(tx, found, state=rules.LIVE, by="tests", note="x", now=now)
    wang = console.as_("approver")
    answer = send(wang, proposal, do="approve", because="")
    assert answer.status_code == 400
    assert "别人已经发布了新的版本" in answer.text
    assert live(console)["bill-points"].rule.caps.person_day == 2000


def test_tiers_that_people_hold_cannot_be_left_out_of_their_file(li: Browser) -> None:
    answer = send(li, "/console/rules/file/tiers.yaml", do="delete")
    assert answer.status_code == 400
    assert hidden(li, "/console/rules/file/tiers.yaml", "seen")
