"""Materials, textures, lights and cameras of a scene as glTF: what was loaded as it was, with what was changed since written over it."""

from __future__ import annotations

import math
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..camera import Camera, OrthographicCamera, PerspectiveCamera
from ..lights import LARGEST_INTENSITY, DirectionalLight, Light, PointLight, SpotLight
from ..materials import Material, Standard, Unlit
from ..origin import Origin
from ..textures import Sampler, Texture, TextureInfo
from .gltf import WIDEST
from .gltf_copying import Copier
from .gltf_document import NOT_JSON, Document, as_json, not_json
from .gltf_materials import FILTERS, MAX_STRENGTH, WRAPS
from .gltf_references import OBJECTS

_PBR = "pbrMetallicRoughness"
SLOTS = {
    "_color_texture": (_PBR, "baseColorTexture"), "_metallic_roughness_texture": (_PBR, "metallicRoughnessTexture"),
    "_normal_texture": ("normalTexture",), "_occlusion_texture": ("occlusionTexture",), "_emissive_texture": ("emissiveTexture",),
}
_FACTORS: dict[str, tuple[tuple[str, ...], float]] = {
    "_metallic": ((_PBR, "metallicFactor"), 1.0), "_roughness": ((_PBR, "roughnessFactor"), 1.0),
    "_alpha_cutoff": (("alphaCutoff",), 0.5), "double_sided": (("doubleSided",), False),
    "_normal_scale": (("normalTexture", "scale"), 1.0), "_occlusion_strength": (("occlusionTexture", "strength"), 1.0),
}
_STRENGTH = "KHR_materials_emissive_strength"
_NUMBERS = {name: number for number, name in (*FILTERS.items(), *WRAPS.items())}


