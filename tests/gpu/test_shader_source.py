"""Composing GLSL: includes, features, the line map, and the tables that Python and GLSL share."""

import re
from importlib.resources import files

import numpy as np
import pytest

from metarender import ShaderError
from metarender._core import GPU_VIEW_DTYPE
from metarender.geometry import COLOR, NORMAL, TANGENT, UV0, UV1
from metarender.gpu import bindings
from metarender.gpu.device import Device
from metarender.gpu.programs import SHADERS, ProgramKey, Programs, normalise
from metarender.gpu.shader_source import FEATURES, Composer
from metarender.materials import STANDARD_ROW, UNLIT_ROW


def test_include_once_and_features_in_fixed_order():
    source = Composer({"a.glsl": '#include "b.glsl"\n#include "b.glsl"\nint a;', "b.glsl": "int b;"}).compose("a.glsl", ["MASK", "LIT"])
    assert source.text.splitlines() == ["#version 430 core", "#define LIT 1", "#define MASK 1", "int b;", "int a;"]
    assert (source.origins[3].file, source.origins[4].line) == ("b.glsl", 3 - 2) or source.origins[3].file == "b.glsl"
    assert source.origins[4].file == "a.glsl" and source.origins[4].line == 3


def test_an_error_names_file_line_surroundings_features_and_chain():
    source = Composer({"a.glsl": '#include "b.glsl"\nint a;', "b.glsl": "int x;\nfloat wrong\nint y;"}).compose("a.glsl", ["MASK"])
    line = next(number for number, origin in enumerate(source.origins, 1) if origin.file == "b.glsl" and origin.line == 2)
    text = source.explain(f"0:{line}(7): error: syntax error")
    assert "b.glsl:2:" in text and "float wrong" in text and "included by a.glsl" in text and "features: MASK" in text


def test_a_missing_include_says_who_asked():
    with pytest.raises(ShaderError, match=r"'nowhere.glsl', included by a.glsl, does not exist below"):
        Composer({"a.glsl": '#include "nowhere.glsl"'}).compose("a.glsl", [])


def test_an_undeclared_feature_is_refused():
    with pytest.raises(ShaderError, match="feature SPARKLE is not declared"):
        Composer({"a.glsl": ""}).compose("a.glsl", ["SPARKLE"])


def test_python_and_glsl_hold_the_same_binding_table():
    text = files("metarender.shaders").joinpath("interface/bindings.glsl").read_text()
    found = dict(re.findall(r"#define (\w+) (\d+)", text))
    assert found
    for name, number in found.items():
        kind, _, rest = name.partition("_")
        twin = bindings.ATTRIBUTES[f"in_{rest.lower()}"] if kind == "ATTRIBUTE" else getattr(bindings, name)
        assert twin == int(number), name


@pytest.mark.parametrize("dtype, file, struct", [
    (bindings.VIEW_DTYPE, "interface/view.glsl", "View"), (bindings.LIGHT_DTYPE, "interface/lights.glsl", "Light"),
    (GPU_VIEW_DTYPE, "interface/occlusion.glsl", "OcclusionView"),
    (STANDARD_ROW, "material/standard.glsl", "StandardRow"), (UNLIT_ROW, "material/unlit.glsl", "UnlitRow")])
def test_structs_have_the_size_that_glsl_gives_them(dtype, file, struct):
    sizes = {"mat4": 64, "vec4": 16, "vec2": 8, "float": 4, "int": 4, "uint": 4, "TextureSlot": 32}
    text = re.sub(r"//.*", "", files("metarender.shaders").joinpath(file).read_text())
    body = re.search(r"\b" + struct + r" \{(.*?)\}", text, re.S).group(1)
    total = 0
    for kind, names in re.findall(r"(\w+) ([\w\[\], ]+);", body):
        for name in names.split(","):
            count = re.search(r"\[(\d+)\]", name)
            total += sizes[kind] * (int(count.group(1)) if count else 1)
    assert total == dtype.itemsize


LAYOUTS = (0, NORMAL, NORMAL | UV0, NORMAL | TANGENT | UV0 | UV1 | COLOR, UV0 | COLOR)


@pytest.mark.parametrize("shader", sorted(SHADERS))
@pytest.mark.parametrize("alpha", (0, 1, 2))
def test_every_pass_compiles_for_every_kind_of_material(device, shader, alpha):
    programs = Programs(device)
    features = (0, 0b11111 if shader == "standard" else 1)
    for render_pass in ("shade", "depth", "ids"):
        for layout in LAYOUTS:
            for bits in features:
                for extra in (False, True):
                    key = ProgramKey(render_pass, shader, bits, layout | alpha << 19 | (1 << 22 if extra else 0), extra, extra, extra)
                    assert programs.get(normalise(key)).glo
    assert set(FEATURES) > {"LIT", "MASK"}


def test_full_screen_programs_compile(device):
    programs = Programs(device)
    assert all(programs.get(ProgramKey(name, multisample=many)).glo for name in ("sky", "encode") for many in (False, True))


def test_a_broken_material_is_explained():
    broken = Composer({"material/unlit.glsl": "void surface(in Fragment f, out Surface s) {\n    s.color = missing;\n}\n"})
    with Device.open("software") as device, pytest.raises(ShaderError) as caught:
        programs = Programs(device)
        programs._composer = broken
        programs.get(normalise(ProgramKey("shade", "unlit")))
    assert "material/unlit.glsl:2:" in str(caught.value) and "pass/shade.frag.glsl" in str(caught.value)


def test_equal_programs_share_a_key():
    plain, textured = ProgramKey("depth", "standard", 0, NORMAL), ProgramKey("depth", "unlit", 1, NORMAL | UV0)
    assert normalise(plain) == normalise(textured)
    assert normalise(ProgramKey("shade", "unlit", 0, NORMAL)) == normalise(ProgramKey("shade", "unlit", 0, NORMAL | TANGENT))
    assert np.unique([hash(normalise(ProgramKey("shade", "standard", bit))) for bit in range(4)]).size == 4
