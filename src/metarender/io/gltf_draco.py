"""KHR_draco_mesh_compression: primitives that DracoPy unpacks, their sizes compared with the accessors before and after."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..errors import GltfError
from .extras import library, missing
from .gltf_accessors import Accessors
from .gltf_layout import layout_of
from .gltf_schema import Fault, shown
from .limits import Budget

NAME = "KHR_draco_mesh_compression"
_INVALID, _MISMATCH = "KHR_DRACO_MESH_COMPRESSION_INVALID", "KHR_DRACO_MESH_COMPRESSION_MISMATCH"
_HEAD = b"DRACO\x02\x02\x01"
"""Version 2.2, which is the one of the extension, and a mesh."""
_METADATA = 0x8000
_FACE_BYTES = 96
"""Working memory of the decoder for a triangle: corners, their opposites, and the vertices that they belong to."""
_STRIP, _TRIANGLES = 5, 4


class Draco:
    """Turns compressed primitives into plain ones, each once.

    Parameters
    ----------
    document : dict
        Passed `check_document`.
    accessors : Accessors
        Gets the unpacked data as further accessors.
    budget : Budget
    """

    def __init__(self, document: dict[str, Any], accessors: Accessors, budget: Budget) -> None:
        self._document = document
        self._accessors = accessors
        self._budget = budget
        self._plain: dict[tuple[Any, ...], dict[str, Any]] = {}

    def plain(self, primitive: dict[str, Any], where: str) -> dict[str, Any]:
        """Return a primitive whose accessors hold data: as it is, or with accessors of unpacked data.

        Raises
        ------
        GltfError
            The data is damaged, or is not what the accessors say.
        MissingExtra
            DracoPy is not installed, and the file has no uncompressed copy.
        """
        packed = primitive.get("extensions", {}).get(NAME)
        if packed is None:
            return primitive
        where += f"/extensions/{NAME}"
        key = packed["bufferView"], *(tuple(m.items()) for m in (packed["attributes"], primitive["attributes"])), primitive.get("indices")
        if (made := self._plain.get(key)) is None:
            decoder = library("DracoPy")
            if decoder is None and self._needs_decoder(primitive, packed):
                raise missing("DracoPy", NAME, where)
            made = self._plain[key] = primitive if decoder is None else self._unpack(primitive, packed, decoder, where)
        return {**primitive, **{name: made[name] for name in ("attributes", "indices", "mode") if name in made}}

    def _needs_decoder(self, primitive: dict[str, Any], packed: dict[str, Any]) -> bool:
        """Whether the file requires the extension, or the plain accessors are empty."""
        numbers = [primitive["attributes"][name] for name in packed["attributes"]]
        numbers += [primitive["indices"]] if "indices" in primitive else []
        plain = all("bufferView" in self._document["accessors"][number] for number in numbers)
        return NAME in self._document.get("extensionsRequired", ()) or not plain

    def _unpack(self, primitive: dict[str, Any], packed: dict[str, Any], decoder: Any, where: str) -> dict[str, Any]:
        data = bytes(self._accessors.view_bytes(packed["bufferView"]))
        faces = self._check_head(data, primitive, where)
        self._budget.take(12 * faces, "The Draco indices", where)
        self._budget.take(_FACE_BYTES * faces, "Unpacking the Draco mesh", where, array=False)
        for name in packed["attributes"]:
            accessor = self._document["accessors"][primitive["attributes"][name]]
            layout = layout_of(accessor)
            self._budget.take(accessor["count"] * 4 * (layout.components if layout else 4), f"The Draco attribute {name}", where)
        try:
            mesh = decoder.decode(data)
            found = {attribute["unique_id"]: np.asarray(attribute["data"]) for attribute in mesh.attributes}
            corners = np.ascontiguousarray(mesh.faces, np.uint32).reshape(-1)
        except MemoryError:
            raise
        except Exception as error:  # a decoder may raise anything on damaged data
            _refuse(f"The Draco data cannot be unpacked: {str(error)[:200] or type(error).__name__}", where)
        attributes = dict(primitive["attributes"])
        for name, identity in packed["attributes"].items():
            if identity not in found:
                _refuse(f"The Draco data has no attribute {identity}", f"{where}/attributes/{name}", _MISMATCH)
            attributes[name] = self._attribute(found[identity], attributes[name], f"{where}/attributes/{name}")
        count = self._accessors.count(next(iter(attributes[name] for name in packed["attributes"])))
        if corners.size != 3 * faces or (corners.size and int(corners.max()) >= count):
            _refuse(f"The Draco data has {corners.size} indices for {count} vertices and {faces} triangles that do not fit", where)
        made = {"attributes": attributes, "mode": _TRIANGLES}
        if corners.size:
            made["indices"] = self._accessors.add(corners.reshape(-1, 1), {"componentType": 5125, "type": "SCALAR"})
        return made

    def _check_head(self, data: bytes, primitive: dict[str, Any], where: str) -> int:
        """Compare the header with the accessors, so that nothing is made that they do not announce; return the triangles."""
        if not data.startswith(_HEAD) or len(data) < 11:
            _refuse("The data is not a mesh of Draco 2.2", where)
        method, flags = data[8], int.from_bytes(data[9:11], "little")
        try:
            at = _skip_metadata(data, 11) if flags & _METADATA else 11
            if method == 0:  # sequential: faces, points
                faces, at = _varint(data, at)
                points, at = _varint(data, at)
            else:  # edgebreaker: its vertices are what is left after seams are joined
                points, at = _varint(data, at + 1)
                faces, at = _varint(data, at)
        except IndexError:
            _refuse("The header of the Draco data is cut off", where)
        count = self._accessors.count(next(iter(primitive["attributes"].values())))
        indices = self._accessors.count(primitive["indices"]) if "indices" in primitive else 3 * faces
        wrong = faces * 3 != indices and primitive.get("mode", _TRIANGLES) != _STRIP
        if method > 1 or wrong or faces > indices or points > count or (method == 0 and points != count):
            _refuse(f"The Draco data has {faces} triangles and {points} points, the accessors {indices} indices and {count} vertices",
                    where, _MISMATCH)
        return faces

    def _attribute(self, data: NDArray[Any], number: int, where: str) -> int:
        """Check one unpacked attribute against its accessor and store it as the accessor's type."""
        accessor = self._document["accessors"][number]
        layout = layout_of(accessor)
        if layout is None or data.ndim != 2 or data.shape != (accessor["count"], layout.components):
            shape = " x ".join(map(str, data.shape))
            _refuse(f"The Draco attribute is {shape}, the accessor {accessor['count']} x {accessor['type']}", where, _MISMATCH)
        kind = np.dtype(layout.dtype)
        if data.dtype.kind == "f" and not np.isfinite(data).all():
            _refuse("The Draco attribute has a number that is NaN or infinite", where)
        if kind.kind != "f":
            limits = np.iinfo(kind)
            if data.dtype.kind == "f" or int(data.min()) < limits.min or int(data.max()) > limits.max:
                _refuse(f"The Draco attribute has numbers that its accessor cannot hold ({data.dtype} in {kind})", where, _MISMATCH)
        return self._accessors.add(np.ascontiguousarray(data, kind), accessor)


