"""Captured motion on other skeletons, limbs that reach, eyes that look, faces by name: against geometry and searches."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import metarender as mr
from metarender.demos.mannequin import add_mannequin
from metarender.humans import ARKIT, Motion, Skeleton, aim, morph_weights, retarget, two_bone
from metarender.humans.rotations import about, between, inverse, multiply, of_matrix, turn, unit

BODY = {"hips": (-1, (0, 1, 0)), "spine": (0, (0, 0.3, 0)), "head": (1, (0, 0.4, 0)), "arm": (1, (0.2, 0.3, 0)), "hand": (3, (0.5, 0, 0)),
        "leg": (0, (0.1, -0.1, 0)), "foot": (5, (0, -0.9, 0)), "other leg": (0, (-0.1, -0.1, 0)), "other foot": (7, (0, -0.9, 0))}
NAMES = {name: name for name in BODY}
points = st.lists(st.floats(-3, 3), min_size=3, max_size=3).map(np.array)


def body(stretch=1.0, above=None, turned=None) -> Skeleton:
    """A small figure along +Y; `turned` gives joints a rest rotation under which their bones keep their places in the world."""
    names, parents = tuple(BODY), np.array([parent for parent, _ in BODY.values()])
    positions = np.array([place for _, place in BODY.values()], float) * stretch
    rotations = np.tile((0.0, 0.0, 0.0, 1.0), (len(names), 1))
    for joint, rest in (turned or {}).items():
        row = names.index(joint)
        rotations[row] = rest
        for child in np.flatnonzero(parents == row):
            positions[child] = turn(inverse(rest), positions[child])
            rotations[child] = multiply(inverse(rest), rotations[child])
    return Skeleton(names, parents, positions, rotations, np.eye(4) if above is None else above)


def motion_of(skeleton: Skeleton, frames: int = 7, seed: int = 0) -> Motion:
    rng = np.random.default_rng(seed)
    axis = unit(rng.normal(size=(len(skeleton.names), 3)))
    swing = about(axis, rng.uniform(-0.8, 0.8, (frames, len(skeleton.names))))
    positions = np.repeat(skeleton.positions[None], frames, axis=0)
    positions[:, 0] += rng.normal(scale=0.4, size=(frames, 3))
    return Motion(skeleton, np.arange(frames) / 30, multiply(skeleton.rotations, swing), positions)


@given(a=points, b=points)
def test_the_shortest_turn_lays_one_direction_on_the_other(a, b):
    q = between(a, b)
    assert np.linalg.norm(q) == pytest.approx(1)
    if np.linalg.norm(a) > 1e-6 and np.linalg.norm(b) > 1e-6:
        assert np.allclose(unit(turn(q, unit(a))), unit(b), atol=1e-6)
        angle = math.acos(np.clip(unit(a) @ unit(b), -1, 1))
        assert 2 * math.acos(min(abs(q[3]), 1)) == pytest.approx(angle, abs=1e-5)
    assert np.allclose(turn(between(a, -a), a), -a, atol=1e-9)


def test_a_matrix_gives_back_its_quaternion():
    rng = np.random.default_rng(1)
    for q in unit(np.concatenate([rng.normal(size=(50, 4)), np.eye(4)])):
        m = 2.5 * np.stack([turn(q, axis) for axis in np.eye(3)], axis=1)
        assert abs(of_matrix(m) @ q) == pytest.approx(1)


def test_a_motion_on_its_own_skeleton_is_itself():
    motion = motion_of(body())
    again = retarget(motion, motion.skeleton, NAMES)
    ours, theirs = again.world(), motion.world()
    assert np.allclose(ours[1], theirs[1], atol=1e-9) or np.allclose(np.abs((ours[1] * theirs[1]).sum(axis=-1)), 1)
    moved = ours[0][:, 0] - theirs[0][:, 0]
    assert np.ptp(moved, axis=0).max() < 1e-9, "the root does not travel alike"
    assert np.allclose(ours[0] - ours[0][:, :1], theirs[0] - theirs[0][:, :1], atol=1e-9)


@pytest.mark.parametrize("degrees", (0, 90, 180, 200))
def test_a_figure_of_another_size_that_faces_another_way_makes_the_same_gestures(degrees):
    """Directions of bones are those of the capture, turned; steps are longer by the length of the legs."""
    spin = about(np.array((0.0, 1.0, 0.0)), np.array(np.radians(degrees)))
    above = np.eye(4)
    above[:3, :3] = 0.01 * np.stack([turn(spin, axis) for axis in np.eye(3)], axis=1)
    above[:3, 3] = (5, 0, -2)
    motion, figure = motion_of(body()), body(stretch=170.0, above=above)
    made = retarget(motion, figure, NAMES)
    ours, theirs = made.world()[0], motion.world()[0]
    for joint, parent in enumerate(figure.parents.tolist()):
        if parent >= 0:
            assert np.allclose(unit(ours[:, joint] - ours[:, parent]), turn(spin, unit(theirs[:, joint] - theirs[:, parent])), atol=1e-9)
    path = turn(spin, theirs[:, 0] - theirs[0, 0]) * 1.7
    assert np.allclose((ours[:, 0] - ours[0, 0]), path, atol=1e-9)
    still = retarget(motion, figure, NAMES, in_place=True).world()[0][:, 0]
    assert np.ptp(still[:, [0, 2]], axis=0).max() < 1e-9 and np.allclose(still[:, 1], ours[:, 0, 1])


def test_a_rest_pose_with_hanging_arms_and_turned_joints_is_taken_away():
    """Arms down and axes of joints of another make: bones still point where the captured ones do."""
    motion = motion_of(body())
    figure = body(turned={"leg": unit(np.array((0.3, 0.1, -0.5, 1))), "spine": unit(np.array((0.0, 0.7, 0.2, 1)))})
    hanging = figure.positions.copy()
    hanging[4] = turn(inverse(figure.world()[1][3]), np.array((0.1, -0.48, 0.0)))
    figure = Skeleton(figure.names, figure.parents, hanging, figure.rotations, figure.above)
    assert figure.world()[0][4, 1] < figure.world()[0][3, 1] - 0.4
    ours, theirs = retarget(motion, figure, NAMES).world()[0], motion.world()[0]
    for bone in ((3, 4), (5, 6), (7, 8), (1, 2)):
        assert np.allclose(unit(ours[:, bone[1]] - ours[:, bone[0]]), unit(theirs[:, bone[1]] - theirs[:, bone[0]]), atol=1e-6)


def test_legs_that_are_straddled_at_rest_walk_as_far_and_on_the_same_ground():
    """Two figures with the same bones, one of which stands astride: where the joints go is the same."""
    astride = body().positions.copy()
    for foot, sign in ((6, 1), (8, -1)):
        astride[foot] = turn(about(np.array((0.0, 0.0, 1.0)), np.array(sign * 0.6)), astride[foot])
    upright = body()
    captured = motion_of(Skeleton(upright.names, upright.parents, astride, upright.rotations, upright.above), frames=20)
    for motion, figure in ((captured, upright), (motion_of(upright, frames=20), captured.skeleton)):
        ours, theirs = retarget(motion, figure, NAMES).world()[0], motion.world()[0]
        away = ours - theirs
        assert np.ptp(away, axis=(0, 1)).max() < 1e-9, "bones of the same lengths that point the same way end elsewhere"
        assert ours[..., 1].min() == pytest.approx(figure.world()[0][:, 1].min(), abs=1e-9), "the lowest joint is not on its ground"


WALKERS = {  # file, seconds, joints of the mannequin
    "walk": ("131_01.bvh", (4.1, 6.5), ["Hips", "Chest", "Chest2", "Neck", "Head", "Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle",
                                              "Toe"]),
    "jumps": ("01_01.bvh", (1.0, 20.0), ["Hips", "LowerBack", "Spine1", "Neck", "Head", "Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot",
                                               "ToeBase"])}


def names_of(spine, limbs):
    """The joints of the mannequin by those of a capture: five of the spine, and seven of each side."""
    ours = ("UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot", "Toes")
    return {**dict(zip(("hips", "spine", "chest", "neck", "head"), spine, strict=True)),
            **{f"{side}{name}": f"{side.title()}{other}" for side in ("left", "right") for name, other in zip(ours, limbs, strict=True)}}


@pytest.mark.parametrize("name", WALKERS)
def test_captured_feet_stand_on_the_floor_and_slide_no_more_than_the_actors(name, local_assets, request):
    file, seconds, joints = WALKERS[name]
    folder = local_assets if name == "walk" else request.getfixturevalue("assets")
    captured = mr.io.read_bvh(folder / "mocap" / file, scale=0.0254 / 0.45).between(*seconds)
    scene = mr.Scene()
    mesh = add_mannequin(scene)
    skeleton = Skeleton.of([scene.node(number) for number in mesh.joints.tolist()])
    names, feet = names_of(joints[:5], joints[5:]), ("leftFoot", "rightFoot")
    plain, made = (retarget(captured, skeleton, names, feet=which) for which in ((), feet))
    (ours, turns), theirs = made.world(), captured.world()[0]
    rest = skeleton.world()[0]
    for motion in (plain, made):
        assert motion.world()[0][..., 1].min() == pytest.approx(rest[:, 1].min(), abs=2e-3)
    travelled, path = (np.linalg.norm(places[:, 0] - places[0, 0], axis=1) for places in (ours, theirs))
    stride = travelled.max() / path.max()
    assert 0.95 < stride < 1.1 and np.allclose(travelled, path * stride, atol=1e-9), "the root is not carried as the actor goes"
    for foot in feet:
        row, other = made.joint(foot), captured.joint(names[foot])
        slide, slides, his = (np.linalg.norm(np.diff(places[:, joint][:, [0, 2]], axis=0), axis=1) for places, joint in (
            (ours, row), (plain.world()[0], row), (theirs, other)))
        standing = his < 0.15 / 120
        assert standing.mean() > 0.2 and slide[standing].mean() <= stride * his[standing].mean() * 1.001
        assert slides[standing].mean() > slide[standing].mean(), "they slide no less for it"
        bone = ours[:, row] - ours[:, row - 1]
        assert np.allclose(np.linalg.norm(bone, axis=1), np.linalg.norm(skeleton.positions[row]), atol=1e-9)
        assert np.allclose(turns[:, row], plain.world()[1][:, row], atol=1e-9) or \
            np.allclose(np.abs((turns[:, row] * plain.world()[1][:, row]).sum(axis=1)), 1), "the sole is turned"
    scene.play(scene.add_clip(mr.Clip(name, made.tracks())))
    for share in (0.0, 0.3, 0.6):
        scene.at(share * made.times[-1])
        row = int(np.searchsorted(made.times, share * made.times[-1]))
        assert np.allclose(scene.find("head").world_matrix[:3, 3], ours[row, made.joint("head")], atol=0.02)


def test_the_captured_walk_on_a_skeleton_of_a_gltf_file(local_assets, assets):
    """The fox stands up: its bones, in centimetres and turned at rest, point where those of the actor do."""
    captured = mr.io.read_bvh(local_assets / "mocap" / "131_01.bvh", scale=0.0254 / 0.45).between(4.1, 6.5)
    scene = mr.load(assets / "gltf" / "core" / "Fox" / "glTF-Binary" / "Fox.glb")
    carrier = next(node for node in scene.nodes if node.skin is not None)
    names = {"b_Hip_01": "Hips", "b_Spine01_02": "Chest", "b_Spine02_03": "Chest2", "b_Neck_04": "Neck", "b_Head_05": "Head",
             **{f"b_{side}{joint}_0{number}": f"{side}{other}"
                for side, numbers in (("Left", (10, 11, 15, 16, 17)), ("Right", (7, 8, 19, 20, 21)))
                for joint, number, other in zip(("ForeArm", "Hand", "Leg01", "Leg02", "Foot01"), numbers,
                                                ("Shoulder", "Elbow", "Hip", "Knee", "Ankle"), strict=True)}}
    skeleton = Skeleton.of([scene.node(number) for number in carrier.joints.tolist()])
    made = retarget(captured, skeleton, names)
    ours, theirs = made.world()[0], captured.world()[0]
    travel = ours[-1, made.joint("b_Hip_01")] - ours[0, made.joint("b_Hip_01")]
    goal = theirs[-1, 0] - theirs[0, 0]
    facing = between(goal * (1, 0, 1), travel * (1, 0, 1))
    for upper, lower in (("b_LeftLeg01_015", "b_LeftLeg02_016"), ("b_RightLeg02_020", "b_RightFoot01_021"),
                         ("b_Spine01_02", "b_Spine02_03"), ("b_LeftForeArm_010", "b_LeftHand_011")):
        own = ours[:, made.joint(lower)] - ours[:, made.joint(upper)]
        his = theirs[:, captured.joint(names[lower])] - theirs[:, captured.joint(names[upper])]
        assert np.allclose(unit(own), turn(facing, unit(his)), atol=1e-3)
    scene.play(scene.add_clip(mr.Clip("walk", made.tracks())))
    scene.at(1.0)
    row = int(np.argmin(np.abs(made.times - 1.0)))
    head = next(node for node in scene.nodes if node.name == "b_Head_05")
    assert np.allclose(head.world_matrix[:3, 3], ours[row, made.joint("b_Head_05")], atol=1.0)  # centimetres


def test_joints_that_are_not_named_keep_their_rest_pose_and_wrong_names_are_told():
    motion, figure = motion_of(body()), body()
    few = retarget(motion, figure, {"hips": "hips", "leg": "leg"})
    assert np.array_equal(few.rotations[:, 3], np.tile(figure.rotations[3], (7, 1)))
    for names, options, message in (({"tail": "hips"}, {}, "no joint 'tail'"), ({"hips": "tail"}, {}, "no joint 'tail'"),
                                    ({}, {}, "is empty"), ({"hips": "hips"}, {"root": "leg"}, "map it"),
                                    (NAMES, {"feet": ("foot",)}, "feet='foot' needs a leg"),
                                    (NAMES, {"feet": ("tail",)}, "no joint 'tail'"),
                                    ({"hips": "hips"}, {"feet": ("foot",)}, "needs a leg")):
        with pytest.raises(mr.InvalidInput, match=message):
            retarget(motion, figure, names, **options)


def test_a_motion_plays_on_its_nodes_as_a_clip():
    scene = mr.Scene()
    nodes = {}
    for name, (parent, place) in BODY.items():
        nodes[name] = scene.add(None, list(nodes.values())[parent] if parent >= 0 else None, position=place, name=name)
    motion = motion_of(body())
    made = retarget(motion, Skeleton.of(list(nodes.values())), NAMES)
    dance = scene.play(mr.Clip("dance", made.tracks()), loop="once")
    places = made.world()[0]
    for frame in (0, 3, 6):
        scene.at(float(made.times[frame]))
        scene.update()
        assert np.allclose([node.world_matrix[:3, 3] for node in nodes.values()], places[frame], atol=1e-5)
    still = Motion(made.skeleton, made.times, made.rotations, np.repeat(made.skeleton.positions[None], 7, axis=0))
    assert len(made.tracks()) == 2 and len(still.tracks()) == 1
    with pytest.raises(mr.InvalidInput, match="of no nodes"):
        motion.tracks()
    moment = Motion(made.skeleton, made.times[2:3], made.rotations[2:3], made.positions[2:3])
    dance.stop()
    scene.play(mr.Clip("moment", moment.tracks()))
    scene.at(0.0)
    assert np.allclose(nodes["hips"].position, moment.positions[0, 0], atol=1e-6), "a root that stands elsewhere is not put there"


def test_skeletons_and_motions_made_by_hand_fit_together():
    good = body()
    for change, message in (({"parents": good.parents[:-1]}, r"Skeleton parents must have shape \(9,\), not \(8,\)"),
                            ({"rotations": good.rotations[:, :3]}, "Skeleton rotations must have shape"), ({"above": np.eye(3)}, "above"),
                            ({"parents": good.parents[::-1]}, "each behind its parent"),
                            ({"parents": good.parents - 1}, "each behind its parent")):
        with pytest.raises(mr.InvalidInput, match=message):
            replace(good, **change)
    motion = motion_of(good)
    for change, message in (({"times": motion.times[:-1]}, r"Motion rotations must have shape \(6, 9, 4\), not \(7, 9, 4\)"),
                            ({"positions": motion.positions[:, :1]}, "Motion positions must"), ({"times": []}, "at least one frame")):
        with pytest.raises(mr.InvalidInput, match=message):
            replace(motion, **change)


def test_a_skeleton_is_taken_from_nodes():
    scene = mr.Scene()
    top = scene.add(name="figure", position=(1, 2, 3), scale=0.5)
    hips = scene.add(None, top, name="hips", position=(0, 2, 0), rotation=(0, math.sqrt(0.5), 0, math.sqrt(0.5)))
    leg = scene.add(None, hips, name="leg", position=(0, -1, 0.5))
    skeleton = Skeleton.of([leg, hips])
    assert skeleton.ids.tolist() == [hips.id, leg.id] and skeleton.names == ("hips", "leg") and skeleton.parents.tolist() == [-1, 0]
    places, _ = skeleton.world()
    assert np.allclose(places, [node.world_matrix[:3, 3] for node in (hips, leg)], atol=1e-6)
    for wrong, message in (([], "needs nodes"), ([top, leg], "2 roots"), ([hips, hips], "each once"), (["hips"], "needs nodes")):
        with pytest.raises(mr.InvalidInput, match=message):
            Skeleton.of(wrong)
    leg.scale = 2
    with pytest.raises(mr.InvalidInput, match="apply scales"):
        Skeleton.of([hips, leg])


@given(data=st.lists(points, min_size=5, max_size=5))
def test_two_bones_reach_as_far_as_they_can(data):
    root, middle, end, target, pole = data
    upper, lower = two_bone(root, middle, end, target, pole)
    bent = root + turn(upper, middle - root)
    reached = bent + turn(lower, end - middle)
    long, short = np.linalg.norm(middle - root), np.linalg.norm(end - middle)
    assert np.linalg.norm(bent - root) == pytest.approx(long, abs=1e-6) and np.linalg.norm(reached - bent) == pytest.approx(short, abs=1e-6)
    wanted = np.linalg.norm(target - root)
    missed = max(wanted - long - short, abs(long - short) - wanted, 0.0)
    assert np.linalg.norm(reached - target) == pytest.approx(missed, abs=1e-5)
    along = unit(target - root)
    if wanted > 1e-3 and missed == 0 and np.linalg.norm(np.cross(along, pole - root)) > 1e-3 and min(long, short) > 1e-3:
        side = (bent - root) - along * ((bent - root) @ along)
        towards = (pole - root) - along * ((pole - root) @ along)
        assert side @ towards >= -1e-6 and np.linalg.norm(np.cross(side, towards)) < 1e-4, "the elbow does not look at the pole"


def test_two_bones_find_the_angle_that_a_search_finds():
    root, middle, end, target = np.zeros(3), np.array((1.0, 0.2, 0)), np.array((1.8, 0, 0)), np.array((1.1, 0.4, 0))
    upper, _ = two_bone(root, middle, end, target)
    bent = turn(upper, middle)
    angles = np.linspace(-np.pi, np.pi, 200_001)
    circle = np.linalg.norm(middle) * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    gap = np.abs(np.linalg.norm(circle - target, axis=1) - np.linalg.norm(end - middle))
    found = circle[np.argsort(gap)[:20]]
    assert np.linalg.norm(found - bent, axis=1).min() < 1e-3
    many = two_bone(np.zeros((5, 3)), middle, end, np.tile(target, (5, 1)))
    assert np.allclose(many[0], upper) and many[1].shape == (5, 4)


@given(position=points, target=points, most=st.floats(0.0, math.pi), seed=st.integers(0, 1000))
def test_a_head_looks_at_its_target_as_far_as_it_may(position, target, most, seed):
    rotation = unit(np.random.default_rng(seed).normal(size=4))
    if np.linalg.norm(target - position) < 1e-3:
        return
    ahead, wanted = turn(rotation, np.array((0.0, 0, 1))), unit(target - position)
    looks = turn(aim(position, rotation, target, most=most), np.array((0.0, 0, 1)))
    needed = math.acos(np.clip(ahead @ wanted, -1, 1))
    assert math.acos(np.clip(looks @ wanted, -1, 1)) == pytest.approx(max(needed - most, 0.0), abs=1e-5)
    assert math.acos(np.clip(looks @ ahead, -1, 1)) == pytest.approx(min(needed, most), abs=1e-5)


def test_mistakes_with_limbs_are_told():
    for wrong, message in ((lambda: two_bone((0, 0), (0, 0, 1), (0, 0, 2), (0, 1, 0)), "two_bone root must be numbers of shape"),
                           (lambda: two_bone(np.zeros((2, 3)), np.zeros((3, 3)), np.zeros(3), np.zeros(3)), "fit together"),
                           (lambda: aim((0, 0, 0), (0, 0, 0, 0), (0, 0, 1)), "length above 0"),
                           (lambda: aim((0, 0, np.nan), (0, 0, 0, 1), (0, 0, 1)), "aim position must be finite"),
                           (lambda: two_bone((0, 0, 1e200), (0, 0, 1), (0, 0, 2), (0, 1, 0)), r"root must be finite numbers below 1e\+15"),
                           (lambda: aim(np.zeros((2, 3)), np.tile((0, 0, 0, 1), (3, 1)), (0, 0, 1)), "aim needs arrays that fit together"),
                           (lambda: aim((0, 0, 0), (0, 0, 0, 1), (0, 0, 1), forward=np.ones((2, 3))), "aim forward must have shape"),
                           (lambda: aim((0, 0, 0), (0, 0, 0, 1), (0, 0, 1), most=-1), "aim most=-1")):
        with pytest.raises(mr.InvalidInput, match=message):
            wrong()


def test_faces_are_driven_by_name():
    assert len(ARKIT) == len(set(ARKIT)) == 52 and {"jawOpen", "tongueOut", "eyeBlinkLeft", "mouthPressRight"} <= set(ARKIT)
    assert {name[:-4] for name in ARKIT if name.endswith("Left")} >= {name[:-5] for name in ARKIT if name.endswith("Right")}
    values = np.random.default_rng(3).uniform(0, 1, (5, 52)).astype(np.float32)
    morphs = ["Face.JawOpen", "eyeBlink_L", "EyeBlinkRight", "wrinkles", "mouth_Funnel"]
    weights = morph_weights(values, morphs)
    expected = [values[:, ARKIT.index(name)] for name in ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthFunnel")]
    assert weights.shape == (5, 5) and (weights[:, 3] == 0).all() and np.array_equal(weights[:, [0, 1, 2, 4]].T, expected)
    assert np.array_equal(morph_weights(values[2], morphs), weights[2])
    assert morph_weights([[0.5]], ["smile"], names=["Smile"]).tolist() == [[0.5]]
    for wrong, message in ((lambda: morph_weights(np.zeros((2, 51)), morphs), r"\(52,\) or \(t, 52\), not \(2, 51\)"),
                           (lambda: morph_weights(np.full(52, np.nan), morphs), "finite"),
                           (lambda: morph_weights(np.zeros(52), ["a"]), "rename"),
                           (lambda: morph_weights(np.zeros(2), ["a"], ["a_L", "aLeft"]), "a name of its own")):
        with pytest.raises(mr.InvalidInput, match=message):
            wrong()


def test_the_mannequin_hangs_on_its_joints():
    from metarender.demos.mannequin import JOINTS, add_mannequin, body, places

    surface = body()
    assert np.allclose(surface.weights.sum(axis=1), 1) and surface.joints.max() == len(JOINTS) - 1
    low, high = surface.bounds
    assert 1.6 < high[1] - low[1] < 1.85 and abs(low[1]) < 1e-3 and np.allclose(low[0], -high[0], atol=1e-3)
    scene = mr.Scene()
    mesh = add_mannequin(scene)
    scene.update()
    assert np.allclose(scene.bounds, surface.bounds, atol=0.02)
    joints = [scene.node(number) for number in mesh.joints.tolist()]
    assert [joint.name for joint in joints] == list(JOINTS)
    assert np.allclose([joint.world_matrix[:3, 3] for joint in joints], list(places().values()), atol=1e-6)
    scene.find("leftUpperArm").rotation = about(np.array((0.0, 0.0, 1.0)), np.array(math.pi / 2))
    scene.update()
    assert scene.bounds[1, 1] > high[1] + 0.02, "the lifted arm is not in the box"


def test_a_figure_of_a_gltf_file_takes_a_captured_motion(tmp_path):
    """Saved, loaded and retargeted, it stands as the one that was made in code does, at two moments."""
    made = mr.Scene()
    add_mannequin(made, mr.Standard(color="tomato"), name="figure")
    mr.save(made, tmp_path / "figure.glb")
    captured = motion_of(body(stretch=0.8), frames=5, seed=4)
    names = {"hips": "hips", "chest": "spine", "head": "head", "leftUpperLeg": "leg", "leftLowerLeg": "foot"}
    seen = []
    for scene in (made, mr.load(tmp_path / "figure.glb")):
        carrier = next(node for node in scene.nodes if node.skin is not None)
        joints = [scene.node(number) for number in carrier.joints.tolist()]
        motion = retarget(captured, Skeleton.of(joints), names)
        scene.play(scene.add_clip(mr.Clip("captured", motion.tracks())))
        for seconds in (0.03, 0.12):
            scene.at(seconds)
            seen.append(np.array([joint.world_matrix[:3, 3] for joint in joints]))
    assert np.allclose(seen[0], seen[2], atol=1e-5) and np.allclose(seen[1], seen[3], atol=1e-5)
    assert np.abs(seen[0] - seen[1]).max() > 0.01


def test_a_skeleton_below_a_scale_of_nothing_is_refused():
    scene = mr.Scene()
    nothing = scene.add(None, scale=(0, 0, 0))
    hips = scene.add(None, parent=nothing, name="hips")
    with pytest.raises(mr.InvalidInput, match="'hips' hangs from is scaled to nothing"):
        Skeleton.of([hips, scene.add(None, parent=hips)])


def test_a_skeleton_below_a_stretched_node_is_refused():
    """One scale for all axes may be any, and a mirror is one."""
    for scale, fits in (((1, 2, 1), False), ((-2, -2, -2), True), ((-1, 1, 1), True)):
        scene = mr.Scene()
        hips = scene.add(None, parent=scene.add(None, scale=scale), name="hips", position=(0, 1, 0), rotation=(0.6, 0, 0, 0.8))
        foot = scene.add(None, parent=hips, position=(1, 2, 3), rotation=(0, 0, math.sqrt(0.5), math.sqrt(0.5)))
        toes = scene.add(None, parent=foot, position=(0, -1, 0.5))
        joints = [hips, foot, toes]
        if fits:
            assert np.allclose(Skeleton.of(joints).world()[0], [joint.world_matrix[:3, 3] for joint in joints], atol=1e-6)
        else:
            with pytest.raises(mr.InvalidInput, match="'hips' hangs from is scaled by another number along each axis"):
                Skeleton.of(joints)
