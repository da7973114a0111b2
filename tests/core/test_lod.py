"""Level of detail and small things: what a view leaves out or coarsens stays below its thresholds, measured in float64."""

import numpy as np
import pytest
from core_model import box_store, kept, levels, perspective, pose, rotation

import metarender as mr
from metarender import InvalidInput
from metarender._core import Store, View, cull, surface_distance

SIZE = (640, 360)


def corners(centre, half):
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    return centre[:, None] + signs * half[:, None]


def picture_size(points, camera, projection):
    """Edge of the square that holds the pictures of convex hulls (n, 8, 3) relative to the eye, pixels; inf where one reaches the eye."""
    local = points @ camera[:3, :3]
    clip = np.concatenate([local, np.ones((*local.shape[:2], 1))], axis=2) @ projection.T
    with np.errstate(divide="ignore", invalid="ignore"):
        picture = clip[..., :2] / clip[..., 3:] * 0.5 * SIZE
    size = np.ptp(picture, axis=1).max(axis=1)
    return np.where((clip[..., 3] > 0).all(axis=1), size, np.inf)


def scattered(rng, n, place=0.0, spread=200.0, level=None):
    position = place + rng.uniform(-spread, spread, size=(n, 3))
    size = 10.0 ** rng.uniform(-2, 0.7, size=(n, 3))
    linear = np.zeros((n, 3, 3), dtype=np.float32)
    linear[:, [0, 1, 2], [0, 1, 2]] = size
    store, _ = box_store(position, linear, level)
    store.update()
    return store, position, linear[:, [0, 1, 2], [0, 1, 2]].astype(np.float64) / 2


def projections(rng):
    wide = perspective(rng.uniform(20, 100), SIZE[0] / SIZE[1], 0.1, rng.choice([np.inf, 1000.0]))
    shifted = wide.copy()
    shifted[0, 2], shifted[1, 2] = rng.uniform(-0.5, 0.5, 2)
    parallel = np.diag([2 / 160.0, 2 / 90.0, 1 / 500.0, 1.0])
    parallel[2, 3] = 1.0
    return wide, shifted, parallel


@pytest.mark.parametrize("place", [0.0, 6.4e6], ids=["origin", "earth"])
def test_a_draw_is_left_out_only_when_its_picture_fits_into_the_square(place):
    rng = np.random.default_rng(5)
    store, position, half = scattered(rng, 20_000, place)
    left_out = kept_count = 0
    for _ in range(12):
        eye = place + rng.uniform(-150, 150, 3)
        camera, pixels = pose(eye, rotation(rng, 1)[0]), float(rng.uniform(0.5, 12))
        for projection in projections(rng):
            full, coarse = View(store), View(store)
            for view in (full, coarse):
                view.configure(camera, projection)
            coarse.set_detail(SIZE, cull_pixels=pixels)
            cull([full, coarse])
            seen, drawn = kept(store, full.visible, len(position))[1:], kept(store, coarse.visible, len(position))[1:]
            assert not (drawn & ~seen).any()
            size = picture_size(corners(position - eye, half), camera, projection)
            gone = seen & ~drawn
            assert (size[gone] < pixels).all(), f"a picture of {size[gone].max()} pixels was left out, the threshold is {pixels}"
            near = (position - eye) @ -camera[:3, 2] - half @ np.abs(camera[:3, 2]) - 0.01 if projection[3, 3] == 0 else 1.0
            rule = 2 * (np.linalg.norm(half, axis=1) + 0.01) * coarse.metric < 0.99 * pixels * near
            assert not (drawn & rule).any(), "a thing below the threshold is drawn"
            left_out, kept_count = left_out + int(gone.sum()), kept_count + int(drawn.sum())
    assert left_out > 10_000 and kept_count > 2_000


def test_views_are_exact_until_they_are_told_otherwise():
    store, _, _ = scattered(np.random.default_rng(2), 500)
    views = [View(store) for _ in range(3)]
    for view in views:
        view.configure(np.eye(4), perspective(60, 16 / 9, 0.1))
    views[1].set_detail(SIZE, cull_pixels=0.0, lod_pixels=0.0)
    views[2].set_detail(SIZE, cull_pixels=3.0)
    cull(views)
    assert views[0].visible.tobytes() == views[1].visible.tobytes() != views[2].visible.tobytes()
    views[2].set_detail(SIZE)
    cull([views[2]])
    assert views[2].visible.tobytes() == views[0].visible.tobytes()


