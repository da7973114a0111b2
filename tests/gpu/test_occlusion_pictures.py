"""Leaving out what others hide never changes a byte of a picture."""

import math

import numpy as np
import pytest

import metarender as mr

SIZE = (192, 144)


def wall(scene, low, high, material):
    low, high = np.array(low, float), np.array(high, float)
    return scene.add(mr.Mesh(mr.box(1.0), material), position=(low + high) / 2, scale=high - low)


def interior(origin=(0.0, 0.0, 0.0), rooms=4, parallel_walls=mr.box):
    """A grid of rooms of 6 m with doors in their walls, a floor, a ceiling, and machines of many parts in every room."""
    rng = np.random.default_rng(4)
    scene = mr.Scene()
    scene.background = "#000000"
    scene.add(mr.DirectionalLight(direction=(-1, -2, -0.5), shadow=False))
    white, grey = mr.Standard(color="#d0d0c8", roughness=0.9), mr.Standard(color="#707070")
    colors = [mr.Standard(color=tuple(rng.uniform(0.1, 0.9, 3))) for _ in range(6)]
    glass = mr.Standard(color=(0.5, 0.7, 1.0, 0.4), alpha_mode="blend")
    edge, group = 6.0 * rooms, scene.add(None, position=origin)
    box, cylinder, sphere = mr.box(1.0), mr.cylinder(0.3, 1.0), mr.sphere(0.2)

    def slab(low, high, material):
        low, high = np.array(low), np.array(high)
        scene.add(mr.Mesh(box, material), group, position=(low + high) / 2, scale=high - low)

    slab((0.0, -0.2, 0.0), (edge, 0.0, edge), grey)
    slab((0.0, 3.0, 0.0), (edge, 3.2, edge), grey)
    for i in range(rooms + 1):
        for j in range(rooms):
            at, start = 6.0 * i, 6.0 * j
            door = start + rng.uniform(1, 4)
            for a, b in ((start, door), (door + 1, start + 6)):
                slab((at - 0.1, 0.0, a), (at + 0.1, 3.0, b), white)
                slab((a, 0.0, at - 0.1), (b, 3.0, at + 0.1), white)
            for low, high in (((at - 0.1, 2.1, door), (at + 0.1, 3.0, door + 1)), ((door, 2.1, at - 0.1), (door + 1, 3.0, at + 0.1))):
                slab(low, high, white)
    for i in range(rooms):
        for j in range(rooms):
            machine = scene.add(None, group, position=(6 * i + 3, 0, 6 * j + 3), rotation=(0, math.sin(i + j), 0, math.cos(i + j)))
            for _ in range(12):
                geometry = [box, cylinder, sphere][rng.integers(3)]
                scene.add(mr.Mesh(geometry, colors[rng.integers(6)]), machine, position=rng.uniform((-1.5, 0.2, -1.5), (1.5, 2, 1.5)),
                          scale=rng.uniform(0.2, 1.0, 3))
            scene.add(mr.Mesh(mr.plane(1.0), glass), machine, position=(0, 1.5, 1.8), rotation=(math.sqrt(0.5), 0, 0, math.sqrt(0.5)))
    return scene, edge


def cameras(edge, count, origin=(0.0, 0.0, 0.0), seed=12):
    rng = np.random.default_rng(seed)
    for number in range(count):
        eye = rng.uniform((0.3, 0.3, 0.3), (edge - 0.3, 2.7, edge - 0.3))
        towards = rng.normal(size=3) * (1, 0.3, 1)
        if number % 10 == 9:
            camera = mr.OrthographicCamera(height=float(rng.uniform(3, 20)), near=0.1, far=60.0)
        else:
            camera = mr.PerspectiveCamera(fov=float(rng.uniform(25, 100)), near=0.05, far=float(rng.choice([math.inf, 100.0])))
        camera.look_at(eye, eye + towards)
        camera.position = eye + origin
        yield camera


@pytest.mark.slow
@pytest.mark.parametrize("msaa", [1, 4])
@pytest.mark.parametrize("origin", [(0.0, 0.0, 0.0), (1e7, 2e6, -1e7)], ids=["origin", "far"])
def test_promise_200_cameras_in_an_interior_give_the_same_bytes(device, origin, msaa):
    scene, edge = interior(origin)
    hidden = seen = 0
    with mr.Renderer(SIZE, msaa=msaa, device=device) as renderer:
        for camera in cameras(edge, 200, origin):
            renderer.occlusion = False
            full = renderer.render(scene, camera, outputs=("color", "ids", "depth"))
            pictures = full.color, full.ids, full.depth
            renderer.occlusion = True
            short = renderer.render(scene, camera, outputs=("color", "ids", "depth"))
            assert all(np.array_equal(a, b) for a, b in zip(pictures, (short.color, short.ids, short.depth), strict=True))
            assert short.stats.visible + short.stats.occluded == full.stats.visible
            hidden, seen = hidden + short.stats.occluded, seen + full.stats.visible
    assert hidden > 0.4 * seen, f"only {hidden} of {seen} draws were found hidden"


