"""What a capture holds: a scene that is read back gives equal bytes, is described by equal bytes, and lacks nothing that shows."""

import json
import zipfile

import numpy as np
import pytest
from capture_scenes import OUTPUTS, SIZE, everything, random_scene
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import metarender as mr
from metarender.captures.fields import Fields
from metarender.captures.opening import PASSES
from metarender.captures.view import camera_values, read_camera
from metarender.errors import AssetError, InvalidInput
from metarender.passes.base import Pass

LOOK = {"size": SIZE, "msaa": 2, "tone_mapping": "aces", "exposure": 1.3, "backdrop": (0.1, 0.2, 0.3, 1.0)}


def drawn(scene, camera, device, **look):
    """All outputs of a settled scene, drawn by a renderer of its own."""
    scene.settle()
    with mr.Renderer(device=device, **{**LOOK, **look}) as renderer:
        frame = renderer.render(scene, camera, OUTPUTS)
        return [getattr(frame, output).tobytes() for output in OUTPUTS]


def redrawn(opened, device):
    with opened.renderer(device) as renderer:
        frame = renderer.render(opened.scene, opened.camera, OUTPUTS)
        return [getattr(frame, output).tobytes() for output in OUTPUTS]


def recaptured(opened, device, path):
    with opened.renderer(device) as renderer:
        mr.capture(opened.scene, opened.camera, path, renderer=renderer, outputs=opened.outputs)
    return path.read_bytes()


@pytest.fixture
def rich(device, tmp_path):
    """The scene with everything, its camera, and where it was captured."""
    scene, camera = everything()
    with mr.Renderer(device=device, cull_pixels=0.7, lod_pixels=2.0, **LOOK) as renderer:
        mr.capture(scene, camera, tmp_path / "rich.mrz", renderer=renderer, outputs=OUTPUTS)
    return scene, camera, tmp_path / "rich.mrz"


def test_a_posed_scene_is_captured_as_it_stands(device, tmp_path):
    """Half-way in a clip that moves, colours, hides and lights: the pose is in the capture, its clips are not."""
    scene, camera = everything()
    steel, parts = mr.Standard(color="teal"), scene.add_instances(mr.box(0.3), mr.Standard(), count=3)
    node, lamp = scene.add(mr.Mesh(mr.box(0.5), steel)), scene.add(mr.PointLight(intensity=1.0), position=(0, 2, 1))
    turned = [[0, 0, 0, 1], [0, 1, 0, 0]]
    scene.play(mr.Clip("all", [
        mr.Track(node, "rotation", [0, 1], turned), mr.Track(node, "scale", [0, 1], [[1, 1, 1], [2, 1, 1]]),
        mr.Track(parts, "position", [0, 1], np.arange(18.0).reshape(2, 3, 3) / 9), mr.Track(parts[0], "visible", [0, 1], [1, 0]),
        mr.Track(parts, "color", [0, 1], [[0, 0, 0, 0], [255, 0, 0, 255]]), mr.Track(steel, "roughness", [0, 1], [0, 1]),
        mr.Track(lamp.light, "intensity", [0, 1], [0, 9])]), loop="once")
    scene.at(0.5)
    with mr.Renderer(device=device, **LOOK) as renderer:
        mr.capture(scene, camera, tmp_path / "posed.mrz", renderer=renderer, outputs=OUTPUTS)
    assert mr.replay(tmp_path / "posed.mrz", device=device).equal
    opened = mr.open_capture(tmp_path / "posed.mrz")
    assert drawn(scene, camera, device) == redrawn(opened, device) and not len(opened.scene.clips)
    assert np.allclose(opened.scene.node(node.id).matrix, node.matrix)


def test_a_capture_of_everything_is_drawn_again_to_the_same_bytes(rich, device):
    scene, camera, path = rich
    done = mr.replay(path, device=device)
    assert done.equal and done.same_rasteriser and done.ok, str(done)
    assert drawn(scene, camera, device, cull_pixels=0.7, lod_pixels=2.0) == redrawn(mr.open_capture(path), device)
    assert str(done).count("the same bytes") == 3 and "OTHER" not in str(done) and "counter" not in str(done)
    assert done.frame.color.tobytes() == done.capture.pictures["color"].tobytes()
    assert len(np.unique(done.frame.color.reshape(-1, 4), axis=0)) > 500


def test_a_capture_of_what_was_captured_is_the_same_file(rich, device, tmp_path):
    assert recaptured(mr.open_capture(rich[2]), device, tmp_path / "again.mrz") == rich[2].read_bytes()


