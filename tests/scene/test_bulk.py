"""Scene.add_many: whole trees in one call are what one call for each node makes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import metarender as mr


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_a_tree_in_one_call_equals_node_after_node(seed, n):
    rng = np.random.default_rng(seed)
    parents = [int(rng.integers(-1, k)) if rng.random() < 0.6 else (k - 1 if rng.random() < 0.5 else -1) for k in range(n)]
    meshes = [mr.Mesh(mr.box(1), mr.Unlit()), mr.Mesh(primitives=[(mr.box(2), mr.Unlit()), (mr.plane(1), mr.Unlit())]), None]
    carried = [meshes[k] for k in rng.integers(3, size=n)]
    names = [f"n{k}" if k % 3 else "" for k in range(n)]
    bulk, single = mr.Scene(), mr.Scene()
    for scene in (bulk, single):
        scene.add(None, name="before")
    ids = bulk.add_many(parents, names, carried)
    nodes = []
    for k in range(n):
        nodes.append(single.add(carried[k], nodes[parents[k]] if parents[k] >= 0 else None, name=names[k]))
    assert ids.tolist() == [node.id for node in nodes]
    assert bulk.names == single.names and bulk.store.draw_count == single.store.draw_count
    assert bulk.store.subtree().tolist() == single.store.subtree().tolist()
    for number in ids.tolist():
        assert bulk.store.parent_of(number) == single.store.parent_of(number)
        assert bulk.store.children_of(number).tolist() == single.store.children_of(number).tolist()
        assert bulk.node(number).mesh is single.node(number).mesh
    for scene in (bulk, single):
        scene.settle()
    assert bulk.store.slot_ids.tobytes() == single.store.slot_ids.tobytes()
    assert bulk.store.slot_geometry.tobytes() == single.store.slot_geometry.tobytes()


def test_removed_ids_are_taken_again_and_parents_follow_them():
    scene = mr.Scene()
    for node in [scene.add(None) for _ in range(5)]:
        node.remove()
    ids = scene.add_many([-1, 0, 1, 1, 0, -1, 5])
    assert [scene.store.parent_of(k) for k in ids] == [0, ids[0], ids[1], ids[1], ids[0], 0, ids[5]]


@pytest.mark.parametrize("parents, names, meshes, message", [
    ([0], None, None, "row 0 names the parent 0"),
    ([-1, -2], None, None, "row 1 names the parent -2"),
    ([-1, 5], None, None, "parents come before their children"),
    ([-1, 2**40], None, None, "parents come before"),
    ([-1.0], None, None, "whole numbers"),
    ([[-1]], None, None, r"shape \(n,\)"),
    ([-1, -1], ["a"], None, "names has 1 entries for 2 nodes"),
    ([-1], [5], None, "names must hold str only, not"),
    ([-1], None, [mr.box(1)], "meshes must hold Mesh only"),
])
def test_wrong_trees_are_refused_and_nothing_is_added(parents, names, meshes, message):
    scene = mr.Scene()
    with pytest.raises(mr.InvalidInput, match=message):
        scene.add_many(parents, names, meshes)
    assert len(scene.nodes) == 0 and scene.names == {}


def test_nothing_to_add_adds_nothing():
    scene = mr.Scene()
    assert len(scene.add_many([])) == 0 and len(scene.add_many(np.zeros(0, np.int64), [], [])) == 0


@pytest.mark.parametrize("call", [
    lambda scene, own, other: scene.set([other], position=[(1, 2, 3)]),
    lambda scene, own, other: scene.set((own, other), position=np.ones((2, 3))),
    lambda scene, own, other: scene.set_state(other, color="red"),
    lambda scene, own, other: scene.ghost([other]),
    lambda scene, own, other: scene.set_state(other.store.owner.parts[0], value=1.0),
    lambda scene, own, other: scene.isolate([own, other]),
    lambda scene, own, other: scene.store.set_visible([other], False),
    lambda scene, own, other: scene.store.remove_leaves([other]),
    lambda scene, own, other: scene.bind(own, mr.Skin(np.eye(4)[None]), [other]),
    lambda scene, own, other: scene.parts[0].set([other], color="red"),
])
def test_handles_of_another_scene_are_refused_though_their_numbers_fit(call):
    box = mr.box(1)
    joints = np.zeros((box.vertex_count, 4), np.uint16)
    flesh = mr.Geometry(positions=box.positions, indices=box.indices, joints=joints, weights=np.eye(4)[joints[:, 0]])
    scenes = [mr.Scene(), mr.Scene()]
    for scene in scenes:
        own = scene.add(mr.Mesh(flesh, mr.Standard()))
        scene.add_instances(box, mr.Standard(), count=2)
    other, own = scenes[1].parts[0][1], scenes[0].node(own.id)
    assert scenes[0].store.is_alive(other.id)
    before = scenes[0].store.states_of(scenes[0].subtree()).tobytes(), scenes[0].bounds.tobytes()
    with pytest.raises(mr.InvalidInput, match="of another scene; give"):
        call(scenes[0], own, other)
    assert (scenes[0].store.states_of(scenes[0].subtree()).tobytes(), scenes[0].bounds.tobytes()) == before