@pytest.mark.parametrize("projection, camera", [
    (np.array([[1, 0.2, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0.1], [0, 0, -1, 0]]), np.eye(4)),   # skewed picture
    (perspective(60, 1, 0.1), np.diag([2.0, 1, 1, 1])),                                      # a pose that scales
])
def test_unusual_views_stay_exact(projection, camera):
    store, _, _ = scattered(np.random.default_rng(2), 500)
    full, coarse = View(store), View(store)
    for view in (full, coarse):
        view.configure(camera, projection)
    coarse.set_detail(SIZE, cull_pixels=50.0)
    cull([full, coarse])
    assert coarse.metric == 0 and full.visible.tobytes() == coarse.visible.tobytes()


@pytest.mark.parametrize("place", [0.0, 1e7], ids=["origin", "far"])
def test_promise_2_every_level_leaves_out_the_same_bits(place):
    words = []
    for level in levels():
        rng = np.random.default_rng(9)
        store, _, _ = scattered(rng, 30_000, place, 900.0, level)
        view = View(store)
        view.configure(pose(place + rng.uniform(-200, 200, 3), rotation(rng, 1)[0]), perspective(70, 16 / 9, 0.1))
        view.set_detail(SIZE, cull_pixels=4.0)
        cull([view])
        words.append(view.visible.tobytes())
        assert 0 < view.visible_count < 30_000
    assert all(other == words[0] for other in words)


def levelled(rng, n, spread=300.0, errors=(0.1, 0.4, 1.5)):
    """Boxes with three coarser levels: store, ids, world scale."""
    scale = 10.0 ** rng.uniform(-1, 0.5, n)
    linear = (rotation(rng, n) * scale[:, None, None]).astype(np.float32)
    store, ids = box_store(rng.uniform(-spread, spread, size=(n, 3)), linear)
    for k in range(len(errors)):
        store.set_geometry(1 + k, 1, (-0.5,) * 3, (0.5,) * 3)
    store.set_levels(0, [1, 2, 3][:len(errors)], errors)
    store.update()
    return store, ids, scale, np.array(errors)


def levels_of(store, view, n):
    """Level by id index 1 .. n, -1 for what is not visible."""
    bits = np.unpackbits(np.ascontiguousarray(view.visible).view(np.uint8), bitorder="little").astype(bool)
    out = np.full(n + 1, -1)
    out[store.slot_ids[bits] & 0xFFFFFF] = view.slot_levels[bits]
    return out[1:]


def test_levels_stray_less_than_the_threshold_and_are_as_coarse_as_it_allows():
    rng = np.random.default_rng(3)
    n = 20_000
    store, ids, scale, errors = levelled(rng, n)
    world = store.world_matrices(ids)
    half = np.abs(world[:, :3, :3]).sum(axis=2) / 2
    seen = np.zeros(4, int)
    for _ in range(10):
        eye = rng.uniform(-200, 200, 3)
        camera, projection = pose(eye, rotation(rng, 1)[0]), perspective(60, 16 / 9, 0.1)
        view = View(store)
        view.configure(camera, projection)
        view.set_detail(SIZE, lod_pixels=1.0)
        cull([view])
        level = levels_of(store, view, n)
        shown = level >= 0
        forward = -camera[:3, 2]
        z = (world[:, :3, 3] - eye) @ forward - half @ np.abs(forward)
        with np.errstate(divide="ignore"):
            pixels = np.where(z > 0, view.metric * scale / z, 1e30)[:, None] * np.concatenate([[0.0], errors])
        chosen = pixels[np.arange(n), np.maximum(level, 0)]
        assert (chosen[shown & (level > 0)] <= 1.0 * (1 + 1e-5)).all()
        finer = shown & (level < 3)
        next_pixels = pixels[np.arange(n), np.minimum(level + 1, 3)]
        # A far block decides by its nearest point and its largest scale; one by one the rule is 10 % below the threshold.
        assert np.median(next_pixels[finer]) > 1.0
        seen += np.bincount(level[shown], minlength=4)
    assert (seen > 200).all()


def test_a_level_comes_back_ten_percent_later_than_it_went():
    store, _ = box_store(np.array([[0.0, 0, 0]]))
    store.set_geometry(1, 1, (-0.5,) * 3, (0.5,) * 3)
    store.set_levels(0, [1], [0.1])
    store.update()
    view = View(store)
    projection = perspective(60, 16 / 9, 0.1)
    view.configure(np.eye(4), projection)
    view.set_detail(SIZE, lod_pixels=1.0)
    border = 0.1 * view.metric + 0.5  # eye to centre where the level strays exactly one pixel

    def level(distance):
        view.configure(pose(np.array([0.0, 0, distance]), np.eye(3)), projection)
        cull([view])
        return int(view.slot_levels[0])

    out = [level(border * share) for share in (0.9, 1.02, 1.08, 1.13)]
    back = [level(border * share) for share in (1.08, 1.02, 0.98)]
    assert out == [0, 0, 0, 1] and back == [1, 1, 0]


