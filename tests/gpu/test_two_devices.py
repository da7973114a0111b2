"""Two devices draw one scene that is edited live: both are right, and each uploads what it missed."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import metarender as mr

SIZE = (96, 72)
SETTINGS = {"size": SIZE, "msaa": 2, "device": "software"}
BALL = mr.sphere(0.5, 12, 6)
GAPS = 4 * 64 * 48  # bytes: a page of rows between two changed ones goes up with them; 384 rows of 48 bytes have 6 pages
SHAPES = [mr.box(0.7), BALL.with_levels([mr.sphere(0.5, 6, 3)]), mr.cylinder(0.3, 0.9, 10)]


class LiveScene:
    """A scene of nodes, groups and parts, and random edits of every kind."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.scene = mr.Scene()
        self.scene.background = "#304050"
        self.materials = [mr.Standard(color=tuple(self.random.uniform(0.1, 0.9, 3))) for _ in range(4)]
        self.materials += [mr.Unlit(color="tomato"), mr.Standard(color=(0.2, 0.4, 1.0, 0.5), alpha_mode="blend")]
        self.sun = self.scene.add(mr.DirectionalLight(direction=(-1, -2, -0.5)))
        self.scene.add(mr.Mesh(mr.plane(30), self.materials[0]), position=(0, -3, 0))
        self.groups = [self.scene.add(name=f"group {k}", position=self.place()) for k in range(4)]
        self.loose = [self.new_node() for _ in range(40)]
        count = 300
        matrices = np.tile(np.eye(4), (count, 1, 1))
        matrices[:, :3, 3] = self.random.uniform(-6, 6, (count, 3)) * (1, 0.4, 1)
        shape, material = self.random.integers(0, 3, count), self.random.integers(0, 6, count)
        self.parts = self.scene.add_parts(SHAPES, self.materials, shape, material, matrices)
        self.camera = mr.PerspectiveCamera(fov=55).look_at((4, 5, 11), (0, -0.5, 0))

    def place(self):
        return self.random.uniform(-5, 5, 3) * (1, 0.4, 1)

    def new_node(self):
        mesh = mr.Mesh(SHAPES[self.random.integers(3)], self.materials[self.random.integers(6)])
        return self.scene.add(mesh, self.groups[self.random.integers(4)], position=self.place() * 0.4)

    def some(self):
        """Ids of a few parts."""
        return self.random.choice(self.parts.ids, int(self.random.integers(1, 40)), replace=False)

    def edit(self):
        """Make one random edit and return its name."""
        edits = (self.move_node, self.move_group, self.move_parts, self.add, self.remove, self.reparent, self.tint, self.ghost, self.select,
                 self.isolate, self.edit_material, self.change_mesh, self.show_value, self.turn_sun)
        chosen = edits[self.random.integers(len(edits))]
        chosen()
        return chosen.__name__

    def move_node(self):
        self.loose[self.random.integers(len(self.loose))].position = self.place() * 0.4

    def move_group(self):
        self.groups[self.random.integers(4)].position = self.place()

    def move_parts(self):
        with self.parts.edit("position") as position:
            chosen = self.random.random(len(position)) < 0.1
            position[chosen] += self.random.normal(0, 0.5, (int(chosen.sum()), 3))

    def add(self):
        self.loose += [self.new_node() for _ in range(int(self.random.integers(1, 6)))]

    def remove(self):
        if len(self.loose) > 20:
            self.loose.pop(int(self.random.integers(len(self.loose)))).remove()
        if len(self.parts) > 100:
            self.parts.remove(self.some()[:5])

    def reparent(self):
        self.loose[self.random.integers(len(self.loose))].parent = self.groups[self.random.integers(4)]

    def tint(self):
        self.scene.set_state(self.some(), color=self.random.integers(0, 256, 4).astype(np.uint8))

    def ghost(self):
        self.scene.ghost(self.some(), bool(self.random.random() < 0.6))

    def select(self):
        self.scene.set_state(self.some(), selected=bool(self.random.random() < 0.5))

    def isolate(self):
        if self.random.random() < 0.4:
            self.scene.isolate(np.concatenate([self.some(), self.some(), [self.loose[0].id]]))
        else:
            self.scene.show_all()

    def edit_material(self):
        self.materials[self.random.integers(5)].color = tuple(self.random.uniform(0, 1, 3))

    def change_mesh(self):
        node = self.loose[self.random.integers(len(self.loose))]
        node.mesh = mr.Mesh(SHAPES[self.random.integers(3)], self.materials[self.random.integers(6)])

    def show_value(self):
        self.scene.set_state(self.some(), value=float(self.random.random()))

    def turn_sun(self):
        self.sun.light.direction = (*self.random.uniform(-1, 1, 2) - (0, 2), 0.3)


