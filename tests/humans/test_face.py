"""The head that talks: morphs by the names of ARKit, left as right, lips that part and lids that shut."""

import numpy as np
import pytest

import metarender as mr
from metarender.demos.face import CORNER, EYE, MORPHS, MOUTH, face
from metarender.humans import ARKIT, morph_weights


@pytest.fixture(scope="module")
def head():
    return face()


def displaced(mesh, name):
    """Positions at rest and displacements of a morph, of all geometries."""
    places = np.concatenate([geometry.positions for geometry, _ in mesh.primitives])
    return places, np.concatenate([geometry.morphs[MORPHS.index(name)].positions for geometry, _ in mesh.primitives])


def test_names_are_those_of_arkit_and_each_moves_something(head):
    assert len(MORPHS) == len(set(MORPHS)) >= 40 and set(MORPHS) <= set(ARKIT)
    for geometry, _ in head.primitives:
        assert [morph.name for morph in geometry.morphs] == list(MORPHS)
        assert np.allclose(np.linalg.norm(geometry.normals, axis=1), 1, atol=1e-5)
    for name in MORPHS:
        size = np.linalg.norm(displaced(head, name)[1], axis=1).max()
        assert 0.003 < size < 0.06, f"{name} moves by {size} m"
    assert (morph_weights(np.ones(52), MORPHS) == 1).all()


@pytest.mark.parametrize("name", [name.removesuffix("Left") for name in MORPHS if name.endswith("Left")])
def test_left_is_right_in_a_mirror(head, name):
    """The head is the same on both sides, so what moves on one moves alike on the other."""
    (places, left), (_, right) = displaced(head, f"{name}Left"), displaced(head, f"{name}Right")
    if name in ("eyeLookUp", "eyeLookDown", "eyeBlink", "eyeWide", "eyeSquint", "browDown", "mouthSmile", "cheekSquint"):
        assert np.linalg.norm(left[places[:, 0] < -0.012], axis=1).max() < 1e-3, "the right half of the face moves, too"
    order = [np.lexsort(np.round(places * (sign, 1, 1), 5).T) for sign in (1, -1)]
    assert np.allclose(places[order[0]], places[order[1]] * (-1, 1, 1), atol=2e-5)
    sums = [np.abs(moved).sum(axis=0) for moved in (left, right)]
    assert np.allclose(sums[0], sums[1], rtol=1e-3, atol=1e-6) and left[:, 0].sum() == pytest.approx(-right[:, 0].sum(), abs=1e-3)


def test_lips_meet_at_rest_and_part_when_the_jaw_opens(head):
    skin = head.primitives[0][0]
    jaw = skin.morphs[MORPHS.index("jawOpen")].positions
    _, first, count = np.unique(np.round(skin.positions, 6), axis=0, return_index=True, return_counts=True)
    twice = skin.positions[first[count == 2]]
    slit = twice[(np.abs(twice[:, 1] - MOUTH) < 1e-3) & (np.abs(twice[:, 0]) < CORNER) & (twice[:, 2] > 0.05)]
    assert len(slit) > 20
    gaps = []
    for place in slit:
        rows = np.flatnonzero(np.abs(skin.positions - place).max(axis=1) < 1e-6)
        gaps.append(np.ptp((skin.positions[rows] + jaw[rows])[:, 1]))
    assert max(gaps) > 0.025 and gaps[int(np.abs(slit[:, 0]).argmax())] < 0.5 * max(gaps), "the mouth is no oval"


def test_lids_shut_before_the_eyes(head):
    """A ray from the front meets skin before the ball of the eye when it blinks, and the ball when it is open."""
    skin, wet = (geometry for geometry, _ in head.primitives)
    blink = skin.morphs[MORPHS.index("eyeBlinkLeft")].positions
    ball = wet.positions[np.linalg.norm(wet.positions - EYE, axis=1) < 0.0181]
    seen = ball[(ball[:, 2] > EYE[2] + 0.010)]
    assert len(seen) > 100
    triangles = skin.indices.reshape(-1, 3)
    for shut, hidden in ((0.0, 0.75), (1.0, 1.0)):
        corners = (skin.positions + shut * blink)[triangles]
        near = corners[(np.abs(corners.mean(axis=1) - EYE) < 0.03).all(axis=1)]
        covered = np.array([hides(near, point) for point in seen])
        assert (covered.mean() == hidden) if shut else (covered.mean() < hidden), f"{covered.mean():.0%} of the eye is covered"


def hides(corners, point):
    """Whether a triangle lies straight before a point, along +z."""
    a, b, c = (corners[:, k, :2] - point[:2] for k in range(3))

    def cross(u, v):
        return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]

    shares = np.stack([cross(b, c), cross(c, a), cross(a, b)], axis=1)
    whole = shares.sum(axis=1)
    inside = ((shares >= -1e-12).all(axis=1) | (shares <= 1e-12).all(axis=1)) & (np.abs(whole) > 1e-15)
    depth = (shares[inside] * corners[inside][:, :, 2]).sum(axis=1) / whole[inside]
    return bool((depth > point[2] - 1e-5).any())


def test_eyes_turn_to_where_the_names_say(head):
    wet = head.primitives[1][0]
    pupil = int(np.argmin(np.linalg.norm(wet.positions - (EYE + (0, 0, 0.018)), axis=1)))
    for name, axis, sign in (("eyeLookInLeft", 0, -1), ("eyeLookOutLeft", 0, 1), ("eyeLookUpLeft", 1, 1), ("eyeLookDownLeft", 1, -1)):
        moved = wet.morphs[MORPHS.index(name)].positions[pupil]
        assert sign * moved[axis] > 0.005 and abs(moved[1 - axis]) < 1e-6 and moved[2] < 0


def test_a_saved_head_is_driven_by_the_same_names(head, tmp_path):
    """Through a glTF file, names and shapes are what they were, so a stream finds its morphs there, too."""
    scene = mr.Scene()
    scene.add(head, name="head").weights = morph_weights(np.eye(52)[ARKIT.index("jawOpen")], MORPHS)
    mr.save(scene, tmp_path / "face.glb")
    loaded = next(node for node in mr.load(tmp_path / "face.glb").nodes if node.mesh is not None)
    for (ours, _), (theirs, _) in zip(head.primitives, loaded.mesh.primitives, strict=True):
        names = [morph.name for morph in theirs.morphs]
        assert names == list(MORPHS) and np.array_equal(ours.morphs[3].positions, theirs.morphs[3].positions)
    assert np.array_equal(loaded.weights, morph_weights(np.eye(52)[ARKIT.index("jawOpen")], names))
