"""Accessors, primitive modes, morph targets and skins, each on a file of a few bytes."""

import numpy as np
import pytest
from gltf_files import TRIANGLE, GltfFile, triangle

import metarender as mr
from metarender._core import palette_of
from metarender.deformation import posed_positions
from metarender.errors import GltfError
from metarender.io.gltf_meshes import as_list

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], "f4")


@pytest.mark.parametrize("container", ["glb", "external", "embedded"])
def test_the_three_containers_hold_the_same_triangle(tmp_path, primitive, container):
    geometry, _ = primitive(getattr(triangle(indices=np.array([2, 1, 0], "u1")), container)(tmp_path))
    np.testing.assert_array_equal(geometry.positions[geometry.indices], TRIANGLE[::-1])
    np.testing.assert_array_equal(geometry.normals, [[0, 0, -1]] * 3)


def test_positions_of_a_glb_are_a_view_on_the_file_not_a_copy(tmp_path, primitive):
    geometry, _ = primitive(triangle(NORMAL=np.tile([0, 0, 1], (3, 1)).astype("f4")).glb(tmp_path))
    assert geometry.positions.base is not None
    assert not geometry.positions.flags.owndata
    assert not geometry.positions.flags.writeable


@pytest.mark.parametrize("kind", ["u1", "u2", "u4"])
def test_index_types(tmp_path, primitive, kind):
    normals = np.tile([0, 0, 1], (4, 1)).astype("f4")
    file = triangle(positions=SQUARE, NORMAL=normals, indices=np.array([0, 1, 2, 0, 2, 3], kind))
    geometry, _ = primitive(file.glb(tmp_path))
    assert geometry.indices.dtype == np.uint32
    assert geometry.indices.tolist() == [0, 1, 2, 0, 2, 3]


@pytest.mark.parametrize(
    ("kind", "stored", "expected"),
    [
        ("u1", [0, 128, 255], [0, 128 / 255, 1]),
        ("u2", [0, 32768, 65535], [0, 32768 / 65535, 1]),
        ("f4", [0, 0.25, 1], [0, 0.25, 1]),
    ],
)
def test_normalized_texture_coordinates(tmp_path, primitive, kind, stored, expected):
    file = GltfFile()
    uv = file.accessor(np.stack([stored, stored], axis=1).astype(kind), normalized=kind != "f4", stride=8)
    file.node(mesh=file.mesh(TEXCOORD_0=uv))
    geometry, _ = primitive(file.glb(tmp_path))
    np.testing.assert_allclose(geometry.uv0[:, 0], expected, atol=1e-7)


