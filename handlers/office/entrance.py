"""What sets one place with accounts apart from another: its name, its cookies, whom it admits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from handlers.guards import local_path


@dataclass(frozen=True, slots=True)
class Entrance:
    """One place. `name` is its blueprint's, its templates' folder and the head of its addresses.

    Cookies: `session` opens it, `known` opens nothing, `said` has the next page's messages.
    `roles` come in, and `permissions` says what each may. `helper` is who unlocks people, in words.
    """

    name: str
    session: str
    known: str
    said: str
    roles: tuple[str, ...]
    permissions: Mapping[str, frozenset[str]]
    helper: str

    @property
    def prefix(self) -> str:
        """The head of every address here."""
        return f"/{self.name}"

    def may(self, role: str, permission: str) -> bool:
        """Whether a role has a permission here. KeyError for one that is not in the table."""
        return role in self.permissions[permission]

    def local(self, path: str) -> str:
        """`path` if it is a page of this place, else its first page: never anybody else's site."""
        own = path == self.prefix or path.startswith((f"{self.prefix}/", f"{self.prefix}?"))
        return path if own and local_path(path) == path else self.prefix

    def joined(self, address: str) -> str:
        """The path of an address that a browser sent, if it is a page of this place."""
        try:
            parts = urlsplit(address)
        except ValueError:  # "http://[": from nowhere
            return self.prefix
        path = quote(parts.path, safe="/%")
        query = quote(parts.query, safe="=&%")
        return self.local(f"{path}?{query}" if query else path)
