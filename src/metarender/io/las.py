"""LAS and LAZ point clouds, decoded by laspy with lazrs after their heads were compared with the size of the file."""

from __future__ import annotations

import math
import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AssetError, MissingExtra
from .asset import Asset
from .faces import linear_colors, make_geometry
from .files import Progress, opened
from .limits import Budget, Limits
from .points import BLOCK, cloud_asset

_PACKED = 1000
"""Points that one byte of LAZ may stand for; equal ones pack well."""
_CHUNK = 1 << 22
"""Points of a chunk of LAZ; writers put fifty thousand into one."""


def read_las(path: Path, *, limits: Limits, progress: Progress | None = None) -> Asset:
    """Read a .las or .laz file: positions in metres with +Z up, colours, else intensity as grey.

    The scale of the file stays in float64 until the points have been moved near the origin of their node.

    Raises
    ------
    AssetError
        The file is damaged or past a limit.
    MissingExtra
        laspy is not installed.
    """
    try:
        import laspy
    except ImportError:
        raise MissingExtra(f"Loading {path.name} needs laspy and lazrs; pip install 'metarender[formats]'.") from None
    data, budget = opened(path, limits)
    _check_las(data, path.name)
    try:
        with laspy.open(BytesIO(data)) as file:
            count = int(file.header.point_count)
            # A compressed point may take a fraction of a byte, so the budget decides, not the size of the file.
            budget.take(count * 24, "The points", "", array=False)
            if not count:
                raise AssetError(f"{path.name} has no points.")
            return _las_asset(path.stem, file, count, budget, progress)
    except (AssetError, MemoryError):
        raise
    except BaseException as error:  # laspy may raise anything on damaged data, and a panic of lazrs is no Exception
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise AssetError(f"{path.name} cannot be read as LAS: {str(error)[:200] or type(error).__name__}; export it again.") from None


def _check_las(data: bytes, name: str) -> None:
    """Refuse a head whose numbers do not fit the size of the file, since the library would believe them, or read for ever."""
    if len(data) < 227 or data[:4] != b"LASF":
        raise AssetError(f"{name} does not start as LAS does; it is another kind of file or cut off.")
    head, start, records, kind, width, points = struct.unpack_from("<HIIBHI", data, 94)
    extra, more = 0, 0
    if data[25] >= 4 and head >= 375 and len(data) >= 375:
        extra, more, points = struct.unpack_from("<QIQ", data, 235)
    packed = bool(kind & 0xC0)
    fits = 227 <= head <= start <= len(data) and records * 54 <= start - head and (not more or extra + more * 60 <= len(data))
    if fits and packed:
        fits = points <= _PACKED * len(data) and _chunks(data, start) <= points and _plain_items(data, head, records, width)
    elif fits:
        fits = points * width <= len(data) - start
    if not fits:
        raise AssetError(f"{name} has {len(data):,} bytes and its head speaks of {points:,} points, or of records, that do not fit into "
                         "it; it is cut off or damaged, copy it again.")


def _chunks(data: bytes, start: int) -> float:
    """Return how many chunks the table of a LAZ file speaks of, infinity where there is no table: lazrs allocates them unseen."""
    if len(data) - start < 16:
        return math.inf
    (at,) = struct.unpack_from("<q", data, start)
    if at == -1:  # the writer could not seek back and put it at the end
        (at,) = struct.unpack_from("<q", data, len(data) - 8)
    return float(struct.unpack_from("<I", data, at + 4)[0]) if start + 8 <= at <= len(data) - 8 else math.inf


def _plain_items(data: bytes, at: int, records: int, width: int) -> bool:
    """Whether the record that says how points are packed speaks of chunks and points of sound sizes."""
    for _ in range(records):
        if at + 54 > len(data):
            return False
        user, number, length = struct.unpack_from("<16sHH", data, at + 2)
        at += 54
        if user.rstrip(b"\0") == b"laszip encoded" and number == 22204:
            if length < 34 or at + length > len(data):
                return False
            (chunk,), (items,) = struct.unpack_from("<I", data, at + 12), struct.unpack_from("<H", data, at + 32)
            sizes = [struct.unpack_from("<H", data, at + 36 + 6 * k)[0] for k in range(items)] if length >= 34 + 6 * items else []
            return bool(sum(sizes) == width and (0 < chunk <= _CHUNK or chunk == 0xFFFFFFFF))
        at += length
    return False


def _las_asset(name: str, file: Any, count: int, budget: Budget, progress: Progress | None) -> Asset:
    header = file.header
    scale, origin = np.array(header.scales, np.float64), np.array(header.offsets, np.float64)
    lower, upper = np.array(header.mins, np.float64), np.array(header.maxs, np.float64)
    middle = np.rint(lower / 2 + upper / 2) if np.isfinite([lower, upper]).all() else np.rint(origin)
    blocks, done = [], 0
    wide = None
    for points in file.chunk_iterator(BLOCK):
        raw = np.stack([points.X, points.Y, points.Z], axis=1).astype(np.float64)
        near = raw * scale + (origin - middle)
        colors, wide = _las_colors(points, wide)
        budget.take(len(near) * (16 + 16 * (colors is not None)), "The points", "", array=False)
        blocks.append(make_geometry(budget, "The cloud", positions=near, colors=colors, topology="points"))
        done += len(near)
        if progress is not None:
            progress(done, max(count, done))
    if not blocks:
        raise AssetError(f"The file speaks of {count:,} points and has none; it is cut off, copy it again.")
    offset = (float(middle[0]), float(middle[1]), float(middle[2]))
    return cloud_asset(name, blocks, offset if any(offset) else None, "metre", "z")


def _las_colors(points: Any, wide: bool | None) -> tuple[NDArray[np.float32] | None, bool | None]:
    """Colours have 16 bits, but many writers fill 8; which, the first block decides."""
    names = set(points.point_format.dimension_names)
    if {"red", "green", "blue"} <= names:
        values = np.stack([points.red, points.green, points.blue], axis=1)
    elif "intensity" in names:
        values = np.repeat(np.asarray(points.intensity)[:, None], 3, axis=1)
    else:
        return None, wide
    if wide is None:
        if not values.any():
            return None, wide
        wide = bool(values.max() > 255)
    return linear_colors(values / (65535.0 if wide else 255.0)), wide
