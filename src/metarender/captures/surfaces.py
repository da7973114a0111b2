"""Materials and textures as plain values and arrays, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..colormap import SIZE, Colormap
from ..errors import InvalidInput
from ..materials import ALPHA_MODES, Heat, Material, Standard, Unlit
from ..textures import MAG_FILTERS, MIN_FILTERS, WRAPS, Sampler, Texture, TextureInfo
from .archive import ArchiveReader
from .fields import Fields, plain_text
from .view import LARGEST_PICTURE

OBJECT_BYTES = 4096
"""What one description is counted as: its Python objects, and the work of making it."""

_FACTORS = ("metallic", "roughness", "emissive_strength", "normal_scale", "occlusion_strength")
_KINDS: dict[str, type[Standard] | type[Unlit] | type[Heat]] = {"Standard": Standard, "Unlit": Unlit, "Heat": Heat}


def surface_values(materials: Sequence[Material], arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Describe materials and the textures that they use, each once; pixels go to `arrays`."""
    textures: dict[int, Texture] = {}
    for material in materials:
        if _KINDS.get(type(material).__name__) is not type(material):
            raise InvalidInput(f"A capture holds materials of the classes {', '.join(_KINDS)}, not {type(material).__name__}.")
        for info in material.texture_infos if not isinstance(material, Heat) else ():
            if info is not None:
                textures.setdefault(id(info.texture), info.texture)
    numbers = {key: number for number, key in enumerate(textures)}
    for number, texture in enumerate(textures.values()):
        arrays[f"textures/{number}"] = np.concatenate([b.reshape(-1, 16) for b in texture.blocks]) if texture.blocks else texture.pixels
    return {"textures": [_texture_values(texture) for texture in textures.values()],
            "materials": [_heat_values(material, number, arrays) if isinstance(material, Heat) else _material_values(material, numbers)
                          for number, material in enumerate(materials)]}


def read_surfaces(scene: Fields, archive: ArchiveReader) -> list[Material]:
    """Make the materials of a scene's description."""
    textures = [_read_texture(fields, number, archive) for number, fields in enumerate(scene.parts("textures"))]
    return [_read_material(fields, number, textures, archive) for number, fields in enumerate(scene.parts("materials"))]


def _texture_values(texture: Texture) -> dict[str, Any]:
    page = texture.page
    compressed = {"bc7_levels": page.levels} if texture.blocks else {}
    return {"name": plain_text(texture.name), "size": [page.width, page.height], "srgb": page.srgb, **compressed,
            "sampler": {name: getattr(page.sampler, name) for name in ("mag", "min", "wrap_s", "wrap_t")}}


def _read_texture(fields: Fields, number: int, archive: ArchiveReader) -> Texture:
    name, (width, height), srgb = fields.text("name"), fields.wholes("size", LARGEST_PICTURE, 2), fields.flag("srgb")
    how = fields.part("sampler")
    mag, least = how.choice("mag", MAG_FILTERS), how.choice("min", MIN_FILTERS)
    sampler = Sampler(mag, least, how.choice("wrap_s", WRAPS), how.choice("wrap_t", WRAPS))
    how.done()
    levels = fields.whole("bc7_levels", 1, max(width, height).bit_length()) if fields.given("bc7_levels") else 0
    fields.done()
    if not 0 < width * height <= archive.budget.limits.image_pixels:
        fields.refuse(f"a texture has {width}x{height} pixels; raise Limits.image_pixels if the file is trusted", "LIMIT_EXCEEDED", "size")
    archive.budget.take(OBJECT_BYTES, "A texture", fields.pointer)
    if levels:
        blocks = _read_blocks(archive, number, width, height, levels)
        return Texture.from_blocks(blocks, (width, height), srgb=srgb, sampler=sampler, name=name)
    return Texture(archive.array(f"textures/{number}", "|u1", (height, width, 4)), srgb=srgb, sampler=sampler, name=name)


