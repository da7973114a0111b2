"""Saving what was made in code, and what was loaded and then edited."""

import gc
import json

import numpy as np
import pytest
from gltf_files import GltfFile
from test_save_gltf import check_twice, check_valid, document, files, load, pictures, save

import metarender as mr
from metarender.io import AssetWarning

PIXELS = np.dstack([np.arange(16, dtype=np.uint8).reshape(4, 4) * 16] * 3 + [np.full((4, 4), 255, np.uint8)])


def made_scene():
    """One of everything that code can make and glTF can hold."""
    scene = mr.Scene()
    texture = mr.Texture(PIXELS, srgb=True, sampler=mr.Sampler(mag="nearest", min="nearest", wrap_s="clamp_to_edge"), name="grey")
    rough = mr.Texture(PIXELS, srgb=False)
    standard = mr.Standard(color="red", color_texture=mr.TextureInfo(texture, 0, (0.1, 0.2), 0.3, (2, 2)), metallic_roughness_texture=rough,
                           occlusion_texture=rough, occlusion_strength=0.5, emissive=(0.3, 0.1, 0.05), name="paint")
    standard.extras["batch"] = 3
    scene.add(mr.Mesh(mr.box(1), standard, name="body"), position=(1, 2, 3), rotation=(0, 0.6, 0, 0.8), scale=(1, 2, 3), name="box")
    scene.add(mr.Mesh(mr.sphere(0.5), mr.Unlit(color="lime", double_sided=True, alpha_mode="mask", alpha_cutoff=0.25)), position=(-1, 0, 0))
    group = scene.add(None, name="group", position=(0, 0, -5))
    group.extras["k"] = [1, {"a": 2.5}]
    scene.add(mr.DirectionalLight("white", 2.0), name="sun", parent=group, rotation=(0.6, 0, 0, 0.8))
    scene.add(mr.SpotLight("red", 5, 10, 0.1, 0.5, name="spot"), parent=group)
    scene.add(mr.PointLight("blue", 5), parent=group)
    scene.add(mr.PerspectiveCamera(50, 0.1, 100, name="front"), position=(0, 0, 9))
    scene.add(mr.OrthographicCamera(3, 0, 100), position=(0, 0, 9))
    lines = mr.Geometry(positions=[[0, 0, 0], [1, 0, 0], [1, 1, 0]], indices=[0, 1, 1, 2], topology="lines")
    points = mr.Geometry(positions=np.eye(3), topology="points", colors=np.eye(3))
    scene.add(mr.Mesh(primitives=[(lines, mr.Unlit()), (points, mr.Unlit())]), position=(0, -2, 0))
    return scene


@pytest.mark.parametrize("suffix", [".glb", ".gltf"])
def test_a_scene_made_in_code_comes_back(tmp_path, renderer, suffix):
    scene = made_scene()
    again = check_twice(scene, tmp_path, suffix)
    assert pictures(renderer, again) == pictures(renderer, scene)
    for old, new in zip(scene.nodes, again.nodes, strict=True):
        assert (old.name, old.extras) == (new.name, new.extras)
        for field in ("position", "rotation", "scale"):
            assert getattr(old, field).tobytes() == getattr(new, field).tobytes()
    box = again.find("box").mesh.primitives[0][1]
    assert (box.name, box.extras, box.occlusion_strength) == ("paint", {"batch": 3}, 0.5)
    assert box.color_texture.texture.sampler == mr.Sampler(mag="nearest", min="nearest", wrap_s="clamp_to_edge")
    assert (box.color_texture.texture.pixels == PIXELS).all() and box.color_texture.rotation == 0.3
    assert [camera.camera.near for camera in again.cameras] == [0.1, 0.0]


