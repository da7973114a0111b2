"""Whatever way a material or a shader breaks, a frame raises and says where; none is black in silence, and the next one is whole."""

from importlib.resources import files

import numpy as np
import pytest

import metarender as mr
from metarender.errors import DeviceError, InvalidInput, ShaderError
from metarender.gpu.compute import ComputeProgram
from metarender.gpu.device import Device
from metarender.gpu.programs import ProgramKey, Programs, normalise
from metarender.gpu.resource_pools import ResourcePools
from metarender.gpu.shader_source import Composer
from metarender.materials import UNLIT_ROW

CAMERA = mr.PerspectiveCamera().look_at((1, 1, 2), (0, 0, 0))
UNLIT = files("metarender.shaders").joinpath("material/unlit.glsl").read_text("utf-8")


def scene_of(material: mr.Material) -> mr.Scene:
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), material))
    return scene


def broken(old: str, new: str) -> str:
    """The file of Unlit with an edit that somebody made."""
    assert UNLIT.count(old) == 1
    return UNLIT.replace(old, new)


BROKEN = {
    "a name that does not exist": (
        broken("* f.color, vec3(0.0)", "* f.colour, vec3(0.0)"),
        ["Shader pass/shade.frag.glsl with material unlit does not compile", "\nmaterial/unlit.glsl:15: 0:", "colour",
         "      12 | #endif", "  >   15 |     s = Surface(", "      18 | #endif", "    included by pass/shade.frag.glsl",
         "features: PASS_SHADE"]),
    "half a function": (broken("#endif\n}", "#endif\n"), ["does not compile", "error: syntax error", "  > ", "features: PASS_SHADE"]),
    "a function without a body": (
        broken("void surface(", "vec4 paint(vec4 color);\nvoid surface(").replace("* f.color, vec3(0.0)", "* paint(f.color), vec3(0.0)"),
        ["does not link", "unresolved reference to function", "material/unlit.glsl:14: paint in the fragment unit",
         "  >   14 | vec4 paint", "included by pass/shade.frag.glsl", "features: PASS_SHADE"]),
    "an input of another type": (
        broken("void surface(", "void surface(") + "\nflat in ivec4 v_uv0;\n",
        ["would read zeros", "material/unlit.glsl:21: nothing produces v_uv0", "  >   21 | flat in ivec4 v_uv0", "features: PASS_SHADE"]),
    "an input that nothing produces, with a location, which Mesa links": (
        broken("void surface(", "layout(location = 9) in vec3 mine;\nvoid surface(").replace("f.color, vec3(0.0)",
                                                                                             "vec4(mine, 1.0), vec3(0.0)"),
        ["material/unlit.glsl:14: nothing produces mine", "included by pass/shade.frag.glsl"]),
    "a uniform that nobody sets": (
        broken("void surface(", "uniform vec4 tint;\nvoid surface(").replace("* f.color, vec3(0.0)", "* f.color * tint, vec3(0.0)"),
        ["would read zeros", "nobody sets the uniform tint", "material/unlit.glsl:14: tint in the fragment unit", "features: PASS_SHADE"]),
    "a texture of a slot that is empty": (
        broken("#ifdef FEATURE_0\nlayout", "#if 1\nlayout").replace("#ifdef FEATURE_0", "#if 1"),
        ["would read zeros", "sampler2DArray color_texture reads texture unit 0, where nothing is bound", "material/unlit.glsl:11:"]),
    "a texture of another kind": (
        broken("void surface(", "layout(binding = UNIT_ENVIRONMENT_DFG) uniform sampler2D table;\nvoid surface(").replace(
            "* f.color, vec3(0.0)", "* texture(table, vec2(0.5)), vec3(0.0)"),
        ["the sampler2D table reads texture unit 10, where nothing is bound"]),
    "a storage block that nobody binds": (
        broken("void surface(", "layout(std430, binding = 6) readonly buffer Mine { vec4 mine_rows[]; };\nvoid surface(").replace(
            "* f.color, vec3(0.0)", "* mine_rows[0], vec3(0.0)"),
        ["the storage block Mine has binding 6, where nothing is bound", "material/unlit.glsl:14: Mine in the fragment unit"]),
    "a uniform block that nobody binds": (
        broken("void surface(", "layout(std140, binding = 3) uniform Mine { vec4 tint; };\nvoid surface(").replace(
            "* f.color, vec3(0.0)", "* tint, vec3(0.0)"),
        ["the uniform block Mine has binding 3, where nothing is bound"]),
    "a file that is missing": (broken("void surface(", '#include "lib/mine.glsl"\nvoid surface('),
                               ["'lib/mine.glsl', included by material/unlit.glsl, does not exist"]),
}


