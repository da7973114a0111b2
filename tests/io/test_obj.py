"""Wavefront OBJ: what a file says is what the scene has."""

import time
import warnings

import numpy as np
import pytest

import metarender as mr
from metarender.io import AssetWarning

CUBE = """
v -1 -1 -1\nv 1 -1 -1\nv 1 1 -1\nv -1 1 -1\nv -1 -1 1\nv 1 -1 1\nv 1 1 1\nv -1 1 1
f 4 3 2 1\nf 5 6 7 8\nf 1 2 6 5\nf 3 4 8 7\nf 2 3 7 6\nf 1 5 8 4
"""


@pytest.fixture
def load(tmp_path):
    def load(text, mtl=None, **options):
        (tmp_path / "model.obj").write_bytes(text if isinstance(text, bytes) else text.encode())
        if mtl is not None:
            (tmp_path / "model.mtl").write_text(mtl)
        return mr.load(tmp_path / "model.obj", **options)

    return load


def primitives(scene):
    return [pair for node in scene.nodes if node.mesh is not None for pair in node.mesh.primitives]


def only(scene):
    (pair,) = primitives(scene)
    return pair[0]


def test_polygons_without_normals_are_flat_and_face_outwards(load):
    geometry = only(load(CUBE))
    assert geometry.vertex_count == 24 and geometry.index_count == 36
    corners = geometry.positions[geometry.indices].reshape(-1, 3, 3)
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("ij,ij->i", face, corners.mean(axis=1)) > 0).all()
    np.testing.assert_allclose(geometry.normals[geometry.indices[::3]], face / np.linalg.norm(face, axis=1, keepdims=True), atol=1e-6)


def test_smoothing_groups_share_normals(load):
    smooth = only(load(CUBE.replace("f 4 3", "s 1\nf 4 3")))
    assert smooth.vertex_count == 8
    np.testing.assert_allclose(smooth.normals, smooth.positions / np.sqrt(3), atol=1e-6)
    assert only(load(CUBE.replace("f 4 3", "s off\nf 4 3"))).vertex_count == 24


def test_numbers_count_from_one_or_backwards_and_may_be_mixed(load):
    head = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nvn 0 0 1\n"
    first = only(load(head + "f 1/1/1 2/2/1 3/3/1"))
    backwards = only(load(head + "f -3/-3/-1 -2/-2/-1 -1/-1/-1\nv 9 9 9"))
    mixed = only(load(head + "f 1/1 2//1 3/3/1"))
    for geometry in (first, backwards):
        np.testing.assert_array_equal(geometry.positions, [[0, 0, 0], [1, 0, 0], [0, 1, 0]])
        np.testing.assert_array_equal(geometry.uv0, [[0, 1], [1, 1], [0, 0]])
        np.testing.assert_array_equal(geometry.normals, [[0, 0, 1]] * 3)
    np.testing.assert_array_equal(mixed.uv0, [[0, 1], [0, 0], [0, 0]])
    np.testing.assert_array_equal(mixed.normals, [[0, 0, 1]] * 3)


def test_equal_corners_are_one_vertex(load):
    quads = "\n".join(f"v {x} {y} 0" for y in range(3) for x in range(3)) + "\nvn 0 0 1\n"
    quads += "\n".join(f"f {a}//1 {a + 1}//1 {a + 4}//1 {a + 3}//1" for a in (1, 2, 4, 5))
    geometry = only(load(quads))
    assert (geometry.vertex_count, geometry.index_count) == (9, 24)


