"""Images, samplers, textures and materials of a checked glTF document, made on first use and shared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import GltfError
from ..materials import Material, Standard, Unlit
from ..origin import Origin
from ..textures import Sampler, Texture, TextureInfo
from .extras import library, missing
from .gltf_container import Resources
from .gltf_mesh_rules import texture_set
from .gltf_rules import TEXTURE_KINDS, texture_source
from .gltf_schema import pointer, shown
from .images import decode, sniff
from .kept import Source
from .ktx2 import BASIS, Blocks, read_basis
from .limits import Budget

FILTERS = {
    9728: "nearest", 9729: "linear", 9984: "nearest_mipmap_nearest", 9985: "linear_mipmap_nearest", 9986: "nearest_mipmap_linear",
    9987: "linear_mipmap_linear",
}
WRAPS = {33071: "clamp_to_edge", 33648: "mirrored_repeat", 10497: "repeat"}
_ALPHA_MODES = {"OPAQUE": "opaque", "MASK": "mask", "BLEND": "blend"}
MAX_STRENGTH = 65504.0
"""Of emission, as far as half floats go."""
_BASIS = ("KHR_texture_basisu", "GOOGLE_texture_basis")
"""Extensions that bring textures of Basis Universal: as KTX2, and as .basis."""


class Surface(NamedTuple):
    """A material and the two sets of texture coordinates that it reads.

    Attributes
    ----------
    material : Material
    sets : tuple of int
        Which TEXCOORD of the file the geometry puts into uv0 and uv1; (0, 1) unless the material reads higher sets.
    """

    material: Material
    sets: tuple[int, int]


class Materials:
    """Makes the materials of a document that something draws; nothing else is fetched or decoded.

    Parameters
    ----------
    document : dict
        Passed `check_document`.
    resources : Resources
        Fetches the files of images.
    view_bytes : callable
        ``view_bytes(index)`` returns the bytes of a buffer view.
    budget : Budget
    source : Source
        Keeps the pictures as they are in the file.

    Attributes
    ----------
    notes : list of str
        What was left out, for the warning.
    """

    def __init__(self, document: dict[str, Any], resources: Resources, view_bytes: Callable[[int], memoryview], budget: Budget,
                 source: Source) -> None:
        self._document = document
        self._resources = resources
        self._view_bytes = view_bytes
        self._budget = budget
        self._kept = source
        self.notes: list[str] = []
        self._surfaces: dict[int | None, Surface] = {}
        self._pictures: dict[int, NDArray[np.uint8] | Blocks | None] = {}
        self._textures: dict[tuple[int, bool], Texture] = {}

    def surface(self, number: int | None) -> Surface:
        """Return the material of that number, the default material for None.

        Raises
        ------
        AssetError, GltfError
            An image cannot be fetched or decoded.
        """
        if (surface := self._surfaces.get(number)) is None:
            surface = self._default() if number is None else self._make(self._document["materials"][number])
            origin = Origin.of(self._kept, -1 if number is None else number, surface.material)
            origin.held["sets"] = surface.sets
            surface.material._origin = origin
            self._surfaces[number] = surface
        return surface

    def made(self, number: int) -> Material | None:
        """Return the material of that number where something draws it."""
        surface = self._surfaces.get(number)
        return None if surface is None else surface.material

    def _default(self) -> Surface:
        return Surface(Standard(color=(1.0, 1.0, 1.0, 1.0), metallic=1.0, roughness=1.0), (0, 1))

    def _make(self, source: dict[str, Any]) -> Surface:
        rough = source.get("pbrMetallicRoughness", {})
        extensions = source.get("extensions", {})
        unlit = "KHR_materials_unlit" in extensions
        slots = {"color_texture": (rough.get("baseColorTexture"), True)}
        if not unlit:
            slots |= {
                "metallic_roughness_texture": (rough.get("metallicRoughnessTexture"), False),
                "normal_texture": (source.get("normalTexture"), False), "occlusion_texture": (source.get("occlusionTexture"), False),
                "emissive_texture": (source.get("emissiveTexture"), True),
            }
        sets = _coordinate_sets([info for info, _ in slots.values() if info is not None])
        textures: dict[str, Any] = {name: self._texture_info(info, srgb, sets) for name, (info, srgb) in slots.items() if info is not None}
        common: dict[str, Any] = {
            "color": tuple(map(float, rough.get("baseColorFactor", (1, 1, 1, 1)))), "name": source.get("name", ""),
            "alpha_mode": _ALPHA_MODES.get(source.get("alphaMode", "OPAQUE"), "opaque"),
            "alpha_cutoff": float(source.get("alphaCutoff", 0.5)), "double_sided": source.get("doubleSided", False),
        }
        material: Material
        if unlit:
            material = Unlit(**common, **textures)
        else:
            strength = extensions.get("KHR_materials_emissive_strength", {}).get("emissiveStrength", 1.0)
            material = Standard(
                **common, **textures, metallic=float(rough.get("metallicFactor", 1.0)), roughness=float(rough.get("roughnessFactor", 1.0)),
                emissive=tuple(map(float, source.get("emissiveFactor", (0, 0, 0)))), emissive_strength=min(float(strength), MAX_STRENGTH),
                normal_scale=_clamped(source.get("normalTexture", {}).get("scale", 1.0), 1e3),
                occlusion_strength=float(source.get("occlusionTexture", {}).get("strength", 1.0)),
            )
        if isinstance(extras := source.get("extras"), dict):
            material.extras.update(extras)
        return Surface(material, sets)

    def _texture_info(self, info: dict[str, Any], srgb: bool, sets: tuple[int, int]) -> TextureInfo | None:
        texture = self._texture(info["index"], srgb)
        if texture is None or (wanted := texture_set(info)) not in sets:
            return None
        transform = info.get("extensions", {}).get("KHR_texture_transform", {})
        offset, scale = transform.get("offset", (0, 0)), transform.get("scale", (1, 1))
        return TextureInfo(
            texture, sets.index(wanted), (float(offset[0]), float(offset[1])), float(transform.get("rotation", 0.0)),
            (float(scale[0]), float(scale[1])),
        )

    def _texture(self, number: int, srgb: bool) -> Texture | None:
        """Return the texture as colours or as numbers; None where it has no image that can be read, which draws as white."""
        key = number, srgb
        if (texture := self._textures.get(key)) is not None:
            return texture
        source = self._document["textures"][number]
        image = self._source(source, pointer("textures", number))
        if image is None or (picture := self._image(image)) is None:
            return None
        samplers = self._document.get("samplers", [])
        sampler = _sampler(samplers[source["sampler"]]) if "sampler" in source else Sampler()
        name = source.get("name") or self._document["images"][image].get("name", "")
        if isinstance(picture, Blocks):
            texture = Texture.from_blocks(picture.levels, picture.size, srgb=srgb, sampler=sampler, name=name)
        else:
            texture = Texture(picture, srgb=srgb, sampler=sampler, name=name)
        self._textures[key] = texture
        texture._origin = Origin(self._kept, number)
        return texture

    def _source(self, texture: dict[str, Any], where: str) -> int | None:
        """Choose the image of a texture: of the first extension that can be read here, else the plain one; None where there is none."""
        for extension in TEXTURE_KINDS:
            image = texture_source(texture, extension)
            if image is None:
                continue
            if extension not in _BASIS or library("opengl_basisu") is not None:
                return image
            if extension in self._document.get("extensionsRequired", ()):
                raise missing("opengl_basisu", extension, f"{where}/extensions/{extension}")
            if "source" not in texture:
                self.notes.append(f"{where}, for which opengl_basisu is missing (pip install 'metarender[gltf]')")
        return None

    def _image(self, number: int) -> NDArray[np.uint8] | Blocks | None:
        """Return the decoded picture; None, with a note, where its format is not one of glTF 2.0 and so may be a later one."""
        if number in self._pictures:
            return self._pictures[number]
        source = self._document["images"][number]
        where = pointer("images", number)
        declared = source.get("mimeType", "")
        data: bytes | memoryview
        if "uri" in source:
            data, mime = self._kept.images[number] = self._resources.fetch(source["uri"], where + "/uri")
            declared = declared or mime
        else:
            data = self._view_bytes(source["bufferView"])
        picture = self._pictures[number] = self._decode(data, declared, where, "uri" if "uri" in source else "bufferView")
        return picture

    def _decode(self, data: bytes | memoryview, declared: str, where: str, place: str) -> NDArray[np.uint8] | Blocks | None:
        """Decode by what the bytes are, which the file must have declared."""
        actual = sniff(data)
        needed = "KHR_texture_basisu" if actual == "image/ktx2" else "GOOGLE_texture_basis" if bytes(data[:2]) == BASIS else ""
        self._check_type(actual, declared, where, place)
        if needed in self._document.get("extensionsUsed", ()) and (codec := library("opengl_basisu")) is not None:
            return read_basis(data, codec, self._budget, where)
        if actual in ("", "image/ktx2"):
            self.notes.append(f"{where}, which is {'KTX2' if actual else 'of an unknown format'}")
            return None
        return decode(data, self._budget, where)

    def _check_type(self, actual: str, declared: str, where: str, place: str) -> None:
        if declared and actual and declared != actual:
            raise GltfError(f"The image is {actual} and declared as {shown(declared)}.", "IMAGE_MIME_TYPE_INVALID", f"{where}/{place}")
        if actual == "image/webp" and "EXT_texture_webp" not in self._document.get("extensionsUsed", ()):
            raise GltfError("image/webp needs the extension EXT_texture_webp.", "IMAGE_NON_ENABLED_MIME_TYPE", where)


def _clamped(value: float, limit: float) -> float:
    return max(-limit, min(limit, float(value)))


def _coordinate_sets(infos: list[dict[str, Any]]) -> tuple[int, int]:
    """Choose the two sets that the geometry carries: 0 and 1, or the two lowest that are read where others are."""
    used = sorted({texture_set(info) for info in infos})
    if not used or used[-1] < 2:
        return 0, 1
    return used[0], used[1] if len(used) > 1 else used[0] + 1


def _sampler(source: dict[str, Any]) -> Sampler:
    """Make a sampler; what the file leaves open, or sets to no value of glTF 2.0, becomes the default."""
    magnify = source.get("magFilter", 9729)
    return Sampler(
        mag=FILTERS[magnify] if magnify in (9728, 9729) else "linear",
        min=FILTERS.get(source.get("minFilter", 9987), "linear_mipmap_linear"),
        wrap_s=WRAPS.get(source.get("wrapS", 10497), "repeat"),
        wrap_t=WRAPS.get(source.get("wrapT", 10497), "repeat"),
    )
