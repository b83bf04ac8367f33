"""Development only: an operator of each role, whose passwords stand in a file of this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from commands.operators import command
from models import sql
from models.base import Tx
from models.operators import accounts, changes, roles, totp
from models.operators.accounts import Operator
from models.operators.vault import Vault

if TYPE_CHECKING:
    from app import Circle

FILE = "operators.txt"

# login: name, role
DEMO = {
    "yunying": ("运营小云", roles.OPERATIONS),
    "shenpi": ("审批老申", roles.APPROVER),
    "kefu": ("客服小柯", roles.SERVICE),
    "fenxi": ("分析小文", roles.ANALYST),
    "guanli": ("系统管理员", roles.ADMINISTRATOR),
}


HEAD = (
    "# Who signs in at /console in development. The code changes every 30 seconds:\n"
    "# python app.py operators code LOGIN, or put the secret into an authenticator.\n"
    "# Delete this file, and the next `make run` makes all of it anew.\n"
    f"# {'login':<10} {'role':<14} {'password':<20} secret for codes\n"
)


def set_up(wired: Circle) -> Path:
    """Make sure of the five, and of the file that says how each signs in; returns the file."""
    return kept(wired, FILE, HEAD, list(DEMO), _set)


def kept(
    wired: Circle, name: str, head: str, logins: Sequence[str], give: Callable[..., str]
) -> Path:
    """A file with a line for each login, which `give(tx, login=, vault=, now=)` makes up.

    Nothing is changed while the file is there; without it their passwords are made anew.
    """
    if wired.settings.environment != "development":
        raise RuntimeError("accounts with passwords in a file are for development only")
    file = (Path(wired.settings.data_dir) / name).absolute()
    if file.exists() and wired.store.read(partial(_present, logins=logins)) == len(logins):
        return file
    now = wired.now()
    # One by one: hashing five passwords on a busy machine takes longer than a transaction may.
    give = partial(give, vault=wired.vault, now=now)
    lines = [wired.store.run(partial(give, login=login)) for login in logins]
    draft = file.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.chmod(0o600)
    draft.write_text(head + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    draft.replace(file)
    return file


def give_secret(tx: Tx, who: Operator, vault: Vault) -> str:
    """An authenticator where the role needs one, and no password to change; returns its secret."""
    secret = totp.new_secret() if who.role in roles.NEEDS_CODE else ""
    sql.run(
        tx,
        "UPDATE operators SET must_change = false, totp_secret = %(sealed)s, totp_step = NULL"
        " WHERE id = %(id)s",
        {"sealed": vault.seal(secret, operator_id=who.id) if secret else None, "id": who.id},
    )
    return secret


def _present(tx: Tx, logins: Sequence[str]) -> int:
    found = "SELECT count(*) FROM operators WHERE login = ANY (%(logins)s)"
    return int(sql.value(tx, found, {"logins": list(logins)}))


def _set(tx: Tx, login: str, vault: Vault, now: datetime) -> str:
    """Give one of the five a password and, where the role needs it, an authenticator."""
    name, role = DEMO[login]
    try:
        known = accounts.by_login(tx, login)
    except accounts.NoSuchOperator:
        who, password = accounts.create(
            tx, login=login, name=name, role=role, by=command(), now=now
        )
    else:
        who, password = changes.reset_password(tx, known.id, by=command(), now=now)
    secret = give_secret(tx, who, vault)
    return f"  {login:<10} {who.role:<14} {password:<20} {secret or '-'}"
