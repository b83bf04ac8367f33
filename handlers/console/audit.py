"""The audit: searched, and exported. GET /audit; `python app.py audit verify` checks the chain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from flask import url_for

from handlers.console.frame import Console
from handlers.console.listing import Column, Filter, Key, Listing
from handlers.console.request_frame import role_words
from handlers.console.words import _
from models import audit
from models.audit import Entry
from models.base import Tx
from models.points import SHANGHAI


def add_routes(console: Console) -> None:
    """GET /audit, /audit.csv, /audit.xlsx."""
    console.listing(
        "/audit", LISTING, permission="audit.read", nav=_("审计"),
        about=_("谁在什么时候做了什么，改之前和改之后。不能修改，也不能删除。"),
    )  # fmt: skip


def changed(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str:
    """What is another than before, a line each: "role: service → approver"."""
    old, new = before or {}, after or {}
    lines = []
    for name in sorted({*old, *new}):
        if old.get(name) == new.get(name):
            continue
        parts = [_plain(side[name]) for side in (old, new) if name in side]
        lines.append(f"{name}: {' → '.join(parts)}")
    return "\n".join(lines)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Entry]:
    before = None
    if key:
        at, number = key
        assert isinstance(at, datetime)  # noqa: S101 - the key is ours, sealed
        before = (at, int(str(number)))
    until = _midnight(filters.get("until"))
    return audit.search(
        tx,
        login=filters.get("login", ""),
        action=filters.get("action", ""),
        subject=filters.get("subject", ""),
        request_id=filters.get("request", ""),
        since=_midnight(filters.get("since")),
        until=until + timedelta(days=1) if until else None,
        before=before,
        limit=limit,
    )


def _midnight(day: str | None) -> datetime | None:
    """The beginning of a day in China."""
    if not day:
        return None
    return datetime.combine(datetime.fromisoformat(day).date(), time(), SHANGHAI)


def _who(entry: Entry) -> str:
    return f"{entry.login} ({role_words(entry.role)})" if entry.operator_id else entry.login


LISTING: Listing[Entry] = Listing(
    name="audit",
    words=_("审计"),
    columns=(
        Column(_("时间"), lambda entry: entry.at, "time"),
        Column(_("谁"), _who),
        Column(_("做了什么"), lambda entry: entry.action, "code"),
        Column(_("对象"), lambda entry: entry.subject, "code"),
        Column(_("原因"), lambda entry: entry.reason),
        Column(_("改动"), lambda entry: changed(entry.before, entry.after), "code"),
        Column(_("地址"), lambda entry: entry.address, "code"),
        Column(_("请求编号"), lambda entry: entry.request_id, "link"),
    ),
    filters=(
        Filter("login", _("登录名")),
        Filter("action", _("做了什么"), hint=_("例如 operators.role，或 operators. 开头的全部")),
        Filter("subject", _("对象"), hint=_("例如 operator:12")),
        Filter("request", _("请求编号")),
        Filter("since", _("从哪天"), "date"),
        Filter("until", _("到哪天"), "date"),
    ),
    fetch=_fetch,
    key=lambda entry: entry.key,
    row_link=lambda entry: url_for("console.audit", request=entry.request_id),
)
