"""Motion by tenths of a millimetre ten thousand kilometres from the origin, and a millimetre to twenty kilometres in one view."""

import numpy as np
import pytest

import metarender as mr

FAR = np.array([1e7, -3e6, 1e7])
STEP = 2.0 ** -13  # metres: 0.12 mm, and exact in float64 as far away as that
TURN = np.array([[np.cos(0.3), 0, np.sin(0.3)], [0, 1, 0], [-np.sin(0.3), 0, np.cos(0.3)]])  # slanted edges: samples average out
PIXEL = 0.05 / 120  # metres: what a pixel of the close-up covers


def close_up(target) -> mr.Camera:
    """See 5 cm around a place from a metre above."""
    camera = mr.OrthographicCamera(height=0.05, near=0.1, far=10).look_at((0, 1, 0), (0, 0, 0), up=(0, 0, -1))
    camera.position = np.asarray(target) + (0, 1, 0)
    return camera


def centre_of_light(color: np.ndarray) -> np.ndarray:
    """Mean column and row of a white thing on black, weighted by brightness, pixels."""
    share = color[..., 1] / 255.0
    weight = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)  # linear: the mean of its samples
    rows, columns = np.indices(weight.shape)
    return np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()


def track(device, thing, start, steps) -> tuple[np.ndarray, list[np.ndarray]]:
    """Let a turned 1 cm box go along +X by `STEP` each frame; its places in the picture (n, 2) and the pictures."""
    pictures = []
    scene, move = thing
    with mr.Renderer((120, 120), msaa=4, device=device) as renderer:
        camera = close_up(start + (steps * STEP / 2, 0, 0))
        for step in range(steps):
            move(start + (step * STEP, 0, 0))
            pictures.append(renderer.render(scene, camera).color)
    return np.array([centre_of_light(picture) for picture in pictures]), pictures


def a_part(origin):
    """A part among others, the first of which gives its anchor; moved through its array."""
    scene = mr.Scene()
    scene.environment, scene.background = None, "black"
    matrices = np.tile(np.eye(4), (3, 1, 1))
    matrices[:, :3, :3] = TURN
    matrices[:, :3, 3] = origin + np.array([(0, 0, 0), (3, 0, 3), (2, 0, 0)])
    parts = scene.add_instances(mr.box(0.01), mr.Unlit(color="white"), matrices=matrices)

    def move(place):
        with parts.edit("position") as position:
            position[2] = place

    return scene, move


def a_child(origin):
    """A node in a group that stands there."""
    scene = mr.Scene()
    scene.environment, scene.background = None, "black"
    matrix = np.eye(4)
    matrix[:3, :3] = TURN
    node = scene.add(mr.Mesh(mr.box(0.01), mr.Unlit(color="white")), scene.add(None, position=origin), matrix=matrix)

    def move(place):
        node.position = place - origin

    return scene, move


PLACES = {"near its anchor": 1.0, "where it leaves its anchor": 1024 - 15 * STEP, "far from everything": 5000.0}


@pytest.mark.parametrize("kind", [a_part, a_child])
@pytest.mark.parametrize("place", PLACES)
def test_promise_4_a_tenth_of_a_millimetre_is_as_smooth_far_away_as_at_home(device, kind, place):
    """Each step moves the picture by what it should, at home and away, also where the anchor changes on the way."""
    steps, tracks = 40, []
    for origin in (np.zeros(3), FAR):
        thing = kind(origin)
        thing[0].update()
        anchors = thing[0].store.anchors
        found, pictures = track(device, thing, origin + (PLACES[place], 0, 0), steps)
        assert np.array_equal(anchors, thing[0].store.anchors) == (place == "near its anchor")
        expected = found[0] + np.outer(np.arange(steps) * STEP / PIXEL, (1, 0))
        assert all(picture.max() == 255 for picture in pictures)
        # Rows are float32 relative to an anchor at most 1,024 m away: 0.03 mm; the rest is what four samples a pixel can tell.
        assert np.abs(found - expected).max() * PIXEL < 0.06e-3, f"{place}, origin {origin}"
        assert found[-1, 0] - found[0, 0] > 0.9 * (steps - 1) * STEP / PIXEL
        tracks.append(found)
    assert np.abs(tracks[0] - tracks[1]).max() * PIXEL < 0.06e-3


def test_promise_4_a_part_of_a_group_gives_the_same_bytes_in_every_step(device):
    """Pictures at home and away are equal, over a change of its anchor too."""
    for local in (1.0, 1024 - 10 * STEP):
        pictures = [track(device, a_child(origin), origin + (local, 0, 0), 20)[1] for origin in (np.zeros(3), FAR)]
        assert len({picture.tobytes() for picture in pictures[0]}) > 5
        assert all(np.array_equal(near, far) for near, far in zip(*pictures, strict=True))


@pytest.mark.parametrize("origin", [np.zeros(3), FAR])
@pytest.mark.parametrize("turn", [0.0, 0.7])
def test_a_millimetre_to_twenty_kilometres_in_one_view_has_no_wrong_pixel(device, origin, turn):
    """Sixty layers one inside the other, each with another a little behind it and a half one a little before it.

    What a pixel must show follows from where it lies: layers are squares that end between pixels, larger the farther away.
    """
    size, gap, layers = 240, 2e-6, 58
    depth = np.geomspace(1e-3, 2e4, layers)
    half = 2 * (np.arange(layers) + 2)  # pixels: from 4 to 118, so that every layer has a ring of 2 pixels
    camera = mr.PerspectiveCamera(fov=90, near=5e-4)
    camera.matrix = np.block([[np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]), origin[:, None]],
                              [np.zeros((1, 3)), np.ones((1, 1))]])
    scene = mr.Scene()
    group = scene.add(None, matrix=camera.matrix)
    square = mr.Geometry(positions=[(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], indices=[0, 1, 2, 0, 2, 3])
    left = mr.Geometry(positions=[(-1, -1, 0), (0, -1, 0), (0, 1, 0), (-1, 1, 0)], indices=[0, 1, 2, 0, 2, 3])
    expected = np.zeros((size, size), np.uint32)
    order = np.random.default_rng(2).permutation(layers)  # neither front to back nor back to front
    ids = np.zeros((layers, 3), np.uint32)
    for k in order:
        for row, (shape, share) in enumerate(((square, 1.0), (square, 1 + gap), (left, 1 - gap))):
            local = np.eye(4)
            local[:3, :3] *= depth[k] * share * half[k] / (size / 2)
            local[2, 3] = -depth[k] * share
            ids[k, row] = scene.add(mr.Mesh(shape, mr.Unlit(double_sided=True)), group, matrix=local).id
    middle = np.abs(np.arange(size) + 0.5 - size / 2)
    for k in range(layers)[::-1]:
        inside = (middle[:, None] < half[k]) & (middle[None, :] < half[k])
        expected[inside] = ids[k, 0]
        expected[inside & (np.arange(size) < size / 2)] = ids[k, 2]
    with mr.Renderer((size, size), msaa=1, device=device) as renderer:
        frame = renderer.render(scene, camera, outputs=("ids", "depth"))
        found, metres = frame.ids, frame.depth
    assert (found != expected).sum() == 0
    assert set(np.unique(found)) == {0, *ids[:, 0].tolist(), *ids[:, 2].tolist()}
    on_axis = metres[size // 2, size // 2 + 1:size // 2 + half[-1]:2]
    assert np.allclose(on_axis[1:], depth, rtol=1e-5)
