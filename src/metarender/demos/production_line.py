"""The demo's scene: a factory hall of about a hundred thousand parts, built by code alone and the same every time.

X runs along the lines, Z across them, metres. Loose parts are instances, gathered by shape and finish under a group for each
area; robot arms are real hierarchies of nodes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..environment import Environment
from ..geometry import Geometry, Mesh
from ..lights import DirectionalLight
from ..materials import Material, Standard
from ..parts import Instances
from ..primitives import box, cylinder, sphere
from ..scene import Node, Scene

LINES = 6
LINE_SPACING = 10.0
LENGTH = 108.0  # of a line
STATION_SPACING = 9.0
BELT_HEIGHT = 0.9
RACK_ROWS, RACK_BAYS, RACK_LEVELS = 7, 40, 6
BAY_WIDTH, LEVEL_HEIGHT = 2.7, 1.6
TANKS = (2, 10)

Rows = NDArray[np.float64]

STEEL, DARK, RUBBER = (184, 190, 196), (52, 56, 62), (38, 40, 44)
ORANGE, YELLOW, BLUE, GREEN, RED = (240, 96, 20), (246, 190, 0), (36, 92, 168), (46, 138, 84), (200, 44, 36)
WOOD, CONCRETE, WHITE = (176, 132, 84), (150, 153, 156), (232, 234, 236)
CARTONS = np.array([(196, 154, 108), (184, 140, 96), (205, 166, 122), (172, 130, 88)])
TOTES = np.array([BLUE, GREEN, RED, (70, 78, 88)])

ALONG_X = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # turns a cylinder's +Y to +X
ALONG_Z = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # and to +Z


def yaw(angle: ArrayLike) -> Rows:
    """Rotations about +Y, (n, 3, 3), from (n,) radians."""
    angles = np.atleast_1d(np.asarray(angle, np.float64))
    turn = np.zeros((len(angles), 3, 3))
    turn[:, 1, 1] = 1.0
    turn[:, 0, 0] = turn[:, 2, 2] = np.cos(angles)
    turn[:, 0, 2], turn[:, 2, 0] = np.sin(angles), -np.sin(angles)
    return turn


def at(x: ArrayLike, y: ArrayLike, z: ArrayLike) -> Rows:
    """Positions, (n, 3), of every combination that broadcasting makes."""
    return np.stack(np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (x, y, z))), axis=-1).reshape(-1, 3)


@dataclass
class Kit:
    """Shapes of unit size and finishes that all areas share; few of each, so that everything merges into few draws."""

    shapes: dict[str, Geometry] = field(
        default_factory=lambda: {
            "box": box(1.0),
            "roller": cylinder(0.5, 1.0, 8),
            "cylinder": cylinder(0.5, 1.0, 24),
            "sphere": sphere(0.5, 24, 12),
        }
    )
    finishes: dict[str, Material] = field(
        default_factory=lambda: {
            "paint": Standard(roughness=0.38, name="paint"),
            "steel": Standard(metallic=1.0, roughness=0.34, name="steel"),
            "matt": Standard(roughness=0.85, name="matt"),
        }
    )


class Area:
    """Collects parts and turns them into instances under one group.

    Parameters
    ----------
    scene : Scene
    kit : Kit
    name : str
        Of the group.
    """

    def __init__(self, scene: Scene, kit: Kit, name: str) -> None:
        self._scene, self._kit = scene, kit
        self.group = scene.add(name=name)
        self._rows: dict[tuple[str, str], list[tuple[Rows, NDArray[np.uint8]]]] = {}

    def put(
        self, shape: str, finish: str, position: ArrayLike, size: ArrayLike, color: ArrayLike, turn: ArrayLike | None = None
    ) -> None:
        """Add n parts: positions (n, 3) of centres, sizes (3,) or (n, 3) along the part's own axes, sRGB colours (3,) or (n, 3)."""
        places = np.atleast_2d(np.asarray(position, np.float64))
        matrices = np.zeros((len(places), 4, 4))
        axes = np.eye(3) if turn is None else np.asarray(turn, np.float64)
        matrices[:, :3, :3] = axes * np.broadcast_to(np.asarray(size, np.float64), (len(places), 3))[:, None, :]
        matrices[:, :3, 3], matrices[:, 3, 3] = places, 1.0
        colors = np.full((len(places), 4), 255, np.uint8)
        colors[:, :3] = np.asarray(color)
        self._rows.setdefault((shape, finish), []).append((matrices, colors))

    def finish(self) -> int:
        """Make the instances; returns how many parts."""
        for (shape, finish), rows in self._rows.items():
            made = self._scene.add_instances(
                self._kit.shapes[shape], self._kit.finishes[finish], matrices=np.concatenate([m for m, _ in rows]), parent=self.group
            )
            with made.edit("color") as color:
                color[:] = np.concatenate([c for _, c in rows])
        return sum(len(m) for rows in self._rows.values() for m, _ in rows)