def test_ids_names_parts_and_cameras_come_back(rich):
    scene, opened = rich[0], mr.open_capture(rich[2])
    twin = opened.scene
    assert [node.id for node in twin.nodes] == [node.id for node in scene.nodes] and any(node.id >> 24 for node in scene.nodes)
    assert [node.layers for node in twin.nodes] == [node.layers for node in scene.nodes] and any(node.layers == 2 for node in scene.nodes)
    assert twin.names == scene.names and twin.find("part 3").id == scene.find("part 3").id
    assert [(parts.name, parts.ids.tolist()) for parts in twin.parts] == [(parts.name, parts.ids.tolist()) for parts in scene.parts]
    assert (twin.parts[0].state == scene.parts[0].state).all() and (twin.parts[0].visible == scene.parts[0].visible).all()
    assert [(node.id, type(node.camera), node.camera.height) for node in twin.cameras] == [
        (node.id, mr.OrthographicCamera, 3.0) for node in scene.cameras]
    lamps = [node.light for node in twin.lights if node.light.name == "lamp"]
    assert len(lamps) == 2 and lamps[0] is lamps[1]
    ball, rough = next((g, g.levels[0][0]) for g in twin.geometry_list if g is not None and g.levels)
    assert np.shares_memory(ball.positions, rough.positions) and ball.levels[0][1] == 0.3
    assert opened.settings | {"backdrop": LOOK["backdrop"]} == {**LOOK, "cull_pixels": 0.7, "lod_pixels": 2.0, "occlusion": False}


@given(st.integers(0, 2**32 - 1))
def test_cameras_come_back_to_the_bit(seed):
    rng = np.random.default_rng(seed)
    camera = mr.PerspectiveCamera(rng.uniform(1, 179), rng.uniform(1e-4, 1), aspect=None if seed % 2 else 1.5, name="eye \ud800")
    camera.look_at(rng.normal(size=3) * 10.0 ** (seed % 8), rng.normal(size=3))
    twin = read_camera(Fields(json.loads(json.dumps(camera_values(camera))), ""))
    assert twin.matrix.tobytes() == camera.matrix.tobytes() and twin.name == "eye ?"
    assert (twin.fov, twin.near, twin.far, twin.aspect) == (camera.fov, camera.near, camera.far, camera.aspect)


def without(*names):
    """Zeroes state rows."""
    def change(opened):
        for parts in opened.scene.parts:
            with parts.edit("state") as rows:
                for name in names:
                    rows[name] = 0
    return change


def change_material(name, value):
    def change(opened):
        for material in opened.scene.material_list:
            if getattr(material, name, None) is not None:
                setattr(material, name, value)
    return change


LOSSES = {
    "colour of parts": without("color"), "flags of parts": without("flags"), "values of parts": without("value"),
    "what is hidden": lambda opened: opened.scene.show_all(),
    "the colormap": lambda opened: setattr(opened.scene, "colormap", mr.Colormap.heat()),
    "the environment": lambda opened: setattr(opened.scene, "environment", None),
    "its turn": lambda opened: setattr(opened.scene.environment, "rotation", 0.0),
    "the background": lambda opened: setattr(opened.scene, "background", "transparent"),
    "lights": lambda opened: [setattr(node, "light", None) for node in opened.scene.lights],
    "the range of a light": lambda opened: [setattr(node.light, "range", 50.0) for node in opened.scene.lights],
    "shadows": lambda opened: [setattr(node.light, "shadow", False) for node in opened.scene.lights],
    "normal maps": change_material("normal_texture", None), "colour maps": change_material("color_texture", None),
    "roughness": change_material("roughness", 0.5), "emission": change_material("emissive", "black"),
    "the cut of masks": change_material("alpha_cutoff", 0.9), "backs": change_material("double_sided", False),
    "a node": lambda opened: opened.scene.find("thing 2").remove(),
    "the far node": lambda opened: opened.scene.find("by a far anchor").remove(),
    "the camera": lambda opened: setattr(opened.camera, "fov", 51.0),
    "exposure": lambda opened: opened.look.settings.update(exposure=1.0), "samples": lambda opened: opened.look.settings.update(msaa=1),
    "tone mapping": lambda opened: opened.look.settings.update(tone_mapping="neutral"),
    "levels": lambda opened: opened.look.settings.update(lod_pixels=0.0),
    "small things": lambda opened: opened.look.settings.update(cull_pixels=20.0),
}


def test_everything_in_the_scene_of_everything_can_be_seen(rich, device):
    """The tests above would notice the loss of each of these."""
    sound, unseen = redrawn(mr.open_capture(rich[2]), device), []
    for name, lose in LOSSES.items():
        opened = mr.open_capture(rich[2])
        lose(opened)
        if redrawn(opened, device) == sound:
            unseen.append(name)
    assert unseen == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1000), st.integers(0, 1000)), min_size=5, max_size=40))
