"""A head that talks: a sculpted face whose morphs bear the names of ARKit, made of smooth fields of displacement.

It looks along +Z, +X is its left, and its origin is in the middle of the head; metres.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..color import to_linear
from ..deformation import Morph
from ..geometry import Geometry, Mesh
from ..materials import Standard
from ..primitives import lattice

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SIDES = {"Left": 1.0, "Right": -1.0}
MORPHS = ("jawOpen", "mouthFunnel", "mouthPucker", "browInnerUp", "cheekPuff", "tongueOut", *(f"{name}{side}" for name in (
    "eyeBlink", "eyeSquint", "eyeWide", "eyeLookUp", "eyeLookDown", "eyeLookIn", "eyeLookOut", "jaw", "mouth", "mouthSmile", "mouthFrown",
    "mouthStretch", "mouthUpperUp", "mouthLowerDown", "browDown", "browOuterUp", "cheekSquint", "noseSneer") for side in SIDES))
"""The 42 of ARKit's 52 that this head has."""

MOUTH, CORNER = -0.058, 0.026
"""Height of the line where the lips meet, and how far its corners are from the middle."""
HINGE, GAPE = np.array((0.0, -0.012, 0.0)), 0.36
"""Where the jaw turns, and how far, in radians."""
EYE, EYE_SIZE = np.array((0.0335, 0.016, 0.0660)), 0.0180
PAINT = {"skin": "#d8a07c", "lips": "#b8695c", "blush": "#d1795f", "hair": "#3b2619", "lash": "#2a1a14", "mouth": "#47100f",
         "teeth": "#f4efe4", "tongue": "#c0504f", "white": "#f6f4ef", "iris": "#3f7d8c", "rim": "#1d3a45", "pupil": "#08090a",
         "cloth": "#39566e"}


@dataclass
class _Piece:
    """Some surface: vertices (n, 3), triangles (t, 3), linear colours (n, 3), and how a morph moves each vertex, (n, 3)."""

    positions: Floats
    triangles: Ints
    colors: Floats
    moved: Callable[[str], Floats]


def _step(low: float, high: float, value: Floats) -> Floats:
    """0 at `low`, 1 at `high`, smooth between and constant beyond."""
    share = np.clip((value - low) / (high - low), 0.0, 1.0)
    smooth: Floats = share * share * (3 - 2 * share)
    return smooth


def _hill(p: Floats, x: float, y: float, wide: float, tall: float) -> Floats:
    """A bell about a place on the front of the head."""
    bell: Floats = np.exp(-(((p[:, 0] - x) / wide) ** 2) - ((p[:, 1] - y) / tall) ** 2) * _step(0.0, 0.03, p[:, 2])
    return bell


def _both(p: Floats, x: float, y: float, wide: float, tall: float) -> Floats:
    """A bell on either side."""
    return _hill(p, x, y, wide, tall) + _hill(p, -x, y, wide, tall)


def _paint(name: str) -> Floats:
    return np.array(to_linear(PAINT[name], name)[:3])


def _mix(colors: Floats, name: str, share: Floats) -> Floats:
    mixed: Floats = colors + (_paint(name) - colors) * share[:, None]
    return mixed


def _about_x(p: Floats, angle: float, center: Floats) -> Floats:
    """How far a turn about an axis along x moves points."""
    c, s = np.cos(angle), np.sin(angle)
    y, z = (p - center)[:, 1], (p - center)[:, 2]
    return np.stack([0 * y, y * c - z * s - y, y * s + z * c - z], axis=1)


def _lattice(rows: int, columns: int) -> Ints:
    """Triangles (t, 3) of rows of vertices from the top down, each from left to right as seen from the front."""
    return lattice(rows - 1, columns - 1).reshape(-1, 3).astype(np.int64)


# --- what the morphs do to the skin -------------------------------------------------------------------------------------


def _lips(p: Floats) -> Floats:
    """How far lips may part: 1 in the middle, 0 at and beyond the corners, falling off above and below."""
    parted: Floats = np.sqrt(np.clip(1 - (p[:, 0] / CORNER) ** 2, 0, 1)) * np.exp(-(((p[:, 1] - MOUTH) / 0.016) ** 2)) * (p[:, 2] > 0)
    return parted


