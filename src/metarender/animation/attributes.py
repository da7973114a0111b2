"""Which attributes of materials, lights and cameras a track can drive, how wide they are, and where their values are held."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ..camera import Camera, OrthographicCamera, PerspectiveCamera
from ..lights import LARGEST_INTENSITY, DirectionalLight, Light, PointLight, SpotLight
from ..materials import Material, Standard, Unlit

_MOST = 65504.0
_TINY = 1e-9


class Attribute(NamedTuple):
    """How many numbers an attribute has, and between what they are held (curves may overshoot)."""

    width: int
    low: float
    high: float


_NEAR, _FAR = Attribute(1, 1e-6, 1e15), Attribute(1, 1e-5, math.inf)
_COLOR, _RGB = Attribute(4, 0.0, _MOST), Attribute(3, 0.0, _MOST)
_FRACTION, _STRENGTH = Attribute(1, 0.0, 1.0), Attribute(1, 0.0, _MOST)
_LIGHT = {"color": _RGB, "intensity": Attribute(1, 0.0, LARGEST_INTENSITY)}
_POINT = {**_LIGHT, "range": Attribute(1, _TINY, math.inf)}
_ATTRIBUTES: Mapping[type, dict[str, Attribute]] = {
    Standard: {
        "color": _COLOR, "metallic": _FRACTION, "roughness": _FRACTION, "emissive": _RGB, "emissive_strength": _STRENGTH,
        "normal_scale": Attribute(1, -1e3, 1e3), "occlusion_strength": _FRACTION, "alpha_cutoff": _STRENGTH,
    },
    Unlit: {"color": _COLOR, "alpha_cutoff": _STRENGTH},
    Material: {"alpha_cutoff": _STRENGTH},
    SpotLight: {**_POINT, "inner_angle": Attribute(1, 0.0, math.pi / 2), "outer_angle": Attribute(1, _TINY, math.pi / 2)},
    PointLight: _POINT,
    DirectionalLight: _LIGHT,
    PerspectiveCamera: {"fov": Attribute(1, 1e-3, 179.0), "near": _NEAR, "far": _FAR},
    OrthographicCamera: {"height": Attribute(1, 1e-6, 1e15), "near": Attribute(1, -1e15, 1e15), "far": Attribute(1, -1e15, 1e15)},
}
_TEXTURE = {"offset": Attribute(2, -1e6, 1e6), "rotation": Attribute(1, -1e6, 1e6), "scale": Attribute(2, -1e6, 1e6)}
_ORDERED = {"inner_angle": "outer_angle", "near": "far"}
"""Attributes of which the first stays below the second."""

Described = Material | Light | Camera


def attributes_of(thing: Described) -> dict[str, Attribute]:
    """Return what a track can drive of a material, light or camera, by path; of textures ``"color_texture.offset"`` and the like."""
    found = next((table for kind in type(thing).__mro__ if (table := _ATTRIBUTES.get(kind)) is not None), {})
    if not isinstance(thing, Material):
        return found
    filled = [name for name in thing.slots if getattr(thing, name) is not None]
    return {**found, **{f"{name}.{part}": attribute for name in filled for part, attribute in _TEXTURE.items()}}


def read(thing: Described, path: str) -> tuple[float, ...]:
    """Return the present value of an attribute as numbers."""
    value: Any = thing
    for name in path.split("."):
        value = getattr(value, name)
    return tuple(map(float, value)) if isinstance(value, tuple) else (float(value),)


def write(thing: Described, values: dict[str, tuple[float, ...]]) -> None:
    """Set attributes to mixed values, held within what the description accepts; what is the same already is not touched."""
    table = attributes_of(thing)
    held: dict[str, tuple[float, ...]] = {}
    for path, numbers in values.items():
        if (attribute := table.get(path)) is not None:  # a texture may have been taken away meanwhile
            held[path] = tuple(min(max(number, attribute.low), attribute.high) for number in numbers)
            if path == "color" and attribute.width == 4:
                held[path] = (*held[path][:3], min(held[path][3], 1.0))
    for path in _in_order(thing, held):
        if read(thing, path) == held[path]:
            continue
        value = held[path][0] if table[path].width == 1 else held[path]
        slot, _, part = path.partition(".")
        setattr(thing, slot, replace(getattr(thing, slot), **{part: value}) if part else value)


def _in_order(thing: Described, held: dict[str, tuple[float, ...]]) -> list[str]:
    """Order the paths so that each step is accepted; of a pair that would be out of order, what is driven is held beside the other."""
    order = list(held)
    for low, high in _ORDERED.items():
        if low not in held and high not in held:
            continue
        lower, upper = held.get(low) or read(thing, low), held.get(high) or read(thing, high)
        if not lower < upper and low in held:
            lower = held[low] = (math.nextafter(upper[0], -math.inf),)
        elif not lower < upper:
            upper = held[high] = (math.nextafter(lower[0], math.inf),)
        first, second = (high, low) if upper > read(thing, low) else (low, high)
        order = [path for path in order if path not in (low, high)] + [path for path in (first, second) if path in held]
    return order
