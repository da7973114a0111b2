"""A captured walk played on skinned figures, from file to picture: recorded at CMU, walked by three mannequins of another build.

The mannequins have other names, other lengths of bones, and arms that hang half down where the captured skeleton has them all down and its
legs straddled; `retarget` takes all that away, and sets their feet where the captured ones stood. The second and the third start later,
and look at the first as far as a neck allows. Data: mocap.cs.cmu.edu, created with funding from NSF EIA-0196217.

test: compare
budget: draw_calls=3 bytes_uploaded=0
"""

from pathlib import Path

import numpy as np

import metarender as mr
from metarender.demos.mannequin import add_mannequin
from metarender.humans import Motion, Skeleton, aim, retarget
from metarender.humans.rotations import inverse, multiply

WALK = Path(__file__).parents[1] / "tests" / "assets" / "mocap" / "131_01.bvh"
STARTS, ENDS = 4.1, 6.5
"""Seconds of the file in which the actor walks; before and after he poses."""
CMU_UNIT = 0.0254 / 0.45
"""Metres for each unit of the files of CMU: an inch, which they have scaled by 0.45."""
NAMES = {"hips": "Hips", "spine": "Chest", "chest": "Chest2", "neck": "Neck", "head": "Head",
         **{f"{ours}{joint}": f"{theirs}{name}" for ours, theirs in (("left", "Left"), ("right", "Right")) for joint, name in (
             ("UpperArm", "Shoulder"), ("LowerArm", "Elbow"), ("Hand", "Wrist"), ("UpperLeg", "Hip"), ("LowerLeg", "Knee"),
             ("Foot", "Ankle"), ("Toes", "Toe"))}}
LATER = 24  # frames between the figures
CAMERA = mr.PerspectiveCamera(fov=24).look_at((-3.9, 1.35, 4.4), (0.65, 0.78, 0.66))


def build_stage(path: Path = WALK) -> mr.Scene:
    """Mannequins on a floor, each with a clip that plays."""
    captured = mr.io.read_bvh(path, scale=CMU_UNIT).between(STARTS, ENDS)
    scene, figures = mr.Scene(), []
    scene.background = "#dfe3e8"
    scene.add(mr.Mesh(mr.plane((14, 14)), mr.Standard(color="#b9bec6", roughness=0.9)))
    scene.add(mr.DirectionalLight(direction=(0.55, -1, -0.4), intensity=2.4))
    for number, color in enumerate(("#c8553d", "#3d6fa8", "#4f8a5b")):
        body = add_mannequin(scene, mr.Standard(color=color, roughness=0.45), name=f"figure {number}")
        scene.find(f"figure {number}").position = (1.15 * number, 0, 0.25 * number)
        skeleton = Skeleton.of([scene.node(joint) for joint in body.joints.tolist()])
        figures.append(retarget(captured, skeleton, NAMES, feet=("leftFoot", "rightFoot")))
    first = figures[0].world()[0][:, figures[0].joint("head")]
    for number, motion in enumerate(figures):
        watch(motion, first[np.minimum(np.arange(len(first)) + LATER * number, len(first) - 1)])
        scene.play(scene.add_clip(mr.Clip(f"walk {number}", motion.tracks())), start=LATER * number / 120, loop="once")
    return scene


def watch(motion: Motion, target: np.ndarray) -> None:
    """Turn the head of a figure to a target (t, 3) in all frames at once; nobody sees the middle of their own head."""
    head, neck = motion.joint("head"), motion.joint("neck")
    places, turns = motion.world()
    if not np.allclose(places[:, head], target):
        motion.rotations[:, head] = multiply(inverse(turns[:, neck]), aim(places[:, head], turns[:, neck], target, most=1.1))


def build(seconds: float = 1.2) -> tuple[mr.Scene, mr.Camera]:
    """Return the scene at a time, and the camera."""
    scene = build_stage()
    scene.at(seconds)
    return scene, CAMERA


if __name__ == "__main__":
    stage = build_stage()
    mr.view(stage, camera=CAMERA, on_frame=lambda seconds: stage.at(seconds % (ENDS - STARTS + 1)))
