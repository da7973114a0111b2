"""After ``Renderer.compile`` no frame of the scene compiles anything, whatever camera, output or part is asked for."""

import numpy as np
import pytest

import metarender as mr
from metarender.errors import ReleasedError

OUTPUTS = ("color", "depth", "ids")
CAMERAS = [mr.PerspectiveCamera(fov=fov).look_at(eye, (0, 0, 0)) for fov, eye in ((45, (2, 2, 4)), (20, (-3, 1, -2)), (100, (0, 4, 0.1)))]
CAMERAS.append(mr.OrthographicCamera().look_at((3, 3, 3), (0, 0, 0)))


def texture(srgb: bool, size: int = 8) -> mr.Texture:
    return mr.Texture(np.full((size, size, 4), 200, np.uint8), srgb=srgb)


def materials() -> list[mr.Material]:
    """Both shaders, every alpha mode and side, and textures in several slots."""
    kinds: list[mr.Material] = []
    for mode, double in (("opaque", False), ("mask", True), ("blend", False)):
        look = {"alpha_mode": mode, "double_sided": double}
        kinds += [mr.Unlit(color=(0.9, 0.4, 0.1, 0.6), **look), mr.Standard(color=(0.2, 0.4, 0.9, 0.6), **look),
                  mr.Unlit(color_texture=texture(True), **look),
                  mr.Standard(color_texture=texture(True), normal_texture=texture(False), occlusion_texture=texture(False, 16), **look)]
    return kinds


def everything() -> mr.Scene:
    """All materials over several layouts, lines, points, a mirrored node, one that is hidden, one of another layer, states and a sun."""
    scene = mr.Scene()
    scene.background = "environment"
    bare = mr.Geometry(positions=[[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    colored = mr.Geometry(positions=[[0, 0, 0], [1, 0, 0], [0, 1, 0]], normals=[[0, 0, 1]] * 3, colors=[[1, 0, 0]] * 3)
    shapes = [mr.box(0.4), bare, colored, mr.Geometry(positions=[[0, 0, 0], [1, 1, 0]], topology="lines"),
              mr.Geometry(positions=[[0, 0, 0]], topology="points")]
    place = iter(np.random.default_rng(7).uniform(-1.5, 1.5, (200, 3)))
    for number, material in enumerate(materials()):
        for shape in shapes[number % 3::3]:
            scene.add(mr.Mesh(shape, material), position=next(place))
    scene.add(mr.Mesh(mr.box(0.3), mr.Standard(color="red")), scale=(-1, 1, 1))
    scene.add(mr.DirectionalLight(direction=(-1, -2, -1)))
    return scene


def with_states(scene: mr.Scene) -> mr.Scene:
    ids = [node.id for node in scene.nodes if node.mesh is not None]
    scene.ghost(ids[:2])
    scene.set_state(ids[2:4], selected=True)
    scene.set_state(ids[4:6], highlighted=True)
    scene.set_state(ids[6:8], value=0.5)
    return scene


@pytest.mark.parametrize(("states", "occlusion"), ((False, False), (True, False), (False, "gpu")))
def test_no_frame_compiles_anything_and_the_pictures_are_the_same(device, states, occlusion):
    scene = with_states(everything()) if states else everything()
    with mr.Renderer(size=(64, 48), device=device, occlusion=occlusion) as renderer:
        assert renderer.compile(scene) > 15
        frames = [renderer.render(scene, camera, outputs) for camera in CAMERAS for outputs in ("color", "ids", OUTPUTS)]
        assert [frame.stats.programs_compiled for frame in frames] == [0] * len(frames)
        frame = renderer.render(scene, CAMERAS[0], OUTPUTS)
        found = frame.color.tobytes(), frame.ids.tobytes(), frame.depth.tobytes()
        assert renderer.compile(scene) == 0
        again = renderer.render(scene, CAMERAS[0], OUTPUTS)
        assert found == (again.color.tobytes(), again.ids.tobytes(), again.depth.tobytes()), "the shadow map is drawn anew"
    with mr.Renderer(size=(64, 48), device="software", occlusion=occlusion) as fresh:
        frame = fresh.render(scene, CAMERAS[0], OUTPUTS)
        assert frame.stats.programs_compiled > 10, "without compile() this is what a first frame does"
        assert found == (frame.color.tobytes(), frame.ids.tobytes(), frame.depth.tobytes())


def test_what_is_hidden_or_of_another_layer_is_compiled_too(renderer):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), mr.Unlit()))
    hidden = scene.add(mr.Mesh(mr.box(1), mr.Standard(color_texture=texture(True))))
    hidden.visible = False
    renderer.compile(scene)
    assert renderer.render(scene, CAMERAS[0], OUTPUTS).stats.programs_compiled == 0
    hidden.visible = True
    assert renderer.render(scene, CAMERAS[0], OUTPUTS).stats.programs_compiled == 0
    hidden.scale = (-1, 1, 1)  # another class: a mirrored one was not there
    assert renderer.render(scene, CAMERAS[0], OUTPUTS).stats.programs_compiled > 0


