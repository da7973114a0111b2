"""A picture of every asset in a plain format, as it was looked at; and saved in every format it looks the same."""

import warnings

import numpy as np
import pytest

import metarender as mr
from metarender.io import AssetWarning

FILES = (
    "cad/trimesh/cycloidal.ply", "cad/trimesh/featuretype.3MF", "cad/trimesh/featuretype.STL", "cad/trimesh/featuretype.ply",
    "formats/3MF/box.3mf", "formats/OBJ/box.obj", "formats/OBJ/concave_polygon.obj", "formats/OBJ/cube_with_vertexcolors.obj",
    "formats/OBJ/point_cloud.obj", "formats/PLY/cube_binary.ply", "formats/PLY/cube_uv.ply", "formats/PLY/points.ply",
    "formats/STL/sphereWithHole.stl", "formats/STL/triangle_with_two_solids.stl", "formats/trimesh/angle_block.STL",
    "formats/trimesh/points_ascii.ply", "formats/trimesh/points_bin.ply", "formats/trimesh/quadknot.obj",
)
FROM = {"formats/OBJ/concave_polygon.obj": (3.0, 0.4, 0.8), "formats/PLY/points.ply": (3.0, 1.0, 1.0),
        "formats/STL/sphereWithHole.stl": (-0.3, -1.0, 0.5), "formats/STL/triangle_with_two_solids.stl": (1.0, 3.0, 1.0)}


def load(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssetWarning)  # a material library is missing, as it is in the wild
        return mr.load(path)


def seen_from(scene, direction):
    lower, upper = scene.bounds
    middle = (lower + upper) / 2
    size = float(np.linalg.norm(upper - lower))
    camera = mr.PerspectiveCamera(fov=30, near=size / 100)
    return camera.look_at(middle + np.array(direction) / np.linalg.norm(direction) * size * 2.2, middle)


def test_every_asset_is_in_the_list(assets):
    kinds = {".obj", ".stl", ".ply", ".3mf"}
    found = {str(path.relative_to(assets)) for folder in ("formats", "cad") for path in (assets / folder).rglob("*")
             if path.suffix.lower() in kinds}
    assert found == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_an_asset_looks_as_it_did(name, assets, render, golden):
    scene = load(assets / name)
    scene.background = "#e8ecf0"
    picture = render(scene, seen_from(scene, FROM.get(name, (1.0, 0.8, 1.2))), size=(240, 180), point_size=7).color
    golden(picture, "formats_" + name.rpartition("/")[2].lower().replace(".", "_"))


@pytest.mark.parametrize("suffix", [".stl", ".obj", ".ply", ".3mf"])
@pytest.mark.parametrize("name", ["formats/3MF/box.3mf", "cad/trimesh/featuretype.STL"])
def test_saved_in_any_format_it_looks_the_same(name, suffix, assets, tmp_path, render):
    scene = load(assets / name)
    mr.save(scene, tmp_path / f"again{suffix}")
    again = mr.load(tmp_path / f"again{suffix}")
    for each in (scene, again):
        for material in (material for material in each.material_list if material is not None):
            material.color, material.roughness = (0.6, 0.6, 0.6), 0.6  # STL and PLY have no materials
    camera = seen_from(scene, (1.0, 0.8, 1.2))
    before, after = (render(each, camera, size=(160, 120)).color.astype(int) for each in (scene, again))
    assert (before[..., 3] > 0).sum() > 2000
    assert (np.abs(before - after).max(axis=2) > 8).sum() < 20