def _parted(p: Floats, below: NDArray[np.bool_], up: float, down: float) -> Floats:
    """Upper lip up and lower lip down, (n,) along y."""
    return np.where(below, -down, up) * _lips(p)


def _skin_moved(name: str, p: Floats, below: NDArray[np.bool_]) -> Floats:
    """What a morph does to points of the skin; `below` says which hang on the jaw's side of the mouth."""
    end = next((side for side in SIDES if name.endswith(side)), "")
    kind, side = name.removesuffix(end), SIDES.get(end, 0.0)
    half = _step(-0.008, 0.012, p[:, 0] * side) if side else np.ones(len(p))
    lip = _hill(p, 0, MOUTH, 0.030, 0.020)
    move = np.zeros_like(p)

    def push(share: Floats, x: float, y: float, z: float) -> None:
        move[:] += share[:, None] * (x, y, z)

    if kind == "jawOpen":
        deep = _step(MOUTH, MOUTH - 0.034, p[:, 1])
        move = (deep + (1 - deep) * _lips(p) * below)[:, None] * _about_x(p, GAPE, HINGE)
    elif kind == "jaw":
        push(_step(MOUTH + 0.012, MOUTH - 0.030, p[:, 1]), 0.012 * side, 0, 0)
    elif kind == "mouth":
        push(lip, 0.011 * side, 0, 0)
    elif kind == "mouthSmile":
        push(_hill(p, side * (CORNER + 0.002), MOUTH, 0.016, 0.015), 0.009 * side, 0.013, -0.007)
        push(_hill(p, side * 0.045, -0.022, 0.018, 0.016), 0.002 * side, 0.006, 0.005)
    elif kind == "mouthFrown":
        push(_hill(p, side * CORNER, MOUTH, 0.014, 0.014), 0.002 * side, -0.012, -0.002)
        push(_hill(p, side * 0.006, MOUTH - 0.026, 0.016, 0.012), 0, 0.003, 0.003)
    elif kind == "mouthStretch":
        push(_hill(p, side * CORNER, MOUTH, 0.016, 0.015), 0.010 * side, -0.005, -0.004)
    elif kind == "mouthPucker":
        move[:, 0] = -0.55 * p[:, 0] * lip
        push(_hill(p, 0, MOUTH, 0.017, 0.014), 0, 0, 0.010)
    elif kind == "mouthFunnel":
        move[:, 0], move[:, 1] = -0.40 * p[:, 0] * lip, _parted(p, below, 0.006, 0.010)
        push(_hill(p, 0, MOUTH, 0.020, 0.018), 0, 0, 0.009)
    elif kind in ("mouthUpperUp", "mouthLowerDown"):
        move[:, 1] = half * _parted(p, below, *((0.0085, 0.0) if kind == "mouthUpperUp" else (0.0, 0.010)))
    elif kind == "browInnerUp":
        push(_both(p, 0.013, 0.045, 0.015, 0.018), 0, 0.011, 0.001)
    elif kind == "browDown":
        push(_hill(p, side * 0.022, 0.044, 0.021, 0.016), -0.004 * side, -0.010, 0.002)
    elif kind == "browOuterUp":
        push(_hill(p, side * 0.046, 0.044, 0.017, 0.018), 0, 0.010, 0)
    elif kind == "cheekPuff":
        for sign in (1, -1):
            push(_hill(p, sign * 0.040, -0.050, 0.020, 0.020), sign * 0.007, 0, 0.009)
        push(lip, 0, 0, 0.004)
    elif kind == "cheekSquint":
        push(_hill(p, side * 0.042, -0.014, 0.018, 0.013), 0, 0.007, 0.004)
    elif kind == "noseSneer":
        push(_hill(p, side * 0.013, -0.022, 0.010, 0.014), 0.001 * side, 0.006, 0.002)
        move[:, 1] += half * _parted(p, below, 0.004, 0.0)
    return move


# --- the pieces ---------------------------------------------------------------------------------------------------------


