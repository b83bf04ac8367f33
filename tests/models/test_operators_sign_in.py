"""Signing in: one door, step by step, that says the same to everybody who may not come in."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest
from argon2 import PasswordHasher

from models import sql
from models.operators import accounts, changes, lockouts, passwords, roles, sessions, sign_in, totp
from models.operators.accounts import Operator
from models.operators.sessions import Session
from models.operators.sign_in import Caller, Passed, Refused, Unfit, WrongStep
from models.operators.vault import Unsealable, Vault
from models.store import Store
from tests.models.conftest import NOON, at_once, rows
from tests.models.operators import COMMAND, LIMITS, PASSWORD, VAULT, operator

CALLER = Caller("r-7", "192.0.2.7", "Firefox")
STEP = timedelta(seconds=totp.STEP_S)
NEW = "vierzehn nasse Elefanten"


class Door:
    """The sign-in page and what follows, as the console calls them."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def has(self, role: str, **more: str) -> Operator:
        """Somebody of this role who has been here before."""
        with self.store.begin() as tx:
            return operator(tx, role, now=NOON, login=more.get("login", role[:8]))

    def tries(
        self, login: str, password: str = PASSWORD, *, now: datetime = NOON,
        address: str = CALLER.address,
    ) -> Passed | Refused:  # fmt: skip
        caller = Caller("r-7", address, "Firefox")
        return self.store.run(
            lambda tx: sign_in.sign_in(
                tx, login=login, password=password, caller=caller, limits=LIMITS, now=now
            )
        )

    def enters(self, login: str, password: str = PASSWORD, *, now: datetime = NOON) -> Session:
        passed = self.tries(login, password, now=now)
        assert isinstance(passed, Passed), passed
        return self.session(passed.token, now=now)

    def session(self, token: str, *, now: datetime = NOON) -> Session:
        found = self.finds(token, now=now)
        assert found is not None
        return found

    def finds(self, token: str, *, now: datetime = NOON) -> Session | None:
        return self.store.read(lambda tx: sessions.find(tx, token, limits=LIMITS, now=now))

    def code(self, session: Session, code: str, *, now: datetime = NOON) -> Passed | Refused:
        return self.store.run(
            lambda tx: sign_in.enter_code(tx, session, code, vault=VAULT, caller=CALLER, now=now)
        )

    def changes(
        self, session: Session, new: str, current: str | None = None
    ) -> Passed | Refused | Unfit:
        return self.store.run(
            lambda tx: sign_in.change_password(
                tx, session, new=new, current=current, limits=LIMITS, caller=CALLER, now=NOON
            )
        )

    def offer(self, session: Session) -> sign_in.Offer:
        return self.store.run(lambda tx: sign_in.offer_totp(tx, session, vault=VAULT))

    def confirms(self, session: Session, code: str) -> Passed | Refused:
        return self.store.run(
            lambda tx: sign_in.confirm_totp(tx, session, code, vault=VAULT, caller=CALLER, now=NOON)
        )

    def shows(self, who: Operator, now: datetime = NOON) -> str:
        """What the authenticator of this person shows."""
        ((sealed,),) = rows(self.store, "SELECT totp_secret FROM operators WHERE id = %s", who.id)
        return totp.code_at(VAULT.open(sealed, operator_id=who.id), now)

    def audited(self) -> list[tuple[str, str]]:
        return [
            (a, b)
            for a, b in rows(self.store, "SELECT login, action FROM audit_entries ORDER BY id")
            if a != COMMAND.login
        ]


@pytest.fixture
def door(store: Store) -> Door:
    return Door(store)


def test_a_password_is_enough_for_a_role_that_needs_no_code(door: Door) -> None:
    door.has(roles.SERVICE, login="li")
    assert door.enters(" LI ").step == sessions.DONE
    assert door.audited() == [("li", "session.open")]


def test_an_approver_with_the_password_alone_can_do_nothing(door: Door) -> None:
    who = door.has(roles.APPROVER)
    half = door.enters("approver")
    assert half.step == sessions.CODE
    assert door.audited() == []
    for change in (partial(door.changes, half, NEW), partial(door.offer, half)):
        with pytest.raises(WrongStep):
            change()
    passed = door.code(half, door.shows(who))
    assert isinstance(passed, Passed)
    assert door.session(passed.token).step == sessions.DONE
    assert door.audited() == [("approver", "session.open")]


