"""Everything that a scene shows, with its place, in the order of the tree: what plain files hold and checks look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._core import draw_space, palette_of, read_rows
from .color import srgb_encode, to_linear
from .deformation import posed_normals, posed_positions
from .errors import InvalidInput
from .geometry import DEFORMED, Geometry
from .materials import Material, Standard, Unlit
from .scene import Node, Scene


@dataclass(frozen=True, slots=True)
class Drawn:
    """One geometry at one place.

    Attributes
    ----------
    geometry : Geometry
        Where joints and morphs move it, as they have moved it now.
    material : Material
        In the colour that the part has.
    name : str
        Of the node, empty where it has none.
    node : int
        Public id; draws of one mesh share it.
    matrix : (4, 4) float64
        To the world, metres.
    is_exact : bool
        Whether the material looks as the part does, whose colour may lie over a texture or over colours of vertices.
    is_posed : bool
        Whether joints or morphs move it.
    """

    geometry: Geometry
    material: Material
    name: str
    node: int
    matrix: NDArray[np.float64]
    is_exact: bool = True
    is_posed: bool = False


def drawn(scene: Scene) -> list[Drawn]:
    """List what a scene shows, as it is posed and coloured now; hidden nodes are left out.

    Raises
    ------
    InvalidInput
        A pose puts vertices beyond float32.
    """
    scene.update()
    store, names = scene.store, scene.names
    rows = read_rows(store)
    colored = rows["color"][:, 3] > 0
    colors = dict(zip(rows["id"][colored].tolist(), rows["color"][colored], strict=True))
    palette = Palette()
    shapes: dict[tuple[int, bytes], Geometry] = {}
    ids = store.subtree()
    ids = ids[store.shown(ids)]
    geometries, materials = scene.geometry_list, scene.material_list
    found = []
    for number, matrix in zip(ids.tolist(), store.world_matrices(ids), strict=True):
        for g, m in zip(*(numbers.tolist() for numbers in store.draws_of(number)), strict=True):
            geometry, material = geometries[g], materials[m]
            if geometry is None or material is None:
                continue
            is_exact, is_posed, place = True, geometry.geometry_key & DEFORMED != 0, matrix
            if number in colors:
                material, is_exact = palette.painted(geometry, material, colors[number])
            if is_posed:
                geometry, place = _posed(scene, number, g, geometry, matrix, shapes)
            found.append(Drawn(geometry, material, names.get(number, ""), number, place, is_exact, is_posed))
    return found


def bodies(parts: Iterable[Drawn]) -> list[list[Drawn]]:
    """Group what one node draws at one place, each group one surface: what follows joints has left the place of its node."""
    groups: dict[tuple[int, bytes], list[Drawn]] = {}
    for part in parts:
        groups.setdefault((part.node, part.matrix.tobytes()), []).append(part)
    return list(groups.values())


def _posed(scene: Scene, number: int, index: int, geometry: Geometry, matrix: NDArray[np.float64],
           shapes: dict[tuple[int, bytes], Geometry]) -> tuple[Geometry, NDArray[np.float64]]:
    """Return a geometry as joints and morphs have moved it, and where it stands: what follows joints has left the space of its node.

    `shapes` keeps what only morphs move, by geometry and weights, since many instances may show the same.
    """
    store = scene.store
    weights = Node(store, number).weights if geometry.morphs else np.zeros(0, np.float32)
    joints = palette_of(store, number)
    follows = len(joints) > 0 and geometry.joints is not None
    if len(weights) != len(geometry.morphs) or not (follows or weights.any()):  # what does not fit is drawn at rest
        return geometry, matrix
    if not follows:
        key = index, weights.tobytes()
        if key not in shapes:
            shapes[key] = _moved(geometry, geometry.indices, weights, None)
        return shapes[key], matrix
    place, indices = np.eye(4), geometry.indices
    place[:3, 3] = draw_space(store, number, index)[1]
    if geometry.topology == "triangles" and np.linalg.det(joints[0, :, :3].astype(np.float64)) < 0.0:
        indices = indices.reshape(-1, 3)[:, ::-1].reshape(-1)
    return _moved(geometry, indices, weights, joints), place


def _moved(geometry: Geometry, indices: NDArray[np.uint32], weights: NDArray[np.float32], joints: NDArray[np.float32] | None) -> Geometry:
    """Return a copy of a geometry with other triangles whose vertices were moved by morphs and joints (j, 3, 4)."""
    with np.errstate(over="ignore", invalid="ignore"):  # refused below
        positions = posed_positions(geometry, weights, joints, np.eye(4, dtype=np.float32)[:3]).astype(np.float32)
    if not np.isfinite(positions).all():
        raise InvalidInput(f"The geometry {geometry.name!r} is posed beyond what float32 can hold; lessen its weights or bring its joints "
                           "nearer.")
    moved = Geometry(
        positions=positions, indices=indices,
        normals=posed_normals(geometry, weights, joints), uv0=geometry.uv0, uv1=geometry.uv1, colors=geometry.colors,
        topology=geometry.topology, name=geometry.name)
    return moved.with_field(geometry.field)


class Palette:
    """Materials in the colours that parts have over them, each made once."""

    def __init__(self) -> None:
        self._made: dict[tuple[Material, int], Material] = {}

    def painted(self, geometry: Geometry, material: Material, color: NDArray[np.uint8]) -> tuple[Material, bool]:
        """Return a copy of a material in the colour of a part, and whether it looks the same.

        `color` is (4,) sRGB, with the share of the blend as alpha. A texture that is hidden goes; where one has the alpha, it stays over
        the colour, which is not what the part looks like.
        """
        if not isinstance(material, (Standard, Unlit)):
            return material, False
        is_hidden = material.alpha_mode == "opaque"
        is_exact = geometry.colors is None and (material.color_texture is None or (is_hidden and color[3] == 255))
        key = material, int(np.ascontiguousarray(color).view("<u4")[0])
        if key not in self._made:
            self._made[key] = _mixed(material, color, is_hidden)
        return self._made[key], is_exact


def _mixed(material: Standard | Unlit, color: NDArray[np.uint8], is_hidden: bool) -> Standard | Unlit:
    """Return a copy of a material with a colour mixed into its own, or in its place where a texture would be mixed in."""
    over, share = to_linear("#" + bytes(color[:3].tolist()).hex()), float(color[3]) / 255
    twin: Standard | Unlit = object.__new__(type(material))
    twin.__dict__.update(material.__dict__)
    twin._watchers = []
    if material.color_texture is not None and is_hidden:
        twin.color_texture, share = None, 1.0
    base = material.color
    twin.color = (*(a + (b - a) * share for a, b in zip(base[:3], over[:3], strict=True)), base[3])
    return twin


def in_file(place: NDArray[np.float64], part: Drawn) -> NDArray[np.float64]:
    """Return the matrix from a part to the space of a file.

    The linear part of a node is float32, so 0.001 is not quite that; what this rounded is taken back at seven digits, and a part in
    millimetres goes into a file in millimetres as it is.
    """
    matrix = place @ part.matrix
    largest = float(np.abs(matrix[:3, :3]).max())
    if 0.0 < largest < np.inf:
        matrix[:3, :3] = np.round(matrix[:3, :3], 7 - int(np.ceil(np.log10(largest) - 1e-6)))
    return matrix


def moved(geometry: Geometry, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the positions of a geometry under a matrix, (n, 3) float64."""
    result: NDArray[np.float64] = geometry.positions.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    return result


