"""A person's copy of their data as one file: a ZIP with a page to read and JSON for programs.

    个人信息.html        everything, section by section, in Chinese; opens in any browser
    data/<section>.json  the same for another system

Rows go from the database to the disk bit by bit: somebody with a million movements takes no more
memory than anybody else.
"""

from __future__ import annotations

import html
import json
import shutil
import tempfile
import zipfile
from datetime import date, datetime
from typing import IO, Any

from models.base import Tx
from models.points import SHANGHAI
from models.privacy import export
from models.privacy.declared import DECLARED
from models.privacy.export import SECTIONS, Person
from models.privacy.sections import Section
from sms.numbers import masked

PAGE = "个人信息.html"
FILE_NAME = "personal-data-{id}.zip"
# Codes that stand in the tables, as people call them.
CODES = {
    "active": "正常", "blocked": "已封停", "merged": "已并入", "deleted": "已删除",
    "left": "已退出",
    "refused": "未开通", "opening": "开通中", "moved": "已转移", "wechat": "微信", "sms": "短信",
    "ordinary": "普通", "premium": "高级", "yes": "是", "no": "否", "points": "积分",
    "coins": "如意币",
    "consumption": "消费", "promotional": "促销", "held_consumption": "消费（预留）",
    "held_promotional": "促销（预留）", "delivered": "已送达", "sent": "已发出", "failed": "未送达",
    "answered": "已办结", "dropped": "已取消", "dead": "未办成", "owed": "待发", "taken": "发送中",
    "accepted": "办理中", "answer": "回答", "notice": "通知", "marketing": "营销", "text": "文字",
    "click": "点菜单", "scan": "扫码", "ended": "已结束", "asking": "等您回答", "calling": "办理中",
    "service": "客服", "approver": "审批", "administrator": "系统管理", "operations": "运营",
}  # fmt: skip
_STYLE = (
    "body{font:16px/1.6 sans-serif;margin:2em auto;max-width:70em;padding:0 1em}"
    "table{border-collapse:collapse;width:100%;margin:.5em 0 2em}"
    "th,td{border:1px solid #bbb;padding:.3em .5em;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}th{background:#f2f2f2}.none{color:#555}"
)


def write(tx: Tx, whose: Person, *, now: datetime) -> IO[bytes]:
    """The file, open at its beginning; gone when it is closed. `tx` must be steady (export.py)."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller reads and closes it
    try:
        with (
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
            tempfile.TemporaryFile("w+b") as page,
        ):
            _write_all(tx, whose, archive, page, now)
            page.seek(0)
            with archive.open(PAGE, "w", force_zip64=True) as entry:
                shutil.copyfileobj(page, entry)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _write_all(
    tx: Tx, whose: Person, archive: zipfile.ZipFile, page: IO[bytes], now: datetime
) -> None:
    page.write(_head(whose, now).encode())
    for section in SECTIONS:
        page.write(_begin(section).encode())
        count = 0
        with archive.open(f"data/{section.name}.json", "w", force_zip64=True) as entry:
            entry.write(b"[")
            for row in export.rows(tx, whose, section, mask=masked):
                entry.write(b"\n" if count == 0 else b",\n")
                entry.write(_json(section, row).encode())
                page.write((_row(section) if count == 0 else "").encode())
                page.write(_line(row).encode())
                count += 1
            entry.write(b"\n]\n")
        page.write(("</table>" if count else '<p class="none">没有。</p>').encode())
    page.write(_tail().encode())


def _json(section: Section, row: export.Row) -> str:
    values = {shown.column: value for shown, value in zip(section.shown, row, strict=True)}
    return json.dumps(values, ensure_ascii=False, default=_plain)


def _head(whose: Person, now: datetime) -> str:
    return (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8">'
        f"<title>个人信息副本</title><style>{_STYLE}</style>"
        f"<h1>个人信息副本</h1><p>客户编号 {whose.id}，截至 {_words(now)}（北京时间）。"
        "这里是“和生活圈”保存的关于您的全部信息。其他人的手机号已遮盖。"
        "同样的内容另有 JSON 文件，在 data 文件夹里，供其他系统读取。</p>"
    )


def _begin(section: Section) -> str:
    return f"<h2>{html.escape(section.title.zh)}</h2>"


def _row(section: Section) -> str:
    names = "".join(f'<th scope="col">{html.escape(s.words.zh)}</th>' for s in section.shown)
    return f"<table><tr>{names}</tr>"


def _line(row: export.Row) -> str:
    return "<tr>" + "".join(f"<td>{html.escape(_words(value))}</td>" for value in row) + "</tr>\n"


def _tail() -> str:
    """What is not in the copy, and why."""
    lines = [
        f"<li>{html.escape(kept.what.zh)}：{html.escape(kept.not_exported.zh)}</li>"
        for kept in DECLARED
        if kept.not_exported is not None
    ]
    return (
        "<h2>没有列出的</h2><ul>"
        + "".join(lines)
        + "<li>验证码和登录凭证：只保存哈希，谁也看不到原文</li>"
        "<li>工作人员的姓名和登录名，其他用户的号码</li></ul></html>"
    )


def _words(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "是" if value else "否"
        case datetime():
            return f"{value.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
        case date():
            return value.isoformat()
        case str():
            return CODES.get(value, value)
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
    return str(value)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(SHANGHAI).isoformat(timespec="seconds")
    return str(value)
