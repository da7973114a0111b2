"""Wavefront OBJ to a description: polygons, lines and points with objects, groups and materials; the material library is `mtl`.

Statements are read by kind and in pieces; what holds for the faces after it (``o``, ``g``, ``usemtl``, ``s``) is kept with its line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AssetError
from ..geometry import Geometry, Mesh
from ..materials import Material, Standard, Unlit
from .asset import Asset, NodeDescription
from .faces import centred, compact, cut, default_material, linear_colors, make_geometry, merge, polygon_normals, unit_vectors
from .files import Progress, opened
from .limits import Budget, Limits
from .mtl import Library
from .placing import placed
from .text import Piece, described, integers, pieces

_STATES = {b"o": 0, b"g": 1, b"usemtl": 2, b"s": 3}
_SHAPES = {"f": ("triangles", 3), "l": ("lines", 2), "p": ("points", 1)}
_LIBRARIES = 1000
"""Material libraries that a file may name; each is looked for beside it."""
_IGNORED = (b"vp", b"cstype", b"deg", b"surf", b"curv", b"curv2", b"parm", b"end", b"mg", b"trim", b"hole", b"scrv", b"sp", b"con")

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass
class _Shapes:
    """Faces, lines or points: how many corners each has, in which line it stands, and its corners' numbers (position, uv, normal)."""

    counts: list[Ints] = field(default_factory=list)
    lines: list[Ints] = field(default_factory=list)
    corners: list[Ints] = field(default_factory=list)


@dataclass
class _Statements:
    """A file taken apart by kind of statement."""

    vertices: dict[bytes, list[Floats]] = field(default_factory=lambda: {b"v": [], b"vt": [], b"vn": []})
    places: dict[bytes, list[Ints]] = field(default_factory=lambda: {b"v": [], b"vt": [], b"vn": []})
    shapes: dict[str, _Shapes] = field(default_factory=lambda: {kind: _Shapes() for kind in _SHAPES})
    states: list[tuple[int, int, str]] = field(default_factory=list)
    libraries: dict[str, None] = field(default_factory=dict)
    others: dict[bytes, None] = field(default_factory=dict)


def read_obj(path: Path, *, limits: Limits, progress: Progress | None = None, unit: str = "metre", up: str = "y") -> Asset:
    """Read an .obj file with the .mtl files and pictures beside it.

    Parameters
    ----------
    unit : str
        What one unit of the file is, such as "millimetre"; the format does not say.
    up : "y" or "z"

    Raises
    ------
    AssetError
        The file is damaged or past a limit.
    """
    data, budget = opened(path, limits)
    if b"\\" in data:
        data = data.replace(b"\\\r\n", b"   ").replace(b"\\\n", b"  ")
    found = _Statements()
    for piece in pieces(data, progress):
        _take(piece, found, budget)
    del data
    library = Library(path.parent, budget)
    for name in found.libraries:
        library.read(name)
    builder = _Builder(found, library, budget)
    nodes = builder.nodes()
    budget.count(nodes=len(nodes))
    if not nodes:
        raise AssetError(f"{path.name} has no vertices; check that it is a Wavefront OBJ file.")
    notes = [f"statements of the kind {described(word)}" for word in found.others]
    return placed(path.stem, nodes, notes + library.notes, unit, up, builder.offset)


def _take(piece: Piece, found: _Statements, budget: Budget) -> None:
    """Sort the statements of a piece."""
    known = ~piece.filled()
    for word, widths in ((b"v", (3,)), (b"vt", (2, 1)), (b"vn", (3,))):
        lines = piece.begins(word)
        if lines.any():
            known |= lines
            rows = piece.rows(lines, widths, f"{word.decode()!r}", len(word), spare=3 if word == b"v" else 0)
            budget.take(rows.nbytes * 2, "The vertices", "")
            found.vertices[word].append(rows)
            found.places[word].append(np.flatnonzero(lines) + piece.first_line)
    for kind, shapes in found.shapes.items():
        lines = piece.begins(kind.encode())
        if lines.any():
            known |= lines
            _take_shapes(piece, lines, shapes, budget)
    others = np.flatnonzero(~known).tolist()
    budget.take(len(others) * 200, "The statements", "")
    for number in others:
        _take_statement(piece.line(number), piece.first_line + number, found)


