"""shaders/lib against numpy twins: each function is run by a tiny program on a plain context."""

from __future__ import annotations

from pathlib import Path

import moderngl
import numpy as np
import pytest

from metarender import _core
from metarender.color import srgb_decode, srgb_encode
from metarender.environment import Environment, dfg_table

LIB = Path(__file__).resolve().parents[2] / "shaders" / "lib"
FILES = sorted(LIB.glob("*.glsl"))


# Compute shaders have no derivatives; functions that need them are tested in a fragment shader.
NO_DERIVATIVES = "#define dFdx(x) ((x) * 0.0)\n#define dFdy(x) ((x) * 0.0)"


def source(*names):
    """Text of library files with their includes, each once."""
    done, lines = set(), []

    def add(name):
        if name in done:
            return
        done.add(name)
        for line in (LIB / name).read_text().splitlines():
            if line.startswith("#include"):
                add(line.split('"')[1].removeprefix("lib/"))
            else:
                lines.append(line)

    for name in names:
        add(name)
    return "\n".join(lines)


@pytest.fixture(scope="module")
def gl():
    context = moderngl.create_context(standalone=True, backend="egl", require=430)
    yield context
    context.release()


@pytest.fixture(scope="module")
def target(gl):
    texture = gl.texture((8, 8), 4, dtype="f4")
    frame = gl.framebuffer([texture])
    yield frame
    frame.release()
    texture.release()


@pytest.fixture(autouse=True)
def no_gl_error(gl):
    yield
    assert gl.error == "GL_NO_ERROR"


def evaluate(gl, files, expression, *inputs, declarations="", textures=()):
    """Evaluate a GLSL vec4 expression of a, b, c, d (rows of the inputs, (n, 4) each) for every row; (n, 4) float32."""
    count = len(inputs[0])
    names = "abcd"[: len(inputs)]
    buffers = [gl.buffer(np.ascontiguousarray(np.pad(x, ((0, 0), (0, 4 - x.shape[1]))), np.float32)) for x in map(np.asarray, inputs)]
    result = gl.buffer(reserve=16 * count)
    blocks = "\n".join(f"layout(std430, binding={k}) readonly buffer B{n} {{ vec4 rows_{n}[]; }};" for k, n in enumerate(names))
    program = gl.compute_shader(
        f"#version 430\nlayout(local_size_x=1) in;\n{blocks}\nlayout(std430, binding=8) writeonly buffer R {{ vec4 result[]; }};\n"
        f"{NO_DERIVATIVES}\n{declarations}\n{source(*files)}\nvoid main() {{ uint i = gl_GlobalInvocationID.x;"
        + "".join(f"vec4 {n} = rows_{n}[i];" for n in names) + f" result[i] = {expression}; }}")
    for k, buffer in enumerate(buffers):
        buffer.bind_to_storage_buffer(k)
    result.bind_to_storage_buffer(8)
    for unit, texture in enumerate(textures):
        texture.use(unit)
    program.run(count)
    gl.memory_barrier()
    values = np.frombuffer(result.read(), np.float32).reshape(count, 4)
    for thing in (*buffers, result, program):
        thing.release()
    return values


def unit(v):
    v = np.asarray(v, float)
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


# ---- every file


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_says_what_it_does_and_keeps_no_state(path):
    lines = path.read_text().splitlines()
    assert lines[0].startswith("// Computes: ") and lines[1].startswith("// Space: ") and lines[2].startswith("// Included by: ")
    assert not any(line.startswith(("uniform", "layout", "in ", "out ", "#version")) for line in lines)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_compiles_in_a_fragment_shader(gl, path):
    program = gl.program(vertex_shader="#version 430\nvoid main() { gl_Position = vec4(0.0); }",
                         fragment_shader=f"#version 430\n{source(path.name)}\nout vec4 color;\nvoid main() {{ color = vec4(0.0); }}")
    program.release()


# ---- colour