def test_random_scenes_are_drawn_again_to_the_same_bytes(device, tmp_path, edits):
    scene, camera = random_scene(edits)
    with mr.Renderer(SIZE, msaa=1, device=device) as renderer:
        mr.capture(scene, camera, tmp_path / "a.mrz", renderer=renderer, outputs=OUTPUTS)
        frame = renderer.render(scene, camera, OUTPUTS)
        pictures = [getattr(frame, output).tobytes() for output in OUTPUTS]
    opened = mr.open_capture(tmp_path / "a.mrz")
    assert redrawn(opened, device) == pictures
    assert opened.scene.subtree().tolist() == scene.subtree().tolist()
    assert recaptured(opened, device, tmp_path / "b.mrz") == (tmp_path / "a.mrz").read_bytes()


def test_equal_scenes_give_equal_files_whatever_was_edited_before(device, tmp_path):
    def make(history):
        scene, (box, ball), (red, blue) = mr.Scene(), (mr.box(1), mr.sphere(0.5)), (mr.Standard(color="red"), mr.Standard(color="blue"))
        nodes = [scene.add(mr.Mesh(box, red), position=(k, 0, 0)) for k in range(3)]
        if history:  # the tables of the scene learn the two in another order, slots are moved about
            nodes[0].mesh = mr.Mesh(ball, blue)
            nodes[2].mesh = mr.Mesh(box, red)
            nodes[0].parent = nodes[1]
            scene.update()
            nodes[0].parent = None
            for node in nodes[1:]:  # nodes[0] has become the last child
                node.parent = nodes[0]
                node.parent = None
        nodes[0].mesh, nodes[1].mesh = mr.Mesh(ball, blue), mr.Mesh(box, blue)
        return scene

    camera, files = mr.PerspectiveCamera().look_at((1, 2, 5), (1, 0, 0)), []
    with mr.Renderer(SIZE, device=device) as renderer:
        for history in (False, True):
            mr.capture(make(history), camera, tmp_path / "a.mrz", renderer=renderer)
            files.append((tmp_path / "a.mrz").read_bytes())
    assert files[0] == files[1]
    assert {member.date_time for member in zipfile.ZipFile(tmp_path / "a.mrz").infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_figure_that_was_bound_once_is_captured_as_one_that_never_was(device, tmp_path):
    files, camera = [], mr.PerspectiveCamera().look_at((1, 2, 5), (1, 0, 0))
    box = mr.box(1)
    joints = np.zeros((box.vertex_count, 4), np.uint16)
    flesh = mr.Geometry(positions=box.positions, indices=box.indices, joints=joints, weights=np.eye(4)[joints[:, 0]])
    for bound in (False, True):
        scene = mr.Scene()
        node, joint = scene.add(mr.Mesh(flesh, mr.Standard())), scene.add(None)
        if bound:
            scene.bind(node, mr.Skin(np.eye(4)[None]), [joint])
            scene.bind(node, None)
        with mr.Renderer(SIZE, device=device) as renderer:
            mr.capture(scene, camera, tmp_path / "a.mrz", renderer=renderer)
        files.append((tmp_path / "a.mrz").read_bytes())
    assert files[0] == files[1]


def test_without_a_renderer_and_without_a_camera(tmp_path, device):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), mr.Standard(color="red")))
    frame = mr.capture(scene, None, str(tmp_path / "a.mrz"), size=(40, 30), exposure=2.0, device=device)
    assert frame.color.shape == (30, 40, 4) and len(np.unique(frame.color.reshape(-1, 4), axis=0)) > 3
    opened = mr.open_capture(tmp_path / "a.mrz")
    assert opened.outputs == ("color",) and opened.settings["exposure"] == 2.0 and opened.settled_alike
    assert (opened.pictures["color"] == frame.color).all() and opened.rasteriser == device.rasteriser_key and opened.software


def test_an_empty_scene_and_a_camera_at_a_node(tmp_path, device):
    scene = mr.Scene()
    mr.capture(scene, None, tmp_path / "a.mrz", size=SIZE, device=device, outputs=OUTPUTS)
    assert mr.replay(tmp_path / "a.mrz", device=device).equal
    eye = scene.add(mr.OrthographicCamera(2.0, far=50.0, aspect=1.5), position=(0, 0, 1e7), rotation=(0, 0.1, 0, 1))
    scene.add(mr.Mesh(mr.box(1), mr.Standard()), position=(0, 0, 1e7 - 5))
    mr.capture(scene, eye, tmp_path / "a.mrz", size=SIZE, device=device)
    opened = mr.open_capture(tmp_path / "a.mrz")
    assert mr.replay(tmp_path / "a.mrz", device=device).equal and (opened.camera.matrix == eye.world_matrix)[:3, 3].all()
    assert isinstance(opened.camera, mr.OrthographicCamera) and (opened.camera.far, opened.camera.aspect) == (50.0, 1.5)