def test_every_step_that_is_passed_gives_a_new_token(door: Door) -> None:
    who = door.has(roles.APPROVER)
    first = door.tries("approver")
    assert isinstance(first, Passed)
    second = door.code(door.session(first.token), door.shows(who))
    assert isinstance(second, Passed)
    assert door.finds(first.token) is None  # a token that was planted or seen before is no use
    third = door.changes(door.session(second.token), NEW, PASSWORD)
    assert isinstance(third, Passed)
    assert door.finds(second.token) is None
    assert door.session(third.token).step == sessions.DONE


def test_a_code_is_good_for_one_sign_in(door: Door) -> None:
    who = door.has(roles.ADMINISTRATOR, login="root")
    code = door.shows(who)
    assert isinstance(door.code(door.enters("root"), code), Passed)
    assert door.code(door.enters("root"), code) == Refused()
    # Nor is the one before it any more, though a phone that is slow would show it.
    assert door.code(door.enters("root"), door.shows(who, NOON - STEP)) == Refused()
    later = NOON + STEP
    assert isinstance(
        door.code(door.enters("root", now=later), door.shows(who, later), now=later), Passed
    )


def test_of_two_who_use_the_same_code_at_once_one_comes_in(door: Door) -> None:
    who = door.has(roles.APPROVER)
    for round_no in range(3):
        now = NOON + 2 * round_no * STEP
        halves = [door.enters("approver", now=now) for _ in range(3)]
        code = door.shows(who, now)
        done = at_once([partial(door.code, half, code, now=now) for half in halves])
        assert sorted(type(each).__name__ for each in done) == ["Passed", "Refused", "Refused"]


def test_a_code_may_be_a_step_late_or_early_and_typed_with_spaces(door: Door) -> None:
    who = door.has(roles.APPROVER)
    assert door.code(door.enters("approver"), door.shows(who, NOON - 2 * STEP)) == Refused()
    code = door.shows(who, NOON - STEP)
    assert isinstance(door.code(door.enters("approver"), f"{code[:3]} {code[3:]} "), Passed)
    wide = door.shows(who, NOON + STEP).translate({48 + n: 0xFF10 + n for n in range(10)})
    assert isinstance(door.code(door.enters("approver"), wide), Passed)


def test_the_first_sign_in_asks_for_a_password_and_an_authenticator(door: Door) -> None:
    with door.store.begin() as tx:
        _, start = accounts.create(
            tx, login="wang", name="王", role=roles.APPROVER, by=COMMAND, now=NOON
        )
    session = door.enters("wang", start)
    assert session.step == sessions.PASSWORD
    with pytest.raises(WrongStep):
        door.offer(session)
    assert door.changes(session, start) == Unfit("same")
    passed = door.changes(session, NEW)
    assert isinstance(passed, Passed)
    session = door.session(passed.token)
    assert session.step == sessions.ENROL
    offer = door.offer(session)
    assert door.offer(session) == offer  # reloading the page shows the same secret
    assert offer.uri.startswith("otpauth://totp/LifeCircle:wang?secret=")
    assert door.confirms(session, "000000") == Refused()
    code = totp.code_at(offer.secret, NOON)
    passed = door.confirms(session, code)
    assert isinstance(passed, Passed)
    assert door.session(passed.token).step == sessions.DONE
    # What proved it signs nobody in.
    assert door.code(door.enters("wang", NEW), code) == Refused()
    assert ("wang", "operators.enrol") in door.audited()
    with pytest.raises(WrongStep):  # another one takes an administrator
        door.offer(door.session(passed.token))
    assert isinstance(door.tries("wang", start), Refused)


def test_a_start_password_works_for_three_days(door: Door) -> None:
    with door.store.begin() as tx:
        _, start = accounts.create(
            tx, login="wang", name="王", role=roles.SERVICE, by=COMMAND, now=NOON
        )
    late = NOON + sign_in.START_LASTS + timedelta(seconds=1)
    assert door.tries("wang", start, now=late) == Refused()
    assert isinstance(door.tries("wang", start, now=NOON + sign_in.START_LASTS), Passed)


