"""Every shader compiles with every feature set that a key can ask for: all pairs of features in the suite, all sets by hand."""

import ctypes
import os
import re
from functools import cache
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from metarender.geometry import JOINTS, JOINTS8, MORPH, MORPH_NORMAL, MORPH_TANGENT, NORMAL, TANGENT, VALUE
from metarender.gpu.compute import ComputeProgram
from metarender.gpu.device import Device
from metarender.gpu.programs import _UNITS as UNITS
from metarender.gpu.programs import SHADERS, ProgramKey, Programs, defines, normalise
from metarender.gpu.shader_source import FEATURES, Composer

ROOT = Path(__file__).resolve().parents[2] / "shaders"
MESH_PASSES = ("shade", "depth", "ids", "ghost", "selection")
FULLSCREEN = [ProgramKey("sky"), ProgramKey("outline"), ProgramKey("overlay"), ProgramKey("encode"), ProgramKey("encode", multisample=True)]
COMPUTE = {"compute/scatter.comp.glsl": [()], "compute/commands.comp.glsl": [()], "compute/occlude.comp.glsl": [(), ("FRUSTUM",)],
           "compute/pyramid.comp.glsl": [(), ("FROM_DEPTH",), ("FROM_DEPTH", "MULTISAMPLE")]}
SLOTS = {name: SHADERS[name].row["slots"].shape[0] for name in sorted(SHADERS)}
DEFORMATIONS = [joints | morphs for joints in (0, JOINTS, JOINTS | JOINTS8)
                for morphs in (0, *(MORPH | normal | tangent for normal in (0, MORPH_NORMAL) for tangent in (0, MORPH_TANGENT)))]
LONG = bool(os.environ.get("METARENDER_LONG"))
"""METARENDER_LONG=1: every stage with every set of features, some minutes; -n takes parts of it."""


def keys(render_pass: str, shader: str, feature_sets, topologies=range(3), alphas=range(3), deformations=(0,)) -> set[ProgramKey]:
    """Every normalised key of a pass and a shader: layouts, topologies, alpha modes, mirrored or not, and what a scene has or has not."""
    switch = (False, True)
    values = (0, VALUE) if SHADERS[shader].values else (0,)
    layouts = [layout | deformation | value for layout, deformation, value in product(range(32), deformations, values)
               if (layout & NORMAL or not deformation & MORPH_NORMAL) and (layout & TANGENT or not deformation & MORPH_TANGENT)]
    raw = product(feature_sets, layouts, topologies, alphas, switch, switch, switch, switch, switch)
    return {normalise(ProgramKey(render_pass, shader, features, layout | topology << 16 | alpha << 19 | mirrored << 22, many_anchors=many,
                                 environment=environment, shadow=shadow, states=states))
            for features, layout, topology, alpha, mirrored, many, environment, shadow, states in raw}


def one_hot(found: list[ProgramKey]) -> tuple[np.ndarray, list[str]]:
    """A row for each key, a column for each value that it may have: passes, shaders, every macro on, every macro off."""
    macros = sorted({name for key in found for name in defines(key)})
    names = [*MESH_PASSES, *SHADERS, "no shader", *macros, *(f"no {name}" for name in macros)]
    column = {name: number for number, name in enumerate(names)}
    rows = np.zeros((len(found), len(names)), bool)
    rows[:, column["no " + macros[0]]:] = True
    for row, key in zip(rows, found, strict=True):
        on = defines(key)
        row[[column[key.render_pass], column[key.shader or "no shader"], *(column[name] for name in on)]] = True
        row[[column[f"no {name}"] for name in on]] = False
    return rows, names


def pairs_of(rows: np.ndarray) -> np.ndarray:
    """Which columns any row holds together."""
    return rows.astype(np.float32).T @ rows.astype(np.float32) > 0


