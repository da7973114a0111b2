"""Mistakes that users make: each raises the right exception and says in one sentence what, where, and how to mend it.

One table by entry point, so one long file; mistakes on the command line are in test_cli.py, broken files in tests/io.
"""

import json
import re
import struct
import threading
from collections.abc import Callable
from dataclasses import fields
from typing import NamedTuple

import numpy as np
import pytest

import metarender as mr
from metarender.gpu.capabilities import require_floor
from metarender.testing.budgets import check_budget
from metarender.testing.clock import VirtualClock
from metarender.testing.goldens import check_name, check_picture


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


def bind_a_box():
    scene = mr.Scene()
    scene.bind(scene.add(mr.Mesh(mr.box(1), mr.Unlit())), mr.Skin([np.eye(4)]), [scene.add(None)])


def edit_while_adding():
    scene = mr.Scene()
    parts = scene.add_instances(mr.box(1), mr.Standard(), count=2)
    with parts.edit("position"):
        scene.add(None)


def bad_rows():
    parts = mr.Scene().add_instances(mr.box(1), mr.Standard(), count=2)
    with parts.edit("position") as position:
        position[1] = np.nan


def scene_in_itself():
    scene = mr.Scene()
    scene.add(scene)


def three_parts():
    return mr.Scene().add_instances(mr.box(1), mr.Standard(), count=3)


def set_three(**given):
    parts = three_parts()
    parts.set(parts.ids, **given)


def state_three(**given):
    parts = three_parts()
    parts.scene.set_state(parts, **given)


def edit_twice():
    block = three_parts().edit("position")
    for _ in range(2):
        with block:
            pass


def set_of_others():
    parts = three_parts()
    parts.set([parts.scene.add(None)], value=1.0)


def add_parts(**given):
    usual = {"geometries": [mr.box(1)], "materials": [mr.Standard()], "geometry_index": [0, 0], "material_index": [0, 0],
             "matrices": np.tile(np.eye(4), (2, 1, 1))}
    mr.Scene().add_parts(**{**usual, **given})


def with_renderer(action):
    with mr.Renderer((8, 8), device="software") as renderer:
        action(renderer)


def closed_renderer():
    renderer = mr.Renderer((8, 8), device="software")
    renderer.close()
    return renderer


def read_too_late():
    with mr.Renderer((8, 8), device="software") as renderer:
        frame = renderer.render(mr.Scene())
        renderer.render(mr.Scene())
        frame.color  # noqa: B018


def track(**given):
    usual = {"target": mr.Scene().add(None), "path": "position", "times": [0, 1], "values": np.zeros((2, 3)), "interpolation": "linear"}
    return mr.Track(**{**usual, **given})


def playing(**given):
    """A scene of one node, and the action of a clip that moves it."""
    scene = mr.Scene()
    clip = mr.Clip("clip", [mr.Track(scene.add(None, matrix=given.pop("matrix", None)), given.pop("path", "position"), [0], [given.pop(
        "values", (0, 0, 0))])])
    return scene, scene.play(clip, **given)


def stopped():
    _, action = playing()
    action.stop()
    action.paused = True


def weights_for_another_mesh():
    scene = mr.Scene()
    scene.play(mr.Clip("clip", [mr.Track(scene.add(mr.Mesh(mr.box(1), mr.Standard())), "weights", [0], [[1, 2]])]))


SHIFT, SHEAR = np.eye(4), np.eye(4)
SHIFT[0, 3] = SHEAR[0, 1] = 5.0
STATS = mr.Stats(**{field.name: {} if field.name == "passes" else 0 for field in fields(mr.Stats)})


class Mistake(NamedTuple):
    """What a user does wrong at a public entry point, and what is said: the exception, and a piece of its sentence."""

    entry: str
    what: str
    action: Callable[[], object]
    exception: type[Exception]
    message: str


MENDING = re.compile(
    r"\b(must|needs?|takes|only|at least|exactly one|such as|come before|known|use|give|make|call|choose|pass|leave|look|read|render|check|"
    r"raise|clip|draw|remove|move|count|name|install)\b")
"""Words by which a sentence says what would be right."""

