"""Files to scenes and back: `load` and `save`, and the registries of loaders and savers by suffix."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..errors import AssetError, InvalidInput
from .limits import Limits

if TYPE_CHECKING:
    from ..scene import Scene
    from .background import load_async
    from .bvh import read_bvh
    from .output import Output
    from .vtk import SimulationResult, read_vtk

__all__ = ["AssetWarning", "Limits", "Output", "SimulationResult", "load", "load_async", "loader", "loaders", "read_bvh", "read_vtk",
           "save", "saver", "savers"]
_LATE = {"load_async": ".background", "read_bvh": ".bvh", "Output": ".output", "SimulationResult": ".vtk", "read_vtk": ".vtk"}
"""Names that bring threads, processes or the whole scene layer: imported when they are asked for."""

_MOST_NOTES = 40
"""How many different things a warning names."""

Progress = Callable[[int, int], object]
Loader = Callable[..., "Scene"]
Saver = Callable[..., None]
_LOADERS: dict[str, tuple[Loader, tuple[str, ...]]] = {}
_SAVERS: dict[str, tuple[Saver, tuple[str, ...]]] = {}


class AssetWarning(UserWarning):
    """A file was loaded, but something in it is not drawn; or it was saved, but its format cannot hold all of the scene."""


def loader(*suffixes: str, options: Sequence[str] = ()) -> Callable[[Loader], Loader]:
    """Register a function that loads files with these suffixes; a later registration replaces an earlier one.

    The function is called as ``function(path, *, scene, limits, progress, **options) -> Scene`` with a path that exists.

    Parameters
    ----------
    suffixes : str
    options : sequence of str
        Names of further keyword arguments that the function takes from ``load(path, ...)``.

    Examples
    --------
    >>> @loader(".cube")
    ... def load_cube(path, *, scene, limits, progress):
    ...     return Scene()
    """
    _check_suffixes("loader", suffixes)

    def register(function: Loader) -> Loader:
        for suffix in suffixes:
            _LOADERS[suffix.lower()] = function, tuple(options)
        return function

    return register


def saver(*suffixes: str, options: Sequence[str] = ()) -> Callable[[Saver], Saver]:
    """Register a function that saves to files with these suffixes; a later registration replaces an earlier one.

    The function is called as ``function(scene, output, **options)`` with an `Output`, into which it writes: ``output.path`` is the file
    that was asked for, ``output.open()`` opens it and ``output.open("name.bin")`` another one beside it, both binary. The files get
    their names when the function returns; when it raises, the old ones stay as they are.

    Parameters
    ----------
    suffixes : str
    options : sequence of str
        Names of the keyword arguments that the function takes from ``save(scene, path, ...)``.

    Examples
    --------
    >>> @saver(".count")
    ... def save_count(scene, output):
    ...     output.open().write(str(len(scene.nodes)).encode())
    """
    _check_suffixes("saver", suffixes)

    def register(function: Saver) -> Saver:
        for suffix in suffixes:
            _SAVERS[suffix.lower()] = function, tuple(options)
        return function

    return register


def _check_suffixes(what: str, suffixes: tuple[str, ...]) -> None:
    for suffix in suffixes:
        if not isinstance(suffix, str) or not suffix.startswith(".") or len(suffix) < 2:
            raise InvalidInput(f"A {what} needs suffixes such as '.ply', not {suffix!r}.")


def savers() -> MappingProxyType[str, Saver]:
    """Return the registered savers by suffix, read-only."""
    return MappingProxyType({suffix: function for suffix, (function, _) in _SAVERS.items()})


def loaders() -> MappingProxyType[str, Loader]:
    """Return the registered loaders by suffix, read-only."""
    return MappingProxyType({suffix: function for suffix, (function, _) in _LOADERS.items()})


def load(
    path: str | os.PathLike[str], *, progress: Progress | None = None, scene: int | str | None = None, limits: Limits | None = None,
    **options: Any,
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
    **options
        Of the format. Formats without units and axes of their own (OBJ, STL, PLY, XYZ) take ``unit`` ("metre", "millimetre", "inch"
        and others) and ``up`` ("y" or "z"); STL counts as millimetres with +Z up, the others as metres with +Y up.

    Returns
    -------
    Scene
        New, in metres with +Y up, with everything in it; a load that raises leaves nothing behind.

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
    _check_progress(progress)
    if "\0" in str(place):
        raise AssetError("The path has a zero character in it; check it.")
    _check_exists(place)
    found = _LOADERS.get(place.suffix.lower())
    if found is None:
        raise AssetError(f"{place} has the suffix {place.suffix!r}, which no loader knows; known are {', '.join(sorted(_LOADERS))}.")
    function, known = found
    _check_options("Loading", place, options, known)
    try:
        return function(place, scene=scene, limits=limits or Limits(), progress=progress, **options)
    except MemoryError:
        raise AssetError(f"{place} needs more memory than this process can have; set lower Limits to be told what needs it.") from None


def save(scene: Scene, path: str | os.PathLike[str], **options: Any) -> None:
    """Save a scene; the suffix of the path chooses the format.

    The file is there as a whole or not at all, with what stands beside it (buffers, pictures, a material library): an error leaves the
    old files as they were. The same scene gives the same bytes.

    Parameters
    ----------
    scene : Scene
    path : str or path-like
    **options
        Of the format; ``metarender.io.saver`` registers their names.

    Raises
    ------
    AssetError
        The suffix is unknown, the folder is missing, the format cannot hold the scene, or the file cannot be written.
    InvalidInput
        An argument has the wrong type, or the format takes no such option.

    Warns
    -----
    AssetWarning
        Once per save, where the format cannot hold something of the scene.
    """
    from ..scene import Scene  # late: `import metarender.io` stays small
    from .output import Output

    if not isinstance(scene, Scene):
        raise InvalidInput(f"save needs a Scene and then a path, such as mr.save(scene, 'model.stl'), not {type(scene).__name__}.")
    place = checked_path(path, None, "save")
    found = _SAVERS.get(place.suffix.lower())
    if found is None:
        raise AssetError(f"{place} has the suffix {place.suffix!r}, which no saver knows; known are {', '.join(sorted(_SAVERS))}.")
    function, known = found
    _check_options("Saving", place, options, known)
    _check_progress(options.get("progress"))
    if "\0" in str(place) or not place.parent.is_dir():
        raise AssetError(f"{str(place.parent)!r} is not a folder; make it first, or check the path.")
    with Output(place) as output:
        function(scene, output, **options)


def checked_path(path: str | os.PathLike[str], limits: Limits | None, who: str = "load") -> Path:
    """Return the path of a file that may or may not exist; InvalidInput where an argument of `load` or `save` has the wrong type."""
    try:
        place = Path(os.fsdecode(path))
    except TypeError:
        raise InvalidInput(f"{who} needs a path, not {type(path).__name__}.") from None
    if limits is not None and not isinstance(limits, Limits):
        raise InvalidInput(f"limits must be a metarender.io.Limits, not {type(limits).__name__}.")
    return place


def _check_options(what: str, place: Path, options: Iterable[str], known: tuple[str, ...]) -> None:
    for name in options:
        if name not in known:
            takes = f"it takes {', '.join(known)}" if known else "leave it out"
            raise InvalidInput(f"{what} {place.suffix.lower()} knows no option {name!r}; {takes}.")


def _check_progress(progress: object) -> None:
    if progress is not None and not callable(progress):
        raise InvalidInput(f"progress must be a function of bytes done and in all, not {type(progress).__name__}.")


def _check_exists(place: Path) -> None:
    try:
        if place.is_dir():
            raise AssetError(f"{place} is a folder; name a file in it.")
        if not place.exists():
            raise AssetError(f"{place} does not exist; check the path (the current folder is {os.getcwd()}).")
    except OSError as error:
        raise AssetError(f"{place} cannot be read: {error}.") from None


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATE[name], __name__), name)


@loader(".gltf", ".glb")
def _load_gltf(path: Path, *, scene: int | str | None, limits: Limits, progress: Progress | None) -> Any:
    from .gltf import read_gltf

    return _built(path, read_gltf(path, scene=scene, limits=limits, progress=progress))


def _built(path: Path, asset: Any) -> Any:
    """Make the scene of a description, and warn of what is not in it."""
    from .asset import build_scene  # late: it pulls in the whole scene layer

    result = build_scene(asset)
    if asset.notes:
        warnings.warn(f"{path.name} has parts that are not drawn: {listed(asset.notes)}.", AssetWarning, stacklevel=4)
    return result


def listed(notes: Iterable[str]) -> str:
    """Join what is missing into one readable text, however much a file makes of it."""
    different = list(dict.fromkeys(notes))
    more = len(different) - _MOST_NOTES
    return "; ".join(different[:_MOST_NOTES]) + (f"; and {more:,} more" if more > 0 else "")


@saver(".gltf", ".glb", options=("embed", "progress"))
def _save_gltf(scene: Scene, output: Output, *, embed: bool = False, progress: Progress | None = None) -> None:
    from .gltf_writing import write_gltf

    write_gltf(scene, output, embed=embed, progress=progress)


def _quietly(read: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a reader without warnings of numpy: what overflows is refused as not finite, with its place."""
    import numpy as np  # late, with the readers

    with np.errstate(all="ignore"):
        return read(*arguments, **options)


