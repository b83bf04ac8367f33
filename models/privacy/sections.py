"""The sections of a person's copy of their data: which columns of which table, and what they show.

Every column of models/privacy/declared.py is given by one of these or withheld there, with the
reason; a test holds both against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from models.privacy.shape import Said

# How a value is shown. NUMBER: whole if it is the person's own, else masked; the same for numbers
# within TEXT and within DOCUMENT.
PLAIN, MOMENT, NUMBER, TEXT, DOCUMENT = "plain", "moment", "number", "text", "document"


@dataclass(frozen=True, slots=True)
class Shown:
    """A column of the copy: of which column of the table, called how, shown how."""

    column: str
    words: Said
    how: str = PLAIN
    source: str = ""  # SQL, where it is not the column itself


@dataclass(frozen=True, slots=True)
class Section:
    """A list in the copy. `where` and `order` are SQL, for %(ids)s and %(openid)s."""

    name: str
    title: Said
    table: str
    shown: tuple[Shown, ...]
    order: str
    where: str = "subscriber_id = ANY (%(ids)s)"
    source: str = ""  # a FROM of its own
    also: Mapping[str, str] | None = None  # other tables whose columns are among these

    @property
    def statement(self) -> str:
        columns = ", ".join(each.source or f'"{each.column}"' for each in self.shown)
        return (
            f"SELECT {columns} FROM {self.source or self.table}"
            f" WHERE {self.where} ORDER BY {self.order}"
        )

    def gives(self, table: str) -> set[str]:
        """The columns of a table that it gives."""
        also = (self.also or {}).get(table)
        if also is not None:
            return set(also.split())
        return {each.column for each in self.shown} if table == self.table else set()


def _moments(**named: tuple[str, str]) -> tuple[Shown, ...]:
    return tuple(Shown(name, Said(*words), MOMENT) for name, words in named.items())


def _plain(**named: tuple[str, str]) -> tuple[Shown, ...]:
    return tuple(Shown(name, Said(*words)) for name, words in named.items())


_AT = Shown("at", Said("时间", "at"), MOMENT)

WHO = (
    Section(
        "account", Said("账户", "Account"), "subscribers",
        (
            *_plain(
                id=("客户编号", "customer number"), merged_into=("已并入", "merged into"),
                status=("状态", "state"),
            ),
            *_moments(
                opted_out_at=("退订时间", "opted out at"), created_at=("建立时间", "created at")
            ),
        ),
        "id", where="id = ANY (%(ids)s)",
    ),
    Section(
        "addresses", Said("手机号和微信", "Number and WeChat"), "subscriber_addresses",
        (
            *_plain(channel=("渠道", "channel"), address=("号码或标识", "address")),
            *_moments(since=("开始时间", "since"), heard_at=("最近一次使用", "last used"),
                       open_until=("微信可以发消息到", "WeChat takes messages until")),
        ),
        "channel",
    ),
    Section(
        "blocked_numbers", Said("不主动打扰的号码", "Numbers that are not written to"),
        "blocked_numbers",
        (
            Shown("number", Said("号码", "number"), NUMBER),
            Shown("at", Said("时间", "at"), MOMENT),
            Shown("why", Said("原因", "why"), TEXT),
        ),
        "at",
        where="number IN (SELECT address FROM subscriber_addresses"
        " WHERE channel = 'sms' AND subscriber_id = ANY (%(ids)s))",
    ),
    Section(
        "memberships", Said("俱乐部", "Clubs"), "memberships",
        (
            Shown("club_code", Said("俱乐部", "club"), source="c.name"),
            *_plain(level=("级别", "level"), state=("状态", "state")),
            *_moments(since=("入会时间", "member since")),
            *_plain(
                ends_on=("有效到", "until"), premium_until=("高级会员到", "premium until"),
                suspended_on=("暂停自", "suspended since"),
                kept_until=("退会后还留到", "kept after leaving until"),
                kept_premium=("高级会员还留到", "premium kept until"),
            ),
        ),
        "c.position", source="memberships m JOIN clubs c ON c.code = m.club_code",
    ),
    Section(
        "membership_changes", Said("会籍变化", "How memberships changed"), "membership_changes",
        (
            _AT,
            *_plain(
                club_code=("俱乐部", "club"), state=("状态", "state"), level=("级别", "level"),
                why=("原因", "why"), ends_on=("有效到", "until"),
                premium_until=("高级会员到", "premium until"), serial=("流水号", "serial number"),
            ),
        ),
        "at, club_code, change_no",
    ),
    Section(
        "consents", Said("同意与退订", "Consents"), "consents",
        (
            *_moments(asked_at=("询问时间", "asked at"), answered_at=("回答时间", "answered at")),
            *_plain(subject=("事项", "about"), granted=("是否同意", "agreed")),
            Shown("question", Said("问题", "question"), TEXT),
            Shown("answer", Said("回答", "answer"), TEXT),
        ),
        "answered_at, id",
    ),
    Section(
        "conversations", Said("对话", "Conversations"), "conversations",
        (
            *_moments(
                opened_at=("开始", "opened"), waiting_since=("等待自", "waiting since"),
                expires_at=("等到", "waits until"), ended_at=("结束", "ended"),
            ),
            *_plain(
                dialog=("事项", "dialog"), step=("步骤", "step"), state=("状态", "state"),
                channel=("渠道", "channel"), ended_as=("结果", "result"),
            ),
            Shown("notes", Said("记下的内容", "notes"), DOCUMENT),
            Shown("question", Said("问过的话", "question"), DOCUMENT, "question -> 'sent'"),
        ),
        "opened_at, id",
    ),
    Section(
        "heard", Said("您发来的消息", "What you sent us"), "inbox",
        (
            *_moments(received_at=("时间", "at")),
            *_plain(
                channel=("渠道", "channel"), kind=("类型", "kind"),
                met=("没有一下看懂时怎么办的", "how it was met, if it was not understood at once"),
            ),
            Shown("said", Said("内容", "what you said"), TEXT),
            Shown("reply", Said("当时的回答", "what we answered"), TEXT, "reply ->> 'text'"),
        ),
        "received_at, key",
    ),
    Section(
        "messages", Said("发给您的消息", "What we sent you"), "outbox",
        (
            *_moments(created_at=("时间", "at"), settled_at=("办结时间", "settled at")),
            *_plain(
                kind=("渠道", "channel"), category=("类别", "category"), state=("状态", "state")
            ),
            Shown("to", Said("发往", "sent to"), NUMBER, "payload ->> 'to'"),
            # A one-time code is nobody's to see, not even in a copy.
            Shown(
                "payload", Said("内容", "text"), TEXT,
                "CASE WHEN payload -> 'secret' IS NULL THEN payload ->> 'text' END",
            ),
        ),
        "created_at, id", where="subscriber_id = ANY (%(ids)s) AND kind <> 'call'",
    ),
    Section(
        "mailbox", Said("消息中心", "Your mailbox"), "mailbox",
        (
            _AT,
            *_plain(kind=("内容类别", "about"), category=("类别", "category"),
                    way=("另外发送的渠道", "also sent by")),
            Shown("words", Said("内容", "text"), TEXT),
            *_moments(read_at=("查看时间", "looked at")),
        ),
        "at, id",
    ),
    Section(
        "notice_preferences", Said("通知设置", "What you want to be told"), "notice_preferences",
        (_AT, *_plain(kind=("内容类别", "about"), channel=("渠道", "channel"),
                      wanted=("是否接收", "wanted"))),
        "kind, channel",
    ),
    Section(
        "calls", Said("替您办的事", "What we asked others to do for you"), "outbox",
        (
            *_moments(created_at=("时间", "at"), settled_at=("办结时间", "settled at")),
            Shown("payload", Said("事项", "what"), source="payload ->> 'service'"),
            *_plain(state=("状态", "state")),
        ),
        "created_at, id", where="subscriber_id = ANY (%(ids)s) AND kind = 'call'",
    ),
    Section(
        "codes", Said("绑定验证码", "Codes that were sent"), "bind_codes",
        (
            Shown("msisdn", Said("号码", "number"), NUMBER),
            *_moments(
                sent_at=("发出", "sent"), expires_at=("有效到", "valid until"),
                used_at=("使用", "used"),
            ),
        ),
        "sent_at, id",
    ),
    Section(
        "links", Said("一次性链接", "One-time links"), "page_links",
        (
            *_plain(path=("页面", "page")),
            *_moments(
                created_at=("发出", "sent"), expires_at=("有效到", "valid until"),
                used_at=("使用", "used"),
            ),
        ),
        "created_at, token_hash",
    ),
    Section(
        "sessions", Said("手机页面的登录", "Being signed in"), "page_sessions",
        _moments(created_at=("登录", "signed in"), expires_at=("有效到", "valid until")),
        "created_at, id_hash",
    ),
)  # fmt: skip
