"""A scene to Wavefront OBJ: an object for each named node, with normals, texture coordinates and vertex colours, and a material library."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..color import srgb_encode
from ..drawn import Drawn, drawn, facing, in_file, material_color, moved, turned
from ..errors import AssetError
from ..materials import Material, Standard, Unlit
from ..scene import Scene
from ..textures import TextureInfo
from . import AssetWarning, listed
from .images import encode_png
from .losses import plain_losses
from .output import Output
from .placing import to_file

_BLOCK = 1 << 15
"""Rows that are made into text at a time."""
_CORNER = {(False, False): "%d", (True, False): "%d/%d", (False, True): "%d//%d", (True, True): "%d/%d/%d"}
_LETTERS = {"triangles": "f", "lines": "l", "points": "p"}


def save_obj(scene: Scene, output: Output, *, unit: str = "metre", up: str = "y") -> None:
    """Write an .obj file, a material library of the same name, and the pictures of its materials as PNG.

    Parameters
    ----------
    unit : str
    up : "y" or "z"

    Raises
    ------
    AssetError
        The scene shows nothing, or lies beyond what the numbers can hold.
    """
    parts = [part for part in drawn(scene) if part.geometry.index_count]
    if not parts:
        raise AssetError(f"The scene shows nothing, so {output.path.name} would be empty; make visible what is to be saved.")
    place = to_file(unit, up)
    library = _Library(parts, output)
    if losses := library.lost + plain_losses(scene, parts, frozenset({"colours", "textures", "emission"})):
        warnings.warn(f"{output.path.name} was saved without {listed(losses)}.", AssetWarning, stacklevel=4)
    stream = output.open()
    stream.write(f"mtllib {library.name}\n".encode())
    counts = [0, 0, 0]
    name = node = None
    for part in parts:
        if name is None or part.node != node:
            name, node = _word(part.name) or f"part{part.node & 0xFFFFFF}", part.node
            stream.write(f"o {name}\n".encode())
        stream.write(f"usemtl {library.names[part.material]}\n".encode())
        _write_part(stream, part, place, counts)


def _word(name: str) -> str:
    """A name as one line without blanks at its ends."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())


def _write_part(stream: Any, part: Drawn, place: NDArray[np.float64], counts: list[int]) -> None:
    """Write vertices, then what connects them; indices count through the whole file."""
    geometry, matrix = part.geometry, in_file(place, part)
    columns = moved(geometry, matrix)
    if not np.isfinite(columns.astype(np.float32)).all():
        raise AssetError(f"The part {part.name!r} lies beyond what other programs can read; move it nearer.")
    if geometry.colors is not None:
        columns = np.concatenate([columns, srgb_encode(np.clip(geometry.colors[:, :3], 0.0, 1.0))], axis=1)
    # Nine digits keep float32; what is far away needs the more that float64 has.
    digits = 9 if np.abs(columns[:, :3]).max() < 1e4 else 15
    _write_rows(stream, "v", columns, digits)
    uv, normals = geometry.uv0, turned(geometry, matrix)
    lit = geometry.topology == "triangles"
    if uv is not None:
        _write_rows(stream, "vt", uv.astype(np.float64) * (1, -1) + (0, 1), 9)
    if normals is not None and lit:
        _write_rows(stream, "vn", normals, 9)
    has_normals = normals is not None and lit
    width = {"triangles": 3, "lines": 2, "points": 1}[geometry.topology]
    corners = facing(geometry, part.matrix) if lit else geometry.indices.reshape(-1, width)
    starts = [counts[0], *([counts[1]] if uv is not None else []), *([counts[2]] if has_normals else [])]
    pattern = _CORNER[uv is not None, has_normals]
    numbers = (corners.astype(np.int64)[:, :, None] + 1 + np.array(starts)).reshape(len(corners), -1)
    row = f"{_LETTERS[geometry.topology]} {' '.join([pattern] * width)}\n"
    for start in range(0, len(numbers), _BLOCK):
        block = numbers[start : start + _BLOCK]
        stream.write((row * len(block) % tuple(block.ravel().tolist())).encode())
    count = geometry.vertex_count
    counts[0], counts[1], counts[2] = counts[0] + count, counts[1] + count * (uv is not None), counts[2] + count * has_normals


