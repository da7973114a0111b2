"""STL to a description: binary and ASCII, several solids, colours of faces (VisCAM and Magics) and of vertices.

The format has no unit. It is what printers and slicers read, who take it as millimetres with +Z up, and so does this.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AssetError
from ..geometry import Geometry, Mesh
from .asset import Asset, NodeDescription
from .faces import centred, default_material, linear_colors, make_geometry
from .files import Progress, opened
from .limits import Budget, Limits
from .placing import placed
from .text import described, pieces

FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("color", "<u2")])
_HEAD = 84
_MAGICS = re.compile(rb"COLOR=(.{4})", re.DOTALL)


def read_stl(path: Path, *, limits: Limits, progress: Progress | None = None, unit: str = "millimetre", up: str = "z") -> Asset:
    """Read an .stl file.

    Normals are made from the corners, as those of the file are often wrong or zero and mean nothing that the corners do not say.

    Parameters
    ----------
    unit : str
        What one unit of the file is.
    up : "y" or "z"

    Raises
    ------
    AssetError
        The file is damaged or past a limit.
    """
    data, budget = opened(path, limits, progress)
    count = struct.unpack_from("<I", data, _HEAD - 4)[0] if len(data) >= _HEAD else 0
    if len(data) == _HEAD + FACET.itemsize * count and count:
        solids = [_binary(data, path.stem, budget)]
    elif _is_text(data):
        solids = _text(data, path.stem, budget)
    else:
        expected = _HEAD + FACET.itemsize * count
        raise AssetError(f"{path.name} has {len(data):,} bytes and its head speaks of {count:,} triangles, which take {expected:,}; "
                         "it is cut off or no STL file, so export it again.")
    material = default_material(solids[0][1])  # either all solids have colours or none
    nodes = [NodeDescription(name=name, mesh=Mesh(geometry, material, name=name)) for name, geometry, _ in solids]
    offset = next((offset for _, _, offset in solids if offset is not None), None)
    return placed(path.stem, nodes, [], unit, up, offset)


def _is_text(data: bytes) -> bool:
    start = data[:1024].lstrip().lower()
    return start.startswith(b"solid") and b"\0" not in data[:1024]


def _binary(data: bytes, name: str, budget: Budget) -> tuple[str, Geometry, Any]:
    facets = np.frombuffer(data, FACET, offset=_HEAD)
    budget.take(36 * len(facets), "The triangles", "")
    positions = np.ascontiguousarray(facets["corners"]).reshape(-1, 3)
    return name, make_geometry(budget, "The solid", positions=positions, colors=_face_colors(facets["color"], data[:80]), name=name), None


def _face_colors(words: NDArray[np.uint16], head: bytes) -> NDArray[np.float32] | None:
    """Return a colour for each corner, or None where no face has one.

    With ``COLOR=`` in the head (Magics) a set bit 15 means the colour of the head, and red is low; else (VisCAM) it means that the face
    has a colour of its own, and blue is low.
    """
    magics = _MAGICS.search(head)
    own = (words & 0x8000 == 0) if magics else (words & 0x8000 != 0)
    if not own.any() and not magics:
        return None
    fives = [(words >> shift & 31).astype(np.float64) / 31.0 for shift in ((0, 5, 10) if magics else (10, 5, 0))]
    colors = linear_colors(np.stack(fives, axis=1))
    rest = linear_colors(np.frombuffer(magics[1][:3], np.uint8)[None])[0] if magics else np.full(3, 0.6, np.float32)
    colors[~own] = rest
    return np.repeat(colors, 3, axis=0)


def _text(data: bytes, name: str, budget: Budget) -> list[tuple[str, Geometry, Any]]:
    """Read ASCII: every three ``vertex`` lines are a triangle, ``solid`` begins a part, the rest is framing."""
    corners, solids, wrong = [], [], None
    total = 0
    for piece in pieces(data):
        lines = piece.begins(b"vertex")
        before: NDArray[np.int64] = np.cumsum(lines) - lines
        for number in np.flatnonzero(piece.begins(b"solid")).tolist():
            solids.append((total + int(before[number]), piece.line(number)[5:].strip().decode("utf-8", "replace")[:200]))
        ends = np.flatnonzero(piece.begins(b"endloop"))
        torn = (total + before[ends]) % 3 != 0
        if wrong is None and torn.any():
            wrong = piece.first_line + int(ends[np.argmax(torn)])
        rows = piece.rows(lines, (6, 3), "The vertex", 6)
        budget.take(rows.nbytes * 3, "The vertices", "")
        corners.append(rows)
        total += len(rows)
    if wrong is not None or total % 3 or not total:
        where = f"before line {wrong}" if wrong is not None else "at its end"
        raise AssetError(f"The STL text has {total} vertices, and {where} they make no whole triangles; export it again.")
    return _parts(corners, solids, name, budget)


def _parts(corners: list[NDArray[np.float64]], solids: list[tuple[int, str]], name: str, budget: Budget) -> list[tuple[str, Geometry, Any]]:
    width = min(rows.shape[1] for rows in corners if len(rows))
    values = np.concatenate([rows[:, :width] for rows in corners if len(rows)])
    if not np.isfinite(values).all():
        raise AssetError(f"Vertex {int(np.argmin(np.isfinite(values).all(axis=1))) + 1} is not finite; export the file again.")
    positions, offset = centred(values[:, :3])
    colors = linear_colors(values[:, 3:]) if width == 6 else None
    starts = [start for start, _ in solids] or [0]
    starts[0] = 0
    filled = len(np.unique(starts))
    budget.count(nodes=filled, draws=filled)
    parts = []
    for k, (start, end) in enumerate(zip(starts, [*starts[1:], len(values)], strict=True)):
        if start < end:
            title = (solids[k][1] if solids else "") or name
            geometry = make_geometry(budget, f"The solid {described(title)}", positions=positions[start:end], name=title,
                                     colors=None if colors is None else colors[start:end])
            parts.append((title, geometry, offset))
    return parts
