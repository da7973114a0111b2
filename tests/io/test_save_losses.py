"""Nothing of a scene is lost in silence: what a save does not keep, its warning names."""

import gc
import json
import re

import numpy as np
import pytest
from gltf_files import GltfFile
from test_save_gltf import check_twice, check_valid, document, load, pictures, save

import metarender as mr
from metarender.drawn import drawn
from metarender.geometry import Geometry
from metarender.io import AssetWarning
from metarender.io.gltf_rows import Rows

PIXELS = np.full((4, 4, 4), 200, np.uint8)
UNDER = "textures and colours of vertices below the colours of parts"


def saved(scene, folder, name="a.glb"):
    """What the warning says, and the scene that is loaded again."""
    said = save(scene, folder / name)
    return said, load(folder / name)


# ---- what a scene holds ----


def looks_kept(scene, folder):
    scene.background, scene.environment = (0.25, 0.5, 0.75, 0.5), mr.Environment.studio(intensity=0.1 + 0.2, rotation=-1.5)
    said, again = saved(scene, folder)
    assert said == "" and again.background == again.background_color == (0.25, 0.5, 0.75, 0.5)
    assert (again.environment.intensity, again.environment.rotation) == (0.1 + 0.2, -1.5)
    assert again.environment.maps is scene.environment.maps
    scene.background, scene.environment = "environment", None
    said, again = saved(scene, folder)
    assert said == "" and again.background == "environment" and again.environment is None


def foreign_light_is_told(scene, folder):
    scene.environment = mr.Environment(np.ones((4, 8, 3), np.float32), name="hall.hdr")
    assert "the environment 'hall.hdr'" in save(scene, folder / "a.glb")


def colormap_is_told(scene, folder):
    scene.colormap = mr.Colormap.heat(0, 2)
    assert "the colormap" in save(scene, folder / "a.glb")


def legends_are_told(scene, folder):
    scene.legends = [mr.Legend(mr.Colormap.viridis(0, 1))]
    assert "legends" in save(scene, folder / "a.glb")


def clips_are_kept(scene, folder):
    node = scene.add(None)
    scene.add_clip(mr.Clip("long", [mr.Track(node, "position", [0, 1], np.eye(3)[:2])], duration=5.5, extras={"k": 1}))
    scene.add_clip(mr.Clip("nothing", []))
    said, again = saved(scene, folder)
    assert "the clip 'nothing', of which no curve is left" in said
    assert [(clip.name, clip.duration, clip.extras) for clip in again.clips] == [("long", 5.5, {"k": 1})]


def actions_are_told(scene, folder):
    node = scene.add(None)
    scene.play(scene.add_clip(mr.Clip("c", [mr.Track(node, "position", [0, 1], np.eye(3)[:2])])))
    scene.at(0.5)
    said, again = saved(scene, folder)
    assert "what plays, which stands where it is now" in said
    assert next(iter(again.nodes)).position.tolist() == [0.5, 0.5, 0.0]


def names_and_geometries_are_kept(scene, folder):
    node = scene.add(mr.Mesh(mr.box(1), mr.Standard(name="paint"), name="mesh"), name="node")
    said, again = saved(scene, folder)
    (geometry, material), = again.find("node").mesh.primitives
    assert (said, geometry.name, material.name, again.find("node").mesh.name) == ("", node.mesh.primitives[0][0].name, "paint", "mesh")


def fields_are_told(scene, folder):
    box = mr.box(1)
    scene.add(mr.Mesh(box.with_field(mr.Field(np.arange(box.vertex_count, dtype=float))), mr.Standard()))
    assert "fields over vertices" in save(scene, folder / "a.glb")


def parts_say_what_is_lost(scene, folder):
    parts = scene.add_instances(mr.box(1), mr.Standard(), 5)
    for what, state in (("ghosts", {"ghost": True}), ("selections", {"selected": True}), ("selections", {"highlighted": True}),
                        ("values of parts", {"value": 0.5})):
        other = mr.Scene()
        other.set_state(other.add_instances(mr.box(1), mr.Standard(), 5).ids[1:2], **state)
        assert what in save(other, folder / "a.glb")
    parts.set(slice(0, 2), visible=False)
    parts.set(slice(2, 3), color="red")
    said, again = saved(scene, folder)
    assert said == "" and sorted(again.store.shown(np.concatenate([p.ids for p in again.parts])).tolist()) == [False, False, True, True]


