"""Accessor data as numpy arrays: views on the bytes of the file wherever possible, copies only for what must be converted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GltfError
from .extras import library, missing
from .gltf_layout import COMPONENTS, LAYOUTS, Layout, layout_of
from .gltf_meshopt import NAME as MESHOPT
from .gltf_meshopt import compressed, is_placeholder, unpack
from .gltf_schema import pointer
from .limits import Budget

Array = NDArray[Any]
_SCALES = {5120: 127.0, 5121: 255.0, 5122: 32767.0, 5123: 65535.0}


class Accessors:
    """Reads the accessors of a checked document, each at most once.

    Parameters
    ----------
    document : dict
        Passed `check_document`, so every offset and length lies inside its view.
    buffer : callable
        ``buffer(index)`` fetches the bytes of a buffer on first use.
    budget : Budget
        Everything that is not a view is taken from it.
    """

    def __init__(self, document: dict[str, Any], buffer: Callable[[int], memoryview], budget: Budget) -> None:
        self._document = document
        self._accessors: list[dict[str, Any]] = list(document.get("accessors", ()))
        self._views: list[dict[str, Any]] = document.get("bufferViews", [])
        self._buffer = buffer
        self._budget = budget
        self._unpacked: dict[int, memoryview] = {}
        self._raw: dict[int, Array] = {}
        self._floats: dict[int, NDArray[np.float32]] = {}
        self._indices: dict[int, tuple[NDArray[np.uint32], int]] = {}
        self._first: dict[int, int] | None = None

    def count(self, number: int) -> int:
        """Return the number of elements."""
        return int(self._accessors[number]["count"])

    def first_of(self, number: int) -> int:
        """Return the lowest accessor that reads the same bytes in the same way; exporters repeat accessors for each mesh."""
        if self._first is None:
            seen: dict[tuple[Any, ...], int] = {}
            self._first = {index: seen.setdefault(self._source(index), index) for index in range(len(self._accessors))}
        return self._first.get(number, number)

    def add(self, array: Array, like: dict[str, Any]) -> int:
        """Take data that was unpacked elsewhere, of which nobody keeps another reference, as one more accessor.

        Parameters
        ----------
        array : (n, components)
        like : dict
            Has the type, component type and whether it is normalized.

        Returns
        -------
        int
            Number of the new accessor, which the document does not have.
        """
        array.flags.writeable = False
        self._accessors.append({**{key: like[key] for key in ("componentType", "type", "normalized") if key in like}, "count": len(array)})
        self._raw[len(self._accessors) - 1] = array
        return len(self._accessors) - 1

    def _source(self, number: int) -> tuple[Any, ...]:
        get = self._accessors[number].get
        if get("sparse") is not None or get("bufferView") is None:
            return (number,)
        view = self._views[get("bufferView")]  # type: ignore[index]
        if compressed(view) is not None:
            return get("bufferView"), get("byteOffset", 0), get("componentType"), get("type"), get("count"), bool(get("normalized"))
        start = view.get("byteOffset", 0) + get("byteOffset", 0)
        stride = view.get("byteStride")
        return view["buffer"], start, stride, get("componentType"), get("type"), get("count"), bool(get("normalized"))

    def raw(self, number: int) -> Array:
        """Return the stored components, (n, components), or (n, rows, columns) for matrices; read-only, possibly strided.

        Raises
        ------
        GltfError
            A buffer cannot be fetched, the type is unknown, sparse indices are wrong, or the budget is spent.
        """
        if (array := self._raw.get(number)) is None:
            array = self._raw[number] = self._read(number)
        return array

    def floats(self, number: int) -> NDArray[np.float32]:
        """Return the elements as float32, normalized where the accessor says so; contiguous and read-only.

        Raises
        ------
        GltfError
            As `raw`.
        """
        if (array := self._floats.get(number)) is None:
            array = self._floats[number] = self._convert(number)
        return array

    def indices(self, number: int) -> tuple[NDArray[np.uint32], int]:
        """Return a scalar accessor as (n,) uint32, read-only, and its largest value.

        Raises
        ------
        GltfError
            As `raw`.
        """
        if (known := self._indices.get(number)) is None:
            array = self.raw(number).reshape(-1)
            if array.dtype != np.uint32:
                self._budget.take(4 * array.size, "The indices", pointer("accessors", number))
                array = array.astype(np.uint32)
                array.flags.writeable = False
            known = self._indices[number] = array, int(array.max())
        return known

    def view_bytes(self, number: int) -> memoryview:
        """Return the bytes of a buffer view, unpacked where it is compressed.

        Raises
        ------
        GltfError
            A buffer cannot be fetched, or compressed data is damaged.
        MissingExtra
            It is compressed, meshoptimizer is not installed, and the file has no uncompressed copy.
        """
        view = self._views[number]
        packed = compressed(view)
        if packed is None:
            return self._slice(view)
        if (data := self._unpacked.get(number)) is None:
            where = pointer("bufferViews", number, "extensions", MESHOPT)
            codec = library("meshoptimizer")
            if codec is not None:
                data = unpack(packed, self._slice(packed), codec, self._budget, where)
            elif MESHOPT in self._document.get("extensionsRequired", ()) or is_placeholder(self._document["buffers"][view["buffer"]]):
                raise missing("meshoptimizer", MESHOPT, where)
            else:
                data = self._slice(view)
            self._unpacked[number] = data
        return data

    def _slice(self, place: dict[str, Any]) -> memoryview:
        """Return bytes of a buffer, which a view or its compressed data names."""
        offset = place.get("byteOffset", 0)
        return self._buffer(place["buffer"])[offset : offset + place["byteLength"]]

    def _read(self, number: int) -> Array:
        accessor = self._accessors[number]
        layout = layout_of(accessor)
        if layout is None:
            where = "componentType" if accessor["componentType"] not in COMPONENTS else "type"
            message = f"{accessor[where]!r} is not a {where} of glTF 2.0."
            raise GltfError(message, "VALUE_NOT_IN_LIST", pointer("accessors", number, where))
        count = accessor["count"]
        if "bufferView" in accessor:
            array = self.elements(accessor["bufferView"], accessor.get("byteOffset", 0), count, layout)
        else:
            self._budget.take(count * layout.components * layout.width, "The accessor", pointer("accessors", number))
            array = np.zeros((count, layout.components) if layout.columns == 1 else (count, layout.rows, layout.columns), layout.dtype)
        if "sparse" in accessor:
            array = self._sparse(array, accessor, layout, number)
        array.flags.writeable = False
        return array

    def elements(self, view_number: int, offset: int, count: int, layout: Layout) -> Array:
        """View `count` elements of a buffer view; numpy checks the bounds once more."""
        stride = self._views[view_number].get("byteStride", layout.size)
        data = self.view_bytes(view_number)
        if layout.columns == 1:
            return np.ndarray((count, layout.rows), layout.dtype, data, offset, (stride, layout.width))
        strides = (stride, layout.width, layout.column)
        return np.ndarray((count, layout.rows, layout.columns), layout.dtype, data, offset, strides)

    def _sparse(self, base: Array, accessor: dict[str, Any], layout: Layout, number: int) -> Array:
        """Return a copy of `base` with the sparse elements put in."""
        sparse = accessor["sparse"]
        where = pointer("accessors", number, "sparse")
        index_layout = LAYOUTS.get((sparse["indices"]["componentType"], "SCALAR"))
        if index_layout is None or index_layout.dtype[-2] != "u":
            message = "Sparse indices must be unsigned integers."
            raise GltfError(message, "VALUE_NOT_IN_LIST", where + "/indices/componentType")
        count = sparse["count"]
        indices = self.elements(sparse["indices"]["bufferView"], sparse["indices"].get("byteOffset", 0), count, index_layout)[:, 0]
        values = self.elements(sparse["values"]["bufferView"], sparse["values"].get("byteOffset", 0), count, layout)
        if int(indices.max()) >= accessor["count"]:
            message = f"Sparse index {int(indices.max())} is past the {accessor['count']} elements."
            raise GltfError(message, "ACCESSOR_SPARSE_INDEX_OOB", where)
        if count > 1 and not (indices[1:] > indices[:-1]).all():
            raise GltfError("Sparse indices must increase.", "ACCESSOR_SPARSE_INDICES_NON_INCREASING", where)
        self._budget.take(base.size * layout.width, "The sparse accessor", pointer("accessors", number))
        array = np.array(base)
        array[indices] = values
        return array

    def _convert(self, number: int) -> NDArray[np.float32]:
        raw = self.raw(number)
        accessor = self._accessors[number]
        if raw.dtype == np.float32 and raw.flags.c_contiguous:
            return raw
        self._budget.take(4 * raw.size, "The accessor", pointer("accessors", number))
        array = np.array(raw, np.float32, order="C")
        if accessor.get("normalized"):
            component = accessor["componentType"]
            array /= np.float32(_SCALES[component])
            if component in (5120, 5122):
                np.maximum(array, np.float32(-1), out=array)
        array.flags.writeable = False
        return array
