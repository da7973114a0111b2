"""Animations of a checked glTF document as clips: samplers to arrays, targets and JSON pointers to what they drive."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..animation.attributes import attributes_of
from ..animation.tracks import MOST_WEIGHTS
from ..camera import Camera
from ..errors import GltfError
from ..lights import Light
from ..materials import Material
from .asset import ClipDescription, NodeDescription, TrackDescription
from .gltf_accessors import Accessors
from .gltf_layout import format_name
from .gltf_materials import Materials
from .gltf_schema import pointer
from .gltf_settings import KEY, read_duration
from .limits import Budget

_LOOSE = 0.00769
"""How far from 1 the length of a stored quaternion may be, as for nodes."""
_CURVES = {"STEP": "step", "LINEAR": "linear", "CUBICSPLINE": "cubic"}
_NODE = {"translation": ("position", 3), "rotation": ("rotation", 4), "scale": ("scale", 3),
         "extensions/KHR_node_visibility/visible": ("visible", 1)}
_ROUGH, _MOVED = "pbrMetallicRoughness", "/extensions/KHR_texture_transform/"
_TEXTURES = {f"{_ROUGH}/baseColorTexture": "color_texture", f"{_ROUGH}/metallicRoughnessTexture": "metallic_roughness_texture",
             "normalTexture": "normal_texture", "occlusionTexture": "occlusion_texture", "emissiveTexture": "emissive_texture"}
_MATERIAL = {
    f"{_ROUGH}/baseColorFactor": "color", f"{_ROUGH}/metallicFactor": "metallic", f"{_ROUGH}/roughnessFactor": "roughness",
    "emissiveFactor": "emissive", "extensions/KHR_materials_emissive_strength/emissiveStrength": "emissive_strength",
    "alphaCutoff": "alpha_cutoff", "normalTexture/scale": "normal_scale", "occlusionTexture/strength": "occlusion_strength",
    **{f"{place}{_MOVED}{part}": f"{slot}.{part}" for place, slot in _TEXTURES.items() for part in ("offset", "rotation", "scale")},
}
_LIGHT = {"color": "color", "intensity": "intensity", "range": "range", "spot/innerConeAngle": "inner_angle",
          "spot/outerConeAngle": "outer_angle"}
_CAMERA = {"perspective/yfov": "fov", "perspective/znear": "near", "perspective/zfar": "far", "orthographic/ymag": "height",
           "orthographic/znear": "near", "orthographic/zfar": "far"}
FACTORS = {"perspective/yfov": 180 / math.pi, "orthographic/ymag": 2.0}
"""What a number of the file is multiplied by: radians to degrees, half a height to the whole."""

PROPERTIES = {"materials": _MATERIAL, "lights": _LIGHT, "cameras": _CAMERA}
"""Attributes that curves drive, by collection and path in the file."""

_POINTERS = re.compile(r"/(nodes|meshes|materials|cameras|extensions/KHR_lights_punctual/lights)/([0-9]{1,9})/(.+)")


class _Target(NamedTuple):
    """What a channel drives: nodes (numbers in the file) or descriptions, a path of `Track`, width, and a factor on the values."""

    nodes: tuple[int, ...]
    things: tuple[Material | Light | Camera, ...]
    path: str
    width: int
    factor: float = 1.0


class Animations:
    """Makes the clips of a document once its nodes, materials, lights and cameras are described.

    Parameters
    ----------
    document : dict
        Passed `check_document`.
    accessors : Accessors
    materials : Materials
    budget : Budget

    Attributes
    ----------
    notes : list of str
        What is animated in the file and stands still here, for the warning.
    """

    def __init__(self, document: dict[str, Any], accessors: Accessors, materials: Materials, budget: Budget) -> None:
        self._document = document
        self._accessors = accessors
        self._materials = materials
        self._budget = budget
        self.notes: list[str] = []
        self._things: dict[tuple[str, int], list[Light | Camera]] = {}
        self._times: dict[int, NDArray[np.float64]] = {}
        self._values: dict[tuple[Any, ...], NDArray[np.float32]] = {}
        self._still: dict[str, None] = {}
        self._places: dict[int, tuple[int, NodeDescription]] = {}
        self._users: dict[int, list[int]] | None = None

    def note(self, kind: str, number: int, thing: Light | Camera | None) -> None:
        """Remember what was made of a light or camera of the file; each node that has it gets one of its own."""
        if thing is not None:
            self._things.setdefault((kind, number), []).append(thing)

    def clips(self, places: dict[int, int], nodes: list[NodeDescription]) -> list[ClipDescription]:
        """Describe the clips; every sampler is read and checked, whether the chosen scene has its targets or not.

        Parameters
        ----------
        places : dict of int to int
            Place in `nodes` by number in the file.
        nodes : list of NodeDescription
            As they are drawn.

        Raises
        ------
        GltfError
            Times do not rise or are negative, a number is not finite, a rotation is no unit quaternion, or counts do not fit.
        """
        self._places = {number: (place, nodes[place]) for number, place in places.items()}
        found = []
        for index, animation in enumerate(self._document.get("animations", ())):
            tracks: list[TrackDescription] = []
            where = pointer("animations", index)
            for place, channel in enumerate(animation["channels"]):
                tracks += self._tracks(animation, channel, where, place)
            ends = [self._read_times(animation, place, where)[-1] for place in range(len(animation["samplers"]))]
            extras = animation.get("extras")
            duration = read_duration(extras, float(max(ends)), where, self.notes)
            free = {name: value for name, value in extras.items() if name != KEY} if isinstance(extras, dict) else None
            found.append(ClipDescription(animation.get("name", ""), tracks, duration, free))
        if self._still:
            first, more = next(iter(self._still)), len(self._still) - 1
            self.notes.append(f"the animation of {first}{f' and {more} more properties' if more else ''}, which stand still")
        return found

    def _tracks(self, animation: dict[str, Any], channel: dict[str, Any], where: str, place: int
                ) -> list[TrackDescription]:
        target = self._target_of(channel["target"])
        if target is None:
            return []
        sampler = animation["samplers"][channel["sampler"]]
        curve = _CURVES.get(sampler.get("interpolation", "LINEAR"), "linear")
        values = self._read_values(sampler["output"], self._accessors.count(sampler["input"]), curve, target, f"{where}/channels/{place}")
        times = self._read_times(animation, channel["sampler"], where)
        nodes = tuple(self._places[node][0] for node in target.nodes if node in self._places and self._moves(target, node))
        driven: list[Any] = [nodes] if nodes else []
        driven += target.things
        return [TrackDescription(thing, target.path, times, values, curve) for thing in driven]

    def _moves(self, target: _Target, node: int) -> bool:
        """Whether a node of the scene has what is driven: as many morphs as there are weights."""
        described = self._places[node][1]
        drawn = described.mesh or described.instances
        return target.path != "weights" or (drawn is not None and drawn.weights.size == target.width)

    def _target_of(self, target: dict[str, Any]) -> _Target | None:
        """Return what a channel drives, None where that is nothing here."""
        extension = target.get("extensions", {}).get("KHR_animation_pointer")
        where = str(extension["pointer"]) if extension is not None else f"/nodes/{target.get('node')}/{target['path']}"
        if extension is None and (target.get("node") is None or target["path"] == "pointer"):
            return None  # glTF 2.0: a channel without a node is ignored
        match = _POINTERS.fullmatch(where)
        found = None if match is None else self._drives(match[1].rpartition("/")[2], int(match[2]), match[3])
        if found is None:
            self._still[where] = None
        return found

    def _drives(self, kind: str, number: int, path: str) -> _Target | None:
        if path == "weights":
            return self._weights(kind, number)
        if kind == "nodes":
            known = number < len(self._document.get("nodes", ())) and path in _NODE
            return _Target((number,), (), *_NODE[path]) if known else None
        things: list[Any] = list(self._things.get((kind, number), ()))
        if kind == "materials":
            material = self._materials.made(number)
            things = [] if material is None else [material]
        name = {"materials": _MATERIAL, "cameras": _CAMERA, "lights": _LIGHT, "meshes": {}}[kind].get(path)
        known = number < len(self._collection(kind))
        if name is None or not known:
            return None
        widths = {attributes[name].width if name in (attributes := attributes_of(thing)) else 0 for thing in things}
        if 0 in widths:
            return None
        return _Target((), tuple(things), name, widths.pop() if widths else 0, FACTORS.get(path, 1.0))

    def _weights(self, kind: str, number: int) -> _Target | None:
        """Return the morphs of a node, or of the nodes that have the weights of their mesh."""
        nodes, meshes = self._document.get("nodes", []), self._document.get("meshes", [])
        if kind not in ("nodes", "meshes") or number >= len(nodes if kind == "nodes" else meshes):
            return None
        mesh = number if kind == "meshes" else nodes[number].get("mesh")
        if kind == "meshes" and self._users is None:
            self._users = {}
            for index, node in enumerate(nodes):
                if "mesh" in node and "weights" not in node:
                    self._users.setdefault(node["mesh"], []).append(index)
        users = [number] if kind == "nodes" else (self._users or {}).get(number, [])
        width = 0 if mesh is None else len(meshes[mesh]["primitives"][0].get("targets", ()))
        return _Target(tuple(users), (), "weights", width) if 0 < width <= MOST_WEIGHTS else None

    def _collection(self, kind: str) -> list[Any]:
        holder = self._document.get("extensions", {}).get("KHR_lights_punctual", {}) if kind == "lights" else self._document
        found: list[Any] = holder.get(kind, [])
        return found

    def _read_times(self, animation: dict[str, Any], sampler: int, where: str) -> NDArray[np.float64]:
        """Read the times of a sampler as float64, each accessor once."""
        number, where = animation["samplers"][sampler]["input"], f"{where}/samplers/{sampler}/input"
        if number in self._times:
            return self._times[number]
        stored = self._accessors.floats(number).reshape(-1)
        if not np.isfinite(stored).all():
            raise GltfError("A time of an animation is not finite.", "ACCESSOR_INVALID_FLOAT", pointer("accessors", number))
        if stored[0] < 0 or stored.min() < 0:
            message = "A time of an animation is negative."
            raise GltfError(message, "ACCESSOR_ANIMATION_INPUT_NEGATIVE", where)
        if not (stored[1:] > stored[:-1]).all():
            key = int(np.argmin(stored[1:] > stored[:-1])) + 1
            message = f"The times of an animation must rise, but key {key} is not after the one before."
            raise GltfError(message, "ACCESSOR_ANIMATION_INPUT_NON_INCREASING", where)
        if stored[-1] > 1e12:
            raise GltfError("A time of an animation is beyond 1e12 seconds.", "VALUE_NOT_IN_RANGE", where)
        self._budget.take(8 * len(stored), "The times", pointer("accessors", number))
        times = stored.astype(np.float64)
        times.flags.writeable = False
        self._times[number] = times
        return times

    def _read_values(self, number: int, keys: int, curve: str, target: _Target, where: str) -> NDArray[np.float32]:
        """Read the values of a channel as (k, 1, w), for cubic (k, 3, 1, w), each accessor once for each use."""
        use = number, keys, curve, target.path, target.width, target.factor
        if (known := self._values.get(use)) is not None:
            return known
        stored = self._accessors.floats(number)
        if not np.isfinite(stored).all():
            raise GltfError("A value of an animation is not finite.", "ACCESSOR_INVALID_FLOAT", pointer("accessors", number))
        parts = 3 if curve == "cubic" else 1
        width = target.width or stored.size // max(keys * parts, 1)
        if stored.size != keys * parts * width or not width:
            message = f"{keys * parts * width} numbers are expected, the accessor {format_name(self._document['accessors'][number])} has " \
                      f"{stored.size}."
            raise GltfError(message, "ANIMATION_SAMPLER_OUTPUT_ACCESSOR_INVALID_COUNT", f"{where}/sampler")
        shape = (keys, 3, 1, width) if curve == "cubic" else (keys, 1, width)
        values = stored.reshape(shape)
        if target.path == "rotation" and target.nodes:
            values = self._unit(values, curve, number, f"{where}/sampler")
        if target.factor != 1:
            self._budget.take(values.nbytes, "The values", pointer("accessors", number))
            values = values * np.float32(target.factor)
        values.flags.writeable = False
        self._values[use] = values
        return values

    def _unit(self, values: NDArray[np.float32], curve: str, number: int, where: str) -> NDArray[np.float32]:
        """Make rotations of unit length, as far as rounding has moved them from it."""
        keys = values[:, 1] if curve == "cubic" else values
        self._budget.take(8 * keys.size, "The rotations", pointer("accessors", number))
        length = np.sqrt((keys.astype(np.float64) ** 2).sum(-1, keepdims=True))
        if not (abs(length - 1) <= _LOOSE).all():
            key = int(np.argmax(abs(length.reshape(-1) - 1) > _LOOSE))
            message = f"The rotation of key {key} is not of unit length."
            raise GltfError(message, "ACCESSOR_ANIMATION_SAMPLER_OUTPUT_NON_NORMALIZED_QUATERNION", where)
        return values if curve == "cubic" else (values / length).astype(np.float32)
