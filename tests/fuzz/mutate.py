"""Damages files the way that files are damaged: glTF and captures by their JSON and framing, Radiance pictures and images by their headers.

Every function takes a `random.Random` and nothing else that is random, so a seed gives the same files on every machine.
"""

from __future__ import annotations

import base64
import copy
import io
import json
import random
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

NUMBERS = (
    -1, 0, 1, 2, 3, 4, 7, 16, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**63, 10**30, -(2**63),
    0.5, -0.0, 1.0, 1e-320, 1e38, 3.5e38, 1e308, -1e308, 5120, 5121, 5122, 5123, 5125, 5126, 34962, 34963, 9728, 10497,
)
TEXTS = (
    "", "x", "SCALAR", "VEC2", "VEC3", "VEC4", "MAT2", "MAT3", "MAT4", "perspective", "orthographic", "spot", "point", "MASK",
    "CUBICSPLINE", "STEP", "weights", "rotation", "pointer", "image/png", "image/webp", "../x", "/etc/passwd", "data:,",
    "data:;base64,AAAA", "%00", "\ud800", "TEXCOORD_9999999", "JOINTS_1", "\U0001f600",
)
OTHERS: tuple[Any, ...] = (None, True, False, [], [0], [0, 0], [1, 1, 1], [[]], {}, {"a": []}, {"extensions": {}}, [0] * 16)
KEYS = (
    "bufferView", "byteOffset", "byteStride", "byteLength", "target", "sparse", "count", "type", "componentType", "normalized", "min",
    "max", "mesh", "skin", "camera", "children", "matrix", "translation", "rotation", "scale", "weights", "extensions", "extras", "indices",
    "attributes", "mode", "targets", "material", "JOINTS_0", "WEIGHTS_0", "TEXCOORD_0", "TANGENT", "NORMAL", "COLOR_0", "uri", "mimeType",
    "source", "sampler", "index", "texCoord", "skeleton", "inverseBindMatrices", "node", "path", "interpolation", "name", "skins", "scene",
)
FLOATS = struct.pack("<8f", float("nan"), float("inf"), -float("inf"), 3.4e38, -3.4e38, 1e-45, -0.0, 0.0)


@dataclass(frozen=True)
class Parts:
    """A glTF file taken apart: its JSON text and the bytes of its first buffer."""

    text: str
    blob: bytes


def parts_of(path: Path) -> Parts | None:
    """Take a file apart, with everything that stands beside it inside; None where it has several buffers or something is missing."""
    return parts_of_bytes(path.read_bytes(), path)


def parts_of_bytes(data: bytes, path: Path = Path("model.glb")) -> Parts | None:
    """Take the bytes of a file apart, None where that cannot be done."""
    try:
        return _parts(path, data)
    except (OSError, ValueError, LookupError, AttributeError, TypeError, struct.error, RecursionError):
        return None


def _parts(path: Path, data: bytes) -> Parts:
    blob = b""
    if data[:4] == b"glTF":
        length = struct.unpack_from("<I", data, 12)[0]
        document = json.loads(data[20 : 20 + length])
        blob = data[28 + length :]
    else:
        document = json.loads(data)
        buffers = document.get("buffers", ())
        if len(buffers) > 1:
            raise LookupError
        for buffer in buffers:
            blob = _resource(path, buffer.pop("uri"))
    for image in document.get("images", ()):
        if "uri" in image and not image["uri"].startswith("data:"):
            kind = "jpeg" if image["uri"].endswith("jpg") else "png"
            image["uri"] = f"data:image/{kind};base64," + base64.b64encode(_resource(path, image["uri"])).decode()
    return Parts(json.dumps(document), blob)


def _resource(path: Path, uri: str) -> bytes:
    return base64.b64decode(uri.partition(",")[2]) if uri.startswith("data:") else (path.parent / unquote(uri)).read_bytes()


def glb(text: bytes, blob: bytes) -> bytes:
    """Frame a file as it should be."""
    text += b" " * (-len(text) % 4)
    blob += bytes(-len(blob) % 4)
    body = struct.pack("<I4s", len(text), b"JSON") + text + (struct.pack("<I4s", len(blob), b"BIN\0") + blob if blob else b"")
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body


