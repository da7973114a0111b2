"""Parts from arrays: first-class nodes without a Python object each, one way to write, names in columns."""

import gc
import tracemalloc

import numpy as np
import pytest

import metarender as mr
from metarender import InvalidInput, ReleasedError
from metarender._core import STATE, TRANSFORM

GEOMETRIES = [mr.box(0.4), mr.sphere(0.3), mr.cylinder(0.2, 1)]
MATERIALS = [mr.Standard(color="orange"), mr.Unlit(color="teal")]


def made(count=12, **kwargs):
    scene = mr.Scene()
    rng = np.random.default_rng(3)
    matrices = np.tile(np.eye(4), (count, 1, 1))
    matrices[:, :3, 3] = rng.uniform(-50, 50, (count, 3))
    geometry, material = rng.integers(3, size=count), rng.integers(2, size=count)
    return scene, scene.add_parts(GEOMETRIES, MATERIALS, geometry, material, matrices, **kwargs), geometry, material, matrices


def test_parts_are_first_class_nodes():
    scene, parts, geometry, material, matrices = made(parent=None, name="cell")
    assert len(parts) == len(scene.nodes) == 12 and repr(parts) == "<Parts 'cell' 12 members>" and parts.mesh is None
    for row, node in enumerate(parts):
        assert node.id == parts.ids[row] and node == parts[row]
        assert node.mesh.primitives == ((GEOMETRIES[geometry[row]], MATERIALS[material[row]]),)
        assert np.allclose(node.world_matrix, matrices[row], atol=1e-5)
    group = scene.add(position=(10, 0, 0))
    parts[3].parent = group
    assert len(parts) == 11 and np.allclose(group.children[0].world_matrix[:3, 3], matrices[3, :3, 3] + (10, 0, 0))


@pytest.mark.parametrize("rows", [3, 4])
def test_matrices_have_three_or_four_rows(rows):
    matrices = np.tile(np.eye(4), (5, 1, 1))
    matrices[:, 1, 3] = np.arange(5)
    scene = mr.Scene()
    zeros = np.zeros(5, int)
    parts = scene.add_parts(GEOMETRIES, MATERIALS, zeros, zeros, matrices[:, :rows])
    boxes = scene.add_instances(mr.box(1), mr.Unlit(), matrices=matrices[:, :rows])
    scene.set(boxes.ids, matrix=matrices[:, :rows])
    for some in (parts, boxes):
        assert [n.position[1] for n in some] == [0, 1, 2, 3, 4]
    assert boxes.mesh is not None and isinstance(boxes, mr.Parts) and mr.Instances is mr.Parts


def test_masks_and_slices_work_as_in_numpy():
    _, parts, geometry, _, matrices = made()
    mask = geometry == 1
    with parts.edit("position") as position:
        position[mask] += (0, 100, 0)
        position[:2] = 7
    expected = matrices[:, :3, 3] + np.where(mask[:, None], (0, 100, 0), 0)
    expected[:2] = 7
    assert (np.array([n.position for n in parts]) == expected).all()
    assert parts[mask].tolist() == parts.ids[mask].tolist() and parts[2:5].tolist() == parts.ids[2:5].tolist()
    parts.visible = ~mask
    assert (parts.visible == ~mask).all()
    parts.visible = True
    assert parts.visible.all()
    with pytest.raises(ValueError, match="read-only"):
        parts.visible[0] = False


def rows_of(scene, kind=STATE, size=16):
    out = np.zeros((scene.store.draw_slots, size), np.uint8)
    scene.store.fill_rows(kind, 0, scene.store.draw_slots, out)
    return {int(k): out[i] for i, k in enumerate(scene.store.slot_ids) if k}


def test_state_is_a_structured_view_of_the_rows_that_are_uploaded():
    scene, parts, *_ = made()
    with parts.edit("state") as state:
        assert state.shape == (12,) and state.dtype.itemsize == 16
        state["value"] = np.linspace(0, 1, 12)
        state["color"][3] = (1, 2, 3, 255)
        state["flags"][state["value"] > 0.5] = 5
    scene.update()
    rows = rows_of(scene)
    assert all((rows[int(k)] == s).all() for k, s in zip(parts.ids, parts.state.view(np.uint8).reshape(12, 16), strict=True))
    with pytest.raises(InvalidInput, match="the first is row 4"), parts.edit("state") as state:
        state["value"][4] = np.nan
    assert parts.state["value"][4] == 0 and parts.state["value"][11] == 1


