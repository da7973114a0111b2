"""One picture in one call, with a renderer that each thread keeps."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import Any

from .camera import Camera
from .frame import Frame
from .renderer import Renderer
from .scene import Scene
from .settings import check_picture


class _Kept:
    """The renderer of one thread: closed when the thread ends, on that thread, because that is when its locals are dropped."""

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = renderer

    def __del__(self) -> None:
        if not sys.is_finalizing():  # at exit the process takes everything with it
            self.renderer.close()


class _Local(threading.local):
    kept: _Kept | None = None


_local = _Local()


def render(scene: Scene, camera: Camera | Any = None, size: tuple[int, int] = (1280, 720), *, outputs: Sequence[str] = ("color",),
           msaa: int = 4, tone_mapping: str = "neutral", exposure: float = 1.0) -> Frame:
    """Draw one picture with a renderer that this thread keeps until it ends; ``close()`` frees it earlier.

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
    check_picture(size, msaa)
    kept = None if _local.kept is None else _local.kept.renderer
    if kept is None or kept._closed or kept.msaa != min(msaa, kept.device.capabilities.max_samples):
        close()
        kept = Renderer(size, msaa=msaa)
        _local.kept = _Kept(kept)
    kept.size, kept.tone_mapping, kept.exposure = size, tone_mapping, exposure
    frame = kept.render(scene, camera, outputs)
    for output in frame._outputs:
        frame._read(output)
    return frame


def close() -> None:
    """Free the renderer that ``render`` keeps for this thread."""
    kept, _local.kept = _local.kept, None
    if kept is not None:
        kept.renderer.close()