def turned(geometry: Geometry, matrix: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the normals of a geometry under a matrix, unit length, or None where it has none."""
    if geometry.normals is None:
        return None
    linear = matrix[:3, :3]
    # Columns of the cofactor matrix: no inverse, so that a flat part has normals too; a mirror turns them over with its triangles.
    cofactor = np.stack([np.cross(linear[1], linear[2]), np.cross(linear[2], linear[0]), np.cross(linear[0], linear[1])])
    if is_mirrored(matrix):
        cofactor = -cofactor
    normals = geometry.normals.astype(np.float64) @ cofactor.T
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.where(length > 0.0, normals / np.where(length > 0.0, length, 1.0), geometry.normals)
    return unit


def facing(geometry: Geometry, matrix: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Return the triangles of a geometry, (t, 3); those of a mirrored part the other way round, so that outside stays outside."""
    triangles = geometry.indices.reshape(-1, 3)
    return triangles[:, ::-1] if is_mirrored(matrix) else triangles


def is_mirrored(matrix: NDArray[np.float64]) -> bool:
    """Whether a matrix turns left into right."""
    return bool(np.linalg.det(matrix[:3, :3]) < 0.0)


def material_color(material: Material) -> tuple[float, float, float, float]:
    """Return the linear colour of a material, white for those that have none."""
    return material.color if isinstance(material, (Standard, Unlit)) else (1.0, 1.0, 1.0, 1.0)


def srgb_bytes(linear: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.uint8]:
    """Turn linear colours (n, 3 or 4) into sRGB bytes; alpha stays linear."""
    values = np.clip(linear.astype(np.float64), 0.0, 1.0)
    values[:, :3] = srgb_encode(values[:, :3])
    return np.round(values * 255.0).astype(np.uint8)