def nodes_are_kept(scene, folder):
    node = scene.add(None, name="a", position=(1, 2, 3), rotation=(0, 0.6, 0, 0.8), scale=2)
    node.extras["k"], node.visible = 1, False
    said, again = saved(scene, folder)
    (found,) = again.nodes
    assert (said, found.name, found.extras, found.visible) == ("", "a", {"k": 1}, False)
    node.layers = 6
    assert save(scene, folder / "a.glb").endswith("saved without layers.")


def lights_are_kept(scene, folder):
    lamp = scene.add(mr.PointLight((3.0, 1.5, 0.0), 2.0, 7.0, name="lamp"))
    said, again = saved(scene, folder)
    (found,) = (node.light for node in again.lights)
    assert (said, found.color, found.intensity, found.range, found.name) == ("", (1.0, 0.5, 0.0), 6.0, 7.0, "lamp")
    lamp.light.intensity = 1e30
    assert "light beyond an intensity of 1e+30" in saved(scene, folder)[0]
    scene.add(mr.DirectionalLight(shadow=False))
    assert "shadow settings of lights" in save(scene, folder / "a.glb")


def cameras_are_kept(scene, folder):
    camera = mr.PerspectiveCamera(30, 0.1, 50, name="eye")
    scene.add(camera)
    said, again = saved(scene, folder)
    (found,) = (node.camera for node in again.cameras)
    assert said == "" and (found.near, found.far, found.name) == (0.1, 50, "eye") and found.fov == pytest.approx(30, rel=1e-12)
    camera.aspect, camera.fov = 2.0, 179.5
    said = save(scene, folder / "a.glb")
    assert "shapes of the pictures of cameras" in said and "fields of view beyond 179 degrees" in said
    assert document(folder / "a.glb")["cameras"][0]["perspective"]["aspectRatio"] == 2.0
    found.aspect = 1.5  # of a file, too
    save(again, folder / "b.glb")
    assert document(folder / "b.glb")["cameras"][0]["perspective"]["aspectRatio"] == 1.5


def materials_say_what_is_lost(scene, folder):
    cases = {
        "colours beyond 0..1": mr.Standard(color=(2.0, 0.0, 0.0)),
        "emission beyond 65504": mr.Standard(emissive=(9.0, 0, 0), emissive_strength=6e4),
        "compressed textures, which become PNG": mr.Standard(
            color_texture=mr.Texture.from_blocks([np.zeros((1, 1, 16), np.uint8)], (4, 4), srgb=True)),
    }
    for what, material in cases.items():
        other = mr.Scene()
        other.add(mr.Mesh(mr.box(1), material))
        assert what in save(other, folder / "a.glb")


TABLE = {
    "actions": actions_are_told, "background": looks_kept, "background_color": looks_kept, "bounds": None, "cameras": cameras_are_kept,
    "clips": clips_are_kept, "colormap": colormap_is_told, "environment": foreign_light_is_told, "fields": fields_are_told,
    "geometry_changes": None, "geometry_epoch": None, "geometry_list": names_and_geometries_are_kept, "has_posted": None, "kept": None,
    "legends": legends_are_told, "light_changes": None, "lights": lights_are_kept, "material_changes": None, "material_epoch": None,
    "material_list": materials_say_what_is_lost, "memory": None, "names": names_and_geometries_are_kept, "nodes": nodes_are_kept,
    "parts": parts_say_what_is_lost, "playing": None, "shading_classes": None, "store": None,
}
"""By attribute of a Scene, what shows that it is kept or told; None where it says nothing of its own."""


def test_the_table_has_everything_that_a_scene_holds():
    scene = mr.Scene()
    properties = [name for name, value in vars(mr.Scene).items() if isinstance(value, property)]
    assert {name for name in (*properties, *vars(scene)) if name[0] != "_"} == set(TABLE)


@pytest.mark.parametrize("name", [name for name, check in TABLE.items() if check is not None])
def test_what_a_scene_holds_is_kept_or_told(tmp_path, name):
    TABLE[name](mr.Scene(), tmp_path)


def test_a_plain_scene_warns_of_nothing_and_needs_no_entry(tmp_path):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), mr.Standard()))
    assert save(scene, tmp_path / "a.glb") == "" and document(tmp_path / "a.glb")["scenes"] == [{"nodes": [0]}]


# ---- settings in extras ----