@pytest.mark.parametrize(("kind", "top"), [("i1", 127), ("i2", 32767)])
def test_quantized_normals_and_positions(tmp_path, primitive, kind, top):
    file = GltfFile(extensionsUsed=["KHR_mesh_quantization"], extensionsRequired=["KHR_mesh_quantization"])
    stored = np.array([[0, 0, top], [0, top, 0], [-top - 1, 0, 0]], kind)
    normals = file.accessor(stored, normalized=True, stride=8)
    positions = file.accessor(stored, stride=8, min=stored.min(0).tolist(), max=stored.max(0).tolist())
    file.node(mesh=file.mesh(positions, NORMAL=normals))
    geometry, _ = primitive(file.glb(tmp_path))
    np.testing.assert_array_equal(geometry.normals, [[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    np.testing.assert_array_equal(geometry.positions, stored.astype("f4"))


def test_quantized_formats_need_their_extension(tmp_path, primitive):
    file = GltfFile()
    file.node(mesh=file.mesh(file.accessor(np.zeros((3, 3), "i2"), stride=8)))
    with pytest.raises(GltfError, match="MESH_PRIMITIVE_ATTRIBUTES_ACCESSOR_INVALID_FORMAT"):
        primitive(file.glb(tmp_path))


def test_interleaved_attributes(tmp_path, primitive):
    rows = np.zeros(3, np.dtype([("p", "f4", 3), ("n", "f4", 3), ("uv", "f4", 2)]))
    rows["p"], rows["n"], rows["uv"] = TRIANGLE, [0, 0, 1], [[0, 0], [1, 0], [0, 1]]
    file = GltfFile()
    view = file.view(rows.tobytes(), byteStride=32)
    common = {"bufferView": view, "componentType": 5126, "count": 3}
    file.document["accessors"] = [
        {**common, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]},
        {**common, "type": "VEC3", "byteOffset": 12},
        {**common, "type": "VEC2", "byteOffset": 24},
    ]
    file.node(mesh=file.mesh(0, NORMAL=1, TEXCOORD_0=2))
    geometry, _ = primitive(file.glb(tmp_path))
    np.testing.assert_array_equal(geometry.positions, TRIANGLE)
    np.testing.assert_array_equal(geometry.normals, [[0, 0, 1]] * 3)
    np.testing.assert_array_equal(geometry.uv0, rows["uv"])


@pytest.mark.parametrize("with_base", [True, False])
def test_sparse_accessors_with_and_without_a_buffer_view(tmp_path, primitive, with_base):
    file = GltfFile()
    indices, values = file.view(np.array([1], "u2").tobytes()), file.view(np.array([5, 6, 7], "f4").tobytes())
    sparse = {"count": 1, "indices": {"bufferView": indices, "componentType": 5123}, "values": {"bufferView": values}}
    if with_base:
        number = file.accessor(TRIANGLE, min=[0, 0, 0], max=[5, 6, 7], sparse=sparse)
    else:
        bounds = {"min": [0, 0, 0], "max": [5, 6, 7]}
        file.document["accessors"] = [{"componentType": 5126, "count": 3, "type": "VEC3", "sparse": sparse, **bounds}]
        number = 0
    file.node(mesh=file.mesh(number, NORMAL=np.tile([0, 0, 1], (3, 1)).astype("f4")))
    geometry, _ = primitive(file.glb(tmp_path))
    expected = TRIANGLE.copy() if with_base else np.zeros((3, 3))
    expected[1] = 5, 6, 7
    np.testing.assert_array_equal(geometry.positions, expected)


def test_sparse_data_never_writes_into_the_file(tmp_path, describe):
    file = GltfFile()
    indices, values = file.view(np.array([1], "u2").tobytes()), file.view(np.array([5, 6, 7], "f4").tobytes())
    plain = file.accessor(TRIANGLE, bounds=True)
    twin = dict(file.document["accessors"][plain])
    twin["sparse"] = {"count": 1, "indices": {"bufferView": indices, "componentType": 5123}, "values": {"bufferView": values}}
    file.document["accessors"].append(twin)
    file.document["bufferViews"][twin["bufferView"]]["byteStride"] = 12
    normals = np.tile([0, 0, 1], (3, 1)).astype("f4")
    for number in (1, 0):
        file.node(mesh=file.mesh(number, NORMAL=normals))
    first, second = (node.mesh.primitives[0][0] for node in describe(file.glb(tmp_path)).nodes)
    assert first.positions[1].tolist() == [5, 6, 7]
    np.testing.assert_array_equal(second.positions, TRIANGLE)


@pytest.mark.parametrize(
    ("mode", "indices", "expected"),
    [
        (0, [0, 1, 2], [0, 1, 2]),
        (1, [0, 1, 2, 3, 4], [0, 1, 2, 3]),
        (2, [0, 1, 2], [0, 1, 1, 2, 2, 0]),
        (3, [0, 1, 2], [0, 1, 1, 2]),
        (3, [0], []),
        (4, [0, 1, 2, 3], [0, 1, 2]),
        (5, [0, 1, 2, 3, 4], [0, 1, 2, 1, 3, 2, 2, 3, 4]),
        (5, [0, 1], []),
        (6, [0, 1, 2, 3], [1, 2, 0, 2, 3, 0]),
        (6, [0, 1], []),
    ],
)
def test_strips_fans_and_loops_become_lists(mode, indices, expected):
    assert as_list(np.array(indices, np.uint32), mode).tolist() == expected


@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize(("mode", "topology"), list(enumerate(["points"] + ["lines"] * 3 + ["triangles"] * 3)))
def test_every_mode_indexed_or_not(tmp_path, primitive, mode, topology, indexed):
    positions = np.random.default_rng(1).random((6, 3)).astype("f4")
    order = np.arange(6, dtype="u2")[::-1].copy() if indexed else None
    normals = np.tile([0, 0, 1], (6, 1)).astype("f4")
    geometry, _ = primitive(triangle(positions=positions, NORMAL=normals, mode=mode, indices=order).glb(tmp_path))
    assert geometry.topology == topology
    expected = as_list(np.arange(6, dtype=np.uint32) if order is None else order.astype(np.uint32), mode)
    np.testing.assert_array_equal(geometry.indices, expected)


@pytest.mark.parametrize("mode", [4, 5])
def test_missing_normals_are_flat(tmp_path, primitive, mode):
    positions = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, -1]], "f4")
    order = np.array([0, 1, 2, 1, 3, 2] if mode == 4 else [0, 1, 2, 3], "u1")
    geometry, _ = primitive(triangle(positions=positions, indices=order, mode=mode).glb(tmp_path))
    normals = geometry.normals[geometry.indices].reshape(2, 3, 3)
    np.testing.assert_allclose(normals[0], [[0, 0, 1]] * 3, atol=1e-6)
    assert (normals[1] == normals[1, 0]).all()
    assert normals[1, 0] @ [0, 0, 1] < 0.99


