"""What the driver can do: the OpenGL floor, limits, and the ladder of optional features."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..errors import DeviceError
from . import gl_extra as g

FLOOR = (4, 3)
FLOOR_EXTENSIONS = ("GL_ARB_clip_control", "GL_ARB_direct_state_access")  # both are core in 4.5

# A rung: (first version, extensions of which one brings it to older versions). An impossible version: extension only.
NEVER = (9, 9)
RUNGS: Mapping[str, tuple[tuple[int, int], tuple[str, ...]]] = MappingProxyType(
    {
        "4.5": ((4, 5), ()),
        "4.6": ((4, 6), ()),
        "buffer_storage": ((4, 4), ("GL_ARB_buffer_storage",)),
        "clear_texture": ((4, 4), ("GL_ARB_clear_texture",)),
        "indirect_count": ((4, 6), ("GL_ARB_indirect_parameters",)),
        "draw_parameters": ((4, 6), ("GL_ARB_shader_draw_parameters",)),
        "anisotropy": ((4, 6), ("GL_EXT_texture_filter_anisotropic", "GL_ARB_texture_filter_anisotropic")),
        "timer_query": ((3, 3), ("GL_ARB_timer_query",)),
        "reset_status": ((4, 5), ("GL_KHR_robustness", "GL_ARB_robustness")),
        "bptc": ((4, 2), ("GL_ARB_texture_compression_bptc",)),
        "bindless": (NEVER, ("GL_ARB_bindless_texture",)),
        "sparse_texture": (NEVER, ("GL_ARB_sparse_texture",)),
        "parallel_compile": (NEVER, ("GL_KHR_parallel_shader_compile", "GL_ARB_parallel_shader_compile")),
    }
)

_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software rasterizer", "swiftshader", "openswr", "gdi generic", "basic render")


def is_software(renderer: str) -> bool:
    """Whether GL_RENDERER names a rasteriser that runs on the CPU."""
    return any(word in renderer.lower() for word in _SOFTWARE)


def require_floor(version: tuple[int, int], extensions: Collection[str], renderer: str) -> None:
    """Refuse a context below OpenGL 4.3 core with ARB_clip_control and ARB_direct_state_access.

    Raises
    ------
    DeviceError
        Naming what is wanted and what was found.
    """
    missing = [] if version >= (4, 5) else [name for name in FLOOR_EXTENSIONS if name not in extensions]
    found = f"OpenGL {version[0]}.{version[1]} ({renderer or 'unknown renderer'})"
    if version < FLOOR:
        raise DeviceError(
            f"metarender needs OpenGL {FLOOR[0]}.{FLOOR[1]} with {' and '.join(FLOOR_EXTENSIONS)}, and the driver has {found}; "
            "update the driver, or install Mesa's software driver and use device='software'"
        )
    if missing:
        raise DeviceError(
            f"metarender needs {' and '.join(missing)} (or OpenGL 4.5), and the driver has {found} without it; "
            "update the driver, or install Mesa's software driver and use device='software'"
        )


@dataclass(frozen=True)
class Capabilities:
    """What one context can do.

    Attributes
    ----------
    version : tuple of int
        OpenGL version, such as (4, 5).
    renderer, vendor, driver : str
        GL_RENDERER, GL_VENDOR, and what follows the number in GL_VERSION (``Mesa 22.3.6``).
    software : bool
        Whether the CPU rasterises.
    max_texture_size, max_array_layers, max_cube_size, max_attachment_size : int
        Texels, layers, texels, and pixels of the largest viewport.
    max_samples : int
        Samples that a colour and a depth attachment both may have.
    max_storage_block : int
        Bytes of one shader storage block.
    max_texture_units, max_storage_bindings, storage_alignment : int
        Binding points of samplers and storage buffers; byte alignment of a storage buffer range.
    max_anisotropy : float
        1.0 without the feature.
    extensions : frozenset of str
        Names of GL extensions.
    rungs : mapping of str to bool
        Optional features by name (``RUNGS``), with ``debug``, ``robust`` and ``parameters`` (same as ``indirect_count``).
    """

    version: tuple[int, int]
    renderer: str
    vendor: str
    driver: str
    software: bool
    max_texture_size: int
    max_array_layers: int
    max_cube_size: int
    max_attachment_size: int
    max_samples: int
    max_storage_block: int
    max_texture_units: int
    max_storage_bindings: int
    storage_alignment: int
    max_anisotropy: float
    extensions: frozenset[str]
    rungs: Mapping[str, bool]

    def has(self, rung: str) -> bool:
        """Whether an optional feature is there; an unknown name raises KeyError."""
        return self.rungs[rung]

    @property
    def occlusion(self) -> str:
        """Where hidden objects are looked for unless somebody says: "cpu" where the CPU rasterises anyway, else "gpu"."""
        return "cpu" if self.software else "gpu"

    @property
    def samples_blocks(self) -> bool:
        """Whether textures of BC7 blocks stay compressed: where a GPU decodes them for nothing, not where the CPU would for each texel."""
        return self.has("bptc") and not self.software

    @property
    def rasteriser_key(self) -> str:
        """Name of the rasteriser for stored pictures, such as ``llvmpipe-22.3.6-llvm15``."""
        mesa = re.search(r"Mesa (\d+(?:\.\d+)*)", self.driver)
        llvm = re.search(r"LLVM (\d+)", self.renderer)
        if is_software(self.renderer) and mesa:
            return f"{self.renderer.split()[0].lower()}-{mesa[1]}" + (f"-llvm{llvm[1]}" if llvm else "")
        return re.sub(r"[^a-z0-9.]+", "-", f"{self.renderer} {self.driver}".lower()).strip("-")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the extensions as a sorted list."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return plain | {"version": list(self.version), "extensions": sorted(self.extensions), "rungs": dict(self.rungs)}


def climb(version: tuple[int, int], extensions: Collection[str], *, debug: bool, robust: bool) -> Mapping[str, bool]:
    """Which rungs a version and a set of extensions reach."""
    reached = {name: version >= since or any(e in extensions for e in names) for name, (since, names) in RUNGS.items()}
    reached |= {"parameters": reached["indirect_count"], "debug": debug, "robust": robust}
    return MappingProxyType(reached)


def read_capabilities(gl: g.GL, version: tuple[int, int], extensions: frozenset[str], *, debug: bool, robust: bool) -> Capabilities:
    """Ask the current context for its limits."""
    renderer = gl.string(g.GL_RENDERER)
    rungs = climb(version, extensions, debug=debug, robust=robust)
    return Capabilities(
        version=version,
        renderer=renderer,
        vendor=gl.string(g.GL_VENDOR),
        driver=re.sub(r"^[\d.]+\s*(\(Core Profile\))?\s*", "", gl.string(g.GL_VERSION)),
        software=is_software(renderer),
        max_texture_size=gl.integer(g.GL_MAX_TEXTURE_SIZE),
        max_array_layers=gl.integer(g.GL_MAX_ARRAY_TEXTURE_LAYERS),
        max_cube_size=gl.integer(g.GL_MAX_CUBE_MAP_TEXTURE_SIZE),
        max_attachment_size=min(gl.integer(g.GL_MAX_VIEWPORT_DIMS), gl.integer(g.GL_MAX_TEXTURE_SIZE)),
        max_samples=min(gl.integer(n) for n in (g.GL_MAX_SAMPLES, g.GL_MAX_COLOR_TEXTURE_SAMPLES, g.GL_MAX_DEPTH_TEXTURE_SAMPLES)),
        max_storage_block=gl.integer64(g.GL_MAX_SHADER_STORAGE_BLOCK_SIZE),
        max_texture_units=gl.integer(g.GL_MAX_COMBINED_TEXTURE_IMAGE_UNITS),
        max_storage_bindings=gl.integer(g.GL_MAX_SHADER_STORAGE_BUFFER_BINDINGS),
        storage_alignment=gl.integer(g.GL_SHADER_STORAGE_BUFFER_OFFSET_ALIGNMENT),
        max_anisotropy=_anisotropy(gl) if rungs["anisotropy"] else 1.0,
        extensions=extensions,
        rungs=rungs,
    )


def _anisotropy(gl: g.GL) -> float:
    value = ctypes.c_float(1.0)
    gl.glGetFloatv(g.GL_MAX_TEXTURE_MAX_ANISOTROPY, ctypes.byref(value))
    return float(value.value)


def read_version(gl: g.GL) -> tuple[tuple[int, int], frozenset[str]]:
    """Version and extensions of the current context."""
    version = (gl.integer(g.GL_MAJOR_VERSION), gl.integer(g.GL_MINOR_VERSION))
    names = (gl.glGetStringi(g.GL_EXTENSIONS, i) for i in range(gl.integer(g.GL_NUM_EXTENSIONS)))
    return version, frozenset(name.decode() for name in names if name)