def test_runs_of_equal_level_are_one_command():
    n = 192
    store, _ = box_store(np.stack([np.arange(n) * 0.01, np.zeros(n), np.where(np.arange(n) < 64, -10.0, -2000.0)], axis=1))
    store.set_geometry(1, 1, (-0.5,) * 3, (0.5,) * 3)
    store.set_levels(0, [1], [0.1])
    store.update()
    view = View(store)
    view.configure(np.eye(4), perspective(60, 16 / 9, 0.1))
    view.set_detail(SIZE, lod_pixels=1.0)
    cull([view])
    table = np.array([[36, 0, 0], [12, 36, 24]], np.uint32)
    for sort in (False, True):
        found = view.draw_list(table, alpha=1, merge=False, sort=sort)
        assert found.instances == n and found.triangles == 64 * 12 + 128 * 4
        assert {tuple(row) for row in found.commands[:, [0, 2, 3]].tolist()} == {(36, 0, 0), (12, 36, 24)}
    assert len(view.draw_list(table, alpha=1, merge=False)) == 2
    view.set_detail(SIZE)
    cull([view])
    assert view.draw_list(table, alpha=1, merge=False).triangles == n * 12


def test_levels_follow_edits_of_the_scale():
    store, ids = box_store(np.array([[0.0, 0, -100]]))
    store.set_geometry(1, 1, (-0.5,) * 3, (0.5,) * 3)
    store.set_levels(0, [1], [0.01])
    store.update()
    view = View(store)
    view.configure(np.eye(4), perspective(60, 16 / 9, 0.1))
    view.set_detail(SIZE, lod_pixels=1.0)
    found = []
    for scale in (1.0, 100.0, 1.0):
        store.set(ids, scale=[[scale] * 3], rotation=[[0, 0, 0, 1]])
        store.update()
        cull([view])
        found.append(int(view.slot_levels[0]))
    assert found == [1, 0, 1]


@pytest.mark.parametrize("levels_, errors, message", [
    ([1] * 8, [0.1] * 8, "up to 7 levels"), ([1], [], "up to 7 levels"), ([9], [0.1], "not described"), ([1, 1], [0.2, 0.1], "rising"),
    ([1], [np.nan], "rising"), ([1], [-1.0], "rising"),
])
def test_bad_levels_are_refused(levels_, errors, message):
    store = Store()
    for index in range(2):
        store.set_geometry(index, 1, (-0.5,) * 3, (0.5,) * 3)
    with pytest.raises(InvalidInput, match=message):
        store.set_levels(0, levels_, errors)


@pytest.mark.parametrize("arguments, message", [
    (((0, 4),), "width and a height"), ((SIZE, -1.0), "cull_pixels"), ((SIZE, 0, np.nan), "lod_pixels"),
])
def test_bad_thresholds_are_refused(arguments, message):
    size, cull_pixels, lod_pixels = (*arguments, 0.0, 0.0)[:3]
    with pytest.raises(InvalidInput, match=message):
        View(Store()).set_detail(size, cull_pixels=cull_pixels, lod_pixels=lod_pixels)


# ---- geometries ----


def test_given_levels_are_kept_checked_and_registered_until_nothing_draws_them():
    fine, coarse = mr.sphere(1.0), mr.sphere(1.1, segments=8, rings=4)
    geometry = fine.with_levels([(coarse, 0.2)])
    assert fine.levels == () and geometry.levels == ((coarse, 0.2),) and geometry.positions is fine.positions
    scene = mr.Scene()
    node = scene.add(mr.Mesh(geometry, mr.Unlit()))
    scene.update()
    assert [g for g in scene.geometry_list if g is not None] == [geometry, coarse]
    assert scene.bounds[1, 1] == pytest.approx(1.1), "the culling box must hold every level"
    scene.settle()
    assert [g for g in scene.geometry_list if g is not None] == [geometry, coarse], "a level in use was collected"
    node.remove()
    for _ in range(2):
        scene.settle()
    assert not any(g is not None for g in scene.geometry_list)


def test_a_level_that_is_drawn_by_itself_outlives_its_owner():
    coarse = mr.sphere(1.0, segments=8, rings=4)
    scene = mr.Scene()
    owner = scene.add(mr.Mesh(mr.sphere(1.0).with_levels([(coarse, 0.2)]), mr.Unlit()))
    own = scene.add(mr.Mesh(coarse, mr.Unlit()))
    owner.remove()
    for _ in range(3):
        scene.settle()
    assert [g for g in scene.geometry_list if g is not None] == [coarse] and scene.store.draw_count == 1
    own.remove()
    scene.settle()
    assert not any(g is not None for g in scene.geometry_list)


