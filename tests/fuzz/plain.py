"""Plain formats for the fuzzer: sound files to start from, made here, and damage that fits text, rows of bytes, and zips of XML."""

from __future__ import annotations

import importlib.util
import io
import random
import struct
import tempfile
import warnings
import zipfile
from pathlib import Path

import mutate
import numpy as np

import metarender as mr

WORDS = (
    b"nan", b"inf", b"1e999", b"-1", b"0", b"1", b"99999999", b"4294967296", b"9223372036854775808", b"-2147483649", b"1e38",
    b"1/1/1", b"//", b"\0",
    b"\xff", b"f", b"v", b"l 1", b"usemtl x", b"s 1", b"list", b"uchar", b"char", b"double", b"int", b"element face", b"vertex",
    b"endloop", b"solid", b"end_header", b"#", b"\\\n", b"\r", b"\n", b" " * 70, b"../../x.png", b"-s 1e99", b"-o nan 1 1",
)
SUFFIX = {"obj": ".obj", "mtl": ".mtl", "stl": ".stl", "ply": ".ply", "3mf": ".3mf", "xyz": ".xyz", "las": ".laz", "usd": ".usda"}
NEEDS = {"las": ("laspy", "lazrs"), "usd": ("pxr",)}
"""Kinds that a library reads; without it they are not fuzzed."""
KINDS = tuple(kind for kind in SUFFIX if all(importlib.util.find_spec(name) for name in NEEDS.get(kind, ())))
if "usd" in KINDS:  # its libraries and threads are not what a file costs, so they come in before memory is limited
    importlib.import_module("pxr.UsdSkel")

OBJ = b"""mtllib model.mtl
o box
v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 1 1 0 0 0 1\nv 0 1 0 1 1 1\nv 0.5 0.2 1
vt 0 0\nvt 1 0\nvt 1 1\nvn 0 0 1\nvn 0 1 0
usemtl a
f 1/1/1 2/2/1 3/3/1 4//1\ns 1\nf -5 -4 -1\nf 1 2 3 5 4
g lid\nusemtl b\ns off\nf 3 4 5\nl 1 2 3\np 5 1
"""
MTL = b"""newmtl a\nKd 0.5 0.2 1\nKs 1 1 1\nNs 30\nd 0.5\nmap_Kd -s 2 2 1 -o 0.5 0 0 -clamp on tex.png\nKe 0 1 0
newmtl b\nKd 1 1 1\nPr 0.3\nPm 1\nmap_Pr tex.png\nnorm tex.png\nTr 0.1\n"""
PLY = (b"ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty double y\nproperty float z\nproperty uchar red\n"
       b"property uchar green\nproperty uchar blue\nelement face 2\nproperty list uchar int vertex_indices\nproperty float q\n"
       b"element edge 1\nproperty int vertex1\nproperty int vertex2\nend_header\n0 0 0 255 0 0\n1 0 0 0 0 9\n1 1 0 7 7 7\n0 1 0 1 2 3\n"
       b"4 0 1 2 3 0.5\n3 0 1 2 7\n0 3\n")
USD = b"""#usda 1.0
(upAxis = "Z")
def Mesh "m" (apiSchemas = ["MaterialBindingAPI"]) {
int[] faceVertexCounts = [4, 3]
int[] faceVertexIndices = [0, 1, 2, 3, 0, 1, 2]
point3f[] points = [(0,0,0),(1,0,0),(1,1,0),(0,1,0)]
normal3f[] normals = [(0,0,1),(0,0,1),(0,0,1),(0,0,1)]
color3f[] primvars:displayColor = [(1,0,0)] (interpolation = "constant")
}
def PointInstancer "p" {
int[] protoIndices = [0, 0]
point3f[] positions = [(0,0,1),(0,0,2)]
rel prototypes = [</m>]
}
"""
FIGURE = b"""#usda 1.0
(timeCodesPerSecond = 4)
def SkelRoot "r" {
double xformOp:rotateY.timeSamples = {0: 0, 4: 90, 8: 360}
uniform token[] xformOpOrder = ["xformOp:rotateY"]
def Skeleton "s" (apiSchemas = ["SkelBindingAPI"]) {
uniform token[] joints = ["a", "a/b"]
uniform matrix4d[] bindTransforms = [((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,0,0,1)), ((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,1,0,1))]
uniform matrix4d[] restTransforms = [((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,0,0,1)), ((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,1,0,1))]
rel skel:animationSource = </r/w>
}
def SkelAnimation "w" {
uniform token[] joints = ["a/b", "a"]
float3[] translations.timeSamples = {0: [(0,1,0),(0,0,0)], 6: [(0,2,0),(1,0,0)]}
quatf[] rotations.timeSamples = {0: [(1,0,0,0),(1,0,0,0)], 6: [(0,1,0,0),(0.6,0,0.8,0)]}
half3[] scales.timeSamples = {0: [(1,1,1),(1,1,1)], 6: [(1,1,1),(2,1,1)]}
}
def Mesh "m" (apiSchemas = ["SkelBindingAPI", "MaterialBindingAPI"]) {
token visibility.timeSamples = {0: "inherited", 5: "invisible"}
int[] faceVertexCounts = [3]
int[] faceVertexIndices = [0, 1, 2]
point3f[] points = [(0,0,0),(1,0,0),(1,1,0)]
rel skel:skeleton = </r/s>
matrix4d primvars:skel:geomBindTransform = ((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,0,0,1))
int[] primvars:skel:jointIndices = [0,1,0,1,0,1] (elementSize = 2; interpolation = "vertex")
float[] primvars:skel:jointWeights = [1,0,0.5,0.5,0,1] (elementSize = 2; interpolation = "vertex")
rel material:binding = </r/M>
}
def Material "M" {
token outputs:surface.connect = </r/M/s.outputs:surface>
def Shader "s" {
uniform token info:id = "UsdPreviewSurface"
color3f inputs:diffuseColor.connect = </r/M/t.outputs:rgb>
float inputs:opacity.connect = </r/M/t.outputs:g>
token outputs:surface
}
def Shader "t" {
uniform token info:id = "UsdUVTexture"
asset inputs:file = @tex.png@
float2 inputs:st.connect = </r/M/u.outputs:result>
float4 inputs:scale = (0.5,1,1,1)
}
def Shader "u" {
uniform token info:id = "UsdTransform2d"
float2 inputs:scale = (2,3)
float inputs:rotation = 30
}
}
}
"""


