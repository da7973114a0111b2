"""What a scene holds in memory, as plain numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class SceneMemory:
    """Bytes that the arrays of a scene hold, spare room included; read with :attr:`Scene.memory`.

    Geometries, textures and images belong to whoever made them and are not counted, nor are Python objects of single
    nodes (names, lights, cameras, extras).

    Attributes
    ----------
    nodes : int
        Ids, tree, flags.
    transforms : int
        Local and world transforms, anchors.
    state : int
        State rows and layers.
    draws : int
        Draw records and draw order.
    bounds : int
        World boxes of draws and blocks.
    descriptions : int
        Local boxes and classes of geometries and materials.
    tracking : int
        What changed since when.
    names : int
        Names kept in columns.
    parts : int
        Living nodes.
    """

    nodes: int
    transforms: int
    state: int
    draws: int
    bounds: int
    descriptions: int
    tracking: int
    names: int
    parts: int

    @property
    def total(self) -> int:
        """Sum of all bytes."""
        total: int = sum(asdict(self).values()) - self.parts
        return total

    @property
    def per_part(self) -> float:
        """Bytes for each living node, 0 in an empty scene."""
        return self.total / self.parts if self.parts else 0.0
