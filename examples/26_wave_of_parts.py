"""A hundred thousand parts that a clip of arrays moves, colours and shows: a field of tiles flies up, tile by tile, and becomes a sphere.

Keys are arrays for all parts at once, and `at` samples them without a loop in Python: a million positions take 2 ms, half of what numpy
needs for the same (`benchmarks/test_animation.py`).

test: compare
budget: draw_calls=2 bytes_uploaded=0
"""

import numpy as np

import metarender as mr

ROWS, COLUMNS = 250, 400
COUNT = ROWS * COLUMNS
KEYS = 25
RADIUS, HEIGHT = 30.0, 42.0  # of the sphere and of its centre, metres


def places() -> tuple[np.ndarray, np.ndarray]:
    """Return where each part lies in the field and on the sphere, (n, 3) metres; both in the order in which parts leave."""
    column, row = np.divmod(np.arange(COUNT), ROWS)
    field = np.stack([column - COLUMNS / 2, 0 * row, row - ROWS / 2], axis=1) * (0.5, 1.0, 0.5)
    field = field[np.argsort(np.hypot(field[:, 0], field[:, 2]), kind="stable")]  # from the middle outwards
    number = np.arange(COUNT) + 0.5
    height, turn = 2 * number / COUNT - 1, number * np.pi * (3 - np.sqrt(5))  # spiral of Fibonacci, from the lower pole up
    ring = np.sqrt(1 - height**2)
    return field, np.stack([ring * np.cos(turn), height, ring * np.sin(turn)], axis=1) * RADIUS + (0, HEIGHT, 0)


def flight(parts: mr.Instances) -> mr.Clip:
    """Return a clip of eight seconds with three tracks for all parts."""
    times = np.linspace(0, 8, KEYS)
    leaves = 6 * np.arange(COUNT) / COUNT
    share = np.clip((times[:, None] - leaves) / 2, 0, 1)[..., None]  # of its way, (keys, parts, 1)
    field, sphere = places()
    swirl = np.sin(np.pi * share) * np.stack([-sphere[:, 2], 0 * leaves, sphere[:, 0]], axis=1) * 0.5
    position = (field + (sphere - field) * share * share * (3 - 2 * share) + swirl).astype(np.float32)
    start, middle, end = (np.array(color, np.float32) for color in ((52, 66, 84, 255), (255, 150, 40, 255), (30, 150, 160, 255)))
    color = start + (end - start) * share + np.sin(np.pi * share) * (middle - (start + end) / 2)
    holes = np.hypot(*field[:, [0, 2]].T) % 8 < 0.35  # rings that show only once they are under way
    visible = (share[..., 0] > 0) | ~holes
    return mr.Clip("flight", [mr.Track(parts, "position", times, position), mr.Track(parts, "color", times, np.clip(color, 0, 255)),
                              mr.Track(parts, "visible", times, visible, "step")])


def build(seconds: float = 4.6) -> tuple[mr.Scene, mr.Camera]:
    """Return the scene at a time, and the camera."""
    scene = mr.Scene()
    parts = scene.add_instances(mr.box((0.42, 0.2, 0.42)), mr.Standard(roughness=0.5), count=COUNT)
    scene.play(flight(parts), loop="pingpong")
    scene.add(mr.DirectionalLight(direction=(-1, -2, -1.5), intensity=2.5))
    scene.environment, scene.background = mr.Environment.studio(intensity=0.7), "#10161d"
    scene.at(seconds)
    return scene, mr.PerspectiveCamera(fov=34).look_at((95, 105, 190), (0, 17, 0))


if __name__ == "__main__":
    scene, camera = build()
    mr.view(scene, camera=camera)  # plays; the space bar stops it
