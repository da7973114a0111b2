"""What all plain formats share: round trips of any scene, options, progress, and files that change nothing when they fail."""

import os
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import metarender as mr
from metarender.io import AssetWarning, Limits

SUFFIXES = (".stl", ".obj", ".ply", ".3mf")


def any_scene(rng):
    """A tree of boxes and triangles at any place, turned, scaled and mirrored; some with colours, some without normals."""
    scene = mr.Scene()
    group = scene.add(None, position=rng.uniform(-3, 3, 3), rotation=(0, 0.6, 0, 0.8), scale=rng.choice([0.5, 1.0, -2.0]))
    for k in range(int(rng.integers(1, 4))):
        count = int(rng.integers(3, 9))
        corners = rng.permutation(np.arange(3 * (count // 2)) % count)
        arrays = {"positions": rng.uniform(-1, 1, (count, 3)), "indices": corners.astype(np.uint32)}
        if rng.random() < 0.5:
            arrays["colors"] = rng.integers(0, 256, (count, 3)).astype(np.uint8)
        if rng.random() < 0.5:
            arrays["uv0"] = rng.uniform(-2, 2, (count, 2))
        color = tuple(int(c) for c in rng.integers(0, 256, 3))
        mesh = mr.Mesh(mr.Geometry(**arrays), mr.Standard(color=color, name=f"m{k}"))
        scene.add(mesh, group, position=rng.uniform(-2, 2, 3), name=f"part {k}")
    return scene


def triangles(scene):
    """Corners of all triangles in world space, each starting at its lowest corner, in a fixed order; and the colour of each corner."""
    from metarender.drawn import drawn, facing, material_color, moved

    rows = []
    for part in drawn(scene):
        colors = np.ones((part.geometry.vertex_count, 4)) if part.geometry.colors is None else part.geometry.colors
        colors = colors * np.array(material_color(part.material))
        for corner in facing(part.geometry, part.matrix):
            row = np.concatenate([moved(part.geometry, part.matrix)[corner], colors[corner, :3]], axis=1)
            whole = len({tuple(p) for p in row[:, :3].tolist()}) == 3
            lowest = min(range(3), key=lambda k: tuple(np.round(row[k, :3], 4)))
            if whole:
                rows.append(np.roll(row, -lowest, axis=0))
    return np.array(sorted(rows, key=lambda row: tuple(np.round(row[:, :3], 4).ravel()))).reshape(-1, 3, 6)


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1 << 30))
def test_what_was_saved_reads_back(tmp_path_factory, suffix, seed):
    scene = any_scene(np.random.default_rng(seed))
    path = tmp_path_factory.mktemp("saved") / f"a{suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssetWarning)  # nothing here is closed
        mr.save(scene, path)
        first = path.read_bytes()
        mr.save(scene, path)
    assert path.read_bytes() == first
    before, after = triangles(scene), triangles(mr.load(path))
    assert before.shape == after.shape
    np.testing.assert_allclose(after[..., :3], before[..., :3], atol=3e-6)
    if suffix != ".stl":  # colours are bytes in files, sRGB
        several = len({tuple(c) for c in np.round(before[..., 3:].reshape(-1, 3), 9).tolist()}) > 1
        if several or suffix != ".ply":
            np.testing.assert_allclose(after[..., 3:], before[..., 3:], atol=6e-3)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_load_async_takes_options_and_progress_ends_complete(tmp_path, suffix):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(0.01), mr.Standard()))
    mr.save(scene, tmp_path / f"a{suffix}")
    calls = []
    options = {} if suffix == ".3mf" else {"unit": "inch"}
    again = mr.load_async(tmp_path / f"a{suffix}", progress=lambda done, total: calls.append((done, total)), **options).result()
    assert calls and calls[-1][0] == calls[-1][1]
    written = {".stl": 1e-3, ".3mf": 0.0254}.get(suffix, 1.0)  # what one unit of the file is
    np.testing.assert_allclose(np.ptp(again.bounds, axis=0), 0.01 * 0.0254 / written, rtol=1e-5)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".xyz"])
def test_promise_6_one_scene_only_and_limits_hold(tmp_path, suffix):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.sphere(0.01, segments=64, rings=64), mr.Standard()))
    path = tmp_path / f"a{suffix}"
    if suffix == ".xyz":
        path.write_text("1 2 3\n" * 20_000)
    else:
        mr.save(scene, path)
    with pytest.raises(mr.InvalidInput, match="holds one scene; leave scene='x' out"):
        mr.load(path, scene="x")
    with pytest.raises(mr.AssetError, match=r"raise Limits\.file_bytes"):
        mr.load(path, limits=Limits(file_bytes=100))
    with pytest.raises(mr.AssetError, match="LIMIT_EXCEEDED"):
        mr.load(path, limits=Limits(total_bytes=path.stat().st_size + 1000))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_promise_6_nothing_shown_is_refused_and_the_old_file_stays(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"old")
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), mr.Standard())).visible = False
    with pytest.raises(mr.AssetError, match="would be empty; make visible what is to be saved"):
        mr.save(scene, path)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == [path.name]


def test_pictures_and_materials_of_an_obj_read_back(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 4)).astype(np.uint8)
    pixels[..., 3] = 255
    texture = mr.TextureInfo(mr.Texture(pixels, srgb=True), 0, (0.25, 0.5), 0.0, (2.0, 3.0))
    rough, bumps = mr.Texture(pixels, srgb=False), mr.Texture(pixels, srgb=False)
    material = mr.Standard(color=(10, 200, 30, 128), alpha_mode="blend", metallic=0.25, roughness=0.75, emissive=(0, 0, 255),
                           name="fancy one", color_texture=texture, metallic_roughness_texture=rough, normal_texture=bumps)
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), material), name="box")
    mr.save(scene, tmp_path / "a.obj")
    assert sorted(os.listdir(tmp_path)) == ["a.mtl", "a.obj", *(f"a_{k}.png" for k in range(4))]
    (node,) = mr.load(tmp_path / "a.obj").nodes
    (geometry, found), = node.mesh.primitives
    assert node.name == "box" and found.name == "fancy_one" and geometry.index_count == 36
    np.testing.assert_allclose(found.color, material.color, atol=1e-6)
    assert (found.metallic, found.roughness, found.alpha_mode) == (0.25, 0.75, "blend")
    assert found.emissive == pytest.approx(material.emissive, abs=1e-6)
    assert (found.color_texture.scale, found.color_texture.offset) == ((2.0, 3.0), (0.25, 0.5))
    np.testing.assert_array_equal(found.color_texture.texture.pixels, pixels)
    np.testing.assert_array_equal(found.normal_texture.texture.pixels, pixels)
    np.testing.assert_array_equal(found.metallic_roughness_texture.texture.pixels[..., 1:3], pixels[..., 1:3])


def test_materials_of_one_name_keep_their_colours_apart(tmp_path):
    scene = mr.Scene()
    for number in range(40):
        steel = mr.Standard(color=(number / 40, 0, 0), name="steel_2" if number == 7 else "steel")
        scene.add(mr.Mesh(mr.box(0.1), steel), name=f"b{number}")
    mr.save(scene, tmp_path / "a.obj")
    names = [line for line in (tmp_path / "a.mtl").read_text().splitlines() if line.startswith("newmtl")]
    again = {node.name: node.mesh.primitives[0][1].color[0] for node in mr.load(tmp_path / "a.obj").nodes if node.mesh is not None}
    assert len(set(names)) == 40 and np.allclose([again[f"b{number}"] for number in range(40)], np.arange(40) / 40, atol=1e-6)