def _sculpted(p: Floats) -> Floats:
    """From an egg to a head: jaw, brow, sockets, nose, lips and chin, each a bell on the front."""
    p = p.copy()
    down, front = _step(0.005, -0.105, p[:, 1]), _step(0.0, 0.05, p[:, 2])
    p[:, 0] *= 1 - 0.24 * down
    p[:, 2] += 0.020 * down * front + np.where(p[:, 2] < 0, -0.010 * _step(-0.03, 0.05, p[:, 1]), 0)
    flat = p.copy()
    x, y = flat[:, 0], flat[:, 1]
    ridge = 0.003 + 0.020 * _step(0.034, -0.022, y) ** 1.4
    nose = np.exp(-((x / (0.0065 + 0.0050 * _step(0.02, -0.02, y))) ** 2)) * ridge * _step(0.048, 0.026, y) * _step(-0.038, -0.024, y)
    mouth = np.sqrt(np.clip(1 - (x / (CORNER * 1.04)) ** 2, 0, 1))
    bow = MOUTH + 0.0062 - 0.0014 * np.exp(-((x / 0.004) ** 2))
    out = (nose + 0.008 * _both(flat, 0.0115, -0.027, 0.0055, 0.0060) + 0.004 * _both(flat, 0.026, 0.043, 0.022, 0.010)
           - 0.012 * _both(flat, 0.0335, 0.016, 0.0185, 0.0135) + 0.004 * _both(flat, 0.044, -0.020, 0.022, 0.020)
           + 0.0065 * mouth * np.exp(-(((y - bow) / 0.0048) ** 2)) + 0.0080 * mouth * np.exp(-(((y - MOUTH + 0.0075) / 0.0056) ** 2))
           - 0.0035 * _hill(flat, 0, MOUTH, 0.030, 0.0022) - 0.004 * _hill(flat, 0, MOUTH - 0.021, 0.022, 0.006)
           + 0.009 * _hill(flat, 0, MOUTH - 0.038, 0.018, 0.013) - 0.002 * _hill(flat, 0, -0.044, 0.004, 0.006)
           - 0.003 * _both(flat, CORNER + 0.004, MOUTH, 0.007, 0.008))
    p[:, 2] += out * front
    hair = _hair(flat)
    away = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    p += 0.007 * (hair * away.T).T
    return p


def _hair(p: Floats) -> Floats:
    """Where hair grows: above a line that falls from the forehead to the neck."""
    line = 0.074 - 0.9 * np.clip(0.055 - p[:, 2], 0.0, 0.125) + 0.010 * np.cos(p[:, 0] * 60)
    grown: Floats = _step(-0.003, 0.004, p[:, 1] - line)
    return grown


def _egg(rows: Floats, columns: Floats) -> Floats:
    """Points of the head before it is sculpted, (rows, columns, 3), by latitude from the top and longitude from the right cheek."""
    ring = np.cos(rows) ** 0.72
    return np.stack([0.077 * ring[:, None] * np.sin(columns), np.repeat(0.118 * np.sin(rows)[:, None], len(columns), axis=1),
                     0.094 * ring[:, None] * np.cos(columns)], axis=-1)


def _skin() -> _Piece:
    """The head, slit between the lips, whose edges turn inwards."""
    line = np.arcsin(MOUTH / 0.118)
    share = np.linspace(-1, 1, 105)
    columns = np.pi * np.sign(share) * np.abs(share) ** 1.3
    upper, lower = (_sculpted(_egg(rows, columns).reshape(-1, 3)) for rows in (np.linspace(np.pi / 2, line, 64),
                                                                               np.linspace(line, -np.pi / 2, 37)))
    wide, first = len(columns), len(upper)
    edge = first - wide + np.arange(wide)  # last row of the upper half; the first of the lower one lies on it
    apart = (np.abs(lower[:wide, 0]) < CORNER) & (lower[:wide, 2] > 0)
    place = np.arange(first + len(lower))
    place[(edge + wide)[~apart]] = edge[~apart]  # beyond the corners both are one
    p, triangles = np.concatenate([upper, lower]), place[np.concatenate([_lattice(64, wide), _lattice(37, wide) + first])]
    owner, below = np.arange(len(p)), np.arange(len(p)) >= first
    for row, sign in ((edge[apart], 1), ((edge + wide)[apart], -1)):
        strip = np.concatenate([row, len(p) + np.arange(2 * len(row))])[_lattice(3, len(row))]
        p = np.concatenate([p, p[row] + (0, sign * 0.0005, -0.004), p[row] + (0, sign * 0.0040, -0.012)])
        triangles = np.concatenate([triangles, strip if sign < 0 else strip[:, ::-1]])
        owner, below = np.concatenate([owner, row, row]), np.concatenate([below, np.full(2 * len(row), sign < 0)])
    held = p[owner]  # the edges go where the lips go
    return _Piece(p, triangles, _skin_colors(p), lambda name: _skin_moved(name, held, below))