def _write_rows(stream: Any, word: str, rows: NDArray[np.float64], digits: int) -> None:
    form = " ".join([word, *([f"%.{digits}g"] * min(rows.shape[1], 3)), *(["%.6g"] * (rows.shape[1] - 3))]) + "\n"
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        stream.write((form * len(block) % tuple(block.ravel().tolist())).encode())


class _Library:
    """The materials of some parts, with names that differ."""

    def __init__(self, parts: list[Drawn], output: Output) -> None:
        self.names: dict[Material, str] = {}
        self.name = f"{output.path.stem}.mtl"
        self._output = output
        self._pictures: dict[tuple[Any, int], str] = {}
        self.lost: list[str] = []
        """What OBJ cannot hold of them, as noun phrases."""
        taken: set[str] = set()
        numbers: dict[str, int] = {}  # the last one of each name, so that equal names are not tried anew
        for part in parts:
            if part.material not in self.names:
                base = re.sub(r"\s+", "_", _word(part.material.name)) or "material"
                name = base
                while name in taken:
                    numbers[base] = numbers.get(base, 1) + 1
                    name = f"{base}_{numbers[base]}"
                taken.add(name)
                self.names[part.material] = name
        text = "".join(self._entry(name, material) for material, name in self.names.items())
        output.open(self.name).write(text.encode())

    def _entry(self, name: str, material: Material) -> str:
        color = material_color(material)
        alpha = color[3] if material.alpha_mode == "blend" else 1.0
        self.lost += ["alpha masks"] * (material.alpha_mode == "mask") + ["unlit materials"] * isinstance(material, Unlit)
        lines = [f"newmtl {name}", "Kd " + _numbers(srgb_encode(np.clip(color[:3], 0.0, 1.0))), f"d {alpha:.9g}"]
        if isinstance(material, Standard):
            lines += [f"Pr {material.roughness:.9g}", f"Pm {material.metallic:.9g}"]
            if any(material.emissive):
                light = np.array(material.emissive) * material.emissive_strength
                self.lost += ["emission beyond 1"] * bool(light.max() > 1.0)
                lines.append("Ke " + _numbers(srgb_encode(np.clip(light, 0.0, 1.0))))
        for slot, info in zip(material.slots, material.texture_infos, strict=True):
            if info is not None:
                lines += self._maps(name, slot, info)
        return "\n".join(lines) + "\n\n"

    def _maps(self, name: str, slot: str, info: TextureInfo) -> list[str]:
        keys = {"color_texture": [("map_Kd", -1)], "emissive_texture": [("map_Ke", -1)], "normal_texture": [("norm", -1)],
                "metallic_roughness_texture": [("map_Pr", 1), ("map_Pm", 2)]}
        if slot not in keys or info.tex_coord or info.rotation:
            self.lost.append(f"the {slot.replace('_', ' ')} of {name!r}")
            return []
        options = ""
        if info.scale != (1.0, 1.0) or info.offset != (0.0, 0.0):
            options = f"-s {info.scale[0]:.9g} {info.scale[1]:.9g} 1 -o {info.offset[0]:.9g} {1.0 - info.scale[1] - info.offset[1]:.9g} 0 "
        if info.texture.sampler.wrap_s == "clamp_to_edge":
            options += "-clamp on "
        return [f"{key} {options}{self._picture(info, channel)}" for key, channel in keys[slot]]

    def _picture(self, info: TextureInfo, channel: int) -> str:
        """Write a picture once; of roughness and metalness the one channel, as grey."""
        key = info.texture, channel
        if key not in self._pictures:
            pixels = info.texture.pixels
            if channel >= 0:
                pixels = pixels[..., [channel, channel, channel, 3]]
                pixels[..., 3] = 255
            name = f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', self._output.path.stem)}_{len(self._pictures)}.png"
            self._output.open(name).write(encode_png(pixels))
            self._pictures[key] = name
        return self._pictures[key]


def _numbers(values: Any) -> str:
    return " ".join(f"{value:.9g}" for value in values)
