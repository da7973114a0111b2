"""USD (.usd, .usda, .usdc, .usdz) to a description, through usd-core: meshes, transforms, instances, subsets, preview surfaces.

The library composes and decodes; what it hands over is checked like any other file. Only layers and pictures in the folder of the file, or
inside its own package, are read. Damaged binary layers may crash it, and so may text that is nested deeply, so a stage with more than a
little text is read in a process of its own first. Subdivision surfaces are drawn as their cage; what moves is described by `usd_poses`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AssetError, InvalidInput, MissingExtra
from ..geometry import Geometry, Mesh
from ..materials import Material
from .asset import Asset, ClipDescription, InstanceDescription, NodeDescription
from .faces import compact, cut, default_material, make_geometry, merge, unit_vectors
from .files import Progress, opened
from .limits import Budget, Limits
from .placing import placed
from .text import described
from .usd_checks import Rehearsal, check_clips, check_layers, count_prims
from .usd_materials import Materials
from .usd_poses import Binding, Poses

_UVS = ("st", "UVMap", "st0", "uv", "map1")

Ints = NDArray[np.int64]


def read_usd(path: Path, *, limits: Limits, progress: Progress | None = None) -> Asset:
    """Read a USD stage at its earliest time.

    Raises
    ------
    AssetError
        The file is damaged, refers to what lies outside its folder, or passes a limit.
    MissingExtra
        usd-core is not installed.
    """
    try:
        from pxr import Tf, Usd, UsdGeom
    except ImportError:
        raise MissingExtra(f"Loading {path.name} needs usd-core; pip install 'metarender[usd]'.") from None
    _, budget = opened(path, limits, progress)
    try:
        rehearsal = Rehearsal(path, limits)
        check_layers(path, budget, rehearsal)
        stage = Usd.Stage.Open(str(path))
        check_clips(stage, path, rehearsal)
        count_prims(stage, budget)
        reader = _Reader(stage, path, budget)
        nodes, clips = reader.nodes(progress)
        unit, up = float(UsdGeom.GetStageMetersPerUnit(stage)), str(UsdGeom.GetStageUpAxis(stage)).lower()
    except (Tf.ErrorException, TypeError, ValueError, OverflowError) as error:  # attributes may hold values of any type
        raise AssetError(f"{path.name} cannot be read as USD: {_said(error)}; check the file.") from None
    if not nodes:
        raise AssetError(f"{path.name} has no meshes that are drawn.")
    if not 0.0 < unit < 1e9:
        raise AssetError(f"{path.name} has {unit:g} metres for its unit; it must be above 0.")
    notes = [*dict.fromkeys([*reader.notes, *reader.materials.notes])]
    return placed(path.stem, nodes, notes, unit, up if up in ("y", "z") else "y", clips=clips)


def _said(error: Exception) -> str:
    """What the library says, in one line."""
    try:
        said = next((found.commentary for found in error.args if getattr(found, "commentary", "")), "") or str(error)
    except UnicodeDecodeError:  # it quotes the file
        said = "it is not UTF-8"
    return " ".join(said.split())[:200] or type(error).__name__


class _Reader:
    """Describes what a stage draws.

    Attributes
    ----------
    materials : Materials
    notes : list of str
    """

    def __init__(self, stage: Any, path: Path, budget: Budget) -> None:
        from pxr import Usd, UsdGeom

        self._stage, self._budget = stage, budget
        self._time = Usd.TimeCode.EarliestTime()
        self._transforms = UsdGeom.XformCache(self._time)
        self._meshes: dict[tuple[str, bytes], Mesh | None] = {}
        self._draws = self._walked = 0
        self._name = path.stem
        self.materials = Materials(path, budget)
        self.notes: list[str] = []
        self._poses = Poses(stage, budget, self.notes)

    def nodes(self, progress: Progress | None) -> tuple[list[NodeDescription], list[ClipDescription]]:
        """Describe every prim that draws something, what is above it and what it hangs on, and how all of that moves."""
        from pxr import Usd, UsdGeom, UsdSkel

        found: list[NodeDescription] = []
        place: dict[str, int] = {}
        walk = iter(Usd.PrimRange.Stage(self._stage, Usd.TraverseInstanceProxies()))
        for prim in walk:
            self._budget.count(nodes=len(found) + 1)
            if not prim.IsA(UsdGeom.Imageable) or prim.IsA(UsdGeom.Subset):
                continue
            if UsdGeom.Imageable(prim).GetPurposeAttr().Get() in ("proxy", "guide"):
                walk.PruneChildren()
                continue
            if prim.IsA(UsdSkel.Root):
                self._poses.enter(prim)
            node = self._node(prim, place)
            self._poses.move(prim, node, len(found))
            if prim.IsA(UsdGeom.PointInstancer):
                walk.PruneChildren()
                place[str(prim.GetPath())] = len(found)
                found.append(node)
                found += self._instancer(UsdGeom.PointInstancer(prim), len(found) - 1)
            else:
                place[str(prim.GetPath())] = len(found)
                found.append(node)
            if progress is not None and len(found) % 64 == 0:
                progress(len(found), len(found) + 1)
        self._poses.add_joints(found, place, self._transforms)
        drawn, place_now = _pruned(found)
        return drawn, self._poses.clips(self._name, place_now)

    def _node(self, prim: Any, place: dict[str, int]) -> NodeDescription:
        from pxr import UsdGeom

        node = NodeDescription(parent=place.get(str(prim.GetParent().GetPath()), -1), name=prim.GetName(), where=str(prim.GetPath()))
        local, resets = self._transforms.GetLocalTransformation(prim)
        matrix = np.array(local, np.float64).T
        if resets:
            node.parent = -1
        if not np.array_equal(matrix, np.eye(4)):
            node.matrix = matrix
        visibility = UsdGeom.Imageable(prim).GetVisibilityAttr().Get(self._time)
        node.visible = visibility != UsdGeom.Tokens.invisible
        if prim.IsA(UsdGeom.Mesh):
            node.mesh = self._mesh(prim)
            self._count(0 if node.mesh is None else len(node.mesh.primitives))
            if node.mesh is not None and (binding := self._binding(prim)) is not None:
                self._poses.hang(node, binding)
        elif prim.IsA(UsdGeom.Gprim):
            self.notes.append(f"prims of the type {prim.GetTypeName()}")
        return node

    def _binding(self, prim: Any) -> Binding | None:
        """Return how a mesh hangs on a skeleton, None where it does not or has no points."""
        from pxr import UsdGeom

        points = UsdGeom.Mesh(prim).GetPointsAttr().Get(self._time)
        return self._poses.binding(prim, len(points)) if points else None

    def _count(self, draws: int) -> None:
        self._draws += draws
        self._budget.count(draws=self._draws)

    def _instancer(self, instancer: Any, parent: int) -> list[NodeDescription]:
        """Describe the copies that a point instancer makes, one range for each mesh of each prototype."""
        from pxr import Usd, UsdGeom, UsdSkel

        indices = np.array(instancer.GetProtoIndicesAttr().Get(self._time) or [], np.int64)
        matrices = np.array(instancer.ComputeInstanceTransformsAtTime(self._time, self._time) or [], np.float64).reshape(-1, 4, 4)
        matrices = matrices.transpose(0, 2, 1)
        kept = np.array(instancer.ComputeMaskAtTime(self._time) or np.ones(len(indices), bool), bool)
        if len(matrices) == kept.sum() < len(indices):
            indices = indices[kept]
        if len(matrices) != len(indices) or not np.isfinite(matrices).all():
            raise AssetError(f"The instancer {described(instancer.GetPath())} has {len(indices)} indices and {len(matrices)} places.")
        self._budget.take(matrices.nbytes * 2, "The instances", "")
        made, rest = [], np.zeros(0, np.float32)
        order = np.argsort(indices, kind="stable")
        targets = instancer.GetPrototypesRel().GetForwardedTargets()
        bounds = np.searchsorted(indices[order], np.arange(len(targets) + 1))
        for number, target in enumerate(targets):
            mine = matrices[order[bounds[number] : bounds[number + 1]]]
            root = self._stage.GetPrimAtPath(target)
            if not len(mine) or not root:
                continue
            for prim in Usd.PrimRange(root, Usd.TraverseInstanceProxies()):
                self._walked += 1
                self._budget.count(nodes=self._walked)
                if prim.IsA(UsdGeom.Mesh) and (mesh := self._mesh(prim)) is not None:
                    if UsdSkel.BindingAPI(prim).GetInheritedSkeleton():
                        self.notes.append("skeletons within prototypes of instancers (their figures stand as they were modelled)")
                    # The places hold the transform of the prototype's root already.
                    below = np.array(self._transforms.ComputeRelativeTransform(prim, root)[0], np.float64).T
                    self._count(len(mine) * len(mesh.primitives))
                    made.append(NodeDescription(parent=parent, name=prim.GetName(), where=str(prim.GetPath()),
                                                instances=InstanceDescription(mesh.primitives, np.ascontiguousarray(mine @ below), rest)))
                elif prim.IsA(UsdGeom.PointInstancer):
                    self.notes.append("instancers within prototypes of instancers")
        return made

    def _mesh(self, prim: Any) -> Mesh | None:
        """Return the mesh of a prim; instances of one prototype share it where their vertices follow the same joints."""
        source = prim.GetPrimInPrototype() if prim.IsInstanceProxy() else prim
        binding = self._binding(prim)
        key = str(source.GetPath()), b"" if binding is None else binding.digest
        if key not in self._meshes:
            try:
                self._meshes[key] = self._made(prim, prim.GetName())
            except InvalidInput as error:
                raise AssetError(f"The mesh {described(prim.GetPath())}: {error}") from None
        return self._meshes[key]

    def _made(self, prim: Any, name: str) -> Mesh | None:
        from pxr import UsdGeom

        mesh = UsdGeom.Mesh(prim)
        points = _array(mesh.GetPointsAttr().Get(self._time), np.float64, 3)
        counts = _array(mesh.GetFaceVertexCountsAttr().Get(self._time), np.int64)
        corners = _array(mesh.GetFaceVertexIndicesAttr().Get(self._time), np.int64)
        where = f"The mesh {described(prim.GetPath())}"
        self._budget.take(points.nbytes + counts.nbytes + corners.nbytes * 8, where, "")
        if not len(points) or not len(counts):
            return None
        if (counts < 0).any() or counts.sum() != len(corners) or not ((corners >= 0) & (corners < len(points))).all():
            raise AssetError(f"{where} has faces that do not fit its {len(points):,} points and {len(corners):,} corners.")
        if not np.isfinite(points).all():
            raise AssetError(f"{where} has a point that is not finite.")
        if mesh.GetPointsAttr().GetNumTimeSamples() > 1:
            self.notes.append("points that move over time")
        scheme = mesh.GetSubdivisionSchemeAttr()
        if scheme.HasAuthoredValue() and scheme.Get() != UsdGeom.Tokens.none:
            self.notes.append("subdivision (surfaces are drawn as their cage)")
        surfaces = self._surfaces(prim, len(counts))
        binding = self._poses.binding(prim, len(points))
        faces = _Faces(mesh, points, counts, corners, self._time, where, None if binding is None else binding.influences)
        self._budget.count(draws=self._draws + len(surfaces))
        pairs = [pair for face_numbers, material in surfaces
                 if (pair := self._primitive(faces, face_numbers, material, mesh, name, where)) is not None]
        return Mesh(primitives=pairs, name=name) if pairs else None

    def _surfaces(self, prim: Any, count: int) -> list[tuple[Ints, Any]]:
        """Return the faces of each subset that has a material of its own, and the rest with that of the mesh."""
        from pxr import UsdGeom, UsdShade

        left = np.ones(count, bool)
        found = []
        for subset in UsdShade.MaterialBindingAPI(prim).GetMaterialBindSubsets():
            numbers = _array(subset.GetIndicesAttr().Get(self._time), np.int64)
            numbers = numbers[(numbers >= 0) & (numbers < count)]
            numbers = np.unique(numbers[left[numbers]])
            left[numbers] = False
            found.append((numbers, UsdShade.MaterialBindingAPI(subset.GetPrim()).ComputeBoundMaterial()[0]))
        holes = _array(UsdGeom.Mesh(prim).GetHoleIndicesAttr().Get(self._time), np.int64)
        left[holes[(holes >= 0) & (holes < count)]] = False
        found.append((np.flatnonzero(left), UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()[0]))
        return [(numbers, material) for numbers, material in found if len(numbers)]

    def _primitive(self, faces: _Faces, numbers: Ints, bound: Any, mesh: Any, name: str, where: str) -> tuple[Geometry, Material] | None:
        double = bool(mesh.GetDoubleSidedAttr().Get())
        material = self.materials.material(bound, double) if bound else None
        arrays = faces.arrays(numbers, self.materials.uv_name(bound) if bound else "st")
        if arrays is None:
            return None
        geometry = make_geometry(self._budget, where, name=name, **arrays)
        if material is not None:
            return geometry, material
        plain = default_material(geometry)
        plain.double_sided = double
        return geometry, plain


class _Faces:
    """The faces of a mesh with what USD interpolates over them: by mesh, face, vertex, or corner."""

    def __init__(self, mesh: Any, points: NDArray[np.float64], counts: Ints, corners: Ints, time: Any, where: str,
                 influences: tuple[NDArray[np.uint16], NDArray[np.float32]] | None) -> None:
        from pxr import UsdGeom

        self._points, self._counts, self._corners, self._time, self._where = points, counts, corners, time, where
        self._influences = influences
        self._first = np.cumsum(counts) - counts
        self._left_handed = mesh.GetOrientationAttr().Get(time) == UsdGeom.Tokens.leftHanded
        self._primvars = UsdGeom.PrimvarsAPI(mesh.GetPrim())
        self._normals = self._read("normals", 3)
        if self._normals is None and (values := mesh.GetNormalsAttr().Get(time)):
            self._normals = self._indexed(_array(values, np.float64, 3), None, mesh.GetNormalsInterpolation(), "normals")
        self._colors = self._read("displayColor", 3)
        self._uvs: dict[str, tuple[NDArray[np.float64], Ints] | None] = {}

    def _coordinates(self, names: tuple[str, ...]) -> tuple[NDArray[np.float64], Ints] | None:
        """Return the texture coordinates of the first name that has any; each is read once, whatever subsets ask for it."""
        for name in names:
            if name not in self._uvs:
                self._uvs[name] = self._read(name, 2)
            if self._uvs[name] is not None:
                return self._uvs[name]
        return None

    def _read(self, name: str, width: int) -> tuple[NDArray[np.float64], Ints] | None:
        """Return the values of a primvar and which of them each corner has."""
        primvar = self._primvars.FindPrimvarWithInheritance(name)
        if not primvar or not primvar.HasValue():
            return None
        values = primvar.Get(self._time)
        try:
            array = _array(values, np.float64, width)
        except (ValueError, TypeError, AssetError):
            return None
        indices = _array(primvar.GetIndices(self._time), np.int64) if primvar.IsIndexed() else None
        return self._indexed(array, indices, primvar.GetInterpolation(), name)

    def _indexed(self, values: NDArray[np.float64], indices: Ints | None, kind: str, name: str) -> tuple[NDArray[np.float64], Ints] | None:
        numbers = {"constant": np.zeros(len(self._corners), np.int64), "uniform": np.repeat(np.arange(len(self._counts)), self._counts),
                   "faceVarying": np.arange(len(self._corners))}.get(kind, self._corners)
        if indices is not None:
            if numbers.max(initial=-1) >= len(indices):
                raise AssetError(f"{self._where} has {len(indices):,} indices of {name!r}, too few for its {kind} interpolation.")
            numbers = indices[numbers]
        if numbers.size and not (numbers.min() >= 0 and numbers.max() < len(values)):
            raise AssetError(f"{self._where} has {len(values):,} values of {name!r}, too few for its {kind} interpolation.")
        return (values, numbers) if len(values) else None

    def arrays(self, faces: Ints, uv_name: str) -> dict[str, Any] | None:
        """Return what a Geometry of some faces takes; None where none has three corners."""
        faces = faces[self._counts[faces] > 2]
        if not len(faces):
            return None
        counts = self._counts[faces]
        place = np.arange(int(counts.sum())) + np.repeat(self._first[faces] - (np.cumsum(counts) - counts), counts)
        triangles = cut(self._points, self._corners[place].astype(np.uint32), counts.astype(np.uint32))
        if self._left_handed:
            triangles = triangles[:, ::-1]
        uvs = self._coordinates((uv_name, *_UVS))
        columns = [self._corners[place]] + [found[1][place] for found in (self._normals, uvs, self._colors) if found is not None]
        rows, kinds = merge(columns)
        used, indices = compact(kinds[triangles.ravel()])
        corner = place[rows[used]]
        arrays: dict[str, Any] = {"positions": self._points[self._corners[corner]], "indices": indices.astype(np.uint32)}
        if self._normals is not None:
            arrays["normals"] = unit_vectors(self._normals[0][self._normals[1][corner]])
        if uvs is not None:
            arrays["uv0"] = uvs[0][uvs[1][corner]] * (1, -1) + (0, 1)
        if self._colors is not None:
            arrays["colors"] = np.clip(self._colors[0][self._colors[1][corner]], 0.0, 1.0)
        if self._influences is not None:
            arrays["joints"], arrays["weights"] = (rows[self._corners[corner]] for rows in self._influences)
        return arrays


def _array(values: Any, kind: Any, width: int = 0) -> NDArray[Any]:
    array = np.array(values if values is not None else [], kind)
    if not width:
        return array.reshape(-1)
    if array.size == 0:
        return array.reshape(0, width)
    if array.ndim != 2 or array.shape[1] != width:
        raise AssetError(f"An attribute has values of the shape {array.shape[1:]} where {width} numbers are due.")
    return array


def _pruned(nodes: list[NodeDescription]) -> tuple[list[NodeDescription], list[int]]:
    """Leave out nodes that have nothing drawn at or below them and that nothing drawn hangs on; return also where each is now, or -1."""
    keep = [node.mesh is not None or node.instances is not None for node in nodes]
    for joint in {joint for node in nodes for joint in node.joints}:
        keep[joint] = True
    for number in range(len(nodes) - 1, -1, -1):
        if keep[number] and nodes[number].parent >= 0:
            keep[nodes[number].parent] = True
    place: list[int] = np.where(keep, np.cumsum(keep) - 1, -1).tolist()
    for node in nodes:
        node.parent = place[node.parent] if node.parent >= 0 else -1
        node.joints = [place[joint] for joint in node.joints]
    return [node for node, kept in zip(nodes, keep, strict=True) if kept], place
