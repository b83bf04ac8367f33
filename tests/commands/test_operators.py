"""`operators ...` and `audit ...`: the first administrator, and what an auditor asks for."""

from __future__ import annotations

import csv
import io
import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from commands import demo_operators
from models import approvals, audit
from models.operators import accounts, changes, roles, sessions, sign_in, totp
from models.operators.sessions import Limits
from models.operators.sign_in import Caller, Passed
from tests.commands.conftest import Typed
from tests.conftest import World
from tests.models.operators import COMMAND, by, operator

CALLER = Caller("r-1", "192.0.2.7")


def _start(output: str) -> str:
    (line,) = [line for line in output.splitlines() if line.startswith("start password: ")]
    return line.removeprefix("start password: ")


def _enters(world: World, login: str, password: str) -> str | None:
    """The step that somebody is asked for after this password; None if it is refused."""
    now, store = world.clock(), world.circle.store
    passed = store.run(
        lambda tx: sign_in.sign_in(
            tx, login=login, password=password, caller=CALLER, limits=Limits(), now=now
        )
    )
    if not isinstance(passed, Passed):
        return None
    found = store.read(lambda tx: sessions.find(tx, passed.token, limits=Limits(), now=now))
    return found.step if found else None


def test_the_first_administrator_is_added_by_command(typed: Typed, world: World) -> None:
    added = typed("operators", "add", "wang", "--name", "王芳", "--role", "administrator")
    assert added.exit_code == 0
    assert added.stdout.startswith("wang is added as administrator\n")
    assert _enters(world, "wang", _start(added.stdout)) == sessions.PASSWORD
    assert "wang" in typed("operators", "list").stdout
    assert "start password, seen 20" in typed("operators", "list", "--search", "王").stdout
    ((login, role, who),) = world.rows(
        "SELECT login, role, operator_id FROM audit_entries WHERE action = 'operators.add'"
    )
    assert login.startswith("command:")
    assert (role, who) == ("command", None)
    assert typed("operators", "add", "wang", "--name", "x", "--role", "service").exit_code == 1
    assert "no login" in typed(
        "operators", "add", "9", "--name", "x", "--role", "service"
    ).stderr  # fmt: skip


def test_accounts_are_changed_by_command_and_every_change_is_on_record(
    typed: Typed, world: World
) -> None:
    start = _start(typed("operators", "add", "li", "--name", "李", "--role", "service").stdout)
    assert typed("operators", "disable", "li", "--reason", "离职").exit_code == 0
    assert "(disabled" in typed("operators", "list", "--role", "service").stdout
    assert _enters(world, "li", start) is None
    assert typed("operators", "enable", "li").exit_code == 0
    assert typed("operators", "role", "li", "approver").stdout == "li is approver now\n"
    again = _start(typed("operators", "reset-password", "li").stdout)
    assert again != start
    for _ in range(5):
        assert _enters(world, "li", "wrong") is None
    assert "locked until" in typed("operators", "list").stdout
    assert _enters(world, "li", again) is None
    assert typed("operators", "unlock", "li").exit_code == 0
    assert _enters(world, "li", again) == sessions.PASSWORD
    assert typed("operators", "reset-totp", "li").exit_code == 0
    actions = [
        action
        for (action,) in world.rows(
            "SELECT action FROM audit_entries WHERE login LIKE 'command:%%'"
            " AND action LIKE 'operators.%%' ORDER BY id"
        )
    ]
    assert actions == [
        "operators.add", "operators.disable", "operators.enable", "operators.role",
        "operators.reset_password", "operators.unlock", "operators.reset_totp",
    ]  # fmt: skip
    assert "no account nobody" in typed("operators", "disable", "nobody").stderr


def test_no_command_takes_the_last_administrator_away(typed: Typed, world: World) -> None:
    typed("operators", "add", "root", "--name", "根", "--role", "administrator")
    for words in (("disable", "root"), ("role", "root", "service")):
        refused = typed("operators", *words)
        assert refused.exit_code == 1
        assert "the last active administrator" in refused.stderr


# -- development -------------------------------------------------------------------------------


def test_make_run_has_an_operator_of_each_role_and_a_file_that_nobody_else_reads(
    typed: Typed, world: World
) -> None:
    file = demo_operators.set_up(world.circle)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    lines = [line.split() for line in file.read_text().splitlines() if line[0] != "#"]
    assert {role for _, role, _, _ in lines} == set(roles.ROLES)
    for login, role, password, secret in lines:
        needs_code = role in roles.NEEDS_CODE
        step = _enters(world, login, password)
        assert step == (sessions.CODE if needs_code else sessions.DONE), login
        code = typed("operators", "code", login)
        if needs_code:
            assert code.stdout.strip() == totp.code_at(secret, world.clock())
        else:
            assert "has no authenticator" in code.stderr
    # Another run leaves them as they are; without the file they are made anew.
    before = file.read_text()
    assert demo_operators.set_up(world.circle).read_text() == before
    file.unlink()
    again = demo_operators.set_up(world.circle).read_text()
    assert again.splitlines()[0] == before.splitlines()[0]
    assert not {word for line in lines for word in line[2:3]} & set(again.split())


