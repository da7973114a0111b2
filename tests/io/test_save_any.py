"""Any scene that code can make is saved to files that load, draw as much, and pass the Khronos validator."""

import contextlib
import warnings

import numpy as np
import pytest
from test_save_gltf import errors_of, load, save

import metarender as mr
from metarender.io import AssetWarning

WIDTHS = {"position": 3, "rotation": 4, "scale": 3, "weights": 2, "color": 4, "visible": 1}


def any_geometry(rng):
    count = int(rng.integers(3, 9))
    some = {
        "normals": rng.normal(size=(count, 3)), "uv0": rng.random((count, 2)), "uv1": rng.random((count, 2)),
        "colors": 1.2 * rng.random((count, 4)), "tangents": np.concatenate([rng.normal(size=(count, 3)), np.ones((count, 1))], axis=1),
    }
    arrays = {name: array for name, array in some.items() if rng.random() < 0.4}
    if rng.random() < 0.3:
        arrays |= {"joints": rng.integers(0, 2, (count, 4)).astype(np.uint16), "weights": rng.random((count, 4)).astype(np.float32)}
    if rng.random() < 0.3:
        arrays["morphs"] = [mr.Morph(*(rng.normal(size=(count, 3)) for _ in range(rng.integers(1, 4)))) for _ in range(2)]
    topology = str(rng.choice(["triangles", "triangles", "lines", "points"]))
    corners = int(rng.integers(1, 4)) * {"triangles": 3, "lines": 2, "points": 1}[topology]
    indices = rng.integers(0, count, corners).astype(np.uint32)
    return mr.Geometry(positions=rng.normal(size=(count, 3)), indices=indices, topology=topology, name=str(rng.choice(["", "g"])), **arrays)


def any_material(rng):
    texture = mr.Texture(rng.integers(0, 256, (2, 2, 4)).astype(np.uint8), srgb=True)
    kind = mr.Standard if rng.random() < 0.7 else mr.Unlit
    return kind(color=tuple(rng.random(4)), alpha_mode=str(rng.choice(["opaque", "mask", "blend"])),
                color_texture=mr.TextureInfo(texture, int(rng.integers(0, 2))) if rng.random() < 0.4 else None)


def any_place(rng):
    if rng.random() < 0.3:
        matrix = np.eye(4)
        matrix[:3] = rng.normal(size=(3, 4)) if rng.random() < 0.5 else np.diag(rng.choice([0.0, 1.0, 2.0, -1.0], 3)) @ np.eye(3, 4)
        return {"matrix": matrix}
    return {"position": rng.normal(size=3), "rotation": rng.normal(size=4), "scale": rng.choice([1.0, 2.0, 0.0, -1.0], 3)}


def any_track(rng, nodes):
    path, curve = str(rng.choice([*WIDTHS])), str(rng.choice(["step", "linear", "cubic"]))
    keys = int(rng.integers(1, 4))
    values = rng.normal(size=(keys, 3, WIDTHS[path]) if curve == "cubic" else (keys, WIDTHS[path]))
    return mr.Track([nodes[k] for k in rng.integers(len(nodes), size=2)], path, np.sort(rng.random(keys)), values, curve)


def any_parts(scene, rng, nodes, geometry, material):
    matrices = np.tile(np.eye(4), (6, 1, 1))
    matrices[:, :3, 3] = rng.normal(size=(6, 3)) * rng.choice([1.0, 1e4])
    matrices[0, 0, 1] = rng.choice([0.0, 0.5])
    parts = scene.add_instances(geometry, material, matrices=matrices, parent=nodes[0] if rng.random() < 0.5 else None)
    parts.set(slice(0, 2), color="red")
    parts.set(slice(1, 3), visible=False)
    nodes.append(scene.node(int(parts.ids[-1])))


def any_scene(seed):
    rng, scene = np.random.default_rng(seed), mr.Scene()
    root = scene.add(None, name="root")
    nodes, geometries, materials = [root], [any_geometry(rng) for _ in range(3)], [any_material(rng) for _ in range(2)]
    things = [mr.PointLight(tuple(2 * rng.random(3))), mr.DirectionalLight(direction=rng.normal(size=3)), mr.PerspectiveCamera(40), None]
    for _ in range(int(rng.integers(1, 8))):
        thing = things[rng.integers(4)]
        if rng.random() < 0.6:
            pairs = [(geometries[rng.integers(3)], materials[rng.integers(2)]) for _ in range(int(rng.integers(1, 3)))]
            thing = mr.Mesh(primitives=pairs)
        above = nodes[rng.integers(len(nodes))] if rng.random() < 0.5 else None
        nodes.append(scene.add(thing, above, name=str(rng.choice(["", "n", "é"])), **any_place(rng)))
    if rng.random() < 0.5:
        any_parts(scene, rng, nodes, geometries[0], materials[0])
    for node in nodes:
        if node.mesh is not None and any(geometry.joints is not None for geometry, _ in node.mesh.primitives) and rng.random() < 0.7:
            scene.bind(node, mr.Skin(np.tile(np.eye(4), (2, 1, 1))), [root, nodes[1]])
        if node.weights.size and rng.random() < 0.5:
            node.weights = rng.random(node.weights.size)
    for _ in range(int(rng.integers(0, 3))):
        with contextlib.suppress(mr.InvalidInput):  # values out of range
            scene.add_clip(mr.Clip("c", [any_track(rng, nodes) for _ in range(3)], duration=rng.choice([None, 4.0])))
    if rng.random() < 0.3:
        nodes[rng.integers(1, len(nodes))].remove()
    return scene


@pytest.mark.parametrize("part", range(3))
def test_any_scene_is_saved_to_files_that_load(tmp_path, part):
    for seed in range(20 * part, 20 * part + 20):
        scene = any_scene(seed)
        save(scene, tmp_path / f"{seed}.glb")
        again = load(tmp_path / f"{seed}.glb")
        assert again.store.draw_count == scene.store.draw_count, seed
        save(again, tmp_path / "b.glb")
        save(load(tmp_path / "b.glb"), tmp_path / "c.glb")
        assert (tmp_path / "b.glb").read_bytes() == (tmp_path / "c.glb").read_bytes(), seed
        for suffix in (".obj", ".ply", ".stl", ".3mf"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", AssetWarning)
                try:
                    mr.save(scene, tmp_path / f"a{suffix}")
                except mr.AssetError as error:
                    assert "would be empty" in str(error), seed
                    continue
                mr.load(tmp_path / f"a{suffix}")


def test_the_validator_finds_no_errors_in_any_scene(tmp_path):
    paths = [tmp_path / f"{seed}.glb" for seed in range(60)]
    for seed, path in enumerate(paths):
        save(any_scene(seed), path)
    assert {path.name: found for path, found in errors_of(paths).items() if found} == {}
