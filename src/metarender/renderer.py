"""Joins scene, device and passes: ``Renderer.render`` is a frame as a table of contents.

One room because each step of a frame is one short method of the one class that may know both sides; what a step does is elsewhere
(views, view_block, light_rows, settings, memory, gpu, passes).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ._core import View, cull
from .color import Color
from .environment import dfg_table
from .errors import DeviceError, InvalidInput, ReleasedError
from .frame import OUTPUTS, Frame
from .gpu import gl_extra as gl
from .gpu.attachments import ColorAttachments, IdAttachments, ShadowMap
from .gpu.bindings import BLOCK_BYTES, STATE_GHOST, STATE_HIGHLIGHTED, STATE_SELECTED, STATE_VALUE
from .gpu.device import Device
from .gpu.occlusion import Occlusion
from .gpu.resource_pools import ResourcePools
from .gpu.scene_mirror import SceneMirror
from .gpu.timers import FrameTimes, PassTimers
from .gpu.view_constants import PlacedList, ViewConstants
from .light_rows import LightRows
from .memory import DeviceMemory
from .passes.base import FrameContext, Pass, PlacedView
from .passes.encode import EncodePass
from .passes.ghost import GhostPass
from .passes.ids import IdsPass
from .passes.occluders import OccludersPass
from .passes.opaque import OpaquePass
from .passes.outline import OutlinePass
from .passes.overlay import OverlayPass
from .passes.selection import SelectionPass
from .passes.shadow import ShadowPass
from .passes.sky import SkyPass
from .passes.transparent import TransparentPass
from .scene import Scene
from .settings import PictureSettings, check_picture, premultiplied
from .stats import PassTime, Stats
from .view_block import view_block
from .views import SunPlan, ViewPlan, camera_of, default_camera, depth_in_metres, plan_camera, plan_sun
from .warm_up import warm_up_lists

SHADOW_MAP_SIZE = 4096
"""Texels along each edge of the sun's map; 64 MiB."""

MOVING = 4.0
"""How much larger the threshold of `Renderer.cull_pixels` is while the camera moves."""

_OPAQUE, _MASK, _BLEND = 1, 2, 4
ALL_STATES = STATE_GHOST | STATE_SELECTED | STATE_HIGHLIGHTED | STATE_VALUE


