"""What a frame did, as plain numbers that stay readable after everything is closed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace


@dataclass(frozen=True, slots=True)
class PassTime:
    """Time of one pass.

    Attributes
    ----------
    cpu_ms : float
        Milliseconds until its calls were issued.
    gpu_ms : float or None
        Milliseconds on the device; None where it was not measured (`Renderer.gpu_times`) or the device had not finished the frame when
        the statistics were looked at last. On software OpenGL this is the time of the rasteriser's threads, from the first call of the
        pass to its last pixel.
    """

    cpu_ms: float
    gpu_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters of one frame; the same on every machine, times apart.

    Attributes
    ----------
    draw_calls : int
        Draw calls of scene geometry; an indirect one counts 1 however many commands it holds.
    fullscreen_draws : int
        Full-screen triangles (sky, encoding).
    commands : int
        Indirect commands executed; where the device looks for hidden objects, also those that it left without instances.
    instances, triangles : int
        Submitted after culling, over all passes. Where the device looks for hidden objects these are upper bounds: what the camera's
        frustum holds, drawn or not, and nothing for the depth of occluders (`Renderer.count_kept` asks the device).
    bytes_uploaded : int
        Objects, geometry, materials and textures.
    bytes_view : int
        Constants of the frame, anchor offsets, lights and commands.
    programs_compiled : int
    gl_calls : int
        Calls for drawing that were made through ModernGL or our own entry points: binds, state, clears, writes, draws. Those that
        measure are not among them.
    texture_bytes : int
        Bytes of all texture pages of the device, whichever scene uses them; environments and attachments are not in it.
    nodes, visible : int
        Nodes of the scene, and draws that the camera sees: in its frustum, not too small, not found hidden.
    occluded : int
        Draws in the camera's frustum that were left out because others hide them; 0 where the device looks for them, because nobody
        waits for its answer.
    passes : dict of str to PassTime
        What ran, in order.
    """

    draw_calls: int = 0
    fullscreen_draws: int = 0
    commands: int = 0
    instances: int = 0
    triangles: int = 0
    bytes_uploaded: int = 0
    bytes_view: int = 0
    programs_compiled: int = 0
    gl_calls: int = 0
    texture_bytes: int = 0
    nodes: int = 0
    visible: int = 0
    occluded: int = 0
    passes: dict[str, PassTime] = field(default_factory=dict)

    def with_gpu_times(self, milliseconds: Mapping[str, float]) -> Stats:
        """Return the same with the times that the device took for passes, by name."""
        return replace(self, passes={name: replace(time, gpu_ms=milliseconds.get(name)) for name, time in self.passes.items()})

    def to_json(self) -> str:
        """Return the counters as a JSON object with ``"schema": 1``."""
        return json.dumps({"schema": 1, **asdict(self)}, indent=2)
