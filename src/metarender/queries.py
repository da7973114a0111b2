"""Rays and regions: what a scene holds along a line, in a box, in a ball, in a frustum; answered by the core without the GPU."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._core import AS_DRAWN, BACK, FRONT, Bvh, Caster, Node, View, draw_space, palette_of
from .deformation import posed_positions
from .errors import InvalidInput
from .geometry import Geometry
from .views import camera_of

if TYPE_CHECKING:
    from .scene import Scene

ALL_LAYERS = 0xFFFFFFFF
MOST_POSED = 256
"""Hierarchies of posed draws that are kept for the next ray."""


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """Where a ray meets a scene first.

    Attributes
    ----------
    node : Node
    distance : float
        Metres from the origin of the ray.
    point : (3,) float64
        World space, metres; lies on the triangle.
    normal : (3,) float64
        Unit normal of the triangle in world space, on its front side (where its corners run counter-clockwise, mirrored
        transforms taken into account); zero where the transform leaves the triangle no area.
    geometry : Geometry
    triangle : int
        Number of the triangle in ``geometry.indices``.
    uv : (2,) float64
        Barycentric weights of the triangle's second and third corner; the first weighs ``1 - u - v``.
    front : bool
        Whether the ray came from the front side.
    """

    node: Node
    distance: float
    point: NDArray[np.float64]
    normal: NDArray[np.float64]
    geometry: Geometry
    triangle: int
    uv: NDArray[np.float64]
    front: bool


def _within_reach(positions: NDArray[np.float64], indices: NDArray[np.uint32]) -> tuple[NDArray[np.float64], NDArray[np.uint32]]:
    """Return posed triangles of which those with a corner beyond float32, which are not drawn, have no area."""
    lost = np.asarray(~(np.abs(positions) <= 1e30).all(axis=1), np.bool_)
    if not lost.any():
        return positions, indices
    corners = indices.reshape(-1, 3).copy()
    gone = np.asarray(lost[corners].any(axis=1), np.bool_)
    corners[gone] = corners[gone, :1]
    return np.where(lost[:, None], 0.0, positions), corners.reshape(-1)


class Queries:
    """Answers the rays and regions of one scene; made by the scene on first use, and keeps what speeds up the next one."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._caster = Caster(scene.store, self._find, self._pose)
        self._posed: dict[tuple[int, int, bool], tuple[tuple[bytes, ...], Bvh]] = {}
        self._seen = scene.geometry_changes

    def _find(self, index: int) -> Bvh:
        geometry = self._scene.geometry_list[index]
        if geometry is None:
            raise InvalidInput(f"the scene's geometry {index} has no description; draw only what scene.add() described")
        return geometry.hierarchy()

    def _pose(self, number: int, index: int, mirrored: bool) -> Bvh:
        """Return the hierarchy of what a node makes of a geometry now; the last ones are kept, because most things stand still."""
        geometry, store = self._scene.geometry_list[index], self._scene.store
        assert geometry is not None
        palette, weights = palette_of(store, number), Node(store, number).weights
        rows, _ = draw_space(store, number, index)
        follows = len(palette) > 0 and geometry.joints is not None
        stamp = (palette.tobytes() if follows else rows.tobytes(), weights.tobytes())
        known = self._posed.get((number, index, mirrored))
        if known is None or known[0] != stamp:
            with np.errstate(over="ignore", invalid="ignore"):
                positions = posed_positions(geometry, weights if geometry.morphs else (), palette if follows else None, rows)
            positions, indices = _within_reach(positions, geometry.indices)
            if mirrored:
                positions[:, 0] *= -1
            if len(self._posed) >= MOST_POSED:
                self._posed.clear()
            known = self._posed[number, index, mirrored] = stamp, Bvh(positions.astype(np.float32), indices)
        return known[1]

    def _current(self) -> Caster:
        if self._seen != self._scene.geometry_changes:
            self._caster.forget()
            self._posed.clear()
            self._seen = self._scene.geometry_changes
        return self._caster

    def raycast(self, origin: ArrayLike, direction: ArrayLike, max_distance: float, layers: int, visible_only: bool,
                back_faces: bool | None) -> Hit | None:
        """Answer :meth:`Scene.raycast`."""
        found = self._current().cast(origin, direction, _number(max_distance), layers, not visible_only, _sides(back_faces))
        if found is None:
            return None
        distance, point, normal, uv, number, index, triangle, front = found
        geometry: Any = self._scene.geometry_list[index]
        node = Node(self._scene.store, number)
        return Hit(node, distance, np.array(point), np.array(normal), geometry, triangle, np.array(uv), bool(front))

    def raycast_many(self, origins: ArrayLike, directions: ArrayLike, max_distance: float, layers: int, visible_only: bool,
                     back_faces: bool | None) -> NDArray[np.void]:
        """Answer :meth:`Scene.raycast_many`."""
        return self._current().cast_many(origins, directions, _number(max_distance), layers, not visible_only, _sides(back_faces))

    def query(self, frustum: Any, box: ArrayLike | None, sphere: Any, ray: Any, aspect: float | None, layers: int | None,
              visible_only: bool) -> NDArray[np.uint32]:
        """Answer :meth:`Scene.query`."""
        if sum(region is not None for region in (frustum, box, sphere, ray)) != 1:
            raise InvalidInput("query() takes exactly one of frustum, box, sphere and ray")
        caster, hidden = self._current(), not visible_only
        if frustum is not None:
            view, mask = self._view(frustum, aspect), layers
            return caster.in_view(view, mask, hidden)
        if aspect is not None:
            raise InvalidInput("aspect belongs to frustum=camera; leave it out")
        mask = ALL_LAYERS if layers is None else layers
        if box is not None:
            return caster.in_box(box, mask, hidden)
        if sphere is not None:
            centre, radius = _pair(sphere, "sphere", "(centre, radius)")
            return caster.in_sphere(centre, _number(radius, "the radius of a sphere"), mask, hidden)
        origin, direction = _pair(ray, "ray", "(origin, direction)")
        return caster.boxes_on_ray(origin, direction, math.inf, mask, hidden)

    def _view(self, frustum: Any, aspect: float | None) -> View:
        if isinstance(frustum, View):
            if aspect is not None:
                raise InvalidInput("aspect belongs to frustum=camera; a view has its own projection")
            return frustum
        camera = camera_of(frustum)
        if aspect is not None and not (isinstance(aspect, (int, float, np.number)) and 0 < aspect < math.inf):
            raise InvalidInput(f"aspect must be a number above 0, got {aspect!r}")
        view = View(self._scene.store)
        view.configure(camera.matrix, camera.projection(1.0 if aspect is None else float(aspect)))
        return view


def _number(value: Any, what: str = "max_distance") -> float:
    if not isinstance(value, (int, float, np.number)):
        raise InvalidInput(f"{what} must be a number, got {type(value).__name__}")
    return float(value)


def _pair(value: Any, what: str, spelled: str) -> tuple[Any, Any]:
    try:
        first, second = value
    except (TypeError, ValueError):
        raise InvalidInput(f"{what} must be {spelled}, got {value!r}") from None
    return first, second


def _sides(back_faces: bool | None) -> int:
    if back_faces is None:
        return AS_DRAWN
    return FRONT | BACK if back_faces else FRONT
