"""`broadcast ...` as somebody types it: from a file to phones, and stopped."""

from __future__ import annotations

from pathlib import Path

from models import approvals
from models.broadcasts import acting
from tests.broadcasts import TEXT
from tests.commands.conftest import Typed
from tests.conftest import World
from tests.models import operators


def test_a_broadcast_goes_from_a_file_to_phones(typed: Typed, world: World, tmp_path: Path) -> None:
    file, store, now = tmp_path / "numbers.csv", world.circle.store, world.clock()
    file.write_text("手机号\n13711110001\n座机\n13711110002\n13711110001\n", "utf-8")
    no = typed("broadcast", "create", "周末", "--text", "半价 {name}", "--file", str(file))
    assert "something was not filled in: 价 {name}" in no.stderr
    who = typed("broadcast", "create", "周末", "--text", TEXT)
    assert "say who" in who.stderr
    made = typed("broadcast", "create", "周末", "--text", TEXT, "--file", str(file)).stdout
    assert "2 numbers (1 lines without, 1 twice), 1 SMS each, 0.08 yuan at most" in made
    number = made.split()[0]
    checked = typed("broadcast", "check", number).stdout
    assert "line 3: not_a_number" in checked
    assert "137****0001" in checked
    assert "13711110001" not in checked
    assert "is draft" in typed("broadcast", "start", number).stderr
    assert "test_numbers names nobody" in typed("broadcast", "test", number).stderr
    with store.begin() as tx:
        proposer = operators.operator(tx, "operations", now=now)
        approver = operators.operator(tx, "approver", now=now)
    words = ("broadcast", "propose", number, "--reason", "周末活动", "--by")
    assert "may not propose" in typed(*words, approver.login).stderr
    assert "no such operator" in typed(*words, "nobody").stderr
    assert "waits for another person" in typed(*words, proposer.login).stdout
    with store.begin() as tx:
        [(proposal,)] = world.rows("SELECT proposal_id FROM broadcasts")
        decided = approvals.approve(tx, proposal, by=operators.by(approver), because="好", now=now)
        acting.approve(tx, decided, now=now)
    assert "running" in typed("broadcast", "start", number).stdout
    world.tick()
    world.tick()
    world.clock.advance(seconds=5)
    world.tick()
    world.tick()
    shown = typed("broadcast", "show", number).stdout
    assert "done" in shown
    assert "on their way 0, left 0" in shown
    assert "2 of         2  周末" in typed("broadcast", "list").stdout
    assert "is done" in typed("broadcast", "pause", number).stderr


def test_a_segment_is_stopped_and_stays_so(typed: Typed) -> None:
    made = typed("broadcast", "create", "会员", "--text", TEXT, "--club", "film").stdout
    number = made.split()[0]
    assert "no such thing" in typed(
        "broadcast", "create", "会员", "--text", TEXT, "--club", "nowhere"
    ).stderr  # fmt: skip
    asked = typed("broadcast", "stop", number, "--reason", "写错了", answers="n\n")
    assert asked.exit_code == 1
    stopped = typed("broadcast", "stop", number, "--reason", "写错了", answers="y\n").stdout
    assert "stopped" in stopped
    assert "there is no broadcast 999" in typed("broadcast", "show", "999").stderr
