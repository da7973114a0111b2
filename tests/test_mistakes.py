"""Mistakes that users make: each raises the right exception and says in one sentence what, where, and how to mend it."""

import json
import struct
import threading

import numpy as np
import pytest

import metarender as mr
from metarender.gpu.capabilities import require_floor


def glb(document: dict, binary: bytes = b"") -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + (struct.pack("<II", len(binary), 0x4E4942) + binary if binary else b"")
    return struct.pack("<III", 0x46546C67, 2, 12 + len(chunks)) + chunks


def cyclic():
    scene = mr.Scene()
    parent = scene.add(None)
    child = scene.add(None, parent)
    parent.parent = child


def stale():
    scene = mr.Scene()
    node = scene.add(None)
    node.remove()
    node.position = (0, 0, 0)


def edit_while_adding():
    scene = mr.Scene()
    parts = scene.add_instances(mr.box(1), mr.Standard(), count=2)
    with parts.edit("position"):
        scene.add(None)


def bad_rows():
    parts = mr.Scene().add_instances(mr.box(1), mr.Standard(), count=2)
    with parts.edit("position") as position:
        position[1] = np.nan


MISTAKES = {
    "positions of the wrong shape": (lambda: mr.Geometry(positions=[1, 2, 3]), mr.InvalidInput, r"shape \(n, 3\)"),
    "a position that is not finite": (lambda: mr.Geometry(positions=[[0, 0, np.nan]]), mr.InvalidInput, r"positions\[0\] is not finite"),
    "an index out of range": (lambda: mr.Geometry(positions=np.zeros((3, 3)), indices=[0, 1, 3]), mr.InvalidInput, "reach 3"),
    "half a triangle": (lambda: mr.Geometry(positions=np.zeros((3, 3)), indices=[0, 1]), mr.InvalidInput, "which 3 does not divide"),
    "normals for other vertices": (lambda: mr.Geometry(positions=np.zeros((3, 3)), normals=np.zeros((2, 3))), mr.InvalidInput, "2 rows"),
    "indices as triangles": (lambda: mr.Geometry(positions=np.zeros((3, 3)), indices=[[0, 1, 2]]), mr.InvalidInput, r"\.ravel\(\)"),
    "an unknown topology": (lambda: mr.Geometry(positions=np.zeros((3, 3)), topology="strips"), mr.InvalidInput, "use one of triangles"),
    "a mesh without a material": (lambda: mr.Mesh(mr.box(1)), mr.InvalidInput, "Geometry and a Material"),
    "an unknown colour": (lambda: mr.Standard(color="orangish"), mr.InvalidInput, "not a colour"),
    "a colour above 255": (lambda: mr.Standard(color=(300, 0, 0)), mr.InvalidInput, "outside 0-255"),
    "a negative colour": (lambda: mr.Unlit(color=(-0.1, 0.0, 0.0)), mr.InvalidInput, "not negative"),
    "roughness above 1": (lambda: mr.Standard(roughness=1.5), mr.InvalidInput, "roughness=1.5 must be a number from 0 to 1"),
    "an unknown alpha mode": (lambda: mr.Standard(alpha_mode="glass"), mr.InvalidInput, "opaque, mask, blend"),
    "a normal map in sRGB": (lambda: mr.Standard(normal_texture=mr.Texture(np.zeros((1, 1, 4), np.uint8), srgb=True)), mr.InvalidInput,
                             "srgb=False"),
    "float pixels": (lambda: mr.Texture(np.zeros((2, 2, 4)), srgb=True), mr.InvalidInput, r"\(h, w, 4\) uint8"),
    "a box of no size": (lambda: mr.box(0), mr.InvalidInput, "metres above 0"),
    "a field of view of 180": (lambda: mr.PerspectiveCamera(fov=180), mr.InvalidInput, "below 180"),
    "near beyond far": (lambda: mr.PerspectiveCamera(near=2, far=1), mr.InvalidInput, "below far"),
    "looking at oneself": (lambda: mr.PerspectiveCamera().look_at((1, 1, 1), (1, 1, 1)), mr.InvalidInput, "same point"),
    "light without direction": (lambda: mr.DirectionalLight(direction=(0, 0, 0)), mr.InvalidInput, "zero vector"),
    "a spot turned inside out": (lambda: mr.SpotLight(inner_angle=1, outer_angle=0.5), mr.InvalidInput, "below outer_angle"),
    "adding a geometry": (lambda: mr.Scene().add(mr.box(1)), mr.InvalidInput, "Mesh"),
    "adding to a string": (lambda: mr.Scene().add(None, "parent"), mr.InvalidInput, "parent"),
    "a transform of the wrong shape": (lambda: mr.Scene().add(None, position=(1, 2)), mr.InvalidInput, "3"),
    "a transform that is not finite": (lambda: mr.Scene().add(None, position=(1, 2, np.inf)), mr.InvalidInput, "finite"),
    "a quaternion of zeros": (lambda: mr.Scene().add(None, rotation=(0, 0, 0, 0)), mr.InvalidInput, "length zero"),
    "a row-vector matrix": (lambda: mr.Scene().add(None, matrix=np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [5, 0, 0, 1.0]])),
                            mr.InvalidInput, "from_pyrr"),
    "a cycle in the tree": (cyclic, mr.InvalidInput, "outside its subtree"),
    "a removed node": (stale, mr.ReleasedError, "removed"),
    "adding inside an edit block": (edit_while_adding, mr.InvalidInput, "edit"),
    "NaN in an edit block": (bad_rows, mr.InvalidInput, "row 1"),
    "a negative count": (lambda: mr.Scene().add_instances(mr.box(1), mr.Standard(), count=-1), mr.InvalidInput, "count"),
    "a huge count": (lambda: mr.Scene().add_instances(mr.box(1), mr.Standard(), count=1 << 40), mr.InvalidInput, "16777215"),
    "no count and no matrices": (lambda: mr.Scene().add_instances(mr.box(1), mr.Standard()), mr.InvalidInput, "count"),
    "an unknown background": (lambda: setattr(mr.Scene(), "background", "sunset sky"), mr.InvalidInput, "background"),
    "a size of zero": (lambda: mr.Renderer(size=(0, 10)), mr.InvalidInput, "at least 1"),
    "five samples": (lambda: mr.Renderer(msaa=5), mr.InvalidInput, "1, 2, 4, 8 or 16"),
    "an unknown curve": (lambda: mr.Renderer(tone_mapping="filmic"), mr.InvalidInput, "neutral"),
    "an unknown device": (lambda: mr.Renderer(device="quantum"), mr.InvalidInput, "software"),
    "OpenGL that is too old": (lambda: require_floor((3, 3), (), "Old GPU"), mr.DeviceError, r"needs OpenGL 4\.3 .* has OpenGL 3\.3"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_promise_6_a_mistake_is_refused_in_one_plain_sentence(name):
    action, exception, message = MISTAKES[name]
    with pytest.raises(exception, match=message) as caught:
        action()
    assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)
    assert isinstance(caught.value, mr.MetarenderError)


