"""The sun's shadow: where it falls, masks in it, and when its map is drawn anew."""

import numpy as np
import pytest

import metarender as mr


def yard(**plate) -> tuple[mr.Scene, mr.Camera, mr.Node]:
    """A floor seen from above, a square plate over it, and the sun straight overhead."""
    scene = mr.Scene()
    scene.environment = None
    scene.add(mr.Mesh(mr.plane(8), mr.Standard(color="white", roughness=1.0)))
    node = scene.add(mr.Mesh(mr.plane(2), mr.Standard(**plate)), position=(1.0, 2.0, 0))
    scene.add(mr.DirectionalLight(direction=(-0.5, -1, 0)))  # the shadow of a plate at x = 1, y = 2 lies around x = 0
    camera = mr.OrthographicCamera(height=8, near=0, far=20).look_at((0, 10, 0), (0, 0, 0), up=(0, 0, -1))
    return scene, camera, node


def brightness(frame: mr.Frame, x: float, z: float) -> float:
    """Mean of the pixels around a place of the floor, 16 pixels a metre."""
    column, row = round(64 + 16 * x), round(64 + 16 * z)
    return float(frame.color[row - 2:row + 3, column - 2:column + 3, :3].mean())


def test_a_plate_throws_its_shadow_where_geometry_says(renderer):
    scene, camera, _ = yard()
    frame = renderer.render(scene, camera)
    assert brightness(frame, -0.6, 0) < 10 and brightness(frame, -0.6, 0.7) < 10
    assert brightness(frame, -1.4, 0) > 150 and brightness(frame, -0.6, 1.4) > 150


def test_shadow_edges_lie_within_two_texels(renderer):
    scene, camera, _ = yard()
    row = renderer.render(scene, camera).color[64, :, 0].astype(int)
    edge = np.nonzero(row[:60] < 100)[0][0]
    assert edge == pytest.approx(64 - 16 * 1.0, abs=1)


def test_nothing_is_in_its_own_shadow(renderer):
    """A sphere and a slanted box: the lit side is as bright with the shadow as without."""
    scene = mr.Scene()
    scene.environment = None
    scene.add(mr.Mesh(mr.sphere(1), mr.Standard(color="white", roughness=1.0)))
    scene.add(mr.Mesh(mr.box(1), mr.Standard(color="white", roughness=1.0)), position=(1.8, 0, 0), rotation=(0.2, 0.3, 0.1, 0.9))
    sun = scene.add(mr.DirectionalLight(direction=(-0.3, -1, -0.6)))
    camera = mr.PerspectiveCamera().look_at((2, 3, 5), (0.8, 0, 0))
    shadowed = renderer.render(scene, camera).color[..., 0].astype(int)
    sun.light.shadow = False
    open_sky = renderer.render(scene, camera).color[..., 0].astype(int)
    lit = open_sky > 120
    assert lit.sum() > 500
    assert (np.abs(shadowed - open_sky)[lit] > 12).mean() < 0.06  # where the one stands in the shadow of the other


def test_masked_materials_cast_masked_shadows(renderer):
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[:, 0] = 255  # the left half is solid
    texture = mr.Texture(pixels, srgb=True, sampler=mr.Sampler(mag="nearest", min="nearest"))
    scene, camera, _ = yard(color_texture=texture, alpha_mode="mask")
    frame = renderer.render(scene, camera)
    assert brightness(frame, -0.5, 0) < 10 and brightness(frame, 0.0 + 0.3, 1.3) > 150
    assert brightness(frame, 0.4, 0) > 150 or brightness(frame, 0.6, 0) > 150


def test_blended_and_hidden_things_cast_none(renderer):
    scene, camera, node = yard(color=(1.0, 1.0, 1.0, 0.1), alpha_mode="blend")
    assert brightness(renderer.render(scene, camera), -0.6, 0) > 150
    scene, camera, node = yard()
    node.visible = False
    assert brightness(renderer.render(scene, camera), -0.6, 0) > 150


def test_the_map_is_drawn_anew_only_after_a_change(renderer):
    scene, camera, node = yard()
    assert "shadow" in renderer.render(scene, camera).stats.passes
    camera.position = camera.position + (0.5, 0, 0)
    assert "shadow" not in renderer.render(scene, camera).stats.passes
    node.position = (3.0, 2.0, 0)
    moved = renderer.render(scene, camera)
    assert "shadow" in moved.stats.passes and brightness(moved, -1.1, 0) > 150
    other, other_camera, _ = yard()
    renderer.render(other, other_camera)
    assert "shadow" in renderer.render(scene, camera).stats.passes


