"""Environment: cube orientation, filters against slow numpy references, the shipped studio, refusals."""

from __future__ import annotations

import runpy
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from metarender import _core
from metarender.environment import LEVELS, Environment, dfg_table, filter_maps
from metarender.errors import AssetError, InvalidInput

AXES = np.array([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)], float)


def cube_directions(n):
    """Unit directions (6, n, n, 3) of cube texels, from the table of the OpenGL specification (face, sc, tc, ma)."""
    sc, tc = np.meshgrid((2 * np.arange(n) + 1) / n - 1, (2 * np.arange(n) + 1) / n - 1)
    one = np.ones_like(sc)
    faces = [(one, -tc, -sc), (-one, -tc, sc), (sc, one, tc), (sc, -one, -tc), (sc, -tc, one), (-sc, -tc, -one)]
    directions = np.stack([np.stack(face, -1) for face in faces])
    return directions / np.linalg.norm(directions, axis=-1, keepdims=True)


def equirect_directions(height, width):
    """Unit directions (height, width, 3) of map texels and their solid angles (height, width)."""
    polar, around = (np.arange(height) + 0.5) / height * np.pi, ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    sine = np.sin(polar)[:, None]
    directions = np.stack(np.broadcast_arrays(sine * np.cos(around), np.cos(polar)[:, None], sine * np.sin(around)), -1)
    edges = np.cos(np.arange(height + 1) / height * np.pi)
    return directions, np.broadcast_to((edges[:-1] - edges[1:])[:, None] * 2 * np.pi / width, (height, width))


def hard_map(height=128, width=256):
    """A map with a small sun, a window and coloured walls."""
    directions, _ = equirect_directions(height, width)
    value = 0.3 + 0.2 * directions + 0.1 * np.sin(5 * directions[..., ::-1])
    value[np.arccos(np.clip(directions @ np.array([0.6, 0.64, 0.48]), -1, 1)) < 0.06] = (400.0, 380.0, 300.0)
    value[(np.abs(directions[..., 1]) < 0.3) & (np.abs(directions[..., 2] - 0.2) < 0.3) & (directions[..., 0] < 0)] = (4.0, 5.0, 8.0)
    return value.astype(np.float32)


def lobe_mean(equirect, normals, alpha):
    """What a GGX lobe seen head-on gathers around each normal (k, 3), weighted by N.L: the definition, summed over the map."""
    directions, angles = equirect_directions(*equirect.shape[:2])
    cosine = np.maximum(normals @ directions.reshape(-1, 3).T, 0.0)
    weight = cosine / ((1 + cosine) / 2 * (alpha**2 - 1) + 1) ** 2 * angles.reshape(-1)
    return weight @ equirect.reshape(-1, 3).astype(float) / weight.sum(1, keepdims=True)


@pytest.mark.parametrize("direction", [*AXES, (0.8, 0.5, 0.33), (-0.2, -0.9, 0.4), (0.3, 0.1, -0.95)])
def test_a_bright_texel_lands_where_opengl_looks_it_up(direction):
    direction = np.array(direction) / np.linalg.norm(direction)
    directions, _ = equirect_directions(64, 128)
    equirect = np.zeros((64, 128, 3), np.float32)
    row, column = np.unravel_index(np.argmax(directions @ direction), (64, 128))
    equirect[row, column] = 1.0
    cube = _core.cube_from_equirect(equirect, 32)[..., 0]
    centre = (cube[..., None] * cube_directions(32)).sum((0, 1, 2))
    assert np.degrees(np.arccos(centre @ directions[row, column] / np.linalg.norm(centre))) < 1.0


