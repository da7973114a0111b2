"""UsdPreviewSurface to Standard materials: constants, textures beside the file or in its package, and what reads their coordinates."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AssetError, GltfError
from ..materials import Standard
from ..textures import Sampler, Texture, TextureInfo
from .files import read_file
from .images import decode, sniff
from .limits import Budget
from .text import described

_WRAPS = {"repeat": "repeat", "mirror": "mirrored_repeat", "clamp": "clamp_to_edge", "black": "clamp_to_edge"}
_CHANNELS = {"r": 0, "g": 1, "b": 2, "a": 3}


class Materials:
    """Makes materials of bound UsdShade materials, each once.

    Attributes
    ----------
    notes : list of str
        What was left out.
    """

    def __init__(self, path: Path, budget: Budget) -> None:
        self._path, self._budget = path, budget
        self._made: dict[tuple[str, bool], Standard] = {}
        self._pixels: dict[str, NDArray[np.uint8] | None] = {}
        self._textures: dict[tuple[str, bool, Sampler], Texture] = {}
        self._uvs: dict[str, str] = {}
        self.notes: list[str] = []

    def material(self, bound: Any, double_sided: bool) -> Standard | None:
        """Return the material of a binding, or None where its surface is no UsdPreviewSurface."""
        key = str(bound.GetPath()), double_sided
        if key not in self._made:
            shader = bound.ComputeSurfaceSource()[0]
            if not shader or shader.GetIdAttr().Get() != "UsdPreviewSurface":
                self.notes.append(f"the material {described(bound.GetPath())}, which is no UsdPreviewSurface")
                return None
            self._made[key] = self._surface(shader, str(bound.GetPath()), double_sided)
        return self._made[key]

    def uv_name(self, bound: Any) -> str:
        """Name of the primvar that the textures of a material read."""
        return self._uvs.get(str(bound.GetPath()), "st")

    def _surface(self, shader: Any, path: str, double_sided: bool) -> Standard:
        color, color_map = self._input(shader, "diffuseColor", (0.18, 0.18, 0.18), path)
        opacity, opacity_map = self._input(shader, "opacity", 1.0, path)
        threshold = _number(self._input(shader, "opacityThreshold", 0.0, path)[0], 0.0)
        emissive, emissive_map = self._input(shader, "emissiveColor", (0.0, 0.0, 0.0), path)
        rough, rough_map = self._input(shader, "roughness", 0.5, path)
        metal, metal_map = self._input(shader, "metallic", 0.0, path)
        _, normal_map = self._input(shader, "normal", None, path)
        _, occlusion_map = self._input(shader, "occlusion", None, path)
        alpha = 1.0 if opacity_map else min(max(_number(opacity, 1.0), 0.0), 1.0)
        seen = opacity_map is not None or alpha < 1.0
        base = (1.0, 1.0, 1.0) if color_map else _triple(color, 0.18)
        made = Standard(
            color=(*base, alpha), name=path.rpartition("/")[2], double_sided=double_sided,
            roughness=1.0 if rough_map else min(max(_number(rough, 0.5), 0.0), 1.0),
            metallic=1.0 if metal_map else min(max(_number(metal, 0.0), 0.0), 1.0),
            emissive=(1.0, 1.0, 1.0) if emissive_map else _triple(emissive, 0.0),
            alpha_mode="mask" if seen and threshold > 0.0 else "blend" if seen else "opaque", alpha_cutoff=min(max(threshold, 0.0), 1.0),
        )  # fmt: skip
        made.color_texture, made.emissive_texture = self._info(color_map, True), self._info(emissive_map, True)
        made.normal_texture, made.occlusion_texture = self._info(normal_map, False), self._info(occlusion_map, False)
        made.metallic_roughness_texture = self._packed(rough_map, metal_map)
        return made

    def _input(self, shader: Any, name: str, default: Any, path: str) -> tuple[Any, _Map | None]:
        """Return the constant of an input, and the texture that is connected to it."""
        found = shader.GetInput(name)
        if not found:
            return default, None
        sources = found.GetConnectedSources()[0]
        if not sources:
            value = found.Get()
            return (default if value is None else value), None
        source = sources[0].source
        node = _shader(source)
        if node is None or node.GetIdAttr().Get() != "UsdUVTexture":
            value = found.GetAttr().Get()
            return (default if value is None else value), None
        self._note_reader(node, path)
        return default, _Map(node, str(sources[0].sourceName))

    def _note_reader(self, texture: Any, path: str) -> None:
        """Remember which primvar a texture reads, through a transform or not."""
        at = texture.GetInput("st")
        for _ in range(4):
            sources = at.GetConnectedSources()[0] if at else []
            node = _shader(sources[0].source) if sources else None
            if node is None:
                return
            if node.GetIdAttr().Get() == "UsdPrimvarReader_float2":
                name = node.GetInput("varname").Get() if node.GetInput("varname") else None
                self._uvs.setdefault(path, str(name or "st"))
                return
            at = node.GetInput("in")

    def _info(self, source: _Map | None, srgb: bool) -> TextureInfo | None:
        if source is None or (pixels := self._picture(source.file)) is None:
            return None
        key = source.file, srgb, source.sampler
        if key not in self._textures:
            self._textures[key] = Texture(pixels, srgb=srgb, sampler=source.sampler, name=Path(source.file).name)
        return TextureInfo(self._textures[key])

    def _packed(self, rough: _Map | None, metal: _Map | None) -> TextureInfo | None:
        """Put roughness into green and metalness into blue, from whichever channels they are in."""
        found = [(at, source, pixels) for at, source in ((1, rough), (2, metal))
                 if source is not None and (pixels := self._picture(source.file)) is not None]
        if not found:
            return None
        shape = found[0][2].shape
        self._budget.take(shape[0] * shape[1] * 4, "The picture of roughness", "")
        joined = np.full(shape, 255, np.uint8)
        for at, source, pixels in found:
            if pixels.shape == shape:
                joined[..., at] = pixels[..., _CHANNELS.get(source.channel, 0)]
        return TextureInfo(Texture(joined, srgb=False, sampler=found[0][1].sampler))

    def _picture(self, name: str) -> NDArray[np.uint8] | None:
        if name not in self._pixels:
            data = self._bytes(name)
            if data is not None and sniff(data) not in ("image/png", "image/jpeg", "image/webp"):
                self.notes.append(f"the picture {described(name)}, which is neither PNG, JPEG nor WebP")
                data = None
            try:
                self._pixels[name] = None if data is None else decode(data, self._budget)
            except GltfError as error:
                raise AssetError(f"The picture {described(name)}: {error}") from None
        return self._pixels[name]

    def _bytes(self, name: str) -> bytes | None:
        """Read a picture from the folder of the file or from its package; None, with a note, where it is elsewhere or missing."""
        from pxr import Ar

        outer = Ar.SplitPackageRelativePathOuter(name)[0] if Ar.IsPackageRelativePath(name) else name
        place = Path(os.path.realpath(outer)) if outer else None
        if place is None or not place.is_relative_to(Path(os.path.realpath(self._path)).parent) or not place.is_file():
            self.notes.append(f"the picture {described(name or 'without a name')}, which is missing or lies outside the folder")
            return None
        if outer == name:
            self._budget.read_file(place.stat().st_size, f"The picture {described(name)}", "")
            return read_file(place, self._budget.limits)
        asset = Ar.GetResolver().OpenAsset(Ar.ResolvedPath(name))
        if not asset:
            self.notes.append(f"the picture {described(name)}, which is not in the package")
            return None
        self._budget.take(int(asset.GetSize()), f"The picture {described(name)}", "")
        with asset:
            return bytes(asset.GetBuffer())


class _Map:
    """A UsdUVTexture and the output that is read: the file it names and how it repeats."""

    def __init__(self, shader: Any, output: str) -> None:
        asset = shader.GetInput("file").Get() if shader.GetInput("file") else None
        self.file = str(asset.resolvedPath or asset.path) if asset is not None else ""
        self.channel = output
        wraps = [str(shader.GetInput(name).Get()) if shader.GetInput(name) else "" for name in ("wrapS", "wrapT")]
        self.sampler = Sampler(wrap_s=_WRAPS.get(wraps[0], "repeat"), wrap_t=_WRAPS.get(wraps[1], "repeat"))


def _shader(source: Any) -> Any:
    from pxr import UsdShade

    shader = UsdShade.Shader(source.GetPrim())
    return shader if shader and shader.GetIdAttr() else None


def _number(value: Any, default: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return default
    return number if np.isfinite(number) else default


def _triple(value: Any, default: float) -> tuple[float, float, float]:
    try:
        numbers = [max(_number(channel, default), 0.0) for channel in value]
    except TypeError:
        numbers = []
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 else (default, default, default)
