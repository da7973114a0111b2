"""Compressed meshes and pictures: unpacked to what was packed, checked before and after, and what a missing library means."""

import io
import json
import struct
import subprocess
import sys

import numpy as np
import pytest
from gltf_files import GltfFile
from packed_files import DRACO, GRID, GRID_INDICES, MESHOPT, basis, draco_file, ktx2, meshopt_file, pack, required, textured_by
from PIL import Image
from test_gltf_bombs import CHILD

import metarender as mr
from metarender._core import bc7_decode
from metarender.errors import GltfError, MissingExtra
from metarender.io import Limits, load
from metarender.io.ktx2 import read_basis
from metarender.io.limits import Budget

COLORS = np.array([[[200, 30, 90, 255], [10, 220, 40, 128]], [[0, 0, 0, 0], [255, 255, 255, 255]]], np.uint8)
SMALLER = np.array([[[116, 126, 96, 160]]], np.uint8)


def png(color):
    stream = io.BytesIO()
    Image.new("RGBA", (2, 2), tuple(color)).save(stream, "PNG")
    return stream.getvalue()


def triangles(geometry):
    """The corners of all triangles, each starting with its lowest corner, in an order of their own."""
    corners = geometry.positions[geometry.indices].reshape(-1, 3, 3)
    first = np.lexsort(np.moveaxis(np.round(corners, 3), 2, 0)[::-1], axis=-1)[:, 0]
    turned = corners[np.arange(len(corners))[:, None], (first[:, None] + np.arange(3)) % 3]
    return turned[np.lexsort(np.round(turned, 3).reshape(len(turned), -1).T[::-1])]


def expected():
    return triangles(mr.Geometry(positions=GRID, indices=GRID_INDICES.astype("u4")))


def refused(path, **limits):
    with pytest.raises(GltfError) as caught:
        load(path, limits=Limits(**limits))
    assert "\n" not in str(caught.value)
    return caught.value.code, caught.value.pointer


# Draco


@pytest.mark.parametrize("keep_order", [True, False])
@pytest.mark.parametrize("level", [0, 5, 10])
def test_draco_gives_the_triangles_that_were_packed(tmp_path, primitive, level, keep_order):
    pytest.importorskip("DracoPy")
    normals = np.tile(np.array([0, 0, 1], "f8"), (len(GRID), 1))
    made, _ = primitive(draco_file(level=level, keep_order=keep_order, normals=normals).glb(tmp_path))
    np.testing.assert_allclose(triangles(made), expected(), atol=2e-4)
    np.testing.assert_allclose(made.normals, [[0, 0, 1]] * len(GRID), atol=0.02)
    assert made.positions.dtype == np.float32 and made.indices.dtype == np.uint32


def test_draco_joints_come_as_the_accessor_says(tmp_path, describe):
    pytest.importorskip("DracoPy")
    joints = np.zeros((len(GRID), 4), "u2")
    joints[:, 0] = np.arange(len(GRID)) % 2
    file = draco_file(joints=joints)
    file.document["nodes"] += [{}, {"children": [1], "translation": [0, 0, 5]}]
    file.document["scenes"][0]["nodes"].append(2)
    file.document["nodes"][0]["skin"] = 0
    file.document["skins"] = [{"joints": [1, 2]}]
    geometry, _ = describe(file.glb(tmp_path)).nodes[0].mesh.primitives[0]
    order = np.lexsort(np.round(geometry.positions).T)
    assert geometry.joints.dtype == np.uint16 and np.array_equal(geometry.joints[order], joints[np.lexsort(GRID.T)])


def test_draco_data_that_two_primitives_name_is_unpacked_once(tmp_path, describe, monkeypatch):
    packed = pytest.importorskip("DracoPy")
    file, calls = draco_file(), []
    file.document["meshes"].append(dict(file.document["meshes"][0]))
    file.node(mesh=1)
    decode = packed.decode
    monkeypatch.setattr(packed, "decode", lambda data: calls.append(1) or decode(data))
    nodes = describe(file.glb(tmp_path)).nodes
    assert len(calls) == 1 and nodes[0].mesh.primitives[0][0] is nodes[1].mesh.primitives[0][0]