def _take_shapes(piece: Piece, lines: NDArray[np.bool_], shapes: _Shapes, budget: Budget) -> None:
    """Read the corners of faces: ``1``, ``1/2``, ``1//3`` or ``1/2/3``, in any mixture."""
    text, counts, begin = piece.words(lines, 1)
    slash = text == ord("/")
    values = integers(np.where(slash, np.uint8(32), text), f"A face, line or point after line {piece.first_line - 1}")
    corners = np.zeros((int(counts.sum()), 3), np.int64)
    budget.take(corners.nbytes * 3, "The corners", "")
    if not slash.any():
        corners[:, 0] = values
    else:
        part = (text > 32) & ~slash
        number = part.copy()
        number[1:] &= ~part[:-1]
        slashes = np.cumsum(slash)
        word = np.cumsum(begin) - 1
        base = slashes[begin] - slash[begin]  # a word that begins with a slash has none before it
        slot = slashes[number] - base[word[number]]
        if slot.max(initial=0) > 2:
            raise AssetError(f"A corner after line {piece.first_line - 1} has more than three numbers; it may be position/uv/normal.")
        corners[word[number], slot] = values
    shapes.counts.append(counts)
    shapes.lines.append(np.flatnonzero(lines) + piece.first_line)
    shapes.corners.append(corners)


def _take_statement(line: bytes, number: int, found: _Statements) -> None:
    word = line.split(None, 1)[0][:100]
    if word in _STATES:
        found.states.append((number, _STATES[word], _text(line[len(word) :])[:1000]))
    elif word == b"mtllib":
        found.libraries[_text(line[len(word) :])] = None
        if len(found.libraries) > _LIBRARIES:
            raise AssetError(f"The file names more than {_LIBRARIES:,} material libraries; check line {number}.", "LIMIT_EXCEEDED")
    elif word in found.others:  # told once, however often they stand there
        return
    elif word in _IGNORED or word[:1].isalpha():
        found.others[word] = None
    else:
        raise AssetError(f"Line {number} starts with {described(word)}, which is no statement of OBJ; check the file.")


def _text(words: bytes) -> str:
    return words.decode("utf-8", "replace").strip()