def test_settings_come_and_go_beside_what_a_file_says_itself(tmp_path):
    file = GltfFile(scenes=[{"nodes": [], "extras": {"floor": 2, "metarender": {"later": 1}}}])
    file.node()
    scene = load(file.glb(tmp_path))
    scene.background = "environment"
    check_twice(scene, tmp_path / "twice", ".glb")
    assert document(tmp_path / "twice" / "a" / "model.glb")["scenes"][0]["extras"] == {
        "floor": 2, "metarender": {"later": 1, "background": "environment"}}
    again = load(tmp_path / "twice" / "a" / "model.glb")
    again.background = "transparent"
    save(again, tmp_path / "off.glb")
    assert document(tmp_path / "off.glb")["scenes"][0]["extras"] == {"floor": 2, "metarender": {"later": 1}}


def test_extras_that_are_no_object_have_no_room_and_stay(tmp_path):
    file = GltfFile(scenes=[{"nodes": [], "extras": "words"}])
    file.node()
    scene = load(file.glb(tmp_path))
    scene.background = "red"
    assert "because the extras of the scene are no object" in save(scene, tmp_path / "a.glb")
    assert document(tmp_path / "a.glb")["scenes"][0]["extras"] == "words"


@pytest.mark.parametrize("entry", [
    5, [], "x", {"background": [1, 2, 3]}, {"background": [1, 2, 3, 1.5]}, {"background": [-1, 0, 0, 1]}, {"background": [True, 0, 0, 1]},
    {"background": "red"}, {"background": None}, {"background": [10**400, 0, 0, 1]}, {"environment": {}}, {"environment": "studio"},
    {"environment": {"kind": "../../secret.hdr", "intensity": 1, "rotation": 0}},
    {"environment": {"kind": "studio", "intensity": -1, "rotation": 0}}, {"background": [1e31, 0, 0, 1]},
    {"environment": {"kind": "studio", "intensity": 1e31, "rotation": 0}},
    {"environment": {"kind": "studio", "intensity": 1, "rotation": 1e308}},
    {"environment": {"kind": "studio", "intensity": 1, "rotation": None}}, {"background": "environment", "extensions": {"X": {}}}],
    ids=lambda entry: str(entry)[:60])
def test_settings_that_break_a_rule_change_nothing_and_are_told(tmp_path, entry):
    file = GltfFile(scenes=[{"nodes": [], "extras": {"metarender": entry}}])
    file.node()
    with pytest.warns(AssetWarning, match=r"settings of metarender, because .*/scenes/0/extras/metarender"):
        scene = mr.load(file.glb(tmp_path))
    assert scene.background == "transparent" and scene.environment.intensity == 1.0
    assert save(scene, tmp_path / "a.glb") == ""


@pytest.mark.parametrize("duration", [-1, 1e13, "5", None, [1]])
def test_lengths_and_names_that_break_a_rule_are_told(tmp_path, duration):
    scene = mr.Scene()
    scene.add_clip(mr.Clip("c", [mr.Track(scene.add(mr.Mesh(mr.box(1), mr.Standard())), "position", [0, 1], np.eye(3)[:2])]))
    save(scene, tmp_path / "a.gltf")
    file = json.loads((tmp_path / "a.gltf").read_text())
    file["animations"][0]["extras"] = {"metarender": {"duration": duration}}
    file["meshes"][0]["primitives"][0]["extras"] = {"metarender": {"name": 7}}
    (tmp_path / "a.gltf").write_text(json.dumps(file))
    with pytest.warns(AssetWarning, match=r"(?=.*/animations/0/extras/metarender)(?=.*/primitives/0/extras/metarender)"):
        again = mr.load(tmp_path / "a.gltf")
    assert again.clips[0].duration == 1.0 and again.clips[0].extras == {}


def test_a_loaded_clip_takes_its_new_name_extras_and_length_along(tmp_path):
    scene = mr.Scene()
    scene.add_clip(mr.Clip("walk", [mr.Track(scene.add(None), "position", [0, 1], np.eye(3)[:2])], duration=3.0))
    scene = saved(scene, tmp_path)[1]
    check_twice(scene, tmp_path / "same", ".glb")
    assert document(tmp_path / "same" / "a" / "model.glb")["animations"][0]["extras"] == {"metarender": {"duration": 3.0}}
    clip = scene.clips[0]
    clip.name, clip.duration, clip.extras["k"] = "run", 9.0, 2
    again = saved(scene, tmp_path, "b.glb")[1].clips[0]
    assert (again.name, again.duration, again.extras) == ("run", 9.0, {"k": 2})


# ---- files that are valid whatever the scene is ----


def moved_matrix():
    scene, matrix = mr.Scene(), np.diag([2.0, 3.0, 4.0, 1.0])
    matrix[:3, 3] = 1
    node = scene.add(mr.Mesh(mr.box(1), mr.Standard()), matrix=matrix, name="it")
    scene.add_clip(mr.Clip("c", [mr.Track(node, "position", [0, 1], [[0, 0, 0], [5, 6, 7]])]))
    return scene