FILES = {
    "a file that is not there": (None, mr.AssetError, "does not exist|no such file|not found"),
    "an empty file": (b"", mr.AssetError, "empty|too short|truncated"),
    "a truncated GLB": (glb({"asset": {"version": "2.0"}})[:20], mr.GltfError, "length|truncated|bytes"),
    "a cycle of nodes": (glb({"asset": {"version": "2.0"}, "nodes": [{"children": [1]}, {"children": [0]}], "scenes": [{"nodes": [0]}]}),
                         mr.GltfError, "/nodes/"),
    "a path outside the folder": (glb({"asset": {"version": "2.0"}, "buffers": [{"uri": "../../etc/passwd", "byteLength": 36}],
                                       "bufferViews": [{"buffer": 0, "byteLength": 36}],
                                       "accessors": [{"bufferView": 0, "count": 3, "type": "VEC3", "componentType": 5126,
                                                      "min": [0, 0, 0], "max": [0, 0, 0]}],
                                       "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}], "nodes": [{"mesh": 0}],
                                       "scenes": [{"nodes": [0]}]}), mr.AssetError, "/buffers/0.*|outside"),
    "an accessor of 137 GB": (glb({"asset": {"version": "2.0"}, "accessors": [{"count": 1 << 33, "type": "MAT4", "componentType": 5126}],
                                   "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}], "nodes": [{"mesh": 0}],
                                   "scenes": [{"nodes": [0]}]}), mr.GltfError, "/accessors/0|/meshes/0"),
    "an extension nobody knows": (glb({"asset": {"version": "2.0"}, "extensionsRequired": ["ACME_fog"], "extensionsUsed": ["ACME_fog"]}),
                                  mr.GltfError, "ACME_fog"),
}


@pytest.mark.parametrize("name", FILES)
def test_promise_6_a_broken_file_is_refused(name, tmp_path):
    content, exception, message = FILES[name]
    path = tmp_path / "model.glb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(exception, match=message):
        mr.load(path)


def test_promise_6_an_unknown_suffix_names_the_known_ones(tmp_path):
    path = tmp_path / "model.xyz"
    path.write_bytes(b"x")
    with pytest.raises(mr.AssetError, match=r"\.glb"):
        mr.load(path)


def in_thread(function):
    caught = []

    def run():
        try:
            function()
        except Exception as error:  # handed to the test
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return caught


def test_promise_6_rendering_on_another_thread(renderer):
    scene = mr.Scene()
    caught = in_thread(lambda: renderer.render(scene))
    assert isinstance(caught[0], mr.WrongThreadError) and "thread" in str(caught[0])


def test_promise_6_a_scene_inside_an_edit_block_of_another_thread():
    scene = mr.Scene()
    parts = scene.add_instances(mr.box(1), mr.Standard(), count=2)
    with parts.edit("position"):
        caught = in_thread(lambda: scene.add(None))
    assert isinstance(caught[0], mr.WrongThreadError)


def test_promise_6_wrong_arguments_of_render(renderer):
    with pytest.raises(mr.InvalidInput, match="needs a Scene"):
        renderer.render("scene")
    with pytest.raises(mr.InvalidInput, match="outputs"):
        renderer.render(mr.Scene(), outputs=("colour",))
    with pytest.raises(mr.InvalidInput, match="camera must be"):
        renderer.render(mr.Scene(), camera=(1, 2, 3))
    with pytest.raises(mr.InvalidInput, match="larger than"):
        renderer.size = (1 << 20, 1)