@dataclass
class ProductionLine:
    """The built scene.

    Attributes
    ----------
    scene : Scene
    parts : int
        Parts that are drawn.
    animate : callable
        ``animate(seconds)`` moves the arms and the goods on the belts.
    """

    scene: Scene
    parts: int
    animate: Callable[[float], None]


def build() -> ProductionLine:
    """Build the hall; the same nodes with the same ids every time."""
    random = np.random.default_rng(7)
    scene, kit = Scene(), Kit()
    scene.background = "#c4d0da"
    scene.environment = Environment.studio(intensity=0.62)
    scene.add(DirectionalLight(color="#fff1dc", intensity=3.4, direction=(-0.62, -1.0, -0.3)), name="sun")
    parts, arms, goods = 0, Arms(scene, kit), []
    for i in range(LINES):
        z = (i - (LINES - 1) / 2) * LINE_SPACING
        area = Area(scene, kit, f"line {i + 1}")
        add_conveyor(area, z)
        add_stations(area, z)
        add_fence(area, z)
        parts += area.finish()
        goods.append(add_goods(scene, kit, area.group, z, random))
        parts += len(goods[-1])
        for x in stations():
            arms.add(area.group, (x - 1.2, 0.0, z - 1.75), 0.0, random)
            arms.add(area.group, (x + 1.2, 0.0, z + 1.75), math.pi, random)
    for add in (add_floor, add_racks, add_pallets, add_tanks, add_vehicles):
        area = Area(scene, kit, add.__name__.removeprefix("add_"))
        add(area, random)
        parts += area.finish()
    starts = [_positions(items) for items in goods]

    def animate(seconds: float) -> None:
        arms.move(seconds)
        for items, start in zip(goods, starts, strict=True):
            with items.edit("position") as position:
                position[:, 0] = (start[:, 0] + LENGTH / 2 + 0.4 * seconds) % LENGTH - LENGTH / 2

    return ProductionLine(scene, parts + arms.parts, animate)


def _positions(items: Instances) -> Rows:
    with items.edit("position") as position:
        return position.copy()


def stations() -> Rows:
    """X of every work station on a line."""
    return np.arange(-LENGTH / 2 + STATION_SPACING / 2, LENGTH / 2, STATION_SPACING)


# --- a line ------------------------------------------------------------------------------------------------------------------


def add_conveyor(area: Area, z: float) -> None:
    """Rollers, side rails, legs, feet and motors of one line."""
    rollers = np.arange(-LENGTH / 2, LENGTH / 2, 0.15)
    area.put("roller", "steel", at(rollers, BELT_HEIGHT - 0.05, z), (0.1, 1.1, 0.1), STEEL, ALONG_Z)
    spans = np.arange(-LENGTH / 2 + 1, LENGTH / 2, 2.0)
    sides = np.array([-0.62, 0.62])[:, None]
    area.put("box", "paint", at(spans, BELT_HEIGHT - 0.06, z + sides), (1.99, 0.2, 0.07), BLUE)
    area.put("box", "steel", at(spans, BELT_HEIGHT + 0.14, z + sides), (1.99, 0.04, 0.04), STEEL)
    area.put("box", "paint", at(spans - 1, 0.4, z + sides), (0.09, 0.8, 0.09), DARK)
    area.put("box", "steel", at(spans - 1, 0.01, z + sides), (0.2, 0.02, 0.2), STEEL)
    area.put("box", "paint", at(spans - 1, 0.3, z), (0.06, 0.06, 1.2), DARK)
    motors = spans[::4]
    area.put("cylinder", "paint", at(motors, 0.55, z - 0.85), (0.28, 0.42, 0.28), GREEN, ALONG_X)
    area.put("box", "paint", at(motors + 0.3, 0.55, z - 0.8), (0.16, 0.34, 0.3), DARK)


