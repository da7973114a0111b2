"""Parts that show the morph weights of the node above: pictures, picking, bounds and culling are those of single nodes."""

import numpy as np
import pytest

import metarender as mr
from metarender._core import DEFORM
from metarender.errors import InvalidInput

CAMERA = mr.PerspectiveCamera(fov=40).look_at((0, 2, 14), (0, 0, 0))
PLACES = [(-4, 0, 0), (0, 1, 1), (4, 0, -1), (60, 0, 0)]


def blob(morphs=2):
    """A sphere that swells to twice its size, and one that bends."""
    ball = mr.sphere(1.0, 16, 12)
    bent = ball.positions[:, [1, 2, 0]] * (1, 0, 0.5)
    shapes = [mr.Morph(ball.positions, name="swell"), mr.Morph(bent, ball.positions * 0.3, name="bend")]
    return mr.Geometry(positions=ball.positions, normals=ball.normals, indices=ball.indices, morphs=shapes[:morphs])


def matrices():
    """Places that turn and scale, (n, 4, 4)."""
    found = np.tile(np.eye(4), (len(PLACES), 1, 1))
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    for row, place in enumerate(PLACES):
        found[row, :3, :3], found[row, :3, 3] = np.linalg.matrix_power(turn, row) * (1 + 0.2 * row), place
    return found


def stage():
    scene = mr.Scene()
    scene.environment = None
    scene.add(mr.DirectionalLight(direction=(-0.4, -1, -0.3)))
    scene.add(mr.Mesh(mr.plane(40), mr.Standard(color="white")), position=(0, -2.5, 0))
    return scene


def crowd(weights=(0, 0)):
    """A hidden-from-view owner of the weights, with parts below it."""
    scene, geometry, material = stage(), blob(), mr.Standard(color="orange")
    owner = scene.add(mr.Mesh(geometry, material), position=(0, 0.5, 0), rotation=(0, 0.6, 0, 0.8), scale=(1, 1.2, 1))
    parts = scene.add_instances(geometry, material, matrices=matrices(), parent=owner)
    owner.weights = weights
    return scene, owner, parts


def singles(weights):
    """The same of nodes that each have the mesh and the weights."""
    scene, mesh = stage(), mr.Mesh(blob(), mr.Standard(color="orange"))
    owner = scene.add(mesh, position=(0, 0.5, 0), rotation=(0, 0.6, 0, 0.8), scale=(1, 1.2, 1))
    nodes = [scene.add(mesh, owner, matrix=matrix) for matrix in matrices()]
    for node in (owner, *nodes):
        node.weights = weights
    return scene, owner, nodes


def pictures(renderer, scene):
    """Colour, depth and ids, as bytes."""
    frame = renderer.render(scene, CAMERA, outputs=("color", "depth", "ids"))
    return [frame.color.tobytes(), frame.depth.tobytes(), frame.ids.tobytes()]


@pytest.mark.parametrize("occlusion", ["cpu", "gpu", False])
def test_parts_are_drawn_as_single_nodes_with_the_same_weights_are(device, occlusion):
    with mr.Renderer(device=device, size=(160, 120), occlusion=occlusion) as renderer:
        scene, owner, parts = crowd()
        seen = set()
        for weights in ((0, 0), (0.8, 0), (0.3, -1.2)):
            owner.weights = weights
            drawn = pictures(renderer, scene)
            other, _, nodes = singles(weights)
            assert [node.id for node in nodes] == parts.ids.tolist()
            assert drawn == pictures(renderer, other)
            seen.add(drawn[0])
        assert len(seen) == 3


def test_bounds_rays_and_culling_follow_the_weights_of_the_node_above():
    scene, owner, parts = crowd()
    for weights in ((1.0, 0), (0.2, 1.5), (0, 0)):
        owner.weights = weights
        other, twin, nodes = singles(weights)
        np.testing.assert_array_equal(owner.bounds, twin.bounds)
        for part, node in zip(parts, nodes, strict=True):
            np.testing.assert_array_equal(part.bounds, node.bounds)
            above = node.bounds.mean(axis=0) + (0.3, 40, 0)
            hit, wanted = scene.raycast(above, (0, -1, 0)), other.raycast(above, (0, -1, 0))
            assert hit is not None and hit.node == part and hit.distance == wanted.distance
    away = mr.PerspectiveCamera(fov=20).look_at((0, 0, 30), (0, 0, 60))
    owner.weights = (40, 0)  # so large that it reaches behind the camera
    with mr.Renderer(size=(32, 32)) as renderer:
        assert renderer.render(scene, away).stats.instances >= 1


