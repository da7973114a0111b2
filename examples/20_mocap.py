"""A captured motion on a skinned figure, from file to picture: jumps recorded at CMU, played by a mannequin of another build.

The mannequin has other names, other lengths of bones, and arms that hang down where the captured skeleton stretches them out; `retarget`
takes all that away. Three of them move alike, each a third of a second behind the one before, and the other two look at the first as far
as a neck allows. Data: mocap.cs.cmu.edu, created with funding from NSF EIA-0196217.

test: compare
needs: mocap
budget: draw_calls=3 bytes_uploaded=0
"""

import os
from pathlib import Path

import numpy as np

import metarender as mr
from metarender.demos.mannequin import add_mannequin
from metarender.humans import Motion, Skeleton, aim, retarget
from metarender.humans.rotations import inverse, multiply

NAMES = {"hips": "Hips", "spine": "LowerBack", "chest": "Spine1", "neck": "Neck", "head": "Head",
         **{f"{ours}{joint}": f"{theirs}{name}" for ours, theirs in (("left", "Left"), ("right", "Right")) for joint, name in (
             ("Shoulder", "Shoulder"), ("UpperArm", "Arm"), ("LowerArm", "ForeArm"), ("Hand", "Hand"), ("UpperLeg", "UpLeg"),
             ("LowerLeg", "Leg"), ("Foot", "Foot"), ("Toes", "ToeBase"))}}
LATER = 40  # frames between the figures
CMU_INCH = 0.0254 / 0.45
"""Metres for each unit of the files of CMU."""


def build_stage(path: Path) -> mr.Scene:
    """Mannequins on a floor, each with a clip that plays."""
    captured = mr.io.read_bvh(path, scale=CMU_INCH).between(1.0, 20.0)
    scene, figures = mr.Scene(), []
    scene.background = "#dfe3e8"
    scene.add(mr.Mesh(mr.plane((14, 14)), mr.Standard(color="#b9bec6", roughness=0.9)))
    scene.add(mr.DirectionalLight(direction=(-0.4, -1, -0.5), intensity=2.4))
    for number, color in enumerate(("#c8553d", "#3d6fa8", "#4f8a5b")):
        body = add_mannequin(scene, mr.Standard(color=color, roughness=0.45), name=f"figure {number}")
        scene.find(f"figure {number}").position = (1.5 * (number - 1), 0, 0)
        figures.append(retarget(captured, Skeleton.of([scene.node(joint) for joint in body.joints.tolist()]), NAMES))
    for number, motion in enumerate(figures):
        watch(motion, np.roll(figures[0].world()[0][:, motion.joint("head")], -LATER * number, axis=0))
        scene.play(scene.add_clip(mr.Clip(f"jumps {number}", motion.tracks())), start=LATER * number / 120)
    return scene


def watch(motion: Motion, target: np.ndarray) -> None:
    """Turn the head of a figure to a target (t, 3) in all frames at once; nobody sees the middle of their own head."""
    head, neck = motion.joint("head"), motion.joint("neck")
    places, turns = motion.world()
    if not np.allclose(places[:, head], target):
        motion.rotations[:, head] = multiply(inverse(turns[:, neck]), aim(places[:, head], turns[:, neck], target, most=1.1))


CAMERA = mr.PerspectiveCamera(fov=27).look_at((1.6, 1.8, 6.4), (-0.15, 0.85, 0.2))


def build(seconds: float = 2.7) -> tuple[mr.Scene, mr.Camera]:
    """Return the scene at a time, and the camera."""
    scene = build_stage(Path(os.environ["METARENDER_ASSETS"]) / "mocap" / "01_01.bvh")
    scene.at(seconds)
    return scene, CAMERA


if __name__ == "__main__":
    stage = build_stage(Path(os.environ["METARENDER_ASSETS"]) / "mocap" / "01_01.bvh")
    mr.view(stage, camera=CAMERA, on_frame=stage.at)
