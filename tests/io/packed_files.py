"""Makes small compressed files: Draco and meshopt meshes with the libraries' encoders, Basis Universal pictures of plain blocks by hand."""

import base64
import struct

import numpy as np
from gltf_files import TRIANGLE, GltfFile

DRACO, MESHOPT = "KHR_draco_mesh_compression", "EXT_meshopt_compression"
GRID = np.array([[x, y, (x * y) % 3] for y in range(7) for x in range(9)], "f4")
GRID_INDICES = np.array([[a, a + 1, a + 10, a, a + 10, a + 9] for a in range(54) if a % 9 < 8], "u2").reshape(-1)


def required(file, name):
    file.document["extensionsUsed"] = file.document["extensionsRequired"] = [name]
    return file


def empty_accessor(file, array, kind, **more):
    """An accessor without data, which is what stands for compressed data; returns its number."""
    component = {"f4": 5126, "u1": 5121, "u2": 5123, "i1": 5120, "i2": 5122}[array.dtype.str[1:]]
    entry = {"componentType": component, "count": len(array), "type": kind, **more}
    file.document.setdefault("accessors", []).append(entry)
    return len(file.document["accessors"]) - 1


def draco_file(*, level=7, keep_order=True, fallback=False, data=None, joints=None, normals=None):
    """A grid, compressed; with `fallback` its accessors have plain data as well."""
    import DracoPy

    generic = {} if joints is None else {5: joints}
    packed = data or DracoPy.encode(
        GRID, GRID_INDICES.reshape(-1, 3).astype("u4"), quantization_bits=16, compression_level=level, preserve_order=keep_order,
        normals=normals, generic_attributes=generic,
    )
    file = GltfFile()
    mesh = file.mesh(GRID, indices=GRID_INDICES)
    primitive = file.document["meshes"][0]["primitives"][0]
    if not fallback:
        for accessor in file.document["accessors"]:
            accessor.pop("bufferView")
    unique = {"POSITION": 0 if data else _unique(packed, 0)}
    if normals is not None:
        primitive["attributes"]["NORMAL"] = empty_accessor(file, normals.astype("f4"), "VEC3")
        unique["NORMAL"] = _unique(packed, 1)
    if joints is not None:
        primitive["attributes"]["JOINTS_0"] = empty_accessor(file, joints, "VEC4")
        primitive["attributes"]["WEIGHTS_0"] = file.accessor(np.array([[1, 0, 0, 0]] * len(GRID), "f4"))
        unique["JOINTS_0"] = 5
    primitive["extensions"] = {DRACO: {"bufferView": file.view(packed), "attributes": unique}}
    file.node(mesh=mesh)
    file.document["extensionsUsed"] = [DRACO]
    return file if fallback else required(file, DRACO)


def _unique(packed, kind):
    """The unique id that the encoder gave to the attribute of a kind."""
    import DracoPy

    return next(a["unique_id"] for a in DracoPy.decode(packed).attributes if a["attribute_type"] == kind)


def pack(file, number, packed, **how):
    """Replace the data of a buffer view by compressed data; the plain bytes then belong to a placeholder, buffer 1."""
    view = file.document["bufferViews"][number]
    holder = file.view(packed)
    place = file.document["bufferViews"].pop(holder)
    view["extensions"] = {MESHOPT: {"buffer": 0, "byteOffset": place["byteOffset"], "byteLength": len(packed), **how}}
    view["buffer"] = 1
    return view


def meshopt_file(fallback=False):
    """A grid whose positions and indices are compressed; with `fallback` the plain bytes are there as well."""
    import meshoptimizer

    meshoptimizer.encode_vertex_version(0)
    file = GltfFile()
    file.node(mesh=file.mesh(GRID, indices=GRID_INDICES))
    plain = bytes(file.blob)
    if not fallback:
        file.blob = bytearray()
    pack(file, 0, meshoptimizer.encode_vertex_buffer(GRID), byteStride=12, count=len(GRID), mode="ATTRIBUTES")
    pack(file, 1, meshoptimizer.encode_index_buffer(GRID_INDICES), byteStride=2, count=len(GRID_INDICES), mode="TRIANGLES")
    buffers = [{"byteLength": len(file.blob)}, {"byteLength": len(plain), "extensions": {MESHOPT: {"fallback": True}}}]
    file.document["buffers"] = buffers
    if fallback:
        buffers[1]["uri"] = "data:application/octet-stream;base64," + base64.b64encode(plain).decode()
    file.document["extensionsUsed"] = [MESHOPT]
    return file if fallback else required(file, MESHOPT)