def test_objects_groups_and_materials_become_nodes_and_primitives(load):
    text = ("mtllib model.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\no box\nusemtl red\nf 1 2 3\nusemtl blue\nf 1 3 2\ng lid\nf 1 2 3\n"
            "o ball\nusemtl red\nf 1 2 3\n")
    scene = load(text, "newmtl red\nKd 1 0 0\nnewmtl blue\nKd 0 0 1\nd 0.5\n")
    found = {(node.name, node.parent and node.parent.name): node.mesh and [m.name for _, m in node.mesh.primitives] for node in scene.nodes}
    assert found == {("box", None): ["red", "blue"], ("lid", "box"): ["blue"], ("ball", None): ["red"]}
    red = next(m for _, m in primitives(scene) if m.name == "red")
    blue = next(m for _, m in primitives(scene) if m.name == "blue")
    assert red.color == (1, 0, 0, 1) and blue.color == (0, 0, 1, 0.5) and blue.alpha_mode == "blend"
    assert sum(m is red for _, m in primitives(scene)) == 2


def test_material_keys(load, tmp_path):
    from PIL import Image

    Image.new("RGB", (2, 2), (255, 0, 0)).save(tmp_path / "my red.png")
    Image.new("L", (2, 2), 64).save(tmp_path / "rough.png")
    mtl = ("newmtl a\nKd 0.5 0.5 0.5\nTr 0.25\nPr 0.3\nPm 0.9\nKe 0 1 0\nmap_Kd -s 2 3 1 -o 0.25 0.5 0 -clamp on my red.png\n"
           "map_Pr rough.png\nnewmtl b\nKs 0 0 0\nNs 400\nnewmtl c\nKs 1 1 1\nNs 30\n")
    text = "mtllib model.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\n" + "".join(f"usemtl {name}\nf 1/1 2/1 3/1\n" for name in "abc")
    a, b, c = (material for _, material in primitives(load(text, mtl)))
    assert a.color == pytest.approx((0.2140411, 0.2140411, 0.2140411, 0.75), rel=1e-5)
    assert (a.roughness, a.metallic, a.emissive, a.alpha_mode) == (0.3, 0.9, (0.0, 1.0, 0.0), "blend")
    assert a.color_texture.texture.pixels[0, 0].tolist() == [255, 0, 0, 255] and a.color_texture.texture.sampler.wrap_s == "clamp_to_edge"
    assert (a.color_texture.scale, a.color_texture.offset) == ((2.0, 3.0), (0.25, -2.5))
    assert a.metallic_roughness_texture.texture.pixels[0, 0].tolist() == [255, 64, 255, 255]
    assert b.roughness == 1.0 and c.roughness == pytest.approx(0.5)


