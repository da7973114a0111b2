"""Which views a frame needs, the camera and the sun, as float64 poses and projections; nothing here touches the device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._core import view_projection
from .camera import Camera, PerspectiveCamera
from .errors import InvalidInput

SHADOW_DISTANCE = 150.0
"""Metres from the eye to which the sun's one map reaches in scenes that are larger than what it could resolve."""


class ViewPlan(NamedTuple):
    """One view before culling.

    Attributes
    ----------
    pose : (4, 4) float64
        Camera to world.
    projection : (4, 4) float64
        Reversed-Z, depth 0..1.
    eye_anchor : (3,) float64
        Origin of the anchor that the eye is nearest to, world space.
    parallel : bool
        Whether all rays are parallel.
    """

    pose: NDArray[np.float64]
    projection: NDArray[np.float64]
    eye_anchor: NDArray[np.float64]
    parallel: bool

    @property
    def eye(self) -> NDArray[np.float64]:
        """World position, (3,) float64."""
        return self.pose[:3, 3]

    @property
    def forward(self) -> NDArray[np.float64]:
        """The way it looks, unit, world axes."""
        return -self.pose[:3, 2]

    def view_projection(self) -> NDArray[np.float64]:
        """Eye space (world axes, origin at the eye) to clip space, (4, 4) float64."""
        return view_projection(self.pose, self.projection)


def camera_of(camera: Any) -> Camera:
    """Return a Camera in the pose that counts: its own, or that of the Node which carries it.

    Raises
    ------
    InvalidInput
        The argument is neither a Camera nor a Node that carries one.
    """
    if isinstance(camera, Camera):
        return camera
    carried = getattr(camera, "camera", None)
    if not isinstance(carried, Camera):
        raise InvalidInput(f"camera must be a Camera or a Node that carries one (see scene.cameras), not {type(camera).__name__}.")
    posed = object.__new__(type(carried))
    posed.__dict__.update(carried.__dict__)
    posed.matrix = camera.world_matrix
    return posed