def moved_shear():
    scene, matrix = mr.Scene(), np.eye(4)
    matrix[0, 1] = 0.75
    node = scene.add(mr.Mesh(mr.box(1), mr.Standard()), matrix=matrix)
    scene.add_clip(mr.Clip("c", [mr.Track(node, "position", [0, 1], [[0, 0, 0], [5, 6, 7]]), mr.Track(node, "scale", [0], [[1, 1, 1]])]))
    return scene


def moved_twice():
    scene = mr.Scene()
    node = scene.add(mr.Mesh(mr.box(1), mr.Standard()))
    tracks = [mr.Track([node, node], "position", [0, 1], [[[0, 0, 0], [0, 0, 0]], [[5, 6, 7], [1, 1, 1]]]),
              mr.Track(node, "position", [0, 1], [[0, 0, 0], [2, 2, 2]])]
    scene.add_clip(mr.Clip("c", tracks))
    return scene


def one_cubic_key():
    scene = mr.Scene()
    scene.add_clip(mr.Clip("c", [mr.Track(scene.add(mr.Mesh(mr.box(1), mr.Standard())), "position", [1],
                                          [[[9, 9, 9], [5, 6, 7], [9, 9, 9]]], "cubic")]))
    return scene


def uneven_morphs():
    scene = mr.Scene()
    face = Geometry(positions=np.eye(3), morphs=[mr.Morph(np.ones((3, 3)), np.ones((3, 3)), name="smile")])
    scene.add(mr.Mesh(primitives=[(mr.box(1), mr.Standard(name="eye")), (face, mr.Standard())], weights=(0.5,)))
    return scene


def other_morphs():
    scene = mr.Scene()
    node = scene.add(mr.Mesh(Geometry(positions=np.eye(3), morphs=[mr.Morph(np.ones((3, 3)))]), mr.Standard()))
    scene.add_clip(mr.Clip("c", [mr.Track(node, "weights", [0, 1], [[0], [1]]), mr.Track(node, "position", [0], [[5, 6, 7]])]))
    node.mesh = mr.Mesh(mr.box(1), mr.Standard())
    return scene


def bright_vertices():
    scene = mr.Scene()
    scene.add(mr.Mesh(Geometry(positions=np.eye(3), colors=np.full((3, 4), 2.0)), mr.Standard()))
    return scene


def long_rotations():
    scene, half = mr.Scene(), np.sqrt(0.5)
    keys = np.array([[0, 0, 0, 1], [0, half, 0, half]])
    tracks = [mr.Track(scene.add(mr.Mesh(mr.box(1), mr.Standard()), position=(5, 6, 7)), "rotation", [0, 1], values, "cubic")
              for values in (3 * np.repeat(keys[:, None], 3, axis=1), np.repeat(keys[:, None], 3, axis=1) * [[[1.0]], [[2.0]]])]
    scene.add_clip(mr.Clip("c", tracks))
    return scene


HARD = {
    long_rotations: "lengths of the keys of cubic rotations",
    moved_matrix: "", moved_shear: "curves that turn or scale nodes whose matrix shears",
    moved_twice: "the second curve of one property in a clip", one_cubic_key: "", uneven_morphs: "",
    other_morphs: "curves of the morphs of nodes that have others now",
    bright_vertices: "colours of vertices beyond 0..1",
}


@pytest.mark.parametrize("make", HARD, ids=lambda make: make.__name__)
def test_what_glTF_has_no_words_for_still_makes_a_file_that_loads(tmp_path, make):
    scene = make()
    said = save(scene, tmp_path / "a.glb")
    assert said == (f"a.glb was saved without {HARD[make]}." if HARD[make] else "")
    again = check_twice(load(tmp_path / "a.glb"), tmp_path / "twice", ".glb")
    for clip in again.clips:
        again.play(clip, loop="once")
        again.at(1.0)
        node = next(node for node in again.nodes if node.mesh is not None)
        np.testing.assert_array_equal(node.world_matrix[:3, 3], [5, 6, 7])


def test_a_node_with_a_matrix_is_taken_apart_where_a_clip_moves_it(tmp_path):
    save(moved_matrix(), tmp_path / "a.gltf")
    (node,) = document(tmp_path / "a.gltf")["nodes"]
    assert "matrix" not in node and node["translation"] == [1, 1, 1] and node["scale"] == [2, 3, 4]
    still = mr.Scene()
    still.add(None, matrix=moved_matrix().find("it").matrix)
    save(still, tmp_path / "b.gltf")
    assert "matrix" in document(tmp_path / "b.gltf")["nodes"][0]


