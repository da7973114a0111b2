"""PLY to a description: ASCII and binary of both byte orders, any properties in any order; meshes, polygons, edges and point clouds.

Rows of plain numbers are one numpy view. Rows with lists are one view too where all lists have one length, as in nearly every file;
where lengths differ, compiled code finds where each value is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import ply_rows
from ..errors import AssetError
from ..geometry import Mesh
from .asset import Asset, NodeDescription
from .faces import centred, compact, cut, default_material, linear_colors, make_geometry, unit_vectors
from .files import Progress, opened
from .limits import Budget, Limits
from .placing import placed
from .points import cloud
from .text import described, pieces

_TYPES = {"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4", "double": "f8",
          "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4", "float32": "f4", "float64": "f8"}
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_HEAD = 1 << 16
_PROPERTIES = 256
_LONGEST = 1 << 30
"""Bytes of the lists of one row that numpy has a type for."""
_LISTS = ("vertex_indices", "vertex_index")
_UVS = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"))
_RED = (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"))

Columns = dict[str, NDArray[Any]]
"""By property: a number for each row, or all numbers of its lists, whose lengths then stand under the name that `_lengths_of` gives."""


def _lengths_of(name: str) -> str:
    """Return where the lengths of a list stand among columns: with a blank, which no property can have in its name."""
    return f"{name} lengths"


@dataclass
class _Element:
    """An element as the head declares it: (name, type, type of the count for lists or '') of each property."""

    name: str
    count: int
    properties: list[tuple[str, str, str]] = field(default_factory=list)

    def dtype(self, order: str, lengths: list[int]) -> np.dtype[Any]:
        """Type of a row whose lists have these lengths."""
        fields: list[Any] = []
        left = iter(lengths)
        for k, (_, kind, counted) in enumerate(self.properties):
            if counted:
                fields += [(f"n{k}", order + counted), (f"p{k}", order + kind, (next(left),))]
            else:
                fields.append((f"p{k}", order + kind))
        return np.dtype(fields)


def read_ply(path: Path, *, limits: Limits, progress: Progress | None = None, unit: str = "metre", up: str = "y") -> Asset:
    """Read a .ply file.

    Parameters
    ----------
    unit : str
        What one unit of the file is; the format does not say.
    up : "y" or "z"

    Raises
    ------
    AssetError
        The file is damaged or past a limit.
    """
    data, budget = opened(path, limits, progress)
    order, elements, start, lines = _head(data, path.name)
    read = _rows_of_text(data, start, lines, elements, budget) if not order else _rows_of_bytes(data, start, order, elements, budget)
    vertices = _numbers(read.get("vertex", {}))
    if not all(len(vertices.get(axis, ())) for axis in "xyz"):
        raise AssetError(f"{path.name} has no vertices with x, y and z; check that it is a PLY file of a mesh or of points.")
    return _described(path.stem, read, unit, up, budget)


def _numbers(columns: Columns) -> Columns:
    """Return the columns that have one number for each row."""
    return {name: column for name, column in columns.items() if " " not in name and _lengths_of(name) not in columns}


def _head(data: bytes, name: str) -> tuple[str, list[_Element], int, int]:
    """Return the byte order, the elements, the place where their rows start, and how many lines the head has."""
    end = data.find(b"end_header", 0, _HEAD)
    stop = data.find(b"\n", end, end + 32)
    if not data.startswith(b"ply") or end < 0:
        raise AssetError(f"{name} does not start with 'ply' and a head that ends with 'end_header'; it is another kind of file or cut off.")
    if stop < 0:  # lines of an old Macintosh
        stop = end + len(b"end_header")
    order, elements = None, list[_Element]()
    lines = data[:end].decode("latin-1").splitlines()
    for number, line in enumerate(lines[1:], 2):
        words = line.split()
        if not words or words[0] in ("comment", "obj_info"):
            continue
        try:
            if words[0] == "format":
                order = _ORDERS[words[1]]
            elif words[0] == "element":
                elements.append(_Element(words[1], int(words[2])))
                if elements[-1].count < 0:
                    raise ValueError
            elif words[0] == "property" and words[1] == "list":
                elements[-1].properties.append((words[4], _TYPES[words[3]], _TYPES[words[2]]))
            elif words[0] == "property":
                elements[-1].properties.append((words[2], _TYPES[words[1]], ""))
            else:
                raise ValueError
        except (LookupError, ValueError):
            raise AssetError(f"Line {number} of the head of {name} is {described(line)}, which is no statement of PLY.") from None
    if order is None:
        raise AssetError(f"The head of {name} names no format; one of {', '.join(_ORDERS)} is needed.")
    _check_head(elements, name)
    return order, elements, stop + 1, len(lines) + 1


def _check_head(elements: list[_Element], name: str) -> None:
    if len({element.name for element in elements}) < len(elements):
        raise AssetError(f"The head of {name} declares an element twice; keep one.")
    for element in elements:
        if len(element.properties) > _PROPERTIES or len({p[0] for p in element.properties}) < len(element.properties):
            raise AssetError(f"The element {described(element.name)} of {name} has a property twice, or more than {_PROPERTIES}.")
        if any(counted.startswith("f") for _, _, counted in element.properties):
            raise AssetError(f"A list of the element {described(element.name)} of {name} counts in fractions; it needs whole numbers.")


def _rows_of_bytes(data: bytes, at: int, order: str, elements: list[_Element], budget: Budget) -> dict[str, Columns]:
    found = {}
    for element in elements:
        if element.properties and element.count:
            found[element.name], at = _binary_rows(data, at, order, element, budget)
    return found


def _cut_off(element: _Element) -> AssetError:
    rows = f"the {element.count:,} rows of the element {described(element.name)}"
    return AssetError(f"The file ends within {rows}; it is cut off, copy it again.")


def _binary_rows(data: bytes, at: int, order: str, element: _Element, budget: Budget) -> tuple[Columns, int]:
    """Read the rows of an element; returns its columns and where the next one starts."""
    listed = [k for k, (_, _, counted) in enumerate(element.properties) if counted]
    least = element.dtype(order, [0] * len(listed)).itemsize
    if element.count * least > len(data) - at:
        raise _cut_off(element)
    budget.take(element.count * least, f"The element {described(element.name)}", "", array=False)
    lengths = _lengths(data, at, order, element)
    if sum(length * np.dtype(element.properties[k][1]).itemsize for k, length in zip(listed, lengths, strict=True)) > _LONGEST:
        return _mixed_rows(data, at, order, element, budget)
    kind = element.dtype(order, lengths)
    if element.count * kind.itemsize <= len(data) - at:
        rows = np.frombuffer(data, kind, element.count, at)
        if all((rows[f"n{k}"] == length).all() for k, length in zip(listed, lengths, strict=True)):
            return _columns(element, rows), at + rows.nbytes
    return _mixed_rows(data, at, order, element, budget)


def _mixed_rows(data: bytes, at: int, order: str, element: _Element, budget: Budget) -> tuple[Columns, int]:
    """Read rows whose lists differ in length: find where each value is, then gather them by property."""
    layout = [(np.dtype(kind).itemsize, np.dtype(counted).itemsize if counted else 0, counted[:1] == "i")
              for _, kind, counted in element.properties]
    budget.take(element.count * len(layout) * 12, f"The lists of {described(element.name)}", "")
    offsets, lengths, end = ply_rows(data, at, element.count, np.array(layout, np.uint32), order == ">")
    if not end:
        raise _cut_off(element)
    whole = np.frombuffer(data, np.uint8)
    columns: Columns = {}
    for k, (name, kind, counted) in enumerate(element.properties):
        size, total = layout[k][0], int(lengths[k].sum(dtype=np.int64))
        budget.take(total * size * 10, f"The property {described(name)}", "", array=False)
        first = np.cumsum(lengths[k], dtype=np.int64) - lengths[k]
        place = np.repeat(offsets[k].astype(np.int64) - first * size, lengths[k]) + np.arange(total) * size
        columns[name] = whole[place[:, None] + np.arange(size)].reshape(-1).view(order + kind)
        if counted:
            columns[_lengths_of(name)] = lengths[k]
    return columns, end


def _lengths(data: bytes, at: int, order: str, element: _Element) -> list[int]:
    """Read how long the lists of one row are."""
    lengths = []
    for _, kind, counted in element.properties:
        if not counted:
            at += np.dtype(kind).itemsize
            continue
        size = np.dtype(counted).itemsize
        if at + size > len(data):
            raise _cut_off(element)
        length = int(np.frombuffer(data, order + counted, 1, at)[0])
        at += size + length * np.dtype(kind).itemsize
        if length < 0 or at > len(data):
            raise AssetError(f"A list of the element {described(element.name)} has {length:,} entries, more than the file has left.")
        lengths.append(length)
    return lengths


def _columns(element: _Element, rows: NDArray[Any]) -> Columns:
    """Return each property as a column; of a list its values in a row, and beside them their lengths."""
    columns: Columns = {}
    for k, (name, _, counted) in enumerate(element.properties):
        columns[name] = rows[f"p{k}"].reshape(-1)
        if counted:
            columns[_lengths_of(name)] = rows[f"n{k}"].astype(np.uint32)
    return columns


def _rows_of_text(data: bytes, start: int, first_line: int, elements: list[_Element], budget: Budget) -> dict[str, Columns]:
    """Read ASCII rows, one a line; lists are taken apart where all rows have been read."""
    due = [element for element in elements if element.properties and element.count]
    found: dict[str, tuple[list[NDArray[Any]], list[NDArray[Any]]]] = {element.name: ([], []) for element in due}
    left = [element.count for element in due]
    at = 0
    for piece in pieces(memoryview(data)[start:], None, first_line + 1):
        rows = np.flatnonzero(piece.filled())
        while rows.size and at < len(due):
            lines = np.zeros(len(piece.starts), bool)
            lines[rows[: left[at]]] = True
            values, counts = piece.floats(lines)
            budget.take(values.nbytes * 2, f"The element {described(due[at].name)}", "")
            found[due[at].name][0].append(values)
            found[due[at].name][1].append(counts)
            rows = rows[left[at] :]
            left[at] -= len(counts)
            at += not left[at]
    if at < len(due):
        raise _cut_off(due[at])
    return {element.name: _text_columns(element, *map(np.concatenate, found[element.name])) for element in due}


def _text_columns(element: _Element, values: NDArray[np.float64], counts: NDArray[np.int64]) -> Columns:
    columns: Columns = {}
    at = np.cumsum(counts) - counts
    ends = at + counts
    for name, kind, counted in element.properties:
        if (at >= ends).any():
            raise AssetError(f"Row {int(np.argmax(at >= ends))} of the element {described(element.name)} has too few numbers.")
        with np.errstate(all="ignore"):
            if not counted:
                columns[name] = values[at].astype(kind)
                at = at + 1
                continue
            lengths = values[at]
            wrong = ~((lengths >= 0) & (lengths <= ends - at - 1) & (lengths == np.floor(lengths)))
            if wrong.any():
                raise AssetError(f"Row {int(np.argmax(wrong))} of the element {described(element.name)} has a list with too few numbers.")
            numbers = lengths.astype(np.int64)
            first = np.cumsum(numbers) - numbers
            place = np.arange(int(numbers.sum())) + np.repeat(at + 1 - first, numbers)
            columns[name] = values[place] if kind[0] == "f" else _whole(values[place], element)
            columns[_lengths_of(name)] = numbers.astype(np.uint32)
            at = at + 1 + numbers
    return columns


def _whole(values: NDArray[np.float64], element: _Element) -> NDArray[np.int64]:
    if not (np.abs(values) < 2.0**53).all():
        raise AssetError(f"A list of the element {described(element.name)} has something else than whole numbers.")
    return values.astype(np.int64)


def _described(name: str, read: dict[str, Columns], unit: str, up: str, budget: Budget) -> Asset:
    vertices = _numbers(read["vertex"])
    budget.take(len(vertices["x"]) * 24, "The vertices", "", array=False)
    exact = np.stack([vertices[axis] for axis in "xyz"], axis=1).astype(np.float64)
    if not np.isfinite(exact).all():
        row = int(np.argmin(np.isfinite(exact).all(axis=1)))
        raise AssetError(f"Vertex {row} is not finite; remove NaN and infinity.")
    attributes = _attributes(vertices)
    faces, edges = read.get("face", {}), _numbers(read.get("edge", {}))
    key = next((key for key in _LISTS if _lengths_of(key) in faces), None)
    joined = "vertex1" in edges and "vertex2" in edges
    if key is None and not joined:
        primitives, offset = cloud(exact, budget, **attributes)
    else:
        positions, offset = centred(exact)
        primitives = []
        if key is not None:
            arrays = _triangles(exact, positions, faces, key, attributes, budget)
            if arrays is not None:
                primitives.append(make_geometry(budget, "The mesh", name=name, **arrays))
        if joined:
            ends = np.stack([edges["vertex1"], edges["vertex2"]], axis=1).astype(np.int64).ravel()
            used, places = compact(_checked(ends, len(exact)))
            arrays = {k: v[used] for k, v in attributes.items() if k == "colors"}
            primitives.append(make_geometry(budget, "The edges", positions=positions[used], indices=places.astype(np.uint32),
                                            topology="lines", name=name, **arrays))
    if not primitives:
        primitives, offset = cloud(exact, budget, **attributes)
    mesh = Mesh(primitives=[(geometry, default_material(geometry)) for geometry in primitives], name=name)
    notes = [f"the element {described(element)}" for element in read if element not in ("vertex", "face", "edge")]
    return placed(name, [NodeDescription(name=name, mesh=mesh)], notes, unit, up, offset)


def _attributes(columns: Columns) -> dict[str, Any]:
    """Normals, texture coordinates and colours of vertices or faces."""
    found: dict[str, Any] = {}
    if all(axis in columns for axis in ("nx", "ny", "nz")):
        found["normals"] = unit_vectors(np.stack([columns[axis] for axis in ("nx", "ny", "nz")], axis=1).astype(np.float64))
    for names in _UVS:
        if all(axis in columns for axis in names):
            found["uv0"] = np.stack([columns[names[0]], 1.0 - columns[names[1]].astype(np.float64)], axis=1).astype(np.float32)
            break
    if (colors := _colors(columns)) is not None:
        found["colors"] = colors
    return found


def _colors(columns: Columns) -> NDArray[np.float32] | None:
    """Whole numbers are sRGB of their type's range, fractions of 0..1."""
    for names in _RED:
        if all(axis in columns for axis in names):
            alpha = next((axis for axis in ("alpha", "a", "diffuse_alpha") if axis in columns), None)
            chosen = [columns[axis] for axis in (*names, *((alpha,) if alpha else ()))]
            if all(column.dtype == np.uint8 for column in chosen):
                return linear_colors(np.stack(chosen, axis=1))
            shares = [column / (1.0 if column.dtype.kind == "f" else float(np.iinfo(column.dtype).max)) for column in chosen]
            return linear_colors(np.nan_to_num(np.stack(shares, axis=1).astype(np.float64)))
    return None


