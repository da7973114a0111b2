"""The shapes of the campus: about 1,400 geometries in families, each with a coarser level for afar.

A shape is made of surfaces, (positions, normals, indices), that are moved and glued. Lengths are metres; things stand on y = 0, a
vehicle's nose points to +X. All geometries have the same vertex layout, so that any of them may share a draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..geometry import Geometry
from ..primitives import box, cylinder, torus

Rows = NDArray[np.float64]
Surface = tuple[Rows, Rows, NDArray[np.int64]]
Shape = Callable[[np.random.Generator], Geometry]


# --- surfaces ----------------------------------------------------------------------------------------------------------------


def surface(geometry: Geometry) -> Surface:
    """Positions, normals and indices of a ready-made geometry."""
    assert geometry.normals is not None
    return geometry.positions.astype(float), geometry.normals.astype(float), geometry.indices.astype(np.int64)


BOX, DRUM, PIPE = surface(box(1.0)), surface(cylinder(0.5, 1.0, 14)), surface(cylinder(0.5, 1.0, 8))


def moved(shape: Surface, place: ArrayLike = (0, 0, 0), size: ArrayLike = (1, 1, 1), turn: ArrayLike | None = None) -> Surface:
    """Scale, turn and shift a surface; the centre of unit shapes goes to `place`."""
    positions, normals, indices = shape
    scale, axes = np.broadcast_to(np.asarray(size, float), 3), np.eye(3) if turn is None else np.asarray(turn)
    normals = normals / scale
    return positions * scale @ axes.T + np.asarray(place, float), normals / np.linalg.norm(normals, axis=1, keepdims=True) @ axes.T, indices


def block(low: Sequence[float], size: Sequence[float] | Rows) -> Surface:
    """A box that stands centred over (x, z) at height y."""
    return moved(BOX, (low[0], low[1] + size[1] / 2, low[2]), size)


def glued(*surfaces: Surface) -> Geometry:
    """One geometry out of surfaces."""
    starts = np.cumsum([0, *(len(positions) for positions, _, _ in surfaces)])
    return Geometry(positions=np.concatenate([s[0] for s in surfaces]), normals=np.concatenate([s[1] for s in surfaces]),
                    indices=np.concatenate([s[2] + start for s, start in zip(surfaces, starts, strict=False)]))


def prism(outline: ArrayLike, depth: float) -> Surface:
    """A counter-clockwise outline (n, 2) in XY, star-shaped about its middle, extruded along Z about z = 0."""
    points, half = np.asarray(outline, float), depth / 2
    after, middle = np.roll(points, -1, axis=0), np.broadcast_to(points.mean(axis=0), points.shape)

    def lifted(corners: Sequence[tuple[Rows, float]]) -> Rows:
        return np.stack([np.column_stack([xy, np.full(len(xy), z)]) for xy, z in corners], axis=1).reshape(-1, 3)

    sides = lifted([(points, half), (points, -half), (after, -half), (points, half), (after, -half), (after, half)])
    outward = (after - points)[:, ::-1] * (1, -1)
    outward = np.column_stack([outward / np.linalg.norm(outward, axis=1, keepdims=True), np.zeros(len(points))])
    caps = [lifted([(middle, half), (points, half), (after, half)]), lifted([(middle, -half), (after, -half), (points, -half)])]
    facing = [np.tile((0.0, 0.0, sign), (3 * len(points), 1)) for sign in (1.0, -1.0)]
    rows = np.concatenate([sides, *caps])
    return rows, np.concatenate([np.repeat(outward, 6, axis=0), *facing]), np.arange(len(rows))


def lathe(profile: ArrayLike, segments: int) -> Surface:
    """Turn (radius, y) rows, from the bottom up, about +Y: smooth around, with edges along the profile."""
    points = np.asarray(profile, float)
    angle = np.linspace(0, 2 * math.pi, segments + 1)
    around = np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)], axis=1)
    positions, normals = [], []
    indices: list[NDArray[np.int64]] = []
    for (r0, y0), (r1, y1) in pairwise(points):
        ring = [around * r + (0, y, 0) for r, y in ((r0, y0), (r1, y1))]
        normal = around * (y1 - y0) + (0, r0 - r1, 0)
        first = 2 * (segments + 1) * len(indices) + np.arange(segments)
        above = first + segments + 1
        positions += ring
        normals += [normal / np.linalg.norm(normal, axis=1, keepdims=True)] * 2
        indices.append(np.stack([first, first + 1, above + 1, first, above + 1, above], axis=1).ravel())
    return np.concatenate(positions), np.concatenate(normals), np.concatenate(indices)


def blob(random: np.random.Generator, size: ArrayLike, bumps: float, detail: Sequence[tuple[int, int]]) -> list[Geometry]:
    """Bumpy balls that stand on y = 0, the same one in several (segments, rings), each smoothly shaded."""
    waves, phase = random.normal(0, 2.2, (5, 3)), random.uniform(0, 6.3, 5)
    made = []
    for segments, rings in detail:
        theta, phi = np.linspace(0, 2 * math.pi, segments + 1), np.linspace(0, math.pi, rings + 1)[:, None]
        theta = np.where(theta == theta[-1], 0.0, theta)
        ball = np.stack(np.broadcast_arrays(np.sin(phi) * np.sin(theta), np.cos(phi), np.sin(phi) * np.cos(theta)), axis=-1).reshape(-1, 3)
        radius = 1 + bumps * np.cos(ball @ waves.T + phase).mean(axis=1, keepdims=True)
        first = (np.arange(rings)[:, None] * (segments + 1) + np.arange(segments)).ravel()
        below = first + segments + 1
        indices = np.stack([first, below, below + 1, first, below + 1, first + 1], axis=1).ravel()
        positions = ball * radius * np.asarray(size) / 2
        positions[:, 1] -= positions[:, 1].min()
        made.append(Geometry(positions=positions, normals=ball / np.linalg.norm(ball, axis=1, keepdims=True), indices=indices))
    return made


def boxed(shape: Geometry) -> Geometry:
    """A shape with the box around it as its coarser level."""
    low, high = shape.bounds.astype(float)
    return shape.with_levels([glued(moved(BOX, (low + high) / 2, high - low))])


def turned(profile: ArrayLike, segments: int = 20) -> Geometry:
    """A turned shape with 8 segments as its coarser level."""
    return glued(lathe(profile, segments)).with_levels([glued(lathe(profile, 8))])


# --- families ----------------------------------------------------------------------------------------------------------------

ALONG_X = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
ALONG_Z = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def crown(random: np.random.Generator) -> Geometry:
    """Leaves of a broad tree, 1 m wide."""
    fine, coarse = blob(random, (1, random.uniform(0.7, 1.1), 1), random.uniform(0.25, 0.45), ((9, 6), (5, 3)))
    return fine.with_levels([coarse])


def conifer(random: np.random.Generator) -> Geometry:
    """A fir of 1 m height in tiers."""
    tiers, base = int(random.integers(3, 6)), random.uniform(0.2, 0.3)
    rows = [(0.0, 0.12)]
    for k in range(tiers):
        low, high = 0.12 + 0.88 * k / tiers, 0.12 + 0.88 * (k + 1.25) / tiers
        rows += [(base * (1 - k / tiers), low), (base * (1 - k / tiers) * 0.35, min(high, 1.0) * 0.98)]
    rows.append((0.0, 1.0))
    return glued(lathe(rows, 7)).with_levels([glued(lathe([(0.0, 0.12), (base, 0.13), (0.0, 1.0)], 5))])


def shrub(random: np.random.Generator) -> Geometry:
    """A low plant, 1 m wide."""
    fine, coarse = blob(random, (1, random.uniform(0.4, 0.8), random.uniform(0.7, 1)), 0.4, ((6, 4), (4, 2)))
    return fine.with_levels([coarse])


def hill(random: np.random.Generator) -> Geometry:
    """A mountain, 1 m wide; its lower half is in the ground."""
    (made,) = blob(random, (1, random.uniform(0.14, 0.3), random.uniform(0.5, 1)), 0.25, ((40, 20),))
    return glued(moved(surface(made), (0, -made.bounds[1, 1] / 2, 0)))


def car(random: np.random.Generator) -> Geometry:
    """Painted body of a car, 4.4 m long, wheels at +-1.35 m."""
    hood, deck, sill = random.uniform(0.72, 0.85), random.uniform(0.8, 0.98), random.uniform(0.28, 0.36)
    front = [(2.1, sill), (2.2, sill + 0.2), (2.05, hood - 0.08), (0.95, hood + 0.06)]
    side = [(-2.15, sill), *front, (-1.5, deck), (-2.1, deck - 0.05), (-2.2, 0.6)]
    return boxed(glued(prism(side, random.uniform(1.68, 1.82))))


def cabin(random: np.random.Generator) -> Geometry:
    """Glass and roof of a car."""
    top, back = random.uniform(1.36, 1.62), random.uniform(-2.05, -1.35)
    side = [(back, 0.8), (1.05, 0.8), (0.25, top), (back + 0.55, top)]
    return boxed(glued(prism(side, 1.5)))


def lorry(random: np.random.Generator) -> Geometry:
    """Painted cab of a lorry, 2.2 m long."""
    top = random.uniform(2.8, 3.5)
    return boxed(glued(prism([(-1.1, 0.6), (1.1, 0.6), (1.15, 1.5), (0.85, top - 0.4), (0.5, top), (-1.1, top)], 2.4)))


def machine(random: np.random.Generator) -> Geometry:
    """A machine tool, about 3 x 2.2 x 2 m: bed, columns, housings, spindles, a panel on an arm."""
    pieces = [block((0, 0, 0), (3.0, random.uniform(0.5, 0.9), 2.0))]
    for _ in range(int(random.integers(3, 6))):
        size = random.uniform((0.4, 0.5, 0.5), (1.5, 1.5, 1.7))
        pieces.append(block((random.uniform(-0.8, 0.8), 0.5, random.uniform(-0.2, 0.2)), size))
    for _ in range(int(random.integers(1, 4))):
        pieces.append(moved(PIPE, (random.uniform(-1.2, 1.2), random.uniform(1.4, 2.0), random.uniform(-0.6, 0.6)),
                            (0.35, random.uniform(0.5, 1.2), 0.35), (ALONG_X, ALONG_Z, None)[int(random.integers(3))]))
    pieces += [block((1.3, 0.9, 1.1), (0.08, 0.9, 0.08)), block((1.3, 1.4, 1.16), (0.5, 0.4, 0.08))]
    return boxed(glued(*pieces))


def robot(random: np.random.Generator) -> Geometry:
    """An arm with six axes in one of its poses."""
    pieces, joint, lean = [moved(DRUM, (0, 0.3, 0), (0.8, 0.6, 0.8))], np.array([0.0, 0.7, 0.0]), random.uniform(-0.5, 0.6)
    for length, width, bend in ((1.2, 0.34, 0.0), (1.1, 0.26, random.uniform(0.9, 1.9)), (0.4, 0.18, random.uniform(0.2, 1.2))):
        lean += bend
        along = np.array([math.sin(lean), math.cos(lean), 0.0])
        turn = np.stack([(along[1], -along[0], 0), along, (0, 0, 1)], axis=1)
        pieces += [moved(PIPE, joint, (width * 1.25, width * 1.5, width * 1.25), ALONG_Z),
                   moved(BOX, joint + along * length / 2, (width, length, width), turn)]
        joint = joint + along * length
    return boxed(glued(*pieces))


def rooftop(random: np.random.Generator) -> Geometry:
    """Air handling on a roof, about 4 m."""
    length, height = random.uniform(2.5, 6), random.uniform(1.2, 2.4)
    pieces = [block((0, 0.2, 0), (length, height, 2.2)), block((-length / 2 - 0.5, 0.5, 0), (1.2, 0.8, 1.2))]
    for x in np.linspace(-length / 2 + 0.8, length / 2 - 0.8, int(random.integers(1, 4))):
        pieces.append(moved(DRUM, (x, 0.2 + height + 0.15, 0), (1.3, 0.3, 1.3)))
    return boxed(glued(*pieces))


def vessel(random: np.random.Generator) -> Geometry:
    """A pressure vessel or column of 1 m diameter and 1 m height between domed ends; scaled where it stands."""
    neck, waist = random.uniform(0.25, 0.5), random.uniform(0.5, 0.85)
    top = [(neck, waist + 0.06), (neck, 0.93), (neck * 0.55, 0.985), (0.0, 1.0)]
    return turned([(0.0, 0.0), (0.28, 0.01), (0.5, 0.06), (0.5, waist), *top])


def tank(random: np.random.Generator) -> Geometry:
    """A storage tank of 1 m diameter and 1 m height with rings and a cone."""
    rows = [(0.0, 0.0), (0.5, 0.0)]
    for y in np.linspace(0.1, 0.9, int(random.integers(2, 5))):
        rows += [(0.5, y - 0.012), (0.508, y - 0.012), (0.508, y + 0.012), (0.5, y + 0.012)]
    return turned([*rows, (0.5, 0.93), (0.0, random.uniform(0.97, 1.1))], 36)


def chimney(random: np.random.Generator) -> Geometry:
    """A stack or cooling tower of 1 m height."""
    y, waist = np.linspace(0, 1, 12), random.uniform(0.12, 0.25)
    radius = 0.5 - waist * np.sin(np.minimum(y * 1.15, 1) * math.pi / 2) + 0.06 * np.maximum(y - 0.75, 0)
    inside = [(radius[-1] * 0.9, 1.0), (radius[-1] * 0.8, 0.95), (0.0, 0.95)]
    return turned([*zip(radius, y, strict=True), *inside], 32)


def valve(random: np.random.Generator) -> Geometry:
    """A valve with flanges and a wheel, 1 m long, on a pipe along X."""
    body, height = random.uniform(0.3, 0.5), random.uniform(0.5, 0.9)
    wheel = surface(torus(random.uniform(0.2, 0.32), 0.03, 10, 4))
    return boxed(glued(moved(DRUM, (0, 0, 0), (body, 0.7, body), ALONG_X), moved(DRUM, (-0.4, 0, 0), (0.55, 0.08, 0.55), ALONG_X),
                       moved(DRUM, (0.4, 0, 0), (0.55, 0.08, 0.55), ALONG_X), moved(PIPE, (0, height / 2, 0), (0.1, height, 0.1)),
                       moved(wheel, (0, height, 0))))


def container(random: np.random.Generator) -> Geometry:
    """A corrugated steel box of 12.2 x 2.59 x 2.44 m."""
    corners = 4 * int(random.integers(12, 20))
    x, edge = np.linspace(-6.05, 6.05, corners), np.tile([1.22, 1.22, 1.17, 1.17], corners // 4)
    outline = np.concatenate([np.stack([x, -edge], axis=1), np.stack([x, edge], axis=1)[::-1]])
    positions, normals, indices = prism(outline, 2.5)
    sides = slice(12 * corners)  # without its caps
    upright = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    lids = [block((0, y, 0), (12.1, 0.1, 2.34)) for y in (0.05, 2.4)]
    frame = [block((0, y, z), (12.19, 0.14, 0.1)) for y in (0, 2.45) for z in (-1.19, 1.19)]
    return boxed(glued((positions[sides] @ upright.T + (0, 1.3, 0), normals[sides] @ upright.T, indices[sides]), *lids, *frame))


def load(random: np.random.Generator) -> Geometry:
    """Cartons on a pallet, 1.2 x 0.8 m."""
    pieces, left = [block((0, 0, 0), (1.2, 0.14, 0.8))], random.uniform(-0.1, 0.1)
    for layer in range(int(random.integers(1, 4))):
        for side in (-1, 1):
            pieces.append(block((left / 2 + side * 0.3, 0.14 + 0.33 * layer, 0), (0.56 - side * left, 0.32, 0.76)))
    return boxed(glued(*pieces))


def house(random: np.random.Generator) -> Geometry:
    """A gabled roof over 1 x 1 m, from y = 0 to its ridge."""
    ridge = random.uniform(0.3, 0.5)
    upright = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    points, normals, indices = prism([(-0.55, 0), (0.55, 0), (0.55, 0.04), (0, ridge), (-0.55, 0.04)], 1.1)
    return glued((points @ upright.T, normals @ upright.T, indices))


def window(random: np.random.Generator) -> Geometry:
    """Frame of a facade module, 3 m wide and 3.6 m high, in XY facing +Z; the glass is another part."""
    sill, bars = random.uniform(0.5, 1.1), int(random.integers(1, 4))
    pieces = [block((0, 0, 0.0), (3.0, sill, 0.16)), block((0, 3.3, 0.0), (3.0, 0.3, 0.16)),
              block((-1.44, sill, 0.02), (0.12, 3.3 - sill, 0.2))]
    pieces += [block((x, sill, 0.03), (0.06, 3.3 - sill, 0.1)) for x in np.linspace(-1.44, 1.5, bars + 2)[1:-1]]
    if random.random() < 0.4:
        pieces.append(block((0, 2.6, 0.25), (2.9, 0.06, 0.5)))
    return boxed(glued(*pieces))


def fence(random: np.random.Generator) -> Geometry:
    """A panel of a fence, 3 m long and 2 m high, along X."""
    bars = [block((x, 0.1, 0), (0.03, 1.8, 0.03)) for x in np.linspace(-1.4, 1.4, int(random.integers(14, 22)))]
    return boxed(glued(block((-1.5, 0, 0), (0.1, 2.1, 0.1)), *[block((0, y, 0), (3.0, 0.05, 0.05)) for y in (0.15, 1.85)], *bars))


def lamp(random: np.random.Generator) -> Geometry:
    """A street lamp, its arm towards +X."""
    height, arm = random.uniform(7, 9), random.uniform(1.2, 2.2)
    return boxed(glued(moved(PIPE, (0, height / 2, 0), (0.18, height, 0.18)), block((arm / 2, height - 0.1, 0), (arm, 0.1, 0.1)),
                       block((arm, height - 0.2, 0), (0.7, 0.14, 0.3))))


def panel(random: np.random.Generator) -> Geometry:
    """Stand of a solar table, 4 x 2 m, tilted towards +Z by 25 degrees."""
    pieces = [block((x, 0, 0.2), (0.1, random.uniform(1.15, 1.25), 0.1)) for x in (-1.5, 1.5)]
    tilt = math.radians(25)
    turn = np.array([[1, 0, 0], [0, math.cos(tilt), -math.sin(tilt)], [0, math.sin(tilt), math.cos(tilt)]])
    return boxed(glued(*pieces, *[moved(BOX, (0, 1.3 + dy, 0.2 + dz), (4.0, 0.06, 0.06), turn) for dy, dz in ((0.25, -0.6), (-0.25, 0.6))]))


def elbow(random: np.random.Generator) -> Geometry:
    """A quarter bend of a pipe of 1 m diameter, from -X up to +Y."""
    around, bend = np.linspace(0, 2 * math.pi, 11), np.linspace(0, math.pi / 2, 6)[:, None]
    radius = random.uniform(1.0, 1.5)
    out = np.stack(np.broadcast_arrays(np.cos(around) * np.sin(bend), -np.cos(around) * np.cos(bend), np.sin(around) + 0 * bend), axis=-1)
    core = np.stack([np.sin(bend), 1 - np.cos(bend), 0 * bend], axis=-1) * radius
    first = (np.arange(5)[:, None] * 11 + np.arange(10)).ravel()
    indices = np.stack([first, first + 12, first + 1, first, first + 11, first + 12], axis=1).ravel()
    return boxed(glued(((core + out / 2).reshape(-1, 3), out.reshape(-1, 3), indices)))


def plain(shape: Surface) -> Shape:
    """A family of one."""
    return lambda random: glued(shape)


FAMILIES: dict[str, tuple[int, Shape]] = {
    "box": (1, plain(BOX)), "drum": (1, lambda random: turned([(0.0, -0.5), (0.5, -0.5), (0.5, 0.5), (0.0, 0.5)], 16)),
    "pipe": (1, plain(PIPE)), "crown": (160, crown), "conifer": (60, conifer), "shrub": (80, shrub), "hill": (24, hill), "car": (60, car),
    "cabin": (40, cabin), "lorry": (12, lorry), "machine": (240, machine), "robot": (80, robot), "rooftop": (100, rooftop),
    "vessel": (120, vessel), "tank": (24, tank), "chimney": (8, chimney), "valve": (60, valve), "container": (20, container),
    "load": (160, load), "house": (24, house), "window": (60, window), "fence": (8, fence), "lamp": (10, lamp), "panel": (12, panel),
    "elbow": (16, elbow),
}
"""Families of shapes by name: how many different ones there are, and what makes one."""


def make_shapes() -> tuple[list[Geometry], dict[str, tuple[int, int]]]:
    """Return all geometries, and for each family its first index and how many it has."""
    geometries: list[Geometry] = []
    families = {}
    for number, (name, (count, make)) in enumerate(FAMILIES.items()):
        random = np.random.default_rng((11, number))
        families[name] = len(geometries), count
        geometries += [make(random) for _ in range(count)]
    return geometries, families
