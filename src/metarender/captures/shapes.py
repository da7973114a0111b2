"""Geometries and their levels as plain values and a few long arrays, and back. Levels that share vertices share them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..deformation import Morph, group_bytes
from ..geometry import MAX_LEVELS, TOPOLOGIES, Geometry
from .archive import ArchiveReader
from .fields import Fields, plain_text
from .surfaces import OBJECT_BYTES

_ATTRIBUTES = {"normals": 3, "tangents": 4, "uv0": 2, "uv1": 2, "colors": 4, "joints0": 4, "weights0": 4, "joints1": 4, "weights1": 4}
_WIDTHS = {"positions": 3, **_ATTRIBUTES}
_MORPHED = ("positions", "normals", "tangents")
_MOST = 0xFFFFFFFF

Block = dict[str, Any]
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
        blocks.setdefault(_key(geometry), _block(geometry))
    morphs = {_key(geometry): geometry.morphs for geometry in whole}
    places = {key: place for place, key in enumerate(blocks)}
    for name in _WIDTHS:
        found = [block[name] for block in blocks.values() if name in block]
        if found:
            arrays[f"vertices/{name}"] = np.concatenate(found)
    for name in _MORPHED:
        moved = [array for key in blocks for morph in morphs[key] if (array := getattr(morph, name)) is not None]
        if moved:
            arrays[f"morphs/{name}"] = np.concatenate(moved)
    arrays["indices"] = np.concatenate([np.zeros(0, np.uint32), *(geometry.indices for geometry in whole)])
    described = [{"name": plain_text(geometry.name), "vertices": places[_key(geometry)], "indices": geometry.index_count,
                  "topology": geometry.topology, "levels": [numbers[id(level)] for level, _ in geometry.levels],
                  "errors": [float(error) for _, error in geometry.levels]} for geometry in whole]
    return {"vertices": [{"count": len(block["positions"]), "attributes": [name for name in _ATTRIBUTES if name in block],
                          **_morph_values(morphs[key])} for key, block in blocks.items()], "geometries": described}


def _block(geometry: Geometry) -> Block:
    """Return the attributes of a geometry; joints and weights four by four."""
    found: Block = {name: array for name in _WIDTHS if (array := getattr(geometry, name, None)) is not None}
    for number in range(0 if geometry.joints is None else geometry.joints.shape[1] // 4):
        for name in ("joints", "weights"):
            found[f"{name}{number}"] = getattr(geometry, name)[:, 4 * number:4 * number + 4]
    return found


def _morph_values(morphs: Sequence[Morph]) -> dict[str, Any]:
    """Describe morphs; nothing where there are none."""
    if not morphs:
        return {}
    return {"morphs": [{"name": plain_text(morph.name), "attributes": [name for name in _MORPHED[1:] if getattr(morph, name) is not None]}
                       for morph in morphs]}


def _key(geometry: Geometry) -> tuple[int, ...]:
    """Equal for geometries that share their vertices, as levels do that were simplified."""
    arrays = [getattr(geometry, name) for name in ("positions", "normals", "tangents", "uv0", "uv1", "colors", "joints", "weights")]
    return tuple(map(id, (*arrays, *geometry.morphs)))


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
            size = sum(array.nbytes for array in blocks[number].values() if isinstance(array, np.ndarray))
            archive.budget.take(size, "A geometry", fields.pointer)
        seen.add(number)
        name, topology = fields.text("name"), fields.choice("topology", TOPOLOGIES)
        with fields.refusing():
            plain.append(Geometry(**blocks[number], indices=indices[start:start + count], topology=topology, name=name))
        start += count
    return [_with_levels(geometry, plain, fields) for geometry, fields in zip(plain, described, strict=True)]


def _read_blocks(described: list[Fields], archive: ArchiveReader) -> list[Block]:
    """Cut the long arrays of attributes into blocks of vertices."""
    rows = [(fields.whole("count", 1, _MOST), ("positions", *fields.choices("attributes", _ATTRIBUTES))) for fields in described]
    morphs = [[(entry.text("name"), ("positions", *entry.choices("attributes", _MORPHED[1:])), entry) for entry in fields.parts("morphs")]
              if fields.given("morphs") else [] for fields in described]
    blocks: list[Block] = [{} for _ in rows]
    for name, width in _WIDTHS.items():
        places = [(block, name, count) for block, (count, names) in zip(blocks, rows, strict=True) if name in names]
        _cut(archive, f"vertices/{name}", "<u2" if name.startswith("joints") else "<f4", width, places)
    shapes: list[list[Block]] = [[{} for _ in entries] for entries in morphs]
    for name in _MORPHED:
        _cut(archive, f"morphs/{name}", "<f4", 3,
             [(shape, name, count) for (count, _), entries, found in zip(rows, morphs, shapes, strict=True)
              for (_, names, _), shape in zip(entries, found, strict=True) if name in names])
    for fields, block, entries, found in zip(described, blocks, morphs, shapes, strict=True):
        fields.done()
        _join_influences(block, fields)
        for _, _, entry in entries:
            archive.budget.take(OBJECT_BYTES, "A morph", entry.pointer)
            entry.done()
        with fields.refusing():
            archive.budget.take(group_bytes(block.get("joints"), len(entries)) if entries else 0, "The boxes of morphs", fields.pointer)
            block["morphs"] = tuple(Morph(name=name, **shape) for (name, _, _), shape in zip(entries, found, strict=True))
    return blocks


def _cut(archive: ArchiveReader, name: str, dtype: str, width: int, places: list[tuple[Block, str, int]]) -> None:
    """Cut one long array into blocks of so many rows."""
    total, start = sum(count for _, _, count in places), 0
    if not total:
        return
    array = archive.array(name, dtype, (total, width))
    for block, key, count in places:
        block[key] = array[start:start + count]
        start += count


def _join_influences(block: Block, fields: Fields) -> None:
    """Put sets of four joints and weights together."""
    sets = sorted(name for name in block if name[:-1] in ("joints", "weights"))
    if sets not in ([], ["joints0", "weights0"], ["joints0", "joints1", "weights0", "weights1"]):
        fields.refuse("joints and weights must come in pairs", name="attributes")
    for name in ("joints", "weights"):
        parts = [block.pop(each) for each in sets if each.startswith(name)]
        if parts:
            block[name] = np.concatenate(parts, axis=1)


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
