"""Before a part is printed: a report names the edges at which its surface is open, and they are drawn on it in red, beside the mended part.

The damaged gear is refused by a strict save, the mended one becomes STL and 3MF.

test: compare
budget: draw_calls=2 bytes_uploaded=0
"""

import sys
from pathlib import Path

import numpy as np

import metarender as mr

TEETH, STEPS = 16, 8
RADIUS, BORE, HEIGHT = 0.02, 0.008, 0.008
"""Metres."""


def gear() -> mr.Geometry:
    """Return a closed gear: two rings of points above and two below, joined by strips."""
    count = TEETH * STEPS
    angle = np.arange(count) * (2 * np.pi / count)
    outer = RADIUS * np.where(np.arange(count) % STEPS < STEPS // 2, 1.0, 0.86)
    rings = [(outer, HEIGHT), (np.full(count, BORE), HEIGHT), (np.full(count, BORE), 0.0), (outer, 0.0)]
    positions = [np.stack([radius * np.cos(angle), np.full(count, height), radius * np.sin(angle)], axis=1) for radius, height in rings]
    here, following, triangles = np.arange(count), (np.arange(count) + 1) % count, []
    for ring in range(4):  # above, bore, below, teeth
        a, b = ring * count, (ring + 1) % 4 * count
        triangles += [np.stack([a + here, b + here, b + following], axis=1), np.stack([a + here, b + following, a + following], axis=1)]
    return mr.Geometry(positions=np.concatenate(positions), indices=np.concatenate(triangles).ravel(), name="gear")


def damaged(whole: mr.Geometry) -> mr.Geometry:
    """Return a copy that has lost the flank of two teeth and a wedge of its upper side, as after a bad export."""
    corners = whole.positions[whole.indices].reshape(-1, 3, 3)
    middle = corners.mean(axis=1)
    angle = np.arctan2(middle[:, 2], middle[:, 0])
    teeth = (np.hypot(middle[:, 0], middle[:, 2]) > 0.85 * RADIUS) & (np.ptp(corners[:, :, 1], axis=1) > 0) & (np.abs(angle - 1.45) < 0.3)
    wedge = (corners[:, :, 1].min(axis=1) > 0) & (np.abs(angle + 0.4) < 0.25)
    return mr.Geometry(positions=whole.positions, indices=whole.indices.reshape(-1, 3)[~(teeth | wedge)].ravel(), name="damaged")


def shown(geometry: mr.Geometry, color: str) -> mr.Scene:
    """Return a scene of a part with the open edges of its surface."""
    scene = mr.Scene()
    scene.add(mr.Mesh(geometry.with_flat_normals(), mr.Standard(color=color, roughness=0.45, double_sided=True)), name=geometry.name)
    edges = mr.check_solid(geometry).open_edges  # (n, 2, 3), metres
    if len(edges):
        middle = geometry.bounds.mean(axis=0)
        lifted = middle + 1.006 * (edges.reshape(-1, 3) - middle)  # off the surface, which would hide half of them
        scene.add(mr.Mesh(mr.Geometry(positions=lifted, topology="lines"), mr.Unlit(color="red")), name="open edges")
    return scene


def build() -> tuple[mr.Scene, mr.Camera]:
    """Return the scene and the camera: the damaged part at the left, the mended one at the right."""
    scene = mr.Scene()
    scene.background = "#f4f6f8"
    whole = gear()
    scene.add(shown(damaged(whole), "#9aa7b4"), position=(-0.023, 0, 0))
    scene.add(shown(whole, "#ffb14a"), position=(0.023, 0, 0))
    return scene, mr.PerspectiveCamera(fov=25, near=0.01).look_at((0, 0.09, 0.1), (0, 0.001, 0.001))


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    for geometry in (damaged(gear()), gear()):
        part = mr.Scene()
        part.add(mr.Mesh(geometry, mr.Standard(name="steel")), name=geometry.name)
        print(mr.check_solid(part))
        try:
            mr.save(part, folder / f"{geometry.name}.stl", strict=True)
            mr.save(part, folder / f"{geometry.name}.3mf", strict=True)
        except mr.AssetError as error:
            print(f"  refused     {error}")
    scene, camera = build()
    mr.render(scene, camera, size=(1280, 720)).save(folder / "print_check.png")
