"""Scene.raycast, raycast_many, query and Camera.ray as users call them, against pictures of ids too."""

import math

import numpy as np
import pytest

import metarender as mr


def workshop(place=(0.0, 0.0, 0.0)):
    """Boxes, balls and tori at all angles, some mirrored, some hidden, under one group."""
    scene = mr.Scene()
    group = scene.add(None, position=place)
    rng = np.random.default_rng(6)
    shapes = [mr.box(1), mr.sphere(0.5), mr.torus(0.5, 0.2), mr.plane(1.5), mr.cone(0.5, 1)]
    materials = [mr.Standard(), mr.Unlit(double_sided=True), mr.Standard(color=(1, 1, 1, 0.5), alpha_mode="blend")]
    for k in range(60):
        matrix = np.eye(4)
        matrix[:3, :3] = rng.normal(size=(3, 3)) * rng.uniform(0.3, 1.2)
        matrix[:3, 3] = np.round(rng.uniform(-4, 4, 3) * 1024) / 1024
        node = scene.add(mr.Mesh(shapes[k % 5], materials[k % 3]), group, matrix=matrix)
        node.visible = k % 7 != 0
    return scene


@pytest.mark.parametrize("place", [(0.0, 0.0, 0.0), (1e7, 2e6, -1e7)], ids=["origin", "far"])
@pytest.mark.parametrize("kind", ["perspective", "parallel"])
def test_promise_4_rays_through_pixels_meet_what_the_picture_of_ids_shows(renderer, place, kind):
    scene = workshop(place)
    camera = mr.PerspectiveCamera(fov=50, near=0.5) if kind == "perspective" else mr.OrthographicCamera(height=9, near=-3, far=100)
    camera.look_at(np.array((6.0, 5.0, 7.0)), (0.2, 0.1, 0))
    camera.position = camera.position + place
    renderer.size = (200, 150)
    frame = renderer.render(scene, camera, outputs=("color", "ids", "depth"))
    ids = frame.ids
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(1, 149, 1500), rng.integers(1, 199, 1500)
    rays = [camera.ray(int(x), int(y), frame.size) for x, y in zip(columns, rows, strict=True)]
    hits = scene.raycast_many(*map(np.array, zip(*rays, strict=True)))
    same = hits["id"] == ids[rows, columns]
    neighbours = np.stack([ids[rows + y, columns + x] for x in (-1, 0, 1) for y in (-1, 0, 1)])
    depth = np.stack([frame.depth[rows + y, columns + x] for x in (-1, 0, 1) for y in (-1, 0, 1)])
    edge = (neighbours != neighbours[0]).any(axis=0)
    assert np.count_nonzero(hits["id"]) > 400 and len(set(hits["id"])) > 20
    assert same[~edge].all() and np.count_nonzero(~edge) > 700
    assert np.count_nonzero(~same) <= 3, "only a pixel on an outline may differ"
    along = np.einsum("ij,j->i", hits["point"] - camera.position, -camera.matrix[:3, 2])
    met = same & (hits["id"] > 0) & ~edge
    assert np.allclose(along[met], depth[4][met], atol=2e-3)
    for k in np.flatnonzero(met)[:20]:
        hit = scene.raycast(*rays[k])
        assert hit.node == frame.pick(int(columns[k]), int(rows[k])) and hit.distance == hits["distance"][k]


