"""What is found hidden is hidden, by rays in float64: cells claim no more than the triangles cover, boxes behind them are out of sight."""

import numpy as np
import pytest
from core_model import kept, levels, perspective, pose, rotation

import metarender as mr
from metarender import InvalidInput
from metarender._core import Store, View, cull

SIZE = (320, 240)


def two_sided_hits(origin, direction, triangles):
    """Nearness (1 / distance along the unit of `direction`) of the nearest front-facing hit of rays (n, 3), 0 for none."""
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    normal = np.cross(b - a, c - a)
    facing = np.einsum("tk,nk->nt", normal, direction)
    t = np.einsum("tk,tk->t", normal, a - origin) / np.where(facing < 0, facing, np.nan)
    point = origin + t[..., None] * direction[:, None]
    inside = np.ones(t.shape, bool)
    for p, q in ((a, b), (b, c), (c, a)):
        inside &= np.einsum("ntk,tk->nt", np.cross(q - p, point - p), normal) >= -1e-12
    return np.where(inside & (t > 0), 1 / t, 0).max(axis=1)


def scene_of(geometry, matrix, level=None):
    store = Store(level=level)
    store.set_geometry(0, 1, *geometry.bounds.astype(float))
    store.set_material(0, 0, 0)
    store.set_occluder(0, geometry.positions, geometry.indices)
    ids = store.add(0, 1)
    store.set(ids, matrix=matrix[None])
    store.set_draws(ids, [0], [0])
    store.update()
    return store, ids


def looking(store, camera, projection, size=SIZE):
    view = View(store)
    view.configure(camera, projection)
    view.set_detail(size, occlusion=True)
    cull([view])
    return view


SHAPES = {
    "box": mr.box(1.0), "plane": mr.plane(2.0), "sphere": mr.sphere(0.8, 16, 8), "torus": mr.torus(0.8, 0.3, 16, 8),
    "cylinder": mr.cylinder(0.5, 1.0, 12), "cone": mr.cone(0.7, 1.2, 9),
}


@pytest.mark.parametrize("place", [0.0, 6.4e6], ids=["origin", "earth"])
@pytest.mark.parametrize("name", SHAPES)
def test_cells_claim_no_more_than_the_triangles_cover(name, place):
    rng = np.random.default_rng(len(name))
    geometry, claimed, covered = SHAPES[name], 0, 0
    for number in range(25):
        matrix = np.eye(4)
        matrix[:3, :3] = rotation(rng, 1)[0] * rng.uniform(0.3, 3, 3)
        matrix[:3, 3] = place + rng.uniform(-1, 1, 3)
        if number % 5 == 4:
            matrix[:3, 0] *= -1  # mirrored
        eye = matrix[:3, 3] + rng.normal(size=3) * rng.uniform(0.5, 4)
        towards = matrix[:3, 3] - eye + rng.normal(size=3) * 0.3
        camera = mr.PerspectiveCamera().look_at((0, 0, 0), towards).matrix
        camera[:3, 3] = eye
        projection = perspective(rng.uniform(30, 100), SIZE[0] / SIZE[1], 0.1, rng.choice([np.inf, 50.0]))
        projection[0, 2], projection[1, 2] = rng.uniform(-0.2, 0.2, 2)
        store, ids = scene_of(geometry, matrix)
        cover = looking(store, camera, projection).cover
        if not cover.size:
            continue
        world = store.world_matrices(ids)[0]
        corner = geometry.positions[geometry.indices].reshape(-1, 3, 3).astype(float) @ world[:3, :3].T + (world[:3, 3] - eye)
        if np.linalg.det(world[:3, :3]) < 0:
            corner = corner[:, ::-1]
        rows, columns = np.nonzero(np.isfinite(cover))
        pick = rng.choice(len(rows), min(len(rows), 150), replace=False) if len(rows) else np.zeros(0, int)
        rows, columns = rows[pick], columns[pick]
        for shift in [(0, 0), (1, 0), (0, 1), (1, 1), (0.5, 0.5), tuple(rng.uniform(0, 1, 2))]:
            x = (columns + shift[0]) / cover.shape[1] * 2 - 1
            y = (rows + shift[1]) / cover.shape[0] * 2 - 1
            local = np.stack([(x + projection[0, 2]) / projection[0, 0], (y + projection[1, 2]) / projection[1, 1],
                              -np.ones(len(x))], axis=1)
            nearness = two_sided_hits(np.zeros(3), local @ camera[:3, :3].T, corner)
            assert (nearness >= cover[rows, columns]).all(), "a cell claims more than is there"
        claimed += len(rows)
        grid = np.stack(np.meshgrid(np.linspace(-0.98, 0.98, 40), np.linspace(-0.98, 0.98, 30)), axis=2).reshape(-1, 2)
        local = np.stack([(grid[:, 0] + projection[0, 2]) / projection[0, 0], (grid[:, 1] + projection[1, 2]) / projection[1, 1],
                          -np.ones(len(grid))], axis=1)
        covered += np.count_nonzero(two_sided_hits(np.zeros(3), local @ camera[:3, :3].T, corner)) / len(grid) - np.isfinite(cover).mean()
    assert claimed > 1000
    assert covered / 25 < 0.06, f"{covered / 25:.1%} of the picture is covered and not claimed: too careful to be of use"


