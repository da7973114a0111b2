"""The bounds that a file may not pass: one frozen set of limits, and the budget that a load spends from.

Everything that a loader is about to allocate is first asked for here, with Python integers, which do not overflow.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..errors import AssetError, GltfError, InvalidInput

_FREE = 512 << 20
"""Bytes that a load may take however small its files are."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one load may cost; pass your own to ``load(path, limits=Limits(...))``.

    Attributes
    ----------
    total_bytes : int
        Bytes of all buffers, arrays and textures together (default 2 GiB).
    array_bytes : int
        Bytes of one decoded array (default 256 MiB).
    file_bytes : int
        Bytes of one file on disk (default 2 GiB).
    json_bytes : int
        Bytes of one JSON text (default 64 MiB).
    json_objects : int
        Objects and arrays in one JSON text, strings counted too (default 10 million).
    image_pixels : int
        Pixels of one image, width times height (default 64 Mpx).
    nodes : int
        Nodes of one file (default 1 million; a scene has ids for 16,777,215).
    draws : int
        Primitives that the nodes and instances of one scene draw together (default 1 million).
    growth : int
        Bytes of arrays and pictures for each byte that is read, beyond the first 512 MiB (default 64).
    """

    total_bytes: int = 2 << 30
    array_bytes: int = 256 << 20
    file_bytes: int = 2 << 30
    json_bytes: int = 64 << 20
    json_objects: int = 10_000_000
    image_pixels: int = 64 << 20
    nodes: int = 1_000_000
    draws: int = 1_000_000
    growth: int = 64

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or value < 1:
                raise InvalidInput(f"Limits.{field.name} must be an int of at least 1, not {value!r}.")


class Budget:
    """Counts what one load has allocated and refuses what would pass its limits.

    Attributes
    ----------
    limits : Limits
    error : type of AssetError
        What a refusal raises.
    spent : int
        Bytes taken so far.
    read : int
        Bytes of files among them.
    """

    def __init__(self, limits: Limits, error: type[AssetError] = GltfError) -> None:
        self.limits = limits
        self.error = error
        self.spent = 0
        self.read = 0

    def read_file(self, size: int, what: str, pointer: str) -> None:
        """Reserve the bytes of a file, which let the load make more of them.

        Raises
        ------
        AssetError
            As `take`.
        """
        self.take(size, what, pointer, array=False, made=False)
        self.read += size

    def take(self, size: int, what: str, pointer: str, *, array: bool = True, made: bool = True) -> None:
        """Reserve `size` bytes for `what`: one array, or several things; made from the file, or the file itself.

        Raises
        ------
        AssetError
            As `error`, with code ``LIMIT_EXCEEDED``, when one array or the total would pass its limit.
        """
        if array and size > self.limits.array_bytes:
            raise self.error(
                f"{what} needs {size:,} bytes, more than the {self.limits.array_bytes:,} allowed for one array; "
                "raise Limits.array_bytes if the file is trusted.",
                "LIMIT_EXCEEDED",
                pointer,
            )
        if size > self.limits.total_bytes - self.spent:
            raise self.error(
                f"{what} needs {size:,} bytes, which passes the {self.limits.total_bytes:,} allowed for one file; "
                "raise Limits.total_bytes if the file is trusted.",
                "LIMIT_EXCEEDED",
                pointer,
            )
        if made and self.spent + size - self.read > _FREE + self.limits.growth * self.read:
            raise self.error(
                f"{what} needs {size:,} bytes more, which is too much for files of {self.read:,} bytes; "
                "raise Limits.growth if the file is trusted.",
                "LIMIT_EXCEEDED",
                pointer,
            )
        self.spent += size

    def count(self, *, nodes: int = 0, draws: int = 0) -> None:
        """Compare how many nodes a file has, and how often they draw, with the limits; nothing is reserved.

        Raises
        ------
        AssetError
            As `error`, with code ``LIMIT_EXCEEDED``.
        """
        for found, name, what in ((nodes, "nodes", "makes more than {} nodes"), (draws, "draws", "draws more than {} primitives")):
            allowed = getattr(self.limits, name)
            if found > allowed:
                raise self.error(f"The file {what.format(f'{allowed:,}')}; raise Limits.{name} if it is trusted.", "LIMIT_EXCEEDED")
