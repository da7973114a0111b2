"""STL: binary and ASCII, solids, colours, and files that are cut off."""

import struct

import numpy as np
import pytest

import metarender as mr
from metarender.io.stl import FACET


def binary(corners, colors=None, head=b"", count=None):
    rows = np.zeros(len(corners), FACET)
    rows["corners"] = corners
    if colors is not None:
        rows["color"] = colors
    return head.ljust(80, b"\0") + struct.pack("<I", len(rows) if count is None else count) + rows.tobytes()


TRIANGLES = np.array([[[0, 0, 0], [1000, 0, 0], [0, 1000, 0]], [[0, 0, 500], [1000, 0, 500], [0, 1000, 500]]], np.float32)
TEXT = "solid {0}\n facet normal 0 0 1\n  outer loop\n   vertex 0 0 0\n   vertex 1e3 0 0\n   vertex 0 1000 0\n"
TEXT += "  endloop\n endfacet\nendsolid {0}\n"


@pytest.fixture
def load(tmp_path):
    def load(data, **options):
        (tmp_path / "part.stl").write_bytes(data if isinstance(data, bytes) else data.encode())
        return mr.load(tmp_path / "part.stl", **options)

    return load


def meshes(scene):
    return [(node.name, node.mesh.primitives[0][0]) for node in scene.nodes if node.mesh is not None]


def test_binary_is_millimetres_with_z_up_and_normals_come_from_the_corners(load):
    scene = load(binary(TRIANGLES))
    ((name, geometry),) = meshes(scene)
    assert name == "part"
    np.testing.assert_array_equal(geometry.positions, TRIANGLES.reshape(-1, 3))
    np.testing.assert_array_equal(geometry.normals, [[0, 0, 1]] * 6)
    np.testing.assert_allclose(scene.bounds, [[0, 0, -1], [1, 0.5, 0]], atol=1e-7)
    np.testing.assert_allclose(load(binary(TRIANGLES), unit="metre", up="y").bounds, [[0, 0, 0], [1000, 1000, 500]])


def test_a_binary_file_that_starts_with_solid_is_binary(load):
    ((_, geometry),) = meshes(load(binary(TRIANGLES, head=b"solid part")))
    assert geometry.index_count == 6


def test_text_with_several_solids(load):
    found = meshes(load(TEXT.format("lower part") + TEXT.format("").replace("0 0 0", "0 0 9")))
    assert [name for name, _ in found] == ["lower part", "part"]
    np.testing.assert_array_equal(found[1][1].positions, [[0, 0, 9], [1000, 0, 0], [0, 1000, 0]])


def test_colours_of_faces(load):
    own = 1 << 15
    ((_, viscam),) = meshes(load(binary(TRIANGLES, [own | 31 << 10, 5])))
    np.testing.assert_allclose(viscam.colors[[0, 3]], [[1, 0, 0, 1], [0.6, 0.6, 0.6, 1]], atol=1e-6)
    ((_, magics),) = meshes(load(binary(TRIANGLES, [31, own], b"COLOR=\x00\xff\x00\xff")))
    np.testing.assert_allclose(magics.colors[[0, 3]], [[1, 0, 0, 1], [0, 1, 0, 1]], atol=1e-6)
    ((_, plain),) = meshes(load(binary(TRIANGLES)))
    assert plain.colors is None


@pytest.mark.parametrize(("data", "message"), [
    (binary(TRIANGLES)[:-1], "has 183 bytes and its head speaks of 2 triangles, which take 184"),
    (binary(TRIANGLES) + b"\0", "cut off or no STL"), (binary(TRIANGLES, count=1 << 31), "cut off or no STL"), (b"\0" * 84, "no STL file"),
    (b"PNG", "no STL file"), (TEXT.format("a").replace("   vertex 0 1000 0\n", ""), "2 vertices, and before line 6 they make no whole"),
    (TEXT.format("a").replace("1e3", "1e"), "'1e' in line 5 is not a number"),
    (TEXT.format("a").replace("1e3", "inf"), "Vertex 2 is not finite"),
    (TEXT.format("a").replace("1e3 0 0", "1e3 0"), "line 5 has 2 numbers; it needs 3"), (b"solid nothing\nendsolid\n", "0 vertices"),
    (binary(TRIANGLES * np.float32(np.nan)), "not finite"),
])  # fmt: skip
def test_promise_6_a_broken_file_is_refused(load, data, message):
    with pytest.raises(mr.AssetError, match=message):
        load(data)


def test_promise_6_memory_is_bounded(load):
    with pytest.raises(mr.AssetError, match="LIMIT_EXCEEDED"):
        load(binary(np.repeat(TRIANGLES, 500, axis=0)), limits=mr.io.Limits(array_bytes=1000))


@pytest.mark.parametrize("as_text", [False, True])
def test_a_saved_part_reads_back_and_is_the_same_again(tmp_path, as_text):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(0.02), mr.Standard()), position=(0.1, 0.2, 0.3), name="two  words")
    scene.add(mr.Mesh(mr.sphere(0.01), mr.Standard()), scale=(-1, 1, 1), name="ball")
    hidden = scene.add(mr.Mesh(mr.box(9), mr.Standard()))
    hidden.visible = False
    mr.save(scene, tmp_path / "a.stl", ascii=as_text)
    again = mr.load(tmp_path / "a.stl")
    hidden.remove()
    np.testing.assert_allclose(again.bounds, scene.bounds, atol=1e-8)
    before, after = mr.check_solid(scene), mr.check_solid(again)
    assert after.printable and after.triangles == before.triangles and after.volume == pytest.approx(before.volume, rel=1e-5)
    assert [node.name for node in again.nodes][1:] == (["two words", "ball"] if as_text else ["a"])
    mr.save(again, tmp_path / "b.stl", ascii=as_text)
    assert mr.load(tmp_path / "b.stl").bounds.tolist() == again.bounds.tolist()
    if not as_text:
        assert (tmp_path / "a.stl").read_bytes() == (tmp_path / "b.stl").read_bytes()


def test_an_open_surface_is_told_or_refused(tmp_path):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.plane(1), mr.Standard()))
    with pytest.warns(mr.io.AssetWarning, match=r"a\.stl: it may not print: the surface is not closed, it has 4 open edges") as caught:
        mr.save(scene, tmp_path / "a.stl")
    assert caught[0].filename == __file__
    old = (tmp_path / "a.stl").read_bytes()
    with pytest.raises(mr.AssetError, match=r"could not be printed: .* 4 open edges; mend it"):
        mr.save(scene, tmp_path / "a.stl", strict=True)
    assert (tmp_path / "a.stl").read_bytes() == old


def test_solids_share_a_material_and_are_counted(load):
    text = b"solid a\n" + b"solid b\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\n" * 30
    scene = load(text)
    assert len({material for node in scene.nodes if node.mesh is not None for _, material in node.mesh.primitives}) == 1
    with pytest.raises(mr.AssetError, match="makes more than 29 nodes"):
        load(text, limits=mr.io.Limits(nodes=29))
