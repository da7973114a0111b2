"""Scene and Node: what a user adds, finds, changes, copies and removes."""

import gc
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest

import metarender as mr
from metarender import InvalidInput, ReleasedError


def mesh(color="red", size=1.0):
    return mr.Mesh(mr.box(size), mr.Unlit(color=color))


def test_a_new_scene_has_the_studio_and_nothing_else():
    scene = mr.Scene()
    assert len(scene.nodes) == 0 and scene.lights == [] and scene.cameras == [] and scene.bounds is None
    assert scene.background == "transparent" and scene.environment is scene.environment
    assert isinstance(scene.environment, mr.Environment)


def test_making_a_scene_prepares_no_environment():
    code = ("import metarender as mr, metarender.environment as e; calls = []; e.Environment.studio = lambda *a, **k: calls.append(1);"
            "s = mr.Scene(); s.add(mr.Mesh(mr.box(1), mr.Unlit())); s.update(); assert not calls; s.environment; assert calls")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_add_places_names_and_nests():
    scene = mr.Scene()
    group = scene.add(name="arm", position=(1, 0, 0), rotation=(0, 0, np.sqrt(0.5), np.sqrt(0.5)), scale=2)
    part = scene.add(mesh(), group, position=(1, 0, 0), name="hand")
    assert part.parent == group and group.parent is None and group.children == (part,) and part.children == ()
    assert np.allclose(part.world_matrix[:3, 3], (1, 2, 0)) and np.allclose(part.bounds, [[0, 1, -1], [2, 3, 1]])
    assert scene.find("hand") == part and scene.find("nothing") is None and part.name == "hand"
    assert np.allclose(scene.bounds, part.bounds) and group.bounds.tolist() == part.bounds.tolist()
    assert list(scene.nodes) == [group, part] and part in scene.nodes and len(scene.nodes) == 2
    placed = scene.add(matrix=np.diag([1.0, 2, 3, 1]))
    assert placed.scale.tolist() == [1, 2, 3] and placed.name == "" and placed.bounds is None
    assert repr(part) == f"<Node {part.id} 'hand'>" and scene.names == {group.id: "arm", part.id: "hand"}


def test_find_prefers_the_lowest_id():
    scene = mr.Scene()
    first, _ = scene.add(name="a"), scene.add(name="a")
    assert scene.find("a") == first
    first.name = ""
    assert scene.find("a") != first


def test_lights_cameras_and_extras_belong_to_nodes():
    scene = mr.Scene()
    sun, camera = mr.DirectionalLight(), mr.PerspectiveCamera()
    a, b = scene.add(sun), scene.add(camera)
    assert scene.lights == [a] and scene.cameras == [b] and a.light is sun and b.camera is camera and a.camera is None
    changes, epoch = scene.light_changes, scene.store.epoch
    sun.intensity = 2.0
    assert scene.light_changes > changes and scene.store.epoch > epoch
    a.light = None
    changes = scene.light_changes
    sun.intensity = 3.0
    assert scene.lights == [] and scene.light_changes == changes
    a.extras["tag"] = 7
    assert a.extras == {"tag": 7} and b.extras == {}
    b.extras = {"k": 1}
    b.remove()
    assert scene.cameras == []


def test_removal_releases_handles_names_and_descriptions():
    scene = mr.Scene()
    group = scene.add(name="g")
    part = scene.add(mesh(), group, name="p")
    light = scene.add(mr.PointLight(), part)
    geometry, material = (weakref.ref(x) for x in part.mesh.primitives[0])
    group.remove()
    for call in (lambda: group.position, lambda: part.name, lambda: light.light, lambda: part.remove(), lambda: scene.node(2)):
        with pytest.raises(ReleasedError, match=r"removed"):
            call()
    assert scene.find("p") is None and scene.lights == [] and len(scene.nodes) == 0 and repr(part) == "<Node removed>"
    assert scene.geometry_list == [None] and scene.material_list == [None]
    gc.collect()
    assert geometry() is None and material() is None


def test_descriptions_are_shared_and_their_indices_reused():
    scene = mr.Scene()
    box, red, blue = mr.box(1), mr.Unlit(color="red"), mr.Unlit(color="blue")
    a = scene.add(mr.Mesh(box, red))
    b = scene.add(mr.Mesh(box, blue))
    assert len(scene.geometry_list) == 1 and len(scene.material_list) == 2 and len(scene.shading_classes) == 1
    changes = scene.geometry_changes
    b.mesh = mr.Mesh(mr.sphere(1), red)
    assert scene.geometry_changes > changes and scene.material_list[1] is None and a.mesh.primitives[0] == (box, red)
    b.mesh = mr.Mesh(box, blue)
    assert scene.material_list == [red, blue] and scene.geometry_list == [box, None]
    b.mesh = None
    assert b.mesh is None and b.bounds is None and scene.material_list == [red, None]


