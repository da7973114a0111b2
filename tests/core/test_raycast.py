"""Rays against a slow float64 model: hierarchies, transforms, places far from the origin, watertightness, hostile input."""

import threading

import numpy as np
import pytest
from core_model import levels
from hypothesis import given, settings
from hypothesis import strategies as st
from ray_model import affine, corners, crossings, soup

from metarender import InvalidInput, WrongThreadError
from metarender._core import AS_DRAWN, BACK, FRONT, Bvh, Caster, Store

ALL = 0xFFFFFFFF


def placed(positions, indices, matrices, *, key=0, level=None, groups=1):
    """A store that draws one geometry at every matrix, and a caster with its hierarchy."""
    store = Store(level=level)
    store.set_geometry(0, 1, positions.min(axis=0).astype(float), positions.max(axis=0).astype(float))
    store.set_material(0, key, 0)
    ids = np.concatenate([store.add(parent, len(part)) for part in np.array_split(matrices, groups) for parent in store.add(0)])
    store.set(ids, matrix=matrices)
    store.set_draws(ids, [0], [0])
    hierarchy = Bvh(positions, indices)
    return store, ids, Caster(store, lambda index: hierarchy)


def aimed_rays(rng, triangles, n):
    """Half of them at points inside triangles (n_nodes, t, 3, 3), half anywhere; relative to the point that those are relative to."""
    centre, reach = triangles.mean(axis=(0, 1, 2)), np.ptp(triangles.reshape(-1, 3), axis=0)
    origin = centre + rng.normal(size=(n, 3)) * reach
    flat = triangles.reshape(-1, 3, 3)
    target = np.einsum("ni,nij->nj", rng.dirichlet((1, 1, 1), size=n), flat[rng.integers(len(flat), size=n)])
    direction = np.where((rng.random(n) < 0.5)[:, None], target - origin, rng.normal(size=(n, 3)))
    return origin, direction


def check(store, ids, caster, positions, indices, origin, direction, about, tolerance, sides=FRONT | BACK):
    """Every ray's answer equals the model's wherever rounding does not decide; returns how many rays met something clearly."""
    triangles = corners(store, ids, positions, indices, about)
    mirrored = np.linalg.det(store.world_matrices(ids)[:, :3, :3]) < 0
    hits = caster.cast_many(origin + about, direction, np.inf, ALL, False, sides)
    clear = 0
    for hit, o, d in zip(hits, origin + about - about, direction / np.linalg.norm(direction, axis=1, keepdims=True), strict=True):
        sure, facing = crossings(triangles, o, d, -1e-5)
        front = (facing < 0) ^ mirrored[:, None]
        seen = np.where(front, bool(sides & FRONT), bool(sides & BACK))
        possible, _ = crossings(triangles, o, d, 1e-5)
        sure, possible = np.where(seen, sure, np.inf), np.where(seen, possible, np.inf)
        nearest, earliest = sure.min(), possible.min()
        assert earliest - tolerance <= hit["distance"] <= nearest + tolerance
        if nearest != earliest or np.isinf(nearest):
            continue
        order = np.sort(np.append(possible, np.inf))[:2]
        if order[1] - order[0] < 4 * tolerance:
            continue
        clear += 1
        node, triangle = np.unravel_index(sure.argmin(), sure.shape)
        assert (hit["id"], hit["triangle"], hit["front"]) == (ids[node], triangle, front[node, triangle])
        a, b, c = triangles[node, triangle]
        u, v = hit["uv"]
        assert np.allclose(hit["point"] - about, o + d * hit["distance"], atol=tolerance, rtol=1e-9)
        assert np.allclose(hit["point"] - about, a + u * (b - a) + v * (c - a), atol=tolerance, rtol=1e-9)
        normal = np.cross(b - a, c - a) * (-1 if mirrored[node] else 1)
        assert np.allclose(hit["normal"], normal / np.linalg.norm(normal), atol=1e-6)
        assert (hit["normal"] @ d < 0) == bool(hit["front"])
    return clear


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e7]), st.sampled_from([1, 5, 60]), st.sampled_from([FRONT | BACK, FRONT, BACK]))
def test_promise_4_rays_agree_with_a_float64_model_at_home_and_at_1e7_m(seed, far, nodes, sides):
    rng = np.random.default_rng(seed)
    positions, indices = soup(rng, int(rng.integers(1, 40)))
    about = far * np.array([1.0, -0.5, 0.25])
    matrices = affine(rng, nodes, 6.0)
    matrices[:, :3, 3] += about
    store, ids, caster = placed(positions, indices, matrices, groups=min(nodes, 2))
    store.update()
    origin, direction = aimed_rays(rng, corners(store, ids, positions, indices, about), 30)
    check(store, ids, caster, positions, indices, origin, direction, about, 1e-7 if far else 1e-9, sides)


