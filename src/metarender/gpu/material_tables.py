"""One table of rows for each material shader, indexed by the scene's material number; only edited rows are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput, ShaderError
from ..materials import Material
from .bindings import STORAGE_MATERIALS
from .buffers import GrowBuffer, check_block
from .programs import SHADERS
from .texture_pool import TexturePool

if TYPE_CHECKING:
    from .device import Device


_SHARE = "share materials between parts that look the same, and colour single parts by their state"


def _called(material: Material) -> str:
    return f"{type(material).__name__} {material.name!r}"


def check_material(material: Material) -> None:
    """Refuse a material that does not fit the shader that it names.

    Raises
    ------
    ShaderError
    """
    shader, what = SHADERS.get(material.shader), _called(material)
    if shader is None:
        raise ShaderError(f"{what} names the shader {material.shader!r}, which does not exist; use one of {', '.join(SHADERS)}.")
    if material.row_dtype != shader.row:
        raise ShaderError(f"{what} has rows that the shader {material.shader!r} cannot read; leave row_dtype as its class has it.")
    slots = shader.row["slots"].shape[0]
    if len(material.slots) != slots:
        raise ShaderError(f"{what} has {len(material.slots)} texture slots and the shader {material.shader!r} has {slots}; leave slots as "
                          "its class has them.")


def is_finite(field: Any) -> bool:
    """Whether every number of a field, which may have fields of its own, is finite."""
    names = field.dtype.names
    return all(is_finite(field[name]) for name in names) if names else bool(np.isfinite(field).all())


class MaterialTables:
    """The materials of one scene on one device."""

    def __init__(self, device: Device, textures: TexturePool) -> None:
        self._device, self._textures = device, textures
        self._rows: dict[str, NDArray[Any]] = {}
        self._buffers: dict[str, GrowBuffer] = {}

    def write(self, materials: Sequence[Material | None], changed: NDArray[np.intp]) -> None:
        """Write the rows of the materials whose numbers are in `changed`, one upload for each shader."""
        picked = [(int(number), material) for number in changed if (material := materials[int(number)]) is not None]
        for _, material in picked:
            check_material(material)
        self._textures.add([info.texture for _, material in picked for info in material.texture_infos if info is not None])
        by_shader: dict[str, list[tuple[int, Material]]] = {}
        for number, material in picked:
            by_shader.setdefault(material.shader, []).append((number, material))
        for shader, group in by_shader.items():
            first, last = min(number for number, _ in group), max(number for number, _ in group)
            rows = self._reserve(shader, group[0][1].row_dtype, last + 1)
            for number, material in group:
                rows[number:number + 1] = np.zeros((), rows.dtype)
                self._fill(material, rows[number])
            self._buffers[shader].write(rows[first:last + 1], first * rows.itemsize)

    def _fill(self, material: Material, row: NDArray[Any]) -> None:
        layers = [0 if info is None else self._textures.layer(info.texture) for info in material.texture_infos]
        with np.errstate(over="ignore"):  # what becomes infinite is told below
            material.fill_row(row, layers)
        for name in row.dtype.names or ():
            if not is_finite(row[name]):
                raise InvalidInput(f"{_called(material)} has a row whose {name} is not finite as float32, and would be black; mend it.")

    def _reserve(self, shader: str, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        rows = self._rows.get(shader)
        if rows is None or len(rows) < count:
            what = f"materials of {shader}"
            check_block(self._device, count * dtype.itemsize, what, _SHARE)
            most = self._device.capabilities.max_storage_block // dtype.itemsize
            grown = np.zeros(max(count, min(max(16, 0 if rows is None else len(rows) * 3 // 2), most)), dtype)
            if rows is not None:
                grown[:len(rows)] = rows
            if shader not in self._buffers:
                self._buffers[shader] = GrowBuffer(self._device, what, size=grown.nbytes, mend=_SHARE)
            self._buffers[shader].reserve(grown.nbytes)
            rows = self._rows[shader] = grown  # last: the device may refuse
        return rows

    @property
    def nbytes(self) -> int:
        """Device memory of all tables."""
        return sum(buffer.size for buffer in self._buffers.values())

    def bind(self, shader: str) -> None:
        """Bind the table of a shader."""
        self._buffers[shader].buffer.bind_to_storage_buffer(STORAGE_MATERIALS)

    def name(self, shader: str) -> int:
        """Return the GL name of a shader's table."""
        return int(self._buffers[shader].buffer.glo)

    def release(self) -> None:
        """Delete the tables."""
        for buffer in self._buffers.values():
            buffer.release()
        self._buffers.clear()
        self._rows.clear()
