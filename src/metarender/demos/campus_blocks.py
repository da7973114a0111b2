"""What the campus is made of: assemblies of pieces, and the blocks that stand on its map.

X runs east, Z south, metres, every block around its own middle. An assembly is a structured array of ``PIECE``: ``Kit.put`` makes one
out of a shape, ``stamp`` repeats one at many places, ``join`` adds them up. One room because it is a catalogue: a short function for
each kind of block, and nothing that one of them could be read without.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..materials import Standard
from .campus_shapes import ALONG_X, ALONG_Z, make_shapes
from .production_line import at, yaw

PITCH = (200.0, 160.0)  # from block to block
BLOCK = (184.0, 144.0)  # within its streets

FINISHES = {
    "matt": Standard(roughness=0.9), "leaf": Standard(roughness=0.95), "paint": Standard(roughness=0.45), "gloss": Standard(roughness=0.16),
    "steel": Standard(metallic=1.0, roughness=0.36), "glass": Standard(color="#1c2a33", roughness=0.06),
}
NAMES = tuple(FINISHES)

PIECE = np.dtype([("matrix", "f8", (3, 4)), ("color", "u1", 4), ("family", "u2"), ("finish", "u1"), ("tinted", "?"), ("variant", "u4")])
Pieces = NDArray[np.void]
Random = np.random.Generator

WHITE, STEEL, DARK, ASPHALT, CONCRETE, KERB = (236, 237, 235), (188, 193, 197), (48, 52, 57), (72, 74, 77), (168, 167, 162), (196, 194, 188)
GRASS, TRUNK, YELLOW, ORANGE, RED, BLUE, NAVY, GLASS = ((104, 132, 68), (98, 78, 58), (244, 190, 30), (232, 104, 32), (188, 50, 42),
                                                        (44, 100, 168), (24, 34, 66), (72, 90, 98))
HAZE = np.array((186, 203, 217))
GREENS = np.array([(86, 122, 52), (104, 138, 60), (72, 108, 50), (122, 142, 66), (92, 116, 44)])
CROPS = np.array([(128, 146, 74), (150, 158, 84), (172, 160, 100), (110, 136, 70), (142, 140, 92), (120, 150, 80)])
PAINTS = np.array([WHITE, (208, 212, 216), DARK, (120, 126, 132), BLUE, RED, (30, 60, 110), (206, 198, 178), (64, 92, 70), ORANGE])
BRANDS = np.array([BLUE, (20, 128, 120), ORANGE, RED, (110, 88, 160), (60, 140, 70)])
TONES = np.array([WHITE, (196, 176, 150), (150, 158, 164)])
CARTONS = np.array([(200, 160, 112), (186, 144, 98), (212, 176, 130), (150, 160, 170), (90, 120, 150)])


class Kit:
    """All shapes and what they are called."""

    def __init__(self) -> None:
        self.geometries, self.families = make_shapes()
        self.names = tuple(self.families)

    def put(self, shape: str, finish: str, place: ArrayLike, size: ArrayLike = (1, 1, 1), color: ArrayLike | None = None,
            turn: ArrayLike | None = None, variant: ArrayLike = 0) -> Pieces:
        """Make n pieces: places (n, 3), sizes (3,) or (n, 3), sRGB (3,) or (n, 3), None where `stamp` gives the colour."""
        places = np.atleast_2d(np.asarray(place, float))
        pieces = np.zeros(len(places), PIECE)
        axes = np.eye(3) if turn is None else np.asarray(turn, float)
        pieces["matrix"][:, :, :3] = axes * np.broadcast_to(np.asarray(size, float), (len(places), 3))[:, None, :]
        pieces["matrix"][:, :, 3] = places
        pieces["color"][:, :3], pieces["color"][:, 3] = 0 if color is None else np.clip(color, 0, 255), 255
        pieces["family"], pieces["finish"], pieces["tinted"] = self.names.index(shape), NAMES.index(finish), color is None
        pieces["variant"] = variant
        return pieces

    def choose(self, pieces: Pieces) -> NDArray[np.int64]:
        """Index of each piece's geometry: its variant, modulo how many the family has."""
        first, count = np.array(list(self.families.values())).T
        chosen: NDArray[np.int64] = first[pieces["family"]] + pieces["variant"] % count[pieces["family"]]
        return chosen