@pytest.mark.parametrize("about", [(0.0, 0.0, 0.0), (1e7, 2e6, -1e7)], ids=["origin", "far"])
def test_a_crowd_over_many_anchors_agrees_with_the_model(about):
    rng = np.random.default_rng(5)
    positions, indices = soup(rng, 6)
    matrices = affine(rng, 3_000, 3_000.0)
    matrices[:, :3, :3] *= 40
    matrices[:, :3, 3] += about
    store, ids, caster = placed(positions, indices, matrices)
    store.update()
    assert store.anchor_count > 50
    origin, direction = aimed_rays(rng, corners(store, ids, positions, indices, np.array(about)), 150)
    assert check(store, ids, caster, positions, indices, origin, direction, np.array(about), 1e-5) > 60


def test_the_same_group_far_away_gives_the_same_hits():
    """A group moved as a whole keeps its bits, and so do rays that are moved with it by whole metres."""
    rng = np.random.default_rng(8)
    positions, indices = soup(rng, 30)
    matrices = affine(rng, 50, 5.0)
    matrices[:, :3, 3] = np.round(matrices[:, :3, 3] * 1024) / 1024
    answers = []
    for place in ((0.0, 0.0, 0.0), (1e7, 2e6, -1e7)):
        store = Store()
        store.set_geometry(0, 1, positions.min(axis=0).astype(float), positions.max(axis=0).astype(float))
        store.set_material(0, 0, 0)
        group = int(store.add(0)[0])
        store.set_trs(group, position=place)
        ids = store.add(group, 50)
        store.set(ids, matrix=matrices)
        store.set_draws(ids, [0], [0])
        hierarchy = Bvh(positions, indices)
        origin = np.round(np.random.default_rng(1).normal(size=(400, 3)) * 1024 * 6) / 1024
        direction = np.random.default_rng(2).normal(size=(400, 3))
        caster = Caster(store, lambda index, found=hierarchy: found)
        answers.append(caster.cast_many(origin + place, direction, np.inf, ALL, False, FRONT | BACK))
    assert 50 < np.count_nonzero(answers[0]["id"]) < 400
    for name in ("distance", "uv", "normal", "id", "triangle", "front"):
        assert np.array_equal(answers[0][name], answers[1][name], equal_nan=True), name


def ball(rows):
    """A closed sphere of 2 rows^2 triangles."""
    theta, phi = np.meshgrid(np.linspace(0, 2 * np.pi, rows, endpoint=False), np.linspace(0, np.pi, rows)[1:-1])
    ring = np.stack([np.cos(theta) * np.sin(phi), np.cos(phi), np.sin(theta) * np.sin(phi)], axis=-1).reshape(-1, 3)
    positions = np.concatenate([ring, [[0, 1, 0], [0, -1, 0]]]).astype(np.float32)
    north, south, faces = len(ring), len(ring) + 1, []
    for i in range(rows - 2):
        for j in range(rows):
            a, b = i * rows + j, i * rows + (j + 1) % rows
            faces += [(a, b, a + rows), (b, b + rows, a + rows)] if i < rows - 3 else [(a, b, south)]
            if i == 0:
                faces.append((north, b, a))
    return positions, np.array(faces, np.uint32).reshape(-1)