def test_without_draco_the_plain_copy_is_drawn_or_the_command_is_named(tmp_path, primitive, monkeypatch):
    pytest.importorskip("DracoPy")
    paths = draco_file(fallback=True).glb(tmp_path, "plain.glb"), draco_file().glb(tmp_path, "packed.glb")
    empty = draco_file()
    del empty.document["extensionsRequired"]
    monkeypatch.setitem(sys.modules, "DracoPy", None)
    np.testing.assert_array_equal(triangles(primitive(paths[0])[0]), expected())
    for path in (paths[1], empty.glb(tmp_path, "empty.glb")):
        with pytest.raises(MissingExtra, match=r"compression needs DracoPy \(at /meshes/0.*pip install 'metarender\[gltf\]'"):
            load(path)


def lying_draco(**changes):
    """The grid with accessors or data that do not belong together."""
    file = draco_file(**{key: changes.pop(key) for key in ("level", "keep_order", "data") if key in changes})
    primitive = file.document["meshes"][0]["primitives"][0]
    for key, value in changes.items():
        if key in ("mode",):
            primitive[key] = value
        elif key == "ids":
            primitive["extensions"][DRACO]["attributes"] = value
        else:
            file.document["accessors"][{"vertices": 0, "corners": 1}[key]].update(value)
    return file


MISMATCH, INVALID = "KHR_DRACO_MESH_COMPRESSION_MISMATCH", "KHR_DRACO_MESH_COMPRESSION_INVALID"
DRACO_LIES = [
    (dict(vertices={"count": 62}), MISMATCH, ""),
    (dict(vertices={"count": 64}, keep_order=False), MISMATCH, "/attributes/POSITION"),
    (dict(vertices={"count": 64}, level=0), MISMATCH, ""),
    (dict(corners={"count": 3}), MISMATCH, ""),
    (dict(corners={"count": 3 * 10**9}), MISMATCH, ""),
    (dict(ids={"POSITION": 9}), MISMATCH, "/attributes/POSITION"),
    (dict(ids={"NORMAL": 0}), MISMATCH, "/attributes/NORMAL"),
    (dict(mode=0), MISMATCH, None),
    (dict(data=b"DRACO\2\2\0\1\0\0" + bytes(40)), INVALID, ""),
    (dict(data=b"DRACO\2\2\1\1\0\0\0\xff\xff\xff\xff\x0f\xff\xff\xff\xff\x0f" + bytes(40)), MISMATCH, ""),
    (dict(data=b"DRACO\2\2\1\0\0\0\x80\x80\x80\x80\x80\x80\x80\x80"), INVALID, ""),
    (dict(data=b"DRACO\2\2\1\1\0\x80\xff\xff\xff\xff\x0f"), INVALID, ""),
    (dict(data=b"PNG"), INVALID, ""),
]


@pytest.mark.parametrize(("lie", "code", "place"), DRACO_LIES)
def test_promise_6_draco_that_lies_is_refused_where_it_does(tmp_path, lie, code, place):
    pytest.importorskip("DracoPy")
    where = "/meshes/0/primitives/0/mode" if place is None else f"/meshes/0/primitives/0/extensions/{DRACO}{place}"
    assert refused(lying_draco(**lie).glb(tmp_path)) == (code, where)


@pytest.mark.parametrize("keep_order", [True, False])
def test_promise_6_draco_cut_at_any_length_is_refused(tmp_path, keep_order):
    packed = pytest.importorskip("DracoPy")
    data = packed.encode(GRID, GRID_INDICES.reshape(-1, 3).astype("u4"), quantization_bits=16, preserve_order=keep_order)
    for length in range(1, len(data) - 1, 3):
        code, where = refused(draco_file(data=data[:length]).glb(tmp_path))
        assert code in (INVALID, MISMATCH) and where.startswith("/meshes/0/primitives/0")