def test_a_moving_camera_does_not_make_the_shadow_crawl(renderer):
    """The map is snapped to whole texels of a size that does not change with small steps."""
    from metarender.views import plan_camera, plan_sun

    anchors, bounds = np.zeros((1, 3)), np.array([[-400.0, 0, -400], [400, 30, 400]])
    direction, camera = np.array([-1.0, -2, -0.5]), mr.PerspectiveCamera()
    steps = []
    for number in range(20):
        camera.look_at((number * 0.013, 5, number * 0.007), (100, 0, 20))
        steps.append(plan_sun(camera, plan_camera(camera, 1.5, anchors), 1.5, bounds, direction / np.linalg.norm(direction), 2048))
    assert len({step.texel for step in steps}) == 1
    axes = steps[0].view.pose[:3, :3]
    places = np.array([axes.T @ step.view.pose[:3, 3] for step in steps])[:, :2] / steps[0].texel
    assert np.abs(places - np.round(places)).max() < 0.01


@pytest.mark.parametrize(("direction", "eye", "target", "depth"), (((-1, -0.35, 0), (0, 30, 0), (-300, 0, 0), 0),
                                                                   ((-0.1, -1, 0), (0, 30, 30), (0, -60, 0), -2500)))
def test_what_lies_deeper_than_the_map_reaches_is_lit(renderer, direction, eye, target, depth):
    """A floor of kilometres, seen along a low sun and from far above: nothing stands between it and the sun."""
    scene = mr.Scene()
    scene.environment = None
    scene.add(mr.Mesh(mr.plane(6000), mr.Standard(roughness=1.0)), position=(0, depth, 0))
    scene.add(mr.Mesh(mr.box(1), mr.Standard()), position=(0, -20, 400))  # keeps the scene deep, out of view
    sun = scene.add(mr.DirectionalLight(direction=direction))
    camera = mr.PerspectiveCamera(fov=60).look_at(eye, target)
    shadowed = renderer.render(scene, camera).color.astype(int)
    sun.light.shadow = False
    lit = renderer.render(scene, camera).color
    assert (lit[..., 0] > 50).sum() > 2000
    assert (np.abs(shadowed - lit).max(axis=2) > 12).sum() == 0


def hills(cells: int) -> mr.Geometry:
    """Waves of 0.8 m over 40 m with that many cells along each edge."""
    step = np.linspace(-20, 20, cells + 1)
    x, z = np.meshgrid(step, step)
    slope = np.stack([-0.4 * np.cos(x / 2) * np.cos(z / 2), np.ones_like(x), 0.4 * np.sin(x / 2) * np.sin(z / 2)], axis=2).reshape(-1, 3)
    first = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    corners = np.stack([first, first + cells + 1, first + cells + 2, first, first + cells + 2, first + 1], axis=1)
    return mr.Geometry(positions=np.stack([x, 0.8 * np.sin(x / 2) * np.cos(z / 2), z], axis=2).reshape(-1, 3),
                       normals=slope / np.linalg.norm(slope, axis=1, keepdims=True), indices=corners.ravel())


