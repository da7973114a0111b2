"""Animations of a loaded glTF file into a new document: channels whose target is there and can still be driven, and their samplers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .gltf_references import Missing

if TYPE_CHECKING:
    from .gltf_copying import Copier

SHEARED_CURVES = "curves that turn or scale nodes whose matrix shears"
OTHER_MORPHS = "curves of the morphs of nodes that have others now"


def copied_animation(copier: Copier, number: int) -> int:
    """Copy an animation of a file; returns its new number.

    Raises
    ------
    Missing
        None of its channels is left.
    """
    entry = copier.entry("animations", number)
    samplers: list[dict[str, Any]] = []
    places: dict[int, int] = {}
    channels = []
    for channel in entry["channels"]:
        target = channel["target"]
        if not _fits(copier, target):
            continue
        try:
            moved = {**copier.copy({k: v for k, v in channel.items() if k not in ("sampler", "target")}),
                     "sampler": _sampler(copier, entry["samplers"], channel["sampler"], samplers, places),
                     "target": copier.copy(target, {"node": "nodes"})}
        except Missing:
            continue
        if len(moved["target"]) < len(target) or len(moved["target"].get("extensions", ())) < len(target.get("extensions", ())):
            continue  # what it moves is gone
        if target["path"] == "translation" and target.get("node") in copier.outer:
            moved["target"]["node"] = copier.outer[target["node"]]
        channels.append(moved)
    if not channels:
        raise Missing
    rest = copier.copy({name: value for name, value in entry.items() if name not in ("channels", "samplers")})
    return copier.document.add("animations", {**rest, "channels": channels, "samplers": samplers})


def _fits(copier: Copier, target: dict[str, Any]) -> bool:
    """Whether a node can still be driven: it has as many morphs as in the file, and was not given a matrix that shears."""
    node, path = target.get("node"), target["path"]
    if path in ("rotation", "scale") and node in copier.outer:
        copier.document.notes[SHEARED_CURVES] = None
        return False
    if path == "weights" and node in copier.nodes and "mesh" in copier.entry("nodes", node):
        before = copier.entry("meshes", copier.entry("nodes", node)["mesh"])["primitives"][0].get("targets", ())
        if copier.document.morphs_of(copier.nodes[node]) != len(before):
            copier.document.notes[OTHER_MORPHS] = None
            return False
    return True


def _sampler(copier: Copier, entries: list[dict[str, Any]], number: int, made: list[dict[str, Any]], places: dict[int, int]) -> int:
    """Copy a sampler once; returns its place among those that are made."""
    if number not in places:
        entry = entries[number]
        data = {"input": copier.index("times", entry["input"]), "output": copier.index("accessors", entry["output"])}
        made.append({**data, **copier.copy({k: v for k, v in entry.items() if k not in data})})
        places[number] = len(made) - 1
    return places[number]
