"""Pictures with small things left out and coarser levels differ from the full picture only where the thresholds say."""

import numpy as np
import pytest

import metarender as mr
from metarender.renderer import MOVING
from metarender.targets.offscreen import OffscreenTarget

SIZE = (160, 120)


def spread_out(mesh, count=150, seed=6):
    """Things of many sizes around the origin; positions (n, 3), radii (n,)."""
    rng = np.random.default_rng(seed)
    scene = mr.Scene()
    scene.background = "#203040"
    position, scale = rng.uniform(-30, 30, size=(count, 3)), 10.0 ** rng.uniform(-1.5, 0.5, count)
    for place, size, color in zip(position, scale, rng.uniform(0.2, 1, (count, 3)), strict=True):
        scene.add(mr.Mesh(mesh, mr.Unlit(color=tuple(color))), position=place, scale=float(size))
    return scene, position, scale


def random_cameras(count, seed=8):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        eye = rng.uniform(-40, 40, 3)
        yield mr.PerspectiveCamera(fov=float(rng.uniform(30, 90)), near=0.05).look_at(eye, eye + rng.normal(size=3))


def rectangles(camera, position, half):
    """Pixel rectangles (n, 4) x0 y0 x1 y1, top row first, of boxes in front of the eye; nan for others."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    points = position[:, None] + signs * half[:, None, None] - camera.position
    local = np.concatenate([points @ camera.matrix[:3, :3], np.ones((*points.shape[:2], 1))], axis=2)
    clip = local @ camera.projection(SIZE[0] / SIZE[1]).T
    front = (clip[..., 3] > 1e-6).all(axis=1)
    picture = np.where(front[:, None, None], clip[..., :2] / np.where(clip[..., 3:] > 1e-6, clip[..., 3:], 1), np.nan)
    pixel = (picture * (0.5, -0.5) + 0.5) * SIZE
    return np.concatenate([pixel.min(axis=1), pixel.max(axis=1)], axis=1)


@pytest.mark.slow
def test_promise_500_cameras_differ_only_inside_things_below_the_threshold(device):
    scene, position, scale = spread_out(mr.box(1.0))
    differing = 0
    with mr.Renderer(SIZE, msaa=1, device=device) as full, mr.Renderer(SIZE, msaa=1, cull_pixels=3.0, device=device) as coarse:
        for camera in random_cameras(500):
            exact, first, still = full.render(scene, camera).color, coarse.render(scene, camera).color, coarse.render(scene, camera).color
            box = rectangles(camera, position, scale / 2)
            size = np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])
            for picture, pixels in ((first, 3.0 * MOVING), (still, 3.0)):
                wrong = np.argwhere((picture != exact).any(axis=2))[:, ::-1] + 0.5
                low, high = (box[size < pixels][:, part] for part in (slice(0, 2), slice(2, 4)))
                inside = ((wrong[:, None] >= low - 0.51) & (wrong[:, None] <= high + 0.51)).all(axis=2).any(axis=1)
                assert inside.all(), f"{np.count_nonzero(~inside)} pixels differ outside things of less than {pixels} pixels"
                differing += len(wrong)
    assert differing > 1000, "nothing was ever left out"


@pytest.mark.slow
def test_promise_500_cameras_see_outlines_of_levels_move_by_less_than_the_threshold(device):
    fine, coarse = mr.sphere(0.5, 64, 32), mr.sphere(0.5, 16, 8)
    error = 0.5 * (1 - np.cos(np.pi / 16) ** 2) + 0.001  # the middle of a facet of the coarse sphere lies that far inside
    scene, _, _ = spread_out(fine.with_levels([(coarse, error)]))
    pixels, changed, levels = 2.0, 0, 0
    reach = int(np.ceil(pixels)) + 1
    with mr.Renderer(SIZE, msaa=1, device=device) as full, mr.Renderer(SIZE, msaa=1, lod_pixels=pixels, device=device) as renderer:
        for camera in random_cameras(500):
            exact, drawn = full.render(scene, camera, outputs=("ids",)), renderer.render(scene, camera, outputs=("ids",))
            levels += drawn.stats.triangles < exact.stats.triangles
            wrong = exact.ids != drawn.ids
            changed += np.count_nonzero(wrong)
            # Wherever a pixel has another owner, an outline of the full picture passes within the threshold: none moved farther.
            for y, x in np.argwhere(wrong):
                window = exact.ids[max(y - reach, 0):y + reach + 1, max(x - reach, 0):x + reach + 1]
                assert np.ptp(window) > 0 or min(x, y, SIZE[0] - 1 - x, SIZE[1] - 1 - y) < reach
    assert levels > 300 and changed > 100, "no level was ever drawn"


def test_both_are_off_by_default_and_zero_is_exact(device):
    scene, _, _ = spread_out(mr.sphere(0.5).with_levels([(mr.sphere(0.5, 8, 4), 0.05)]))
    plain, _, _ = spread_out(mr.sphere(0.5))
    camera = next(random_cameras(1))
    with mr.Renderer(SIZE, msaa=1, device=device) as renderer:
        assert renderer.cull_pixels == renderer.lod_pixels == 0.0
        picture, bare = renderer.render(scene, camera), renderer.render(plain, camera)
        assert picture.stats.triangles == bare.stats.triangles
        assert np.array_equal(bare.color, renderer.render(scene, camera).color)


def test_the_threshold_is_larger_while_the_camera_moves_and_refined_when_it_stops(device):
    scene, _, _ = spread_out(mr.box(1.0))
    here, there = random_cameras(2)
    with mr.Renderer(SIZE, msaa=1, cull_pixels=2.0, device=device) as renderer:
        first = renderer.render(scene, there).stats.visible
        assert not renderer.refines, "the first frame is not a move"
        renderer.render(scene, here)
        moved = renderer.render(scene, there).stats.visible
        assert renderer.refines and moved < first
        assert renderer.render(scene, there).stats.visible == first and not renderer.refines
        renderer.cull_pixels = 0.0
        assert renderer.render(scene, there).stats.visible > first


def test_a_viewer_draws_once_more_when_the_camera_stops():
    scene, _, _ = spread_out(mr.box(1.0))
    target = OffscreenTarget(SIZE, "software")
    with mr.Viewer(scene, next(random_cameras(1)), SIZE, cull_pixels=2.0, target=target) as viewer:
        frames = []
        for step in range(7):
            if step in (2, 3):
                viewer.camera.position = viewer.camera.position + 0.5
            viewer.step()
            frames.append(viewer.frame)
    drawn = [a is not b for a, b in zip([None, *frames], frames, strict=False)]
    assert drawn == [True, False, True, True, True, False, False]


@pytest.mark.parametrize("setting", ["cull_pixels", "lod_pixels"])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf, "2", True])
def test_bad_thresholds_are_refused(device, setting, value):
    with pytest.raises(mr.InvalidInput, match=setting):
        mr.Renderer(SIZE, device=device, **{setting: value})
