"""Commands as they are typed: on a test's world, or as a process of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from commands import cli
from tests.conftest import World

ROOT = Path(__file__).parents[2]
Typed = Callable[..., Result]


@pytest.fixture
def menus(tmp_path: Path) -> Path:
    """A copy of the menu files, to be spoilt."""
    folder = tmp_path / "menus"
    shutil.copytree(ROOT / "menus", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return folder


@pytest.fixture
def typed(world: World) -> Typed:
    """Type a command: its words -> exit_code, stdout, stderr."""

    def run(*words: str, answers: str = "") -> Result:
        with capture_logs():  # which go elsewhere than what a command says
            return CliRunner().invoke(
                cli.main, list(words), obj=lambda **_: world.circle, input=answers
            )

    return run


def process(
    *words: str, environment: Mapping[str, str], root: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """`python app.py ...` with nothing set but this environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CIRCLE_")}
    return subprocess.run(
        [sys.executable, str(root / "app.py"), *words],
        env={**kept, **environment},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