def test_one_row_of_weights_animates_all_parts_and_little_is_uploaded(renderer):
    scene, geometry = stage(), blob()
    owner = scene.add(mr.Mesh(geometry, mr.Standard()))
    rows = scene.store.row_count(DEFORM)
    scene.add_instances(geometry, mr.Standard(), matrices=np.tile(np.eye(4), (400, 1, 1)), parent=owner)
    assert scene.store.row_count(DEFORM) == rows  # none of their own
    scene.play(scene.add_clip(mr.Clip("swell", [mr.Track(owner, "weights", [0, 1], [[0, 0], [1, 0]])])))
    for seconds in (0.1, 0.4):
        scene.at(seconds)
        frame = renderer.render(scene, CAMERA)
    assert 0 < frame.stats.bytes_uploaded <= 4096


def test_a_part_with_weights_of_its_own_keeps_them():
    scene, owner, parts = crowd((0.5, 0))
    assert parts[1].weights.tolist() == [0.5, 0]
    parts[1].weights = (0.25, 1)
    owner.weights = (0.75, 0)
    assert [part.weights.tolist() for part in parts] == [[0.75, 0], [0.25, 1], [0.75, 0], [0.75, 0]]
    scene.store.set_morph_weights(parts.ids[2:], [0, 2, 4], [1, 1, 0, 1])
    owner.weights = (0, 0)
    assert [part.weights.tolist() for part in parts] == [[0, 0], [0.25, 1], [1, 1], [0, 1]]
    action = scene.play(mr.Clip("one", [mr.Track(parts[0], "weights", [0, 1], [[0, 0], [1, 1]])]))
    scene.at(0.5)
    assert parts[0].weights.tolist() == [0.5, 0.5] and owner.weights.tolist() == [0, 0]
    action.stop()
    scene.at(0.5)
    assert parts[0].weights.tolist() == [0, 0]


@pytest.mark.parametrize("edit", ["leave", "become a parent", "forget the range", "mesh of the owner", "skin of the owner"])
def test_parts_look_the_same_when_they_no_longer_show_what_is_above(edit):
    scene, owner, parts = crowd((0.5, 1))
    before, members, ids = [part.bounds for part in parts], list(parts), parts.ids
    if edit == "leave":
        members[1].parent = scene.add(None, matrix=owner.world_matrix)
    elif edit == "become a parent":
        scene.add(None, members[1])
    elif edit == "forget the range":
        scene.store.free_range(scene.store.range_of(ids[0]))
    elif edit == "mesh of the owner":
        owner.mesh = mr.Mesh(mr.box(1), mr.Standard())
    else:
        flesh = blob()
        joints = np.zeros((flesh.vertex_count, 4), np.uint16)
        owner.mesh = mr.Mesh(mr.Geometry(positions=flesh.positions, indices=flesh.indices, morphs=flesh.morphs, joints=joints,
                                         weights=np.eye(4)[joints[:, 0]]), mr.Standard())
        owner.weights = (0.5, 1)
        scene.bind(owner, mr.Skin(np.eye(4)[None]), [scene.add(None, position=(9, 9, 9))])
    for part, box in zip(members, before, strict=True):
        np.testing.assert_allclose(part.bounds, box, rtol=0, atol=1e-6)
        assert part.weights.tolist() == [0.5, 1]
    if edit in ("mesh of the owner", "skin of the owner"):
        assert (parts.ids == ids).all()
    owner.remove()
    for part in members:
        if part.alive:
            part.remove()
    assert scene.store.row_count(DEFORM) <= 1


