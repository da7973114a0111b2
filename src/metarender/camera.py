"""Cameras: a pose of their own in float64 and a reversed-Z projection; they know no scene and no window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import is_number
from .errors import InvalidInput
from .origin import Origin
from .transforms import as_matrix, as_triple, as_vector3


class Camera:
    """What all cameras share: a pose, and the ways to set it. Looks along its own -Z with +Y up.

    Attributes
    ----------
    name : str
    extras : dict
        Application data, kept when files are loaded and saved.
    """

    _near: float
    _far: float

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.extras: dict[str, Any] = {}
        self._origin: Origin | None = None
        self._matrix: NDArray[np.float64] = np.eye(4)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Camera-to-world pose, (4, 4) float64, rigid; setting it accepts what ``Node.matrix`` accepts."""
        return self._matrix.copy()

    @matrix.setter
    def matrix(self, value: ArrayLike) -> None:
        matrix = as_matrix(value, "Camera.matrix")
        matrix[:3, :3] = _rotation_of(matrix[:3, :3])
        self._matrix = matrix

    @property
    def position(self) -> NDArray[np.float64]:
        """World position, (3,) float64, metres."""
        return self._matrix[:3, 3].copy()

    @position.setter
    def position(self, value: ArrayLike) -> None:
        self._matrix[:3, 3] = as_vector3(value, "Camera.position")

    def look_at(self, eye: ArrayLike, target: ArrayLike, up: ArrayLike = (0.0, 1.0, 0.0)) -> Camera:
        """Stand at `eye` and look at `target`.

        Parameters
        ----------
        eye, target, up : (3,) float, world space, metres
            Where `up` is parallel to the view direction, the nearest world axis replaces it.

        Returns
        -------
        Camera
            Itself.

        Raises
        ------
        InvalidInput
            Eye and target coincide, or a value is not finite.
        """
        place, aim = as_triple(eye, "look_at eye"), as_triple(target, "look_at target")
        back = place[0] - aim[0], place[1] - aim[1], place[2] - aim[2]
        distance = _length(back)
        if not distance > 0:
            raise InvalidInput(f"look_at eye and target are the same point {place}; move one of them.")
        self._aim(place, _divided(back, distance), as_triple(up, "look_at up"))
        return self

    def orbit(self, theta: float, phi: float, radius: float, target: ArrayLike = (0.0, 0.0, 0.0)) -> Camera:
        """Stand on a sphere around `target` and look at its centre.

        Parameters
        ----------
        theta : float
            Radians about +Y, counted from +Z.
        phi : float
            Radians from +Y.
        radius : float
            Metres; 0 stands on the target itself and only the direction counts.
        target : (3,) float, world space, metres

        Returns
        -------
        Camera
            Itself.
        """
        if not all(is_number(v) and math.isfinite(v) for v in (theta, phi, radius)) or radius < 0:
            raise InvalidInput(f"orbit(theta={theta!r}, phi={phi!r}, radius={radius!r}) needs finite numbers and a radius of at least 0.")
        back = math.sin(phi) * math.sin(theta), math.cos(phi), math.sin(phi) * math.cos(theta)
        # At the poles +Y is parallel to the view; the limit of phi from inside keeps the picture from jumping.
        up = 0.0, 1.0, 0.0
        if abs(back[1]) > 1 - 1e-12:
            side = math.copysign(1.0, back[1])
            up = -math.sin(theta) * side, 0.0, -math.cos(theta) * side
        x, y, z = as_triple(target, "orbit target")
        self._aim((x + radius * back[0], y + radius * back[1], z + radius * back[2]), back, up)
        return self

    def _aim(self, eye: Sequence[float], back: Sequence[float], up: Sequence[float]) -> None:
        right = _cross(up, back)
        length = _length(right)
        if not length > 1e-12 * max(1.0, _length(up)):
            right = _cross((0.0, 0.0, -1.0) if abs(back[1]) > 0.5 else (0.0, 1.0, 0.0), back)
            length = _length(right)
        right = _divided(right, length)
        (rx, ry, rz), (ux, uy, uz), (bx, by, bz), (ex, ey, ez) = right, _cross(back, right), back, eye
        self._matrix = np.array(((rx, ux, bx, ex), (ry, uy, by, ey), (rz, uz, bz, ez), (0.0, 0.0, 0.0, 1.0)))

    def frame(self, bounds: ArrayLike, aspect: float = 1.0) -> Camera:
        """Keep the view direction and move so that the whole box is in view.

        Parameters
        ----------
        bounds : (2, 3) float, world space, metres
            Lower and upper corner.
        aspect : float
            Width over height of the picture; below 1 the width decides.

        Returns
        -------
        Camera
            Itself.
        """
        try:
            box = np.asarray(bounds, np.float64)
        except (TypeError, ValueError):
            box = np.empty(0)
        if box.shape != (2, 3) or not np.isfinite(box).all() or (box[0] > box[1]).any():
            raise InvalidInput("frame bounds must be (2, 3) finite numbers, the lower corner first.")
        _check_aspect(aspect, "frame aspect")
        radius = max(float(np.linalg.norm(box[1] - box[0])) / 2, 1e-6)
        self._matrix[:3, 3] = box.mean(axis=0) + self._matrix[:3, 2] * self._fit(radius, aspect)
        return self

    @property
    def near(self) -> float:
        """Metres to the plane before which nothing is drawn; may be set."""
        return self._near

    @near.setter
    def near(self, value: float) -> None:
        self._near, _ = self._check_range(value, self._far)

    @property
    def far(self) -> float:
        """Metres to the plane beyond which nothing is drawn; may be set."""
        return self._far

    @far.setter
    def far(self, value: float) -> None:
        _, self._far = self._check_range(self._near, value)

    @property
    def aspect(self) -> float | None:
        """Width over height of the view, or None for the picture's; may be set."""
        return self._aspect

    @aspect.setter
    def aspect(self, value: float | None) -> None:
        self._aspect = None if value is None else _check_aspect(value, "aspect")

    def projection(self, aspect: float) -> NDArray[np.float64]:
        """Return the (4, 4) float64 projection for a picture of that width over height: reversed-Z, depth 1 near, 0 far."""
        raise InvalidInput("Camera is a base class; use PerspectiveCamera or OrthographicCamera.")

    def _check_range(self, near: float, far: float) -> tuple[float, float]:
        raise InvalidInput("Camera is a base class; use PerspectiveCamera or OrthographicCamera.")

    def ray(self, x: float, y: float, size: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the ray through the centre of a pixel, for ``Scene.raycast``.

        Parameters
        ----------
        x, y : float
            Pixel, counted from the top left as in ``Frame.pick``; fractions move off its centre.
        size : (width, height), pixels

        Returns
        -------
        origin : (3,) float64, world space, metres
            The eye, or for a parallel projection the point on the near plane.
        direction : (3,) float64, world space, unit length

        Raises
        ------
        InvalidInput
            A number is not finite or the size is not positive.
        """
        try:
            width, height = map(float, size)
            column, row = float(x), float(y)
        except (TypeError, ValueError):
            raise InvalidInput(f"ray({x!r}, {y!r}, {size!r}) needs two numbers and a size (width, height).") from None
        if not (all(map(math.isfinite, (column, row, width, height))) and width > 0 and height > 0):
            raise InvalidInput(f"ray({x!r}, {y!r}, {size!r}) needs finite numbers and a size above 0.")
        projection = self.projection(width / height)
        across, up = 2 * (column + 0.5) / width - 1, 1 - 2 * (row + 0.5) / height
        place = np.array([across / projection[0, 0], up / projection[1, 1], -1.0])
        turn, eye = self._matrix[:3, :3], self._matrix[:3, 3]
        if projection[3, 3]:  # parallel
            place[2] = -self.near
            return eye + turn @ place, -turn[:, 2]
        direction: NDArray[np.float64] = turn @ (place / np.linalg.norm(place))
        return eye.copy(), direction

    def _fit(self, radius: float, aspect: float) -> float:
        raise InvalidInput("Camera is a base class; use PerspectiveCamera or OrthographicCamera.")


# Plain numbers, because an array of three takes ten times as long, and cameras move every frame.


def _cross(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    (ax, ay, az), (bx, by, bz) = a, b
    return ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx


def _length(vector: Sequence[float]) -> float:
    x, y, z = vector
    return math.sqrt(x * x + y * y + z * z)


def _divided(vector: Sequence[float], by: float) -> tuple[float, float, float]:
    return vector[0] / by, vector[1] / by, vector[2] / by


def _check_aspect(value: float, what: str) -> float:
    if not is_number(value) or not 0 < value < math.inf:
        raise InvalidInput(f"{what}={value!r} must be a finite number above 0: width over height.")
    return float(value)


def _rotation_of(axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the right-handed rotation (3, 3) of scaled axes: -Z and +Y decide, scale and mirrors do not count (glTF 2.0, 3.10)."""
    back, up = axes[:, 2], axes[:, 1]
    right = np.cross(up, back)
    lengths = np.linalg.norm(axes, axis=0)
    if not (lengths > 0).all() or not np.linalg.norm(right) > 1e-12 * lengths[1] * lengths[2]:
        raise InvalidInput("Camera.matrix is singular; a camera pose needs three perpendicular axes.")
    back, right = back / lengths[2], right / np.linalg.norm(right)
    return np.stack([right, np.cross(back, right), back], axis=1)


class PerspectiveCamera(Camera):
    """A pinhole camera.

    Parameters
    ----------
    fov : float
        Vertical field of view, degrees, above 0 and below 180.
    near, far : float
        Metres; `far` may be infinite, which costs no depth precision with reversed-Z.
    aspect : float or None
        Width over height of the view; None takes the picture's.

    Raises
    ------
    InvalidInput
        A number is out of range.
    """

    def __init__(self, fov: float = 45.0, near: float = 1e-4, far: float = math.inf, *, aspect: float | None = None,
                 name: str = "") -> None:
        super().__init__(name)
        self._near, self._far = self._check_range(near, far)
        self.fov, self.aspect = fov, aspect

    @property
    def fov(self) -> float:
        """Vertical field of view, degrees; may be set."""
        return self._fov

    @fov.setter
    def fov(self, value: float) -> None:
        if not is_number(value) or not 0 < value < 180:
            raise InvalidInput(f"fov={value!r} must be in degrees, above 0 and below 180.")
        self._fov = float(value)

    def _check_range(self, near: float, far: float) -> tuple[float, float]:
        if not (is_number(near) and is_number(far) and 0 < near < far):
            raise InvalidInput(f"near={near!r} must be above 0 and below far={far!r}.")
        return float(near), float(far)

    def projection(self, aspect: float) -> NDArray[np.float64]:
        """Return the (4, 4) float64 reversed-Z projection (E. Lengyel, Projection Matrix Tricks, 2007, for infinite far)."""
        scale = 1.0 / math.tan(math.radians(self.fov) / 2)
        matrix = np.zeros((4, 4))
        matrix[0, 0], matrix[1, 1], matrix[3, 2] = scale / (self.aspect or aspect), scale, -1.0
        if math.isinf(self.far):
            matrix[2, 3] = self.near
        else:
            matrix[2, 2] = self.near / (self.far - self.near)
            matrix[2, 3] = self.near * self.far / (self.far - self.near)
        return matrix

    def _fit(self, radius: float, aspect: float) -> float:
        half = math.radians(self.fov) / 2
        narrow = min(half, math.atan(math.tan(half) * (self.aspect or aspect)))
        return radius / math.sin(narrow)


class OrthographicCamera(Camera):
    """A parallel projection.

    Parameters
    ----------
    height : float
        Height of the view, metres.
    near, far : float
        Metres along the view direction; `near` may be negative.
    aspect : float or None
        Width over height of the view; None takes the picture's.
    """

    def __init__(self, height: float = 2.0, near: float = 0.0, far: float = 1e4, *, aspect: float | None = None,
                 name: str = "") -> None:
        super().__init__(name)
        self._near, self._far = self._check_range(near, far)
        self.height, self.aspect = height, aspect

    @property
    def height(self) -> float:
        """Height of the view, metres; may be set."""
        return self._height

    @height.setter
    def height(self, value: float) -> None:
        if not is_number(value) or not 0 < value < math.inf:
            raise InvalidInput(f"height={value!r} must be above 0 and finite.")
        self._height = float(value)

    def _check_range(self, near: float, far: float) -> tuple[float, float]:
        if not (is_number(near) and is_number(far) and -math.inf < near < far < math.inf):
            raise InvalidInput(f"near={near!r} must be below far={far!r}, both finite.")
        return float(near), float(far)

    def projection(self, aspect: float) -> NDArray[np.float64]:
        """Return the (4, 4) float64 projection, depth 1 at near and 0 at far."""
        depth = self.far - self.near
        return np.array([[2 / (self.height * (self.aspect or aspect)), 0, 0, 0], [0, 2 / self.height, 0, 0],
                         [0, 0, 1 / depth, self.far / depth], [0, 0, 0, 1.0]])

    def _fit(self, radius: float, aspect: float) -> float:
        self.height = 2 * radius / min(1.0, self.aspect or aspect)
        self.far = max(self.far, self.near + 4 * radius)
        return 2 * radius + max(self.near, 0.0)
