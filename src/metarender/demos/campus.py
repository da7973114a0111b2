"""A campus of exactly a million parts, built by code alone and the same every time: a map of blocks, a sky, and a flight through it.

Each block of the map becomes one ``add_parts`` under a group of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..camera import PerspectiveCamera
from ..environment import Environment
from ..lights import DirectionalLight
from ..parts import Parts
from ..scene import Node, Scene
from .campus_blocks import BLOCKS, FINISHES, PITCH, Kit, Pieces, country, streets

COUNT = 1_000_000
MAP = ("SSTTPPSS",  # S solar field, T tank farm, P process plant, C container yard, K car park, G green, O offices,
       "CFFPPWWS",  # F factory hall, W warehouse; small letters have no roof, so that one sees into them
       "CfFFPwWK",
       "KFfFTWwK",
       "GOFfFwFG",
       "GOOKGOOG")


def sky() -> Environment:
    """A clear afternoon with thin clouds."""
    v, u = np.meshgrid((np.arange(256) + 0.5) / 256 * math.pi, np.arange(512) / 512 * math.tau, indexing="ij")
    up = np.cos(v)[..., None]
    zenith, horizon, ground = np.array((0.20, 0.37, 0.70)), np.array((0.71, 0.78, 0.84)), np.array((0.24, 0.25, 0.21))
    air = horizon + (zenith - horizon) * np.clip(up, 0, 1) ** 0.55
    random = np.random.default_rng(5)
    direction = np.stack([np.sin(v) * np.cos(u), np.cos(v), np.sin(v) * np.sin(u)], axis=-1)
    plane = direction[..., [0, 2]] / np.maximum(up + 0.12, 0.12)  # seen on a flat layer of clouds
    cloud = np.zeros(u.shape)
    for n in range(7):
        wave, bend = random.normal(0, 1.3 * 1.7**n, 2), random.normal(0, 1.9**n, 2)
        cloud += np.sin(plane @ wave + random.uniform(0, 6) + 1.5 * np.sin(plane @ bend)) / 1.5**n
    cover = 0.75 * np.clip(cloud[..., None] * 0.55 - 0.25, 0, 1) * np.clip(up * 5, 0, 1)
    above, below = air + (0.96 - air) * cover, horizon + (ground - horizon) * np.clip(-up * 12, 0, 1)
    return Environment(np.where(up > 0, above, below), name="sky")


@dataclass
class Campus:
    """The built scene.

    Attributes
    ----------
    scene : Scene
    blocks : dict
        The parts of each block by its group's name, such as ``"F 1.2"`` (column and row of the map), ``"streets"`` and ``"country"``.
    sun : Node
    """

    scene: Scene
    blocks: dict[str, Parts]
    sun: Node

    def camera_at(self, share: float) -> PerspectiveCamera:
        """Return the camera at a share 0..1 of its flight, a smooth curve (Catmull-Rom); shadows reach farther where it is high."""
        place = min(max(share, 0.0), 1.0) * (len(FLIGHT) - 1)
        k = min(int(place), len(FLIGHT) - 2)
        p0, p1, p2, p3 = (FLIGHT[min(max(k + n, 0), len(FLIGHT) - 1)] for n in (-1, 0, 1, 2))
        t = place - k
        eye, target = p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
        sun = self.sun.light
        assert isinstance(sun, DirectionalLight)
        distance = float(np.clip(8.0 * eye[1], 200.0, 1000.0))
        if distance != sun.shadow_distance:  # setting it draws the shadow map anew
            sun.shadow_distance = distance
        return PerspectiveCamera(fov=42.0, near=0.5).look_at(eye, target)  # type: ignore[return-value]


FLIGHT = np.array([[(-880, 190, 680), (-300, 0, 60)], [(-610, 150, 540), (20, -20, -20)], [(-330, 60, 380), (-30, -4, 0)],
                   [(-130, 9, 163), (170, 6, 158)], [(150, 7, 163), (420, 14, 150)], [(390, 70, 60), (120, 5, -160)],
                   [(500, 190, -380), (0, 0, 0)]], dtype=float)
"""Where the camera is and what it looks at on its way through the campus, (n, 2, 3) metres."""


def build() -> Campus:
    """Build the campus; the same nodes with the same ids every time."""
    scene, kit, materials = Scene(), Kit(), list(FINISHES.values())
    scene.background, scene.environment = "environment", sky()
    sun = scene.add(DirectionalLight(color="#ffe9cf", intensity=3.5, direction=(0.66, -0.6, 0.30)), name="sun")
    blocks: dict[str, Parts] = {}

    def add(name: str, pieces: Pieces, place: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> None:
        group = scene.add(name=name, position=place)
        parts = scene.add_parts(kit.geometries, materials, kit.choose(pieces), pieces["finish"], pieces["matrix"], parent=group, name=name)
        with parts.edit("color") as color:
            color[:] = pieces["color"]
        blocks[name] = parts

    columns, rows = len(MAP[0]), len(MAP)
    for row, line in enumerate(MAP):
        for column, letter in enumerate(line):
            random = np.random.default_rng((3, row, column))
            place = ((column - (columns - 1) / 2) * PITCH[0], 0.0, (row - (rows - 1) / 2) * PITCH[1])
            add(f"{letter} {column}.{row}", BLOCKS[letter.upper()](kit, random, letter.isupper()), place)
    random = np.random.default_rng(4)
    add("streets", streets(kit, random, columns, rows))
    add("country", country(kit, random, columns, rows, COUNT - sum(len(parts) for parts in blocks.values())))
    return Campus(scene, blocks, sun)