@pytest.mark.parametrize("debug", (False, True), ids=("plain", "debug"))
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_raises_with_its_place_at_every_frame_until_it_is_mended(kind, debug):
    text, expected = BROKEN[kind]
    scene = scene_of(mr.Unlit(color="orange"))
    with Device.open("software", debug=debug) as device, mr.Renderer(size=(48, 32), device=device) as renderer:
        programs = ResourcePools.of(device).programs
        live = dict(device.live)
        programs._composer = Composer({"material/unlit.glsl": text})
        for _ in range(2):
            with pytest.raises(ShaderError) as caught:
                renderer.render(scene, CAMERA)
            for part in expected:
                assert part in str(caught.value), (part, str(caught.value))
        with pytest.raises(ShaderError):
            renderer.compile(scene)
        assert device.live.get("program", 0) == live.get("program", 0), "what was refused is released"
        programs._composer = Composer()
        assert tuple(renderer.render(scene, CAMERA).color[16, 24]) == (255, 165, 0, 255)


def test_every_line_around_is_of_the_same_file_and_the_vertex_unit_is_told_from_the_fragment_unit():
    text = files("metarender.shaders").joinpath("geometry/mesh.vert.glsl").read_text("utf-8")
    wrong = text.replace("vec3 anchor_offset() {", "vec3 anchor_offset() { wrong")
    with Device.open("software") as device, pytest.raises(ShaderError) as caught:
        programs = Programs(device)
        programs._composer = Composer({"geometry/mesh.vert.glsl": wrong})
        programs.get(normalise(ProgramKey("shade", "unlit")))
    lines = str(caught.value).splitlines()
    places = [int(line.split(":")[1]) for line in lines if line.startswith("geometry/mesh.vert.glsl:")]
    number = text[:text.index("vec3 anchor_offset")].count("\n") + 1
    assert places and number <= places[0] <= number + 6, lines
    shown = [int(line[4:].split("|")[0]) for line in lines if "|" in line[:12]]
    assert shown == list(range(shown[0], shown[0] + len(shown))) and 4 <= len(shown) <= 7
    assert not any("included by" in line for line in lines) and lines[-1].startswith("features: PASS_SHADE")


# --- what can break without a file ------------------------------------------------------------------------------------------


class Toon(mr.Unlit):
    """Names a shader that nobody wrote."""

    shader = "toon"


class Wide(mr.Unlit):
    """Rows that the shader does not know."""

    row_dtype = np.dtype([*UNLIT_ROW.descr, ("more", "f4", 4)])


class Fewer(mr.Standard):
    """Slots that the shader does not know."""

    slots = ("color_texture",)


class Nan(mr.Standard):
    """Computes a value that is not finite."""

    broken = True

    def fill_row(self, row, layers):
        super().fill_row(row, layers)
        row["roughness"] = np.nan if self.broken else 0.5


def far_texture() -> mr.TextureInfo:
    return mr.TextureInfo(mr.Texture(np.full((2, 2, 4), 255, np.uint8), srgb=True), scale=(1e300, 1.0))


