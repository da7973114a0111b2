"""Results of simulations in VTK's files (.vtu, .vtp, .vtk, .pvd): the surface as a Geometry, what its points carry as Fields."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ..colormap import Colormap
from ..errors import AssetError, InvalidInput, MissingExtra
from ..field import Field
from ..geometry import Geometry, Mesh
from ..legend import Legend
from ..materials import Heat, Standard
from ..scene import Scene
from . import AssetWarning, checked_path
from .files import read_file
from .limits import Budget, Limits

SUFFIXES = (".vtu", ".vtp", ".vtk")
_MOST_STEPS = 100_000
_HEADER = 16 << 20
_KINDS = {"<f4": 4, "<f8": 8, "<i8": 8}


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """What a file of a simulation holds.

    Attributes
    ----------
    geometry : Geometry
        The surface at the first time, without normals.
    fields : dict of str to Field
        By name, in the order of the file: one number or three for each vertex. Where the vertices move, ``"displacement"`` says how.
    """

    geometry: Geometry
    fields: dict[str, Field]


def read_vtk(path: str | os.PathLike[str], *, limits: Limits | None = None) -> SimulationResult:
    """Read a result of a simulation; a ``.pvd`` names a file for each time.

    The surface of cells of any kind is found, triangles are made of it, and what cells carry is averaged to their corners. VTK reads the
    files in a process of its own, with a bound on memory and time, so that a damaged file harms nothing.

    Parameters
    ----------
    path : path-like
        ``.vtu``, ``.vtp``, ``.vtk`` or ``.pvd``; the extra ``vtk`` reads them.
    limits : Limits, optional

    Returns
    -------
    SimulationResult

    Raises
    ------
    AssetError
        The file is missing, damaged, past a limit, without a surface, or its mesh changes with time.
    MissingExtra
        VTK is not installed.

    Warns
    -----
    AssetWarning
        Where points carry arrays of neither one nor three numbers, or without any finite one.
    """
    place, bounds = checked_path(path, limits), limits or Limits()
    budget = Budget(bounds, AssetError)
    files, times = _steps_of(place, bounds)
    for file in files:
        _check_file(file, bounds, budget)
    if find_spec("vtkmodules") is None:
        raise MissingExtra("files of VTK need the package vtk; install it with: pip install 'metarender[vtk]'")
    steps = _read_steps(files, bounds, budget)
    return _result(place, steps, times)


def load_vtk(path: Path, limits: Limits) -> Scene:
    """Make a Scene that shows the first field of a result, with a legend; the surface alone where it has none."""
    result = read_vtk(path, limits=limits)
    scene = Scene()
    if not result.fields:
        scene.add(Mesh(result.geometry, Standard(double_sided=True)), name=path.stem)
        return scene
    name, field = next(iter(result.fields.items()))
    low, high = field.range
    ramp = Colormap.viridis(low, high if high > low else math.nextafter(low + abs(low) * 1e-3 + 1e-9, math.inf))
    scene.add(Mesh(result.geometry.with_field(field), Heat(ramp, double_sided=True, name=name)), name=path.stem)
    scene.legends = [Legend(ramp, title=name)]
    return scene


def _check_file(file: Path, limits: Limits, budget: Budget) -> None:
    """Refuse what is no regular file of a size that is allowed, before anything reads it."""
    if file.suffix.lower() not in SUFFIXES:
        raise AssetError(f"{file} has the suffix {file.suffix!r}; results are read from {', '.join(SUFFIXES)} and .pvd.")
    try:
        if not file.is_file():
            raise AssetError(f"{file} does not exist or is no regular file; check the path.")
        size = file.stat().st_size
    except (OSError, ValueError) as error:
        raise AssetError(f"{file} cannot be read: {error}.") from None
    if not size or size > limits.file_bytes:
        raise AssetError(f"{file} has {size:,} bytes; from 1 to {limits.file_bytes:,} are allowed, raise Limits.file_bytes if it is "
                         "trusted.")
    budget.read_file(size, f"The file {file.name}", "")


class _NoEntities(ElementTree.TreeBuilder):
    """Builds the tree of a document without a document type, in whatever encoding it would declare entities."""

    def doctype(self, *declared: str | None) -> None:
        """Refuse it before anything in it is read."""
        raise AssetError("The list of files declares entities, which it needs not; write it anew.")


def _steps_of(place: Path, limits: Limits) -> tuple[list[Path], list[float] | None]:
    """Files of a result, and their times where it is a collection."""
    if place.suffix.lower() != ".pvd":
        return [place], None
    data = read_file(place, limits)
    if len(data) > limits.json_bytes:
        raise AssetError(f"{place} is larger than a list of files; write it anew.")
    parser = ElementTree.XMLParser(target=_NoEntities())
    try:
        listed = ElementTree.fromstring(data, parser).iter("DataSet")
        found = [(element.get("timestep", "0"), element.get("file", "")) for element in listed]
        rows = sorted((float(time), name) for time, name in found)
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise AssetError(f"{place} is no list of files that VTK writes: {error}.") from None
    times = [time for time, _ in rows]
    if not 0 < len(rows) <= _MOST_STEPS or not all(map(math.isfinite, times)) or len(set(times)) < len(times):
        raise AssetError(f"{place} must name from 1 to {_MOST_STEPS} files at times that are finite and differ; several parts of one time "
                         "are not read.")
    return [_inside(place, name) for _, name in rows], times


def _inside(place: Path, name: str) -> Path:
    """A file that a collection names, which lies beside or below it, also where links lead."""
    sound = bool(name) and "\0" not in name and not Path(name).is_absolute() and ".." not in Path(name).parts
    if not sound or not Path(os.path.realpath(place.parent / name)).is_relative_to(os.path.realpath(place.parent)):
        raise AssetError(f"{place} names the file {name[:80]!r}, which is outside its folder; put it beside the list.")
    return place.parent / name


def _read_steps(files: list[Path], limits: Limits, budget: Budget) -> list[dict[str, NDArray[Any]]]:
    """Arrays of each file, as the child hands them over."""
    size = sum(file.stat().st_size for file in files)
    most = min(limits.total_bytes, 8 * limits.growth * size + (64 << 20))
    patience = 30.0 + size / 2e6
    child = [sys.executable, "-P", str(Path(__file__).with_name("vtk_child.py")), str((1 << 30) + 3 * most), str(most + _HEADER)]
    with tempfile.TemporaryFile() as output:
        try:
            status = subprocess.run([*child, *(str(file.absolute()) for file in files)], stdin=subprocess.DEVNULL, stdout=output,
                                    stderr=subprocess.DEVNULL, timeout=patience, check=False).returncode
        except subprocess.TimeoutExpired:
            raise AssetError(f"{files[0].name} takes VTK more than {patience:.0f} seconds; it is damaged, or split it.") from None
        except (OSError, ValueError) as error:
            raise AssetError(f"{files[0].name} cannot be handed to VTK: {error}; check the path.") from None
        output.seek(0)
        header = output.readline(_HEADER)
        if status or not header.endswith(b"\n"):
            raise AssetError(f"{files[0].name} ends the reader of VTK, which is damaged or needs more memory than allowed; write it anew.")
        said = json.loads(header)
        if "error" in said:
            raise AssetError(f"{files[said['file']].name} cannot be read by VTK: {said['error']}.")
        return [{name: _read_array(output, shape, name, budget) for name, shape in step.items()} for step in said["steps"]]


def _read_array(output: IO[bytes], described: list[Any], name: str, budget: Budget) -> NDArray[Any]:
    """The next array of the child's output, its size asked for first."""
    kind, *shape = described
    size = math.prod(shape) * _KINDS[kind]
    budget.take(size, f"The array {name!r}", "")
    data = output.read(size)
    if len(data) != size:
        raise AssetError("The reader of VTK ended too early; the file needs more memory than allowed.")
    return np.frombuffer(data, kind).reshape(shape)


