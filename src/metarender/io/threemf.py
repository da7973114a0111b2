"""3MF to a description: objects, components and build items of the core specification, production parts, base materials and colour groups.

A 3MF file is a zip of XML. Neither is trusted: a member's size is taken from the budget before it is unpacked, documents with a DOCTYPE are
refused (no entity is ever expanded), and components may nest and repeat only as far as `Limits` lets a scene grow.
"""

from __future__ import annotations

import posixpath
import zipfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from ..color import srgb_decode
from ..errors import AssetError
from ..geometry import Mesh
from ..materials import Standard
from .asset import Asset, NodeDescription
from .faces import default_material, make_geometry
from .files import ZIP_DAMAGE, Progress, opened
from .limits import Budget, Limits
from .placing import METRES, placed
from .text import described, integers

_MEMBERS = 20_000
_DEPTH = 64
_ROOT = "3D/3dmodel.model"
_IGNORED = {"texture2d", "texture2dgroup", "compositematerials", "multiproperties", "slicestack", "beamlattice"}
_TRIANGLE = ["v1", "v2", "v3"]
_IDENTITY = ["1", "0", "0", "0", "1", "0", "0", "0", "1", "0", "0", "0"]
_MATERIALS = 64
"""Base materials of one object that are drawn apart; more of them become colours of its corners."""

Key = tuple[str, str]
Matrix = NDArray[np.float64] | None
"""(4, 4), None for the identity."""
Surface = tuple[Standard | None, NDArray[np.int64], NDArray[np.float64] | None]
"""Material, triangles, and linear colours of their corners, (3 n, 4)."""


@dataclass
class _Object:
    """An object: a mesh or components, each (part of the package, id of the object, matrix)."""

    name: str = ""
    property: tuple[str, int] = ("", 0)
    vertices: list[str] = field(default_factory=list)
    corners: list[str] = field(default_factory=list)
    properties: dict[int, dict[str, str]] = field(default_factory=dict)
    components: list[tuple[str, str, Matrix]] = field(default_factory=list)


@dataclass
class _Model:
    """One XML document of the package."""

    unit: str = "millimetre"
    objects: dict[str, _Object] = field(default_factory=dict)
    colors: dict[str, list[str]] = field(default_factory=dict)
    bases: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    items: list[tuple[str, str, Matrix, str]] = field(default_factory=list)


def read_3mf(path: Path, *, limits: Limits, progress: Progress | None = None) -> Asset:
    """Read a .3mf file; it says its unit itself, and +Z is up in it.

    Raises
    ------
    AssetError
        The file is damaged or past a limit.
    """
    data, budget = opened(path, limits, progress)
    builder = _Builder(_Package(data, path.name, budget), budget)
    nodes, unit = builder.build()
    if not nodes:
        raise AssetError(f"{path.name} builds nothing; its model needs a <build> with an item.")
    return placed(path.stem, nodes, [*dict.fromkeys(builder.notes)], METRES[unit], "z")


class _Package:
    """The zip, unpacked member by member."""

    def __init__(self, data: bytes, name: str, budget: Budget) -> None:
        self.name, self._budget = name, budget
        if (count := data.count(b"PK\1\2")) > _MEMBERS:  # before a list of them is made
            raise AssetError(f"{name} holds {count:,} files, more than {_MEMBERS:,}.", "LIMIT_EXCEEDED")
        try:
            self._zip = zipfile.ZipFile(BytesIO(data))
            members = self._zip.infolist()
        except ZIP_DAMAGE as error:
            raise AssetError(f"{name} is no zip, as a 3MF file is, or it is damaged: {str(error)[:100]}; export it again.") from None
        self._members = {_key(member.filename): member for member in members}

    def has(self, part: str) -> bool:
        """Whether there is a part."""
        return _key(part) in self._members

    def read(self, part: str) -> bytes:
        """Unpack a part.

        Raises
        ------
        AssetError
            It is missing or damaged, or larger than allowed.
        """
        member = self._members.get(_key(part))
        if member is None:
            raise AssetError(f"{self.name} has no part {described(part)}, which it speaks of; export it again.")
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise AssetError(f"The part {described(part)} is encrypted or packed in an unusual way; export the file again.")
        self._budget.take(member.file_size, f"The part {described(part)}", "")
        try:
            with self._zip.open(member) as stream:
                data = stream.read(member.file_size + 1)
        except ZIP_DAMAGE as error:
            raise AssetError(f"The part {described(part)} is damaged: {str(error)[:100]}; copy the file again.") from None
        if len(data) != member.file_size:
            raise AssetError(f"The part {described(part)} unpacks to another size than it declares; copy the file again.")
        return data