def test_srgb_is_the_exact_curve_both_ways(gl):
    x = np.concatenate([np.linspace(0, 1, 4001), [0.0031308, 0.04045, 2.0]])
    rows = np.repeat(x[:, None], 4, 1)
    assert evaluate(gl, ["color.glsl"], "vec4(srgb_encode(a.rgb), 0.0)", rows)[:, 0] == pytest.approx(srgb_encode(x), abs=2e-6)
    assert evaluate(gl, ["color.glsl"], "vec4(srgb_decode(a.rgb), 0.0)", rows)[:, 0] == pytest.approx(srgb_decode(x), abs=2e-6, rel=2e-6)


def test_promise_5_every_8_bit_value_survives_both_ways(gl):
    values = np.arange(256) / 255
    back = evaluate(gl, ["color.glsl"], "vec4(srgb_encode(srgb_decode(a.rgb)), 0.0)", np.repeat(values[:, None], 3, 1))
    assert np.array_equal(np.round(back[:, 0] * 255), np.arange(256))


def neutral(c):
    low = c.min(-1, keepdims=True)
    c = c - np.where(low < 0.08, low - 6.25 * low**2, 0.04)
    peak = c.max(-1, keepdims=True)
    start = 0.8 - 0.04
    compressed = 1 - (1 - start) ** 2 / (np.maximum(peak, start) + 1 - 2 * start)
    white = 1 - 1 / (0.15 * (peak - compressed) + 1)
    bent = c * compressed / np.maximum(peak, 1e-9)
    return np.where(peak < start, c, bent * (1 - white) + compressed * white)


def aces(c):
    to_fit = np.array([[0.59719, 0.35458, 0.04823], [0.076, 0.90834, 0.01566], [0.0284, 0.13383, 0.83777]])
    from_fit = np.array([[1.60475, -0.53108, -0.07367], [-0.10208, 1.10813, -0.00605], [-0.00327, -0.07276, 1.07602]])
    v = (c / 0.6) @ to_fit.T
    return np.clip((v * (v + 0.0245786) - 0.000090537) / (v * (0.983729 * v + 0.432951) + 0.238081) @ from_fit.T, 0, 1)


def agx(c):
    to_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0113], [0.0164, 0.0880, 0.8956]])
    from_2020 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
    inset = np.array([[0.856627153315983, 0.0951212405381588, 0.0482516061458583],
                      [0.137318972929847, 0.761241990602591, 0.101439036467562],
                      [0.11189821299995, 0.0767994186031903, 0.811302368396859]])
    outset = np.array([[1.1271005818144368, -0.11060664309660323, -0.016493938717834573],
                       [-0.1413297634984383, 1.157823702216272, -0.016493938717834257],
                       [-0.14132976349843826, -0.11060664309660294, 1.2519364065950405]])
    v = c @ to_2020.T @ inset.T
    v = np.clip((np.log2(np.maximum(v, 1e-10)) + 12.47393) / (4.026069 + 12.47393), 0, 1)
    v = np.polyval([15.5, -40.14, 31.96, -6.868, 0.4298, 0.1191, -0.00232], v) @ outset.T
    return np.clip(np.maximum(v, 0) ** 2.2 @ from_2020.T, 0, 1)


@pytest.mark.parametrize(("name", "twin"), [("TONE_NEUTRAL", neutral), ("TONE_ACES", aces), ("TONE_AGX", agx)])
def test_tone_curves_agree_with_their_twins(gl, name, twin):
    rng = np.random.default_rng(1)
    colors = np.concatenate([rng.random((2000, 3)) * 1.5, 10 ** rng.uniform(-4, 3.5, (2000, 3)), np.zeros((1, 3))]).astype(np.float32)
    got = evaluate(gl, ["tonemap.glsl"], f"vec4(tone_map(a.rgb, {name}), 0.0)", colors)[:, :3]
    assert np.abs(got - twin(colors.astype(float))).max() < 1e-5
    assert got.min() >= -1e-6 and got.max() <= 1 + 1e-6


