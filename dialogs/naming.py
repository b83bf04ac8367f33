"""How things are called in a message, which has no room for long names."""

from __future__ import annotations

from models import sql
from models.base import Tx

# Longer titles and names of stores would be a third SMS.
CHARS_SHOWN = 16
REASON_CHARS = 30  # of why another system refuses, in its own words


def store_name(tx: Tx, merchant_code: str, store_no: int) -> str:
    """What a store is called, its merchant in front."""
    merchant, store = sql.one(
        tx,
        "SELECT m.name, s.name FROM stores s JOIN merchants m ON m.code = s.merchant_code"
        " WHERE s.merchant_code = %(merchant)s AND s.store_no = %(store)s",
        {"merchant": merchant_code, "store": store_no},
    )
    return store if store.startswith(merchant) else f"{merchant}{store}"


def shortened(words: str, most: int = CHARS_SHOWN) -> str:
    """The words as a message has room for them."""
    return words if len(words) <= most else f"{words[: most - 1]}…"


def why(reason: str) -> str:
    """Why another system refuses, as a message has room for it."""
    return shortened(" ".join(reason.split()).rstrip("。."), REASON_CHARS)