def add_stations(area: Area, z: float) -> None:
    """Control cabinets, signal lamps, sensor gates and floor marks of one line's stations."""
    x = stations()
    area.put("box", "paint", at(x + 3.2, 0.95, z - 2.1), (0.8, 1.9, 0.5), WHITE)
    area.put("box", "paint", at(x + 3.2, 1.1, z - 2.36), (0.7, 1.4, 0.03), (206, 210, 214))
    area.put("box", "paint", at(x + 3.2, 1.45, z - 2.38), (0.36, 0.26, 0.03), (24, 60, 84))
    for level, color in enumerate((GREEN, YELLOW, RED)):
        area.put("roller", "paint", at(x + 3.2, 2.0 + 0.16 * level, z - 2.1), (0.12, 0.14, 0.12), color)
    for side in (-0.9, 0.9):
        area.put("box", "paint", at(x, 1.0, z + side), (0.1, 2.0, 0.1), YELLOW)
    area.put("box", "paint", at(x, 2.0, z), (0.14, 0.14, 1.9), YELLOW)
    area.put("box", "paint", at(x, 1.88, z), (0.3, 0.16, 0.4), DARK)
    for side, shift in ((-1.75, -1.2), (1.75, 1.2)):
        area.put("box", "matt", at(x + shift, 0.006, z + side), (1.9, 0.012, 1.5), YELLOW)
        area.put("box", "matt", at(x + shift, 0.009, z + side), (1.7, 0.018, 1.3), (112, 116, 120))
        area.put("box", "paint", at(x + shift + 1.6, 0.4, z + side * 1.25), (1.1, 0.08, 0.8), STEEL)
        area.put("box", "paint", at(x + shift + 1.6, 0.18, z + side * 1.25), (0.9, 0.36, 0.6), DARK)
        for bin_ in range(3):
            area.put("box", "paint", at(x + shift + 1.28 + 0.33 * bin_, 0.53, z + side * 1.25), (0.28, 0.18, 0.6), TOTES[bin_])


def add_fence(area: Area, z: float) -> None:
    """Mesh fences on both sides of a line, open at every station's end."""
    panels = np.arange(-LENGTH / 2 + 0.75, LENGTH / 2, 1.5)
    panels = panels[np.abs((panels - stations()[0] + STATION_SPACING / 2) % STATION_SPACING - 0.1) > 0.8]
    sides = np.array([-3.3, 3.3])[:, None]
    area.put("box", "paint", at(panels - 0.75, 0.75, z + sides), (0.07, 1.5, 0.07), YELLOW)
    area.put("box", "paint", at(panels + 0.75, 0.75, z + sides), (0.07, 1.5, 0.07), YELLOW)
    for height in (0.15, 1.42):
        area.put("box", "paint", at(panels, height, z + sides), (1.44, 0.04, 0.04), DARK)
    bars = (panels[:, None] + np.linspace(-0.63, 0.63, 12)).ravel()
    area.put("box", "paint", at(bars, 0.785, z + sides), (0.016, 1.25, 0.016), DARK)


def add_goods(scene: Scene, kit: Kit, parent: Node, z: float, random: np.random.Generator) -> Instances:
    """Cartons and totes that ride on a belt."""
    x = np.arange(-LENGTH / 2 + 0.5, LENGTH / 2, 1.2)
    count = len(x)
    size = random.uniform((0.4, 0.25, 0.4), (0.75, 0.6, 0.8), (count, 3))
    matrices = np.zeros((count, 4, 4))
    matrices[:, :3, :3] = yaw(random.normal(0.0, 0.06, count)) * size[:, None, :]
    matrices[:, :3, 3], matrices[:, 3, 3] = at(x, BELT_HEIGHT + size[:, 1] / 2, z), 1.0
    goods = scene.add_instances(kit.shapes["box"], kit.finishes["matt"], matrices=matrices, parent=parent, name="goods")
    tote = random.random(count) < 0.3
    with goods.edit("color") as color:
        color[:, :3] = np.where(tote[:, None], TOTES[random.integers(0, 4, count)], CARTONS[random.integers(0, 4, count)])
        color[:, 3] = 255
    return goods