def test_tone_curves_do_what_they_are_known_for(gl):
    greys = np.array([0.0, 0.02, 0.18, 0.5, 0.79, 1.0, 4.0, 65504.0, 1e30])[:, None] * np.ones(3)
    none, soft, film, agx_ = (evaluate(gl, ["tonemap.glsl"], f"vec4(tone_map(a.rgb, {k}), 0.0)", greys)[:, 0] for k in range(4))
    assert np.array_equal(none, greys[:, 0].astype(np.float32))
    assert soft[2:5] == pytest.approx(np.array([0.14, 0.46, 0.75]), abs=1e-6)       # base colours keep their value, less 0.04 of gloss
    for curve in (soft, film, agx_):
        assert np.all(np.isfinite(curve)) and np.all(np.diff(curve) >= 0) and curve[-1] > 0.95
    assert evaluate(gl, ["tonemap.glsl"], "vec4(tone_map(a.rgb, 1), 0.0)", [[-1.0, -2.0, -3.0]])[0, :3] == pytest.approx(0)


# ---- reflection


def hemisphere(rings=160, spokes=320):
    """Directions (n, 3) around +Z and their solid angles, equal areas."""
    z, phi = np.meshgrid((np.arange(rings) + 0.5) / rings, (np.arange(spokes) + 0.5) / spokes * 2 * np.pi)
    side = np.sqrt(1 - z**2)
    return np.stack([side * np.cos(phi), side * np.sin(phi), z], -1).reshape(-1, 3), 2 * np.pi / (rings * spokes)


def brdf_twin(base, metallic, roughness, view, light):
    """The formulas of the glTF 2.0 appendix, float64, normal +Z; times N.L."""
    half = unit(view + light)
    nl, nv, nh, vh = light[:, 2], view[2], half[:, 2], np.clip(half @ view, 0, 1)
    alpha2 = max(roughness, 0.045) ** 4
    distribution = alpha2 / (np.pi * (nh**2 * (alpha2 - 1) + 1) ** 2)
    visibility = 0.5 / (nl * np.sqrt(nv**2 * (1 - alpha2) + alpha2) + nv * np.sqrt(nl**2 * (1 - alpha2) + alpha2))
    f0 = 0.04 * (1 - metallic) + base * metallic
    fresnel = f0 + (1 - f0) * ((1 - vh) ** 5)[:, None]
    diffuse = base * (1 - metallic) / np.pi * (0.96 * (1 - (1 - vh) ** 5))[:, None]
    return (diffuse + fresnel * (distribution * visibility)[:, None]) * nl[:, None]


MATERIALS = [((0.8, 0.4, 0.1), 0.0, 0.5), ((0.9, 0.6, 0.3), 1.0, 0.3), ((0.5, 0.5, 0.9), 0.5, 0.8), ((1.0, 1.0, 1.0), 0.0, 1.0)]


@pytest.mark.parametrize(("base", "metallic", "roughness"), MATERIALS)
@pytest.mark.parametrize("nv", [0.15, 0.6, 0.98])
def test_direct_light_is_the_brdf_of_gltf(gl, base, metallic, roughness, nv):
    light, _ = hemisphere(20, 40)
    view = np.array([np.sqrt(1 - nv**2), 0, nv])
    layers = f"make_layers(vec3{base}, {metallic}, {roughness})"
    got = evaluate(gl, ["brdf.glsl"], f"vec4(direct_light({layers}, vec3(0.0, 0.0, 1.0), normalize(b.xyz), a.xyz), 0.0)",
                   light, np.tile(view, (len(light), 1)))
    expected = brdf_twin(np.array(base), metallic, roughness, view, light)
    assert got[:, :3] == pytest.approx(expected, rel=2e-3, abs=1e-5)


def furnace_maps(gl, value=1.0):
    environment = Environment(np.full((8, 16, 3), value))
    cubes = []
    for levels in (environment.specular[:1], (environment.irradiance,)):
        faces = levels[0]
        cubes.append(gl.texture_cube((faces.shape[1],) * 2, 3, faces.tobytes(), dtype="f2"))
    table = gl.texture((128, 128), 4, dfg_table().tobytes(), dtype="f2")
    table.repeat_x = table.repeat_y = False
    return [*cubes, table]


SAMPLERS = """layout(binding=0) uniform samplerCube specular_map;
layout(binding=1) uniform samplerCube irradiance_map;
layout(binding=2) uniform sampler2D dfg_map;"""