def _skin_colors(p: Floats) -> Floats:
    colors = np.tile(_paint("skin"), (len(p), 1))
    colors = _mix(colors, "blush", 0.55 * _both(p, 0.044, -0.022, 0.020, 0.018) + 0.5 * _hill(p, 0, -0.022, 0.012, 0.010))
    edge = np.clip(1 - (p[:, 0] / (CORNER * 1.03)) ** 2, 0, 1) ** 0.5
    bow = 0.0105 - 0.0022 * np.exp(-((p[:, 0] / 0.004) ** 2))
    lips = _step(0.0012, -0.0012, p[:, 1] - MOUTH - bow * edge) * _step(-0.0012, 0.0012, p[:, 1] - MOUTH + 0.0125 * edge)
    colors = _mix(colors, "lips", lips * (edge > 0) * (p[:, 2] > 0.03))
    return _mix(colors, "hair", _hair(p))


def _surface(skin: _Piece, x: Floats, y: Floats) -> Floats:
    """Depth z of the front of the skin at some places: the mean of what is near."""
    front = skin.positions[skin.positions[:, 2] > 0.02]
    away = (front[:, 0] - x[:, None]) ** 2 + (front[:, 1] - y[:, None]) ** 2
    near = np.exp(-away / 0.003**2)
    depth: Floats = (near * front[:, 2]).sum(axis=1) / near.sum(axis=1)
    return depth


def _brow(skin: _Piece, side: float) -> _Piece:
    """A tapered tube along the ridge of the brow."""
    t = np.linspace(0, 1, 17)
    x, y = side * (0.013 + 0.041 * t), 0.0395 + 0.0085 * np.sin(np.pi * (0.12 + 0.62 * t)) - 0.004 * t**3
    middle = np.stack([x, y, _surface(skin, x, y) + 0.0010], axis=1)
    size = 0.0050 * (np.sin(np.pi * np.clip(0.10 + 0.90 * t, 0, 1)) ** 0.45) * (1 - 0.45 * t) + 0.0002
    around = np.linspace(0, 2 * np.pi, 11)
    ring = np.stack([0 * around, np.cos(around), 0.75 * np.sin(around)], axis=1)
    p = (middle[:, None] + size[:, None, None] * ring).reshape(-1, 3)
    triangles = _lattice(len(t), len(around))
    middles = np.repeat(middle, len(around), axis=0)
    return _Piece(p, triangles[:, ::-1] if side > 0 else triangles, np.tile(_paint("hair"), (len(p), 1)),
                  lambda name: _skin_moved(name, middles, np.zeros(len(p), bool)))


def _eye(side: float) -> _Piece:
    """A ball with an iris that turns."""
    polar = np.radians((0, 5, 10, 10.2, 16, 23, 23.2, 26.5, 26.8, 32, 40, 50, 60, 75, 90, 110, 140, 180))
    around = np.linspace(0, 2 * np.pi, 33)
    p = EYE_SIZE * np.stack([np.sin(polar)[:, None] * np.sin(around), np.sin(polar)[:, None] * np.cos(around),
                             np.repeat(np.cos(polar)[:, None], len(around), axis=1)], axis=-1).reshape(-1, 3)
    degrees = np.repeat(np.degrees(polar), len(around))
    names = np.select([degrees < 10.1, degrees < 23.1, degrees < 26.6], [0, 1, 2], 3)
    colors = np.stack([_paint(name) for name in ("pupil", "iris", "rim", "white")])[names]
    yaw = {"eyeLookIn": -side, "eyeLookOut": side}
    pitch = {"eyeLookUp": -1, "eyeLookDown": 1}

    def moved(name: str) -> Floats:
        kind, angle = name.removesuffix("Left").removesuffix("Right"), np.radians(24)
        if not name.endswith("Left" if side > 0 else "Right"):
            return np.zeros_like(p)
        if kind in pitch:
            return _about_x(p, pitch[kind] * angle, np.zeros(3))
        return _about_x(p[:, [1, 0, 2]], -yaw.get(kind, 0) * angle, np.zeros(3))[:, [1, 0, 2]]

    return _Piece(p + EYE * (side, 1, 1), _lattice(len(polar), len(around))[:, ::-1], colors, moved)


