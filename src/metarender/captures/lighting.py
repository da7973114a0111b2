"""Lights, environment, background and colormap as plain values and arrays, and back to the bit."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import Environment, EnvironmentMaps
from ..errors import CaptureError, InvalidInput
from ..legend import SIDES, Legend
from ..lights import DirectionalLight, Light, PointLight, SpotLight
from ..scene import Scene
from .archive import ArchiveReader
from .fields import Fields, plain_text
from .surfaces import OBJECT_BYTES, colormap_values, read_colormap

_KINDS: dict[str, type[DirectionalLight] | type[PointLight]] = {
    "DirectionalLight": DirectionalLight, "PointLight": PointLight, "SpotLight": SpotLight}
_LARGEST_MAP, _MOST_LEVELS = 4096, 13
_ANY_ID = 0xFFFFFFFF
_LONGEST_HEADING = 1000


def lighting_values(scene: Scene, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Describe what lights a scene and what is behind it."""
    color = scene.background_color
    return {"background": scene.background if color is None else list(color),
            "colormap": colormap_values(scene.colormap, "colormap", arrays),
            "legends": [_legend_values(legend, number, arrays) for number, legend in enumerate(scene.legends)],
            "environment": None if scene.environment is None else _environment_values(scene.environment, arrays),
            "lights": _light_values(scene)}


def read_lighting(scene: Scene, fields: Fields, archive: ArchiveReader) -> None:
    """Light a scene, whose nodes are there already, as described."""
    background = fields.value("background")
    with fields.refusing():
        if background not in ("transparent", "environment"):
            background = Fields({"background": background}, fields.pointer).numbers("background", 4)
        scene.background = background
    scene.colormap = read_colormap(fields.part("colormap"), "colormap", archive)
    if fields.given("legends"):  # captures of the first version have none
        scene.legends = [_read_legend(entry, number, archive) for number, entry in enumerate(fields.parts("legends"))]
    scene.environment = _read_environment(fields.part("environment"), archive) if fields.has("environment") else None
    for entry in fields.parts("lights"):
        _read_light(scene, entry, archive)


# --- lights ------------------------------------------------------------------------------------------------------------


def _light_values(scene: Scene) -> list[dict[str, Any]]:
    """One entry for each light, with the ids of the nodes that carry it."""
    found: dict[int, dict[str, Any]] = {}
    for node in scene.lights:
        light = node.light
        if id(light) not in found:
            found[id(light)] = _values_of(light)
        found[id(light)]["nodes"].append(node.id)
    return list(found.values())


def _values_of(light: Light) -> dict[str, Any]:
    kind = type(light).__name__
    if _KINDS.get(kind) is not type(light):
        raise InvalidInput(f"A capture holds lights of the classes {', '.join(_KINDS)}, not {kind}.")
    values: dict[str, Any] = {"kind": kind, "name": plain_text(light.name), "nodes": [], "color": list(light.color),
                              "intensity": light.intensity}
    if isinstance(light, DirectionalLight):
        values |= {"direction": light.direction.tolist(), "shadow": bool(light.shadow), "shadow_distance": light.shadow_distance}
    if isinstance(light, PointLight):
        values["range"] = None if math.isinf(light.range) else light.range
    if isinstance(light, SpotLight):
        values |= {"inner_angle": light.inner_angle, "outer_angle": light.outer_angle}
    return values


def _read_light(scene: Scene, fields: Fields, archive: ArchiveReader) -> None:
    archive.budget.take(OBJECT_BYTES, "A light", fields.pointer)
    kind = fields.choice("kind", _KINDS)
    values: dict[str, Any] = {"name": fields.text("name"), "color": fields.numbers("color", 3), "intensity": fields.number("intensity")}
    if kind == "DirectionalLight":
        values |= {"direction": fields.numbers("direction", 3), "shadow": fields.flag("shadow"),
                   "shadow_distance": fields.number("shadow_distance") if fields.has("shadow_distance") else None}
    else:
        values["range"] = fields.number("range") if fields.has("range") else math.inf
    if kind == "SpotLight":
        values |= {name: fields.number(name) for name in ("inner_angle", "outer_angle")}
    nodes = fields.wholes("nodes", _ANY_ID)
    fields.done()
    with fields.refusing():
        light = _KINDS[kind](**values)
    if isinstance(light, DirectionalLight):
        _keep_direction(light, values["direction"], fields)
    for number in nodes:
        if number == 0 or not scene.store.is_alive(number) or scene.node(number).light is not None:
            fields.refuse(f"nodes names {number}, which is no node without a light", name="nodes")
        scene.node(number).light = light


