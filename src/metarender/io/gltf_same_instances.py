"""Which nodes have instances that are still those of their file, so that they are written as they were (EXT_mesh_gpu_instancing)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..geometry import Mesh
from ..origin import KeptFile
from .gltf_copying import UNREADABLE, Copier
from .gltf_instances import instance_matrices
from .gltf_part_names import names_of_instances, part_names
from .gltf_rows import Rows

INSTANCING = "EXT_mesh_gpu_instancing"
_NAMELESS = np.zeros(1, np.int64), np.zeros(0, np.uint8)


def reusable_instances(rows: Rows, copier: Callable[[KeptFile], Copier]) -> dict[int, Mesh]:
    """Rows of nodes whose parts are still the instances that the file says, with the mesh of each.

    Then the node is written with its instances as they are in the file; else its parts are written like any others.
    """
    by_parent: dict[int, list[tuple[int, int]]] = {}
    for start, count in rows.ranges.items():
        by_parent.setdefault(int(rows.parent[start]), []).append((start, count))
    found: dict[int, Mesh] = {}
    for row, ranges in by_parent.items():
        origin = rows.file_of(row) if row >= 0 else None
        if origin is None or rows.draws[row]:
            continue
        mesh = _instanced_mesh(rows, ranges, origin)
        if mesh is not None and _are_placed(rows, ranges, copier(origin[0]), origin[1]):
            found[row] = mesh
    return found


def _instanced_mesh(rows: Rows, ranges: list[tuple[int, int]], origin: tuple[KeptFile, int]) -> Mesh | None:
    """The mesh of a file of which a node has these ranges, primitive by primitive; None when something else is there."""
    mesh = None
    for place, (start, count) in enumerate(ranges):
        known = rows.range_mesh(start)[0]
        made = None if known is None else known._origin
        if made is None or made.source is not origin[0].source or made.number != origin[1]:
            return None
        mesh = made.held
        if len(ranges) != len(mesh.primitives) or not rows.are_plain(start, count) or rows.draw_of(start) != mesh.primitives[place]:
            return None
    return mesh


def _are_placed(rows: Rows, ranges: list[tuple[int, int]], copier: Copier, number: int) -> bool:
    """Whether the parts of each range stand where the file puts its instances."""
    attributes = copier.entry("nodes", number)["extensions"][INSTANCING]["attributes"]
    try:
        wanted = instance_matrices(copier.opened.accessors, attributes)
    except UNREADABLE:
        return False
    names = names_of_instances(copier.source, copier.opened.accessors, number, len(wanted)) or _NAMELESS
    for place, (start, count) in enumerate(ranges):
        offsets, text = part_names(rows.scene, rows.ids[start:start + count])
        if text.tobytes() != (b"" if place else names[1].tobytes()) or (len(text) and (np.diff(offsets) != np.diff(names[0])).any()):
            return False
    return all(count == len(wanted) and (rows.linear[start:start + count] == wanted[:, :3, :3].astype(np.float32)).all()
               and (rows.position[start:start + count] == wanted[:, :3, 3]).all() for start, count in ranges)