def test_promise_6_draco_takes_its_size_from_the_budget_before_it_is_unpacked(tmp_path, monkeypatch):
    packed = pytest.importorskip("DracoPy")
    path = draco_file().glb(tmp_path)
    monkeypatch.setattr(packed, "decode", None)
    assert refused(path, array_bytes=1000)[0] == "LIMIT_EXCEEDED"
    assert refused(path, total_bytes=path.stat().st_size + 2000)[0] == "LIMIT_EXCEEDED"


# meshopt


def test_meshopt_gives_the_bytes_that_were_packed(tmp_path, primitive):
    pytest.importorskip("meshoptimizer")
    made, _ = primitive(meshopt_file().glb(tmp_path))
    np.testing.assert_array_equal(triangles(made), expected())
    np.testing.assert_array_equal(primitive(meshopt_file(fallback=True).glb(tmp_path))[0].positions, made.positions)


def one_view(packed, plain, **how):
    """A file with one compressed view and an accessor of its first numbers, as positions of points."""
    file = GltfFile()
    number = file.view(plain)
    file.blob = bytearray()
    file.document["accessors"] = [{"bufferView": number, "componentType": 5126, "count": len(plain) // 12, "type": "VEC3"}]
    file.document["meshes"] = [{"primitives": [{"attributes": {"POSITION": 0}, "mode": 0}]}]
    file.node(mesh=0)
    pack(file, number, packed, **how)
    file.document["buffers"] = [{"byteLength": len(file.blob)}, {"byteLength": len(plain), "extensions": {MESHOPT: {"fallback": True}}}]
    return required(file, MESHOPT)


@pytest.mark.parametrize("exponents", [[-2, 0, 3], [1, 0, 3]])
def test_meshopt_filters(tmp_path, describe, exponents):
    """EXPONENTIAL against numbers that it stores exactly; the others are formulas of the extension."""
    codec = pytest.importorskip("meshoptimizer")
    codec.encode_vertex_version(0)
    exponents, numbers = np.array([exponents], "i4"), np.array([[5, -7, 11], [1, 2, -3]], "i4")
    stored = (exponents.astype("u4") << 24) | (numbers.astype("u4") & 0xFFFFFF)
    want = (numbers * 2.0**exponents).astype("f4")
    how = dict(byteStride=12, count=2, mode="ATTRIBUTES", filter="EXPONENTIAL")
    file = one_view(codec.encode_vertex_buffer(np.ascontiguousarray(stored)), want.tobytes(), **how)
    geometry, _ = describe(file.glb(tmp_path)).nodes[0].mesh.primitives[0]
    np.testing.assert_array_equal(geometry.positions, want)


def test_meshopt_index_sequences_of_both_sizes(tmp_path, primitive):
    codec = pytest.importorskip("meshoptimizer")
    for kind, size in (("u2", 2), ("u4", 4)):
        file = GltfFile()
        lines = np.array([0, 1, 1, 5, 62, 3, 4], kind)
        file.node(mesh=file.mesh(GRID, indices=lines, mode=3))
        pack(file, 1, codec.encode_index_sequence(lines), byteStride=size, count=7, mode="INDICES")
        file.document["bufferViews"][1]["byteOffset"] = 0
        file.document["buffers"] = [{"byteLength": len(file.blob)}, {"byteLength": 7 * size, "extensions": {MESHOPT: {"fallback": True}}}]
        made, _ = primitive(required(file, MESHOPT).glb(tmp_path))
        assert made.indices.tolist() == [0, 1, 1, 1, 1, 5, 5, 62, 62, 3, 3, 4]


def test_without_meshoptimizer_the_plain_copy_is_drawn_or_the_command_is_named(tmp_path, primitive, monkeypatch):
    pytest.importorskip("meshoptimizer")
    paths = meshopt_file(fallback=True).glb(tmp_path, "plain.glb"), meshopt_file().glb(tmp_path, "packed.glb")
    empty = meshopt_file()
    del empty.document["extensionsRequired"]
    monkeypatch.setitem(sys.modules, "meshoptimizer", None)
    np.testing.assert_array_equal(triangles(primitive(paths[0])[0]), expected())
    for path in (paths[1], empty.glb(tmp_path, "empty.glb")):
        with pytest.raises(MissingExtra, match=r"needs meshoptimizer \(at /bufferViews/0.*'metarender\[gltf\]'; it is built from source"):
            load(path)


EXTENSION = f"/bufferViews/0/extensions/{MESHOPT}"
MESHOPT_LIES = [
    (dict(mode="POINTS"), "EXT_MESHOPT_COMPRESSION_INVALID", "/mode"),
    (dict(filter="BLUR"), "EXT_MESHOPT_COMPRESSION_INVALID", "/filter"),
    (dict(filter="OCTAHEDRAL"), "EXT_MESHOPT_COMPRESSION_INVALID", "/filter"),
    (dict(byteStride=10), "EXT_MESHOPT_COMPRESSION_INVALID", "/byteStride"),
    (dict(byteStride=260), "EXT_MESHOPT_COMPRESSION_INVALID", "/byteStride"),
    (dict(mode="TRIANGLES", byteStride=4, count=189), "", ""),
    (dict(mode="TRIANGLES", byteStride=4, count=190), "EXT_MESHOPT_COMPRESSION_INVALID", "/count"),
    (dict(mode="INDICES", byteStride=8), "EXT_MESHOPT_COMPRESSION_INVALID", "/byteStride"),
    (dict(count=62), "EXT_MESHOPT_COMPRESSION_INVALID", "/count"),
    (dict(count=10**12), "EXT_MESHOPT_COMPRESSION_INVALID", "/count"),
    (dict(buffer=7), "UNRESOLVED_REFERENCE", "/buffer"),
    (dict(byteLength=10**6), "BUFFER_VIEW_TOO_LONG", "/byteLength"),
    (dict(byteOffset=10**6), "BUFFER_VIEW_TOO_LONG", "/byteLength"),
    (dict(byteLength=20), "EXT_MESHOPT_COMPRESSION_INVALID", ""),
    (dict(byteOffset=1), "BUFFER_VIEW_TOO_LONG", "/byteLength"),
]


@pytest.mark.parametrize(("lie", "code", "place"), MESHOPT_LIES)
def test_promise_6_meshopt_that_lies_is_refused_where_it_does(tmp_path, lie, code, place):
    """The JSON is checked without the library; a mode that fits in all numbers is found by the first byte of the data."""
    if place == "":
        pytest.importorskip("meshoptimizer")
    plain, packed = GRID.tobytes(), b"\xa0" + bytes(200)
    file = one_view(packed, plain, **{"byteStride": 12, "count": len(GRID), "mode": "ATTRIBUTES"})
    file.document["bufferViews"][0]["extensions"][MESHOPT].update(lie)
    assert refused(file.glb(tmp_path)) == (code or "EXT_MESHOPT_COMPRESSION_INVALID", EXTENSION + place)


def test_promise_6_meshopt_cut_or_of_a_later_version_is_refused(tmp_path):
    codec = pytest.importorskip("meshoptimizer")
    codec.encode_vertex_version(0)
    data, how = codec.encode_vertex_buffer(GRID), {"byteStride": 12, "count": len(GRID), "mode": "ATTRIBUTES"}
    for length in range(1, len(data), 5):
        file = one_view(data[:length], GRID.tobytes(), **how)
        assert refused(file.glb(tmp_path)) == ("EXT_MESHOPT_COMPRESSION_INVALID", EXTENSION)
    assert refused(one_view(b"\xa1" + data[1:], GRID.tobytes(), **how).glb(tmp_path)) == ("EXT_MESHOPT_COMPRESSION_INVALID", EXTENSION)


def test_promise_6_meshopt_indices_past_the_vertices_and_numbers_that_are_not_finite_are_refused(tmp_path):
    codec = pytest.importorskip("meshoptimizer")
    codec.encode_vertex_version(0)
    file = GltfFile()
    lines = np.array([0, 1, 1, 63], "u2")
    file.node(mesh=file.mesh(GRID, indices=lines, mode=1))
    pack(file, 1, codec.encode_index_sequence(lines), byteStride=2, count=4, mode="INDICES")
    file.document["bufferViews"][1]["byteOffset"] = 0
    file.document["buffers"] = [{"byteLength": len(file.blob)}, {"byteLength": 8, "extensions": {MESHOPT: {"fallback": True}}}]
    assert refused(required(file, MESHOPT).glb(tmp_path))[0] == "ACCESSOR_INDEX_OOB"
    broken = GRID.copy()
    broken[5, 1] = np.nan
    file = one_view(codec.encode_vertex_buffer(broken), broken.tobytes(), byteStride=12, count=len(GRID), mode="ATTRIBUTES")
    assert refused(file.glb(tmp_path)) == ("ACCESSOR_INVALID_FLOAT", "/accessors/0")


def test_promise_6_meshopt_takes_its_size_from_the_budget_before_it_is_unpacked(tmp_path, monkeypatch):
    codec = pytest.importorskip("meshoptimizer")
    path = meshopt_file().glb(tmp_path)
    monkeypatch.setattr(codec, "decode_vertex_buffer", None)
    assert refused(path, array_bytes=700) == ("LIMIT_EXCEEDED", EXTENSION)


# Basis Universal


def read(data, **limits):
    codec = pytest.importorskip("opengl_basisu")
    return read_basis(data, codec, Budget(Limits(**limits)), "/images/0")


def test_basis_levels_and_colours(tmp_path, primitive):
    pytest.importorskip("opengl_basisu")
    data = ktx2([COLORS, SMALLER])
    _, material = primitive(textured_by(data, "KHR_texture_basisu", "image/ktx2").glb(tmp_path))
    texture = material.color_texture.texture
    assert texture.page[:4] == (8, 8, 2, True) and texture.page.format == "bc7"
    assert [level.shape for level in texture.blocks] == [(2, 2, 16), (1, 1, 16)]
    assert not texture.blocks[0].flags.writeable and not texture.pixels.flags.writeable
    np.testing.assert_allclose(texture.pixels.astype(int), np.repeat(np.repeat(COLORS, 4, 0), 4, 1), atol=1)
    np.testing.assert_allclose(texture.level(1)[0, 0].astype(int), SMALLER[0, 0], atol=1)


@pytest.mark.parametrize("name", ["2d_etc1s.ktx2", "2d_uastc.ktx2"])
def test_basis_of_both_codecs(local_assets, name):
    """The blocks stand for what the library makes of the same file as pixels, but for the rounding to blocks."""
    codec = pytest.importorskip("opengl_basisu")
    data = (local_assets / "textures" / name).read_bytes()
    blocks = read(data)
    plain = codec.open(data).transcode_levels("rgba8")
    assert len(blocks.levels) == len(plain) == 6 and blocks.size == (40, 40)
    for level, image in zip(blocks.levels, plain, strict=True):
        difference = bc7_decode(level, image.width, image.height).astype(int) - image.data
        assert np.abs(difference).mean() < 1.5 and (np.abs(difference) > 12).any(axis=-1).mean() < 0.03


def test_basis_levels_without_mipmaps_are_left_out(tmp_path, primitive):
    pytest.importorskip("opengl_basisu")
    file = textured_by(ktx2([COLORS, SMALLER]), "KHR_texture_basisu", "image/ktx2")
    file.document["samplers"] = [{"minFilter": 9729}]
    file.document["textures"][0]["sampler"] = 0
    assert len(primitive(file.glb(tmp_path))[1].color_texture.texture.blocks) == 1


def test_without_basisu_the_plain_picture_is_drawn_or_the_command_is_named(tmp_path, primitive, monkeypatch):
    data, red = ktx2([COLORS]), png((255, 0, 0, 255))
    monkeypatch.setitem(sys.modules, "opengl_basisu", None)
    _, material = primitive(textured_by(data, "KHR_texture_basisu", "image/ktx2", fallback=red, needed=False).glb(tmp_path))
    assert material.color_texture.texture.pixels[0, 0].tolist() == [255, 0, 0, 255]
    with pytest.raises(MissingExtra, match=r"needs opengl_basisu \(at /textures/0/extensions/KHR_texture_basisu\); pip install"):
        load(textured_by(data, "KHR_texture_basisu", "image/ktx2").glb(tmp_path))
    with pytest.warns(mr.io.AssetWarning, match=r"/textures/0, for which opengl_basisu is missing \(pip install"):
        load(textured_by(data, "KHR_texture_basisu", "image/ktx2", needed=False).glb(tmp_path))


def test_where_an_extension_can_be_read_it_is_drawn_and_not_the_plain_picture(tmp_path, primitive):
    pytest.importorskip("opengl_basisu")
    file = textured_by(ktx2([COLORS]), "KHR_texture_basisu", "image/ktx2", fallback=png((255, 0, 0, 255)), needed=False)
    assert primitive(file.glb(tmp_path))[1].color_texture.texture.page.format == "bc7"


KTX2_LIES = [
    dict(width=0), dict(width=1 << 31, height=1 << 31), dict(width=16), dict(kind=37), dict(depth=1), dict(layers=2), dict(faces=6),
    dict(levels=0), dict(levels=1 << 31), dict(levels=5), dict(scheme=1), dict(scheme=2), dict(model=1), dict(plain=1 << 60),
    dict(offset=1 << 40), dict(length=1 << 63),
]


@pytest.mark.parametrize("lie", KTX2_LIES, ids=str)
def test_promise_6_ktx2_that_lies_is_refused(lie):
    with pytest.raises(GltfError) as caught:
        read(ktx2([COLORS], **lie))
    assert (caught.value.code, caught.value.pointer) == ("IMAGE_DATA_INVALID", "/images/0") and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["2d_etc1s.ktx2", "2d_uastc.ktx2", "plain"])
def test_promise_6_ktx2_cut_at_any_length_is_refused(local_assets, name):
    data = ktx2([COLORS, SMALLER]) if name == "plain" else (local_assets / "textures" / name).read_bytes()
    for length in range(12, len(data) - 15, 7):
        with pytest.raises(GltfError, match="IMAGE_DATA_INVALID"):
            read(data[:length])


def zstandard(data):
    """A frame of one block that is not compressed."""
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data)) + (len(data) << 3 | 1).to_bytes(3, "little") + data


