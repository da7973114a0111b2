"""Nodes with their names, parts and cameras as arrays, and a scene of such arrays: every id comes back with its generation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import ROW_ARRAYS, read_rows, restore_rows
from ..errors import CaptureError, InvalidInput
from ..geometry import Geometry
from ..materials import Material
from ..names import NameColumn
from ..scene import Scene
from .archive import ArchiveReader
from .fields import Fields, plain_text
from .poses import pose_values, read_poses
from .surfaces import OBJECT_BYTES
from .view import camera_values, read_camera

_NODE_BYTES, _ID_BYTES, _DRAW_BYTES = 256, 40, 120
"""What a scene takes for a node, for each id up to the highest, and for a draw while it is read."""
_MOST = 0xFFFFFF
_MOST_DRAWS = 0xFFFFFFFF


class Drawn:
    """The nodes of a scene, and what they draw in order of first use, so that equal scenes are described equally.

    Attributes
    ----------
    rows : dict of str to ndarray
        As ``read_rows``; geometry and material are places in the two lists below.
    geometries : list of Geometry
    materials : list of Material
    """

    def __init__(self, scene: Scene) -> None:
        self.rows = read_rows(scene.store)
        self.geometries: list[Geometry] = self._renumber("geometry", scene.geometry_list)
        self.materials: list[Material] = self._renumber("material", scene.material_list)

    def _renumber(self, name: str, table: Sequence[Any]) -> list[Any]:
        used, first = np.unique(self.rows[name], return_index=True)
        used = used[np.argsort(first)]
        places = np.zeros(len(table), np.uint32)
        places[used] = np.arange(len(used), dtype=np.uint32)
        self.rows[name] = places[self.rows[name]]
        return [table[number] for number in used.tolist()]


def node_values(scene: Scene, rows: dict[str, NDArray[Any]], arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Describe nodes; their arrays go to `arrays`."""
    arrays |= {f"nodes/{name}": array for name, array in rows.items()}
    ids = sorted((number, name) for number, name in scene.names.items() if name)
    texts = [plain_text(name).encode() for _, name in ids]
    arrays["names/id"] = np.array([number for number, _ in ids], np.uint32)
    arrays["names/length"] = np.array([len(text) for text in texts], np.uint32)
    arrays["names/text"] = np.frombuffer(b"".join(texts), np.uint8)
    heads = rows["id"][rows["range"][:, 0]].tolist()
    return {"nodes": len(rows["id"]), "draws": len(rows["geometry"]), "names": len(ids), "text": len(arrays["names/text"]),
            "parts": [plain_text(scene._ranges.get(scene.store.range_of(number), (None, ""))[1]) for number in heads],
            "cameras": [{"node": node.id, **camera_values(node.camera)} for node in scene.cameras], **pose_values(scene, arrays)}


def read_nodes(scene: Fields, archive: ArchiveReader, geometries: list[Geometry], materials: list[Material]) -> Scene:
    """Make a scene of its description; nothing is in it but what was described.

    Raises
    ------
    CaptureError
        What is said of nodes cannot be, or is more than allowed.
    """
    rows, names = _read_rows(scene, archive), scene.whole("names", 0, _MOST)
    letters = scene.whole("text", 0, archive.budget.limits.array_bytes)
    made, pairs = Scene(), rows["geometry"].astype(np.uint64) << np.uint64(32) | rows["material"]
    try:
        rows["geometry"] = _look_up(rows, "geometry", [made._tables.geometry(geometry) for geometry in geometries])
        rows["material"] = _look_up(rows, "material", [made._tables.material(material) for material in materials])
        for pair in np.unique(pairs).tolist():
            materials[pair & 0xFFFFFFFF].check_geometry(geometries[pair >> 32])
        restore_rows(made.store, rows)
    except InvalidInput as error:
        raise CaptureError(f"The nodes of the capture are damaged: {str(error).rstrip('.')}.", "NODES_INVALID", scene.pointer) from None
    _name_parts(made, rows, scene)
    _name_nodes(made, archive, names, letters)
    for entry in scene.parts("cameras"):
        archive.budget.take(OBJECT_BYTES, "A camera", entry.pointer)
        number = entry.whole("node", 1, 0xFFFFFFFF)
        if not made.store.is_alive(number):
            entry.refuse(f"node {number} is not there", name="node")
        made.node(number).camera = read_camera(entry)
        entry.done()
    read_poses(made, scene, archive)
    return made


def _look_up(rows: dict[str, NDArray[Any]], name: str, numbers: list[int]) -> NDArray[np.uint32]:
    """Numbers in the tables of the scene for places in the lists of the capture."""
    places = rows[name]
    if places.max(initial=0) >= max(len(numbers), 1) or (len(places) and not numbers):
        raise InvalidInput(f"a draw names {name} {places.max()} of {len(numbers)}")
    found: NDArray[np.uint32] = np.array(numbers, np.uint32)[places]
    return found


def _read_rows(scene: Fields, archive: ArchiveReader) -> dict[str, NDArray[Any]]:
    limits = archive.budget.limits
    nodes, draws = scene.whole("nodes", 0, _MOST), scene.whole("draws", 0, _MOST_DRAWS)
    for count, name in ((nodes, "nodes"), (draws, "draws")):
        if count > getattr(limits, name):
            scene.refuse(f"it has {count:,} {name}, more than {getattr(limits, name):,}; raise Limits.{name} if the file is trusted",
                         "LIMIT_EXCEEDED", name)
    archive.budget.take(_NODE_BYTES * nodes + _DRAW_BYTES * draws, "A scene", scene.pointer)
    parts = scene.value("parts")
    if type(parts) is not list or len(parts) > nodes or not all(type(name) is str for name in parts):
        scene.refuse("parts must be names of ranges of nodes", name="parts")
    lengths = {"n": nodes, "m": draws, "k": len(parts)}
    rows = {name: archive.array(f"nodes/{name}", dtype, tuple(lengths[extent] if isinstance(extent, str) else extent for extent in shape))
            for name, (dtype, shape) in ROW_ARRAYS.items()}
    highest = int((rows["id"] & _MOST).max(initial=0))
    archive.budget.take(_ID_BYTES * highest, "A table of ids", scene.pointer)
    return rows | {"parts": np.array(parts, object)}


def _name_parts(made: Scene, rows: dict[str, NDArray[Any]], scene: Fields) -> None:
    for number, name in zip(made.store.range_numbers, rows["parts"].tolist(), strict=True):
        made._ranges[number] = None, name


def _name_nodes(made: Scene, archive: ArchiveReader, count: int, letters: int) -> None:
    """Put the names in as one column."""
    ids = archive.array("names/id", "<u4", (count,))
    lengths, text = archive.array("names/length", "<u4", (count,)), archive.array("names/text", "|u1", (letters,))
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
    try:
        text.tobytes().decode()
        whole = not (text[offsets[:-1][lengths > 0]] & 0xC0 == 0x80).any()
    except (UnicodeDecodeError, IndexError):
        whole = False
    alive = np.isin(ids, made.store.subtree()).all()
    if not whole or not alive or offsets[-1] != letters or (ids[1:] <= ids[:-1]).any():
        raise CaptureError("The names of the capture are damaged: they must be UTF-8, one a node.", "NODES_INVALID", "/scene/names")
    if count:
        made._name_columns.append(NameColumn(ids, offsets, text))