LIDS = {"eyeBlink": (-51, 19), "eyeSquint": (-13, 13), "eyeWide": (13, -5), "eyeLookDown": (-20, -4), "eyeLookUp": (9, 6)}
"""By how many degrees a morph turns the edges of the upper and the lower lid upwards."""


def _lid(side: float, upper: bool) -> _Piece:
    """A shell over the eye that shuts like a visor about the axis through the corners of the eye."""
    edge, back = (36.0, 118.0) if upper else (-34.0, -110.0)
    across, rows = np.radians(np.linspace(-84, 84, 31)), np.linspace(0, 1, 13)

    def shell(lift: float) -> Floats:
        turn = np.radians(edge + lift + (back - edge - lift) * rows)[:, None]
        size = EYE_SIZE * np.where(rows == 0, 1.02, 1.10)[:, None]
        side_on = np.repeat(np.sin(across)[None], len(rows), axis=0)
        p = np.stack([side_on, np.cos(across) * np.sin(turn), np.cos(across) * np.cos(turn)], axis=-1)
        p[..., 1] += 0.06 * side * side_on  # the outer corner is the higher one
        return (p * size[..., None]).reshape(-1, 3) + EYE * (side, 1, 1)

    rest = shell(0.0)

    def moved(name: str) -> Floats:
        lifts = LIDS.get(name.removesuffix("Left").removesuffix("Right"))
        if lifts is None or not name.endswith("Left" if side > 0 else "Right"):
            return np.zeros_like(rest)
        return shell(lifts[0 if upper else 1]) - rest

    colors = np.tile(_paint("skin"), (len(rest), 1))
    if upper:
        colors[:2 * len(across)] = _paint("lash")
    triangles = _lattice(len(rows), len(across))
    return _Piece(rest, triangles[:, ::-1] if upper else triangles, colors, moved)


def _ball(center: Floats, radii: Floats, color: str, inside: bool = False) -> tuple[Floats, Ints, Floats]:
    """An ellipsoid, from within or from without."""
    rows, columns = np.linspace(np.pi / 2, -np.pi / 2, 17), np.linspace(-np.pi, np.pi, 33)
    p = np.stack([np.cos(rows)[:, None] * np.sin(columns), np.repeat(np.sin(rows)[:, None], len(columns), axis=1),
                  np.cos(rows)[:, None] * np.cos(columns)], axis=-1).reshape(-1, 3) * radii + center
    triangles = _lattice(len(rows), len(columns))
    return p, triangles[:, ::-1] if inside else triangles, np.tile(_paint(color), (len(p), 1))


def _inner(p: Floats, triangles: Ints, colors: Floats, jaw: Floats, tongue: bool = False) -> _Piece:
    """What lies in the mouth and follows the jaw by a share for each vertex."""

    def moved(name: str) -> Floats:
        if name == "jawOpen":
            return jaw[:, None] * _about_x(p, GAPE, HINGE)
        if name in ("jawLeft", "jawRight"):
            return jaw[:, None] * (0.012 * SIDES[name.removeprefix("jaw")], 0.0, 0.0)
        if name == "tongueOut" and tongue:
            out = _step(0.036, 0.076, p[:, 2])[:, None]
            return out * (0.0, 0.004, 0.036) - out**4 * (0.0, 0.016, 0.0)
        return np.zeros_like(p)

    return _Piece(p, triangles, colors, moved)


def _cavity() -> _Piece:
    """What is seen behind the teeth: it widens and shifts as the lips before it do."""
    hole = _ball(np.array((0, MOUTH - 0.001, 0.056)), np.array((0.042, 0.022, 0.032)), "mouth", inside=True)
    before = hole[0] * (0.8, 1, 0) + (0, 0, 0.085)
    return _Piece(*hole, lambda name: _skin_moved(name, before, before[:, 1] < MOUTH))


