"""What a driver compiles and links without a word although nobody feeds it: found here, because it would draw black in silence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import moderngl

from ..geometry import COLOR, DEFORMED, JOINTS, JOINTS8, MORPH, NORMAL, TANGENT, UV0, UV1, VALUE
from . import bindings as at
from . import gl_extra as gl

if TYPE_CHECKING:
    from .programs import ProgramKey
    from .shader_source import Source

_BY_LAYOUT = {"in_normal": NORMAL, "in_tangent": TANGENT, "in_uv0": UV0, "in_uv1": UV1, "in_color": COLOR,
              "in_joints0": JOINTS, "in_weights0": JOINTS, "in_joints1": JOINTS8, "in_weights1": JOINTS8, "in_morph": MORPH,
              "in_value": VALUE}
_SAMPLERS = {gl.GL_SAMPLER_2D: "sampler2D", gl.GL_SAMPLER_CUBE: "samplerCube", gl.GL_SAMPLER_2D_SHADOW: "sampler2DShadow",
             gl.GL_SAMPLER_2D_ARRAY: "sampler2DArray", gl.GL_SAMPLER_2D_MULTISAMPLE: "sampler2DMS"}
_DECLARED = re.compile(r"^\s*(?:layout\s*\([^)]*\)\s*)?(?:(?:flat|smooth|noperspective|centroid|sample|invariant)\s+)*"
                       r"(?:in|out)\s+\w+\s+(\w+)")


def unfed(program: moderngl.Program, key: ProgramKey) -> Iterator[tuple[str, str]]:
    """Yield (name, sentence) of every input of a linked program that the engine does not provide.

    Parameters
    ----------
    program : moderngl.Program
    key : ProgramKey
        Normalised.
    """
    for name in program:
        member: Any = program[name]
        if isinstance(member, moderngl.Attribute):
            fed = name in at.ATTRIBUTES and (name not in _BY_LAYOUT or bool(key.geometry_class & _BY_LAYOUT[name]))
            if not fed and not name.startswith("gl_"):
                yield name, f"the vertex attribute {name} is not one of this geometry's"
        elif isinstance(member, moderngl.UniformBlock):
            if member.value != at.BLOCK_VIEW:
                yield name, f"the uniform block {name} has binding {member.value}, where nothing is bound"
        elif isinstance(member, moderngl.StorageBlock):
            if member.value not in _storage(key):
                yield name, f"the storage block {name} has binding {member.value}, where nothing is bound"
        elif isinstance(member, moderngl.Uniform) and name != "samples":
            yield from _unfed_uniform(name, member, _units(key))


def _unfed_uniform(name: str, member: Any, units: dict[int, int]) -> Iterator[tuple[str, str]]:
    kind = _SAMPLERS.get(member.gl_type)
    if kind is None:
        yield name.split(".")[0], f"nobody sets the uniform {name}; a material reads its values from its row of the table"
    elif units.get(member.value) != member.gl_type:
        bound = _SAMPLERS[units[member.value]] if member.value in units else "nothing"
        yield name, f"the {kind} {name} reads texture unit {member.value}, where {bound} is bound; is its slot filled?"


def _storage(key: ProgramKey) -> set[int]:
    fed = {at.STORAGE_ANCHORS} if key.many_anchors else set()
    if key.geometry_class & DEFORMED:
        fed |= {at.STORAGE_DEFORM, at.STORAGE_MORPHS}
    if key.shader:
        fed |= {at.STORAGE_MATERIALS, at.STORAGE_LIGHTS} if key.render_pass == "shade" else {at.STORAGE_MATERIALS}
    return fed


def _units(key: ProgramKey) -> dict[int, int]:
    """Return what kind of texture is bound to which unit while a program draws."""
    units = {at.UNIT_SLOT_0 + slot: gl.GL_SAMPLER_2D_ARRAY for slot in range(16) if key.features >> slot & 1}
    if key.environment or key.render_pass == "sky":
        units |= {at.UNIT_ENVIRONMENT_SPECULAR: gl.GL_SAMPLER_CUBE, at.UNIT_ENVIRONMENT_IRRADIANCE: gl.GL_SAMPLER_CUBE,
                  at.UNIT_ENVIRONMENT_DFG: gl.GL_SAMPLER_2D}
    if key.shadow:
        units[at.UNIT_SHADOW] = gl.GL_SAMPLER_2D_SHADOW
    if key.states and key.render_pass == "shade":
        units[at.UNIT_COLORMAP] = gl.GL_SAMPLER_2D
    if key.render_pass in ("encode", "outline", "overlay"):
        units[at.UNIT_SOURCE] = gl.GL_SAMPLER_2D_MULTISAMPLE if key.multisample else gl.GL_SAMPLER_2D
    return units


def own_inputs(source: Source) -> Iterator[tuple[int, str]]:
    """Yield (line of the unit, name) of what the files of materials declare as inputs or outputs of their own: nothing produces it.

    Drivers differ in whether they notice; Mesa does not where a location is given.
    """
    depth = 0
    for number, (line, origin) in enumerate(zip(source.text.splitlines(), source.origins, strict=True), 1):
        code = line.split("//")[0]
        found = _DECLARED.match(code)
        if found and depth == 0 and origin.file.startswith("material/"):
            yield number, found[1]
        depth += code.count("{") + code.count("(") - code.count("}") - code.count(")")
