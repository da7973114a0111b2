"""A scene to 3MF, for printers: an object for each mesh, an item with its transform for each place where it stands, colours, and names."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from ..drawn import Drawn, bodies, in_file, material_color, srgb_bytes
from ..errors import AssetError
from ..geometry import Geometry
from ..materials import Material
from ..scene import Scene
from ..solid import Joined
from .output import Output
from .placing import to_file
from .stl_save import solids

_CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
_COLORS = "http://schemas.microsoft.com/3dmanufacturing/material/2015/02"
_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>\n')
_RELATIONS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Target="/3D/3dmodel.model" Id="rel0" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/>'
    "</Relationships>\n")
_EFFORT = 4
"""Of zlib: 2 % larger than at its default of 6, in less than half the time."""
_BLOCK = 1 << 15
"""Rows that are made into text at a time."""

Primitives = tuple[tuple[Geometry, Material], ...]


def save_3mf(scene: Scene, output: Output, *, unit: str = "millimetre", strict: bool = False) -> None:
    """Write a .3mf file; meshes that stand in several places are written once.

    Parameters
    ----------
    unit : str
    strict : bool
        Refuse what cannot be printed instead of warning.

    Raises
    ------
    AssetError
        The scene shows no triangles; or, with `strict`, its surface is not closed.
    """
    parts, joined = solids(scene, output.path.name, strict, frozenset({"colours"}))
    place = to_file(unit, "z")
    try:
        _write(output, _model(parts, joined, place, unit))
    except RuntimeError:  # what zipfile raises past 2 GiB; larger zips are beyond most readers
        raise AssetError(f"{output.path.name} would have a model of more than 2 GiB; save less in one file.") from None


def _write(output: Output, model: Iterator[str]) -> None:
    """Write the zip with its three parts."""
    with zipfile.ZipFile(output.open(), "w", zipfile.ZIP_DEFLATED, allowZip64=False, compresslevel=_EFFORT) as archive:
        for name, pieces in (("[Content_Types].xml", iter([_TYPES])), ("_rels/.rels", iter([_RELATIONS])),
                             ("3D/3dmodel.model", model)):
            with archive.open(name, "w") as stream:  # by name, so that it is as old as zips can say, whenever it is written
                for piece in pieces:
                    stream.write(piece.encode())


def _model(parts: list[Drawn], joined: Joined, place: NDArray[np.float64], unit: str) -> Iterator[str]:
    """Make the XML of the model, piece by piece."""
    spelled = unit.replace("metre", "meter")
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<model unit="{spelled}" xml:lang="en-US" xmlns="{_CORE}" xmlns:m="{_COLORS}">\n'
    yield "<resources>\n"
    materials = {material: number for number, material in enumerate(dict.fromkeys(part.material for part in parts))}
    yield '<basematerials id="1">\n'
    for material in materials:
        yield f"<base name={_quoted(material.name or 'material')} displaycolor={_quoted(_hex(material))}/>\n"
    yield "</basematerials>\n"
    objects: dict[Primitives, int] = {}
    items = []
    following = 2
    for drawn in bodies(parts):
        primitives = tuple((part.geometry, part.material) for part in drawn)
        if primitives not in objects:
            colored = any(geometry.colors is not None for geometry, _ in primitives)
            objects[primitives] = following + colored
            yield from _object(primitives, joined, materials, following, drawn[0].name)
            following += 1 + colored
        numbers = _transform(in_file(place, drawn[0]))
        name = f" partnumber={_quoted(drawn[0].name)}" if drawn[0].name else ""
        items.append(f'<item objectid="{objects[primitives]}" transform="{numbers}"{name}/>\n')
    yield "</resources>\n<build>\n"
    yield from items
    yield "</build>\n</model>\n"


def _object(primitives: Primitives, joined: Joined, materials: dict[Material, int], number: int, name: str) -> Iterator[str]:
    """Make one object of a mesh: vertices at one place are one, as printers need it, so colours belong to corners of triangles."""
    positions, vertex = joined[tuple(id(geometry) for geometry, _ in primitives)]
    palette, color_of = _palette(primitives)
    if palette is not None:
        yield f'<m:colorgroup id="{number}">\n'
        yield from (f'<m:color color="#{bytes(color).hex().upper()}"/>\n' for color in palette)
        yield "</m:colorgroup>\n"
        number += 1
    title = name or next((geometry.name for geometry, _ in primitives if geometry.name), "")
    named = f" name={_quoted(title)}" if title else ""
    yield f'<object id="{number}" type="model"{named} pid="1" pindex="{materials[primitives[0][1]]}">\n'
    yield "<mesh>\n<vertices>\n"
    yield from _rows('<vertex x="%.9g" y="%.9g" z="%.9g"/>\n', positions.astype(np.float64))
    yield "</vertices>\n<triangles>\n"
    start = 0
    for geometry, material in primitives:
        rows = geometry.indices.reshape(-1, 3).astype(np.int64) + start
        start += geometry.vertex_count
        corners = vertex[rows]
        whole = (corners != np.roll(corners, 1, axis=1)).all(axis=1)  # the specification forbids a corner twice
        if geometry.colors is not None:
            form = f'<triangle v1="%d" v2="%d" v3="%d" pid="{number - 1}" p1="%d" p2="%d" p3="%d"/>\n'
            yield from _rows(form, np.concatenate([corners, color_of[rows]], axis=1)[whole])
        elif material is primitives[0][1]:
            yield from _rows('<triangle v1="%d" v2="%d" v3="%d"/>\n', corners[whole])
        else:
            yield from _rows(f'<triangle v1="%d" v2="%d" v3="%d" pid="1" p1="{materials[material]}"/>\n', corners[whole])
    yield "</triangles>\n</mesh>\n</object>\n"


def _palette(primitives: Primitives) -> tuple[NDArray[np.uint8] | None, NDArray[np.int64]]:
    """Return the different colours of all vertices as sRGB bytes, and which one each vertex has; None where none has any."""
    if all(geometry.colors is None for geometry, _ in primitives):
        return None, np.zeros(0, np.int64)
    colors = [np.ones((geometry.vertex_count, 4)) if geometry.colors is None else geometry.colors * np.array(material_color(material))
              for geometry, material in primitives]
    palette, place = np.unique(srgb_bytes(np.concatenate(colors)).view("<u4"), return_inverse=True)  # four bytes as one number
    return palette.view(np.uint8).reshape(-1, 4), place.reshape(-1)


def _rows(form: str, values: NDArray[Any]) -> Iterator[str]:
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        yield form * len(block) % tuple(block.ravel().tolist())


def _transform(matrix: NDArray[np.float64]) -> str:
    linear = " ".join(f"{value + 0.0:.8g}" for value in matrix[:3, :3].T.ravel())
    return linear + " " + " ".join(f"{value + 0.0:.12g}" for value in matrix[:3, 3])


def _hex(material: Material) -> str:
    color = srgb_bytes(np.array([material_color(material)]))[0]
    color[3] = color[3] if material.alpha_mode == "blend" else 255
    return f"#{bytes(color).hex().upper()}"


def _quoted(text: str) -> str:
    """A text as an XML attribute, without what XML cannot hold."""
    return quoteattr("".join(letter if letter.isprintable() else " " for letter in text))
