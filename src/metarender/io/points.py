"""Point clouds of any format in blocks of one mesh, and the simplest format, XYZ text; LAS and LAZ are read by `las`.

Points of surveys lie hundreds of kilometres from the origin of their grid: the position of the node carries that, in float64, and the
points are float32 from there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AssetError
from ..geometry import Geometry, Mesh
from .asset import Asset, NodeDescription
from .faces import Offset, centred, default_material, linear_colors, make_geometry
from .files import Progress, opened
from .limits import Budget, Limits
from .placing import placed
from .text import pieces

BLOCK = 1 << 18
"""Points of one geometry, in the order of the file: what lies outside the picture is left out block by block."""


def cloud(positions: NDArray[np.float64], budget: Budget, *, colors: NDArray[np.float32] | None = None,
          normals: NDArray[np.float32] | None = None, uv0: Any = None) -> tuple[list[Geometry], Offset | None]:
    """Make geometries of points, and say what was taken from all positions because they lie far away.

    Parameters
    ----------
    positions : (n, 3) float64, finite
    colors : (n, 3 or 4) float32, linear
    normals : (n, 3) float32
    uv0 : ignored
        Points have no pictures on them.
    """
    near, offset = centred(positions)
    budget.take(len(near) * (16 + (16 if colors is not None else 0)), "The points", "", array=False)
    blocks = []
    for start in range(0, len(near), BLOCK):
        part = slice(start, start + BLOCK)
        blocks.append(make_geometry(
            budget, "The cloud", positions=near[part], topology="points", colors=None if colors is None else colors[part],
            normals=None if normals is None else normals[part]))  # fmt: skip
    return blocks, offset


def cloud_asset(name: str, blocks: list[Geometry], offset: Offset | None, unit: str, up: str) -> Asset:
    """Make the asset of one cloud."""
    mesh = Mesh(primitives=[(block, default_material(block)) for block in blocks], name=name)
    return placed(name, [NodeDescription(name=name, mesh=mesh)], [], unit, up, offset)


def read_xyz(path: Path, *, limits: Limits, progress: Progress | None = None, unit: str = "metre", up: str = "z") -> Asset:
    """Read text of ``x y z`` or ``x y z r g b`` a line; colours are sRGB, 0..255 or 0..1.

    Parameters
    ----------
    unit : str
    up : "y" or "z"

    Raises
    ------
    AssetError
        The file is damaged or past a limit.
    """
    data, budget = opened(path, limits)
    rows = []
    for piece in pieces(data, progress):
        values = piece.rows(piece.filled(), (6, 3), "The point")
        budget.take(values.nbytes, "The points", "", array=False)
        rows.append(values)
    width = min((part.shape[1] for part in rows if len(part)), default=0)
    if not width:
        raise AssetError(f"{path.name} has no points; give x y z on each line.")
    table = np.concatenate([part[:, :width] for part in rows if len(part)])
    if not np.isfinite(table).all():
        raise AssetError(f"Point {int(np.argmin(np.isfinite(table).all(axis=1)))} is not finite; remove NaN and infinity.")
    colors = None
    if width == 6:
        colors = linear_colors(table[:, 3:] / (255.0 if table[:, 3:].max() > 1.0 else 1.0))
    return cloud_asset(path.stem, *cloud(table[:, :3], budget, colors=colors), unit, up)