def test_set_writes_what_is_named_and_keeps_the_rest():
    scene, parts, *_ = made()
    some = parts.ids[[1, 4, 9]]
    parts.set(some, position=np.ones((3, 3)), color=(9, 8, 7, 6), visible=[True, False, True])
    parts.set(some[:2], value=[0.25, 0.5], flags=3)
    parts.set([parts[9]], color="red", user=77)
    state = parts.state
    assert state["color"][[1, 4, 9]].tolist() == [[9, 8, 7, 6], [9, 8, 7, 6], [255, 0, 0, 255]]
    assert state["value"][[1, 4, 9]].tolist() == [0.25, 0.5, 0] and state["flags"][[1, 4, 9]].tolist() == [3, 3, 0]
    assert state["user"].sum() == 77 and not parts.visible[4] and parts.visible.sum() == 11
    assert parts[1].position.tolist() == [1, 1, 1]
    scene.update()
    assert rows_of(scene, TRANSFORM, 48)[int(some[0])].view(np.float32)[3] == 1


def test_parts_that_leave_close_the_rows_up():
    scene, parts, *_ = made()
    nodes = list(parts)
    nodes[1].remove()
    nodes[6].parent = scene.add()
    scene.add(None, nodes[2])
    left = [n for k, n in enumerate(nodes) if k not in (1, 2, 6)]
    assert parts.ids.tolist() == [n.id for n in left]
    with parts.edit("position") as position:
        position[:, 0] = np.arange(9)
    assert [n.position[0] for n in left] == list(range(9))
    with pytest.raises(InvalidInput, match="row 0 of ids is not one of these parts"):
        parts.set([nodes[2], nodes[0]], visible=False)
    with pytest.raises(ReleasedError):
        parts.set([nodes[0].id + 2**24], visible=False)


def test_names_are_found_and_follow_the_nodes():
    names = [f"Ventil {k % 5} \N{LATIN SMALL LETTER U WITH DIAERESIS}" if k != 7 else "" for k in range(12)]
    scene, parts, *_ = made(names=names)
    assert [n.name for n in parts] == names and parts[3].name == names[3]
    assert scene.find(names[2]) == parts[2] and scene.find("Ventil") is None and scene.find(names[2] + " ") is None
    assert len(scene.names) == 11
    parts[2].name = "renamed"
    parts[3].remove()
    assert scene.find(names[8]).id == parts.ids[7]  # row 3 had the same name and is gone
    copy = mr.Scene()
    copy.add(scene)
    assert sorted(copy.names.values()) == sorted(scene.names.values()) and copy.find(names[9]).name == names[9]
    parts.remove()
    assert scene.names == {} and scene._name_columns == []


def test_names_in_any_order_of_ids():
    scene, parts, *_ = made(names=[str(k) for k in range(12)])
    parts[4].remove()
    parts[6].remove()
    again = scene.add_parts(GEOMETRIES, MATERIALS, [0] * 4, [0] * 4, np.tile(np.eye(4), (4, 1, 1)), names=["a", "bb", "ccc", ""])
    assert [n.name for n in again] == ["a", "bb", "ccc", ""] and scene.find("bb") == again[1]


def eye(n):
    return np.tile(np.eye(4), (n, 1, 1))


@pytest.mark.parametrize("call, message", [
    (lambda s: s.add_parts(["box"], MATERIALS, [0], [0], eye(1)), "geometries must be a sequence of Geometry, got str in row 0"),
    (lambda s: s.add_parts(GEOMETRIES, [None], [0], [0], eye(1)), "materials must be a sequence of Material, got NoneType"),
    (lambda s: s.add_parts(GEOMETRIES, MATERIALS, [0, 3], [0, 0], eye(2)), r"geometry_index must lie in 0 .. 2, got 3 in row 1"),
    (lambda s: s.add_parts(GEOMETRIES, MATERIALS, [0, 1], [0, -1], eye(2)), r"material_index must lie in 0 .. 1, got -1 in row 1"),
    (lambda s: s.add_parts(GEOMETRIES, MATERIALS, [0.5], [0], eye(1)), "geometry_index must be whole numbers"),
    (lambda s: s.add_parts(GEOMETRIES, MATERIALS, [], [], eye(0)), "needs at least one part"),
    (lambda s: s.add_parts(GEOMETRIES, MATERIALS, [0], [0], eye(2)), "2 matrices need as many geometry and material indices, got 1"),
    (lambda s: s.add_parts(GEOMETRIES, MATERIALS, [0], [0], eye(1) * np.nan), "last row of matrices|finite"),
    (lambda s: s.add_parts(GEOMETRIES, MATERIALS, [0], [0], np.full((1, 3, 4), np.inf)), "matrices must be finite.* in row 0"),
    (lambda s: s.add_parts(GEOMETRIES, MATERIALS, [0], [0], eye(1), names=["a", "b"]), "names must be 1 strings"),
    (lambda s: s.add_parts(GEOMETRIES, MATERIALS, [0], [0], eye(1), names=[5]), "names must be strings, got int in row 0"),
    (lambda s: s.add_parts(GEOMETRIES, MATERIALS, [0], [0], eye(1), parent=mr.Scene().add()), "Node of this scene"),
])
def test_mistakes_add_nothing(call, message):
    scene = mr.Scene()
    with pytest.raises(InvalidInput, match=message):
        call(scene)
    assert len(scene.nodes) == 0 and scene.store.draw_count == 0 and not any(scene.geometry_list) and not any(scene.material_list)


