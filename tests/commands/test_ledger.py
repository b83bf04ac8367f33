"""`ledger ...`: an auditor proves the books, closes days, and keeps a hash on paper."""

from __future__ import annotations

import hashlib
import json

import pytest

from models import points
from tests.commands.conftest import Typed
from tests.conftest import World
from tests.models.conftest import NOON, cause, newcomer

DAY = "2026-03-02"


@pytest.fixture
def moved(world: World) -> World:
    """With 10 points given on the 2nd of March."""
    with world.circle.store.begin() as tx:
        points.issue(
            tx, newcomer(tx), kind=points.CONSUMPTION, points=10, now=NOON,
            expires_on=NOON.date(), cause=cause("gift"),
        )  # fmt: skip
    return world


def test_verify_says_what_holds_and_how_far_it_is(typed: Typed, moved: World) -> None:
    said = typed("ledger", "verify")
    assert said.exit_code == 0
    assert "ok     an account has the sum of its legs" in said.stdout
    assert "all rules hold" in said.stdout.splitlines()[-1]
    assert "legs" in said.stderr.splitlines()[0]
    told = json.loads(typed("ledger", "verify", "--json").stdout)
    assert told["ok"]
    assert {check["name"] for check in told["checks"]} >= {"zero_sum", "continued", "chain"}


def test_verify_names_the_first_wrong_row_and_ends_with_1(typed: Typed, moved: World) -> None:
    with moved.circle.store.begin() as tx:
        tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
        tx.exec_driver_sql(
            "UPDATE points_legs SET points = 11"
            " WHERE serial = (SELECT serial FROM points_transfers WHERE key = 'gift')"
        )
    said = typed("ledger", "verify")
    assert said.exit_code == 1
    (line,) = [line for line in said.stdout.splitlines() if line.startswith("WRONG  each leg")]
    assert "2 rows, the first: unit points, kind issuing" in line
    assert "moved -11" in line
    told = json.loads(typed("ledger", "verify", "--json").stdout)
    (continued,) = [check for check in told["checks"] if check["name"] == "continued"]
    assert (continued["wrong"], continued["first"]["moved"]) == (2, -11)


def test_days_are_closed_listed_noted_and_compared(typed: Typed, moved: World) -> None:
    assert typed("ledger", "anchor").exit_code == 1
    assert typed("ledger", "close", "--through", DAY).stdout.startswith(f"{DAY}  1 transfers")
    assert typed("ledger", "closings").stdout.startswith(f"{DAY}  1 transfers  1 legs  10 points")
    noted = typed("ledger", "anchor").stdout.strip()
    assert noted.startswith(f"{DAY}:")
    assert len(noted) == len(f"{DAY}:") + 64
    assert typed("ledger", "verify", "--anchor", noted).exit_code == 0
    assert typed("ledger", "anchor", "2026-03-01").exit_code == 1
    other = typed("ledger", "verify", "--anchor", f"{DAY}:{'0' * 64}")
    assert other.exit_code == 1
    assert "WRONG  closings are as noted elsewhere" in other.stdout
    short = typed("ledger", "verify", "--anchor", f"{DAY}:abc")
    assert short.exit_code == 2
    assert "at least 16 digits" in short.stderr


def test_an_exported_day_has_the_digest_that_was_sealed(typed: Typed, moved: World) -> None:
    typed("ledger", "close", "--through", DAY)
    exported = typed("ledger", "export", DAY).stdout_bytes
    ((digest,),) = moved.rows("SELECT digest FROM ledger_closings")
    assert hashlib.sha256(exported).digest() == digest


def test_a_day_that_is_not_over_is_refused(typed: Typed, moved: World) -> None:
    said = typed("ledger", "close", "--through", "2199-01-01")
    assert said.exit_code == 1
    assert "after its end at the earliest" in said.stderr