def test_what_is_not_solid_hides_nothing(device):
    for material in (mr.Unlit(color=(1, 1, 1, 0.5), alpha_mode="blend"), mr.Unlit(alpha_mode="mask")):
        scene = mr.Scene()
        scene.add(mr.Mesh(mr.box(1.0), material), scale=(10, 10, 0.1))
        scene.add(mr.Mesh(mr.box(1.0), mr.Unlit(color="red")), position=(0, 0, -3))
        camera = mr.PerspectiveCamera().look_at((0, 0, 5), (0, 0, 0))
        with mr.Renderer(SIZE, occlusion=True, device=device) as renderer:
            assert renderer.render(scene, camera).stats.occluded == 0


@pytest.mark.parametrize("double_sided, behind, occluded", [(False, False, 1), (True, False, 1), (False, True, 0)])
def test_back_faces_hide_nothing(device, double_sided, behind, occluded):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.plane(10.0), mr.Unlit(double_sided=double_sided)), rotation=(math.sqrt(0.5), 0, 0, math.sqrt(0.5)))
    scene.add(mr.Mesh(mr.box(1.0), mr.Unlit(color="red")), position=(0, 0, 3 if behind else -3))
    camera = mr.PerspectiveCamera().look_at((0, 0, -5 if behind else 5), (0, 0, 0))
    with mr.Renderer(SIZE, occlusion=True, device=device) as renderer:
        assert renderer.render(scene, camera).stats.occluded == occluded


def test_hidden_nodes_hide_nothing_and_edits_are_seen_at_once(device):
    scene = mr.Scene()
    screen = scene.add(mr.Mesh(mr.box(1.0), mr.Unlit()), scale=(10, 10, 0.1))
    scene.add(mr.Mesh(mr.sphere(0.5), mr.Unlit(color="red")), position=(0, 0, -3))
    camera = mr.PerspectiveCamera().look_at((0, 0, 5), (0, 0, 0))
    with mr.Renderer(SIZE, occlusion=True, device=device) as renderer:
        counts = [renderer.render(scene, camera).stats.occluded]
        screen.visible = False
        counts.append(renderer.render(scene, camera).stats.occluded)
        screen.visible = True
        counts.append(renderer.render(scene, camera).stats.occluded)
        screen.scale = (-10, 10, 0.1)
        counts.append(renderer.render(scene, camera).stats.occluded)
        renderer.occlusion = False
        counts.append(renderer.render(scene, camera).stats.occluded)
    assert counts == [1, 0, 1, 1, 0]


def test_shadows_of_hidden_objects_stay(device):
    def scene_of():
        scene = mr.Scene()
        scene.add(mr.DirectionalLight(direction=(0, -1, 1)))
        scene.add(mr.Mesh(mr.box(1.0), mr.Standard()), position=(0, -0.05, 0), scale=(30, 0.1, 30))
        scene.add(mr.Mesh(mr.box(1.0), mr.Standard()), position=(0, 1.5, 0), scale=(6, 3, 0.1))
        scene.add(mr.Mesh(mr.box(1.0), mr.Standard()), position=(0, 6, -8), scale=(3, 1, 1))
        scene.add(mr.Mesh(mr.box(1.0), mr.Standard()), position=(0, 1.0, -1), scale=(1, 1, 1))
        return scene

    camera = mr.PerspectiveCamera().look_at((0, 1, 8), (0, 1, 0))
    with mr.Renderer(SIZE, device=device) as renderer:
        scene = scene_of()
        full = renderer.render(scene, camera).color
        renderer.occlusion = True
        frame = renderer.render(scene, camera)
        assert frame.stats.occluded >= 1 and np.array_equal(frame.color, full)


def test_it_is_off_by_default_and_only_a_switch(device):
    with mr.Renderer(SIZE, device=device) as renderer:
        assert renderer.occlusion is False
        with pytest.raises(mr.InvalidInput, match="occlusion"):
            renderer.occlusion = 1


@pytest.mark.slow
def test_promise_every_model_of_the_test_set_gives_the_same_bytes(device, local_assets):
    """Each glTF file, drawn three times in a row behind itself, from twelve sides."""
    drawn = hidden = 0
    files = sorted(path for path in local_assets.rglob("*") if path.suffix in (".glb", ".gltf"))
    with mr.Renderer(SIZE, device=device) as renderer:
        for path in files:
            try:
                model = mr.load(path)
            except mr.AssetError:
                continue  # some are there to be refused
            if model.bounds is None:
                continue
            scene, size = mr.Scene(), float(np.ptp(model.bounds, axis=0).max()) or 1.0
            for step in range(3):
                scene.add(model, position=(0, 0, -1.1 * size * step))
            for number in range(12):
                camera = mr.PerspectiveCamera()
                camera.orbit(number / 6 * math.pi, 1.3, 1.0)
                camera.frame(scene.bounds, SIZE[0] / SIZE[1])
                pictures = []
                for renderer.occlusion in (False, "gpu", "gpu", "cpu"):
                    frame = renderer.render(scene, camera)
                    pictures.append(frame.color)
                hidden += frame.stats.occluded
                assert all(np.array_equal(picture, pictures[0]) for picture in pictures), path.name
            drawn += 1
    assert drawn > 15 and hidden > 20
