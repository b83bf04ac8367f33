"""Where our Chinese font lies, for whoever draws: pages, printed sheets, pictures for WeChat."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

# Simplified Chinese within the collection of the wheel noto-cjk-sans-otc (OFL-1.1).
_FONT_FILE, FONT_INDEX = "NotoSansCJK-Regular.ttc", 2


@cache
def font_file() -> str:
    """The file of the font."""
    found = find_spec("noto_cjk_sans_otc")
    if found is None or found.origin is None:
        raise LookupError("the wheel noto-cjk-sans-otc is missing: Chinese would be boxes")
    return str(Path(found.origin).with_name(_FONT_FILE))
