"""(pass, shader, feature bits, geometry class) to program: small explicit keys, and nothing else may compile."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import moderngl
import numpy as np

from ..errors import DeviceError, ShaderError
from ..geometry import COLOR, DEFORMED, JOINTS, JOINTS8, MORPH, MORPH_NORMAL, MORPH_TANGENT, NORMAL, TANGENT, UV0, UV1, VALUE
from ..materials import HEAT_ROW, STANDARD_ROW, UNLIT_ROW
from .shader_checks import own_inputs, unfed
from .shader_source import Composer, Source, messages

if TYPE_CHECKING:
    from .device import Device

CLASS_MIRRORED, CLASS_DOUBLE_SIDED = 1 << 22, 1 << 21
OPAQUE, MASK, BLEND = 0, 1, 2
TRIANGLES, LINES, POINTS = 0, 1, 2


def class_alpha(geometry_class: int) -> int:
    """Return OPAQUE, MASK or BLEND out of a geometry class."""
    return geometry_class >> 19 & 3


def class_topology(geometry_class: int) -> int:
    """Return TRIANGLES, LINES or POINTS out of a geometry class."""
    return geometry_class >> 16 & 3


def class_deforms(geometry_class: int) -> bool:
    """Whether poses may deform geometries of a class."""
    return bool(geometry_class & DEFORMED)


class ProgramKey(NamedTuple):
    """What tells two programs apart; every field is small and is part of the text that is compiled."""

    render_pass: str
    """Key of ``_UNITS``: "shade", "depth", "ids", "ghost", "selection", "sky", "outline" or "encode"."""
    shader: str = ""
    """Name of a material shader; empty where the pass reads no material."""
    features: int = 0
    """Bits that the material declares."""
    geometry_class: int = 0
    many_anchors: bool = False
    environment: bool = False
    shadow: bool = False
    multisample: bool = False
    states: bool = False
    """Whether any part of the scene has a flag set; scenes without cost nothing for them."""


@dataclass(frozen=True, slots=True)
class MaterialShader:
    """Where a material's `surface()` stands, whether light reaches it, and what its rows look like (std430)."""

    path: str
    lit: bool
    row: np.dtype[Any]
    values: bool = False
    """Whether it reads the numbers of a field, and no texture coordinates and colours."""


SHADERS = {"standard": MaterialShader("material/standard.glsl", True, STANDARD_ROW),
           "unlit": MaterialShader("material/unlit.glsl", False, UNLIT_ROW),
           "heat": MaterialShader("material/heat.glsl", False, HEAT_ROW, True),
           "heat_lit": MaterialShader("material/heat.glsl", True, HEAT_ROW, True)}
_QUOTED = re.compile(r"[`'\"]([A-Za-z_]\w*)(?:\(.*?)?['\"]")
_UNITS = {"shade": ("geometry/mesh.vert.glsl", "pass/shade.frag.glsl"), "depth": ("geometry/mesh.vert.glsl", "pass/depth.frag.glsl"),
          "ids": ("geometry/mesh.vert.glsl", "pass/ids.frag.glsl"), "ghost": ("geometry/mesh.vert.glsl", "pass/ghost.frag.glsl"),
          "selection": ("geometry/mesh.vert.glsl", "pass/selection.frag.glsl"),
          "outline": ("pass/fullscreen.vert.glsl", "pass/outline.frag.glsl"),
          "overlay": ("pass/fullscreen.vert.glsl", "pass/overlay.frag.glsl"), "sky": ("pass/fullscreen.vert.glsl", "pass/sky.frag.glsl"),
          "encode": ("pass/fullscreen.vert.glsl", "pass/encode.frag.glsl")}


def normalise(key: ProgramKey) -> ProgramKey:
    """Drop from a key what its program does not read, so that equal programs are compiled once."""
    lit = bool(key.shader) and SHADERS[key.shader].lit and key.render_pass == "shade"
    layout = key.geometry_class & (NORMAL | TANGENT | UV0 | UV1 | COLOR | VALUE)
    reads_material = key.render_pass == "shade" or (class_alpha(key.geometry_class) == MASK and key.render_pass in ("depth", "ids"))
    if key.render_pass == "ghost":
        layout &= NORMAL
    elif not reads_material:
        layout = 0
    elif not lit:
        layout &= ~(NORMAL | TANGENT)
    layout &= ~(UV0 | UV1 | COLOR) if key.shader and SHADERS[key.shader].values else ~VALUE
    layout |= key.geometry_class & DEFORMED  # every pass deforms alike
    if not reads_material:
        key = key._replace(shader="", features=0)
    alpha = class_alpha(key.geometry_class) if reads_material else OPAQUE
    topology = class_topology(key.geometry_class)
    mirrored = key.geometry_class & CLASS_MIRRORED if lit or key.render_pass == "ghost" else 0
    return key._replace(geometry_class=layout | topology << 16 | alpha << 19 | mirrored, environment=key.environment and lit,
                        shadow=key.shadow and lit)


@lru_cache(maxsize=4096)
def class_key(base: ProgramKey, shader: str, features: int, geometry_class: int) -> ProgramKey:
    """Return the normalised key of a shading class and a geometry class; remembered, because every batch of every frame asks."""
    return normalise(base._replace(shader=shader, features=features, geometry_class=geometry_class))