def fresh_picture(live):
    """What a renderer that has never seen the scene draws."""
    with mr.Renderer(**SETTINGS) as renderer:
        return renderer.render(live.scene, live.camera).color


@pytest.mark.parametrize("seed", [1, 2])
def test_pictures_of_both_devices_are_those_of_a_fresh_renderer(seed):
    """300 edits; one device draws after each few, the other skips some of them and catches up in one frame."""
    live, checked, names = LiveScene(seed), 0, set()
    with mr.Renderer(**SETTINGS) as eager, mr.Renderer(**SETTINGS) as lazy:
        assert eager.device is not lazy.device
        lazy.render(live.scene, live.camera)
        missed = 0
        for step in range(100):
            names |= {live.edit() for _ in range(3)}
            frame = eager.render(live.scene, live.camera)
            picture, missed = frame.color, missed + frame.stats.bytes_uploaded
            if live.random.random() < 0.35:
                while (more := eager.render(live.scene, live.camera).stats.bytes_uploaded) > 0:
                    missed += more  # one bucket of draws is sorted anew in each frame until all are in order
                behind = lazy.render(live.scene, live.camera)
                assert np.array_equal(picture, behind.color), f"step {step}"
                if checked:  # the first frame of the eager one uploaded everything
                    assert behind.stats.bytes_uploaded <= missed + GAPS
                    assert (behind.stats.bytes_uploaded > 0) == (missed > 0)
                assert lazy.render(live.scene, live.camera).stats.bytes_uploaded == 0
                assert eager.render(live.scene, live.camera).stats.bytes_uploaded == 0
                assert np.array_equal(picture, fresh_picture(live)), f"step {step}"
                checked, missed = checked + 1, 0
    assert checked > 20 and len(names) == 14


def test_devices_on_two_threads_take_turns_and_posted_edits_reach_both():
    """A device for each thread; the scene is handed over after each frame, edits are posted by a third."""
    live = LiveScene(3)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two:
        renderers = [worker.submit(lambda: mr.Renderer(**SETTINGS)).result() for worker in (one, two)]
        try:
            for _ in range(30):
                for _ in range(4):
                    live.scene.post(live.edit)
                pictures = [worker.submit(lambda r=renderer: r.render(live.scene, live.camera).color).result()
                            for worker, renderer in zip((one, two), renderers, strict=True)]
                assert np.array_equal(*pictures)
            assert np.array_equal(pictures[0], fresh_picture(live))
        finally:
            for worker, renderer in zip((one, two), renderers, strict=True):
                worker.submit(renderer.close).result()


def test_devices_on_two_threads_share_a_scene_under_a_lock():
    """Both threads draw as they please while edits are posted; the same number of edits gives the same picture on both."""
    live, lock, seen, applied = LiveScene(4), threading.Lock(), [{}, {}], [0]

    def edit():
        live.edit()
        applied[0] += 1

    def draw(number):
        with mr.Renderer(**SETTINGS) as renderer:
            for _ in range(25):
                with lock:
                    picture = renderer.render(live.scene, live.camera).color
                    seen[number].setdefault(applied[0], picture)
                    assert np.array_equal(seen[number][applied[0]], picture)
                    live.scene.post(edit)
            barrier.wait()  # all edits are posted; the last picture has them all
            with lock:
                return renderer.render(live.scene, live.camera).color

    barrier = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        last = [future.result() for future in [pool.submit(draw, number) for number in (0, 1)]]
    assert applied[0] == 50
    assert all(np.array_equal(seen[0][count], seen[1][count]) for count in seen[0].keys() & seen[1].keys())
    assert np.array_equal(*last) and np.array_equal(last[0], fresh_picture(live))
