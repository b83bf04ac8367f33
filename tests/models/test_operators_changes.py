"""What an administrator does to accounts: each change ends what it must, and is on record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from models import sql
from models.audit import By
from models.base import Tx
from models.operators import accounts, changes, lockouts, roles, sessions
from models.operators.accounts import LoginTaken, NoSuchOperator, Operator
from models.operators.changes import LastAdministrator, OwnAccount
from models.store import Store
from tests.models.conftest import NOON, at_once, rows
from tests.models.operators import COMMAND, LIMITS, by, operator, signed_in

LATER = NOON + timedelta(minutes=10)


class Staff:
    """An administrator, and somebody at the service desk who is signed in twice."""

    def __init__(self, store: Store) -> None:
        self.store = store
        with store.begin() as tx:
            self.root = operator(tx, roles.ADMINISTRATOR, now=NOON, login="root")
            self.li = operator(tx, roles.SERVICE, now=NOON, login="li")
            self.tokens = [signed_in(tx, self.li, now=NOON) for _ in range(2)]
        self.by = by(self.root)

    def alive(self) -> int:
        """How many of the two sessions are."""
        return sum(
            self.store.read(partial(sessions.find, token=t, limits=LIMITS, now=NOON)) is not None
            for t in self.tokens
        )

    def does(self, change: Callable[..., Any], *words: Any, who: By | None = None) -> Any:
        return self.store.run(lambda tx: change(tx, *words, by=who or self.by, now=LATER))


@pytest.fixture
def staff(store: Store) -> Staff:
    return Staff(store)


def test_whoever_is_disabled_is_out_at_once_and_old_sessions_stay_over(staff: Staff) -> None:
    assert staff.alive() == 2
    assert staff.does(changes.disable, staff.li.id).active is False
    assert staff.alive() == 0
    staff.does(changes.enable, staff.li.id)
    assert staff.alive() == 0


@pytest.mark.parametrize("change", ["role", "password", "totp"])
def test_what_one_proves_or_may_changes_and_all_sessions_are_over(
    staff: Staff, change: str
) -> None:
    if change == "role":
        changed = staff.does(changes.change_role, staff.li.id, roles.APPROVER)
        assert changed.role == roles.APPROVER
    elif change == "password":
        _, start = staff.does(changes.reset_password, staff.li.id)
        assert len(start) == 19
    else:
        assert staff.does(changes.reset_totp, staff.li.id).totp is False
    assert staff.alive() == 0
    ended = rows(staff.store, "SELECT DISTINCT ended_because FROM operator_sessions")
    assert ended[0][0] in ("another role", "password reset", "authenticator reset")


def test_a_change_says_who_what_before_and_after(staff: Staff) -> None:
    staff.does(changes.change_role, staff.li.id, roles.ANALYST)
    ((login, subject, before, after),) = rows(
        staff.store,
        "SELECT login, subject, before, after FROM audit_entries WHERE action = 'operators.role'",
    )
    assert (login, subject) == ("root", f"operator:{staff.li.id}")
    assert (before["role"], after["role"]) == (roles.SERVICE, roles.ANALYST)
    every = "".join(str(row) for row in rows(staff.store, "SELECT e::text FROM audit_entries e"))
    assert "argon2" not in every


def test_nobody_changes_what_they_may_themselves(staff: Staff) -> None:
    with staff.store.begin() as tx:
        operator(tx, roles.ADMINISTRATOR, now=NOON, login="root2")
    for change in (
        changes.disable, changes.enable, changes.reset_password, changes.reset_totp,
        changes.unlock, partial(changes.change_role, role=roles.APPROVER),
    ):  # fmt: skip
        with pytest.raises(OwnAccount):
            staff.does(change, staff.root.id)


def test_only_an_administrator_changes_accounts_whatever_the_door_let_through(
    staff: Staff,
) -> None:
    for role in set(roles.ROLES) - {roles.ADMINISTRATOR}:
        intruder = By(staff.li.id, "li", role, "", "")
        for change in (
            changes.disable, changes.enable, changes.reset_password, changes.reset_totp,
            changes.unlock, partial(changes.change_role, role=roles.ADMINISTRATOR),
            partial(changes.rename, name="x"),
        ):  # fmt: skip
            with pytest.raises(PermissionError):
                staff.does(change, staff.root.id, who=intruder)
        with pytest.raises(PermissionError):
            staff.store.run(
                partial(
                    accounts.create, login="x1", name="x", role=roles.SERVICE, by=intruder,
                    now=NOON,
                )
            )  # fmt: skip


def test_name_and_language_are_ones_own_to_choose(staff: Staff) -> None:
    own = by(staff.li)
    assert staff.does(changes.rename, staff.li.id, " 李四 ", who=own).name == "李四"
    assert staff.does(changes.set_language, staff.li.id, "en", who=own).language == "en"
    assert staff.does(changes.rename, staff.li.id, "李五").name == "李五"
    with pytest.raises(PermissionError):
        staff.does(changes.set_language, staff.li.id, "zh")
    for wrong in ("", "x" * 61, "a\nb", "\u202e"):
        with pytest.raises(ValueError, match="1-60"):
            staff.does(changes.rename, staff.li.id, wrong, who=own)
    with pytest.raises(ValueError, match="language"):
        staff.does(changes.set_language, staff.li.id, "de", who=own)


def test_unlocking_forgets_what_failed(staff: Staff) -> None:
    def fail(tx: Tx) -> None:
        for _ in range(5):
            lockouts.hold(tx, login="li", address="::1", now=NOON)
            lockouts.fail(tx, login="li", address="::1", now=NOON)

    staff.store.run(fail)
    assert staff.store.read(lambda tx: lockouts.locked_until(tx, "li", NOON)) is not None
    staff.does(changes.unlock, staff.li.id)
    assert staff.store.read(lambda tx: lockouts.locked_until(tx, "li", NOON)) is None


def test_accounts_that_cannot_be_are_refused(staff: Staff) -> None:
    def add(**other: str) -> Operator:
        given = {"login": "neu", "name": "新", "role": roles.SERVICE, "language": "zh", **other}
        made, _ = staff.store.run(lambda tx: accounts.create(tx, **given, by=COMMAND, now=NOON))
        return made

    for wrong in (
        {"login": "9x"}, {"login": "a"}, {"login": "a b"}, {"login": "a" * 33}, {"name": " "},
        {"role": "god"}, {"role": ""}, {"language": "fr"}, {"login": "李"},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"login|name|role|language"):
            add(**wrong)
    assert add(login=" NEU ").login == "neu"
    with pytest.raises(LoginTaken):
        add()
    with pytest.raises(NoSuchOperator):
        staff.does(changes.disable, 999)
    with pytest.raises(NoSuchOperator):
        staff.store.read(lambda tx: accounts.by_login(tx, "nobody"))


def test_accounts_are_listed_searched_and_paged_by_login(staff: Staff) -> None:
    with staff.store.begin() as tx:
        for login in ("anna", "bao", "zhou"):
            operator(tx, roles.ANALYST, now=NOON, login=login)

    def logins(**wanted: Any) -> list[str]:
        return [
            each.operator.login
            for each in staff.store.read(lambda tx: accounts.listed(tx, **wanted))
        ]

    assert logins(limit=2) == ["anna", "bao"]
    assert logins(after="bao") == ["li", "root", "zhou"]
    assert logins(role=roles.ANALYST, search="AO") == ["bao"]
    assert logins(search="某", role=roles.SERVICE) == ["li"]
    assert logins(search="%") == logins(active=False) == []
    (li,) = staff.store.read(lambda tx: accounts.listed(tx, search="li"))
    assert (li.seen_at, li.must_change) == (NOON, False)


# -- the last administrator --------------------------------------------------------------------


def test_the_last_active_administrator_stays_one(staff: Staff) -> None:
    with staff.store.begin() as tx:
        other = operator(tx, roles.ADMINISTRATOR, now=NOON, login="root2")
    staff.does(changes.disable, other.id)
    for change in (changes.disable, partial(changes.change_role, role=roles.SERVICE)):
        with pytest.raises(LastAdministrator):
            staff.does(change, staff.root.id, who=COMMAND)
    # Nor by a statement of one's own, even one that takes all at once.
    staff.does(changes.enable, other.id)
    for all_of_them in ("active = false", "role = 'service'"):
        with pytest.raises(psycopg.errors.RestrictViolation), staff.store.begin() as tx:
            sql.run(tx, f"UPDATE operators SET {all_of_them}")
    with pytest.raises(psycopg.errors.RestrictViolation), staff.store.begin() as tx:
        sql.run(tx, "DELETE FROM operators WHERE login = 'li'")
    staff.does(changes.change_role, staff.root.id, roles.SERVICE, who=COMMAND)


def test_the_database_alone_keeps_the_last_two_from_relying_on_each_other(staff: Staff) -> None:
    with staff.store.begin() as tx:
        operator(tx, roles.ADMINISTRATOR, now=NOON, login="root2")
    off = "UPDATE operators SET active = false WHERE login = %s"
    with staff.store.begin() as first:
        sql.run(first, off, ["root"])
        # The other one waits for the first, whose change it does not see yet.
        with staff.store.begin() as second:
            sql.run(second, "SET LOCAL lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable), second.begin_nested():
                sql.run(second, off, ["root2"])
    with pytest.raises(psycopg.errors.RestrictViolation), staff.store.begin() as tx:
        sql.run(tx, off, ["root2"])


def test_of_the_last_two_administrators_at_once_one_stays(staff: Staff) -> None:
    with staff.store.begin() as tx:
        other = operator(tx, roles.ADMINISTRATOR, now=NOON, login="root2")

    def disable(who: Operator) -> bool:
        try:
            staff.does(changes.disable, who.id, who=COMMAND)
        except LastAdministrator:
            return False
        return True

    for _ in range(5):
        done = at_once([partial(disable, who) for who in (staff.root, other)])
        assert sorted(done) == [False, True]
        gone = staff.root if done[0] else other
        staff.does(changes.enable, gone.id, who=COMMAND)
