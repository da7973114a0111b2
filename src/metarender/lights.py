"""Punctual lights in glTF units (KHR_lights_punctual): descriptions that a node places in the world."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import number
from .color import Color, to_linear
from .errors import InvalidInput
from .origin import Origin
from .transforms import as_vector3
from .watched import Watched

LARGEST_INTENSITY = 1e30
"""What a float32 on the device holds with room for colour and distance."""


class Light(Watched):
    """What all lights share; a scene takes a DirectionalLight, PointLight or SpotLight.

    Attributes
    ----------
    name : str
    extras : dict
    """

    def __init__(self, color: Color = "white", intensity: float = 1.0, name: str = "") -> None:
        if type(self) is Light:
            raise InvalidInput("Light is what all lights share; use DirectionalLight, PointLight or SpotLight.")
        super().__init__()
        self.name = name
        self.extras: dict[str, Any] = {}
        self._origin: Origin | None = None
        self.color = color
        self.intensity = intensity

    @property
    def color(self) -> tuple[float, float, float]:
        """Linear RGB."""
        return self._color

    @color.setter
    def color(self, value: Color) -> None:
        self._color = to_linear(value, f"{type(self).__name__} color")[:3]

    @property
    def intensity(self) -> float:
        """Lux for a directional light, candela for the others."""
        return self._intensity

    @intensity.setter
    def intensity(self, value: float) -> None:
        self._intensity = number(value, f"{type(self).__name__} intensity", 0.0, LARGEST_INTENSITY)


class DirectionalLight(Light):
    """A light so far away that its rays are parallel: the sun.

    Parameters
    ----------
    color : colour
    intensity : float
        Lux; pi lights a white Lambert surface that faces it to exactly 1.
    direction : (3,) float or None
        The way the light travels, in the space of its node; None is the node's -Z.
    shadow : bool
        Whether it casts shadows (the first such light of a scene does).
    shadow_distance : float or None
        How far from the eye there are shadows, metres: the farther, the coarser. None takes 150 m in scenes that are larger.
    """

    def __init__(self, color: Color = "white", intensity: float = math.pi, direction: ArrayLike | None = None, shadow: bool = True,
                 *, shadow_distance: float | None = None, name: str = "") -> None:
        super().__init__(color, intensity, name)
        self.direction = direction
        self.shadow = bool(shadow)
        self.shadow_distance = shadow_distance

    @property
    def shadow_distance(self) -> float | None:
        """How far from the eye there are shadows, metres; None leaves it to the size of the scene."""
        return self._shadow_distance

    @shadow_distance.setter
    def shadow_distance(self, value: float | None) -> None:
        self._shadow_distance = None if value is None else number(value, "DirectionalLight shadow_distance", 1e-3, 1e9)

    @property
    def direction(self) -> NDArray[np.float64]:
        """The way the light travels, (3,) float64, unit length, in the space of its node."""
        return self._direction.copy()

    @direction.setter
    def direction(self, value: ArrayLike | None) -> None:
        vector = as_vector3((0.0, 0.0, -1.0) if value is None else value, "DirectionalLight direction")
        length = float(np.linalg.norm(vector))
        if not length > 0:
            raise InvalidInput("DirectionalLight direction is the zero vector; give the way the light travels, such as (0, -1, 0).")
        self._direction = vector / length


class PointLight(Light):
    """A light that shines to all sides from the origin of its node.

    Parameters
    ----------
    color : colour
    intensity : float
        Candela.
    range : float
        Metres after which it has no effect; infinite by default.
    """

    def __init__(self, color: Color = "white", intensity: float = 1.0, range: float = math.inf, *, name: str = "") -> None:
        super().__init__(color, intensity, name)
        self.range = range

    @property
    def range(self) -> float:
        """Metres after which it has no effect."""
        return self._range

    @range.setter
    def range(self, value: float) -> None:
        self._range = number(value, f"{type(self).__name__} range", 1e-9)


class SpotLight(PointLight):
    """A cone of light along the -Z of its node.

    Parameters
    ----------
    color : colour
    intensity : float
        Candela.
    range : float
        Metres after which it has no effect.
    inner_angle, outer_angle : float
        Radians from the axis where the fall-off begins and where it ends; 0 <= inner < outer <= pi/2.
    """

    def __init__(self, color: Color = "white", intensity: float = 1.0, range: float = math.inf, inner_angle: float = 0.0,
                 outer_angle: float = math.pi / 4, *, name: str = "") -> None:
        super().__init__(color, intensity, range, name=name)
        self._inner_angle, self._outer_angle = self._check_cone(inner_angle, outer_angle)

    @staticmethod
    def _check_cone(inner: float, outer: float) -> tuple[float, float]:
        inner = number(inner, "SpotLight inner_angle", 0.0, math.pi / 2)
        outer = number(outer, "SpotLight outer_angle", 0.0, math.pi / 2)
        if not inner < outer:
            raise InvalidInput(f"SpotLight inner_angle={inner!r} must be below outer_angle={outer!r}, both in radians.")
        return inner, outer

    @property
    def inner_angle(self) -> float:
        """Radians from the axis where the fall-off begins; below `outer_angle`."""
        return self._inner_angle

    @inner_angle.setter
    def inner_angle(self, value: float) -> None:
        self._inner_angle, _ = self._check_cone(value, self._outer_angle)

    @property
    def outer_angle(self) -> float:
        """Radians from the axis where the light ends; at most pi/2."""
        return self._outer_angle

    @outer_angle.setter
    def outer_angle(self, value: float) -> None:
        _, self._outer_angle = self._check_cone(self._inner_angle, value)