@pytest.mark.parametrize(("base", "metallic", "roughness"), MATERIALS)
@pytest.mark.parametrize("nv", [0.15, 0.6, 0.98])
def test_an_environment_and_a_dome_of_lights_see_one_material(gl, base, metallic, roughness, nv):
    """Under a white sky, image-based light equals the sum of direct light over the hemisphere, to the fit of white_lobe_albedo."""
    light, angle = hemisphere()
    view = np.array([np.sqrt(1 - nv**2), 0, nv])
    layers = f"make_layers(vec3{base}, {metallic}, {roughness})"
    maps = furnace_maps(gl)
    call = f"direct_light(compensated({layers}, {nv}), vec3(0.0, 0.0, 1.0), b.xyz, a.xyz)"
    direct = evaluate(gl, ["brdf.glsl"], f"vec4({call}, 0.0)", light, np.tile(view, (len(light), 1)),
                      declarations=SAMPLERS, textures=maps)[:, :3].astype(float).sum(0) * angle
    call = f"image_based_light({layers}, vec3(0.0, 0.0, 1.0), a.xyz, 1.0, specular_map, irradiance_map, dfg_map, vec2(1.0, 0.0))"
    ambient = evaluate(gl, ["ibl.glsl"], f"vec4({call}, 0.0)", [view], declarations=SAMPLERS, textures=maps)[0, :3]
    for texture in maps:
        texture.release()
    assert ambient == pytest.approx(direct, rel=0.03 if metallic else 0.01)


def reference_albedo(nv, roughness):
    """The table's scale and bias at a view angle, between its texels."""
    x, y = nv * 128 - 0.5, np.clip(roughness * 128 - 0.5, 0, 127)
    rows = dfg_table()[int(y):int(y) + 2, :, :2].astype(float)
    row = rows[0] + (rows[-1] - rows[0]) * (y % 1)
    return np.interp(x, np.arange(128), row[:, 0]), np.interp(x, np.arange(128), row[:, 1])


@pytest.mark.parametrize("roughness", [0.05, 0.4, 1.0])
def test_a_white_metal_gets_back_three_quarters_of_what_one_bounce_loses(gl, roughness):
    maps = furnace_maps(gl)
    nvs = np.array([0.1, 0.3, 0.6, 0.9])
    rows = [(np.sqrt(1 - nv**2), 0, nv) for nv in nvs]
    call = (f"image_based_light(make_layers(vec3(1.0), 1.0, {roughness}), vec3(0.0, 0.0, 1.0), a.xyz, 1.0, "
            "specular_map, irradiance_map, dfg_map, vec2(1.0, 0.0))")
    got = evaluate(gl, ["ibl.glsl"], f"vec4({call}, 0.0)", rows, declarations=SAMPLERS, textures=maps)
    for texture in maps:
        texture.release()
    single = np.array([sum(reference_albedo(nv, roughness)) for nv in nvs])
    assert got[:, 0] == pytest.approx(single + 0.75 * (1 - single), abs=4e-3)


def test_nothing_makes_nan(gl):
    up, down = (0.0, 0.0, 1.0), (0.0, 0.0, -1.0)
    normals = np.array([up, up, up, up, up])
    views = np.array([up, (1.0, 0.0, 0.0), down, (0.0, 0.0, 1.000001), (1.0, 0.0, 1e-9)])
    lights = np.array([down, (-1.0, 0.0, 1e-7), up, (0.0, 0.0, 1.000001), (-1.0, 0.0, 1e-9)])
    for roughness in (0.0, 1.0):
        got = evaluate(gl, ["brdf.glsl"], f"vec4(direct_light(make_layers(vec3(1.0), 0.5, {roughness}), a.xyz, b.xyz, c.xyz), 0.0)",
                       normals, views, lights)
        assert np.isfinite(got).all() and got.min() >= 0


