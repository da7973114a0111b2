"""Viewer and view(): a window, orbit control and a renderer joined into a loop that never blocks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from .camera import Camera
from .controls.events import AnyEvent, Close, Key, Resize
from .controls.orbit import Orbit
from .errors import InvalidInput, ReleasedError
from .renderer import Renderer
from .scene import Scene
from .settings import check_picture
from .targets.base import Target
from .targets.window import WindowTarget
from .views import camera_of, default_camera

if TYPE_CHECKING:
    from .frame import Frame
    from .stats import Stats

BACKDROP = "#30343a"
"""What is behind a scene with a transparent background: windows have no alpha."""
TITLE_SECONDS = 0.5
IDLE_SECONDS = 1 / 60  # how long view() sleeps when nothing changed; events wake it
SHORTEST_SECONDS = 1 / 250  # between frames where the screen does not pace them


class Viewer:
    """Shows a scene in a window that the mouse turns.

    Left button turns, right or middle button pans, the wheel comes nearer, ``F`` frames the scene, ``Escape`` closes. Without `on_frame`
    the actions of the scene and fields of several times play on, and the space bar stops and starts them.

    Parameters
    ----------
    scene : Scene
        Is drawn again when it or the camera changes.
    camera : Camera or Node, optional
        Where to start: the camera itself is then moved; of a Node a copy is taken. None frames the scene.
    size : tuple of int
        (width, height) in logical pixels.
    on_frame : callable, optional
        Called as ``on_frame(seconds)`` before each frame, with the seconds since the first; every step draws then. An
        exception closes the window and comes out of `step`.
    title : str
        Title bar; statistics follow it.
    on_event : callable, optional
        Called with each event first; returning True keeps it from the viewer.
    msaa, tone_mapping, exposure, cull_pixels, lod_pixels, point_size, occlusion
        As in `Renderer`.
    target : Target, optional
        Where to draw instead of a new window; closed with the viewer.

    Attributes
    ----------
    camera : Camera
        What is looked through.
    frame : Frame or None
        The last frame.
    clock : float
        Seconds that actions and fields of the scene have played.
    paused : bool
        Whether the clock stands.

    Raises
    ------
    InvalidInput
        There is no scene, a callback cannot be called, or a setting is out of range.
    DeviceError
        If there is no display; the message names `metarender render`.
    """

    def __init__(
        self,
        scene: Scene,
        camera: Any = None,
        size: tuple[int, int] = (1280, 720),
        on_frame: Callable[[float], object] | None = None,
        title: str = "metarender",
        *,
        on_event: Callable[[AnyEvent], object] | None = None,
        msaa: int = 4,
        tone_mapping: str = "neutral",
        exposure: float = 1.0,
        cull_pixels: float = 0.0,
        lod_pixels: float = 0.0,
        point_size: float = 1.0,
        occlusion: bool | str = False,
        vsync: bool = False,
        target: Target | None = None,
    ) -> None:
        for name, function in (("on_frame", on_frame), ("on_event", on_event)):
            if function is not None and not callable(function):
                raise InvalidInput(f"{name} must be callable, not {type(function).__name__}.")
        if not isinstance(scene, Scene):
            raise InvalidInput(f"Viewer needs a Scene, such as mr.load(path) gives, not {type(scene).__name__}.")
        check_picture(size, msaa)
        self.scene, self.title = scene, title
        self.frame: Frame | None = None
        self._on_frame, self._on_event = on_frame, on_event
        self.camera: Camera = default_camera(scene, size[0] / size[1]) if camera is None else camera_of(camera)
        self._target: Target = WindowTarget(size, title, vsync=vsync) if target is None else target
        try:
            self._renderer = Renderer(
                _drawable(self._target.size), msaa=msaa, tone_mapping=tone_mapping, exposure=exposure, cull_pixels=cull_pixels,
                lod_pixels=lod_pixels, point_size=point_size, occlusion=occlusion, device=self._target.device
            )
        except BaseException:
            self._target.close()
            raise
        self._renderer.backdrop = BACKDROP
        self.control = Orbit(self.camera, lambda: self.scene.bounds, self._target.logical_size)
        self._shown: object = None  # what the last frame showed
        self._drew = False
        self._started: float | None = None
        self._times: deque[float] = deque(maxlen=15)  # seconds of the last steps that drew
        self._titled = 0.0
        self._stepped = 0.0
        self.clock = 0.0
        self.paused = False

    @property
    def closed(self) -> bool:
        return self._target.closed

    @property
    def stats(self) -> Stats | None:
        """Counters of the last frame."""
        return self.frame.stats if self.frame is not None else None

    def step(self) -> bool:
        """Handle pending events and draw if something changed, without waiting; False once the window is closed.

        Raises
        ------
        Exception
            Whatever a callback raised; the window is closed then.
        WrongThreadError
            On another thread than the one that made the viewer.
        """
        if self.closed:
            return False
        self._target.device.check_thread("Viewer.step")
        before, self._stepped = self._stepped, time.perf_counter()
        try:
            if not all(self._take(event) for event in self._target.poll()):
                self.close()
                return False
            if self._on_frame is not None:
                self._started = self._stepped if self._started is None else self._started
                self._on_frame(self._stepped - self._started)
                if self.closed:
                    return False
            elif self.scene.playing:
                self.clock += 0.0 if self.paused or not before else self._stepped - before
                self.scene.at(self.clock)
            self._drew = self._draw()
        except ReleasedError:  # a posted call closed the viewer while it drew
            if self.closed:
                return False
            self.close()
            raise
        except BaseException:
            self.close()
            raise
        return not self.closed

    def pace(self) -> None:
        """Wait as long as makes sense before the next step: until an event or a sixtieth second when nothing was drawn."""
        if not self.closed:
            period = SHORTEST_SECONDS if self._drew else IDLE_SECONDS
            self._target.wait(period - (time.perf_counter() - self._stepped))

    def redraw(self) -> None:
        """Draw in the next step even if nothing seems to have changed."""
        self._shown = None

    def close(self) -> None:
        """Close renderer, device and window; a second call does nothing."""
        if not self.closed:
            self._target.device.check_thread("Viewer.close")
            try:
                self._renderer.close()
            finally:
                self._target.close()

    def _take(self, event: AnyEvent) -> bool:
        """Handle one event; False if the window should close."""
        if self._on_event is not None and self._on_event(event):
            return not self.closed
        if self.closed:  # by the callback
            return False
        if isinstance(event, Close) or (isinstance(event, Key) and event.kind == "down" and event.key == "Escape"):
            return False
        if isinstance(event, Resize):
            self.redraw()
        if isinstance(event, Key) and event.kind == "down" and event.key == " ":
            self.paused = not self.paused
        self.control.handle(event)
        return True

    def _draw(self) -> bool:
        size = self._target.size
        if min(size) < 1:  # minimised
            return False
        self.scene.update()
        if self.closed:  # by a posted call
            return False
        shows = (*_scene_state(self.scene), size, self.camera.projection(size[0] / size[1]).tobytes(), self.camera.matrix.tobytes())
        if shows == self._shown and self._on_frame is None and not self._renderer.refines:
            return False
        self._renderer.size = size
        self.frame = self._renderer.render(self.scene, self.camera)
        self._target.present(self._renderer, self.frame)
        self._shown = shows
        self._times.append(time.perf_counter() - self._stepped)
        self._update_title(self.frame.stats)
        return True

    def _update_title(self, stats: Stats) -> None:
        if self._titled and self._stepped - self._titled < TITLE_SECONDS:
            return
        self._titled = self._stepped
        took = 1e3 * sorted(self._times)[len(self._times) // 2]
        counts = f"{stats.instances:,} instances, {stats.triangles:,} triangles, {stats.draw_calls} draw calls"
        self._target.set_title(f"{self.title} - {took:.1f} ms, {counts}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Viewer {self.title!r}{' closed' if self.closed else ''}>"


def _scene_state(scene: Scene) -> tuple[object, ...]:
    """What differs whenever a scene may look different."""
    environment = scene.environment
    return scene.store.epoch, scene.material_changes, id(environment), environment.version if environment is not None else 0


def _drawable(size: tuple[int, int]) -> tuple[int, int]:
    return max(size[0], 1), max(size[1], 1)


def view(
    scene: Scene,
    on_frame: Callable[[float], object] | None = None,
    *,
    camera: Any = None,
    size: tuple[int, int] = (1280, 720),
    title: str = "metarender",
    **settings: Any,
) -> None:
    """Show a scene in a window until it is closed.

    Parameters
    ----------
    scene, on_frame, camera, size, title, **settings
        As in `Viewer`.

    Raises
    ------
    DeviceError
        If there is no display; the message names `metarender render`.
    """
    with Viewer(scene, camera, size, on_frame, title, vsync=True, **settings) as viewer:
        while viewer.step():
            viewer.pace()
