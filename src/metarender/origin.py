"""Where descriptions and nodes were loaded from, and what of them was changed since; a save writes back what was not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_OWN = frozenset({"name", "extras", "_watchers", "_origin"})
"""Attributes that say nothing of what is drawn, or that are compared elsewhere."""


class Origin:
    """The place in a file that a description was made of.

    Parameters
    ----------
    source : object
        The file, as its loader keeps it; equal places have the same one.
    number : int or tuple of int
        Which of the things of this kind in the file.
    held : object
        What the description held when it was made; for things with attributes, they.

    Notes
    -----
    It stands as ``_origin`` on geometries, meshes, materials, textures, lights and cameras, so it goes where they go: into other
    scenes, meshes and copies. Nothing but a save reads it.
    """

    __slots__ = ("held", "number", "source")

    def __init__(self, source: Any, number: int | tuple[int, ...], held: Any = None) -> None:
        self.source = source
        self.number = number
        self.held = held

    @classmethod
    def of(cls, source: Any, number: int | tuple[int, ...], thing: Any) -> Origin:
        """Remember the attributes that `thing` has now."""
        return cls(source, number, {name: value for name, value in vars(thing).items() if name not in _OWN})

    def changed(self, thing: Any) -> set[str]:
        """Names of the attributes of `thing` that differ from those remembered."""
        return {name for name, value in vars(thing).items() if name not in _OWN and not _same(value, self.held.get(name))}


def _same(a: Any, b: Any) -> bool:
    return a is b or (np.array_equal(a, b) if isinstance(a, np.ndarray) else bool(a == b))


class KeptFile:
    """A loaded file and which of its nodes became which of a scene.

    Parameters
    ----------
    source : object
        The file, as its loader keeps it.
    ids : (n,) uint32
        Public id by number of a node in the file, 0 where the scene has none of it; those of removed nodes stay, and are dead.
    scene : int or None
        Which scene of the file was loaded; None where it was copied into another scene since, so that it is only a part of that.
    undrawn : frozenset of int
        Nodes of the file whose mesh, camera or light came to nothing, so that its absence is no edit.
    """

    def __init__(self, source: Any, ids: NDArray[np.uint32], scene: int | None, undrawn: frozenset[int] = frozenset()) -> None:
        self.source = source
        self.ids = ids
        self.scene = scene
        self.undrawn = undrawn

    def copied(self, old: NDArray[np.uint32], new: NDArray[np.uint32]) -> KeptFile:
        """The same file for a copy of its nodes: `old` (k,) in any order became `new` (k,)."""
        order = np.argsort(old)
        ids = np.zeros_like(self.ids)
        if len(old):
            rows = order[np.searchsorted(old, self.ids, sorter=order).clip(max=len(old) - 1)]
            ids = np.where((old[rows] == self.ids) & (self.ids != 0), new[rows], 0).astype(np.uint32)
        return KeptFile(self.source, ids, None, self.undrawn)
