"""`metarender.load`: the registry of loaders, what it refuses, and that a description becomes a Scene."""

import math

import numpy as np
import pytest
from gltf_files import TRIANGLE, GltfFile, triangle

import metarender as mr
from metarender import io as mrio


def test_a_file_becomes_a_scene(tmp_path):
    file = triangle()
    file.document["nodes"][0] |= {"name": "part", "translation": [1, 2, 3], "children": [1], "extras": {"id": 5}}
    file.document["nodes"].append({"name": "child", "scale": [2, 2, 2], "mesh": 0})
    scene = mr.load(file.glb(tmp_path))
    part, child = scene.nodes
    assert (part.name, child.name, child.parent) == ("part", "child", part)
    assert part.extras == {"id": 5}
    assert part.mesh is child.mesh
    np.testing.assert_array_equal(part.position, [1, 2, 3])
    np.testing.assert_allclose(scene.bounds, [[1, 2, 3], [3, 4, 3]])


def test_a_node_may_carry_a_mesh_a_camera_and_a_light(tmp_path):
    file = triangle()
    file.document |= {
        "extensionsUsed": ["KHR_lights_punctual"],
        "extensions": {"KHR_lights_punctual": {"lights": [{"type": "point"}]}},
        "cameras": [{"type": "perspective", "perspective": {"yfov": 1, "znear": 0.1}}],
    }
    file.document["nodes"][0] |= {"camera": 0, "extensions": {"KHR_lights_punctual": {"light": 0}}}
    scene = mr.load(file.glb(tmp_path))
    (node,) = scene.nodes
    assert node.mesh is not None
    assert scene.cameras == [node]
    assert scene.lights == [node]
    assert node.camera.far == math.inf


def test_instances_are_made(tmp_path):
    file = GltfFile(extensionsUsed=["EXT_mesh_gpu_instancing"])
    moved = file.accessor(np.array([[1, 0, 0], [0, 2, 0], [0, 0, 3]], "f4"))
    file.node(mesh=file.mesh(), translation=[10, 0, 0], extensions={"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": moved}}})
    scene = mr.load(file.glb(tmp_path))
    assert scene.store.draw_count == 3
    np.testing.assert_allclose(scene.bounds, [[10, 0, 0], [12, 3, 3]])


def test_a_mirrored_node_is_kept(tmp_path):
    file = triangle()
    file.document["nodes"][0]["scale"] = [-1, 1, 1]
    scene = mr.load(file.glb(tmp_path))
    assert np.linalg.det(next(iter(scene.nodes)).world_matrix[:3, :3]) == pytest.approx(-1)


def test_a_matrix_keeps_its_bits(tmp_path):
    matrix = [0.1, 0.2, 0, 0, -0.2, 0.1, 0, 0, 0, 0, 0.3, 0, 1e7 + 0.25, 2, 3, 1]
    file = triangle()
    file.document["nodes"][0]["matrix"] = matrix
    node = next(iter(mr.load(file.glb(tmp_path)).nodes))
    np.testing.assert_allclose(node.matrix, np.reshape(matrix, (4, 4)).T, rtol=1e-7)
    np.testing.assert_array_equal(node.position, [1e7 + 0.25, 2, 3])


def test_promise_6_a_hundred_thousand_levels_become_a_scene(tmp_path):
    count = 100_000
    file = triangle()
    file.document["nodes"] = [{"children": [index + 1]} for index in range(count - 1)] + [{"mesh": 0}]
    scene = mr.load(file.glb(tmp_path))
    assert len(scene.nodes) == count
    np.testing.assert_allclose(scene.bounds, [[0, 0, 0], [1, 1, 0]])
    del scene


@pytest.mark.parametrize("factor", [1e300, 3e38])
def test_promise_6_transforms_without_a_finite_place_are_refused(tmp_path, factor):
    nodes = [{"scale": [factor] * 3, "children": [1]}, {"scale": [factor] * 3, "children": [2]}, {"translation": [factor, 0, 0]}]
    path = GltfFile(nodes=nodes, scenes=[{"nodes": [0]}]).embedded(tmp_path)
    with pytest.raises(mr.GltfError) as caught:
        mr.load(path)
    assert caught.value.pointer.startswith("/nodes/")


