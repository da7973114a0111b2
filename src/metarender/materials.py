"""Materials: what a surface is made of, as fields of a row in its shader's table, a few feature bits, and textures."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .checks import number
from .color import Color, to_linear
from .colormap import Colormap
from .errors import InvalidInput
from .origin import Origin
from .textures import Sampler, Texture, TextureInfo, as_texture_info
from .watched import Watched

ALPHA_MODES = ("opaque", "mask", "blend")
ALPHA_SHIFT, DOUBLE_SIDED = 19, 1 << 21
"""Where a material's share of the geometry class lies; the drawing of the whole word is in ``_native/mr.h``."""

TEXTURE_SLOT_DTYPE = np.dtype([("u", "f4", 3), ("layer", "f4"), ("v", "f4", 3), ("tex_coord", "f4")])
"""GLSL TextureSlot: two rows that transform (u, v, 1), the layer of the page, and the set of coordinates."""

STANDARD_ROW = np.dtype([("color", "f4", 4), ("emissive", "f4", 3), ("alpha_cutoff", "f4"), ("metallic", "f4"), ("roughness", "f4"),
                         ("normal_scale", "f4"), ("occlusion_strength", "f4"), ("slots", TEXTURE_SLOT_DTYPE, 5)])
HEAT_ROW = np.dtype([("missing", "f4", 4), ("low", "f4"), ("scale", "f4"), ("alpha_cutoff", "f4"), ("opacity", "f4"),
                     ("slots", TEXTURE_SLOT_DTYPE, (1,))])
UNLIT_ROW = np.dtype([("color", "f4", 4), ("alpha_cutoff", "f4"), ("padding", "f4", 3), ("slots", TEXTURE_SLOT_DTYPE, (1,))])


class Material(Watched):
    """What all materials share.

    A subclass names its GLSL file (``shader``), the layout of its row (``row_dtype``, std430) and its texture slots
    (``slots``, attribute names; slot *i* present sets feature bit *i*).

    Parameters
    ----------
    alpha_mode : "opaque", "mask" or "blend"
    alpha_cutoff : float
        With "mask", a fragment is drawn where its alpha is at least this.
    double_sided : bool
        Whether back faces are drawn, lit from their own side.
    name : str

    Attributes
    ----------
    extras : dict
    """

    shader: ClassVar[str]
    row_dtype: ClassVar[np.dtype[Any]]
    slots: ClassVar[tuple[str, ...]]

    def __init__(self, alpha_mode: str = "opaque", alpha_cutoff: float = 0.5, double_sided: bool = False, name: str = "") -> None:
        if not hasattr(self, "shader"):
            raise InvalidInput(f"{type(self).__name__} names no shader; use Standard or Unlit.")
        super().__init__()
        self.alpha_mode = alpha_mode
        self.alpha_cutoff = alpha_cutoff
        self.double_sided = bool(double_sided)
        self.name = name
        self.extras: dict[str, Any] = {}
        self._origin: Origin | None = None

    @property
    def alpha_mode(self) -> str:
        """How alpha is used: "opaque", "mask" or "blend"."""
        return self._alpha_mode

    @alpha_mode.setter
    def alpha_mode(self, value: str) -> None:
        if value not in ALPHA_MODES:
            raise InvalidInput(f"alpha_mode={value!r} is unknown; use one of {', '.join(ALPHA_MODES)}.")
        self._alpha_mode = value

    @property
    def alpha_cutoff(self) -> float:
        """Smallest alpha that "mask" draws."""
        return self._alpha_cutoff

    @alpha_cutoff.setter
    def alpha_cutoff(self, value: float) -> None:
        self._alpha_cutoff = number(value, "alpha_cutoff", 0.0, 65504.0)

    @property
    def geometry_key(self) -> int:
        """Alpha and double-sided bits of the geometry class."""
        return ALPHA_MODES.index(self._alpha_mode) << ALPHA_SHIFT | (DOUBLE_SIDED if self.double_sided else 0)

    @property
    def texture_infos(self) -> tuple[TextureInfo | None, ...]:
        """The textures in slot order, None where a slot is empty."""
        return tuple(getattr(self, name) for name in self.slots)

    @property
    def features(self) -> int:
        """Bit *i* is set where texture slot *i* is filled."""
        return sum(1 << bit for bit, info in enumerate(self.texture_infos) if info is not None)

    @property
    def shading_key(self) -> tuple[Any, ...]:
        """What must be equal for two materials to be drawn by one program with one set of textures bound."""
        return self.shader, self.features, tuple(info.texture.page for info in self.texture_infos if info is not None)

    def check_geometry(self, geometry: Any) -> None:
        """Refuse a geometry that lacks what the material cannot do without.

        Raises
        ------
        InvalidInput
        """

    def fill_row(self, row: NDArray[Any], layers: list[int]) -> None:
        """Write the row of the material table.

        Parameters
        ----------
        row : () record of ``row_dtype``
        layers : list of int
            Layer of each texture slot's page, 0 where the slot is empty.
        """
        for info, layer, slot in zip(self.texture_infos, layers, row["slots"], strict=True):
            if info is not None:
                a, b, tx, c, d, ty = info.matrix()
                slot["u"], slot["v"], slot["layer"], slot["tex_coord"] = (a, b, tx), (c, d, ty), layer, info.tex_coord
        row["alpha_cutoff"] = self._alpha_cutoff


