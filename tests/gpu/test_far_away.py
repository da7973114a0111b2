"""Far from the origin is like at the origin, and culling never changes a picture."""

import numpy as np
import pytest

import metarender as mr


def assembly(origin: tuple[float, float, float]) -> tuple[mr.Scene, mr.Camera]:
    scene = mr.Scene()
    scene.add(mr.DirectionalLight(direction=(-1, -2, -0.5)))
    group = scene.add(None, position=origin)
    scene.add(mr.Mesh(mr.plane(12), mr.Standard(color="#c0c0c0", roughness=0.8)), group, position=(0, -0.5, 0))
    rng = np.random.default_rng(3)
    for _ in range(40):
        arm = scene.add(mr.Mesh(mr.box(0.5), mr.Standard(color=tuple(rng.uniform(0.1, 0.9, 3)))), group,
                        position=np.round(rng.uniform(-4, 4, 3) * 1024) / 1024 * (1, 0.3, 1), rotation=(0, 0.6, 0, 0.8))
        scene.add(mr.Mesh(mr.sphere(0.25), mr.Standard(metallic=1, roughness=0.2)), arm, position=(0.25, 0.5, 0.125))
    camera = mr.PerspectiveCamera().look_at(np.array([5.0, 4.0, 7.0]), (0, 0, 0))
    camera.position = np.array([5.0, 4.0, 7.0]) + origin
    return scene, camera


def test_promise_4_a_group_far_away_gives_the_same_bytes(device):
    with mr.Renderer(size=(240, 180), device=device) as renderer:
        near, far = (renderer.render(*assembly(origin)).color for origin in ((0, 0, 0), (1e7, 2e6, -1e7)))
    assert np.ptp(near[..., :3]) > 100
    assert np.array_equal(near, far)


def test_promise_4_the_sun_casts_a_shadow_in_that_picture(device):
    scene, camera = assembly((0, 0, 0))
    with mr.Renderer(size=(240, 180), device=device) as renderer:
        lit = renderer.render(scene, camera).color.astype(int)
        scene.lights[0].light.shadow = False
        unshadowed = renderer.render(scene, camera).color.astype(int)
    assert (np.abs(lit - unshadowed).max(axis=2) > 30).sum() > 500


def test_promise_4_the_suns_view_has_the_same_bits_far_away():
    """World bounds carry other rounding far away; what is computed from them must not."""
    from metarender.views import plan_camera, plan_sun

    rng, far = np.random.default_rng(17), np.array([1e7, 2e6, -1e7])
    for _ in range(300):
        size = 10 ** rng.uniform(0, 3)
        bounds = np.sort(rng.uniform(-size, size, (2, 3)), axis=0)
        eye = np.round(rng.uniform(-size, size, 3) * 1024) / 1024
        direction = rng.normal(size=3)
        plans = []
        for origin in (np.zeros(3), far):
            camera = mr.PerspectiveCamera().look_at(eye, eye + (1.0, -0.5, -2.0))
            camera.position = eye + origin
            plan = plan_camera(camera, 1.5, origin[None])
            plans.append(plan_sun(camera, plan, 1.5, bounds + origin, direction / np.linalg.norm(direction), 4096))
        near, away = plans
        assert near.texel == away.texel and near.depth_bias == away.depth_bias
        assert np.array_equal(near.eye_to_map, away.eye_to_map)
        assert np.array_equal(near.view.pose[:3, 3], away.view.pose[:3, 3] - far)


@pytest.mark.slow
def test_promise_2_pictures_with_and_without_culling_are_the_same_bytes(device, monkeypatch):
    """200 random cameras; "without" is a view whose planes cut nothing."""
    from metarender import renderer as module

    scene, _ = assembly((0, 0, 0))
    rng = np.random.default_rng(11)
    cameras = []
    for _ in range(200):
        eye = rng.uniform(-6, 6, 3)
        cameras.append(mr.PerspectiveCamera(fov=float(rng.uniform(15, 100))).look_at(eye, eye + rng.normal(size=3)))
    with mr.Renderer(size=(64, 48), msaa=1, device=device) as renderer:
        culled = [renderer.render(scene, camera) for camera in cameras[:1]]
        frames = []
        for camera in cameras:
            frame = renderer.render(scene, camera)
            frames.append((frame.color, frame.stats.instances))
        monkeypatch.setattr(module, "cull", keep_everything(module.cull))
        kept = [(frame := renderer.render(scene, camera), frame.color)[1] for camera in cameras]
        assert renderer.render(scene, cameras[0]).stats.visible == scene.store.draw_count
    assert culled
    assert any(instances < 160 for _, instances in frames), "nothing was ever culled"
    assert all(np.array_equal(a, b) for (a, _), b in zip(frames, kept, strict=True))


def keep_everything(cull):
    """Cull with planes that cut nothing, then draw with the real matrices, which the constants hold."""
    wide = np.diag([1e-9, 1e-9, 0.0, 0.0])
    wide[2, 3] = wide[3, 3] = 1.0

    def cull_nothing(views):
        for view in views:
            pose = np.eye(4)
            view.configure(pose, wide)
        cull(views)

    return cull_nothing