def walls_and_parts(rng, n, level=None, place=0.0):
    """A few walls and many small boxes: store, ids, centres, half extents (axis-aligned)."""
    walls = 150
    size = rng.uniform(0.1, 0.6, size=(n, 3))
    thin = rng.integers(3, size=walls)
    size[:walls] = rng.uniform(4, 10, size=(walls, 3))
    size[np.arange(walls), thin] = 0.2
    position = place + rng.uniform(-20, 20, size=(n, 3))
    store = Store(level=level)
    box = mr.box(1.0)
    store.set_geometry(0, 1, (-0.5,) * 3, (0.5,) * 3)
    store.set_material(0, 0, 0)
    store.set_occluder(0, box.positions, box.indices)
    ids = store.add(0, n, leaf_range=True)
    matrix = np.zeros((n, 4, 4))
    matrix[:, [0, 1, 2], [0, 1, 2]], matrix[:, 3, 3], matrix[:, :3, 3] = size, 1, position
    store.set(ids, matrix=matrix)
    store.set_draws(ids, [0], [0])
    store.update()
    return store, position, size.astype(np.float32).astype(float) / 2


@pytest.mark.parametrize("place", [0.0, 1e7], ids=["origin", "far"])
def test_promise_2_no_ray_reaches_a_box_that_was_left_out(place):
    rng = np.random.default_rng(17)
    n, left_out, blocked = 4000, 0, 0
    store, position, half = walls_and_parts(rng, n, place=place)
    for number in range(20):
        eye = place + rng.uniform(-15, 15, 3)
        camera, projection = pose(eye, rotation(rng, 1)[0]), perspective(70, SIZE[0] / SIZE[1], 0.1)
        if number % 4 == 3:
            projection = np.diag([2 / 20.0, 2 / 15.0, 1 / 100.0, 1.0])
            projection[2, 3] = 1.0
        plain = View(store)
        plain.configure(camera, projection)
        cull([plain])
        view = looking(store, camera, projection)
        seen, drawn = kept(store, plain.visible, n)[1:], kept(store, view.visible, n)[1:]
        assert not (drawn & ~seen).any() and view.occluded == np.count_nonzero(seen & ~drawn)
        gone = np.flatnonzero(seen & ~drawn)
        left_out += len(gone)
        low, high = (position - half - eye)[drawn], (position + half - eye)[drawn]
        parallel = projection[3, 3] == 1
        forward = -camera[:3, 2]
        for k in gone:
            point = (position[k] - eye) + rng.uniform(-1, 1, size=(24, 3)) * half[k]
            local = point @ camera[:3, :3]
            clip = np.concatenate([local, np.ones((24, 1))], axis=1) @ projection.T
            point = point[(np.abs(clip[:, :2]) < clip[:, 3:]).all(axis=1) & (clip[:, 2] < clip[:, 3])]
            start = point - 300 * forward if parallel else np.zeros_like(point)
            along = np.broadcast_to(300 * forward, point.shape) if parallel else point
            with np.errstate(divide="ignore", invalid="ignore"):
                enter = (low - start[:, None]) / along[:, None]
                leave = (high - start[:, None]) / along[:, None]
            first, last = np.fmin(enter, leave).max(axis=2), np.fmax(enter, leave).min(axis=2)
            # The front face of some drawn box lies on the way, beyond the near plane and before the point.
            z = local[(np.abs(clip[:, :2]) < clip[:, 3:]).all(axis=1) & (clip[:, 2] < clip[:, 3]), 2]
            begin = (300 + z + 1e-9)[:, None] / 300 if parallel else 0.1 / -z[:, None]
            assert ((first < last) & (first < 1) & (first > (begin if not parallel else 0))).any(axis=1).all()
            blocked += len(point)
    assert left_out > 3000 and blocked > 50_000


