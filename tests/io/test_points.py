"""Point clouds: XYZ text, LAS and LAZ, far from home, millions of points within the limits."""

import struct
import sys

import numpy as np
import pytest

import metarender as mr
from metarender.io.points import BLOCK


def blocks(scene):
    return [(geometry, node.world_matrix) for node in scene.nodes if node.mesh is not None for geometry, _ in node.mesh.primitives]


def world(scene):
    return np.concatenate([g.positions.astype(float) @ m[:3, :3].T + m[:3, 3] for g, m in blocks(scene)])


def test_xyz_with_and_without_colours(tmp_path):
    path = tmp_path / "a.xyz"
    path.write_text("# x y z\n1 2 3\n4 5 6\n")
    np.testing.assert_array_equal(world(mr.load(path, up="y")), [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(world(mr.load(path)), [[1, 3, -2], [4, 6, -5]])
    path.write_text("1 2 3 255 0 0\n4 5 6 0 0 255\n")
    np.testing.assert_array_equal(blocks(mr.load(path))[0][0].colors, [[1, 0, 0, 1], [0, 0, 1, 1]])
    path.write_text("1 2 3 1.0 0 0\n4 5 6 0 0 1\n")
    np.testing.assert_array_equal(blocks(mr.load(path))[0][0].colors, [[1, 0, 0, 1], [0, 0, 1, 1]])


@pytest.mark.parametrize(("text", "message"), [("\n\n", "no points"), ("1 2\n", "line 1 has 2 numbers; it needs 3"),
                                               ("1 2 x\n", "'x' in line 1"), ("1 2 inf\n", "Point 0 is not finite")])
def test_promise_6_broken_text_is_refused(tmp_path, text, message):
    (tmp_path / "a.xyz").write_text(text)
    with pytest.raises(mr.AssetError, match=message):
        mr.load(tmp_path / "a.xyz")


def test_a_cloud_is_cut_into_blocks_in_the_order_of_the_file(tmp_path):
    count = BLOCK + 1000
    points = np.random.default_rng(0).uniform(-50, 50, (count, 3)).astype("<f4")
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {count}\n"
    head += "property float x\nproperty float y\nproperty float z\nend_header\n"
    (tmp_path / "a.ply").write_bytes(head.encode() + points.tobytes())
    calls = []
    scene = mr.load(tmp_path / "a.ply", progress=lambda done, total: calls.append(done / total))
    assert [g.vertex_count for g, _ in blocks(scene)] == [BLOCK, 1000] and calls[-1] == 1
    np.testing.assert_array_equal(world(scene), points)
    mr.save(scene, tmp_path / "b.ply")
    np.testing.assert_array_equal(world(mr.load(tmp_path / "b.ply")), points)


def test_without_laspy_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "laspy", None)
    (tmp_path / "a.las").write_bytes(b"LASF")
    with pytest.raises(mr.MissingExtra, match=r"pip install 'metarender\[formats\]'"):
        mr.load(tmp_path / "a.las")


class TestLas:
    """Files made by laspy."""

    @pytest.fixture
    def make(self, tmp_path):
        laspy = pytest.importorskip("laspy")
        pytest.importorskip("lazrs")

        def make(name, points, *, colors=None, offset=(0, 0, 0), scale=0.001):
            header = laspy.LasHeader(point_format=2 if colors is not None else 0, version="1.2")
            header.offsets, header.scales = offset, [scale] * 3
            las = laspy.LasData(header)
            las.x, las.y, las.z = points.T
            if colors is not None:
                las.red, las.green, las.blue = colors.T
            las.write(tmp_path / name)
            return tmp_path / name

        return make

    @pytest.mark.parametrize("name", ["a.las", "a.laz"])
    def test_points_far_from_home_stay_exact_to_the_scale_of_the_file(self, make, name):
        rng = np.random.default_rng(1)
        offset = np.array([4_649_000.0, 500_000.0, 100.0])
        points = offset + rng.integers(-500_000, 500_000, (5000, 3)) * 1e-3
        colors = rng.integers(0, 65536, (5000, 3)).astype(np.uint16)
        calls = []
        scene = mr.load(make(name, points, colors=colors, offset=offset), progress=lambda done, total: calls.append(done / total))
        turned = points[:, [0, 2, 1]] * (1, 1, -1)  # +Z up becomes +Y up
        np.testing.assert_allclose(world(scene), turned, atol=4e-5)
        (geometry, matrix), = blocks(scene)
        assert np.abs(geometry.positions).max() < 600 and np.abs(matrix[:3, 3]).max() > 4e6 and calls[-1] == 1
        from metarender.color import srgb_decode

        np.testing.assert_allclose(geometry.colors[:, :3], srgb_decode(colors / 65535), atol=1e-6)

    def test_eight_bit_colours_and_grey_from_intensity(self, make):
        points = np.zeros((2, 3))
        colors = np.array([[255, 0, 0], [0, 0, 128]], np.uint16)
        np.testing.assert_allclose(blocks(mr.load(make("a.las", points, colors=colors)))[0][0].colors[0], [1, 0, 0, 1])
        assert blocks(mr.load(make("b.las", points)))[0][0].colors is None

    @pytest.mark.parametrize("cut", [10, 200, 300])
    def test_promise_6_a_file_that_is_cut_off_is_refused(self, make, cut):
        path = make("a.laz", np.random.default_rng(0).uniform(0, 9, (1000, 3)))
        path.write_bytes(path.read_bytes()[:cut])
        with pytest.raises(mr.AssetError, match=r"LAS|cut off"):
            mr.load(path)

    def test_promise_6_a_head_that_promises_billions_is_refused(self, make):
        path = make("a.las", np.zeros((10, 3)))
        data = bytearray(path.read_bytes())
        struct.pack_into("<I", data, 107, 0xFFFFFFFF)
        path.write_bytes(data)
        with pytest.raises(mr.AssetError, match="4,294,967,295 points, or of records, that do not fit"):
            mr.load(path)