class _Parser:
    """Takes an XML document apart with expat, which calls back for each element."""

    def __init__(self, part: str, package: _Package, budget: Budget, notes: list[str]) -> None:
        self.model = _Model()
        self.root = _ROOT
        self._part, self._budget, self._notes = part, budget, notes
        self._object = _Object()
        self._count = 0
        self._group: list[Any] = []
        parser = expat.ParserCreate()
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.StartDoctypeDeclHandler = self._refuse
        try:
            parser.Parse(package.read(part), True)
        except (expat.ExpatError, LookupError, ValueError) as error:  # the latter for encodings that it does not know
            raise AssetError(f"The part {described(part)} is not well-formed XML: {error}; export the file again.") from None

    def _refuse(self, *declared: Any) -> None:
        raise AssetError(f"The part {described(self._part)} declares a document type, which 3MF forbids; remove it.")

    def _start(self, tag: str, attributes: list[str]) -> None:
        if tag == "vertex":
            if attributes[::2] != ["x", "y", "z"]:
                named = dict(zip(attributes[::2], attributes[1::2], strict=True))
                attributes = ["", named.get("x", ""), "", named.get("y", ""), "", named.get("z", "")]
            self._object.vertices += attributes[1::2]
        elif tag == "triangle":
            if attributes[::2] != _TRIANGLE:
                named = dict(zip(attributes[::2], attributes[1::2], strict=True))
                self._object.properties[len(self._object.corners) // 3] = named
                self._count += 3
                attributes = ["", named.get("v1", ""), "", named.get("v2", ""), "", named.get("v3", "")]
            self._object.corners += attributes[1::2]
        else:
            names = [name.rpartition(":")[2] for name in attributes[::2]]
            self._other(tag.rpartition(":")[2], dict(zip(names, attributes[1::2], strict=True)))
        self._count += 1
        if self._count >= 4096:
            self._budget.take(self._count * 250, "The elements of the model", "", array=False)
            self._count = 0

    def _other(self, tag: str, values: dict[str, str]) -> None:
        model = self.model
        if tag == "model":
            model.unit = values.get("unit", "millimeter").replace("meter", "metre")
            if model.unit not in METRES:
                raise AssetError(f"The unit {described(model.unit)} is none of 3MF; it may be {', '.join(METRES)}.")
        elif tag == "object":
            self._object = _Object(values.get("name", "")[:1000], (values.get("pid", ""), _index(values.get("pindex", "0"))))
            model.objects[values.get("id", "")] = self._object
        elif tag == "component":
            self._object.components.append((values.get("path", self._part), values.get("objectid", ""), self._matrix(values)))
        elif tag == "item":
            name = values.get("partnumber", "")[:1000]
            model.items.append((values.get("path", self._part), values.get("objectid", ""), self._matrix(values), name))
        elif tag == "basematerials":
            self._group = model.bases.setdefault(values.get("id", ""), [])
        elif tag == "base":
            self._group.append((values.get("name", "")[:1000], values.get("displaycolor", "#FFFFFF")))
        elif tag == "colorgroup":
            self._group = model.colors.setdefault(values.get("id", ""), [])
        elif tag == "color":
            self._group.append(values.get("color", "#FFFFFF"))
        elif tag == "Relationship" and values.get("Type", "").endswith("/3dmodel"):
            self.root = values.get("Target", _ROOT)
        elif tag in _IGNORED:
            self._notes.append(f"{tag} elements")

    def _matrix(self, values: dict[str, str]) -> Matrix:
        """A transform has twelve numbers: three columns for row vectors, then the translation."""
        words = values.get("transform", "1 0 0 0 1 0 0 0 1 0 0 0").split()
        if words == _IDENTITY:
            return None
        matrix = np.eye(4)
        try:
            matrix[:3] = np.array([float(word) for word in words]).reshape(4, 3).T
        except ValueError:
            matrix[0, 0] = np.nan
        if not np.isfinite(matrix).all():
            raise AssetError(f"The transform {described(values.get('transform', ''))} is not twelve finite numbers.")
        return None if np.array_equal(matrix, np.eye(4)) else matrix


@dataclass
class _Plan:
    """What an object becomes wherever it stands: how many nodes and draws, how many levels of them, and what hangs below it."""

    name: str
    mesh: Mesh | None
    nodes: int = 1
    draws: int = 0
    levels: int = 1
    below: list[tuple[_Plan, Matrix]] = field(default_factory=list)


class _Builder:
    """Makes nodes of the items that are built."""

    def __init__(self, package: _Package, budget: Budget) -> None:
        self.notes: list[str] = []
        self._package, self._budget = package, budget
        self._models: dict[str, _Model] = {}
        self._plans: dict[Key, _Plan | None] = {}
        self._materials: dict[tuple[int, str, int], Standard] = {}
        self._palettes: dict[tuple[int, str], NDArray[np.float64]] = {}
        self._nodes: list[NodeDescription] = []

    def build(self) -> tuple[list[NodeDescription], str]:
        """Return the nodes and the unit of the package; they are counted before any is made."""
        root = _ROOT
        if self._package.has("_rels/.rels"):
            root = _Parser("_rels/.rels", self._package, self._budget, self.notes).root
        model = self._model(root)
        plans = [self._plan(part, number, 0) for part, number, _, _ in model.items]
        self._budget.count(nodes=sum(plan.nodes for plan in plans), draws=sum(plan.draws for plan in plans))
        for plan, (_, _, matrix, name) in zip(plans, model.items, strict=True):
            self._add(plan, matrix, -1, name)
        return self._nodes, model.unit

    def _model(self, part: str) -> _Model:
        key = _key(part)
        if key not in self._models:
            self._models[key] = _Parser(part, self._package, self._budget, self.notes).model
        return self._models[key]

    def _plan(self, part: str, number: str, depth: int) -> _Plan:
        """Look at an object and what it is made of, each once."""
        model = self._model(part)
        found, key = model.objects.get(number), (_key(part), number)
        if found is None:
            raise AssetError(f"The object {described(number)} is used in {described(part)} and does not exist there.")
        if key in self._plans:
            plan = self._plans[key]
        elif depth < _DEPTH:
            self._plans[key] = None  # as long as it is looked at
            mesh = self._made(key, model, found) if found.corners else None
            plan = _Plan(found.name, mesh, draws=len(mesh.primitives) if mesh is not None else 0)
            for path, other, place in found.components:
                below = self._plan(path, other, depth + 1)
                plan.below.append((below, place))
                plan.nodes, plan.draws = plan.nodes + below.nodes, plan.draws + below.draws
                plan.levels = max(plan.levels, below.levels + 1)
            self._plans[key] = plan
        else:
            plan = None
        if plan is None or plan.levels > _DEPTH:
            raise AssetError(f"The object {described(number)} contains itself, or is nested more than {_DEPTH} deep.")
        return plan

    def _add(self, plan: _Plan, matrix: Matrix, parent: int, name: str) -> None:
        """Add a node for an object, and below it one for each of its components."""
        at = len(self._nodes)
        self._nodes.append(NodeDescription(parent, name or plan.name, matrix=matrix, mesh=plan.mesh))
        for below, place in plan.below:
            self._add(below, place, at, "")

    def _made(self, key: Key, model: _Model, found: _Object) -> Mesh:
        where = f"The object {described(found.name or key[1])}"
        self._budget.take(len(found.vertices) * 16 + len(found.corners) * 32, where, "")
        try:
            vertices = np.array(found.vertices, np.float64).reshape(-1, 3)
            corners = integers(np.frombuffer(" ".join(found.corners).encode(), np.uint8), where).reshape(-1, 3)
        except ValueError:
            raise AssetError(f"{where} has a vertex or triangle without numbers; export the file again.") from None
        if 3 * len(corners) != len(found.corners):
            raise AssetError(f"{where} has a triangle without numbers; export the file again.")
        if not np.isfinite(vertices).all() or not ((corners >= 0) & (corners < len(vertices))).all():
            raise AssetError(f"{where} has a vertex that is not finite, or a triangle that names a vertex past its {len(vertices):,}.")
        positions = vertices.astype(np.float32)
        primitives = []
        for material, rows, colors in self._surfaces(model, found, len(corners)):
            geometry = make_geometry(self._budget, where, positions=positions[corners[rows].ravel()], colors=colors, name=found.name)
            primitives.append((geometry, material or default_material(geometry)))
        return Mesh(primitives=primitives, name=found.name)

    def _surfaces(self, model: _Model, found: _Object, count: int) -> list[Surface]:
        """Sort triangles by what they are made of."""
        pid, pindex = found.property
        kinds: dict[tuple[str, int] | None, list[int]] = {}  # None for groups that are unknown, however many there are
        picks: dict[str, tuple[list[int], list[int]]] = {}  # of groups of colours: triangles, and three entries of the group for each
        plain = np.ones(count, bool)
        plain[[*found.properties]] = False
        rest = np.flatnonzero(plain).tolist()
        if pid in model.colors and rest:
            picks[pid] = rest, [pindex] * (3 * len(rest))
        elif rest:
            kinds[(pid, pindex) if pid in model.bases else None] = rest
        for row, named in found.properties.items():
            group, first = named.get("pid", pid), named.get("p1")
            pick = pindex if first is None else _index(first)
            if group in model.colors:
                rows, entries = picks.setdefault(group, ([], []))
                rows.append(row)
                entries += (pick, _index(named["p2"]) if "p2" in named else pick, _index(named["p3"]) if "p3" in named else pick)
            else:
                kinds.setdefault((group, pick) if group in model.bases else None, []).append(row)
        if len(kinds) > _MATERIALS:
            for kind in [kind for kind in kinds if kind is not None]:
                rows, entries = picks.setdefault(kind[0], ([], []))
                more = kinds.pop(kind)
                rows += more
                entries += [kind[1]] * (3 * len(more))
        surfaces: list[Surface] = [(None if kind is None else self._material(model, *kind), np.sort(np.array(rows, np.int64)), None)
                                   for kind, rows in kinds.items()]
        if picks:
            colors = [self._palette(model, group, max(entries))[entries] for group, (_, entries) in picks.items()]
            surfaces.append((None, np.concatenate([np.array(rows, np.int64) for rows, _ in picks.values()]), np.concatenate(colors)))
        return surfaces

    def _palette(self, model: _Model, group: str, highest: int) -> NDArray[np.float64]:
        """Return the linear colours of a group of colours or base materials, (n, 4), which has an entry of this number."""
        texts = model.colors[group] if group in model.colors else [text for _, text in model.bases[group]]
        self._pick(texts, highest)
        key = id(model), group
        if key not in self._palettes:
            self._palettes[key] = np.array([_color(text) for text in texts])
        return self._palettes[key]

    def _pick(self, group: list[Any], index: int) -> Any:
        if index >= len(group):
            raise AssetError(f"A triangle uses entry {index} of a property group that has {len(group)}.")
        return group[index]

    def _material(self, model: _Model, group: str, index: int) -> Standard:
        name, text = self._pick(model.bases[group], index)
        key = id(model), group, index
        if key not in self._materials:
            red, green, blue, alpha = map(float, _color(text))
            mode = "blend" if alpha < 1.0 else "opaque"
            self._materials[key] = Standard(color=(red, green, blue, alpha), roughness=0.6, alpha_mode=mode, name=name)
        return self._materials[key]


def _key(part: str) -> str:
    """Spell the name of a part in the one way by which it is compared: the packaging standard does not regard case."""
    return posixpath.normpath("/" + part).lstrip("/").lower()


def _index(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise AssetError(f"{described(text)} is no index of a property; it must be a whole number from 0.")
    return int(text)


def _color(text: str) -> NDArray[np.float64]:
    """Turn #RRGGBB[AA] into linear colour. Some CAD programs write AA = 00 for what they show opaque, and nothing is printed of air."""
    try:
        channels = bytes.fromhex(text[1:]) if text.startswith("#") else b""
    except ValueError:
        channels = b""
    if len(channels) not in (3, 4):
        raise AssetError(f"{described(text)} is no colour of 3MF; it must be #RRGGBB or #RRGGBBAA.")
    alpha = channels[3] / 255.0 if len(channels) == 4 and channels[3] else 1.0
    return np.append(srgb_decode(np.frombuffer(channels[:3], np.uint8) / 255.0), alpha)