def check_packed(primitive: dict[str, Any]) -> None:
    """Check that compressed data stands for attributes of its primitive, and for triangles.

    Raises
    ------
    Fault
    """
    packed = primitive["extensions"].get(NAME)
    if packed is None:
        return
    if primitive.get("mode", _TRIANGLES) not in (_TRIANGLES, _STRIP):
        raise Fault(_MISMATCH, "Draco data can only stand for triangles and strips of them.", "mode")
    for name in packed["attributes"]:
        if name not in primitive["attributes"]:
            raise Fault(_MISMATCH, f"The primitive has no attribute {shown(name)}.", name, "attributes", NAME, "extensions")


def _refuse(sentence: str, where: str, code: str = _INVALID) -> NoReturn:
    raise GltfError(f"{sentence}; export the file again.", code, where)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of 7 bits a byte, at most 32 bits; return it and where it ends."""
    value = 0
    for shift in range(0, 35, 7):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            break
    return value, at


def _skip_metadata(data: bytes, at: int) -> int:
    """Step over the names and values that stand before the mesh; each block takes bytes, so what is cut off ends in IndexError."""
    attributes, at = _varint(data, at)
    for block in range(attributes + 1):  # one for each attribute, which is named by a number, and one for the mesh
        if block < attributes:
            at = _varint(data, at)[1]
        at, inner = _skip_entries(data, at)
        while inner:  # blocks within, which are named by a text
            at, more = _skip_entries(data, at + 1 + data[at])
            inner += more - 1
    return at


def _skip_entries(data: bytes, at: int) -> tuple[int, int]:
    """Step over the entries of one block of metadata; return where they end and how many blocks are within."""
    entries, at = _varint(data, at)
    for _ in range(entries):
        at += 1 + data[at]
        size, at = _varint(data, at)
        at += size
    inner, at = _varint(data, at)
    return at, inner
