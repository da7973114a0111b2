"""Reads the animations of a glTF file a second time, by the letter and in float64, to compare with what the loader made of them."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path

import numpy as np

KINDS = {5120: ("i1", 127), 5121: ("u1", 255), 5122: ("<i2", 32767), 5123: ("<u2", 65535), 5125: ("<u4", 1), 5126: ("<f4", 1)}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
CURVES = {"LINEAR": "linear", "STEP": "step", "CUBICSPLINE": "cubic"}
ROTATION = "rotation"


class AnimatedFile:
    """The parts of a file that animations need.

    Attributes
    ----------
    order : list of int
        Nodes of the default scene as `Scene.nodes` lists them: depth-first, children in the order of the file.
    """

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        self.blob = b""
        if data[:4] == b"glTF":
            length = struct.unpack_from("<I", data, 12)[0]
            self.document = json.loads(data[20:20 + length])
            self.blob = data[28 + length:]
        else:
            self.document = json.loads(data)
        self.folder = path.parent
        nodes, scenes = self.document["nodes"], self.document["scenes"]
        pending = list(reversed(scenes[self.document.get("scene", 0)]["nodes"]))
        self.order = []
        while pending:
            self.order.append(pending.pop())
            pending += reversed(nodes[self.order[-1]].get("children", []))

    def _buffer(self, number):
        uri = self.document["buffers"][number].get("uri")
        if uri is None:
            return self.blob
        return base64.b64decode(uri.partition(",")[2]) if uri.startswith("data:") else (self.folder / uri).read_bytes()

    def accessor(self, number):
        """All numbers of an accessor, (n, w) float64."""
        accessor = self.document["accessors"][number]
        view = self.document["bufferViews"][accessor["bufferView"]]
        dtype, scale = KINDS[accessor["componentType"]]
        width, start = WIDTHS[accessor["type"]], view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        size = np.dtype(dtype).itemsize
        strides = view.get("byteStride", width * size), size
        raw = np.ndarray((accessor["count"], width), dtype, self._buffer(view["buffer"]), start, strides).astype(np.float64)
        return np.maximum(raw / scale, -1) if accessor.get("normalized") else raw

    def tracks(self, number):
        """Of an animation: (node, path of Track, times, values as Track keeps them, interpolation)."""
        animation = self.document["animations"][number]
        for channel in animation["channels"]:
            target, sampler = channel["target"], animation["samplers"][channel["sampler"]]
            plain = f"/nodes/{target.get('node')}/{target['path']}"
            where = target.get("extensions", {}).get("KHR_animation_pointer", {}).get("pointer", plain)
            _, kind, node, *rest = where.split("/")
            if kind != "nodes" or node == "None" or rest[0] not in ("translation", ROTATION, "scale", "weights"):
                continue
            times, values = self.accessor(sampler["input"])[:, 0], self.accessor(sampler["output"])
            curve = CURVES[sampler.get("interpolation", "LINEAR")]
            shape = (len(times), 3, 1, -1) if curve == "cubic" else (len(times), 1, -1)
            yield int(node), rest[0].replace("translation", "position"), times, values.reshape(shape), curve