def stamp(pieces: Pieces, place: ArrayLike, angle: ArrayLike = 0.0, tint: ArrayLike | None = None, scale: ArrayLike = 1.0,
          variant: ArrayLike = 0) -> Pieces:
    """Repeat an assembly at m places (m, 3), turned about +Y (m,), scaled (m,), as variants (m,); `tint` (m, 3) colours what has none."""
    places = np.atleast_2d(np.asarray(place, float))
    many = np.tile(pieces, (len(places), 1))
    axes = yaw(np.broadcast_to(angle, len(places))) * np.broadcast_to(scale, len(places))[:, None, None]
    many["matrix"] = np.einsum("mij,njk->mnik", axes, pieces["matrix"])
    many["matrix"][..., 3] += places[:, None]
    if tint is not None:
        colors = np.broadcast_to(np.clip(tint, 0, 255), (len(places), 3))[:, None]
        many["color"][..., :3] = np.where(many["tinted"][..., None], colors, many["color"][..., :3])
        many["tinted"] = False
    many["variant"] += np.broadcast_to(np.asarray(variant, np.uint32), len(places))[:, None]
    return many.ravel()


def join(*pieces: Pieces) -> Pieces:
    """Several assemblies as one."""
    return np.concatenate(pieces)


def pick(random: Random, table: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """(count, 3) colours out of a table."""
    chosen: NDArray[np.int64] = table[random.integers(0, len(table), count)]
    return chosen


def any_of(random: Random, count: int) -> NDArray[np.int64]:
    """(count,) variants."""
    return random.integers(0, 9999, count)


def spread(random: Random, count: int, width: float, depth: float) -> NDArray[np.float64]:
    """Random places on the ground of a rectangle."""
    return at(random.uniform(-width / 2, width / 2, count), 0, 0) + random.uniform(-depth / 2, depth / 2, (count, 1)) * (0, 0, 1)


def perimeter(width: float, depth: float, step: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middles of the modules around a rectangle, and the angles at which they face outwards."""
    x, z = (np.arange(round(length / step)) * step - (round(length / step) - 1) * step / 2 for length in (width, depth))
    places = np.concatenate([at(x, 0, depth / 2), at(x, 0, -depth / 2), at(width / 2, 0, z), at(-width / 2, 0, z)])
    return places, np.repeat([0, math.pi, math.pi / 2, -math.pi / 2], [len(x), len(x), len(z), len(z)])


# --- small assemblies --------------------------------------------------------------------------------------------------------


def tree(k: Kit) -> Pieces:
    """A broad tree of 8 m."""
    heads = np.array([(0, 3.0, 0), (1.5, 2.6, 0.6), (-1.3, 3.1, 0.9), (0.2, 2.4, -1.4)])
    return join(k.put("pipe", "matt", (0, 1.6, 0), (0.4, 3.6, 0.4), TRUNK),
                k.put("crown", "leaf", heads, np.array([(4.2, 5, 4.2), (3, 3.2, 3), (2.8, 3, 2.8), (3, 3.4, 3)]), variant=[0, 37, 71, 113]))


def fir(k: Kit) -> Pieces:
    """A fir of 12 m."""
    return join(k.put("pipe", "matt", (0, 1, 0), (0.4, 2.4, 0.4), TRUNK), k.put("conifer", "leaf", (0, 0, 0), (15, 12, 15)))


def car(k: Kit) -> Pieces:
    """A car, its nose towards +X."""
    wheels = at([-1.35, 1.35], 0.32, np.array([[-0.78], [0.78]]))
    lights = [k.put("box", "gloss", at(x, 0.62, [-0.6, 0.6]), (0.06, 0.12, 0.3), c) for x, c in ((2.17, WHITE), (-2.17, RED))]
    return join(k.put("car", "gloss", (0, 0, 0)), k.put("cabin", "glass", (0, 0, 0), color=(34, 40, 46)),
                k.put("pipe", "matt", wheels, (0.64, 0.22, 0.64), DARK, ALONG_Z), *lights)


def lorry(k: Kit) -> Pieces:
    """An articulated lorry with a container."""
    wheels = at([-9.2, -8.0, -6.8, 1.0, 3.6], 0.5, np.array([[-1.0], [1.0]]))
    return join(k.put("lorry", "gloss", (3.4, 0, 0)), k.put("box", "glass", (4.42, 2.0, 0), (0.1, 0.8, 2.1), (30, 36, 42)),
                k.put("container", "paint", (-3.9, 1.15, 0)), k.put("box", "matt", (-3, 0.95, 0), (13, 0.25, 1.2), DARK),
                k.put("pipe", "matt", wheels, (1.0, 0.4, 1.0), DARK, ALONG_Z))


def cell(k: Kit) -> Pieces:
    """A work cell of 10 x 8 m: machines, a robot in a fence, a conveyor with goods, cabinets, racks of parts."""
    rollers = np.arange(-4.8, 4.9, 0.24)
    goods = np.arange(-4.2, 4.3, 1.2)
    shelves = at([-4.2, 4.2], [[0.5], [1.1], [1.7]], -0.6)
    bins = at([-4.45, -4.2, -3.95, 3.95, 4.2, 4.45], [[0.65], [1.25], [1.85]], -0.6)
    lamps = [k.put("pipe", "paint", (4.6, 2.1 + 0.16 * n, 2.6), (0.12, 0.15, 0.12), c) for n, c in enumerate(((60, 160, 80), YELLOW, RED))]
    return join(
        k.put("pipe", "steel", at(rollers, 0.8, 2.0), (0.1, 1.0, 0.1), STEEL, ALONG_Z),
        k.put("box", "paint", at(0, 0.78, [1.45, 2.55]), (10, 0.18, 0.06)),
        k.put("box", "paint", at([-4, -1.4, 1.4, 4], 0.38, [[1.5], [2.5]]), (0.08, 0.76, 0.08), DARK),
        k.put("load", "matt", at(goods, 0.86, 2.0), (0.6, 0.5, 0.8), CARTONS[np.arange(len(goods)) % 3], variant=np.arange(len(goods)) * 7),
        k.put("machine", "paint", [(-2.6, 0, -1.3), (2.4, 0, -1.3)], color=[(222, 225, 226), (206, 214, 220)], variant=[0, 91]),
        k.put("box", "gloss", [(-2.6, 1.2, -0.25), (2.4, 1.2, -0.25)], (1.3, 0.7, 0.06), (36, 50, 60)),
        k.put("robot", "gloss", (0, 0.1, 0.2), color=ORANGE), k.put("box", "matt", (0, 0.05, 0.2), (1.5, 0.1, 1.5), YELLOW),
        k.put("fence", "paint", at([-2.5, 0.5, 3.5], 0, -3.2), color=(150, 156, 160)),
        k.put("box", "paint", (4.6, 1.0, -2.8), (0.6, 2.0, 0.8), WHITE),
        k.put("pipe", "paint", (4.6, 1.0, 2.6), (0.08, 2.1, 0.08), DARK), *lamps,
        k.put("box", "paint", shelves, (1.0, 0.05, 0.8), BLUE),
        k.put("box", "paint", bins, (0.22, 0.22, 0.6), CARTONS[np.arange(len(bins)) % 5]),
        k.put("box", "matt", at(0, 0.012, [-3.9, 3.9]), (9.6, 0.02, 0.12), YELLOW))


# --- blocks ------------------------------------------------------------------------------------------------------------------


def plate(k: Kit, color: ArrayLike) -> Pieces:
    """The ground of a block with its kerb."""
    return join(k.put("box", "matt", (0, 0.06, 0), (BLOCK[0], 0.2, BLOCK[1]), KERB),
                k.put("box", "matt", (0, 0.08, 0), (BLOCK[0] - 1.2, 0.2, BLOCK[1] - 1.2), color))


def shell(k: Kit, random: Random, width: float, depth: float, height: float, roof: bool) -> Pieces:
    """Walls in panels, gates with lorries, columns, and a saw-tooth roof of glass and steel."""
    brand = pick(random, BRANDS, 1)[0]
    places, angle = perimeter(width, depth, 3.0)
    levels = np.arange(0.9, height - 0.7, 1.5)
    pale = np.array(WHITE) - 4 * random.integers(0, 3, (len(places), 1))
    bands = [stamp(k.put("box", "paint", (0, y, 0), (2.97, 1.47, 0.2)), places, angle, DARK if y < 1 else brand if y > height - 3 else pale)
             for y in levels]
    ribbon = stamp(k.put("box", "glass", (0, 4.0, 0.03), (2.9, 1.6, 0.2), GLASS), places, angle)
    gates = at(np.arange(-width / 2 + 15, width / 2 - 10, 12), 0, depth / 2 + 0.1)
    dock = join(k.put("box", "paint", (0, 2.2, 0.06), (3.6, 4.2, 0.1), STEEL), k.put("box", "matt", (0, 2.2, 0.1), (4.4, 0.2, 1.6), DARK))
    parked = gates[random.random(len(gates)) < 0.6] + (0, 0.15, 10)
    pieces = [*bands, ribbon, stamp(dock, gates), stamp(lorry(k), parked, math.pi / -2, pick(random, PAINTS, len(parked)),
                                                        variant=any_of(random, len(parked)))]
    columns = at(np.arange(-width / 2 + 5, width / 2, 20), height / 2, np.arange(-depth / 2 + 0.6, depth / 2, depth / 5 - 0.3)[:, None])
    pieces.append(k.put("box", "paint", columns, (0.4, height, 0.4), STEEL))
    if roof:
        teeth, across = np.arange(-depth / 2 + 5, depth / 2, 10.0), np.arange(-width / 2 + 1.5, width / 2, 3.0)
        side = random.choice([-1, 1, 1])  # the glass faces north, or south
        lean = -side * math.atan2(3.0, 10.0)
        slope = np.array([[1, 0, 0], [0, math.cos(lean), math.sin(lean)], [0, -math.sin(lean), math.cos(lean)]])
        cover = np.array([(214, 214, 210), (228, 227, 222), (182, 188, 190), (196, 190, 178)])[random.integers(4)]
        pieces += [k.put("box", "paint", at(across, height + 1.5, teeth[:, None]), (2.95, 0.15, 10.4), cover, slope),
                   k.put("box", "glass", at(across, height + 1.5, teeth[:, None] + side * 4.95), (2.8, 2.7, 0.1), (86, 116, 134)),
                   k.put("box", "paint", at(across + 1.5, height + 1.5, teeth[:, None] + side * 5.05), (0.12, 3.0, 0.12), WHITE)]
        units = at(np.arange(-width / 2 + 8, width / 2, 16), height + 1.9, teeth[::2, None])
        units = units[random.random(len(units)) < 0.5]
        pieces.append(k.put("rooftop", "paint", units, 1, (214, 216, 216), variant=any_of(random, len(units))))
    else:
        pieces.append(k.put("box", "paint", at(columns[:, 0], height, 0), (0.3, 0.5, depth), STEEL))
    return join(*pieces)


def hall(k: Kit, random: Random, roof: bool) -> Pieces:
    """A factory hall full of work cells."""
    width, depth = 162.0, 100.0
    places = at(np.arange(-72, 73, 11.0), 0.24, np.arange(-42, 43, 9.0)[:, None] - 0.5) + (0, 0, -12)
    cells = stamp(cell(k), places, tint=pick(random, BRANDS, len(places)), variant=any_of(random, len(places)))
    floor = k.put("box", "paint", (0, 0.13, -12), (width, 0.2, depth), (178, 182, 180))
    walls = stamp(shell(k, random, width, depth, 9.0, roof), (0, 0.1, -12))
    shelves = stamp(racks(k, random, 1, 50, 3), (-8, 0.2, 34.6))
    return join(plate(k, CONCRETE), floor, cells, walls, shelves)


def racks(k: Kit, random: Random, rows: int, bays: int, levels: int) -> Pieces:
    """Double rows of pallet racks along X with loads."""
    x, z = (np.arange(bays) - (bays - 1) / 2) * 2.8, (np.arange(rows) - (rows - 1) / 2) * 5.4
    sides = (z[:, None] + (-0.6, 0.6)).ravel()
    height = np.arange(levels) * 2.1 + 0.25
    slots = at((x[:, None] + (-0.68, 0.68)).ravel(), height[:, None, None], sides[:, None])
    slots = slots[random.random(len(slots)) < 0.92]
    loads = k.put("load", "matt", slots, 1, pick(random, CARTONS, len(slots)), variant=any_of(random, len(slots)))
    edges = np.append(x - 1.4, x[-1] + 1.4)
    posts = at(edges, levels * 1.05, (sides[:, None] + (-0.45, 0.45)).ravel()[:, None])
    beams = at(x, height[1:, None, None] - 0.12, (sides[:, None] + (-0.45, 0.45)).ravel()[:, None])
    return join(loads, k.put("box", "paint", posts, (0.1, levels * 2.1, 0.1), BLUE),
                k.put("box", "paint", beams, (2.7, 0.14, 0.06), ORANGE))


def warehouse(k: Kit, random: Random, roof: bool) -> Pieces:
    """A high-bay warehouse."""
    return join(plate(k, CONCRETE), k.put("box", "paint", (0, 0.13, -10), (168, 0.2, 112), (182, 182, 178)),
                stamp(racks(k, random, 19, 56, 6), (0, 0.23, -10)), stamp(shell(k, random, 168.0, 111.0, 14.0, roof), (0, 0.1, -10)))


def tower(k: Kit, random: Random, tone: NDArray[np.int64]) -> Pieces:
    """An office tower: storeys of facade modules with a desk and a chair behind each, slabs, and machinery on the roof."""
    width, depth, floors = 3.0 * random.integers(10, 15), 3.0 * random.integers(6, 9), int(random.integers(4, 15))
    sides, angle = perimeter(width, depth, 3.0)
    module = join(k.put("window", "paint", (0, 0, 0)), k.put("box", "glass", (0, 1.9, -0.02), (3.0, 3.0, 0.08), GLASS),
                  k.put("box", "matt", (0.4, 0.9, -1.6), (1.6, 0.75, 0.8), (190, 170, 140)),
                  k.put("box", "matt", (-0.9, 0.6, -1.5), (0.5, 1.1, 0.5), DARK))
    kind, top = int(random.integers(60)), 3.6 * floors
    storeys = [stamp(module, sides + (0, 3.6 * n, 0), angle, tone, variant=kind) for n in range(floors)]
    slabs = k.put("box", "matt", at(0, 3.6 * np.arange(floors + 1), 0), (width + 0.3, 0.3, depth + 0.3), tone - 20)
    units = spread(random, 5, width - 8, depth - 6) + (0, top, 0)
    return join(*storeys, slabs, k.put("rooftop", "paint", units, 1, (200, 203, 204), variant=any_of(random, 5)),
                k.put("box", "paint", (0, top + 1.6, 0), (6, 3.2, 5), tone - 12),
                k.put("pipe", "paint", (2, top + 6, 1), (0.15, 6, 0.15), WHITE))


def offices(k: Kit, random: Random, roof: bool) -> Pieces:
    """Office towers around a garden."""
    places = at([-56, 0, 56], 0.15, [[-40], [38]])
    towers = [stamp(tower(k, random, TONES[random.integers(3)]), place) for place in places]
    paths = k.put("box", "matt", [(0, 0.14, 0), (-28, 0.14, 0), (28, 0.14, 0)], [(178, 0.2, 5), (4, 0.2, 140), (4, 0.2, 140)], KERB)
    garden = spread(random, 900, 176, 130)
    garden = garden[(np.abs(np.abs(garden[:, 2]) - 39) > 17) & (np.abs(garden[:, 2]) > 4)]
    garden = garden + (0, 0.15, 0)
    return join(plate(k, GRASS), *towers, paths, woods(k, random, garden[:70], 0.8), flowers(k, random, garden[70:]))


def woods(k: Kit, random: Random, places: ArrayLike, size: float = 1.0, firs: float = 0.15) -> Pieces:
    """Trees of both kinds."""
    ground = np.asarray(places)
    tall = random.random(len(ground)) < firs
    def plant(kind: Pieces, where: NDArray[np.float64]) -> Pieces:
        n = len(where)
        return stamp(kind, where, random.uniform(0, 6.3, n), pick(random, GREENS, n) + random.integers(-9, 10, (n, 1)),
                     size * random.uniform(0.75, 1.35, n), random.integers(0, 9999, n))
    return join(plant(tree(k), ground[~tall]), plant(fir(k), ground[tall]))


def flowers(k: Kit, random: Random, places: ArrayLike) -> Pieces:
    """Shrubs, one piece each."""
    ground, n = np.asarray(places), len(np.asarray(places))
    color = np.where(random.random((n, 1)) < 0.06, pick(random, BRANDS, n) + 40, pick(random, GREENS, n))
    return k.put("shrub", "leaf", ground, random.uniform(0.5, 1.6, (n, 1)) * (1, 1, 1), color, variant=any_of(random, n))


def green(k: Kit, random: Random, roof: bool) -> Pieces:
    """A park with a pond and houses."""
    places = spread(random, 420, 172, 132)
    near = np.hypot(places[:, 0] / 40, places[:, 2] / 26) < 1.15
    homes = at([-70, -50, 50, 70], 0.18, [[-52], [52]])
    house = join(k.put("box", "matt", (0, 2.7, 0), (9, 5.4, 8)), k.put("house", "matt", (0, 5.4, 0), (9, 9, 8), (150, 72, 54)),
                 k.put("box", "glass", at([-2.8, 0, 2.8], [[1.6], [4.2]], 4.0), (1.3, 1.4, 0.1), GLASS))
    clear = (np.abs(places[:, None] - homes).max(axis=2) > 8).all(axis=1)
    pond = k.put("drum", "glass", (0, 0.11, 0), (78, 0.2, 50), (70, 104, 118))
    return join(plate(k, GRASS), pond, stamp(house, homes, tint=(232, 224, 206), variant=np.arange(8)),
                k.put("drum", "matt", (0, 0.1, 0), (84, 0.18, 56), (190, 180, 150)), woods(k, random, places[~near & clear] + (0, 0.15, 0)))


def parking(k: Kit, random: Random, roof: bool) -> Pieces:
    """Rows of cars under trees and lamps."""
    x, z = np.arange(-82, 82.1, 2.9), (np.arange(-60, 61, 17.0)[:, None] + (-2.8, 2.8)).reshape(-1, 1)
    slots = at(x, 0.18, z)
    taken = random.random(len(slots)) < 0.82
    cars = stamp(car(k), slots[taken], math.pi / 2 + math.pi * (slots[taken, 2] % 2 > 1) + random.normal(0, 0.02, int(taken.sum())),
                 pick(random, PAINTS, int(taken.sum())), variant=any_of(random, int(taken.sum())))
    lines = k.put("box", "matt", at(x - 1.45, 0.1, z), (0.12, 0.18, 5.0), WHITE)
    strips = at(np.arange(-78, 79, 13), 0.15, np.arange(-51.5, 60, 17.0)[:, None])
    return join(plate(k, ASPHALT), cars, lines, woods(k, random, strips[::2], 0.7, 0), k.put("lamp", "paint", strips[1::2], color=DARK))


def solar(k: Kit, random: Random, roof: bool) -> Pieces:
    """A field of solar tables."""
    places = at(np.arange(-86, 87, 4.1), 0.15, np.arange(-66, 67, 4.4)[:, None])
    tilt = math.radians(25)
    turn = np.array([[1, 0, 0], [0, math.cos(tilt), -math.sin(tilt)], [0, math.sin(tilt), math.cos(tilt)]])
    cells = at([-1.5, -0.5, 0.5, 1.5], 0, 0)
    table = join(k.put("panel", "paint", (0, 0, 0), color=STEEL),
                 k.put("box", "glass", cells + (0, 1.42, 0.2), (0.98, 0.05, 2.0), NAVY, turn))
    tufts = spread(random, 500, 180, 140) + (0, 0.15, 0)
    return join(plate(k, (124, 142, 84)), stamp(table, places, variant=any_of(random, len(places))), flowers(k, random, tufts))


def bridge(k: Kit, random: Random, length: float, pipes: int, deck: float) -> Pieces:
    """A pipe bridge along X with valves."""
    posts = np.arange(-length / 2, length / 2 + 0.1, 6.0)
    lanes = (np.arange(pipes) - (pipes - 1) / 2) * 0.55
    frame = join(k.put("box", "paint", at(posts, deck / 2, [[-pipes * 0.3 - 0.2], [pipes * 0.3 + 0.2]]), (0.3, deck, 0.3), STEEL),
                 k.put("box", "paint", at(posts, deck - 0.35, 0), (0.25, 0.25, pipes * 0.6 + 0.6), STEEL))
    bore = random.choice([0.2, 0.3, 0.42], (pipes, 1, 1))
    tone = pick(random, np.array([STEEL, (206, 208, 210), YELLOW, BLUE, (70, 140, 90), RED]), pipes)[:, None]
    runs, joints = (at(x, deck, lanes[:, None]) for x in (posts[:-1] + 3, posts))

    def along(places: NDArray[np.float64], thick: float, length: float, color: ArrayLike) -> Pieces:
        count = len(places) // pipes
        size = np.broadcast_to(np.concatenate([bore * thick, np.full_like(bore, length), bore * thick], axis=2), (pipes, count, 3))
        return k.put("pipe", "steel", places, size.reshape(-1, 3), np.broadcast_to(color, (pipes, count, 3)).reshape(-1, 3), ALONG_X)

    spots = np.stack([random.uniform(-length / 2, length / 2, 24), np.full(24, deck), lanes[random.integers(0, pipes, 24)]], axis=1)
    return join(frame, along(runs, 1, 6.0, tone), along(joints, 1.5, 0.12, STEEL),
                k.put("valve", "paint", spots, 0.9, RED, variant=any_of(random, 24)))


def column(k: Kit, random: Random) -> Pieces:
    """A column with platforms, railings, a ladder and a down pipe, and a steel frame with vessels and machines beside it."""
    tall, wide = random.uniform(12, 34), random.uniform(2.2, 5)
    ring, floors = np.arange(12) * math.pi / 6, np.arange(6, tall, 6)
    rim = np.stack([np.sin(ring), 0 * ring, np.cos(ring)], axis=1) * (wide / 2 + 1)
    rails = (rim + at(0, floors + 1.0, 0)[:, None]).reshape(-1, 3)
    return join(
        k.put("vessel", "steel", (0, 1, 0), (wide, tall, wide), (208, 212, 214), variant=any_of(random, 1)),
        k.put("drum", "steel", at(0, floors, 0), (wide + 2.2, 0.12, wide + 2.2), STEEL),
        k.put("pipe", "paint", rails, (0.06, 1.1, 0.06), YELLOW),
        k.put("box", "paint", at(wide / 2 + 0.3, np.arange(1, tall, 0.3), 0), (0.05, 0.05, 0.5), YELLOW),
        k.put("pipe", "steel", (-wide / 2 - 0.4, tall / 2, 0.5), (0.35, tall, 0.35), STEEL),
        k.put("elbow", "steel", (-wide / 2 - 0.4, tall, 0.5), 0.35, STEEL, variant=any_of(random, 1)),
        k.put("vessel", "paint", at(2.5, 2.2, [-4, 0, 4]), (2, 6, 2), (214, 216, 214), ALONG_X, variant=any_of(random, 3)),
        k.put("box", "paint", at([3, 7.6], 3.5, [[-6], [-2], [2], [6]]), (0.25, 7.0, 0.25), STEEL),
        k.put("box", "steel", at(5.3, [3.6, 7.0], 0), (5, 0.15, 12.4), (150, 154, 158)),
        k.put("machine", "paint", at(5, 3.7, [-4, 3]), 0.8, BLUE, variant=any_of(random, 2)))


def process(k: Kit, random: Random, roof: bool) -> Pieces:
    """Columns in rows, stacks, and pipe bridges between them."""
    places = at(np.arange(-72, 73, 18.0), 0.15, [[-46], [-22], [22], [46]])
    stacks = at([40, 62], 0.15, 62)
    return join(plate(k, CONCRETE), *[stamp(column(k, random), place) for place in places],
                stamp(bridge(k, random, 180, 12, 7.0), (0, 0.15, 0)), stamp(bridge(k, random, 168, 8, 6.0), (0, 0.15, -62)),
                stamp(bridge(k, random, 132, 6, 9.0), (-85, 0.15, 0), math.pi / 2),
                k.put("chimney", "paint", stacks, (4, 60, 4), WHITE, variant=[0, 1]),
                *[k.put("drum", "paint", stacks + (0, y, 0), (3.2, 3.0, 3.2), RED) for y in (44, 52)])


def tank(k: Kit, random: Random) -> Pieces:
    """A storage tank with spiral stairs and a railing."""
    wide, tall = random.uniform(18, 28), random.uniform(12, 19)
    share, ring = np.linspace(0, 1, int(tall * 4)), np.arange(40) * math.pi / 20
    turn = share * 2.6 + random.uniform(0, 6)
    stairs = np.stack([np.sin(turn) * (wide / 2 + 0.5), share * tall * 0.93, np.cos(turn) * (wide / 2 + 0.5)], axis=1)
    rail = np.stack([np.sin(ring) * wide / 2, np.full(40, tall * 0.93 + 0.5), np.cos(ring) * wide / 2], axis=1)
    tone = pick(random, np.array([WHITE, (222, 222, 214), (196, 204, 206)]), 1)
    return join(k.put("tank", "paint", (0, 0, 0), (wide, tall, wide), tone, variant=any_of(random, 1)),
                k.put("box", "paint", stairs, (0.9, 0.06, 0.9), YELLOW),
                k.put("box", "paint", stairs + (0, 0.6, 0), (0.06, 1.1, 0.06), YELLOW),
                k.put("pipe", "paint", rail, (0.07, 1.1, 0.07), YELLOW))


def tanks(k: Kit, random: Random, roof: bool) -> Pieces:
    """Storage tanks within a wall, and pipes between them."""
    places = at(np.arange(-69, 70, 34.5), 0.15, [[-40], [0], [40]])
    walls, angle = perimeter(174, 130, 3.0)
    return join(plate(k, (150, 146, 136)), *[stamp(tank(k, random), place) for place in places],
                *[stamp(bridge(k, random, 174, 6, 2.0), (0, 0.15, z)) for z in (-20, 20)],
                stamp(k.put("box", "matt", (0, 0.7, 0), (3.0, 1.2, 0.3), CONCRETE), walls + (0, 0.1, 0), angle))


def containers(k: Kit, random: Random, roof: bool) -> Pieces:
    """Stacks of containers under portal cranes, and lorries."""
    stacks = at(np.arange(-80, 81, 12.8), 0, (np.arange(-48, 49, 24.0)[:, None] + np.arange(6) * 2.6).reshape(-1, 1))
    high = random.integers(0, 6, len(stacks))
    boxes = np.concatenate([stacks[high > n] + (0, 0.2 + 2.6 * n, 0) for n in range(5)])
    tone = np.concatenate([BRANDS, PAINTS])[random.integers(0, 16, len(boxes))] * 0.85 + 12
    crane = join(k.put("box", "paint", at([-3.5, 3.5], 10, [[-13], [13]]), (0.9, 20, 0.9), YELLOW),
                 k.put("box", "paint", at([-3.5, 3.5], 20, 0), (1.2, 1.6, 34), YELLOW),
                 k.put("box", "paint", [(0, 20.5, 0), (0, 18.5, 4)], [(7, 0.8, 2), (3, 2.4, 3)], WHITE),
                 k.put("box", "glass", (0, 18.4, 5.6), (2.4, 1.4, 0.2), GLASS), k.put("container", "paint", (0, 7, 0), 1, ORANGE),
                 k.put("pipe", "steel", at([-1, 1], 14, [[-1], [1]]), (0.06, 9, 0.06), DARK))
    queue = at(np.arange(-70, 71, 28.0), 0.18, 62)
    return join(plate(k, (124, 124, 122)), k.put("container", "paint", boxes, 1, tone, variant=any_of(random, len(boxes))),
                stamp(crane, [(-50, 0.15, -18), (10, 0.15, 6), (62, 0.15, -18)]),
                stamp(lorry(k), queue, 0, pick(random, PAINTS, len(queue)), variant=any_of(random, len(queue))))


# --- what lies between and around --------------------------------------------------------------------------------------------


def streets(k: Kit, random: Random, columns: int, rows: int) -> Pieces:
    """Asphalt under everything, lane marks, crossings, avenues of trees, lamps, and traffic."""
    width, depth = columns * PITCH[0], rows * PITCH[1]
    east, south = ((np.arange(n + 1) - n / 2) * pitch for n, pitch in zip((columns, rows), PITCH, strict=True))
    along, down = np.arange(-width / 2, width / 2, 6.0), np.arange(-depth / 2, depth / 2, 6.0)
    bars = np.arange(-5.4, 5.5, 1.2)
    stripes = at([-9.5, 9.5], 0, bars[:, None])
    lamps = at(np.arange(-width / 2 + 25, width / 2, 30.0), 0.15, south[:, None] + 8.4)
    verge = np.array([-9.2, 9.2])  # beside the middle of a street
    trees = np.concatenate([at(np.arange(-width / 2 + 20, width / 2, 10.0), 0.15, (south[1:-1, None] + verge).reshape(-1, 1)),
                            at((east[1:-1, None] + verge).ravel(), 0.15, np.arange(-depth / 2 + 20, depth / 2, 12.0)[:, None])])
    clear = [np.abs(trees[:, axis, None] - lines).min(axis=1) > 13 for axis, lines in ((0, east), (2, south))]
    trees = trees[(clear[0] | clear[1]) & (random.random(len(trees)) < 0.8)]
    pieces = [k.put("box", "matt", (0, -0.1, 0), (width + 16, 0.2, depth + 16), ASPHALT),
              k.put("box", "matt", at(along, 0.0, south[:, None]), (3.0, 0.04, 0.16), WHITE),
              k.put("box", "matt", at(east, 0.0, down[:, None]), (0.16, 0.04, 3.0), WHITE),
              stamp(k.put("box", "matt", stripes, (3.0, 0.04, 0.6), WHITE), at(east, 0.0, south[:, None])),
              woods(k, random, trees, 0.72, 0.0),
              stamp(k.put("lamp", "paint", (0, 0, 0), color=DARK), lamps, math.pi / 2, variant=np.arange(len(lamps)))]
    for lane, angle in ((2.2, 0.0), (-2.2, math.pi)):
        places = at(np.arange(-width / 2, width / 2, 16.0), 0.0, south[:, None] + lane) + (random.uniform(-5, 5), 0, 0)
        places = places[random.random(len(places)) < 0.35]
        pieces.append(stamp(car(k), places, angle, pick(random, PAINTS, len(places)), variant=any_of(random, len(places))))
    return join(*pieces)


def country(k: Kit, random: Random, columns: int, rows: int, left: int) -> Pieces:
    """Fields, a fence around the campus, woods, hills at the horizon, paler the farther away, and vines until there are `left` pieces."""
    width, depth = columns * PITCH[0] + 16, rows * PITCH[1] + 16
    fields = at((np.arange(64) - 31.5) * 250.0, -0.35, (np.arange(64) - 31.5)[:, None] * 250.0)
    beyond = np.maximum(np.abs(fields[:, 0]) - width / 2, np.abs(fields[:, 2]) - depth / 2) - 125
    near = np.nonzero((beyond > 0) & (beyond < 900))[0]
    wooded = near[random.random(len(near)) < 0.32]
    vines = np.setdiff1d(near, wooded)[np.argsort(-fields[np.setdiff1d(near, wooded), 2], kind="stable")]
    crops = pick(random, CROPS, len(fields))
    crops[wooded], crops[vines[:18]] = (84, 104, 58), (150, 138, 96)
    haze = np.clip(np.hypot(fields[:, 0], fields[:, 2]) / 8500 - 0.06, 0, 1)[:, None] ** 0.8
    angle = np.arange(36) * math.tau / 36 + random.uniform(-0.06, 0.06, 36)
    far = random.uniform(5500, 8000, 36)
    peaks = np.stack([np.sin(angle) * far, np.full(36, -10.0), np.cos(angle) * far], axis=1)
    ring, facing = perimeter(width, depth, 3.0)
    groves = np.concatenate([spread(random, 300, 246, 246) + (x, -0.25, z) for x, _, z in fields[wooded]])
    pieces = join(k.put("box", "matt", fields, (250, 0.2, 250), crops * (1 - haze) + HAZE * 0.94 * haze),
                  k.put("hill", "matt", peaks, np.array([(2600.0, 1700.0, 2600.0)]) * random.uniform(0.6, 1.3, (36, 1)),
                        (172, 184, 194) + random.integers(-6, 7, (36, 1)), variant=np.arange(36)),
                  stamp(k.put("fence", "paint", (0, 0, 0), color=(120, 128, 124)), ring, facing, variant=np.arange(len(ring))),
                  woods(k, random, groves, 1.1, 0.3))
    row = at(np.arange(-120, 120, 1.4), 0.1, np.arange(-118, 119, 5.0)[:, None])
    planted = np.concatenate([row + center for center in fields[vines]])[:left - len(pieces)]
    return join(pieces, flowers(k, random, planted))


BLOCKS: dict[str, Callable[[Kit, Random, bool], Pieces]] = {
    "F": hall, "W": warehouse, "O": offices, "G": green, "K": parking, "S": solar, "P": process, "T": tanks, "C": containers,
}
"""What a letter of the map stands for; the last argument is whether it has a roof."""
