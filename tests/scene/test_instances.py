"""Instances: contiguous rows in the user's order, checked when the block ends."""

import numpy as np
import pytest

import metarender as mr
from metarender import InvalidInput, ReleasedError
from metarender._core import STATE


def made(count=6, **kwargs):
    scene = mr.Scene()
    return scene, scene.add_instances(mr.box(0.4), mr.Standard(color="orange"), count=count, **kwargs)


def test_every_instance_is_a_node_with_an_id():
    scene, boxes = made()
    assert len(boxes) == len(scene.nodes) == 6 and boxes.ids.dtype == np.uint32
    assert [n.id for n in boxes] == boxes.ids.tolist() == [n.id for n in scene.nodes]
    assert boxes[2].mesh.primitives[0] == boxes.mesh.primitives[0]
    boxes[2].visible = False
    scene.update()
    assert scene.store.shown(boxes.ids).tolist() == [True, True, False, True, True, True]
    assert repr(boxes) == "<Parts '' 6 members>"


def test_positions_are_edited_in_place_in_the_users_order():
    scene, boxes = made()
    grid = np.random.default_rng(0).uniform(-1e7, 1e7, size=(6, 3))
    with boxes.edit("position") as position:
        assert position.shape == (6, 3) and position.dtype == np.float64 and position.flags.c_contiguous
        position[:] = grid
    assert [n.position.tolist() for n in boxes] == grid.tolist()
    assert np.abs(scene.store.world_matrices(boxes.ids)[:, :3, 3] - grid).max() < 1e-8
    with pytest.raises(ValueError, match="read-only"):
        position[0] = 0


def test_linear_parts_and_matrices():
    _, boxes = made(2)
    boxes[0].scale = 3  # a scale of its own, which the edit replaces
    with boxes.edit("linear") as linear:
        assert linear.shape == (2, 3, 3) and linear.dtype == np.float32
        linear[:] = np.diag([1, 2, 3])
    assert boxes[0].scale.tolist() == [1, 2, 3]
    with boxes.edit("matrix") as matrix:
        assert matrix[0].tolist() == np.diag([1, 2, 3, 1]).tolist()
        matrix[1, :3, 3] = (7, 8, 9)
        assert boxes[1].position.tolist() == [0, 0, 0]  # a copy, until the block ends
    assert boxes[1].position.tolist() == [7, 8, 9]


def test_colours_reach_the_state_rows():
    scene, boxes = made(3)
    with boxes.edit("color") as color:
        assert color.shape == (3, 4) and color.dtype == np.uint8
        color[1] = (255, 0, 128, 255)
    scene.update()
    rows = np.zeros((scene.store.draw_slots, 16), np.uint8)
    scene.store.fill_rows(STATE, 0, scene.store.draw_slots, rows)
    at = np.flatnonzero(scene.store.slot_ids == boxes.ids[1])[0]
    assert rows[at, :4].tolist() == [255, 0, 128, 255] and rows[:, :4].any(axis=1).sum() == 1


def test_a_matrix_stack_and_a_parent():
    scene = mr.Scene()
    group = scene.add(position=(10, 0, 0))
    rows = np.tile(np.eye(4), (4, 1, 1))
    rows[:, 1, 3] = np.arange(4)
    boxes = scene.add_instances(mr.box(1), mr.Unlit(), matrices=rows, parent=group, name="row")
    assert boxes.name == "row" and len(group.children) == 4 and boxes[3].world_matrix[:3, 3].tolist() == [10, 3, 0]


def test_members_that_leave_close_the_rows_up():
    scene, boxes = made()
    with boxes.edit("position") as position:
        position[:, 0] = np.arange(6)
    nodes = list(boxes)
    nodes[1].remove()
    nodes[4].parent = scene.add()
    child = scene.add(None, nodes[2])
    assert [n.position[0] for n in boxes] == [0, 3, 5] and len(boxes) == 3
    with boxes.edit("position") as position:
        assert position[:, 0].tolist() == [0, 3, 5]
        position += 10
    assert [nodes[k].position[0] for k in (0, 2, 3, 4, 5)] == [10, 2, 13, 4, 15] and child.parent == nodes[2]