def test_ktx2_whose_levels_are_supercompressed():
    assert np.array_equal(read(ktx2([COLORS, SMALLER], scheme=2, pack_level=zstandard)).levels[0], read(ktx2([COLORS, SMALLER])).levels[0])
    with pytest.raises(GltfError, match="IMAGE_DATA_INVALID"):
        read(ktx2([COLORS], scheme=2, pack_level=lambda data: zstandard(data[:-16])))


def test_a_basis_file_is_drawn_where_its_extension_says_so(tmp_path, primitive):
    pytest.importorskip("opengl_basisu")
    data = basis(COLORS)
    _, material = primitive(textured_by(data, "GOOGLE_texture_basis", "image/x-basis").glb(tmp_path))
    np.testing.assert_array_equal(material.color_texture.texture.pixels, bc7_decode(read(ktx2([COLORS])).levels[0], 8, 8))


@pytest.mark.parametrize("lie", [dict(slices=2), dict(slices=0xFFFFFF), dict(images=2), dict(images=0xFFFFFF), dict(start=90)], ids=str)
def test_promise_6_basis_files_that_lie_or_are_cut_are_refused(lie):
    for data in (basis(COLORS, **lie), basis(COLORS)[:70], basis(COLORS)[:-1]):
        with pytest.raises(GltfError, match="IMAGE_DATA_INVALID"):
            read(data)


