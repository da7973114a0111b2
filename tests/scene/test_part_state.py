"""State of parts: single fields of many rows, isolation, and what is refused."""

import numpy as np
import pytest

import metarender as mr
from metarender.colormap import Colormap
from metarender.part_state import PartState, ids_of


@pytest.fixture
def plant():
    """A group with a machine of two instanced parts and a child, beside a wall."""
    scene = mr.Scene()
    group = scene.add(None, name="line")
    machine = scene.add(mr.Mesh(mr.box(1), mr.Standard()), group, name="machine")
    child = scene.add(mr.Mesh(mr.sphere(0.2), mr.Standard()), machine, name="lamp")
    parts = scene.add_instances(mr.box(0.2), mr.Standard(), count=4, parent=group)
    wall = scene.add(mr.Mesh(mr.plane(5), mr.Standard()), name="wall")
    return scene, group, machine, child, parts, wall


def test_fields_change_one_by_one(plant):
    scene, _, machine, _, parts, _ = plant
    scene.set_state(parts, color=np.array([1, 2, 3, 4], np.uint8), value=[0.0, 0.25, 0.5, 1.0])
    scene.set_state(parts.ids[1:3], ghost=True, selected=True)
    scene.set_state(parts.ids[2], selected=False)
    scene.set_state(machine, highlighted=True, color="orange")
    rows = [scene.store.state_of(number) for number in parts.ids]
    assert [int(row["flags"]) for row in rows] == [8, 8 | 1 | 2, 8 | 1, 8]
    assert [float(row["value"]) for row in rows] == [0.0, 0.25, 0.5, 1.0] and rows[0]["color"].tolist() == [1, 2, 3, 4]
    row = scene.store.state_of(machine.id)
    assert row["flags"] == PartState.HIGHLIGHTED and row["color"].tolist() == [255, 165, 0, 255]


def test_ids_of_whatever_names_parts(plant):
    scene, _, machine, child, parts, _ = plant
    assert ids_of(machine, scene.store).tolist() == [machine.id]
    assert ids_of([machine, child], scene.store).tolist() == [machine.id, child.id]
    assert ids_of(parts, scene.store).tolist() == parts.ids.tolist()
    assert ids_of(int(parts.ids[0]), scene.store).tolist() == [parts.ids[0]]
    assert ids_of([], scene.store).tolist() == []


def test_isolate_keeps_what_is_below_and_above(plant):
    scene, group, machine, child, parts, wall = plant
    scene.isolate(machine)
    shown = dict(zip(("group", "machine", "child", "wall"), scene.store.shown([group.id, machine.id, child.id, wall.id]), strict=True))
    assert shown == {"group": True, "machine": True, "child": True, "wall": False}
    assert not scene.store.shown(parts.ids).any()
    scene.isolate(parts.ids[1:2])
    assert scene.store.shown(parts.ids).tolist() == [False, True, False, False] and not machine.visible
    scene.ghost(wall)
    scene.show_all()
    assert scene.store.shown([node.id for node in scene.nodes]).all()
    assert scene.store.state_of(wall.id)["flags"] == 0


def test_isolating_nothing_hides_everything_and_an_empty_scene_is_fine(plant):
    scene = plant[0]
    scene.isolate([])
    assert not scene.store.shown([node.id for node in scene.nodes]).any()
    mr.Scene().isolate([])
    mr.Scene().show_all()


def test_promise_6_wrong_states_are_refused(plant):
    scene, _, machine, _, parts, _ = plant
    for wrong, message in ((dict(color="no such colour"), "not a colour"), (dict(value=np.nan), "finite"),
                           (dict(value=[1.0, 2.0]), "value"),
                           (dict(color=np.zeros((2, 4), np.uint8)), "colour")):
        with pytest.raises(mr.InvalidInput, match=message):
            scene.set_state(parts, **wrong)
    assert not any(scene.store.state_of(number)["flags"] for number in parts.ids)
    with pytest.raises(mr.InvalidInput, match="parts must be"):
        scene.ghost("machine")
    with pytest.raises(mr.InvalidInput, match="Colormap"):
        scene.colormap = "viridis"
    machine.remove()
    with pytest.raises(mr.ReleasedError):
        scene.ghost([machine])


@pytest.mark.parametrize("ramp", (Colormap.heat(0, 10), Colormap.cool_warm(-1, 1)))
def test_colormaps_are_monotonic_enough_to_read_back(ramp):
    assert ramp.table.shape == (256, 3) and len(np.unique(ramp.table, axis=0)) > 200
    ends = ramp(np.array([ramp.low - 5, ramp.high + 5]))
    assert ends.tolist() == [ramp.table[0].tolist(), ramp.table[-1].tolist()]
    assert np.abs(np.diff(ramp.table.astype(int), axis=0)).max() <= 12


def test_heat_grows_brighter_all_the_way():
    linear = mr.color.srgb_decode(Colormap.heat().table / 255.0)
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(luminance) > -1e-3).all() and luminance[-1] > 0.75 > 0.05 > luminance[0]


def test_colormap_mistakes():
    for colors, low, high in (([[0, 0, 0]], 0, 1), (np.zeros((4, 3)), 0, 1), (np.zeros((4, 3), np.uint8), 1, 1)):
        with pytest.raises(mr.InvalidInput, match="Colormap"):
            Colormap(colors, low, high)


@pytest.mark.parametrize("depth", [1, 7, 300])
def test_isolate_in_a_deep_chain(depth):
    """Above, at and below the chosen one; a branch at each level goes. The rounds grow with the logarithm of the depth."""
    scene, chain, branches = mr.Scene(), [], []
    for _ in range(depth):
        chain.append(scene.add(None, chain[-1] if chain else None))
        branches.append(scene.add(None, chain[-1]))
    middle = depth // 2
    rounds, equal = [], np.array_equal

    def counted(*arrays):
        rounds.append(1)
        return equal(*arrays)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "array_equal", counted)
        scene.isolate(chain[middle])
    assert all(node.visible for node in chain)
    assert [node.visible for node in branches] == [k >= middle for k in range(depth)]
    assert len(rounds) <= np.log2(depth) + 3