def test_the_validator_finds_no_errors_in_what_glTF_has_no_words_for(tmp_path):
    save(mr.Scene(), tmp_path / "empty.glb")
    for make in HARD:
        save(make(), tmp_path / f"{make.__name__}.glb")
    check_valid([(tmp_path / "empty.glb", tmp_path / f"{make.__name__}.glb") for make in HARD])


def test_clips_of_a_file_fit_nodes_that_were_edited_since(tmp_path):
    first = other_morphs()
    node = next(iter(first.nodes))
    node.mesh = mr.Mesh(Geometry(positions=np.eye(3), morphs=[mr.Morph(np.ones((3, 3)))]), mr.Standard())
    first.add_clip(mr.Clip("grow", [mr.Track(node, "scale", [0, 1], [[1, 1, 1], [2, 2, 2]])]))
    scene = saved(first, tmp_path)[1]
    (node,) = scene.nodes
    matrix = np.eye(4)
    matrix[0, 1] = 0.5
    node.matrix, node.mesh = matrix, mr.Mesh(mr.box(1), mr.Standard())
    said, again = saved(scene, tmp_path, "b.glb")
    assert "curves of the morphs of nodes that have others now" in said and "curves that turn or scale nodes whose matrix shears" in said
    again.play(again.clips["c"], loop="once")
    again.at(0.0)
    outer, inner = again.nodes
    assert outer.position.tolist() == [5, 6, 7] and inner.mesh is not None and [clip.name for clip in again.clips] == ["c"]
    node.matrix = np.diag([2.0, 1.0, 1.0, 1.0])  # no shear any more, but a matrix
    assert saved(scene, tmp_path, "c.glb")[1].clips["grow"].tracks


# ---- colours of parts ----


def test_a_colour_over_a_texture_or_colours_of_vertices_is_told(tmp_path):
    texture = mr.Texture(PIXELS, srgb=True)
    whole, half = (255, 0, 0, 255), (255, 0, 0, 128)
    plain, colored = mr.box(1), Geometry(positions=np.eye(3), colors=np.full((3, 4), 0.5))
    for geometry, material, color, is_told in (
        (plain, mr.Standard(), half, False), (plain, mr.Standard(color_texture=texture), whole, False),
        (plain, mr.Standard(color_texture=texture), half, True), (colored, mr.Standard(), whole, True),
        (plain, mr.Standard(color_texture=texture, alpha_mode="mask"), whole, True),
    ):
        scene = mr.Scene()
        scene.set_state(scene.add(mr.Mesh(geometry, material)), color=np.array(color, np.uint8))
        for suffix in ("glb", "obj"):
            assert (UNDER in save(scene, tmp_path / f"a.{suffix}")) == is_told


# ---- plain formats ----


def full_scene():
    """Everything that plain formats do not hold."""
    scene = mr.Scene()
    texture = mr.Texture(PIXELS, srgb=True)
    scene.add(mr.Mesh(mr.box(1), mr.Standard(color="red", color_texture=texture, alpha_mode="mask")))
    part = scene.add(mr.Mesh(mr.box(1), mr.Unlit(color="white")), position=(2, 0, 0))
    scene.set_state(part, color="blue", ghost=True)
    scene.add(mr.PointLight())
    scene.add(mr.PerspectiveCamera())
    scene.add_clip(mr.Clip("c", [mr.Track(part, "position", [0], [[0, 0, 0]])]))
    scene.background, scene.environment, part.layers = "white", None, 3
    return scene


ALWAYS = ("lights", "cameras", "clips", "the background", "the environment", "layers", "ghosts")


@pytest.mark.parametrize(("suffix", "more"), [
    ("stl", ("colours", "textures")), ("3mf", ("textures",)), ("ply", ("textures",)), ("obj", ("alpha masks", "unlit materials"))])
def test_plain_formats_say_once_what_they_do_not_hold(tmp_path, suffix, more):
    with pytest.warns(AssetWarning) as caught:
        mr.save(full_scene(), tmp_path / f"a.{suffix}")
    (warning,) = caught
    said = str(warning.message).rstrip(".").rpartition("was saved without ")[2].split("; ")
    assert sorted(said) == sorted([*ALWAYS, *more]) and warning.filename == __file__


