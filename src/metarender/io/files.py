"""Files to bytes: regular files only, no larger than the limit, and never a wait for a pipe."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from ..errors import AssetError
from .limits import Budget, Limits

_READ_PIECE = 8 << 20

ZIP_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, LookupError, OverflowError, OSError,
              struct.error)
"""What `zipfile` raises while it reads damaged bytes; it promises no list. MemoryError is none of them: that is told apart."""

Progress = Callable[[int, int], object]


def read_file(path: Path, limits: Limits, progress: Progress | None = None, what: str = "") -> bytes:
    """Read a regular file whole.

    Parameters
    ----------
    progress : callable, optional
        Called as ``progress(bytes_read, bytes_total)`` after every piece.
    what : str
        How messages name the file; its path by default.

    Raises
    ------
    AssetError
        When it is missing, not a regular file, empty, larger than ``limits.file_bytes``, or cannot be read.
    """
    name = what or str(path)
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            status = os.fstat(file.fileno())
            if stat.S_ISDIR(status.st_mode):
                raise AssetError(f"{name} is a folder; name a file in it.")
            if not stat.S_ISREG(status.st_mode):
                raise AssetError(f"{name} is not a regular file; copy its content into one.")
            size = status.st_size
            if size == 0:
                raise AssetError(f"{name} is empty; export it again.")
            if size > limits.file_bytes:
                raise AssetError(
                    f"{name} has {size:,} bytes, more than the {limits.file_bytes:,} allowed; raise Limits.file_bytes if it is trusted."
                )
            if progress is None:
                return bytes(file.read(size))
            pieces = []
            done = 0
            while piece := file.read(min(_READ_PIECE, size - done)):
                pieces.append(piece)
                done += len(piece)
                progress(done, size)
            return b"".join(pieces)
    except FileNotFoundError:
        raise AssetError(f"{name} does not exist; check the path (the current folder is {os.getcwd()}).") from None
    except IsADirectoryError:
        raise AssetError(f"{name} is a folder; name a file in it.") from None
    except (OSError, ValueError) as error:
        raise AssetError(f"{name} cannot be read: {error}.") from None


def opened(path: Path, limits: Limits, progress: Progress | None = None) -> tuple[bytes, Budget]:
    """Return the bytes of a file and the budget of its load, which they are taken from.

    Raises
    ------
    AssetError
        As `read_file`, or the file is larger than the load may be.
    """
    data = read_file(path, limits, progress)
    budget = Budget(limits, AssetError)
    budget.read_file(len(data), "The file", "")
    return data, budget


def _open_without_waiting(path: str, flags: int) -> int:
    """Open without blocking, so that a named pipe is refused instead of waited for."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
