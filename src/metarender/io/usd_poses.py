"""What moves in a USD stage: skeletons and the meshes that hang on them, and clips of everything that has samples over time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..deformation import Skin
from ..errors import AssetError
from .asset import ClipDescription, NodeDescription, TrackDescription
from .limits import Budget
from .text import described

_STEP = 10.0
"""Degrees that a turn makes at most between two keys: angles may run through whole turns, quaternions do not."""
_TURNS = 1000
"""Keys that one pair of samples becomes at most."""
_JOINT_BYTES = 300
"""What a joint costs each mesh that hangs on it: matrices of 128 bytes, and its number."""
_SAMPLE_BYTES = 200
_ROUNDING = 1e-4
"""Share by which a transform may differ from its position, rotation and scale."""

Floats = NDArray[np.float64]


@dataclass
class Binding:
    """How a mesh hangs on a skeleton.

    Attributes
    ----------
    skeleton : UsdPrim
    joints : list of int
        Which joints of the skeleton its influences count.
    skin : Skin
    influences : (n, 4 k) uint16 and float32
        Joints of each point and how much it follows them.
    """

    skeleton: Any
    joints: list[int]
    skin: Skin
    influences: tuple[NDArray[np.uint16], NDArray[np.float32]]

    @property
    def digest(self) -> bytes:
        """Equal for bindings whose vertices follow the same joints of as many."""
        made = blake2b(len(self.skin).to_bytes(4, "little"), digest_size=16)
        for rows in self.influences:
            made.update(rows.tobytes())
        return made.digest()


class Poses:
    """Binds meshes to skeletons and collects tracks while a stage is walked.

    Parameters
    ----------
    stage : Usd.Stage
    budget : Budget
    notes : list of str
        Gets what moves in the file and stands still here.
    """

    def __init__(self, stage: Any, budget: Budget, notes: list[str]) -> None:
        from pxr import Usd, UsdSkel

        self._stage, self._budget, self._notes = stage, budget, notes
        self._time = Usd.TimeCode.EarliestTime()
        self._cache = UsdSkel.Cache()
        self._bindings: dict[str, Binding | None] = {}
        self._hanging: list[tuple[NodeDescription, Binding]] = []
        self._tracks: list[TrackDescription] = []

    def enter(self, root: Any) -> None:
        """Learn what is below a UsdSkelRoot."""
        from pxr import Usd, UsdSkel

        self._cache.Populate(UsdSkel.Root(root), Usd.TraverseInstanceProxies())

    def binding(self, prim: Any, points: int) -> Binding | None:
        """Return how a mesh of so many points hangs on a skeleton, None where it does not.

        Raises
        ------
        AssetError
            Influences are out of range, or a matrix cannot be inverted.
        """
        key = str(prim.GetPath())
        if key not in self._bindings:
            self._bindings[key] = self._bound(prim, points)
        return self._bindings[key]

    def _bound(self, prim: Any, points: int) -> Binding | None:
        from pxr import UsdSkel

        query = self._cache.GetSkinningQuery(prim)
        if not query:
            return None
        if query.HasBlendShapes():
            self._notes.append("blend shapes")
        skeleton = UsdSkel.BindingAPI(prim).GetInheritedSkeleton()
        if not query.HasJointInfluences() or not skeleton:
            return None
        where, known = f"The mesh {described(prim.GetPath())}", self._cache.GetSkelQuery(skeleton)
        if not known or not known.HasBindPose() or not (known.HasRestPose() or known.GetAnimQuery()):
            self._notes.append(f"the skeleton {described(skeleton.GetPath())}, which has no pose")
            return None
        if query.GetSkinningMethod() != UsdSkel.Tokens.classicLinear:
            self._notes.append("dual quaternions (figures are skinned linearly)")
        order = [str(name) for name in known.GetJointOrder()]
        number = {name: k for k, name in enumerate(order)}
        used = [str(name) for name in query.GetJointOrder() or order]
        strange = next((name for name in used if name not in number), None)
        if strange is not None:
            raise AssetError(f"{where} follows the joint {described(strange)}, which its skeleton does not have.")
        self._budget.take(len(used) * _JOINT_BYTES, where, "", array=False)
        bind = _matrices(known.GetJointWorldBindTransforms())[[number[name] for name in used]]
        skin = Skin(_inverses(bind, where) @ _matrices([query.GetGeomBindTransform(self._time)])[0], skeleton.GetPrim().GetName())
        return Binding(skeleton.GetPrim(), [number[name] for name in used], skin, self._influences(query, points, len(used), where))

    def _influences(self, query: Any, points: int, joints: int, where: str) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
        # Taken before they are asked for: of a mesh that follows joints as a whole, the library repeats them for each point.
        self._budget.take(points * (max(query.GetNumInfluencesPerComponent(), 0) + 3) * 8, where, "")
        found = query.ComputeVaryingJointInfluences(points, self._time)
        pair = (None, None) if found is None else found[-2:]  # nothing at all where the library finds that they do not fit
        numbers, weights = (np.array(values or [], kind) for values, kind in zip(pair, (np.int64, np.float32), strict=True))
        width = len(numbers) // points
        if not width or len(numbers) != width * points or len(weights) != len(numbers):
            raise AssetError(f"{where} has {len(numbers):,} joints and {len(weights):,} weights, which do not fit its {points:,} points.")
        if not ((numbers >= 0) & (numbers < joints)).all() or not (np.isfinite(weights) & (weights >= 0)).all():
            raise AssetError(f"{where} follows a joint past its {joints:,}, or with a weight that is negative or not finite.")
        more = ((0, 0), (0, -width % 4))
        return np.pad(numbers.reshape(points, width), more).astype(np.uint16), np.pad(weights.reshape(points, width), more)

    def hang(self, node: NodeDescription, binding: Binding) -> None:
        """Remember that a node hangs on a skeleton, whose joints are not there yet."""
        self._hanging.append((node, binding))

    def add_joints(self, nodes: list[NodeDescription], place: dict[str, int], transforms: Any) -> None:
        """Add a node for each skeleton that something hangs on, and one for each of its joints; move them as its animation says.

        Parameters
        ----------
        place : dict of str to int
            Where prims are among `nodes`, by path.
        transforms : UsdGeom.XformCache
        """
        joints: dict[str, list[int]] = {}
        for node, binding in self._hanging:
            key = str(binding.skeleton.GetPath())
            if key not in joints:
                joints[key] = self._skeleton(binding.skeleton, nodes, place, transforms)
            node.skin, node.joints = binding.skin, [joints[key][number] for number in binding.joints]

    def _skeleton(self, prim: Any, nodes: list[NodeDescription], place: dict[str, int], transforms: Any) -> list[int]:
        from pxr import UsdSkel

        query = self._cache.GetSkelQuery(UsdSkel.Skeleton(prim))
        names = [str(name) for name in query.GetJointOrder()]
        self._budget.count(nodes=len(nodes) + 1 + len(names))
        root = place.get(str(prim.GetPath()), -1)
        if root < 0:  # it is a guide, which is not drawn
            root = self._place_of(prim, nodes, place, transforms)
        first = len(nodes)
        parents = np.array(query.GetTopology().GetParentIndices(), np.int64)
        local = _matrices(query.ComputeJointLocalTransforms(self._time))
        if len(local) != len(names) or len(parents) != len(names) or not (parents < np.arange(len(names))).all():
            raise AssetError(f"The skeleton {described(prim.GetPath())} has no pose for its {len(names):,} joints, parents first.")
        parts = _parts(local)
        if parts is None:
            raise AssetError(f"The skeleton {described(prim.GetPath())} has a joint whose transform is no position, rotation and scale.")
        for k, name in enumerate(names):
            position, rotation, scale = (tuple(map(float, rows[k])) for rows in parts)
            nodes.append(NodeDescription(root if parents[k] < 0 else first + int(parents[k]), name.rpartition("/")[2],
                                         position, rotation, scale))  # type: ignore[arg-type]
        places = [first + k for k in range(len(names))]
        self._follow(query.GetAnimQuery(), names, places)
        return places

    def _place_of(self, prim: Any, nodes: list[NodeDescription], place: dict[str, int], transforms: Any) -> int:
        """Add a node where a prim is that has none, below the nearest one above it that has; return its number."""
        above = prim.GetParent()
        while above and str(above.GetPath()) not in place:
            above = above.GetParent()
        matrix = transforms.ComputeRelativeTransform(prim, above)[0] if above else transforms.GetLocalToWorldTransform(prim)
        nodes.append(NodeDescription(place[str(above.GetPath())] if above else -1, prim.GetName(), matrix=_matrices([matrix])[0],
                                     where=str(prim.GetPath())))
        return len(nodes) - 1

    def _follow(self, query: Any, names: list[str], places: list[int]) -> None:
        """Make tracks of the animation of a skeleton, for the joints that both have."""
        times = list(query.GetJointTransformTimeSamples()) if query else []
        number = {name: k for k, name in enumerate(names)}
        driven = [str(name) for name in query.GetJointOrder()] if query else []
        order = [(k, places[number[name]]) for k, name in enumerate(driven) if name in number]
        if len(times) < 2 or not order:
            return
        # All that it drives, since the library hands over all of it at each time, and files may hold equal samples once.
        self._budget.take(len(times) * len(driven) * 80, "The animation of a skeleton", "", array=False)
        rows, target = [k for k, _ in order], tuple(at for _, at in order)
        parts: tuple[list[Floats], ...] = ([], [], [])
        for time in times:
            for found, values in zip(parts, query.ComputeJointLocalTransformComponents(time), strict=True):
                if len(values) != len(driven):
                    where = f"The animation {described(query.GetPrim().GetPath())}"
                    raise AssetError(f"{where} has another number of values than of joints at the time {time:g}.")
                found.append(np.array(values, np.float64)[rows])  # quaternions as xyzw
        positions, turns, scales = map(np.array, parts)
        length = np.linalg.norm(turns, axis=-1, keepdims=True)
        if not (np.isfinite(positions).all() and np.isfinite(scales).all() and (length > 0).all() and np.isfinite(length).all()):
            raise AssetError(f"The animation {described(query.GetPrim().GetPath())} has a value that is not finite, or no rotation.")
        for path, values in (("position", positions), ("rotation", turns / length), ("scale", scales)):
            self._add(target, path, times, values)

    def move(self, prim: Any, node: NodeDescription, at: int) -> None:
        """Make tracks of the transform and the visibility of a prim, where they have samples; such a node has no matrix."""
        from pxr import UsdGeom

        shown = UsdGeom.Imageable(prim).GetVisibilityAttr()
        if len(times := shown.GetTimeSamples()) > 1:
            seen = np.array([shown.Get(time) != UsdGeom.Tokens.invisible for time in times], np.float32)
            self._add((at,), "visible", times, seen[:, None, None], "step")
        form = UsdGeom.Xformable(prim)
        if not form or len(times := form.GetTimeSamples()) < 2:
            return
        self._budget.take(len(times) * _SAMPLE_BYTES, "The samples of a transform", "", array=False)
        times = self._fine(form, times)
        parts = _parts(_matrices([form.GetLocalTransformation(time) for time in times]))
        if parts is None:
            self._notes.append("animated transforms that are no position, rotation and scale")
            return
        node.matrix = None
        node.position, node.rotation, node.scale = (tuple(map(float, rows[0])) for rows in parts)  # type: ignore[assignment]
        for path, values in zip(("position", "rotation", "scale"), parts, strict=True):
            self._add((at,), path, times, values[:, None])

    def _fine(self, form: Any, times: list[float]) -> list[float]:
        """Put keys between samples that turn far, since angles are what the library interpolates."""
        angles = []
        for op in form.GetOrderedXformOps():
            if "rotate" in op.GetOpName().lower():
                values = [op.Get(time) for time in times]
                if None not in values:  # where one is blocked, the others do not turn towards it
                    angles.append(np.abs(np.diff(np.array(values, np.float64).reshape(len(times), -1), axis=0)).max(axis=1))
        if not angles:
            return times
        largest = np.nan_to_num(np.max(angles, axis=0), posinf=0.0)
        counts = np.clip(np.ceil(largest / _STEP), 1, _TURNS).astype(int).tolist()
        self._budget.take(sum(counts) * _SAMPLE_BYTES, "The samples of a turn", "", array=False)
        fine = [begin + (end - begin) * k / count for begin, end, count in zip(times[:-1], times[1:], counts, strict=True)
                for k in range(count)]
        return [*fine, times[-1]]

    def _add(self, target: tuple[int, ...], path: str, times: Any, numbers: NDArray[Any], interpolation: str = "linear") -> None:
        """Add a track of (k, n, w) values at time codes, unless they stand still.

        Raises
        ------
        AssetError
            One is past what float32 holds.
        """
        values = numbers.astype(np.float32)
        if not np.isfinite(values).all():
            raise AssetError(f"The stage has a {path} over time that is beyond {np.finfo(np.float32).max:.1e}; check its samples.")
        if len(times) > 1 and (values != values[:1]).any():
            values.flags.writeable = False
            self._tracks.append(TrackDescription(target, path, np.array(times, np.float64), values, interpolation))

    def clips(self, name: str, place: list[int]) -> list[ClipDescription]:
        """Return one clip of all tracks, in seconds from the first key; none where nothing moves.

        Parameters
        ----------
        place : list of int
            Where each node stands once those that draw nothing have been left out; -1 for these.

        Raises
        ------
        AssetError
            Times do not rise.
        """
        tracks = [track for track in self._tracks if isinstance(track.target, tuple) and min(place[at] for at in track.target) >= 0]
        if not tracks:
            return []
        start, rate = min(float(track.times[0]) for track in tracks), float(self._stage.GetTimeCodesPerSecond())
        if not 0.0 < rate < math.inf:
            raise AssetError(f"The stage has {rate:g} time codes a second; it must be above 0.")
        for track in tracks:
            assert isinstance(track.target, tuple)
            track.target = tuple(place[at] for at in track.target)
            track.times = (track.times - start) / rate
            track.times.flags.writeable = False
            if not (np.isfinite(track.times).all() and (np.diff(track.times) > 0).all()):
                raise AssetError("The stage has samples at times that do not rise; check its time codes.")
        return [ClipDescription(name, tracks)]


def _matrices(values: Any) -> Floats:
    """Matrices of the library, which act on rows, as (n, 4, 4) for columns."""
    return np.array(values, np.float64).reshape(-1, 4, 4).transpose(0, 2, 1)


def _inverses(matrices: Floats, where: str) -> Floats:
    try:
        found: Floats = np.asarray(np.linalg.inv(matrices), np.float64)
    except np.linalg.LinAlgError:
        found = np.full_like(matrices, np.nan)
    found[:, 3] = (0.0, 0.0, 0.0, 1.0)
    if not np.isfinite(found).all():
        raise AssetError(f"{where} was bound to a joint whose transform cannot be undone.")
    return found


def _parts(matrices: Floats) -> tuple[Floats, Floats, Floats] | None:
    """Take (n, 4, 4) apart into positions, rotations xyzw that turn the shorter way from row to row, and scales; None where one shears."""
    linear = matrices[:, :3, :3]
    scales = np.sqrt((linear * linear).sum(axis=1))
    scales[np.linalg.det(linear) < 0, 0] *= -1.0
    if not np.isfinite(matrices).all() or not scales.all():
        return None
    turns: Floats = np.asarray(linear / scales[:, None], np.float64)
    if np.abs(turns @ turns.transpose(0, 2, 1) - np.eye(3)).max(initial=0.0) > _ROUNDING:
        return None
    positions: Floats = matrices[:, :3, 3].copy()
    return positions, _quaternions(turns), np.asarray(scales, np.float64)


def _quaternions(turns: Floats) -> Floats:
    """Return rotation matrices (n, 3, 3) as xyzw, from the largest of the four squares."""
    m, trace = turns, np.trace(turns, axis1=1, axis2=2)
    squares = np.stack([1 + 2 * m[:, 0, 0] - trace, 1 + 2 * m[:, 1, 1] - trace, 1 + 2 * m[:, 2, 2] - trace, 1 + trace], axis=1)
    a, b, c = m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]
    xy, yz, zx = m[:, 0, 1] + m[:, 1, 0], m[:, 1, 2] + m[:, 2, 1], m[:, 2, 0] + m[:, 0, 2]
    rows = np.stack([np.stack([squares[:, 0], xy, zx, a], axis=1), np.stack([xy, squares[:, 1], yz, b], axis=1),
                     np.stack([zx, yz, squares[:, 2], c], axis=1), np.stack([a, b, c, squares[:, 3]], axis=1)], axis=1)
    chosen = rows[np.arange(len(rows)), np.argmax(squares, axis=1)]
    unit: Floats = chosen / np.linalg.norm(chosen, axis=1, keepdims=True)
    return unit