@pytest.mark.parametrize(("shape", "tolerance"), [((512, 1024), 0.003), ((512, 2048), 0.003), ((64, 128), 0.004), ((33, 67), 0.015)])
def test_the_cube_keeps_the_energy_of_the_map(shape, tolerance):
    # Coarse maps are interpolated, which spreads a bright row at the pole into the larger row below: a wider tolerance.
    directions, angles = equirect_directions(*shape)
    equirect = np.repeat((1.0 + np.maximum(directions @ np.array([0.48, 0.6, 0.64]), 0) ** 30 * 50)[..., None], 3, -1).astype(np.float32)
    equirect[0, : shape[1] // 7] = 900.0    # a bright spot at the pole, where texels are slivers
    cube = _core.cube_from_equirect(equirect, 64)[..., 0]
    corner = np.arange(65) / 32 - 1
    s, t = np.meshgrid(corner, corner)
    integral = np.arctan2(s * t, np.sqrt(s * s + t * t + 1))
    texel_angles = integral[1:, 1:] - integral[1:, :-1] - integral[:-1, 1:] + integral[:-1, :-1]
    assert texel_angles.sum() * 6 == pytest.approx(4 * np.pi)
    assert (cube * texel_angles).sum() == pytest.approx((equirect[..., 0] * angles).sum(), rel=tolerance)


def test_irradiance_is_within_one_percent_of_the_full_sum():
    equirect = hard_map()
    maps = filter_maps(equirect)
    normals = cube_directions(32).reshape(-1, 3)[::41]
    expected = lobe_mean(equirect, normals, 1.0)
    got = maps.irradiance.reshape(-1, 3)[::41].astype(float)
    assert np.abs(got / expected - 1).max() < 0.01
    assert expected.max() / expected.min() > 3     # a map on which spherical harmonics would fail


@pytest.mark.parametrize(("level", "mean", "worst"), [
    (1, 0.05, None), (2, 0.05, None), (3, 0.005, 0.02), (4, 0.005, 0.02), (5, 0.005, 0.01)])
def test_specular_levels_are_ggx_lobes(level, mean, worst):
    equirect = hard_map(256, 512)
    cube = _core.cube_from_equirect(equirect, 256)
    filtered = _core.cube_specular(cube, LEVELS)[level]
    roughness = _core.level_roughness(level, LEVELS)
    pick = np.random.default_rng(level).choice(filtered.shape[1] ** 2 * 6, 150, replace=False)
    expected = lobe_mean(equirect, cube_directions(filtered.shape[1]).reshape(-1, 3)[pick], roughness**2)
    error = np.abs(filtered.reshape(-1, 3)[pick] / expected - 1)
    assert error.mean() < mean
    assert worst is None or error.max() < worst


def test_level_zero_is_the_picture_and_roughness_rises_to_one():
    cube = _core.cube_from_equirect(hard_map(), 64)
    levels = _core.cube_specular(cube, 4)
    assert np.array_equal(levels[0], cube)
    assert [level.shape for level in levels] == [(6, n, n, 3) for n in (64, 32, 16, 8)]
    roughness = [_core.level_roughness(k, 4) for k in range(4)]
    assert roughness[0] == 0.0 and roughness[-1] == 1.0 and roughness == sorted(roughness)
    assert np.allclose(levels[-1], _core.cube_irradiance(cube, 8), rtol=1e-5)   # roughness 1 seen head-on is matt


@pytest.mark.parametrize("value", [1.0, 0.25, 0.7, 1000.0])
def test_a_white_furnace_stays_exactly_white(value):
    environment = Environment(np.full((16, 32, 3), value))
    for array in (*environment.specular, environment.irradiance):
        assert np.all(array == np.float16(value))


def test_the_shapes_are_those_of_the_contract():
    environment = Environment(hard_map(), intensity=2, rotation=0.5, name="room")
    assert [level.shape for level in environment.specular] == [(6, n, n, 3) for n in (256, 128, 64, 32, 16, 8)]
    assert environment.irradiance.shape == (6, 32, 32, 3)
    assert all(array.dtype == np.float16 and not array.flags.writeable for array in (*environment.specular, environment.irradiance))
    assert repr(environment) == "Environment(name='room', intensity=2, rotation=0.5)"


def test_a_sun_beyond_half_floats_is_stored_as_the_largest():
    equirect = np.ones((16, 32, 3), np.float32)
    equirect[2, 3] = 1e7
    maps = filter_maps(equirect)
    assert all(np.isfinite(array.astype(np.float32)).all() for array in (*maps.specular, maps.irradiance))
    assert maps.specular[0].max() == np.float16(65504)


def test_promise_3_filtering_gives_the_same_bits_on_every_thread():
    equirect = hard_map()
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: _core.cube_specular(_core.cube_from_equirect(equirect, 64), 4), range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def reference_dfg(nv, roughness, count=2000):
    """Scale, bias and mean grazing weight by a plain grid over the hemisphere of light directions."""
    alpha2 = roughness**4
    u, phi = np.meshgrid((np.arange(count) + 0.5) / count, (np.arange(count) + 0.5) / count * np.pi)
    # Half vectors: cos^2 spaced as GGX does, so that the peak is resolved; the measure is undone by the weight.
    nh = np.sqrt((1 - u) / (1 + (alpha2 - 1) * u))
    vh = np.sqrt(1 - nv**2) * np.sqrt(1 - nh**2) * np.cos(phi) + nv * nh
    nl = 2 * vh * nh - nv
    lit = (nl > 0) & (vh > 0)
    lambda_v, lambda_l = (np.sqrt(1 + alpha2 * (1 / np.clip(c, 1e-9, 1) ** 2 - 1)) / 2 - 0.5 for c in (nv, nl))
    share = np.where(lit, vh / (nh * nv) / (1 + lambda_v + lambda_l), 0.0)
    grazing = (1 - np.clip(vh, 0, 1)) ** 5
    nl2 = np.sqrt(1 - u)
    vl = np.sqrt(1 - nv**2) * np.sqrt(u) * np.cos(phi) + nv * nl2
    mean = (1 - np.sqrt(np.clip((1 + vl) / 2, 0, 1))) ** 5
    return (share * (1 - grazing)).mean(), (share * grazing).mean(), mean.mean()


@pytest.mark.parametrize("row", [8, 40, 90, 127])
@pytest.mark.parametrize("column", [5, 20, 64, 127])
def test_the_table_agrees_with_plain_integration(row, column):
    expected = reference_dfg((column + 0.5) / 128, (row + 0.5) / 128)
    assert dfg_table()[row, column, :3].astype(float) == pytest.approx(expected, abs=4e-3)


def test_the_table_never_makes_light():
    table = dfg_table().astype(float)
    assert table.shape == (128, 128, 4) and not dfg_table().flags.writeable
    assert (table[..., 0] + table[..., 1]).max() < 1.001
    assert table[..., :3].min() >= 0 and np.all(table[..., 3] == 0)
    assert table[2, 64:, 0] + table[2, 64:, 1] == pytest.approx(1.0, abs=2e-3)     # a mirror loses nothing


def test_the_studio_is_neutral_small_and_shared():
    first, second = Environment.studio(), Environment.studio(intensity=0.5)
    assert first.maps is second.maps and first is not second
    assert files("metarender").joinpath("data/studio.bin").read_bytes().__len__() < 1_000_000
    for array in (*first.specular, first.irradiance):
        assert np.array_equal(array[..., 0], array[..., 1]) and np.array_equal(array[..., 0], array[..., 2])
    assert [level.shape[1] for level in first.specular] == [128, 64, 32, 16, 8]
    assert 0.5 < first.irradiance.astype(float).mean() < 1.0
    assert first.irradiance[2].mean() > 1.5 * first.irradiance[3].mean()   # light comes from above


@pytest.mark.slow
def test_the_shipped_studio_is_what_its_script_makes():
    script = Path(str(files("metarender").joinpath("data/make_studio.py")))
    maps, table = runpy.run_path(str(script))["make_studio"]()
    shipped = Environment.studio().maps
    for ours, made in zip((*shipped.specular, shipped.irradiance, dfg_table()), (*maps.specular, maps.irradiance, table), strict=True):
        assert ours.astype(float) == pytest.approx(made.astype(float), rel=2e-3, abs=1e-6)


def test_edits_raise_the_version_and_refuse_nonsense():
    environment = Environment.studio()
    environment.intensity = 2
    environment.rotation = -7.5
    assert (environment.intensity, environment.rotation, environment.version) == (2.0, -7.5, 2)
    for name, value in (("intensity", -1), ("intensity", float("nan")), ("intensity", "2"), ("rotation", float("inf")), ("rotation", True)):
        with pytest.raises(InvalidInput, match=f"Environment {name}="):
            setattr(environment, name, value)
    assert environment.version == 2


@pytest.mark.parametrize(("equirect", "message"), [
    (np.zeros((4, 8)), r"shape \(4, 8\); give \(height, width, 3\)"),
    (np.zeros((4, 8, 4)), r"shape \(4, 8, 4\)"),
    (np.zeros((0, 8, 3)), r"shape \(0, 8, 3\)"),
    (np.zeros((4, 8, 3), np.uint8), "dtype uint8; give floats"),
    (np.full((4, 8, 3), np.nan), "negative, infinite or NaN"),
    (np.full((4, 8, 3), -1.0), "negative, infinite or NaN"),
    (np.full((4, 8, 3), np.inf), "negative, infinite or NaN"),
    (np.broadcast_to(np.float32(0), (1 << 14, 1 << 14, 3)), "scale it down"),
    ("sky.hdr", "has shape"),
])
def test_promise_6_wrong_maps_are_refused(equirect, message):
    with pytest.raises(InvalidInput, match=message):
        Environment(equirect)


def test_promise_6_a_missing_file_is_named(tmp_path):
    with pytest.raises(AssetError, match=r"sky\.hdr does not exist; check the path"):
        Environment.from_file(tmp_path / "sky.hdr")


@pytest.mark.parametrize("call", [
    lambda: _core.cube_from_equirect(np.zeros((2, 2, 4), np.float32), 4),
    lambda: _core.cube_from_equirect(np.zeros((2, 2, 3), np.float32), 0),
    lambda: _core.cube_specular(np.zeros((6, 12, 12, 3), np.float32), 2),
    lambda: _core.cube_specular(np.zeros((6, 8, 8, 3), np.float32), 5),
    lambda: _core.cube_irradiance(np.zeros((5, 8, 8, 3), np.float32), 8),
    lambda: _core.cube_irradiance(np.zeros((6, 8, 8, 3), np.float32), 0),
    lambda: _core.integrate_dfg(0, 16),
])
def test_promise_6_the_doors_of_the_core_check_shapes(call):
    with pytest.raises(ValueError, match=r"must be|too many levels"):
        call()
