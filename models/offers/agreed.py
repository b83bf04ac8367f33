"""All that is agreed about an offer, as it goes through forms, events, proposals and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from models.offers.terms import DAY_MINUTES, EVERY_DAY, GOODS, PAYS_GOODS_BP, PAYS_OTHER_BP


@dataclass(frozen=True, slots=True)
class Terms:
    """All that is agreed about an offer. `stores` (): at all of its merchant's.

    `pays_bp` None: what is usual for its kind. `total` None: without limit.
    """

    title: str
    kind: str
    price_points: int
    face_fen: int
    about: str = ""
    price_fen: int = 0
    pays_bp: int | None = None
    club_code: str | None = None
    level: str | None = None
    tier: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    weekdays: int = EVERY_DAY
    from_minute: int = 0
    until_minute: int = DAY_MINUTES
    per_person: int | None = None
    per_person_day: int | None = None
    valid_days: int = 30
    refunds_expired: bool = True
    total: int | None = None
    stores: tuple[int, ...] = ()

    @property
    def pays(self) -> int:
        """What the merchant gets of the face value, in hundredths of a percent."""
        return usual_pays_bp(self.kind) if self.pays_bp is None else self.pays_bp

    def plain(self) -> dict[str, Any]:
        """As JSON has it, for events and proposals."""
        found = asdict(self) | {"pays_bp": self.pays, "stores": sorted(self.stores)}
        for name in ("starts_at", "ends_at"):
            found[name] = found[name] and found[name].isoformat()
        return found

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Terms:
        """From what plain() gave."""
        found = dict(plain) | {"stores": tuple(plain["stores"])}
        for name in ("starts_at", "ends_at"):
            found[name] = found[name] and datetime.fromisoformat(found[name])
        return cls(**found)


def usual_pays_bp(kind: str) -> int:
    """What the operator usually pays of the face value: goods 95 %, everything else 85 %."""
    return PAYS_GOODS_BP if kind == GOODS else PAYS_OTHER_BP


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The names of the terms in which two differ, in the order of Terms."""
    names = [each.name for each in fields(Terms)]
    return [name for name in names if before.get(name) != after.get(name)]
