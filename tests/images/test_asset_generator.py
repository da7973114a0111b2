"""One-feature files: equal reference pictures must render to equal bytes, different ones to different pictures."""

from __future__ import annotations

import json
import os
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import metarender as mr

ASSETS = os.environ.get("METARENDER_ASSETS", "")
FOLDER = Path(ASSETS) / "asset-generator"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not ASSETS, reason="METARENDER_ASSETS does not name the folder of asset-generator")]

GROUPS = ("Buffer_Interleaved", "Material", "Material_AlphaBlend", "Material_DoubleSided", "Material_MetallicRoughness", "Material_Mixed",
          "Mesh_PrimitiveAttribute", "Mesh_PrimitiveMode", "Mesh_PrimitiveVertexColor", "Mesh_Primitives")
"""Groups with a still picture for each file; Animation_* move, Compatibility has no pictures."""


def models(group):
    return next(entry["models"] for entry in json.loads((FOLDER / "Manifest.json").read_text()) if entry["folder"] == group)


def differing(a, b):
    """Pixels in which any channel differs by more than 8 of 255."""
    return int((np.abs(a.astype(int) - b.astype(int)).max(-1) > 8).sum())


def draw(renderer, model):
    camera = mr.PerspectiveCamera(fov=45)
    camera.position = model["camera"]["translation"]
    return renderer.render(mr.load(FOLDER / model["fileName"]), camera).color


@pytest.mark.parametrize("group", GROUPS)
def test_equal_references_are_equal_and_different_ones_differ(group):
    listed = models(group)
    references = [np.asarray(Image.open(FOLDER / model["sampleImageName"]).convert("RGBA")) for model in listed]
    with mr.Renderer(size=(400, 400)) as renderer:
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
    """Files that name future versions or unknown optional features draw the same; required unknown ones are refused."""
    listed = models("Compatibility")
    pictures = {}
    with mr.Renderer(size=(200, 200)) as renderer:
        for model in listed:
            if model["loadable"]:
                pictures[model["fileName"]] = draw(renderer, model)
            else:
                with pytest.raises(mr.GltfError):
                    mr.load(FOLDER / model["fileName"])
    assert len(pictures) == 5
    first = next(iter(pictures.values()))
    assert all(np.array_equal(first, picture) for picture in pictures.values())
