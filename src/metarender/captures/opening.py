"""``open_capture``: a capture back to scene, camera and settings. Captures are files of strangers; nothing in them is believed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..errors import AssetError, CaptureError
from ..frame import OUTPUTS
from ..io import Limits, checked_path
from ..renderer import Renderer
from ..scene import Scene
from ..stats import Stats
from .archive import ArchiveReader
from .fields import Fields
from .lighting import read_lighting
from .nodes import read_nodes
from .numbers import read_numbers
from .shapes import read_shapes
from .surfaces import read_surfaces
from .view import Look, read_camera
from .writing import NOT_COUNTED, SCHEMA, hashes

PASSES = ("shadow", "occluders", "opaque", "sky", "transparent", "ghost", "selection", "outline", "overlay", "encode", "ids")
"""Names of the passes that a renderer starts with."""

LIMITS = Limits(nodes=0xFFFFFF, draws=0xFFFFFF, array_bytes=1 << 30)
"""What a capture may cost by default: as many nodes as a scene holds, because here each is paid for in bytes."""

_TYPES = {"color": ("|u1", (4,)), "depth": ("<f4", ()), "ids": ("<u4", ())}


@dataclass(frozen=True, eq=False)
class Capture:
    """What a capture holds.

    Attributes
    ----------
    path : Path
    scene : Scene
        New, with the ids that its nodes had.
    camera : Camera
        Where the frame was seen from.
    look : Look
    pictures : dict of str to ndarray
        What was drawn, by output, as in ``Frame``; read-only.
    settled_alike : bool
        Whether the frame had the same bytes before its scene was settled; if not, the history of edits or of the renderer matters.
    counters : dict of str to int
    rasteriser : str
        Key of what drew it, such as ``llvmpipe-22.3.6-llvm15``.
    software : bool
        Whether that was software.
    made : dict
        Versions and device, as ``metarender doctor`` tells them; not checked beyond what is named here.
    """

    path: Path
    scene: Scene
    camera: Camera
    look: Look
    pictures: dict[str, NDArray[Any]]
    settled_alike: bool
    counters: dict[str, int]
    rasteriser: str
    software: bool
    made: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments of ``Renderer``; `renderer` also sets its backdrop and passes."""
        return dict(self.look.settings)

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the frame was asked for."""
        return tuple(self.pictures)

    def renderer(self, device: Any = "auto") -> Renderer:
        """Return a renderer with the settings of the captured one; close it."""
        return self.look.renderer(device)


def open_capture(path: str | os.PathLike[str], *, limits: Limits | None = None) -> Capture:
    """Read a capture without drawing anything.

    Parameters
    ----------
    path : path-like
    limits : Limits, optional
        What reading may cost; `LIMITS` by default.

    Raises
    ------
    AssetError
        The file cannot be read; as a CaptureError with `code` and `pointer` where it is no capture, damaged, of a later version, or past a
        limit. Nothing half-read stays.
    InvalidInput
        An argument has the wrong type.

    Examples
    --------
    >>> opened = mr.open_capture("bug.mrz")
    >>> mr.view(opened.scene, camera=opened.camera)
    """
    place = checked_path(path, limits)
    try:
        return _read(place, ArchiveReader(place, limits or LIMITS))
    except MemoryError:
        raise AssetError(f"{place} needs more memory than this process can have; set lower Limits to be told what needs it.") from None


def _read(path: Path, archive: ArchiveReader) -> Capture:
    top = Fields(archive.manifest(), "")
    schema = top.value("schema")
    if type(schema) is not int or schema != SCHEMA:
        sentence = f"The capture has schema {str(schema)[:20]!r} and this metarender reads {SCHEMA}; install the version that made it."
        raise CaptureError(sentence, "SCHEMA_UNKNOWN", "/schema")
    look = Look.read(top.part("renderer"), PASSES)
    eye = top.part("camera")
    camera = read_camera(eye)
    eye.done()
    frame, made, described = top.part("frame"), top.part("made"), top.part("scene")
    top.done()
    pictures, alike = _read_pictures(frame, look.settings["size"], archive)
    counted = frame.part("counters")
    numbers = {name: counted.whole(name, 0, 2**63) for name in Stats.__dataclass_fields__ if name not in NOT_COUNTED}
    counted.done()
    frame.done()
    scene = _read_scene(described, archive)
    archive.finish()
    return Capture(path, scene, camera, look, pictures, alike, numbers, made.word("rasteriser"), made.flag("software"), made.rest())


def _read_scene(fields: Fields, archive: ArchiveReader) -> Scene:
    geometries, materials = read_numbers(fields, read_shapes(fields, archive), archive), read_surfaces(fields, archive)
    scene = read_nodes(fields, archive, geometries, materials)
    read_lighting(scene, fields, archive)
    fields.done()
    if not np.isfinite(scene.store.world_matrices(scene.store.subtree())).all():
        raise CaptureError("The transforms of the capture multiply to no finite place.", "NODES_INVALID", fields.pointer)
    scene.settle()
    return scene


def _read_pictures(frame: Fields, size: tuple[int, int], archive: ArchiveReader) -> tuple[dict[str, NDArray[Any]], bool]:
    if size[0] * size[1] > archive.budget.limits.image_pixels:
        frame.refuse(f"its picture has {size[0]}x{size[1]} pixels; raise Limits.image_pixels if the file is trusted", "LIMIT_EXCEEDED")
    said, before = frame.part("sha256"), frame.part("before_settling")
    outputs = [output for output in OUTPUTS if said.given(output)]
    if not outputs:
        frame.refuse("it has no picture", name="sha256")
    wanted = {output: said.word(output) for output in outputs}
    alike = wanted == {output: before.word(output) for output in outputs}
    said.done()
    before.done()
    pictures = {}
    for output in outputs:
        dtype, channels = _TYPES[output]
        pictures[output] = archive.array(f"frame/{output}", dtype, (size[1], size[0], *channels), finite=False)
    if np.isnan(pictures.get("depth", 0.0)).any():
        frame.refuse("its depth holds NaN", "NOT_FINITE")
    if hashes(pictures) != wanted:
        frame.refuse("its pictures are not those that it names", "HASH_MISMATCH", "sha256")
    return pictures, alike