MISTAKES = (
    Mistake("Track", "a path that nodes do not have", lambda: track(path="colour"), mr.InvalidInput, "use one of position"),
    Mistake("Track", "an attribute that a material does not have", lambda: track(target=mr.Unlit(), path="roughness"),
            mr.InvalidInput, "use one of color"),
    Mistake("Track", "times that do not rise", lambda: track(times=[1, 1]), mr.InvalidInput, "must rise, but key 1"),
    Mistake("Track", "times that are not finite", lambda: track(times=[0, np.inf]), mr.InvalidInput, "finite seconds"),
    Mistake("Track", "no times", lambda: track(times=[], values=[]), mr.InvalidInput, "at least one"),
    Mistake("Track", "values of the wrong shape", lambda: track(values=np.zeros((2, 4))), mr.InvalidInput, r"shape \(2, 3\)"),
    Mistake("Track", "cubic values without tangents", lambda: track(interpolation="cubic"), mr.InvalidInput, r"shape \(2, 3, 3\)"),
    Mistake("Track", "values that are not finite", lambda: track(values=np.full((2, 3), np.nan)), mr.InvalidInput, "finite and within"),
    Mistake("Track", "a quaternion of length zero", lambda: track(path="rotation", values=np.zeros((2, 4))),
            mr.InvalidInput, "length zero"),
    Mistake("Track", "an interpolation by another name", lambda: track(interpolation="bezier"), mr.InvalidInput, "use one of step"),
    Mistake("Track", "a target by name", lambda: track(target="door"), mr.InvalidInput, "must be a Node"),
    Mistake("Track", "text for values", lambda: track(values="fast"), mr.InvalidInput, "must be numbers"),
    Mistake("Track", "text for times", lambda: track(times=["0", "1"]), mr.InvalidInput, "times must be numbers"),
    Mistake("Track", "complex values", lambda: track(values=np.zeros((2, 3), complex)), mr.InvalidInput, "must be numbers"),
    Mistake("Track", "a list for a path", lambda: track(path=["position"]), mr.InvalidInput, "path must be a string"),
    Mistake("Track", "a list for an interpolation", lambda: track(interpolation=["linear"]), mr.InvalidInput, "use one of step"),
    Mistake("Clip", "tracks that are none", lambda: mr.Clip("walk", [1]), mr.InvalidInput, "must be Track objects"),
    Mistake("Clip", "a name that is no text", lambda: mr.Clip(1, []), mr.InvalidInput, "must be a string"),
    Mistake("Clip", "a negative duration", lambda: mr.Clip("walk", [], duration=-1), mr.InvalidInput, "Clip duration=-1"),
    Mistake("Clips.of", "a node of another scene", lambda: mr.Scene().clips.of(mr.Scene().add(None)),
            mr.InvalidInput, "Node of this scene"),
    Mistake("Scene.add_clip", "a clip by name", lambda: mr.Scene().add_clip("walk"), mr.InvalidInput, "takes a Clip"),
    Mistake("Scene.play", "a clip by name", lambda: mr.Scene().play("walk"), mr.InvalidInput, r"scene\.clips\['walk'\]"),
    Mistake("Scene.play", "a loop mode by another name", lambda: playing(loop="forever"), mr.InvalidInput, "use one of once"),
    Mistake("Scene.play", "a weight above 1", lambda: playing(weight=2), mr.InvalidInput, "from 0 to 1"),
    Mistake("Scene.play", "a clip for another scene", lambda: mr.Scene().play(playing()[1].clip), mr.InvalidInput, "use those"),
    Mistake("Scene.play", "a turn of a sheared node", lambda: playing(matrix=SHEAR, path="scale", values=(1, 1, 1)),
            mr.InvalidInput, "without shear"),
    Mistake("Scene.play", "weights for another mesh", weights_for_another_mesh, mr.InvalidInput, "which has 0 morphs"),
    Mistake("Scene.at", "a time that is not finite", lambda: mr.Scene().at(np.nan), mr.InvalidInput, r"at\(\) seconds"),
    Mistake("Action", "use after stop()", stopped, mr.ReleasedError, r"call scene\.play\(clip\) again"),
    Mistake("Action.fade_to", "an action of another scene", lambda: playing()[1].fade_to(playing()[1], 1), mr.InvalidInput, "same scene"),
    Mistake("Action.fade_out", "a negative time", lambda: playing()[1].fade_out(-1), mr.InvalidInput, "from 0 to"),
    Mistake("Step", "something that no step does", lambda: mr.Step("bolt", 0, does="fly"), mr.InvalidInput, "use one of insert"),
    Mistake("Step", "a negative duration", lambda: mr.Step("bolt", 0, -1), mr.InvalidInput, "at least 0"),
    Mistake("Step", "an offset of two numbers", lambda: mr.Step("bolt", 0, offset=(1, 2)), mr.InvalidInput, "three finite numbers"),
    Mistake("procedure", "a scene left out", lambda: mr.procedure([mr.Step("bolt", 0)], []), mr.InvalidInput, "takes the Scene"),
    Mistake("procedure", "a number for steps", lambda: mr.procedure(mr.Scene(), 5), mr.InvalidInput, "takes Step objects or the path"),
    Mistake("procedure", "a fraction for a part", lambda: mr.procedure(mr.Scene(), [mr.Step(1.5, 0)]), mr.InvalidInput, "name the part"),
    Mistake("procedure", "a part that is not there", lambda: mr.procedure(mr.Scene(), [mr.Step("bolt", 0)]),
            mr.InvalidInput, "check the name"),
    Mistake("read_steps", "a table that is not there", lambda: mr.read_steps("no.csv"), mr.AssetError, "check the path"),
    Mistake("Geometry", "positions of the wrong shape", lambda: mr.Geometry(positions=[1, 2, 3]), mr.InvalidInput, r"shape \(n, 3\)"),
    Mistake("Geometry", "a position that is not finite", lambda: mr.Geometry(positions=[[0, 0, np.nan]]),
            mr.InvalidInput, r"positions\[0\] is not finite"),
    Mistake("Geometry", "an index out of range", lambda: mr.Geometry(positions=np.zeros((3, 3)), indices=[0, 1, 3]),
            mr.InvalidInput, "reach 3"),
    Mistake("Geometry", "half a triangle", lambda: mr.Geometry(positions=np.zeros((3, 3)), indices=[0, 1]),
            mr.InvalidInput, "which 3 does not divide"),
    Mistake("Geometry", "normals for other vertices", lambda: mr.Geometry(positions=np.zeros((3, 3)), normals=np.zeros((2, 3))),
            mr.InvalidInput, "2 rows"),
    Mistake("Geometry", "indices as triangles", lambda: mr.Geometry(positions=np.zeros((3, 3)), indices=[[0, 1, 2]]),
            mr.InvalidInput, r"\.ravel\(\)"),
    Mistake("Geometry", "an unknown topology", lambda: mr.Geometry(positions=np.zeros((3, 3)), topology="strips"),
            mr.InvalidInput, "use one of triangles"),
    Mistake("Geometry", "joints without weights", lambda: mr.Geometry(positions=np.zeros((3, 3)), joints=[[0] * 4] * 3),
            mr.InvalidInput, "belong together"),
    Mistake("Geometry", "a negative weight", lambda: mr.Geometry(positions=np.zeros((1, 3)), joints=[[0] * 4], weights=[[-1.0] * 4]),
            mr.InvalidInput, "not be negative"),
    Mistake("Morph", "a morph of other vertices", lambda: mr.Geometry(positions=np.zeros((3, 3)), morphs=[mr.Morph(np.zeros((2, 3)))]),
            mr.InvalidInput, "has 2 rows for 3 vertices"),
    Mistake("Skin", "one matrix", lambda: mr.Skin(np.eye(4)), mr.InvalidInput, r"shape \(j, 4, 4\)"),
    Mistake("Skin", "row-vector matrices", lambda: mr.Skin([np.eye(4) + np.eye(4, k=-1)]), mr.InvalidInput, "column vectors"),
    Mistake("Mesh", "weights without morphs", lambda: mr.Mesh(mr.box(1), mr.Unlit(), weights=[1.0]), mr.InvalidInput, "0 finite numbers"),
    Mistake("Scene.bind", "a mesh without joints", bind_a_box, mr.InvalidInput, "no mesh with joints"),
    Mistake("Mesh", "a mesh without a material", lambda: mr.Mesh(mr.box(1)), mr.InvalidInput, "Geometry and a Material"),
    Mistake("Mesh", "primitives without materials", lambda: mr.Mesh(primitives=[mr.box(1)]),
            mr.InvalidInput, "pairs of Geometry and Material, not Geometry"),
    Mistake("Standard", "an unknown colour", lambda: mr.Standard(color="orangish"), mr.InvalidInput, "not a colour"),
    Mistake("Standard", "a colour above 255", lambda: mr.Standard(color=(300, 0, 0)), mr.InvalidInput, "outside 0-255"),
    Mistake("Standard", "roughness above 1", lambda: mr.Standard(roughness=1.5),
            mr.InvalidInput, "roughness=1.5 must be a number from 0 to 1"),
    Mistake("Standard", "an unknown alpha mode", lambda: mr.Standard(alpha_mode="glass"), mr.InvalidInput, "opaque, mask, blend"),
    Mistake("Standard", "a normal map in sRGB", lambda: mr.Standard(normal_texture=mr.Texture(np.zeros((1, 1, 4), np.uint8), srgb=True)),
            mr.InvalidInput, "srgb=False"),
    Mistake("Standard", "the path of a texture", lambda: mr.Standard(color_texture="wood.png"),
            mr.InvalidInput, r"Standard color_texture must be a Texture, such as Texture\(pixels, srgb=True\)"),
    Mistake("Unlit", "a negative colour", lambda: mr.Unlit(color=(-0.1, 0.0, 0.0)), mr.InvalidInput, "not negative"),
    Mistake("Unlit", "a negative cutoff", lambda: mr.Unlit(alpha_cutoff=-1), mr.InvalidInput, "alpha_cutoff=-1 must be a number from 0"),
    Mistake("Texture", "float pixels", lambda: mr.Texture(np.zeros((2, 2, 4)), srgb=True), mr.InvalidInput, r"\(h, w, 4\) uint8"),
    Mistake("box", "a box of no size", lambda: mr.box(0), mr.InvalidInput, "metres above 0"),
    Mistake("PerspectiveCamera", "a field of view of 180", lambda: mr.PerspectiveCamera(fov=180), mr.InvalidInput, "below 180"),
    Mistake("PerspectiveCamera", "near beyond far", lambda: mr.PerspectiveCamera(near=2, far=1), mr.InvalidInput, "below far"),
    Mistake("PerspectiveCamera", "looking at oneself", lambda: mr.PerspectiveCamera().look_at((1, 1, 1), (1, 1, 1)),
            mr.InvalidInput, "same point"),
    Mistake("DirectionalLight", "light without direction", lambda: mr.DirectionalLight(direction=(0, 0, 0)),
            mr.InvalidInput, "zero vector"),
    Mistake("DirectionalLight", "shadows that reach nowhere", lambda: mr.DirectionalLight(shadow_distance=0),
            mr.InvalidInput, "shadow_distance=0 must be a number from 0.001"),
    Mistake("SpotLight", "a spot turned inside out", lambda: mr.SpotLight(inner_angle=1, outer_angle=0.5),
            mr.InvalidInput, "below outer_angle"),
    Mistake("Scene.add", "adding a geometry", lambda: mr.Scene().add(mr.box(1)), mr.InvalidInput, "Mesh"),
    Mistake("Scene.add", "adding to a string", lambda: mr.Scene().add(None, "parent"), mr.InvalidInput, "parent"),
    Mistake("Scene.add", "a transform of the wrong shape", lambda: mr.Scene().add(None, position=(1, 2)), mr.InvalidInput, "3"),
    Mistake("Scene.add", "a transform that is not finite", lambda: mr.Scene().add(None, position=(1, 2, np.inf)),
            mr.InvalidInput, "finite"),
    Mistake("Scene.add", "a quaternion of zeros", lambda: mr.Scene().add(None, rotation=(0, 0, 0, 0)), mr.InvalidInput, "length zero"),
    Mistake("Scene.add", "a row-vector matrix",
            lambda: mr.Scene().add(None, matrix=np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [5, 0, 0, 1.0]])),
            mr.InvalidInput, "from_pyrr"),
    Mistake("Scene.add", "a matrix and a position", lambda: mr.Scene().add(None, position=(0, 0, 0), matrix=np.eye(4)),
            mr.InvalidInput, "give either matrix, or position"),
    Mistake("Scene.add", "a scene to itself", scene_in_itself, mr.InvalidInput, "make a copy first"),
    Mistake("Node", "a cycle in the tree", cyclic, mr.InvalidInput, "outside its subtree"),
    Mistake("Node", "a removed node", stale, mr.ReleasedError, "removed"),
    Mistake("Node", "a parent of another scene", lambda: setattr(mr.Scene().add(None), "parent", mr.Scene().add(None)),
            mr.InvalidInput, "of the same scene or None, got one of another scene"),
    Mistake("Node", "the rotation of a sheared node", lambda: mr.Scene().add(None, matrix=SHEAR).rotation,
            mr.InvalidInput, "read or set `matrix` instead"),
    Mistake("Node", "a number for a light", lambda: setattr(mr.Scene().add(None), "light", 3),
            mr.InvalidInput, "light must be a Light or None, got int"),
    Mistake("Parts.edit", "adding inside an edit block", edit_while_adding, mr.InvalidInput, "edit"),
    Mistake("Parts.edit", "NaN in an edit block", bad_rows, mr.InvalidInput, "row 1"),
    Mistake("Parts.edit", "an unknown field", lambda: three_parts().edit("colour"), mr.InvalidInput, "takes 'position', 'linear'"),
    Mistake("Parts.edit", "a block entered twice", edit_twice, mr.InvalidInput, r"call edit\(\) again"),
    Mistake("Scene.add_instances", "a negative count", lambda: mr.Scene().add_instances(mr.box(1), mr.Standard(), count=-1),
            mr.InvalidInput, "count"),
    Mistake("Scene.add_instances", "a truth value for a count", lambda: mr.Scene().add_instances(mr.box(1), mr.Standard(), count=True),
            mr.InvalidInput, "got count True"),
    Mistake("Scene.add_instances", "a number for matrices", lambda: mr.Scene().add_instances(mr.box(1), mr.Standard(), matrices=5),
            mr.InvalidInput, r"matrices must have shape \(n, 4, 4\)"),
    Mistake("Scene.set", "rows of ids of different lengths", lambda: mr.Scene().set([[1], [1, 2]], position=[[0, 0, 0]]),
            mr.InvalidInput, "ids must be whole numbers.*different lengths"),
    Mistake("Scene.add_instances", "a huge count", lambda: mr.Scene().add_instances(mr.box(1), mr.Standard(), count=1 << 40),
            mr.InvalidInput, "16777215"),
    Mistake("Scene.add_instances", "no count and no matrices", lambda: mr.Scene().add_instances(mr.box(1), mr.Standard()),
            mr.InvalidInput, "count"),
    Mistake("Scene.background", "an unknown background", lambda: setattr(mr.Scene(), "background", "sunset sky"),
            mr.InvalidInput, "background"),
    Mistake("Renderer", "a size of zero", lambda: mr.Renderer(size=(0, 10)), mr.InvalidInput, "at least 1"),
    Mistake("Renderer", "five samples", lambda: mr.Renderer(msaa=5), mr.InvalidInput, "1, 2, 4, 8 or 16"),
    Mistake("Renderer", "an unknown curve", lambda: mr.Renderer(tone_mapping="filmic"), mr.InvalidInput, "neutral"),
    Mistake("Renderer", "an unknown device", lambda: mr.Renderer(device="quantum"), mr.InvalidInput, "software"),
    Mistake("Renderer", "no exposure", lambda: mr.Renderer(exposure=0), mr.InvalidInput, "exposure=0 must be a finite number above 0"),
    Mistake("Renderer", "a limit of nothing", lambda: mr.Renderer(memory_limit=0),
            mr.InvalidInput, "memory_limit=0 must be a whole number of bytes of at least 1, or None"),
    Mistake("Renderer", "a limit below an empty renderer", lambda: mr.Renderer((64, 64), memory_limit=1000, device="software"),
            mr.OutOfDeviceMemory, "1,000 bytes of memory_limit .* use smaller pictures.*or raise the limit"),
    Mistake("Renderer", "a word for occlusion", lambda: mr.Renderer(occlusion="yes"),
            mr.InvalidInput, "occlusion='yes' must be True or False, or 'cpu' or 'gpu'"),
    Mistake("Renderer", "a negative threshold", lambda: mr.Renderer(cull_pixels=-1),
            mr.InvalidInput, "cull_pixels=-1 must be a number of pixels of at least 0; 0 switches it off"),
    Mistake("Renderer", "levels that stray nowhere", lambda: mr.Renderer(lod_pixels=np.nan),
            mr.InvalidInput, "lod_pixels=nan must be a number of pixels"),
    Mistake("Device", "OpenGL that is too old", lambda: require_floor((3, 3), (), "Old GPU"),
            mr.DeviceError, r"needs OpenGL 4\.3 .* has OpenGL 3\.3"),
    Mistake("Device", "an index that is not there", lambda: mr.Device.open(99), mr.DeviceError, "use a smaller index or 'auto'"),
    Mistake("Geometry.with_levels", "levels of what deforms", lambda: mr.Geometry(
        positions=np.zeros((3, 3)), morphs=[mr.Morph(np.ones((3, 3)))]).with_levels([(mr.box(1), 1.0)]), mr.InvalidInput, "rigid"),
    Mistake("Geometry.with_levels", "a level that is no geometry", lambda: mr.box(1).with_levels([("coarse", 1.0)]),
            mr.InvalidInput, "must be a plain Geometry"),
    Mistake("Geometry.hierarchy", "rays through lines", lambda: mr.grid().hierarchy(), mr.InvalidInput, "only triangles have"),
    Mistake("Material", "the base of all materials", mr.Material, mr.InvalidInput, "use Standard or Unlit"),
    Mistake("Sampler", "an unknown way to wrap", lambda: mr.Sampler(wrap_s="clamp"),
            mr.InvalidInput, "wrap_s='clamp' is unknown; use one of repeat, clamp_to_edge"),
    Mistake("TextureInfo", "a third set of coordinates",
            lambda: mr.TextureInfo(mr.Texture(np.zeros((1, 1, 4), np.uint8), srgb=True), tex_coord=2),
            mr.InvalidInput, "tex_coord=2 must be 0 or 1"),
    Mistake("TextureInfo", "a path", lambda: mr.TextureInfo("wood.png"), mr.InvalidInput, "needs a Texture, such as"),
    Mistake("sphere", "one segment", lambda: mr.sphere(segments=1), mr.InvalidInput, "segments=1 must be a whole number from 3"),
    Mistake("capsule", "shorter than its ends", lambda: mr.capsule(radius=1, height=1), mr.InvalidInput, "at least twice the radius"),
    Mistake("plane", "three edges", lambda: mr.plane((1, 2, 3)), mr.InvalidInput, "must be one edge length or 2"),
    Mistake("cylinder", "a negative radius", lambda: mr.cylinder(radius=-1),
            mr.InvalidInput, "radius=-1 must be a finite number of metres above 0"),
    Mistake("cone", "a height that is no number", lambda: mr.cone(height=np.nan), mr.InvalidInput, "height=nan must be a finite number"),
    Mistake("torus", "a tube without thickness", lambda: mr.torus(tube=0), mr.InvalidInput, "tube=0 must be"),
    Mistake("grid", "no divisions", lambda: mr.grid(divisions=0), mr.InvalidInput, "divisions=0 must be a whole number from 1"),
    Mistake("from_pyrr", "a matrix of five rows", lambda: mr.from_pyrr(np.eye(5)),
            mr.InvalidInput, r"takes a \(4, 4\) or \(3, 3\) matrix, got shape \(5, 5\)"),
    Mistake("Camera", "the base of all cameras", lambda: mr.Camera().projection(1.0),
            mr.InvalidInput, "use PerspectiveCamera or OrthographicCamera"),
    Mistake("Camera.frame", "bounds that are a point", lambda: mr.PerspectiveCamera().frame((1, 2, 3)),
            mr.InvalidInput, "the lower corner first"),
    Mistake("Camera.orbit", "a negative radius", lambda: mr.PerspectiveCamera().orbit(0, 0, -1), mr.InvalidInput, "radius of at least 0"),
    Mistake("Camera.ray", "a picture without pixels", lambda: mr.PerspectiveCamera().ray(0, 0, (0, 5)), mr.InvalidInput, "a size above 0"),
    Mistake("OrthographicCamera", "no height", lambda: mr.OrthographicCamera(height=0), mr.InvalidInput, "height=0 must be above 0"),
    Mistake("Light", "the base of all lights", mr.Light, mr.InvalidInput, "use DirectionalLight, PointLight or SpotLight"),
    Mistake("PointLight", "negative light", lambda: mr.PointLight(intensity=-1),
            mr.InvalidInput, "PointLight intensity=-1 must be a number from 0"),
    Mistake("Colormap", "upside down", lambda: mr.Colormap.heat(5, 1), mr.InvalidInput, "low=5 must be below high=1"),
    Mistake("Colormap.value_of", "colours with alpha", lambda: mr.Colormap.viridis().value_of(np.zeros((2, 4), np.uint8)),
            mr.InvalidInput, r"takes \(\.\.\., 3\) uint8 sRGB, not \(2, 4\)"),
    Mistake("Colormap.value_of", "farther than a channel reaches",
            lambda: mr.Colormap.viridis().value_of(np.zeros((2, 3), np.uint8), tolerance=256),
            mr.InvalidInput, "tolerance=256 must be a number from 0 to 255"),
    Mistake("Colormap", "words for numbers", lambda: mr.Colormap.heat()(["hot"]), mr.InvalidInput, "values must be real numbers"),
    Mistake("Colormap", "rows of two lengths", lambda: mr.Colormap([[1, 2, 3], [4]]), mr.InvalidInput, "must be an array of numbers"),
    Mistake("Colormap", "a word for a bound", lambda: mr.Colormap.heat("cold", 1), mr.InvalidInput, "low='cold' must be below"),
    Mistake("Field", "times that fall", lambda: mr.Field(np.zeros((2, 3)), [1, 0]), mr.InvalidInput, "must be finite and rise"),
    Mistake("Field", "a time too few", lambda: mr.Field(np.zeros((2, 3)), [1]), mr.InvalidInput, r"shape \(2,\), one for each row"),
    Mistake("Field", "numbers without end", lambda: mr.Field([1.0, np.inf]), mr.InvalidInput, "must lie within .*frame 0"),
    Mistake("Field", "pairs for vectors", lambda: mr.Field(np.zeros((4, 2))), mr.InvalidInput, r"must have shape \(n,\) or \(n, 3\)"),
    Mistake("Field", "words", lambda: mr.Field(["hot", "cold"]), mr.InvalidInput, "must be real numbers"),
    Mistake("Field", "an unknown component", lambda: mr.Field([1.0], component="w"), mr.InvalidInput, "use one of magnitude, x, y, z"),
    Mistake("Field", "an unknown way between times", lambda: mr.Field([1.0], interpolation="cubic"),
            mr.InvalidInput, "use one of linear, step"),
    Mistake("Field.at", "no moment", lambda: mr.Field([1.0]).at(np.nan), mr.InvalidInput, "Field.at seconds=nan must be a number"),
    Mistake("Geometry.with_field", "an array", lambda: mr.box(1).with_field(np.zeros(24)), mr.InvalidInput, r"try with_field\(mr\.Field"),
    Mistake("Geometry.with_field", "a number too few", lambda: mr.box(1).with_field(mr.Field(np.zeros(23))),
            mr.InvalidInput, "for 23 vertices and the geometry has 24; give one for each"),
    Mistake("Geometry.with_field", "levels", lambda: mr.box(1).with_levels([(mr.box(1), 0.0)]).with_field(mr.Field(np.zeros(24))),
            mr.InvalidInput, "use the geometry as it was before"),
    Mistake("Geometry.with_levels", "a field", lambda: mr.box(1).with_field(mr.Field(np.zeros(24))).with_levels([(mr.box(1), 0.0)]),
            mr.InvalidInput, "leave out the levels"),
    Mistake("Geometry.displaced", "one displacement for all", lambda: mr.box(1).displaced((0, 1, 0)),
            mr.InvalidInput, r"needs one displacement \(3,\) for each of the 24 vertices"),
    Mistake("Heat", "a name for a ramp", lambda: mr.Heat("viridis"), mr.InvalidInput, r"such as Colormap\.viridis\(low, high\), not str"),
    Mistake("Heat", "a geometry without numbers", lambda: mr.Mesh(mr.box(1), mr.Heat()), mr.InvalidInput, "give it some"),
    Mistake("Heat", "parts without numbers", lambda: add_parts(materials=[mr.Heat()]), mr.InvalidInput, "give it some"),
    Mistake("Heat", "more than opaque", lambda: mr.Heat(opacity=2), mr.InvalidInput, "opacity=2 must be a number from 0 to 1"),
    Mistake("Legend", "a name for a ramp", lambda: mr.Legend("viridis"),
            mr.InvalidInput, r"such as Colormap\.viridis\(low, high\), not str"),
    Mistake("Legend", "above", lambda: mr.Legend(mr.Colormap.heat(), side="top"), mr.InvalidInput, "use one of right, left"),
    Mistake("Legend", "one tick", lambda: mr.Legend(mr.Colormap.heat(), ticks=1),
            mr.InvalidInput, "Legend ticks=1 must be a number from 2"),
    Mistake("Legend", "a story", lambda: mr.Legend(mr.Colormap.heat(), title="once " * 50), mr.InvalidInput, "use at most 200"),
    Mistake("Legend", "a width only", lambda: mr.Legend(mr.Colormap.heat()).bar((640,)), mr.InvalidInput, r"needs the size of a picture"),
    Mistake("Scene.legends", "a ramp", lambda: setattr(mr.Scene(), "legends", mr.Colormap.heat()),
            mr.InvalidInput, r"such as \[mr\.Legend\(colormap\)\]"),
    Mistake("Environment", "bytes for light", lambda: mr.Environment(np.zeros((4, 8, 3), np.uint8)),
            mr.InvalidInput, "give floats of linear radiance"),
    Mistake("Environment", "negative light", lambda: mr.Environment(np.full((4, 8, 3), -1.0)), mr.InvalidInput, "clip it"),
    Mistake("Environment.from_file", "a panorama that is not there", lambda: mr.Environment.from_file("nowhere.hdr"),
            mr.AssetError, "nowhere.hdr does not exist; check the path"),
    Mistake("Scene.environment", "a path", lambda: setattr(mr.Scene(), "environment", "sky.hdr"),
            mr.InvalidInput, r"got str; Environment\.from_file\(path\) reads one"),
    Mistake("Scene.colormap", "a name", lambda: setattr(mr.Scene(), "colormap", "heat"),
            mr.InvalidInput, r"such as Colormap\.heat\(low, high\), got str"),
    Mistake("Scene.post", "no function", lambda: mr.Scene().post(3), mr.InvalidInput, "takes a callable, got int"),
    Mistake("Scene.node", "an id that was never given", lambda: mr.Scene().node(12345),
            mr.ReleasedError, "node id 12345 names no living node.*look it up again"),
    Mistake("Scene.set", "an id that was never given", lambda: mr.Scene().set([5], position=[(0, 0, 0)]),
            mr.ReleasedError, r"node id 5 \(row 0\) names no living node"),
    Mistake("Scene.subtree", "a name", lambda: mr.Scene().subtree("line 3"),
            mr.InvalidInput, "takes a Node of this scene or None, got str"),
    Mistake("Scene.add_many", "a child before its parent", lambda: mr.Scene().add_many([1, -1]),
            mr.InvalidInput, "row 0 names the parent 1; parents come before their children"),
    Mistake("Scene.add_many", "a name too many", lambda: mr.Scene().add_many([-1], names=["a", "b"]),
            mr.InvalidInput, "names has 2 entries for 1 nodes; give one for each"),
    Mistake("Scene.add_parts", "a word for a geometry", lambda: add_parts(geometries=["box"]),
            mr.InvalidInput, "geometries must be a sequence of Geometry, got str in row 0"),
    Mistake("Scene.add_parts", "one geometry, not in a list", lambda: add_parts(geometries=mr.box(1)),
            mr.InvalidInput, "must be a sequence of Geometry, such as a list"),
    Mistake("Scene.add_parts", "rows of indices of different lengths", lambda: add_parts(geometry_index=[[0], [0, 0]]),
            mr.InvalidInput, "geometry_index must be whole numbers.*different lengths"),
    Mistake("Scene.add_parts", "an index past the geometries", lambda: add_parts(geometry_index=[0, 1]),
            mr.InvalidInput, r"geometry_index must lie in 0 \.\. 0, got 1 in row 1"),
    Mistake("Scene.add_parts", "fractions for indices", lambda: add_parts(material_index=[0.0, 0.5]),
            mr.InvalidInput, "material_index must be whole numbers"),
    Mistake("Scene.add_parts", "a matrix too few", lambda: add_parts(matrices=np.eye(4)[None]),
            mr.InvalidInput, "1 matrices need as many geometry and material indices, got 2 and 2"),
    Mistake("Scene.add_parts", "a row-vector matrix", lambda: add_parts(matrices=np.stack([np.eye(4), SHIFT.T])),
            mr.InvalidInput, "in row 1.*from_pyrr"),
    Mistake("Scene.add_parts", "a name too few", lambda: add_parts(names=["bolt"]),
            mr.InvalidInput, "names must be 2 strings, one for each part"),
    Mistake("Scene.add_parts", "no part at all", lambda: add_parts(geometry_index=[], material_index=[], matrices=np.zeros((0, 4, 4))),
            mr.InvalidInput, "at least one part"),
    Mistake("Scene.add_parts", "a parent of another scene", lambda: add_parts(parent=mr.Scene().add(None)),
            mr.InvalidInput, "parent must be a Node of this scene"),
    Mistake("Parts", "a mask of another length", lambda: setattr(three_parts(), "visible", [True]),
            mr.InvalidInput, r"bool array of shape \(3,\), got bool \(1,\)"),
    Mistake("Parts.set", "one place for three parts", lambda: set_three(position=(1, 2)),
            mr.InvalidInput, r"must have shape \(3, 3\), got \(2,\)"),
    Mistake("Parts.set", "a part of others", set_of_others, mr.InvalidInput, "row 0 of ids is not one of these parts; use scene.set"),
    Mistake("Parts.set", "a value that is not finite", lambda: set_three(value=(1, np.nan, 2)),
            mr.InvalidInput, "value must be finite, got nan in row 1"),
    Mistake("Parts.set", "negative flags", lambda: set_three(flags=-1),
            mr.InvalidInput, "flags must be whole numbers in 0 .. 4294967295, got -1"),
    Mistake("Parts.set", "numbers for what shows", lambda: set_three(visible=[1, 0, 1]), mr.InvalidInput, "array of bool"),
    Mistake("Parts.set_poses", "angles for rotations", lambda: three_parts().set_poses(np.zeros((3, 3)), np.zeros((3, 3))),
            mr.InvalidInput, r"quaternions \(3, 4\) or matrices \(3, 9\) or \(3, 3, 3\), got \(3, 3\)"),
    Mistake("Parts.set_poses", "no rotation at all", lambda: three_parts().set_poses(np.zeros((3, 3)), [(0, 0, 0, 1)] * 2 + [(0, 0, 0, 0)]),
            mr.InvalidInput, "row 2 is a quaternion of length zero; give"),
    Mistake("Parts.set_poses", "a place too few", lambda: three_parts().set_poses(np.zeros((2, 3)), np.zeros((3, 4))),
            mr.InvalidInput, r"positions must have shape \(3, 3\), got \(2, 3\)"),
    Mistake("Parts.set_poses", "an unknown order", lambda: three_parts().set_poses(np.zeros((3, 3)), np.ones((3, 4)), order="zyxw"),
            mr.InvalidInput, "takes order 'xyzw' or 'wxyz'"),
    Mistake("Scene.set_state", "a name for parts", lambda: mr.Scene().set_state("bolt", ghost=True),
            mr.InvalidInput, "parts must be a Node, an Instances, nodes, or ids, not str"),
    Mistake("Scene.set_state", "two values for three parts", lambda: state_three(value=[1, 2]),
            mr.InvalidInput, r"or \(3,\) finite numbers, got shape \(2,\)"),
    Mistake("Scene.set_state", "an unknown colour", lambda: state_three(color="orangish"), mr.InvalidInput, "use a CSS name"),
    Mistake("Scene.isolate", "a name", lambda: mr.Scene().isolate("line 3"), mr.InvalidInput, "nodes, or ids, not str"),
    Mistake("Scene.ghost", "fractions for ids", lambda: mr.Scene().ghost([0.5]), mr.InvalidInput, "nodes, or ids, not list"),
    Mistake("Scene.query", "two regions", lambda: mr.Scene().query(box=np.zeros((2, 3)), sphere=((0, 0, 0), 1)),
            mr.InvalidInput, "takes exactly one of frustum, box, sphere and ray"),
    Mistake("Scene.query", "a box with its upper corner first", lambda: mr.Scene().query(box=[(1, 1, 1), (0, 0, 0)]),
            mr.InvalidInput, "must have its lower corner first"),
    Mistake("Scene.query", "a sphere without a radius", lambda: mr.Scene().query(sphere=(0, 0, 0)),
            mr.InvalidInput, r"must be \(centre, radius\)"),
    Mistake("Scene.query", "the shape of a box's picture", lambda: mr.Scene().query(box=np.zeros((2, 3)), aspect=1.5),
            mr.InvalidInput, "leave it out"),
    Mistake("Scene.query", "a frustum by name", lambda: mr.Scene().query(frustum="front"),
            mr.InvalidInput, "must be a Camera or a Node that carries one"),
    Mistake("Scene.raycast", "a direction of zeros", lambda: mr.Scene().raycast((0, 0, 5), (0, 0, 0)),
            mr.InvalidInput, "direction must be finite and not zero"),
    Mistake("Scene.raycast", "a negative distance", lambda: mr.Scene().raycast((0, 0, 5), (0, 0, 1), max_distance=-1),
            mr.InvalidInput, "max_distance must be 0 or more, in metres"),
    Mistake("Scene.raycast_many", "one ray for many", lambda: mr.Scene().raycast_many((0, 0, 5), (0, 0, 1)),
            mr.InvalidInput, r"origins must have shape \(n, 3\), got \(3,\)"),
    Mistake("Renderer.compile", "a path", lambda: with_renderer(lambda renderer: renderer.compile("helmet.glb")),
            mr.InvalidInput, r"Renderer\.compile needs a Scene, such as mr\.load\(path\) gives, not str"),
    Mistake("Renderer.compile", "after closing", lambda: closed_renderer().compile(mr.Scene()),
            mr.ReleasedError, "Renderer.compile was called after.*make a new Renderer"),
    Mistake("Renderer.restore", "after closing", lambda: closed_renderer().restore(), mr.ReleasedError, "make a new Renderer"),
    Mistake("Renderer.present", "before a picture", lambda: with_renderer(lambda renderer: renderer.present()),
            mr.ReleasedError, r"call render\(\) first"),
    Mistake("Renderer.count_kept", "without occlusion", lambda: with_renderer(lambda renderer: renderer.count_kept()),
            mr.ReleasedError, "draw a frame with occlusion='gpu' first"),
    Mistake("Frame", "pixels that were never asked for", lambda: with_renderer(lambda renderer: renderer.render(mr.Scene()).depth),
            mr.InvalidInput, "render with outputs="),
    Mistake("Frame", "pixels read too late", read_too_late, mr.ReleasedError, r"read it right after render\(\)"),
    Mistake("Frame", "picking beside the picture", lambda: with_renderer(lambda renderer: renderer.render(mr.Scene()).pick(8, 0)),
            mr.InvalidInput, "count from the top left, from 0 to 7 and from 0 to 7"),
    Mistake("Frame", "an unknown kind of file", lambda: with_renderer(lambda renderer: renderer.render(mr.Scene()).save("a.xyz")),
            mr.AssetError, "use .png"),
    Mistake("render", "the path of a model", lambda: mr.render("helmet.glb", size=(8, 8)),
            mr.InvalidInput, r"needs a Scene, such as mr\.load\(path\) gives, not str"),
    Mistake("render", "a camera by name", lambda: mr.render(mr.Scene(), camera="front", size=(8, 8)),
            mr.InvalidInput, "Node that carries one"),
    Mistake("view", "a number to call", lambda: mr.view(mr.Scene(), on_frame=3), mr.InvalidInput, "on_frame must be callable, not int"),
    Mistake("Viewer", "the path of a model", lambda: mr.Viewer("helmet.glb"), mr.InvalidInput, "Viewer needs a Scene, such as mr.load"),
    Mistake("Viewer", "a size of zero", lambda: mr.Viewer(mr.Scene(), size=(0, 0)),
            mr.InvalidInput, "two whole numbers of pixels of at least 1"),
    Mistake("load", "a number", lambda: mr.load(3), mr.InvalidInput, "load needs a path, not int"),
    Mistake("load", "limits as a dict", lambda: mr.load("a.glb", limits={}),
            mr.InvalidInput, "limits must be a metarender.io.Limits, not dict"),
    Mistake("load_async", "a number", lambda: mr.load_async(3), mr.InvalidInput, "load needs a path, not int"),
    Mistake("load_async", "a file that is not there", lambda: mr.load_async("nowhere.glb").result(),
            mr.AssetError, "nowhere.glb does not exist; check the path"),
    Mistake("load_async", "limits as a number", lambda: mr.load_async("a.glb", limits=5),
            mr.InvalidInput, "limits must be a metarender.io.Limits, not int"),
    Mistake("save", "the path first", lambda: mr.save("a.stl", mr.Scene()), mr.InvalidInput, "needs a Scene and then a path, .*not str"),
    Mistake("save", "a number for a path", lambda: mr.save(mr.Scene(), 3), mr.InvalidInput, "save needs a path, not int"),
    Mistake("save", "an unknown kind of file", lambda: mr.save(mr.Scene(), "a.step"), mr.AssetError, "no saver knows; known are"),
    Mistake("save", "an unknown option", lambda: mr.save(mr.Scene(), "a.stl", units="inch"),
            mr.InvalidInput, "knows no option 'units'; it takes unit, up"),
    Mistake("save", "an empty scene", lambda: mr.save(mr.Scene(), "nothing.obj"), mr.AssetError,
            "shows nothing.*make visible what is to be saved"),
    Mistake("check_solid", "the path of a model", lambda: mr.check_solid("part.stl"),
            mr.InvalidInput, r"needs a Geometry or a Scene, such as mr\.load\(path\) gives, not str"),
    Mistake("io", "a saver without a dot", lambda: mr.io.saver("ply"), mr.InvalidInput, "such as '.ply', not 'ply'"),
    Mistake("humans", "a limb of two numbers", lambda: mr.humans.two_bone((0, 0), (0, 0, 1), (0, 0, 2), (0, 1, 1)),
            mr.InvalidInput, r"two_bone root must be numbers of shape \(\.\.\., 3\), not \(2,\)"),
    Mistake("humans", "one name for all morphs", lambda: mr.humans.morph_weights([1.0], "jawOpen", ["jawOpen"]),
            mr.InvalidInput, "needs sequences of names"),
    Mistake("humans", "a skeleton by name", lambda: mr.humans.Skeleton.of(["hips"]), mr.InvalidInput, "needs nodes, such as"),
    Mistake("io", "a motion in light years", lambda: mr.io.read_bvh("a.bvh", scale=1e16),
            mr.InvalidInput, "read_bvh scale=1e\\+16 must be"),
    Mistake("io", "a result that is not there", lambda: mr.io.read_vtk("nowhere.vtu"),
            mr.AssetError, "nowhere.vtu does not exist.*check the path"),
    Mistake("io", "a suffix without a dot", lambda: mr.io.loader("ply"), mr.InvalidInput, "such as '.ply', not 'ply'"),
    Mistake("io", "a limit of nothing", lambda: mr.io.Limits(image_pixels=0),
            mr.InvalidInput, "Limits.image_pixels must be an int of at least 1, not 0"),
    Mistake("capture", "the path of a model", lambda: mr.capture("helmet.glb", None, "bug.mrz"),
            mr.InvalidInput, "capture needs a Scene, not str"),
    Mistake("capture", "a scene for a path", lambda: mr.capture(mr.Scene(), None, mr.Scene()),
            mr.InvalidInput, "capture needs the path of a file, such as 'bug.mrz', not Scene"),
    Mistake("open_capture", "a file that is not there", lambda: mr.open_capture("nowhere.mrz"),
            mr.AssetError, "nowhere.mrz does not exist; check the path"),
    Mistake("replay", "a number", lambda: mr.replay(3), mr.InvalidInput, "needs? a path, not int"),
    Mistake("metarender.testing", "a picture without alpha", lambda: check_picture(np.zeros((4, 4, 3), np.uint8)),
            mr.InvalidInput, r"\(height, width, 4\) uint8 such as frame\.color"),
    Mistake("metarender.testing", "a golden that leaves its folder", lambda: check_name("../a"),
            mr.InvalidInput, "must be 1 to 120 letters"),
    Mistake("metarender.testing", "a budget for nothing", lambda: check_budget(STATS, {}, []),
            mr.InvalidInput, "name at least one of draw_calls"),
    Mistake("metarender.testing", "an unknown counter", lambda: check_budget(STATS, {"drawcalls": 3}, []),
            mr.InvalidInput, "knows no counter 'drawcalls'; name one of draw_calls"),
    Mistake("metarender.testing", "a clock that runs backwards", lambda: VirtualClock().advance(-1),
            mr.InvalidInput, "clock.advance seconds=-1 must be a number from 0"),
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: f"{mistake.entry}: {mistake.what}")
def test_promise_6_a_mistake_is_refused_in_one_plain_sentence(mistake):
    with pytest.raises(mistake.exception, match=mistake.message) as caught:
        mistake.action()
    said = str(caught.value)
    assert isinstance(caught.value, mr.MetarenderError)
    assert len(said) < 400 and "\n" not in said
    assert MENDING.search(said), f"it does not say what to do: {said}"


PLAIN = {"PartState", "SolidReport", "Stats", "Capture", "Replay", "close", "__version__", "Instances"}
"""Public names that take nothing which could be wrong: what functions return, and another name for Parts."""


def test_promise_6_every_public_name_has_mistakes_of_its_own():
    errors = {name for name in mr.__all__ if isinstance(getattr(mr, name), type) and issubclass(getattr(mr, name), Exception)}
    known = {mistake.entry.split(".")[0] for mistake in MISTAKES} | {"Scene"}
    assert set(mr.__all__) - errors - PLAIN - known == set()
    methods = {"Scene.add_parts", "Parts.edit", "Parts.set", "Scene.set_state", "Scene.query", "Scene.isolate", "Scene.ghost",
               "Renderer.compile", "metarender.testing"}
    assert methods - {mistake.entry for mistake in MISTAKES} == set()
    assert len(MISTAKES) >= 40 and len({(mistake.entry, mistake.what) for mistake in MISTAKES}) == len(MISTAKES)


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
    path = tmp_path / "model.step"
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