@pytest.mark.parametrize(
    ("new", "why"),
    [
        ("kurz", "short"), ("  elfzeichen  ", "short"), ("x" * 129, "long"),
        ("mein wangxiaoming 1 name", "personal"), ("wang.x ist mein Login", "personal"),
        ("password1234", "common"), ("qwertyuiop12", "common"), ("aaaaaaaaaaaaaaa", "common"),
        ("LifeCircle2026", "common"), (PASSWORD, "same"),
    ],
)  # fmt: skip
def test_some_passwords_cannot_be_chosen(new: str, why: str) -> None:
    if why != "same":
        assert passwords.fault(new, login="wang.x", name="WangXiaoming") == why


def test_a_password_of_ones_own_is_changed_with_the_old_one(door: Door) -> None:
    door.has(roles.SERVICE, login="li")
    session, elsewhere = door.enters("li"), door.tries("li")
    assert isinstance(elsewhere, Passed)
    assert door.changes(session, NEW) == Refused()
    assert door.changes(session, NEW, "wrong") == Refused()
    assert door.changes(session, PASSWORD, PASSWORD) == Unfit("same")
    assert isinstance(door.changes(session, NEW, PASSWORD), Passed)
    assert door.finds(elsewhere.token) is None  # whoever else is signed in with the old one
    assert door.tries("li") == Refused()
    # The session that changed it has another token; what still has the old one has nothing.
    with pytest.raises(sessions.Over):
        door.changes(session, "siebzehn blaue Tassen", NEW)


