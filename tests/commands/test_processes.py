"""What stops a process before it starts, said so that somebody can put it right."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import app as product
import settings as configuration
from commands import cli
from settings import DEVELOPMENT
from tests.commands.conftest import ROOT, process

BOSS = {"CIRCLE_BOSS__BASE_URL": "http://127.0.0.1:1/boss"}
DATABASE = {"CIRCLE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """This program with a config.yaml of its own, to be spoilt."""
    for name in (
        "app.py", "doors.py", "sending.py", "settings.py", "settings_outside.py", "logs.py",
        "config.yaml",
    ):  # fmt: skip
        shutil.copy(ROOT / name, tmp_path / name)
    for package in ("commands", "dialogs", "embedded", "handlers", "integrations", "menus",
                    "models", "sms", "workers"):  # fmt: skip
        (tmp_path / package).symlink_to(ROOT / package)
    return tmp_path


def _typed(*words: str, **environment: str) -> Result:
    settings = configuration.load({**DEVELOPMENT, **BOSS, **environment})
    return CliRunner().invoke(cli.main, list(words), obj=lambda **_: product.Circle(settings))


@pytest.mark.parametrize(
    "words",
    ["db upgrade", "db seed", "db check", "menus diff", "web", "worker", "clock", "outbox list"],
)
def test_without_a_database_a_command_says_what_to_set(words: str) -> None:
    ended = _typed(*words.split())
    assert ended.exit_code == 1
    assert ended.stderr.startswith("Error: CIRCLE_DATABASE_URL is not set.")


@pytest.mark.parametrize(
    "words",
    ["web", "worker", "clock", "menus push", "menus publish --note why", "outbox retry --all"],
)
def test_without_redis_a_command_that_needs_it_says_what_to_set(words: str) -> None:
    ended = _typed(*words.split(), **DATABASE)
    assert ended.exit_code == 1
    assert ended.stderr.startswith("Error: CIRCLE_REDIS_URL is not set.")


@pytest.mark.slow
def test_a_command_without_a_database_ends_without_a_traceback() -> None:
    ended = process("outbox", "list", environment={**DEVELOPMENT, **BOSS})
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: CIRCLE_DATABASE_URL is not set.")
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_a_database_that_is_away_ends_a_command_with_a_sentence() -> None:
    ended = process("outbox", "list", environment={**DEVELOPMENT, **BOSS, **DATABASE})
    assert ended.returncode == 1
    assert "Error: the database cannot be reached" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_production_refuses_the_secrets_that_everybody_knows() -> None:
    production = {**DEVELOPMENT, **BOSS, **DATABASE, "CIRCLE_ENVIRONMENT": "production"}
    ended = process("web", environment=production)
    assert ended.returncode == 2
    assert "CIRCLE_WECHAT__APP_SECRET still has the value everybody knows" in ended.stderr
    assert DEVELOPMENT["CIRCLE_WECHAT__APP_SECRET"] not in ended.stderr


@pytest.mark.slow
def test_a_bad_environment_is_named_variable_by_variable() -> None:
    wrong = {**DEVELOPMENT, "CIRCLE_PORT": "99999", "CIRCLE_REDIS_URL": "x://"}
    ended = process("web", environment=wrong)
    assert ended.returncode == 2
    assert "error: CIRCLE_PORT: " in ended.stderr
    assert "error: CIRCLE_REDIS_URL: " in ended.stderr


@pytest.mark.slow
def test_a_bad_config_is_named_with_file_and_line(elsewhere: Path) -> None:
    config = elsewhere / "config.yaml"
    text = config.read_text("utf-8")
    text = text.replace("port: 8000 ", "prot: 8000 ", 1).replace("threads: 4 ", "threads: many ", 1)
    config.write_text(text, "utf-8")
    lines = text.splitlines()
    prot = next(n for n, line in enumerate(lines, 1) if line.startswith("prot"))
    threads = next(n for n, line in enumerate(lines, 1) if "threads: many" in line)
    ended = process("web", root=elsewhere, environment={**DEVELOPMENT, **BOSS, **DATABASE})
    assert ended.returncode == 2
    assert f"error: config.yaml:{prot}:1: " in ended.stderr
    assert "port" in ended.stderr
    assert f"error: config.yaml:{threads}:" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_a_secret_in_the_config_file_is_refused(elsewhere: Path) -> None:
    config = elsewhere / "config.yaml"
    text = config.read_text("utf-8").replace("boss:\n", "boss:\n  secret: hush-hush\n", 1)
    config.write_text(text, "utf-8")
    ended = process("web", root=elsewhere, environment={**DEVELOPMENT, **BOSS, **DATABASE})
    assert ended.returncode == 2
    assert "CIRCLE_BOSS__SECRET" in ended.stderr
    assert "hush-hush" not in ended.stderr


def test_help_lists_every_command() -> None:
    ended = CliRunner().invoke(cli.main, ["--help"])
    assert ended.exit_code == 0
    for name in ("run", "web", "worker", "clock", "db", "menus", "outbox"):
        assert f"\n  {name} " in ended.stdout