def test_the_validator_finds_no_errors_in_what_was_made(tmp_path):
    scene = made_scene()
    save(scene, tmp_path / "made.glb")
    save(parts_scene(1000)[0], tmp_path / "parts.gltf")
    box = tmp_path / "empty.glb"
    save(mr.Scene(), box)
    check_valid([(box, tmp_path / "made.glb"), (box, tmp_path / "parts.gltf"), (box, box)])


def test_brightness_beyond_one_goes_into_the_strength(tmp_path):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), mr.Standard(emissive=(4.0, 2.0, 0.0), emissive_strength=3.0)))
    save(scene, tmp_path / "a.glb")
    (material,) = document(tmp_path / "a.glb")["materials"]
    assert material["emissiveFactor"] == [1.0, 0.5, 0.0]
    assert material["extensions"] == {"KHR_materials_emissive_strength": {"emissiveStrength": 12.0}}


# ---- transforms ----


def test_a_matrix_that_shears_becomes_two_nodes(tmp_path):
    scene, rng = mr.Scene(), np.random.default_rng(5)
    for _ in range(20):
        matrix = np.eye(4)
        matrix[:3] = rng.normal(size=(3, 4))
        child = scene.add(mr.Mesh(mr.box(1), mr.Standard()), matrix=matrix)
        scene.add(mr.Mesh(mr.box(0.1), mr.Standard()), parent=child, position=(1, 2, 3))
    flat = scene.add(mr.Mesh(mr.box(1), mr.Standard()), matrix=np.diag([1.0, 0.0, 1.0, 1.0]))
    again = None
    save(scene, tmp_path / "a.glb")
    again = load(tmp_path / "a.glb")
    drawn = [[node.world_matrix for node in each.nodes if node.mesh is not None] for each in (scene, again)]
    np.testing.assert_allclose(drawn[1], drawn[0], atol=3e-6)
    assert flat.alive and len(again.nodes) == 41 + 21
    save(again, tmp_path / "b.glb")
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()


def test_a_matrix_of_a_file_stays_as_it_is_even_if_it_shears_a_little(tmp_path):
    matrix = [1.0, 0, 0, 0, 0, 1.0, 0, 0, 0.00058, 0, 1.0, 0, 0, 0, -4.18, 1]
    file = GltfFile()
    file.node(mesh=file.mesh(), matrix=matrix)
    scene = load(file.glb(tmp_path))
    check_twice(scene, tmp_path, ".glb")
    assert document(tmp_path / "a" / "model.glb")["nodes"] == [{"mesh": 0, "matrix": matrix}]


def test_a_sun_that_shines_along_no_axis_gets_a_node(tmp_path):
    directions = [(1, -1, 0), (0, 0, 1), (0, 0, -1), (0.3, 0.2, 0.9), (0, -1, 0)]
    scene = mr.Scene()
    for direction in directions:
        scene.add(mr.DirectionalLight(direction=direction))
    save(scene, tmp_path / "a.glb")
    found = [-node.world_matrix[:3, 2] for node in load(tmp_path / "a.glb").lights]
    np.testing.assert_allclose(found, [np.array(d) / np.linalg.norm(d) for d in directions], atol=1e-6)


# ---- parts ----


