"""Publish menus: into the store, where running servers see them, and then to WeChat.

    put(tx, files)        checked again, stored as a version     in the caller's transaction
    Publisher.push_live   WeChat shows what is live              after the commit: the network

The store comes first: keys that are on phones must open something. Should WeChat fail half-way,
pushing again puts it right, since it replaces everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import redis
import structlog

from dialogs.live import check
from integrations.errors import CallFailed, TryLater
from integrations.wechat_api import WeChatApi
from menus.menus import Menus, Mistake, Mistakes
from models import clubs, publications
from models.base import Tx
from models.store import Store

log = structlog.get_logger()

# What a whole set of files may have; to check much more would take longer than a transaction may.
SET_MOST_BYTES = 128 * 1024
FILES_MOST = 60
PUSH_LASTS_S = 60.0  # then who pushes is taken for dead, and the next may
PUSH_WAITS_S = 20.0
Noting = Callable[[Tx, int], object]


class Stale(Exception):
    """Somebody has published since these files were taken: `base` was live then, `live` is now."""

    def __init__(self, base: object, live: object) -> None:
        super().__init__(f"version {live} is live, not version {base} any more")
        self.base = base
        self.live = live


def checked(files: Mapping[str, str], *, clubs: Sequence[str], public_url: str) -> Menus:
    """The files as menus that fit this program, the clubs there are and WeChat. Raises Mistakes."""
    refuse_big(files)
    menus = check(files, clubs=clubs)
    try:
        menus.wechat_menus(public_url)
    except ValueError as too_long:
        raise Mistakes([Mistake("menus/wechat", 0, 0, str(too_long))]) from too_long
    return menus


def refuse_big(files: Mapping[str, str]) -> None:
    """Refuse more than anybody writes by hand, before it is read. Raises Mistakes."""
    size = sum(len(text.encode()) for text in files.values())
    if len(files) > FILES_MOST:
        message = f"{len(files)} files; at most {FILES_MOST} are read"
        raise Mistakes([Mistake("all files", 0, 0, message)])
    if size > SET_MOST_BYTES:
        message = f"{size} bytes together; at most {SET_MOST_BYTES} are read"
        raise Mistakes([Mistake("all files", 0, 0, message)])


def put(
    tx: Tx, files: Mapping[str, str], *, base: int | None, public_url: str, author: str, note: str,
    now: datetime, approved_by: str | None = None, proposal_id: int | None = None,
) -> int:  # fmt: skip
    """Check and make these files the live version; returns its number. WeChat is told by push_live.

    Raises Stale if something else than `base` is live (None: whatever is), and Mistakes.
    """
    publications.lock(tx)
    live = publications.live_version(tx)
    if base is not None and base != live:
        raise Stale(base, live)
    checked(files, clubs=clubs.codes(tx), public_url=public_url)
    version = publications.publish(
        tx, files, author=author, note=note, now=now, approved_by=approved_by,
        proposal_id=proposal_id,
    )  # fmt: skip
    log.info("menus published", version=version, author=author)
    return version


@dataclass(frozen=True, slots=True)
class Publisher:
    """Makes a set of files live at once, as commands do. Raises Mistakes before a change."""

    store: Store
    wechat: WeChatApi
    public_url: str
    queue: redis.Redis
    now: Callable[[], datetime]

    def publish(
        self, files: Mapping[str, str], *, author: str, note: str, now: datetime,
        noting: Noting = lambda tx, version: None,
    ) -> int:  # fmt: skip
        """Check, store as a new version, send to WeChat. Returns the version.

        `noting` writes in the same transaction. Raises CallFailed: live here, but not at WeChat.
        """

        def store(tx: Tx) -> int:
            version = put(
                tx, files, base=None, public_url=self.public_url, author=author, note=note, now=now
            )
            noting(tx, version)
            return version

        version = self.store.run(store)
        self.push_live()
        return version

    def roll_back(
        self, to: int, *, author: str, note: str, now: datetime,
        noting: Noting = lambda tx, version: None,
    ) -> int:  # fmt: skip
        """Publish an older version's files again. Raises LookupError, Mistakes, CallFailed."""
        old = self.store.read(lambda tx: publications.get(tx, to))
        if old is None:
            raise LookupError(f"there is no version {to}")
        return self.publish(old.files, author=author, note=note, now=now, noting=noting)

    def push_live(self) -> int:
        """Have WeChat show what is live, one pusher after the other. Returns the version.

        How it went is kept (publications.last_push). Raises CallFailed, LookupError: nothing is.
        """
        try:
            turn = self.queue.lock(
                "menus:push", timeout=PUSH_LASTS_S, blocking_timeout=PUSH_WAITS_S
            )
            if not turn.acquire():
                raise TryLater("somebody else is pushing")
        except redis.RedisError as down:
            raise TryLater(f"no turn to push: {type(down).__name__}") from down
        try:
            # Read only now: who comes last pushes the newest.
            live = self.store.read(publications.live)
            if live is None:
                raise LookupError("nothing has been published")
            self.push(replace(check(live.files), version=live.version))
            return live.version
        finally:
            _end(turn)

    def push(self, menus: Menus) -> None:
        """Have WeChat show these menus: the default, and one for each tag. Raises CallFailed."""
        try:
            shown = self._send(menus)
        except CallFailed as failed:
            self._keep(menus.version, str(failed))
            log.warning("menus not pushed to wechat", version=menus.version, code=failed.code)
            raise
        self._keep(menus.version, "")
        log.info("menus pushed to wechat", version=menus.version, conditional=shown)

    def _send(self, menus: Menus) -> int:
        default, *conditional = menus.wechat_menus(self.public_url)
        tags = self.wechat.tags()
        # Conditional menus cannot be changed in place; the default one replaces without a gap.
        for old in self.wechat.get_menus().get("conditionalmenu", []):
            self.wechat.delete_conditional_menu(str(old["menuid"]))
        self.wechat.create_menu(default.buttons)
        for menu in conditional:
            tag = menu.tag or ""
            tag_id = tags[tag] if tag in tags else self.wechat.create_tag(tag)
            self.wechat.add_conditional_menu(menu.buttons, tag_id)
        return len(conditional)

    def _keep(self, version: int, failed: str) -> None:
        now = self.now()
        self.store.run(lambda tx: publications.pushed(tx, version, failed=failed, now=now))


def _end(turn: redis.lock.Lock) -> None:
    try:
        turn.release()
    except redis.RedisError:  # it has run out, or Redis is gone: it ends by itself
        log.warning("turn to push not given back")
