"""USD: meshes, transforms, units, instances, subsets, preview surfaces, and layers that lead elsewhere."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import metarender as mr
from metarender.io import AssetWarning, usd_child

STAGE = """#usda 1.0
(
    metersPerUnit = 0.01
    upAxis = "Z"
)
def Xform "root" {
    double3 xformOp:translate = (100, 0, 0)
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def Mesh "quad" (prepend apiSchemas = ["MaterialBindingAPI"]) {
        int[] faceVertexCounts = [4, 3]
        int[] faceVertexIndices = [0, 1, 2, 3, 1, 4, 2]
        point3f[] points = [(0,0,0),(10,0,0),(10,10,0),(0,10,0),(20,5,0)]
        texCoord2f[] primvars:st = [(0,0),(1,0),(1,1),(0,1),(0,0),(1,0),(1,1)] (interpolation = "faceVarying")
        uniform token subdivisionScheme = "none"
        rel material:binding = </mats/M>
        def GeomSubset "s" (prepend apiSchemas = ["MaterialBindingAPI"]) {
            uniform token elementType = "face"
            uniform token familyName = "materialBind"
            int[] indices = [1]
            rel material:binding = </mats/N>
        }
    }
}
def Scope "mats" {
    def Material "M" {
        token outputs:surface.connect = </mats/M/s.outputs:surface>
        def Shader "s" { uniform token info:id = "UsdPreviewSurface"
            color3f inputs:diffuseColor.connect = </mats/M/t.outputs:rgb>
            float inputs:roughness = 0.3
            token outputs:surface
 }
        def Shader "t" { uniform token info:id = "UsdUVTexture"
            asset inputs:file = @tex.png@
            float2 inputs:st.connect = </mats/M/r.outputs:result>
            token inputs:wrapS = "clamp"
            float3 outputs:rgb
 }
        def Shader "r" { uniform token info:id = "UsdPrimvarReader_float2"
            string inputs:varname = "st"
            float2 outputs:result
 }
    }
    def Material "N" {
        token outputs:surface.connect = </mats/N/s.outputs:surface>
        def Shader "s" { uniform token info:id = "UsdPreviewSurface"
            color3f inputs:diffuseColor = (1, 0, 0)
            float inputs:metallic = 1
            token outputs:surface
 }
    }
}
def PointInstancer "pi" {
    int[] protoIndices = [0, 0]
    point3f[] positions = [(0,0,5),(0,0,9)]
    rel prototypes = [</pi/p>]
    def Mesh "p" { 
 int[] faceVertexCounts=[3]
      int[] faceVertexIndices=[0,1,2]
      point3f[] points=[(0,0,0),(1,0,0),(0,1,0)]
      color3f[] primvars:displayColor = [(0,1,0)]
      uniform token orientation = "leftHanded"
      double3 xformOp:translate = (0, 0, 1)
      uniform token[] xformOpOrder = ["xformOp:translate"]
      normal3f[] normals = [(0,0,1),(0,0,1),(0,0,1)]
    }
}
class "C" { def Mesh "m" { 
 int[] faceVertexCounts=[3]
      int[] faceVertexIndices=[0,1,2]
      point3f[] points=[(0,0,0),(1,0,0),(0,1,0)]
 }
 }
