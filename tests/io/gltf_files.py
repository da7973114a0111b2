"""Writes small glTF files for the tests: accessors from numpy arrays, as .glb, .gltf with a .bin, or .gltf with data URIs."""

import base64
import copy
import json
import struct

import numpy as np

TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
COMPONENTS = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
TRIANGLE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "f4")


class GltfFile:
    """A glTF document that grows one accessor at a time; `document` may be edited freely."""

    def __init__(self, **document):
        self.document = {"asset": {"version": "2.0"}, **document}
        self.blob = bytearray()

    def view(self, data, **properties):
        self.blob += b"\0" * (-len(self.blob) % 4)
        views = self.document.setdefault("bufferViews", [])
        views.append({"buffer": 0, "byteOffset": len(self.blob), "byteLength": len(data), **properties})
        self.blob += bytes(data)
        return len(views) - 1

    def accessor(self, array, *, kind=None, normalized=False, bounds=False, stride=None, **properties):
        array = np.asarray(array)
        array = array.reshape(len(array), -1)
        if stride is not None:
            padded = np.zeros((len(array), stride), "u1")
            padded[:, : array.itemsize * array.shape[1]] = array.view("u1").reshape(len(array), -1)
            view = self.view(padded.tobytes(), byteStride=stride)
        else:
            view = self.view(array.tobytes())
        entry = {
            "bufferView": view,
            "componentType": COMPONENTS[array.dtype.str[1:]],
            "count": len(array),
            "type": kind or TYPES[array.shape[1]],
            **properties,
        }
        if normalized:
            entry["normalized"] = True
        if bounds:
            entry |= {"min": array.min(axis=0).tolist(), "max": array.max(axis=0).tolist()}
        accessors = self.document.setdefault("accessors", [])
        accessors.append(entry)
        return len(accessors) - 1

    def mesh(self, positions=TRIANGLE, *, indices=None, material=None, mode=None, targets=None, weights=None, **attributes):
        primitive = {"attributes": {"POSITION": self.accessor(positions, bounds=True) if not isinstance(positions, int) else positions}}
        for name, array in attributes.items():
            primitive["attributes"][name] = array if isinstance(array, int) else self.accessor(array)
        for key, value in (("indices", indices), ("material", material), ("mode", mode), ("targets", targets)):
            if value is not None:
                primitive[key] = self.accessor(value) if key == "indices" and not isinstance(value, int) else value
        mesh = {"primitives": [primitive]}
        if weights is not None:
            mesh["weights"] = weights
        meshes = self.document.setdefault("meshes", [])
        meshes.append(mesh)
        return len(meshes) - 1

    def node(self, **properties):
        """Add a root node of scene 0."""
        nodes = self.document.setdefault("nodes", [])
        nodes.append(properties)
        scene = self.document.setdefault("scenes", [{"nodes": []}])[0]
        scene.setdefault("nodes", []).append(len(nodes) - 1)
        return len(nodes) - 1

    def _finished(self, uri=None):
        document = copy.deepcopy(self.document)
        if self.blob and "buffers" not in document:
            document["buffers"] = [{"byteLength": len(self.blob)}]
            if uri is not None:
                document["buffers"][0]["uri"] = uri
        return document

    def text(self):
        """JSON with the buffer as a data URI."""
        return json.dumps(self._finished("data:application/octet-stream;base64," + base64.b64encode(self.blob).decode()))

    def embedded(self, folder, name="model.gltf"):
        path = folder / name
        path.write_text(self.text(), "utf-8")
        return path

    def external(self, folder, name="model.gltf", buffer="model.bin", uri=None):
        (folder / buffer).write_bytes(self.blob)
        path = folder / name
        path.write_text(json.dumps(self._finished(uri or buffer)), "utf-8")
        return path

    def glb_bytes(self):
        return glb(json.dumps(self._finished()).encode(), bytes(self.blob))

    def glb(self, folder, name="model.glb"):
        path = folder / name
        path.write_bytes(self.glb_bytes())
        return path


def glb(text, blob=b""):
    """Frame JSON and a BIN chunk as GLB."""
    text += b" " * (-len(text) % 4)
    blob += b"\0" * (-len(blob) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
    if blob:
        chunks += struct.pack("<II", len(blob), 0x004E4942) + blob
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def triangle(**primitive):
    """One triangle in one node of one scene."""
    file = GltfFile()
    file.node(mesh=file.mesh(**primitive))
    return file
