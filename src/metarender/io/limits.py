"""The bounds that a file may not pass: one frozen set of limits, and the budget that a load spends from.

Everything that a loader is about to allocate is first asked for here, with Python integers, which do not overflow.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..errors import GltfError, InvalidInput


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
        Bytes of one JSON text (default 128 MiB).
    json_objects : int
        Objects and arrays in one JSON text, strings counted too (default 10 million).
    image_pixels : int
        Pixels of one image, width times height (default 64 Mpx).
    nodes : int
        Nodes of one scene (default 16,777,215, the ids that a scene has).
    draws : int
        Primitives that the nodes and instances of one scene draw together (default 4 million).
    """

    total_bytes: int = 2 << 30
    array_bytes: int = 256 << 20
    file_bytes: int = 2 << 30
    json_bytes: int = 128 << 20
    json_objects: int = 10_000_000
    image_pixels: int = 64 << 20
    nodes: int = (1 << 24) - 1
    draws: int = 4_000_000

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
    spent : int
        Bytes taken so far.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.spent = 0

    def take(self, size: int, what: str, pointer: str, *, array: bool = True) -> None:
        """Reserve `size` bytes for `what`.

        Raises
        ------
        GltfError
            With code ``LIMIT_EXCEEDED``, when one array or the total would pass its limit.
        """
        if array and size > self.limits.array_bytes:
            raise GltfError(
                f"{what} needs {size:,} bytes, more than the {self.limits.array_bytes:,} allowed for one array; "
                "raise Limits.array_bytes if the file is trusted.",
                "LIMIT_EXCEEDED",
                pointer,
            )
        if size > self.limits.total_bytes - self.spent:
            raise GltfError(
                f"{what} needs {size:,} bytes, which passes the {self.limits.total_bytes:,} allowed for one file; "
                "raise Limits.total_bytes if the file is trusted.",
                "LIMIT_EXCEEDED",
                pointer,
            )
        self.spent += size
