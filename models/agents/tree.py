"""Agents in the order of their tree, for the console: who stands under whom, and this month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from models import sql
from models.base import Tx


@dataclass(frozen=True, slots=True)
class Node:
    """An agent in the tree; `path` is the codes from the province down, `depth` from 0.

    `halted`: somebody above is not active, so nothing is done for this one either.
    """

    path: str
    depth: int
    code: str
    name: str
    level: str
    parent: str | None
    state: str
    halted: bool
    deals: int
    points: int


# Codes have no slash, and "/" sorts before all that they have: whoever stands below comes next.
_TREE = """
    WITH RECURSIVE tree (subscriber_id, path, depth, halted) AS (
        SELECT subscriber_id, code::text COLLATE "C", 0, false FROM agents WHERE parent IS NULL
        UNION ALL
        SELECT a.subscriber_id, t.path || '/' || a.code, t.depth + 1,
               t.halted OR p.state <> 'active'
        FROM tree t JOIN agents p USING (subscriber_id) JOIN agents a ON a.parent = p.code)
    SELECT t.path, t.depth, a.code, a.name, a.level, a.parent, a.state, t.halted,
           coalesce(d.deals, 0), coalesce(d.points, 0)
    FROM tree t JOIN agents a USING (subscriber_id)
    LEFT JOIN LATERAL (
        SELECT sum(deals)::bigint AS deals, sum(points)::bigint AS points FROM agent_days
        WHERE subscriber_id = t.subscriber_id AND day >= %(first)s::date) d ON true
    WHERE (%(after)s = '' OR t.path > %(after)s COLLATE "C")
      AND (%(words)s = '' OR strpos(lower(a.name), lower(%(words)s)) > 0
           OR strpos(a.code, lower(%(words)s)) > 0)
      AND (%(level)s = '' OR a.level = %(level)s)
      AND (%(state)s = '' OR a.state = %(state)s)
      AND (%(within)s = '' OR %(within)s = ANY (string_to_array(t.path, '/')))
    ORDER BY t.path LIMIT %(limit)s
"""


def listed(
    tx: Tx, *, words: str = "", level: str = "", state: str = "", within: str = "",
    after: str = "", first: date | str, limit: int,
) -> list[Node]:  # fmt: skip
    """Agents in the order of the tree, with what they have done this month.

    `first`: the month's first day. `within`: a code; this one and whoever stands below. The
    next page comes `after` the last path.
    """
    rows = sql.rows(
        tx, _TREE,
        {
            "words": words, "level": level, "state": state, "within": within, "after": after,
            "first": first, "limit": limit,
        },
    )  # fmt: skip
    return [Node(*row) for row in rows]


def below(tx: Tx, code: str) -> int:
    """How many agents stand under one, however far below, closed ones left out."""
    return int(
        sql.value(
            tx,
            "WITH RECURSIVE tree (code) AS (SELECT code FROM agents WHERE parent = %(code)s"
            " UNION SELECT a.code FROM tree t JOIN agents a ON a.parent = t.code)"
            " SELECT count(*) FROM tree JOIN agents USING (code) WHERE state <> 'closed'",
            {"code": code},
        )
    )


def who_can_be_above(tx: Tx, level: str, limit: int = 1000) -> list[tuple[str, str]]:
    """(code, name) of those of a level that are not closed."""
    rows = sql.rows(
        tx,
        "SELECT code, name FROM agents WHERE level = %(level)s AND state <> 'closed'"
        " ORDER BY code LIMIT %(limit)s",
        {"level": level, "limit": limit},
    )
    return [(row[0], row[1]) for row in rows]
