"""What all scenes of one device share: geometry, textures, programs, environments, and the pipeline that is bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import moderngl

from .colormap_textures import ColormapTextures
from .compute import ComputeProgram
from .environment_textures import EnvironmentTextures
from .geometry_pool import GeometryPool
from .overlay_textures import OverlayTextures
from .pipeline import PipelineState
from .programs import ProgramKey, Programs
from .scatter import Scatter
from .scene_mirror import SceneMirror
from .texture_pool import TexturePool

if TYPE_CHECKING:
    from .device import Device


class ResourcePools:
    """Made once per Device, on first use, and closed with it."""

    @classmethod
    def of(cls, device: Device) -> ResourcePools:
        """Return the pools of a device."""
        if device.pools is None:
            device.pools = cls(device)
        pools: ResourcePools = device.pools
        return pools

    def __init__(self, device: Device) -> None:
        self.device = device
        self.geometry = GeometryPool(device)
        self.textures = TexturePool(device)
        self.programs = Programs(device)
        self.pipeline = PipelineState(device)
        self.colormaps = ColormapTextures(device)
        self.overlays = OverlayTextures(device)
        self._scatter: Scatter | None = None
        self._compute: dict[tuple[str, tuple[str, ...]], ComputeProgram] = {}
        self.environments = EnvironmentTextures(device)
        self._fullscreen: dict[ProgramKey, moderngl.VertexArray] = {}
        self._resources: list[Any] = []
        self._mirrors: WeakKeyDictionary[Any, SceneMirror] = WeakKeyDictionary()

    @property
    def scatter(self) -> Scatter:
        """What writes many runs at once; compiled on first use."""
        if self._scatter is None:
            self._scatter = Scatter(self.device)
        return self._scatter

    def compute(self, path: str, features: tuple[str, ...] = ()) -> ComputeProgram:
        """Return a compute program; compiled on first use."""
        program = self._compute.get((path, features))
        if program is None:
            program = self._compute[path, features] = ComputeProgram(self.device, path, features)
        return program

    def fullscreen(self, key: ProgramKey) -> moderngl.VertexArray:
        """Return the vertex array of a full-screen program; its three vertices come from their number alone."""
        array = self._fullscreen.get(key)
        if array is None:
            self.device.registry.about_to("create", f"a vertex array for {key.render_pass}")
            array = self._fullscreen[key] = self.device.ctx.vertex_array(self.programs.get(key), [])
            self._resources.append(self.device.track("vertex_array", array.glo, array.release))
        return array

    def memory(self) -> dict[str, int]:
        """Return bytes of device memory by what they are for."""
        mirrors = list(self._mirrors.values())
        return {"geometry": self.geometry.nbytes, "instances": sum(mirror.nbytes for mirror in mirrors),
                "materials": sum(mirror.materials.nbytes for mirror in mirrors),
                "textures": self.textures.nbytes + self.colormaps.nbytes + self.overlays.nbytes,
                "environment": self.environments.nbytes, "staging": 0 if self._scatter is None else self._scatter.nbytes}

    def mirror(self, scene: Any) -> SceneMirror:
        """Return what this device holds of a scene; it is released when the scene is gone."""
        mirror = self._mirrors.get(scene)
        if mirror is None:
            mirror = self._mirrors[scene] = SceneMirror(self)
            self.device.on_gone(scene, "scene", mirror.release)
        return mirror