def test_lines_points_and_clouds(load):
    scene = load("v 0 0 0\nv 1 0 0\nv 0 1 0\nl 1 2 3\np 2\n")
    lines, points = (geometry for geometry, _ in primitives(scene))
    assert lines.topology == "lines" and points.topology == "points"
    np.testing.assert_array_equal(lines.positions[lines.indices], [[0, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(points.positions, [[1, 0, 0]])
    cloud = only(load("v 0 0 0 1 0 0\nv 1 0 0 0 1 0\n"))
    assert cloud.topology == "points"
    np.testing.assert_array_equal(cloud.colors, [[1, 0, 0, 1], [0, 1, 0, 1]])


def test_line_ends_comments_and_continued_lines(load):
    geometry = only(load(b"# head\r\nv 0 0 0 # origin\r\n\r\n  v 1 0 0\r\nv 0 1 \\\r\n 0\r\nf 1 \\\r\n2 3\r\n"))
    np.testing.assert_array_equal(geometry.positions, [[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    assert only(load(b"v 0 0 0\rv 1 0 0\rv 0 1 0\rf 1 2 3\r")).index_count == 3


def test_far_from_home_stays_exact(load):
    scene = load("".join(f"v {4_649_000 + x:.4f} 500000.125 {-y:.4f}\n" for x, y in ((0, 0), (0.001, 0), (0, 0.001))) + "f 1 2 3\n")
    (node,) = [node for node in scene.nodes if node.mesh is not None]
    world = node.mesh.primitives[0][0].positions @ node.world_matrix[:3, :3].T + node.world_matrix[:3, 3]
    np.testing.assert_allclose(world, [[4649000, 500000.125, 0], [4649000.001, 500000.125, 0], [4649000, 500000.125, -0.001]], atol=1e-8)


def test_unit_and_axis_are_the_callers(load):
    scene = load("v 0 0 0\nv 10 0 0\nv 0 0 10\nf 1 2 3", unit="centimeter", up="z")
    np.testing.assert_allclose(scene.bounds, [[0, 0, 0], [0.1, 0.1, 0]], atol=1e-8)
    with pytest.raises(mr.InvalidInput, match="unit='furlong' is unknown; use one of"):
        load(CUBE, unit="furlong")
    with pytest.raises(mr.InvalidInput, match="up='x' is unknown; use 'y' or 'z'"):
        load(CUBE, up="x")


def picture(folder, name, color, size=(2, 2)):
    from PIL import Image

    Image.new("RGBA" if len(color) == 4 else "RGB", size, color).save(folder / name)


def test_grey_pictures_share_one_texture_whatever_their_sizes(load, tmp_path):
    from PIL import Image

    picture(tmp_path, "rough.png", (64, 0, 0), (4, 2))
    Image.fromarray(np.array([[0], [200]], np.uint8)).save(tmp_path / "metal.png")
    mtl = "newmtl a\nmap_Pr -s 2 3 1 -clamp on rough.png\nmap_Pm metal.png\nnewmtl b\nmap_Pm metal.png\nmap_Pr gone.png\n"
    text = "mtllib model.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\n" + "".join(f"usemtl {name}\nf 1/1 2/1 3/1\n" for name in "ab")
    with pytest.warns(AssetWarning, match=r"gone\.png"):
        a, b = (material for _, material in primitives(load(text, mtl)))
    info = a.metallic_roughness_texture
    assert info.texture.pixels.shape == (2, 4, 4) and (info.texture.pixels[..., 1] == 64).all()
    assert info.texture.pixels[..., 2].tolist() == [[0] * 4, [200] * 4]
    assert (info.scale, info.texture.sampler.wrap_s) == ((2.0, 3.0), "clamp_to_edge")
    assert b.metallic == 1.0 and b.roughness < 1.0 and b.metallic_roughness_texture.texture.pixels.shape == (2, 1, 4)
    assert (b.metallic_roughness_texture.texture.pixels[..., 1] == 255).all()


def test_a_metal_picture_that_is_missing_makes_no_metal(load):
    with pytest.warns(AssetWarning, match=r"gone\.png"):
        ((_, material),) = primitives(load("mtllib model.mtl\nusemtl a\n" + CUBE, "newmtl a\nmap_Pm gone.png\n"))
    assert material.metallic == 0.0 and material.metallic_roughness_texture is None


@pytest.mark.parametrize(("mask", "color", "alpha"), [("map_d grey.png", (9, 8, 7), 99), ("map_d own.png", (9, 8, 7), 40),
                                                      ("map_d gone.png", (9, 8, 7), 40)])
def test_masks_are_the_alpha_of_a_coloured_picture(load, tmp_path, mask, color, alpha):
    picture(tmp_path, "own.png", (9, 8, 7, 40))
    picture(tmp_path, "grey.png", (99, 99, 99))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssetWarning)
        ((_, material),) = primitives(load("mtllib model.mtl\nusemtl a\n" + CUBE, f"newmtl a\nmap_Kd own.png\n{mask}\n"))
    assert material.color_texture.texture.pixels[0, 0].tolist() == [*color, alpha]
    assert material.alpha_mode == ("opaque" if "gone" in mask else "blend")


def test_what_is_missing_is_told_and_left_out(load):
    with pytest.warns(AssetWarning, match=r"the material library 'gone\.mtl', which is missing"):
        assert only(load("mtllib gone.mtl\n" + CUBE)).index_count == 36
    with pytest.warns(AssetWarning, match=r"the picture '\.\./\.\./etc/passwd\.png', which lies outside the folder"):
        load("mtllib model.mtl\nusemtl a\n" + CUBE, "newmtl a\nmap_Kd ../../etc/passwd.png\n")


@pytest.mark.parametrize(("text", "message"), [
    ("v 0 0 0\nv 1 0 x\n", "'x' in line 2 is not a number"), ("v 0 0\n", "line 1 has 2 numbers; it needs 3"),
    ("v 0 0 0\nf 1 1 2\n", "Line 2 names a 'v' that the file does not have; it has 1"), ("v 0 0 0\nf 0 1 1\n", "Line 2 names a 'v'"),
    ("v 0 0 0\nf -2 1 1\n", "Line 2 names a 'v'"), ("v 0 0 0\nf 1/1 1/1 1/1\n", "Line 2 names a 'vt'"),
    ("v 0 0 0\nf 1 1\n", "Line 2 has 2 corners; 'f' needs at least 3"), ("v 0 0 0\nf 1/1/1/1 1 1\n", "more than three numbers"),
    ("v 0 0 0\nf 1 1-1 1\n", "something else than whole numbers"), ("v 0 0 0\nf a b c\n", "something else than whole numbers"),
    ("v 0 0 0\nf 9999999999999999999999 1 1\n", "more than 18 digits"), ("v 0 0 nan\nf 1 1 1\n", "line 1 is not finite"),
    ("v 1e999 0 0\n", "not finite"), ("v 1e39 0 0\nv 0 0 0\n", "finite"), ("hello world\n", "no vertices"), ("!!\n", "no statement of OBJ"),
    ("f 1 2 3\n", "Line 1 names a 'v'"),
])  # fmt: skip
def test_promise_6_a_broken_file_is_refused_with_its_line(load, text, message):
    with pytest.raises(mr.AssetError, match=message):
        load(text)


def test_a_library_that_is_spelled_in_many_ways_is_not_read_for_ever(load):
    library = "".join(f"newmtl m{number}\nKd 1 0 0\n" for number in range(3000))
    text = "".join(f"mtllib {'./' * number}model.mtl\n" for number in range(300)) + CUBE
    with pytest.raises(mr.AssetError, match="more than 1,000,000 lines"):
        load(text, library)


def test_only_materials_that_are_used_are_made(load):
    scene = load("mtllib model.mtl\nusemtl used\n" + CUBE, "newmtl other\nKd no number\nnewmtl used\nKd 1 1 1\n")
    assert [material.name for _, material in primitives(scene)] == ["used"]


def test_many_options_of_a_picture_are_read_in_their_time(load):
    start = time.process_time()
    with pytest.warns(AssetWarning, match="no.png"):
        load("mtllib model.mtl\nusemtl a\n" + CUBE, "newmtl a\nmap_Kd " + "-s 1 1 1 " * 200_000 + "no.png\n")
    assert time.process_time() - start < 5


def test_a_warning_stays_readable(load):
    with pytest.warns(AssetWarning, match="and 4,960 more") as caught:
        load("".join(f"odd{number} 1\n" for number in range(5000)) + CUBE)
    assert len(str(caught[0].message)) < 4000


def test_promise_6_parts_and_libraries_are_counted(load):
    grouped = "v 0 0 0\nv 1 0 0\nv 0 1 0\n" + "".join(f"g a{number}\nf 1 2 3\n" for number in range(30))
    with pytest.raises(mr.AssetError, match="draws more than 29 primitives"):
        load(grouped, limits=mr.io.Limits(draws=29))
    with pytest.raises(mr.AssetError, match="makes more than 29 nodes"):
        load(grouped, limits=mr.io.Limits(nodes=29))
    with pytest.raises(mr.AssetError, match=r"more than 1,000 material libraries; check line 1001"):
        load("".join(f"mtllib a{number}\n" for number in range(1001)) + CUBE)


def test_parts_with_and_without_colours_have_materials_of_their_own(load):
    text = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 0 1 0 0\nv 1 0 0 1 0 0\nv 0 1 0 1 0 0\ng a\nf 1 2 3\ng b\nf 4 5 6\n"
    (plain, grey), (red, white) = primitives(load(text))
    assert plain.colors is None and grey.color[:3] == (0.6, 0.6, 0.6) and red.colors is not None and white.color[:3] == (1.0, 1.0, 1.0)
