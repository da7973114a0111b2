"""What is in a scene, as plain numbers: the answer of ``metarender info``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .scene import Scene

_PADDING = 0xFFFFFFFF  # in Store.slot_geometry


def inventory(scene: Scene) -> dict[str, Any]:
    """Count what a scene holds.

    Returns
    -------
    dict
        ``nodes``, ``draws``, ``triangles`` (drawn, instances counted), ``geometries``, ``vertices``, ``geometry_triangles``,
        ``materials``, ``textures``, ``texels``, ``lights``, ``cameras`` (names), ``clips`` (name, seconds and tracks of each) and
        ``bounds`` (lower and upper corner, metres, or None).
    """
    scene.update()
    geometries = [g for g in scene.geometry_list if g is not None]
    each = np.array([0 if g is None else _triangles(g) for g in scene.geometry_list] or [0], np.int64)
    slots = scene.store.slot_geometry
    materials = [m for m in scene.material_list if m is not None]
    textures = {id(info.texture): info.texture for m in materials for info in m.texture_infos if info is not None}
    bounds = scene.bounds
    facts: dict[str, Any] = {
        "nodes": len(scene.nodes),
        "draws": int(scene.store.draw_count),
        "triangles": int(each[slots[slots != _PADDING]].sum()),
        "geometries": len(geometries),
        "vertices": sum(g.vertex_count for g in geometries),
        "geometry_triangles": sum(_triangles(g) for g in geometries),
        "materials": len(materials),
        "textures": len(textures),
        "texels": sum(t.page.width * t.page.height for t in textures.values()),
        "lights": len(scene.lights),
        "cameras": [node.name for node in scene.cameras],
        "clips": [{"name": clip.name, "seconds": clip.duration, "tracks": len(clip.tracks)} for clip in scene.clips],
        "bounds": None if bounds is None else np.asarray(bounds).tolist(),
    }
    return facts


def _triangles(geometry: Any) -> int:
    if geometry.topology != "triangles":
        return 0
    return int(geometry.index_count or geometry.vertex_count) // 3


def describe(facts: dict[str, Any]) -> str:
    """The inventory as text for people."""
    lines = [f"{facts['file']}"] if "file" in facts else []
    lines += [
        f"  nodes       {facts['nodes']:,} with {facts['draws']:,} draws, {facts['lights']:,} lights, {len(facts['cameras']):,} cameras",
        f"  triangles   {facts['triangles']:,} over all draws",
        f"  geometries  {facts['geometries']:,} with {facts['vertices']:,} vertices and {facts['geometry_triangles']:,} triangles",
        f"  materials   {facts['materials']:,}",
        f"  textures    {facts['textures']:,} with {facts['texels']:,} texels",
    ]
    lines += [f"  clip        {clip['name']!r} {clip['seconds']:.4g} s, {clip['tracks']:,} tracks" for clip in facts["clips"]]
    if facts["bounds"] is None:
        lines.append("  bounds      empty")
    else:
        lower, upper = facts["bounds"]
        extent = " x ".join(f"{high - low:.4g}" for low, high in zip(lower, upper, strict=True))
        corners = " to ".join("(" + ", ".join(f"{value:.4g}" for value in corner) + ")" for corner in (lower, upper))
        lines.append(f"  bounds      {extent} m, {corners}")
    return "\n".join(lines)
