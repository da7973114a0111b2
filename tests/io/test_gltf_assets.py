"""Real files: every valid one loads or is listed here with the reason; the small set of the repository keeps this alive."""

import importlib.util
import warnings

import numpy as np
import pytest

import metarender as mr
from metarender.io import AssetWarning

NOT_LOADED = {
    "Compatibility_04.gltf": "needs glTF 2.1",
    "Compatibility_05.gltf": "FAKE_materials_quantumRendering",
    "Mesh_PrimitiveRestart_00.gltf": "primitive restart value",
}
"""File -> what the refusal must say."""

DECODERS = {
    "BoxMeshopt.glb": "meshoptimizer", "BoxMeshopt.gltf": "meshoptimizer", "Fox.meshopt.glb": "meshoptimizer",
    "MorphStressTest.meshopt.glb": "meshoptimizer", "glTF-Draco/Box.gltf": "DracoPy", "glTF-Draco/RiggedSimple.gltf": "DracoPy",
}
"""File -> library without which it is refused."""

NOTHING_TO_DRAW = ("00_empty_scene", "image-webp", "image-basis-embedded", "Compatibility_03")


def load(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssetWarning)
        return mr.load(path)


def models(folder):
    return sorted(path for path in folder.rglob("*") if path.suffix in (".gltf", ".glb"))


def check(path):
    reason = next((text for name, text in NOT_LOADED.items() if path.as_posix().endswith("/" + name)), None)
    if reason is not None:
        with pytest.raises(mr.GltfError, match=reason):
            load(path)
        return
    decoder = next((library for name, library in DECODERS.items() if path.as_posix().endswith("/" + name)), None)
    if decoder is not None and importlib.util.find_spec(decoder) is None:
        with pytest.raises(mr.MissingExtra, match=decoder):
            load(path)
        return
    scene = load(path)
    scene.update()
    bounds = scene.bounds
    assert bounds is None or np.isfinite(bounds).all()
    assert scene.store.draw_count or path.stem in NOTHING_TO_DRAW


@pytest.mark.parametrize(("folder", "least"), [("gltf", 61), ("asset-generator", 61), ("cad", 15), ("tiles3d", 30)])
def test_every_valid_file_loads_or_is_listed(assets, folder, least):
    found = models(assets / folder)
    assert len(found) >= least
    for path in found:
        check(path)


def test_every_file_of_the_small_set_loads_or_is_listed(local_assets):
    found = models(local_assets)
    assert len(found) >= 20
    for path in found:
        check(path)


def test_the_box(local_assets):
    scene = load(local_assets / "Box" / "Box.glb")
    np.testing.assert_allclose(scene.bounds, [[-0.5] * 3, [0.5] * 3], atol=1e-6)
    (mesh,) = {node.mesh for node in scene.nodes} - {None}
    (geometry, material) = mesh.primitives[0]
    assert (geometry.vertex_count, geometry.index_count) == (24, 36)
    np.testing.assert_allclose(material.color, [0.8, 0, 0, 1], atol=1e-6)
    assert material.metallic == 0


def test_primitive_modes(local_assets):
    scene = load(local_assets / "MeshPrimitiveModes" / "MeshPrimitiveModes.gltf")
    found = sorted(g.topology for node in scene.nodes if node.mesh for g, _ in node.mesh.primitives)
    assert found == ["lines"] * 3 + ["points"] + ["triangles"] * 3


def test_rigged_and_morphed_files_draw_at_rest(local_assets):
    rigged = load(local_assets / "RiggedSimple" / "RiggedSimple.glb")
    size = np.ptp(rigged.bounds, axis=0)
    assert 4 < size.max() < 20
    morphed = load(local_assets / "SimpleMorph" / "SimpleMorph.gltf")
    np.testing.assert_allclose(morphed.bounds, [[0, 0, 0], [1, 1.5, 0]], atol=1e-6)
    skinned = load(local_assets / "SimpleSkin" / "SimpleSkin.gltf")
    np.testing.assert_allclose(skinned.bounds, [[-0.5, 0, 0], [0.5, 2, 0]], atol=1e-6)


def test_names_beyond_ascii(local_assets):
    scene = load(local_assets / "UnicodeTest" / "Unicode❤♻Test.gltf")
    assert any("❤" in name for node in scene.nodes if node.mesh for name in (node.name, node.mesh.name))


def test_quantized_morph_cube(local_assets):
    scene = load(local_assets / "AnimatedMorphCubeQuantized" / "AnimatedMorphCube.gltf")
    extent = np.ptp(scene.bounds, axis=0)
    np.testing.assert_allclose(extent, extent[0], rtol=0.01)


def test_instances_of_a_real_file(local_assets):
    assert load(local_assets / "SimpleInstancing" / "SimpleInstancing.glb").store.draw_count == 125


def test_cameras_of_a_real_file(local_assets):
    kinds = [type(node.camera).__name__ for node in load(local_assets / "Cameras" / "Cameras.gltf").cameras]
    assert sorted(kinds) == ["OrthographicCamera", "PerspectiveCamera"]


def test_scenes_of_a_real_file(local_assets):
    path = local_assets / "MultipleScenes" / "MultipleScenes.gltf"
    sizes = [mr.load(path, scene=number).store.draw_count for number in (0, 1)]
    assert all(sizes)


def test_every_file_of_the_small_set_is_credited(local_assets):
    text = (local_assets / "ATTRIBUTION.md").read_text("utf-8")
    for path in local_assets.rglob("*"):
        if path.is_file() and path.parent.name != "LICENSES" and path.name != "ATTRIBUTION.md":
            row = next(
                (line for line in text.splitlines() if line.startswith("|") and f"`{path.relative_to(local_assets).as_posix()}`" in line),
                "",
            )
            assert any(licence in row for licence in ("CC0-1.0", "CC-BY-4.0", "MIT", "CMU")), path.name
    assert sum(path.stat().st_size for path in local_assets.rglob("*") if path.is_file()) < 1_500_000