def test_copies_and_captures_show_what_the_originals_do(tmp_path, device):
    scene, owner, parts = crowd((0.4, 0.6))
    parts[2].weights = (0, 1)
    twin = mr.Scene()
    twin.add(scene)
    with mr.Renderer(device=device, size=(96, 64)) as renderer:
        def picture(shown):
            shown.environment = None
            return renderer.render(shown, CAMERA).color.tobytes()

        assert picture(twin) == picture(scene)
        mr.capture(scene, CAMERA, tmp_path / "a.mrz", renderer=renderer)
        assert mr.replay(tmp_path / "a.mrz", device=device).ok
        replayed = mr.open_capture(tmp_path / "a.mrz").scene
        assert picture(replayed) == picture(scene)
        copied = next(node for node in twin.nodes if len(node.weights) and len(twin.subtree(node)) == 5)
        for shown, node in ((scene, owner), (twin, copied), (replayed, replayed.node(owner.id))):
            node.weights = (1, 0)
            shown.update()
        assert picture(twin) == picture(scene) == picture(replayed)
    assert [part.weights.tolist() for part in twin.parts[0]] == [[1, 0], [1, 0], [0, 1], [1, 0]]


def test_parts_of_several_geometries_have_the_weights_that_fit():
    scene, first, second = mr.Scene(), blob(2), blob(1)
    parts = scene.add_parts([first, second, mr.box(1)], [mr.Standard()], [0, 1, 2, 1], [0, 0, 0, 0], np.tile(np.eye(4), (4, 1, 1)))
    assert [len(part.weights) for part in parts] == [2, 1, 0, 1]
    owner = scene.add(mr.Mesh(second, mr.Standard()))
    below = scene.add_parts([first, second], [mr.Standard()], [0, 1], [0, 0], np.tile(np.eye(4), (2, 1, 1)), parent=owner)
    owner.weights = [0.5]
    assert [part.weights.tolist() for part in below] == [[0, 0], [0.5]]


def test_rigid_parts_below_have_no_weights_and_no_rows():
    scene, owner, _ = crowd((0.5, 0))
    rigid = scene.add_instances(mr.box(1), mr.Standard(), count=50, parent=owner)
    assert all(not len(part.weights) for part in rigid)
    scene.update()
    rows = scene.store.row_count(DEFORM)
    owner.mesh = mr.Mesh(mr.box(1), mr.Standard())  # the four that show its weights keep them
    assert scene.store.row_count(DEFORM) <= rows + 4 * 2
    rigid[0].mesh = mr.Mesh(blob(), mr.Standard(), weights=(0.25, 1))
    assert rigid[0].weights.tolist() == [0.25, 1] and not len(rigid[1].weights)


def test_parts_are_not_bound_together():
    scene, _, parts = crowd()
    with pytest.raises(InvalidInput, match=r"all parts would stand at the same place.*scene\.bind\(parts\[0\], skin, joints\)"):
        scene.bind(parts, mr.Skin(np.eye(4)[None]), [scene.add(None)])


@pytest.mark.parametrize("seed", range(12))
def test_any_edits_leave_what_a_new_scene_would_have(seed):
    """Weights of parts against a model that gives each its own, boxes and rows against a store that was settled."""
    rng = np.random.default_rng(seed)
    scene, geometry = mr.Scene(), blob()
    owner = scene.add(mr.Mesh(geometry, mr.Standard()))
    ranges = [scene.add_instances(geometry, mr.Standard(), matrices=matrices(), parent=owner) for _ in range(3)]
    members = [part for parts in ranges for part in parts]
    own, above = {}, np.zeros(2, np.float32)
    for _ in range(40):
        what, part = rng.integers(6), members[rng.integers(len(members))]
        value = rng.uniform(-1, 1, 2).astype(np.float32)
        if what == 0:
            owner.weights = above = value
        elif what == 1:
            part.weights = own[part] = value
        elif what == 2 and len(members) > 4:
            members.remove(part)
            part.remove()
        elif what == 3:
            own.setdefault(part, above)
            part.parent = owner
        elif what == 4:
            scene.update()
        elif what == 5:
            part.position = rng.uniform(-5, 5, 3)
        for each in members:
            np.testing.assert_array_equal(each.weights, own.get(each, above))
    scene.update()
    live = {number: box for number, box in zip(scene.store.slot_ids.tolist(), scene.store.boxes.tolist(), strict=True) if number}
    scene.settle()
    settled = {number: box for number, box in zip(scene.store.slot_ids.tolist(), scene.store.boxes.tolist(), strict=True) if number}
    assert live == settled