def _mouth() -> list[_Piece]:
    """The tongue and two rows of teeth."""
    tongue = _ball(np.array((0, MOUTH - 0.0095, 0.054)), np.array((0.016, 0.0050, 0.022)), "tongue")
    pieces = [_inner(*tongue, np.full(len(tongue[0]), 0.85), True)]
    across, up = np.radians(np.linspace(-80, 80, 81)), np.linspace(-1, 1, 7)
    for middle, back, jaw in ((MOUTH + 0.0030, 0.0, 0.0), (MOUTH - 0.0070, 0.002, 1.0)):
        tooth = 0.95 + 0.05 * np.abs(np.cos(across * 8.0)) ** 0.3
        p = np.stack([0.0255 * tooth * np.sin(across) * np.ones_like(up)[:, None], middle - 0.0060 * up[:, None] * np.ones_like(across),
                      0.056 - back + 0.0245 * tooth * np.cos(across) * np.sqrt(1 - 0.35 * up[:, None] ** 4)], axis=-1).reshape(-1, 3)
        colors = _mix(np.tile(_paint("teeth"), (len(p), 1)), "mouth", np.tile(6 * (1 - tooth), len(up)))
        pieces.append(_inner(p, _lattice(len(up), len(across)), colors, np.full(len(p), jaw)))
    return pieces


def _still(p: Floats, triangles: Ints, colors: Floats) -> _Piece:
    """What no morph moves."""
    return _Piece(p, triangles, colors, lambda name: np.zeros_like(p))


def _rest() -> list[_Piece]:
    """Ears, neck and shoulders."""
    pieces = []
    for side in SIDES.values():
        p, triangles, colors = _ball(np.zeros(3), np.array((0.0075, 0.028, 0.017)), "skin")
        pieces.append(_still(p + (side * 0.0805, -0.004, -0.008), triangles, colors))
    around = np.linspace(-np.pi, np.pi, 49)
    y = np.linspace(-0.078, -0.205, 60)
    collar = 0.0035 * _step(-0.1455, -0.1475, y)
    radius = 0.045 + 0.006 * _step(-0.10, -0.15, y) + collar + 0.062 * _step(-0.14, -0.215, y)
    wide = 1 + 0.25 * _step(-0.145, -0.205, y)
    p = np.stack([(wide * radius)[:, None] * np.sin(around), np.repeat(y[:, None], len(around), axis=1),
                  (0.92 * radius * (1 - 0.28 * _step(-0.150, -0.23, y)))[:, None] * np.cos(around) - 0.020], axis=-1).reshape(-1, 3)
    colors = np.where((np.repeat(y, len(around)) < -0.1465)[:, None], _paint("cloth"), _paint("skin"))
    pieces.append(_still(p, _lattice(len(y), len(around)), colors))
    return pieces


def _joined(pieces: list[_Piece], name: str) -> Geometry:
    """One geometry of some pieces, with smooth normals of the face at rest and under each morph."""
    starts = np.cumsum([0, *(len(piece.positions) for piece in pieces)])
    positions, colors = (np.concatenate([getattr(piece, what) for piece in pieces]) for what in ("positions", "colors"))
    indices = np.concatenate([piece.triangles + start for piece, start in zip(pieces, starts[:-1], strict=True)]).ravel()
    rough = Geometry(positions=positions, normals=np.tile((0.0, 0.0, 1.0), (len(positions), 1)), indices=indices)
    rest = rough.displaced(np.zeros_like(positions))
    morphs = []
    for morph in MORPHS:
        moved = np.concatenate([piece.moved(morph) for piece in pieces])
        posed = rest.displaced(moved)
        assert posed.normals is not None and rest.normals is not None
        morphs.append(Morph(moved, posed.normals - rest.normals, name=morph))
    return Geometry(positions=positions, normals=rest.normals, indices=indices, colors=colors, morphs=morphs, name=name)


def face() -> Mesh:
    """Return the head with its morphs, named `MORPHS`: ``node = scene.add(face())``, ``node.weights = morph_weights(values, MORPHS)``."""
    skin = _skin()
    matte = [skin, _cavity(), *(_brow(skin, side) for side in SIDES.values()), *_rest(),
             *(_lid(side, upper) for side in SIDES.values() for upper in (True, False))]
    wet = [*(_eye(side) for side in SIDES.values()), *_mouth()]
    return Mesh(primitives=[(_joined(matte, "skin"), Standard(roughness=0.62, name="skin")),
                            (_joined(wet, "eyes and mouth"), Standard(roughness=0.12, name="wet"))], name="face")
