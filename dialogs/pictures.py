"""A picture that somebody sent, drawn anew: small, upright, and without what the camera wrote.

what came (JPEG, PNG, WebP, GIF) ──▶ its pixels ──▶ a JPEG of our own, no EXIF, no place, no name
"""

from __future__ import annotations

import io
import threading
import warnings

import structlog
from PIL import ExifTags, Image, UnidentifiedImageError

log = structlog.get_logger()

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
# Each pixel of what is not a JPEG needs 4 bytes while it is read; a JPEG is read smaller at once.
MOST_PIXELS = {"JPEG": 64_000_000, "MPO": 64_000_000, "PNG": 24_000_000}
MOST_PIXELS_ELSE = 16_000_000
# A progressive JPEG is read whole, however small it is wanted, and its pixels again with each scan:
# a file of 400 kB can hold a minute's work. A camera's has 10 scans or so, and few pixels.
MOST_PIXELS_PROGRESSIVE = 24_000_000
MOST_PIXELS_IN_SCANS = 600_000_000
_SCAN = b"\xff\xda"  # in a JPEG nothing else but a thumbnail's own can look like this
# What a camera writes of how it was held, and what sets the picture upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip
LONGER_SIDE = 1600  # pixels that are kept: what is written on a bill can be read
QUALITIES = (82, 60, 40)  # of the JPEG, the first that is small enough
# So many at once in a process: each takes a core for a tenth of a second, and some 30 MB.
AT_ONCE, WAIT_S = 2, 10.0
TOO_LARGE = "图片太大了，请发小一点的"
NO_PICTURE = "这个文件不是图片"
NOT_WHOLE = "图片没有传完整，请再发一次"
_places = threading.BoundedSemaphore(AT_ONCE)


class BadPicture(Exception):
    """It cannot be kept; the text says why, to whoever sent it."""


class Busy(Exception):
    """Too many pictures are being drawn."""


def redrawn(data: bytes, *, most: int) -> bytes:
    """The picture as a JPEG of at most `most` bytes. Raises BadPicture, Busy."""
    if not _places.acquire(timeout=WAIT_S):
        raise Busy
    try:
        return _small(_pixels(data), most)
    except Image.DecompressionBombError as bomb:
        raise BadPicture(TOO_LARGE) from bomb
    except UnidentifiedImageError as other:
        raise BadPicture(NO_PICTURE) from other
    except BadPicture:
        raise
    except Exception as broken:  # Pillow raises nearly anything of what a stranger has written
        log.info("picture not read", why=type(broken).__name__)
        raise BadPicture(NOT_WHOLE) from broken
    finally:
        _places.release()


def _pixels(data: bytes) -> Image.Image:
    with warnings.catch_warnings():
        # Our own limits are lower than the one that Pillow warns of.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        opened = Image.open(io.BytesIO(data), formats=FORMATS)
    width, height = opened.size
    if width * height > _most_pixels(opened, data):
        raise BadPicture(TOO_LARGE)
    opened.draft("RGB", (LONGER_SIDE, LONGER_SIDE))
    opened.thumbnail((LONGER_SIDE, LONGER_SIDE))
    upright = _upright(opened)
    if upright.mode in ("RGBA", "LA", "P", "PA"):  # on white, as a chat shows it
        upright = upright.convert("RGBA")
        paper = Image.new("RGB", upright.size, "white")
        paper.paste(upright, mask=upright.getchannel("A"))
        return paper
    return upright.convert("RGB")


def _most_pixels(opened: Image.Image, data: bytes) -> int:
    most = MOST_PIXELS.get(opened.format or "", MOST_PIXELS_ELSE)
    if opened.format not in ("JPEG", "MPO"):
        return most
    if opened.info.get("progressive"):
        most = MOST_PIXELS_PROGRESSIVE
    return min(most, MOST_PIXELS_IN_SCANS // max(1, data.count(_SCAN)))


def _upright(picture: Image.Image) -> Image.Image:
    """As the camera was held; of all that it wrote, nothing else is looked at."""
    turn = _TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    return picture if turn is None else picture.transpose(turn)


def _small(picture: Image.Image, most: int) -> bytes:
    # A picture of its own: nothing that was beside the pixels comes along.
    plain = Image.new("RGB", picture.size)
    plain.paste(picture)
    for quality in QUALITIES:
        written = io.BytesIO()
        plain.save(written, "JPEG", quality=quality, optimize=True)
        if written.tell() <= most:
            return written.getvalue()
    raise BadPicture(TOO_LARGE)
