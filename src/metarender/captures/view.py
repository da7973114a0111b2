"""Cameras and the settings of a renderer as plain values, and back to the bit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..camera import Camera, OrthographicCamera, PerspectiveCamera
from ..errors import InvalidInput
from ..renderer import Renderer
from ..settings import TONE_MAPPINGS
from .fields import Fields, plain_text

_KINDS: dict[str, type[PerspectiveCamera] | type[OrthographicCamera]] = {
    "PerspectiveCamera": PerspectiveCamera, "OrthographicCamera": OrthographicCamera}
LARGEST_PICTURE = 65_536
"""Pixels along an edge."""


def camera_values(camera: Camera) -> dict[str, Any]:
    """Describe a camera; InvalidInput for one of a class that is not ours, whose projection nobody could draw again."""
    kind = type(camera).__name__
    if _KINDS.get(kind) is not type(camera):
        raise InvalidInput(f"A capture holds cameras of the classes {', '.join(_KINDS)}, not {kind}; give one of these in its place.")
    extent = {"fov": camera.fov} if isinstance(camera, PerspectiveCamera) else {"height": getattr(camera, "height", 0.0)}
    return {"kind": kind, "name": plain_text(camera.name), **extent, "near": camera.near,
            "far": None if math.isinf(camera.far) else camera.far, "aspect": camera.aspect, "matrix": camera.matrix.ravel().tolist()}


def read_camera(fields: Fields) -> Camera:
    """Make the camera of a description."""
    kind = fields.choice("kind", _KINDS)
    extent = fields.number("fov" if kind == "PerspectiveCamera" else "height")
    name, near = fields.text("name"), fields.number("near")
    far = fields.number("far") if fields.has("far") else math.inf
    aspect = fields.number("aspect") if fields.has("aspect") else None
    matrix = np.array(fields.numbers("matrix", 16)).reshape(4, 4)
    with fields.refusing():
        camera = _KINDS[kind](extent, near, far, aspect=aspect, name=name)
        camera.matrix = matrix
    if not np.allclose(camera.matrix, matrix, rtol=0, atol=1e-6):
        fields.refuse("matrix must be a rotation and a position", name="matrix")
    camera._matrix = matrix  # the setter has made its axes perpendicular once more, which moves the last bits
    return camera


@dataclass(frozen=True, slots=True)
class Look:
    """How a renderer draws.

    Attributes
    ----------
    settings : dict
        Arguments of ``Renderer``.
    backdrop : tuple of float or None
        Premultiplied, as the renderer holds it.
    passes : tuple of str
        Names, in order.
    """

    settings: dict[str, Any]
    backdrop: tuple[float, ...] | None
    passes: tuple[str, ...]

    @classmethod
    def of(cls, renderer: Renderer) -> Look:
        """Read a renderer's look; its passes are checked when a twin is made."""
        names = ("msaa", "tone_mapping", "exposure", "cull_pixels", "lod_pixels", "occlusion")
        settings = {"size": renderer.size, **{name: getattr(renderer, name) for name in names}}
        if renderer.point_size != 1.0:  # captures of before had none
            settings["point_size"] = renderer.point_size
        return cls(settings, renderer.backdrop, tuple(step.name for step in renderer.passes))

    def values(self) -> dict[str, Any]:
        """Describe it."""
        return {**self.settings, "size": list(self.settings["size"]), "backdrop": None if self.backdrop is None else list(self.backdrop),
                "passes": list(self.passes)}

    @classmethod
    def read(cls, fields: Fields, known: tuple[str, ...]) -> Look:
        """Read a description; `known` are the names of passes that there are."""
        width, height = fields.wholes("size", LARGEST_PICTURE, 2)
        if not (width and height):
            fields.refuse("size must be at least 1x1", name="size")
        settings: dict[str, Any] = {"size": (width, height), "msaa": fields.whole("msaa", 1, 16)}
        if settings["msaa"].bit_count() > 1:
            fields.refuse("msaa must be 1, 2, 4, 8 or 16", name="msaa")
        settings["tone_mapping"] = fields.choice("tone_mapping", TONE_MAPPINGS)
        settings["exposure"] = fields.number("exposure", 5e-324)
        settings |= {name: fields.number(name, 0.0, 1e5) for name in ("cull_pixels", "lod_pixels")}
        settings["occlusion"] = _occlusion(fields)
        if fields.given("point_size"):
            settings["point_size"] = fields.number("point_size", 1.0, 256.0)
        backdrop = fields.numbers("backdrop", 4) if fields.has("backdrop") else None
        if backdrop is not None and not 0 <= min(backdrop) <= max(backdrop) <= 1:
            fields.refuse("backdrop must lie in 0 .. 1", name="backdrop")
        look = cls(settings, backdrop, fields.choices("passes", known))
        fields.done()
        return look

    def renderer(self, device: Any) -> Renderer:
        """Make a renderer with this look; InvalidInput where a pass is not one of ours."""
        made = Renderer(**self.settings, device=device)
        ours = {step.name: step for step in made.passes}
        foreign = [name for name in self.passes if name not in ours]
        if len(set(self.passes)) < len(self.passes):
            made.close()
            raise InvalidInput(f"A capture holds each pass once, not {', '.join(self.passes)}; take out what is there twice.")
        if foreign:
            made.close()
            raise InvalidInput(f"A capture cannot hold the pass {foreign[0]!r}, which is not metarender's; take it out for the capture.")
        made.passes = [ours[name] for name in self.passes]
        made._backdrop = self.backdrop  # type: ignore[assignment]  # premultiplied already
        return made


def _occlusion(fields: Fields) -> bool | str:
    value: bool | str = fields.value("occlusion")
    if type(value) is not bool and value not in ("cpu", "gpu"):
        fields.refuse("occlusion must be true, false, 'cpu' or 'gpu'", name="occlusion")
    return value