def test_removal_of_all_frees_the_descriptions():
    scene, boxes = made()
    node = boxes[0]
    boxes.remove()
    assert len(boxes) == 0 and boxes.ids.tolist() == [] and scene.geometry_list == [None] and len(scene.nodes) == 0
    with pytest.raises(ReleasedError):
        _ = node.position
    with boxes.edit("position") as position:
        assert position.shape == (0, 3)
    boxes.remove()
    again = scene.add_instances(mr.box(1), mr.Unlit(), count=2)
    assert len(again) == 2 and len(boxes) == 0


def test_blocks_over_two_ranges_may_be_open_together():
    scene, boxes = made(3)
    other = scene.add_instances(mr.box(1), mr.Unlit(), count=2)
    with boxes.edit("position") as a, other.edit("position") as b, boxes.edit("color") as c:
        a[:], b[:], c[:] = 1, 2, 3
    assert boxes[2].position[0] == 1 and other[1].position[0] == 2 and scene.store.state_of(boxes.ids[0])["color"][0] == 3


def test_values_that_are_not_finite_raise_when_the_block_ends():
    scene, boxes = made()
    with pytest.raises(InvalidInput, match="the first is row 3"), boxes.edit("position") as position:
        position[3] = np.nan
    scene.add()  # the block is closed
    with pytest.raises(InvalidInput, match="last row"), boxes.edit("matrix") as matrix:
        matrix[0] = 0


def test_an_exception_inside_a_block_wins_and_closes_it():
    scene, boxes = made()
    with pytest.raises(ZeroDivisionError), boxes.edit("position") as position:
        position[3] = np.nan
        _ = 1 / 0
    scene.add()
    assert np.isfinite(scene.store.world_matrices(boxes.ids)).all()


@pytest.mark.parametrize("call, message", [
    (lambda s, b: b.edit("scale"), "edit.. takes 'position', 'linear', 'matrix', 'color' or 'state', got 'scale'"),
    (lambda s, b: s.add_instances(mr.box(1), mr.Unlit()), "either count or matrices"),
    (lambda s, b: s.add_instances(mr.box(1), mr.Unlit(), 2, matrices=np.zeros((2, 4, 4))), "either count or matrices"),
    (lambda s, b: s.add_instances(mr.box(1), mr.Unlit(), 0), "at least one member"),
    (lambda s, b: s.add_instances(mr.box(1), mr.Unlit(), 2.5), "at least one member"),
    (lambda s, b: s.add_instances(mr.box(1), mr.Unlit(), 10**9), "count must be"),
    (lambda s, b: s.add_instances(mr.box(1), mr.Unlit(), matrices=np.zeros((2, 3, 3))),
     r"shape \(n, 4, 4\) or \(n, 3, 4\), got \(2, 3, 3\)"),
    (lambda s, b: s.add_instances(mr.box(1), mr.Unlit(), matrices=np.zeros((2, 4, 4))), "last row of matrices"),
    (lambda s, b: s.add_instances(mr.box(1), "red", 2), "needs a Geometry and a Material"),
    (lambda s, b: s.add_instances(mr.box(1), mr.Unlit(), 2, parent=mr.Scene().add()), "Node of this scene"),
])
def test_mistakes(call, message):
    scene, boxes = made()
    with pytest.raises(InvalidInput, match=message):
        call(scene, boxes)
    assert len(scene.nodes) == 6 and scene.store.draw_count == 6
    scene.settle()
    assert len([g for g in scene.geometry_list if g]) == 1


def test_a_block_is_entered_once():
    _, boxes = made()
    block = boxes.edit("position")
    with block:
        pass
    with pytest.raises(InvalidInput, match="entered once"), block:
        pass