@pytest.mark.parametrize("given, message", [
    ({"value": np.nan}, "value must be finite"), ({"flags": -1}, "flags must be whole numbers"), ({"user": 0.5}, "user must be whole"),
    ({"value": [1, 2]}, "value does not fit 3 parts"), ({"visible": [1, 0, 1]}, "array of bool"), ({"color": "no colour"}, "colo"),
    ({"position": np.zeros((2, 3))}, "positions must have shape"),
])
def test_mistakes_of_set_change_nothing(given, message):
    _, parts, *_ = made()
    before = parts.state.tobytes(), parts.visible.tobytes(), [n.position.tolist() for n in parts]
    with pytest.raises(InvalidInput, match=message):
        parts.set(parts.ids[:3], color=given.pop("color", (1, 2, 3, 4)), **given)
    assert before == (parts.state.tobytes(), parts.visible.tobytes(), [n.position.tolist() for n in parts])


def test_a_hundred_thousand_parts_make_no_python_object_each():
    scene = mr.Scene()
    n = 100_000
    zeros, matrices = np.zeros(n, np.uint32), np.tile(np.eye(4)[:3], (n, 1, 1))
    scene.add_parts(GEOMETRIES, MATERIALS, zeros[:1], zeros[:1], matrices[:1])
    gc.collect()
    before = len(gc.get_objects())
    tracemalloc.start()
    parts = scene.add_parts(GEOMETRIES, MATERIALS, zeros, zeros, matrices, names=["part"] * n)
    scene.update()
    blocks = sum(s.count for s in tracemalloc.take_snapshot().statistics("filename"))
    tracemalloc.stop()
    assert len(parts) == n and len(gc.get_objects()) - before < 50 and blocks < 1000


def test_set_and_remove_take_masks_and_slices_as_numpy_does():
    scene = mr.Scene()
    parts = scene.add_instances(mr.box(1), mr.Unlit(), count=10)
    mask = np.arange(10) % 3 == 0
    parts.set(mask, value=np.arange(4.0))
    parts.set(slice(8, None), value=7.0)
    assert parts.state["value"].tolist() == [0, 0, 0, 1, 0, 0, 2, 0, 7, 7]
    parts.remove(mask)
    assert parts.state["value"].tolist() == [0, 0, 0, 0, 0, 7]
    with pytest.raises(InvalidInput, match="mask"):
        parts.set(mask, value=1.0)