def covering(rows: np.ndarray) -> list[int]:
    """Rows that between them hold every pair of columns that any row holds; greedy."""
    missing = np.triu(pairs_of(rows))
    chosen: list[int] = []
    while missing.any():
        first, second = np.unravel_index(missing.argmax(), missing.shape)
        able = np.flatnonzero(rows[:, first] & rows[:, second])
        able = able[::max(len(able) // 16, 1)]
        gains = [int(missing[np.ix_(rows[row], rows[row])].sum()) for row in able]
        best = int(able[int(np.argmax(gains))])
        chosen.append(best)
        missing[np.ix_(rows[best], rows[best])] = False
    return chosen


def test_every_pair_of_features_compiles_in_every_pass_and_shader(device):
    """The pairs are those that occur together in any of the programs that keys can ask for, which are enumerated."""
    programs, used, compiled = Programs(device), set(), 0
    for render_pass, (shader, slots) in product(MESH_PASSES, SLOTS.items()):
        singles_and_pairs = {0, *(1 << bit for bit in range(slots)), *(1 << a | 1 << b for a, b in combinations(range(slots), 2))}
        deformed = keys(render_pass, shader, (0,), (0,), deformations=DEFORMATIONS)
        found = sorted(keys(render_pass, shader, sorted(singles_and_pairs)) | deformed)
        rows, names = one_hot(found)
        chosen = covering(rows)
        assert np.array_equal(pairs_of(rows), pairs_of(rows[chosen])), "this is not an array that covers all pairs"
        for row in chosen:
            assert programs.get(found[row]).glo
        used |= set(names)
        compiled += len(chosen)
    assert compiled > 100 and device.stats.programs_compiled > 80
    unused = {"DOUBLE_SIDED", "MULTISAMPLE", "FROM_DEPTH", "FRUSTUM", *(f"FEATURE_{bit}" for bit in range(max(SLOTS.values()), 16))}
    assert used & set(FEATURES) == set(FEATURES) - unused


def test_full_screen_and_compute_shaders_compile_with_every_feature_set(device):
    programs = Programs(device)
    assert all(programs.get(key).glo for key in FULLSCREEN)
    assert {f"compute/{path.name}" for path in (ROOT / "compute").iterdir()} == set(COMPUTE)
    before = device.stats.programs_compiled
    for path, sets in COMPUTE.items():
        for features in sets:
            ComputeProgram(device, path, features)
    assert device.stats.programs_compiled == before + 7


def test_no_shader_file_is_left_out():
    """The units that the tests above compile read every file there is."""
    composer, read = Composer(), set()
    on = {name: frozenset({*FEATURES} - {f"PASS_{other}" for other in ("SHADE", "DEPTH", "IDS", "GHOST", "SELECTION") if other != name})
          for name in ("SHADE", "GHOST")}
    for path in [*COMPUTE, *(str(file.relative_to(ROOT)) for file in ROOT.glob("pass/*.frag.glsl")), "geometry/mesh.vert.glsl",
                 "pass/fullscreen.vert.glsl"]:
        for features, material in product(on.values(), [*(shader.path for shader in SHADERS.values()), "material/none.glsl"]):
            source = composer.compose(path, sorted(features), {"material/surface.glsl": material})
            read |= {origin.file for origin in source.origins}
    assert {str(file.relative_to(ROOT)) for file in ROOT.rglob("*.glsl")} <= read


@cache
def stages() -> list[tuple[str, str, tuple[str, ...]]]:
    """Every text of a stage that any key can ask for, once: path, material, and the features that are on and that the text mentions."""
    composer, found = Composer(), set()
    for render_pass, (shader, slots) in product(MESH_PASSES, SLOTS.items()):
        asked = keys(render_pass, shader, range(1 << slots)) | keys(render_pass, shader, (0,), (0,), deformations=DEFORMATIONS)
        sets = {(key.shader, frozenset(defines(key))) for key in asked}
        for path in UNITS[render_pass]:
            mentioned = {}
            for name, on in sets:
                material = SHADERS[name].path if name else "material/none.glsl"
                if material not in mentioned:
                    text = composer.compose(path, (), {"material/surface.glsl": material}).text
                    mentioned[material] = frozenset(feature for feature in FEATURES if re.search(rf"\b{feature}\b", text))
                found.add((path, material, tuple(sorted(on & mentioned[material]))))
    return sorted(found)


class StageCompiler:
    """Compiles single stages; ModernGL compiles whole programs only."""

    def __init__(self, device: Device) -> None:
        integer, pointer = ctypes.c_int, ctypes.c_void_p
        signatures = {"glCreateShader": (integer, integer), "glShaderSource": (None, integer, integer, pointer, pointer),
                      "glCompileShader": (None, integer), "glGetShaderiv": (None, integer, integer, pointer),
                      "glGetShaderInfoLog": (None, integer, integer, pointer, pointer), "glDeleteShader": (None, integer)}
        self._gl = {name: ctypes.CFUNCTYPE(*types)(device.gl._load(name)) for name, types in signatures.items()}

    def log_of(self, text: str, vertex: bool) -> str:
        """What the driver has against a stage, or nothing."""
        name = self._gl["glCreateShader"](0x8B31 if vertex else 0x8B30)
        sources, status, log = (ctypes.c_char_p * 1)(text.encode()), ctypes.c_int(0), ctypes.create_string_buffer(2000)
        self._gl["glShaderSource"](name, 1, sources, None)
        self._gl["glCompileShader"](name)
        self._gl["glGetShaderiv"](name, 0x8B81, ctypes.byref(status))
        self._gl["glGetShaderInfoLog"](name, len(log), None, log)
        self._gl["glDeleteShader"](name)
        return "" if status.value else log.value.decode() or "no reason given"


PARTS = 8


@pytest.mark.skipif(not LONG, reason="METARENDER_LONG does not ask for the long runs")
@pytest.mark.parametrize("part", range(PARTS if LONG else 1))
def test_every_stage_compiles_with_every_set_of_features(part):
    """All 302,100 programs come down to the texts of their stages; that stages fit each other is a matter of pairs, above."""
    composer, chosen = Composer(), stages()[part::PARTS]
    assert len(chosen) > 1000
    with Device.open("software") as device:
        compiler = StageCompiler(device)
        assert "error" in compiler.log_of("#version 430\nvoid main() { gl_FragDepth = nothing; }", vertex=False)
        for path, material, on in chosen:
            text = composer.compose(path, on, {"material/surface.glsl": material}).text
            log = compiler.log_of(text, vertex=".vert." in path)
            assert not log, f"{path} with {material} and {', '.join(on)}: {log}"
        assert not device.gl.errors()
