"""Faces driven from an array: frames of the 52 blend shapes of ARKit, as a phone streams them, played by eight heads as clips.

`stream` makes the array of a table of expressions; a recording of ARKit has the same shape, (t, 52), and takes its place.
`morph_weights` picks the columns that the morphs of the head are named after, and a `Track` plays them. Each head begins elsewhere in
the stream.

test: compare
budget: draw_calls=2 bytes_uploaded=0
"""

import numpy as np

import metarender as mr
from metarender.demos.face import MORPHS, face
from metarender.humans import ARKIT, morph_weights

HOLD, CHANGE, RATE = 1.1, 0.35, 60  # seconds, seconds, frames each second


def both(**weights: float) -> dict[str, float]:
    """The same for the left and the right."""
    return {f"{name}{side}": weight for name, weight in weights.items() for side in ("Left", "Right")}


EXPRESSIONS = (
    both(mouthSmile=0.25),
    {"jawOpen": 0.15, **both(mouthSmile=1, mouthUpperUp=0.5, cheekSquint=0.8, eyeSquint=0.4, browOuterUp=0.3)},
    {"jawOpen": 0.75, "mouthFunnel": 0.25, "browInnerUp": 0.9, **both(eyeWide=1, browOuterUp=0.9)},
    {"mouthPucker": 1, "browInnerUp": 0.4, **both(eyeBlink=1, mouthSmile=0.1)},
    {"browInnerUp": 1, **both(mouthFrown=0.9, eyeLookDown=0.5, mouthStretch=0.2)},
    both(browDown=1, eyeSquint=0.6, noseSneer=0.8, mouthUpperUp=0.4, mouthLowerDown=0.6, mouthStretch=0.4),
    {"jawOpen": 0.45, "tongueOut": 1, "eyeBlinkLeft": 1, "cheekSquintLeft": 1, "browOuterUpRight": 0.8, **both(mouthSmile=0.7)},
    {"cheekPuff": 0.9, "eyeLookInLeft": 0.8, "eyeLookOutRight": 0.8, "browDownLeft": 0.7, "browOuterUpRight": 0.9, "mouthPucker": 0.3},
)
SPOKEN = ({"jawOpen": 0.5}, {"jawOpen": 0.15, "mouthPucker": 0.8}, {"jawOpen": 0.25, **both(mouthStretch=0.5)},
          {"jawOpen": 0.3, "mouthFunnel": 0.9}, {})
CAMERA = mr.PerspectiveCamera(fov=13.4).look_at((0, 0.16, 3.0), (0, 0.138, 0))


def row(weights: dict[str, float]) -> np.ndarray:
    """One frame, (52,)."""
    return np.array([weights.get(name, 0.0) for name in ARKIT])


def stream() -> tuple[np.ndarray, np.ndarray]:
    """Times (t,) in seconds and what ARKit would say, (t, 52): every expression for a while, some words, and a blink now and then."""
    keys = [(HOLD, row(weights)) for weights in EXPRESSIONS]
    keys += [(0.06, row(weights)) for weights in SPOKEN + SPOKEN[::-1]]
    keys.append(keys[0])
    lasts = np.array([seconds for seconds, _ in keys])
    changes = np.where(lasts < HOLD, 0.12, CHANGE)
    begins = np.cumsum(lasts + changes) - lasts - changes
    moments = np.column_stack([begins, begins + lasts]).ravel()
    times = np.arange(0, begins[-1], 1 / RATE)
    share = np.interp(times, moments, np.repeat(np.arange(len(keys)), 2))
    before, blend = share.astype(int), share % 1
    blend = (blend * blend * (3 - 2 * blend))[:, None]
    poses = np.array([pose for _, pose in keys])
    values = poses[before] * (1 - blend) + poses[np.minimum(before + 1, len(keys) - 1)] * blend
    lids = [ARKIT.index("eyeBlinkLeft"), ARKIT.index("eyeBlinkRight")]
    values[:, lids] = np.maximum(values[:, lids], np.clip(1.5 - np.abs((times + 0.25) % 2.9 - 1.45) / 0.06, 0, 1)[:, None])
    return times, values


def build_stage() -> mr.Scene:
    """Two shelves of heads, and a clip for each."""
    scene, mesh, (times, values) = mr.Scene(), face(), stream()
    scene.background, scene.environment = "#c3ccd3", mr.Environment.studio(intensity=0.65)
    scene.add(mr.DirectionalLight(direction=(-0.55, -0.6, -1), intensity=1.7))
    for number in range(len(EXPRESSIONS)):
        column, shelf = number % 4, number // 4
        x, y = 0.29 * (column - 1.5), 0.345 * (1 - shelf)
        head = scene.add(mesh, position=(x, y, 0), rotation=(0, np.sin(-x / 4), 0, np.cos(-x / 4)), name=f"head {number}")
        weights = np.roll(morph_weights(values, MORPHS), -round(number * (HOLD + CHANGE) * RATE), axis=0)
        scene.play(scene.add_clip(mr.Clip(f"face {number}", [mr.Track(head, "weights", times, weights)])))
    return scene


def build(seconds: float = 0.5) -> tuple[mr.Scene, mr.Camera]:
    """Return the scene at a time, and the camera."""
    scene = build_stage()
    scene.at(seconds)
    return scene, CAMERA


if __name__ == "__main__":
    stage = build_stage()
    mr.view(stage, camera=CAMERA, on_frame=stage.at)
