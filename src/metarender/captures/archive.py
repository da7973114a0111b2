"""The container of a capture: a zip of one JSON text and numpy arrays, the same bytes for the same content, read without any trust.

Nothing in the file decides what is allocated: a reader knows from the checked manifest which arrays there must be and of which type and
shape, takes their size from the budget, and compares it with the directory of the zip before a byte is unpacked. The head of an array must
be, byte for byte, the one that this type and shape have, so that no foreign header is ever parsed.
"""

from __future__ import annotations

import json
import math
import os
import struct
import threading
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AssetError, CaptureError
from ..io.files import ZIP_DAMAGE, read_file
from ..io.gltf_container import parse_json
from ..io.limits import Budget, Limits

MANIFEST = "manifest.json"
MOST_MEMBERS = 20_000
"""Files in the zip: a few dozen arrays, and one for each texture."""

_DATE = (1980, 1, 1, 0, 0, 0)
_END = struct.Struct("<4s4H2LH")
_LARGE_END = b"PK\6\7"
_DIRECTORY_ENTRY = 256
"""Bytes that one file may take in the directory of the zip; ours take less than 100."""


def array_head(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Return what comes before the values of an array in a ``.npy`` file (format 1.0)."""
    said = f"{{'descr': '{dtype.str}', 'fortran_order': False, 'shape': {shape!r}, }}"
    length = -(-(len(said) + 11) // 64) * 64 - 10
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", length) + said.ljust(length - 1).encode() + b"\n"


def write_archive(path: Path, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> int:
    """Write a capture in one step: it is there as a whole or not at all.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        By name in the zip, without ``.npy``.

    Returns
    -------
    int
        Bytes of the file.

    Raises
    ------
    AssetError
        The file cannot be written, would pass 2 GiB, or would hold more textures and pictures than a reader takes.
    """
    if len(arrays) >= MOST_MEMBERS:
        raise AssetError(f"{path}: the capture would hold {len(arrays):,} arrays, more than {MOST_MEMBERS - 1:,}; capture a part of it.")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with zipfile.ZipFile(unfinished, "w", allowZip64=False) as archive:
            _write_member(archive, MANIFEST, json.dumps(manifest, indent=1, allow_nan=False).encode())
            for name, array in arrays.items():
                values = np.ascontiguousarray(array)
                _write_member(archive, f"{name}.npy", array_head(values.dtype, values.shape), values.reshape(-1).view(np.uint8).data)
        unfinished.replace(path)
        return path.stat().st_size
    except zipfile.LargeZipFile:
        raise AssetError(f"{path}: the capture would pass 2 GiB; capture a part of the scene.") from None
    except OSError as error:
        raise AssetError(f"{path}: the capture cannot be written: {error.strerror or error}.") from None
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _write_member(archive: zipfile.ZipFile, name: str, *pieces: bytes | memoryview) -> None:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
    entry.file_size = sum(map(len, pieces))
    with archive.open(entry, "w") as stream:
        for piece in pieces:
            stream.write(piece)


class ArchiveReader:
    """Hands out what a capture holds, each member once, and refuses what nobody asked for.

    Attributes
    ----------
    budget : Budget
        What reading may still cost.

    Raises
    ------
    AssetError
        The file is missing or is no regular file.
    CaptureError
        It is no zip as `write_archive` makes it, or larger than allowed.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        data = read_file(path, limits)
        self.budget = Budget(limits, CaptureError)
        self.budget.read_file(len(data), "The capture", "")
        self._zip = _open_zip(data, path.name)
        members = self._zip.infolist()
        self._left = {member.filename: member for member in members}
        if len(self._left) < len(members):
            raise CaptureError("Two files in the capture have one name; capture it again.", "MEMBER_DUPLICATE")

    def manifest(self) -> dict[str, Any]:
        """Return the parsed JSON, an object that is not checked further."""
        member = self._left.get(MANIFEST)
        if member is None:
            raise CaptureError(f"The file has no {MANIFEST}, so it is no capture; make one with `metarender capture`.", "NOT_A_CAPTURE")
        if member.file_size > self.budget.limits.json_bytes:
            sentence = f"{MANIFEST} has {member.file_size:,} bytes; raise Limits.json_bytes if the file is trusted."
            raise CaptureError(sentence, "LIMIT_EXCEEDED")
        return parse_json(self._take(MANIFEST, member.file_size), self.budget.limits, CaptureError)

    def array(self, name: str, dtype: str, shape: tuple[int, ...], *, finite: bool = True) -> NDArray[Any]:
        """Return an array, read-only, of exactly this type and shape.

        Parameters
        ----------
        name : str
            Without ``.npy``.
        finite : bool
            Whether NaN and infinity are refused.
        """
        kind = np.dtype(dtype)
        head, count = array_head(kind, shape), math.prod(shape)
        data = self._take(f"{name}.npy", len(head) + count * kind.itemsize)
        if data[:len(head)] != head:
            raise CaptureError(f"{name}.npy is not an array of {kind.str} of shape {shape}, as {MANIFEST} says it is.", "HEADER_MISMATCH")
        array: NDArray[Any] = np.frombuffer(data, np.uint8)[len(head):].view(kind).reshape(shape)
        if finite and kind.kind == "f" and not np.isfinite(array).all():
            raise CaptureError(f"{name}.npy holds NaN or infinity.", "NOT_FINITE")
        return array

    def finish(self) -> None:
        """Refuse a file that holds more than was asked for."""
        if self._left:
            raise CaptureError(f"The capture holds {next(iter(self._left))[:60]!r}, which {MANIFEST} does not speak of.", "MEMBER_UNKNOWN")

    def _take(self, name: str, size: int) -> bytes:
        """Unpack a member of exactly that size."""
        member = self._left.pop(name, None)
        if member is None:
            raise CaptureError(f"The capture has no {name}, though {MANIFEST} speaks of it.", "MEMBER_MISSING")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
            raise CaptureError(f"{name} is packed in another way than stored or deflated.", "MEMBER_INVALID")
        if member.file_size != size:
            raise CaptureError(f"{name} has {member.file_size:,} bytes where {size:,} are due.", "SIZE_MISMATCH")
        self.budget.take(size, name, "")
        try:
            with self._zip.open(member) as stream:
                data = stream.read(size + 1)
        except ZIP_DAMAGE as error:
            raise CaptureError(f"{name} is damaged: {error}; copy the file again.", "MEMBER_DAMAGED") from None
        if len(data) != size:
            raise CaptureError(f"{name} unpacks to {len(data):,} bytes where {size:,} are due.", "MEMBER_DAMAGED")
        return data


def _open_zip(data: bytes, name: str) -> zipfile.ZipFile:
    """Open a zip whose directory is no larger than ours can be; plain ones only, so that `zipfile` reads no other place for it."""
    start = len(data) - _END.size
    mark, disk, other, here, count, size, offset, comment = _END.unpack(data[start:] if start >= 0 else bytes(_END.size))
    plain = mark == b"PK\5\6" and not (disk or other or comment) and here == count and offset + size == start
    if not plain or data[start - 20:start - 16] == _LARGE_END:
        raise CaptureError(f"{name} is no capture, or it is cut off; make one with `metarender capture`.", "NOT_A_CAPTURE")
    if count > MOST_MEMBERS or size > _DIRECTORY_ENTRY * count:
        raise CaptureError(f"The capture lists {count:,} files in {size:,} bytes; it may have {MOST_MEMBERS:,}.", "LIMIT_EXCEEDED")
    try:
        return zipfile.ZipFile(BytesIO(data))
    except ZIP_DAMAGE as error:
        raise CaptureError(f"The directory of the capture is damaged: {error}; copy the file again.", "MEMBER_DAMAGED") from None
