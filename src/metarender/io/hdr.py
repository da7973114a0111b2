"""Reads Radiance pictures (.hdr, .pic): RGBE pixels as linear floats."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._core import rgbe_decode
from ..errors import AssetError
from .files import read_file
from .limits import Limits

MAX_HEADER = 1 << 16
"""Bytes in which the header must end."""

_RESOLUTION = re.compile(rb"([+-])([XY]) (\d{1,9}) ([+-])([XY]) (\d{1,9})\s*")
_FAULTS = {
    -1: "ends in the middle of the picture; it is truncated, copy or download it again",
    -2: "has a run of pixels that leaves its line; it is damaged, write it again",
    -3: "needs more memory than there is; use a smaller picture",
}


class _Header(NamedTuple):
    height: int
    width: int
    flip_rows: bool
    flip_columns: bool
    exposure: float
    end: int


def _read_exposure(line: bytes, path: str) -> float:
    try:
        value = float(line.split(b"=", 1)[1])
    except ValueError:
        value = 0.0
    if not _is_exposure(value):
        raise AssetError(f"{path}: the header line {line[:40]!r} is not a positive exposure; remove it or write a number.")
    return value


def _is_exposure(value: float) -> bool:
    return 1e-20 < value < 1e20


def _read_header(data: bytes, path: str) -> _Header:
    """Read the text lines before the pixels; every size is checked before anything is allocated for it."""
    if not data.startswith(b"#?"):
        raise AssetError(f"{path}: this is not a Radiance picture (it does not start with '#?'); convert it to .hdr.")
    exposure, position = 1.0, 0
    while True:
        end = data.find(b"\n", position, MAX_HEADER)
        if end < 0:
            raise AssetError(f"{path}: the Radiance header does not end; the file is truncated or damaged.")
        line, position = data[position:end].strip(b"\r"), end + 1
        if not line:
            break
        if line.startswith(b"FORMAT=") and line[7:].strip() != b"32-bit_rle_rgbe":
            raise AssetError(f"{path}: the pixel format {line[7:40].decode('ascii', 'replace')!r} is not known; "
                             "save the picture as 32-bit_rle_rgbe.")
        if line.startswith(b"EXPOSURE="):
            exposure *= _read_exposure(line, path)
            if not _is_exposure(exposure):
                raise AssetError(f"{path}: the EXPOSURE lines multiply to {exposure:g}; remove them or write one number.")
    end = data.find(b"\n", position, position + 80)
    match = _RESOLUTION.fullmatch(data[position:end]) if end >= 0 else None
    if match is None or match[2] != b"Y" or match[5] != b"X":
        raise AssetError(f"{path}: the resolution line is missing or is not of the form '-Y height +X width'; save the picture row by row.")
    return _Header(int(match[3]), int(match[6]), match[1] == b"+", match[4] == b"-", exposure, end + 1)


def _check_size(header: _Header, size: int, limits: Limits, path: str) -> None:
    height, width = header.height, header.width
    if height < 1 or width < 1:
        raise AssetError(f"{path}: the picture is {width} x {height} pixels; it must have at least one.")
    if height * width > limits.image_pixels or height * width * 12 > limits.total_bytes:
        allowed = min(limits.image_pixels, limits.total_bytes // 12)
        raise AssetError(f"{path}: {width} x {height} pixels are more than the limit of {allowed}; "
                         "scale the picture down or raise Limits.image_pixels and Limits.total_bytes.")
    # The fewest bytes a line can take: runs of 127 by channel, or one old repeat for each power of 256.
    least = 4 + 8 * -(-width // 127) if 8 <= width <= 0x7FFF else 4
    if size - header.end < height * min(least, 8):
        raise AssetError(f"{path}: the file {_FAULTS[-1]}.")


def read_hdr(path: str | os.PathLike[str], *, limits: Limits | None = None) -> NDArray[np.float32]:
    """Read a Radiance RGBE picture (flat, old and new run lengths).

    Parameters
    ----------
    path : path of the file
    limits : Limits, optional
        Larger files and pictures are refused before memory is taken for them.

    Returns
    -------
    (h, w, 3) float32
        Linear radiance with the primaries of the file, row 0 at the top; values are ``mantissa * 2**(exponent - 136)``,
        divided by the exposure that the header says was applied.

    Raises
    ------
    AssetError
        The file is missing, not a Radiance picture, truncated, damaged or too large.
    """
    name, allowed = os.fspath(path), limits or Limits()
    data = read_file(Path(path), allowed)
    header = _read_header(data, name)
    _check_size(header, len(data), allowed, name)
    pixels = np.empty((header.height, header.width, 3), np.float32)
    status = rgbe_decode(memoryview(data)[header.end:], pixels)
    if status != 0:
        raise AssetError(f"{name}: the file {_FAULTS[status]}.")
    if header.exposure != 1.0:
        with np.errstate(over="ignore"):
            pixels *= np.float32(1.0 / header.exposure)
    if not np.isfinite(pixels.max()):
        raise AssetError(f"{name}: the exposure makes pixels infinite; correct the EXPOSURE line of the header.")
    if header.flip_rows or header.flip_columns:
        pixels = np.ascontiguousarray(pixels[:: -1 if header.flip_rows else 1, :: -1 if header.flip_columns else 1])
    return pixels
