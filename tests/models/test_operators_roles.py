"""Who may do what: nothing that is not in the table, and nobody on both sides of an approval."""

from __future__ import annotations

import re

import pytest

from models.operators.roles import ADMINISTRATOR, EVERYBODY, PERMISSIONS, ROLES, may


def test_what_is_not_in_the_table_nobody_may() -> None:
    for permission in ("", "menus", "menus.publish", "*"):
        with pytest.raises(KeyError):
            may(ADMINISTRATOR, permission)
    for permission in PERMISSIONS:
        assert not may("", permission)
        assert not may("god", permission)


def test_the_table_names_roles_that_there_are_and_permissions_as_noun_and_verb() -> None:
    for permission, who in PERMISSIONS.items():
        assert re.fullmatch(r"[a-z]+\.[a-z]+", permission)
        assert who, permission
        assert who <= EVERYBODY, permission


def test_no_role_approves_what_it_may_propose() -> None:
    approved = [name for name in PERMISSIONS if name.endswith(".approve")]
    assert len(approved) >= 5
    for permission in approved:
        noun = permission.removesuffix(".approve")
        proposers = PERMISSIONS.get(f"{noun}.propose", PERMISSIONS.get(f"{noun}.change"))
        assert proposers, permission
        assert not PERMISSIONS[permission] & proposers, permission


def test_an_administrator_manages_accounts_and_sees_no_subscriber() -> None:
    his = {name for name in PERMISSIONS if may(ADMINISTRATOR, name)}
    assert "operators.manage" in his
    assert not [name for name in his if name.startswith(("subscribers.", "complaints."))]
    assert {role for role in ROLES if may(role, "operators.manage")} == {ADMINISTRATOR}
    with pytest.raises(TypeError):
        PERMISSIONS["operators.manage"] = EVERYBODY  # type: ignore[index]