@pytest.mark.parametrize("place", [0.0, 1e7])
def test_no_ray_leaks_through_the_edges_and_corners_of_a_closed_mesh(place):
    positions, indices = ball(24)
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1.0]])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn @ np.diag([3.0, 0.5, 2.0]), place
    store, ids, caster = placed(positions, indices, matrix[None])
    store.update()
    triangles = corners(store, ids, positions, indices, np.full(3, place))[0]
    edges = np.concatenate([triangles, 0.5 * (triangles + np.roll(triangles, 1, axis=1))]).reshape(-1, 3)
    weights = np.random.default_rng(0).dirichlet((1, 1, 1), size=len(triangles))
    target = np.concatenate([edges, np.einsum("ni,nij->nj", weights, triangles), 0.3 * triangles[:, 0] + 0.7 * triangles[:, 1]])
    for inside in ((0.0, 0.0, 0.0), (0.1, 0.02, -0.3)):
        origin = np.tile(np.array(inside) + place, (len(target), 1))
        hits = caster.cast_many(origin, target - np.array(inside), np.inf, ALL, False, FRONT | BACK)
        assert np.count_nonzero(hits["id"] == 0) == 0
        assert np.allclose(hits["point"] - place, target, atol=2e-6)
    assert len(target) > 5_000


def test_axis_aligned_rays_along_faces_and_edges_of_boxes_are_met():
    """A ray inside the plane of a box's side divides by zero: nothing is lost, and nothing beside it is met."""
    positions = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    _, _, caster = placed(positions, np.array([0, 1, 2, 0, 2, 3], np.uint32), np.eye(4)[None])
    for x, y in ((0, 0), (1, 0), (1, 1), (0, 1), (0.5, 0), (1, 0.5), (0.5, 0.5), (-0.0, 0.25)):
        for z in (1.0, -0.0):
            assert caster.cast((x, y, 5), (0.0, -0.0, -z or -1), np.inf, ALL, False, FRONT | BACK)[0] == 5
    for x, y in ((1.0000001, 0.5), (-1e-300, 0.5), (0.5, -1e-20)):
        assert caster.cast((x, y, 5), (0, 0, -1), np.inf, ALL, False, FRONT | BACK) is None
    assert caster.cast((-1, 0.5, 0), (1, 0, 0), np.inf, ALL, False, FRONT | BACK) is None  # in its own plane: no thickness


@pytest.mark.parametrize("mirror", [1.0, -1.0])
def test_sides_follow_the_material_and_mirrored_transforms(mirror):
    positions = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    matrix = np.diag([mirror, 1.0, 1.0, 1.0])
    one, two = (placed(positions, np.arange(3, dtype=np.uint32), matrix[None], key=key)[2] for key in (0, 1 << 21))
    x = 0.25 * mirror
    ahead, behind = ((x, 0.25, 2.0), (0, 0, -1.0)), ((x, 0.25, -2.0), (0, 0, 1.0))
    for caster, sides, seen in ((one, AS_DRAWN, (True, False)), (two, AS_DRAWN, (True, True)), (one, FRONT | BACK, (True, True)),
                                (two, FRONT, (True, False)), (two, BACK, (False, True))):
        found = [caster.cast(*ray, np.inf, ALL, False, sides) for ray in (ahead, behind)]
        assert tuple(hit is not None for hit in found) == seen
        for hit, front in zip(found, (1, 0), strict=True):
            assert hit is None or (hit[7] == front and hit[2] == (0, 0, 1))


def test_flattened_objects_without_an_inverse_are_met():
    rng = np.random.default_rng(4)
    positions, indices = soup(rng, 20)
    matrices = affine(rng, 8, 3.0)
    matrices[:, :3, :3] = matrices[:, :3, :3] @ np.diag([1.0, 1.0, 0.0])
    matrices[4:, :3, :3] = 0
    matrices[4:, 0, 0] = 1.0  # lines and points: no area, never met
    store, ids, caster = placed(positions, indices, matrices)
    store.update()
    origin, direction = aimed_rays(rng, corners(store, ids[:4], positions, indices, np.zeros(3)), 200)
    hits = caster.cast_many(origin, direction, np.inf, ALL, False, FRONT | BACK)
    reference = np.array([crossings(corners(store, ids[:4], positions, indices, np.zeros(3)), o, d / np.linalg.norm(d))[0].min()
                          for o, d in zip(origin, direction, strict=True)])
    assert np.count_nonzero(hits["id"]) > 60 and set(hits["id"]) <= {0, *ids[:4].tolist()}
    assert np.count_nonzero(~np.isclose(hits["distance"], reference, atol=1e-6)) <= 1


