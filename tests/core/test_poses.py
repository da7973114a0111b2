"""Palettes, morph weights and the boxes of posed draws against a slow float64 model."""

from time import process_time

import numpy as np
import pytest
from core_model import levels
from hypothesis import given, settings
from hypothesis import strategies as st
from pose_model import Figure, affine, flesh

import metarender as mr
from metarender._core import DEFORM, INFO, Store, add_skin, palette_of
from metarender.deformation import posed_positions
from metarender.errors import InvalidInput, ReleasedError

FAR = (6.4e6, -1.2e5, 3.3e6)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def world(scene: mr.Scene, figure: Figure, geometry: mr.Geometry) -> np.ndarray:
    """World positions of the vertices that the palette on its way to the device gives, (n, 3) float64."""
    palette = palette_of(scene.store, figure.node.id)
    anchor = scene.store.anchors[scene.store.anchor_of(figure.joints[0].id)]
    return posed_positions(geometry, figure.node.weights, palette, np.eye(4)[:3]) + anchor


@pytest.mark.parametrize("place", [(0, 0, 0), FAR])
@pytest.mark.parametrize(("sets", "morphs"), [(1, 0), (2, 0), (1, 3), (2, 2)])
def test_posed_vertices_match_the_float64_model_to_1e_5_at_home_and_far_away(rng, place, sets, morphs):
    geometry, skin, scene = flesh(rng, 6, sets=sets, morphs=morphs), mr.Skin(affine(rng, 6)), mr.Scene()
    figure = Figure(scene, rng, mr.Mesh(geometry, mr.Standard()), skin, place)
    figure.node.weights = rng.uniform(-1, 1, morphs)
    expected = figure.posed(geometry, skin)
    got = world(scene, figure, geometry)
    size = 1 + np.abs(expected - place).max()
    np.testing.assert_allclose(got, expected, atol=1e-5 * size, rtol=0)
    figure.joints[2].rotation = (0.6, 0, 0, 0.8)
    np.testing.assert_allclose(world(scene, figure, geometry), figure.posed(geometry, skin), atol=1e-5 * size, rtol=0)


def test_joints_of_several_anchors_are_where_they_belong(rng):
    geometry, skin, scene = flesh(rng, 6), mr.Skin(affine(rng, 6)), mr.Scene()
    figure = Figure(scene, rng, mr.Mesh(geometry, mr.Standard()), skin, FAR, 1500.0)
    expected = figure.posed(geometry, skin)
    assert len({scene.store.anchor_of(joint.id) for joint in figure.joints}) > 2
    np.testing.assert_allclose(world(scene, figure, geometry), expected, atol=1e-6 * np.abs(expected - FAR).max(), rtol=0)