def defines(key: ProgramKey) -> list[str]:
    """Return the features of ``shader_source.FEATURES`` that a normalised key switches on."""
    geometry = key.geometry_class
    switches = {
        "PASS_SHADE": key.render_pass == "shade", "PASS_DEPTH": key.render_pass == "depth", "PASS_IDS": key.render_pass == "ids",
        "PASS_GHOST": key.render_pass == "ghost", "PASS_SELECTION": key.render_pass == "selection",
        # Lines and points without normals face no light: they show their colour (glTF 2.0, 3.7.2.1).
        "LIT": bool(key.shader) and SHADERS[key.shader].lit and (class_topology(geometry) == TRIANGLES or bool(geometry & NORMAL)),
        "HAS_NORMAL": geometry & NORMAL, "HAS_TANGENT": geometry & TANGENT, "HAS_UV0": geometry & UV0, "HAS_UV1": geometry & UV1,
        "HAS_COLOR": geometry & COLOR, "HAS_VALUE": geometry & VALUE, "SKINNED": geometry & JOINTS, "SKINNED8": geometry & JOINTS8,
        "MORPHED": geometry & MORPH, "MORPH_NORMALS": geometry & MORPH_NORMAL, "MORPH_TANGENTS": geometry & MORPH_TANGENT,
        "MIRRORED": geometry & CLASS_MIRRORED, "MASK": class_alpha(geometry) == MASK,
        "BLEND": class_alpha(geometry) == BLEND, "LINES": class_topology(geometry) == LINES, "POINTS": class_topology(geometry) == POINTS,
        "MANY_ANCHORS": key.many_anchors, "PART_STATES": key.states, "HAS_ENVIRONMENT": key.environment,
        "HAS_SHADOW": key.shadow, "MULTISAMPLE": key.multisample,
    }
    return [name for name, on in switches.items() if on] + [f"FEATURE_{bit}" for bit in range(16) if key.features >> bit & 1]


class Programs:
    """Compiles programs on first use and keeps them until the device closes."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._composer = Composer(before=partial(device.registry.about_to, "read"))
        self._programs: dict[ProgramKey, moderngl.Program] = {}
        self._resources: list[Any] = []

    def get(self, key: ProgramKey) -> moderngl.Program:
        """Return the program of a key, which must be normalised.

        Raises
        ------
        ShaderError
            It does not compile or link; the message holds file, line, three lines around, features, and include chain.
        """
        program = self._programs.get(key)
        if program is None:
            program = self._programs[key] = self._compile(key)
        return program

    def _compile(self, key: ProgramKey) -> moderngl.Program:
        fragment_path = _UNITS[key.render_pass][1]
        units = self._compose(key)
        what = f"Shader {fragment_path} with material {key.shader or 'none'}"
        for unit in units.values():
            for number, name in own_inputs(unit):
                raise ShaderError(f"{what} would read zeros:\n" + unit.show(
                    number, f"nothing produces {name}; surface() finds all there is in its Fragment") + f"\n{unit.features}")
        try:
            self._device.registry.about_to("compile", fragment_path)
            program = self._device.ctx.program(vertex_shader=units["vertex"].text, fragment_shader=units["fragment"].text)
        except moderngl.Error as error:
            with suppress(DeviceError):  # a debug context reports the same once more
                self._device.check(f"compiling {fragment_path}")
            raise ShaderError(f"{what} {_explained(str(error), units)}") from None
        resource = self._device.track("program", program.glo, program.release)
        try:
            self._device.check(f"compiling {fragment_path}")
            for name, sentence in unfed(program, key):
                raise ShaderError(f"{what} would read zeros: {sentence}\n{_mentions(name, units)}")
        except BaseException:
            resource.release()
            raise
        self._resources.append(resource)
        self._device.stats.programs_compiled += 1
        return program

    def _compose(self, key: ProgramKey) -> dict[str, Source]:
        aliases = {"material/surface.glsl": SHADERS[key.shader].path if key.shader else "material/none.glsl"}
        features = defines(key)
        return {name: self._composer.compose(path, features, aliases)
                for name, path in zip(("vertex", "fragment"), _UNITS[key.render_pass], strict=True)}


def _explained(log: str, units: dict[str, Source]) -> str:
    """Turn a driver's log into what went wrong where: a compiler names a line, a linker names what does not fit together."""
    for name, unit in units.items():
        if f"{name}_shader" in log:
            return f"does not compile:\n{unit.explain(log)}"
    places = [_mentions(name, units) for name in dict.fromkeys(_QUOTED.findall(log)) if any(unit.find(name) for unit in units.values())]
    return "does not link:\n" + "\n".join([*messages(log), *(places or [units["fragment"].features])])


def _mentions(name: str, units: dict[str, Source]) -> str:
    """Where a name first stands in each unit, with the lines around."""
    found = [unit.show(number, f"{name} in the {kind} unit") for kind, unit in units.items() if (number := unit.find(name))]
    return "\n".join([*found, units["fragment"].features])