def test_layers_clamp_what_textures_may_exceed(gl):
    got = evaluate(gl, ["brdf.glsl"], "vec4(make_layers(vec3(0.5), a.x, a.y).f0.r, make_layers(vec3(0.5), a.x, a.y).diffuse.r, "
                   "make_layers(vec3(0.5), a.x, a.y).metallic, make_layers(vec3(0.5), a.x, a.y).roughness)", [[2.0, -1.0], [0.5, 0.5]])
    assert got == pytest.approx(np.array([[0.5, 0.0, 1.0, 0.0], [0.27, 0.25, 0.5, 0.5]]), abs=1e-6)


def test_levels_of_the_shader_and_of_the_filter_are_one_mapping(gl):
    rows = [(_core.level_roughness(level, 6), 5.0, 0.0, level) for level in range(6)]
    got = evaluate(gl, ["ibl.glsl"], "vec4(specular_level(a.x, a.y))", rows)[:, 0]
    assert got == pytest.approx(np.arange(6), abs=1e-4)


@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi / 2, -2.0])
def test_the_environment_turns_like_a_node(gl, angle):
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])     # about +Y
    world = unit(np.random.default_rng(2).normal(size=(50, 3)))
    got = evaluate(gl, ["ibl.glsl"], f"vec4(environment_direction(a.xyz, vec2({np.cos(angle)}, {np.sin(angle)})), 0.0)", world)[:, :3]
    assert got == pytest.approx(world @ turn, abs=1e-6)        # row vectors: the inverse turn


def test_occlusion_darkens_and_leaves_open_surfaces_alone(gl):
    maps = furnace_maps(gl)
    call = ("image_based_light(make_layers(vec3(0.8), a.x, a.y), vec3(0.0, 0.0, 1.0), vec3(0.6, 0.0, 0.8), {}, "
            "specular_map, irradiance_map, dfg_map, vec2(1.0, 0.0))")
    rows = [(m, r) for m in (0.0, 1.0) for r in (0.05, 0.3, 0.6, 1.0)]
    open_, half, closed = (evaluate(gl, ["ibl.glsl"], f"vec4({call.format(o)}, 0.0)", rows, declarations=SAMPLERS, textures=maps)[:, 0]
                           for o in (1.0, 0.5, 0.0))
    for texture in maps:
        texture.release()
    assert np.all(half < open_) and np.all(closed < half) and closed.max() < 0.02


# ---- normals


def test_a_flat_texel_keeps_the_normal(gl):
    normals = unit(np.random.default_rng(3).normal(size=(40, 3)))
    tangents = np.concatenate([unit(np.random.default_rng(4).normal(size=(40, 3))), np.ones((40, 1))], 1)
    got = evaluate(gl, ["normal.glsl"], "vec4(perturb_normal(a.xyz, b, vec3(0.5, 0.5, 1.0), 2.0), 0.0)", normals, tangents)
    assert got[:, :3] == pytest.approx(normals, abs=1e-6)


def test_a_texel_leans_along_the_tangent_frame(gl):
    rows = [((0, 0, 1), (1, 0, 0, 1), (1.0, 0.5, 0.5), (1, 0, 0)), ((0, 0, 1), (1, 0, 0, 1), (0.5, 1.0, 0.5), (0, 1, 0)),
            ((0, 0, 1), (1, 0, 0, -1), (0.5, 1.0, 0.5), (0, -1, 0)), ((0, 1, 0), (0, 0, -1, 1), (0.5, 1.0, 0.5), (-1, 0, 0)),
            ((0, 0, 1), (0, 0, 1, 1), (0.9, 0.5, 1.0), (0, 0, 1))]     # the last tangent is useless: the vertex normal stays
    normals, tangents, texels, expected = (np.array(x, float) for x in zip(*rows, strict=True))
    got = evaluate(gl, ["normal.glsl"], "vec4(perturb_normal(a.xyz, b, c.xyz, 1.0), 0.0)", normals, tangents, texels)
    assert got[:, :3] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turn", [0.0, 1.0, 2.5])
