"""A person in a draw: whether they may, what the next draw costs, and the chances they earned.

A free draw of the day comes first, then an earned chance, then points.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from models import sql, tiers
from models.base import Tx
from models.draws import fairness, publishing, tables
from models.draws.definition import Draw
from models.points import day_of
from models.subscribers import Subscriber


class NotDrawn(Exception):
    """This person cannot draw now; `why` names the rule, `facts` what its sentence needs.

    unknown, stopped, not_yet (starts_at), over, unbound, not_ready, members_only (clubs), tier,
    day_limit (limit), person_limit (limit), no_chance, price (price), points (have, price).
    """

    def __init__(self, why: str, **facts: object) -> None:
        super().__init__(why)
        self.why = why
        self.facts = facts


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person stands in a draw before the next one; a day's counts are today's."""

    draw: Draw
    version: int
    player: str | None  # None: they never drew
    nonce: int
    blanks: int
    draws: int
    day_draws: int
    day_free: int
    chances: int
    sealed: bytes | None  # the seed of today

    @property
    def free_left(self) -> int:
        return max(0, self.draw.free_a_day - self.day_free)

    @property
    def chance(self) -> str:
        """What the next draw is paid with."""
        if self.free_left:
            return tables.FREE
        return tables.EARNED if self.chances else tables.PAID

    @property
    def price(self) -> int:
        """What the next draw costs, in points."""
        return self.draw.price_points if self.chance == tables.PAID else 0

    @property
    def left_today(self) -> int | None:
        """How often the person may draw today yet; None: without limit."""
        limits = self.draw.limits
        left = [
            most - used
            for most, used in (
                (limits.person_day, self.day_draws),
                (limits.person, self.draws),
            )
            if most is not None
        ]
        return max(0, min(left)) if left else None


_LOOK = """
    SELECT d.state, d.version, v.hash, s.sealed, p.player, p.nonce, p.blanks, p.draws,
           CASE WHEN p.day = %(day)s THEN p.day_draws END,
           CASE WHEN p.day = %(day)s THEN p.day_free END, p.chances
    FROM draws d
    JOIN draw_versions v ON v.draw_code = d.code AND v.version = d.version
    LEFT JOIN draw_people p ON p.subscriber_id = %(id)s AND p.draw_code = d.code
    LEFT JOIN draw_seeds s ON s.draw_code = d.code AND s.day = %(day)s
    WHERE d.code = %(code)s
"""


def look(tx: Tx, who: Subscriber, draw_code: str, now: datetime) -> Standing:
    """Where this person stands. Raises NotDrawn where the draw is not open now."""
    row = sql.first(tx, _LOOK, {"id": who.id, "code": draw_code, "day": day_of(now)})
    if row is None:
        raise NotDrawn("unknown")
    state, version, known_as, sealed, player, *counts = row
    draw = publishing.terms(tx, draw_code, version, known_as)
    if state != tables.LIVE:
        raise NotDrawn("over" if state == tables.ENDED else "stopped")
    if now < draw.window.starts_at:
        raise NotDrawn("not_yet", starts_at=draw.window.starts_at)
    if now >= draw.window.ends_at:
        raise NotDrawn("over")
    nonce, blanks, draws, day_draws, day_free, chances = (count or 0 for count in counts)
    return Standing(
        draw, version, player, nonce, blanks, draws, day_draws, day_free, chances, sealed
    )


def open_to(tx: Tx, who: Subscriber, now: datetime) -> list[Standing]:
    """The draws that are open now, the cheapest first, as this person stands in them."""
    codes = sql.rows(
        tx,
        "SELECT code FROM draws WHERE version > 0 AND state = 'live'"
        " AND %(today)s BETWEEN starts_on AND ends_on ORDER BY price_points, code",
        {"today": day_of(now)},
    )
    return [look(tx, who, code, now) for (code,) in codes]


def title(tx: Tx, draw_code: str) -> str:
    """What a draw is called. Raises LookupError."""
    found: str = sql.value(tx, "SELECT title FROM draws WHERE code = %(code)s", {"code": draw_code})
    return found


def check(tx: Tx, standing: Standing, who: Subscriber, now: datetime) -> None:
    """Raises NotDrawn where this person may not draw now, whatever it costs."""
    if who.msisdn is None:
        raise NotDrawn("unbound")
    _check_audience(tx, standing.draw, who, now)
    limits = standing.draw.limits
    if limits.person is not None and standing.draws >= limits.person:
        raise NotDrawn("person_limit", limit=limits.person)
    if limits.person_day is not None and standing.day_draws >= limits.person_day:
        raise NotDrawn("day_limit", limit=limits.person_day)
    if standing.chance == tables.PAID and not standing.draw.price_points:
        raise NotDrawn("no_chance")


