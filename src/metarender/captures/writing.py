"""``capture``: draws a frame, and writes it with all that it needs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..doctor import versions
from ..errors import InvalidInput
from ..frame import Frame
from ..renderer import Renderer
from ..scene import Scene
from ..views import camera_of, default_camera
from .archive import write_archive
from .lighting import lighting_values
from .nodes import Drawn, node_values
from .numbers import number_values
from .shapes import shape_values
from .surfaces import surface_values
from .view import Look, camera_values

SCHEMA = 1
NOT_COUNTED = ("passes", "texture_bytes")
"""Statistics that tell of a clock, or of the device and not of the frame."""


def capture(scene: Scene, camera: Camera | Any, path: str | os.PathLike[str], *, renderer: Renderer | None = None,
            outputs: Sequence[str] = ("color",), **settings: Any) -> Frame:
    """Write a frame with all that it needs into one file, which ``replay`` and ``metarender replay`` draw again to the same bytes.

    The frame is drawn as it is, then the scene is settled and drawn by a renderer of its own with the same settings, so that neither the
    history of the scene nor that of the renderer is part of it; the file says whether the two pictures differ. What no picture shows
    (``extras``, names of meshes, the authored rotation and scale behind a matrix) is left out.

    Parameters
    ----------
    scene : Scene
        Is settled, which changes nothing that can be seen.
    camera : Camera, Node that carries one, or None
        None frames the whole scene.
    path : path-like
        Of the file, by custom ``.mrz``.
    renderer : Renderer, optional
        Whose settings and device are used.
    outputs : sequence of "color", "depth", "ids"
        Pictures to keep and compare.
    **settings
        Without a renderer: those of ``Renderer`` (size, msaa, exposure, device ...).

    Returns
    -------
    Frame
        What was written, its pixels read.

    Raises
    ------
    InvalidInput
        The scene, camera or renderer holds something of a class that is not metarender's own: a material, light, camera or pass.
    AssetError
        The file cannot be written.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InvalidInput(f"capture needs the path of a file, such as 'bug.mrz', not {type(path).__name__}.")
    place = Path(os.fsdecode(path))
    if not place.name or "\0" in place.name or not place.absolute().parent.is_dir():
        raise InvalidInput(f"capture needs the path of a file in a folder that exists, such as 'bug.mrz', got {os.fsdecode(path)!r}.")
    if not isinstance(scene, Scene):
        raise InvalidInput(f"capture needs a Scene, not {type(scene).__name__}.")
    if renderer is not None and settings:
        raise InvalidInput(f"capture takes either a renderer or settings such as {next(iter(settings))}=; set it on the renderer.")
    with ExitStack() as stack:
        given = renderer if renderer is not None else stack.enter_context(Renderer(**settings))
        before = pictures_of(given.render(scene, camera, outputs))
        _settle(scene)
        aspect = given.size[0] / given.size[1]
        posed = default_camera(scene, aspect) if camera is None else camera_of(camera)
        look, device = Look.of(given), given.device
        manifest: dict[str, Any] = {"schema": SCHEMA, "camera": camera_values(posed), "renderer": look.values()}
        arrays: dict[str, NDArray[Any]] = {}
        manifest["scene"] = scene_values(scene, arrays)
        twin = stack.enter_context(look.renderer(device))
        for step, ours in zip(given.passes, twin.passes, strict=True):
            if type(step) is not type(ours):
                kind = type(step).__name__
                raise InvalidInput(f"A capture cannot hold the pass {step.name!r} of class {kind}; take it out for the capture.")
        frame = draw_twice(twin, scene, posed, tuple(before))
        manifest["made"] = {**versions(), "rasteriser": device.rasteriser_key, "software": device.capabilities.software,
                            "device": device.capabilities.to_dict()}
    pictures = pictures_of(frame)
    arrays |= {f"frame/{output}": picture for output, picture in pictures.items()}
    manifest["frame"] = {"sha256": hashes(pictures), "before_settling": hashes(before), "counters": counters(frame)}
    write_archive(place, {key: manifest[key] for key in ("schema", "made", "frame", "renderer", "camera", "scene")}, arrays)
    return frame


def _settle(scene: Scene) -> None:
    """Settle a scene; refuse what `open_capture` would."""
    scene.settle()
    ids = scene.subtree()
    finite = np.isfinite(scene.store.world_matrices(ids)).all(axis=(1, 2))
    if not finite.all():
        raise InvalidInput(f"node {ids[int(np.argmin(finite))]} stands at no finite place, because transforms multiply to infinity.")


def scene_values(scene: Scene, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Describe a settled scene; what is long goes to `arrays`."""
    drawn = Drawn(scene)
    return {**node_values(scene, drawn.rows, arrays), **shape_values(drawn.geometries, arrays),
            **number_values(drawn.geometries, arrays), **surface_values(drawn.materials, arrays), **lighting_values(scene, arrays)}


def draw_twice(renderer: Renderer, scene: Scene, camera: Camera, outputs: tuple[str, ...]) -> Frame:
    """Draw a frame whose counters do not depend on what the device held before; its pixels are read."""
    renderer.render(scene, camera, outputs)
    frame = renderer.render(scene, camera, outputs)
    pictures_of(frame)
    return frame


def pictures_of(frame: Frame) -> dict[str, NDArray[Any]]:
    """Read what a frame was asked for, by output."""
    return {output: getattr(frame, output) for output in frame._outputs}


def hashes(pictures: dict[str, NDArray[Any]]) -> dict[str, str]:
    """SHA-256 of the pixels, top row first, by output."""
    return {output: hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest() for output, picture in pictures.items()}


def counters(frame: Frame) -> dict[str, int]:
    """What the frame did, as numbers that are the same each time."""
    return {name: int(value) for name, value in asdict(frame.stats).items() if name not in NOT_COUNTED}
