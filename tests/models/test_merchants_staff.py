"""A merchant's people: whose they are, where they work, who manages them, and what they guess."""

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
from models.merchants import guesses, staff
from models.merchants.permissions import CLERK, MERCHANT_ROLES, OWNER, PERMISSIONS, may
from models.merchants.staff import NoSuchMerchant, NoSuchStaff
from models.operators import accounts, changes, roles, sessions, sign_in
from models.operators.accounts import Operator
from models.operators.sign_in import Caller, Passed, Refused
from models.store import Store
from models.vouchers.verifying import Till
from tests.models import merchants, operators
from tests.models.conftest import NOON, at_once
from tests.models.operators import COMMAND, LIMITS, PASSWORD, by

TILL = Till("jinxiu", 1, "staff:1")


def _person(store: Store, role: str = OWNER, **how: Any) -> Operator:
    return store.run(lambda tx: merchants.person(tx, role, now=NOON, **how))


def _add(store: Store, who: By, **how: Any) -> Operator:
    given = {"login": "new", "name": "新人", "role": CLERK, "merchant": "jinxiu", **how}
    return store.run(lambda tx: staff.add(tx, **given, by=who, now=NOON))[0]


def _change(store: Store, change: Callable[..., Any], who: Operator, over: Operator) -> None:
    store.run(lambda tx: change(tx, over.id, by=by(who), reason="test", now=NOON))


# -- who belongs where -----------------------------------------------------------------------------


def test_a_clerk_of_one_store_has_that_store_and_an_owner_all(store: Store) -> None:
    store.run(merchants.second_store)
    owner, clerk = _person(store), _person(store, CLERK, store_no=2)
    whole = store.read(lambda tx: staff.find(tx, owner.id))
    part = store.read(lambda tx: staff.find(tx, clerk.id))
    assert whole
    assert part
    assert ([one.no for one in whole.stores], [one.no for one in part.stores]) == ([1, 2], [2])
    assert (part.store(1), part.merchant_name, whole.is_owner) == (None, "锦绣理发", True)


def test_what_is_no_merchant_store_or_role_has_no_people(store: Store) -> None:
    with pytest.raises(NoSuchMerchant):
        _add(store, COMMAND, merchant="none")
    with pytest.raises(NoSuchMerchant):
        _add(store, COMMAND, store_no=9)
    with pytest.raises(ValueError, match="no role"):
        _add(store, COMMAND, role=roles.OPERATIONS)
    with pytest.raises(ValueError, match="no role"):
        store.run(
            lambda tx: accounts.create(
                tx, login="x.y", name="x", role=OWNER, by=COMMAND, now=NOON
            )
        )  # fmt: skip
    assert store.read(lambda tx: staff.find(tx, 1)) is None


def test_the_database_itself_binds_the_row_to_the_role(store: Store) -> None:
    owner = _person(store)
    officer = store.run(lambda tx: operators.operator(tx, roles.OPERATIONS, now=NOON))
    insert = "INSERT INTO merchant_staff VALUES (%(id)s, %(role)s, 'jinxiu', %(store)s)"
    for statement, values, error in (
        (insert, {"id": officer.id, "role": OWNER, "store": None}, "ForeignKeyViolation"),
        (insert, {"id": officer.id, "role": officer.role, "store": None}, "CheckViolation"),
        ("UPDATE operators SET role = 'administrator' WHERE id = %(id)s", {"id": owner.id},
         "ForeignKeyViolation"),
        ("UPDATE merchant_staff SET store_no = 1 WHERE operator_id = %(id)s", {"id": owner.id},
         "CheckViolation"),
        ("UPDATE merchant_staff SET store_no = 9, role = 'merchant_clerk'", {},
         "ForeignKeyViolation"),
    ):  # fmt: skip
        with pytest.raises(getattr(psycopg.errors, error)):
            store.run(partial(sql.run, statement=statement, values=values))


def test_no_role_of_a_merchant_has_a_permission_of_the_console(store: Store) -> None:
    assert not set(MERCHANT_ROLES) & {role for each in roles.PERMISSIONS.values() for role in each}
    assert {role for each in PERMISSIONS.values() for role in each} == set(MERCHANT_ROLES)
    assert {name for name in PERMISSIONS if not may(OWNER, name)} == set()
    with pytest.raises(KeyError):
        may(OWNER, "operators.manage")


# -- who manages whom ------------------------------------------------------------------------------


def test_an_owner_manages_their_own_people_and_nobody_elses(store: Store) -> None:
    owner, clerk = _person(store), _person(store, CLERK)
    stranger, other = _person(store, merchant="chaye"), _person(store, CLERK, merchant="chaye")
    officer = store.run(lambda tx: operators.operator(tx, roles.ADMINISTRATOR, now=NOON))
    _add(store, by(owner), login="mine")
    with pytest.raises(PermissionError):
        _add(store, by(owner), login="theirs", merchant="chaye")
    with pytest.raises(PermissionError):
        _add(store, by(clerk), login="friend")
    for act in (changes.disable, changes.enable, changes.reset_totp, changes.end_sessions):
        _change(store, act, owner, clerk)
        for who, over in (
            (owner, other), (stranger, clerk), (clerk, owner), (clerk, other), (owner, officer),
            (officer, clerk), (clerk, officer),
        ):  # fmt: skip
            with pytest.raises(PermissionError):
                _change(store, act, who, over)
        with pytest.raises(changes.OwnAccount):
            _change(store, act, owner, owner)