def test_primitives_without_positions_or_triangles_draw_nothing(tmp_path, describe):
    file = GltfFile()
    file.document["meshes"] = [{"primitives": [{"attributes": {"NORMAL": file.accessor(TRIANGLE)}}]}]
    file.node(mesh=0)
    file.node(mesh=file.mesh(np.zeros((2, 3), "f4")))
    assert [node.mesh for node in describe(file.glb(tmp_path)).nodes] == [None, None]


def test_vertex_colors_of_all_kinds(tmp_path, primitive):
    for array, normalized in (
        (np.array([[255, 0, 0, 128]] * 3, "u1"), True),
        (np.array([[65535, 0, 0, 32896]] * 3, "u2"), True),
        (np.array([[1, 0, 0, 128 / 255]] * 3, "f4"), False),
    ):
        file = GltfFile()
        file.node(mesh=file.mesh(COLOR_0=file.accessor(array, normalized=normalized)))
        geometry, _ = primitive(file.glb(tmp_path))
        np.testing.assert_allclose(geometry.colors, [[1, 0, 0, 128 / 255]] * 3, atol=1e-4)
    file = GltfFile()
    file.node(mesh=file.mesh(COLOR_0=file.accessor(np.array([[0, 1, 0]] * 3, "f4"))))
    np.testing.assert_array_equal(primitive(file.glb(tmp_path))[0].colors, [[0, 1, 0, 1]] * 3)


def test_tangents_need_normals(tmp_path, primitive):
    tangents = np.array([[1, 0, 0, -1]] * 3, "f4")
    normals = np.array([[0, 0, 1]] * 3, "f4")
    geometry, _ = primitive(triangle(NORMAL=normals, TANGENT=tangents).glb(tmp_path))
    np.testing.assert_array_equal(geometry.tangents, tangents)
    assert primitive(triangle(TANGENT=tangents).glb(tmp_path))[0].tangents is None


def test_equal_accessors_share_one_geometry_and_equal_meshes_one_mesh(tmp_path, describe):
    file = GltfFile()
    positions = file.accessor(TRIANGLE, bounds=True)
    file.document["materials"] = [{"name": "a"}, {"name": "b"}]
    first, second = file.mesh(positions, material=0), file.mesh(positions, material=1)
    for number in (first, second, first):
        file.node(mesh=number)
    a, b, c = (node.mesh for node in describe(file.glb(tmp_path)).nodes)
    assert a is c
    assert a.primitives[0][0] is b.primitives[0][0]
    assert a.primitives[0][1] is not b.primitives[0][1]