def nearest_anchor(anchors: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the origin of the anchor nearest to a world position; the first of equals."""
    nearest: NDArray[np.float64] = anchors[0 if len(anchors) == 1 else int(np.abs(anchors - place).max(axis=1).argmin())]
    return nearest


def plan_camera(camera: Camera, aspect: float, anchors: NDArray[np.float64]) -> ViewPlan:
    """Return the view of a camera for a picture of that width over height."""
    pose = camera.matrix
    return ViewPlan(pose, camera.projection(aspect), nearest_anchor(anchors, pose[:3, 3]), not isinstance(camera, PerspectiveCamera))


def _round_to(values: NDArray[np.float64], quantum: float) -> NDArray[np.float64]:
    return np.round(values / quantum) * quantum


def _visible_sphere(camera: Camera, plan: ViewPlan, aspect: float, centre: NDArray[np.float64], radius: float,
                    distance: float | None) -> tuple[NDArray[np.float64], float]:
    """Return the sphere that the map must cover, relative to the eye's anchor: the scene, or the near part of the view."""
    eye = plan.eye - plan.eye_anchor
    gap = float(np.linalg.norm(centre - eye))
    reach = min(gap + radius, 2.0 * max(gap - radius, 0.0) + SHADOW_DISTANCE if distance is None else distance)
    if plan.parallel:
        return centre, radius
    projection = camera.projection(aspect)
    spread = math.hypot(1 / projection[0, 0], 1 / projection[1, 1])
    # Smallest sphere about a cone of that half angle's tangent and length `reach`.
    along = reach if spread >= 1 else reach * (1 + spread * spread) / 2
    slice_radius = reach * spread if spread >= 1 else along
    # An eighth of an octave at a time, so that the size of a texel does not breathe with every step of the camera.
    slice_radius = 2.0 ** (math.ceil(math.log2(slice_radius) * 8) / 8)
    return (centre, radius) if radius <= slice_radius else (eye + plan.forward * along, slice_radius)


def _light_axes(direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a rotation whose -Z is `direction`, (3, 3), a pure function of it."""
    back = -direction / np.linalg.norm(direction)
    helper = np.array([0.0, 1.0, 0.0]) if abs(back[1]) < 0.99 else np.array([1.0, 0.0, 0.0])
    right = np.cross(helper, back)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(back, right), back], axis=1)


@dataclass(frozen=True, slots=True)
class SunPlan:
    """The sun's view and how receivers find their place in its map."""

    view: ViewPlan
    texel: float
    """Edge of a texel, metres."""
    eye_to_map: NDArray[np.float64]
    """Eye space of the camera to map: xy 0..1, z reversed depth; (4, 4) float64."""
    depth_bias: float
    """Added to the receiver's depth."""


def plan_sun(camera: Camera, plan: ViewPlan, aspect: float, bounds: NDArray[np.float64], direction: NDArray[np.float64],
             size: int, distance: float | None = None) -> SunPlan:
    """Fit the sun's parallel view and snap it to whole texels, all relative to the anchor of the camera's eye.

    Never relative to the world origin: the same group far away must give the same bits. What depends on world positions
    is therefore rounded to a grid that survives float64 at planetary coordinates, before anything is computed from it.

    Parameters
    ----------
    bounds : (2, 3) float64
        Of the scene, world space, metres.
    direction : (3,) float64
        The way the light travels, world space.
    size : int
        Edge of the map, texels.
    distance : float, optional
        How far from the eye there are shadows, metres; `SHADOW_DISTANCE` in scenes that are larger.
    """
    relative = bounds - plan.eye_anchor
    extent = max(float((relative[1] - relative[0]).max()), 1e-6)
    quantum = 2.0 ** (math.ceil(math.log2(extent * 1.1)) - 16)
    relative = _round_to(relative, quantum)
    centre = relative.mean(axis=0)
    radius = float(np.linalg.norm(relative[1] - relative[0])) / 2 + 2 * quantum
    sphere_centre, sphere_radius = _visible_sphere(camera, plan, aspect, centre, radius, distance)
    axes = _light_axes(direction)
    texel = 2 * sphere_radius / (size - 2)
    half = texel * size / 2
    place = axes.T @ sphere_centre
    place[:2] = np.floor(place[:2] / texel) * texel
    toward = float(axes[:, 2] @ centre) + radius + 0.5 * quantum
    depth = max(toward - (place[2] - sphere_radius), quantum)
    place[2] = toward
    fine = min(2.0 ** -20, 2.0 ** (math.floor(math.log2(texel)) - 8))
    origin = _round_to(axes @ place, fine)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = axes, plan.eye_anchor + origin
    projection = np.diag([1 / half, 1 / half, 1 / depth, 1.0])
    projection[2, 3] = 1.0
    from_eye = np.eye(4)
    from_eye[:3, :3], from_eye[:3, 3] = axes.T, axes.T @ ((plan.eye - plan.eye_anchor) - origin)
    to_map = np.diag([0.5, 0.5, 1.0, 1.0])
    to_map[:2, 3] = 0.5
    return SunPlan(ViewPlan(pose, projection, plan.eye_anchor, True), texel, to_map @ projection @ from_eye, 0.5 * texel / depth)


def default_camera(scene: Any, aspect: float) -> PerspectiveCamera:
    """Return a camera that looks at the whole scene from above right, half way round from the front."""
    camera = PerspectiveCamera()
    camera.orbit(math.radians(30), math.radians(65), 1.0)
    bounds = scene.bounds
    return camera if bounds is None else camera.frame(bounds, aspect)  # type: ignore[return-value]


def clip_to_direction(plan: ViewPlan) -> NDArray[np.float64]:
    """Return the matrix from clip (x, y, 1, 1) to an eye-space direction."""
    if plan.parallel:
        matrix = np.zeros((4, 4))
        matrix[:3, 3] = plan.forward
        return matrix
    axes, projection = plan.pose[:3, :3], plan.projection
    matrix = np.zeros((4, 4))
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 3] = axes[:, 0] / projection[0, 0], axes[:, 1] / projection[1, 1], -axes[:, 2]
    return matrix


def depth_in_metres(depth: NDArray[np.float32], projection: NDArray[np.float64]) -> NDArray[np.float32]:
    """Turn reversed depth into metres along the view axis; 0, the background, becomes infinite."""
    value = depth.astype(np.float64)
    with np.errstate(divide="ignore"):
        if projection[3, 2] == 0:  # parallel: z_clip = a z + b with z = -distance
            metres = (projection[2, 3] - value) / projection[2, 2]
        else:
            metres = projection[2, 3] / (value - projection[2, 2] * projection[3, 2])
    return np.where(depth > 0, metres, np.inf).astype(np.float32)