def test_all_levels_give_the_same_bits(rng):
    made = []
    for level in levels():
        store = Store(level=level)
        ids, seeded = store.add(0, 12), np.random.default_rng(3)
        for row in range(1, 12):
            store.set_parent(int(ids[row]), int(ids[row // 2]))
        store.set(ids, matrix=affine(seeded, 12, 400.0))
        node = store.add(0, 1)[0]
        store.bind(node, add_skin(store, affine(seeded, 12)[:, :3]), ids)
        made.append(palette_of(store, node).tobytes())
    assert len(set(made)) == 1


def figures(rng, count: int, joints: int = 5) -> tuple[mr.Scene, list[Figure], mr.Geometry, mr.Skin]:
    geometry, skin, scene = flesh(rng, joints, morphs=2), mr.Skin(affine(rng, joints)), mr.Scene()
    mesh = mr.Mesh(geometry, mr.Standard())
    made = [Figure(scene, rng, mesh, skin, (3.0 * number, 0, 0)) for number in range(count)]
    scene.update()
    return scene, made, geometry, skin


def test_only_palettes_whose_joints_moved_are_computed(rng):
    scene, made, _, _ = figures(rng, 40)
    other = scene.add(mr.Mesh(mr.box(1), mr.Standard()))
    scene.update()

    def posed(edit) -> int:
        before = scene.store.stats["joints_posed"]
        edit()
        scene.update()
        return scene.store.stats["joints_posed"] - before

    assert posed(lambda: None) == 0
    assert posed(lambda: setattr(other, "position", (1, 2, 3))) == 0
    assert posed(lambda: setattr(made[7].node, "position", (1, 2, 3))) == 0  # the pose is that of the joints alone
    assert posed(lambda: setattr(made[7].joints[4], "position", (1, 2, 3))) == 5
    assert posed(lambda: setattr(made[7].root, "position", (1, 2, 3))) == 5
    assert posed(lambda: setattr(made[7].node, "weights", (1, 0.5))) == 0
    assert posed(lambda: scene.set([figure.root for figure in made], position=rng.normal(size=(40, 3)))) == 200
    updates = scene.store.stats["updates"]
    scene.update()
    assert scene.store.stats["updates"] == updates  # a still scene does nothing at all


def test_only_the_pages_that_changed_go_to_a_device(rng):
    scene, made, _, _ = figures(rng, 200)
    seen = scene.store.epoch
    assert not len(scene.store.dirty_runs(DEFORM, seen))
    made[100].joints[0].position = (0, 9, 0)
    scene.update()
    runs = scene.store.dirty_runs(DEFORM, seen)
    assert len(runs) == 1 and runs[0, 1] <= 512 < scene.store.row_count(DEFORM)
    assert not len(scene.store.dirty_runs(INFO, seen))


def test_nodes_with_the_same_skin_and_joints_share_a_palette(rng):
    scene, made, geometry, skin = figures(rng, 1)
    rows = scene.store.row_count(DEFORM)
    second = scene.add(mr.Mesh(geometry, mr.Unlit()))
    scene.bind(second, skin, made[0].joints)
    scene.update()
    before = scene.store.stats["joints_posed"]
    made[0].root.position = (1, 1, 1)
    scene.update()
    assert scene.store.stats["joints_posed"] - before == 5 and scene.store.row_count(DEFORM) == rows + 2
    np.testing.assert_array_equal(palette_of(scene.store, second.id), palette_of(scene.store, made[0].node.id))


@pytest.mark.parametrize("morphs", [0, 3])
def test_promise_2_boxes_hold_every_posed_vertex_and_are_not_much_larger(rng, morphs):
    scene, slack = mr.Scene(), []
    for number in range(30):
        geometry, skin = flesh(rng, 4, sets=1 + number % 2, morphs=morphs), mr.Skin(affine(rng, 4))
        figure = Figure(scene, rng, mr.Mesh(geometry, mr.Standard()), skin, tuple(rng.uniform(-1, 1, 3) * 10.0 ** (number % 7)))
        figure.node.weights = rng.uniform(-1, 1, morphs)
        scene.update()
        vertices = figure.posed(geometry, skin)
        slots = np.flatnonzero(scene.store.slot_ids == figure.node.id)
        box, anchor = scene.store.boxes[slots[0]].astype(np.float64), scene.store.anchors[scene.store.slot_anchor[slots[0]]]
        lower, upper = box[:3] - box[3:] + anchor, box[:3] + box[3:] + anchor
        world_step = 1e-14 * np.abs(vertices).max()  # what the model itself rounds
        assert (vertices >= lower - world_step).all() and (vertices <= upper + world_step).all(), number
        bounds = figure.node.bounds
        assert (bounds[0] >= lower).all() and (bounds[1] <= upper).all()
        slack.append(np.ptp(bounds, axis=0).max() / np.ptp(vertices, axis=0).max())
    assert np.median(slack) < (1.6 if not morphs else 4.0)


def test_a_figure_is_found_where_it_is_posed_not_where_its_node_stands(rng):
    scene, made, geometry, skin = figures(rng, 2)
    made[0].root.position = (100, 50, 0)
    vertices = made[0].posed(geometry, skin)
    found = scene.query(box=np.stack([vertices.min(axis=0), vertices.max(axis=0)]))
    assert made[0].node.id in found and made[1].node.id not in found
    assert made[0].node.id not in scene.query(sphere=(made[0].node.position, 1.0))


def test_a_joint_that_goes_unbinds_its_figure_which_then_draws_at_rest(rng):
    scene, made, geometry, skin = figures(rng, 2)
    assert made[0].node.skin is skin and made[0].node.joints.tolist() == [joint.id for joint in made[0].joints]
    made[0].joints[3].remove()
    assert made[0].node.skin is None and not len(made[0].node.joints) and made[1].node.skin is skin
    scene.update()
    rest = geometry.positions + made[0].node.position
    np.testing.assert_allclose(made[0].node.bounds, [rest.min(axis=0), rest.max(axis=0)], atol=1e-5)
    made[1].node.remove()
    assert scene.store.memory["poses"] and not scene._tables.skins
    with pytest.raises(ReleasedError):
        scene.bind(made[0].node, skin, made[0].joints)


def test_binding_again_and_unbinding_give_memory_back(rng):
    scene, made, _, skin = figures(rng, 8)
    rows = scene.store.row_count(DEFORM)
    for _ in range(5):
        for figure in made:
            scene.bind(figure.node, None)
            scene.bind(figure.node, skin, figure.joints[::-1])
        scene.update()
    assert scene.store.row_count(DEFORM) <= rows + 16


def test_copies_follow_the_copies_of_the_joints(rng):
    scene, made, geometry, skin = figures(rng, 3)
    made[1].node.weights = (0.25, -1)
    whole = mr.Scene()
    whole.add(None)
    group = whole.add(scene, position=(0, 0, 500))
    copies = [node for node in whole.nodes if node.skin is not None]
    assert [node.skin for node in copies] == [skin] * 3
    np.testing.assert_array_equal(copies[1].weights, np.float32([0.25, -1]))
    for figure, copy in zip(made, copies, strict=True):
        expected = figure.posed(geometry, skin) + (0, 0, 500)
        np.testing.assert_allclose(copy.bounds, figure.node.bounds + (0, 0, 500), atol=1e-3)
        assert (copy.bounds[0] <= expected.min(axis=0) + 1e-4).all() and (copy.bounds[1] >= expected.max(axis=0) - 1e-4).all()
    before = copies[0].bounds
    made[0].root.position = (5, 5, 5)
    np.testing.assert_array_equal(copies[0].bounds, before)
    group.position = (0, 0, 0)
    assert whole.store.stats["joints_posed"] and (copies[0].bounds != before).any()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["move", "weights", "reparent", "remove", "add", "rebind", "unbind", "update", "settle", "mesh"]),
                          st.integers(0, 2**31)), max_size=25))
