"""UsdPreviewSurface to Standard materials: constants, textures beside the file or in its package, and what reads their coordinates."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..materials import Standard
from ..textures import Sampler, Texture, TextureInfo
from .files import read_file
from .limits import Budget
from .pictures import Channel, Pictures
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
        self._made: dict[tuple[str, bool], Standard | None] = {}
        self._uvs: dict[str, str] = {}
        self.notes: list[str] = []
        self._pictures = Pictures(self._bytes, budget, self.notes)

    def material(self, bound: Any, double_sided: bool) -> Standard | None:
        """Return the material of a binding, or None where its surface is no UsdPreviewSurface."""
        key = str(bound.GetPath()), double_sided
        if key not in self._made:
            shader = bound.ComputeSurfaceSource()[0]
            if not shader or shader.GetIdAttr().Get() != "UsdPreviewSurface":
                self.notes.append(f"the material {described(bound.GetPath())}, which is no UsdPreviewSurface")
                self._made[key] = None
            else:
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
        alpha = _clip(opacity_map.scale if opacity_map else _number(opacity, 1.0))
        seen = opacity_map is not None or alpha < 1.0
        base = color_map.scales if color_map else _triple(color, 0.18)
        made = Standard(
            color=(*base, alpha), name=path.rpartition("/")[2], double_sided=double_sided,
            roughness=_clip(rough_map.scale if rough_map else _number(rough, 0.5)),
            metallic=_clip(metal_map.scale if metal_map else _number(metal, 0.0)),
            emissive=emissive_map.scales if emissive_map else _triple(emissive, 0.0),
            alpha_mode="mask" if seen and threshold > 0.0 else "blend" if seen else "opaque", alpha_cutoff=_clip(threshold),
        )  # fmt: skip
        made.color_texture = self._colored(color_map, opacity_map)
        made.emissive_texture = self._info(emissive_map, True)
        made.normal_texture = self._info(normal_map, False)
        if occlusion_map is not None and occlusion_map.channel.number:  # ours is in red
            made.occlusion_texture = self._joined((occlusion_map, None, None, None), False)
        else:
            made.occlusion_texture = self._info(occlusion_map, False)
        made.metallic_roughness_texture = self._joined((None, rough_map, metal_map, None), False)
        return made

    def _input(self, shader: Any, name: str, default: Any, path: str) -> tuple[Any, _Map | None]:
        """Return the constant of an input, and the texture that is connected to it where its picture is there."""
        found = shader.GetInput(name)
        if not found:
            return default, None
        sources = found.GetConnectedSources()[0]
        if not sources:
            value = found.Get()
            return (default if value is None else value), None
        node = _shader(sources[0].source)
        if node is None or node.GetIdAttr().Get() != "UsdUVTexture":
            value = found.GetAttr().Get()
            return (default if value is None else value), None
        source = _Map(node, str(sources[0].sourceName))
        if self._pictures.pixels(source.file) is None:
            return default, None
        if source.reader:
            self._uvs.setdefault(path, source.reader)
        return default, source

    def _info(self, source: _Map | None, srgb: bool) -> TextureInfo | None:
        if source is None:
            return None
        if srgb and source.raw:
            self.notes.append(f"the linear colours of {described(source.file)}, which are taken for sRGB")
        return source.info(self._pictures.texture(source.file, srgb, source.sampler))

    def _colored(self, color: _Map | None, opacity: _Map | None) -> TextureInfo | None:
        """Return the texture of colour, with the picture of opacity as its alpha."""
        if opacity is None:
            return self._info(color, True)
        if color is None:
            return self._joined((None, None, None, opacity), True)
        red, green, blue = (Channel(color.file, number) for number in range(3))
        return color.info(self._pictures.joined((red, green, blue, opacity.channel), True, color.sampler))

    def _joined(self, maps: Sequence[_Map | None], srgb: bool) -> TextureInfo | None:
        """Put single channels into one texture, which lies as the first of them does."""
        first = next((source for source in maps if source is not None), None)
        if first is None:
            return None
        return first.info(self._pictures.joined([None if source is None else source.channel for source in maps], srgb, first.sampler))

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
    """A UsdUVTexture and the output that is read.

    Attributes
    ----------
    file : str
        The picture that it names.
    channel : Channel
        The one of a single number.
    sampler : Sampler
    scales : three floats, 0 to 1
        What its colours are multiplied with.
    scale : float
        The same for the channel.
    raw : bool
        Whether its numbers are linear, as it says itself.
    reader : str
        The primvar that has its coordinates, empty where none is named.
    """

    def __init__(self, shader: Any, output: str) -> None:
        asset = _value(shader, "file")
        self.file = str(asset.resolvedPath or asset.path) if asset is not None else ""
        self.channel = Channel(self.file, _CHANNELS.get(output, 0))
        wraps = [_WRAPS.get(str(_value(shader, name)), "repeat") for name in ("wrapS", "wrapT")]
        self.sampler = Sampler(wrap_s=wraps[0], wrap_t=wraps[1])
        self.raw = str(_value(shader, "sourceColorSpace")) == "raw"
        scales = _numbers(_value(shader, "scale"), (1.0, 1.0, 1.0, 1.0))
        self.scales = _clip(scales[0]), _clip(scales[1]), _clip(scales[2])
        self.scale = scales[self.channel.number]
        self.reader = ""
        self._offset, self._rotation, self._stretch = (0.0, 0.0), 0.0, (1.0, 1.0)
        self._read_coordinates(shader)

    def info(self, texture: Texture | None) -> TextureInfo | None:
        """Lay a texture as this one lies."""
        return None if texture is None else TextureInfo(texture, 0, self._offset, self._rotation, self._stretch)

    def _read_coordinates(self, texture: Any) -> None:
        """Follow where the coordinates come from: a primvar, through a transform or not."""
        at = texture.GetInput("st")
        for _ in range(4):
            sources = at.GetConnectedSources()[0] if at else []
            node = _shader(sources[0].source) if sources else None
            if node is None:
                return
            if node.GetIdAttr().Get() == "UsdPrimvarReader_float2":
                self.reader = str(_value(node, "varname") or "st")
                return
            if node.GetIdAttr().Get() == "UsdTransform2d":
                self._turn(node)
            at = node.GetInput("in")

    def _turn(self, node: Any) -> None:
        """Take scale, rotation and translation, in that order, of coordinates whose v counts upwards; ours counts downwards."""
        wide, tall = _numbers(_value(node, "scale"), (1.0, 1.0))
        right, up = _numbers(_value(node, "translation"), (0.0, 0.0))
        angle = math.radians(_number(_value(node, "rotation"), 0.0))
        self._stretch, self._rotation = (wide, tall), angle
        self._offset = right - tall * math.sin(angle), 1.0 - up - tall * math.cos(angle)


def _value(shader: Any, name: str) -> Any:
    """Return the value of an input; None where there is no such input, or no value."""
    found = shader.GetInput(name)
    return found.Get() if found else None


def _shader(source: Any) -> Any:
    from pxr import UsdShade

    shader = UsdShade.Shader(source.GetPrim())
    return shader if shader and shader.GetIdAttr() else None


def _clip(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _numbers(value: Any, default: tuple[float, ...]) -> tuple[float, ...]:
    """Return as many finite numbers as `default` has, or that."""
    try:
        numbers = tuple(_number(channel, math.nan) for channel in value)
    except TypeError:
        return default
    return numbers if len(numbers) == len(default) and all(map(math.isfinite, numbers)) else default


def _number(value: Any, default: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return default
    return number if math.isfinite(number) else default


def _triple(value: Any, default: float) -> tuple[float, float, float]:
    red, green, blue = _numbers(value, (default, default, default))
    return max(red, 0.0), max(green, 0.0), max(blue, 0.0)