def test_a_mesh_of_several_primitives_is_several_draws_of_one_id():
    scene = mr.Scene()
    both = mr.Mesh(primitives=[(mr.box(1), mr.Unlit()), (mr.sphere(1), mr.Standard())])
    node = scene.add(both)
    scene.update()
    assert scene.store.draw_count == 2 and scene.store.slot_ids[scene.store.slot_ids != 0].tolist() == [node.id] * 2


def test_material_edits_arrive():
    scene = mr.Scene()
    material = mr.Standard(color="red")
    node = scene.add(mr.Mesh(mr.box(1), material))
    scene.update()
    seen, epoch, resorts = scene.material_changes, scene.store.epoch, scene.store.stats["resorts"]
    material.roughness = 0.9
    assert scene.material_changes == scene.material_epoch[0] == seen + 1 and scene.store.epoch > epoch
    scene.update()
    assert scene.store.stats["resorts"] == resorts  # the class is the same: nothing moves
    material.alpha_mode = "blend"
    scene.update()
    assert scene.store.stats["resorts"] == resorts + 1
    node.remove()
    seen = scene.material_changes
    material.roughness = 0.1
    assert scene.material_changes == seen


def test_set_moves_many_nodes_by_id_or_handle():
    scene = mr.Scene()
    nodes = [scene.add(mesh()) for _ in range(3)]
    scene.set([n.id for n in nodes], position=np.arange(9).reshape(3, 3))
    assert nodes[2].position.tolist() == [6, 7, 8]
    scene.set(nodes[:2], scale=np.full((2, 3), 3.0), rotation=[(0, 0, 0, 1)] * 2)
    assert nodes[1].scale.tolist() == [3, 3, 3]


def test_visibility_is_inherited_and_layers_are_not():
    scene = mr.Scene()
    group = scene.add()
    part = scene.add(mesh(), group)
    group.visible, group.layers = False, 6
    scene.update()
    assert part.visible and not group.visible and not scene.store.shown([part.id])[0] and part.layers == 1
    assert not scene.store.block_live[0]
    group.visible = True
    part.parent = None
    scene.update()
    assert scene.store.block_live[0] == 1


def test_reparenting_keeps_the_local_transform_and_refuses_cycles():
    scene = mr.Scene()
    a = scene.add(position=(1, 0, 0))
    b = scene.add(None, a, position=(2, 0, 0))
    with pytest.raises(InvalidInput, match="cannot become a child of itself or of its own descendant"):
        a.parent = b
    b.parent = None
    assert b.position.tolist() == [2, 0, 0] and b.world_matrix[0, 3] == 2 and a.children == ()


def filled():
    scene = mr.Scene()
    shared = mesh("blue")
    group = scene.add(name="g", position=(1, 2, 3), rotation=(0, 1, 0, 0))
    scene.add(shared, group, name="p", scale=2)
    scene.add(mr.SpotLight(), group, name="l")
    scene.add(mr.PerspectiveCamera(), name="c").extras["a"] = 1
    hidden = scene.add(shared, name="h")
    hidden.visible, hidden.layers = False, 4
    rows = np.tile(np.eye(4), (5, 1, 1))
    rows[:, 0, 3] = np.arange(5)
    scene.add_instances(mr.sphere(0.5), shared.primitives[0][1], matrices=rows, parent=group)
    return scene


def test_a_scene_is_copied_into_another_in_bulk():
    source, scene = filled(), mr.Scene()
    scene.add(mesh("white"))
    group = scene.add(source, position=(100, 0, 0), name="copy")
    assert len(scene.nodes) == 2 + len(source.nodes)
    for name in "gplch":
        old, new = source.find(name), scene.find(name)
        assert new.position.tolist() == old.position.tolist() and new.visible == old.visible and new.layers == old.layers
        assert new.mesh is old.mesh and new.light is old.light and new.camera is old.camera and new.extras == old.extras
        moved = old.world_matrix
        moved[0, 3] += 100
        assert np.allclose(new.world_matrix, moved)
    assert scene.find("g").rotation.tolist() == source.find("g").rotation.tolist()
    assert np.allclose(group.bounds - source.bounds, [[100, 0, 0]] * 2)
    copied = scene.find("g").children[2:]
    number = scene.store.range_of(copied[0].id)
    assert number and scene.store.range_ids(number).tolist() == [n.id for n in copied]
    source.find("p").mesh.primitives[0][1].color = "green"
    assert scene.material_epoch.max() == scene.material_changes
    group.remove()
    assert len(scene.nodes) == 1 and len(scene.lights) == 0 and len(source.nodes) == 10