def _result(place: Path, steps: list[dict[str, NDArray[Any]]], times: list[float] | None) -> SimulationResult:
    first, fields, left = steps[0], {}, []
    points, triangles = first["points"], first["triangles"]
    for number, step in enumerate(steps):
        if step["points"].shape != points.shape or not np.array_equal(step["triangles"], triangles):
            raise AssetError(f"{place.name} changes its mesh at step {number}; fields need the same vertices at all times.")
    if not np.isfinite(points).all() or np.abs(points).max() > 1e15:
        raise AssetError(f"{place.name} has points that are not finite; write it anew.")
    for key in [key for key in first if key.startswith("field ")]:
        made = _field(key[6:], [step.get(key) for step in steps], times, len(points))
        if made is None:
            left.append(key[6:])
        else:
            fields[key[6:]] = made
    if len(steps) > 1 and "displacement" not in fields and any(not np.array_equal(step["points"], points) for step in steps):
        made = _field("displacement", [step["points"] - points for step in steps], times, len(points))
        if made is not None:
            fields["displacement"] = made
    if left:
        warnings.warn(f"{place.name} has arrays that are not shown: {', '.join(left)}; a field has one number or three for each point, "
                      "at every time.", AssetWarning, stacklevel=3)
    try:
        return SimulationResult(Geometry(positions=points, indices=triangles, name=place.stem), fields)
    except InvalidInput as error:
        raise AssetError(f"{place.name} has a surface that cannot be drawn: {error}") from None


def _field(name: str, frames: list[NDArray[Any] | None], times: list[float] | None, count: int) -> Field | None:
    """A field of arrays at all times, or None where they are none or have no row for each point."""
    rows = [frame for frame in frames if frame is not None and frame.shape in ((count,), (count, 3))]
    if len(rows) < len(frames) or any(row.shape != rows[0].shape for row in rows):
        return None
    values = rows[0] if times is None else np.stack(rows)
    values = np.where(np.abs(values) <= 3.4e38, values, np.nan)  # what is infinite is no number to show
    return Field(values, times, name=name)
