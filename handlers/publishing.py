"""Publish menus: into the store, where running servers see them, and to WeChat.

The store comes first: keys that are on phones must open something. Should WeChat fail half-way,
publishing again (or `menus push`) puts it right, since it replaces everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from dialogs.live import check
from integrations.wechat_api import WeChatApi
from menus.menus import Menus
from models import clubs, publications
from models.store import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Publisher:
    """Makes a set of files live. Raises Mistakes before anything has changed."""

    store: Store
    wechat: WeChatApi
    public_url: str

    def publish(self, files: Mapping[str, str], *, author: str, note: str, now: datetime) -> int:
        """Check, store as a new version, send to WeChat. Returns the version."""
        checked = check(files, clubs=self.store.read(clubs.codes))
        checked.wechat_menus(self.public_url)  # a URL too long shows before anything changes
        version = self.store.run(
            lambda tx: publications.publish(tx, files, author=author, note=note, now=now)
        )
        log.info("menus published", version=version, author=author)
        self.push(checked)
        return version

    def roll_back(self, to: int, *, author: str, note: str, now: datetime) -> int:
        """Publish an older version's files again. Raises LookupError, Mistakes."""
        old = self.store.read(lambda tx: publications.get(tx, to))
        if old is None:
            raise LookupError(f"there is no version {to}")
        return self.publish(old.files, author=author, note=note, now=now)

    def push(self, menus: Menus) -> None:
        """Have WeChat show these menus: the default one, and one for each tag."""
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
        log.info("menus pushed to wechat", conditional=len(conditional))