@pytest.mark.parametrize("place", [0.0, 1e7], ids=["origin", "far"])
def test_promise_2_every_level_finds_the_same_hidden(place):
    found = []
    for level in levels():
        rng = np.random.default_rng(3)
        store, _, _ = walls_and_parts(rng, 4000, level, place)
        words = []
        for _ in range(10):
            view = looking(store, pose(place + rng.uniform(-15, 15, 3), rotation(rng, 1)[0]), perspective(70, SIZE[0] / SIZE[1], 0.1))
            words.append((view.visible.tobytes(), view.occluded, view.occluders, view.cover.tobytes()))
        assert sum(hidden for _, hidden, _, _ in words) > 1000
        found.append(words)
    assert all(other == found[0] for other in found)


def test_open_and_odd_meshes_claim_only_what_they_cover():
    """A plane with a hole, a butterfly edge of three triangles, a doubled triangle, and a degenerate one."""
    ring = np.array([[-3, -3, 0], [3, -3, 0], [3, 3, 0], [-3, 3, 0], [-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    around = np.array([[0, 1, 5], [0, 5, 4], [1, 2, 6], [1, 6, 5], [2, 3, 7], [2, 7, 6], [3, 0, 4], [3, 4, 7]], np.uint32)
    meshes = [around, np.concatenate([around, around[:1], [[0, 0, 1]]]), np.concatenate([around, [[0, 5, 6]]])]
    camera = pose(np.array([0.0, 0, 8]), np.eye(3))
    for number, mesh in enumerate(meshes):
        geometry = mr.Geometry(positions=ring, indices=mesh.astype(np.uint32).ravel())
        store, _ = scene_of(geometry, np.eye(4))
        cover = np.isfinite(looking(store, camera, perspective(60, SIZE[0] / SIZE[1], 0.1)).cover)
        middle = cover[cover.shape[0] // 2 - 4:cover.shape[0] // 2 + 4, cover.shape[1] // 2 - 4:cover.shape[1] // 2 + 4]
        assert cover.mean() > 0.15 and not middle.all() and (number == 2 or not middle.any())  # the third triangle hangs into the hole


def test_a_camera_that_touches_a_wall_is_not_blind():
    store, _ = scene_of(mr.box(1.0), np.diag([10.0, 10, 0.2, 1]))
    for distance in (0.0, 0.1, 0.15, 0.2, 0.21, 0.25, 0.4):
        view = looking(store, pose(np.array([0.0, 0, distance]), np.eye(3)), perspective(60, SIZE[0] / SIZE[1], 0.1))
        covered = view.cover.size and np.isfinite(view.cover).mean()
        assert covered == (0 if distance <= 0.2 else pytest.approx(1.0)), distance
        assert view.visible_count == 1


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (64, 48), (5000, 20), (20, 5000)])
def test_pictures_of_any_shape(size):
    rng = np.random.default_rng(1)
    store, _, _ = walls_and_parts(rng, 500)
    view = looking(store, pose(np.zeros(3), np.eye(3)), perspective(70, size[0] / size[1], 0.1), size)
    assert view.visible_count > 0


@pytest.mark.parametrize("positions, indices, message", [
    (np.zeros((3, 2)), [0, 1, 2], "positions"), (np.zeros((3, 3)), [0, 1], "triangles"), (np.zeros((3, 3)), [0, 1, 3], "below n"),
    (np.full((3, 3), np.nan), [0, 1, 2], "finite"), (np.zeros((3, 3)), np.zeros(3 * 1025, np.uint32), "1024 triangles"),
])
def test_bad_occluders_are_refused(positions, indices, message):
    with pytest.raises(InvalidInput, match=message):
        Store().set_occluder(0, positions, np.asarray(indices, np.uint32))
