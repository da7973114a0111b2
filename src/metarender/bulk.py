"""Whole trees of nodes added to a scene in a few calls of the core, whatever their number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._core import ROOT, add_tree
from .errors import InvalidInput
from .geometry import Mesh

if TYPE_CHECKING:
    from .scene import Scene


def add_many(scene: Scene, parents: ArrayLike, names: Sequence[str] | None, meshes: Sequence[Mesh | None] | None) -> NDArray[np.uint32]:
    """Answer :meth:`Scene.add_many`."""
    rows = np.asarray(parents)
    if rows.size == 0:
        rows = rows.astype(np.int32)
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise InvalidInput(f"parents must be whole numbers of shape (n,), got dtype {rows.dtype} and shape {rows.shape}")
    for what, given, kinds in (("names", names, (str,)), ("meshes", meshes, (Mesh, type(None)))):
        if given is not None and len(given) != len(rows):
            raise InvalidInput(f"{what} has {len(given)} entries for {len(rows)} nodes; give one for each")
        wrong = set(map(type, given or ())) - set(kinds)
        if wrong and not all(issubclass(kind, kinds) for kind in wrong):
            raise InvalidInput(f"{what} must hold {kinds[0].__name__} only, not {sorted(kind.__name__ for kind in wrong)}")
    ids = add_tree(scene.store, ROOT, np.clip(rows, -2, 0x7FFFFFFF).astype(np.int32))
    numbers = ids.tolist()
    if names is not None:
        scene._names.update((number, name) for number, name in zip(numbers, names, strict=True) if name)
    if meshes is not None:
        drawn = {number: mesh for number, mesh in zip(numbers, meshes, strict=True) if mesh is not None}
        users: dict[Mesh, list[int]] = {}
        for number, mesh in drawn.items():
            users.setdefault(mesh, []).append(number)
        for mesh, members in users.items():
            scene.store.set_draws(np.array(members, np.uint32), *scene._tables.indices(mesh))
            if mesh.weights.size:
                scene.store.hold_weights(members, mesh.weights)
        scene._meshes.update(drawn)
    return ids