def test_states_to_come_are_compiled_on_request(device):
    found = {}
    for asked in (False, True):
        scene = everything()
        with mr.Renderer(size=(32, 32), device="software") as renderer:
            renderer.compile(scene, part_states=asked)
            before = renderer.render(scene, CAMERAS[0], OUTPUTS).stats.programs_compiled
            found[asked] = before, renderer.render(with_states(scene), CAMERAS[0], OUTPUTS).stats.programs_compiled
    assert found[True] == (0, 0) and found[False][0] == 0 and found[False][1] > 10


def test_nothing_of_the_warm_up_is_shown_and_an_empty_scene_compiles(renderer):
    scene = everything()
    frame = renderer.render(scene, CAMERAS[0])
    renderer.compile(scene)
    with pytest.raises(ReleasedError, match="no picture to show"):
        renderer.present()
    with pytest.raises(ReleasedError, match="drew again"):
        frame.color  # noqa: B018
    assert renderer.compile(mr.Scene()) <= 2
    assert renderer.render(mr.Scene()).stats.programs_compiled == 0


def test_a_camera_that_stands_is_not_taken_for_one_that_moves(renderer):
    scene = everything()
    renderer.cull_pixels = 2.0
    renderer.compile(scene)
    renderer.render(scene, CAMERAS[0])
    assert not renderer.refines


def test_the_store_names_one_draw_of_each_kind(renderer):
    scene = everything()
    scene.update()
    rows = scene.store.bucket_draws(np.ones(99, bool))
    assert len(np.unique(rows[:, :2], axis=0)) == len(rows) and (scene.store.slot_geometry[rows[:, 2]] == rows[:, 3]).all()
    for node in [node for node in scene.nodes if node.mesh is not None]:
        node.remove()
    scene.update()
    assert len(scene.store.bucket_draws(np.ones(99, bool))) == 0
    scene.add(mr.Mesh(mr.box(1), mr.Unlit()))
    with pytest.raises(mr.InvalidInput, match="update"):
        scene.store.bucket_draws(np.ones(99, bool))


@pytest.mark.parametrize("swapped", [False, True])
def test_a_geometry_without_indices_does_not_hide_the_others_of_its_kind(renderer, swapped):
    scene, material = mr.Scene(), mr.Unlit(color="red")
    empty = mr.Geometry(positions=np.zeros((3, 3)), indices=np.zeros(0, np.uint32))
    for shape in (mr.Geometry(positions=[[0, 0, 0], [1, 0, 0], [0, 1, 0]]), empty)[::1 if swapped else -1]:
        scene.add(mr.Mesh(shape, material))
    renderer.compile(scene)
    assert renderer.render(scene, CAMERAS[0], OUTPUTS).stats.programs_compiled == 0
