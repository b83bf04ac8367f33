"""Pictures that strangers send: upright, small, and no file keeps a core or a page busy."""

from __future__ import annotations

import io
import struct
import time

import pytest
from PIL import Image

from dialogs import pictures
from models.feedback_pictures import BYTES_MAX

_SOS, _END = b"\xff\xda", b"\xff\xd9"


def jpeg(size: tuple[int, int], exif: bytes = b"", *, progressive: bool = False) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, "red").save(made, "JPEG", quality=10, exif=exif, progressive=progressive)
    return made.getvalue()


def exif(*entries: bytes) -> bytes:
    """What a camera writes beside the pixels, tag by tag."""
    return (
        b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + b"".join(entries) + b"\0" * 4
    )


def orientation(how: int) -> bytes:
    return struct.pack("<HHIHH", 0x0112, 3, 1, how, 0)


def redrawn(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(pictures.redrawn(data, most=BYTES_MAX)))


@pytest.mark.parametrize("how", range(1, 9))
def test_a_picture_is_upright_however_the_camera_was_held(how: int) -> None:
    found = redrawn(jpeg((400, 100), exif(orientation(how))))
    assert found.size == ((100, 400) if how > 4 else (400, 100))
    assert not found.getexif()


@pytest.mark.parametrize(
    "beside",
    [
        struct.pack("<HHI4s", 0x0110, 7, 4, b"\xff\0\xff\0"),  # of no type that this tag has
        struct.pack("<HHI4s", 0x011A, 2, 4, b"abc\0"),  # words for a number
        struct.pack("<HHI4s", 0x8825, 2, 4, b"abc\0"),  # words where another table begins
        struct.pack("<HHI4s", 0x0112, 2, 4, b"abc\0"),
    ],
)
def test_what_else_the_camera_wrote_spoils_no_picture(beside: bytes) -> None:
    with_turn = orientation(6)[:2] == beside[:2]
    entries = [beside] if with_turn else [orientation(6), beside]
    found = redrawn(jpeg((400, 100), exif(*entries)))
    assert found.size == ((400, 100) if with_turn else (100, 400))


def test_a_small_file_with_a_minute_of_work_in_it_is_refused_at_once() -> None:
    plain = jpeg((4800, 4800), progressive=True)
    assert redrawn(plain).size == (1600, 1600)  # as it comes it is welcome
    last = plain[plain.rindex(_SOS) : plain.rindex(_END)]
    bomb = plain[: plain.rindex(_END)] + last * 500 + _END
    assert len(bomb) < 300_000
    began = time.perf_counter()
    with pytest.raises(pictures.BadPicture, match=pictures.TOO_LARGE):
        pictures.redrawn(bomb, most=BYTES_MAX)
    assert time.perf_counter() - began < 1


def test_a_progressive_picture_of_very_many_pixels_takes_too_much_memory() -> None:
    with pytest.raises(pictures.BadPicture, match=pictures.TOO_LARGE):
        pictures.redrawn(jpeg((6000, 6000), progressive=True), most=BYTES_MAX)