def gltf(chance: random.Random, seeds: list[Parts]) -> bytes:
    """Return a damaged glTF file, in one of the two containers."""
    seed = chance.choice(seeds)
    document, blob = json.loads(seed.text), seed.blob
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 6))):
        document = damage_tree(chance, document, seeds)
    if blob and chance.random() < 0.4:
        blob = damage_data(chance, blob)
    text = json.dumps(document).encode("utf-8", "surrogatepass")
    if chance.random() < 0.03:
        text = damage_bytes(chance, text)
    if chance.random() < 0.3:
        return _as_text(chance, document, blob)
    data = glb(text, blob)
    return damage_frame(chance, data) if chance.random() < 0.1 else data


def _as_text(chance: random.Random, document: Any, blob: bytes) -> bytes:
    """Put the data into the JSON, as a data URI that may be cut off."""
    buffers = document.get("buffers") if isinstance(document, dict) else None
    if isinstance(buffers, list) and buffers and isinstance(buffers[0], dict):
        body = base64.b64encode(blob).decode()
        cut = chance.randrange(len(body) + 1) if chance.random() < 0.1 else len(body)
        buffers[0].setdefault("uri", "data:application/octet-stream;base64," + body[:cut])
    return json.dumps(document).encode("utf-8", "surrogatepass")


def damage_tree(chance: random.Random, document: Any, seeds: list[Parts]) -> Any:
    """Change one place of a JSON tree: delete, retype, push to an extreme, move by one, copy from elsewhere, or insert."""
    spots = list(places(document))
    if not spots:
        return document
    holder, key = chance.choice(spots)
    kind = chance.randrange(9)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        holder[key] = chance.choice(NUMBERS)
    elif kind == 2:
        holder[key] = copy.deepcopy(chance.choice((*TEXTS, *OTHERS)))
    elif kind == 3 and type(holder[key]) in (int, float):
        holder[key] += chance.choice((-1, 1, 3, 0.5, 2**31))
    elif kind == 4:
        other, place = chance.choice(spots)
        holder[key], other[place] = copy.deepcopy(other[place]), copy.deepcopy(holder[key])
    elif kind == 5 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    elif kind == 6 and isinstance(holder, dict):
        holder[chance.choice(KEYS)] = copy.deepcopy(holder[key])
    elif kind == 7 and isinstance(holder, dict):
        holder[chance.choice(KEYS)] = copy.deepcopy(chance.choice((*NUMBERS, *TEXTS, *OTHERS)))
    else:
        donor = list(places(json.loads(chance.choice(seeds).text)))
        same = [(h, k) for h, k in donor if k == key] or donor
        source, place = chance.choice(same)
        holder[key] = source[place]
    return document


def places(tree: Any) -> list[tuple[Any, Any]]:
    """List every (container, key) of a JSON tree, without recursion."""
    found, pending = [], [tree]
    while pending:
        node = pending.pop()
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in items:
            found.append((node, key))
            pending.append(value)
    return found


def damage_data(chance: random.Random, data: bytes) -> bytes:
    """Change vertex data, indices or pictures: extreme floats and integers where they align, flipped bits, cut ends."""
    result = bytearray(data)
    for _ in range(chance.choice((1, 2, 8))):
        at = chance.randrange(len(result)) & ~3 if result else 0
        kind = chance.randrange(4)
        if kind == 0:
            pick = 4 * chance.randrange(8)
            result[at : at + 4] = FLOATS[pick : pick + 4]
        elif kind == 1:
            result[at : at + 4] = struct.pack("<I", chance.choice((0, 1, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)))
        elif kind == 2 and result:
            result[at] ^= 1 << chance.randrange(8)
        elif kind == 3:
            del result[chance.randrange(len(result) + 1) :]
    return bytes(result)


def damage_bytes(chance: random.Random, data: bytes) -> bytes:
    """Flip, cut, drop or repeat bytes anywhere."""
    result = bytearray(data)
    for _ in range(chance.choice((1, 2, 4))):
        if not result:
            break
        at, kind = chance.randrange(len(result)), chance.randrange(4)
        if kind == 0:
            result[at] = chance.randrange(256)
        elif kind == 1:
            del result[at:]
        elif kind == 2:
            del result[at : at + chance.choice((1, 4, 16))]
        else:
            result[at:at] = result[at : at + chance.choice((1, 4, 64))]
    return bytes(result)


