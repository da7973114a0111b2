"""Stored pictures: keyed by rasteriser and driver version, with an order of fall-back and a tolerance for each step of it."""

from __future__ import annotations

import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import AssetError, InvalidInput
from .comparison import Picture, Tolerance

EXACT = Tolerance()
SAME_SERIES = Tolerance(threshold=4, tile=1.0, share=0.001, blob=8)
"""Another patch release of the same Mesa series (22.3.x), or another LLVM behind it."""
OTHER_VERSION = Tolerance(threshold=8, tile=2.0, share=0.005, blob=16)
"""Another version of the same rasteriser."""

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """A rasteriser as goldens know it; ``llvmpipe-22.3.6-llvm15`` is ("llvmpipe", (22, 3, 6), 15)."""

    rasteriser: str
    version: Version
    llvm: int

    @classmethod
    def parse(cls, text: str) -> Key:
        """Read the name of a folder; what is not NAME-VERSION[-llvmN] is a rasteriser without a version."""
        match = re.fullmatch(r"([a-z0-9]+)-(\d+(?:\.\d+)*)(?:-llvm(\d+))?", text)
        if match is None:
            return cls(text, (), 0)
        return cls(match[1], tuple(map(int, match[2].split("."))), int(match[3] or 0))


def fall_back(key: str, stored: list[str]) -> list[str]:
    """Return the folders that a picture of ``key`` may be compared with, best first.

    1. The key itself. 2. The same version with another LLVM. 3. The same series (first two numbers), nearest patch first. 4. Other
    versions, nearest first. Of equally near ones the older is first. Other rasterisers are never compared with.
    """
    mine = Key.parse(key)
    related = [name for name in stored if Key.parse(name).rasteriser == mine.rasteriser]
    return sorted(related, key=lambda name: (name != key, _distance(mine, Key.parse(name)), name))


def _distance(mine: Key, other: Key) -> tuple[object, ...]:
    """How far apart two versions are: number by number, then by LLVM, the older one first where equal."""
    longest = max(len(mine.version), len(other.version))
    ours, theirs = (version + (0,) * (longest - len(version)) for version in (mine.version, other.version))
    steps = tuple(abs(a - b) for a, b in zip(ours, theirs, strict=True))
    return steps, abs(mine.llvm - other.llvm), other.version, other.llvm


def tolerance_between(key: str, stored: str) -> Tolerance:
    """Return what may differ between pictures of two folders of one rasteriser."""
    if key == stored:
        return EXACT
    mine, other = Key.parse(key), Key.parse(stored)
    return SAME_SERIES if mine.version[:2] == other.version[:2] else OTHER_VERSION


@dataclass(frozen=True, slots=True)
class GoldenFolder:
    """The folder that holds ``KEY/NAME.png``."""

    path: Path

    def find(self, name: str, key: str) -> tuple[Path, str] | None:
        """Return the best stored picture of that name and the key it was stored under, or None."""
        keys = [folder.name for folder in self.path.iterdir() if folder.is_dir()] if self.path.is_dir() else []
        for stored in fall_back(key, sorted(keys)):
            if (path := self.path / stored / f"{name}.png").is_file():
                return path, stored
        return None

    def elsewhere(self, name: str) -> list[str]:
        """Every key that holds a picture of that name."""
        return sorted(path.parent.name for path in self.path.glob(f"*/{name}.png"))

    def write(self, name: str, key: str, color: Picture) -> Path | None:
        """Store a picture, in one step so that two processes may do it at once; None where it is stored already."""
        path = self.path / key / f"{name}.png"
        if path.is_file() and np.array_equal(read_picture(path), color):
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{name}.{os.getpid()}.png")
        Image.fromarray(color).save(unfinished, optimize=True)
        unfinished.replace(path)
        return path


def read_picture(path: Path) -> Picture:
    """Read a stored picture, (h, w, 4) uint8.

    Raises
    ------
    AssetError
        It cannot be read.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGBA"))
    except (OSError, SyntaxError) as error:
        raise AssetError(f"{path}: the stored picture cannot be read: {error}; restore it or write it anew.") from None


def name_of(test: str, module: str) -> str:
    """Return the default name of a golden, made fit for a file; what that loses is kept as a checksum.

    Parameters
    ----------
    test : str
        Node id without the file: ``TestBoxes::test_lit[red]``.
    module : str
        Name of the file without its suffix.
    """
    function, bracket, parameters = test.partition("[")
    whole = f"{module}.{function.replace('::', '.')}{bracket}{parameters}"
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", whole.replace("[", "-").replace("]", "")).strip("-.")
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*[A-Za-z0-9_](\[[A-Za-z0-9._-]*[A-Za-z0-9_]\])?", whole) and len(plain) <= 120:
        return plain
    return f"{plain[:111]}-{zlib.crc32(whole.encode('utf-8', 'surrogatepass')):08x}".lstrip("-")


def check_name(name: object) -> str:
    """Return a name that may become a file.

    Raises
    ------
    InvalidInput
        It is empty, too long, or could leave the folder.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,119}", name):
        raise InvalidInput(f"golden name={name!r} must be 1 to 120 letters, digits, dots, dashes or underscores, and not start with a dot.")
    return name


def check_picture(color: object) -> Picture:
    """Return a picture that can be stored.

    Raises
    ------
    InvalidInput
        It is not (h, w, 4) uint8.
    """
    if not isinstance(color, np.ndarray) or color.dtype != np.uint8 or color.ndim != 3 or color.shape[2] != 4 or 0 in color.shape:
        found = f"{color.dtype} of shape {color.shape}" if isinstance(color, np.ndarray) else type(color).__name__
        raise InvalidInput(f"golden needs a picture, (height, width, 4) uint8 such as frame.color, not {found}.")
    return color