def test_layers_hidden_nodes_and_the_longest_distance():
    positions, indices = ball(6)
    matrices = np.tile(np.eye(4), (3, 1, 1))
    matrices[:, 2, 3] = (0, -5, -10)
    store, ids, caster = placed(positions, indices, matrices)

    def first(**changed):
        options = {"max_distance": np.inf, "layers": ALL, "hidden": False} | changed
        hit = caster.cast((0, 0, 5), (0, 0, -2), options["max_distance"], options["layers"], options["hidden"], FRONT)
        return None if hit is None else ids.tolist().index(hit[4])

    assert first() == 0
    store.set_visible(ids[:1], False)
    assert first() == 1 and first(hidden=True) == 0
    store.set_layers(ids[1:2], 2)
    assert first(layers=1) == 2 and first(layers=2) == 1 and first(layers=4) is None and first(hidden=True, layers=1) == 0
    assert first(max_distance=8.9) is None and first(max_distance=9.5) == 1
    store.remove(ids[1])
    assert first() == 2


def test_equally_near_surfaces_are_decided_by_the_lower_id():
    positions, indices = ball(8)
    store, ids, caster = placed(positions, indices, np.tile(np.eye(4), (200, 1, 1)))
    rng = np.random.default_rng(0)
    hits = caster.cast_many(np.zeros((100, 3)), rng.normal(size=(100, 3)), np.inf, ALL, False, BACK)
    assert set(hits["id"]) == {ids[0]}
    store.remove(ids[0])
    assert set(caster.cast_many(np.zeros((100, 3)), rng.normal(size=(100, 3)), np.inf, ALL, False, BACK)["id"]) == {ids[1]}


@pytest.mark.parametrize("kind", ["equal", "line", "huge", "exponential"])
def test_hostile_meshes_keep_the_hierarchy_shallow(kind):
    n = 20_000
    rng = np.random.default_rng(0)
    corner = {"equal": np.zeros((n, 1, 3)), "line": np.linspace(0, 1, n)[:, None, None] * np.array([1.0, 0, 0]),
              "huge": rng.uniform(-3e38, 3e38, size=(n, 1, 3)),
              "exponential": 2.0 ** -np.linspace(0, 120, n)[:, None, None] * np.ones(3)}[kind]
    positions = np.clip(corner + np.array([[0, 0, 0], [1e-3, 0, 0], [0, 1e-3, 0]]), -3.4e38, 3.4e38).astype(np.float32).reshape(-1, 3)
    hierarchy = Bvh(positions, np.arange(3 * n, dtype=np.uint32))
    assert hierarchy.triangle_count == n and n / 4 <= hierarchy.node_count < 2 * n
    assert hierarchy.depth <= 96
    store = Store()
    store.set_geometry(0, 1, (-1.0,) * 3, (1.0,) * 3)
    store.set_material(0, 0, 0)
    store.set_draws(store.add(0), [0], [0])
    hit = Caster(store, lambda index: hierarchy).cast((2e-4, 2e-4, 1), (0, 0, -1), np.inf, ALL, False, FRONT | BACK)
    assert (hit is not None) == (kind in ("equal", "line", "exponential"))
    if kind == "equal":
        assert hit[6] == 0  # 20,000 equal triangles: the first


