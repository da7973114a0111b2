"""The lights of a scene as rows for the device: Python visits a light only when lights were edited, never per frame."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .gpu.bindings import LIGHT_DTYPE
from .lights import DirectionalLight, PointLight, SpotLight

DIRECTIONAL, POINT, SPOT = 0.0, 1.0, 2.0


class LightRows:
    """Follows the lights of one scene.

    Attributes
    ----------
    sun : int
        Row of the light that casts the shadow, or -1.
    sun_direction : (3,) float64
        The way it travels, world space.
    sun_distance : float or None
        How far its shadows reach, metres.
    """

    def __init__(self) -> None:
        self._seen: tuple[int, int] | None = None
        self._placed = b""
        self._changes = -1
        self._ids: NDArray[np.uint32] = np.zeros(0, np.uint32)
        self._rows = np.zeros(0, LIGHT_DTYPE)
        self._axes: NDArray[np.float64] = np.zeros((0, 3))
        self._casts: NDArray[np.bool_] = np.zeros(0, bool)
        self._positions: NDArray[np.float64] = np.zeros((0, 3))
        self._shown = np.zeros(0, LIGHT_DTYPE)
        self._stand = False
        """Whether any light that is shown stands somewhere."""
        self.sun, self.sun_direction = -1, np.zeros(3)
        self._distances: list[float | None] = []
        self.sun_distance: float | None = None

    def follow(self, scene: Any) -> None:
        """Bring the rows up to date with the scene."""
        if self._changes != scene.light_changes:
            self._changes = scene.light_changes
            self._describe(sorted(scene.lights, key=lambda node: node.id & 0xFFFFFF))
            self._seen, self._placed = None, b""
        now = (scene.store.epoch, self._changes)
        if now != self._seen:
            self._seen = now
            self._place(scene.store)

    def _describe(self, nodes: list[Any]) -> None:
        self._ids = np.array([node.id for node in nodes], np.uint32)
        self._rows = np.zeros(len(nodes), LIGHT_DTYPE)
        self._axes = np.zeros((len(nodes), 3))
        self._casts = np.zeros(len(nodes), bool)
        self._distances = [getattr(node.light, "shadow_distance", None) for node in nodes]
        for row, (node, axis) in enumerate(zip(nodes, self._axes, strict=True)):
            light, out = node.light, self._rows[row]
            out["color"][:3] = [channel * light.intensity for channel in light.color]
            axis[:] = light.direction if isinstance(light, DirectionalLight) else (0.0, 0.0, -1.0)
            self._casts[row] = isinstance(light, DirectionalLight) and light.shadow
            out["direction"][3] = SPOT if isinstance(light, SpotLight) else POINT if isinstance(light, PointLight) else DIRECTIONAL
            if isinstance(light, PointLight):
                out["position"][3] = 0.0 if math.isinf(light.range) else light.range
            if isinstance(light, SpotLight):
                # KHR_lights_punctual, "Inner and Outer Cone Angles"
                scale = 1.0 / max(0.001, math.cos(light.inner_angle) - math.cos(light.outer_angle))
                out["cone"][:2] = scale, -math.cos(light.outer_angle) * scale

    def _place(self, store: Any) -> None:
        if not len(self._ids):
            self.sun, self._shown, self._stand = -1, self._rows, False
            return
        world, shown = store.world_matrices(self._ids), store.shown(self._ids)
        placed = world.tobytes() + shown.tobytes()
        if placed == self._placed:  # most edits of a scene move no light
            return
        self._placed = placed
        directions = np.einsum("nij,nj->ni", world[:, :3, :3], self._axes)
        length = np.linalg.norm(directions, axis=1, keepdims=True)
        directions = np.where(length > 0, directions / np.where(length > 0, length, 1.0), self._axes)
        self._rows["direction"][:, :3] = directions
        self._positions, self._shown = world[shown, :3, 3], self._rows[shown]
        self._stand = bool((self._shown["direction"][:, 3] != DIRECTIONAL).any())
        casting = np.nonzero(self._casts[shown])[0]
        self.sun = int(casting[0]) if len(casting) else -1
        if self.sun >= 0:
            self.sun_direction = directions[shown][self.sun]
            self.sun_distance = self._distances[int(np.nonzero(shown)[0][self.sun])]

    def rows(self, eye: NDArray[np.float64]) -> NDArray[Any]:
        """Return the rows of the lights that are shown, in eye space: positions are float64 minus the eye, then float32."""
        if self._stand:  # a directional light has no place
            self._shown["position"][:, :3] = self._positions - eye
        return self._shown
