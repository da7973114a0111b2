"""Orbit control: turn around a target, pan it, come nearer; changes a camera and knows no window.

Left button turns, right or middle button (or Shift with the left) pans, the wheel comes nearer, ``F`` frames the scene.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..camera import Camera, OrthographicCamera, PerspectiveCamera
from .events import LEFT, MIDDLE, RIGHT, AnyEvent, Key, Pointer, Resize, Wheel

TURN_PER_HEIGHT = math.pi  # radians for a drag over the whole height of the picture
ZOOM_PER_NOTCH = 1.1
NOTCH = 100.0  # logical pixels of one wheel notch
MIN_RADIUS = 1e-9  # metres; keeps repeated zooming from reaching 0, from where no factor leads back


@dataclass(frozen=True, slots=True)
class OrbitPose:
    """A camera seen as a point on a sphere around a target.

    Attributes
    ----------
    theta : float
        Radians about +Y from +Z.
    phi : float
        Radians from +Y, within [0, pi].
    radius : float
        Metres.
    target : tuple of float
        World space, metres.
    """

    theta: float
    phi: float
    radius: float
    target: tuple[float, float, float]

    def turned(self, dx: float, dy: float) -> OrbitPose:
        """Turn by a drag of (dx, dy) picture heights; right and down are positive, and the scene follows the pointer."""
        phi = min(max(self.phi - dy * TURN_PER_HEIGHT, 0.0), math.pi)
        theta = math.remainder(self.theta - dx * TURN_PER_HEIGHT, 2 * math.pi)
        return replace(self, theta=theta, phi=phi)

    def panned(self, dx: float, dy: float, height: float) -> OrbitPose:
        """Move the target by a drag of (dx, dy) picture heights, where the view is ``height`` metres high at the target."""
        right, up, _ = self.axes()
        move = (up * dy - right * dx) * height
        x, y, z = np.asarray(self.target) + move
        return replace(self, target=(float(x), float(y), float(z)))

    def zoomed(self, notches: float) -> OrbitPose:
        """Come nearer by wheel notches; negative goes away. The target stays."""
        factor = ZOOM_PER_NOTCH ** min(max(-notches, -100.0), 100.0)
        return replace(self, radius=min(max(self.radius * factor, MIN_RADIUS), 1e15))

    def axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Right, up and backward axis of the camera, (3,) float64 unit vectors in world space."""
        st, ct, sp, cp = math.sin(self.theta), math.cos(self.theta), math.sin(self.phi), math.cos(self.phi)
        right = np.array([ct, 0.0, -st])
        back = np.array([sp * st, cp, sp * ct])
        return right, np.cross(back, right), back


def pose_of(matrix: ArrayLike, target: ArrayLike | None = None, *, distance: float = 1.0) -> OrbitPose:
    """The orbit pose that looks along a camera's axis.

    Parameters
    ----------
    matrix : (4, 4) float
        Camera-to-world; a roll about the view axis is dropped.
    target : (3,) float, optional
        A point whose distance along the axis is kept; the target is put on the axis.
    distance : float
        Metres to the target where none is given, or where it lies behind the camera.
    """
    pose = np.asarray(matrix, np.float64)
    eye, back = pose[:3, 3], pose[:3, 2] / np.linalg.norm(pose[:3, 2])
    radius = distance
    if target is not None:
        along = float(np.dot(eye - np.asarray(target, np.float64), back))
        radius = along if along > MIN_RADIUS else distance
    phi = math.acos(min(max(float(back[1]), -1.0), 1.0))
    # At a pole the direction has no theta; the right axis (cos theta, 0, -sin theta) still does.
    steep = math.hypot(back[0], back[2]) < 1e-9
    theta = math.atan2(-pose[2, 0], pose[0, 0]) if steep else math.atan2(back[0], back[2])
    x, y, z = eye - back * radius
    return OrbitPose(theta, phi, radius, (float(x), float(y), float(z)))