def Xform "i1" (
 instanceable = true
 inherits = </C>
) {
}
def Xform "i2" (
 instanceable = true
 inherits = </C>
) {
}
"""


@pytest.fixture
def load(tmp_path):
    pytest.importorskip("pxr")
    Image.new("RGB", (4, 4), (10, 200, 30)).save(tmp_path / "tex.png")

    def load(text, name="stage.usda", **options):
        (tmp_path / name).write_text(text)
        return mr.load(tmp_path / name, **options)

    return load


def mesh(body, head=""):
    return f'#usda 1.0\n({head}\n)\ndef Mesh "m" {{\n{body}\n}}\n'


TRIANGLE = "int[] faceVertexCounts = [3]\nint[] faceVertexIndices = [0, 1, 2]\npoint3f[] points = [(0,0,0),(1,0,0),(0,1,0)]\n"


def only(scene):
    (pair,) = [pair for node in scene.nodes if node.mesh is not None for pair in node.mesh.primitives]
    return pair


def test_a_stage_becomes_a_scene_in_metres_with_y_up(load):
    scene = load(STAGE)
    found = {node.name: node for node in scene.nodes}
    np.testing.assert_allclose(found["quad"].world_matrix[:3, 3], [1, 0, 0], atol=1e-7)
    np.testing.assert_allclose(found["quad"].bounds, [[1, 0, -0.1], [1.2, 0, 0]], atol=1e-7)
    subset, rest = found["quad"].mesh.primitives
    assert (subset[1].name, rest[1].name) == ("N", "M") and subset[0].index_count == 3 and rest[0].index_count == 6
    assert subset[1].color == (1, 0, 0, 1) and subset[1].metallic == 1
    assert rest[1].roughness == pytest.approx(0.3) and rest[1].color_texture.texture.pixels[0, 0].tolist() == [10, 200, 30, 255]
    assert rest[1].color_texture.texture.sampler.wrap_s == "clamp_to_edge"
    np.testing.assert_array_equal(np.unique(rest[0].uv0, axis=0), [[0, 0], [0, 1], [1, 0], [1, 1]])


def test_instances_share_their_mesh_and_instancers_make_ranges(load):
    scene = load(STAGE)
    assert len({id(node.mesh) for node in scene.nodes if node.name == "m"}) == 1
    (parts,) = scene.parts
    assert len(parts.ids) == 2
    matrices = scene.store.world_matrices(parts.ids)
    np.testing.assert_allclose(matrices[:, :3, 3], [[0, 0.06, 0], [0, 0.1, 0]], atol=1e-7)
    geometry = parts.mesh.primitives[0][0]
    np.testing.assert_array_equal(geometry.colors[:, :3], [[0, 1, 0]] * 3)
    corners = geometry.positions[geometry.indices]
    assert np.cross(corners[1] - corners[0], corners[2] - corners[0])[2] < 0  # left-handed faces turn the other way


@pytest.mark.parametrize(("kind", "values"), [("constant", 1), ("uniform", 2), ("vertex", 4), ("varying", 4), ("faceVarying", 6)])
def test_what_is_interpolated_over_faces(load, kind, values):
    colors = [(k / 8, 0, 0) for k in range(1, values + 1)]
    text = mesh("int[] faceVertexCounts = [3, 3]\nint[] faceVertexIndices = [0, 1, 2, 0, 2, 3]\n"
                "point3f[] points = [(0,0,0),(1,0,0),(1,1,0),(0,1,0)]\n"
                f'color3f[] primvars:displayColor = [{", ".join(map(str, colors))}] (interpolation = "{kind}")\n')
    geometry, _ = only(load(text))
    index = {"constant": [0] * 6, "uniform": [0] * 3 + [1] * 3, "faceVarying": range(6)}.get(kind, [0, 1, 2, 0, 2, 3])
    got = geometry.colors[geometry.indices][:, 0]
    np.testing.assert_allclose(got, [colors[k][0] for k in index], atol=1e-6)


def test_indexed_normals_holes_polygons_and_visibility(load):
    text = mesh("int[] faceVertexCounts = [4, 3]\nint[] faceVertexIndices = [0, 1, 2, 3, 0, 1, 2]\nint[] holeIndices = [1]\n"
                "point3f[] points = [(0,0,0),(2,0,0),(0.5,0.5,0),(0,2,0)]\ntoken visibility = \"invisible\"\n"
                "normal3f[] primvars:normals = [(0,0,2)] (interpolation = \"faceVarying\")\n"
                "int[] primvars:normals:indices = [0,0,0,0,0,0,0]\n")
    scene = load(text)
    geometry, _ = only(scene)
    assert geometry.index_count == 6 and geometry.vertex_count == 4
    np.testing.assert_array_equal(geometry.normals, [[0, 0, 1]] * 4)
    corners = geometry.positions[geometry.indices].reshape(-1, 3, 3)
    assert (np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > 0).all()  # cut at the concave corner
    assert not next(node for node in scene.nodes if node.mesh is not None).visible


def test_what_is_not_drawn_is_told(load):
    with pytest.warns(AssetWarning, match=r"subdivision \(surfaces are drawn as their cage\)"):
        load(mesh(TRIANGLE + 'uniform token subdivisionScheme = "catmullClark"'))
    with pytest.warns(AssetWarning, match="prims of the type Sphere"):
        load(mesh(TRIANGLE) + 'def Sphere "s" {}\n')


def test_a_package_with_its_picture(load, tmp_path):
    from pxr import UsdUtils

    load(STAGE)
    assert UsdUtils.CreateNewUsdzPackage(str(tmp_path / "stage.usda"), str(tmp_path / "stage.usdz"))
    scene = mr.load(tmp_path / "stage.usdz")
    found = next(node for node in scene.nodes if node.name == "quad")
    assert found.mesh.primitives[1][1].color_texture.texture.pixels[0, 0].tolist() == [10, 200, 30, 255]


def test_layers_beside_the_file_are_composed(load, tmp_path):
    (tmp_path / "part.usda").write_text('#usda 1.0\n(defaultPrim = "m")\n' + mesh(TRIANGLE).partition(")\n")[2])
    scene = load('#usda 1.0\ndef "a" (references = @part.usda@) {}\ndef "b" (payload = @part.usda@) {}\n')
    assert [node.name for node in scene.nodes if node.mesh is not None] == ["a", "b"]


@pytest.mark.parametrize(("text", "message"), [
    ("#usda 1.0\ndef {{", "cannot be read as USD"), ("not usd", "cannot be read as USD"), ("#usda 1.0\n", "no meshes that are drawn"),
    ('#usda 1.0\ndef "x" (references = @../../etc/passwd.usda@) {}\n', "outside its folder"),
    ('#usda 1.0\n(subLayers = [@gone.usda@])\n', "does not exist"), (mesh(TRIANGLE.replace("2]", "7]")), "do not fit its 3 points"),
    (mesh(TRIANGLE.replace("[3]", "[4]")), "do not fit its 3 points"), (mesh(TRIANGLE.replace("(1,0,0)", "(nan,0,0)")), "not finite"),
    (mesh(TRIANGLE.replace("[3]", "[-3]")), "do not fit"), (mesh(TRIANGLE, "metersPerUnit = 0"), "metres for its unit"),
    (mesh(TRIANGLE + "normal3f[] normals = [(0,0,1)]"), "values of 'normals', too few"),
])  # fmt: skip
def test_promise_6_a_broken_or_greedy_stage_is_refused(load, text, message):
    with pytest.raises(mr.AssetError, match=message):
        load(text)


CLIPS = """#usda 1.0
def Scope "over" (
    clips = {{
        dictionary default = {{
            {}
            string primPath = "/m"
            double2[] active = [(0, 0)]
            double2[] times = [(0, 0), (1, 1)]
        }}
    }}
)
{{
    def Mesh "m" {{
        int[] faceVertexCounts = [3]
        int[] faceVertexIndices = [0, 1, 2]
        point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
    }}
}}
"""


@pytest.mark.parametrize("clips", ["asset[] assetPaths = [@../secret.usda@]", "asset manifestAssetPath = @../secret.usda@",
                                   'string templateAssetPath = "../secret.#.usda"', 'string templateAssetPath = "/secret.#.usda"'])
def test_promise_6_value_clips_lead_nowhere_else(tmp_path, clips):
    (tmp_path / "secret.usda").write_text(mesh(TRIANGLE))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.usda").write_text(CLIPS.format(clips))
    with pytest.raises(mr.AssetError, match="outside its folder"):
        mr.load(tmp_path / "in" / "a.usda")


def test_value_clips_beside_the_file_are_read(load, tmp_path):
    (tmp_path / "clip.usda").write_text(mesh(TRIANGLE))
    scene = load(CLIPS.format("asset[] assetPaths = [@clip.usda@]"))
    assert [node.name for node in scene.nodes if node.mesh is not None] == ["m"]


def test_without_usd_core_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pxr", None)
    (tmp_path / "a.usda").write_text(mesh(TRIANGLE))
    with pytest.raises(mr.MissingExtra, match=r"pip install 'metarender\[usd\]'"):
        mr.load(tmp_path / "a.usda")


@pytest.fixture
def binary(load, tmp_path):
    """The stage as a binary layer."""
    from pxr import Usd

    load(STAGE)
    Usd.Stage.Open(str(tmp_path / "stage.usda")).Export(str(tmp_path / "stage.usdc"))
    return tmp_path / "stage.usdc"


def test_promise_6_a_binary_stage_that_ends_its_reader_is_refused(binary, load, monkeypatch):
    """Text starts no other process."""
    assert sum(node.mesh is not None for node in mr.load(binary).nodes) == 5
    started = []

    def dies(command, **options):
        started.append(command)
        return subprocess.CompletedProcess(command, -11)

    monkeypatch.setattr("metarender.io.usd_checks.subprocess.run", dies)
    with pytest.raises(mr.AssetError, match=r"stage.usdc ends the reader of USD, which is damaged or needs more memory.*; write it anew"):
        mr.load(binary)
    assert len(started) == 1
    load(STAGE)
    load('#usda 1.0\ndef "a" (references = @stage.usda@</root>) {}\n', "other.usda")
    assert len(started) == 1
    for text in (STAGE + "#" * (1 << 14), STAGE.replace("(0,0,5)", "(0,0,5) # " + "x" * (1 << 14), 1)):
        with pytest.raises(mr.AssetError, match="ends the reader"):
            load(text, "long.usda")
    assert len(started) == 3 and all(command[1] == "-P" for command in started)


def nested(count):
    return "#usda 1.0\n" + 'def Xform "a" {\n' * count + 'def Mesh "m" {\n' + TRIANGLE + "}\n" * (count + 1)


def test_promise_6_text_that_is_nested_too_deeply_ends_its_reader_alone(load):
    assert load(nested(1500)).store.draw_count == 1
    with pytest.raises(mr.AssetError, match="ends the reader of USD"):
        load(nested(40_000))


def instanced(levels, width):
    """Instances within instances: ``width ** levels`` triangles."""
    text = '#usda 1.0\nclass "L0" {\ndef Mesh "m" {\n' + TRIANGLE + "}\n}\n"
    for level in range(1, levels + 1):
        inner = "".join(f'def "i{k}" (\ninstanceable = true\ninherits = </L{level - 1}>\n) {{}}\n' for k in range(width))
        text += f'class "L{level}" {{\n{inner}}}\n'
    return text + f'def Xform "top" (\ninstanceable = true\ninherits = </L{levels}>\n) {{}}\n'


def test_promise_6_instances_are_counted_before_they_are_walked(load, monkeypatch):
    assert load(instanced(2, 3)).store.draw_count == 9
    monkeypatch.setattr("metarender.io.usd._Reader.nodes", None)
    with pytest.raises(mr.AssetError, match="more than 1,000,000 nodes"):
        load(instanced(12, 10))
    with pytest.raises(mr.AssetError, match="instances within instances more than 64 deep"):
        load(instanced(80, 1))


def test_subsets_share_what_they_read(load, monkeypatch):
    """Two thousand subsets of one face each, and the primvars of the mesh are read once."""
    count, reads = 2000, []
    faces = f"int[] faceVertexCounts = [{','.join('3' * count)}]\nint[] faceVertexIndices = [{','.join(['0,1,2'] * count)}]\n"
    points = "point3f[] points = [(0,0,0),(1,0,0),(0,1,0)]\ntexCoord2f[] primvars:st = [(0,0),(1,0),(0,1)] (interpolation = \"vertex\")\n"
    subsets = "".join(f'def GeomSubset "s{k}" {{\nuniform token elementType = "face"\nuniform token familyName = "materialBind"\n'
                      f"int[] indices = [{k}]\n}}\n" for k in range(count))
    from metarender.io import usd

    read = usd._Faces._read
    monkeypatch.setattr(usd._Faces, "_read", lambda self, name, width: reads.append(name) or read(self, name, width))
    scene = load(mesh(faces + points + subsets + 'uniform token subdivisionScheme = "none"'))
    assert scene.store.draw_count == count and len(reads) < 10


@pytest.mark.slow
def test_promise_6_damaged_binary_stages_never_end_this_process(binary, tmp_path):
    """In a process of its own all the same, to tell it if they do."""
    program = """
