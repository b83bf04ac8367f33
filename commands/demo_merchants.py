"""Development only: people of two merchants, whose passwords stand in a file of this machine."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from commands import demo_operators
from commands.operators import command
from models.base import Tx
from models.merchants import staff
from models.merchants.permissions import CLERK, OWNER
from models.operators import accounts, changes
from models.operators.vault import Vault

if TYPE_CHECKING:
    from app import Circle

FILE = "merchants.txt"

# login: name, role, merchant, store
DEMO: dict[str, tuple[str, str, str, int | None]] = {
    "jinxiu": ("锦绣店主", OWNER, "jinxiu", None),
    "jinxiu.dian": ("锦绣店员", CLERK, "jinxiu", 1),
    "xinghe": ("星河经理", OWNER, "xinghe", None),
    "xinghe.dian": ("星河店员", CLERK, "xinghe", 1),
}
HEAD = (
    "# Who signs in at /merchant in development. The code changes every 30 seconds:\n"
    "# python app.py operators code LOGIN, or put the secret into an authenticator.\n"
    "# Delete this file, and the next `make run` makes all of it anew.\n"
    f"# {'login':<12} {'role':<15} {'password':<20} secret for codes\n"
)


def set_up(wired: Circle) -> Path:
    """Make sure of the four, and of the file that says how each signs in; returns the file."""
    return demo_operators.kept(wired, FILE, HEAD, list(DEMO), _set)


def _set(tx: Tx, login: str, now: datetime, vault: Vault) -> str:
    name, role, merchant, store_no = DEMO[login]
    try:
        known = accounts.by_login(tx, login)
    except accounts.NoSuchOperator:
        who, password = staff.add(
            tx, login=login, name=name, role=role, merchant=merchant, store_no=store_no,
            by=command(), now=now,
        )  # fmt: skip
    else:
        who, password = changes.reset_password(tx, known.id, by=command(), now=now)
    secret = demo_operators.give_secret(tx, who, vault)
    return f"  {login:<12} {who.role:<15} {password:<20} {secret}"