def test_any_edits_leave_what_a_new_scene_would_have(steps):
    rng = np.random.default_rng(5)
    scene, made, geometry, skin = figures(rng, 4)
    mesh, plain = mr.Mesh(geometry, mr.Standard()), mr.Mesh(mr.box(1), mr.Standard())
    for what, seed in steps:
        draw = np.random.default_rng(seed)
        alive = [figure for figure in made if figure.node.alive and all(joint.alive for joint in figure.joints)]
        if what == "add" or not alive:
            made.append(Figure(scene, draw, mesh, skin, tuple(draw.uniform(-2000, 2000, 3))))
            continue
        figure = alive[int(draw.integers(len(alive)))]
        if what == "move":
            figure.joints[int(draw.integers(5))].position = draw.uniform(-1500, 1500, 3)
        elif what == "weights" and len(figure.node.weights):
            figure.node.weights = draw.uniform(-1, 1, 2)
        elif what == "reparent":
            figure.root.parent = scene.add(None, position=draw.uniform(-9, 9, 3))
        elif what == "remove":
            (figure.joints[int(draw.integers(5))] if draw.integers(2) else figure.node).remove()
        elif what == "rebind" and figure.node.mesh is not plain:
            scene.bind(figure.node, skin, figure.joints[::-1])
        elif what == "unbind":
            scene.bind(figure.node, None)
        elif what == "mesh":
            figure.node.mesh = plain if figure.node.mesh is mesh else mesh
        elif what in ("update", "settle"):
            getattr(scene, what)()
    scene.settle()
    fresh = mr.Scene()
    fresh.add(scene)
    fresh.settle()
    for number, twin in zip(scene.subtree().tolist(), fresh.subtree()[1:].tolist(), strict=True):
        a, b = scene.node(number), fresh.node(twin)
        np.testing.assert_array_equal(a.weights, b.weights)
        assert len(a.joints) == len(b.joints)
        ours, theirs = palette_of(scene.store, number), palette_of(fresh.store, twin)
        np.testing.assert_array_equal(ours[:, :, :3], theirs[:, :, :3])
        if len(ours):  # ids decide where anchors lie
            ours, theirs = (rows[:, :, 3] + where.store.anchors[where.store.anchor_of(joints[0])] for rows, where, joints in
                            ((ours, scene, a.joints.tolist()), (theirs, fresh, b.joints.tolist())))
            np.testing.assert_allclose(ours, theirs, atol=1e-3)
        box, other = a.bounds, b.bounds
        assert (box is None) == (other is None) and (box is None or np.allclose(box, other, atol=1e-3, rtol=0))
        for where, drawn, edges in ((scene, number, box), (fresh, twin, other)):
            for slot in np.flatnonzero(where.store.slot_ids == drawn).tolist():
                middle = where.store.boxes[slot, :3] + where.store.anchors[where.store.slot_anchor[slot]]
                np.testing.assert_allclose(middle, np.mean(edges, axis=0), atol=0.02)  # room for rounding, 1.5 km away