def seeds(kind: str) -> list[bytes]:
    """Sound files of a kind, small."""
    if kind in ("obj", "mtl", "usd"):
        return {"obj": [OBJ], "mtl": [MTL], "usd": [USD, FIGURE]}[kind]
    if kind == "xyz":
        return [b"# a cloud\n1 2 3\n4 5 6.5\n", b"1 2 3 255 0 0\n4e3 5 6 0 9 255\n"]
    if kind == "las":
        return [_las(".las"), _las(".laz")]
    written = [_saved(SUFFIX[kind], **options) for options in ([{}] if kind == "3mf" else [{}, {"ascii": True}])]
    return [*written, PLY, _mixed_ply()] if kind == "ply" else written


def _saved(suffix: str, **options: bool) -> bytes:
    box = mr.box(1)
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.Geometry(positions=box.positions, indices=box.indices, colors=np.full((24, 3), 0.5)), mr.Standard(name="a")))
    scene.add(mr.Mesh(mr.box(2), mr.Standard(color="red")), position=(3, 0, 0), name="two")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", mr.io.AssetWarning)
        mr.save(scene, Path(folder) / f"a{suffix}", **options)
        return (Path(folder) / f"a{suffix}").read_bytes()


def _mixed_ply() -> bytes:
    head = (b"ply\nformat binary_big_endian 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\nelement face 3\n"
            b"property list short uint vertex_indices\nend_header\n")
    faces = b"".join(struct.pack(f">h{len(f)}I", len(f), *f) for f in ((0, 1, 2), (0, 1, 2, 3), (1, 2, 3)))
    return head + np.eye(4, 3).astype(">f4").tobytes() + faces


def _las(suffix: str) -> bytes:
    import laspy

    las = laspy.LasData(laspy.LasHeader(point_format=2, version="1.2"))
    las.x = las.y = las.z = np.arange(20) / 8
    las.red = np.arange(20) * 3000
    stream = io.BytesIO()
    las.write(stream, do_compress=suffix == ".laz")
    return stream.getvalue()


def damage(kind: str, chance: random.Random, sound: list[bytes]) -> bytes:
    """Return a damaged file of a kind."""
    data = chance.choice(sound)
    if kind == "3mf":
        return _zip(chance, data)
    binary = b"\0" in data[:2000] or kind == "las"
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        data = _numbers(chance, data) if binary and chance.random() < 0.6 else _words(chance, data)
    return mutate.damage_bytes(chance, data) if chance.random() < 0.3 else data


def _words(chance: random.Random, data: bytes) -> bytes:
    """Put a word in the place of another, drop one, or say a line twice."""
    starts = [k for k in range(1, len(data)) if data[k - 1 : k] in (b" ", b"\n", b'"', b"/") and not data[k : k + 1].isspace()]
    if not starts:
        return data
    at = chance.choice(starts)
    end = next((k for k in range(at, min(len(data), at + 60)) if data[k : k + 1] in (b" ", b"\n", b'"', b"/")), at + 1)
    if chance.random() < 0.2:
        line = data.find(b"\n", at) + 1
        return data[:line] + data[data.rfind(b"\n", 0, at) + 1 : line] * chance.choice((1, 40)) + data[line:]
    return data[:at] + (b"" if chance.random() < 0.2 else chance.choice(WORDS)) + data[end:]


def _numbers(chance: random.Random, data: bytes) -> bytes:
    """Write an extreme number over some bytes."""
    at = chance.randrange(len(data))
    k = 4 * chance.randrange(8)
    number = chance.choice((mutate.FLOATS[k : k + 4], b"\xff" * 4, b"\0" * 8, b"\xff\xff\xff\x7f", b"\1", b"\xff"))
    return data[:at] + number + data[at + len(number) :]


def _zip(chance: random.Random, data: bytes) -> bytes:
    members = mutate.members_of(data)
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        name = chance.choice(list(members))
        members[name] = _words(chance, members[name]) if chance.random() < 0.8 else mutate.damage_bytes(chance, members[name])
    if chance.random() < 0.1:
        members.pop(chance.choice(list(members)))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 1)
    return mutate.damage_bytes(chance, stream.getvalue()) if chance.random() < 0.1 else stream.getvalue()
