"""A factory of 113,000 parts in which 10,000 move every frame: carriers on loops around the lines, trays on sorters above them.

One line is in focus: the others are ghosts, and the parcels above it show how warm they are. Two free cores without a GPU: built in 0.1 s;
moving 10,000 parts takes 2 ms in numpy and the scene, the whole frame 0.7 s at 480x270 with four samples. Rows of 48 bytes go up for what
moved, in pages of 64. The scene holds 277 bytes a part, the process peaks at 0.4 GB.

test: compare
budget: draw_calls=3 bytes_uploaded=0 store_bytes_per_part=290 peak_mb=500 cpu_seconds=20
moving: draw_calls=3 bytes_uploaded=570000 gl_calls=110
"""

import numpy as np

import metarender as mr
from metarender.demos.production_line import LINE_SPACING, LINES
from metarender.demos.production_line import build as build_hall

CARRIERS, TRAYS = 300, 3500
STRAIGHT = 112.0  # of a loop, metres

# What makes a carrier: size, place and colour of ten boxes.
CARRIER = [
    ((1.6, 0.24, 0.9), (0, 0.26, 0), "#f06014"), ((1.4, 0.1, 0.8), (0, 0.12, 0), "#26282c"), ((0.14, 0.5, 0.8), (0.72, 0.6, 0), "#343a3e"),
    ((0.1, 0.1, 0.1), (0.74, 0.92, 0.3), "#2ee06a"), ((1.2, 0.1, 0.8), (-0.1, 0.44, 0), "#b08454"),
    ((0.5, 0.4, 0.36), (-0.4, 0.7, 0.2), "#c49a6c"), ((0.5, 0.4, 0.36), (-0.4, 0.7, -0.2), "#b88c60"),
    ((0.5, 0.4, 0.36), (0.15, 0.7, 0.2), "#cda67a"), ((0.5, 0.3, 0.36), (0.15, 0.65, -0.2), "#c49a6c"),
    ((0.4, 0.3, 0.5), (-0.1, 1.05, 0), "#365ca8"),
]


def on_loop(along: np.ndarray, half: float) -> np.ndarray:
    """Poses (n, 4, 4) at `along` metres of a loop of two straights and two half circles of radius `half`."""
    arc = np.pi * half
    side, rest = np.divmod(along % (2 * (STRAIGHT + arc)), STRAIGHT + arc)
    turn = np.clip(rest - STRAIGHT, 0, None) / half
    angle = np.pi * side + turn
    c, s, x = np.cos(angle), np.sin(angle), np.minimum(rest, STRAIGHT) - STRAIGHT / 2
    poses = np.tile(np.eye(4), (len(along), 1, 1))
    poses[:, 0, 0], poses[:, 0, 2], poses[:, 2, 0], poses[:, 2, 2] = c, -s, s, c
    flip = np.where(side > 0, -1, 1)
    poses[:, 0, 3] = flip * (x + half * np.sin(turn))
    poses[:, 2, 3] = -flip * half * np.cos(turn)
    return poses


def move(scene: mr.Scene, seconds: float) -> None:
    """Put everything that moves where it is at a time."""
    carriers, trays, parcels = (parts for parts in scene.parts if parts.name in ("carriers", "trays", "parcels"))
    line = (np.arange(LINES) - (LINES - 1) / 2) * LINE_SPACING
    number = np.arange(CARRIERS)
    poses = on_loop(number // LINES * 5.0 + 1.2 * seconds, 4.1)
    poses[:, 2, 3] += line[number % LINES]
    local = np.tile(np.eye(4), (len(CARRIER), 1, 1))
    local[:, :3, 3] = [place for _, place, _ in CARRIER]
    with carriers.edit("matrix") as matrix:  # (3000, 4, 4), a copy that is written back
        matrix[:] = (poses[:, None] @ local).reshape(-1, 4, 4)
    number = np.arange(TRAYS)
    poses = on_loop(number // LINES * 0.42 + 2.0 * seconds, 2.2)
    poses[:, :3, 3] += np.stack([0 * number, 0 * number + 4.6, line[number % LINES]], axis=1)
    with trays.edit("matrix") as matrix:
        matrix[:] = poses
    with parcels.edit("position") as position:  # (3500, 3), a view
        position[:] = poses[:, :3, 3] + (0, 0.16, 0)


def build(seconds: float = 2.0) -> tuple[mr.Scene, mr.Camera]:
    """Return the scene at a time, and the camera."""
    scene = build_hall().scene
    random = np.random.default_rng(5)
    paint = mr.Standard(roughness=0.5)
    boxes, colors = [mr.box(size) for size, _, _ in CARRIER], [mr.Standard(color=color, roughness=0.5) for _, _, color in CARRIER]
    kind = np.tile(np.arange(len(CARRIER)), CARRIERS)
    scene.add_parts(boxes, colors, kind, kind, np.tile(np.eye(4), (len(kind), 1, 1)), name="carriers")
    scene.add_instances(mr.box((0.4, 0.06, 0.7)), mr.Standard(color="#2c5aa0", roughness=0.4), TRAYS, name="trays")
    sizes = [mr.box((0.3, 0.2, w)) for w in (0.3, 0.45, 0.6)]
    kind = random.integers(0, 3, TRAYS)
    parcels = scene.add_parts(sizes, [paint], kind, 0 * kind, np.tile(np.eye(4), (TRAYS, 1, 1)), name="parcels")
    with parcels.edit("color") as color:
        color[:] = np.array([(196, 154, 108, 255), (222, 214, 196, 255), (120, 140, 170, 255)])[random.integers(0, 3, TRAYS)]
    move(scene, seconds)
    focus(scene, 3)
    return scene, mr.PerspectiveCamera(fov=40).look_at((-30, 17, 27), (-8, 2, 2))


def focus(scene: mr.Scene, number: int) -> None:
    """Ghost all lines but one, and show how warm the parcels above that one are."""
    for other in range(1, LINES + 1):
        group = scene.find(f"line {other}")
        if group is not None and other != number:
            scene.ghost(scene.subtree(group))
    parcels = next(parts for parts in scene.parts if parts.name == "parcels")
    above = parcels.ids[np.arange(TRAYS) % LINES == number - 1]
    scene.colormap = mr.Colormap.heat(0, 40)
    scene.set_state(above, value=20 + 18 * np.sin(np.arange(len(above)) * 0.045))


if __name__ == "__main__":
    scene, camera = build()
    mr.view(scene, camera=camera, on_frame=lambda seconds: move(scene, seconds))