def parts_scene(count, named=True):
    """Parts of three kinds in any order, some hidden and some blue."""
    scene, rng = mr.Scene(), np.random.default_rng(count)
    matrices = np.tile(np.eye(4), (count, 1, 1))
    matrices[:, :3, 3] = rng.uniform(-500, 500, (count, 3)).astype(np.float32)
    kinds = rng.integers(0, 3, count)
    names = [f"part {k} é" if k % 3 else "" for k in range(count)] if named else None
    parts = scene.add_parts([mr.box(0.2), mr.cone(0.1, 0.3), mr.sphere(0.1)], [mr.Standard(color=c) for c in ("red", "white", "tan")],
                            kinds, kinds, matrices, names=names, name="line")
    parts.set(slice(0, count // 10), color="blue")
    parts.set(slice(count // 2, count // 2 + count // 10), visible=False)
    return scene, parts


def places(scene):
    """Name, place and whether it is shown of every part, sorted."""
    return sorted((scene._name_of(number), *position, shown) for parts in scene.parts
                  for number, position, shown in zip(parts.ids.tolist(), positions(parts).tolist(),
                                                     scene.store.shown(parts.ids).tolist(), strict=True))


def positions(parts):
    return parts.scene.store.world_matrices(parts.ids)[:, :3, 3]


def test_parts_come_back_as_instances_with_their_names(tmp_path, renderer):
    scene, _ = parts_scene(600)
    save(scene, tmp_path / "a.glb")
    again = load(tmp_path / "a.glb")
    assert places(again) == places(scene)
    assert len(document(tmp_path / "a.glb")["nodes"]) == 3 * 3
    assert document(tmp_path / "a.glb")["extensionsRequired"] == ["EXT_mesh_gpu_instancing"]
    assert pictures(renderer, again) == pictures(renderer, scene)
    save(again, tmp_path / "b.glb")
    assert (tmp_path / "b.glb").read_bytes() == (tmp_path / "a.glb").read_bytes()
    with again.parts[0].edit("position") as position:
        position += 1.0
    again.parts[1][0].name = "renamed"
    save(again, tmp_path / "c.glb")
    assert places(load(tmp_path / "c.glb")) == places(again)


def test_far_parts_keep_their_places(tmp_path):
    moved = mr.Scene()
    matrices = np.tile(np.eye(4), (50, 1, 1))
    matrices[:, :3, 3] = 6_371_000.0 + np.arange(150).reshape(50, 3) / 1024
    moved.add_instances(mr.box(1), mr.Standard(), matrices=matrices)
    save(moved, tmp_path / "a.glb")
    np.testing.assert_array_equal(positions(load(tmp_path / "a.glb").parts[0]), matrices[:, :3, 3])


def test_promise_1_parts_are_saved_without_an_object_for_each(tmp_path):
    scene, parts = parts_scene(100_000)
    assert len(parts) == 100_000
    from metarender.io.gltf_writing import describe

    gc.collect()
    before = len(gc.get_objects())
    written, root = describe(scene)
    assert len(gc.get_objects()) - before < 5_000
    assert len(json.dumps(root)) < 20_000 and written.size > 100_000 * 12


def test_state_that_gltf_cannot_hold_is_named(tmp_path):
    scene, parts = parts_scene(50)
    scene.ghost(parts[0])
    scene.set_state(parts[1], value=0.5)
    scene.set_state(parts[2], selected=True)
    said = save(scene, tmp_path / "a.glb")
    assert "ghosts" in said and "values of parts" in said and "selections" in said


# ---- edits of what was loaded ----


def test_vertices_of_a_file_stay_those_of_the_file_in_another_mesh(tmp_path, local_assets, renderer):
    scene = load(local_assets / "BoxVertexColors" / "BoxVertexColors.glb")
    node = next(node for node in scene.nodes if node.mesh is not None)
    (geometry, _), = node.mesh.primitives
    node.mesh = mr.Mesh(geometry.with_levels([(geometry, 0.5)]), mr.Standard(color="tan", name="new"), name="other")
    assert "coarser levels of geometries" in save(scene, tmp_path / "a.glb")
    before, after = document(local_assets / "BoxVertexColors" / "BoxVertexColors.glb"), document(tmp_path / "a.glb")
    assert list(after["meshes"][0]["primitives"][0]["attributes"]) == list(before["meshes"][0]["primitives"][0]["attributes"])
    assert [material["name"] for material in after["materials"]] == ["new"] and after["meshes"][0]["name"] == "other"
    assert pictures(renderer, load(tmp_path / "a.glb")) == pictures(renderer, scene)


def test_only_what_was_edited_changes(tmp_path, local_assets):
    path = local_assets / "TextureTransformTest" / "TextureTransformTest.gltf"
    scene, before = load(path), document(path)
    node = next(node for node in scene.nodes if node.mesh is not None)
    material = node.mesh.primitives[0][1]
    material.roughness = 0.125
    node.position = (7, 8, 9)
    node.extras["note"] = "moved"
    save(scene, tmp_path / "a.gltf")
    after = document(tmp_path / "a.gltf")
    changed = [(a, b) for a, b in zip(before["materials"], after["materials"], strict=True) if a != b]
    assert len(changed) == 1
    (old, new) = changed[0]
    assert new == {**old, "pbrMetallicRoughness": {**old["pbrMetallicRoughness"], "roughnessFactor": 0.125}}
    moved = [b for a, b in zip(before["nodes"], after["nodes"], strict=True) if a != b]
    assert [(entry["translation"], entry["extras"]) for entry in moved] == [([7.0, 8.0, 9.0], {"note": "moved"})]


def test_textures_may_be_exchanged_and_taken_away(tmp_path, local_assets):
    scene = load(local_assets / "TextureTransformTest" / "TextureTransformTest.gltf")
    materials = [material for material in scene.material_list if material is not None and material.color_texture is not None]
    materials[0].color_texture = mr.TextureInfo(mr.Texture(PIXELS, srgb=True), 0, (0.5, 0.25))
    for material in materials[1:]:
        material.color_texture = None
    save(scene, tmp_path / "a.glb")
    after = document(tmp_path / "a.glb")
    assert len(after["textures"]) == len(after["images"]) == 1
    again = load(tmp_path / "a.glb")
    infos = [material.color_texture for material in again.material_list if material is not None]
    assert sum(info is not None for info in infos) == 1
    info = next(info for info in infos if info is not None)
    assert info.offset == (0.5, 0.25) and (info.texture.pixels == PIXELS).all()


def test_a_removed_node_takes_its_channels_along(tmp_path, local_assets):
    scene = load(local_assets / "SimpleSkin" / "SimpleSkin.gltf")
    joint = document(local_assets / "SimpleSkin" / "SimpleSkin.gltf")["skins"][0]["joints"][-1]
    scene.node(int(scene.kept[0].ids[joint])).remove()
    said = save(scene, tmp_path / "a.glb")
    after = document(tmp_path / "a.glb")
    assert "a skin that lost a joint" in said
    assert "skins" not in after and "animations" not in after and len(after["nodes"]) == 2
    load(tmp_path / "a.glb")


def test_edited_lights_and_cameras(tmp_path, local_assets):
    scene = load(local_assets / "Cameras" / "Cameras.gltf")
    before = document(local_assets / "Cameras" / "Cameras.gltf")["cameras"]
    scene.cameras[0].camera.fov = 33.0
    save(scene, tmp_path / "a.glb")
    after = document(tmp_path / "a.glb")["cameras"]
    assert after[0]["perspective"] == {**before[0]["perspective"], "yfov": np.radians(33.0)}
    assert after[1] == before[1]


def test_a_scene_in_a_scene_keeps_what_it_was(tmp_path, local_assets):
    both = mr.Scene()
    for name in ("TextureTransformTest/TextureTransformTest.gltf", "SimpleSkin/SimpleSkin.gltf", "SimpleInstancing/SimpleInstancing.glb"):
        both.add(load(local_assets / name), name=name)
    both.add(load(local_assets / "SimpleSkin" / "SimpleSkin.gltf"), position=(5, 0, 0))
    again = check_twice(both, tmp_path, ".glb")
    after = document(tmp_path / "a" / "model.glb")
    assert len(after["skins"]) == 2 and len(after["animations"]) == 2
    assert "EXT_mesh_gpu_instancing" in after["extensionsUsed"]
    assert {len(parts) for parts in again.parts} == {len(parts) for parts in both.parts}


def test_what_was_let_go_is_not_saved(tmp_path, local_assets):
    scene = load(local_assets / "SimpleSkin" / "SimpleSkin.gltf")
    scene.kept.clear()
    save(scene, tmp_path / "a.glb")
    after = document(tmp_path / "a.glb")
    assert after["asset"]["generator"] == f"metarender {mr.__version__}"
    assert len(after["animations"]) == len(load(tmp_path / "a.glb").clips) == 1  # what the scene itself has is saved from its arrays


# ---- files ----


def test_a_scene_may_be_saved_over_its_own_file(tmp_path):
    file = GltfFile()
    file.node(mesh=file.mesh())
    path = file.external(tmp_path)
    scene = load(path)
    mr.save(scene, path)
    whole = files(tmp_path)
    mr.save(load(path), path)
    assert files(tmp_path) == whole and set(whole) == {"model.gltf", "model.bin"}


@pytest.mark.parametrize("name", ["a b#ü%20?.gltf", ".gltf.gltf", "😀.gltf"])
def test_any_name_of_a_file_works(tmp_path, local_assets, name):
    scene = load(local_assets / "TextureTransformTest" / "TextureTransformTest.gltf")
    save(scene, tmp_path / name)
    assert load(tmp_path / name).store.draw_count == scene.store.draw_count
    assert all(found.startswith(name[: -len(".gltf")]) for found in files(tmp_path))


def test_promise_6_an_error_leaves_the_old_file(tmp_path):
    (tmp_path / "a.glb").write_bytes(b"old")
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), mr.Standard()))

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mr.save(scene, tmp_path / "a.glb", progress=stop)
    assert files(tmp_path) == {"a.glb": b"old"}
    with pytest.raises(mr.InvalidInput, match="embed must be True or False, not 1"):
        mr.save(scene, tmp_path / "a.gltf", embed=1)
    assert files(tmp_path) == {"a.glb": b"old"}


def test_progress_ends_with_everything(tmp_path):
    scene, seen = made_scene(), []
    mr.save(scene, tmp_path / "a.gltf", progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen) and seen[-1][0] == seen[-1][1] == sum(map(len, files(tmp_path).values()))


# ---- figures ----


def figure(second=1):
    """A strip on two joints with two morphs, twice: two nodes share a mesh and a skin, each with joints of its own."""
    scene = mr.Scene()
    positions = np.array([[x, y, 0] for y in range(4) for x in (0, 1)], "f4")
    joints = np.zeros((8, 4), np.uint16)
    joints[:4, 1], joints[4:, 0] = second, 1
    weights = np.tile(np.array([0.75, 0.25, 0, 0], "f4"), (8, 1))
    morphs = [mr.Morph(np.full((8, 3), 0.5, "f4"), np.zeros((8, 3), "f4"), name="smile"), mr.Morph(positions * 0.25)]
    indices = [k + o for k in (0, 2, 4) for o in (0, 1, 2, 2, 1, 3)]
    geometry = mr.Geometry(positions=positions, normals=np.tile([[0, 0, 1]], (8, 1)), indices=indices, joints=joints, weights=weights,
                           morphs=morphs)
    mesh = mr.Mesh(geometry, mr.Standard(double_sided=True), weights=(0.25, 0.0))
    inverse = np.tile(np.eye(4), (2, 1, 1))
    inverse[1, 1, 3] = -2
    skin = mr.Skin(inverse, name="bones")
    for side in (-2, 2):
        hip = scene.add(None, position=(side, 0, 0))
        knee = scene.add(None, hip, position=(0, 2, 0), rotation=(0, 0, 0.6, 0.8))
        scene.bind(scene.add(mesh), skin, [hip, knee])
    return scene


def test_skins_and_morphs_made_in_code_come_back(tmp_path, renderer):
    scene = figure()
    last = list(scene.nodes)[-1]
    last.weights = (0.5, 1.0)
    again = check_twice(scene, tmp_path, ".glb")
    assert pictures(renderer, again) == pictures(renderer, scene)
    after = document(tmp_path / "a" / "model.glb")
    assert (len(after["meshes"]), len(after["skins"]), after["skins"][0]["name"]) == (1, 2, "bones")
    assert after["meshes"][0]["weights"] == [0.25, 0.0] and after["meshes"][0]["extras"] == {"targetNames": ["smile", ""]}
    assert [node.get("weights") for node in after["nodes"] if "mesh" in node] == [None, [0.5, 1.0]]
    old, new = (next(g for g in each.geometry_list if g is not None) for each in (scene, again))
    for field in ("positions", "joints", "weights", "indices"):
        assert getattr(old, field).tobytes() == getattr(new, field).tobytes()
    assert [morph.name for morph in new.morphs] == ["smile", ""]
    assert new.morphs[1].positions.tobytes() == old.morphs[1].positions.tobytes()


def test_the_validator_finds_no_errors_in_figures(tmp_path):
    save(figure(), tmp_path / "figure.glb")
    save(figure(second=0), tmp_path / "twice.glb")  # half of the vertices name joint 0 twice
    save(mr.Scene(), tmp_path / "empty.glb")
    check_valid([(tmp_path / "empty.glb", tmp_path / "figure.glb"), (tmp_path / "empty.glb", tmp_path / "twice.glb")])


def test_a_figure_that_follows_other_joints_gets_another_skin(tmp_path, local_assets, renderer):
    scene = load(local_assets / "SimpleSkin" / "SimpleSkin.gltf")
    node = next(node for node in scene.nodes if node.skin is not None)
    joints = node.joints[::-1].copy()
    scene.bind(node, node.skin, joints)
    again = check_twice(scene, tmp_path, ".glb")
    assert pictures(renderer, again) == pictures(renderer, scene)
    scene.bind(node, None)
    save(scene, tmp_path / "free.glb")
    assert "skin" not in document(tmp_path / "free.glb")["nodes"][0]


# ---- clips ----


def acting_scene():
    """Nodes moved in every way, some together, and a material, a light and a camera that change."""
    scene = mr.Scene()
    paint = mr.Standard(color="red", name="paint")
    boxes = [scene.add(mr.Mesh(mr.box(1), paint), position=(2 * k, 0, 0), name=f"box {k}") for k in range(4)]
    lamp, eye = mr.PointLight("white", 3.0), mr.PerspectiveCamera(40)
    scene.add(lamp, position=(0, 3, 0))
    scene.add(eye, position=(3, 0, 12))
    times, half = [0.0, 0.5, 2.0], np.sqrt(0.5)
    lift = np.zeros((3, 2, 3))
    lift[1:, :, 1] = [[1, 2], [0.5, -1]]
    bend = np.zeros((3, 3, 3))
    bend[:, 1] = [[1, 1, 1], [2, 1, 1], [1, 1, 3]]
    scene.add_clip(mr.Clip("all at once", [
        mr.Track(boxes[:2], "position", times, lift + [[[0, 0, 0], [2, 0, 0]]]),
        mr.Track(boxes[1:3], "rotation", times, [[0, 0, 0, 1], [0, half, 0, half], [0, 1, 0, 0]], "step"),
        mr.Track(boxes[3], "scale", times, bend, "cubic"),
        mr.Track(paint, "roughness", times, [0.0, 1.0, 0.25]),
        mr.Track(paint, "color", times, [[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1]]),
        mr.Track(lamp, "intensity", times, [3.0, 0.0, 9.0]),
        mr.Track(eye, "fov", times, [40.0, 60.0, 20.0]),
    ], extras={"takt": 7}))
    figures = figure()
    strip = next(node for node in figures.nodes if node.mesh is not None)
    figures.add_clip(mr.Clip("smile", [mr.Track(strip, "weights", [0.0, 1.0], [[0.0, 0.0], [1.0, 0.5]])]))
    scene.add(figures, position=(0, -6, 0))
    return scene


def test_clips_made_in_code_come_back(tmp_path, renderer):
    scene = acting_scene()
    again = check_twice(scene, tmp_path, ".glb")
    assert [clip.name for clip in again.clips] == ["all at once", "smile"] and again.clips[0].extras == {"takt": 7}
    for each in (scene, again):
        for clip in each.clips:
            each.play(clip)
    for seconds in (0.0, 0.3, 1.7):
        scene.at(seconds), again.at(seconds)
        for old, new in zip(scene.nodes, again.nodes, strict=True):
            np.testing.assert_allclose(new.world_matrix, old.world_matrix, atol=1e-6)
            np.testing.assert_allclose(new.weights, old.weights, atol=1e-6)
        for each in ("roughness", "color"):
            old, new = (getattr(s.find("box 0").mesh.primitives[0][1], each) for s in (scene, again))
            np.testing.assert_allclose(new, old, atol=1e-6)
        np.testing.assert_allclose(again.cameras[0].camera.fov, scene.cameras[0].camera.fov, rtol=1e-6)
        np.testing.assert_allclose(again.lights[0].light.intensity, scene.lights[0].light.intensity, atol=1e-6)


def test_the_validator_finds_no_errors_in_clips(tmp_path):
    save(mr.Scene(), tmp_path / "empty.glb")
    save(acting_scene(), tmp_path / "acting.glb")
    check_valid([(tmp_path / "empty.glb", tmp_path / "acting.glb")])


def test_parts_that_a_clip_moves_are_nodes(tmp_path):
    scene, parts = parts_scene(100)
    scene.add_clip(mr.Clip("out", [mr.Track(parts.ids[[4, 40]], "position", [0, 1], np.arange(12.0).reshape(2, 2, 3)),
                                   mr.Track(parts.ids[:3], "ghost", [0, 1], [0, 1])]))
    assert "curves of the ghost of parts" in save(scene, tmp_path / "a.glb")
    again = load(tmp_path / "a.glb")
    assert places(again) != places(scene) and again.find("part 40 é").name == "part 40 é"
    again.play(again.clips["out"], loop="once")
    again.at(1.0)
    np.testing.assert_array_equal(again.find("part 40 é").position, [9, 10, 11])


def test_a_clip_of_a_copied_scene_goes_with_its_nodes(tmp_path, local_assets):
    path = local_assets / "SimpleSkin" / "SimpleSkin.gltf"
    both, one = mr.Scene(), load(path)
    both.add(one), both.add(one)
    save(both, tmp_path / "a.glb")
    again = load(tmp_path / "a.glb")
    assert len(again.clips) == len(both.clips) == 2
    targets = [{int(number) for track in clip.tracks for number in track.target} for clip in again.clips]
    assert targets[0] and not targets[0] & targets[1]


def circular():
    extras = {}
    extras["self"] = extras
    return extras


def deep():
    extras = {}
    for _ in range(5000):
        extras = {"a": extras}
    return extras


@pytest.mark.parametrize("extras", [{"a": float("nan")}, {"a": np.float32(1)}, {"a": b"x"}, {"a": "\ud800"}, circular(), deep()],
                         ids=["nan", "numpy", "bytes", "surrogate", "circular", "deep"])
@pytest.mark.parametrize("whose", ["node", "light"])
def test_extras_that_json_cannot_hold_are_refused_with_their_place(tmp_path, extras, whose):
    scene = mr.Scene()
    scene.add(None)
    light = mr.PointLight("white", 1)
    node = scene.add(light)
    (node if whose == "node" else light).extras.update(extras)
    place = r"nodes\[1\]" if whose == "node" else "An entry of lights"
    with pytest.raises(mr.AssetError, match=f"{place} of the glTF file cannot be written as JSON"):
        mr.save(scene, tmp_path / "a.glb")
    assert list(tmp_path.iterdir()) == []


def test_an_infinite_number_of_a_file_is_refused_at_the_save(tmp_path):
    (tmp_path / "a.gltf").write_text('{"asset":{"version":"2.0"},"scene":0,"scenes":[{"nodes":[0]}],"nodes":[{}],"extras":{"a":1e999}}')
    with pytest.raises(mr.AssetError, match="the document of the glTF file cannot be written as JSON"):
        mr.save(mr.load(tmp_path / "a.gltf"), tmp_path / "b.gltf")


def test_parts_that_a_skin_follows_are_nodes_of_the_file(tmp_path):
    scene = mr.Scene()
    parts = scene.add_instances(mr.box(1), mr.Standard(), matrices=np.tile(np.eye(4), (4, 1, 1)))
    geometry = mr.Geometry(positions=np.eye(3), joints=np.zeros((3, 4), np.uint16), weights=np.tile(np.float32([1, 0, 0, 0]), (3, 1)))
    node = scene.add(mr.Mesh(geometry, mr.Standard()), name="skin")
    scene.bind(node, mr.Skin(np.tile(np.eye(4), (2, 1, 1))), parts.ids[1:3])
    mr.save(scene, tmp_path / "a.glb")
    skinned = next(node for node in mr.load(tmp_path / "a.glb").nodes if node.name == "skin")
    assert len(skinned.joints) == 2 and skinned.skin is not None


def seen(scene):
    """The texture coordinates that colour and emission of a material read."""
    ((geometry, material),) = [pair for node in scene.nodes for pair in node.mesh.primitives]
    return [float((geometry.uv0, geometry.uv1)[info.tex_coord][0, 0]) for info in (material.color_texture, material.emissive_texture)]


def two_sets(texture=None, material=None):
    """A triangle with coordinates 0.25 and 0.5, of which its colour reads the second and its emission the first."""
    arrays = {f"uv{number}": np.full((3, 2), 0.25 * (number + 1)) for number in (0, 1)}
    texture = texture or mr.Texture(PIXELS, srgb=True)
    material = material or mr.Standard(color_texture=mr.TextureInfo(texture, 1), emissive_texture=mr.TextureInfo(texture, 0))
    return mr.Geometry(positions=np.eye(3), indices=[0, 1, 2], **arrays), material


def test_materials_and_geometries_of_different_texture_coordinates_meet(tmp_path):
    scene = mr.Scene()
    scene.add(mr.Mesh(*two_sets()))
    mr.save(scene, tmp_path / "low.gltf")
    file = json.loads((tmp_path / "low.gltf").read_text())
    attributes, material = file["meshes"][0]["primitives"][0]["attributes"], file["materials"][0]
    attributes |= {"TEXCOORD_2": attributes["TEXCOORD_0"], "TEXCOORD_3": attributes["TEXCOORD_1"]}
    attributes |= {"TEXCOORD_0": attributes["TEXCOORD_3"], "TEXCOORD_1": attributes["TEXCOORD_3"]}
    material["pbrMetallicRoughness"]["baseColorTexture"]["texCoord"], material["emissiveTexture"]["texCoord"] = 3, 2
    (tmp_path / "high.gltf").write_text(json.dumps(file))
    ((geometry, loaded),) = next(iter(mr.load(tmp_path / "high.gltf").nodes)).mesh.primitives
    for pair in ((geometry, loaded), (geometry, two_sets()[1]), two_sets(material=loaded)):
        made = mr.Scene()
        made.add(mr.Mesh(*pair))
        assert seen(made) == [0.5, 0.25]
        mr.save(made, tmp_path / "met.glb")
        assert seen(mr.load(tmp_path / "met.glb")) == [0.5, 0.25]


def test_legends_are_told_to_be_left_out(tmp_path):
    scene = mr.Scene()
    scene.legends = [mr.Legend(mr.Colormap.viridis(0, 1), title="heat")]
    with pytest.warns(AssetWarning, match="saved without legends"):
        mr.save(scene, tmp_path / "a.glb")
