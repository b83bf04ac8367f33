"""Prove the audit: no entry is altered, missing or inserted, and the chain is as noted elsewhere.

Who can change the tables as they like can seal the whole chain anew from any entry on: against
that helps only a number and hash that were noted where they could not reach (Anchor).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from models import audit, sql
from models.base import Tx

AT_ONCE = 5000
# Fewer digits could be hit by trying.
SHORTEST_ANCHOR = 16


@dataclass(frozen=True, slots=True)
class Anchor:
    """A link as somebody has it on paper: its number, and the first digits of its hash at least."""

    no: int
    digits: str

    @classmethod
    def read(cls, text: str) -> Anchor:
        """From "1042:3f0a..."; blanks do not matter. Raises ValueError."""
        no, _, digits = "".join(text.split()).partition(":")
        digits = digits.lower()
        if len(digits) < SHORTEST_ANCHOR or not set(digits) <= set("0123456789abcdef"):
            raise ValueError(f"after NO: come at least {SHORTEST_ANCHOR} digits of the hash")
        return cls(int(no), digits)


@dataclass(frozen=True, slots=True)
class Fault:
    """`what`: "altered", "missing", "inserted" or "not as noted"; `row` says which."""

    what: str
    row: str


@dataclass(frozen=True, slots=True)
class Report:
    """`head`: the last link, "NO:HASH", to be noted elsewhere; "" if there is none."""

    entries: int
    faults: Sequence[Fault]
    head: str


_LINKS = """
    SELECT c.no, c.entry_id, c.digest, c.previous_hash, c.hash, e.digest,
           e.at, e.operator_id, e.login, e.role, e.action, e.subject, e.before::text,
           e.after::text, e.reason, e.request_id, e.address
    FROM audit_chain c LEFT JOIN audit_entries e ON e.id = c.entry_id
    WHERE c.no > %(after)s ORDER BY c.no LIMIT %(limit)s
"""
_SAID = (
    "at", "operator_id", "login", "role", "action", "subject", "before", "after", "reason",
    "request_id", "address",
)  # fmt: skip


def verify(
    tx: Tx, *, anchors: Sequence[Anchor] = (), progress: Callable[[int], None] = lambda _: None
) -> Report:
    """Read everything as it is at one moment, in a transaction of its own; it may take minutes."""
    sql.run(tx, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    sql.run(tx, "SELECT set_config('statement_timeout', '0', true)")
    if sql.value(tx, "SELECT current_setting('server_version_num')::integer >= 170000"):
        sql.run(tx, "SELECT set_config('transaction_timeout', '0', true)")
    return proof(tx, anchors=anchors, progress=progress)


def proof(
    tx: Tx, *, anchors: Sequence[Anchor] = (), progress: Callable[[int], None] = lambda _: None
) -> Report:
    """What verify() reads: the first row of the chain that is wrong ends it."""
    noted = {anchor.no: anchor.digits for anchor in anchors}
    faults, no, previous = [], 0, audit.GENESIS
    for row in _links(tx):
        fault = _wrong(row, no, previous)
        if fault:
            faults.append(fault)
            break
        no, previous = row[0], bytes(row[4])
        digits = noted.pop(no, "")
        if not previous.hex().startswith(digits):
            faults.append(Fault("not as noted", f"link {no}: its hash is {previous.hex()}"))
        if no % AT_ONCE == 0:
            progress(no)
    else:
        faults += [Fault("missing", f"link {number}, which was noted") for number in sorted(noted)]
    faults += _unlinked(tx)
    return Report(no, faults, f"{no}:{previous.hex()}" if no else "")


def head(tx: Tx) -> str:
    """The last link, "NO:HASH", or "" without any."""
    row = sql.first(tx, "SELECT no, hash FROM audit_chain ORDER BY no DESC LIMIT 1")
    return f"{row[0]}:{row[1].hex()}" if row else ""


def _links(tx: Tx) -> Iterator[tuple[Any, ...]]:
    after = 0
    while rows := sql.rows(tx, _LINKS, {"after": after, "limit": AT_ONCE}):
        yield from rows
        after = rows[-1][0]


def _wrong(row: tuple[Any, ...], before: int, previous: bytes) -> Fault | None:
    """What is wrong with a link, after the link `before` with the hash `previous`."""
    no, entry_id, digest, previous_hash, seal, own_digest, *said = row
    if no != before + 1:
        return Fault("missing", f"link {before + 1}")
    if bytes(previous_hash) != previous:
        return Fault("altered", f"link {no}, which does not follow link {before}")
    if own_digest is None:
        return Fault("missing", f"entry {entry_id}, of link {no}")
    entry = dict(zip(_SAID, said, strict=True))
    told = f"entry {entry_id}, of link {no}: {entry['action']} by {entry['login']}, {entry['at']}"
    if not bytes(digest) == bytes(own_digest) == audit.digest(entry):
        return Fault("altered", told)
    if seal != _seal(previous, no, entry_id, bytes(digest)):
        return Fault("altered", f"link {no}, of entry {entry_id}")
    return None


def _seal(previous: bytes, no: int, entry_id: int, digest: bytes) -> bytes:
    numbers = no.to_bytes(8, signed=True) + entry_id.to_bytes(8, signed=True)
    return hashlib.sha256(previous + numbers + digest).digest()


def _unlinked(tx: Tx) -> list[Fault]:
    """Entries that joined the chain at no commit."""
    row = sql.first(
        tx,
        "SELECT e.id, e.action, e.login FROM audit_entries e"
        " LEFT JOIN audit_chain c ON c.entry_id = e.id WHERE c.no IS NULL ORDER BY e.id LIMIT 1",
    )
    told = "entry {} in no link: {} by {}"
    return [Fault("inserted", told.format(*row))] if row else []
