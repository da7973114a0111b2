"""A scene to STL, for printers: triangles of all that is shown, in millimetres with +Z up unless asked otherwise."""

from __future__ import annotations

import warnings
from itertools import groupby
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from .._core import stl_facets
from ..drawn import Drawn, drawn, in_file, is_mirrored, moved
from ..errors import AssetError
from ..scene import Scene
from ..solid import Joined, examine
from . import AssetWarning, listed
from .losses import plain_losses
from .output import Output
from .placing import to_file

_MOST = 0xFFFFFFFF
_TEXT_BLOCK = 1 << 14
"""Triangles that are made into text at a time."""


def save_stl(scene: Scene, output: Output, *, unit: str = "millimetre", up: str = "z", ascii: bool = False, strict: bool = False) -> None:
    """Write an .stl file.

    Parameters
    ----------
    unit : str
    up : "y" or "z"
    ascii : bool
        Write text, with a solid for each named part; binary by default, which knows no names.
    strict : bool
        Refuse what cannot be printed instead of warning.

    Raises
    ------
    AssetError
        The scene shows no triangles; or, with `strict`, its surface is not closed.
    """
    parts, _ = solids(scene, output.path.name, strict, frozenset())
    place = to_file(unit, up)
    stream = output.open()
    if ascii:
        _write_text(stream, parts, place, output.path.stem)
        return
    count = sum(part.geometry.index_count // 3 for part in parts)
    if count > _MOST:
        raise AssetError(f"{output.path.name} would have {count:,} triangles and STL counts to {_MOST:,}; save less in one file.")
    stream.write(b"binary STL".ljust(80) + np.array(count, "<u4").tobytes())
    for part in parts:
        stream.write(stl_facets(_positions(part, place), part.geometry.indices, is_mirrored(part.matrix)).data)


def _write_text(stream: BinaryIO, parts: list[Drawn], place: NDArray[np.float64], name: str) -> None:
    """Write a solid for each node, whatever its materials."""
    for _, group in groupby(parts, key=lambda part: part.node):
        together = [*group]
        title = " ".join((together[0].name or name).split())
        stream.write(f"solid {title}\n".encode())
        for part in together:
            facets = stl_facets(_positions(part, place), part.geometry.indices, is_mirrored(part.matrix))
            for start in range(0, len(facets), _TEXT_BLOCK):
                stream.write(_text(facets[start : start + _TEXT_BLOCK]))
        stream.write(f"endsolid {title}\n".encode())


def solids(scene: Scene, name: str, strict: bool, holds: frozenset[str]) -> tuple[list[Drawn], Joined]:
    """Return the triangles that a scene shows and their joined vertices, and say where they are no closed surface, and what is lost.

    Parameters
    ----------
    name : str
        Of the file.
    strict : bool
        Refuse what is not closed.
    holds : frozenset of str
        What the format holds besides triangles; see `plain_losses`.

    Raises
    ------
    AssetError
        There are none; or, with `strict`, they are not closed.

    Warns
    -----
    AssetWarning
        They are not closed, or there are lines and points beside them, or the format cannot hold something of the scene.
    """
    everything = drawn(scene)
    parts = [part for part in everything if part.geometry.topology == "triangles" and part.geometry.index_count]
    if not parts:
        raise AssetError(f"The scene shows no triangles, so {name} would be empty; make visible what is to be saved.")
    notes = []
    if len(parts) < len(everything):
        notes.append("lines and points are left out")
    report, joined = examine(parts)
    if not report.printable:
        if strict:
            raise AssetError(f"{name} is not written, because it could not be printed: {report.summary}; mend it or save without strict.")
        notes.append(f"it may not print: {report.summary}")
    if losses := plain_losses(scene, parts, holds):
        notes.append(f"it was saved without {listed(losses)}")
    if notes:
        warnings.warn(f"{name}: {'; '.join(notes)}.", AssetWarning, stacklevel=5)
    return parts, joined


def _positions(part: Drawn, place: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the vertices of a part in the space of the file, (n, 3) float32."""
    with np.errstate(over="ignore"):  # refused below
        positions = moved(part.geometry, in_file(place, part)).astype(np.float32)
    if not np.isfinite(positions).all():
        raise AssetError(f"The part {part.name!r} lies beyond what the numbers of STL can hold; move it nearer.")
    return positions


def _text(facets: NDArray[np.uint8]) -> bytes:
    vertex = "      vertex %.9g %.9g %.9g\n"
    facet = f"  facet normal %.9g %.9g %.9g\n    outer loop\n{vertex * 3}    endloop\n  endfacet\n"
    rows = np.ascontiguousarray(facets[:, :-2]).view("<f4")
    return (facet * len(rows) % tuple(rows.ravel().tolist())).encode()