def solid_block(color):
    """A UASTC block of one RGBA colour (mode 8): 5 bits of mode, then 8 bits a channel."""
    value = 0x17
    for place, channel in enumerate(color):
        value |= int(channel) << (5 + 8 * place)
    return value.to_bytes(16, "little")


def ktx2(colors, size=None, *, srgb=True, scheme=0, pack_level=bytes, **lies):
    """A KTX2 file of UASTC blocks of plain colours.

    Parameters
    ----------
    colors : list of (rows, columns, 4) uint8
        One colour for each block of each level, the largest first.
    size : (int, int)
        Pixels; four times the columns and rows by default.
    lies : int
        Header fields that shall say something else.
    """
    levels = [b"".join(solid_block(color) for row in level for color in row) for level in colors]
    width, height = size or (4 * len(colors[0][0]), 4 * len(colors[0]))
    fields = {"kind": 0, "type_size": 1, "width": width, "height": height, "depth": 0, "layers": 0, "faces": 1, "levels": len(levels),
              "scheme": scheme, **{key: value for key, value in lies.items() if key not in ("plain", "offset", "length", "model")}}
    body = struct.pack("<IHHBBBB4B8B", 0, 2, 40, lies.get("model", 166), 1, 2 if srgb else 1, 0, 3, 3, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0)
    body += struct.pack("<HBBIII", 0, 127, 3, 0, 0, 0xFFFFFFFF)
    described = struct.pack("<I", len(body) + 4) + body
    start = 80 + 24 * len(levels)
    at = -(-(start + len(described)) // 16) * 16
    places, data = [], b""
    for plain in reversed(levels):  # the smallest comes first
        packed = pack_level(plain)
        places.insert(0, (lies.get("offset", at + len(data)), lies.get("length", len(packed)), lies.get("plain", len(plain))))
        data += packed + bytes(-len(packed) % 16)
    head = b"\xabKTX 20\xbb\r\n\x1a\n" + struct.pack("<9I", *fields.values()) + struct.pack("<4I2Q", start, len(described), 0, 0, 0, 0)
    head += b"".join(struct.pack("<3Q", *place) for place in places) + described
    return head.ljust(at, b"\0") + data


def crc16(data):
    """The checksum of .basis files."""
    crc = 0xFFFF
    for byte in data:
        mixed = byte ^ crc >> 8
        mixed ^= mixed >> 4
        crc = (crc << 8 ^ mixed ^ mixed << 5 ^ mixed << 12) & 0xFFFF
    return crc ^ 0xFFFF


def basis(colors, **lies):
    """A .basis file of one level of UASTC blocks of plain colours; `lies` are the counts of slices and images that it shall declare."""
    data = b"".join(solid_block(color) for row in colors for color in row)
    rows, columns = len(colors), len(colors[0])
    at = 77 + 23
    place = struct.pack("<3sBBHHHHIIH", bytes(3), 0, 0, 4 * columns, 4 * rows, columns, rows, at, len(data), crc16(data))
    slices, images = lies.get("slices", 1), lies.get("images", 1)
    head = struct.pack("<IH", len(place) + len(data), crc16(place + data)) + slices.to_bytes(3, "little") + images.to_bytes(3, "little")
    head += struct.pack("<BH", 1, 0) + bytes(42) + struct.pack("<III", lies.get("start", 77), 0, 0)
    return b"sB" + struct.pack("<HHH", 0x13, 77, crc16(head)) + head + place + data


def textured_by(data, extension, mime, fallback=None, needed=True):
    """A triangle whose colour is a picture that an extension brings; `fallback` is a plain PNG."""
    file = GltfFile(materials=[{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}])
    file.node(mesh=file.mesh(TRIANGLE, material=0, TEXCOORD_0=np.zeros((3, 2), "f4")))
    file.document["images"] = [{"bufferView": file.view(data), "mimeType": mime}]
    texture = {"extensions": {extension: {"source": 0}}}
    if fallback is not None:
        file.document["images"].append({"bufferView": file.view(fallback), "mimeType": "image/png"})
        texture["source"] = 1
    file.document["textures"] = [texture]
    file.document["extensionsUsed"] = [extension]
    return required(file, extension) if needed else file