class Surfaces:
    """Writes materials, textures, lights and cameras, each once.

    Parameters
    ----------
    document : Document
    copier : callable
        ``copier(source)`` returns the `Copier` of a file that something was loaded from.
    """

    def __init__(self, document: Document, copier: Callable[[Any], Copier]) -> None:
        self._document = document
        self._copier = copier
        self._made: dict[int, int] = {}
        self._materials: dict[tuple[int, tuple[int, int]], int | None] = {}
        self._alive: list[Any] = []  # what these know by identity stays, so that no other gets its place
        self._things: dict[tuple[Any, ...], int] = {}

    # ---- materials ----

    def material(self, material: Material, sets: tuple[int, int] | None = None) -> int | None:
        """Return the number of a material; None for the default one of glTF (3.9.1).

        Parameters
        ----------
        material : Material
        sets : tuple of int, optional
            Which TEXCOORD the geometry that it is for has as uv0 and uv1; those of the material's own file by default.
        """
        origin = material._origin
        own: tuple[int, int] = (0, 1) if origin is None else origin.held["sets"]
        read = {name for name in SLOTS if getattr(material, name, None) is not None}
        sets = own if sets is None or not read else sets
        key = id(material), sets
        if key not in self._materials:
            self._alive.append(material)
            self._materials[key] = self._describe(material, sets, read if sets != own else set())
        return self._materials[key]

    def coordinate_sets(self, material: Material, sets: tuple[int, int] | None) -> int:
        """Return how many sets of texture coordinates a primitive must have for the textures of its material; `sets` as in `material`."""
        infos = [info for name in SLOTS if (info := getattr(material, name, None)) is not None]
        origin = material._origin
        chosen = sets or ((0, 1) if origin is None else origin.held["sets"])
        return 1 + max((chosen[info.tex_coord] for info in infos), default=-1)

    def _describe(self, material: Material, sets: tuple[int, int], moved: set[str]) -> int | None:
        """Write a material; the slots in `moved` read other coordinates than in its file."""
        origin = material._origin
        entry: dict[str, Any] = {}
        changed = {name for name in vars(material) if name not in ("name", "extras")}
        if origin is not None:
            changed = origin.changed(material) | moved
            if origin.number != -1:
                copier = self._copier(origin.source)
                entry = copier.copy(_without(copier.entry("materials", int(origin.number)), changed), OBJECTS["materials"])  # type: ignore[arg-type]
            elif not changed and not material.name and not material.extras:
                return None
        elif isinstance(material, Unlit):
            entry = {_PBR: {"metallicFactor": 0.0, "roughnessFactor": 0.9}, "extensions": {"KHR_materials_unlit": {}}}
        self._overwrite(entry, material, changed, sets)
        put_label(entry, material.name, material.extras)
        return self._document.add("materials", entry)

    def _overwrite(self, entry: dict[str, Any], material: Material, changed: set[str], sets: tuple[int, int]) -> None:
        for name, path in SLOTS.items():
            if name in changed:
                self._put_texture(entry, path, getattr(material, name), sets)
        if not isinstance(material, (Standard, Unlit)):
            self._document.notes[f"the shader {material.shader!r} of a {type(material).__name__}"] = None
        if "_color" in changed:
            color = tuple(min(max(value, 0.0), 1.0) for value in getattr(material, "_color", (1.0,) * 4))
            if color != getattr(material, "_color", color):
                self._document.notes["colours beyond 0..1"] = None
            _put(entry, (_PBR, "baseColorFactor"), list(color), [1.0] * 4)
        for name, (path, default) in _FACTORS.items():
            slot = next((slot for slot, place in SLOTS.items() if place == path[:1]), None)
            value = getattr(material, name, None)
            if value is not None and (name in changed or slot in changed) and (slot is None or path[0] in entry):
                _put(entry, path, value, default)
        if "_alpha_mode" in changed:
            _put(entry, ("alphaMode",), material.alpha_mode.upper(), "OPAQUE")
        if isinstance(material, Standard) and changed & {"_emissive", "_emissive_strength"}:
            if max(1.0, *material.emissive) * material.emissive_strength > MAX_STRENGTH:
                self._document.notes[f"emission beyond {MAX_STRENGTH:g}"] = None
            _put_emission(entry, material.emissive, material.emissive_strength)

    def _put_texture(self, entry: dict[str, Any], path: tuple[str, ...], info: TextureInfo | None, sets: tuple[int, int]) -> None:
        """Fill or empty a slot (glTF 2.0, 5.20; KHR_texture_transform)."""
        if info is None:
            return
        found: dict[str, Any] = {"index": self.texture(info.texture)}
        if sets[info.tex_coord]:
            found["texCoord"] = sets[info.tex_coord]
        transform: dict[str, Any] = {}
        _put(transform, ("offset",), list(map(float, info.offset)), [0.0, 0.0])
        _put(transform, ("rotation",), float(info.rotation), 0.0)
        _put(transform, ("scale",), list(map(float, info.scale)), [1.0, 1.0])
        if transform:
            found["extensions"] = {"KHR_texture_transform": transform}
        _put(entry, path, found, None)

    # ---- textures ----

    def texture(self, texture: Texture) -> int:
        """Return the number of a texture: that of its file with the picture as it is there, or a PNG of its pixels."""
        origin = texture._origin
        if origin is not None:
            found = self._copier(origin.source).found("textures", origin.number)
            if found is not None:
                return found
        made = self._made.get(id(texture))
        if made is None:
            self._alive.append(texture)
            if texture.blocks:
                self._document.notes["compressed textures, which become PNG"] = None
            entry: dict[str, Any] = {"source": self._picture(texture.pixels)}
            if texture.sampler != Sampler():
                entry["sampler"] = self._sampler(texture.sampler)
            put_label(entry, texture.name, {})
            made = self._made[id(texture)] = self._document.add("textures", entry)
        return made

    def _picture(self, pixels: NDArray[np.uint8]) -> int:
        """A PNG of pixels; two textures may share them."""
        made = self._made.get(id(pixels))
        if made is None:
            self._alive.append(pixels)
            stream = BytesIO()
            Image.fromarray(pixels[..., :3] if (pixels[..., 3] == 255).all() else pixels).save(stream, "PNG")
            made = self._made[id(pixels)] = self._document.image({}, stream.getvalue(), "image/png")
        return made

    def _sampler(self, sampler: Sampler) -> int:
        entry = {"magFilter": _NUMBERS[sampler.mag], "minFilter": _NUMBERS[sampler.min]}
        _put(entry, ("wrapS",), _NUMBERS[sampler.wrap_s], 10497)
        _put(entry, ("wrapT",), _NUMBERS[sampler.wrap_t], 10497)
        return self._add_once("samplers", sampler, entry)

    # ---- lights and cameras ----

    def light(self, light: Light) -> int:
        """Return the number of a light (KHR_lights_punctual)."""
        entry, changed = self._start("lights", light)
        if isinstance(light, DirectionalLight):
            entry["type"] = "directional"
            if not light.shadow or light.shadow_distance is not None:
                self._document.notes["shadow settings of lights"] = None
        elif isinstance(light, PointLight):
            entry["type"] = "spot" if isinstance(light, SpotLight) else "point"
            if "_range" in changed:
                _put(entry, ("range",), None if math.isinf(light.range) else light.range, None)
        brightest = max(1.0, *light.color)  # what is brighter than 1 goes into the intensity
        if "_color" in changed:
            _put(entry, ("color",), [value / brightest for value in light.color], [1.0] * 3)
        if "_intensity" in changed or brightest > 1:
            if light.intensity * brightest > LARGEST_INTENSITY:
                self._document.notes[f"light beyond an intensity of {LARGEST_INTENSITY:g}"] = None
            _put(entry, ("intensity",), min(light.intensity * brightest, LARGEST_INTENSITY), 1.0)
        if isinstance(light, SpotLight):
            entry.setdefault("spot", {})
            if changed & {"_inner_angle", "_outer_angle"}:
                _put(entry, ("spot", "innerConeAngle"), light.inner_angle, 0.0)
                _put(entry, ("spot", "outerConeAngle"), light.outer_angle, None)
        put_label(entry, light.name, light.extras)
        return self._add_once("lights", light, entry)

    def camera(self, camera: Camera) -> int:
        """Return the number of a camera (glTF 2.0, 3.10)."""
        entry, changed = self._start("cameras", camera)
        if isinstance(camera, PerspectiveCamera):
            body = entry.setdefault("perspective", {})
            if "_fov" in changed:
                body["yfov"] = math.radians(camera.fov)
                if body["yfov"] > WIDEST:
                    self._document.notes[f"fields of view beyond {math.degrees(WIDEST):g} degrees, which load() makes narrower"] = None
            if "_aspect" in changed:
                _put(body, ("aspectRatio",), camera.aspect, None)
        else:
            assert isinstance(camera, OrthographicCamera)
            body = entry.setdefault("orthographic", {})
            if changed & {"_height", "_aspect"}:
                body["ymag"] = camera.height / 2
                body["xmag"] = camera.height / 2 * (camera.aspect or 1.0)
        if "_aspect" in changed and camera.aspect is not None:
            self._document.notes["shapes of the pictures of cameras, which load() leaves to whoever draws"] = None
        if changed & {"_near", "_far"}:
            near, far = camera._near, camera._far
            if near < 0:
                self._document.notes["a camera that sees behind itself"] = None
            body["znear"] = max(near, 0.0)
            _put(body, ("zfar",), None if math.isinf(far) else max(far, math.nextafter(body["znear"], math.inf)), None)
        entry["type"] = "perspective" if isinstance(camera, PerspectiveCamera) else "orthographic"
        put_label(entry, camera.name, camera.extras)
        return self._add_once("cameras", camera, entry)

    def _start(self, collection: str, thing: Light | Camera) -> tuple[dict[str, Any], set[str]]:
        """Return what the file says of a thing, or nothing, and which attributes differ from it."""
        origin: Origin | None = thing._origin
        if origin is None:
            return {}, set(vars(thing))
        copier = self._copier(origin.source)
        entry: dict[str, Any] = copier.copy(copier.entry(collection, int(origin.number)))  # type: ignore[arg-type]
        return entry, origin.changed(thing)

    def _add_once(self, collection: str, thing: Any, entry: dict[str, Any]) -> int:
        """Add an object unless the same thing was added in the same words; of files, each node has a light or camera of its own."""
        origin = getattr(thing, "_origin", None)
        whose: Any = thing if isinstance(thing, Sampler) else id(thing) if origin is None else (id(origin.source), origin.number)
        try:
            key = collection, whose, as_json(entry)
        except NOT_JSON as error:
            raise not_json(f"An entry of {collection}", error) from None
        if key not in self._things:
            self._alive.append(thing)
            self._things[key] = self._document.add(collection, entry)
        return self._things[key]


