"""The nodes of a scene as a save sees them: arrays in depth-first order, and a plan of which nodes the file will have.

A file has nodes that the scene has not: one for each kind of part in a range (EXT_mesh_gpu_instancing), one that carries a light which
does not shine along its node, one more where a matrix shears, one above all where joints have none in common. The plan numbers all of
them depth first, as they will be loaded again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import AS_GIVEN, SHEARED, joints_of, read_poses, read_rows, read_trs
from ..geometry import Geometry
from ..lights import DirectionalLight
from ..materials import Material
from ..origin import KeptFile
from ..scene import Scene
from .kept import Source

FORWARD = (0.0, 0.0, -1.0)
PLACED = frozenset({"position", "rotation", "scale"})
MOVING = PLACED | {"weights"}
"""Paths of tracks that glTF has for nodes."""

_MOST_MOVED = 100_000


class Kind(Enum):
    """What a planned node is."""

    NODE = "a node of the scene, or a part that is one of its kind"
    PARTS = "many parts that draw the same"
    LIGHT = "a child that turns the light of its parent"
    INNER = "a child that completes the transform of its parent"
    ROOT = "a node above all others, for skins whose joints have none in common"


@dataclass(slots=True)
class Entry:
    """A node of the file.

    Attributes
    ----------
    kind : Kind
    row : int
        In the arrays of the scene; of parts the first.
    parent : int
        Its place in the plan, -1 at the top.
    rows : (n,) int64 or None
        Of parts.
    children : list of int or None
    """

    kind: Kind
    row: int
    parent: int
    rows: NDArray[np.int64] | None = None
    children: list[int] | None = None


class Rows:
    """The nodes of a scene as arrays.

    Attributes
    ----------
    ids, parent, position, linear, visible, color, flags : ndarray
        As ``read_rows`` gives them, one row a node.
    rotation, scale, kind : ndarray
        As ``read_trs``.
    draws, first : (n,) int64
        How many draws a node has, and where they begin in `geometry` and `material`.
    geometry, material : (m,) uint32
        Indices in the tables of the scene.
    pose : (n,) int64
        0 for a node without a pose of its own; else equal for those that have equal weights and no skin.
    ranges : dict of int to int
        First row of each range of parts -> how many.
    driven : (n,) bool
        Which nodes a clip moves, turns or scales, so that they cannot have a matrix (glTF 2.0, 3.11).
    table : dict of str to ndarray
        All of ``read_rows``.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        rows = self.table = read_rows(scene.store)
        self.rotation, self.scale, self.kind = read_trs(scene.store)
        self.ids, self.parent, self.position, self.linear = rows["id"], rows["parent"], rows["position"], rows["linear"]
        self.visible, self.color, self.flags = rows["visible"] != 0, rows["color"], rows["flags"]
        self.draws = rows["draws"].astype(np.int64)
        self.first = np.cumsum(self.draws) - self.draws
        self.geometry, self.material = rows["geometry"], rows["material"]
        self.ranges: dict[int, int] = dict(rows["range"].tolist())
        posed, skins, counts, values = read_poses(scene.store)
        self.pose = _kinds_of_poses(self._rows_of(posed), skins, counts, values, len(self.ids))
        self.driven = np.isin(self.ids, _moved_ids(scene, PLACED))
        self._bound = posed[skins >= 0]
        self._named = _named_ids(scene, self._bound)
        self._kept = [kept for kept in scene.kept if isinstance(kept.source, Source)]
        self._file, self._number = self._origins()

    def file_of(self, row: int) -> tuple[KeptFile, int] | None:
        """The file that a node comes from and its number there, None for one made in code."""
        file = self._file[row]
        return None if file < 0 else (self._kept[file], self._number[row])

    def _origins(self) -> tuple[list[int], list[int]]:
        """By row: which of the kept files a node comes from, -1 for none, and its number there."""
        file, number = np.full(len(self.ids), -1, np.int64), np.zeros(len(self.ids), np.int64)
        order = np.argsort(self.ids)
        for place, kept in enumerate(self._kept):
            rows = order[np.searchsorted(self.ids, kept.ids, sorter=order).clip(max=max(len(order) - 1, 0))] if len(order) else order
            found = np.flatnonzero((self.ids[rows] == kept.ids) & (kept.ids != 0)) if len(order) else rows
            file[rows[found]], number[rows[found]] = place, found
        return file.tolist(), number.tolist()

    def _rows_of(self, ids: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Rows of nodes that are there, by their public ids (n,)."""
        order = np.argsort(self.ids)
        return order[np.searchsorted(self.ids, ids, sorter=order)] if len(ids) else np.zeros(0, np.int64)

    def draw_of(self, row: int) -> tuple[Geometry, Material]:
        """What a part draws."""
        place = self.first[row]
        geometry, material = self.scene.geometry_list[self.geometry[place]], self.scene.material_list[self.material[place]]
        assert geometry is not None and material is not None
        return geometry, material

    def range_mesh(self, row: int) -> tuple[Any, str]:
        """Mesh and name of the range that begins at a row."""
        return self.scene._ranges.get(self.scene.store.range_of(int(self.ids[row])), (None, ""))

    def matrices(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Local matrices of rows, (n, 4, 4) float64."""
        found = np.tile(np.eye(4), (len(rows), 1, 1))
        found[:, :3, :3], found[:, :3, 3] = self.linear[rows], self.position[rows]
        return found

    def are_plain(self, start: int, count: int) -> bool:
        """Whether the parts of a range draw the same, are shown, and have no colour, pose, light, camera or extras of their own."""
        rows = slice(start, start + count)
        draws = slice(int(self.first[start]), int(self.first[start]) + count)
        same = all((array[draws] == array[draws.start]).all() for array in (self.geometry, self.material))
        bare = self._are_bare(np.arange(start, start + count)).all() and not self.pose[rows].any()
        return bool((self.draws[rows] == 1).all() and same and bare and self.visible[rows].all() and not self.color[rows, 3].any())

    def _are_bare(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which rows carry no light, camera or extras, and are named by no clip and no skin."""
        bare = ~np.isin(self.ids[rows], self._named)
        for table in (self.scene._lights, self.scene._cameras, self.scene._extras):
            if table:
                bare &= ~np.isin(self.ids[rows], np.fromiter(table, np.uint32, len(table)))
        return bare

    def kinds_of_parts(self, start: int, count: int) -> list[NDArray[np.int64]]:
        """Rows of a range by what they draw, whether they are shown, their colours and poses, kinds in order of their first part.

        A part that is not a plain one (several draws, a matrix that shears, a light or camera, of a clip or skin) is a kind of its own.
        """
        rows = np.arange(start, start + count)
        place = self.first[rows].clip(max=max(len(self.geometry) - 1, 0))
        plain = (self.draws[rows] == 1) & (self.kind[rows] != SHEARED) & self._are_bare(rows)
        color = np.where(self.color[rows, 3] > 0, np.ascontiguousarray(self.color[rows]).view("<u4")[:, 0], 0)
        keys = [self.visible[rows], color, self.pose[rows], np.where(plain, -1, rows)]
        if len(self.geometry):
            keys += [self.geometry[place], self.material[place]]
        kind = np.zeros(count, np.int64)
        for key in keys:
            values, inverse = np.unique(key, return_inverse=True)
            kind = np.unique(kind * len(values) + inverse, return_inverse=True)[1]
        order = np.argsort(kind, kind="stable")
        groups = np.split(rows[order], np.flatnonzero(np.diff(kind[order])) + 1)
        return sorted(groups, key=lambda group: int(group[0]))

    def is_turned(self, row: int) -> bool:
        """Whether a node has a light that does not shine along it."""
        light = self.scene._lights.get(int(self.ids[row])) if self.scene._lights else None
        return isinstance(light, DirectionalLight) and tuple(light.direction.tolist()) != FORWARD

    def has_matrix(self, row: int, source: dict[str, Any]) -> bool:
        """Whether the matrix of a node of a file is the one that is stored, which has its linear part in float32."""
        matrix = np.array(source["matrix"], np.float64).reshape(4, 4).T
        with np.errstate(over="ignore"):
            linear = matrix[:3, :3].astype(np.float32)
        same = (linear == self.linear[row]).all() and (matrix[:3, 3] == self.position[row]).all()
        return bool(same and self.kind[row] != AS_GIVEN)

    def need_root(self) -> bool:
        """Whether the joints of a skin that is of no file have no node above all of them, as glTF asks (2.0, 3.7.3.2)."""
        bound = [number for number in self._bound.tolist() if (skin := self.scene._skin_of(number)) is not None and skin._origin is None]
        joints = [joints_of(self.scene.store, number) for number in bound]
        if not joints:
            return False
        tops = np.flatnonzero(self.parent < 0)
        above = np.searchsorted(tops, self._rows_of(np.concatenate(joints)), side="right")  # depth first: all rows up to the next top
        starts = np.cumsum([0, *map(len, joints[:-1])])
        return bool((np.maximum.reduceat(above, starts) > np.minimum.reduceat(above, starts)).any())

    def need_two(self) -> NDArray[np.bool_]:
        """For which nodes no single node of glTF has the matrix: it shears, or an axis of it has no length (glTF 2.0, 5.25)."""
        flat = ~(self.linear != 0).any(axis=1).all(axis=1)
        found: NDArray[np.bool_] = (self.kind == SHEARED) | (flat & (self.kind != AS_GIVEN))
        return found


def _named_ids(scene: Scene, bound: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Ids of the nodes that clips move, none where there are too many for each to be a node of the file, and of those that skins follow;
    `bound` are those that have a skin."""
    joints = [joints_of(scene.store, number) for number in bound.tolist()]
    found = _moved_ids(scene, MOVING)
    return np.unique(np.concatenate([found if len(found) <= _MOST_MOVED else found[:0], *joints]))


def _moved_ids(scene: Scene, paths: frozenset[str]) -> NDArray[np.uint32]:
    """Ids of the nodes that tracks of these paths drive, each once."""
    tracks = [track for clip in scene.clips for track in clip.tracks if track.path in paths]
    found = [track.target for track in tracks if isinstance(track.target, np.ndarray)]
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.uint32)


def _kinds_of_poses(rows: NDArray[np.int64], skins: NDArray[np.int64], counts: NDArray[np.uint32], values: NDArray[np.float32],
                    nodes: int) -> NDArray[np.int64]:
    """A number for each node: 0 without a pose of its own, else equal for those that have equal weights and no skin; `rows` have poses."""
    found = np.zeros(nodes, np.int64)
    found[rows] = np.where((counts > 0) | (skins >= 0), 1 + np.arange(len(rows)), 0)
    starts, plain = np.cumsum(counts, dtype=np.int64) - counts, skins < 0
    for count in np.unique(counts[plain & (counts > 0)]).tolist():
        chosen = np.flatnonzero((counts == count) & plain)
        weights = values[starts[chosen][:, None] + np.arange(count)]
        first, kinds = np.unique(weights, axis=0, return_index=True, return_inverse=True)[1:]
        found[rows[chosen]] = found[rows[chosen[first]]][kinds.reshape(-1)]
    return found


class Plan:
    """Which nodes the file has, depth first.

    Parameters
    ----------
    rows : Rows
    whole : set of int
        Rows whose parts are written as instances of the node itself.
    two : set of int
        Rows whose matrix no single node can have.

    Attributes
    ----------
    entries : list of Entry
    home : dict of int to int
        Row -> place of the entry that has all of its transform, below which its children stand.
    showing : dict of int to list of int
        Row -> places of the entries of parts below that have no pose of their own, and show its weights where it has any.
    """

    def __init__(self, rows: Rows, whole: set[int], two: set[int]) -> None:
        self.entries: list[Entry] = []
        self._rows = rows
        self._by_id: dict[int, int] | None = None
        self._whole, self._two = whole, two
        self.home: dict[int, int] = {-1: self._add(Entry(Kind.ROOT, 0, -1)) if rows.need_root() else -1}
        self.showing: dict[int, list[int]] = {}
        parents: list[int] = rows.parent.tolist()
        row, end = 0, len(parents)
        while row < end:
            above = parents[row]
            count = rows.ranges.get(row)
            if count is None:
                self._add_node(row, self.home[above])
                row += 1
                continue
            if above not in whole:
                for group in rows.kinds_of_parts(row, count):
                    if not rows.pose[group[0]]:
                        self.showing.setdefault(above, []).append(len(self.entries))
                    if len(group) == 1:
                        self._add_node(int(group[0]), self.home[above])
                    else:
                        self._add(Entry(Kind.PARTS, int(group[0]), self.home[above], group))
            row += count

    def _add(self, entry: Entry) -> int:
        place = len(self.entries)
        self.entries.append(entry)
        if entry.parent >= 0:
            above = self.entries[entry.parent]
            if above.children is None:
                above.children = [place]
            else:
                above.children.append(place)
        return place

    def _add_node(self, row: int, parent: int) -> None:
        place = home = self._add(Entry(Kind.NODE, row, parent))
        if row in self._two:
            home = self._add(Entry(Kind.INNER, row, place))
        if self._rows.is_turned(row):
            self._add(Entry(Kind.LIGHT, row, home))
        self.home[row] = home

    def driven_place(self, place: int, path: str) -> int | None:
        """Return which entry a curve of a node drives that has its home at `place`: of two nodes for one matrix the outer one is moved, the
        inner one has the mesh, and none can be turned or scaled."""
        if self.entries[place].kind is not Kind.INNER or path == "weights":
            return place
        return self.entries[place].parent if path == "position" else None

    def rows_of(self, ids: NDArray[np.uint32]) -> list[int | None]:
        """Rows of nodes by their public ids (n,); None for nodes that are gone."""
        if self._by_id is None:
            self._by_id = dict(zip(self._rows.ids.tolist(), range(len(self._rows.ids)), strict=True))
        return [self._by_id.get(number) for number in ids.tolist()]

    def places(self, ids: NDArray[np.uint32]) -> list[int | None]:
        """Where nodes stand in the plan, by their public ids (n,); None for nodes that stand nowhere."""
        return [None if row is None else self.home.get(row) for row in self.rows_of(ids)]

    def morphed(self, ids: NDArray[np.uint32]) -> list[list[int]]:
        """Places of what shows the morph weights of nodes (n,): the node itself where it draws, and the parts below it."""
        found: list[list[int]] = []
        for row in self.rows_of(ids):
            itself = row is not None and row in self.home and (row in self._whole or self._rows.draws[row] > 0)
            found.append([] if row is None else [*([self.home[row]] if itself else []), *self.showing.get(row, [])])
        return found

    def has_inner(self, place: int) -> bool:
        """Whether an entry has one that completes its transform."""
        children = self.entries[place].children
        return children is not None and self.entries[children[0]].kind is Kind.INNER
