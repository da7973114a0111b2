"""One picture in one call, with a renderer that each thread keeps."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from .camera import Camera
from .frame import Frame
from .renderer import Renderer
from .scene import Scene
from .settings import check_picture

_local = threading.local()


def render(scene: Scene, camera: Camera | Any = None, size: tuple[int, int] = (1280, 720), *, outputs: Sequence[str] = ("color",),
           msaa: int = 4, tone_mapping: str = "neutral", exposure: float = 1.0) -> Frame:
    """Draw one picture with a renderer that this thread keeps; ``close()`` frees it.

    Parameters
    ----------
    scene : Scene
    camera : Camera, Node that carries one, or None
        None frames the whole scene.
    size, msaa, tone_mapping, exposure
        As for ``Renderer``.
    outputs : sequence of "color", "depth", "ids"

    Returns
    -------
    Frame
        With its pixels read, so that it stays valid.
    """
    kept: Renderer | None = getattr(_local, "renderer", None)
    check_picture(size, msaa)
    if kept is None or kept._closed or kept.msaa != min(msaa, kept.device.capabilities.max_samples):
        close()
        kept = _local.renderer = Renderer(size, msaa=msaa)
    kept.size, kept.tone_mapping, kept.exposure = size, tone_mapping, exposure
    frame = kept.render(scene, camera, outputs)
    for output in frame._outputs:
        frame._read(output)
    return frame


def close() -> None:
    """Free the renderer that ``render`` keeps for this thread."""
    kept: Renderer | None = getattr(_local, "renderer", None)
    if kept is not None:
        _local.renderer = None
        kept.close()