def put_label(entry: dict[str, Any], name: str, extras: dict[str, Any]) -> None:
    """Give an object its name and extras; extras of a file that are no object stay as they are."""
    _put(entry, ("name",), name, "")
    if extras or isinstance(entry.get("extras"), dict):
        _put(entry, ("extras",), extras, None)


def _without(entry: dict[str, Any], changed: set[str]) -> dict[str, Any]:
    """The material of a file without the textures that were changed, so that they are not copied."""
    result = dict(entry)
    for name, path in SLOTS.items():
        if name in changed:
            if len(path) == 1:
                result.pop(path[0], None)
            elif isinstance(result.get(path[0]), dict):
                result[path[0]] = {key: value for key, value in result[path[0]].items() if key != path[1]}
    return result


def _put(entry: dict[str, Any], path: tuple[str, ...], value: Any, default: Any) -> None:
    """Set a property, or take it away where it is what glTF assumes without it."""
    *above, last = path
    if value == default:
        for name in above:
            entry = entry.get(name, {})
        entry.pop(last, None)
        return
    for name in above:
        entry = entry.setdefault(name, {})
    entry[last] = value


def _put_emission(entry: dict[str, Any], emissive: tuple[float, ...], strength: float) -> None:
    """Set emissive colour and strength; what is brighter than 1 goes into the strength (KHR_materials_emissive_strength)."""
    brightest = max(1.0, *emissive)
    _put(entry, ("emissiveFactor",), [value / brightest for value in emissive], [0.0] * 3)
    extensions = entry.setdefault("extensions", {})
    _put(extensions, (_STRENGTH,), {"emissiveStrength": strength * brightest}, {"emissiveStrength": 1.0})
    if not extensions:
        del entry["extensions"]