def ball(segments: int) -> tuple[mr.Geometry, float]:
    """A sphere of radius 1 m, and how far the middles of its facets lie inside."""
    return mr.sphere(1.0, segments, segments // 2), 1.001 - np.cos(np.pi / segments) ** 2


@pytest.mark.parametrize("lod_pixels", [1.0, 4.0])
@pytest.mark.parametrize("distance", [150, 400])
@pytest.mark.parametrize("wide", [False, True])
def test_coarser_levels_are_not_in_the_shadow_of_finer_ones(device, lod_pixels, distance, wide):
    """Hills and spheres seen from afar: what the full picture lights stays lit, shadows stay where they were."""
    scene = mr.Scene()
    scene.environment = None
    scene.add(mr.Mesh(hills(160).with_levels([(hills(40), 0.04), (hills(20), 0.15)]), mr.Standard(roughness=1.0)))
    balls = ball(64)[0].with_levels([ball(n) for n in (32, 16, 10)])
    for place in np.indices((7, 7)).reshape(2, -1).T * 5.0 - 15.0:
        scene.add(mr.Mesh(balls, mr.Standard(roughness=1.0)), position=(place[0], 1.8, place[1]))
    sun = scene.add(mr.DirectionalLight(direction=(-0.5, -1, -0.3)))
    camera = mr.PerspectiveCamera(fov=40 if wide else float(np.degrees(2 * np.arctan(22 / distance))), near=1)
    camera.look_at(np.array([0.5, 0.5, 0.7]) * distance, (0, 0, 0))
    dark, triangles = [], []
    for pixels in (0.0, lod_pixels):
        with mr.Renderer((320, 240), device=device, lod_pixels=pixels) as renderer:
            sun.light.shadow = True
            frame = renderer.render(scene, camera)
            shadowed = frame.color[..., 0].astype(int)
            sun.light.shadow = False
            dark.append(renderer.render(scene, camera).color[..., 0].astype(int) - shadowed > 12)
            triangles.append(frame.stats.triangles)
    assert triangles[1] < triangles[0] / 3, "no level was drawn"
    reach = int(np.ceil(lod_pixels)) + 1
    around = np.lib.stride_tricks.sliding_window_view(np.pad(dark[0], reach), (2 * reach + 1,) * 2).any(axis=(2, 3))
    assert dark[0].sum() > 200
    assert not (dark[1] & ~around).any()


def test_finer_levels_are_not_in_the_shadow_of_coarser_ones(renderer):
    """A close look at hills under a map of coarse texels: the picture has fine levels, the map coarse ones."""
    scene = mr.Scene()
    scene.environment = None
    scene.add(mr.Mesh(hills(160).with_levels([(hills(20), 0.15)]), mr.Standard(roughness=1.0)))
    scene.add(mr.Mesh(mr.box(1), mr.Standard()), position=(0, -400, 0))  # makes the texels coarse
    sun = scene.add(mr.DirectionalLight(direction=(-0.3, -1, -0.3)))
    camera = mr.PerspectiveCamera(fov=2).look_at((3, 6, 2), (-3, 0.2, 0))
    renderer.lod_pixels = 8.0
    frame = renderer.render(scene, camera)
    shadowed = frame.color.astype(int)
    sun.light.shadow = False
    lit = renderer.render(scene, camera).color
    assert 2 * 160**2 + 2 * 20**2 <= frame.stats.triangles < 4 * 160**2, "the map and the picture have the same level"
    assert not (np.abs(shadowed - lit) > 12).any()


def test_casters_smaller_than_the_threshold_leave_the_map(device):
    scene, camera, _ = yard()
    matrices = np.tile(np.eye(4), (100, 1, 1))
    matrices[:, :3, 3] = np.indices((10, 1, 10)).reshape(3, -1).T * 0.3 + (-3, 1, -3)
    scene.add_instances(mr.box(0.004), mr.Standard(), matrices=matrices)
    drawn = {}
    for pixels in (0.0, 8.0):
        with mr.Renderer((64, 64), device=device, cull_pixels=pixels) as renderer:
            drawn[pixels] = renderer.render(scene, camera).stats.instances
    assert drawn[0.0] == 2 * 102 and drawn[8.0] == 2 * 2  # in the picture and in the map


def test_shadows_reach_as_far_as_the_light_says(renderer):
    """Poles on a plain of kilometres: without a distance the far one has no shadow, with one it has."""
    scene = mr.Scene()
    scene.environment = None
    scene.add(mr.Mesh(mr.plane(4000), mr.Standard(roughness=1.0)))
    scene.add(mr.Mesh(mr.box((8, 40, 8)), mr.Standard(roughness=1.0)), position=(0, 20, -400))
    sun = scene.add(mr.DirectionalLight(direction=(-1, -1, 0)))
    camera = mr.PerspectiveCamera(fov=30).look_at((0, 100, 0), (0, 0, -400))
    far = renderer.render(scene, camera).color.astype(int)
    sun.light.shadow_distance = 600.0
    reached = renderer.render(scene, camera).color.astype(int)
    assert ((far - reached).max(axis=2) > 60).sum() > 20
    with pytest.raises(mr.InvalidInput, match="shadow_distance"):
        sun.light.shadow_distance = 0