def test_a_hit_says_everything_about_a_box():
    scene = mr.Scene()
    body = mr.box(2)
    node = scene.add(mr.Mesh(body, mr.Standard()), position=(10, 0, 0), scale=(1, 2, -1))
    hit = scene.raycast((10.25, 9, 0.5), (0, -3, 0))
    assert hit.node == node and hit.geometry is body and hit.front
    assert hit.distance == 7 and hit.point.tolist() == [10.25, 2, 0.5] and hit.normal.tolist() == [0, 1, 0]
    corners = body.positions[body.indices.reshape(-1, 3)[hit.triangle]].astype(float)
    u, v = hit.uv
    local = (1 - u - v) * corners[0] + u * corners[1] + v * corners[2]
    assert np.allclose(local * (1, 2, -1) + (10, 0, 0), hit.point)
    assert scene.raycast((10.25, 9, 0.5), (0, 1, 0)) is None
    assert scene.raycast((10.25, 9, 0.5), (0, -1, 0), max_distance=6.99) is None
    assert scene.raycast((10.25, 0, 0.5), (0, -1, 0)) is None  # from inside: back faces are not drawn
    assert not scene.raycast((10.25, 0, 0.5), (0, -1, 0), back_faces=True).front
    node.mesh.primitives[0][1].double_sided = True
    assert scene.raycast((10.25, 0, 0.5), (0, -1, 0)).distance == 2
    assert scene.raycast((10.25, 0, 0.5), (0, -1, 0), back_faces=False) is None


def test_edits_swap_the_geometry_behind_an_index():
    scene = mr.Scene()
    node = scene.add(mr.Mesh(mr.box(2), mr.Standard()))
    assert scene.raycast((0, 0, 9), (0, 0, -1)).distance == 8
    node.mesh = mr.Mesh(mr.box(4), mr.Standard())
    assert scene.raycast((0, 0, 9), (0, 0, -1)).distance == 7
    node.remove()
    assert scene.raycast((0, 0, 9), (0, 0, -1)) is None
    small = scene.add(mr.Mesh(mr.sphere(0.5), mr.Standard()))
    assert scene.raycast((0, 0, 9), (0, 0, -1)).node == small


def test_a_hierarchy_is_built_once_for_a_geometry_and_shared_between_scenes():
    ball = mr.sphere(1)
    scenes = [mr.Scene(), mr.Scene()]
    for scene in scenes:
        scene.add(mr.Mesh(mr.box(0.1), mr.Standard()), position=(50, 0, 0))
        scene.add(mr.Mesh(ball, mr.Standard()))
        assert scene.raycast((0.01, 0.02, 9), (0, 0, -1)).geometry is ball
    assert ball.hierarchy() is ball.hierarchy() and ball.hierarchy().triangle_count == ball.index_count // 3
    with pytest.raises(mr.InvalidInput, match="no surface"):
        mr.Geometry(positions=[(0, 0, 0), (1, 1, 1)], topology="lines").hierarchy()


def test_masked_and_blended_materials_count_as_solid_and_lines_do_not_count():
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.Geometry(positions=[(0, 0, 5), (1, 1, 5)], topology="lines"), mr.Unlit()))
    clear_plane = mr.Mesh(mr.plane(2), mr.Unlit(color=(1, 1, 1, 0), alpha_mode="mask"))
    clear = scene.add(clear_plane, rotation=(math.sqrt(0.5), 0, 0, math.sqrt(0.5)))
    assert scene.raycast((0.1, 0.1, 9), (0, 0, -1)).node == clear


def test_query_takes_each_kind_of_region():
    scene = mr.Scene()
    nodes = [scene.add(mr.Mesh(mr.box(1), mr.Standard()), position=(x, 0, 0)) for x in (0, 5, 10)]
    ids = [node.id for node in nodes]
    assert scene.query(box=[(0.5, 0, 0), (4.5, 1, 1)]).tolist() == ids[:2]
    assert scene.query(sphere=((10, 0, 0), 4.6)).tolist() == ids[1:]
    assert scene.query(ray=((20, 0, 0), (-1, 0, 0))).tolist() == ids[::-1]
    camera = mr.PerspectiveCamera(fov=10).look_at((5, 0, 30), (5, 0, 0))
    assert scene.query(frustum=camera).tolist() == [ids[1]]
    assert scene.query(frustum=camera, aspect=4.0).tolist() == ids
    carrier = scene.add(mr.PerspectiveCamera(fov=10), position=(10, 0, 30))
    assert scene.query(frustum=carrier).tolist() == [ids[2]]
    nodes[1].visible = False
    assert scene.query(sphere=((5, 0, 0), 1)).tolist() == [] and scene.query(sphere=((5, 0, 0), 1), visible_only=False).tolist() == [ids[1]]
    nodes[2].layers = 4
    assert scene.query(sphere=((5, 0, 0), 50), layers=4).tolist() == [ids[2]]


