"""`tasks ...`: checked, published and shown."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.commands.conftest import Typed
from tests.conftest import World

FILE = Path(__file__).parents[2] / "rules" / "tasks.yaml"


def test_tasks_are_checked_published_and_shown(
    typed: Typed, tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIRCLE_DATABASE_URL", world.circle.settings.database_url or "")
    assert "it is what is live" in typed("tasks", "check").stdout
    file = tmp_path / "tasks.yaml"
    shutil.copy(FILE, file)
    file.write_text(file.read_text("utf-8").replace("绑定手机号", "绑定您的手机号"), "utf-8")
    assert "not live yet" in typed("tasks", "check", str(file)).stdout
    said = typed("tasks", "publish", str(file), "--note", "换个说法")
    assert "version 2 of the tasks is live" in said.stdout
    assert "nothing has changed" in typed("tasks", "publish", str(file), "--note", "again").stdout
    assert "bind-phone: 绑定您的手机号, once, by number_bound" in typed("tasks", "show").stdout
    assert world.rows("SELECT action, reason FROM audit_entries") == [("tasks.publish", "换个说法")]
    file.write_text("tasks: []\n", "utf-8")
    assert typed("tasks", "check", str(file)).exit_code == 1