_PLACED = ("unit", "up")
_READERS = {
    ".obj": ("obj", "read_obj", _PLACED), ".stl": ("stl", "read_stl", _PLACED), ".ply": ("ply", "read_ply", _PLACED),
    ".3mf": ("threemf", "read_3mf", ()), ".xyz": ("points", "read_xyz", _PLACED), ".las": ("las", "read_las", ()),
    ".laz": ("las", "read_las", ()), **dict.fromkeys((".usd", ".usda", ".usdc", ".usdz"), ("usd", "read_usd", ())),
}
_WRITERS = {
    ".stl": ("stl_save", "save_stl", (*_PLACED, "ascii", "strict")), ".obj": ("obj_save", "save_obj", _PLACED),
    ".ply": ("ply_save", "save_ply", (*_PLACED, "ascii")), ".3mf": ("threemf_save", "save_3mf", ("unit", "strict")),
}
"""Formats of one scene by suffix: module and function, imported when such a file is met, and options."""


def _add_reader(suffix: str, module: str, name: str, options: tuple[str, ...]) -> None:
    @loader(suffix, options=options)
    def load_described(path: Path, *, scene: int | str | None, limits: Limits, progress: Progress | None, **chosen: Any) -> Any:
        if scene is not None:
            raise InvalidInput(f"A {suffix} file holds one scene; leave scene={scene!r} out.")
        if not isinstance(unit := chosen.get("unit", ""), str):
            raise InvalidInput(f"unit must be a name such as 'millimetre', not {unit!r}.")
        read = getattr(import_module(f".{module}", __name__), name)
        return _built(path, _quietly(read, path, limits=limits, progress=progress, **chosen))


def _add_writer(suffix: str, module: str, name: str, options: tuple[str, ...]) -> None:
    @saver(suffix, options=options)
    def save_described(scene: Scene, output: Output, **chosen: Any) -> None:
        for switch in ("ascii", "strict"):
            if not isinstance(chosen.get(switch, False), bool):
                raise InvalidInput(f"{switch} must be True or False, not {chosen[switch]!r}.")
        getattr(import_module(f".{module}", __name__), name)(scene, output, **chosen)


for _suffix, _entry in _READERS.items():
    _add_reader(_suffix, *_entry)
for _suffix, _entry in _WRITERS.items():
    _add_writer(_suffix, *_entry)


@loader(".vtu", ".vtp", ".vtk", ".pvd")
def _load_vtk(path: Path, *, scene: int | str | None, limits: Limits, progress: Progress | None) -> Any:
    from .vtk import load_vtk

    if scene is not None:
        raise InvalidInput("load: results of simulations hold one scene; leave scene out, read_vtk() gives all fields.")
    return load_vtk(path, limits)