def test_rays_meet_the_posed_surface(rng):
    scene = mr.Scene()
    square = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], float)
    geometry = mr.Geometry(positions=square, indices=[0, 1, 2, 0, 2, 3], joints=[[0] * 4, [0] * 4, [1] * 4, [1] * 4],
                           weights=[[1, 0, 0, 0]] * 4, morphs=[mr.Morph([[0, 0, 1]] * 4)])
    node = scene.add(mr.Mesh(geometry, mr.Standard()), position=(70, 0, 0))
    joints = [scene.add(None), scene.add(None, position=(0, 3, 0))]
    scene.bind(node, mr.Skin(np.stack([np.eye(4)] * 2)), joints)
    hit = scene.raycast((0.25, 3.5, 10), (0, 0, -1))
    assert hit is not None and hit.node == node and hit.front and hit.geometry is geometry
    np.testing.assert_allclose(hit.point, (0.25, 3.5, 0), atol=1e-6)
    assert scene.raycast((70, 0, 10), (0, 0, -1)) is None
    node.weights = [2]
    np.testing.assert_allclose(scene.raycast((0.25, 3.5, 10), (0, 0, -1)).point, (0.25, 3.5, 2), atol=1e-6)
    joints[1].position = (0, 0, 0)
    assert scene.raycast((0.25, 3.5, 10), (0, 0, -1)) is None
    node.scale = (-1, 1, 1)  # mirrors the sides, not the place
    assert scene.raycast((0.25, 0.5, 10), (0, 0, -1)) is None
    back = scene.raycast((0.25, 0.5, -10), (0, 0, 1))
    assert back.front and back.triangle == 1
    np.testing.assert_allclose(back.point, (0.25, 0.5, 2), atol=1e-6)
    np.testing.assert_allclose(back.normal, (0, 0, -1), atol=1e-6)


@pytest.mark.parametrize(("edit", "message"), [
    (lambda scene, node, joints: scene.bind(node, mr.Skin(np.eye(4)[None]), joints[:1]), "follows joint 1 but the skin has 1"),
    (lambda scene, node, joints: scene.bind(node, mr.Skin(np.stack([np.eye(4)] * 2)), joints[:1]), "2 joints, got 1"),
    (lambda scene, node, joints: scene.bind(joints[0], mr.Skin(np.stack([np.eye(4)] * 2)), joints), "no mesh with joints"),
    (lambda scene, node, joints: setattr(node, "weights", [1]), "0 morph weights, got 1"),
    (lambda scene, node, joints: scene.store.set_morph_weights([node.id], [0, 1], [1.0]), "0 morph weights"),
    (lambda scene, node, joints: scene.store.set_morph_weights([node.id], [0], []), "offsets must be 2"),
])
def test_what_does_not_fit_is_refused(edit, message):
    scene = mr.Scene()
    geometry = mr.Geometry(positions=np.eye(3), joints=[[0, 1, 0, 0]] * 3, weights=[[1, 1, 0, 0]] * 3)
    node, joints = scene.add(mr.Mesh(geometry, mr.Standard())), [scene.add(None), scene.add(None)]
    with pytest.raises(InvalidInput, match=message):
        edit(scene, node, joints)


def test_of_more_than_eight_influences_the_largest_stay(rng):
    shares = rng.permutation(np.tile(np.arange(1, 13, dtype=float), (5, 1)), axis=1)
    joints = np.tile(np.arange(12), (5, 1))
    geometry = mr.Geometry(positions=rng.normal(size=(5, 3)), joints=joints, weights=shares, topology="points")
    assert geometry.joints.shape == geometry.weights.shape == (5, 8)
    np.testing.assert_allclose(geometry.weights.sum(axis=1), 1, atol=1e-6)
    for row in range(5):
        kept = dict(zip(geometry.joints[row].tolist(), geometry.weights[row].tolist(), strict=True))
        assert kept.keys() == set(np.flatnonzero(shares[row] > 4).tolist())
        for joint, share in kept.items():
            assert share == pytest.approx(shares[row, joint] / 68, rel=1e-6)


