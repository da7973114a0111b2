"""Hands that reach and eyes that follow: a worker turns a valve with both hands, another pulls a lever, a third points at what moves.

Where the hands should be is a line of numpy; `two_bone` bends all arms of all moments at once so that they are there, and `aim` turns the
heads after them. The result is a clip like any other.

test: compare
budget: draw_calls=5 bytes_uploaded=0
"""

import numpy as np

import metarender as mr
from metarender.demos.mannequin import add_mannequin
from metarender.humans import Motion, Skeleton, aim, two_bone
from metarender.humans.rotations import about, inverse, multiply, turn

TIMES = np.linspace(0, 6, 181)  # seconds
VALVE, RIM = np.array((0.0, 1.2, 0.34)), 0.17
LEVER, ROD = np.array((0.22, 0.72, 0.25)), 0.46  # seen from the worker who pulls it: where it is hinged, and how long it is
WORKERS = {"puller": ("#3d6fa8", (-1.35, 0, 0)), "turner": ("#c8553d", (0, 0, 0)), "pointer": ("#4f8a5b", (1.45, 0, 0.15))}
"""Colours and where they stand."""
CAMERA = mr.PerspectiveCamera(fov=27).look_at((2.3, 2.0, 5.0), (0.08, 0.93, 0.15))


def valve_turn() -> np.ndarray:
    """Angle of the valve about +Z, (t,), radians: to and fro."""
    return 0.75 * np.sin(TIMES * 2 * np.pi / 3)


def lever_turn() -> np.ndarray:
    """Angle of the lever about +X, (t,), radians."""
    return 0.05 + 0.4 * np.sin(TIMES * 2 * np.pi / 6)


def hands() -> dict[str, np.ndarray]:
    """Where hands shall be, (t, 3) in the world, by worker and side: on the rim, on the knob, pointing, or hanging down."""
    angle, along = valve_turn(), np.tile((0.0, 1.0, 0.0), (len(TIMES), 1))
    rim = RIM * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    knob = LEVER + ROD * turn(about(np.array((1.0, 0, 0)), lever_turn()), along)
    puller, turner, pointer = (np.array(place) for _, place in WORKERS.values())
    return {"puller left": puller + knob, "puller right": puller + (-0.25, 0.93, 0.10) + 0 * along,
            "turner left": turner + VALVE + rim, "turner right": turner + VALVE - rim,
            "pointer right": turner + VALVE + rim, "pointer left": pointer + (0.25, 0.93, 0.10) + 0 * along}


def reach(motion: Motion, side: str, target: np.ndarray) -> None:
    """Bend an arm so that the hand is at a target (t, 3) in the world; elbows look outwards, down and back."""
    upper, lower, hand = (motion.joint(f"{side}{name}") for name in ("UpperArm", "LowerArm", "Hand"))
    (places, turns), parent = motion.world(), motion.skeleton.parents[upper]
    pole = places[:, upper] + ((0.4 if side == "left" else -0.4), -0.6, -0.35)
    first, second = two_bone(places[:, upper], places[:, lower], places[:, hand], target, pole)
    arm, forearm = multiply(first, turns[:, upper]), multiply(second, turns[:, lower])
    motion.rotations[:, upper] = multiply(inverse(turns[:, parent]), arm)
    motion.rotations[:, lower] = multiply(inverse(arm), forearm)
    motion.rotations[:, hand] = multiply(inverse(forearm), multiply(second, turns[:, hand]))


def look(motion: Motion, target: np.ndarray) -> None:
    """Turn a head to a target (t, 3), as far as a neck allows."""
    head, neck = motion.joint("head"), motion.joint("neck")
    places, turns = motion.world()
    motion.rotations[:, head] = multiply(inverse(turns[:, neck]), aim(places[:, head], turns[:, neck], target, most=1.4))


def build_stage() -> mr.Scene:
    """Workers, valve and lever, and a clip that plays."""
    scene, targets = mr.Scene(), hands()
    scene.background, scene.environment = "#e3e6ea", mr.Environment.studio(intensity=0.35)
    scene.add(mr.Mesh(mr.plane(12), mr.Standard(color="#aab0b8", roughness=0.9)))
    scene.add(mr.DirectionalLight(direction=(-0.45, -1, -0.45), intensity=2.0))
    tracks = add_machines(scene, np.array(WORKERS["turner"][1]), np.array(WORKERS["puller"][1]))
    for name, (color, place) in WORKERS.items():
        body = add_mannequin(scene, mr.Standard(color=color, roughness=0.45), name=name)
        scene.find(name).position = place
        rest = Skeleton.of([scene.node(joint) for joint in body.joints.tolist()])
        motion = Motion(rest, TIMES, np.tile(rest.rotations, (len(TIMES), 1, 1)), np.tile(rest.positions, (len(TIMES), 1, 1)))
        for side in ("left", "right"):
            reach(motion, side, targets[f"{name} {side}"])
        look(motion, targets["puller left" if name == "puller" else "turner left"])
        tracks += motion.tracks()
    scene.play(scene.add_clip(mr.Clip("work", tracks)))
    return scene


def add_machines(scene: mr.Scene, valve: np.ndarray, lever: np.ndarray) -> list[mr.Track]:
    """The valve on its pipe and the lever on its post, and the tracks that turn them."""
    steel, red = mr.Standard(color="#6c757f", metallic=0.7, roughness=0.4), mr.Standard(color="#b3202c", roughness=0.4)
    scene.add(mr.Mesh(mr.cylinder(0.06, 2 * VALVE[1], segments=24), steel), position=valve + VALVE * (1, 0, 1) + (0, 0, 0.14))
    quarter = (np.sqrt(0.5), 0, 0, np.sqrt(0.5))
    scene.add(mr.Mesh(mr.cylinder(0.025, 0.16), steel), position=valve + VALVE + (0, 0, 0.07), rotation=quarter)
    wheel = scene.add(position=valve + VALVE, name="valve")
    scene.add(mr.Mesh(mr.torus(RIM, 0.018), red), wheel, rotation=quarter)
    for angle in (0, np.pi / 2):
        scene.add(mr.Mesh(mr.box((2 * RIM, 0.02, 0.02)), red), wheel, rotation=(0, 0, np.sin(angle / 2), np.cos(angle / 2)))
    scene.add(mr.Mesh(mr.box((0.12, LEVER[1], 0.12)), steel), position=lever + LEVER * (1, 0.5, 1))
    rod = scene.add(position=lever + LEVER, name="lever")
    scene.add(mr.Mesh(mr.cylinder(0.016, ROD), steel), rod, position=(0, ROD / 2, 0))
    scene.add(mr.Mesh(mr.sphere(0.04), red), rod, position=(0, ROD, 0))
    return [mr.Track(wheel, "rotation", TIMES, about(np.array((0.0, 0, 1)), valve_turn())),
            mr.Track(rod, "rotation", TIMES, about(np.array((1.0, 0, 0)), lever_turn()))]


def build(seconds: float = 0.6) -> tuple[mr.Scene, mr.Camera]:
    """Return the scene at a time, and the camera."""
    scene = build_stage()
    scene.at(seconds)
    return scene, CAMERA


if __name__ == "__main__":
    stage = build_stage()
    mr.view(stage, camera=CAMERA, on_frame=stage.at)
