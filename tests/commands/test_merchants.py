"""`merchants staff ...` as somebody types it, and the people whom `make run` has."""

from __future__ import annotations

import stat
from functools import partial

import pytest

from commands import demo_merchants
from models.base import Tx
from models.merchants import staff
from models.operators import sessions, sign_in, totp
from models.operators.roles import MERCHANT_ROLES
from models.operators.sessions import Session
from models.operators.sign_in import Caller, Passed
from tests.commands.conftest import Typed
from tests.conftest import World
from tests.models.operators import LIMITS


def test_an_owner_and_a_clerk_are_added_with_a_start_password_and_in_the_audit(
    typed: Typed, world: World
) -> None:
    added = typed("merchants", "staff", "add", "wang.jx", "--merchant", "jinxiu", "--owner")
    assert "start password: " in added.stdout
    clerk = ("staff", "add", "li.jx", "--merchant", "jinxiu", "--store", "1", "--clerk")
    typed("merchants", *clerk, "--name", "小李")
    listed = typed("merchants", "staff", "list", "jinxiu").stdout.splitlines()
    assert [line.split()[:3] for line in listed] == [
        ["li.jx", "merchant_clerk", "锦绣理发定王台店"], ["wang.jx", "merchant_owner", "all"],
    ]  # fmt: skip
    assert world.rows("SELECT action, after ->> 'merchant' FROM audit_entries ORDER BY id") == [
        ("operators.add", None), ("staff.add", "jinxiu"),
    ] * 2  # fmt: skip


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--merchant", "none", "--owner"), "no merchant or store none"),
        (("--merchant", "jinxiu", "--clerk", "--store", "9"), "no merchant or store jinxiu 9"),
        (("--merchant", "jinxiu", "--owner", "--store", "1"), "an owner has all stores"),
        (("--merchant", "jinxiu"), "--owner or --clerk"),
    ],
)
def test_what_cannot_be_is_said(typed: Typed, words: tuple[str, ...], told: str) -> None:
    refused = typed("merchants", "staff", "add", "wang.jx", *words)
    assert refused.exit_code
    assert told in refused.stderr


def test_make_run_has_people_of_two_merchants_and_a_file_that_nobody_else_reads(
    world: World,
) -> None:
    file = demo_merchants.set_up(world.circle)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    lines = [line.split() for line in file.read_text().splitlines() if line[0] != "#"]
    assert len(lines) == 4
    for login, role, password, secret in lines:
        assert role in MERCHANT_ROLES
        assert len(totp.code_at(secret, world.clock())) == 6
        found = _enters(world, login, password)
        assert found.step == sessions.CODE
        assert world.circle.store.read(partial(staff.find, operator_id=found.operator.id))
    assert demo_merchants.set_up(world.circle) == file


def _enters(world: World, login: str, password: str) -> Session:
    now, caller = world.clock(), Caller("r", "192.0.2.1")

    def work(tx: Tx) -> Session | None:
        passed = sign_in.sign_in(
            tx, login=login, password=password, caller=caller, limits=LIMITS, now=now,
            admits=MERCHANT_ROLES,
        )  # fmt: skip
        assert isinstance(passed, Passed)
        return sessions.find(tx, passed.token, limits=LIMITS, now=now, admits=MERCHANT_ROLES)

    found = world.circle.store.run(work)
    assert found
    return found