MATERIALS = {
    "a shader that does not exist": (lambda: Toon(name="hull"), ShaderError, "Toon 'hull' names the shader 'toon', which does not exist"),
    "rows of another layout": (lambda: Wide(name="hull"), ShaderError, "Wide 'hull' has rows that the shader 'unlit' cannot read"),
    "other slots": (lambda: Fewer(name="hull"), ShaderError, "Fewer 'hull' has 1 texture slots and the shader 'standard' has 5"),
    "a value that is not a number": (lambda: Nan(name="hull"), InvalidInput, "Nan 'hull' has a row whose roughness is not finite"),
    "a number beyond float32": (lambda: mr.Unlit(color_texture=far_texture(), name="hull"), InvalidInput,
                                "Unlit 'hull' has a row whose slots is not finite"),
}


@pytest.mark.parametrize("kind", MATERIALS)
def test_a_material_that_does_not_fit_its_shader_is_named(renderer, kind):
    make, error, message = MATERIALS[kind]
    scene = scene_of(make())
    for action in (lambda: renderer.render(scene, CAMERA), lambda: renderer.render(scene, CAMERA), lambda: renderer.compile(scene)):
        with pytest.raises(error, match=message) as caught:
            action()
        assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
    assert renderer.render(scene_of(mr.Unlit(color="orange")), CAMERA).color[64, 64, 0] == 255


def test_a_material_that_is_mended_is_drawn(renderer):
    material = Nan(color="orange", name="hull")
    scene = scene_of(material)
    with pytest.raises(InvalidInput, match="roughness"):
        renderer.render(scene, CAMERA)
    material.broken, material.metallic = False, 0.5
    with mr.Renderer(size=(128, 128), msaa=1, device=renderer.device) as other:
        expected = other.render(scene_of(mr.Standard(color="orange", metallic=0.5)), CAMERA).color
    assert np.array_equal(renderer.render(scene, CAMERA).color, expected)


def test_a_texture_that_is_not_on_the_device_is_missed(renderer):
    """Never seen but when the pool is wrong: then it is an error, not a black surface."""
    texture = mr.Texture(np.full((2, 2, 4), 255, np.uint8), srgb=True)
    scene = scene_of(mr.Unlit(color_texture=texture))
    renderer.render(scene, CAMERA)
    ResourcePools.of(renderer.device).textures._pages[texture.page].texture = None
    with pytest.raises(DeviceError, match="a texture of 2x2 pixels that is not on the device"):
        renderer.render(scene, CAMERA)


UNIFORMS = {
    "an exposure": lambda renderer, scene: setattr(renderer, "exposure", 1e300),
    "an environment": lambda renderer, scene: setattr(scene, "environment", mr.Environment.studio(intensity=1e300)),
    "a range of values": lambda renderer, scene: setattr(scene, "colormap", mr.Colormap.heat(0.0, 1e-300)),
}


@pytest.mark.parametrize("kind", UNIFORMS)
def test_a_constant_beyond_float32_is_refused_until_it_is_mended(renderer, kind):
    scene = scene_of(mr.Standard(color="orange"))
    expected = renderer.render(scene, CAMERA).color
    kept = renderer.exposure, scene.environment, scene.colormap
    UNIFORMS[kind](renderer, scene)
    for _ in range(2):
        with pytest.raises(InvalidInput, match="not finite as float32, and nothing would be drawn"):
            renderer.render(scene, CAMERA)
    renderer.exposure, scene.environment, scene.colormap = kept
    assert np.array_equal(renderer.render(scene, CAMERA).color, expected)


def test_a_broken_compute_shader_is_explained(monkeypatch):
    text = "layout(local_size_x = 1) in;\nvoid main() { x; }\n"
    monkeypatch.setattr("metarender.gpu.compute.Composer", lambda before=None: Composer({"compute/scatter.comp.glsl": text}))
    with Device.open("software") as device:
        with pytest.raises(ShaderError, match=r"compute/scatter.comp.glsl:2: .*`x' undeclared") as caught:
            ComputeProgram(device, "compute/scatter.comp.glsl")
        assert "features: none" in str(caught.value) and "program" not in device.live
