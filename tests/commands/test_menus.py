"""`menus ...` as operators type it: nothing with a mistake goes live, and every version is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from commands import cli
from menus import schema
from models import publications
from tests.commands.conftest import ROOT, Typed
from tests.conftest import World

TIERS = Path(__file__).parents[2] / "rules" / "tiers.yaml"

COMMON = "texts/common.yaml"


@pytest.fixture
def environment(menus: Path) -> dict[str, str]:
    return {"CIRCLE_MENUS__FOLDER": str(menus)}


def change(menus: Path, file: str, old: str, new: str) -> int:
    """Change a file; returns the line where."""
    text = (menus / file).read_text("utf-8")
    assert old in text
    (menus / file).write_text(text.replace(old, new, 1), "utf-8")
    return text[: text.index(old)].count("\n") + 1


def _spoil(menus: Path) -> list[str]:
    """Three mistakes; where they are."""
    scenes = change(menus, "scenes.yaml", "dialog: join_club", "dialog: join_klub")
    default = change(menus, "wechat/default.yaml", "dialog: balance", "dialgo: balance")
    texts = change(menus, COMMON, "{reference}", "{referense}")
    places = {"scenes.yaml": scenes, "wechat/default.yaml": default, COMMON: texts}
    return [f"menus/{file}:{line}:" for file, line in places.items()]


def _live(world: World) -> int:
    return world.circle.store.read(publications.live_version)


# -- check, preview, schema: no database, no secrets -------------------------------------------


def test_check_says_that_the_files_of_this_repository_are_good() -> None:
    said = CliRunner().invoke(cli.main, ["menus", "check"])
    assert (said.exit_code, said.stdout) == (0, "the menu files are good\n")


def test_check_names_every_mistake_with_file_line_and_column(menus: Path) -> None:
    places = _spoil(menus)
    said = CliRunner().invoke(cli.main, ["menus", "check", str(menus)])
    assert said.exit_code == 1
    lines = said.stderr.splitlines()
    for place in places:
        (line,) = [line for line in lines if line.startswith(place)]
        assert line.removeprefix(place).split(":")[0].isdecimal()
    assert "join_club" in said.stderr  # did you mean
    assert f"{len(lines) - 1} mistakes" in lines[-1]
    assert "good" not in said.stdout


def test_check_looks_where_the_environment_says(
    menus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _spoil(menus)
    monkeypatch.setenv("CIRCLE_MENUS__FOLDER", str(menus))
    assert CliRunner().invoke(cli.main, ["menus", "check"]).exit_code == 1


def test_check_of_a_folder_that_does_not_exist_says_so(tmp_path: Path) -> None:
    said = CliRunner().invoke(cli.main, ["menus", "check", str(tmp_path / "none")])
    assert said.exit_code == 2
    assert "does not exist" in said.stderr


@pytest.mark.slow
def test_preview_draws_the_menu_as_somebody_sees_it(
    menus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIRCLE_MENUS__FOLDER", str(menus))
    change(menus, "wechat/default.yaml", "name: 查积分", "name: 看积分")
    run = CliRunner()
    everybody = run.invoke(cli.main, ["menus", "preview"])
    members = run.invoke(cli.main, ["menus", "preview", "--tag", "film"])
    assert "看积分" in everybody.stdout
    assert members.exit_code == 0
    assert members.stdout != everybody.stdout
    nobody = run.invoke(cli.main, ["menus", "preview", "--tag", "golf"])
    assert (nobody.exit_code, nobody.stderr) == (1, "Error: no menu has the tag golf\n")


def test_the_schemas_in_the_repository_are_those_of_the_models() -> None:
    before = {path: path.read_text() for path in (ROOT / "menus/schema").glob("*.json")}
    said = CliRunner().invoke(cli.main, ["menus", "schema"])
    assert (said.exit_code, said.stdout) == (0, "")  # nothing had to be written
    assert len(before) == len(schema.MODELS)
    assert all(json.loads(text)["$schema"] for text in before.values())


# -- diff, publish, rollback, history, push ----------------------------------------------------


@pytest.mark.slow
def test_publish_makes_a_version_with_author_and_note(typed: Typed, world: World) -> None:
    said = typed("menus", "publish", "--author", "王经理", "--note", "开业")
    assert (said.exit_code, said.stdout) == (0, "version 1 is live\n")
    said = typed("menus", "publish", "--author", "小陈", "--note", "改错字")
    assert "version 2 is live" in said.stdout
    history = typed("menus", "history").stdout.splitlines()
    assert [line.split("  ")[0] for line in history] == ["2", "1"]
    assert history[0].endswith("小陈  改错字")
    assert history[1].endswith("王经理  开业")
    menus = world.circle.wechat.get_menus()
    assert len(menus["conditionalmenu"]) == 6
    assert menus["menu"]["button"][0]["name"] == "积分"


def test_publish_needs_a_note(typed: Typed, world: World) -> None:
    said = typed("menus", "publish")
    assert said.exit_code == 2
    assert "--note" in said.stderr
    assert _live(world) == 0


def test_publish_is_refused_while_there_is_a_mistake(
    typed: Typed, world: World, menus: Path
) -> None:
    places = _spoil(menus)
    said = typed("menus", "publish", "--note", "oops")
    assert said.exit_code == 1
    assert all(place in said.stderr for place in places)
    assert "nothing published" in said.stderr
    assert _live(world) == 0
    assert world.circle.wechat.get_menus() == {}


@pytest.mark.slow
def test_diff_tells_what_subscribers_will_notice(typed: Typed, menus: Path) -> None:
    first = typed("menus", "diff")
    assert first.exit_code == 0
    assert "查积分" in first.stdout
    typed("menus", "publish", "--note", "first")
    assert typed("menus", "diff").stdout == "Nothing changes for subscribers.\n"
    change(menus, "wechat/default.yaml", "name: 查积分", "name: 看积分")
    change(menus, COMMON, "这句话我没看懂", "我没看懂这句话")
    changed = typed("menus", "diff").stdout
    assert "看积分" in changed
    assert "common.not_understood" in changed


@pytest.mark.slow
def test_rollback_publishes_the_older_files_as_a_new_version(
    typed: Typed, world: World, menus: Path
) -> None:
    typed("menus", "publish", "--note", "first")
    change(menus, "wechat/default.yaml", "name: 查积分", "name: 看积分")
    typed("menus", "publish", "--note", "second")
    assert "看积分" in str(world.circle.wechat.get_menus())
    said = typed("menus", "rollback", "--author", "小陈")
    assert said.stdout == "version 3 is live, with the files of version 1\n"
    assert "查积分" in str(world.circle.wechat.get_menus())
    with world.circle.store.reading() as tx:
        kept = [publications.get(tx, version) for version in (1, 2, 3)]
    first, second, third = [version.files for version in kept if version]
    assert first == third != second
    assert "小陈  rollback to version 1" in typed("menus", "history").stdout
    assert "with the files of version 2" in typed("menus", "rollback", "--to", "2").stdout


@pytest.mark.slow
def test_rollback_needs_something_to_go_back_to(typed: Typed, world: World) -> None:
    said = typed("menus", "rollback")
    assert (said.exit_code, said.stderr) == (1, "Error: there is no older version\n")
    typed("menus", "publish", "--note", "first")
    assert typed("menus", "rollback").exit_code == 1
    said = typed("menus", "rollback", "--to", "99")
    assert (said.exit_code, said.stderr) == (1, "Error: there is no version 99\n")
    assert _live(world) == 1


@pytest.mark.slow
def test_when_wechat_does_not_take_the_menus_push_puts_it_right(typed: Typed, world: World) -> None:
    world.fault("wechat.api", "error", path="menu/create", code=-1)
    said = typed("menus", "publish", "--note", "first")
    assert said.exit_code == 1
    assert "menus push" in said.stderr
    assert _live(world) == 1
    assert world.circle.wechat.get_menus() == {}
    said = typed("menus", "push")
    assert (said.exit_code, said.stdout) == (0, "WeChat shows version 1\n")
    assert len(world.circle.wechat.get_menus()["conditionalmenu"]) == 6
    typed("menus", "push")
    assert len(world.circle.wechat.get_menus()["conditionalmenu"]) == 6


@pytest.mark.slow
def test_what_was_published_is_in_the_chat_as_soon_as_a_server_looks(
    typed: Typed, world: World, menus: Path
) -> None:
    change(menus, COMMON, "这句话我没看懂", "我没看懂这句话")
    typed("menus", "publish", "--note", "first")
    world.circle.live.refresh()
    answer = world.control("POST", "/wechat/o_lilei/text", text="随便说说")
    assert "我没看懂这句话" in answer["reply"]["text"]


@pytest.mark.slow
def test_fetch_writes_what_is_live_into_the_folder(typed: Typed, world: World, menus: Path) -> None:
    typed("menus", "publish", "--note", "first")
    original = (menus / COMMON).read_bytes()
    change(menus, COMMON, "这句话我没看懂", "我没看懂这句话")
    said = typed("menus", "fetch")
    assert (said.exit_code, said.stdout) == (0, f"wrote {COMMON}\nthe folder has version 1\n")
    assert (menus / COMMON).read_bytes() == original


@pytest.mark.slow
def test_what_a_command_publishes_stands_in_the_audit(
    typed: Typed, world: World, tmp_path: Path
) -> None:
    typed("menus", "publish", "--author", "王经理", "--note", "开业")
    typed("rules", "publish", "--by", "wang", "--note", "开业")
    typed("rules", "stop", "check-in", "--by", "wang", "--note", "不做了")
    tiers = tmp_path / "tiers.yaml"
    tiers.write_text(
        TIERS.read_text("utf-8").replace("threshold: 2000", "threshold: 1500"), "utf-8"
    )
    typed("tiers", "publish", str(tiers), "--author", "wang", "--note", "开业")
    found = world.rows(
        "SELECT action, subject, role, reason FROM audit_entries WHERE role = 'command'"
        " AND action ~ '^(menus|rules|tiers)' ORDER BY id"
    )
    assert [each[0] for each in found] == [
        "menus.publish", "rules.publish", "rules.stop", "tiers.publish",
    ]  # fmt: skip
    assert found[0][1:] == ("menus:1", "command", "开业")
    kept = world.rows("SELECT files FROM rule_publications")[0][0]
    assert kept["earning/data.yaml"].startswith("# Everybody else who orders")


class TestWhereTheConsolePublishes:
    """`console.commands_publish: false`: by two people in the console, and no other way."""

    @pytest.fixture
    def environment(self, menus: Path) -> dict[str, str]:
        return {
            "CIRCLE_MENUS__FOLDER": str(menus),
            "CIRCLE_CONSOLE__COMMANDS_PUBLISH": "false",
        }

    def test_commands_check_and_compare_but_do_not_publish(
        self, typed: Typed, world: World
    ) -> None:
        for words in (
            ("menus", "publish", "--note", "x"), ("menus", "rollback"),
            ("rules", "publish", "--note", "x"), ("rules", "stop", "data", "--note", "x"),
            ("tiers", "publish", "--note", "x"),
        ):  # fmt: skip
            said = typed(*words)
            assert said.exit_code == 1, words
            assert "two people in the console" in said.stderr
        assert typed("menus", "diff").exit_code == 0
        assert _live(world) == 0