def _check_audience(tx: Tx, draw: Draw, who: Subscriber, now: datetime) -> None:
    audience = draw.audience
    if audience.clubs:
        names = sql.rows(
            tx,
            "SELECT c.name, m.subscriber_id IS NOT NULL FROM clubs c LEFT JOIN memberships m"
            " ON m.club_code = c.code AND m.subscriber_id = %(id)s AND m.state = 'active'"
            " WHERE c.code = ANY (%(clubs)s) ORDER BY c.position",
            {"id": who.id, "clubs": list(audience.clubs)},
        )
        if not any(member for _, member in names):
            raise NotDrawn("members_only", clubs=[name for name, _ in names])
    if audience.tier is not None:
        rules, at = tiers.live(tx), tiers.standing(tx, who, now)
        known = {tier.code: tier.name for tier in rules.tiers} if rules else {}
        if (
            rules is None
            or at is None
            or audience.tier not in known
            or rules.rank(at.tier.code) < rules.rank(audience.tier)
        ):
            raise NotDrawn("tier", tier=known.get(audience.tier, audience.tier))


def grant(tx: Tx, person: int, draw_code: str, *, chances: int, key: str, now: datetime) -> bool:
    """Give somebody chances that a task or a campaign has earned. The same key gives them once.

    The person need not be held: who draws for the first time meanwhile looks again (drawing.py).
    """
    if chances < 1:
        raise ValueError("at least one chance is given")
    made = sql.change(
        tx,
        "INSERT INTO draw_chances (subscriber_id, draw_code, key, chances, at)"
        " VALUES (%(id)s, %(code)s, %(key)s, %(chances)s, %(now)s) ON CONFLICT DO NOTHING",
        {"id": person, "code": draw_code, "key": key, "chances": chances, "now": now},
    )
    if made:
        sql.run(
            tx,
            "INSERT INTO draw_people AS p (subscriber_id, draw_code, player, day, chances)"
            " VALUES (%(id)s, %(code)s, %(player)s, %(day)s, %(chances)s)"
            " ON CONFLICT (subscriber_id, draw_code) DO UPDATE"
            " SET chances = p.chances + excluded.chances",
            {
                "id": person, "code": draw_code, "chances": chances, "day": day_of(now),
                "player": fairness.new_player(),
            },
        )  # fmt: skip
    return bool(made)


def merge(tx: Tx, *, source: int, target: int, today: date) -> None:
    """What `source` has drawn counts for `target`'s limits, and its chances are theirs."""
    sql.run(
        tx,
        "INSERT INTO draw_people AS p (subscriber_id, draw_code, player, draws, at_most, day,"
        " day_draws, day_at_most, day_free, chances)"
        # Another name: the two go on counting their own draws.
        " SELECT %(target)s, draw_code, substr(md5(gen_random_uuid()::text), 1, 12), draws,"
        "   at_most, %(today)s,"
        "   CASE WHEN day = %(today)s THEN day_draws ELSE 0 END, day_at_most,"
        "   CASE WHEN day = %(today)s THEN day_free ELSE 0 END, chances"
        " FROM draw_people WHERE subscriber_id = %(source)s"
        " ON CONFLICT (subscriber_id, draw_code) DO UPDATE SET"
        "   draws = p.draws + excluded.draws, chances = p.chances + excluded.chances,"
        # Together they may be past a limit: then neither draws any more.
        "   at_most = greatest(p.at_most, p.draws + excluded.draws), day = excluded.day,"
        "   day_draws = excluded.day_draws + CASE WHEN p.day = excluded.day"
        "     THEN p.day_draws ELSE 0 END,"
        "   day_at_most = greatest(p.day_at_most, excluded.day_draws + CASE"
        "     WHEN p.day = excluded.day THEN p.day_draws ELSE 0 END),"
        "   day_free = excluded.day_free + CASE WHEN p.day = excluded.day"
        "     THEN p.day_free ELSE 0 END",
        {"source": source, "target": target, "today": today},
    )
    sql.run(
        tx,
        "UPDATE draw_people SET chances = 0 WHERE subscriber_id = %(source)s",
        {"source": source},
    )
