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

GROUPS = ("Animation_Skin", "Buffer_Interleaved", "Material", "Material_AlphaBlend", "Material_DoubleSided", "Material_MetallicRoughness",
          "Mesh_PrimitiveAttribute", "Mesh_PrimitiveMode", "Mesh_PrimitiveVertexColor", "Mesh_Primitives")
"""Groups with still pictures. Not here: what moves (see below), Compatibility (no pictures, see below) and
Material_Mixed (its files differ by KHR_materials_pbrSpecularGlossiness, which is archived and not drawn)."""


LIKE_THE_REFERENCES = {"tone_mapping": "none", "exposure": 1.2}
"""The reference viewer maps no tones and its whites clip; a roughness that only whites could show is not seen there either."""


def models(group, kind=".png"):
    """The files of a group that have references of a kind, or none."""
    listed = next(entry["models"] for entry in json.loads((FOLDER / "Manifest.json").read_text()) if entry["folder"] == group)
    return [model for model in listed if model.get("sampleImageName", kind).endswith(kind)]


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


MOVING = ("Animation_Node", "Animation_SamplerType", "Animation_Skin")
FRAMES = 9
"""Pictures compared of each moving reference; they are spread over one turn of its clip, which its frames show in equal steps."""


def shape_of(picture):
    """Where a frame of a moving reference shows something: not the plain backdrop, which stands in its corner."""
    pixels = np.asarray(picture.convert("RGB"), int)
    return np.abs(pixels - pixels[0, 0]).max(-1) > 16


def references_of(model):
    """Silhouettes of the reference at equal steps of time, (FRAMES, h, w)."""
    with Image.open(FOLDER / model["sampleImageName"]) as picture:
        shapes = []
        for step in range(FRAMES):
            picture.seek(step * picture.n_frames // FRAMES)
            shapes.append((step * picture.n_frames // FRAMES / picture.n_frames, shape_of(picture)))
    return shapes


def silhouettes(renderer, model, shares):
    """Ours at shares of the clip."""
    camera = mr.PerspectiveCamera(fov=45)
    camera.look_at(model["camera"]["translation"], (0, 0, 0))
    scene = mr.load(FOLDER / model["fileName"])
    scene.play(scene.clips[0])
    found = []
    for share in shares:
        scene.at(share * scene.clips[0].duration)
        found.append(renderer.render(scene, camera).color[..., 3] > 127)
    return found


def overlap(a, b):
    return (a & b).sum() / max((a | b).sum(), 1)


@pytest.mark.parametrize("group", MOVING)
def test_moving_files_stand_where_their_references_do(group):
    """Frame by frame the silhouette of the reference, and better there than half a step earlier or later, where that shows."""
    compared = 0
    for model in models(group, ".gif"):
        references = references_of(model)
        size = references[0][1].shape[::-1]
        shares = [share for share, _ in references]
        with mr.Renderer(size=size, **LIKE_THE_REFERENCES) as renderer:
            ours = silhouettes(renderer, model, shares)
            others = silhouettes(renderer, model, [(share + 0.25) % 1 for share in shares])
        for number, ((_, reference), picture, other) in enumerate(zip(references, ours, others, strict=True)):
            match = overlap(reference, picture)
            assert match > 0.85, f"{model['fileName']}, picture {number}: {match:.3f} of the silhouettes is shared"
            if overlap(reference, other) < 0.75:
                compared += 1
                assert match > overlap(reference, other) + 0.1
    assert compared >= 5 * (group != "Animation_SamplerType")


@pytest.mark.parametrize("group", MOVING)
def test_moving_files_differ_where_their_references_do(group):
    """The relative test, picture by picture: ones that are equal there are equal here, ones that differ there differ here."""
    listed = models(group, ".gif")
    references = [references_of(model) for model in listed]
    with mr.Renderer(size=references[0][0][1].shape[::-1], **LIKE_THE_REFERENCES) as renderer:
        ours = [silhouettes(renderer, model, [share for share, _ in reference])
                for model, reference in zip(listed, references, strict=True)]
    for i, j in combinations(range(len(listed)), 2):
        for (_, a), (_, b), mine, other in zip(references[i], references[j], ours[i], ours[j], strict=True):
            there, here = (a ^ b).sum(), (mine ^ other).sum()
            pair = f"{listed[i]['fileName']} and {listed[j]['fileName']}: {there} pixels there, {here} here"
            assert here > 0.5 * there - 60 and there > 0.5 * here - 60, pair


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
