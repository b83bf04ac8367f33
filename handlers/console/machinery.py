"""What stands above every page while the machinery needs somebody: files, gateways, clock, letters.

Looked at every few seconds in each process, not for each page.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import redis
import structlog
from flask import url_for

import handlers
from dialogs.live import LiveMenus, check
from handlers.console.visit import Banner, Parts, Visit
from handlers.console.words import _
from integrations.breaker import CLOSED
from integrations.clock_beat import last_beat
from menus import membership_rules, tier_rules
from menus.checked_yaml import Mistake, Mistakes, parse
from menus.menus import read_folder
from models import clubs, dead_letters, publications

log = structlog.get_logger()

ROOT = Path(handlers.__file__).parents[1]
LOOK_EVERY = timedelta(seconds=5)
CLOCK_SILENT = timedelta(seconds=30)
# All processes start together, and the clock's first beat comes when its first round is done.
CLOCK_GRACE = timedelta(seconds=60)
SYSTEMS = {"boss": _("BOSS 业务系统"), "wechat": _("微信公众平台"), "twilio": _("短信网关 Twilio")}
QUEUES = {"reply": _("答复"), "call": _("业务请求"), "bulk": _("群发")}
TASKS = {
    "Clock._time_outs": _("结束等待太久的会话"),
    "Clock._sweep": _("收回租约、催办欠着的"),
    "Clock._tidy": _("清理过期数据"),
    "PointsClock.tick": _("积分到期、提醒、预留"),
    "TiersClock.tick": _("等级复核与通知"),
    "DrawsClock.tick": _("抽奖种子、奖品寄送与提醒"),
    "ActivitiesClock.tick": _("活动候补、通知与提醒"),
    "FiguresClock.tick": _("汇总图表数字"),
    "ConsoleClock.tick": _("审批到期"),
    "VouchersClock.tick": _("兑换券到期与提醒"),
    "ClubsClock.tick": _("会籍到期与提醒"),
    "FeedbackClock.tick": _("活动评价、问卷邀请"),
    "HandoversClock.tick": _("人工服务到时结束"),
    "InvitationsClock.tick": _("邀请奖励"),
    "MerchantsClock.tick": _("商户每月评级"),
    "SettlementClock.tick": _("商户结算单"),
    "ComplaintsClock.tick": _("请用户评价、投诉期限提醒"),
    "AgentsClock.tick": _("代理商佣金"),
    "AlarmsClock.tick": _("短信统计和告警"),
    "SmsClock.tick": _("短信：状态不明的营销短信、没收齐的长短信"),
    "BroadcastsClock.tick": _("群发"),
    "PrivacyClock.tick": _("按期限清理个人信息"),
}

Look = Callable[[Parts, datetime], Any]
_kept: WeakKeyDictionary[LiveMenus, dict[str, tuple[datetime, Any]]] = WeakKeyDictionary()
_begun: WeakKeyDictionary[LiveMenus, datetime] = WeakKeyDictionary()
_lock = threading.Lock()


def begin(live: LiveMenus, now: datetime) -> None:
    """The process with these menus starts: the clock may be starting, too."""
    _begun[live] = now


def files_warning(visit: Visit) -> str:
    """What is wrong with the configuration files on disk, or with what was published; or ""."""
    warning: str = seen_lately(visit, "files", _look_at_files)
    return warning


def files_banner(visit: Visit) -> Banner | None:
    """A file is bad, or was changed and not published."""
    if not (visit.can("menus.see") or visit.can("operations.see")):
        return None
    warning = files_warning(visit)
    return Banner(warning) if warning else None


def gateways_banner(visit: Visit) -> Banner | None:
    """Something that we call is down, or was shut off."""
    down: list[str] = seen_lately(visit, "breakers", _look_at_breakers)
    if not down:
        return None
    words = _("现在发不到：{systems}。欠着的会在恢复后补发。", systems=_("、").join(
        _(SYSTEMS.get(name, name)) for name in down
    ))  # fmt: skip
    if not visit.can("operations.see"):
        return Banner(words)
    return Banner(words, url_for("console.operations"), _("看运行状况"))


def clock_banner(visit: Visit) -> Banner | None:
    """Nobody times out questions, or looks for what was owed and not sent."""
    if not visit.can("operations.see") or seen_lately(visit, "clock", _look_at_clock):
        return None
    words = _("时钟没有在走：超时、到期和补发都停着。请启动 make clock。")
    return Banner(words, url_for("console.operations"), _("看运行状况"))


def dead_letters_banner(visit: Visit) -> Banner | None:
    """More was given up than somebody has looked at."""
    if not visit.can("outbox.see"):
        return None
    most = visit.parts.settings.console.dead_letters_most
    dead: int = seen_lately(visit, "dead", _look_at_dead_letters)
    if dead <= most:
        return None
    words = _(
        "有 {n} 条消息或请求发不出去，已放弃。", n=dead if dead <= most + 1000 else f"{dead}+"
    )
    return Banner(words, url_for("console.outbox"), _("去处理"))


def forget(visit: Visit) -> None:
    """Look again at once: something has just been changed here."""
    with _lock:
        _kept.pop(visit.parts.live, None)


# -- looking ---------------------------------------------------------------------------------------


def seen_lately(visit: Visit, name: str, look: Look) -> Any:
    """What a look has found lately."""
    with _lock:
        kept = _kept.setdefault(visit.parts.live, {})
        at, found = kept.get(name, (None, None))
    if at is None or not timedelta(0) <= visit.now - at < LOOK_EVERY:
        found = look(visit.parts, visit.now)
        with _lock:
            kept[name] = (visit.now, found)
    return found


def _look_at_breakers(parts: Parts, _now: datetime) -> list[str]:
    try:
        return [name for name, each in parts.breakers.items() if each.condition().state != CLOSED]
    except redis.RedisError:
        return []


def _look_at_clock(parts: Parts, now: datetime) -> bool:
    try:
        beat = last_beat(parts.counters)
    except redis.RedisError:
        return True  # nobody can say
    if beat is not None and now - beat.at < CLOCK_SILENT:
        return True
    begun = _begun.get(parts.live)
    return begun is not None and timedelta(0) <= now - begun < CLOCK_GRACE


def _look_at_dead_letters(parts: Parts, _now: datetime) -> int:
    most = parts.settings.console.dead_letters_most + 1001
    return parts.store.read(lambda tx: dead_letters.dead(tx, most=most))


def _look_at_files(parts: Parts, _now: datetime) -> str:
    if parts.live.warning:
        return _("已发布的菜单用不了：{why}", why=parts.live.warning)
    try:
        return _menus_on_disk(parts) or _rules_on_disk(parts)
    except OSError as error:
        return _("读不到配置文件：{why}", why=type(error).__name__)


def _menus_on_disk(parts: Parts) -> str:
    live = parts.store.read(lambda tx: publications.get(tx, publications.live_version(tx)))
    try:
        files = read_folder(parts.menus_folder)
        if live is None or files == dict(live.files):
            return ""
        changed = sorted(
            name for name in {*files, *live.files} if files.get(name) != live.files.get(name)
        )
        if not any(_is_newer(parts.menus_folder / name, live.at) for name in changed):
            return ""  # published from elsewhere since: what lies here is only the fallback
        codes = parts.store.read(clubs.codes)
        check(files, clubs=codes)
    except Mistakes as bad:
        return _bad(bad.mistakes)
    return _("磁盘上的菜单文件改过，还没有发布：{names}", names=_("、").join(changed[:3]))


def _rules_on_disk(parts: Parts) -> str:
    folder = ROOT / parts.settings.rules.folder
    for file in sorted(folder.rglob("*.yaml")) if folder.is_dir() else []:
        shown = file.relative_to(folder.parent).as_posix()
        mistakes = parse(file.read_bytes(), file=shown).mistakes
        try:
            if not mistakes and file.name == "tiers.yaml":
                tier_rules.read(file)
            elif not mistakes and file.name == "memberships.yaml":
                membership_rules.read(file)
        except Mistakes as bad:
            mistakes = bad.mistakes
        if mistakes:
            return _bad(list(mistakes))
    return ""


def _bad(mistakes: list[Mistake]) -> str:
    return _("配置文件有 {n} 处错误，改好之前用的还是上一版：{first}", n=len(mistakes),
             first=str(mistakes[0]))  # fmt: skip


def _is_newer(file: Path, than: datetime) -> bool:
    return file.exists() and datetime.fromtimestamp(file.stat().st_mtime, UTC) > than