class Arms:
    """Robot arms: each a chain of nodes, base, turret, upper arm, forearm, wrist, two fingers; the meshes are shared."""

    def __init__(self, scene: Scene, kit: Kit) -> None:
        self._scene = scene
        orange = Standard(color=ORANGE, roughness=0.32, name="arm")
        dark = Standard(color=DARK, roughness=0.5, name="joint")
        steel = kit.finishes["steel"]
        self._base = Mesh(primitives=[(cylinder(0.42, 0.5, 24), dark)])
        self._turret = Mesh(primitives=[(cylinder(0.36, 0.34, 24), orange)])
        self._upper = Mesh(primitives=[(box((0.26, 1.3, 0.3)), orange)])
        self._forearm = Mesh(primitives=[(box((0.2, 1.1, 0.22)), orange)])
        self._joint = Mesh(primitives=[(cylinder(0.19, 0.46, 20), dark)])
        self._wrist = Mesh(primitives=[(cylinder(0.09, 0.3, 16), dark)])
        self._palm = Mesh(primitives=[(box((0.3, 0.08, 0.16)), steel)])
        self._finger = Mesh(primitives=[(box((0.05, 0.24, 0.1)), steel)])
        self._turrets: list[Node] = []
        self._elbows: list[Node] = []
        self._shoulders: list[Node] = []
        self._phases: list[float] = []
        self.parts = 0

    def add(self, parent: Node, position: tuple[float, float, float], facing: float, random: np.random.Generator) -> None:
        """Put one arm on the floor; ``facing`` 0 looks towards +Z."""
        add, sideways = self._scene.add, (0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5))
        arm = add(None, parent, position=position, rotation=(0.0, math.sin(facing / 2), 0.0, math.cos(facing / 2)), name="arm")
        add(self._base, arm, position=(0.0, 0.25, 0.0))
        turret = add(self._turret, arm, position=(0.0, 0.67, 0.0))
        shoulder = add(None, turret, position=(0.0, 0.2, 0.0))
        add(self._joint, shoulder, rotation=sideways)
        add(self._upper, shoulder, position=(0.0, 0.62, 0.0))
        elbow = add(None, shoulder, position=(0.0, 1.3, 0.0))
        add(self._joint, elbow, rotation=sideways, scale=0.85)
        add(self._forearm, elbow, position=(0.0, 0.52, 0.0))
        wrist = add(self._wrist, elbow, position=(0.0, 1.15, 0.0))
        add(self._palm, wrist, position=(0.0, 0.18, 0.0))
        for side in (-0.11, 0.11):
            add(self._finger, wrist, position=(side, 0.32, 0.0))
        self.parts += 10
        self._turrets.append(turret)
        self._shoulders.append(shoulder)
        self._elbows.append(elbow)
        self._phases.append(float(random.uniform(0.0, 2 * math.pi)))
        self._pose(len(self._phases) - 1, 0.0)

    def move(self, seconds: float) -> None:
        """Swing every arm over its belt."""
        for i in range(len(self._phases)):
            self._pose(i, seconds)

    def _pose(self, i: int, seconds: float) -> None:
        swing = math.sin(self._phases[i] + seconds * 0.9)
        lift = math.cos(self._phases[i] * 1.7 + seconds * 1.3)
        self._turrets[i].rotation = (0.0, math.sin(swing * 0.4), 0.0, math.cos(swing * 0.4))
        for node, angle in ((self._shoulders[i], 0.22 + 0.2 * lift), (self._elbows[i], 1.75 + 0.25 * lift)):
            node.rotation = (math.sin(angle / 2), 0.0, 0.0, math.cos(angle / 2))