def morphed(weights=None, node_weights=None):
    file = GltfFile()
    move = file.accessor(np.array([[0, 0, 2], [0, 0, 2], [0, 0, 2]], "f4"), bounds=True)
    turn = file.accessor(np.array([[1, 0, -1]] * 3, "f4"))
    normals = np.array([[0, 0, 1]] * 3, "f4")
    mesh = file.mesh(NORMAL=normals, targets=[{"POSITION": move, "NORMAL": turn}], weights=weights)
    file.node(mesh=mesh, **({} if node_weights is None else {"weights": node_weights}))
    return file


@pytest.mark.parametrize(("mesh", "node", "weight"), [(None, None, 0), ([0.5], None, 0.5), ([0.5], [1.0], 1), ([0.5], [0.0], 0)])
def test_default_morph_weights_are_those_of_the_node_or_else_of_the_mesh(tmp_path, mesh, node, weight):
    scene = mr.load(morphed(mesh, node).glb(tmp_path))
    (drawn,) = scene.nodes
    (geometry, _) = drawn.mesh.primitives[0]
    np.testing.assert_array_equal(drawn.weights, np.float32([weight]))
    np.testing.assert_array_equal(geometry.positions, TRIANGLE)
    np.testing.assert_array_equal(geometry.morphs[0].positions, [[0, 0, 2]] * 3)
    np.testing.assert_array_equal(geometry.morphs[0].normals, [[1, 0, -1]] * 3)
    np.testing.assert_allclose(scene.bounds, np.stack([TRIANGLE.min(axis=0), TRIANGLE.max(axis=0)]) + (0, 0, 2 * weight))


def skinned(joints, **node):
    """A triangle bound half to each of two joints; joint 1 is 2 m above joint 0, whose bind pose is the origin."""
    file = GltfFile()
    inverse = np.stack([np.eye(4), np.eye(4)]).astype("f4")
    attributes = {
        "NORMAL": np.array([[0, 0, 1]] * 3, "f4"),
        "JOINTS_0": np.array([joints] * 3, "u1"),
        "WEIGHTS_0": np.array([[0.5, 0.5, 0, 0]] * 3, "f4"),
    }
    mesh = file.mesh(**attributes)
    file.node(mesh=mesh, skin=0, **node)
    file.document["nodes"] += [{"translation": [0, 0, 5], "children": [2]}, {"translation": [0, 2, 0]}]
    file.document["scenes"][0]["nodes"] = [0, 1]
    file.document["skins"] = [{"joints": [1, 2], "inverseBindMatrices": file.accessor(inverse.reshape(2, 16))}]
    return file


@pytest.mark.parametrize("node", [{}, {"translation": [7, 0, 0], "rotation": [0, 0.6, 0, 0.8], "scale": [2, -1, 3]}])
def test_skinned_meshes_stand_where_their_joints_are_wherever_their_node_stands(tmp_path, node):
    scene = mr.load(skinned([0, 1, 0, 0], **node).glb(tmp_path))
    (figure,) = [node for node in scene.nodes if node.skin is not None]
    geometry = figure.mesh.primitives[0][0]
    assert [scene.node(number).parent for number in figure.joints[:1].tolist()] == [None] and len(figure.joints) == len(figure.skin) == 2
    placed = posed_positions(geometry, (), palette_of(scene.store, figure.id), np.eye(4)[:3])
    np.testing.assert_allclose(placed, TRIANGLE + np.array([0, 1, 5]), atol=1e-5)
    assert (scene.bounds[0] <= placed.min(axis=0) + 1e-6).all() and (scene.bounds[1] >= placed.max(axis=0) - 1e-6).all()