@pytest.mark.parametrize("weight", [1e9, -1e10, 1e18])
def test_the_box_of_a_pose_beyond_float32_holds_everything_and_is_finite(weight):
    geometry = mr.Geometry(positions=np.eye(3), morphs=[mr.Morph(np.diag([0, 0, 1e30]))])
    scene = mr.Scene()
    node = scene.add(mr.Mesh(geometry, mr.Unlit()))
    node.weights = [weight]
    scene.update()
    boxes = scene.store.boxes
    boxes = boxes[~np.isnan(boxes).all(axis=1)]
    assert np.isfinite(boxes).all() and (np.abs(boxes[:, 2]) + 1e29 <= boxes[:, 5]).all()


def test_weights_are_refused_without_a_warning_and_offsets_that_wrap_are_refused():
    geometry = mr.Geometry(positions=np.eye(3), morphs=[mr.Morph(np.eye(3))])
    scene = mr.Scene()
    node = scene.add(mr.Mesh(geometry, mr.Unlit()))
    with pytest.raises(InvalidInput, match="must be finite"):
        node.weights = [1e300]
    with pytest.raises(InvalidInput, match="offsets must be"):
        scene.store.set_morph_weights([node.id], [2**63 - 1, -(2**63)], np.ones(4, np.float32))
    with pytest.raises(InvalidInput, match="not finite"):
        mr.Morph(np.full((3, 3), 1e300))
    assert node.weights.tolist() == [0]


def test_rays_pass_what_a_pose_put_beyond_float32_and_meet_what_is_behind():
    """Palettes that overflow are infinite and make NaN of some vertices; a ray meets the triangle beside them, and the node behind."""
    corners = np.array([(0, 0, 1), (1, 0, 1), (0, 1, 1), (2, 0, 1), (3, 0, 1), (2, 1, 1)])
    joints, weights = np.repeat([0, 1], 3)[:, None] * [1, 1, 1, 1], np.tile([1.0, 0, 0, 0], (6, 1))
    geometry = mr.Geometry(positions=corners, joints=joints.astype(np.uint16), weights=weights)
    scene = mr.Scene()
    figure, behind = scene.add(mr.Mesh(geometry, mr.Unlit())), scene.add(mr.Mesh(mr.Geometry(positions=corners - (0, 0, 1)), mr.Unlit()))
    matrices = np.tile(np.eye(4), (2, 1, 1))
    matrices[0, :3, :3] *= 1e200
    scene.bind(figure, mr.Skin(matrices), [scene.add(None), scene.add(None)])
    assert scene.raycast((0.2, 0.2, 5), (0, 0, -1)).node == behind
    hit = scene.raycast((2.2, 0.2, 5), (0, 0, -1))
    assert hit.node == figure and hit.triangle == 1


def test_rows_of_many_poses_that_go_in_any_order_are_used_again(rng):
    """Weights stay what they were set to whatever is freed around them, and the rows do not pile up."""
    geometry = mr.Geometry(positions=np.eye(3), indices=[0, 1, 2], morphs=[mr.Morph(np.eye(3))] * 6)
    scene, held = mr.Scene(), {}
    most = 0
    for turn in range(8):
        parts = scene.add_instances(geometry, mr.Unlit(), count=500)
        for part in parts:
            part.weights = value = rng.uniform(-1, 1, 6).astype(np.float32)
            held[part.id] = value
        gone = rng.permutation(list(held))[:500 if turn else 250]
        scene.store.remove_leaves(np.array(gone, np.uint32))
        for number in gone.tolist():
            del held[number]
        most = max(most, scene.store.row_count(DEFORM)) if turn < 2 else most
        for number, value in held.items():
            np.testing.assert_array_equal(scene.node(number).weights, value)
    assert scene.store.row_count(DEFORM) <= 1.5 * most
    scene.store.remove_leaves(rng.permutation(np.array(list(held), np.uint32)))
    assert scene.store.row_count(DEFORM) == 1


def test_the_cost_of_rows_that_go_does_not_grow_with_those_that_went(rng):
    """A list of free rows that is searched from its start would take sixteen times as long for four times as many."""
    geometry, took = mr.Geometry(positions=np.eye(3), indices=[0, 1, 2], morphs=[mr.Morph(np.eye(3))]), []
    for count in (40_000, 160_000):
        scene = mr.Scene()
        ids = rng.permutation(scene.add_instances(geometry, mr.Unlit(), count=count).ids)[::2]
        start = process_time()
        scene.store.remove_leaves(ids)
        took.append(process_time() - start)
    assert took[1] < 10 * took[0]
