"""A photo of a voucher's QR code, read on the server: no app, and no script in the page.

A phone sends what its camera made, so that photos are large; whoever is signed in may send one.
"""

from __future__ import annotations

import threading
import warnings
from typing import IO

import structlog
import zxingcpp
from PIL import Image, UnidentifiedImageError

log = structlog.get_logger()

PHOTO_KB = 12 * 1024  # a phone's largest is some 10 MB
FORMATS = ("JPEG", "PNG", "WEBP")
# 50 million pixels are the largest phones'. A JPEG is decoded at an eighth of that and more, so
# that it needs a few MB; of the others each pixel needs 4 bytes.
MOST_PIXELS = {"JPEG": 64_000_000, "MPO": 64_000_000, "PNG": 16_000_000, "WEBP": 16_000_000}
READ_PIXELS = 1800  # the longer side that the reader looks at: a code over a tenth of it is read
CODE_LENGTH = 200  # no code of ours is longer
# So many at once in a process: each takes a core for a tenth of a second.
AT_ONCE, WAIT_S = 2, 3.0
TOO_LARGE = "照片太大了，请拍小一点的，或者输入券上的号码"
_QR = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])
_places = threading.BoundedSemaphore(AT_ONCE)


class BadPhoto(Exception):
    """Nothing can be read from it; the text says why, to whoever took it."""


class Busy(Exception):
    """Too many photos are being read."""


def codes_in(file: IO[bytes]) -> list[str]:
    """What the QR codes of a photo say, each once. Raises BadPhoto, Busy."""
    if not _places.acquire(timeout=WAIT_S):
        raise Busy
    try:
        found = zxingcpp.read_barcodes(_image(file), formats=_QR)
    finally:
        _places.release()
    texts = dict.fromkeys(one.text for one in found if 0 < len(one.text) <= CODE_LENGTH)
    return list(texts)


def _image(file: IO[bytes]) -> Image.Image:
    """The photo in grey, small enough to be read quickly."""
    try:
        with warnings.catch_warnings():
            # Our own limit, below, is lower than the one that Pillow warns of.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(file, formats=FORMATS)
        width, height = opened.size
        if width * height > MOST_PIXELS[opened.format or ""]:
            raise BadPhoto(TOO_LARGE)
        opened.draft("L", (READ_PIXELS, READ_PIXELS))  # a JPEG comes out smaller at once
        opened.thumbnail((READ_PIXELS, READ_PIXELS))
        return opened.convert("L")
    except Image.DecompressionBombError as bomb:
        raise BadPhoto(TOO_LARGE) from bomb
    except (UnidentifiedImageError, KeyError) as other:
        raise BadPhoto("这个文件不是照片，请拍一张券上的二维码") from other
    except (OSError, SyntaxError, ValueError, EOFError) as broken:  # what Pillow raises of damage
        log.info("photo not read", why=type(broken).__name__)
        raise BadPhoto("照片没有传完整，请再拍一张") from broken
