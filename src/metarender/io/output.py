"""What a saver writes into: files under temporary names beside their destination, renamed together once all of them are whole."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from errno import EISDIR
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from ..errors import AssetError


class Output:
    """The files of one save: all of them are there afterwards, or the old ones are untouched.

    A saver opens the file that was asked for with ``open()`` and others beside it with ``open("name.bin")``. When the ``with`` block
    ends without an exception they get their names, the file that was asked for last, so that it never points to what is not there.

    Parameters
    ----------
    path : Path
        The file that was asked for.

    Attributes
    ----------
    path : Path

    Raises
    ------
    AssetError
        A file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: dict[str, tuple[BinaryIO, Path]] = {}

    def open(self, name: str | None = None) -> BinaryIO:
        """Return a new binary file, under this name beside the one that was asked for, or that one itself; closed by the block.

        Raises
        ------
        AssetError
            The name leads elsewhere or was opened before, or the file cannot be made.
        """
        name = self.path.name if name is None else name
        if not name or name in (".", "..") or "\0" in name or Path(name).name != name:
            raise AssetError(f"{name!r} is not the name of a file beside {self.path.name}; choose one without a folder.")
        if name in self._files:
            raise AssetError(f"{self.path} needs two files named {name!r}; give what it holds different names.")
        destination = self.path.with_name(name)
        if name != self.path.name and not _is_text(name):
            raise AssetError(f"{str(self.path)!r} needs a file {name!r} beside it, whose name is no text and cannot stand in one; choose "
                             "another name.")
        # Without the name, which may be as long as names can be.
        unfinished = self.path.with_name(f".metarender-{os.getpid()}-{threading.get_ident()}-{id(self):x}-{len(self._files)}")
        try:
            if destination.is_dir():  # told now, since none of the files is renamed where one cannot be
                raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
            stream = open(unfinished, "wb")  # noqa: SIM115 -- the with block of the Output closes it
        except OSError as error:
            raise AssetError(f"{destination} cannot be written: {error.strerror or error}.") from None
        self._files[name] = stream, unfinished
        return stream

    def __enter__(self) -> Output:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if isinstance(error, OSError):
                raise AssetError(f"{self.path} cannot be written: {error.strerror or error}.") from None
            if error is None:
                self._finish()
        finally:
            for stream, unfinished in self._files.values():
                with suppress(OSError):
                    stream.close()
                with suppress(OSError):
                    unfinished.unlink(missing_ok=True)

    def _finish(self) -> None:
        """Close everything first, since a full disk is told then, and rename only what is whole."""
        try:
            for stream, _ in self._files.values():
                stream.close()
            for name, (_, unfinished) in sorted(self._files.items(), key=lambda entry: entry[0] == self.path.name):
                unfinished.replace(self.path.with_name(name))
        except OSError as error:
            raise AssetError(f"{self.path} cannot be written: {error.strerror or error}.") from None


def _is_text(name: str) -> bool:
    """Whether a name has only whole characters; names of files may have bytes that are none."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)
