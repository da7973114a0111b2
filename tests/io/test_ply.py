"""PLY: any order of properties and bytes, lists of any length, and what is broken."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import metarender as mr
from metarender.io import AssetWarning

HEAD = "ply\nformat {0} 1.0\ncomment made by hand\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
ROWS = "".join(f"{x:g} {y:g} {z:g}\n" for x, y, z in SQUARE)


@pytest.fixture
def load(tmp_path):
    def load(data, **options):
        (tmp_path / "scan.ply").write_bytes(data if isinstance(data, bytes) else data.encode())
        return mr.load(tmp_path / "scan.ply", **options)

    return load


def only(scene):
    (node,) = [node for node in scene.nodes if node.mesh is not None]
    (pair,) = node.mesh.primitives
    return pair[0]


def ply(order, elements):
    """Write a PLY file of (name, [(property, type, count type or '')], rows) the slow way; rows hold numbers and lists."""
    kinds = {"i1": "char", "u1": "uchar", "i2": "short", "u2": "ushort", "i4": "int", "u4": "uint", "f4": "float", "f8": "double"}
    head = ["ply", f"format {({'': 'ascii', '<': 'binary_little_endian', '>': 'binary_big_endian'})[order]} 1.0"]
    body = b""
    for name, properties, rows in elements:
        head.append(f"element {name} {len(rows)}")
        head += [f"property list {kinds[c]} {kinds[t]} {p}" if c else f"property {kinds[t]} {p}" for p, t, c in properties]
        for row in rows:
            words = []
            for (_, kind, counted), value in zip(properties, row, strict=True):
                if counted:
                    words += [np.array(len(value), counted), *(np.array(v, kind) for v in value)]
                else:
                    words.append(np.array(value, kind))
            body += b" ".join(str(w.item()).encode() for w in words) + b"\n" if not order else b"".join(
                w.astype(w.dtype.newbyteorder(order)).tobytes() for w in words)
    return "\n".join([*head, "end_header", ""]).encode() + body


@settings(max_examples=80, deadline=None)
@given(order=st.sampled_from(["", "<", ">"]), seed=st.integers(0, 1 << 30), lengths=st.sampled_from([(3,), (3, 4), (3, 4, 5, 0, 2)]))
def test_every_order_of_bytes_and_properties_reads_the_same(tmp_path_factory, order, seed, lengths):
    rng = np.random.default_rng(seed)
    count, faces = int(rng.integers(5, 12)), int(rng.integers(1, 40))
    points = rng.integers(-99, 99, (count, 3)) / 8
    colors = rng.integers(0, 256, (count, 3))
    fields = [("x", rng.choice(["f4", "f8"]), ""), ("y", "f4", ""), ("z", "f8", ""), ("red", "u1", ""), ("green", "u1", ""),
              ("blue", "u1", ""), ("extra", "i2", ""), ("more", "u2", "u1")]
    both = zip(points.tolist(), colors.tolist(), strict=True)
    values = [[*p, *c, -7, [1, 2][: k % 3]] for k, (p, c) in enumerate(both)]
    shuffle = rng.permutation(len(fields))
    polygons = [rng.permutation(count)[: rng.choice(lengths)].tolist() for _ in range(faces)]
    data = ply(order, [("vertex", [fields[k] for k in shuffle], [[row[k] for k in shuffle] for row in values]),
                       ("face", [("flag", "u1", ""), ("vertex_indices", rng.choice(["i4", "u2", "u1"]), rng.choice(["u1", "i4"]))],
                        [[1, polygon] for polygon in polygons])])
    path = tmp_path_factory.mktemp("ply") / "a.ply"
    path.write_bytes(data)
    geometry = only(mr.load(path))
    wanted = sum(max(len(polygon) - 2, 0) for polygon in polygons)
    if not wanted:
        assert geometry.topology == "points" and geometry.vertex_count == count
        return
    assert geometry.index_count == 3 * wanted
    corners = {tuple(points[k]): tuple(np.round(colors[k])) for polygon in polygons if len(polygon) > 2 for k in polygon}
    assert {tuple(p) for p in geometry.positions.tolist()} == set(corners)
    from metarender.drawn import srgb_bytes

    got = {(tuple(p), tuple(c)) for p, c in zip(geometry.positions.tolist(), srgb_bytes(geometry.colors)[:, :3].tolist(), strict=True)}
    assert {(p, tuple(c)) for p, c in zip(map(tuple, points.tolist()), colors.tolist(), strict=True)} >= got


def test_normals_and_texture_coordinates(load):
    text = HEAD.format("ascii") + "property float nx\nproperty float ny\nproperty float nz\nproperty float s\nproperty float t\n"
    text += "element face 1\nproperty list uchar int vertex_index\nend_header\n"
    text += "".join(f"{x:g} {y:g} {z:g} 0 0 2 {x:g} {y:g}\n" for x, y, z in SQUARE) + "4 0 1 2 3\n"
    geometry = only(load(text))
    assert geometry.vertex_count == 4 and geometry.index_count == 6
    np.testing.assert_array_equal(geometry.normals, [[0, 0, 1]] * 4)
    np.testing.assert_array_equal(geometry.uv0, SQUARE[:, :2] * (1, -1) + (0, 1))


def test_colours_of_faces_and_edges(load):
    text = HEAD.format("ascii") + "element face 1\nproperty list uchar int vertex_indices\nproperty uchar red\n"
    text += "property uchar green\nproperty uchar blue\nelement edge 1\nproperty int vertex1\nproperty int vertex2\nend_header\n"
    text += ROWS + "3 0 1 2 255 0 0\n0 3\n"
    (node,) = load(text).nodes
    (face, _), (edge, _) = node.mesh.primitives
    np.testing.assert_array_equal(face.colors, [[1, 0, 0, 1]] * 3)
    assert edge.topology == "lines"
    np.testing.assert_array_equal(edge.positions[edge.indices], SQUARE[[0, 3]])


def test_doubles_far_from_home_stay_exact(load):
    points = SQUARE * 1e-3 + (4_649_000, 500_000, 100)
    data = ply("<", [("vertex", [("x", "f8", ""), ("y", "f8", ""), ("z", "f8", "")], points.tolist())])
    scene = load(data)
    (node,) = [node for node in scene.nodes if node.mesh is not None]
    np.testing.assert_allclose(node.mesh.primitives[0][0].positions + node.world_matrix[:3, 3], points, atol=1e-9)


FACE = "element face 1\nproperty list uchar int vertex_indices\nend_header\n"


@pytest.mark.parametrize(("text", "message"), [
    ("plx\n", "does not start with 'ply'"), ("ply\nformat ascii 1.0\nelement vertex 1\n", "does not start with 'ply' and a head"),
    (HEAD.format("ascii").replace("float x", "word x") + FACE, "Line 5 of the head of scan.ply is 'property word x'"),
    (HEAD.format("ascii").replace("vertex 4", "vertex -4") + FACE, "Line 4"),
    (HEAD.format("ascii").replace("float y", "float x") + FACE, "twice"),
    (HEAD.format("text") + FACE, "Line 2"), (HEAD.format("ascii") + FACE + ROWS, "ends within the 1 rows of the element 'face'"),
    (HEAD.format("ascii") + FACE + ROWS + "3 0 1 4\n", "names the vertex 4, and there are 4"),
    (HEAD.format("ascii") + FACE + ROWS + "3 0 1 -1\n", "vertex -1"),
    (HEAD.format("ascii") + FACE + ROWS + "9 0 1 2\n", "list with too few"),
    (HEAD.format("ascii") + FACE + ROWS + "3 0 1 x\n", "'x' in line 15"),
    (HEAD.format("ascii") + FACE + ROWS.replace("1 0 0", "nan 0 0") + "3 0 1 2\n", "Vertex 1 is not finite"),
    (HEAD.format("ascii") + FACE + ROWS.replace("1 0 0", "1 0") + "3 0 1 2\n", "too few numbers"),
    (HEAD.format("binary_little_endian") + FACE + "x" * 47, "ends within the 4 rows of the element 'vertex'"),
    (HEAD.format("binary_little_endian") + FACE + "\0" * 48 + "\xff", "more than the file has left"),
    (HEAD.format("binary_little_endian").replace("vertex 4", "vertex 4000000000") + FACE, "ends within the 4,000,000,000 rows"),
    (HEAD.format("ascii").replace("property float x", "property list uchar float x") + "end_header\n" + "2 1 2 0 0\n" * 4, "no vertices"),
    (HEAD.format("ascii") + FACE + ROWS + "2.5 0 1 2\n", "list with too few"),
    (HEAD.format("ascii").replace("vertex 4", "vertex 0").replace("float z", "float w") + "end_header\n", "no vertices"),
])  # fmt: skip
def test_promise_6_a_broken_file_is_refused(load, text, message):
    with pytest.raises(mr.AssetError, match=message):
        load(text.encode("latin-1"))


@pytest.mark.parametrize("as_text", [False, True])
def test_a_saved_scene_reads_back(tmp_path, as_text):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.torus(0.2, 0.05), mr.Standard(color=(255, 128, 0))), position=(1, 2, 3), rotation=(0.5, 0.5, 0.5, 0.5))
    scene.add(mr.Mesh(mr.box(0.3), mr.Standard(color="white")), scale=(-1, 2, 1))
    mr.save(scene, tmp_path / "a.ply", ascii=as_text)
    again = mr.load(tmp_path / "a.ply")
    np.testing.assert_allclose(again.bounds, scene.bounds, atol=1e-6)
    geometry = only(again)
    triangles = sum(g.index_count for g in scene.geometry_list)
    assert geometry.index_count == triangles and geometry.uv0 is not None
    np.testing.assert_allclose(np.unique(geometry.colors, axis=0), [[1, 0.2158605, 0, 1], [1, 1, 1, 1]], atol=1e-6)
    corners = geometry.positions[geometry.indices].reshape(-1, 3, 3)
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("ij,ij->i", face, geometry.normals[geometry.indices[::3]]) > 0).all()  # mirrored parts keep their outside
    mr.save(again, tmp_path / "b.ply", ascii=as_text)
    assert (tmp_path / "a.ply").read_bytes() == (tmp_path / "b.ply").read_bytes()


@pytest.mark.parametrize("name", ["vertex_indices#", "vertex_indices_lengths", "red"])
def test_promise_6_properties_that_pretend_to_be_of_others_do_no_harm(load, name):
    head = HEAD.format("ascii") + f"element face 2\nproperty int vertex_indices\nproperty int {name}\nend_header\n" + ROWS
    assert only(load(head + "0 3\n1 2000000000\n")).topology == "points"
    listed = head.replace("int vertex_indices", "list uchar int vertex_indices", 1).replace(f"int {name}", f"list uchar int {name}", 1)
    assert only(load(listed + "3 0 1 2 2 9 9\n3 0 2 3 0\n")).index_count == 6


def test_each_colour_is_of_its_own_type(load):
    head = HEAD.format("ascii") + "".join(f"property uchar {name}\n" for name in ("red", "green", "blue"))
    head += "property float alpha\nend_header\n"
    found = only(load(head + "".join(f"{row} 255 128 0 0.5\n" for row in ROWS.splitlines()))).colors
    np.testing.assert_allclose(found, [[1.0, 0.2158605, 0.0, 0.5]] * 4, rtol=1e-5)


def test_elements_that_are_not_drawn_are_told(load):
    text = HEAD.format("ascii") + "element tristrips 1\nproperty list int int vertex_indices\nend_header\n" + ROWS + "4 0 1 2 3\n"
    with pytest.warns(AssetWarning, match="the element 'tristrips'"):
        assert only(load(text)).topology == "points"
