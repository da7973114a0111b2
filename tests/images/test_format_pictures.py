"""A picture of every asset in a plain format, as it was looked at; and saved in every format it looks the same."""

import warnings

import numpy as np
import pytest
from PIL import Image

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


STAGE = """#usda 1.0
(
    metersPerUnit = 0.01
    upAxis = "Z"
)
def Mesh "floor" (prepend apiSchemas = ["MaterialBindingAPI"]) {
    int[] faceVertexCounts = [4]
    int[] faceVertexIndices = [0, 1, 2, 3]
    point3f[] points = [(-60, -60, 0), (60, -60, 0), (60, 60, 0), (-60, 60, 0)]
    texCoord2f[] primvars:st = [(0, 0), (3, 0), (3, 3), (0, 3)] (interpolation = "faceVarying")
    uniform token subdivisionScheme = "none"
    rel material:binding = </checker>
}
def Material "checker" {
    token outputs:surface.connect = </checker/surface.outputs:surface>
    def Shader "surface" {
        uniform token info:id = "UsdPreviewSurface"
        color3f inputs:diffuseColor.connect = </checker/picture.outputs:rgb>
        float inputs:roughness = 0.4
        token outputs:surface
    }
    def Shader "picture" {
        uniform token info:id = "UsdUVTexture"
        asset inputs:file = @checker.png@
        float3 outputs:rgb
    }
}
def PointInstancer "posts" {
    int[] protoIndices = [0, 0, 0, 0]
    point3f[] positions = [(-40, -40, 0), (40, -40, 0), (40, 40, 0), (-40, 40, 0)]
    float3[] scales = [(1, 1, 1), (1, 1, 2), (1, 1, 3), (1, 1, 4)]
    rel prototypes = [</posts/post>]
    def Mesh "post" {
        int[] faceVertexCounts = [3, 3, 3, 3]
        int[] faceVertexIndices = [0, 1, 3, 1, 2, 3, 2, 0, 3, 0, 2, 1]
        point3f[] points = [(10, 0, 0), (-5, 8, 0), (-5, -8, 0), (0, 0, 15)]
        color3f[] primvars:displayColor = [(1, 0.2, 0), (0, 0.5, 1), (1, 0.8, 0), (0, 0, 0)] (interpolation = "uniform")
    }
}
"""


def test_a_usd_stage_looks_as_it_did(tmp_path, render, golden):
    pytest.importorskip("pxr")
    squares = (np.indices((32, 32)) // 16).sum(axis=0) % 2 * 160 + 60
    Image.fromarray(np.repeat(squares[..., None], 3, axis=2).astype(np.uint8)).save(tmp_path / "checker.png")
    (tmp_path / "stage.usda").write_text(STAGE)
    scene = mr.load(tmp_path / "stage.usda")
    scene.background = "#e8ecf0"
    golden(render(scene, seen_from(scene, (0.6, 0.7, 1.0)), size=(240, 180)).color, "formats_stage_usda")


def test_a_cloud_of_coloured_points_looks_as_it_did(tmp_path, render, golden):
    turn = np.arange(4000) * 2.399963  # a sphere of equal steps, far from home
    height = np.linspace(-1, 1, 4000)
    around = np.sqrt(1 - height**2)
    points = np.stack([around * np.cos(turn), around * np.sin(turn), height], axis=1) + (4_649_000, 500_000, 100)
    colors = np.stack([255 * (height + 1) / 2, 128 + 127 * np.sin(turn), 255 - 255 * (height + 1) / 2], axis=1).astype(int)
    np.savetxt(tmp_path / "cloud.xyz", np.concatenate([points, colors], axis=1), "%.6f")
    scene = mr.load(tmp_path / "cloud.xyz")
    scene.background = "#e8ecf0"
    golden(render(scene, seen_from(scene, (1.0, 0.6, 1.0)), size=(240, 180), point_size=4).color, "formats_cloud_xyz")
