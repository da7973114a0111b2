"""Whether a surface encloses a volume, as printers need it: faulty edges with their places, shells, volume and area."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ._core import radix_sort
from .drawn import drawn
from .errors import InvalidInput
from .geometry import Geometry
from .scene import Scene

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_ODD = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)
"""Spread the bits of three coordinates over one key."""
_NEAR = 2.0**-20
"""Share of the extent within which vertices may count as one."""
_SHOWN = 5
"""Places of each fault that the text names."""


def _no_edges() -> Floats:
    return np.zeros((0, 2, 3))


@dataclass(frozen=True)
class SolidReport:
    """What :func:`check_solid` found. Printing it gives a text for people.

    Attributes
    ----------
    parts : int
        Surfaces that were looked at: one for each node, or the geometry.
    triangles, vertices : int
        Vertices at one place count once.
    shells : int
        Pieces that hang together by edges.
    holes : int
        Rims: pieces that the open edges make.
    open_edges : (n, 2, 3) float64, metres, world space
        Both ends of edges that belong to one triangle only.
    shared_edges : (n, 2, 3) float64
        Of edges that belong to more than two triangles.
    flipped_edges : (n, 2, 3) float64
        Of edges whose two triangles face opposite ways.
    degenerate : int
        Triangles without an area; they do no harm.
    duplicates : int
        Triangles that lie on another one with the same corners.
    volume : float, cubic metres
        Enclosed; negative where the surface is inside out, and meaningless where it is not closed.
    area : float, square metres
    bounds : (2, 3) float64
        Lower and upper corner, metres.
    tolerance : float, metres
        Up to which distance vertices had to be taken for one; 0 where equal places were enough.
    """

    parts: int = 0
    triangles: int = 0
    vertices: int = 0
    shells: int = 0
    holes: int = 0
    open_edges: Floats = field(default_factory=_no_edges, repr=False)
    shared_edges: Floats = field(default_factory=_no_edges, repr=False)
    flipped_edges: Floats = field(default_factory=_no_edges, repr=False)
    degenerate: int = 0
    duplicates: int = 0
    volume: float = 0.0
    area: float = 0.0
    bounds: Floats = field(default_factory=lambda: np.zeros((2, 3)), repr=False)
    tolerance: float = 0.0

    @property
    def closed(self) -> bool:
        """Whether every edge joins two triangles that face the same way."""
        return not (len(self.open_edges) or len(self.shared_edges) or len(self.flipped_edges)) and self.triangles > 0

    @property
    def printable(self) -> bool:
        """Whether the surface is closed, encloses a volume, and faces outwards."""
        return self.closed and self.volume > 0.0

    @property
    def summary(self) -> str:
        """The verdict in one phrase."""
        faults = [f"{len(edges):,} {what}" for edges, what in self._faults() if len(edges)]
        if not self.triangles:
            return "it has no triangles"
        if faults:
            return f"the surface is not closed, it has {', '.join(faults)}"
        if self.volume <= 0.0:
            return "the surface is inside out" if self.volume < 0.0 else "the surface encloses nothing"
        return "the surface is closed"

    def _faults(self) -> tuple[tuple[Floats, str], ...]:
        return ((self.open_edges, "open edges"), (self.shared_edges, "edges of more than two triangles"),
                (self.flipped_edges, "edges where faces are flipped"))

    def __str__(self) -> str:
        size = self.bounds[1] - self.bounds[0]
        lines = [
            f"  verdict     {'printable' if self.printable else 'not printable'}: {self.summary}",
            f"  parts       {self.parts:,} with {self.triangles:,} triangles, {self.vertices:,} vertices, {self.shells:,} shells",
            f"  size        {' x '.join(f'{1e3 * length:.6g}' for length in size)} mm",
            f"  volume      {1e6 * self.volume:.6g} cm3" if self.closed else "  volume      unknown, as the surface is not closed",
            f"  area        {1e4 * self.area:.6g} cm2",
        ]
        if self.tolerance:
            lines.append(f"  joined      vertices up to {1e3 * self.tolerance:.2g} mm apart")
        if self.holes:
            lines.append(f"  holes       {self.holes:,}")
        for edges, what in self._faults():
            for edge in edges[:_SHOWN]:
                ends = " to ".join("(" + ", ".join(f"{1e3 * value:.6g}" for value in end) + ")" for end in edge)
                lines.append(f"  {what.split()[0] if what[0] == 'o' else what}: {ends} mm")
            if len(edges) > _SHOWN:
                lines.append(f"  and {len(edges) - _SHOWN:,} more {what}")
        others = ((self.duplicates, "triangles lie on another with the same corners"), (self.degenerate, "triangles have no area"))
        lines += [f"  {count:,} {what}" for count, what in others if count]
        return "\n".join(lines)


Joined = dict[tuple[int, ...], tuple[NDArray[np.float32], Ints]]
"""By the ``id`` of the geometries that a node draws: the places of their vertices, (n, 3), and which of them each vertex has."""


def check_solid(thing: Geometry | Scene) -> SolidReport:
    """Look whether a surface can be printed: whether it is closed, and where it is not.

    Vertices at one place count as one. Where that leaves a surface open, those within a millionth of its size do too, as numbers in
    files are rounded and printers allow for that; the report says so. What one node draws is one surface, whatever its materials;
    nodes are checked each for itself, as printers join bodies that overlap. Hidden nodes, lines and points do not count.

    Parameters
    ----------
    thing : Geometry or Scene
        A geometry is taken in its own space.

    Returns
    -------
    SolidReport

    Raises
    ------
    InvalidInput
        It is neither.
    """
    return examine(thing)[0]


def examine(thing: Geometry | Scene) -> tuple[SolidReport, Joined]:
    """Do what `check_solid` does, and return how it joined vertices, as a format needs that lists each place once."""
    if isinstance(thing, Geometry):
        groups: dict[int, tuple[Floats, list[Geometry]]] = {0: (np.eye(4), [thing])} if thing.topology == "triangles" else {}
    elif isinstance(thing, Scene):
        groups = {}
        for part in drawn(thing):
            if part.geometry.topology == "triangles":
                groups.setdefault(part.node, (part.matrix, []))[1].append(part.geometry)
    else:
        raise InvalidInput(f"check_solid needs a Geometry or a Scene, such as mr.load(path) gives, not {type(thing).__name__}.")
    known: dict[tuple[int, ...], _Surface] = {}
    surfaces = []
    for matrix, geometries in groups.values():
        key = tuple(map(id, geometries))
        if key not in known:
            known[key] = _best(geometries)
        surfaces.append((matrix, known[key]))
    joined = {key: (surface.positions.astype(np.float32), surface.place) for key, surface in known.items()}
    return _joined([pair for pair in surfaces if len(pair[1].triangles)]), joined


def _best(geometries: list[Geometry]) -> _Surface:
    """Join vertices at equal places, or near ones where that leaves the surface open and joining them mends something."""
    exact = _Surface(geometries)
    tolerance = float(np.ptp(exact.positions, axis=0).max(initial=0.0)) * _NEAR
    rim = np.unique(exact.open)
    group = _near(exact.positions[rim], tolerance) if len(rim) and tolerance > 0.0 else np.arange(len(rim))
    if np.array_equal(group, np.arange(len(rim))):
        return exact
    joined = np.arange(len(exact.positions))
    joined[rim] = rim[group]
    near = _Surface(geometries, joined, tolerance)
    return near if len(near.open) < len(exact.open) else exact


class _Surface:
    """The triangles of some geometries, in their own space, and how they join.

    Parameters
    ----------
    geometries : list of Geometry
    joined : (n,) int64, optional
        By place, the place that stands for it.
    tolerance : float
        How far such places are apart at most.
    """

    def __init__(self, geometries: list[Geometry], joined: Ints | None = None, tolerance: float = 0.0) -> None:
        self.tolerance = tolerance
        positions = np.concatenate([geometry.positions for geometry in geometries])
        starts = np.cumsum([0, *(len(geometry.positions) for geometry in geometries[:-1])])
        corners = np.concatenate([g.indices.astype(np.int64) + start for g, start in zip(geometries, starts.tolist(), strict=True)])
        kept, self.place = _welded(positions + np.float32(0.0))  # -0.0 becomes 0.0
        if joined is not None:
            first, place = np.unique(joined, return_inverse=True)
            kept, self.place = kept[first], place[self.place]
        self.positions = positions[kept].astype(np.float64)
        triangles = self.place[corners].reshape(-1, 3)
        a, b, c = triangles.T
        whole = (a != b) & (b != c) & (c != a)
        self.triangles = triangles[whole]
        corner = self.positions[self.triangles]
        self.cross = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        self.degenerate = int((~whole).sum()) + int((~self.cross.any(axis=1)).sum())
        self._join()

    def _join(self) -> None:
        """Sort the edges of all triangles, so that equal ones are neighbours."""
        a, b = self.triangles.ravel(), np.roll(self.triangles, -1, axis=1).ravel()
        total = len(self.positions)
        key = np.minimum(a, b) * total + np.maximum(a, b)
        sorted_key, places = radix_sort(key.astype(np.uint64), np.arange(len(key), dtype=np.uint32), max(2 * total.bit_length(), 1))
        key, order = sorted_key.astype(np.int64), places.astype(np.int64)
        first = np.flatnonzero(np.diff(key, prepend=-1))
        uses = np.diff(first, append=len(key))
        forward = np.add.reduceat((a < b)[order].astype(np.int64), first) if len(first) else np.zeros(0, np.int64)
        ends = np.stack([key[first] // max(total, 1), key[first] % max(total, 1)], axis=1)
        self.open, self.shared, self.flipped = ends[uses == 1], ends[uses > 2], ends[(uses == 2) & (forward != 1)]
        triangle = order // 3
        together = np.flatnonzero(np.diff(key) == 0)
        self.shells = _count(len(self.triangles), triangle[together], triangle[together + 1])
        rim, place = np.unique(self.open, return_inverse=True)
        pairs = place.reshape(-1, 2)
        self.holes = _count(len(rim), pairs[:, 0], pairs[:, 1])
        self.duplicates = _repeated(np.sort(self.triangles, axis=1), total)

    def volume(self) -> float:
        """Signed volume in the space of the geometries; from the middle, so that it is right far from the origin."""
        middle = (self.positions.min(axis=0) + self.positions.max(axis=0)) / 2
        return float(np.einsum("ij,ij->i", self.positions[self.triangles[:, 0]] - middle, self.cross).sum() / 6)


def _welded(positions: NDArray[np.float32]) -> tuple[Ints, Ints]:
    """Return a row of each place, and the place of each row, by exact equality; (n, 3) float32 without -0.0."""
    words = np.ascontiguousarray(positions).view(np.uint32).astype(np.uint64) * _ODD
    key = words[:, 0] ^ words[:, 1] ^ words[:, 2]
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    if not np.array_equal(positions[first][place], positions):  # two places share a key
        _, first, place = np.unique(positions, axis=0, return_index=True, return_inverse=True)
    return first, place.reshape(-1)


def _near(positions: Floats, tolerance: float) -> Ints:
    """Number the groups of places that lie within about a tolerance of each other, by their lowest member.

    Places in one cell of a grid belong together. Two that are near but lie on both sides of a wall share a cell of the grid that is moved
    by half a cell along some axes, so all eight are looked at.
    """
    cells = (positions - positions.min(axis=0)) / (2.0 * tolerance)
    pairs = []
    for shift in np.ndindex(2, 2, 2):
        cell = np.floor(cells + np.array(shift) / 2).astype(np.int64)
        key = (cell[:, 0] << 42) ^ (cell[:, 1] << 21) ^ cell[:, 2]  # a millionth of the extent fits into 21 bits
        order = np.argsort(key, kind="stable")
        same = np.flatnonzero(np.diff(key[order]) == 0)
        pairs.append(np.stack([order[same], order[same + 1]]))
    a, b = np.concatenate(pairs, axis=1)
    return _components(len(positions), a, b)


def _repeated(rows: Ints, total: int) -> int:
    """How many rows of three numbers below `total` stand there again."""
    key = rows[:, 0] * total + rows[:, 1]
    if total >= 1 << 21:  # three numbers do not fit into one
        _, key = np.unique(key, return_inverse=True)
    key = np.sort(key * total + rows[:, 2])
    return int((key[1:] == key[:-1]).sum())


def _count(count: int, a: Ints, b: Ints) -> int:
    """How many pieces a graph has."""
    return int((_components(count, a, b) == np.arange(count)).sum())


def _components(count: int, a: Ints, b: Ints) -> Ints:
    """Number the pieces of a graph by their lowest member: labels fall along edges, then along themselves, until nothing changes."""
    label = np.arange(count)
    while True:
        low = np.minimum(label[a], label[b])
        before = label.copy()
        np.minimum.at(label, before[a], low)
        np.minimum.at(label, before[b], low)
        while not np.array_equal(following := label[label], label):
            label = following
        if np.array_equal(label, before):
            return label


def _joined(surfaces: list[tuple[Floats, _Surface]]) -> SolidReport:
    """Add up all surfaces at their places."""
    if not surfaces:
        return SolidReport()

    def placed(name: str) -> Floats:
        edges = [s.positions[getattr(s, name)] @ m[:3, :3].T + m[:3, 3] for m, s in surfaces]
        return np.concatenate(edges) if edges else _no_edges()

    areas = 0.0
    lower, upper = np.full(3, np.inf), np.full(3, -np.inf)
    volume = 0.0
    for matrix, surface in surfaces:
        linear = matrix[:3, :3]
        cofactor = np.stack([np.cross(linear[1], linear[2]), np.cross(linear[2], linear[0]), np.cross(linear[0], linear[1])])
        areas += float(np.linalg.norm(surface.cross @ cofactor.T, axis=1).sum() / 2)
        volume += abs(float(np.linalg.det(linear))) * surface.volume()  # a mirrored part is drawn, and written, with its faces turned
        world = surface.positions @ linear.T + matrix[:3, 3]
        lower, upper = np.minimum(lower, world.min(axis=0)), np.maximum(upper, world.max(axis=0))
    scales = [float(np.linalg.norm(matrix[:3, :3], axis=0).max()) for matrix, _ in surfaces]
    tolerance = max(scale * surface.tolerance for scale, (_, surface) in zip(scales, surfaces, strict=True))
    total = {name: sum(int(getattr(s, name)) for _, s in surfaces) for name in ("shells", "holes", "degenerate", "duplicates")}
    total["triangles"] = sum(len(s.triangles) for _, s in surfaces)
    total["vertices"] = sum(len(s.positions) for _, s in surfaces)
    return SolidReport(parts=len(surfaces), open_edges=placed("open"), shared_edges=placed("shared"), flipped_edges=placed("flipped"),
                       volume=volume, area=areas, bounds=np.stack([lower, upper]), tolerance=tolerance, **total)