class Orbit:
    """Turns events into camera moves.

    Parameters
    ----------
    camera : Camera
        Is moved; its pose when the control is made is where it starts.
    bounds : callable, optional
        Returns the (2, 3) world bounds to frame, metres, or None for an empty scene. Gives the first target too.
    size : tuple of float
        Logical pixels of the picture; `Resize` events change it.

    Attributes
    ----------
    pose : OrbitPose
        Where the camera is.
    """

    def __init__(
        self, camera: Camera, bounds: Callable[[], NDArray[np.float64] | None] | None = None, size: tuple[float, float] = (1280, 720)
    ) -> None:
        self._camera = camera
        self._bounds = bounds
        self._size = size
        self._last: tuple[float, float] | None = None
        box = bounds() if bounds is not None else None
        if box is None:
            self.pose = pose_of(camera.matrix, distance=max(float(np.linalg.norm(camera.position)), 1.0))
        else:
            extent = max(float(np.linalg.norm(box[1] - box[0])), 1e-6)
            self.pose = pose_of(camera.matrix, box.mean(axis=0), distance=extent)

    def handle(self, event: AnyEvent) -> bool:
        """Take one event; True if the camera moved."""
        if isinstance(event, Resize):
            if event.width > 0 and event.height > 0:
                self._size = (event.width, event.height)
            return False
        if isinstance(event, Pointer):
            return self._pointer(event)
        if isinstance(event, Wheel):
            return self._zoom(-event.dy / NOTCH)
        if isinstance(event, Key) and event.kind == "down" and event.key in ("f", "F"):
            return not {"Control", "Alt", "Meta"} & {*event.modifiers} and self.frame()
        return False

    def frame(self) -> bool:
        """Look at the whole scene from the present direction; False for an empty scene."""
        box = self._bounds() if self._bounds is not None else None
        if box is None:
            return False
        self._apply()
        self._camera.frame(box, self._size[0] / self._size[1])
        centre = box.mean(axis=0)
        distance = float(np.dot(self._camera.position - centre, self._camera.matrix[:3, 2]))
        self.pose = replace(self.pose, radius=max(distance, MIN_RADIUS), target=(float(centre[0]), float(centre[1]), float(centre[2])))
        return True

    def _pointer(self, event: Pointer) -> bool:
        if event.kind == "down" or not event.buttons:
            self._last = (event.x, event.y) if event.buttons else None
            return False
        last, self._last = self._last, (event.x, event.y)
        if event.kind != "move" or last is None:
            return False
        dx, dy = ((event.x - last[0]) / self._size[1], (event.y - last[1]) / self._size[1])
        if dx == 0 and dy == 0:
            return False
        pans = RIGHT in event.buttons or MIDDLE in event.buttons or (LEFT in event.buttons and "Shift" in event.modifiers)
        if pans:
            self.pose = self.pose.panned(dx, dy, self._view_height())
        elif LEFT in event.buttons:
            self.pose = self.pose.turned(dx, dy)
        else:
            return False
        self._apply()
        return True

    def _zoom(self, notches: float) -> bool:
        if notches == 0:
            return False
        before = self.pose.radius
        self.pose = self.pose.zoomed(notches)
        if isinstance(self._camera, OrthographicCamera):
            self._camera.height *= self.pose.radius / before
            # Coming nearer a parallel projection changes its height only; moving the eye could cut the scene off.
            self.pose = replace(self.pose, radius=before)
        self._apply()
        return True

    def _view_height(self) -> float:
        """Metres that the picture's height covers at the target."""
        if isinstance(self._camera, PerspectiveCamera):
            return 2.0 * self.pose.radius * math.tan(math.radians(self._camera.fov) / 2)
        return self._camera.height if isinstance(self._camera, OrthographicCamera) else self.pose.radius

    def _apply(self) -> None:
        self._camera.orbit(self.pose.theta, self.pose.phi, self.pose.radius, self.pose.target)
