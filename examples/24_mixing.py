"""How actions are mixed: three rows of one figure and its clips, each figure at the same time and with actions of its own.

In front a walk fades into a cheer, of which the figures have 0, 25, 50, 75 and 100 percent. Behind them a wave of the arm is added to the
walk, by weights from 0 to 1; the legs go on walking. At the back a bow of one second, 1.3 seconds after it began: repeated, played once,
back and forth, at half speed and backwards.

test: compare
budget: draw_calls=4 bytes_uploaded=0
"""

import math

import metarender as mr
from metarender.demos.mannequin import add_mannequin

AXES = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}
FADE = 4.0  # seconds, so that each figure is a second further than the one beside it


def turns(figure: mr.Scene, joint: str, axis: str, times: list[float], degrees: list[float]) -> mr.Track:
    """Return a track that turns a joint about one axis."""
    halves = [math.radians(angle) / 2 for angle in degrees]
    values = [(*(math.sin(half) * part for part in AXES[axis]), math.cos(half)) for half in halves]
    node = figure.find(joint)
    assert node is not None
    return mr.Track(node, "rotation", times, values)


def build_figure() -> mr.Scene:
    """Return a figure with four clips."""
    figure, step = mr.Scene(), [0.0, 0.25, 0.5, 0.75, 1.0]
    add_mannequin(figure)
    hips = figure.find("hips")
    assert hips is not None
    walk, cheer = [], [mr.Track(hips, "position", [0, 0.5, 1], [(0, 0.87, 0), (0, 1.2, 0), (0, 0.87, 0)], "linear")]
    for side, sign in (("left", 1), ("right", -1)):
        walk += [turns(figure, f"{side}UpperLeg", "x", step, [-28 * sign, 0, 28 * sign, 0, -28 * sign]),
                 turns(figure, f"{side}LowerLeg", "x", step, [8, 20 - 15 * sign, 25, 20 + 25 * sign, 8]),
                 turns(figure, f"{side}UpperArm", "x", step, [30 * sign, 0, -30 * sign, 0, 30 * sign])]
        cheer += [turns(figure, f"{side}UpperArm", "z", [0, 0.5, 1], [70 * sign, 110 * sign, 70 * sign]),
                  turns(figure, f"{side}UpperLeg", "z", [0], [18 * sign]), turns(figure, f"{side}LowerLeg", "z", [0], [-8 * sign])]
    wave = [turns(figure, "rightUpperArm", "z", [0, 0.5], [0, -105]), turns(figure, "spine", "z", [0, 0.5], [0, 14]),
            turns(figure, "rightLowerArm", "z", [0.5, 0.75, 1], [0, -40, 0])]
    bow = [turns(figure, joint, "x", [0, 1], [0, angle]) for joint, angle in (("spine", 45), ("chest", 40), ("neck", 20))]
    for name, tracks in (("walk", walk), ("cheer", cheer), ("wave", wave), ("bow", bow)):
        figure.add_clip(mr.Clip(name, tracks))
    return figure


def build(seconds: float = 5.0) -> tuple[mr.Scene, mr.Camera]:
    """Return the scene at a time, and the camera."""
    scene, figure = mr.Scene(), build_figure()
    scene.background = "#dfe3e8"
    scene.add(mr.Mesh(mr.plane(60), mr.Standard(color="#b9bec6", roughness=0.9)))
    scene.add(mr.DirectionalLight(direction=(-0.4, -1, -0.5), intensity=2.4))
    rows = []
    for row, color in enumerate(((200, 85, 61, 255), (61, 111, 168, 255), (79, 138, 91, 255))):
        turned = (0, math.sin(0.2 + 0.2 * row), 0, math.cos(0.2 + 0.2 * row))  # so that the bow is seen from the side
        copies = [scene.add(figure, position=(1.9 * (place - 2), 0, -2.6 * row), rotation=turned) for place in range(5)]
        for copy in copies:
            scene.set_state(scene.subtree(copy), color=color)
        rows.append([{clip.name: clip for clip in scene.clips.of(copy)} for copy in copies])
    for place, clips in enumerate(rows[0]):
        scene.at(seconds - place)  # fades begin now: that of each figure a second before that of its neighbour
        scene.play(clips["walk"]).fade_to(clips["cheer"], FADE)
    for place, clips in enumerate(rows[1]):
        scene.play(clips["walk"])
        scene.play(clips["wave"], weight=place / 4, additive=True, loop="once")
    for (loop, speed), clips in zip((("repeat", 1), ("once", 1), ("pingpong", 1), ("repeat", 0.5), ("repeat", -1)), rows[2], strict=True):
        scene.play(clips["bow"], loop=loop, speed=speed, start=seconds - 1.3)
    scene.at(seconds)
    return scene, mr.PerspectiveCamera(fov=18).look_at((0, 8.2, 15), (0, 0.45, -1.9))


if __name__ == "__main__":
    scene, camera = build()
    mr.view(scene, camera=camera)  # plays; the space bar stops it
