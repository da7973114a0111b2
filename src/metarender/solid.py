"""Whether a surface encloses a volume, as printers need it: faulty edges with their places, shells, volume and area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ._core import faulty_edges, measure, number_rows, pieces_of
from .checks import extent
from .drawn import Drawn, bodies, drawn
from .errors import InvalidInput
from .geometry import Geometry
from .scene import Scene

Places = NDArray[np.uint32]
Floats = NDArray[np.float64]

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
        How far the vertices that were taken for one are apart at most; 0 where equal places were enough.
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


Joined = dict[tuple[int, ...], tuple[NDArray[np.float32], Places]]
"""By the ``id`` of the geometries that a node draws: the places of their vertices, (n, 3), and which of them each vertex has."""


def check_solid(thing: Geometry | Scene) -> SolidReport:
    """Look whether a surface can be printed: whether it is closed, and where it is not.

    Vertices at one place count as one. Where that leaves a surface open, those within a millionth of its size do too, as numbers in
    files are rounded and printers allow for that; the report says so. What one node draws is one surface, whatever its materials,
    but what follows joints is another than what does not; each is checked for itself, as printers join bodies that overlap. Hidden
    nodes, lines and points do not count.

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
        It is neither, or a pose puts vertices beyond float32.
    """
    if isinstance(thing, Geometry):
        return _report([(np.eye(4), _best([thing]))] if thing.topology == "triangles" else [])
    if not isinstance(thing, Scene):
        raise InvalidInput(f"check_solid needs a Geometry or a Scene, such as mr.load(path) gives, not {type(thing).__name__}.")
    return examine(drawn(thing))[0]


def examine(parts: Sequence[Drawn]) -> tuple[SolidReport, Joined]:
    """Do what `check_solid` does, and return how it joined vertices, as a format needs that lists each place once."""
    known: dict[tuple[int, ...], _Surface] = {}
    surfaces = []
    for body in bodies(part for part in parts if part.geometry.topology == "triangles"):
        geometries = [part.geometry for part in body]
        key = tuple(map(id, geometries))
        if key not in known:
            known[key] = _best(geometries)
        surfaces.append((body[0].matrix, known[key]))
    return _report(surfaces), {key: (surface.positions, surface.place) for key, surface in known.items()}


def _best(geometries: list[Geometry]) -> _Surface:
    """Join vertices at equal places, or near ones where that leaves the surface open and joining them mends something."""
    exact = _Surface(geometries)
    lower, upper = extent(exact.positions)
    tolerance = float((upper.astype(np.float64) - lower).max(initial=0.0)) * _NEAR
    rim = np.unique(exact.open)
    group = _near(exact.positions[rim].astype(np.float64), tolerance) if len(rim) and tolerance > 0.0 else np.arange(len(rim))
    if np.array_equal(group, np.arange(len(rim))):
        return exact
    joined = np.arange(len(exact.positions), dtype=np.uint32)
    joined[rim] = rim[group]
    apart = float(np.linalg.norm(exact.positions[rim] - exact.positions[joined[rim]], axis=1).max())
    near = _Surface(geometries, joined, apart)
    return near if len(near.open) < len(exact.open) else exact


class _Surface:
    """The triangles of some geometries, in their own space, and how they join.

    Parameters
    ----------
    geometries : list of Geometry
    joined : (n,) uint32, optional
        By place, the place that stands for it.
    tolerance : float
        How far such places are apart at most.

    Attributes
    ----------
    positions : (p, 3) float32
        Of each place.
    place : (n,) uint32
        Of each vertex of all geometries.
    triangles : (t, 3) uint32
        Places of those with three different corners.
    open, shared, flipped : (k, 2) uint32
        Places at the ends of faulty edges.
    """

    def __init__(self, geometries: list[Geometry], joined: Places | None = None, tolerance: float = 0.0) -> None:
        self.tolerance = tolerance
        positions = np.concatenate([geometry.positions for geometry in geometries]) + np.float32(0.0)  # -0.0 becomes 0.0
        first, self.place = _numbered(positions.view(np.uint32))
        if joined is not None:
            kept, place = np.unique(joined, return_inverse=True)
            first, self.place = first[kept], place.astype(np.uint32)[self.place]
        self.positions = positions[first]
        corners, start = [], 0
        for geometry in geometries:
            corners.append(self.place[start : start + geometry.vertex_count][geometry.indices].reshape(-1, 3))
            start += geometry.vertex_count
        triangles = np.concatenate(corners) if len(corners) > 1 else corners[0]
        a, b, c = triangles.T
        whole = (a != b) & (b != c) & (c != a)
        self.triangles = triangles if whole.all() else triangles[whole]
        edges, self.shells, self.duplicates = faulty_edges(self.triangles, len(self.positions))
        self.open, self.shared, self.flipped = (edges[edges[:, 2] == kind, :2] for kind in (1, 2, 3))
        self.holes = _pieces(self.open)
        self.collapsed = len(triangles) - len(self.triangles)


def _numbered(rows: Places) -> tuple[Places, Places]:
    """Return a row of each kind, rising, and the kind of each row, (n, 3) uint32."""
    try:
        return number_rows(rows)
    except OverflowError:  # rows that are made for it
        _, first, place = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rank = np.empty(len(order), np.uint32)
        rank[order] = np.arange(len(order))
        return first[order].astype(np.uint32), rank[place.reshape(-1)]


def _pieces(edges: Places) -> int:
    """How many pieces some edges make."""
    ends, place = np.unique(edges, return_inverse=True)
    piece = pieces_of(place.reshape(-1, 2).astype(np.uint32), len(ends))
    return int((piece == np.arange(len(ends))).sum())


def _near(positions: Floats, tolerance: float) -> Places:
    """Number the groups of places that lie within about a tolerance of each other, by their lowest member.

    Places in one cell of a grid belong together. Two that are near but lie on both sides of a wall share a cell of the grid that is moved
    by half a cell along some axes, so all eight are looked at.
    """
    cells = (positions - extent(positions)[0]) / (2.0 * tolerance)
    pairs = []
    for shift in np.ndindex(2, 2, 2):
        cell = np.floor(cells + np.array(shift) / 2).astype(np.int64)
        key = (cell[:, 0] << 42) ^ (cell[:, 1] << 21) ^ cell[:, 2]  # a millionth of the extent fits into 21 bits
        order = np.argsort(key, kind="stable")
        same = np.flatnonzero(np.diff(key[order]) == 0)
        pairs.append(np.stack([order[same], order[same + 1]]))
    return pieces_of(np.ascontiguousarray(np.concatenate(pairs, axis=1).T, np.uint32), len(positions))


def _report(surfaces: list[tuple[Floats, _Surface]]) -> SolidReport:
    """Add up all surfaces at their places."""
    surfaces = [(matrix, surface) for matrix, surface in surfaces if len(surface.triangles)]
    if not surfaces:
        return SolidReport()

    def placed(name: str) -> Floats:
        return np.concatenate([s.positions[getattr(s, name)].astype(np.float64) @ m[:3, :3].T + m[:3, 3] for m, s in surfaces])

    area, volume, degenerate, tolerance = 0.0, 0.0, 0, 0.0
    lower, upper = np.full(3, np.inf), np.full(3, -np.inf)
    for matrix, surface in surfaces:
        own_area, own_volume, bounds, flat = measure(surface.positions, surface.triangles, np.ascontiguousarray(matrix, np.float64))
        area += own_area
        volume += abs(float(np.linalg.det(matrix[:3, :3]))) * own_volume  # a mirrored part is drawn, and written, with its faces turned
        degenerate += surface.collapsed + flat
        lower, upper = np.minimum(lower, bounds[0]), np.maximum(upper, bounds[1])
        tolerance = max(tolerance, float(np.linalg.norm(matrix[:3, :3], axis=0).max()) * surface.tolerance)
    total = {name: sum(getattr(s, name) for _, s in surfaces) for name in ("shells", "holes", "duplicates")}
    return SolidReport(parts=len(surfaces), triangles=sum(len(s.triangles) for _, s in surfaces),
                       vertices=sum(len(s.positions) for _, s in surfaces), open_edges=placed("open"), shared_edges=placed("shared"),
                       flipped_edges=placed("flipped"), degenerate=degenerate, volume=volume, area=area,
                       bounds=np.stack([lower, upper]), tolerance=tolerance, **total)
