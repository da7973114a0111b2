"""Skins, and which nodes follow which joints with which morph weights, as plain values and a few long arrays, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._core import joints_of
from ..deformation import Skin
from ..errors import CaptureError, InvalidInput, ReleasedError
from ..scene import Scene
from .archive import ArchiveReader
from .fields import Fields, plain_text
from .surfaces import OBJECT_BYTES

_MOST = 0xFFFFFF
_NONE = 0xFFFFFFFF
_ARRAYS = {"node": "<u4", "skin": "<u4", "morphs": "<u4"}
"""Of each pose: its node, its skin or ``_NONE``, and how many weights it has."""


def pose_values(scene: Scene, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Describe skins and poses; nothing for a scene without any. What is long goes to `arrays`."""
    ids, numbers, morphs, weights = _core.read_poses(scene.store)
    if not len(ids):
        return {}
    bound = numbers >= 0
    used, first = np.unique(numbers[bound], return_index=True)
    used = used[np.argsort(first)]
    skins = [scene._tables.skins[number] for number in used.tolist()]
    places = np.full(max(int(used.max(initial=-1)) + 2, 1), _NONE, np.uint32)  # the last one for those without: number -1
    places[used] = np.arange(len(used), dtype=np.uint32)
    arrays["poses/node"], arrays["poses/skin"], arrays["poses/morphs"], arrays["poses/weights"] = ids, places[numbers], morphs, weights
    joints = [joints_of(scene.store, number) for number in ids[bound].tolist()]
    arrays["poses/joints"] = np.concatenate([np.zeros(0, np.uint32), *joints])
    arrays["skins/inverse_bind"] = np.concatenate([np.zeros((0, 4, 4)), *(skin.inverse_bind_matrices for skin in skins)])
    return {"poses": {"count": len(ids), "joints": len(arrays["poses/joints"]), "weights": len(arrays["poses/weights"]),
                      "skins": [{"name": plain_text(skin.name), "joints": len(skin)} for skin in skins]}}


def read_poses(made: Scene, scene: Fields, archive: ArchiveReader) -> None:
    """Give the nodes of a scene their skins, joints and weights.

    Raises
    ------
    CaptureError
        What is said of poses cannot be, or is more than allowed.
    """
    if not scene.given("poses"):
        return
    poses = scene.part("poses")
    count, joints, weights = poses.whole("count", 0, _MOST), poses.whole("joints", 0, _NONE), poses.whole("weights", 0, _NONE)
    skins = _read_skins(poses.parts("skins"), archive)
    poses.done()
    archive.budget.take(OBJECT_BYTES * count, "A table of poses", poses.pointer)
    rows = {name: archive.array(f"poses/{name}", dtype, (count,)) for name, dtype in _ARRAYS.items()}
    followed = archive.array("poses/joints", "<u4", (joints,))
    values = archive.array("poses/weights", "<f4", (weights,))
    lengths = np.array([*(len(skin) for skin in skins), 0], np.int64)
    twice = len(np.unique(rows["node"])) < count or (rows["node"] == 0).any()
    if ((rows["skin"] != _NONE) & (rows["skin"] >= len(skins))).any() or twice:
        poses.refuse("a node has two poses, or a skin that is not there, or is the root")
    ends = np.cumsum(lengths[np.minimum(rows["skin"], len(skins))])
    stops = np.cumsum(rows["morphs"], dtype=np.int64)
    if (int(ends[-1]), int(stops[-1])) != (joints, weights) if count else joints + weights:
        poses.refuse("joints and weights must be as many as skins and nodes have")
    try:
        for morphs in np.unique(rows["morphs"]).tolist():
            made.store.hold_weights(rows["node"][rows["morphs"] == morphs], np.zeros(morphs, np.float32))
        made.store.set_morph_weights(rows["node"], np.concatenate([np.zeros(1, np.int64), stops]), values)
        bound = rows["skin"] != _NONE
        for number, skin, end in zip(*(array[bound].tolist() for array in (rows["node"], rows["skin"], ends)), strict=True):
            made.bind(made.node(number), skins[skin], followed[end - len(skins[skin]):end])
    except (InvalidInput, ReleasedError) as error:
        raise CaptureError(f"The poses of the capture are damaged: {str(error).rstrip('.')}.", "NODES_INVALID", poses.pointer) from None


def _read_skins(described: list[Fields], archive: ArchiveReader) -> list[Skin]:
    counts = [fields.whole("joints", 1, 65536) for fields in described]
    matrices, start, skins = archive.array("skins/inverse_bind", "<f8", (sum(counts), 4, 4)), 0, []
    for fields, count in zip(described, counts, strict=True):
        archive.budget.take(OBJECT_BYTES + 128 * count, "A skin", fields.pointer)
        name = fields.text("name")
        fields.done()
        with fields.refusing():
            skins.append(Skin(matrices[start:start + count], name))
        start += count
    return skins