def test_progress_is_reported_and_ends_complete(tmp_path):
    path = triangle().glb(tmp_path)
    calls = []
    mr.load(path, progress=lambda done, total: calls.append((done, total)))
    assert calls[0] == (path.stat().st_size, path.stat().st_size)
    assert calls[-1] == (1, 1)
    assert all(0 <= done <= total for done, total in calls)


def test_a_scene_may_be_chosen(tmp_path):
    path = GltfFile(nodes=[{"name": "a"}, {"name": "b"}], scenes=[{"nodes": [0]}, {"nodes": [1], "name": "second"}]).embedded(tmp_path)
    assert [node.name for node in mr.load(path).nodes] == ["a"]
    assert [node.name for node in mr.load(path, scene="second").nodes] == ["b"]


def test_what_is_not_drawn_warns_once(tmp_path):
    file = triangle()
    file.document["extensionsUsed"] = ["VENDOR_a", "VENDOR_b"]
    with pytest.warns(mrio.AssetWarning, match=r"model\.glb has parts that are not drawn: the extensions VENDOR_a, VENDOR_b") as caught:
        mr.load(file.glb(tmp_path))
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_content_decides_between_the_two_containers(tmp_path):
    path = triangle().glb(tmp_path, "really_a_glb.gltf")
    assert len(mr.load(path).nodes) == 1
    wrong = triangle().embedded(tmp_path, "really_json.glb")
    with pytest.raises(mr.GltfError, match="GLB_INVALID_MAGIC"):
        mr.load(wrong)


@pytest.mark.parametrize("suffix", [".GLB", ".Glb"])
def test_suffixes_in_capitals(tmp_path, suffix):
    assert len(mr.load(triangle().glb(tmp_path, "model" + suffix)).nodes) == 1


def test_promise_6_mistakes_with_paths_say_what_to_do(tmp_path):
    with pytest.raises(mr.AssetError, match="does not exist; check the path"):
        mr.load(tmp_path / "missing.glb")
    with pytest.raises(mr.AssetError, match="is a folder; name a file in it"):
        mr.load(tmp_path)
    (tmp_path / "empty.glb").write_bytes(b"")
    with pytest.raises(mr.AssetError, match="is empty; export it again"):
        mr.load(tmp_path / "empty.glb")
    (tmp_path / "model.step").write_bytes(b"x")
    with pytest.raises(mr.AssetError, match=r"suffix '.step', which no loader knows; known are .*\.glb, \.gltf"):
        mr.load(tmp_path / "model.step")
    with pytest.raises(mr.AssetError, match="zero character"):
        mr.load("a\0b.glb")
    with pytest.raises(mr.InvalidInput, match="load needs a path, not int"):
        mr.load(3)
    with pytest.raises(mr.InvalidInput, match=r"must be a metarender\.io\.Limits"):
        mr.load(triangle().glb(tmp_path), limits=5)
    with pytest.raises(mr.InvalidInput, match=r"Limits\.nodes must be an int of at least 1"):
        mrio.Limits(nodes=0)


def test_a_loader_may_be_added(tmp_path):
    with pytest.raises(mr.InvalidInput, match=r"suffixes such as '.ply'"):
        mrio.loader("ply")

    @mrio.loader(".tri-test")
    def load_triangle(path, *, scene, limits, progress):
        made = mr.Scene()
        made.add(mr.Mesh(mr.Geometry(positions=TRIANGLE), mr.Unlit()), name=path.stem)
        return made

    assert mrio.loaders()[".tri-test"] is load_triangle
    (tmp_path / "hello.TRI-test").write_bytes(b"x")
    assert mr.load(tmp_path / "hello.TRI-test").find("hello") is not None
