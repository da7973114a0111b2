"""Vertices and triangles as immutable arrays, and the mesh that pairs them with materials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._core import Bvh, flat_normals
from .checks import attribute, extent, frozen
from .deformation import Morph, checked_morphs, influences
from .errors import InvalidInput
from .field import Field
from .materials import Material
from .origin import Origin

TOPOLOGIES = ("triangles", "lines", "points")
NORMAL, TANGENT, UV0, UV1, COLOR, JOINTS, JOINTS8, MORPH, MORPH_NORMAL, MORPH_TANGENT = (1 << bit for bit in range(10))
"""Bits of the vertex layout; positions are always there. The drawing of the whole geometry class is in ``_native/mr.h``."""
VALUE = 1 << 12
"""Bit of the layout that has a number of a Field for each vertex, in a buffer of their own."""

DEFORMED = JOINTS | JOINTS8 | MORPH | MORPH_NORMAL | MORPH_TANGENT
"""Bits of geometries that a pose may deform."""


TOPOLOGY_SHIFT = 16
MAX_LEVELS = 7
"""Coarser levels that one geometry may have."""
_DIVISOR = {"triangles": 3, "lines": 2, "points": 1}


def _colors(values: ArrayLike | None, count: int) -> NDArray[np.float32] | None:
    if values is None:
        return None
    array = np.asarray(values)
    linear = attribute(array / np.float32(255) if array.dtype == np.uint8 else array, "colors", (3, 4), count)
    if linear is not None and linear.shape[1] == 3:
        linear = np.concatenate([linear, np.ones((count, 1), np.float32)], axis=1)
        linear.flags.writeable = False
    return linear


def _indices(values: ArrayLike | None, vertex_count: int) -> NDArray[np.uint32]:
    if values is None:
        return frozen(np.arange(vertex_count, dtype=np.uint32), None)
    try:
        array = np.asarray(values)
    except ValueError:
        raise InvalidInput("Geometry indices must be a (m,) array of integers; the rows that were given have different lengths.") from None
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise InvalidInput(f"Geometry indices must be a (m,) array of integers, not {array.shape} {array.dtype}; use .ravel() on (t, 3).")
    if array.size and (array.min() < 0 or int(array.max()) >= vertex_count):
        raise InvalidInput(f"Geometry indices reach {int(array.max())} (lowest {int(array.min())}) but there are {vertex_count} vertices; "
                           f"they must lie in 0 .. {vertex_count - 1}.")
    return frozen(np.ascontiguousarray(array, np.uint32), values)


def _smooth_normals(positions: NDArray[np.float32], indices: NDArray[np.uint32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit normals of vertices, weighted by the areas of their triangles; where these have none, as they are in `others`."""
    triangles = indices.reshape(-1, 3)
    corners = positions.astype(np.float64)[triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sums = np.stack([np.bincount(triangles.ravel(), np.repeat(face[:, axis], 3), len(positions)) for axis in range(3)], axis=1)
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.where(length > 0, sums / np.where(length > 0, length, 1), others).astype(np.float32)


class Geometry:
    """Vertices and how they connect, in local space. Immutable, so any number of meshes, scenes and devices share it.

    Arrays are copied, unless they are read-only already and need no conversion.

    Parameters
    ----------
    positions : (n, 3) float32, metres
    indices : (m,) uint32 or None
        None connects the vertices in order.
    normals : (n, 3) float32, unit length
    tangents : (n, 4) float32
        The fourth number is the handedness of the bitangent, +1 or -1 (glTF).
    uv0, uv1 : (n, 2) float32
        v = 0 is the top of a texture.
    colors : (n, 3 or 4) linear RGB(A), float 0..1 or uint8
        Multiplied with the colour of the material.
    joints : (n, 4 k) uint16
        Joints of a skin that each vertex follows (``Scene.bind``); k sets of four. At most 8 are kept, those of the largest weights.
    weights : (n, 4 k) float32, not negative
        How much it follows each; made to sum to 1. A vertex without any weight follows its first joint.
    morphs : sequence of Morph
        Shapes that a node blends in by its ``weights``.
    topology : "triangles", "lines" or "points"
        Front faces are counter-clockwise.
    name : str

    Attributes
    ----------
    levels : tuple of (Geometry, float)
        Coarser stand-ins, finest first, and how far each strays from this surface, metres; see `with_levels`.
    field : Field or None
        Numbers over the vertices; see `with_field`.

    Raises
    ------
    InvalidInput
        Wrong shape, type or count, a value that is not finite, or an index out of range.
    """

    __slots__ = ("__weakref__", "_bounds", "_hierarchy", "_origin", "colors", "field", "geometry_key", "indices", "joints", "levels",
                 "morphs", "name", "normals", "positions", "tangents", "topology", "uv0", "uv1", "weights")

    def __init__(self, *, positions: ArrayLike, indices: ArrayLike | None = None, normals: ArrayLike | None = None,
                 tangents: ArrayLike | None = None, uv0: ArrayLike | None = None, uv1: ArrayLike | None = None,
                 colors: ArrayLike | None = None, joints: ArrayLike | None = None, weights: ArrayLike | None = None,
                 morphs: Sequence[Morph] = (), topology: str = "triangles", name: str = "") -> None:
        if topology not in TOPOLOGIES:
            raise InvalidInput(f"Geometry topology={topology!r} is unknown; use one of {', '.join(TOPOLOGIES)}.")
        checked = attribute(positions, "positions", (3,))
        if checked is None or not len(checked):
            raise InvalidInput("Geometry positions must have at least one row.")
        count = len(checked)
        self.positions: NDArray[np.float32] = checked
        self.normals = attribute(normals, "normals", (3,), count)
        self.tangents = attribute(tangents, "tangents", (4,), count)
        self.uv0 = attribute(uv0, "uv0", (2,), count)
        self.uv1 = attribute(uv1, "uv1", (2,), count)
        self.colors = _colors(colors, count)
        self.joints, self.weights = influences(joints, weights, count)
        self.morphs = checked_morphs(morphs, count)
        self.indices: NDArray[np.uint32] = _indices(indices, count)
        if len(self.indices) % _DIVISOR[topology]:
            raise InvalidInput(f"Geometry of {topology} has {len(self.indices)} indices, which {_DIVISOR[topology]} does not divide; "
                               f"give {_DIVISOR[topology]} for each.")
        self.topology, self.name = topology, name
        bits = zip((NORMAL, TANGENT, UV0, UV1, COLOR), (self.normals, self.tangents, self.uv0, self.uv1, self.colors), strict=True)
        self.geometry_key = sum(bit for bit, array in bits if array is not None) | TOPOLOGIES.index(topology) << TOPOLOGY_SHIFT
        self.geometry_key |= self._deformations()
        self._bounds = extent(checked)
        self._hierarchy: Bvh | None = None
        self.levels: tuple[tuple[Geometry, float], ...] = ()
        self._origin: Origin | None = None
        self.field: Field | None = None

    @property
    def bounds(self) -> NDArray[np.float32]:
        """Lower and upper corner, (2, 3) float32, local space, metres."""
        return self._bounds.copy()

    @property
    def vertex_count(self) -> int:
        """Number of vertices."""
        return len(self.positions)

    @property
    def index_count(self) -> int:
        """Number of indices."""
        return len(self.indices)

    def _deformations(self) -> int:
        """Bits of the vertex layout that say how a pose may deform it."""
        bits = 0
        if self.joints is not None:
            bits |= JOINTS | (JOINTS8 if self.joints.shape[1] > 4 else 0)
        if self.morphs:
            bits |= MORPH
            if self.normals is not None and any(morph.normals is not None for morph in self.morphs):
                bits |= MORPH_NORMAL
            if self.tangents is not None and any(morph.tangents is not None for morph in self.morphs):
                bits |= MORPH_TANGENT
        return bits

    def hierarchy(self) -> Bvh:
        """Return the hierarchy that rays go through, built on first use (about 0.15 s for a million triangles) and kept."""
        if self.topology != "triangles":
            raise InvalidInput(f"a geometry of {self.topology} has no surface for rays; only triangles have")
        if self._hierarchy is None:
            self._hierarchy = Bvh(self.positions, self.indices)
        return self._hierarchy

    def with_flat_normals(self) -> Geometry:
        """Return a copy without shared vertices whose normals are those of its triangles (glTF 2.0, 3.7.2.1)."""
        if self.topology != "triangles":
            return self
        order = self.indices
        corners, normals = flat_normals(self.positions, order)
        pick: dict[str, Any] = {name: None if (array := getattr(self, name)) is None else array[order]
                                for name in ("uv0", "uv1", "colors", "joints", "weights")}
        return Geometry(positions=corners, normals=normals, name=self.name,
                        morphs=[morph.taken(order) for morph in self.morphs], **pick)

    def with_levels(self, levels: Sequence[Geometry | tuple[Geometry, float]] | None = None, *,
                    ratios: Sequence[float] = (0.5, 0.25, 0.125)) -> Geometry:
        """Return the same geometry with coarser levels, which a renderer with ``lod_pixels`` above 0 draws where they are small.

        Parameters
        ----------
        levels : sequence of Geometry or (Geometry, float), optional
            Stand-ins, finest first, at most 7, and how far each strays from this surface at most, metres in local space; without
            a number that is measured.
        ratios : sequence of float, falling from 1 to 0
            Without `levels`: make them with this share of the triangles each, through meshoptimizer (the extra ``lod``). They
            keep their vertices as they are, so every attribute stays right; their errors are measured. A ratio that cannot be
            reached makes no level.

        Returns
        -------
        Geometry
            Shares all arrays with this one.

        Raises
        ------
        InvalidInput
            A level has another vertex layout or topology, errors or ratios are out of order, or the geometry deforms: how far a level
            strays from a posed surface is not known.
        MissingExtra
            Levels are to be made and meshoptimizer is not installed.
        """
        from .simplify import measured_levels, simplified_levels

        if self.geometry_key & DEFORMED:
            raise InvalidInput("Geometry.with_levels takes no geometry with joints or morphs; coarser levels are for rigid ones.")
        if self.field is not None:
            raise InvalidInput("Geometry.with_levels cannot keep a field, which has numbers for these vertices only; leave out the levels.")
        found = measured_levels(self, levels) if levels is not None else tuple(simplified_levels(self, ratios))
        if len(found) > MAX_LEVELS:
            raise InvalidInput(f"Geometry.with_levels takes at most {MAX_LEVELS} levels, not {len(found)}.")
        for number, (level, error) in enumerate(found):
            if not isinstance(level, Geometry) or level.geometry_key != self.geometry_key or level.levels:
                raise InvalidInput(f"Level {number} must be a plain Geometry with the attributes and topology of {self!r}, not {level!r}.")
            if not (found[number - 1][1] if number else 0.0) <= error < np.inf:
                raise InvalidInput(f"The error {error} of level {number} must be finite and not below that of the level before.")
        twin = self._twin()
        twin.levels = found
        return twin

    def with_field(self, field: Field | None) -> Geometry:
        """Return the same geometry with numbers over its vertices, which materials such as `Heat` show; None takes them away.

        Parameters
        ----------
        field : Field or None
            With as many vertices.

        Returns
        -------
        Geometry
            Shares all arrays with this one in main memory; a device holds its vertices once more.

        Raises
        ------
        InvalidInput
            Another number of vertices, or a geometry with levels.
        """
        if field is not None and not isinstance(field, Field):
            raise InvalidInput(f"Geometry.with_field takes a Field or None, not {type(field).__name__}; try with_field(mr.Field(values)).")
        if field is not None and field.vertex_count != self.vertex_count:
            raise InvalidInput(f"The field {field.name!r} has numbers for {field.vertex_count} vertices and the geometry has "
                               f"{self.vertex_count}; give one for each vertex.")
        if field is not None and self.levels:
            raise InvalidInput("A geometry with levels cannot have a field, which has numbers for its own vertices only; "
                               "use the geometry as it was before with_levels().")
        twin = self._twin()
        twin.field = field
        twin.geometry_key = self.geometry_key & ~VALUE | (0 if field is None else VALUE)
        return twin

    def displaced(self, displacements: ArrayLike, scale: float = 1.0) -> Geometry:
        """Return the geometry with its vertices moved, as a deformed body is shown; normals are made anew where there were any.

        Parameters
        ----------
        displacements : (n, 3) float, metres, local space
            `Field.sample` of a field of vectors gives them.
        scale : float
            Exaggeration.

        Returns
        -------
        Geometry
            With the same indices, coordinates, colours and field, and without tangents and levels.

        Raises
        ------
        InvalidInput
            Another shape, or vertices that are not finite then.
        """
        try:
            offset = np.asarray(displacements, np.float64) * float(scale)
        except (TypeError, ValueError):
            raise InvalidInput("Geometry.displaced needs displacements (n, 3) and a scale that are numbers.") from None
        if offset.shape != self.positions.shape:
            raise InvalidInput(f"Geometry.displaced needs one displacement (3,) for each of the {self.vertex_count} vertices, "
                               f"not {offset.shape}.")
        with np.errstate(over="ignore"):  # what becomes infinite is refused as a position
            positions = (self.positions + offset).astype(np.float32)
        normals = self.normals
        if normals is not None and self.topology == "triangles":
            normals = _smooth_normals(positions, self.indices, normals)
        moved = Geometry(positions=positions, indices=self.indices, topology=self.topology, name=self.name, uv0=self.uv0, uv1=self.uv1,
                         colors=self.colors, normals=normals, joints=self.joints, weights=self.weights, morphs=self.morphs)
        return moved.with_field(self.field)

    def _twin(self) -> Geometry:
        """A geometry of its own that shares everything."""
        twin = object.__new__(Geometry)
        for name in Geometry.__slots__:
            if name != "__weakref__":
                setattr(twin, name, getattr(self, name))
        return twin

    def __repr__(self) -> str:
        return f"<Geometry {self.name!r} {self.vertex_count} vertices, {self.index_count} indices, {self.topology}>"


class Mesh:
    """What a node draws: one or more geometries, each with a material.

    Parameters
    ----------
    geometry : Geometry
    material : Material
    primitives : sequence of (Geometry, Material)
        Instead of the two above.
    name : str
    weights : (m,) float
        Of the morphs of its geometries, for nodes that say nothing else; zeros by default. All geometries with morphs have equally many.

    Attributes
    ----------
    extras : dict
    """

    __slots__ = ("__weakref__", "_origin", "extras", "name", "primitives", "weights")

    def __init__(self, geometry: Geometry | None = None, material: Material | None = None, *,
                 primitives: Sequence[tuple[Geometry, Material]] | None = None, name: str = "", weights: ArrayLike = ()) -> None:
        pairs: Sequence[tuple[Any, Any]] = primitives if primitives is not None else ((geometry, material),)
        for pair in pairs:
            if not isinstance(pair, (tuple, list)):
                raise InvalidInput(f"Mesh primitives must be pairs of Geometry and Material, not {type(pair).__name__}.")
            if len(pair) != 2 or not isinstance(pair[0], Geometry) or not isinstance(pair[1], Material):
                found = ", ".join(type(part).__name__ for part in pair)
                raise InvalidInput(f"Mesh needs a Geometry and a Material, not ({found}); try Mesh(mr.box(1), mr.Standard()).")
            pair[1].check_geometry(pair[0])
        self.primitives: tuple[tuple[Geometry, Material], ...] = tuple((g, m) for g, m in pairs)
        self.name = name
        self.weights = self._weights(weights)
        self.extras: dict[str, Any] = {}
        self._origin: Origin | None = None

    def _weights(self, given: ArrayLike) -> NDArray[np.float32]:
        """Return one weight for each morph, (m,) float32, read-only."""
        counts = {len(geometry.morphs) for geometry, _ in self.primitives if geometry.morphs}
        if len(counts) > 1:
            found = " and ".join(map(str, sorted(counts)))
            raise InvalidInput(f"The geometries of a Mesh have {found} morphs; all that have any need equally many.")
        count = counts.pop() if counts else 0
        try:
            weights = np.array(given, np.float32)
        except (TypeError, ValueError):
            raise InvalidInput("Mesh weights must be numbers.") from None
        if not weights.size:
            weights = np.zeros(count, np.float32)
        if weights.shape != (count,) or not np.isfinite(weights).all():
            raise InvalidInput(f"Mesh weights must be {count} finite numbers, one for each morph of its geometries, not {given!r}.")
        weights.flags.writeable = False
        return weights

    def __repr__(self) -> str:
        return f"<Mesh {self.name!r} {len(self.primitives)} primitives>"
