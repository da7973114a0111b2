"""What ``metarender capture`` and ``metarender replay`` do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..camera import Camera
from ..errors import InvalidInput
from ..io import Limits
from ..scene import Scene
from .opening import open_capture
from .replaying import redraw
from .writing import capture, hashes, pictures_of

_ANY = 1 << 40
_TRUSTED = Limits(total_bytes=_ANY, array_bytes=_ANY, file_bytes=_ANY, json_bytes=_ANY, json_objects=_ANY, image_pixels=_ANY, nodes=_ANY,
                  draws=_ANY, growth=_ANY)


def run_capture(scene: Scene, camera: Camera, output: str, outputs: Sequence[str], settings: dict[str, Any]) -> None:
    """Write a capture and say what is in it."""
    pictures = pictures_of(capture(scene, camera, output, outputs=outputs, **settings))
    said = ", ".join(f"{name} sha256 {digest[:16]}" for name, digest in hashes(pictures).items())
    print(f"{output}: {Path(output).stat().st_size:,} bytes, {scene.store.node_count:,} nodes; {said}")


def run_replay(path: str, output: str | None, trusted: bool) -> int:
    """Draw a capture again, say what came of it, and write the picture; returns the exit code."""
    limits = _TRUSTED if trusted else None
    opened = open_capture(path, limits=limits)
    if output is not None and "color" not in opened.outputs:
        raise InvalidInput(f"{path} holds no colour to write, only {' and '.join(opened.outputs)}; replay it without -o.")
    done = redraw(opened, limits=limits)
    print(done)
    if output is not None:
        done.frame.save(output)
    return 0 if done.ok else 1
