"""`privacy ...`, end to end: BOSS closes, the person is told, and the number goes."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from commands.privacy_docs import page
from models import clubs, subscribers
from models.base import Tx
from models.points import verify
from tests.commands.conftest import Typed
from tests.conftest import MovableClock, Phone, World
from tests.models.operators import operator
from tests.workers.conftest import Owing

PhoneOf = Callable[[str], Phone]

LI = "+8613800000001"
WHY = "--reason=在营业厅申请"


@pytest.fixture
def owing(world: World) -> Owing:
    return Owing(world)


@pytest.fixture
def two(world: World) -> None:
    """wang of customer service, and zhao who approves."""

    def make(tx: Tx) -> None:
        operator(tx, "service", now=world.clock(), login="wang")
        operator(tx, "approver", now=world.clock(), login="zhao")
        li = subscribers.find(tx, "sms", LI)
        assert li is not None
        clubs.join(tx, li, "film", origin="test", now=world.clock())

    world.circle.store.run(make)


@pytest.mark.usefixtures("two")
def test_a_person_is_deleted_by_two_told_once_and_then_nowhere(
    world: World, typed: Typed, clock: MovableClock
) -> None:
    assert "it needs privacy.propose" in typed("privacy", "delete", LI, "--by=zhao", WHY).stderr
    number_in_it = typed("privacy", "delete", LI, "--by=wang", "--reason=13800000001 打来电话")
    assert "no phone number" in number_in_it.stderr
    proposed = typed("privacy", "delete", "13800000001", "--by=wang", WHY)
    assert proposed.exit_code == 0, proposed.output
    assert "it needs privacy.approve" in typed("privacy", "approve", "1", "--by=wang").stderr
    approved = typed("privacy", "approve", "1", "--by=zhao")
    assert "1580 points" in approved.stdout
    assert "1 memberships ended" in approved.stdout
    world.work()
    wire = world.control("GET", "/wire")
    assert sum("boss close" in one["what"] for one in wire) == 1
    sent = world.rows("SELECT payload ->> 'text', state FROM outbox WHERE kind = 'sms'")
    assert len(sent) == 1
    assert "已经办好" in sent[0][0]
    clock.advance(hours=2)
    world.tick()
    assert world.rows("SELECT count(*) FROM outbox") == [(0,)]
    assert world.rows("SELECT purged_at IS NOT NULL FROM privacy_deletions") == [(True,)]
    left = [
        row
        for (table,) in world.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for row in world.rows(f'SELECT * FROM "{table}"')
        if LI in str(row) or "13800000001" in str(row) or "o_lilei" in str(row)
    ]
    assert left == []
    assert "told: sms" in typed("privacy", "deletions").stdout
    with world.circle.store.begin() as tx:
        assert verify.verify(tx).ok


@pytest.mark.usefixtures("two")
def test_a_person_known_by_wechat_alone_is_told_there(
    world: World, typed: Typed, phone: PhoneOf
) -> None:
    phone("小张").says("绑定")
    ((person,),) = world.rows(
        "SELECT subscriber_id FROM subscriber_addresses WHERE address = 'o_xiaozhang'"
    )
    typed("privacy", "delete", str(person), "--by=wang", WHY)
    assert typed("privacy", "approve", "1", "--by=zhao").exit_code == 0
    world.work()
    assert world.rows("SELECT kind, state FROM outbox") == [("wechat", "sent")]


@pytest.mark.usefixtures("two")
def test_a_copy_is_written_and_noted(typed: Typed, world: World, tmp_path: Path) -> None:
    file = tmp_path / "copy.zip"
    assert typed("privacy", "export", LI, str(file), "--by=wang", WHY).exit_code == 0
    assert LI in zipfile.ZipFile(file).read("个人信息.html").decode()
    assert world.rows("SELECT action FROM audit_entries WHERE action LIKE 'privacy.%%'") == [
        ("privacy.export",)
    ]
    nobody = typed("privacy", "export", "13999999999", str(file), "--by=wang", WHY)
    assert "nobody has this number" in nobody.stderr


def test_what_is_too_old_is_forgotten_by_command_and_counted(
    typed: Typed, world: World, owing: Owing, clock: MovableClock
) -> None:
    owing.sms()
    world.work()
    clock.advance(days=91)
    assert "nothing yet" in typed("privacy", "retention", "--show").stdout
    owing.sms()  # the newest row stays
    done = typed("privacy", "retention")
    assert "messages and calls that were settled; deleted 1" in done.stdout
    assert world.rows("SELECT rule, deleted FROM retention_runs") == [("sent_messages", 1)]
    assert ": 1" in typed("privacy", "retention", "--show").stdout


def test_the_page_of_personal_data_is_current(typed: Typed) -> None:
    written = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text("utf-8")
    assert written == page() == typed("privacy", "docs").stdout
