"""What a merchant's people may do at their own door: the one table. Deny by default.

Everything here is about their own merchant; what a clerk is bound to is a store (staff.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from models.operators.roles import CLERK, MERCHANT_ROLES, OWNER

_BOTH, _OWNERS = frozenset(MERCHANT_ROLES), frozenset({OWNER})

# noun.verb -> the roles that may
PERMISSIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "account.own": _BOTH,
        "till.verify": _BOTH,
        "till.undo": _BOTH,
        "ledger.see": _BOTH,
        "statements.see": _OWNERS,
        "offers.see": _BOTH,
        "offers.propose": _OWNERS,
        "offers.confirm": _OWNERS,
        "staff.manage": _OWNERS,
        "reconcile": _OWNERS,
        "complaints.answer": _OWNERS,
    }
)

__all__ = ["CLERK", "MERCHANT_ROLES", "OWNER", "PERMISSIONS", "may"]


def may(role: str, permission: str) -> bool:
    """Whether this role has this permission. KeyError for a permission that is not in the table."""
    return role in PERMISSIONS[permission]