import random, sys, warnings
import metarender as mr
warnings.simplefilter("ignore")
sound, chance, refused = open(sys.argv[1], "rb").read(), random.Random(5), 0
for number in range(16):
    data = bytearray(sound)
    for _ in range(1 + number % 6):
        place = chance.randrange(8, len(data))
        data[place:place + chance.choice((1, 4, 8))] = chance.randbytes(chance.choice((1, 4, 8)))
    open(sys.argv[2], "wb").write(data[:chance.randrange(len(data) // 2, len(data))] if number % 5 == 4 else data)
    try:
        mr.load(sys.argv[2])
    except mr.AssetError:
        refused += 1
print(refused)
"""
    command = [sys.executable, "-c", program, str(binary), str(tmp_path / "damaged.usdc")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and 3 < int(done.stdout) <= 16, (done.returncode, done.stdout, done.stderr[-2000:])


def material(body, more=""):
    """A triangle whose material has this surface and these further shaders."""
    return (f'#usda 1.0\ndef Mesh "m" (prepend apiSchemas = ["MaterialBindingAPI"]) {{\n{TRIANGLE}\nrel material:binding = </M>\n}}\n'
            f'def Material "M" {{\ntoken outputs:surface.connect = </M/s.outputs:surface>\ndef Shader "s" {{\n'
            f'uniform token info:id = "UsdPreviewSurface"\n{body}\ntoken outputs:surface\n}}\n{more}\n}}\n')


def texture(name, file, *lines):
    return (f'def Shader "{name}" {{\nuniform token info:id = "UsdUVTexture"\nasset inputs:file = @{file}@\n' + "\n".join(lines)
            + "\nfloat3 outputs:rgb\nfloat outputs:r\nfloat outputs:g\nfloat outputs:a\n}\n")


TURN = """def Shader "turn" { uniform token info:id = "UsdTransform2d"
float2 inputs:in.connect = </M/r.outputs:result>
float2 inputs:scale = (2, 3)
float inputs:rotation = 30
float2 inputs:translation = (0.25, 0.5)
float2 outputs:result
}
def Shader "r" { uniform token info:id = "UsdPrimvarReader_float2"
string inputs:varname = "st"
float2 outputs:result
}
"""


def test_turned_coordinates_and_factors(load):
    lines = ("float2 inputs:st.connect = </M/turn.outputs:result>", "float4 inputs:scale = (0.5, 0.25, 1, 1)",
             'token inputs:sourceColorSpace = "raw"')
    with pytest.warns(AssetWarning, match="linear colours of .*which are taken for sRGB"):
        _, made = only(load(material("color3f inputs:diffuseColor.connect = </M/t.outputs:rgb>", texture("t", "tex.png", *lines) + TURN)))
    info = made.color_texture
    assert made.color == (0.5, 0.25, 1.0, 1.0)
    a, b, x, c, d, y = info.matrix()
    cosine, sine = np.cos(np.pi / 6), np.sin(np.pi / 6)
    for u, v in ((0, 0), (1, 0), (0.3, 0.7)):
        expected = np.array([2 * u * cosine - 3 * v * sine + 0.25, 2 * u * sine + 3 * v * cosine + 0.5])
        ours = np.array([a * u + b * (1 - v) + x, c * u + d * (1 - v) + y])
        np.testing.assert_allclose([ours[0], 1 - ours[1]], expected, atol=1e-12)


def test_channels_come_from_the_pictures_that_are_there(load, tmp_path):
    Image.new("RGB", (2, 1), (7, 70, 170)).save(tmp_path / "orm.png")
    body = ("color3f inputs:diffuseColor.connect = </M/t.outputs:rgb>\nfloat inputs:opacity.connect = </M/o.outputs:g>\n"
            "float inputs:roughness.connect = </M/o.outputs:r>\nfloat inputs:metallic.connect = </M/gone.outputs:r>\n"
            "float inputs:occlusion.connect = </M/o.outputs:g>")
    more = texture("t", "tex.png") + texture("o", "orm.png") + texture("gone", "gone.png")
    with pytest.warns(AssetWarning, match=r"gone\.png"):
        _, made = only(load(material(body, more)))
    assert made.color_texture.texture.pixels[0, 0].tolist() == [10, 200, 30, 70] and made.alpha_mode == "blend"
    assert made.metallic_roughness_texture.texture.pixels[0, 0].tolist() == [255, 7, 255, 255]
    assert (made.metallic, made.roughness) == (0.0, 1.0) and made.occlusion_texture.texture.pixels[0, 0, 0] == 70


def test_promise_6_the_reader_that_may_die_opens_nothing_outside_the_folder(tmp_path):
    """A pipe that nobody writes to would hold it for ever."""
    pytest.importorskip("pxr")
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes on this machine")
    os.mkfifo(tmp_path / "secret.usda")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.usda").write_text('#usda 1.0\ndef "a" (references = @../secret.usda@) {}\n' + "#" * (1 << 15))
    with pytest.raises(mr.AssetError, match="outside its folder"):
        mr.load(tmp_path / "in" / "a.usda")


class Asked:
    """Stands for an attribute; raises what it is given, and remembers that it was asked."""

    def __init__(self, error=None):
        self.error, self.asked = error, 0

    def GetName(self):
        return "points"

    def Get(self, time):
        self.asked += 1
        if self.error is not None:
            raise self.error

    def GetAttributes(self):
        return [self]


def test_promise_6_a_value_that_is_refused_hides_none_of_the_others_from_the_reader_that_may_die():
    first, last = Asked(ValueError("refused")), Asked()
    usd_child.read([first, last])
    assert (first.asked, last.asked) == (1, 1)


def test_promise_6_the_reader_that_may_hang_ends_by_itself():
    code = f"import runpy; runpy.run_path({usd_child.__file__!r})['limit'](1 << 32, 1)\nwhile True: pass"
    done = subprocess.run([sys.executable, "-c", code], timeout=60, check=False)
    assert done.returncode in (-signal.SIGXCPU, -signal.SIGKILL)


def test_the_prototypes_of_an_instancer_keep_their_places_in_any_order(load):
    text = STAGE.replace("int[] protoIndices = [0, 0]", "int[] protoIndices = [1, 0]").replace("[</pi/p>]", "[</pi/p>, </root/quad>]")
    scene = load(text)
    found = {parts.mesh.primitives[0][0].colors is None: scene.store.world_matrices(parts.ids)[:, :3, 3] for parts in scene.parts}
    np.testing.assert_allclose(found[False], [[0, 0.1, 0]], atol=1e-7)
    np.testing.assert_allclose(found[True], [[0, 0.05, 0]], atol=1e-7)
