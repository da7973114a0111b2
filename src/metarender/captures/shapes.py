"""Geometries and their levels as plain values and a few long arrays, and back. Levels that share vertices share them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..geometry import MAX_LEVELS, TOPOLOGIES, Geometry
from .archive import ArchiveReader
from .fields import Fields, plain_text
from .surfaces import OBJECT_BYTES

_ATTRIBUTES = {"normals": 3, "tangents": 4, "uv0": 2, "uv1": 2, "colors": 4}
_WIDTHS = {"positions": 3, **_ATTRIBUTES}
_MOST = 0xFFFFFFFF

Block = dict[str, NDArray[np.float32]]
"""The attributes of some vertices, by name."""


def shape_values(geometries: Sequence[Geometry], arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Describe geometries, whose levels are among them or follow; vertices and indices go to `arrays`."""
    numbers = {id(geometry): number for number, geometry in enumerate(geometries)}
    whole = list(geometries)
    for level in (level for geometry in geometries for level, _ in geometry.levels):
        if id(level) not in numbers:
            numbers[id(level)] = len(whole)
            whole.append(level)
    blocks: dict[tuple[int, ...], Block] = {}
    for geometry in whole:
        blocks.setdefault(_key(geometry), {name: getattr(geometry, name) for name in _WIDTHS if getattr(geometry, name) is not None})
    places = {key: place for place, key in enumerate(blocks)}
    for name in _WIDTHS:
        found = [block[name] for block in blocks.values() if name in block]
        if found:
            arrays[f"vertices/{name}"] = np.concatenate(found)
    arrays["indices"] = np.concatenate([np.zeros(0, np.uint32), *(geometry.indices for geometry in whole)])
    described = [{"name": plain_text(geometry.name), "vertices": places[_key(geometry)], "indices": geometry.index_count,
                  "topology": geometry.topology, "levels": [numbers[id(level)] for level, _ in geometry.levels],
                  "errors": [float(error) for _, error in geometry.levels]} for geometry in whole]
    return {"vertices": [{"count": len(block["positions"]), "attributes": [name for name in _ATTRIBUTES if name in block]}
                         for block in blocks.values()], "geometries": described}


def _key(geometry: Geometry) -> tuple[int, ...]:
    """Equal for geometries that share their vertices, as levels do that were simplified."""
    return tuple(id(getattr(geometry, name)) for name in _WIDTHS)


def read_shapes(scene: Fields, archive: ArchiveReader) -> list[Geometry]:
    """Make the geometries of a scene's description."""
    blocks = _read_blocks(scene.parts("vertices"), archive)
    described = scene.parts("geometries")
    counts = [fields.whole("indices", 0, _MOST) for fields in described]
    indices, start, plain, seen = archive.array("indices", "<u4", (sum(counts),)), 0, [], set()
    for fields, count in zip(described, counts, strict=True):
        archive.budget.take(OBJECT_BYTES, "A geometry", fields.pointer)
        number = fields.whole("vertices", 0, len(blocks) - 1)
        if number in seen:  # each geometry looks at its vertices, also where they are shared
            archive.budget.take(sum(array.nbytes for array in blocks[number].values()), "A geometry", fields.pointer)
        seen.add(number)
        name, topology = fields.text("name"), fields.choice("topology", TOPOLOGIES)
        with fields.refusing():
            plain.append(Geometry(**blocks[number], indices=indices[start:start + count], topology=topology, name=name))
        start += count
    return [_with_levels(geometry, plain, fields) for geometry, fields in zip(plain, described, strict=True)]


def _read_blocks(described: list[Fields], archive: ArchiveReader) -> list[Block]:
    """Cut the long arrays of attributes into blocks of vertices."""
    rows = [(fields.whole("count", 1, _MOST), ("positions", *fields.choices("attributes", _ATTRIBUTES))) for fields in described]
    for fields in described:
        fields.done()
    blocks: list[Block] = [{} for _ in rows]
    for name, width in _WIDTHS.items():
        holders = [(block, count) for block, (count, names) in zip(blocks, rows, strict=True) if name in names]
        total, start = sum(count for _, count in holders), 0
        if not total:
            continue
        array = archive.array(f"vertices/{name}", "<f4", (total, width))
        for block, count in holders:
            block[name] = array[start:start + count]
            start += count
    return blocks


def _with_levels(geometry: Geometry, plain: list[Geometry], fields: Fields) -> Geometry:
    levels = fields.wholes("levels", len(plain) - 1)
    errors = fields.numbers("errors", len(levels))
    fields.done()
    if not levels:
        return geometry
    if len(levels) > MAX_LEVELS:
        fields.refuse(f"a geometry has at most {MAX_LEVELS} levels", name="levels")
    with fields.refusing():
        return geometry.with_levels([(plain[level], error) for level, error in zip(levels, errors, strict=True)])