class _Texture:
    """A material attribute that holds a TextureInfo or None and accepts a Texture."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.slot = name, f"_{name}"

    def __get__(self, material: Material, owner: type | None = None) -> TextureInfo | None:
        info: TextureInfo | None = getattr(material, self.slot)
        return info

    def __set__(self, material: Material, value: Texture | TextureInfo | None) -> None:
        info = as_texture_info(value, f"{type(material).__name__} {self.name}")
        wants_srgb = self.name in ("color_texture", "emissive_texture")
        if info is not None and info.texture.page.srgb != wants_srgb:
            raise InvalidInput(f"{type(material).__name__} {self.name} needs a Texture with srgb={wants_srgb}, "
                               f"because it holds {'colours' if wants_srgb else 'numbers, not colours'}.")
        setattr(material, self.slot, info)


class _Factor:
    """A material attribute that holds one number of a stated range."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.slot = name, f"_{name}"

    def __get__(self, material: Material, owner: type | None = None) -> float:
        number: float = getattr(material, self.slot)
        return number

    def __set__(self, material: Material, value: float) -> None:
        setattr(material, self.slot, number(value, f"{type(material).__name__} {self.name}", self.low, self.high))


class Standard(Material):
    """The metallic-roughness material of glTF 2.0.

    Parameters
    ----------
    color : colour
        Base colour and alpha; multiplied by `color_texture` (sRGB) and vertex colours.
    metallic, roughness : float
        0..1; multiplied by blue and green of `metallic_roughness_texture` (linear).
    emissive : colour
    emissive_strength : float
        Multiplies `emissive` and `emissive_texture` (sRGB).
    normal_texture : Texture or TextureInfo
        Tangent-space normals (linear), scaled by `normal_scale`.
    occlusion_texture : Texture or TextureInfo
        Red, linear; `occlusion_strength` 0..1.
    alpha_mode, alpha_cutoff, double_sided, name
        As for every material.

    Raises
    ------
    InvalidInput
        A value is out of range, or a texture has the wrong colour space.
    """

    shader = "standard"
    row_dtype = STANDARD_ROW
    slots = ("color_texture", "metallic_roughness_texture", "normal_texture", "occlusion_texture", "emissive_texture")

    metallic = _Factor(0.0, 1.0)
    roughness = _Factor(0.0, 1.0)
    emissive_strength = _Factor(0.0, 65504.0)
    normal_scale = _Factor(-1e3, 1e3)
    occlusion_strength = _Factor(0.0, 1.0)
    color_texture = _Texture()
    metallic_roughness_texture = _Texture()
    normal_texture = _Texture()
    occlusion_texture = _Texture()
    emissive_texture = _Texture()

    def __init__(self, *, color: Color = "white", metallic: float = 0.0, roughness: float = 0.5, emissive: Color = "black",
                 emissive_strength: float = 1.0, color_texture: Texture | TextureInfo | None = None,
                 metallic_roughness_texture: Texture | TextureInfo | None = None, normal_texture: Texture | TextureInfo | None = None,
                 normal_scale: float = 1.0, occlusion_texture: Texture | TextureInfo | None = None, occlusion_strength: float = 1.0,
                 emissive_texture: Texture | TextureInfo | None = None, alpha_mode: str = "opaque", alpha_cutoff: float = 0.5,
                 double_sided: bool = False, name: str = "") -> None:
        super().__init__(alpha_mode, alpha_cutoff, double_sided, name)
        self.color, self.emissive = color, emissive
        self.metallic, self.roughness, self.emissive_strength = metallic, roughness, emissive_strength
        self.normal_scale, self.occlusion_strength = normal_scale, occlusion_strength
        self.color_texture, self.metallic_roughness_texture = color_texture, metallic_roughness_texture
        self.normal_texture, self.occlusion_texture, self.emissive_texture = normal_texture, occlusion_texture, emissive_texture

    @property
    def color(self) -> tuple[float, float, float, float]:
        """Base colour, linear RGB with straight alpha."""
        return self._color

    @color.setter
    def color(self, value: Color) -> None:
        self._color = to_linear(value)

    @property
    def emissive(self) -> tuple[float, float, float]:
        """Emitted light before `emissive_strength`, linear RGB."""
        return self._emissive

    @emissive.setter
    def emissive(self, value: Color) -> None:
        self._emissive = to_linear(value, "emissive")[:3]

    def fill_row(self, row: NDArray[Any], layers: list[int]) -> None:
        """Write the row of the material table; see ``Material.fill_row``."""
        super().fill_row(row, layers)
        row["color"] = self._color
        row["emissive"] = [channel * self.emissive_strength for channel in self._emissive]
        for name in ("metallic", "roughness", "normal_scale", "occlusion_strength"):
            row[name] = getattr(self, name)