def test_a_frame_that_depends_on_what_was_drawn_before_it_is_named(tmp_path, device):
    """While the camera moves, small things are left out; the capture is drawn as by one that stands."""
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(0.3), mr.Unlit(color="red")))
    with mr.Renderer(SIZE, cull_pixels=8.0, device=device) as renderer:
        renderer.render(scene, mr.PerspectiveCamera().look_at((0, 0, 3), (0, 0, 0))).color.any()
        mr.capture(scene, mr.PerspectiveCamera().look_at((0, 0.1, 3), (0, 0, 0)), tmp_path / "a.mrz", renderer=renderer)
    done = mr.replay(tmp_path / "a.mrz", device=device)
    assert done.equal and not done.capture.settled_alike and "before the capture settled" in str(done)


def test_the_scene_of_a_capture_is_one_like_any_other(rich, device):
    opened = mr.open_capture(rich[2])
    scene, before = opened.scene, redrawn(opened, device)
    scene.find("thing 0").remove()
    fresh = scene.add(mr.Mesh(mr.box(0.5), mr.Unlit(color="white")), position=(0, 0, 1))
    with scene.parts[0].edit("position") as position:
        position[:] += (0, 0.3, 0)
    scene.material_list[0].color = "black"
    assert fresh.id not in {node.id for node in rich[0].nodes} and redrawn(opened, device) != before
    scene.parts[0].remove()
    assert scene.find("part 1") is None


class Glass(mr.Standard):
    """A material of an application."""


class Lamp(mr.PointLight):
    """A light of an application."""


class Lens(mr.PerspectiveCamera):
    """A camera of an application."""


class Grain(Pass):
    """A pass of an application."""

    name = "grain"

    def execute(self, frame):
        """Draws nothing."""


class Flat(Grain):
    """A pass of an application under a name of ours."""

    name = "opaque"


def test_promise_6_what_a_capture_cannot_hold_is_named_and_nothing_is_written(device, tmp_path):
    scene, camera, path = mr.Scene(), mr.PerspectiveCamera().look_at((0, 0, 3), (0, 0, 0)), tmp_path / "a.mrz"
    with mr.Renderer(SIZE, device=device) as renderer:
        def refused(words, error=InvalidInput, scene=scene, camera=camera, path=path, renderer=renderer, **more):
            with pytest.raises(error, match=words):
                mr.capture(scene, camera, path, renderer=renderer, **more)
            assert list(tmp_path.iterdir()) == []

        node = scene.add(mr.Mesh(mr.box(1), Glass()))
        refused("Standard, Unlit, Heat, not Glass")
        node.mesh, node.light = None, Lamp()
        refused("not Lamp")
        node.light, node.camera = None, Lens()
        refused("not Lens")
        node.camera = None
        refused("not Lens", camera=Lens())
        refused("needs a Scene, not int", scene=3)
        refused("path of a file", path=3)
        refused("either a renderer or settings such as msaa=", msaa=4)
        refused("outputs", outputs=("colour",))
        refused("camera must be", camera=3)
        for nowhere in (tmp_path / "no" / "folder.mrz", "", "a\0b", "/"):
            refused("a folder that exists", path=nowhere)
        refused("cannot be written", AssetError, path=tmp_path)
        ours = list(renderer.passes)
        renderer.passes = [*ours, Grain()]
        refused("the pass 'grain'")
        renderer.passes = [*ours, ours[2]]
        refused("each pass once")
        renderer.passes = [Flat() if step.name == "opaque" else step for step in ours]
        refused("the pass 'opaque' of class Flat")
        renderer.passes = ours
        mr.capture(scene, camera, path, renderer=renderer)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mrz"]


def test_fewer_passes_come_back(rich, device, tmp_path):
    scene, camera, _ = rich
    with mr.Renderer(SIZE, device=device) as renderer:
        assert tuple(step.name for step in renderer.passes) == PASSES
        renderer.passes = [step for step in renderer.passes if step.name != "outline"]
        mr.capture(scene, camera, tmp_path / "a.mrz", renderer=renderer)
    assert "outline" not in mr.open_capture(tmp_path / "a.mrz").look.passes and mr.replay(tmp_path / "a.mrz", device=device).equal


def test_arrays_are_read_by_numpy_without_pickles(rich):
    with zipfile.ZipFile(rich[2]) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            if name.endswith(".npy"):
                with archive.open(name) as stream:
                    np.load(stream, allow_pickle=False)
