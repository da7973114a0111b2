"""Names of instances as a property table (EXT_instance_features, EXT_structural_metadata), whose columns are those of the scene.

A table has one row an instance, and the property that its schema gives the semantic NAME, of type STRING, holds the names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AssetError
from ..names import encode
from .gltf_accessors import Accessors
from .gltf_document import Document

if TYPE_CHECKING:
    from ..scene import Scene

Names = tuple[NDArray[np.int64], NDArray[np.uint8]]
FEATURES, METADATA = "EXT_instance_features", "EXT_structural_metadata"
CLASS = "metarender_part"
SCHEMA: dict[str, Any] = {"name": "Part", "properties": {"name": {"type": "STRING", "semantic": "NAME"}}}
_OFFSETS = {"UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8"}


def part_names(scene: Scene, ids: NDArray[np.uint32]) -> Names:
    """Offsets and UTF-8 bytes of the names of parts, without a string for each where they came as columns."""
    columns = [names for names in (column.select(ids) for column in scene._name_columns) if names[1].size]
    single = np.fromiter(scene._names, np.uint32, len(scene._names))
    if len(columns) > 1 or np.isin(ids, single).any():
        return encode([scene._name_of(number) for number in ids.tolist()], len(ids))
    return columns[0] if columns else (np.zeros(len(ids) + 1, np.int64), np.zeros(0, np.uint8))


def write_names(document: Document, offsets: NDArray[np.int64], text: NDArray[np.uint8]) -> int | None:
    """Append a property table with names; returns its number, None where no part has one."""
    if not text.size:
        return None
    name: dict[str, Any] = {}

    def fill() -> None:
        wide = len(text) >= 2**32
        name.update(values=document.view(text), stringOffsets=document.view(offsets.astype(np.uint64 if wide else np.uint32)))
        if wide:
            name["stringOffsetType"] = "UINT64"

    document.postponed.append(fill)
    return document.add("propertyTables", {"class": CLASS, "count": len(offsets) - 1, "properties": {"name": name}})


def add_schema(metadata: dict[str, Any]) -> bool:
    """Describe tables of names in an EXT_structural_metadata that may hold others; False where its schema is in another file or none."""
    if any(table.get("class") == CLASS for table in metadata.get("propertyTables", ())):
        if "schemaUri" in metadata:
            return False
        schema = metadata.pop("schema", {"id": "metarender"})
        if not isinstance(schema, dict) or not isinstance(schema.setdefault("classes", {}), dict):  # nothing here reads the one of the file
            return False
        schema["classes"].setdefault(CLASS, SCHEMA)
        rest = dict(metadata)
        metadata.clear()
        metadata.update(schema=schema, **rest)
    return True


def names_of_instances(document: dict[str, Any], accessors: Accessors, node: int, count: int) -> Names | None:
    """Read the names of the instances of a node; None where the file has none, or none that hold: names change no picture."""
    extensions = document["nodes"][node].get("extensions", {})
    try:
        (feature, *_) = extensions[FEATURES]["featureIds"]
        if "attribute" in feature:
            return None
        metadata = document["extensions"][METADATA]
        table = metadata["propertyTables"][feature["propertyTable"]]
        properties = metadata["schema"]["classes"][table["class"]]["properties"]
        name = next(key for key, how in properties.items() if how.get("semantic") == "NAME")
        if properties[name]["type"] != "STRING" or properties[name].get("array"):
            return None
        values = table["properties"][name]
        text = np.frombuffer(accessors.view_bytes(values["values"]), np.uint8)
        offsets = np.frombuffer(accessors.view_bytes(values["stringOffsets"]), _OFFSETS[values.get("stringOffsetType", "UINT32")])
        if table["count"] != count or len(offsets) < count + 1:
            return None
        offsets = offsets[: count + 1].astype(np.int64)
        if offsets[0] != 0 or (offsets[1:] < offsets[:-1]).any() or offsets[-1] > len(text):
            return None
        text = text[: offsets[-1]]
        text.tobytes().decode()
        starts = offsets[:-1][offsets[:-1] < offsets[1:]]
        return None if (text[starts] & 0xC0 == 0x80).any() else (offsets, text)
    except (AssetError, AttributeError, IndexError, KeyError, StopIteration, TypeError, UnicodeDecodeError, ValueError):
        return None