# --- the hall ----------------------------------------------------------------------------------------------------------------


def add_floor(area: Area, random: np.random.Generator) -> None:
    """Concrete slabs, aisle lines, and bollards before the racks."""
    x, z = np.arange(-78, 62.1, 4.0), np.arange(-62, 46.1, 4.0)[:, None]
    slabs = at(x, -0.1, z)
    shade = random.integers(-5, 6, (len(slabs), 1))
    area.put("box", "matt", slabs, (3.985, 0.2, 3.985), np.array(CONCRETE) + shade)
    dashes = np.arange(-LENGTH / 2 + 1.5, LENGTH / 2, 3.0)
    edges = ((np.arange(LINES) - (LINES - 1) / 2) * LINE_SPACING)[:, None] + np.array([-3.9, 3.9])
    area.put("box", "matt", at(dashes, 0.004, edges.reshape(-1, 1)), (2.98, 0.012, 0.14), YELLOW)
    across = np.arange(-30.0, 30.1, 2.0)[:, None]
    area.put("box", "matt", at(np.array([-57.0, 57.0]), 0.004, across), (0.14, 0.012, 1.98), YELLOW)
    bollards = at(np.arange(-54, 54.1, 4.5), 0.5, -32.2)
    area.put("cylinder", "paint", bollards, (0.22, 1.0, 0.22), YELLOW)
    area.put("cylinder", "paint", bollards + (0, 0.2, 0), (0.23, 0.2, 0.23), DARK)


def put_pallets(area: Area, places: Rows, layers: NDArray[np.int64], random: np.random.Generator) -> None:
    """Wooden pallets (1.2 x 0.8 m, 14 pieces) with up to 4 cartons a layer on each."""
    for offset in np.linspace(-0.34, 0.34, 5):
        area.put("box", "matt", places + (0, 0.13, offset), (1.2, 0.024, 0.12), WOOD)
    for x in (-0.52, 0.0, 0.52):
        for z in (-0.34, 0.0, 0.34):
            area.put("box", "matt", places + (x, 0.06, z), (0.14, 0.11, 0.1), np.array(WOOD) - 20)
    for layer in range(int(layers.max())):
        stacked = places[layers > layer]
        tint = CARTONS[random.integers(0, 4, len(stacked))]
        for x in (-0.3, 0.3):
            for z in (-0.2, 0.2):
                turn = yaw(random.normal(0.0, 0.02, len(stacked)))
                area.put("box", "matt", stacked + (x, 0.145 + 0.19 + 0.385 * layer, z), (0.57, 0.375, 0.375), tint, turn)


def add_racks(area: Area, random: np.random.Generator) -> None:
    """High-bay racks along the back: uprights, beams, and pallets on every level."""
    edges = (np.arange(RACK_BAYS + 1) - RACK_BAYS / 2) * BAY_WIDTH
    rows = -35.0 - 3.4 * np.arange(RACK_ROWS)
    height = RACK_LEVELS * LEVEL_HEIGHT
    for depth in (-0.55, 0.55):
        area.put("box", "paint", at(edges, height / 2, (rows + depth)[:, None]), (0.1, height, 0.1), BLUE)
        for level in range(RACK_LEVELS):
            middles = at(edges[:-1] + BAY_WIDTH / 2, level * LEVEL_HEIGHT + 0.12, (rows + depth)[:, None])
            area.put("box", "paint", middles, (BAY_WIDTH - 0.1, 0.12, 0.06), ORANGE)
    braces = at(edges, np.arange(0.8, height, 1.6)[:, None, None], rows[:, None])
    area.put("box", "paint", braces, (0.05, 0.05, 1.1), BLUE)
    slots = (edges[:-1] + BAY_WIDTH / 2)[:, None] + np.array([-0.65, 0.65])
    places = at(slots.ravel(), np.arange(RACK_LEVELS)[:, None, None] * LEVEL_HEIGHT + 0.18, rows[:, None])
    places = places[random.random(len(places)) < 0.9]
    put_pallets(area, places, random.integers(1, 4, len(places)), random)


