"""What is looked at before a USD stage is read: layers and clips in the folder only, prims counted, and a child that reads it first."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..errors import AssetError
from .limits import Budget, Limits
from .text import described

_LAYERS = 10_000
_SHORT = 1 << 14
"""Bytes of text that cannot be nested so deeply that the library overflows the stack, or takes minutes."""
_NESTED = 64
"""Instances within instances."""


class Rehearsal:
    """Lets another process read a stage before this one does, where a layer is no plain text or there is much of it."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path, self._limits = path, limits
        self._size, self._done = 0, False

    def before(self, layer: Path) -> None:
        """Say that a layer is about to be opened.

        Raises
        ------
        AssetError
            The stage ended the other process, or takes it too long.
        """
        self._size += layer.stat().st_size
        if self._done:
            return
        with layer.open("rb") as file:
            if file.read(5) == b"#usda" and self._size <= _SHORT:
                return
        self._run(False)

    def before_clips(self, clips: list[Path]) -> None:
        """Say that files of values, which have been checked, are about to be opened.

        Raises
        ------
        AssetError
            As `before`.
        """
        if clips:
            self._size += sum(clip.stat().st_size for clip in clips)
            self._run(True)

    def _run(self, clips: bool) -> None:
        self._done, size = True, self._path.stat().st_size + self._size
        memory, patience = (2 << 30) + 3 * min(self._limits.total_bytes, 8 * self._limits.growth * size), 30.0 + size / 2e6
        # -P: the folder of the child is full of modules with short names, which are none of those that the library may import.
        child = [sys.executable, "-P", str(Path(__file__).with_name("usd_child.py")), str(memory),
                 str(math.ceil(patience) * (os.cpu_count() or 1)), str(int(clips)), str(self._path.absolute())]
        try:
            status = subprocess.run(child, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                    timeout=patience, check=False).returncode
        except subprocess.TimeoutExpired:
            raise AssetError(f"{self._path.name} takes usd-core more than {patience:.0f} seconds; it is damaged, or split it.") from None
        except (OSError, ValueError) as error:
            raise AssetError(f"{self._path.name} cannot be handed to usd-core: {error}; check the path.") from None
        if status:
            message = f"{self._path.name} ends the reader of USD, which is damaged or needs more memory than allowed; write it anew."
            raise AssetError(message)


def check_layers(path: Path, budget: Budget, rehearsal: Rehearsal) -> None:
    """Follow sublayers, references and payloads before anything is composed: all must lie in the folder.

    Raises
    ------
    AssetError
        One is missing, lies elsewhere or cannot be read, there are too many of them, or the rehearsal fails.
    """
    from pxr import Sdf

    folder = Path(os.path.realpath(path)).parent
    left, seen = [os.path.abspath(path)], set[str]()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        if len(seen) > _LAYERS:
            raise AssetError(f"{path.name} brings more than {_LAYERS:,} layers.", "LIMIT_EXCEEDED")
        outer = Sdf.Layer.SplitIdentifier(name)[0].partition("[")[0]
        place = Path(os.path.realpath(outer))
        if os.path.isabs(outer) and not place.is_relative_to(folder):
            message = f"{path.name} refers to {described(outer)}, outside its folder; copy it beside the file."
            raise AssetError(message, "URI_OUTSIDE_FOLDER")
        if not os.path.isabs(outer) or not place.is_file():
            raise AssetError(f"{path.name} refers to {described(outer)}, which does not exist; copy it beside the file.", "IO_ERROR")
        if outer != os.path.abspath(path):
            budget.read_file(place.stat().st_size, f"The layer {described(outer)}", "")
        rehearsal.before(place)
        layer = Sdf.Layer.FindOrOpen(name)
        if layer is None:
            raise AssetError(f"{described(outer)} cannot be read as USD; check the file.")
        left += [layer.ComputeAbsolutePath(found) for found in layer.GetCompositionAssetDependencies() if found]


def check_clips(stage: Any, path: Path, rehearsal: Rehearsal) -> None:
    """Refuse value clips outside the folder: no composition brings them, they are opened where an attribute is read.

    Raises
    ------
    AssetError
        One lies elsewhere, or the rehearsal fails.
    """
    from pxr import Usd

    folder, inside = Path(os.path.realpath(path)).parent, list[Path]()
    roots = [Usd.PrimRange.Stage(stage, Usd.PrimAllPrimsPredicate), *map(Usd.PrimRange.AllPrims, stage.GetPrototypes())]
    for prim in (prim for prims in roots for prim in prims if prim.HasAuthoredMetadata("clips")):
        for entry in (prim.GetMetadata("clips") or {}).values():
            template = Path(str(entry.get("templateAssetPath", "")))
            assets = [*entry.get("assetPaths", ()), entry.get("manifestAssetPath")]
            outer = [asset.resolvedPath.partition("[")[0] for asset in assets if asset is not None and asset.resolvedPath]
            strange = next((name for name in outer if not Path(os.path.realpath(name)).is_relative_to(folder)), None)
            if strange is None and (template.is_absolute() or ".." in template.parts):
                strange = str(template)
            if strange is not None:
                message = f"{path.name} refers to {described(strange)}, outside its folder; copy it beside the file."
                raise AssetError(message, "URI_OUTSIDE_FOLDER")
            inside += [Path(name) for name in outer if os.path.isfile(name)]
    rehearsal.before_clips(inside)


def count_prims(stage: Any, budget: Budget) -> None:
    """Refuse a stage whose instances make more prims than nodes are allowed, before they are walked: each prototype is counted once.

    Raises
    ------
    AssetError
        There are more, or instances are nested too deeply.
    """
    from pxr import Usd

    known: dict[str, int] = {}

    def _size(prims: Any, depth: int) -> int:
        if depth > _NESTED:
            raise AssetError(f"The stage has instances within instances more than {_NESTED} deep.")
        total = 0
        for prim in prims:
            total += 1
            if prim.IsInstance():
                root = prim.GetPrototype()
                key = str(root.GetPath())
                if key not in known:
                    known[key] = _size(Usd.PrimRange(root), depth + 1)
                total += known[key]
            budget.count(nodes=total)
        return total

    _size(Usd.PrimRange.Stage(stage), 0)