@pytest.mark.parametrize("call, message", [
    (lambda s: s.query(), "exactly one"),
    (lambda s: s.query(box=[(0,) * 3, (1,) * 3], ray=((0,) * 3, (1,) * 3)), "exactly one"),
    (lambda s: s.query(sphere=(1, 2, 3)), r"sphere must be \(centre, radius\)"),
    (lambda s: s.query(sphere=((0, 0, 0), "1")), "radius"),
    (lambda s: s.query(ray=5), r"ray must be \(origin, direction\)"),
    (lambda s: s.query(frustum=np.eye(4)), "camera must be a Camera"),
    (lambda s: s.query(frustum=mr.PerspectiveCamera(), aspect=0), "aspect"),
    (lambda s: s.query(box=[(0,) * 3, (1,) * 3], aspect=1), "aspect belongs"),
    (lambda s: s.raycast((0, 0, 0), (0, 0, 1), max_distance="far"), "max_distance must be a number"),
    (lambda s: s.raycast((0, 0, 0), (0, 0, 1), layers=1.5), "layers"),
    (lambda s: s.raycast(None, (0, 0, 1)), "origin"),
    (lambda s: s.raycast_many([(0, 0, 0)], [(0, 0, 1), (0, 0, 1)]), r"directions must have shape \(1, 3\)"),
    (lambda s: s.raycast_many([(0, 0, 0)] * 2, [(0, 0, 1), (0, 0, 0)]), "row 1 has length zero"),
    (lambda s: s.raycast_many([(0, 0, 0), (0, np.nan, 0)], [(0, 0, 1)] * 2), "row 1"),
    (lambda s: mr.PerspectiveCamera().ray(math.nan, 0, (10, 10)), "finite"),
    (lambda s: mr.PerspectiveCamera().ray(0, 0, (10, 0)), "above 0"),
    (lambda s: mr.PerspectiveCamera().ray("a", 0, 10), "two numbers"),
])
def test_hostile_queries_are_refused(call, message):
    scene = workshop()
    with pytest.raises(mr.InvalidInput, match=message):
        call(scene)
    assert scene.raycast((0, 0, 50), (0, 0.01, -1)) is not None


def test_an_empty_scene_has_nothing_to_hit():
    scene = mr.Scene()
    assert scene.raycast((0, 0, 0), (0, 0, 1)) is None
    assert scene.raycast_many(np.zeros((3, 3)), np.ones((3, 3)))["id"].tolist() == [0, 0, 0]
    assert len(scene.query(box=[(-1,) * 3, (1,) * 3])) == 0
    scene.add(None)
    assert scene.raycast((0, 0, 0), (0, 0, 1)) is None


def test_pixel_rays_point_through_pixel_centres():
    camera = mr.PerspectiveCamera(fov=90).look_at((1, 2, 3), (1, 2, 2))
    origin, direction = camera.ray(1, 1, (3, 3))
    assert origin.tolist() == [1, 2, 3] and np.allclose(direction, (0, 0, -1))
    assert np.allclose(camera.ray(-0.5, -0.5, (100, 100))[1] * math.sqrt(3), (-1, 1, -1))  # the corner of the picture
    flat = mr.OrthographicCamera(height=4, near=-2, far=10).look_at((0, 0, 0), (0, 0, -1))
    origin, direction = flat.ray(-0.5, -0.5, (200, 100))
    assert np.allclose(origin, (-4, 2, 2)) and direction.tolist() == [0, 0, -1]
