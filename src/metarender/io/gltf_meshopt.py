"""EXT_meshopt_compression: buffer views that meshoptimizer unpacks, after their layout and before their content has been checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import GltfError
from .gltf_schema import Fault, shown
from .limits import Budget

NAME = "EXT_meshopt_compression"
_INVALID = "EXT_MESHOPT_COMPRESSION_INVALID"
_HEADS = {"ATTRIBUTES": 0xA0, "TRIANGLES": 0xE1, "INDICES": 0xD1}
"""First byte of the data, which is the version of the codec; later versions belong to other extensions."""
_FILTERS = {"NONE": (), "OCTAHEDRAL": (4, 8), "QUATERNION": (8,), "EXPONENTIAL": tuple(range(4, 257, 4))}
"""Filter -> strides that it takes."""


def compressed(view: dict[str, Any]) -> dict[str, Any] | None:
    """Return what a buffer view says about its compressed data, None for a plain one."""
    found: dict[str, Any] | None = view.get("extensions", {}).get(NAME)
    return found


def is_placeholder(buffer: dict[str, Any]) -> bool:
    """Whether a buffer stands for what is unpacked and has no bytes itself."""
    return "uri" not in buffer and bool((compressed(buffer) or {}).get("fallback"))


def check_compressed_views(document: dict[str, Any]) -> None:
    """Check modes, filters, strides and places of every compressed view; nothing is read.

    Raises
    ------
    Fault
    """
    buffers = document.get("buffers", [])
    for index, view in enumerate(document.get("bufferViews", ())):
        if (packed := compressed(view)) is None:
            continue
        try:
            _check(packed, view, buffers[packed["buffer"]]["byteLength"])
        except Fault as fault:
            fault.path += [NAME, "extensions", index, "bufferViews"]
            raise


def _check(packed: dict[str, Any], view: dict[str, Any], total: int) -> None:
    mode, stride, count, kind = packed["mode"], packed["byteStride"], packed["count"], packed.get("filter", "NONE")
    if packed["byteLength"] > total - packed.get("byteOffset", 0):
        raise Fault("BUFFER_VIEW_TOO_LONG", f"The compressed data does not fit its buffer of {total} bytes.", "byteLength")
    if mode not in _HEADS:
        raise Fault(_INVALID, f"{shown(mode)} is not a mode; use {', '.join(_HEADS)}.", "mode")
    if kind not in _FILTERS or (kind != "NONE" and (mode != "ATTRIBUTES" or stride not in _FILTERS[kind])):
        raise Fault(_INVALID, f"The filter {shown(kind)} cannot stand with mode {mode} and a stride of {stride} bytes.", "filter")
    if (stride % 4 or stride > 256) if mode == "ATTRIBUTES" else stride not in (2, 4):
        raise Fault(_INVALID, f"Data of mode {mode} cannot have a stride of {stride} bytes.", "byteStride")
    if mode == "TRIANGLES" and count % 3:
        raise Fault(_INVALID, f"{count} indices are no whole triangles.", "count")
    if count * stride != view["byteLength"]:
        raise Fault(_INVALID, f"{count} elements of {stride} bytes are not the {view['byteLength']} bytes of the view.", "count")
    if view.get("byteStride", stride) != stride:
        raise Fault(_INVALID, f"The stride of {stride} bytes is not the {view['byteStride']} of the view.", "byteStride")


def unpack(packed: dict[str, Any], data: memoryview, codec: Any, budget: Budget, where: str) -> memoryview:
    """Unpack the data of one checked view.

    Parameters
    ----------
    packed : dict
        The extension of the view.
    data : memoryview
        Its compressed bytes.
    codec : module
        meshoptimizer.

    Returns
    -------
    memoryview
        ``count * byteStride`` read-only bytes.

    Raises
    ------
    GltfError
        The data is damaged or of another version, or the budget is spent.
    """
    mode, stride, count = packed["mode"], packed["byteStride"], packed["count"]
    if data[0] != _HEADS[mode]:
        message = f"The compressed data starts with {data[0]:#04x} instead of {_HEADS[mode]:#04x}; it is damaged or of another version."
        raise GltfError(message, _INVALID, where)
    budget.take(count * max(stride, 4), "The buffer view", where)
    decode = {"ATTRIBUTES": codec.decode_vertex_buffer, "TRIANGLES": codec.decode_index_buffer, "INDICES": codec.decode_index_sequence}
    filters = {"OCTAHEDRAL": codec.decode_filter_oct, "QUATERNION": codec.decode_filter_quat, "EXPONENTIAL": codec.decode_filter_exp}
    try:
        # Vertices come as floats and small indices as pairs in larger ones: the bytes are what counts.
        plain = decode[mode](count, stride, data).reshape(-1).view(np.uint8)[: count * stride]
        if (kind := packed.get("filter", "NONE")) != "NONE":
            plain = filters[kind](plain, count, stride)
    except MemoryError:
        raise
    except Exception as error:  # a decoder may raise anything on damaged data
        raise GltfError(f"The compressed data cannot be unpacked: {str(error)[:200]}.", _INVALID, where) from None
    if plain.nbytes != count * stride:
        raise GltfError(f"The compressed data gives {plain.nbytes} bytes instead of {count * stride}.", _INVALID, where)
    plain.flags.writeable = False
    return memoryview(plain)
