"""What a scene holds in main memory, and a renderer on its device, as plain numbers."""

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
    poses : int
        Skins, palettes of joints, morph weights, and what clips drive.
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
    poses: int
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


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """Bytes of device memory, spare room included, as asked of the driver; read with :attr:`Renderer.memory`.

    Renderers that share a device share everything but attachments and view constants. On software OpenGL it is main memory.

    Attributes
    ----------
    attachments : int
        Colour, depth, ids, the sun's map, and what occlusion needs of this renderer.
    view : int
        Constants, anchor offsets, lights and indirect commands of this renderer.
    geometry : int
        Vertices, indices and morphs.
    instances : int
        Rows of all draws of all scenes, palettes of joints and morph weights.
    materials, textures : int
        Rows of material tables; array pages and colormaps.
    environment : int
        Filtered maps and the table of the split sum.
    staging : int
        What scattered uploads pass through.
    others : int
        Attachments and view constants of other renderers on the same device.
    limit : int or None
        `Renderer.memory_limit`.
    """

    attachments: int
    view: int
    geometry: int
    instances: int
    materials: int
    textures: int
    environment: int
    staging: int
    others: int
    limit: int | None

    @property
    def total(self) -> int:
        """Sum of all bytes."""
        held = asdict(self)
        del held["limit"]
        total: int = sum(held.values())
        return total
