"""The rules of glTF 2.0 about animations, which are checked so that a file with broken ones is refused before they are played."""

from __future__ import annotations

from typing import Any

from .gltf_layout import format_name, format_of
from .gltf_mesh_rules import Usage, formats
from .gltf_schema import Fault, shown

_STRIDE = "ANIMATION_SAMPLER_ACCESSOR_WITH_BYTESTRIDE"
_F32 = (5126, False)
_FLOATS = (_F32, (5120, True), (5121, True), (5122, True), (5123, True))
_OUTPUTS = formats(
    translation=(("VEC3",), (_F32,)), rotation=(("VEC4",), _FLOATS), scale=(("VEC3",), (_F32,)), weights=(("SCALAR",), _FLOATS)
)


def check_animations(document: dict[str, Any], usage: Usage) -> None:
    """Check that animations could be played: samplers, formats, counts and targets.

    Raises
    ------
    Fault
    """
    for index, animation in enumerate(document.get("animations", ())):
        try:
            for place, sampler in enumerate(animation["samplers"]):
                _check_sampler(document, sampler, place)
                usage.other(sampler["input"], "AnimationInput", _STRIDE, "input", place, "samplers")
                usage.other(sampler["output"], "AnimationOutput", _STRIDE, "output", place, "samplers")
            for place, channel in enumerate(animation["channels"]):
                try:
                    _check_channel(document, animation, channel)
                except Fault as fault:
                    fault.path += [place, "channels"]
                    raise
            _check_unique_targets(animation["channels"])
        except Fault as fault:
            fault.path += [index, "animations"]
            raise


def _check_sampler(document: dict[str, Any], sampler: dict[str, Any], place: int) -> None:
    accessor = document["accessors"][sampler["input"]]
    if format_of(accessor) != ("SCALAR", 5126, False):
        message = f"The times of an animation cannot be {format_name(accessor)}."
        raise Fault("ANIMATION_SAMPLER_INPUT_ACCESSOR_INVALID_FORMAT", message, "input", place, "samplers")
    if "min" not in accessor or "max" not in accessor:
        message = "The accessor of animation times must have min and max."
        raise Fault("ANIMATION_SAMPLER_INPUT_ACCESSOR_WITHOUT_BOUNDS", message, "input", place, "samplers")
    if sampler.get("interpolation") == "CUBICSPLINE" and accessor["count"] < 2:
        message = "CUBICSPLINE needs at least 2 times."
        raise Fault("ANIMATION_SAMPLER_INPUT_ACCESSOR_TOO_FEW_ELEMENTS", message, "input", place, "samplers")


def _check_unique_targets(channels: list[dict[str, Any]]) -> None:
    """Check that no two channels move the same property; the first of them is at fault."""
    seen: dict[tuple[int, str], int] = {}
    for place, channel in enumerate(channels):
        target = channel["target"]
        if "node" in target and (first := seen.setdefault((target["node"], target["path"]), place)) != place:
            raise Fault("ANIMATION_DUPLICATE_TARGETS", f"Channel {place} has the same target.", "target", first, "channels")


def _check_channel(document: dict[str, Any], animation: dict[str, Any], channel: dict[str, Any]) -> None:
    if channel["sampler"] >= len(animation["samplers"]):
        raise Fault("UNRESOLVED_REFERENCE", f"Index {channel['sampler']} points past the {len(animation['samplers'])} samplers.", "sampler")
    target = channel["target"]
    path, number = target["path"], target.get("node")
    animated = target.get("extensions", {}).get("KHR_animation_pointer")
    if animated is not None and path != "pointer":
        message = f"KHR_animation_pointer needs the path 'pointer', not {shown(path)}."
        raise Fault("KHR_ANIMATION_POINTER_ANIMATION_CHANNEL_TARGET_PATH", message, "KHR_animation_pointer", "extensions", "target")
    if animated is not None and number is not None:
        message = "KHR_animation_pointer cannot stand beside a target node."
        raise Fault("KHR_ANIMATION_POINTER_ANIMATION_CHANNEL_TARGET_NODE", message, "KHR_animation_pointer", "extensions", "target")
    morphs = _check_target_node(document, number, path) if number is not None else 0
    if path in _OUTPUTS:
        _check_output(document, animation["samplers"][channel["sampler"]], path, morphs)


def _check_target_node(document: dict[str, Any], number: int, path: str) -> int:
    """Return the number of morph targets of the animated node."""
    node = document["nodes"][number]
    if path in ("translation", "rotation", "scale") and "matrix" in node:
        message = "A node with a matrix cannot be animated by translation, rotation or scale."
        raise Fault("ANIMATION_CHANNEL_TARGET_NODE_MATRIX", message, "target")
    morphs = len(document["meshes"][node["mesh"]]["primitives"][0].get("targets", ())) if "mesh" in node else 0
    if path == "weights" and not morphs:
        message = "The mesh of the node has no morph targets to weight."
        raise Fault("ANIMATION_CHANNEL_TARGET_NODE_WEIGHTS_NO_MORPHS", message, "target")
    return morphs


def _check_output(document: dict[str, Any], sampler: dict[str, Any], path: str, morphs: int) -> None:
    accessor = document["accessors"][sampler["output"]]
    if format_of(accessor) not in _OUTPUTS[path]:
        message = f"The values of {path} cannot be {format_name(accessor)}."
        raise Fault("ANIMATION_SAMPLER_OUTPUT_ACCESSOR_INVALID_FORMAT", message, "sampler")
    expected = document["accessors"][sampler["input"]]["count"]
    expected *= 3 if sampler.get("interpolation") == "CUBICSPLINE" else 1
    expected *= morphs if path == "weights" and morphs else 1
    if accessor["count"] != expected:
        message = f"{expected} values of {path} are expected, the accessor has {accessor['count']}."
        raise Fault("ANIMATION_SAMPLER_OUTPUT_ACCESSOR_INVALID_COUNT", message, "sampler")
