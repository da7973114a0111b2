"""From a path to checked JSON and bytes: strict JSON, GLB framing, and URIs that cannot leave the asset's folder."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from ..errors import AssetError, GltfError
from .files import Progress, read_file
from .gltf_schema import pointer
from .limits import Budget, Limits

_MAGIC = b"glTF"
_JSON, _BIN = 0x4E4F534A, 0x004E4942
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_DATA = re.compile(r"data:(?P<mime>[^;,]*)(?P<parameters>(?:;[^;,]*)*),", re.IGNORECASE)


@dataclass(frozen=True)
class Container:
    """A glTF file taken apart.

    Attributes
    ----------
    path : Path
        The file itself.
    document : dict
        Parsed JSON; not yet checked against the schema.
    text : bytes or memoryview
        The JSON as it stands in the file.
    binary : memoryview or None
        The BIN chunk of a GLB.
    is_glb : bool
    size : int
        Bytes of the whole file.
    surplus : int
        Bytes after the end that the GLB header declares; nothing reads them.
    """

    path: Path
    document: dict[str, Any]
    text: bytes | memoryview
    binary: memoryview | None
    is_glb: bool
    size: int
    surplus: int


def open_container(path: Path, limits: Limits, progress: Progress | None = None) -> Container:
    """Read a .gltf or .glb file; the content decides which of the two it is.

    Raises
    ------
    AssetError, GltfError
        When the file cannot be read, its framing lies, or its JSON is not strict JSON with an object at the top.
    """
    data = read_file(path, limits, progress)
    binary: memoryview | None = None
    surplus = 0
    text: bytes | memoryview = data
    is_glb = path.suffix.lower() == ".glb" or data[:4] == _MAGIC
    if is_glb:
        text, binary, surplus = _split_glb(memoryview(data))
    return Container(path, parse_json(text, limits), text, binary, is_glb, len(data), surplus)


def _split_glb(data: memoryview) -> tuple[memoryview, memoryview | None, int]:
    """Check the GLB header and chunk table against the true size; return the JSON and BIN chunks and how many bytes follow the end."""
    size = len(data)
    if size < 12:
        raise GltfError(f"A GLB header has 12 bytes and the file has {size}; it is cut off, copy it again.", "GLB_UNEXPECTED_END_OF_HEADER")
    magic, version, length = struct.unpack_from("<4sII", data)
    if magic != _MAGIC:
        raise GltfError(f"A GLB file starts with b'glTF', this one with {magic!r}; it is another kind of file.", "GLB_INVALID_MAGIC")
    if version != 2:
        raise GltfError(f"GLB version {version} is not supported; export as glTF 2.0.", "GLB_INVALID_VERSION")
    if length <= 12:
        raise GltfError(f"The GLB header declares {length} bytes; that leaves no room for chunks.", "GLB_LENGTH_TOO_SMALL")
    chunks = _chunks(data, length)
    return chunks[0][1], next((body for kind, body in chunks[1:] if kind == _BIN), None), size - length


def _chunks(data: memoryview, end: int) -> list[tuple[int, memoryview]]:
    """Walk all chunks up to the declared end; return the JSON and BIN ones, unknown ones are skipped as the specification asks."""
    chunks: list[tuple[int, memoryview]] = []
    kinds: list[int] = []
    at, size = 12, len(data)
    while at < size and at != end:
        if size - at < 8:
            raise GltfError(f"A chunk header at byte {at} is cut off.", "GLB_UNEXPECTED_END_OF_CHUNK_HEADER")
        length, kind = struct.unpack_from("<II", data, at)
        at += 8
        if length > end - at:
            raise GltfError(f"The chunk at byte {at} declares {length} bytes and {end - at} are left.", "GLB_CHUNK_TOO_BIG")
        _check_order(kind, length, kinds, at)
        if length > size - at:
            message = f"The chunk at byte {at} declares {length} bytes and the file ends after {size - at}; copy it again."
            raise GltfError(message, "GLB_UNEXPECTED_END_OF_CHUNK_DATA")
        kinds.append(kind)
        if kind in (_JSON, _BIN):
            body = data[at : at + length]  # after a chunk of odd length the numbers of the next one would lie across words
            chunks.append((kind, body if at % 4 == 0 else memoryview(bytes(body))))
        at += length
    if at != end:
        raise GltfError(f"The GLB header declares {end} bytes and the chunks end at {at}; copy the file again.", "GLB_LENGTH_MISMATCH")
    return chunks


def _check_order(kind: int, length: int, before: list[int], at: int) -> None:
    if not before and kind != _JSON:
        raise GltfError(f"The first chunk of a GLB must be JSON, not type {kind:#010x}.", "GLB_UNEXPECTED_FIRST_CHUNK")
    if kind in (_JSON, _BIN) and kind in before[:2]:
        raise GltfError(f"The GLB has a second chunk of type {kind:#010x} at byte {at}.", "GLB_DUPLICATE_CHUNK")
    if kind == _BIN and len(before) != 1:
        raise GltfError("The BIN chunk of a GLB must be its second chunk.", "GLB_UNEXPECTED_BIN_CHUNK")
    if kind == _JSON and length == 0:
        raise GltfError("The JSON chunk of the GLB is empty.", "GLB_EMPTY_CHUNK")


def parse_json(data: bytes | memoryview, limits: Limits, refusal: type[AssetError] = GltfError) -> dict[str, Any]:
    """Parse strict JSON: UTF-8 without a byte order mark or halves of pairs, no NaN or Infinity, no duplicate keys, an object at the top.

    Raises
    ------
    AssetError
        As `refusal`, with code ``INVALID_JSON`` or ``TYPE_MISMATCH``.
    """
    if len(data) > limits.json_bytes:
        raise refusal(
            f"The JSON text has {len(data):,} bytes, more than the {limits.json_bytes:,} allowed; raise Limits.json_bytes.",
            "LIMIT_EXCEEDED",
        )
    try:
        text = str(data, "utf-8")
        if text.count("{") + text.count("[") > limits.json_objects:
            message = f"The JSON has more than {limits.json_objects:,} objects and arrays; raise Limits.json_objects."
            raise refusal(message, "LIMIT_EXCEEDED")
        document = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_no_constant)
        if "\\ud" in text or "\\uD" in text:  # half a pair cannot be printed, nor name a file
            json.dumps(document, ensure_ascii=False).encode()
    except RecursionError:
        raise refusal("The JSON is nested too deeply; no such file needs that.", "INVALID_JSON") from None
    except UnicodeEncodeError:
        raise refusal("The JSON has half of a surrogate pair in a string; write the whole character.", "INVALID_JSON") from None
    except UnicodeDecodeError as error:
        raise refusal(f"The JSON is not UTF-8 (byte {error.start}).", "INVALID_JSON") from None
    except ValueError as error:
        raise refusal(f"The JSON cannot be parsed: {str(error)[:200]}.", "INVALID_JSON") from None
    if type(document) is not dict:
        raise refusal("The JSON must be an object at the top.", "TYPE_MISMATCH", "/")
    return document


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {key[:60]!r} stands twice in one object")
            seen.add(key)
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def check_uri(uri: str, where: str) -> None:
    """Refuse what is no URI, before anything touches the file system.

    Raises
    ------
    GltfError
        With code ``INVALID_URI``.
    """
    if uri[:5].lower() == "data:":
        if not _DATA.match(uri):
            raise GltfError("The data URI has no comma after its type.", "INVALID_URI", where)
    elif not uri or uri.startswith(":") or "\0" in uri:
        raise GltfError(f"{uri[:60]!r} is not a URI.", "INVALID_URI", where)


def data_uri(uri: str) -> tuple[str, int] | None:
    """Return the MIME type and decoded length that a data URI declares, None for other URIs; nothing is decoded."""
    match = _DATA.match(uri) if uri[:5].lower() == "data:" else None
    if match is None:
        return None
    length = len(uri) - match.end()
    if match["parameters"].lower().endswith(";base64"):
        length = length * 3 // 4 - uri[-2:].count("=")
    return match["mime"].lower(), length


def data_head(uri: str, where: str) -> bytes:
    """Decode the first bytes of a data URI, enough to tell the kind of a picture.

    Raises
    ------
    GltfError
        With code ``INVALID_URI``.
    """
    match = _DATA.match(uri)
    if match is None:
        return b""
    body = uri[match.end() : match.end() + 64]
    if not match["parameters"].lower().endswith(";base64"):
        return unquote_to_bytes(body)
    plain = unquote_to_bytes(body)[:16]
    return _from_base64(plain[: len(plain) // 4 * 4], where)


def _from_base64(text: bytes | str, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise GltfError(f"The data URI is not base64: {error}.", "INVALID_URI", where) from None


class Resources:
    """Fetches what URIs name, once each, from data URIs and from the asset's folder only.

    Parameters
    ----------
    folder : Path
        The folder of the asset; nothing outside is read, also not through symbolic links.
    budget : Budget
        Every byte fetched is taken from it first.
    """

    def __init__(self, folder: Path, budget: Budget) -> None:
        self._folder = Path(os.path.realpath(folder))
        self._budget = budget

    def fetch(self, uri: str, where: str) -> tuple[bytes, str]:
        """Return the bytes of a URI and the MIME type it declares (empty for files).

        Raises
        ------
        AssetError, GltfError
            When the URI is malformed, leads outside the folder, or cannot be read.
        """
        check_uri(uri, where)
        if uri[:5].lower() == "data:":
            return self._decode(uri, where)
        if _SCHEME.match(uri) or uri.startswith(("/", "\\")):
            message = f"{uri[:60]!r} is not relative; put the file beside the asset and name it relatively."
            raise GltfError(message, "NON_RELATIVE_URI", where)
        path = self._resolve(uri, where)
        try:
            size = path.stat().st_size
        except OSError:
            raise GltfError(f"{uri[:200]!r} does not exist beside the asset; copy it there.", "IO_ERROR", where) from None
        self._budget.read_file(size, f"The file {uri[:200]!r}", where)
        try:
            return read_file(path, self._budget.limits, what=repr(uri[:200])), ""
        except GltfError:
            raise
        except AssetError as error:
            raise GltfError(str(error), "IO_ERROR", where) from None

    def _resolve(self, uri: str, where: str) -> Path:
        """Percent-decode once and follow every link; the result must lie in the folder."""
        try:
            name = unquote_to_bytes(uri).decode("utf-8")
        except UnicodeDecodeError:
            raise GltfError(f"{uri[:60]!r} is not percent-encoded UTF-8.", "INVALID_URI", where) from None
        if not name or "\0" in name or _SCHEME.match(name):
            raise GltfError(f"{uri[:60]!r} is not a file name.", "INVALID_URI", where)
        try:
            path = Path(os.path.realpath(self._folder / name))
            inside = path.is_relative_to(self._folder)
        except (OSError, ValueError) as error:
            raise GltfError(f"{uri[:60]!r} is not a file name: {error}.", "INVALID_URI", where) from None
        if not inside:
            raise GltfError(f"{uri[:200]!r} leads outside the folder of the asset; copy the file beside it.", "URI_OUTSIDE_FOLDER", where)
        return path

    def _decode(self, uri: str, where: str) -> tuple[bytes, str]:
        """Decode a data URI after its decoded size has been taken from the budget."""
        match = _DATA.match(uri)
        if match is None:
            raise GltfError("The data URI has no comma after its type.", "INVALID_URI", where)
        body = uri[match.end() :]
        self._budget.take(len(body) * 3 // 4 if "base64" in match["parameters"] else len(body), "A data URI", where)
        if match["parameters"].lower().endswith(";base64"):
            data = _from_base64(body if "%" not in body else unquote_to_bytes(body), where)
        else:
            data = unquote_to_bytes(body)
        return data, match["mime"].lower()


def check_binary(container: Container) -> None:
    """Check that the first buffer of a GLB finds its chunk, whether something draws it or not.

    Raises
    ------
    GltfError
    """
    buffers = container.document.get("buffers")
    if buffers and container.is_glb and "uri" not in buffers[0]:
        _chunk(container, buffers[0]["byteLength"])


def _chunk(container: Container, length: int) -> memoryview:
    """Return the first `length` bytes of the BIN chunk, which is the first buffer."""
    if container.binary is None:
        raise GltfError("The buffer has no uri, and there is no GLB chunk for it.", "BUFFER_MISSING_GLB_DATA", "/buffers/0")
    if len(container.binary) < length:
        message = f"The buffer declares {length} bytes and the BIN chunk has {len(container.binary)}."
        raise GltfError(message, "BUFFER_BYTE_LENGTH_MISMATCH", "/buffers/0")
    return container.binary[:length]


def buffer_bytes(container: Container, resources: Resources, index: int) -> memoryview:
    """Fetch one buffer and check that it has at least its declared length.

    Returns
    -------
    memoryview
        Exactly ``byteLength`` read-only bytes.

    Raises
    ------
    AssetError, GltfError
    """
    declared = container.document["buffers"][index]
    length: int = declared["byteLength"]
    uri = declared.get("uri")
    if uri is None:
        if index:
            raise GltfError("Only the first buffer can be without a uri.", "BUFFER_MISSING_GLB_DATA", pointer("buffers", index))
        return _chunk(container, length)
    raw, _ = resources.fetch(uri, pointer("buffers", index, "uri"))
    if len(raw) < length:
        message = f"The buffer declares {length} bytes and its data has {len(raw)}."
        raise GltfError(message, "BUFFER_BYTE_LENGTH_MISMATCH", pointer("buffers", index))
    return memoryview(raw)[:length]