def test_copies_keep_only_what_the_other_scene_draws_alive():
    source, scene = filled(), mr.Scene()
    group = scene.add(source)
    group.remove()
    assert [g for g in scene.geometry_list if g] == [] and [m for m in scene.material_list if m] == []


def test_posted_calls_run_before_the_next_update_in_order():
    scene = mr.Scene()
    node, seen = scene.add(), []
    threads = [threading.Thread(target=scene.post, args=(lambda k=k: seen.append(k),)) for k in range(20)]
    for thread in threads:
        thread.start()
        thread.join()
    scene.post(lambda: setattr(node, "position", (9, 0, 0)))
    scene.post(lambda: scene.post(lambda: seen.append("later")))
    assert seen == [] and scene.has_posted
    scene.update()
    assert seen == list(range(20)) and node.position[0] == 9
    scene.update()
    assert seen[-1] == "later" and not scene.has_posted


def test_settling_keeps_ids_and_gives_the_same_order_twice():
    scene = filled()
    scene.settle()
    before = scene.store.slot_ids.tolist()
    scene.settle()
    assert scene.store.slot_ids.tolist() == before


def test_background_and_environment_raise_the_epoch():
    scene = mr.Scene()
    for change in (lambda: setattr(scene, "background", "white"), lambda: setattr(scene, "background", "environment"),
                   lambda: setattr(scene, "environment", None)):
        epoch = scene.store.epoch
        change()
        assert scene.store.epoch > epoch
    assert scene.environment is None and scene.background == "environment"


def test_a_scene_that_is_dropped_is_freed():
    scene = filled()
    dead = weakref.ref(scene)
    material = scene.material_list[0]
    del scene
    gc.collect()
    assert dead() is None
    material.color = "red"  # watches nobody


def test_adding_the_same_mesh_costs_microseconds():
    scene, shared = mr.Scene(), mesh()
    start = time.perf_counter()
    for _ in range(20_000):
        scene.add(shared, position=(1.0, 2.0, 3.0))
    assert (time.perf_counter() - start) / 20_000 < 30e-6  # ten times the usual cost: a guard against linear searches
    assert scene.store.draw_count == 20_000


@pytest.mark.parametrize("call, message", [
    (lambda s: s.add("box"), "takes a Mesh, Light, Camera, Scene or None, got str"),
    (lambda s: s.add(parent=5), "parent must be a Node or None, got int"),
    (lambda s: s.add(parent=mr.Scene().add()), "parent belongs to another scene"),
    (lambda s: s.add(s), "cannot be added to itself"),
    (lambda s: s.add(matrix=np.eye(4), scale=2), "either matrix, or position"),
    (lambda s: s.add(position=(1, 2)), r"position must have shape \(3,\), got \(2,\)"),
    (lambda s: s.add(rotation=(0, 0, 0, 0)), "length zero"),
    (lambda s: s.add(name=3), "name must be a string, got int"),
    (lambda s: s.add().__setattr__("mesh", 3), "mesh must be a Mesh or None, got int"),
    (lambda s: s.add().__setattr__("light", 3), "light must be a Light or None"),
    (lambda s: s.add().__setattr__("camera", 3), "camera must be a Camera or None"),
    (lambda s: s.add().__setattr__("extras", 3), "extras must be a dict"),
    (lambda s: s.post(3), "takes a callable, got int"),
    (lambda s: s.__setattr__("environment", 3), "environment must be an Environment or None"),
    (lambda s: s.__setattr__("background", "no such colour"), "background"),
])
def test_mistakes(call, message):
    scene = mr.Scene()
    with pytest.raises(InvalidInput, match=message):
        call(scene)


def test_a_refused_add_leaves_nothing_behind():
    scene = mr.Scene()
    for kwargs in ({"position": (1, 2)}, {"name": 5}, {"matrix": np.zeros((4, 4))}):
        with pytest.raises(InvalidInput):
            scene.add(mesh(), **kwargs)
    assert len(scene.nodes) == 0 and scene.store.draw_count == 0 and [g for g in scene.geometry_list if g] == []