class _Builder:
    """Makes the nodes of a file that was taken apart.

    Attributes
    ----------
    offset : three floats or None
        What was taken from all positions because they lie far from the origin.
    """

    def __init__(self, found: _Statements, library: Library, budget: Budget) -> None:
        self._found, self._library, self._budget = found, library, budget
        vertices = _joined(found.vertices[b"v"])
        self._exact = np.ascontiguousarray(vertices[:, :3])
        if not np.isfinite(self._exact).all():
            line = int(np.concatenate(found.places[b"v"])[np.argmin(np.isfinite(self._exact).all(axis=1))])
            raise AssetError(f"The vertex in line {line} is not finite; remove NaN and infinity.")
        self._positions, self.offset = centred(self._exact) if len(self._exact) else (self._exact.astype(np.float32), None)
        colors = vertices[:, 3:]
        self._colors = linear_colors(np.where(np.isnan(colors), 1.0, colors)) if np.isfinite(colors).any() else None
        self._uvs = _joined(found.vertices[b"vt"])
        self._normals: NDArray[Any] = _joined(found.vertices[b"vn"])
        self._plain: dict[tuple[str, bool, bool], Standard | Unlit] = {}
        self._draws = 0

    def nodes(self) -> list[NodeDescription]:
        """Describe one node for each object and group, with a primitive for each material."""
        parts: dict[tuple[str, str], list[tuple[Geometry, Material]]] = {}
        for kind, shapes in self._found.shapes.items():
            if shapes.counts:
                for name, group, geometry, material in self._primitives(kind, shapes):
                    parts.setdefault((name, group), []).append((geometry, material))
        if not parts and len(self._positions):
            cloud = self._cloud()
            parts["", ""] = [(cloud, self._material("", cloud))]
        return _tree(parts)

    def _cloud(self) -> Geometry:
        """All vertices as points, where nothing connects them."""
        normals = unit_vectors(self._normals) if len(self._normals) == len(self._positions) else None
        return make_geometry(self._budget, "The points", positions=self._positions, normals=normals, colors=self._colors,
                             topology="points")

    def _primitives(self, kind: str, shapes: _Shapes) -> Iterator[tuple[str, str, Geometry, Material]]:
        """Make (object, group, geometry, material) of all shapes of a kind, in the order of the file."""
        counts, lines = np.concatenate(shapes.counts), np.concatenate(shapes.lines)
        topology, least = _SHAPES[kind]
        if counts.min() < least:
            line = int(lines[np.argmin(counts)])
            raise AssetError(f"Line {line} has {counts.min()} corners; {kind!r} needs at least {least}.")
        corners = self._resolve(np.concatenate(shapes.corners), counts, lines)
        keys, key, smoothing = self._states(lines)
        vertices, kinds = self._vertices(corners, counts, smoothing) if kind == "f" else (_Vertices(corners), np.arange(len(corners)))
        places, shape_of = self._indices(kind, corners, counts)
        key = key[shape_of]
        order = np.argsort(key, kind="stable") if (key != key[:1]).any() else np.arange(len(key))
        bounds = np.flatnonzero(np.diff(key[order], prepend=-1, append=-2))
        self._draws += len(bounds) - 1
        self._budget.count(draws=self._draws)
        for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            rows = order[begin:end]
            name, group, material = keys[int(key[rows[0]])]
            geometry = self._geometry(vertices, kinds[places[rows].ravel()], topology, group or name)
            yield name, group, geometry, self._material(material, geometry)

    def _indices(self, kind: str, corners: Ints, counts: Ints) -> tuple[NDArray[Any], Ints]:
        """Return places in `corners` as triangles, pairs or points, and the shape that each belongs to."""
        shape = np.arange(len(counts))
        if kind == "f":
            return cut(self._exact, corners[:, 0].astype(np.uint32), counts.astype(np.uint32)), np.repeat(shape, counts - 2)
        places = np.arange(len(corners))[:, None]
        if kind == "p":
            return places, np.repeat(shape, counts)
        follows = np.ones(len(corners), bool)
        follows[np.cumsum(counts) - 1] = False
        return np.concatenate([places[follows], places[follows] + 1], axis=1), np.repeat(shape, counts - 1)

    def _resolve(self, corners: Ints, counts: Ints, lines: Ints) -> Ints:
        """Turn the numbers of a file, from 1, or from -1 backwards, into rows from 0; -1 where a corner has no uv or normal."""
        for column, word in enumerate((b"v", b"vt", b"vn")):
            values = corners[:, column]
            total = sum(map(len, self._found.places[word]))
            behind = values < 0
            if behind.any():
                places = np.concatenate([*self._found.places[word], np.zeros(0, np.int64)])
                values[behind] += np.searchsorted(places, np.repeat(lines, counts)[behind]) + 1
                values[behind & (values < 1)] = total + 1
            wrong = (values > total) | (values < 1 if not column else False)
            if wrong.any():
                line = int(np.repeat(lines, counts)[np.argmax(wrong)])
                raise AssetError(f"Line {line} names a {word.decode()!r} that the file does not have; it has {total}, counted from 1.")
        corners -= 1
        return corners

    def _states(self, lines: Ints) -> tuple[list[tuple[str, str, str]], Ints, Ints]:
        """Return the combinations of object, group and material, and for each shape which of them holds and its smoothing group."""
        state = ["", "", "", "0"]
        keys: dict[tuple[str, str, str], int] = {("", "", ""): 0}
        smoothing = {"0": 0, "off": 0, "": 0}
        starts, combinations, groups = [0], [0], [0]
        for line, which, text in self._found.states:
            state[which] = text
            if which == 0:
                state[1] = ""
            starts.append(line)
            combinations.append(keys.setdefault((state[0], state[1], state[2]), len(keys)))
            groups.append(smoothing.setdefault(state[3], len(smoothing)))
        holds = np.searchsorted(starts, lines, side="right") - 1
        return list(keys), np.array(combinations)[holds], np.array(groups)[holds]

    def _vertices(self, corners: Ints, counts: Ints, smoothing: Ints) -> tuple[_Vertices, Ints]:
        """Merge equal corners; faces without normals get their own, or those of their smoothing group."""
        lacking = corners[:, 2] < 0
        flat = lacking.all() and not smoothing.any()
        if lacking.any() and not (flat and (counts == 3).all()):  # a geometry makes the normals of its triangles itself
            self._add_normals(corners, counts, lacking, np.repeat(smoothing, counts))
            if flat:  # no two faces share a normal
                return _Vertices(corners), np.arange(len(corners))
        rows, kinds = merge([corners[:, 0], corners[:, 1] + 1, corners[:, 2] + 1])
        return _Vertices(corners[rows]), kinds

    def _add_normals(self, corners: Ints, counts: Ints, lacking: NDArray[np.bool_], group: Ints) -> None:
        """Give corners without a normal that of their face or, in a smoothing group, of all its faces there."""
        face = polygon_normals(self._exact, corners[:, 0].astype(np.uint32), counts.astype(np.uint32))
        self._budget.take(face.nbytes * 4, "The normals of faces", "")
        of_corner = np.repeat(np.arange(len(counts)), counts)
        total = len(self._normals)
        corners[lacking, 2] = total + of_corner[lacking]
        more = [unit_vectors(face)]
        smooth = lacking & (group > 0)
        if smooth.any():
            key, place = compact(group[smooth] * len(self._exact) + corners[smooth, 0])
            sums = np.stack([np.bincount(place, face[of_corner[smooth], axis], len(key)) for axis in range(3)], axis=1)
            corners[smooth, 2] = total + len(face) + place
            more.append(unit_vectors(sums))
        self._normals = np.concatenate([self._normals, *more])

    def _geometry(self, vertices: _Vertices, indices: Ints, topology: str, name: str) -> Geometry:
        """Gather the vertices that some indices use."""
        used, places = compact(indices)
        self._budget.take(len(used) * 64 + places.nbytes, "The vertices of an object", "")
        row, uv, normal = vertices.position[used], vertices.uv[used], vertices.normal[used]
        arrays: dict[str, Any] = {}
        if (uv >= 0).any():
            arrays["uv0"] = np.where(uv[:, None] >= 0, self._uvs[uv, :2] * (1, -1) + (0, 1), 0.0)
        if topology == "triangles" and (normal >= 0).all():
            arrays["normals"] = unit_vectors(self._normals[normal])
        if self._colors is not None and ((colors := self._colors[row]) != 1.0).any():
            arrays["colors"] = colors
        return make_geometry(self._budget, f"The object {described(name)}", positions=self._positions[row],
                             indices=places.astype(np.uint32), topology=topology, name=name, **arrays)

    def _material(self, name: str, geometry: Geometry) -> Material:
        """Return the named material; lines and points take its colour only."""
        lit = geometry.topology == "triangles"
        named = self._library.material(name)
        if lit and named is not None:
            return named
        key = name, lit, geometry.colors is not None
        if (plain := self._plain.get(key)) is None:
            plain = self._plain[key] = default_material(geometry, name)
            if named is not None:
                plain.color = named.color
        return plain