@pytest.mark.parametrize("suffix", ["3mf", "ply", "obj"])
def test_colours_of_parts_are_kept_by_formats_with_colours(tmp_path, suffix):
    save(full_scene(), tmp_path / f"a.{suffix}")
    colors = {tuple(np.round(part.material.color[:3] * (1 if part.geometry.colors is None else part.geometry.colors[0, :3]), 5).tolist())
              for part in drawn(load(tmp_path / f"a.{suffix}"))}
    rows = np.concatenate([np.ones((1, 3)) if part.geometry.colors is None else part.geometry.colors[:, :3]
                           for part in drawn(load(tmp_path / f"a.{suffix}"))])
    assert (0.0, 0.0, 1.0) in colors or [0.0, 0.0, 1.0] in rows.tolist()


def test_a_plain_scene_of_one_colour_warns_of_nothing(tmp_path):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), mr.Standard()))
    assert [save(scene, tmp_path / f"a.{suffix}") for suffix in ("stl", "3mf", "ply", "obj")] == [""] * 4


def bent():
    """A strip on two joints of which one is turned, far from the origin, with a morph; and one that only a morph moves."""
    scene = mr.Scene()
    positions = np.array([[x, y, 0] for y in range(3) for x in (0, 1)], "f4")
    joints = np.zeros((6, 4), np.uint16)
    joints[2:, 0] = 1
    weights = np.tile(np.float32([1, 0, 0, 0]), (6, 1))
    arrays = {"positions": positions, "normals": np.tile([[0, 0, 1.0]], (6, 1)), "indices": [0, 1, 2, 2, 1, 3, 2, 3, 4, 4, 3, 5]}
    morph = mr.Morph(np.full((6, 3), 0.25, "f4"))
    skinned = Geometry(**arrays, joints=joints, weights=weights, morphs=[morph])
    hip = scene.add(None, position=(1000, 0, 0))
    knee = scene.add(None, hip, position=(0, 1, 0), rotation=(np.sqrt(0.5), 0, 0, np.sqrt(0.5)))
    inverse = np.tile(np.eye(4), (2, 1, 1))
    inverse[1, 1, 3] = -1
    figure = scene.add(mr.Mesh(skinned, mr.Standard(), weights=(1.0,)), position=(-7, 0, 0))
    scene.bind(figure, mr.Skin(inverse), [hip, knee])
    scene.add(mr.Mesh(Geometry(**arrays, morphs=[morph]), mr.Standard(), weights=(2.0,)), position=(0, 0, 3))
    return scene


@pytest.mark.parametrize("suffix", ["stl", "3mf", "ply", "obj"])
def test_figures_are_saved_as_they_are_posed(tmp_path, suffix):
    scene = bent()
    said, again = saved(scene, tmp_path, f"a.{suffix}")
    assert "joints and morphs, so that figures stand as they are posed now" in said
    rest = next(iter(scene.geometry_list)).positions.astype(float) + 0.25
    rest[2:] = np.stack([rest[2:, 0], 1 - rest[2:, 2], rest[2:, 1] - 1], axis=1)  # a quarter turn about +X, at the knee
    corners = np.concatenate([rest + [1000, 0, 0], next(iter(scene.geometry_list)).positions + [0.5, 0.5, 3.5]])
    found = np.concatenate([(part.geometry.positions @ part.matrix[:3, :3].T + part.matrix[:3, 3]) for part in drawn(again)])
    for corner in corners:
        assert np.abs(found - corner).max(axis=1).min() < 2e-4, corner


def test_normals_turn_with_what_is_posed():
    figure, morphed = drawn(bent())
    np.testing.assert_allclose(figure.geometry.normals, [[0, 0, 1]] * 2 + [[0, -1, 0]] * 4, atol=1e-6)
    np.testing.assert_array_equal(morphed.geometry.normals, [[0, 0, 1]] * 6)
    assert figure.matrix[0, 3] == 1000 and figure.is_posed and figure.geometry.joints is None


def test_instances_that_show_the_same_weights_share_one_shape():
    scene = bent()
    owner = next(node for node in scene.nodes if len(node.weights) and node.skin is None)
    (geometry, material), = owner.mesh.primitives
    parts = scene.add_instances(geometry, material, count=5, parent=owner)
    parts[3].weights = [1.0]
    _, *shapes = (part.geometry for part in drawn(scene))
    assert len(shapes) == 6 and len({id(shape) for shape in shapes}) == 2
    assert [float(shape.positions[0, 0]) for shape in shapes] == [0.5, 0.5, 0.5, 0.5, 0.25, 0.5]


