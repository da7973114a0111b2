"""Animations of glTF files: every animated file against a second reader and the float64 model, pointers, data that is refused."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from animated_files import AnimatedFile
from gltf_files import TRIANGLE, GltfFile

import metarender as mr
from metarender.io import AssetWarning

sys.path.insert(0, str(Path(__file__).parents[1] / "scene"))
import animation_model as model

TIMES = 20
LOCAL = ("RiggedSimple/RiggedSimple.glb", "SimpleMorph/SimpleMorph.gltf", "SimpleSkin/SimpleSkin.gltf",
         "AnimatedMorphCubeQuantized/AnimatedMorphCube.gltf")


def apart(path, a, b):
    return min(np.abs(a - b).max(), np.abs(a + b).max()) if path == "rotation" else np.abs(a - b).max()


def check(path):
    """Compare everything that the clips of a file drive at twenty times each with the model; returns how many values were compared."""
    file = AnimatedFile(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssetWarning)
        scene = mr.load(path)
    nodes = dict(zip(file.order, scene.nodes, strict=False))
    compared = 0
    assert len(scene.clips) == len(file.document["animations"])
    for number, clip in enumerate(scene.clips):
        tracks = [track for track in file.tracks(number) if track[0] in nodes]
        action = scene.play(clip, loop="once")
        assert clip.duration > 0 and clip.name == file.document["animations"][number].get("name", "")
        for seconds in np.linspace(0, clip.duration, TIMES).tolist():
            scene.at(seconds)
            for node, what, times, values, curve in tracks:
                expected = model.sample(times, values, curve, seconds, what == "rotation")
                got = np.asarray(getattr(nodes[node], what), np.float64)
                assert apart(what, got, expected) < 1e-5 * max(1.0, np.abs(expected).max()), (path.name, node, what, seconds)
                compared += 1
        action.stop()
    return compared


@pytest.mark.parametrize("name", LOCAL)
def test_clips_of_the_small_set_match_the_float64_model(local_assets, name):
    assert check(local_assets / name) >= TIMES


def animated_files(assets):
    for folder in ("gltf", "asset-generator"):
        for path in sorted((assets / folder).rglob("*.gl*")):
            if path.suffix in (".gltf", ".glb") and "Draco" not in str(path) and "meshopt" not in str(path):
                text = path.read_bytes()
                if b'"animations"' in text:
                    yield path


def test_clips_of_every_animated_file_match_the_float64_model(assets):
    compared = {path.name: check(path) for path in animated_files(assets)}
    assert len(compared) >= 20 and all(count >= TIMES for count in compared.values()), compared
    assert sum(compared.values()) >= 2400


LAMP = {"type": "spot", "spot": {"innerConeAngle": 0.1, "outerConeAngle": 0.4}}


def test_a_compressed_mesh_plays_its_clip(assets):
    pytest.importorskip("DracoPy")
    assert check(assets / "gltf/ext/RiggedSimple/glTF-Draco/RiggedSimple.gltf") >= TIMES


@pytest.mark.parametrize(("plain", "packed", "allowed"), [
    ("core/Fox/glTF-Binary/Fox.glb", "Fox.meshopt.glb", {"rotation": 1e-3, "position": 2e-2}),
    ("core/MorphStressTest/glTF-Binary/MorphStressTest.glb", "MorphStressTest.meshopt.glb", {"weights": 0.5 / 255 + 1e-6}),
])
def test_packed_keys_play_like_the_plain_ones(assets, plain, packed, allowed):
    """The same clips with keys that EXT_meshopt_compression rounded and packed."""
    pytest.importorskip("meshoptimizer")
    scenes = [mr.load(path) for path in (assets / "gltf" / plain, assets / "gltf/ext/derived-meshopt" / packed)]
    compared = 0
    for clips in zip(*(scene.clips for scene in scenes), strict=True):
        assert clips[0].name == clips[1].name and clips[0].duration == pytest.approx(clips[1].duration, abs=1 / 30)
        actions = [scene.play(clip, loop="once") for scene, clip in zip(scenes, clips, strict=True)]
        for seconds in (np.linspace(0, clips[0].duration * 30, TIMES).astype(int) / 30).tolist():  # the packer took keys at 30 Hz
            for scene in scenes:
                scene.at(seconds)
            for tracks in zip(*(clip.tracks for clip in clips), strict=True):
                a, b = (getattr(scene.node(int(track.target[0])), track.path) for scene, track in zip(scenes, tracks, strict=True))
                assert apart(tracks[0].path, a, b) < allowed[tracks[0].path], (tracks, seconds)
                compared += 1
        for action in actions:
            action.stop()
    assert compared >= 3 * TIMES


def pointed(tmp_path, pointers, **document):
    """A file that animates what JSON pointers name, from 0 to 1 in a second; a node with mesh, material, camera and light."""
    file = GltfFile(materials=[{}], cameras=[{"type": "perspective", "perspective": {"yfov": 1.0, "znear": 0.5}}],
                    extensionsUsed=["KHR_animation_pointer", "KHR_lights_punctual", "KHR_node_visibility"],
                    extensions={"KHR_lights_punctual": {"lights": [LAMP]}})
    file.node(mesh=file.mesh(material=0), camera=0, extensions={"KHR_lights_punctual": {"light": 0}})
    times = file.accessor(np.array([0, 1], "f4"), bounds=True)
    channels, samplers = [], []
    for pointer, values in pointers.items():
        values = np.array(values)
        output = file.accessor(values if values.dtype == np.uint8 else values.astype("f4"))
        target = {"path": "pointer", "extensions": {"KHR_animation_pointer": {"pointer": pointer}}}
        channels.append({"sampler": len(samplers), "target": target})
        samplers.append({"input": times, "output": output})
    file.document["animations"] = [{"name": "all", "channels": channels, "samplers": samplers, "extras": {"kept": 1}}]
    file.document |= document
    return file.glb(tmp_path)


def test_pointers_drive_nodes_materials_lights_and_cameras(tmp_path):
    scene = mr.load(pointed(tmp_path, {
        "/nodes/0/translation": [[0, 0, 0], [2, 4, 6]], "/nodes/0/extensions/KHR_node_visibility/visible": np.array([[1], [0]], np.uint8),
        "/materials/0/pbrMetallicRoughness/baseColorFactor": [[0, 0, 0, 1], [1, 1, 1, 1]],
        "/materials/0/pbrMetallicRoughness/roughnessFactor": [[0], [1]], "/materials/0/emissiveFactor": [[0, 0, 0], [1, 0.5, 0]],
        "/cameras/0/perspective/yfov": [[0.5], [1.5]], "/extensions/KHR_lights_punctual/lights/0/intensity": [[0], [10]],
        "/extensions/KHR_lights_punctual/lights/0/spot/outerConeAngle": [[0.4], [1.2]]}))
    (node,), clip = scene.nodes, scene.clips["all"]
    assert clip.extras == {"kept": 1} and len(clip.tracks) == 8
    scene.play(clip, loop="once")
    scene.at(0.5)
    (_, material), = node.mesh.primitives
    assert node.position.tolist() == [1, 2, 3] and node.visible and material.color == (0.5, 0.5, 0.5, 1.0) and material.roughness == 0.5
    assert material.emissive == (0.5, 0.25, 0.0) and node.camera.fov == pytest.approx(np.degrees(1.0)) and node.light.intensity == 5
    assert node.light.outer_angle == pytest.approx(0.8) and node.light.inner_angle == pytest.approx(0.1)
    scene.at(1.0)
    assert not node.visible


def test_what_cannot_be_driven_is_named_in_a_warning(tmp_path):
    path = pointed(tmp_path, {"/materials/0/extensions/KHR_materials_ior/ior": [[1], [2]], "/nodes/7/scale": [[1, 1, 1], [2, 2, 2]],
                              "/cameras/0/perspective/aspectRatio": [[1], [2]], "/nodes/0/scale": [[1, 1, 1], [2, 2, 2]]})
    with pytest.warns(AssetWarning, match="/materials/0/extensions/KHR_materials_ior/ior and 2 more properties, which stand still"):
        scene = mr.load(path)
    assert [track.path for track in scene.clips[0].tracks] == ["scale"]


def test_the_weights_of_a_mesh_are_those_of_the_nodes_without_their_own(tmp_path):
    file = GltfFile(extensionsUsed=["KHR_animation_pointer"])
    target = file.accessor(TRIANGLE, bounds=True)
    mesh = file.mesh(targets=[{"POSITION": target}], weights=[0.0])
    for own in ({}, {}, {"weights": [0.25]}):
        file.node(mesh=mesh, **own)
    times, values = file.accessor(np.array([0, 1], "f4"), bounds=True), file.accessor(np.array([0, 1], "f4"))
    channel = {"sampler": 0, "target": {"path": "pointer", "extensions": {"KHR_animation_pointer": {"pointer": f"/meshes/{mesh}/weights"}}}}
    file.document["animations"] = [{"channels": [channel], "samplers": [{"input": times, "output": values}]}]
    scene = mr.load(file.glb(tmp_path))
    scene.play(scene.clips[0])
    scene.at(0.5)
    assert [node.weights.tolist() for node in scene.nodes] == [[0.5], [0.5], [0.25]]


def test_channels_of_another_scene_of_the_file_are_silent(local_assets, tmp_path):
    file = GltfFile()
    for _ in range(2):
        file.node()
    file.document["scenes"] = [{"nodes": [0]}, {"nodes": [1]}]
    times, values = file.accessor(np.array([0, 1], "f4"), bounds=True), file.accessor(np.zeros((2, 3), "f4"))
    sampler = {"input": times, "output": values}
    channels = [{"sampler": 0, "target": {"node": node, "path": path}} for node, path in ((0, "scale"), (1, "translation"))]
    file.document["animations"] = [{"channels": [*channels, {"sampler": 0, "target": {"path": "scale"}}], "samplers": [sampler]}]
    path = file.glb(tmp_path)
    for number, what in ((0, "scale"), (1, "position")):
        (track,) = mr.load(path, scene=number).clips[0].tracks
        assert track.path == what
