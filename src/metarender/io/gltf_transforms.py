"""Transforms of planned nodes as glTF: without loss, and in the words of the file where they still hold (glTF 2.0, 3.5.3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import AS_GIVEN, TAKEN_APART
from .gltf_rows import Entry, Rows

_SAME = 1e-12
"""How far a stored unit quaternion may be from that of the file, which the scene makes of unit length."""
_NAMES = ("translation", "rotation", "scale")
_STILL, _PLAIN = [0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0]


class Transforms:
    """The transforms of planned nodes, taken out of the arrays at once.

    Parameters
    ----------
    rows : Rows
    entries : list of Entry
        The whole plan.
    """

    def __init__(self, rows: Rows, entries: list[Entry]) -> None:
        self._rows = rows
        chosen = np.fromiter((entry.row for entry in entries), np.int64, len(entries))
        self._position: list[list[float]] = rows.position[chosen].tolist()
        self._rotation: list[list[float]] = rows.rotation[chosen].tolist()
        self._scale: list[list[float]] = rows.scale[chosen].tolist()
        # A matrix that was taken apart stays one where nothing moves the node.
        self._given: list[bool] = ((rows.kind[chosen] == AS_GIVEN) | ((rows.kind[chosen] == TAKEN_APART) & rows.driven[chosen])).tolist()
        self._driven: list[bool] = rows.driven[chosen].tolist()
        self._plain: list[bool] = (rows.linear[chosen] == np.eye(3, dtype=np.float32)).all(axis=(1, 2)).tolist()

    def put(self, result: dict[str, Any], place: int, row: int, source: dict[str, Any]) -> None:
        """Set the transform of a planned node; `source` is what the file says of it, if it comes from one."""
        given = self._given[place]
        if given or self._plain[place]:
            position = self._position[place]
            rotation, scale = (self._rotation[place], self._scale[place]) if given else (_STILL, _PLAIN)
            if "matrix" not in source and _is_placed(source, position, rotation, scale):
                for name in _NAMES:
                    if name in source:
                        result[name] = source[name]
            elif "matrix" in source and not self._driven[place] and self._rows.has_matrix(row, source):
                result["matrix"] = source["matrix"]
            else:
                put_transform(result, position, rotation, scale)
        elif "matrix" in source and self._rows.has_matrix(row, source):
            result["matrix"] = source["matrix"]
        else:
            result["matrix"] = self._rows.matrices(np.array([row]))[0].T.reshape(-1).tolist()

    def put_first_turn(self, result: dict[str, Any], row: int) -> None:
        """Set what comes last of a matrix that needs two nodes: place, turn and scale."""
        turn, scale, _ = _two_turns(self._rows.linear[row])
        put_transform(result, self._rows.position[row].tolist(), turn, scale)

    def put_second_turn(self, result: dict[str, Any], row: int) -> None:
        """Set what comes first of it: another turn."""
        put_transform(result, (0.0, 0.0, 0.0), _two_turns(self._rows.linear[row])[2], _PLAIN)


def put_transform(entry: dict[str, Any], position: Sequence[float], rotation: Sequence[float], scale: Sequence[float]) -> None:
    """Set translation, rotation and scale, each unless it is the identity."""
    for name, value, default in (("translation", position, [0.0, 0.0, 0.0]), ("rotation", rotation, _STILL), ("scale", scale, _PLAIN)):
        numbers = list(map(float, value))
        if numbers != default:
            entry[name] = numbers


def _is_placed(source: dict[str, Any], position: list[float], rotation: list[float], scale: list[float]) -> bool:
    """Whether a node of a file says this transform."""
    if source.get("translation", [0, 0, 0]) != position or source.get("scale", [1, 1, 1]) != scale:
        return False
    turn = source.get("rotation", _STILL)
    if turn == rotation:
        return True
    length = math.hypot(*turn)
    return all(abs(a / length - b) < _SAME for a, b in zip(turn, rotation, strict=True))


def _two_turns(linear: NDArray[np.float32]) -> tuple[list[float], list[float], list[float]]:
    """Any 3x3 matrix as a turn, a scale, and another turn before them (singular values): quaternion, factors, quaternion."""
    left, scale, right = np.linalg.svd(linear.astype(np.float64))
    if np.linalg.det(left) < 0:
        left[:, 2], scale[2] = -left[:, 2], -scale[2]
    if np.linalg.det(right) < 0:
        right[2], scale[2] = -right[2], -scale[2]
    return _quaternion(left), scale.tolist(), _quaternion(right)


def _quaternion(turn: NDArray[np.float64]) -> list[float]:
    """Unit quaternion xyzw of a rotation matrix, by the largest of the four squares (Shepperd)."""
    trace = np.trace(turn)
    squares = np.array([*(1 + 2 * turn[k, k] - trace for k in range(3)), 1 + trace])
    k = int(np.argmax(squares))
    if k == 3:
        found = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1], squares[3]])
    else:
        i, j = (k + 1) % 3, (k + 2) % 3
        found = np.empty(4)
        found[k], found[i], found[j] = squares[k], turn[i, k] + turn[k, i], turn[j, k] + turn[k, j]
        found[3] = turn[j, i] - turn[i, j]
    unit: list[float] = (found / np.linalg.norm(found)).tolist()
    return unit