def test_promise_6_ktx2_takes_its_size_from_the_limits_before_it_is_decoded(monkeypatch):
    data = ktx2([COLORS])
    codec = pytest.importorskip("opengl_basisu")
    monkeypatch.setattr(codec.Texture, "transcode", None)
    for limit in ({"image_pixels": 63}, {"array_bytes": 63}, {"total_bytes": 63}):
        with pytest.raises(GltfError, match="LIMIT_EXCEEDED"):
            read(data, **limit)


def test_a_decoder_that_gives_something_else_is_not_believed(monkeypatch):
    codec = pytest.importorskip("opengl_basisu")
    true = codec.Texture.transcode

    class Wrong:
        data = np.zeros((1, 1, 16), np.uint8)

    monkeypatch.setattr(codec.Texture, "transcode", lambda *arguments: Wrong())
    with pytest.raises(GltfError, match="another size than its header"):
        read(ktx2([COLORS]))
    monkeypatch.setattr(codec.Texture, "transcode", true)
    assert read(ktx2([COLORS])).size == (8, 8)


# Bombs


def varint(number):
    result = b""
    while number > 127:
        result += bytes([number & 127 | 128])
        number >>= 7
    return result + bytes([number])


def draco_bomb(faces):
    """A header of edgebreaker that declares many triangles, and accessors that agree."""
    data = b"DRACO\2\2\1\1\0\0\0" + varint(faces // 2) + varint(faces) + b"\0" + varint(faces) + b"\0" + bytes(64)
    return lying_draco(data=data, vertices={"count": faces // 2}, corners={"count": 3 * faces})


def meshopt_bomb(count):
    plain, packed = bytes(12), b"\xa0" + bytes(100)
    file = one_view(packed, plain, byteStride=12, count=count, mode="ATTRIBUTES")
    file.document["bufferViews"][0]["byteLength"] = file.document["buffers"][1]["byteLength"] = 12 * count
    file.document["accessors"][0]["count"] = count
    return file


def ktx2_bomb(side):
    return textured_by(ktx2([COLORS], (side, side), scheme=2, plain=side * side, pack_level=zstandard), "KHR_texture_basisu", "image/ktx2")


BOMBS = {
    "many triangles": (lambda: draco_bomb(4_000_000), INVALID, "DracoPy"),
    "too many triangles": (lambda: draco_bomb(20_000_000), "LIMIT_EXCEEDED", "DracoPy"),
    "many vertices": (lambda: meshopt_bomb(20_000_000), "EXT_MESHOPT_COMPRESSION_INVALID", "meshoptimizer"),
    "too many vertices": (lambda: meshopt_bomb(30_000_000), "LIMIT_EXCEEDED", "meshoptimizer"),
    "many pixels": (lambda: ktx2_bomb(8192), "IMAGE_DATA_INVALID", "opengl_basisu"),
    "too many pixels": (lambda: ktx2_bomb(16384), "LIMIT_EXCEEDED", "opengl_basisu"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_promise_6_compressed_bombs_stay_within_five_seconds_and_a_gigabyte(tmp_path, name):
    make, code, library = BOMBS[name]
    pytest.importorskip(library)
    path = make().glb(tmp_path)
    assert path.stat().st_size < 10_000
    done = subprocess.run([sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found, seconds = json.loads(done.stdout)
    assert found == code and seconds < 5
