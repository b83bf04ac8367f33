"""Who may do what: the one table of permissions. What stands in no row of it, nobody may do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

OPERATIONS, APPROVER, SERVICE, ANALYST, ADMINISTRATOR = ROLES = (
    "operations",
    "approver",
    "service",
    "analyst",
    "administrator",
)
EVERYBODY = frozenset(ROLES)
# A merchant's people come in by a door of their own; what they may stands in
# models/merchants/permissions.py. None of these is a role of the console.
OWNER, CLERK = MERCHANT_ROLES = ("merchant_owner", "merchant_clerk")

# Who applies what others have proposed, or decides who may do so, proves it with two things; and
# so does whoever turns vouchers into money.
NEEDS_CODE = frozenset({APPROVER, ADMINISTRATOR, *MERCHANT_ROLES})


def _table(rows: Mapping[str, str | frozenset[str]]) -> Mapping[str, frozenset[str]]:
    return MappingProxyType(
        {
            permission: roles if isinstance(roles, frozenset) else frozenset(roles.split())
            for permission, roles in rows.items()
        }
    )


# noun.verb -> the roles that may. An approver proposes nothing, and who proposes does not approve.
PERMISSIONS: Mapping[str, frozenset[str]] = _table(
    {
        "home.see": EVERYBODY,
        "account.own": EVERYBODY,
        "operators.manage": "administrator",
        "audit.read": "administrator approver",
        "approvals.see": "operations approver service administrator",
        # Customer service
        "subscribers.find": "service",
        "subscribers.unmask": "service",
        "subscribers.message": "service",
        "subscribers.block": "service",
        "subscribers.merge": "service",
        "complaints.open": "service",
        "complaints.see": "service",
        "feedback.see": "service operations analyst",
        "feedback.handle": "service",
        "surveys.see": "operations approver analyst service",
        "surveys.propose": "operations",
        "surveys.approve": "approver",
        "compensations.see": "service approver",
        "compensations.propose": "service",
        "compensations.approve": "approver",
        "reversals.see": "service approver",
        "reversals.propose": "service",
        "reversals.approve": "approver",
        # What subscribers see, and what earns points
        "menus.see": "operations approver analyst",
        "menus.propose": "operations",
        "menus.approve": "approver",
        "menus.push": "operations approver",
        "rules.see": "operations approver analyst",
        "rules.propose": "operations",
        "rules.approve": "approver",
        "draws.see": "operations approver analyst service",
        "draws.propose": "operations",
        "draws.approve": "approver",
        "draws.stop": "operations approver administrator",
        "prizes.send": "operations service",
        "clubs.see": "operations approver analyst service",
        "clubs.change": "operations",
        "clubs.approve": "approver",
        "activities.see": "operations approver analyst service",
        "activities.change": "operations",
        "activities.door": "operations service",
        "scenes.change": "operations",
        "invitations.see": "operations service analyst",
        "tags.change": "operations",
        "merchants.see": "operations approver service analyst administrator",
        "merchants.change": "operations",
        "merchants.accounts": "operations",
        "offers.see": "operations approver service analyst",
        "offers.change": "operations",
        "offers.propose": "operations",
        "offers.approve": "approver",
        # One text to many numbers
        "broadcasts.see": "operations approver analyst service",
        "broadcasts.propose": "operations",
        "broadcasts.approve": "approver",
        "broadcasts.run": "operations approver",
        # Agents, who redeem for customers by SMS, and what they are paid
        "agents.see": "operations approver service analyst administrator",
        "agents.change": "operations",
        "agents.fund": "operations",
        "agents.pay": "operations",
        "agents.approve": "approver",
        # What merchants are owed, and how they are paid
        "settlement.see": "operations approver analyst",
        "settlement.payees": "operations",
        "reconciliations.settle": "operations",
        "payments.see": "operations approver",
        "payments.propose": "operations",
        "payments.file": "operations",
        "payments.approve": "approver",
        # The machinery
        "operations.see": "operations administrator analyst",
        "outbox.see": "administrator operations service",
        "outbox.change": "administrator",
        "gateways.change": "administrator",
        "blocklist.see": "service operations administrator",
        "blocklist.change": "service operations",
        "alarms.acknowledge": "operations administrator",
        "charts.see": "analyst operations approver administrator",
        # What is kept about a person
        "privacy.see": "administrator service",
        "privacy.export": "service",
        "privacy.propose": "service",
        "privacy.approve": "approver",
    }
)


def may(role: str, permission: str) -> bool:
    """Whether this role has this permission. KeyError for a permission that is not in the table."""
    return role in PERMISSIONS[permission]
