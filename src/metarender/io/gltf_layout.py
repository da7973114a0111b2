"""How accessors and buffer views lie in memory: element sizes, and the checks that decide whether reading them is safe.

All arithmetic is on Python integers, and bounds are compared by subtraction, so nothing can overflow.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .gltf_schema import Fault

COMPONENTS = {5120: ("i1", 1), 5121: ("u1", 1), 5122: ("<i2", 2), 5123: ("<u2", 2), 5125: ("<u4", 4), 5126: ("<f4", 4)}
TYPES = {"SCALAR": (1, 1), "VEC2": (2, 1), "VEC3": (3, 1), "VEC4": (4, 1), "MAT2": (2, 2), "MAT3": (3, 3), "MAT4": (4, 4)}
_NAMES = {5120: "BYTE", 5121: "UNSIGNED_BYTE", 5122: "SHORT", 5123: "UNSIGNED_SHORT", 5125: "UNSIGNED_INT", 5126: "FLOAT"}
_RANGES = {5120: (-128, 127), 5121: (0, 255), 5122: (-32768, 32767), 5123: (0, 65535), 5125: (0, 2**32 - 1)}
VERTEX, INDEX = 34962, 34963


class Layout(NamedTuple):
    """One element of an accessor.

    Attributes
    ----------
    dtype : str
        numpy dtype of a component.
    width : int
        Bytes of a component.
    rows, columns : int
        Components of a column, and columns; vectors have one column.
    column : int
        Bytes from one column to the next; matrix columns start at multiples of 4.
    size : int
        Bytes of the element.
    """

    dtype: str
    width: int
    rows: int
    columns: int
    column: int
    size: int

    @property
    def components(self) -> int:
        """Numbers of one element."""
        return self.rows * self.columns


def _layouts() -> dict[tuple[int, str], Layout]:
    table = {}
    for component, (dtype, width) in COMPONENTS.items():
        for name, (rows, columns) in TYPES.items():
            column = rows * width if columns == 1 else -(-rows * width // 4) * 4
            table[component, name] = Layout(dtype, width, rows, columns, column, column * columns)
    return table


LAYOUTS = _layouts()


def layout_of(accessor: dict[str, Any]) -> Layout | None:
    """Return the layout of a checked accessor, None where its type or component type is not of glTF 2.0."""
    return LAYOUTS.get((accessor["componentType"], accessor["type"]))


def format_of(accessor: dict[str, Any]) -> tuple[str, int, bool]:
    """Return (type, component type, normalized): what a format rule is about."""
    return accessor["type"], accessor["componentType"], accessor.get("normalized", False)


def format_name(accessor: dict[str, Any]) -> str:
    """Name a format the way the Khronos validator does."""
    kind = _NAMES.get(accessor["componentType"], str(accessor["componentType"]))
    return f"{{{accessor['type']}, {kind}{' normalized' if accessor.get('normalized') else ''}}}"


def check_views(document: dict[str, Any]) -> None:
    """Check every buffer view against its buffer.

    Raises
    ------
    Fault
    """
    buffers = document.get("buffers", [])
    for index, view in enumerate(document.get("bufferViews", ())):
        total = buffers[view["buffer"]]["byteLength"]
        offset, length = view.get("byteOffset", 0), view["byteLength"]
        if length > total - offset:
            place = "byteOffset" if offset >= total else "byteLength"
            raise Fault(
                "BUFFER_VIEW_TOO_LONG",
                f"The view of {length} bytes at {offset} does not fit its buffer of {total}.",
                place,
                index,
                "bufferViews",
            )
        stride = view.get("byteStride")
        if stride is None:
            continue
        if stride > length:
            raise Fault(
                "BUFFER_VIEW_TOO_BIG_BYTE_STRIDE",
                f"A stride of {stride} bytes is more than the {length} of the view.",
                "byteStride",
                index,
                "bufferViews",
            )
        if view.get("target") == INDEX:
            raise Fault(
                "BUFFER_VIEW_INVALID_BYTE_STRIDE", "Only views with vertex data can have a byteStride.", "byteStride", index, "bufferViews"
            )


def check_accessors(document: dict[str, Any]) -> None:
    """Check the layout of every accessor against its buffer view, whether it is used or not.

    Raises
    ------
    Fault
    """
    views = document.get("bufferViews", [])
    for index, accessor in enumerate(document.get("accessors", ())):
        try:
            _check_accessor(accessor, views)
        except Fault as fault:
            fault.path += [index, "accessors"]
            raise


def _check_accessor(accessor: dict[str, Any], views: list[dict[str, Any]]) -> None:
    component = accessor["componentType"]
    layout = LAYOUTS.get((component, accessor["type"]))
    if layout is None:
        return  # refused by name when something reads it
    if component >= 5125 and accessor.get("normalized"):
        raise Fault("ACCESSOR_NORMALIZED_INVALID", "Only 8 and 16 bit integers can be normalized.", "normalized")
    for name in ("min", "max"):
        if (bound := accessor.get(name)) is not None:
            _check_bound(bound, layout, component, name)
    count = accessor["count"]
    if (number := accessor.get("bufferView")) is not None:
        view = views[number]
        stride = view.get("byteStride", layout.size)
        if stride < layout.size:
            raise Fault("ACCESSOR_SMALL_BYTESTRIDE", f"The stride of {stride} bytes is less than the {layout.size} of one element.")
        _check_range(accessor.get("byteOffset", 0), stride * (count - 1) + layout.size, layout.width, view)
        if layout.columns > 1 and accessor.get("byteOffset", 0) % 4:
            raise Fault("ACCESSOR_MATRIX_ALIGNMENT", "Matrices must start at multiples of 4 bytes.", "byteOffset")
    if (sparse := accessor.get("sparse")) is not None:
        _check_sparse(sparse, count, layout, views)


def _check_bound(bound: list[Any], layout: Layout, component: int, name: str) -> None:
    if len(bound) != layout.rows * layout.columns:
        raise Fault("ARRAY_LENGTH_NOT_IN_LIST", f"{name} has {len(bound)} numbers, the elements have {layout.components}.", name)
    if component == 5126:
        return
    low, high = _RANGES[component]
    for place, value in enumerate(bound):
        if value != int(value):
            raise Fault("ARRAY_TYPE_MISMATCH", f"Element {place}: {value} is not an integer.", name)
        if not low <= value <= high:
            raise Fault("INVALID_GL_VALUE", f"Element {place}: {value} cannot be stored in component type {_NAMES[component]}.", name)


def _check_range(offset: int, length: int, width: int, view: dict[str, Any]) -> None:
    total = view["byteLength"]
    if offset % width:
        raise Fault("ACCESSOR_OFFSET_ALIGNMENT", f"The offset {offset} is not a multiple of {width} bytes.", "byteOffset")
    if (view.get("byteOffset", 0) + offset) % width:
        raise Fault("ACCESSOR_TOTAL_OFFSET_ALIGNMENT", f"The offset in the buffer is not a multiple of {width} bytes.")
    if offset > total:
        raise Fault("ACCESSOR_TOO_LONG", f"The offset {offset} is past the {total} bytes of the view.", "byteOffset")
    if length > total - offset:
        raise Fault("ACCESSOR_TOO_LONG", f"{length} bytes at {offset} do not fit the view of {total} bytes.")


def _check_sparse(sparse: dict[str, Any], count: int, layout: Layout, views: list[dict[str, Any]]) -> None:
    try:
        if sparse["count"] > count:
            message = f"{sparse['count']} sparse elements are more than the {count} of the accessor."
            raise Fault("ACCESSOR_SPARSE_COUNT_OUT_OF_RANGE", message, "count")
        index_width = COMPONENTS.get(sparse["indices"]["componentType"], ("", 0))[1]
        for name, width, size in (("indices", index_width, index_width), ("values", layout.width, layout.size)):
            part = sparse[name]
            view = views[part["bufferView"]]
            try:
                if view.get("byteStride") is not None or view.get("target") is not None:
                    message = "The view of sparse data can have neither byteStride nor target."
                    code = "BUFFER_VIEW_INVALID_BYTE_STRIDE" if "byteStride" in view else "BUFFER_VIEW_TARGET_OVERRIDE"
                    raise Fault(code, message, "bufferView")
                if width:
                    _check_range(part.get("byteOffset", 0), size * sparse["count"], width, view)
            except Fault as fault:
                fault.path.append(name)
                raise
    except Fault as fault:
        fault.path.append("sparse")
        raise
