"""Makes studio.bin beside this file: the built-in studio, filtered, and the table of the split sum.

Run it after a change of the lights below or of the filters (``python src/metarender/data/make_studio.py``), look at the
pictures, and commit the result. Radiance is in units that make a white surface which faces the key light about 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metarender import _core
from metarender.environment import DFG_SIZE, EnvironmentMaps, filter_maps, pack_shipped

SIZE, LEVELS = 128, 5
TABLE_SAMPLES = 1 << 12


@dataclass(frozen=True)
class SoftBox:
    """A rectangular light that faces the origin.

    ``centre`` in metres; ``width`` and ``height`` in metres, the height along what is most upright; ``feather`` is the share
    of each half that fades out; ``core`` is how much brighter the middle is than the rim of the fabric.
    """

    centre: tuple[float, float, float]
    width: float
    height: float
    radiance: float
    feather: float = 0.25
    core: float = 0.35


BOXES = (
    SoftBox((-2.9, 3.2, 3.6), 3.4, 3.2, 8.2),                   # key: high, in front, to the left
    SoftBox((4.4, 1.5, 2.0), 1.9, 4.6, 3.0),                    # fill: a tall soft wall to the right
    SoftBox((0.4, 4.6, -0.9), 4.4, 2.2, 3.2),                   # overhead: shapes the top edges
    SoftBox((-3.4, 1.8, -3.2), 0.9, 4.4, 7.5),                  # rim strips behind: outlines in metal and plastic
    SoftBox((3.6, 1.6, -3.0), 0.7, 4.2, 6.5),
)
FLOOR, FAR_FLOOR, WALL, CEILING = 0.55, 0.2, 0.38, 0.14         # the room: a pool of light on the floor, a horizon for metals to show


def _smooth(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def box_radiance(box: SoftBox, direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radiance of a soft box seen from the origin along unit directions (..., 3)."""
    centre = np.array(box.centre)
    distance = float(np.linalg.norm(centre))
    facing = centre / distance
    side = np.cross((0.0, 1.0, 0.0), facing) if abs(facing[1]) < 0.95 else np.array((1.0, 0.0, 0.0))
    side = side - facing * (side @ facing)
    side /= np.linalg.norm(side)
    cosine = direction @ facing
    plane = direction * (distance / np.maximum(cosine, 1e-6))[..., None]
    x, y = np.abs(plane @ side) / (box.width / 2), np.abs(plane @ np.cross(facing, side)) / (box.height / 2)
    edge = _smooth((1.0 - x) / box.feather) * _smooth((1.0 - y) / box.feather)
    fabric = 1.0 + box.core * (1.0 - np.minimum(x * x + y * y, 1.0))
    radiance: NDArray[np.float64] = np.where(cosine > 1e-3, box.radiance * fabric * edge, 0.0)
    return radiance


def studio_radiance(direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radiance of the whole studio along unit directions (..., 3); one channel, the studio has no colour."""
    up = direction[..., 1]
    floor = FAR_FLOOR + (FLOOR - FAR_FLOOR) * _smooth(-up / 0.9)
    wall = WALL + (CEILING - WALL) * _smooth(up / 0.8)
    room = floor + (wall - floor) * _smooth(0.5 + up / 0.12)
    for box in BOXES:
        room = room + box_radiance(box, direction)
    return room


def make_equirect(height: int = 1024) -> NDArray[np.float32]:
    """The studio as a (height, 2 height, 3) float32 equirectangular picture."""
    polar = (np.arange(height) + 0.5) / height * np.pi
    around = ((np.arange(2 * height) + 0.5) / (2 * height) - 0.5) * 2.0 * np.pi
    direction = np.stack(np.broadcast_arrays(np.sin(polar)[:, None] * np.cos(around), np.cos(polar)[:, None],
                                             np.sin(polar)[:, None] * np.sin(around)), axis=-1)
    return np.repeat(studio_radiance(direction)[..., None], 3, axis=-1).astype(np.float32)


def make_studio() -> tuple[EnvironmentMaps, NDArray[np.float16]]:
    """The filtered studio and the table of the split sum."""
    return filter_maps(make_equirect(), SIZE, LEVELS), _core.integrate_dfg(DFG_SIZE, TABLE_SAMPLES).astype(np.float16)


if __name__ == "__main__":
    target = Path(__file__).with_name("studio.bin")
    target.write_bytes(pack_shipped(*make_studio()))
    print(f"{target}: {target.stat().st_size} bytes")