class _SceneViews:
    """What a renderer keeps of the scene that it drew last: its views, the rows of its lights, and its bounds."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.camera, self.sun = View(scene.store), View(scene.store)
        self.lights = LightRows()
        self._bounds: tuple[int, NDArray[np.float64] | None] = (-1, None)
        self._place: tuple[bytes, bytes] | None = None

    def moves(self, plan: ViewPlan) -> bool:
        """Whether the camera stands elsewhere than in the frame before; the first frame counts as standing."""
        place = plan.pose.tobytes(), plan.projection.tobytes()
        moved, self._place = self._place is not None and place != self._place, place
        return moved

    def stand(self) -> None:
        """Let the next frame count as standing, wherever its camera is."""
        self._place = None

    def bounds(self) -> NDArray[np.float64] | None:
        """World box of the scene; walked anew only when the scene has changed."""
        if self._bounds[0] != self.scene.store.epoch:
            self._bounds = (self.scene.store.epoch, self.scene.bounds)
        return self._bounds[1]


class Renderer(PictureSettings):
    """Settings and attachments; draws scenes into pictures.

    Parameters
    ----------
    size : (width, height)
        Pixels, each from 1 to what the device allows.
    msaa : int
        Samples per pixel: 1, 2, 4, ... up to what the device allows.
    tone_mapping : "neutral", "aces", "agx" or "none"
        Khronos PBR Neutral, ACES (Hill fit, input times 1/0.6), AgX; Unlit colours and plain backgrounds skip it.
    exposure : float
        Multiplies lit colours before tone mapping.
    backdrop : colour or None
        Stands for a transparent background; windows have one, because nothing lies behind their pixels.
    cull_pixels : float
        Leave out what would fit into a square of that many pixels, four times as many while the camera moves; 0 draws everything.
    lod_pixels : float
        Draw coarser levels of geometries (`Geometry.with_levels`) where they stray at most that many pixels; 0 draws none.
        Both thresholds also hold for what casts shadows, in texels of the shadow map.
    point_size : float
        Edge of the square that a point of a cloud fills, pixels, 1 to 256 or what the device allows.
    occlusion : bool, "cpu" or "gpu"
        Leave out objects that others hide wholly; the picture stays the same, byte for byte. Pays indoors, costs outdoors. True looks
        for them on the GPU, in two phases against a depth pyramid, or on the CPU where the device is software; a name forces it.
    memory_limit : int or None
        Bytes that the device may hold while this renderer draws: what would pass it raises before the driver is asked, and nothing
        of the picture is drawn. `memory` says what holds how much.
    gpu_times : bool
        Let the device measure each pass: `Frame.stats` then has `PassTime.gpu_ms`. Pictures and counters stay the same. Where the driver
        has no timestamps, times stay None; software OpenGL rasterises pass by pass meanwhile.
    device : "auto", "gpu", "software", int or Device
        What draws; a Device is shared and not closed with the renderer. ``METARENDER_DEVICE`` replaces "auto".

    Raises
    ------
    InvalidInput
        A setting is out of range.
    DeviceError
        No usable OpenGL; the message says what was tried and how to mend it.
    OutOfDeviceMemory
        The memory limit is too small even for an empty renderer.
    """

    def __init__(self, size: tuple[int, int] = (1280, 720), *, msaa: int = 4, tone_mapping: str = "neutral", exposure: float = 1.0,
                 backdrop: Color | None = None, cull_pixels: float = 0.0, lod_pixels: float = 0.0, point_size: float = 1.0,
                 occlusion: bool | str = False, memory_limit: int | None = None, gpu_times: bool = False,
                 device: str | int | Device = "auto") -> None:
        self._own_device, self._closed = not isinstance(device, Device), False
        check_picture(size, msaa)
        self.tone_mapping, self.exposure, self.backdrop = tone_mapping, exposure, backdrop
        self.cull_pixels, self.lod_pixels, self.occlusion, self._refines = cull_pixels, lod_pixels, occlusion, False
        self.memory_limit, self.gpu_times, self.point_size = memory_limit, gpu_times, point_size
        if isinstance(device, Device):
            device.check_thread("Renderer()")
        self._device = device if isinstance(device, Device) else Device.open(None if device == "auto" else device)
        try:
            self._generation = self._device.generation
            self._enter("Renderer()")
            self._msaa = min(int(msaa), self._device.capabilities.max_samples)
            self._begin_on_device()
            self.size = size
        except BaseException:
            self._device.registry.memory_limit = None
            if self._own_device:
                self._device.close()
            raise
        self.passes: list[Pass] = [ShadowPass(), OccludersPass(), OpaquePass(), SkyPass(), TransparentPass(), GhostPass(), SelectionPass(),
                                   OutlinePass(), OverlayPass(), EncodePass(), IdsPass()]

    def _begin_on_device(self) -> None:
        """Start with nothing drawn, on a device that is new or was restored."""
        self._pools = ResourcePools.of(self._device)
        self._pools.environments.table = dfg_table
        self._constants = ViewConstants(self._device)
        self._kept: _SceneViews | None = None
        self._color: ColorAttachments | None = None
        self._ids: IdAttachments | None = None
        self._shadow: ShadowMap | None = None
        self._hiding: Occlusion | None = None
        self._shadow_drawn: tuple[Any, ...] = ()
        self._shadow_planned: tuple[Any, ...] = ()
        self._frame: Frame | None = None
        self._context: FrameContext | None = None
        self._planned: tuple[ViewPlan, int] | None = None
        self._timers: PassTimers | None = None

    # --- settings ------------------------------------------------------------------------------------------------------

    @property
    def device(self) -> Device:
        """What draws."""
        return self._device

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the picture, pixels; may be set."""
        return self._size

    @size.setter
    def size(self, value: tuple[int, int]) -> None:
        check_picture(value, 1)
        self._device.check_thread("Renderer.size")
        width, height = int(value[0]), int(value[1])
        limit = self._device.capabilities.max_texture_size
        if max(width, height) > limit:
            raise InvalidInput(f"Renderer size={value!r} is larger than the {limit} pixels that this device allows; render tiles instead.")
        self._size = (width, height)

    @property
    def msaa(self) -> int:
        """Samples per pixel, at most what the device allows."""
        return self._msaa

    @property
    def refines(self) -> bool:
        """Whether the last frame left out more because the camera moved: drawing again without moving refines it."""
        return self._refines

    @property
    def memory(self) -> DeviceMemory:
        """What this renderer and its device hold, by what for; `Device.live_bytes` is for other threads."""
        self._device.check_thread("Renderer.memory")
        own = [held.nbytes for held in (self._color, self._ids, self._shadow, self._hiding) if held is not None]
        pools = {} if self._closed or self._device.closed else self._pools.memory()
        found = {"attachments": sum(own), "view": self._constants.nbytes, **pools}
        shared = dict.fromkeys(("geometry", "instances", "materials", "textures", "environment", "staging"), 0)
        others = sum(self._device.live_bytes.values()) - sum(found.values())
        return DeviceMemory(**{**shared, **found}, others=others, limit=self._memory_limit)

    # --- a frame -------------------------------------------------------------------------------------------------------

    def render(self, scene: Scene, camera: Any = None, outputs: Sequence[str] = ("color",)) -> Frame:
        """Draw one frame.

        Parameters
        ----------
        scene : Scene
        camera : Camera, Node that carries one, or None
            None frames the whole scene.
        outputs : sequence of "color", "depth", "ids"
            What is drawn; ids and depth cost a pass of their own.

        Returns
        -------
        Frame
            Its pixels are read on first access, at the latest before this renderer draws again.

        Raises
        ------
        InvalidInput, ReleasedError, WrongThreadError
        DeviceError
            The driver failed, or the scene needs more of one buffer than shaders read on this device; the message says what of.
        """
        wanted = self._check_call(scene, outputs, "Renderer.render")
        with scene.store:                                                    # no other thread may come in before the frame is drawn
            scene.update()                                                   # 1 posted edits; transforms, bounds, order: dirty only
            before = self._begin("Renderer.render")
            mirror = self._sync(scene)                                       # 2 geometry, materials, textures, pages of rows: changed only
            camera_plan, sun_plan, views = self._plan(scene, camera)         # 3 the camera, and the sun where it casts a shadow
            cull([view for view, _ in views.values()])                       # 4 one visit of the blocks for all views
            lists = self._build(views, mirror, wanted)                       # 5 visible runs to commands
            placed = self._upload(scene, views, lists, camera_plan, sun_plan)  # 6 constants, anchor offsets, lights, commands
            self._hide(scene, views["camera"][0], placed["camera"].lists)
            context = self._context_of(scene, mirror, placed, wanted)
            self._keep_shadow(scene, context, sun_plan)
            for step in self.passes:                                         # 7 in order
                step.run(context)
            return self._finish(scene, context, wanted, before, views)

    def _check_call(self, scene: Any, outputs: Sequence[str], where: str) -> tuple[str, ...]:
        self._enter(where)
        if not isinstance(scene, Scene):
            raise InvalidInput(f"{where} needs a Scene, such as mr.load(path) gives, not {type(scene).__name__}.")
        wanted = (outputs,) if isinstance(outputs, str) else tuple(outputs) if isinstance(outputs, Iterable) else ()
        if not wanted or any(name not in OUTPUTS for name in wanted):
            raise InvalidInput(f"outputs={outputs!r} must name at least one of {', '.join(OUTPUTS)}.")
        return wanted

    def _enter(self, where: str) -> None:
        """Make the device current, under this renderer's limit."""
        if self._closed:
            raise ReleasedError(f"{where} was called after close(); make a new Renderer.")
        self._device.check_current(where)
        if self._generation != self._device.generation:
            raise DeviceError(f"{where}: the device was restored after a loss; call Renderer.restore() on this renderer too")
        self._device.registry.memory_limit = self._memory_limit

    def _begin(self, where: str) -> dict[str, int]:
        self._enter(where)  # once more: posted calls may have closed this renderer, or drawn with another one of the device
        self._device.set_point_size(self._point_size)
        self._device.registry.drain()
        self._pools.textures.trim()
        self._frame = self._context = None
        self._pools.pipeline.forget()
        return dict(vars(self._device.stats))

    def _sync(self, scene: Scene) -> Any:
        mirror = self._pools.mirror(scene)
        mirror.sync_geometries(scene.geometry_list, scene.geometry_epoch, scene.geometry_changes)
        mirror.sync_materials(scene.material_list, scene.material_epoch, scene.material_changes)
        mirror.sync_rows(scene.store)
        return mirror

    def _plan(self, scene: Scene, camera: Any) -> tuple[ViewPlan, SunPlan | None, dict[str, tuple[View, ViewPlan]]]:
        kept = self._views_of(scene)
        kept.lights.follow(scene)
        aspect = self._size[0] / self._size[1]
        posed = default_camera(scene, aspect) if camera is None else camera_of(camera)
        anchors = scene.store.anchors
        plan, sun, views = plan_camera(posed, aspect, anchors), None, {}
        kept.camera.configure(plan.pose, plan.projection)
        self._refines = kept.moves(plan) and self._cull_pixels > 0
        occlusion = self._where_hidden(scene) == "cpu"
        if occlusion:
            scene.describe_occluders()
        kept.camera.set_detail(self._size, cull_pixels=self._cull_pixels * (MOVING if self._refines else 1.0),
                               lod_pixels=self._lod_pixels, occlusion=occlusion)
        views["camera"] = (kept.camera, plan)
        bounds = kept.bounds() if kept.lights.sun >= 0 else None
        if bounds is not None:
            sun = plan_sun(posed, plan, aspect, bounds, kept.lights.sun_direction, SHADOW_MAP_SIZE, kept.lights.sun_distance)
            kept.sun.configure(sun.view.pose, sun.view.projection)
            kept.sun.set_detail((SHADOW_MAP_SIZE, SHADOW_MAP_SIZE), cull_pixels=self._cull_pixels, lod_pixels=self._lod_pixels)
            views["sun"] = (kept.sun, sun.view)
        return plan, sun, views

    def _where_hidden(self, scene: Scene) -> str:
        """Return "cpu", "gpu" or nothing: a ghost hides nothing, and a selection is outlined through what hides it."""
        if not self._occlusion or self._pools.mirror(scene).states & (STATE_GHOST | STATE_SELECTED):
            return ""
        return self._occlusion if isinstance(self._occlusion, str) else self._device.capabilities.occlusion

    def _views_of(self, scene: Scene) -> _SceneViews:
        if self._kept is None or self._kept.scene is not scene:
            self._kept = _SceneViews(scene)
        return self._kept

    def _build(self, views: dict[str, tuple[View, ViewPlan]], mirror: SceneMirror, wanted: tuple[str, ...]) -> dict[str, Any]:
        camera, ranges, lists = views["camera"][0], mirror.ranges, {}
        if "color" in wanted:
            lists["opaque"] = camera.draw_list(ranges, alpha=_OPAQUE | _MASK, merge=False)
            lists["transparent"] = camera.draw_list(ranges, alpha=_BLEND, merge=False, sort=True)
            if "sun" in views:
                lists["shadow"] = views["sun"][0].draw_list(ranges, alpha=_OPAQUE | _MASK, merge=True)
        if "ids" in wanted or "depth" in wanted or mirror.states & (STATE_GHOST | STATE_SELECTED):
            lists["all"] = camera.draw_list(ranges, alpha=_OPAQUE | _MASK | _BLEND, merge=True)
        return lists

    def _upload(self, scene: Scene, views: dict[str, tuple[View, ViewPlan]], lists: dict[str, Any], plan: ViewPlan,
                sun: SunPlan | None) -> dict[str, PlacedView]:
        lights = self._views_of(scene).lights
        rows = lights.rows(plan.eye)
        blocks, offsets = [], []
        with np.errstate(over="ignore"):  # what becomes infinite is refused when it is written
            for view, view_plan in views.values():
                offsets.append(view.anchor_offsets(view_plan.eye))
                blocks.append(view_block(scene, view_plan, self, offsets[-1][0], len(rows), sun, lights.sun))
        self._constants.write_blocks(blocks)
        self._constants.write_lights(rows)
        places = self._constants.write_anchors(offsets)
        placed = {name: PlacedView(number * BLOCK_BYTES, *places[number]) for number, name in enumerate(views)}
        for name, drawn in zip(lists, self._constants.write_commands(list(lists.values())), strict=True):
            placed["sun" if name == "shadow" else "camera"].lists[name] = drawn
        return placed

    def _hide(self, scene: Scene, view: View, lists: dict[str, PlacedList]) -> None:
        """Let the device fill the commands of the camera's lists, where it looks for what is hidden; a camera that is no plain one keeps
        those of the processor."""
        if "opaque" not in lists or self._where_hidden(scene) != "gpu":
            return
        if self._hiding is None:
            self._hiding = Occlusion(self._pools)
        lists |= self._hiding.place(self._pools.mirror(scene), view, lists["opaque"], lists["transparent"]) or {}

    def _context_of(self, scene: Scene, mirror: Any, placed: dict[str, PlacedView], wanted: tuple[str, ...]) -> FrameContext:
        color = self._color_attachments() if "color" in wanted else None
        ids = self._id_attachments(self._size) if "ids" in wanted or "depth" in wanted else None
        if "sun" in placed and color is not None and self._shadow is None:
            self._shadow = ShadowMap(self._device, min(SHADOW_MAP_SIZE, self._device.capabilities.max_texture_size))
        constants = self._constants
        return FrameContext(
            self._pools, mirror, constants.blocks, constants.anchors, constants.lights, placed, scene.shading_classes,
            color, ids, self._shadow if "sun" in placed and color is not None else None, self._clear_color(scene), scene.environment,
            scene.store.anchor_count > 1, mirror.states, scene.colormap, scene.legends,
            self._hiding if "occluders" in placed["camera"].lists else None, gpu_times=self._times_of_frame())

    def _times_of_frame(self) -> FrameTimes | None:
        if not self._gpu_times or not self._device.capabilities.has("timer_query"):
            return None
        if self._timers is None:
            self._timers = PassTimers(self._device)
        return self._timers.frame()

    def _keep_shadow(self, scene: Scene, context: FrameContext, sun: SunPlan | None) -> None:
        """Leave the shadow map as it is while neither the scene nor the sun's view has changed; moving the camera often does not."""
        if context.shadow is None or sun is None:
            return
        draws = context.views["sun"].lists["shadow"].draws
        now = (draws, scene.store.epoch, scene.material_changes, sun.view.pose.tobytes(), sun.view.projection.tobytes())
        context.shadow_kept = now == self._shadow_drawn
        self._shadow_planned, self._shadow_drawn = now, ()  # until the frame is finished nobody knows what the map holds

    def _clear_color(self, scene: Scene) -> tuple[float, float, float, float] | None:
        """Return the premultiplied linear clear colour of a scene, or None where the environment is its background."""
        if scene.background_color is not None:
            return premultiplied(scene.background_color)
        if scene.background == "environment" and scene.environment is not None:
            return None
        return self._backdrop or (0.0, 0.0, 0.0, 0.0)

    def _color_attachments(self) -> ColorAttachments:
        if self._color is None or self._color.size != self._size:
            old, self._color = self._color, None  # making the new ones may fail
            if old is not None:
                old.release()
            self._color = ColorAttachments(self._device, self._size, self._msaa)
        return self._color

    def _id_attachments(self, size: tuple[int, int]) -> IdAttachments:
        if self._ids is None or self._ids.size != size:
            old, self._ids = self._ids, None
            if old is not None:
                old.release()
            self._ids = IdAttachments(self._device, size)
        return self._ids

    def _finish(self, scene: Scene, context: FrameContext, wanted: tuple[str, ...], before: dict[str, int],
                views: dict[str, tuple[View, ViewPlan]]) -> Frame:
        self._device.check("Renderer.render")
        if context.shadow is not None:
            self._shadow_drawn = self._shadow_planned
        after = vars(self._device.stats)
        moved = {name: after[name] - before[name] for name in ("bytes_uploaded", "bytes_view", "programs_compiled", "gl_calls")}
        stats = Stats(**context.counters, **moved, texture_bytes=self._pools.textures.nbytes, nodes=scene.store.node_count,
                      visible=int(views["camera"][0].visible_count), occluded=int(views["camera"][0].occluded),
                      passes={name: PassTime(ms) for name, ms in context.times.items()})
        times, context.gpu_times = None if context.gpu_times is None or self._timers is None else self._timers.submit(), None
        frame = Frame(self, scene, self._size, wanted, stats, times)
        self._frame, self._context, self._planned = frame, context, (views["camera"][1], scene.store.epoch)
        return frame

    # --- pixels --------------------------------------------------------------------------------------------------------

    def _read(self, frame: Frame, output: str) -> NDArray[Any]:
        """Read pixels of the frame drawn last; called by ``Frame`` once for each output."""
        if self._closed:
            raise ReleasedError(f"Frame.{output} was not read before its renderer closed; read it earlier.")
        if frame is not self._frame:
            raise ReleasedError(f"Frame.{output} was not read before its renderer drew again; read it right after render().")
        assert self._context is not None and self._planned is not None
        self._enter(f"Frame.{output}")
        if output == "color":
            assert self._context.color is not None
            return self._device.read_pixels(self._context.color.result, "rgba8", frame.size)
        if self._context.ids is None:
            self._draw_ids(frame)
        assert self._context.ids is not None
        if output == "ids":
            return np.ascontiguousarray(self._device.read_pixels(self._context.ids.framebuffer, "r32ui", frame.size)[::-1])
        depth = self._device.read_pixels(self._context.ids.framebuffer, "depth", frame.size)[::-1]
        return depth_in_metres(depth, self._planned[0].projection)

    def _draw_ids(self, frame: Frame) -> None:
        """Draw the ids of a frame that did not ask for them, from what is on the device."""
        assert self._context is not None and self._planned is not None
        scene: Scene = frame._scene
        if scene.store.epoch != self._planned[1]:
            raise ReleasedError("Frame.ids was not asked for and the scene has changed since; render with outputs=('color', 'ids').")
        self._enter("Frame.ids")
        self._pools.pipeline.forget()  # others may have used the context since the picture was drawn
        kept, context = self._views_of(scene), self._context
        with scene.store:
            draws = kept.camera.draw_list(context.mirror.ranges, alpha=_OPAQUE | _MASK | _BLEND, merge=True)
            context.views["camera"].lists["all"] = self._constants.write_commands([draws])[0]
            context.ids = self._id_attachments(frame.size)
            IdsPass().run(context)
        self._device.check("Frame.ids")

    def count_kept(self) -> int:
        """Return how many draws of the camera's frustum the device kept in the frame drawn last; waits for it.

        Raises
        ------
        ReleasedError
            The device did not look for hidden objects in that frame (``occlusion="gpu"``), or the renderer is closed.
        """
        if self._closed or self._context is None or self._context.occlusion is None:
            raise ReleasedError("Renderer.count_kept has nothing to count; draw a frame with occlusion='gpu' first.")
        self._enter("Renderer.count_kept")
        return int(np.unpackbits(self._context.occlusion.read().view(np.uint8)).sum())

    def present(self, framebuffer: int = 0, size: tuple[int, int] | None = None) -> None:
        """Copy the colour of the frame drawn last into a framebuffer of this device's context, such as a window's.

        Parameters
        ----------
        framebuffer : int
            GL name; 0 is the window.
        size : (width, height), pixels
            Of the framebuffer; the picture is stretched to it. None is the renderer's own size.

        Raises
        ------
        ReleasedError
            No frame with colour was drawn, or the renderer is closed.
        """
        if self._closed or self._context is None or self._context.color is None:
            raise ReleasedError("Renderer.present has no picture to show; call render() first.")
        self._enter("Renderer.present")
        (width, height), (wide, high) = self._context.color.size, size or self._context.color.size
        # The result has its top row first, so the copy turns it over.
        self._device.gl.glBlitNamedFramebuffer(self._context.color.result.name, framebuffer, 0, 0, width, height, 0, high, wide, 0,
                                               gl.GL_COLOR_BUFFER_BIT, gl.GL_NEAREST)

    # --- life ----------------------------------------------------------------------------------------------------------

    def compile(self, scene: Scene, *, part_states: bool = False) -> int:
        """Upload a scene and compile every program that any camera and any output need of it, hidden parts included, so that no frame
        stutters. One primitive of each kind is drawn and waited for, because many drivers finish a program when it draws first.

        Parameters
        ----------
        scene : Scene
        part_states : bool
            Also what ghosts, selections, highlights and values of parts will need, in a scene where no part has any yet.

        Returns
        -------
        int
            How many programs were compiled.

        Raises
        ------
        ShaderError
            A program does not compile or link; the message holds the place in its source.
        InvalidInput, ReleasedError, WrongThreadError, DeviceError
            As `render`.
        """
        self._check_call(scene, OUTPUTS, "Renderer.compile")
        with scene.store:
            scene.update()
            before, mirror = self._begin("Renderer.compile"), self._sync(scene)
            self._shadow_drawn = ()
            camera_plan, sun_plan, views = self._plan(scene, None)
            placed = self._upload(scene, views, warm_up_lists(scene.store, mirror.ranges, "sun" in views), camera_plan, sun_plan)
            for states in {mirror.states, mirror.states | (ALL_STATES if part_states else 0)}:
                context = self._context_of(scene, mirror, placed, OUTPUTS)
                context.states, context.gpu_times = states, None
                for step in self.passes:
                    step.run(context)
            self._device.check("Renderer.compile")
            if self._where_hidden(scene) == "gpu":  # what looks for hidden objects works on a whole frame
                self.render(scene)
                self._frame = self._context = None
            self._views_of(scene).stand()
            self._device.finish()
            return self._device.stats.programs_compiled - before["programs_compiled"]

    def simulate_loss(self) -> None:
        """Behave from now on as if the driver had lost the context: every use of this device raises until `restore`.

        For tests of what an application does then. See `restore`.
        """
        if self._closed:
            raise ReleasedError("Renderer.simulate_loss was called after close(); make a new Renderer.")
        self._device.simulate_loss()

    def restore(self) -> None:
        """Start anew on a new context after the driver lost the old one; the next frame uploads what it draws and looks as before.

        Frames that were not read are gone. Does nothing where nothing was lost. Other renderers of a shared device need it too.

        Raises
        ------
        ReleasedError
            The renderer or its device is closed.
        DeviceError
            The context belongs to a window, which has to be made anew, or there is no usable device any more.
        WrongThreadError
            The device belongs to another thread.
        """
        if self._closed:
            raise ReleasedError("Renderer.restore was called after close(); make a new Renderer.")
        self._device.restore()
        if self._generation != self._device.generation:
            self._begin_on_device()
            self._generation = self._device.generation

    def close(self) -> None:
        """Release attachments and, where the renderer opened it, the device; a second call does nothing.

        Raises
        ------
        WrongThreadError
            The device was opened on another thread; nothing is released then.
        """
        if self._closed:
            return
        if not self._device.closed:
            self._device.check_thread("Renderer.close")
        self._closed = True
        for held in (self._color, self._ids, self._shadow, self._constants, self._hiding, self._timers):
            if held is not None:
                held.release()
        self._frame = self._context = self._kept = None
        self._device.registry.memory_limit = None
        if self._own_device:
            self._device.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Renderer {self._size[0]}x{self._size[1]} msaa={self._msaa}{' closed' if self._closed else ''}>"