@pytest.mark.parametrize("weights", [(), (1.0, 2.0)])
def test_weights_that_do_not_fit_a_geometry_leave_it_at_rest(weights):
    """As a damaged capture may have them; a renderer draws both at rest, too."""
    scene = bent()
    for node in scene.nodes:
        if len(node.weights):
            scene.store.hold_weights([node.id], weights)
    for part in drawn(scene):
        assert part.geometry is scene.geometry_list[int(scene.store.draws_of(part.node)[0][0])]
        np.testing.assert_array_equal(part.matrix, scene.node(part.node).world_matrix)


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0)])
def test_what_follows_joints_and_what_does_not_stand_where_they_are_drawn(tmp_path, order):
    """Boxes of one mesh, of which some stand at the joint and one at the node, which is twice as large."""
    scene, box = mr.Scene(), mr.box(1)
    shares = np.tile(np.float32([1, 0, 0, 0]), (box.vertex_count, 1))
    skinned = Geometry(positions=box.positions, normals=box.normals, indices=box.indices, weights=shares,
                       joints=np.zeros(shares.shape, np.uint16))
    mesh = mr.Mesh(primitives=[((skinned, box)[which], mr.Standard()) for which in order])
    node = scene.add(mesh, position=(-5, 0, 0), scale=(2, 2, 2))
    scene.bind(node, mr.Skin(np.eye(4)[None]), [scene.add(None, position=(10, 0, 0))])
    report = mr.check_solid(scene)
    assert report.volume == pytest.approx(8 + order.count(0)) and report.parts == 2
    for suffix in ("3mf", "stl", "ply", "obj"):
        _, again = saved(scene, tmp_path, f"a.{suffix}")
        found = np.concatenate([part.geometry.positions @ part.matrix[:3, :3].T + part.matrix[:3, 3] for part in drawn(again)])
        for bounds in (report.bounds, [found.min(axis=0), found.max(axis=0)]):
            np.testing.assert_allclose(bounds, [[-6, -1, -1], [10.5, 1, 1]], atol=1e-4)


@pytest.mark.parametrize("size", [3e38, 1e200])
def test_a_pose_beyond_float32_is_refused_in_a_sentence(tmp_path, size):
    scene = bent()
    figure = next(node for node in scene.nodes if node.skin is not None)
    inverse = np.tile(np.eye(4), (2, 1, 1))
    inverse[:, :3, :3] *= size
    scene.bind(figure, mr.Skin(inverse), figure.joints)
    with pytest.raises(mr.errors.InvalidInput, match="posed beyond what float32 can hold; lessen"):
        mr.check_solid(scene)
    for suffix in ("stl", "3mf", "ply", "obj"):
        with pytest.raises(mr.errors.InvalidInput, match="posed beyond what float32 can hold; lessen"):
            mr.save(scene, tmp_path / f"a.{suffix}")
    assert not list(tmp_path.iterdir())


# ---- memory and speed ----


def test_a_save_leaves_nothing_for_the_collector(tmp_path, local_assets):
    for scene in (full_scene(), load(local_assets / "SimpleSkin" / "SimpleSkin.gltf")):
        save(scene, tmp_path / "a.glb")
        gc.collect()
        save(scene, tmp_path / "a.glb")
        assert gc.collect() < 100  # the document of the file alone has more


def test_integers_that_a_file_writes_as_decimals_are_integers_at_the_save(tmp_path):
    file = GltfFile()
    file.node(mesh=file.mesh())
    path = file.embedded(tmp_path)
    path.write_text(path.read_text().replace('"mesh": 0', '"mesh": 0.0').replace("5126", "5126.0"))
    assert '"mesh": 0.0' in path.read_text() and "5126.0" in path.read_text()
    check_twice(load(path), tmp_path / "twice", ".glb")


def test_a_figure_that_got_a_mesh_without_joints_loses_its_skin(tmp_path, local_assets):
    scene = load(local_assets / "SimpleSkin" / "SimpleSkin.gltf")
    next(node for node in scene.nodes if node.mesh is not None).mesh = mr.Mesh(mr.box(1), mr.Standard())
    said, again = saved(scene, tmp_path)
    assert "skins of nodes whose mesh follows no joints" in said
    assert next(node for node in again.nodes if node.mesh is not None).skin is None