def _checked(numbers: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    if numbers.size and not (numbers.min() >= 0 and numbers.max() < count):
        worst = int(numbers[np.argmax((numbers < 0) | (numbers >= count))])
        raise AssetError(f"A face or edge names the vertex {worst}, and there are {count}, counted from 0.")
    return numbers


def _triangles(exact: NDArray[np.float64], positions: NDArray[np.float32], faces: Columns, key: str, attributes: dict[str, Any],
               budget: Budget) -> dict[str, Any] | None:
    """Return what a Geometry of the faces takes, None where no face has three corners."""
    corners, counts = _checked(faces[key].astype(np.int64), len(exact)), faces[_lengths_of(key)]
    budget.take(corners.nbytes * 4, "The faces", "")
    sound = counts > 2
    if not sound.all():
        corners, counts = corners[np.repeat(sound, counts)], counts[sound]
    if not len(counts):
        return None
    places = cut(exact, corners.astype(np.uint32), counts).ravel()
    of_face = _attributes({name: column[sound] for name, column in _numbers(faces).items()})
    own = attributes.get("colors")
    if "colors" in of_face and (own is None or (own == own[0]).all()):  # programs write white vertices beside coloured faces
        triangle = np.repeat(np.arange(len(counts)), (counts - 2) * 3)
        row = corners[places]
        arrays = {name: values[row] for name, values in attributes.items()}
        budget.take(len(row) * 64, "The corners of coloured faces", "")
        return arrays | {"positions": positions[row], "colors": of_face["colors"][triangle]}
    used, indices = compact(corners[places])
    arrays = attributes if len(used) == len(positions) else {name: values[used] for name, values in attributes.items()}
    return arrays | {"positions": positions[used] if arrays is not attributes else positions, "indices": indices.astype(np.uint32)}
