"""A glTF document that is being written: its collections, and one buffer in which every accessor has a view of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks import extent
from ..errors import AssetError
from .gltf_layout import INDEX, VERTEX, Layout

CORE = ("nodes", "cameras", "meshes", "skins", "animations", "materials", "textures", "samplers", "images", "accessors", "bufferViews")
"""Collections of the document itself, in the order in which they are written."""
_COMPONENTS = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
_ALIGNMENT = 8
"""Bytes; accessors need 4 at most and the columns of EXT_structural_metadata 8."""


NOT_JSON = (TypeError, ValueError, RecursionError)
"""What `as_json` raises."""


def as_json(value: Any) -> bytes:
    """Write a value as JSON: text, finite numbers, lists and dicts of them."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def not_json(what: str, error: object) -> AssetError:
    """The exception for what JSON cannot hold."""
    return AssetError(f"{what} of the glTF file cannot be written as JSON ({error}); names and extras take whole text, finite numbers, "
                      "lists and dicts only.")


class Picture(NamedTuple):
    """The bytes of an image, and their type."""

    data: bytes | memoryview
    mime: str


class Document:
    """What is written.

    Attributes
    ----------
    lists : dict of str to list of dict
        Collections by name, those that stand in extensions too.
    pictures : list of Picture
        By number of the image.
    chunks : list of bytes-like
        The buffer, piece by piece.
    size : int
        Bytes of the buffer.
    notes : dict of str to None
        What is lost, as noun phrases in the order found.
    postponed : list of callable
        What is written after everything else, so that tables stand behind what they describe at every save.
    """

    def __init__(self) -> None:
        self.lists: dict[str, list[dict[str, Any]]] = {name: [] for name in CORE}
        self.pictures: list[Picture] = []
        self.chunks: list[Any] = []
        self.size = 0
        self.notes: dict[str, None] = {}
        self._zeros: dict[tuple[int, int], int] = {}
        self.postponed: list[Callable[[], None]] = []

    def add(self, collection: str, entry: dict[str, Any]) -> int:
        """Append an object; returns its number."""
        entries = self.lists.setdefault(collection, [])
        entries.append(entry)
        return len(entries) - 1

    def has_joints(self, mesh: int) -> bool:
        """Whether a mesh that is written already has vertices that follow joints, without which it cannot have a skin."""
        return any("JOINTS_0" in primitive["attributes"] for primitive in self.lists["meshes"][mesh]["primitives"])

    def morphs_of(self, node: int) -> int:
        """Return how many morphs the mesh of a node has that is written already."""
        mesh = self.lists["nodes"][node].get("mesh")
        return 0 if mesh is None else len(self.lists["meshes"][mesh]["primitives"][0].get("targets", ()))

    def image(self, entry: dict[str, Any], data: bytes | memoryview, mime: str) -> int:
        """Append an image; where its bytes go is decided when all is known."""
        self.pictures.append(Picture(data, mime))
        return self.add("images", entry)

    def view(self, data: Any, **fields: int) -> int:
        """Append bytes to the buffer and a view of them (glTF 2.0, 3.6.1); zeros fill up to the next multiple of 8."""
        length = memoryview(data).nbytes
        gap = -self.size % _ALIGNMENT
        if gap:
            self.chunks.append(bytes(gap))
        start = self.size + gap
        self.chunks.append(data)
        self.size = start + length
        return self.add("bufferViews", {"buffer": 0, **({"byteOffset": start} if start else {}), "byteLength": length, **fields})

    def elements(self, array: NDArray[Any], layout: Layout, target: int = 0) -> int:
        """Append the elements of an accessor, (n, components) or (n, columns, rows), as a view.

        Those of vertices start at multiples of 4 bytes, and so do the columns of matrices (glTF 2.0, 3.6.2.4).
        """
        count, size = len(array), layout.size
        plain = np.ascontiguousarray(array)
        if layout.columns > 1 and layout.column != layout.rows * layout.width:
            columns = np.zeros((count, layout.columns, layout.column), np.uint8)
            columns[..., : layout.rows * layout.width] = plain.view(np.uint8).reshape(count, layout.columns, -1)
            plain = columns
        fields = {}
        if target == VERTEX and size % 4:
            stride = fields["byteStride"] = -(-size // 4) * 4
            padded = np.zeros((count, stride), np.uint8)
            padded[:, :size] = plain.view(np.uint8).reshape(count, size)
            plain = padded
        if target:
            fields["target"] = target
        return self.view(plain.reshape(-1), **fields)

    def accessor(self, array: NDArray[Any], *, target: int = 0, bounds: bool = False) -> int:
        """Append an array (n,) or (n, k) of numbers, float32 or unsigned, as an accessor of its own type; 16 are a matrix."""
        rows = array.reshape(len(array), -1)
        width = rows.shape[1]
        kind = rows.dtype.str[1:]
        layout = Layout(rows.dtype.str, rows.dtype.itemsize, width, 1, 0, width * rows.dtype.itemsize)
        entry: dict[str, Any] = {"bufferView": self.elements(rows, layout, target), "componentType": _COMPONENTS[kind],
                                 "count": len(rows), "type": _TYPES[width]}
        if bounds:
            lowest, highest = extent(rows)
            entry["max"], entry["min"] = highest.tolist(), lowest.tolist()
        return self.add("accessors", entry)

    def zeros(self, count: int, width: int) -> int:
        """Return an accessor of `count` vectors of zeros, which needs no bytes (glTF 2.0, 3.6.2.3), made once."""
        key = count, width
        if key not in self._zeros:
            zero = [0.0] * width
            entry = {"componentType": 5126, "count": count, "type": _TYPES[width], "max": zero, "min": zero}
            self._zeros[key] = self.add("accessors", entry)
        return self._zeros[key]

    def vertices(self, array: NDArray[Any], *, bounds: bool = False) -> int:
        """Append an attribute of vertices."""
        return self.accessor(array, target=VERTEX, bounds=bounds)

    def indices(self, array: NDArray[np.uint32]) -> int:
        """Append indices, in 16 bits where that is enough; the highest value of a type is not an index (glTF 2.0, 3.7.2.1)."""
        small = not array.size or int(array.max()) < 0xFFFF
        return self.accessor(array.astype(np.uint16 if small else np.uint32), target=INDEX)