def add_pallets(area: Area, random: np.random.Generator) -> None:
    """Finished goods in front, in rows of pallets on marked ground."""
    x, z = np.arange(-52.0, 52.1, 1.6), 35.5 + 1.25 * np.arange(5)[:, None]
    places = at(x, 0.0, z)
    places = places[(random.random(len(places)) < 0.86) & (np.abs((places[:, 0] + 52.0) % 13.0) > 1.7)]
    put_pallets(area, places, random.integers(1, 5, len(places)), random)
    area.put("box", "matt", at(np.arange(-52, 52.1, 4.0), 0.004, np.array([34.4, 42.0])[:, None]), (3.98, 0.012, 0.12), WHITE)


def add_tanks(area: Area, random: np.random.Generator) -> None:
    """Process tanks at the end of the lines, with legs, bands, ladders, and a pipe bridge."""
    across, along = TANKS
    x = -61.5 - 4.6 * np.arange(across)
    z = (np.arange(along) - (along - 1) / 2) * 5.2
    tanks = at(x, 0.0, z[:, None])
    area.put("cylinder", "steel", tanks + (0, 3.6, 0), (3.2, 4.6, 3.2), (206, 211, 216))
    area.put("sphere", "steel", tanks + (0, 5.9, 0), (3.2, 1.3, 3.2), (206, 211, 216))
    area.put("sphere", "steel", tanks + (0, 1.3, 0), (3.2, 1.3, 3.2), (206, 211, 216))
    band = np.array([BLUE, GREEN, ORANGE])[random.integers(0, 3, len(tanks))]
    area.put("cylinder", "paint", tanks + (0, 4.4, 0), (3.23, 0.5, 3.23), band)
    for height in (1.7, 3.4, 5.6):
        area.put("cylinder", "steel", tanks + (0, height, 0), (3.28, 0.07, 3.28), STEEL)
    for angle in np.arange(4) * math.pi / 2 + math.pi / 4:
        leg = (1.35 * math.sin(angle), 0.8, 1.35 * math.cos(angle))
        area.put("box", "paint", tanks + leg, (0.16, 1.6, 0.16), DARK)
    for rung in np.arange(0.3, 6.0, 0.3):
        area.put("box", "paint", tanks + (1.72, rung, 0), (0.03, 0.03, 0.5), YELLOW)
    for side in (-0.25, 0.25):
        area.put("box", "paint", tanks + (1.72, 3.1, side), (0.04, 6.2, 0.04), YELLOW)
    length = float(np.ptp(z)) + 8.0
    for i, color in enumerate((GREEN, BLUE, STEEL, ORANGE)):
        for end in x:
            area.put("cylinder", "paint", at(end - 2.05 - 0.3 * (i % 2), 6.6 + 0.3 * (i // 2), 0.0), (0.22, length, 0.22), color, ALONG_Z)
    area.put("cylinder", "steel", tanks + (-0.95, 6.5, 0), (0.18, 2.2, 0.18), STEEL, ALONG_X)
    posts = at(x - 2.3, 3.15, np.arange(-length / 2, length / 2 + 0.1, 4.0)[:, None])
    area.put("box", "paint", posts, (0.16, 6.3, 0.16), DARK)


def add_vehicles(area: Area, random: np.random.Generator) -> None:
    """Driverless carriers with a loaded pallet each, in the aisles."""
    aisle = (np.arange(LINES + 1) - LINES / 2) * LINE_SPACING
    places = at(random.uniform(-50, 50, (len(aisle), 4)), 0.0, aisle[:, None])
    area.put("box", "paint", places + (0, 0.24, 0), (1.9, 0.26, 1.1), ORANGE)
    area.put("box", "paint", places + (0.86, 0.6, 0), (0.18, 0.5, 1.0), DARK)
    area.put("box", "paint", places + (0, 0.11, 0), (1.7, 0.1, 1.16), RUBBER)
    for x in (-0.6, 0.6):
        for z in (-0.5, 0.5):
            area.put("cylinder", "matt", places + (x, 0.11, z), (0.22, 0.1, 0.22), RUBBER, ALONG_Z)
    put_pallets(area, places + (-0.15, 0.37, 0), random.integers(1, 4, len(places)), random)


