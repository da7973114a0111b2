"""Basis Universal textures (KTX2, and .basis) to BC7 blocks: our own look at the header first, then opengl_basisu."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..errors import GltfError
from .limits import Budget

KTX2 = b"\xabKTX 20\xbb\r\n\x1a\n"
BASIS = b"sB"
_HEAD = struct.Struct("<9I4I2Q")
_LEVEL = struct.Struct("<3Q")
_ETC1S, _UASTC = 163, 166
_SCHEMES = {_ETC1S: (1,), _UASTC: (0, 2)}
"""Colour model -> supercompression that KHR_texture_basisu allows: BasisLZ, and none or Zstandard."""
_SLICE_BYTES = 23


class Blocks(NamedTuple):
    """A picture that stays compressed.

    Attributes
    ----------
    levels : tuple of (rows, columns, 16) uint8
        BC7 blocks of each level of detail, the largest first.
    size : (int, int)
        Width and height of the largest, pixels.
    """

    levels: tuple[NDArray[np.uint8], ...]
    size: tuple[int, int]


def read_basis(data: bytes | memoryview, codec: Any, budget: Budget, where: str) -> Blocks:
    """Turn a KTX2 or .basis file into BC7 blocks, with the levels of detail that it has.

    Parameters
    ----------
    codec : module
        opengl_basisu.
    budget : Budget
        Its pixel limit holds for the size that the header declares, and the blocks are taken from it.
    where : str
        JSON pointer for messages.

    Raises
    ------
    GltfError
        The file is no 2D texture of Basis Universal, is damaged, or passes a limit.
    """
    file = bytes(data)
    shape = _check_ktx2(file, where) if file.startswith(KTX2) else None
    if shape is None:
        _check_basis(file, where)
    try:
        texture = codec.open(file)
        width, height, count = texture.width, texture.height, texture.levels
        if texture.layers != 1 or texture.faces != 1 or shape not in (None, (width, height, count)) or texture.codec > 1:
            raise ValueError(f"it has {texture.layers} layers and {texture.faces} faces of {width} x {height} pixels")
        _check_size(width, height, count, budget, where)
        sizes = [(-(-max(height >> level, 1) // 4), -(-max(width >> level, 1) // 4), 16) for level in range(count)]
        budget.take(sum(rows * columns * 16 for rows, columns, _ in sizes), "The image", where)
        levels = tuple(texture.transcode("bc7", level).data for level in range(count))
    except (GltfError, MemoryError):
        raise
    except Exception as error:  # a decoder may raise anything on damaged data
        _refuse(f"cannot be decoded: {str(error)[:200] or type(error).__name__}", where)
    if any(level.shape != size or level.dtype != np.uint8 for level, size in zip(levels, sizes, strict=True)):
        _refuse("was decoded to another size than its header has", where)
    return Blocks(levels, (width, height))


def _refuse(sentence: str, where: str) -> NoReturn:
    raise GltfError(f"The image {sentence}; export it again.", "IMAGE_DATA_INVALID", where)


def _check_size(width: int, height: int, levels: int, budget: Budget, where: str) -> None:
    if not (width > 0 and height > 0 and 0 < levels <= max(width, height).bit_length()):
        _refuse(f"has {width} x {height} pixels and {levels} levels, which no texture can have", where)
    if width * height > budget.limits.image_pixels:
        message = (
            f"The image has {width} x {height} pixels, more than the {budget.limits.image_pixels:,} allowed; "
            "make it smaller or raise Limits.image_pixels."
        )
        raise GltfError(message, "LIMIT_EXCEEDED", where)


def _check_ktx2(file: bytes, where: str) -> tuple[int, int, int]:
    """Check the header, the level index and the data format; return width, height and levels."""
    try:
        head = _HEAD.unpack_from(file, 12)
        kind, _, width, height, depth, layers, faces, count, scheme, described, _, _, _, shared, shared_bytes = head
        model = file[described + 12]
        index = [_LEVEL.unpack_from(file, 80 + _LEVEL.size * level) for level in range(min(count, 32))]
    except (struct.error, IndexError):
        _refuse("is cut off in its header", where)
    if kind or model not in _SCHEMES:
        _refuse(f"holds KTX2 data of format {kind} and colour model {model}, and only Basis Universal (ETC1S, UASTC) can stand here", where)
    if depth or layers or faces != 1 or len(index) != count:
        _refuse(f"has depth {depth}, {layers} layers, {faces} faces and {count} levels, and only a 2D texture can stand here", where)
    if scheme not in _SCHEMES[model]:
        _refuse(f"has the supercompression {scheme}, which does not go with its colour model {model}", where)
    if shared_bytes > len(file) or shared > len(file) - shared_bytes:
        _refuse("has codebooks past its end", where)
    for level, (start, size, plain) in enumerate(index):
        blocks = -(-max(width >> level, 1) // 4) * -(-max(height >> level, 1) // 4)
        if size > len(file) or start > len(file) - size:
            _refuse(f"has its level {level} past its end", where)
        if model == _UASTC and plain != 16 * blocks:  # what Zstandard is asked to make
            _refuse(f"declares {plain} bytes for the {blocks} blocks of level {level}", where)
    return width, height, count


def _check_basis(file: bytes, where: str) -> None:
    """Check that a .basis file has the table of slices that it declares, since the decoder makes one as large."""
    slices, start = int.from_bytes(file[14:17], "little"), int.from_bytes(file[65:69], "little")
    if len(file) < 77 or start > len(file) or slices * _SLICE_BYTES > len(file) - start:
        _refuse("is cut off in its header", where)