class Unlit(Material):
    """A colour that no light changes and no tone mapping touches (KHR_materials_unlit).

    Parameters
    ----------
    color : colour
        Multiplied by `color_texture` (sRGB) and vertex colours; read back exactly as asked for.
    alpha_mode, alpha_cutoff, double_sided, name
        As for every material.
    """

    shader = "unlit"
    row_dtype = UNLIT_ROW
    slots = ("color_texture",)

    color_texture = _Texture()

    def __init__(self, *, color: Color = "white", color_texture: Texture | TextureInfo | None = None, alpha_mode: str = "opaque",
                 alpha_cutoff: float = 0.5, double_sided: bool = False, name: str = "") -> None:
        super().__init__(alpha_mode, alpha_cutoff, double_sided, name)
        self.color = color
        self.color_texture = color_texture

    @property
    def color(self) -> tuple[float, float, float, float]:
        """Colour, linear RGB with straight alpha."""
        return self._color

    @color.setter
    def color(self, value: Color) -> None:
        self._color = to_linear(value)

    def fill_row(self, row: NDArray[Any], layers: list[int]) -> None:
        """Write the row of the material table; see ``Material.fill_row``."""
        super().fill_row(row, layers)
        row["color"] = self._color


_RAMP_SAMPLER = Sampler("nearest", "nearest", "clamp_to_edge", "clamp_to_edge")


class Heat(Material):
    """The numbers of a `Field` as colours: interpolated between vertices as numbers, and looked up where they are seen.

    Its geometries have a field (`Geometry.with_field`). Unlit, so that a pixel reads back to its number (`Colormap.value_of`) to within a
    colour, 1/255 of the range; numbers go to the device as float32.

    Parameters
    ----------
    colormap : Colormap
        Ramp, and the range that it covers.
    missing : colour
        Where a number is NaN; its alpha counts with "mask" and "blend".
    opacity : float
        Alpha of the rest.
    lit : bool
        Whether light falls on the colours: shapes are easier to see, and colours no longer read back.
    alpha_mode, alpha_cutoff, double_sided, name
        As for every material.

    Raises
    ------
    InvalidInput
        A value is out of range.
    """

    row_dtype = HEAT_ROW
    slots = ("ramp",)
    opacity = _Factor(0.0, 1.0)

    def __init__(self, colormap: Colormap | None = None, *, missing: Color = "#808080", opacity: float = 1.0, lit: bool = False,
                 alpha_mode: str = "opaque", alpha_cutoff: float = 0.5, double_sided: bool = False, name: str = "") -> None:
        self._lit = bool(lit)
        super().__init__(alpha_mode, alpha_cutoff, double_sided, name)
        self.colormap = Colormap.viridis() if colormap is None else colormap
        self.missing, self.opacity = missing, opacity

    @property
    def shader(self) -> str:  # type: ignore[override]
        """The same surface with light and without."""
        return "heat_lit" if self._lit else "heat"

    @property
    def lit(self) -> bool:
        """Whether light falls on the colours."""
        return self._lit

    @lit.setter
    def lit(self, value: bool) -> None:
        self._lit = bool(value)

    @property
    def colormap(self) -> Colormap:
        """Ramp and range."""
        return self._colormap

    @colormap.setter
    def colormap(self, value: Colormap) -> None:
        if not isinstance(value, Colormap):
            raise InvalidInput(f"Heat colormap must be a Colormap such as Colormap.viridis(low, high), not {type(value).__name__}.")
        self._colormap = value
        texels = np.full((1, len(value.table), 4), 255, np.uint8)
        texels[0, :, :3] = value.table
        self._ramp = TextureInfo(Texture(texels, srgb=True, sampler=_RAMP_SAMPLER))

    @property
    def ramp(self) -> TextureInfo:
        """The colours of the colormap in a row."""
        return self._ramp

    @property
    def missing(self) -> tuple[float, float, float, float]:
        """Colour where there is no number, linear RGB with straight alpha."""
        return self._missing

    @missing.setter
    def missing(self, value: Color) -> None:
        self._missing = to_linear(value, "missing")

    def check_geometry(self, geometry: Any) -> None:
        """Refuse a geometry without a field."""
        if geometry.field is None:
            raise InvalidInput(f"Heat colours numbers, and {geometry!r} has none; give it some: geometry.with_field(mr.Field(values)).")

    def fill_row(self, row: NDArray[Any], layers: list[int]) -> None:
        """Write the row of the material table; see ``Material.fill_row``."""
        super().fill_row(row, layers)
        row["missing"], row["opacity"] = self._missing, self.opacity
        row["low"], row["scale"] = self._colormap.low, 1.0 / (self._colormap.high - self._colormap.low)