def test_derivatives_give_the_frame_that_tangents_would(gl, target, mirrored, turn):
    """A quad facing the eye: u turns with the angle, v points down in the picture (or up when mirrored)."""
    c, s = np.cos(turn), np.sin(turn)
    uv = f"mat2({c}, {s}, {-s}, {c}) * vec2(place.x, {'' if mirrored else '-'}place.y)"
    program = gl.program(
        vertex_shader="#version 430\nout vec2 place;\nvoid main() { place = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0 - 1.0; "
                      "gl_Position = vec4(place, 0.0, 1.0); }",
        fragment_shader=f"#version 430\nin vec2 place;\nout vec4 color;\n{source('normal.glsl')}\nvoid main() {{ vec2 uv = {uv}; color = "
                        "vec4(perturb_normal_by_uv(vec3(0.0, 0.0, 1.0), vec3(place, 0.0), dFdx(uv), dFdy(uv), "
                        "vec3(0.8, 0.65, 0.9), 1.0), 1.0); }")
    target.use()
    array = gl.vertex_array(program, [])
    array.render(moderngl.TRIANGLE_STRIP, 4)
    got = np.frombuffer(target.read(components=4, dtype="f4"), np.float32).reshape(8, 8, 4)[4, 4, :3]
    gradient = np.array([[c, -s], [s, c]]) @ np.diag([1.0, 1.0 if mirrored else -1.0])      # d uv / d place
    inverse = np.linalg.inv(gradient)                                                       # columns: d place / du, d place / dv
    local = np.array([0.6, 0.3, 0.8])
    along_u, along_v = np.append(unit(inverse[:, 0]), 0), np.append(unit(inverse[:, 1]), 0)
    expected = unit(local[0] * along_u - local[1] * along_v + local[2] * np.array([0, 0, 1]))
    array.release()
    program.release()
    assert got == pytest.approx(expected, abs=1e-4)


# ---- shadows


def tent_weights(place, reach, count):
    """Exact integrals over texels 0..count-1 of a unit tent of half width `reach` around `place` (in texels)."""
    u = np.clip((np.arange(count + 1) - place) / reach, -1, 1)
    below = np.where(u < 0, (1 + u) ** 2 / 2, 1 - (1 - u) ** 2 / 2)
    return np.diff(below)


@pytest.mark.parametrize(("name", "reach"), [("shadow_tent3", 1.5), ("shadow_tent5", 2.5)])
def test_shadow_filters_are_exact_tents(gl, name, reach):
    rng = np.random.default_rng(5)
    depth = rng.random((24, 32)).astype(np.float32)
    texture = gl.depth_texture((32, 24), depth.tobytes())
    texture.compare_func = ">="
    texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
    points = np.stack([rng.uniform(4, 28, 300), rng.uniform(4, 20, 300), rng.random(300)], 1)
    points[:4, :2] = [(8, 8), (8.5, 8.5), (9.499, 7.501), (10, 9.25)]
    got = evaluate(gl, ["shadow.glsl"], f"vec4({name}(map_, vec3(a.xy / vec2(32.0, 24.0), a.z)))", points,
                   declarations="layout(binding=0) uniform sampler2DShadow map_;", textures=[texture])[:, 0]
    texture.release()
    expected = [tent_weights(y, reach, 24) @ (z >= depth) @ tent_weights(x, reach, 32) for x, y, z in points]
    assert got == pytest.approx(np.array(expected), abs=6e-3)      # drivers may weigh a linear fetch in steps of 1/256


@pytest.mark.parametrize("degrees", [0, 20, 60, 85])
def test_the_receiver_offset_clears_a_tilted_plane(gl, degrees):
    """Everywhere under the 5-texel tent, a plane's own stored depth stays behind the receiver (toward the light is +Z)."""
    tilt, texel = np.radians(degrees), 0.01
    normal = np.array([np.sin(tilt), 0, np.cos(tilt)])
    call = f"vec4(shadow_receiver(a.xyz, b.xyz, vec3(0.0, 0.0, 1.0), {texel}, 0.0), 0.0)"
    moved = evaluate(gl, ["shadow.glsl"], call, [[0, 0, 0]], [normal])[0]
    x = moved[0] + np.linspace(-2.0, 2.0, 21) * texel
    assert np.all(moved[2] >= -np.tan(tilt) * x - 1e-6)
    assert np.linalg.norm(moved[:3]) < 3.01 * texel
