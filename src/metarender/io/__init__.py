"""Files to scenes: `load`, and the registry of loaders by suffix."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..errors import AssetError, InvalidInput
from .limits import Limits

if TYPE_CHECKING:
    from ..scene import Scene
    from .background import load_async

__all__ = ["AssetWarning", "Limits", "load", "load_async", "loader", "loaders"]

Progress = Callable[[int, int], object]
Loader = Callable[..., "Scene"]
_LOADERS: dict[str, Loader] = {}


class AssetWarning(UserWarning):
    """A file was loaded, but something in it is not drawn."""


def loader(*suffixes: str) -> Callable[[Loader], Loader]:
    """Register a function that loads files with these suffixes; a later registration replaces an earlier one.

    The function is called as ``function(path, *, scene, limits, progress) -> Scene`` with a path that exists.

    Examples
    --------
    >>> @loader(".cube")
    ... def load_cube(path, *, scene, limits, progress):
    ...     return Scene()
    """
    for suffix in suffixes:
        if not isinstance(suffix, str) or not suffix.startswith(".") or len(suffix) < 2:
            raise InvalidInput(f"A loader needs suffixes such as '.ply', not {suffix!r}.")

    def register(function: Loader) -> Loader:
        for suffix in suffixes:
            _LOADERS[suffix.lower()] = function
        return function

    return register


def loaders() -> MappingProxyType[str, Loader]:
    """Return the registered loaders by suffix, read-only."""
    return MappingProxyType(_LOADERS)


def load(
    path: str | os.PathLike[str], *, progress: Progress | None = None, scene: int | str | None = None, limits: Limits | None = None
) -> Scene:
    """Load a file as a Scene.

    Parameters
    ----------
    path : str or path-like
    progress : callable, optional
        Called as ``progress(done, total)`` while the file is read and while nodes are made.
    scene : int or str, optional
        Which scene of a file with several, by number or name; its default one otherwise.
    limits : Limits, optional
        What the load may cost; see `Limits`.

    Returns
    -------
    Scene
        New, with everything in it; a load that raises leaves nothing behind.

    Raises
    ------
    AssetError
        The file is missing, of an unknown kind, damaged, or past a limit; for glTF a GltfError with code and JSON pointer.
    InvalidInput
        An argument has the wrong type.

    Warns
    -----
    AssetWarning
        Once per load, where the file uses extensions or pictures that are not drawn.
    """
    place = checked_path(path, limits)
    if "\0" in str(place):
        raise AssetError("The path has a zero character in it; check it.")
    _check_exists(place)
    function = _LOADERS.get(place.suffix.lower())
    if function is None:
        raise AssetError(f"{place} has the suffix {place.suffix!r}, which no loader knows; known are {', '.join(sorted(_LOADERS))}.")
    try:
        return function(place, scene=scene, limits=limits or Limits(), progress=progress)
    except MemoryError:
        raise AssetError(f"{place} needs more memory than this process can have; set lower Limits to be told what needs it.") from None


def checked_path(path: str | os.PathLike[str], limits: Limits | None) -> Path:
    """Return the path of a file that may or may not exist; InvalidInput where an argument of `load` has the wrong type."""
    try:
        place = Path(os.fsdecode(path))
    except TypeError:
        raise InvalidInput(f"load needs a path, not {type(path).__name__}.") from None
    if limits is not None and not isinstance(limits, Limits):
        raise InvalidInput(f"limits must be a metarender.io.Limits, not {type(limits).__name__}.")
    return place


def _check_exists(place: Path) -> None:
    try:
        if place.is_dir():
            raise AssetError(f"{place} is a folder; name a file in it.")
        if not place.exists():
            raise AssetError(f"{place} does not exist; check the path (the current folder is {os.getcwd()}).")
    except OSError as error:
        raise AssetError(f"{place} cannot be read: {error}.") from None


def __getattr__(name: str) -> Any:
    if name != "load_async":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .background import load_async  # late: it brings threads and futures

    return load_async


@loader(".gltf", ".glb")
def _load_gltf(path: Path, *, scene: int | str | None, limits: Limits, progress: Progress | None) -> Any:
    from .asset import build_scene  # late: the loaders pull in Pillow and the whole scene layer
    from .gltf import read_gltf

    asset = read_gltf(path, scene=scene, limits=limits, progress=progress)
    result = build_scene(asset)
    if asset.notes:
        warnings.warn(f"{path.name} has parts that are not drawn: {'; '.join(asset.notes)}.", AssetWarning, stacklevel=3)
    return result
