"""My vouchers: what can be used yet, with its code; and one given back for its points."""

from __future__ import annotations

from dialogs import offer_words, pages
from dialogs.dialog import Dialog, Move, Talk
from models.vouchers import ending, having
from models.vouchers.having import Held
from models.vouchers.vouchers import NoSuchVoucher
from sms.replies import Reply
from sms.segments import units

LIST_UNITS = 76
MOST_LISTED = 5
MOST_FOUND = 50
FIRST_ID = 10_000_001  # of a voucher: what is less is a place in the list


class MyVouchers(Dialog):
    reads_only = True

    def opened(self, talk: Talk) -> Move:
        found = having.usable(talk.tx, talk.subscriber, talk.now, MOST_FOUND)
        if not found:
            return talk.end("vouchers.none")
        lines = _that_fit(found)
        return talk.end(
            "vouchers.list" if len(found) == len(lines) else "vouchers.list_more",
            page=pages.VOUCHERS, vouchers="\n".join(lines), count=len(found),
        )  # fmt: skip


class ReturnVoucher(Dialog):
    """Give a voucher back that was not used: its points return to where they came from."""

    takes = frozenset({"voucher"})

    def opened(self, talk: Talk) -> Move:
        given = str(talk.notes.pop("voucher", ""))
        found = having.usable(talk.tx, talk.subscriber, talk.now, MOST_FOUND)
        if not found:
            return talk.end("vouchers.none")
        if given or len(found) == 1:
            return self._ask(talk, found, int(given) if given.isdecimal() else 1)
        lines = _that_fit(found)
        talk.notes["listed"] = [held.voucher.id for held in found[: len(lines)]]
        return talk.ask(
            "vouchers.which", again="vouchers.which_again", expects="number", then=self.picked,
            vouchers="\n".join(lines), most=len(lines),
        )  # fmt: skip

    def picked(self, talk: Talk, reply: Reply) -> Move:
        if reply.number is None or reply.number == 0:
            return talk.end("vouchers.kept", ended_as="declined")
        listed, number = talk.notes["listed"], reply.number
        found = having.usable(talk.tx, talk.subscriber, talk.now, MOST_FOUND)
        return self._ask(talk, found, listed[number - 1] if number <= len(listed) else number)

    def agreed(self, talk: Talk, reply: Reply) -> Move:
        if not reply.is_yes:
            return talk.end("vouchers.kept", ended_as="declined")
        if "listed" in talk.notes and reply.number is not None:
            # Perhaps the digit that picked it, sent twice: no clear yes.
            found = having.usable(talk.tx, talk.subscriber, talk.now, MOST_FOUND)
            return self._ask(talk, found, talk.notes["id"])
        try:
            held = having.one(talk.tx, talk.subscriber, talk.notes["id"])
            voucher = ending.refund(
                talk.tx, subscriber_id=held.voucher.subscriber_id, voucher_id=held.voucher.id,
                by="owner", channel=talk.channel, now=talk.now, grace_days=talk.rules.grace_days,
            )  # fmt: skip
        except (NoSuchVoucher, ending.NotRefundable):  # the giver gone since: as rare as it is
            return talk.end("vouchers.not_refundable", ended_as="failed")
        return talk.end(
            "vouchers.refunded_gift" if held.is_gift else "vouchers.refunded",
            title=offer_words.title(voucher.title), price=voucher.price_points,
            serial=voucher.refund_serial,
        )  # fmt: skip

    def _ask(self, talk: Talk, found: list[Held], number: int) -> Move:
        by_place = number < FIRST_ID
        if by_place and not 0 < number <= len(found):
            return talk.end("vouchers.no_such", most=len(found))
        held = (
            found[number - 1]
            if by_place
            else next((one for one in found if one.voucher.id == number), None)
        )
        if held is None or held.voucher.paid_by is not None:  # used meanwhile, or a present
            return talk.end("vouchers.not_refundable", ended_as="failed")
        if held.giver_gone:
            return talk.end(
                "vouchers.giver_gone",
                ended_as="failed",
                title=offer_words.title(held.voucher.title),
            )
        talk.notes["id"] = held.voucher.id
        return talk.ask(
            "vouchers.refund_gift_ask" if held.is_gift else "vouchers.refund_ask",
            again="vouchers.refund_gift_ask" if held.is_gift else "vouchers.refund_ask",
            then=self.agreed, title=offer_words.title(held.voucher.title),
            shop=offer_words.shop(held.merchant), price=held.voucher.price_points,
            code=offer_words.code(held.voucher.short_code),
        )  # fmt: skip


def _that_fit(found: list[Held]) -> list[str]:
    """A line for each voucher, as many as two SMS hold."""
    lines: list[str] = []
    for held in found[:MOST_LISTED]:
        voucher = held.voucher
        title = offer_words.clipped(voucher.title, offer_words.LISTED_TITLE_LETTERS)
        code, until = (
            offer_words.code(voucher.short_code),
            offer_words.last_day(voucher.valid_until),
        )
        line = f"{len(lines) + 1} {title}，券码{code}，用到{until}"
        if lines and units("\n".join([*lines, line])) > LIST_UNITS:
            break
        lines.append(line)
    return lines
