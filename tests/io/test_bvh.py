"""Motion capture: any order of channels against matrices, the file of CMU, and files that are cut, wrong or hostile."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import metarender as mr
from metarender.io import Limits

SOUND = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Left Leg {
    OFFSET 0.5 -1 0
    CHANNELS 3 Yrotation Zrotation Xrotation
    End Site { OFFSET 0 -1 0.25 }
  }
  JOINT Spine
  {
    OFFSET 0 1 0
    CHANNELS 1 Xrotation
    JOINT Slide { OFFSET 0 0.5 0 CHANNELS 4 Zposition Yrotation Xposition Zrotation }
  }
}
MOTION
Frames: 2
Frame Time: 0.25
1 2 3 10 20 30 40 50 60 70 5 80 6 90
0 0 0 0 0 0 0 0 0 0 0.5 0 0.25 0
"""


def written(tmp_path, text: str):
    path = tmp_path / "motion.bvh"
    path.write_text(text, "utf-8")
    return path


def axis_matrix(axis: str, degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return {"X": np.array([(1, 0, 0), (0, c, -s), (0, s, c)]), "Y": np.array([(c, 0, s), (0, 1, 0), (-s, 0, c)]),
            "Z": np.array([(c, -s, 0), (s, c, 0), (0, 0, 1)])}[axis]


def matrix_of(q: np.ndarray) -> np.ndarray:
    x, y, z, w = q
    return np.array([(1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
                     (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
                     (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y))])


def test_a_file_is_what_it_says(tmp_path):
    motion = mr.io.read_bvh(written(tmp_path, SOUND), scale=2.0)
    assert motion.names == ("Hips", "Left Leg", "Left Leg end", "Spine", "Slide")
    assert motion.skeleton.parents.tolist() == [-1, 0, 1, 0, 3] and motion.times.tolist() == [0, 0.25]
    assert motion.skeleton.positions.tolist() == [[0, 0, 0], [1, -2, 0], [0, -2, 0.5], [0, 2, 0], [0, 1, 0]]
    hips = axis_matrix("Z", 10) @ axis_matrix("X", 20) @ axis_matrix("Y", 30)
    leg = axis_matrix("Y", 40) @ axis_matrix("Z", 50) @ axis_matrix("X", 60)
    spine, slide = axis_matrix("X", 70), axis_matrix("Y", 80) @ axis_matrix("Z", 90)
    for joint, expected in ((0, hips), (1, leg), (2, np.eye(3)), (3, spine), (4, slide)):
        assert np.allclose(matrix_of(motion.rotations[0, joint]), expected, atol=1e-12)
    assert motion.positions[0, 0].tolist() == [2, 4, 6] and motion.positions[0, 4].tolist() == [12, 1, 10]
    places, turns = motion.world()
    foot = np.array((2, 4, 6)) + hips @ (np.array((1, -2, 0)) + leg @ (0, -2, 0.5))
    assert np.allclose(places[0, 2], foot) and np.allclose(matrix_of(turns[0, 1]), hips @ leg)
    assert np.allclose(places[1, 2], (1, -4, 0.5))


@given(order=st.permutations("XYZ"), degrees=st.lists(st.floats(-720, 720), min_size=3, max_size=3), position=st.booleans())
def test_channels_of_any_order_turn_as_matrices_do(tmp_path_factory, order, degrees, position):
    channels = [f"{axis}rotation" for axis in order] + ["Yposition"] * position
    text = (f"HIERARCHY ROOT a {{ OFFSET 0 0 0 CHANNELS {len(channels)} {' '.join(channels)} }}\nMOTION\nFrames: 1\nFrame Time: 1\n"
            + " ".join(map(repr, degrees)) + " 4" * position + "\n")
    motion = mr.io.read_bvh(written(tmp_path_factory.mktemp("bvh"), text))
    expected = np.linalg.multi_dot([axis_matrix(axis, angle) for axis, angle in zip(order, degrees, strict=True)])
    assert np.allclose(matrix_of(motion.rotations[0, 0]), expected, atol=1e-9)
    assert motion.positions[0, 0].tolist() == [0, 4 * position, 0]


def test_signs_never_jump(tmp_path):
    frames = "\n".join(f"0 0 0 0 0 {angle}" + " 0" * 8 for angle in range(0, 1440, 30))
    text = SOUND.split("MOTION")[0] + f"MOTION\nFrames: 48\nFrame Time: 0.1\n{frames}\n"
    turns = mr.io.read_bvh(written(tmp_path, text)).rotations[:, 0]
    assert ((turns[1:] * turns[:-1]).sum(axis=1) > 0.9).all()


def test_the_captured_jumps_of_cmu(assets):
    motion = mr.io.read_bvh(assets / "mocap" / "01_01.bvh", scale=0.0564)
    assert len(motion.times) == 2752 and len(motion.names) == 38 and motion.times[-1] == pytest.approx(2751 / 120, rel=1e-4)
    places, _ = motion.world()
    tall = places[0, motion.joint("Head end"), 1] - places[0, motion.joint("LeftToeBase end"), 1]
    assert 1.4 < tall < 1.9 and np.abs(np.linalg.norm(motion.rotations, axis=2) - 1).max() < 1e-12
    legs = np.linalg.norm(places[:, motion.joint("LeftLeg")] - places[:, motion.joint("LeftUpLeg")], axis=1)
    assert np.ptp(legs) < 1e-9
    part = motion.between(1.0, 2.0)
    assert part.times[0] == 0 and len(part.times) in (120, 121) and np.array_equal(part.rotations[0], motion.rotations[121])
    with pytest.raises(mr.InvalidInput, match="no frames from 40"):
        motion.between(40, 41)
    with pytest.raises(mr.InvalidInput, match="no joint 'Tail'"):
        motion.joint("Tail")


def test_the_captured_walk_of_cmu(local_assets):
    """Joints at no distance, channels of several orders in one file, arms down and legs straddled at rest."""
    motion = mr.io.read_bvh(local_assets / "mocap" / "131_01.bvh", scale=0.0254 / 0.45)
    assert len(motion.times) == 994 and len(motion.names) == 38 and motion.times[-1] == pytest.approx(993 / 120, rel=1e-4)
    rest = motion.skeleton.world()[0]
    left, right, elbow, shoulder = (rest[motion.joint(name)] for name in ("LeftAnkle", "RightAnkle", "LeftElbow", "LeftShoulder"))
    assert left[0] - right[0] > 0.6 and np.allclose(elbow[[0, 2]], shoulder[[0, 2]], atol=1e-6) and elbow[1] < shoulder[1] - 0.2
    walk = motion.between(4.1, 6.5)
    places = walk.world()[0]
    hips, feet = places[:, 0], places[:, [motion.joint("LeftToe"), motion.joint("RightToe")]]
    assert hips[-1, 2] - hips[0, 2] > 2.2 and np.ptp(hips[:, 0]) < 0.35 and 0.8 < hips[:, 1].min() < hips[:, 1].max() < 1.0
    assert 0.0 < feet[..., 1].min() < 0.1 and (feet[:, 0, 2] > feet[:, 1, 2]).any() and (feet[:, 0, 2] < feet[:, 1, 2]).any()
    nose = matrix_of(walk.world()[1][0, motion.joint("Head")])[:, 2]
    assert nose[2] > 0.8, "he does not look where he goes"


def test_a_joint_may_be_called_motion_and_a_file_may_begin_with_a_byte_order_mark(tmp_path):
    text = SOUND.replace("JOINT Spine", "JOINT left MOTION").replace("MOTION\nFrames", "\tMotion\nFrames")
    motion = mr.io.read_bvh(written(tmp_path, "\ufeff" + text))
    assert motion.names[3] == "left MOTION" and len(motion.times) == 2
    assert len(mr.io.read_bvh(written(tmp_path, SOUND.replace("}\nMOTION", "} MOTION"))).times) == 2


@pytest.mark.parametrize("old, new, message", (
    ("HIERARCHY", "HIERARCH", "HIERARCHY is due"), ("MOTION", "MOVES", "no MOTION part"), ("ROOT Hips", "JOINT Hips", "a joint, OFFSET"),
    ("JOINT Spine", "ROOT Spine", "a joint, OFFSET"), ("OFFSET 0.5", "OFFSET half", "3 numbers are due"),
    ("OFFSET 0.5", "OFFSET nan", "numbers below"),
    ("CHANNELS 1 ", "CHANNELS 7 ", "from 0 to 6"), ("CHANNELS 1 ", "CHANNELS -1 ", "from 0 to 6"),
    ("CHANNELS 1 ", "CHANNELS 1.5 ", "from 0 to 6"),
    ("CHANNELS 1 Xrotation", "CHANNELS 1 Wrotation", "such as Xposition"), ("JOINT Spine", "JOINT Left Leg", "no other joint has"),
    ("JOINT Spine", "JOINT", "no other joint has"), ("JOINT Spine", "JOINT " + "x" * 300, "up to 200 letters"),
    ("JOINT Spine\n  {", "JOINT Spine", "a brace is due"), ("}\nMOTION", "MOTION", "it is cut off"),
    ("}\nMOTION", "}}\nMOTION", "MOTION is due"),
    ("}\nMOTION", "}\nROOT b { OFFSET 0 0 0 }\nMOTION", "several skeletons"), ("Frames: 2", "Frames: 3", "it is cut off"),
    ("Frames: 2", "Frames: 1", "more numbers"),
    ("Frames: 2", "Frames: two", "as numbers"), ("Frames: 2", "Frames: 0", "these are no frames"),
    ("Frames: 2", "Frames: 99999999999", "fewer bytes"),
    ("Frame Time: 0.25", "Frame Time: -1", "these are no frames"), ("Frame Time: 0.25", "Frame Time: nan", "these are no frames"),
    ("Frame Time: 0.25\n", "", "as numbers"), ("1 2 3 10", "1 2 x 10", "not made of numbers"),
    ("1 2 3 10", "1 2 inf 10", "frame 0 that is not finite"),
    ("0.25 0\n", "1e99 0\n", "frame 1 that is not finite")))
def test_a_wrong_file_is_refused_where_it_is_wrong(tmp_path, old, new, message):
    assert SOUND.count(old) >= 1
    with pytest.raises(mr.AssetError, match=message):
        mr.io.read_bvh(written(tmp_path, SOUND.replace(old, new, 1)))


def test_deep_and_large_files_cost_what_they_are_allowed(tmp_path):
    depth = 20_000
    text = ("HIERARCHY ROOT r { OFFSET 0 0 0 " + " ".join(f"JOINT j{k} {{ OFFSET 0 1 0" for k in range(depth)) + " }" * (depth + 1)
            + "\nMOTION\nFrames: 1\nFrame Time: 1\n\n")
    assert len(mr.io.read_bvh(written(tmp_path, text)).names) == depth + 1
    with pytest.raises(mr.AssetError, match=r"raise Limits\.nodes"):
        mr.io.read_bvh(tmp_path / "motion.bvh", limits=Limits(nodes=100))
    with pytest.raises(mr.AssetError, match=r"Limits\.array_bytes"):
        mr.io.read_bvh(written(tmp_path, SOUND), limits=Limits(array_bytes=100))
    text = SOUND.replace("Frames: 2", "Frames: 90")
    with pytest.raises(mr.AssetError, match="cut off"):
        mr.io.read_bvh(written(tmp_path, text))


def test_every_cut_and_many_changes_are_refused_or_read_and_never_anything_else(tmp_path):
    chance, data = random.Random(2), SOUND.encode()
    cut = [data[:length] for length in range(1, len(data), 7)]
    changed = []
    for _ in range(200):
        broken = bytearray(data)
        for _ in range(chance.randrange(1, 4)):
            broken[chance.randrange(len(broken))] = chance.choice(b"{}0123456789.-+eE\n \0\xff:XYZ")
        changed.append(bytes(broken))
    path, read = tmp_path / "motion.bvh", 0
    for broken in cut + changed:
        path.write_bytes(broken)
        try:
            motion = mr.io.read_bvh(path)
        except mr.AssetError:
            continue
        read += 1
        assert np.isfinite(motion.rotations).all() and np.isfinite(motion.positions).all()
    assert 0 < read < len(changed)
