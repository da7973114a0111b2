"""Pictures from files to 8-bit RGBA (PNG, JPEG, WebP), their size read and bounded before anything is decoded; and back to PNG."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from ..errors import GltfError
from .limits import Budget

# Opened by name: `Image.open` would guess, and apply its own limit of pixels instead of the caller's.
_PLUGINS: dict[str, type[ImageFile]] = {"image/png": PngImageFile, "image/jpeg": JpegImageFile, "image/webp": WebPImageFile}
_SEGMENTS = 1 << 16
"""Segments and fill bytes before the frame of a JPEG."""
_STRIP = 1 << 18
"""Pixels converted at a time."""


def sniff(data: bytes | memoryview) -> str:
    """Return the MIME type that the first bytes say, empty where they say none that is known."""
    head = bytes(data[:12])
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return "image/ktx2" if head == b"\xabKTX 20\xbb\r\n\x1a\n" else ""


def header_size(data: bytes | memoryview) -> tuple[int, int] | None:
    """Read (width, height) from a PNG, JPEG or WebP header; None where the header is cut off or odd.

    Nothing is decoded and nothing allocated, so a picture that declares a billion pixels costs nothing here.
    """
    kind = sniff(data)
    try:
        if kind == "image/png":
            width, height = struct.unpack_from(">II", data, 16)
            return width, height
        if kind == "image/jpeg":
            return _jpeg_size(data)
        if kind == "image/webp":
            return _webp_size(data)
    except (struct.error, IndexError):
        pass
    return None


def _jpeg_size(data: bytes | memoryview) -> tuple[int, int] | None:
    """Walk the segments to the start of the frame; None where there are more than any camera writes."""
    at = 2
    for _ in range(_SEGMENTS):
        mark, code, length = struct.unpack_from(">BBH", data, at)
        if mark != 0xFF:
            return None
        if code == 0xFF:  # fill byte
            at += 1
        elif code == 0x01 or 0xD0 <= code <= 0xD8:  # markers without a body
            at += 2
        elif 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        else:
            at += 2 + length
    return None


def _webp_size(data: bytes | memoryview) -> tuple[int, int] | None:
    chunk = bytes(data[12:16])
    if chunk == b"VP8X":
        low_w, high_w, low_h, high_h = struct.unpack_from("<HBHB", data, 24)
        return (low_w | high_w << 16) + 1, (low_h | high_h << 16) + 1
    if chunk == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def decode(data: bytes | memoryview, budget: Budget, where: str = "") -> NDArray[np.uint8]:
    """Decode a picture to RGBA.

    Colour profiles, gamma chunks and EXIF rotation are ignored, as glTF 2.0 asks.

    Parameters
    ----------
    data : bytes
        A whole PNG, JPEG or WebP file.
    budget : Budget
        Its pixel limit holds for the size that the header declares, and the decoded bytes are taken from it.
    where : str
        JSON pointer for messages.

    Returns
    -------
    (h, w, 4) uint8, straight alpha, row 0 = top

    Raises
    ------
    GltfError
        Unknown format, damaged data, or more pixels than allowed.
    """
    kind = sniff(data)
    if kind not in _PLUGINS:
        raise GltfError("The image is neither PNG, JPEG nor WebP; convert it.", "IMAGE_UNRECOGNIZED_FORMAT", where)
    size = header_size(data)
    if size is None or not all(size):
        raise GltfError("The header of the image is damaged; export it again.", "IMAGE_DATA_INVALID", where)
    width, height = size
    if width * height > budget.limits.image_pixels:
        message = (
            f"The image has {width} x {height} pixels, more than the {budget.limits.image_pixels:,} allowed; "
            "make it smaller or raise Limits.image_pixels."
        )
        raise GltfError(message, "LIMIT_EXCEEDED", where)
    budget.take(width * height * 4, "The image", where)
    pixels = np.empty((height, width, 4), np.uint8)
    try:
        with _PLUGINS[kind](BytesIO(data)) as picture:
            if picture.size != size:  # a second header, which would be decoded
                raise ValueError(f"it declares {width} x {height} pixels first and {picture.size[0]} x {picture.size[1]} later")
            picture.load()
            _copy(picture, pixels)
    except Exception as error:  # a decoder may raise anything on damaged data
        code = "IMAGE_UNEXPECTED_EOS" if "truncated" in str(error) else "IMAGE_DATA_INVALID"
        raise GltfError(f"The image cannot be decoded: {str(error)[:200] or type(error).__name__}.", code, where) from None
    return pixels


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a picture of shape (h, w, 4), straight alpha, as the bytes of a PNG file; the same pixels give the same bytes."""
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def _copy(picture: ImageFile, pixels: NDArray[np.uint8]) -> None:
    """Convert a decoded picture to RGBA, a few rows at a time, so that it is never in memory three times."""
    height, width = pixels.shape[:2]
    step = max(1, _STRIP // width)
    for top in range(0, height, step):
        strip = picture.crop((0, top, width, min(top + step, height)))
        target = pixels[top : top + step]
        if picture.mode.startswith("I"):
            _copy_deep_grey(np.asarray(strip), picture.info.get("transparency"), target)
        else:
            target[:] = np.asarray(strip if strip.mode == "RGBA" else strip.convert("RGBA"))  # refuses another shape


def _copy_deep_grey(deep: NDArray[Any], key: Any, pixels: NDArray[np.uint8]) -> None:
    """Round 16-bit grey to 8 bits; Pillow's own conversion would clip it to white."""
    pixels[..., :3] = ((deep.astype(np.uint32) + 128) // 257)[..., None]
    pixels[..., 3] = 255
    if isinstance(key, int):
        pixels[deep == key, 3] = 0
