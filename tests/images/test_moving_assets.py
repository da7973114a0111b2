"""Every animated file of the assets at three times of a clip: it moves where its tracks do, and scrubbed back it gives the same bytes."""

import math
import os
import warnings
from pathlib import Path

import numpy as np
import pytest

import metarender as mr
from metarender.humans import Motion
from metarender.io import AssetWarning

ASSETS = os.environ.get("METARENDER_ASSETS", "")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not ASSETS, reason="METARENDER_ASSETS does not name the folder of third-party models")]

FOLDERS = ("asset-generator", "cad", "formats", "gltf", "tiles3d")
MOMENTS = (0.0, 1 / 3, 2 / 3)
ANIMATED = 27
"""Files of the assets with clips."""
FEWEST = 20
"""Pixels beyond 8 of 255 in which pictures differ that are not equal."""
MOVED = 0.01
"""Change of a number of a pose, in metres or without unit, that a picture should show."""
STANDING = {"05_metallic_sphere_light.gltf": "its clip turns a node below which nothing is drawn: the file has lost its lights"}


def load(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssetWarning)  # what is not drawn, such as transmission
        return mr.load(path)


def drawn_and_posed(scene):
    """(n,) numbers of where things stand that are drawn: world matrices of nodes with meshes and of their joints, and weights of morphs."""
    found = []
    for node in scene.nodes:
        if node.mesh is not None:
            joints = [] if node.skin is None else [scene.node(joint).world_matrix for joint in node.joints.tolist()]
            found += [np.ravel(part) for part in (node.world_matrix, *joints, node.weights)]
    return np.concatenate(found)


def framed(scene, times):
    """A camera that sees the scene at all times."""
    boxes = []
    for seconds in times:
        scene.at(seconds)
        boxes.append(scene.bounds)
    boxes = np.array(boxes)
    camera = mr.PerspectiveCamera().orbit(math.radians(30), math.radians(65), 1.0)
    return camera.frame([boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)])


def differing(a, b):
    return int((np.abs(a.astype(int) - b.astype(int)).max(axis=-1) > 8).sum())


def animated():
    """Every file that a loader knows and that has clips, loaded."""
    for folder in FOLDERS:
        for path in sorted((Path(ASSETS) / folder).rglob("*")):
            if path.suffix.lower() in mr.io.loaders():
                try:
                    scene = load(path)
                except mr.GltfError:
                    continue  # those that must be refused are listed in test_gltf_assets.py
                if scene.clips:
                    yield path, scene


def test_every_animated_file_moves_and_scrubs_back(renderer):
    """`renderer` is on a debug device: a GL error fails the test."""
    pytest.importorskip("meshoptimizer")
    count = 0
    for path, scene in animated():
        count += 1
        clip = scene.clips[0]
        scene.play(clip)
        times = [share * clip.duration for share in MOMENTS]
        camera, pictures, poses = framed(scene, times), [], []
        for seconds in (*times, *times[::-1]):
            scene.at(seconds)
            pictures.append(renderer.render(scene, camera).color)
            poses.append(drawn_and_posed(scene))
        assert (pictures[0][..., 3] > 0).sum() > 100, f"{path.name} shows nothing"
        for there, back in zip(pictures[:3], pictures[:2:-1], strict=True):
            assert np.array_equal(there, back), f"{path.name} scrubbed back is another picture"
        moved = [k for k in (1, 2) if np.abs(poses[k] - poses[0]).max() > MOVED]
        assert bool(moved) != (path.name in STANDING), f"{path.name}: nothing that is drawn moves, or it is listed and does"
        for k in moved:
            assert differing(pictures[k], pictures[0]) >= FEWEST, f"{path.name} looks at {times[k]:.2f} s as it did at the start"
        if not moved:
            assert all(np.array_equal(picture, pictures[0]) for picture in pictures), f"{path.name} moves and has no track that does"
    assert count == ANIMATED


def bones(motion: Motion, row: int) -> mr.Scene:
    child = np.flatnonzero(motion.skeleton.parents >= 0)
    places, _ = motion.world()
    ends = np.stack([motion.skeleton.parents[child], child], axis=1).ravel()
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.Geometry(positions=places[row, ends], topology="lines"), mr.Unlit(color="white")))
    return scene


def test_every_captured_motion_moves(renderer, local_assets):
    found = sorted((Path(ASSETS) / "mocap").glob("*.bvh"))
    assert found
    for path in (*found, local_assets / "mocap" / "131_01.bvh"):
        motion = mr.io.read_bvh(path, scale=0.0254 / 0.45)
        pictures = [renderer.render(bones(motion, int(share * len(motion.times)))).color for share in MOMENTS]
        assert all((picture[..., 3] > 0).sum() > 100 for picture in pictures)
        assert differing(pictures[0], pictures[1]) > FEWEST and differing(pictures[1], pictures[2]) > FEWEST
        assert 1.2 < np.ptp(motion.world()[0][0, :, 1]) < 2.2, f"{path.name}: nobody is as tall as that, in metres"
