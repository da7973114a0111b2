"""A scene to PLY: one mesh of all that is shown, in world space, with normals, texture coordinates and colours; or its points; or lines."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..drawn import Drawn, drawn, facing, in_file, material_color, moved, srgb_bytes, turned
from ..errors import AssetError
from ..scene import Scene
from . import AssetWarning, listed
from .losses import are_colored, plain_losses
from .output import Output
from .placing import to_file

_FACE = np.dtype([("count", "u1"), ("corners", "<i4", 3)])
_EDGE = np.dtype([("ends", "<i4", 2)])
_TEXT_BLOCK = 1 << 15
"""Rows that are made into text at a time."""


def save_ply(scene: Scene, output: Output, *, unit: str = "metre", up: str = "y", ascii: bool = False) -> None:
    """Write a .ply file; what has no colours of its own gets that of its material, unless nothing has one.

    Parameters
    ----------
    unit : str
    up : "y" or "z"
    ascii : bool
        Write text; binary, little-endian by default.

    Raises
    ------
    AssetError
        The scene shows nothing, or has more vertices than the format can count.
    """
    everything = drawn(scene)
    parts = _chosen(everything, output.path.name)
    notes = ["points, because PLY holds either a surface or points"] if len(parts) < len(everything) else []
    if losses := notes + plain_losses(scene, parts, frozenset({"colours"})):
        warnings.warn(f"{output.path.name} was saved without {listed(losses)}.", AssetWarning, stacklevel=4)
    place = to_file(unit, up)
    vertices = _vertices(parts, place)
    triangles, lines = _indices(parts, "triangles"), _indices(parts, "lines")
    if len(vertices) > 0x7FFFFFFF:
        raise AssetError(f"{output.path.name} would have {len(vertices):,} vertices, more than PLY can count; save less in one file.")
    elements: list[tuple[str, NDArray[Any]]] = [("vertex", vertices)]
    if len(triangles):
        faces = np.empty(len(triangles), _FACE)
        faces["count"], faces["corners"] = 3, triangles
        elements.append(("face", faces))
    if len(lines):
        edges = np.empty(len(lines), _EDGE)
        edges["ends"] = lines
        elements.append(("edge", edges))
    stream = output.open()
    stream.write(_head(elements, ascii))
    for _, rows in elements:
        if not ascii:
            stream.write(rows.data)
            continue
        for start in range(0, len(rows), _TEXT_BLOCK):
            stream.write(_text(rows[start : start + _TEXT_BLOCK]))


def _chosen(everything: list[Drawn], name: str) -> list[Drawn]:
    """Surfaces and lines, or else points, since a reader takes a vertex without a face for nothing."""
    parts = [part for part in everything if part.geometry.topology != "points" and part.geometry.index_count]
    parts = parts or everything
    if not parts:
        raise AssetError(f"The scene shows nothing, so {name} would be empty; make visible what is to be saved.")
    return parts


def _vertices(parts: list[Drawn], place: NDArray[np.float64]) -> NDArray[Any]:
    """Return the rows of all vertices, with the attributes that all parts have, and colours where any part has some."""
    fields: list[Any] = [(axis, "<f4") for axis in "xyz"]
    normals = all(part.geometry.normals is not None for part in parts)
    uvs = all(part.geometry.uv0 is not None for part in parts)
    colored = are_colored(parts)
    fields += [(axis, "<f4") for axis in ("nx", "ny", "nz")] * normals + [(axis, "<f4") for axis in "st"] * uvs
    fields += [(name, "u1") for name in ("red", "green", "blue", "alpha")] * colored
    rows = np.empty(sum(part.geometry.vertex_count for part in parts), fields)
    at = 0
    for part in parts:
        geometry, matrix = part.geometry, in_file(place, part)
        row = rows[at : at + geometry.vertex_count]
        at += geometry.vertex_count
        row["x"], row["y"], row["z"] = moved(geometry, matrix).T
        if normals and (vectors := turned(geometry, matrix)) is not None:
            row["nx"], row["ny"], row["nz"] = vectors.T
        if uvs and geometry.uv0 is not None:
            row["s"], row["t"] = geometry.uv0[:, 0], 1.0 - geometry.uv0[:, 1].astype(np.float64)
        if colored:
            own = np.ones((1, 4), np.float32) if geometry.colors is None else geometry.colors
            row["red"], row["green"], row["blue"], row["alpha"] = srgb_bytes(own * np.array(material_color(part.material))).T
    if not all(np.isfinite(rows[axis]).all() for axis in "xyz"):
        raise AssetError("Something lies beyond what the numbers of PLY can hold; move it nearer.")
    return rows


def _indices(parts: list[Drawn], topology: str) -> NDArray[np.int64]:
    """Return the triangles or pairs of all parts, counted through."""
    found, at = [np.zeros((0, 3 if topology == "triangles" else 2), np.int64)], 0
    for part in parts:
        if part.geometry.topology == topology:
            indices = facing(part.geometry, part.matrix) if topology == "triangles" else part.geometry.indices.reshape(-1, 2)
            found.append(indices.astype(np.int64) + at)
        at += part.geometry.vertex_count
    return np.concatenate(found)


def _head(elements: list[tuple[str, NDArray[Any]]], ascii: bool) -> bytes:
    lines = ["ply", f"format {'ascii' if ascii else 'binary_little_endian'} 1.0"]
    for name, rows in elements:
        lines.append(f"element {name} {len(rows)}")
        if name == "face":
            lines.append("property list uchar int vertex_indices")
        elif name == "edge":
            lines += ["property int vertex1", "property int vertex2"]
        else:
            kinds = {"f": "float", "u": "uchar"}
            lines += [f"property {kinds[rows.dtype[field].kind]} {field}" for field in rows.dtype.names or ()]
    return "\n".join([*lines, "end_header", ""]).encode()


def _text(rows: NDArray[Any]) -> bytes:
    names = rows.dtype.names or ()
    columns = [rows[name].reshape(len(rows), -1) for name in names]
    words = [word for name, column in zip(names, columns, strict=True)
             for word in ["%.9g" if rows.dtype[name].kind == "f" else "%d"] * column.shape[1]]
    values = np.concatenate([column.astype(np.float64) for column in columns], axis=1)
    return ((" ".join(words) + "\n") * len(rows) % tuple(values.ravel().tolist())).encode()