def test_a_hash_with_old_parameters_is_renewed_at_the_sign_in(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.has(roles.SERVICE, login="li")
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    monkeypatch.setattr(passwords, "HASHER", stronger)
    door.enters("li")
    ((stored,),) = rows(door.store, "SELECT password_hash FROM operators")
    assert "m=16,t=2" in stored
    assert not stronger.check_needs_rehash(stored)
    door.enters("li")


# -- what is said to those who may not come in ---------------------------------------------------


def test_who_may_not_come_in_is_told_the_same_whatever_the_reason(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = door.has(roles.SERVICE, login="li")
    compared = []
    plain = passwords.matches

    def matches(password: str, stored: str) -> bool:
        compared.append(stored.split("$")[3])
        return plain(password, stored)

    monkeypatch.setattr(passwords, "matches", matches)
    assert door.tries("li", "wrong") == Refused()
    assert door.tries("nobody", PASSWORD) == Refused()
    assert door.tries("x'; --\0" * 9, "y" * 100_000) == Refused()
    with door.store.begin() as tx:
        changes.disable(tx, who.id, by=COMMAND, now=NOON)
    assert door.tries("li") == Refused()
    # Each took one comparison of the same cost, and left one entry.
    assert compared == ["m=8,t=1,p=1"] * 4
    assert door.audited() == [
        ("li", "session.refuse"), ("unknown", "session.refuse"), ("unknown", "session.refuse"),
        ("li", "session.refuse"),
    ]  # fmt: skip


def test_what_was_typed_is_nowhere_in_the_database(door: Door) -> None:
    door.tries("hunter2-typed-as-login", "hunter3")
    found = rows(
        door.store,
        "SELECT t::text FROM audit_entries t UNION ALL SELECT t::text FROM operator_tries t",
    )
    assert len(found) == 3
    assert not [row for (row,) in found if "hunter" in row]


@pytest.mark.parametrize("login", ["li", "nobody"])
def test_after_five_failures_a_login_waits_longer_each_time(door: Door, login: str) -> None:
    door.has(roles.SERVICE, login="li")
    for _ in range(lockouts.FREE["login"]):
        assert door.tries(login, "wrong") == Refused()
    # Even the right password is not looked at now, from wherever it comes.
    locked = door.tries(login, address="198.51.100.9")
    assert locked == Refused(NOON + lockouts.FIRST_LOCK)
    later = NOON + lockouts.FIRST_LOCK
    assert door.tries(login, "wrong", now=later) == Refused()
    assert door.tries(login, now=later) == Refused(later + 2 * lockouts.FIRST_LOCK)
    if login == "li":
        later += 2 * lockouts.FIRST_LOCK
        assert isinstance(door.tries(login, now=later), Passed)
        assert door.tries(login, "wrong", now=later) == Refused()  # counted from nought again
        assert isinstance(door.tries(login, now=later), Passed)


def test_a_lock_is_an_hour_at_most_and_forgotten_in_the_end(door: Door) -> None:
    now, waits = NOON, []
    for _ in range(20):
        door.tries("li", "wrong", now=now)
        locked = door.tries("li", now=now)
        assert isinstance(locked, Refused | Passed)
        until = getattr(locked, "until", None) or now
        waits.append(until - now)
        now = until
    assert waits[-1] == max(waits) == lockouts.LONGEST_LOCK
    now += timedelta(days=2)
    assert (
        door.store.run(lambda tx: lockouts.forget_before(tx, now - lockouts.FORGOTTEN_AFTER, 1))
        == 1
    )
    assert (
        door.store.run(lambda tx: lockouts.forget_before(tx, now - lockouts.FORGOTTEN_AFTER, 10))
        == 1
    )
    assert door.tries("li", "wrong", now=now) == Refused()
    assert door.tries("li", "wrong", now=now) == Refused()


def test_one_address_that_tries_many_logins_is_locked_and_others_are_not(door: Door) -> None:
    door.has(roles.SERVICE, login="li")
    for number in range(lockouts.FREE["address"]):
        # One network of IPv6 has more addresses than anybody can count.
        assert door.tries(f"guess{number}", address=f"2001:db8::{number:x}") == Refused()
    locked = door.tries("li", address="2001:db8::ffff")
    assert locked == Refused(NOON + lockouts.FIRST_LOCK)
    assert isinstance(door.tries("li", address="2001:db8:0:1::1"), Passed)
    # A sign-in that succeeds does not clear the address for further guesses.
    assert isinstance(door.tries("li", address="2001:db8::1"), Refused)


@pytest.mark.slow
def test_what_an_office_mistypes_in_a_day_does_not_add_up(door: Door) -> None:
    for minute in range(0, 24 * 60, 10):
        failed = door.tries(f"colleague{minute % 7}", "wrong", now=NOON + timedelta(minutes=minute))
        assert isinstance(failed, Refused)
    ((failures,),) = rows(door.store, "SELECT failures FROM operator_tries WHERE kind = 'address'")
    assert failures == 1


def test_guesses_of_codes_are_counted_and_the_password_does_not_clear_them(door: Door) -> None:
    who = door.has(roles.APPROVER)
    for _ in range(lockouts.FREE["login"]):
        assert door.code(door.enters("approver"), "000000") == Refused()
    assert door.tries("approver") == Refused(NOON + lockouts.FIRST_LOCK)
    later = NOON + lockouts.FIRST_LOCK
    half = door.enters("approver", now=later)
    assert isinstance(door.code(half, door.shows(who, later), now=later), Passed)


def test_twenty_guesses_at_once_are_counted_one_by_one(door: Door) -> None:
    door.has(roles.SERVICE, login="li")
    done = at_once([partial(door.tries, "li", f"guess {n}") for n in range(12)])
    looked_at = [each for each in done if each == Refused()]
    assert len(looked_at) == lockouts.FREE["login"]
    assert len(done) - len(looked_at) == done.count(Refused(NOON + lockouts.FIRST_LOCK))


# -- what is stored ------------------------------------------------------------------------------


def test_a_copy_of_the_database_makes_no_codes(door: Door, store: Store) -> None:
    who, other = door.has(roles.APPROVER), door.has(roles.ADMINISTRATOR)
    ((sealed,),) = rows(store, "SELECT totp_secret FROM operators WHERE id = %s", who.id)
    with pytest.raises(Unsealable):
        Vault("another secret").open(sealed, operator_id=who.id)
    # Nor does it help to put one's own secret into the row of an administrator.
    with store.begin() as tx:
        sql.run(
            tx, "UPDATE operators SET totp_secret = %(sealed)s WHERE id = %(id)s",
            {"sealed": sealed, "id": other.id},
        )  # fmt: skip
    with pytest.raises(Unsealable):
        door.code(door.enters(other.login), door.shows(who))
