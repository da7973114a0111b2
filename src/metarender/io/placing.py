"""Units and axes: how the numbers of a file become metres with +Y up, and back.

What a file says of lengths stays as it is in its geometries; one node above them carries the unit, the turn and the far offset.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import AssetError, InvalidInput
from .asset import Asset, ClipDescription, NodeDescription

METRES = {"micron": 1e-6, "millimetre": 1e-3, "centimetre": 1e-2, "inch": 0.0254, "foot": 0.3048, "metre": 1.0}
"""Metres of one unit, by the names that 3MF has for them, in British spelling; American spelling is understood too."""

_TURNS = {"y": np.eye(3), "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])}
"""From +Y up to that axis up."""


def metres_of(unit: str) -> float:
    """Return the metres of a unit.

    Raises
    ------
    InvalidInput
        It is unknown.
    """
    metres = METRES.get(unit.replace("meter", "metre")) if isinstance(unit, str) else None
    if metres is None:
        raise InvalidInput(f"unit={unit!r} is unknown; use one of {', '.join(METRES)}.")
    return metres


def _check_up(up: str) -> None:
    if not isinstance(up, str) or up not in _TURNS:
        raise InvalidInput(f"up={up!r} is unknown; use 'y' or 'z', the axis of the file that points up.")


def placed(name: str, nodes: list[NodeDescription], notes: list[str], unit: str | float, up: str,
           offset: tuple[float, float, float] | None = None, clips: Sequence[ClipDescription] = ()) -> Asset:
    """Make the asset of some nodes in the units and axes of a file.

    Parameters
    ----------
    name : str
        Of the node above them, which is made where something has to be changed.
    unit : str or float
        A name, or metres.
    up : "y" or "z"
    offset : three floats, optional
        What was taken from all positions, in units of the file.
    clips : sequence of ClipDescription

    Raises
    ------
    InvalidInput
        The unit or axis is unknown.
    """
    scale = metres_of(unit) if isinstance(unit, str) else unit
    _check_up(up)
    if scale != 1.0 or up != "y" or offset is not None:
        matrix = np.eye(4)  # not a quaternion, which would turn by nearly a right angle
        matrix[:3, :3] = _TURNS[up].T * scale
        matrix[:3, 3] = matrix[:3, :3] @ (offset or (0.0, 0.0, 0.0))
        root = NodeDescription(name=name, matrix=matrix)
        for node in nodes:
            node.parent += 1  # from -1, which is no parent, to the root
            node.joints = [joint + 1 for joint in node.joints]
        for track in (track for clip in clips for track in clip.tracks):
            track.target = tuple(at + 1 for at in track.target) if isinstance(track.target, tuple) else track.target
        nodes = [root, *nodes]
    return Asset(nodes, notes, clips=list(clips), refusal=AssetError)


def to_file(unit: str, up: str) -> NDArray[np.float64]:
    """Return the matrix from metres with +Y up to the units and axes of a file, (4, 4) float64.

    Raises
    ------
    InvalidInput
        The unit or axis is unknown.
    """
    _check_up(up)
    matrix = np.eye(4)
    matrix[:3, :3] = _TURNS[up] / metres_of(unit)
    return matrix
