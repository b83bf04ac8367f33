"""What is stored about people themselves: reaching them, talking with them, their clubs."""

from __future__ import annotations

from models.privacy.shape import (
    BEHAVIOUR,
    CONTACT,
    EVIDENCE,
    HASH,
    INNER,
    MONEY,
    OWNER,
    SECRET,
    STAFF,
    STAYS,
    TECHNICAL,
    TEXT,
    TIME,
    UNTIL_DELETED,
    Deletion,
    Forever,
    Kept,
    Said,
    inner,
    removes,
)  # fmt: skip

TO_REACH = Said("联系本人，登录，合并两个渠道的账户", "to reach the person and know them again")
TO_ANSWER = Said("接着上一句往下办理", "to go on where a conversation stopped")

PEOPLE = (
    Kept(
        "subscribers",
        Said("用户编号和状态", "the subscriber's number and state"),
        Said("其他资料都挂在这个编号下", "everything else hangs on this number"),
        {
            OWNER: "id merged_into", BEHAVIOUR: "status opted_out_at", TIME: "created_at",
            TECHNICAL: "merged",
        },
        UNTIL_DELETED,
        Deletion(
            Said("留下编号，状态改为已删除", "the number stays, its state becomes deleted"),
            "UPDATE subscribers SET opted_out_at = NULL,"
            " status = CASE status WHEN 'merged' THEN status ELSE 'deleted' END"
            " WHERE id = ANY (%(ids)s)",
        ),
        ("account",),
        withheld=inner("merged"),
    ),
    Kept(
        "subscriber_addresses",
        Said("手机号和微信标识", "mobile number and WeChat openid"),
        TO_REACH,
        {
            CONTACT: "address", OWNER: "subscriber_id", TECHNICAL: "channel",
            TIME: "since heard_at open_until",
        },
        UNTIL_DELETED,
        removes("subscriber_addresses"),
        ("addresses",),
    ),
    Kept(
        "bind_codes",
        Said("绑定手机号的验证码", "codes that prove a number"),
        Said("证明号码是本人的；限制索取次数", "to prove a number, and to limit how many are sent"),
        {
            OWNER: "subscriber_id id", CONTACT: "msisdn", SECRET: "salt code_hash asked_by",
            BEHAVIOUR: "attempts_left", TIME: "sent_at expires_at used_at",
        },
        "codes",
        removes("bind_codes", or_else="msisdn = ANY (%(numbers)s)"),
        ("codes",),
        withheld={
            "id": INNER, "salt": HASH, "code_hash": HASH, "asked_by": HASH, "attempts_left": INNER,
        },
    ),
    Kept(
        "remembered_rewards",
        Said(
            "已删除号码的印记：领过的奖励、已经注销，各是一个密钥哈希，认不出号码，也列不出来",
            "marks of deleted numbers, what they were rewarded for and that they are gone: keyed"
            " hashes that name nobody",
        ),
        Said(
            "同一号码再来时，一人一次的奖励不重复发；群发的名单里有它时，不再打扰；不作他用",
            "so that what is given once in a life is not given twice, and no broadcast's list"
            " brings them back; for nothing else",
        ),
        {SECRET: "mark", TIME: "kept_on"},
        "remembered",
        Deletion(Said("删除账户时才记下，到期删除", "written by a deletion, and gone in time")),
        not_exported=HASH,
    ),
    Kept(
        "page_links",
        Said("短信里的一次性链接", "one-time links in SMS"),
        Said("没有微信的人打开页面用", "to open a page without WeChat"),
        {
            SECRET: "token_hash", OWNER: "subscriber_id", BEHAVIOUR: "path",
            TIME: "created_at expires_at used_at",
        },
        "links",
        removes("page_links"),
        ("links",),
        withheld={"token_hash": HASH},
    ),
    Kept(
        "page_sessions",
        Said("手机页面的登录", "being signed in to a page"),
        Said("登录后看自己的账户", "to see one's own account"),
        {SECRET: "id_hash", OWNER: "subscriber_id", TIME: "created_at expires_at"},
        "sessions",
        removes("page_sessions"),
        ("sessions",),
        withheld={"id_hash": HASH},
    ),
    Kept(
        "inbox",
        Said("听到的消息和当时的回答", "messages that were heard, and what was answered"),
        Said("同一条消息只办一次；客服查询", "so that a repeat has no second effect"),
        {
            TECHNICAL: "key channel kind met", OWNER: "subscriber_id", TEXT: "said reply",
            TIME: "received_at",
        },
        "wechat_messages",  # and "sms_messages"
        Deletion(
            Said("文字删除，只留消息的哈希", "the words go, a hash of the message stays"),
            "UPDATE inbox SET subscriber_id = NULL, said = NULL, reply = '{\"text\": \"\"}'"
            " WHERE subscriber_id = ANY (%(ids)s)",
        ),
        ("heard",),
        withheld=inner("key"),
    ),
    Kept(
        "outbox",
        Said("发给本人的消息和替本人办的事", "messages to the person, and calls made for them"),
        Said("送达、重试、查询", "to deliver, to try again, to answer questions about it"),
        {
            OWNER: "subscriber_id", TEXT: "payload error result", CONTACT: "provider_id",
            TECHNICAL: "id queue kind category conversation_id state attempts leases status"
                       " due_at leased_until submitted_at",
            TIME: "created_at settled_at",
        },
        "sent_messages",
        Deletion(
            Said("删除", "deleted"),
            "DELETE FROM outbox"  # one index has the calls, another the rest
            " WHERE (kind = 'call' AND subscriber_id = ANY (%(ids)s))"
            " OR (kind <> 'call' AND subscriber_id = ANY (%(ids)s))",
        ),
        ("messages", "calls"),
        withheld=inner(
            "provider_id id queue conversation_id attempts leases status due_at leased_until"
            " submitted_at error result"
        ),
    ),
    Kept(
        "mailbox",
        Said("消息中心：告知本人的消息", "the mailbox: what the person was told"),
        Said("本人随时可以再看", "so that the person can look again"),
        {
            OWNER: "subscriber_id", TEXT: "words words_sms", BEHAVIOUR: "kind category page",
            TECHNICAL: "id way why", TIME: "at decided_at read_at",
        },
        "mailbox",
        removes("mailbox"),
        ("mailbox",),
        withheld=inner("id page why decided_at words_sms"),
    ),
    Kept(
        "notice_preferences",
        Said("哪类通知愿意在哪里收", "which notices the person wants on which way"),
        Said("按本人意愿发通知", "to write to people as they wish"),
        {OWNER: "subscriber_id", BEHAVIOUR: "kind channel wanted", TIME: "at"},
        UNTIL_DELETED,
        removes("notice_preferences"),
        ("notice_preferences",),
    ),
    Kept(
        "blocked_numbers",
        Said("不主动打扰的号码", "numbers that are not written to unasked"),
        Said("本人或投诉要求不再打扰", "because the person or a complaint wants so"),
        {CONTACT: "number", TEXT: "why", TIME: "at", STAFF: "by", TECHNICAL: "id"},
        UNTIL_DELETED,
        Deletion(
            Said("删除", "deleted"),
            "DELETE FROM blocked_numbers WHERE number = ANY (%(numbers)s)",
        ),
        ("blocked_numbers",),
        withheld=inner("id by"),
    ),
    Kept(
        "heard_parts",
        Said("长短信还没收齐的部分", "parts of long texts that wait for the others"),
        Said("收齐后当一条短信处理", "to be heard as one text once all have come"),
        {
            CONTACT: "sender", TEXT: "body", TIME: "heard_at",
            TECHNICAL: "recipient reference is_wide of part_no coding",
        },
        Forever(Said("最多十分钟，之后按已收到的部分处理",
                     "ten minutes at most; then it is heard as far as it has come")),
        Deletion(
            Said("删除", "deleted"),
            "DELETE FROM heard_parts WHERE sender = ANY (%(numbers)s) OR sender = ANY"
            " (string_to_array(replace(array_to_string(%(numbers)s::text[], ','), '+', ''), ','))",
        ),
        not_exported=Said("几分钟内就变成一条消息", "it becomes a message within minutes"),
    ),
    Kept(
        "conversations",
        Said("对话进行到哪一步", "how far a conversation is"),
        TO_ANSWER,
        {
            OWNER: "subscriber_id", TEXT: "notes question", BEHAVIOUR: "dialog step state ended_as",
            TECHNICAL: "id late_step expects call_id channel wait_no repeats",
            TIME: "opened_at waiting_since expires_at ended_at",
        },
        "conversations",
        removes("conversations"),
        ("conversations",),
        withheld=inner("id late_step expects call_id wait_no repeats"),
    ),
    Kept(
        "consents",
        Said("同意和退订的凭证", "evidence of consent given or withdrawn"),
        Said(
            "监管要求二次确认凭证至少保存 5 个月",
            "the regulator wants the second confirmation kept for five months at least",
        ),
        {
            OWNER: "subscriber_id id", TEXT: "question answer", BEHAVIOUR: "subject granted",
            TECHNICAL: "message_key", TIME: "asked_at answered_at",
        },
        "consents",
        STAYS,
        ("consents",),
        withheld={"id": INNER, "message_key": HASH},
    ),
    Kept(
        "memberships",
        Said("加入的俱乐部", "memberships in clubs"),
        Said("提供俱乐部服务", "to give a club's services"),
        {
            OWNER: "subscriber_id", BEHAVIOUR: "club_code level state",
            TIME: "since ends_on premium_until suspended_on kept_until kept_premium",
            TECHNICAL: "changes look_on",
        },
        UNTIL_DELETED,
        Deletion(
            Said("会籍退出，记录不再能认出本人", "ended; the row stays, without identity"),
        ),
        ("memberships",),
        withheld=inner("changes look_on"),
    ),
    Kept(
        "membership_changes",
        Said("会籍的变化", "how memberships changed"),
        Said("说明何时因何入会退会，涉及收费", "to prove when a membership began: fees hang on it"),
        {
            OWNER: "subscriber_id", BEHAVIOUR: "club_code state level why",
            TIME: "at ends_on premium_until", MONEY: "serial", TECHNICAL: "change_no origin",
        },
        EVIDENCE,
        STAYS,
        ("membership_changes",),
        withheld={"change_no": INNER, "origin": HASH},
    ),
    Kept(
        "privacy_deletions",
        Said("删除请求办理的记录", "deletions that were carried out"),
        Said("证明已按要求删除", "to prove that it was done"),
        {
            OWNER: "subscriber_id", MONEY: "points coins serial", TIME: "at purged_at",
            TECHNICAL: "proposal_id told clubs",
        },
        EVIDENCE,
        STAYS,
        not_exported=Said("没有本人信息，只有编号", "nothing of the person but the number"),
    ),
)  # fmt: skip
