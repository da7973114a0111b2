"""One-feature files: equal reference pictures must render to equal bytes, different ones to different pictures."""

from __future__ import annotations

import json
import os
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import metarender as mr

ASSETS = os.environ.get("METARENDER_ASSETS", "")
FOLDER = Path(ASSETS) / "asset-generator"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not ASSETS, reason="METARENDER_ASSETS does not name the folder of asset-generator")]

GROUPS = ("Buffer_Interleaved", "Material", "Material_AlphaBlend", "Material_DoubleSided", "Material_MetallicRoughness",
          "Mesh_PrimitiveAttribute", "Mesh_PrimitiveMode", "Mesh_PrimitiveVertexColor", "Mesh_Primitives")
"""Groups with a still picture for each file. Not here: Animation_* (they move), Compatibility (no pictures, see below) and
Material_Mixed (its files differ by KHR_materials_pbrSpecularGlossiness, which is archived and not drawn)."""


LIKE_THE_REFERENCES = {"tone_mapping": "none", "exposure": 1.2}
"""The reference viewer maps no tones and its whites clip; a roughness that only whites could show is not seen there either."""


def models(group):
    return next(entry["models"] for entry in json.loads((FOLDER / "Manifest.json").read_text()) if entry["folder"] == group)


def differing(a, b):
    """Pixels in which any channel differs by more than 8 of 255."""
    return int((np.abs(a.astype(int) - b.astype(int)).max(-1) > 8).sum())


def draw(renderer, model):
    camera = mr.PerspectiveCamera(fov=45)
    camera.look_at(model["camera"]["translation"], (0, 0, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mr.io.AssetWarning)     # optional extensions that are not drawn
        scene = mr.load(FOLDER / model["fileName"])
    return renderer.render(scene, camera).color


@pytest.mark.parametrize("group", GROUPS)
def test_equal_references_are_equal_and_different_ones_differ(group):
    listed = models(group)
    references = [np.asarray(Image.open(FOLDER / model["sampleImageName"]).convert("RGBA")) for model in listed]
    with mr.Renderer(size=(400, 400), **LIKE_THE_REFERENCES) as renderer:
        pictures = [draw(renderer, model) for model in listed]
    assert all((picture[..., 3] > 0).sum() > 500 or group == "Mesh_PrimitiveMode" for picture in pictures)
    faults = []
    for (i, a), (j, b) in combinations(enumerate(listed), 2):
        apart, ours = differing(references[i], references[j]), differing(pictures[i], pictures[j])
        pair = f"{a['fileName']} and {b['fileName']}"
        if np.array_equal(references[i], references[j]) and not np.array_equal(pictures[i], pictures[j]):
            faults.append(f"{pair} should be equal and differ in {(pictures[i] != pictures[j]).any(-1).sum()} pixels")
        if apart >= 20 and ours < 20:
            faults.append(f"{pair} should differ ({apart} pixels) and do in {ours}")
    assert not faults, "\n".join(faults)


def test_compatible_files_are_equal_and_incompatible_ones_refused():
    """Future minor versions and what they add are ignored; a required version or extension that is unknown is refused."""
    listed = {model["fileName"]: model for model in models("Compatibility")}
    pictures = {}
    with mr.Renderer(size=(200, 200)) as renderer:
        for name, model in listed.items():
            if model["loadable"]:
                pictures[name] = draw(renderer, model)
            else:
                with pytest.raises(mr.GltfError):
                    mr.load(FOLDER / name)
    first, *others, fallback = (pictures[f"Compatibility_{number}.gltf"] for number in ("00", "01", "02", "03", "06"))
    assert all(np.array_equal(first, picture) for picture in others)
    assert np.array_equal(first[..., 3], fallback[..., 3]) and differing(first, fallback) > 500     # 06 falls back to a dielectric
