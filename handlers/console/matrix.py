"""Who may open what: every route by every role, from the running routes; docs have it as a table.

python app.py console permissions > docs/console-permissions.md
"""

from __future__ import annotations

from collections.abc import Sequence

from handlers.console.frame import PREFIX, Route
from models.operators.roles import PERMISSIONS, ROLES, may

HEAD = """# Who may open what in the console

Written by `python app.py console permissions` from the routes themselves; a test compares.
Permissions and their roles stand in `models/operators/roles.py`, and nobody may what does not
stand there. "all" is open without signing in.

"""


def table(routes: Sequence[Route]) -> str:
    """The page of the docs, in Markdown."""
    lines = [HEAD, "## Routes\n\n", _row(["route", "methods", "permission", *ROLES])]
    lines.append(_row(["---"] * (3 + len(ROLES))))
    for route in sorted(routes, key=lambda route: (route.rule, route.methods)):
        methods = " ".join(route.methods)
        allowed = [_mark(route.permission, role) for role in ROLES]
        lines.append(
            _row([f"`{PREFIX}{route.rule}`", methods, route.permission or "all", *allowed])
        )
    lines += ["\n## Permissions\n\n", _row(["permission", *ROLES])]
    lines.append(_row(["---"] * (1 + len(ROLES))))
    lines += [_row([name, *(_mark(name, role) for role in ROLES)]) for name in sorted(PERMISSIONS)]
    return "".join(lines)


def _mark(permission: str | None, role: str) -> str:
    return "✓" if permission is None or may(role, permission) else ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