def test_production_has_neither_codes_nor_passwords_in_a_file(typed: Typed, world: World) -> None:
    development = world.circle.settings
    settings = development.model_copy(update={"environment": "production"})
    with world.circle.store.begin() as tx:
        operator(tx, roles.APPROVER, now=world.clock(), login="wang", vault=world.circle.vault)
    circle = replace(world.circle, settings=settings)
    with pytest.raises(RuntimeError, match="development"):
        demo_operators.set_up(circle)
    with pytest.raises(LookupError, match="CIRCLE_CONSOLE__SECRET"):
        _ = circle.vault
    assert not (Path(development.data_dir) / demo_operators.FILE).exists()
    object.__setattr__(world, "circle", circle)
    refused = typed("operators", "code", "wang")
    assert refused.exit_code == 1
    assert "development only" in refused.stderr


def test_a_code_that_was_used_is_followed_by_the_next_one(typed: Typed, world: World) -> None:
    vault, now = world.circle.vault, world.clock()
    with world.circle.store.begin() as tx:
        who = operator(tx, roles.APPROVER, now=now, login="wang", vault=vault)
        tx.exec_driver_sql(
            "UPDATE operators SET totp_step = extract(epoch FROM %s)::bigint / 30", (now,)
        )
    ((sealed,),) = world.rows("SELECT totp_secret FROM operators")
    secret = vault.open(sealed, operator_id=who.id)
    code = typed("operators", "code", "wang").stdout.strip()
    ((used,),) = world.rows("SELECT totp_step FROM operators")
    assert totp.step_of(secret, code, now=world.clock(), after=used) is not None


# -- the audit ---------------------------------------------------------------------------------


@pytest.fixture
def audited(world: World) -> World:
    """With an account that was added and disabled, for a reason that a spreadsheet would run."""
    with world.circle.store.begin() as tx:
        made, _ = accounts.create(
            tx, login="li", name="李", role=roles.SERVICE, by=COMMAND, now=world.clock()
        )
        changes.disable(tx, made.id, by=COMMAND, reason='=HYPERLINK("x")', now=world.clock())
    return world


def test_the_audit_is_proved_and_noted(typed: Typed, audited: World) -> None:
    said = typed("audit", "verify")
    assert said.exit_code == 0
    assert said.stdout.startswith("all entries are as they were written: 2 proved, to 2:")
    noted = typed("audit", "anchor").stdout.strip()
    assert typed("audit", "verify", "--anchor", noted).exit_code == 0
    assert typed("audit", "verify", "--anchor", "2:" + "0" * 16).exit_code == 1
    assert "16 digits" in typed("audit", "verify", "--anchor", "2:0").stderr
    assert json.loads(typed("audit", "verify", "--json").stdout)["head"] == noted


def test_what_is_wrong_is_named_and_ends_with_1(typed: Typed, audited: World) -> None:
    with audited.circle.store.begin() as tx:
        tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
        tx.exec_driver_sql("UPDATE audit_entries SET login = 'somebody' WHERE id = 2")
    said = typed("audit", "verify")
    assert said.exit_code == 1
    first = "WRONG  altered: entry 2, of link 2: operators.disable by somebody"
    assert said.stdout.startswith(first)
    assert not json.loads(typed("audit", "verify", "--json").stdout)["ok"]


def test_the_audit_is_exported_whole_or_what_was_asked_for(typed: Typed, audited: World) -> None:
    table = list(csv.DictReader(io.StringIO(typed("audit", "export").stdout)))
    assert [row["action"] for row in table] == ["operators.disable", "operators.add"]
    assert table[0]["reason"].startswith("'=")
    assert json.loads(table[0]["before"])["active"] is True
    lines = typed("audit", "export", "--format", "jsonl", "--action", "operators.add").stdout
    (entry,) = [json.loads(line) for line in lines.splitlines()]
    assert (entry["action"], entry["after"]) == (
        "operators.add", {"login": "li", "role": "service"},
    )  # fmt: skip
    assert len(typed("audit", "export", "--to", "2020-01-01").stdout.splitlines()) == 1
    assert len(typed("audit", "export", "--from", "2020-01-01").stdout.splitlines()) == 3
    assert len(typed("audit", "export", "--login", "li").stdout.splitlines()) == 1
    assert typed("audit", "export", "--from", "gestern").exit_code == 2


# -- the clock ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_clock_expires_proposals_and_forgets_sessions(world: World) -> None:
    store, now = world.circle.store, world.clock()
    with store.begin() as tx:
        li = operator(tx, roles.OPERATIONS, now=now)
        approvals.propose(
            tx, kind="menus", subject="menus:live", payload={}, reason="夏", by=by(li), now=now
        )
        sessions.create(tx, li.id, limits=Limits(), address="", browser="", now=now)
    world.circle.clock.tick()
    assert world.rows("SELECT state FROM approval_proposals") == [("proposed",)]
    assert world.rows("SELECT count(*) FROM operator_sessions") == [(1,)]
    world.clock.advance(days=31)
    world.circle.clock.tick()
    assert world.rows("SELECT state FROM approval_proposals") == [("expired",)]
    assert world.rows("SELECT count(*) FROM operator_sessions") == [(0,)]
    found = store.read(lambda tx: audit.search(tx, login="clock"))
    assert [each.action for each in found].count("menus.expire") == 1
