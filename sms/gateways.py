"""The port that every SMS gateway implements, and what crosses it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sms.errors import Refused


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A text to send: `id` is our own (the owed row's), `to` is E.164."""

    id: str
    to: str
    text: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What a gateway took: its own id, its first status, and how many segments it bills."""

    provider_id: str
    status: str
    segments: int


class Gateway(Protocol):
    """A way to send SMS. Implementations are safe to share between threads."""

    @property
    def name(self) -> str:
        """The gateway's name in configuration and logs."""

    def send(self, message: Outgoing) -> Sent:
        """Submit once, without retries. Raises TryLater, Unknown, Refused or OptedOut."""

    def find(
        self, message: Outgoing, since: datetime, *, taken: Collection[str] = ()
    ) -> Sent | None:
        """The message as the gateway has it, if it was submitted at or after `since`.

        Ask after Unknown, some seconds later. `taken`: provider ids known to belong to other
        messages, so that an equal text to the same number is not mistaken. Raises TryLater.
        """


@dataclass(frozen=True, slots=True)
class NoAccount:
    """A gateway that is not set up: what still wants to leave over it never will."""

    name: str

    def send(self, message: Outgoing) -> Sent:
        """Raises Refused."""
        raise Refused(f"there is no account with {self.name}")

    def find(
        self, message: Outgoing, since: datetime, *, taken: Collection[str] = ()
    ) -> Sent | None:
        """It has nothing."""
        return None