def test_parts_keep_the_weights_of_their_morphs(tmp_path):
    def weights(scene):
        return sorted(scene.node(number).weights.tolist()[0] for parts in scene.parts for number in parts.ids.tolist())

    scene = mr.Scene()
    parts = scene.add_instances(Geometry(positions=np.eye(3), morphs=[mr.Morph(np.ones((3, 3)))]), mr.Standard(), 6)
    for place, weight in ((1, 0.5), (2, 0.5), (4, 0.25), (5, 0.25)):
        scene.node(int(parts.ids[place])).weights = [weight]
    said, again = saved(scene, tmp_path)
    assert said == "" and weights(again) == weights(scene) == [0, 0, 0.25, 0.25, 0.5, 0.5]
    check_twice(again, tmp_path / "twice", ".glb")
    again.node(int(again.parts[1].ids[0])).weights = [0.75]
    last = saved(again, tmp_path, "b.glb")[1]
    assert sorted(node.weights.tolist()[0] for node in last.nodes if node.mesh is not None) == [0, 0, 0.25, 0.25, 0.5, 0.75]


def test_a_pointer_with_a_number_without_end_is_left_out(tmp_path):
    file = GltfFile(extensionsUsed=["KHR_animation_pointer"])
    file.node(mesh=file.mesh())
    times, values = file.accessor(np.array([[0.0], [1.0]], "f4"), bounds=True), file.accessor(np.eye(3, dtype="f4")[:2])
    pointer = {"path": "pointer", "extensions": {"KHR_animation_pointer": {"pointer": f"/nodes/{'9' * 5000}/translation"}}}
    file.document["animations"] = [{"samplers": [{"input": times, "output": values}], "channels": [{"sampler": 0, "target": pointer}]}]
    save(load(file.glb(tmp_path)), tmp_path / "a.glb")
    assert "animations" not in document(tmp_path / "a.glb")


def test_a_textured_material_without_coordinates_loads_again(tmp_path, renderer):
    scene, texture = mr.Scene(), mr.Texture(PIXELS, srgb=True)
    arrays = {"positions": np.eye(3), "normals": np.tile([0, 0, 1.0], (3, 1))}
    bare, one = Geometry(**arrays), Geometry(**arrays, uv0=np.eye(3)[:, :2])
    for place, (geometry, material) in enumerate((
        (bare, mr.Unlit(color_texture=texture)), (bare, mr.Standard()), (one, mr.Unlit(color_texture=mr.TextureInfo(texture, 1))),
    )):
        scene.add(mr.Mesh(geometry, material), position=(2 * place, 0, 0))
    said = save(scene, tmp_path / "a.gltf")
    found = [sorted(primitive["attributes"]) for mesh in document(tmp_path / "a.gltf")["meshes"] for primitive in mesh["primitives"]]
    sets = [[name for name in each if name[0] == "T"] for each in found]
    assert said == "" and sets == [["TEXCOORD_0"], [], ["TEXCOORD_0", "TEXCOORD_1"]]
    again = load(tmp_path / "a.gltf")
    assert pictures(renderer, again) == pictures(renderer, scene)
    again.material_list[1].color_texture = texture  # a file's own mesh, too
    check_twice(again, tmp_path / "twice", ".glb")


def test_joints_without_a_node_in_common_get_one(tmp_path):
    scene = bent()
    free = scene.add(None)
    figure = next(node for node in scene.nodes if node.skin is not None)
    scene.bind(figure, figure.skin, [figure.joints[0], free.id])
    again = saved(scene, tmp_path)[1]
    assert len(again.nodes) == len(scene.nodes) + 1 and len({node.id for node in again.nodes if node.parent is None}) == 1
    check_twice(again, tmp_path / "twice", ".glb")


def test_figures_are_asked_for_their_joints_together(tmp_path, monkeypatch):
    """Whether their joints have a node in common is one question, and not one that sorts all nodes for each figure."""
    scene, asked = mr.Scene(), []
    for _ in range(30):
        scene.add(bent())
    rows_of = Rows._rows_of
    monkeypatch.setattr(Rows, "_rows_of", lambda rows, ids: asked.append(len(ids)) or rows_of(rows, ids))
    again = saved(scene, tmp_path)[1]
    assert len(again.nodes) == len(scene.nodes) and len(asked) <= 4


@pytest.mark.parametrize(("strength", "told"), [
    (1.0, {}), (5.0, {".obj": True}), (0.0, dict.fromkeys((".ply", ".stl", ".3mf"), False))])
def test_what_materials_emit_is_told_where_it_is_lost(tmp_path, strength, told):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), mr.Standard(emissive="white" if strength else "black", emissive_strength=strength or 1.0)))
    told = {".obj": False, ".ply": True, ".stl": True, ".3mf": True, ".glb": False} | told
    found = {suffix: re.search("emit|emission", save(scene, tmp_path / f"a{suffix}")) is not None for suffix in told}
    assert found == told