@pytest.mark.parametrize("rows", [3, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matrices_of_a_whole_range_are_set_as_those_of_its_ids(dtype, rows):
    rng = np.random.default_rng(7)
    matrices = np.tile(np.eye(4, dtype=dtype), (50, 1, 1))
    matrices[:, :3] = rng.normal(size=(50, 3, 4)).astype(dtype)
    one, two = (mr.Scene() for _ in range(2))
    for scene, ids in ((one, slice(None)), (two, slice(0, 50))):
        parts = scene.add_instances(mr.box(1), mr.Unlit(), count=51)
        parts[20].rotation = (0, 1, 0, 0)
        parts.remove(parts[25:26])
        parts.set(ids, matrix=matrices[:, :rows])
    assert np.array_equal(one.store.world_matrices(one.store.subtree()), two.store.world_matrices(two.store.subtree()))
    assert np.array_equal(one.store.local_matrices(parts.ids)[:, :3].astype(np.float32), matrices[:, :3].astype(np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("where", "value", "said"), [
    ((3, 0, 1), np.nan, "row 3"), ((4, 2, 3), np.inf, "row 4"), ((2, 1, 3), -2e15, "row 2"), ((1, 0, 0), 2e18, "row 1"),
    ((5, 3, 0), 1.0, "last row")])
def test_a_wrong_matrix_of_a_whole_range_changes_nothing(dtype, where, value, said):
    scene = mr.Scene()
    parts = scene.add_instances(mr.box(1), mr.Unlit(), count=6)
    before = scene.store.local_matrices(parts.ids)
    matrices = np.tile(np.eye(4, dtype=dtype) * dtype(2), (6, 1, 1))
    matrices[:, 3, 3] = 1
    matrices[where] = value
    with pytest.raises(InvalidInput, match=said):
        parts.set(slice(None), matrix=matrices)
    with pytest.raises(InvalidInput, match="shape"):
        parts.set(slice(None), matrix=np.eye(4)[None, :3])
    assert np.array_equal(scene.store.local_matrices(parts.ids), before)


def test_a_scene_lists_its_parts_and_what_is_below_a_node():
    scene, parts, *_ = made(names=[str(k) for k in range(12)])
    group = scene.add(name="group")
    boxes = scene.add_instances(GEOMETRIES[0], MATERIALS[0], count=3, parent=group, name="boxes")
    first, second = scene.parts
    assert first.ids.tolist() == parts.ids.tolist()
    assert second.ids.tolist() == boxes.ids.tolist() and second.name == "boxes" and second.mesh is boxes.mesh
    assert scene.subtree(group).tolist() == [group.id, *boxes.ids.tolist()]
    assert scene.subtree().tolist() == [node.id for node in scene.nodes]
    copy = mr.Scene()
    copy.add(scene)
    assert [len(found) for found in copy.parts] == [12, 3]
    with copy.parts[1].edit("position") as position:
        position[:] = 7
    assert copy.parts[1][2].position.tolist() == [7, 7, 7]
    boxes.remove()
    assert [len(found) for found in scene.parts] == [12]
    with pytest.raises(InvalidInput, match="Node of this scene"):
        scene.subtree(copy.add())


def test_a_visible_mask_of_another_length_is_refused_and_changes_nothing():
    parts = mr.Scene().add_instances(mr.box(1), mr.Unlit(), count=5)
    with pytest.raises(InvalidInput, match="visible"):
        parts.set(slice(0, 3), visible=[True, False], position=np.ones((3, 3)))
    assert parts.visible.all() and not parts.scene.store.local_matrices(parts.ids)[:, :3, 3].any()


def test_poses_of_a_simulation_are_what_setting_each_part_makes():
    """Ten thousand bodies from arrays in one call: quaternions in both orders and of any length, and matrices, give the same bits."""
    rng = np.random.default_rng(8)
    count = 10_000
    position, scale = rng.uniform(-500, 500, (count, 3)), rng.uniform(0.1, 2, (count, 3))
    rotation = rng.normal(size=(count, 4))
    rotation /= np.linalg.norm(rotation, axis=1, keepdims=True)

    def world(pose):
        scene = mr.Scene()
        parts = scene.add_instances(GEOMETRIES[0], MATERIALS[0], count, parent=scene.add(position=(10, 20, 30)))
        parts[4].rotation = (0, 0, 1, 0)  # an authored rotation gives way
        pose(parts)
        scene.update()
        return scene.store.world_matrices(parts.ids)

    expected = world(lambda parts: parts.set(parts.ids, position=position, rotation=rotation, scale=scale))
    assert np.array_equal(world(lambda parts: parts.set_poses(position, rotation, scale)), expected)
    assert np.array_equal(world(lambda parts: parts.set_poses(position, np.roll(rotation, 1, axis=1), scale, order="wxyz")), expected)
    longer = rotation * rng.uniform(0.01, 100, (count, 1))
    assert np.allclose(world(lambda parts: parts.set_poses(position, longer, scale)), expected, atol=1e-6, rtol=0)
    plain = world(lambda parts: parts.set(parts.ids, position=position, rotation=rotation, scale=np.ones((count, 3))))
    assert np.array_equal(world(lambda parts: parts.set_poses(position, rotation)), plain)
    turned = mr.Scene()
    turned.add_instances(GEOMETRIES[0], MATERIALS[0], count).set_poses(np.zeros((count, 3)), rotation)
    matrices = turned.store.local_matrices(turned.parts[0].ids)[:, :3, :3]
    for shape in ((count, 3, 3), (count, 9)):
        assert np.array_equal(world(lambda parts: parts.set_poses(position, matrices.reshape(shape))), plain)  # noqa: B023


def test_a_refused_pose_moves_nothing():
    scene, parts, _, _, matrices = made()
    quaternions = np.tile((0.0, 0.0, 0.0, 1.0), (12, 1))
    for position, rotation in ((np.full((12, 3), np.nan), quaternions), (np.zeros((12, 3)), np.full((12, 4), np.inf)),
                               (np.zeros((12, 3)), quaternions * 0)):
        with pytest.raises(InvalidInput):
            parts.set_poses(position, rotation)
    assert np.allclose(scene.store.local_matrices(parts.ids), matrices, atol=1e-6)
