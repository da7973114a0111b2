"""No edit is lost on the way to the picture: after each, one that follows the scene draws the same as one that has seen nothing."""

import numpy as np
import pytest

import metarender as mr

SIDE, COUNT = 192, 192 * 192  # 576 pages of matrices, 144 of states
SIZE = (2 * SIDE, 2 * SIDE)


def above() -> mr.Camera:
    return mr.OrthographicCamera(height=SIDE, near=0, far=10).look_at((0, 5, 0), (0, 0, 0), up=(0, 0, -1))


def board() -> tuple[mr.Scene, mr.Parts, list[mr.Unlit]]:
    """A board of small plates of two shapes and two materials, a plate for each 2 x 2 pixels of the picture."""
    scene = mr.Scene()
    matrices = np.tile(np.eye(4), (COUNT, 1, 1))
    matrices[:, 0, 3], matrices[:, 2, 3] = np.arange(COUNT) % SIDE - SIDE / 2 + 0.5, np.arange(COUNT) // SIDE - SIDE / 2 + 0.5
    skins = [mr.Unlit(color=(90, 90, 90)), mr.Unlit(color=(40, 90, 160))]
    rng = np.random.default_rng(1)
    parts = scene.add_parts([mr.plane(0.8), mr.plane((0.6, 0.9))], skins, rng.integers(0, 2, COUNT), rng.integers(0, 2, COUNT), matrices)
    return scene, parts, skins


def moved(scene, camera, parts, skins, rows):
    with parts.edit("position") as position:
        position[rows] += (0.5, 0, 0.5)


def set_by_id(scene, camera, parts, skins, rows):
    parts.set(parts.ids[rows], position=np.stack([rows % SIDE - SIDE / 2 + 2.0, 0 * rows + 0.5, rows // SIDE - SIDE / 2 + 2.0], axis=1))


def coloured(scene, camera, parts, skins, rows):
    scene.set_state(parts.ids[rows], color=np.array([255, 200, 0, 255], np.uint8))


def highlighted(scene, camera, parts, skins, rows):
    scene.set_state(parts.ids[rows], highlighted=True)


def given_values(scene, camera, parts, skins, rows):
    scene.set_state(parts.ids[rows], value=np.linspace(0, 1, len(rows)).astype(np.float32))


def hidden(scene, camera, parts, skins, rows):
    parts.set(parts.ids[rows], visible=False)


def layered(scene, camera, parts, skins, rows):
    for row in rows.tolist():
        parts[row].layers = 0


def painted(scene, camera, parts, skins, rows):
    skins[0].color, skins[1].color = (10, 200, 30), (200, 30, 30)


def removed(scene, camera, parts, skins, rows):
    parts.remove(parts.ids[rows])


def added(scene, camera, parts, skins, rows):
    for row in rows.tolist():
        scene.add(mr.Mesh(mr.plane(0.7), mr.Unlit()), position=(row % SIDE - SIDE / 2 + 0.5, 1, row // SIDE - SIDE / 2 + 0.5))


def looked_at_from_elsewhere(scene, camera, parts, skins, rows):
    camera.position = (7.3, 5, 4.1)


EDITS = (moved, set_by_id, coloured, highlighted, given_values, hidden, layered, painted, removed, added, looked_at_from_elsewhere)


@pytest.mark.parametrize("many", (7, 400), ids=("a few calls", "one scattered upload"))
def test_every_edit_gives_the_picture_of_a_device_that_has_seen_nothing(renderer, many):
    """In turn, on one scene; the rows are far apart, so that each is in a run of its own."""
    scene, parts, skins = board()
    renderer.size, rng = SIZE, np.random.default_rng(many)
    camera = above()
    before = renderer.render(scene, camera).color
    for edit in EDITS:
        edit(scene, camera, parts, skins, np.sort(rng.choice(len(parts), many, replace=False)))
        after = renderer.render(scene, camera).color
        with mr.Renderer(SIZE, msaa=1, device="software") as fresh:
            expected = fresh.render(scene, camera).color
        wrong = (after != expected).any(axis=2).sum()
        assert wrong == 0, f"{edit.__name__}: {wrong} pixels are those of an older scene"
        assert (after != before).any(axis=2).sum() > many, f"{edit.__name__} changed nothing"
        before = after


@pytest.mark.parametrize("row", (0, COUNT // 2, COUNT - 1))
def test_a_flag_is_followed_wherever_its_part_lies(renderer, row):
    """Of 36,864 parts one is a ghost, or selected: the first, one in the middle, the last."""
    seen = {}
    for flag in ("nothing", "ghost", "selected"):
        scene, parts, _ = board()
        if flag != "nothing":
            scene.set_state(parts.ids[row], **{flag: True})
        renderer.size = SIZE
        seen[flag] = renderer.render(scene, above()).color
    x, y = row % SIDE * 2, row // SIDE * 2
    assert (seen["ghost"] != seen["nothing"]).any(axis=2).sum() >= 2 and (seen["ghost"][y, x] != seen["nothing"][y, x]).any()
    assert (seen["selected"] != seen["nothing"]).any(axis=2).sum() >= 6