@pytest.mark.parametrize("given, message", [
    ([(mr.Geometry(positions=np.eye(3)), 0.1)], "attributes and topology"), ([("box", 0.1)], "attributes and topology"),
    ([(mr.box(1), 0.2), (mr.box(1), 0.1)], "not below"), ([(mr.box(1), np.inf)], "finite"), ([(mr.box(1), 0.1)] * 8, "at most 7"),
])
def test_bad_level_geometries_are_refused(given, message):
    with pytest.raises(InvalidInput, match=message):
        mr.box(1).with_levels(given)


def test_made_levels_are_coarser_and_stray_no_more_than_they_say():
    pytest.importorskip("meshoptimizer")
    fine = mr.torus(1.0, 0.3, 48, 24)
    made = fine.with_levels(ratios=(0.5, 0.25, 0.1))
    counts = [level.index_count / fine.index_count for level, _ in made.levels]
    assert len(counts) == 3 and np.allclose(counts, (0.5, 0.25, 0.1), rtol=0.1)
    errors = [error for _, error in made.levels]
    assert 0 < errors[0] < errors[1] < errors[2] < 0.3
    rng = np.random.default_rng(0)
    for level, error in made.levels:
        assert level.geometry_key == fine.geometry_key
        corner = level.positions[level.indices].reshape(-1, 3, 3)
        weight = rng.dirichlet((1, 1, 1), len(corner))
        inside = np.einsum("tk,tkd->td", weight, corner)
        assert surface_distance(inside, fine.positions, fine.indices) <= error * 1.1


@pytest.mark.parametrize("ratios", [(), (1.0,), (0.5, 0.5), (0.5, 0.0), (-0.1,)])
def test_bad_ratios_are_refused(ratios):
    with pytest.raises(InvalidInput, match="must fall"):
        mr.sphere(1.0).with_levels(ratios=ratios)


def test_without_the_library_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "meshoptimizer", None)
    with pytest.raises(mr.MissingExtra, match=r"pip install 'metarender\[lod\]'"):
        mr.sphere(1.0).with_levels()


def test_surface_distance_agrees_with_dense_sampling():
    rng = np.random.default_rng(4)
    corner = rng.normal(size=(7, 3, 3)).astype(np.float32)
    points = (rng.normal(size=(40, 3)) * 2).astype(np.float32)
    u, v = np.meshgrid(np.linspace(0, 1, 200), np.linspace(0, 1, 200))
    u, v = u[u + v <= 1], v[u + v <= 1]
    dense = corner[:, 0, None] + u[:, None] * (corner[:, 1] - corner[:, 0])[:, None] + v[:, None] * (corner[:, 2] - corner[:, 0])[:, None]
    each = [np.linalg.norm(dense.reshape(-1, 3) - p, axis=1).min() for p in points.astype(float)]
    for point, expected in zip(points, each, strict=True):
        found = surface_distance(point[None], corner.reshape(-1, 3), np.arange(21))
        assert found <= expected * (1 + 1e-6) and found > expected - 0.03
    assert surface_distance(points, corner.reshape(-1, 3), np.arange(21)) == pytest.approx(max(each), abs=0.03)
    with pytest.raises(InvalidInput):
        surface_distance(points, corner.reshape(-1, 3), np.arange(24))


def test_levels_without_an_error_are_measured():
    fine, coarse = mr.sphere(1.0, 64, 32), mr.sphere(1.0, 8, 4)
    (level, error), (same, larger) = fine.with_levels([coarse, mr.sphere(1.0, 24, 12)]).levels
    assert level is coarse and 1 - np.cos(np.pi / 8) < error < 0.25
    assert same is not coarse and larger == error  # errors never fall
    with pytest.raises(mr.InvalidInput, match="measure"):
        mr.grid().with_levels([mr.grid()])


def test_the_measured_error_bounds_every_point_of_both_surfaces():
    random = np.random.default_rng(4)
    fine, coarse = mr.cylinder(0.5, 1.0, 40), mr.cylinder(0.5, 1.0, 6)
    ((_, error),) = fine.with_levels([coarse]).levels
    for a, b in ((fine, coarse), (coarse, fine)):
        corners = a.positions[a.indices].reshape(-1, 3, 3)
        weights = random.dirichlet((1, 1, 1), len(corners))
        points = np.einsum("nk,nkj->nj", weights, corners).astype(np.float32)
        assert surface_distance(points, b.positions, b.indices) <= error + 1e-6