def _read_blocks(archive: ArchiveReader, number: int, width: int, height: int, levels: int) -> list[NDArray[np.uint8]]:
    """Read the blocks of all levels, which stand one after the other, and part them."""
    shapes = [(-(-max(height >> level, 1) // 4), -(-max(width >> level, 1) // 4), 16) for level in range(levels)]
    ends = np.cumsum([rows * columns for rows, columns, _ in shapes])
    parts = np.split(archive.array(f"textures/{number}", "|u1", (int(ends[-1]), 16)), ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def colormap_values(colormap: Colormap, name: str, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Describe a ramp; its colours go to `arrays`."""
    arrays[name] = colormap.table
    return {"low": colormap.low, "high": colormap.high}


def read_colormap(fields: Fields, name: str, archive: ArchiveReader) -> Colormap:
    """Make a ramp of a description."""
    low, high = fields.number("low"), fields.number("high")
    fields.done()
    with fields.refusing():
        return Colormap(archive.array(name, "|u1", (SIZE, 3)), low, high)


def _common_values(material: Material) -> dict[str, Any]:
    return {"kind": type(material).__name__, "name": plain_text(material.name), "alpha_mode": material.alpha_mode,
            "alpha_cutoff": material.alpha_cutoff, "double_sided": bool(material.double_sided)}


def _heat_values(material: Heat, number: int, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    return {**_common_values(material), "colormap": colormap_values(material.colormap, f"ramps/{number}", arrays),
            "missing": list(material.missing), "opacity": material.opacity, "lit": material.lit}


def _material_values(material: Material, numbers: dict[int, int]) -> dict[str, Any]:
    values = _common_values(material)
    if isinstance(material, (Standard, Unlit)):
        values["color"] = list(material.color)
    if isinstance(material, Standard):
        values |= {"emissive": list(material.emissive), **{name: getattr(material, name) for name in _FACTORS}}
    filled = {slot: info for slot, info in zip(material.slots, material.texture_infos, strict=True) if info is not None}
    values["textures"] = {
        slot: {"texture": numbers[id(info.texture)], "tex_coord": int(info.tex_coord), "offset": list(map(float, info.offset)),
               "rotation": float(info.rotation), "scale": list(map(float, info.scale))} for slot, info in filled.items()}
    return values


def _read_heat(fields: Fields, number: int, common: dict[str, Any], archive: ArchiveReader) -> Heat:
    colormap = read_colormap(fields.part("colormap"), f"ramps/{number}", archive)
    missing, opacity, lit = fields.numbers("missing", 4), fields.number("opacity"), fields.flag("lit")
    fields.done()
    with fields.refusing():
        return Heat(colormap, missing=missing, opacity=opacity, lit=lit, **common)


def _read_material(fields: Fields, number: int, textures: list[Texture], archive: ArchiveReader) -> Material:
    archive.budget.take(OBJECT_BYTES, "A material", fields.pointer)
    kind = _KINDS[fields.choice("kind", _KINDS)]
    values: dict[str, Any] = {
        "name": fields.text("name"), "alpha_mode": fields.choice("alpha_mode", ALPHA_MODES), "alpha_cutoff": fields.number("alpha_cutoff"),
        "double_sided": fields.flag("double_sided")}
    if kind is Heat:
        return _read_heat(fields, number, values, archive)
    values["color"] = fields.numbers("color", 4)
    if kind is Standard:
        values |= {"emissive": fields.numbers("emissive", 3), **{name: fields.number(name) for name in _FACTORS}}
    filled = fields.part("textures")
    for slot in kind.slots:
        if filled.given(slot):
            values[slot] = _read_info(filled.part(slot), textures)
    filled.done()
    fields.done()
    with fields.refusing():
        return kind(**values)


def _read_info(fields: Fields, textures: list[Texture]) -> TextureInfo:
    number = fields.whole("texture", 0, len(textures) - 1)
    coordinates, rotation = fields.whole("tex_coord", 0, 1), fields.number("rotation")
    x, y = fields.numbers("offset", 2)
    wide, high = fields.numbers("scale", 2)
    fields.done()
    return TextureInfo(textures[number], coordinates, (x, y), rotation, (wide, high))
