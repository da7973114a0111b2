"""EXT_mesh_gpu_instancing of nodes with morph weights or a skin: what a file asks for is drawn, animated, saved again, or told."""

import json
import warnings

import numpy as np
import pytest
from gltf_files import TRIANGLE, GltfFile

import metarender as mr
from metarender._core import DEFORM
from metarender.io import AssetWarning

PLACES = np.array([[0, 0, 0], [2, 0, 0], [0, 3, 0]], "f4")
CAMERA = mr.PerspectiveCamera(fov=50).look_at((1, 1.5, 9), (1, 1.5, 0))


def morphed(file, **extra):
    """A triangle with two morphs."""
    up, out = np.array([[0, 0, 0], [0, 0, 0], [0, 1, 0]], "f4"), np.array([[0, 0, 0], [1, 0, 0], [0, 0, 0]], "f4")
    targets = [{"POSITION": file.accessor(shift, bounds=True)} for shift in (up, out)]
    return file.mesh(targets=targets, **extra)


def instancing(file):
    file.document["extensionsUsed"] = ["EXT_mesh_gpu_instancing"]
    return {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": file.accessor(PLACES)}}}


def animate(file, node, values):
    """An animation of the weights of a node, over a second."""
    times, output = file.accessor(np.array([0, 1], "f4"), bounds=True), file.accessor(np.array(values, "f4").reshape(-1, 1))
    file.document["animations"] = [{"channels": [{"sampler": 0, "target": {"node": node, "path": "weights"}}],
                                    "samplers": [{"input": times, "output": output}]}]


def model(folder, instanced, weights=None):
    """Three triangles whose weights are animated: instances of one node, or a node each."""
    file = GltfFile()
    mesh = morphed(file, weights=[0.25, 0])
    node = {"mesh": mesh, "translation": [0, 0.5, 0], "rotation": [0, 0, 0.6, 0.8]} | ({} if weights is None else {"weights": weights})
    if instanced:
        file.document["nodes"] = [node | {"extensions": instancing(file)}]
        file.document["scenes"] = [{"nodes": [0]}]
        animate(file, 0, [[0, 0], [1, 2]])
    else:
        parts = [{key: node[key] for key in ("mesh", "weights") if key in node} | {"translation": place.tolist()} for place in PLACES]
        above = {"translation": node["translation"], "rotation": node["rotation"], "children": [1, 2, 3]}
        file.document["nodes"] = [above, *parts]
        file.document["scenes"] = [{"nodes": [0]}]
        animate(file, 1, [[0, 0], [1, 2]])
        channels = file.document["animations"][0]["channels"]
        channels += [{"sampler": 0, "target": {"node": node, "path": "weights"}} for node in (2, 3)]
    return file.glb(folder, "instances.glb" if instanced else "nodes.glb")


def pictures(renderer, scene):
    """At rest and at three times of the first clip."""
    taken = [renderer.render(scene, CAMERA).color.tobytes()]
    action = scene.play(scene.clips[0])
    for seconds in (0.2, 0.5, 0.9):
        scene.at(seconds)
        taken.append(renderer.render(scene, CAMERA).color.tobytes())
    action.stop()
    scene.at(0)
    return taken


@pytest.mark.parametrize("weights", [None, [0.5, 0.25]])
def test_instances_of_a_node_with_morph_weights_are_animated_like_nodes(tmp_path, renderer, weights):
    scene, nodes = (mr.load(model(tmp_path, instanced, weights)) for instanced in (True, False))
    assert len(scene.parts[0]) == 3 and scene.store.row_count(DEFORM) <= 3  # one row of weights for all
    taken = pictures(renderer, scene)
    assert taken == pictures(renderer, nodes) and len(set(taken)) == 4
    hit, wanted = (each.raycast((0.2, 3.7, 5), (0, 0, -1)) for each in (scene, nodes))
    np.testing.assert_array_equal(scene.bounds, nodes.bounds)
    assert (hit is None) == (wanted is None) and (hit is None or hit.distance == wanted.distance)


def test_a_save_keeps_instances_their_weights_and_what_animates_them(tmp_path, renderer):
    scene = mr.load(model(tmp_path, True))
    scene.parts[0].scene.node(int(scene.parts[0].ids[0])).parent.weights = (0.75, 0.5)
    mr.save(scene, tmp_path / "saved.glb")
    again = mr.load(tmp_path / "saved.glb")
    assert len(again.parts[0]) == 3 and pictures(renderer, again) == pictures(renderer, scene)
    mr.save(again, tmp_path / "twice.glb")
    assert (tmp_path / "twice.glb").read_bytes() == (tmp_path / "saved.glb").read_bytes()


def edited(scene, edit):
    parts = scene.parts[0]
    if edit == "moved":
        parts[1].position = (2, 1, 0)
    elif edit == "own weights":
        parts[1].weights = (1, 1)
    elif edit == "hidden":
        parts[1].visible = False
    elif edit == "all but one removed":
        parts.remove(parts.ids[1:])
    return scene


@pytest.mark.parametrize("edit", ["moved", "own weights", "hidden", "all but one removed"])
def test_a_save_of_instances_that_changed_animates_what_still_shows_the_weights_above(tmp_path, renderer, edit):
    scene = edited(mr.load(model(tmp_path, True)), edit)
    mr.save(scene, tmp_path / "saved.gltf")
    again = mr.load(tmp_path / "saved.gltf")
    assert pictures(renderer, again) == pictures(renderer, scene)
    saved = json.loads((tmp_path / "saved.gltf").read_text())
    driven = {channel["target"]["node"] for animation in saved["animations"] for channel in animation["channels"]}
    assert driven and all("mesh" in saved["nodes"][node] for node in driven)


def test_parts_made_in_code_keep_their_weights_in_a_save(tmp_path, renderer):
    ball = mr.sphere(0.5, 12, 8)
    geometry = mr.Geometry(positions=ball.positions, normals=ball.normals, indices=ball.indices, morphs=[mr.Morph(ball.positions)])
    scene, matrices = mr.Scene(), np.tile(np.eye(4), (5, 1, 1))
    matrices[:, 0, 3] = np.arange(5)
    parts = scene.add_instances(geometry, mr.Standard(), matrices=matrices)
    for part, weight in zip(parts, (0, 0, 1, 1, 0.5), strict=True):
        part.weights = [weight]
    owner = scene.add(mr.Mesh(geometry, mr.Standard()), position=(0, 2, 0))
    scene.add_instances(geometry, mr.Standard(), matrices=matrices[:3], parent=owner)
    owner.weights = [0.3]
    scene.add_clip(mr.Clip("swell", [mr.Track(owner, "weights", [0, 1], [[0.1], [1]])]))
    mr.save(scene, tmp_path / "saved.glb")
    again = mr.load(tmp_path / "saved.glb")
    assert sorted(len(found) for found in again.parts) == [2, 2, 3]
    assert pictures(renderer, again) == pictures(renderer, scene)


def skinned(folder, **node):
    """A triangle that follows one joint, instanced three times."""
    file = GltfFile()
    mesh = file.mesh(TRIANGLE, JOINTS_0=np.zeros((3, 4), "u1"), WEIGHTS_0=np.tile(np.array([1, 0, 0, 0], "f4"), (3, 1)))
    file.document["nodes"] = [{"mesh": mesh, "skin": 0, "translation": [50, 0, 0], "extensions": instancing(file)} | node,
                              {"translation": [1, 1, 0]}]
    file.document["skins"] = [{"joints": [1]}]
    file.document["scenes"] = [{"nodes": [0, 1]}]
    return file.glb(folder)


def test_of_instances_of_a_skinned_mesh_one_is_drawn_at_its_joints_and_the_others_are_told(tmp_path, renderer):
    with pytest.warns(AssetWarning, match="instances of skinned meshes but one each, at its joints, since glTF does not say"):
        scene = mr.load(skinned(tmp_path))
    assert not scene.parts and scene.store.draw_count == 1
    np.testing.assert_allclose(scene.bounds, [[1, 1, 0], [2, 2, 0]])
    joint = next(node for node in scene.nodes if node.mesh is None)
    joint.position = (3, 0, 0)
    np.testing.assert_allclose(scene.bounds, [[3, 0, 0], [4, 1, 0]])
    mr.save(scene, tmp_path / "saved.glb")
    with pytest.warns(AssetWarning, match="instances of skinned meshes"):
        again = mr.load(tmp_path / "saved.glb")
    np.testing.assert_allclose(again.bounds, scene.bounds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssetWarning)
        mr.save(again, tmp_path / "twice.glb")
    assert (tmp_path / "twice.glb").read_bytes() == (tmp_path / "saved.glb").read_bytes()