def test_a_joint_past_the_skin_is_refused(tmp_path, describe):
    with pytest.raises(GltfError) as caught:
        describe(skinned([0, 2, 0, 0]).glb(tmp_path))
    assert caught.value.code == "ACCESSOR_JOINTS_INDEX_OOB"
    assert caught.value.pointer == "/meshes/0/primitives/0/attributes/JOINTS_0"


@pytest.mark.parametrize("indices", [[0, 1, 3], [0, 1, 255]])
def test_an_index_past_the_vertices_is_refused(tmp_path, describe, indices):
    with pytest.raises(GltfError) as caught:
        describe(triangle(indices=np.array(indices, "u1")).glb(tmp_path))
    assert caught.value.code == "ACCESSOR_INDEX_OOB"
    assert caught.value.pointer == "/meshes/0/primitives/0/indices"


def test_the_primitive_restart_value_is_refused_even_where_it_is_a_vertex(tmp_path, describe):
    positions = np.random.default_rng(2).random((256, 3)).astype("f4")
    with pytest.raises(GltfError, match="ACCESSOR_INDEX_PRIMITIVE_RESTART"):
        describe(triangle(positions=positions, indices=np.array([0, 1, 255], "u1")).glb(tmp_path))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("attribute", ["POSITION", "NORMAL", "TEXCOORD_0"])
def test_numbers_that_are_not_finite_are_refused_with_their_accessor(tmp_path, describe, attribute, value):
    arrays = {"POSITION": TRIANGLE.copy(), "NORMAL": np.array([[0, 0, 1]] * 3, "f4"), "TEXCOORD_0": np.zeros((3, 2), "f4")}
    arrays[attribute][1, 1] = value
    file = GltfFile()
    numbers = {name: file.accessor(array) for name, array in arrays.items()}
    file.document["accessors"][0] |= {"min": [0, 0, 0], "max": [1, 1, 0]}
    file.node(mesh=file.mesh(numbers.pop("POSITION"), **numbers))
    with pytest.raises(GltfError) as caught:
        describe(file.glb(tmp_path))
    assert caught.value.code == "ACCESSOR_INVALID_FLOAT"
    assert caught.value.pointer == f"/accessors/{list(arrays).index(attribute)}"
    assert "Element 1" in str(caught.value)


@pytest.mark.parametrize(
    ("indices", "code"),
    [([3], "ACCESSOR_SPARSE_INDEX_OOB"), ([1, 1], "ACCESSOR_SPARSE_INDICES_NON_INCREASING"), ([2, 0], "NON_INCREASING")],
)
def test_sparse_indices_are_checked_before_they_are_used(tmp_path, describe, indices, code):
    file = GltfFile()
    where, values = file.view(np.array(indices, "u2").tobytes()), file.view(np.zeros((len(indices), 3), "f4").tobytes())
    sparse = {"count": len(indices), "indices": {"bufferView": where, "componentType": 5123}, "values": {"bufferView": values}}
    file.node(mesh=file.mesh(file.accessor(TRIANGLE, min=[0, 0, 0], max=[1, 1, 0], sparse=sparse)))
    with pytest.raises(GltfError, match=code) as caught:
        describe(file.glb(tmp_path))
    assert caught.value.pointer == "/accessors/0/sparse"


def test_matrices_of_small_components_skip_their_padding(tmp_path):
    from metarender.io import Limits
    from metarender.io.gltf_accessors import Accessors
    from metarender.io.limits import Budget

    data = bytes([1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0])
    document = {
        "buffers": [{"byteLength": 12}],
        "bufferViews": [{"buffer": 0, "byteLength": 12}],
        "accessors": [{"bufferView": 0, "componentType": 5121, "count": 1, "type": "MAT3"}],
    }
    matrix = Accessors(document, lambda _: memoryview(data), Budget(Limits())).raw(0)
    assert matrix.tolist() == [[[1, 4, 7], [2, 5, 8], [3, 6, 9]]]