def _keep_direction(light: DirectionalLight, direction: tuple[float, ...], fields: Fields) -> None:
    """Put the direction in as it was: making its length 1 once more moves the last bits."""
    if not np.allclose(light.direction, direction, rtol=0, atol=1e-9):
        fields.refuse("direction must have length 1", name="direction")
    light._direction = np.array(direction)


# --- environment and colormap ------------------------------------------------------------------------------------------


def _environment_values(environment: Environment, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    values = {"name": plain_text(environment.name), "intensity": environment.intensity, "rotation": environment.rotation}
    maps = environment.maps
    if maps is Environment.studio().maps:
        return values | {"studio": _digest(maps)}
    arrays |= {f"environment/specular_{level}": array for level, array in enumerate(maps.specular)}
    arrays["environment/irradiance"] = maps.irradiance
    return values | {"size": maps.specular[0].shape[1], "levels": len(maps.specular), "irradiance": maps.irradiance.shape[1]}


def _digest(maps: EnvironmentMaps) -> str:
    return hashlib.sha256(b"".join(array.tobytes() for array in (*maps.specular, maps.irradiance))).hexdigest()


def _read_environment(fields: Fields, archive: ArchiveReader) -> Environment:
    name, intensity, rotation = fields.text("name"), fields.number("intensity", 0.0), fields.number("rotation")
    if fields.given("studio"):
        maps = Environment.studio().maps
        if fields.word("studio") != _digest(maps):
            fields.refuse("the built-in studio was another one then; open the capture with the version of metarender that made it",
                          "STUDIO_CHANGED", "studio")
    else:
        size, levels = fields.whole("size", 1, _LARGEST_MAP), fields.whole("levels", 1, _MOST_LEVELS)
        if size >> levels - 1 == 0:
            fields.refuse(f"{levels} levels are more than a size of {size} has", name="levels")
        flat = fields.whole("irradiance", 1, _LARGEST_MAP)
        specular = [archive.array(f"environment/specular_{level}", "<f2", (6, size >> level, size >> level, 3)) for level in range(levels)]
        maps = EnvironmentMaps(tuple(specular), archive.array("environment/irradiance", "<f2", (6, flat, flat, 3)))
        if any(array.min() < 0 for array in (*maps.specular, maps.irradiance)):
            raise CaptureError("The environment holds negative light.", "VALUE_INVALID", fields.pointer)
    fields.done()
    return Environment._from_maps(maps, intensity, rotation, name)


def _legend_values(legend: Legend, number: int, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    return {"heading": plain_text(legend.heading), "colormap": colormap_values(legend.colormap, f"legends/{number}", arrays),
            "side": legend.side, "length": legend.length, "ticks": legend.ticks, "text_size": legend.text_size,
            "color": list(legend.color), "panel": list(legend.panel)}


def _read_legend(fields: Fields, number: int, archive: ArchiveReader) -> Legend:
    archive.budget.take(OBJECT_BYTES, "A legend", fields.pointer)
    heading, ramp = fields.text("heading"), read_colormap(fields.part("colormap"), f"legends/{number}", archive)
    values: dict[str, Any] = {"side": fields.choice("side", SIDES), "length": fields.number("length"),
                              "ticks": fields.whole("ticks", 2, 50),
                              "text_size": fields.number("text_size") if fields.has("text_size") else None,
                              "color": fields.numbers("color", 4), "panel": fields.numbers("panel", 4)}
    fields.done()
    if len(heading) > _LONGEST_HEADING:
        fields.refuse(f"a heading has at most {_LONGEST_HEADING} letters", name="heading")
    with fields.refusing():
        return Legend(ramp, title=heading, **values)