class _Vertices:
    """Numbers of position, uv and normal of each vertex."""

    def __init__(self, corners: Ints) -> None:
        self.position, self.uv, self.normal = corners[:, 0], corners[:, 1], corners[:, 2]


def _joined(rows: list[Floats]) -> Floats:
    """Join the rows of all pieces; colours that some lack are NaN there, the second number of a uv that some lack is 0."""
    if not rows:
        return np.zeros((0, 3))
    widest = max(2, *(part.shape[1] for part in rows))
    wide = [np.pad(part, ((0, 0), (0, widest - part.shape[1])), constant_values=np.nan if widest > 2 else 0.0) for part in rows]
    return np.concatenate(wide)


def _tree(parts: dict[tuple[str, str], list[tuple[Geometry, Material]]]) -> list[NodeDescription]:
    """One node for each object or group; groups of an object hang below it."""
    nodes: list[NodeDescription] = []
    objects: dict[str, int] = {}
    for (name, group), primitives in parts.items():
        if name and name not in objects:
            objects[name] = len(nodes)
            nodes.append(NodeDescription(name=name))
        mesh = Mesh(primitives=primitives, name=group or name)
        if name and not group:
            nodes[objects[name]].mesh = mesh
        else:
            nodes.append(NodeDescription(parent=objects.get(name, -1), name=group, mesh=mesh))
    return nodes
