"""PINs of agents: six digits, hashed like passwords; three wrong ones lock for a while."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from models import sql
from models.base import Tx
from models.operators import passwords

# Six, so that a word with a number, an offer and a PIN behind it is never one long number
# (menus/keywords.py), and that the inbox does not keep it (models/inbox.py: without_codes).
DIGITS = 6
TRIES = 3
LOCKED_FOR = timedelta(hours=1)

RIGHT, WRONG, LOCKED, NONE = "right", "wrong", "locked", "none"


def made() -> str:
    """A random one."""
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"


def hashed(pin: str) -> str:
    """What is stored."""
    return passwords.hashed(pin)


def check(tx: Tx, agent_id: int, pin: str, now: datetime) -> str:
    """RIGHT, or why not: WRONG (counted), LOCKED, NONE (the agent has no PIN).

    Whoever tries the same at the same time waits until this transaction has ended.
    """
    row = sql.one(
        tx,
        "SELECT pin, pin_failures, pin_locked_until FROM agents WHERE subscriber_id = %(id)s"
        " FOR NO KEY UPDATE",
        {"id": agent_id},
    )
    stored, failures, locked_until = row
    if stored is None:
        return NONE
    if locked_until is not None and locked_until > now:
        return LOCKED
    right = passwords.matches(pin, stored)
    failures = 0 if right else failures + 1
    until = now + LOCKED_FOR if failures >= TRIES else None
    sql.change(
        tx,
        "UPDATE agents SET pin_failures = %(failures)s, pin_locked_until = %(until)s"
        " WHERE subscriber_id = %(id)s",
        {"id": agent_id, "failures": 0 if until else failures, "until": until},
    )
    if right:
        return RIGHT
    return LOCKED if until else WRONG