def damage_frame(chance: random.Random, data: bytes) -> bytes:
    """Lie in the header of a GLB or of a chunk, or damage any byte."""
    result = bytearray(data)
    if chance.random() < 0.5:
        at = chance.choice((0, 4, 8, 12, 16))
        value = chance.choice((0, 1, 2, 3, 8, 12, 20, len(data) - 1, len(data) + 4, 2**31, 2**32 - 1, 0x4E4F534A, 0x004E4942))
        result[at : at + 4] = struct.pack("<I", value)
        return bytes(result)
    return damage_bytes(chance, data)


def image(chance: random.Random, seeds: list[bytes]) -> bytes:
    """Return a damaged PNG, JPEG or WebP: a part repeated or taken from another, sizes pushed to extremes, bytes flipped."""
    data = bytearray(chance.choice(seeds))
    kind = chance.randrange(4)
    if kind == 0:
        at = chance.choice((16, 20, 24, 26, 28, len(data) // 2)) % len(data)
        data[at : at + 4] = struct.pack(">I", chance.choice((0, 1, 2, 255, 65535, 0x7FFFFFFF, 0xFFFFFFFF, 8192, 0x20002000)))
    elif kind == 1:
        other = chance.choice(seeds)
        at, start = chance.randrange(len(data)), chance.randrange(len(other))
        data[at:at] = other[start : start + chance.choice((8, 25, 200))]
    return damage_bytes(chance, bytes(data)) if kind else bytes(data)


def packed(chance: random.Random, seeds: list[Parts]) -> bytes:
    """Return a GLB whose compressed data is damaged, now and then also what its JSON says about it."""
    seed = chance.choice(seeds)
    document = json.loads(seed.text)
    if chance.random() < 0.2:
        document = damage_tree(chance, document, seeds)
    blob = (damage_bytes if chance.random() < 0.7 else damage_data)(chance, seed.blob)
    return glb(json.dumps(document).encode("utf-8", "surrogatepass"), blob[: len(seed.blob)].ljust(len(seed.blob), b"\0"))


def basis(chance: random.Random, seeds: list[bytes]) -> bytes:
    """Return a damaged KTX2 or .basis file: fields of the header pushed to extremes, bytes flipped, ends cut."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((0, 1, 1, 2))):
        at = 4 * chance.randrange(3, min(40, len(data) // 4))
        data[at : at + 4] = struct.pack("<I", chance.choice((0, 1, 2, 6, 16, 37, 80, 145, 4096, 65535, 2**31 - 1, 2**31, 2**32 - 1)))
    damaged = damage_bytes(chance, bytes(data)) if chance.random() < 0.8 else bytes(data)
    if damaged[:2] == b"sB" and len(damaged) > 77 and chance.random() < 0.9:  # or the checksums would hide all damage
        damaged = damaged[:12] + struct.pack("<H", crc16(damaged[77:])) + damaged[14:]
        damaged = damaged[:6] + struct.pack("<H", crc16(damaged[8:77])) + damaged[8:]
    return damaged


def crc16(data: bytes) -> int:
    """Return the checksum of .basis files."""
    crc = 0xFFFF
    for byte in data:
        mixed = byte ^ crc >> 8
        mixed ^= mixed >> 4
        crc = (crc << 8 ^ mixed ^ mixed << 5 ^ mixed << 12) & 0xFFFF
    return crc ^ 0xFFFF


def members_of(data: bytes) -> dict[str, bytes]:
    """Take a capture apart."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def capture(chance: random.Random, seeds: list[dict[str, bytes]]) -> bytes:
    """Return a damaged capture: its manifest, its arrays and their heads, what is in the zip, the zip itself."""
    members = dict(chance.choice(seeds))
    manifest, donors = json.loads(members["manifest.json"]), [Parts(seed["manifest.json"].decode(), b"") for seed in seeds]
    for _ in range(chance.choice((0, 0, 1, 1, 1, 2, 4))):
        manifest = damage_tree(chance, manifest, donors)
    members["manifest.json"] = json.dumps(manifest).encode("utf-8", "surrogatepass")
    for _ in range(chance.choice((0, 0, 1, 2))):
        name = chance.choice(list(members))
        start = len(members[name]) if chance.random() < 0.1 else 128
        head, body = members[name][:start], members[name][start:]
        kept = damage_data(chance, body)[: len(body)] if chance.random() < 0.9 else b""
        members[name] = head + kept.ljust(len(body), b"\0") if chance.random() < 0.95 else damage_bytes(chance, members[name])
    if chance.random() < 0.05:
        other = chance.choice(list(members))
        members[chance.choice(("../x", "nodes/id.npy", "more.npy", "manifest.json"))] = members.pop(other)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, archive.compression, 1)
    return damage_bytes(chance, stream.getvalue()) if chance.random() < 0.1 else stream.getvalue()


HEADERS = (
    b"EXPOSURE=1e-19\n", b"EXPOSURE=1e19\n", b"EXPOSURE=nan\n", b"FORMAT=32-bit_rle_xyze\n", b"\n", b"-Y 1 +X 1\n", b"+Y 8 -X 32767\n",
    b"-Y 999999999 +X 8\n", b"-Y 8 +X 999999999\n", b"-Y 0 +X 0\n", b"#?RADIANCE\n", b"COLORCORR=0 0 0\n", b"\0",
)
RUNS = (b"\1\1\1\xff", b"\2\2\x7f\xff", b"\2\2\0\x08", b"\xff\x05", b"\x00\x05", b"\x80\x01", b"\xff\xff\xff\xff")


FIELDS = (
    b"", b"part 1", b"part 2", b"0", b"1", b"-1", b"1e9", b"1e999", b"nan", b"0.1", b"insert", b"remove", b"move", b"ghost", b"highlight",
    b"appear", b"disappear", b"smooth", b"in", b'"', b'"a,b"', b"\r", b"\xff", b"part", b"start", b"duration", b"does", b"x", b"easing",
)


def table(chance: random.Random, seeds: list[bytes]) -> bytes:
    """Return a damaged table of steps: fields and rows replaced, doubled and left out, and sometimes bytes flipped."""
    rows = [row.split(b",") for row in chance.choice(seeds).split(b"\n")]
    for _ in range(chance.choice((0, 1, 2, 5))):
        row = chance.choice(rows)
        if chance.random() < 0.2:
            rows.insert(chance.randrange(len(rows) + 1), list(row))
        elif chance.random() < 0.1:
            del row[chance.randrange(len(row) + 1):]
        if row:
            row[chance.randrange(len(row))] = chance.choice(FIELDS)
    data = b"\n".join(map(b",".join, rows))
    return damage_bytes(chance, data) if chance.random() < 0.2 else data


WORDS = ("{", "}", "OFFSET 1 2 3", "CHANNELS 3 Xrotation Yposition Zrotation", "JOINT x {", "End Site {", "ROOT", "MOTION", "nan", "1e999",
         "-1", "99999999999999999999", "0x10", "1_0", "Frames: 3", "Frame Time: 0", "HIERARCHY", "\0", "\u2028", "é" * 300)


def motion(chance: random.Random, seeds: list[bytes]) -> bytes:
    """Return a damaged BVH file: words put in, taken out and doubled, lines that change places, bytes flipped."""
    words = chance.choice(seeds).decode().split(" ")
    for _ in range(chance.choice((1, 1, 2, 5))):
        at, kind = chance.randrange(len(words)), chance.randrange(4)
        if kind == 0:
            words[at] = chance.choice(WORDS)
        elif kind == 1:
            words[at:at] = [chance.choice(WORDS)]
        elif kind == 2:
            del words[at:at + chance.choice((1, 3))]
        else:
            words[at:at] = words[at:at + chance.choice((1, 8))]
        words = words or [""]
    data = " ".join(words).encode()
    return damage_bytes(chance, data) if chance.random() < 0.3 else data


def radiance(chance: random.Random, seeds: list[bytes]) -> bytes:
    """Return a damaged Radiance picture: header lines put in, run lengths that lie, bytes flipped."""
    data = chance.choice(seeds)
    head, mark, body = data.partition(b"\n\n")
    for _ in range(chance.choice((0, 1, 2, 5))):
        head += b"\n" + chance.choice(HEADERS).rstrip(b"\n")
    if chance.random() < 0.3:
        end = body.find(b"\n") + 1
        body = chance.choice(HEADERS[5:10]) + body[end:]
    for _ in range(chance.choice((0, 1, 3))):
        at = chance.randrange(len(body) + 1)
        body = body[:at] + chance.choice(RUNS) + body[at + 4 :]
    data = head + mark + body
    return damage_bytes(chance, data) if chance.random() < 0.5 else data
