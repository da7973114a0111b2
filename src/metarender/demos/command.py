"""``metarender demo``: the production line in a window, or in a picture where there is no display."""

from __future__ import annotations

import math
import time
from pathlib import Path

from ..camera import PerspectiveCamera
from ..errors import DeviceError
from ..stats import Stats
from .production_line import ProductionLine, build

PICTURE = "metarender-demo.png"
TITLE = "metarender demo"


def demo_camera() -> PerspectiveCamera:
    """A three-quarter view over the lines towards the racks."""
    return PerspectiveCamera(fov=28.0).orbit(math.radians(43.0), math.radians(67.0), 98.0, (-7.0, 0.0, -4.0))  # type: ignore[return-value]


def run(size: tuple[int, int] = (1280, 720), output: str | None = None) -> None:
    """Show the demo and print what was drawn.

    Parameters
    ----------
    size : tuple of int
        (width, height), pixels.
    output : str, optional
        Write this picture instead of opening a window.
    """
    start = time.perf_counter()
    line = build()
    line.scene.update()
    print(f"{line.parts:,} parts built in {time.perf_counter() - start:.2f} s")
    if output is not None:
        draw_picture(line, size, output)
        return
    try:
        stats = show(line, size)
    except DeviceError as error:
        print(f"no window: {str(error).split('; ')[0]}")
        draw_picture(line, size, PICTURE)
    else:
        if stats is not None:
            print(describe(stats))


def show(line: ProductionLine, size: tuple[int, int]) -> Stats | None:
    """Open a window until it is closed; arms and belts move where a GPU draws."""
    from ..targets.window import WindowTarget
    from ..viewer import Viewer

    target = WindowTarget(size, TITLE, vsync=True)
    software = target.device.capabilities.software
    moving, msaa = (None, 1) if software else (line.animate, 4)  # four samples cost a CPU nearly three times the time
    with Viewer(line.scene, demo_camera(), size, moving, TITLE, target=target, msaa=msaa) as viewer:
        print("left mouse button turns, right pans, wheel zooms, F frames everything, Esc closes")
        while viewer.step():
            viewer.pace()
        return viewer.stats


def draw_picture(line: ProductionLine, size: tuple[int, int], output: str) -> None:
    """Write a picture and print where it is, with the statistics of its frame."""
    from ..renderer import Renderer

    with Renderer(size) as renderer:
        renderer.render(line.scene, demo_camera())  # uploads and compiles, so that the second frame's time means something
        renderer.device.finish()
        start = time.perf_counter()
        frame = renderer.render(line.scene, demo_camera())
        renderer.device.finish()
        elapsed = (time.perf_counter() - start) * 1e3
        frame.save(output)
        print(f"{Path(output).resolve()}")
        print(f"{describe(frame.stats)}, {elapsed:.0f} ms a frame at {size[0]}x{size[1]} on {renderer.device.capabilities.renderer}")


def describe(stats: Stats) -> str:
    """One line of frame statistics."""
    return (
        f"{stats.nodes:,} nodes, {stats.visible:,} draws in view, {stats.instances:,} instances and {stats.triangles:,} triangles over all "
        f"passes, {stats.draw_calls} draw calls, {stats.commands:,} commands"
    )
