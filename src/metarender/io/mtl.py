"""Material libraries of OBJ (.mtl) to Standard materials, with the keys of the physically based extension.

A library or picture that is missing, or lies outside the folder of the OBJ, is told in the warning and left out, as these files travel
without their companions more often than not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from ..color import srgb_decode
from ..errors import AssetError, GltfError
from ..materials import Standard
from ..textures import Sampler, Texture, TextureInfo
from .gltf_container import Resources
from .limits import Budget
from .pictures import Channel, Pictures
from .text import described

_ARITIES = {"-s": 3, "-o": 3, "-t": 3, "-mm": 2, "-bm": 1, "-boost": 1, "-texres": 1, "-imfchan": 1, "-type": 1, "-blendu": 1,
            "-blendv": 1, "-clamp": 1, "-cc": 1}
_MAPS = {"map_kd": "color_texture", "map_ke": "emissive_texture", "norm": "normal_texture"}
_LINES = 1_000_000

Fields = dict[str, str]


class Library:
    """The materials of an OBJ file.

    Attributes
    ----------
    notes : list of str
        What was left out.
    """

    def __init__(self, folder: Path, budget: Budget) -> None:
        self._fields: dict[str, Fields] = {}
        self._made: dict[str, Standard] = {}
        self._lines = 0
        self.notes: list[str] = []
        self._budget = budget
        self._resources = Resources(folder, budget)
        self._pictures = Pictures(lambda name: self._fetch(name, "picture"), budget, self.notes)

    def read(self, name: str) -> None:
        """Add the materials of a library beside the OBJ file.

        Raises
        ------
        AssetError
            It passes a limit.
        """
        data = self._fetch(name, "material library")
        if data is None:
            return
        self._lines += data.count(b"\n") + 1
        if self._lines > _LINES:
            raise AssetError(f"The material libraries up to {described(name)} have more than {_LINES:,} lines; check it.", "LIMIT_EXCEEDED")
        fields: Fields | None = None
        found: dict[str, Fields] = {}
        for line in data.decode("utf-8", "replace").splitlines():
            word, _, rest = line.strip().replace("\t", " ").partition(" ")
            if word == "newmtl":
                fields = found.setdefault(rest.strip()[:1000], {})
            elif fields is not None and word and not word.startswith("#"):
                fields.setdefault(word.lower(), rest.strip())
        self._budget.take(len(found) * 2000, "The materials", "")
        self._fields.update(found)

    def material(self, name: str) -> Standard | None:
        """Return the material of a name, None where no library has it; only those that are used are made.

        Raises
        ------
        AssetError
            A number in it is none, or it passes a limit.
        """
        if name not in self._made and name in self._fields:
            self._made[name] = self._material(name, self._fields[name])
        return self._made.get(name)

    def _fetch(self, name: str, what: str) -> bytes | None:
        """Return the bytes of a file in the folder; None, with a note, where it is not there."""
        try:
            return self._resources.fetch(quote(name.strip().replace("\\", "/"), safe="/"), "")[0]
        except GltfError as error:
            if error.code == "LIMIT_EXCEEDED":
                raise AssetError(str(error)) from None
            missing = error.code == "IO_ERROR"
            self.notes.append(f"the {what} {described(name)}, which {'is missing' if missing else 'lies outside the folder'}")
            return None

    def _material(self, name: str, fields: Fields) -> Standard:
        number = _numbers_of(name, fields)
        color = srgb_decode(np.clip(number("kd", 3, (0.8, 0.8, 0.8)), 0.0, 1.0))
        opacity = number("d", 1, (1.0 - number("tr", 1, (0.0,))[0],))[0]
        alpha = min(max(float(opacity), 0.0), 1.0)
        textures: dict[str, Any] = {slot: info for key, slot in _MAPS.items()
                                    if (info := self._texture(fields.get(key), slot != "normal_texture"))}
        masked, rough, metal = (self._channel(fields.get(key)) for key in ("map_d", "map_pr", "map_pm"))
        if masked is not None:
            textures["color_texture"] = self._masked(fields.get("map_kd"), fields["map_d"], masked)
        if rough is not None or metal is not None:
            options = _split(fields["map_pr" if rough is not None else "map_pm"])[1]
            textures["metallic_roughness_texture"] = self._joined((None, rough, metal, None), False, options)
        self.notes += [f"{key} of the material {described(name)}" for key in fields if key in ("map_bump", "bump", "disp")]
        gloss = _roughness(number("ks", 3, (1.0, 1.0, 1.0)), number("ns", 1, (10.0,)))
        blend = alpha < 1.0 or masked is not None
        emissive = srgb_decode(np.clip(number("ke", 3, (0.0, 0.0, 0.0)), 0.0, 1.0))
        return Standard(
            color=(*map(float, color), alpha), name=name, alpha_mode="blend" if blend else "opaque",
            roughness=_clip(number("pr", 1, (gloss if rough is None else 1.0,))[0]),
            metallic=_clip(number("pm", 1, (0.0 if metal is None else 1.0,))[0]),
            emissive=tuple(map(float, emissive)) if emissive.any() else (1.0, 1.0, 1.0) if "emissive_texture" in textures else "black",
            **textures,
        )  # fmt: skip

    def _texture(self, words: str | None, srgb: bool) -> TextureInfo | None:
        if not words:
            return None
        name, options = _split(words)
        texture = self._pictures.texture(name, srgb, _sampler(options))
        return None if texture is None else _info(texture, options)

    def _channel(self, words: str | None) -> Channel | None:
        """Return the first channel of a grey picture, None where there is no picture."""
        name = _split(words)[0] if words else ""
        return Channel(name) if name and self._pictures.pixels(name) is not None else None

    def _masked(self, color: str | None, mask: str, grey: Channel) -> TextureInfo | None:
        """Put a mask into the alpha of a coloured picture; where both are one picture, its own alpha is the mask."""
        name, options = _split(color or mask)
        if color is None or self._pictures.pixels(name) is None:
            return self._joined((None, None, None, grey), True, options)
        alpha = Channel(name, 3) if grey.name == name else grey
        return self._joined((Channel(name, 0), Channel(name, 1), Channel(name, 2), alpha), True, options)

    def _joined(self, channels: Sequence[Channel | None], srgb: bool, options: dict[str, list[str]]) -> TextureInfo | None:
        texture = self._pictures.joined(channels, srgb, _sampler(options))
        return None if texture is None else _info(texture, options)


def _sampler(options: dict[str, list[str]]) -> Sampler:
    wrap = "clamp_to_edge" if options.get("-clamp") == ["on"] else "repeat"
    return Sampler(wrap_s=wrap, wrap_t=wrap)


def _info(texture: Texture, options: dict[str, list[str]]) -> TextureInfo:
    """How a texture lies on a surface; v counts from the bottom in these files."""
    scale, offset = _pair(options.get("-s"), 1.0), _pair(options.get("-o"), 0.0)
    return TextureInfo(texture, 0, (offset[0], 1.0 - scale[1] - offset[1]), 0.0, scale)


def _numbers_of(material: str, fields: Fields) -> Callable[[str, int, Any], Any]:
    """Return a function that reads the numbers of a field."""

    def _read(key: str, count: int, default: Any) -> Any:
        words = fields.get(key, "").split()
        if not words or words[0] in ("spectral", "xyz"):
            return default
        try:
            values = [float(word) for word in words[:count] if word != "-halo"]
        except ValueError:
            values = []
        if not values or not np.isfinite(values).all():
            raise AssetError(f"{key!r} of the material {described(material)} needs {count} numbers, not {described(fields[key])}.")
        return values if len(values) == count else values[:1] * count

    return _read


def _roughness(specular: Any, exponent: Any) -> float:
    """From the exponent of a Blinn highlight; without any highlight a surface is matt."""
    if max(specular) <= 0.0:
        return 1.0
    return _clip((2.0 / (max(float(exponent[0]), 0.0) + 2.0)) ** 0.25)


def _clip(value: float) -> float:
    return min(max(float(value), 0.0), 1.0)


def _split(words: str) -> tuple[str, dict[str, list[str]]]:
    """Take the options before the name of a picture apart; the name may have blanks in it."""
    every, options, at = words.split(), dict[str, list[str]](), 0
    while at < len(every) and every[at] in _ARITIES:
        key, taken = every[at], list[str]()
        at += 1
        while at < len(every) and len(taken) < _ARITIES[key] and (len(taken) == 0 or _is_number(every[at])):
            taken.append(every[at])
            at += 1
        options[key] = taken
    rest = every[at:]
    return (words[words.find(rest[0]) :] if rest and not options else " ".join(rest)), options


def _is_number(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False


def _pair(words: list[str] | None, default: float) -> tuple[float, float]:
    values = [float(word) if _is_number(word) else default for word in (words or [])[:2]]
    return values[0] if values else default, values[1] if len(values) > 1 else default