def test_an_empty_store_and_empty_hierarchies_are_never_met():
    store = Store()
    caster = Caster(store, None)
    assert caster.cast((0, 0, 0), (0, 0, 1), np.inf, ALL, False, FRONT) is None
    assert len(caster.cast_many(np.zeros((0, 3)), np.zeros((0, 3)), np.inf, ALL, False, FRONT)) == 0
    empty = Bvh(np.zeros((1, 3), np.float32), np.zeros(0, np.uint32))
    assert empty.node_count == 0
    store.set_geometry(0, 1, (-1,) * 3, (1,) * 3)
    store.set_geometry(1, 1 | 1 << 16, (-1,) * 3, (1,) * 3)  # lines
    store.set_material(0, 0, 0)
    store.set_draws(store.add(0), [0, 1], [0, 0])
    assert Caster(store, lambda index: {0: empty}[index]).cast((0, 0, 5), (0, 0, -1), np.inf, ALL, False, FRONT) is None


def test_answers_do_not_depend_on_the_instruction_set():
    answers = []
    for level in levels():
        rng = np.random.default_rng(3)
        positions, indices = soup(rng, 12)
        _, _, caster = placed(positions, indices, affine(rng, 500, 20.0), level=level)
        hits = caster.cast_many(rng.normal(size=(500, 3)) * 20, rng.normal(size=(500, 3)), np.inf, ALL, False, FRONT | BACK)
        answers.append(hits.tobytes())
    assert all(other == answers[0] for other in answers)


@pytest.mark.parametrize("origin, direction, distance, message", [
    ((np.nan, 0, 0), (0, 0, 1), np.inf, "origin must be finite"),
    ((1e16, 0, 0), (0, 0, 1), np.inf, "within"),
    ((0, 0, 0), (0, 0, 0), np.inf, "direction must be finite and not zero"),
    ((0, 0, 0), (0, np.inf, 0), np.inf, "direction must be finite"),
    ((0, 0, 0), (0, np.nan, 1), np.inf, "direction must be finite"),
    ((0, 0, 0), (0, 1, 0), -1.0, "max_distance"),
    ((0, 0, 0), (0, 1, 0), np.nan, "max_distance"),
    ((0, 0), (0, 1, 0), 1.0, r"shape \(3,\)"),
    ("abc", (0, 1, 0), 1.0, "origin must"),
])
def test_hostile_rays_are_refused(origin, direction, distance, message):
    caster = Caster(Store(), None)
    with pytest.raises(InvalidInput, match=message):
        caster.cast(origin, direction, distance, ALL, False, FRONT)
    with pytest.raises(InvalidInput):
        caster.cast_many([origin], [direction], distance, ALL, False, FRONT)
    with pytest.raises(InvalidInput, match="layers"):
        caster.cast((0, 0, 0), (0, 0, 1), 1.0, -1, False, FRONT)


@pytest.mark.parametrize("direction", [(1e-300, 0, 0), (1e299, 1e299, 1e299), (5e-324, 5e-324, 0)])
def test_directions_of_any_length_are_normalised(direction):
    positions, indices = ball(8)
    _, _, caster = placed(positions, indices, np.eye(4)[None])
    assert 0.85 < caster.cast((0, 0, 0), direction, np.inf, ALL, False, BACK)[0] <= 1


@pytest.mark.parametrize("positions, indices, message", [
    (np.zeros((3, 3), np.float32), np.array([0, 1], np.uint32), "3 t"),
    (np.zeros((3, 2), np.float32), np.array([0, 1, 2], np.uint32), r"\(n, 3\)"),
    (np.zeros((3, 3), np.float32), np.array([0, 1, 3], np.uint32), "reach 3"),
])
def test_bad_hierarchies_are_refused(positions, indices, message):
    with pytest.raises(InvalidInput, match=message):
        Bvh(positions, indices)


def test_another_thread_inside_the_store_is_refused():
    positions, indices = soup(np.random.default_rng(0), 20_000)
    rng = np.random.default_rng(1)
    store, _, caster = placed(positions, indices, affine(rng, 200, 3.0))
    store.update()
    origin, direction = rng.normal(size=(2_000, 3)), rng.normal(size=(2_000, 3))
    casting = threading.Thread(target=caster.cast_many, args=(origin, direction, np.inf, ALL, False, FRONT))
    casting.start()
    with pytest.raises(WrongThreadError, match="another thread"):
        while casting.is_alive():
            store.bounds()
    casting.join()
    assert caster.cast((0, 0, 90), (0, 0, 1), np.inf, ALL, False, FRONT) is None  # and it works again