def test_whoever_opens_merchants_at_the_console_adds_an_owner(store: Store) -> None:
    opener = store.run(lambda tx: operators.operator(tx, roles.OPERATIONS, now=NOON))
    service = store.run(lambda tx: operators.operator(tx, roles.SERVICE, now=NOON))
    owner = _add(store, by(opener), login="boss", role=OWNER)
    _change(store, changes.reset_totp, opener, owner)
    with pytest.raises(PermissionError):
        _add(store, by(service), login="other", role=OWNER)


def test_a_merchants_person_never_gets_a_role_of_the_console(store: Store) -> None:
    owner = _person(store)
    boss = store.run(lambda tx: operators.operator(tx, roles.ADMINISTRATOR, now=NOON))
    for who in (by(boss), COMMAND):
        change = partial(changes.change_role, by=who, now=NOON)
        with pytest.raises((PermissionError, ValueError)):
            store.run(partial(change, operator_id=owner.id, role=roles.ANALYST))


def test_a_clerk_is_moved_and_an_owner_not(store: Store) -> None:
    store.run(merchants.second_store)
    owner, clerk = _person(store), _person(store, CLERK, store_no=1)
    move = partial(staff.move, by=by(owner), now=NOON)
    store.run(lambda tx: move(tx, clerk.id, 2))
    moved = store.read(lambda tx: staff.get(tx, "jinxiu", clerk.id))
    assert moved.store
    assert moved.store.no == 2
    for over, store_no, error in (
        (clerk.id, 9, NoSuchMerchant), (owner.id, 1, changes.OwnAccount),
    ):  # fmt: skip
        with pytest.raises(error):
            store.run(lambda tx, over=over, no=store_no: move(tx, over, no))  # type: ignore[misc]
    with pytest.raises(ValueError, match="all stores"):
        store.run(lambda tx: staff.move(tx, owner.id, 1, by=COMMAND, now=NOON))
    with pytest.raises(NoSuchStaff):
        store.read(lambda tx: staff.get(tx, "chaye", clerk.id))


# -- the door --------------------------------------------------------------------------------------


def test_a_door_lets_in_the_roles_that_it_admits(store: Store) -> None:
    owner = _person(store)
    officer = store.run(lambda tx: operators.operator(tx, roles.SERVICE, now=NOON))
    for who, admits, came_in in (
        (owner, MERCHANT_ROLES, True), (owner, roles.ROLES, False),
        (officer, MERCHANT_ROLES, False), (officer, roles.ROLES, True),
    ):  # fmt: skip
        enter = partial(
            sign_in.sign_in, login=who.login, password=PASSWORD, caller=Caller("r", "192.0.2.1"),
            limits=LIMITS, now=NOON, admits=admits,
        )  # fmt: skip
        assert isinstance(store.run(enter), Passed if came_in else Refused)

        def token_of(tx: Tx, who: Operator = who) -> str:
            return operators.signed_in(tx, who, now=NOON)

        look = partial(
            sessions.find, token=store.run(token_of), limits=LIMITS, now=NOON, admits=admits
        )
        assert bool(store.read(look)) == came_in


# -- guesses ---------------------------------------------------------------------------------------


def _guess(store: Store, at: timedelta = timedelta(), person: int = 1) -> bool:
    """Whether it was looked at."""

    def work(tx: Tx) -> bool:
        if guesses.hold(tx, TILL, person, NOON + at):
            return False
        guesses.fail(tx, TILL, person, NOON + at)
        return True

    return store.run(work)


def test_a_hundred_guesses_at_once_are_counted_one_by_one(store: Store) -> None:
    looked = at_once([partial(_guess, store) for _guess_ in range(100)])
    assert looked.count(True) == guesses.FREE[guesses.PERSON]


def test_a_lock_grows_to_an_hour_and_a_day_forgets(store: Store) -> None:
    for _free in range(guesses.FREE[guesses.PERSON]):
        assert _guess(store)
    at, minutes = timedelta(), []
    for _lock in range(9):
        waited = 0
        while not _guess(store, at):
            at += timedelta(minutes=1)
            waited += 1
        minutes.append(waited)
    assert minutes[:4] == [1, 2, 4, 8]
    assert max(minutes) <= 60
    assert sum(minutes) > 120
    later = at + guesses.FORGOTTEN_AFTER
    assert all(_guess(store, later) for _free in range(5))
    forget = partial(guesses.forget_before, before=NOON + later + timedelta(1), limit=10)
    assert store.run(forget) == 2
