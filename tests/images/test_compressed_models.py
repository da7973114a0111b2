"""Compressed models look as their plain ones do, and as they did; the pictures of textures of Basis Universal too."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import metarender as mr

CORPUS = Path(__file__).parents[1] / "fuzz" / "corpus"
PAIRS = {
    "gltf/ext/Box/glTF-Draco/Box.gltf": ("gltf/core/Box/glTF-Binary/Box.glb", "DracoPy"),
    "gltf/ext/RiggedSimple/glTF-Draco/RiggedSimple.gltf": ("gltf/core/RiggedSimple/glTF-Binary/RiggedSimple.glb", "DracoPy"),
    "gltf/ext/BoxMeshopt/BoxMeshopt.glb": ("gltf/core/Box/glTF-Binary/Box.glb", "meshoptimizer"),
    "gltf/ext/BoxMeshopt/BoxMeshopt.gltf": ("gltf/core/Box/glTF-Binary/Box.glb", "meshoptimizer"),
    "gltf/ext/derived-meshopt/Fox.meshopt.glb": ("gltf/core/Fox/glTF-Binary/Fox.glb", "meshoptimizer"),
    "gltf/ext/derived-meshopt/MorphStressTest.meshopt.glb": ("gltf/core/MorphStressTest/glTF-Binary/MorphStressTest.glb", "meshoptimizer"),
}
"""Compressed file -> the plain one of the same model, and the library that reads the first."""


def load(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mr.io.AssetWarning)
        return mr.load(path)


def apart(one, other):
    """Share of the drawn pixels in which any channel differs by more than 8 of 255."""
    drawn = (one[..., 3] > 0) | (other[..., 3] > 0)
    return ((np.abs(one.astype(int) - other).max(axis=-1) > 8) & drawn).sum() / drawn.sum()


@pytest.mark.parametrize("name", PAIRS)
def test_a_compressed_model_looks_as_the_plain_one(assets, render, name):
    """Quantised corners move silhouettes by less than a pixel; another side of the model differs by far more."""
    plain, library = PAIRS[name]
    pytest.importorskip(library)
    scenes = [load(assets / path) for path in (name, plain)]
    camera = mr.PerspectiveCamera(fov=45).orbit(0.7, 1.1, 1.0).frame(scenes[1].bounds)
    ours, theirs = (render(scene, camera, size=(256, 256)).color for scene in scenes)
    turned = render(scenes[1], mr.PerspectiveCamera(fov=45).orbit(0.9, 1.1, 1.0).frame(scenes[1].bounds), size=(256, 256)).color
    assert (theirs[..., 3] > 0).sum() > 2000 and apart(ours, theirs) < 0.02 < 2 * 0.02 < apart(turned, theirs)


def test_draco_and_basis_pictures(local_assets, render, golden):
    """A grid that was packed with seams and joints, beside both codecs of Basis Universal as colours."""
    pytest.importorskip("DracoPy")
    codec = pytest.importorskip("opengl_basisu")
    from metarender.io import Limits
    from metarender.io.ktx2 import read_basis
    from metarender.io.limits import Budget

    scene = mr.Scene()
    scene.add(load(CORPUS / "draco-sound-edgebreaker.glb"), position=(-4.0, -3.0, 0.0))
    for place, name in enumerate(("2d_etc1s.ktx2", "2d_uastc.ktx2")):
        picture = read_basis((local_assets / "textures" / name).read_bytes(), codec, Budget(Limits()), "")
        texture = mr.Texture.from_blocks(picture.levels, picture.size, srgb=True)
        scene.add(mr.Mesh(mr.plane((4, 4)), mr.Unlit(color_texture=texture)), position=(7.0, 2.5 - 5.0 * place, 0.0),
                  rotation=(np.sqrt(0.5), 0, 0, np.sqrt(0.5)))
    camera = mr.PerspectiveCamera(fov=40).look_at((3.0, -6.0, 16.0), (2.0, 0.0, 0.5))
    golden(render(scene, camera, size=(240, 160)).color)


def test_the_lamp_of_ktx2_textures(assets, render, golden):
    """Four textures of Basis Universal with their own levels: colours, normals, and numbers."""
    pytest.importorskip("opengl_basisu")
    scene = load(assets / "gltf/ext/AnisotropyBarnLamp/glTF-KTX2-Basisu/AnisotropyBarnLamp.gltf")
    golden(render(scene, mr.PerspectiveCamera(fov=45).orbit(0.6, 1.2, 1.0).frame(scene.bounds), size=(256, 256)).color)
