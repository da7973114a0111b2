"""Many devices in one process, on threads of their own and in turns on one: every pixel is what a device alone draws, byte for byte."""

import gc
import os
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import metarender as mr
from metarender.gpu.device import Device

FRAMES = 24_000 if os.environ.get("METARENDER_LONG") else 2_400
"""Over all threads together; METARENDER_LONG=1 draws ten times as many."""

SIZES = ((64, 64), (48, 64), (64, 33), (17, 29))
OUTPUTS = (("color",), ("color", "ids"), ("color", "depth"), ("color", "ids", "depth"))
KINDS = 3
HUES = ("red", "lime", "blue", "yellow", "magenta", "cyan")


def scene_of(hue, kind):
    """A scene that no other hue looks like: its colour fills the background, and its objects stand elsewhere."""
    scene, number = mr.Scene(), HUES.index(hue)
    scene.background = hue
    if kind != 1:
        scene.environment = None
    shift = 0.2 * number
    for _ in range(number + 1):  # other ids for the same thing
        scene.add(name="nothing")
    scene.add(mr.Mesh(mr.box(0.8), mr.Unlit(color=HUES[number - 1])), position=(shift - 0.5, 0, 0))
    if kind:
        texture = mr.Texture(np.full((8, 8, 4), (40 * number, 200, 90, 255), np.uint8), srgb=True)
        scene.add(mr.Mesh(mr.sphere(0.5, 10, 6), mr.Standard(color_texture=texture)), position=(0.4, shift - 0.3, 0.4))
        scene.add(mr.PointLight(intensity=20.0), position=(1, 2, 3))
    if kind == 2:
        scene.add(mr.Mesh(mr.sphere(0.7, 10, 6), mr.Standard(color=(0.2, 0.3, 0.9, 0.5), alpha_mode="blend")), position=(0, 0.2, shift))
        scene.set_state(scene.add_instances(mr.box(0.2), mr.Standard(color="white"), count=3).ids, color=hue)
    return scene


CAMERA = mr.PerspectiveCamera().look_at((1.5, 1.5, 3), (0, 0, 0))


def pixels(frame, outputs, order):
    """What was asked for, read in an order of its own."""
    read = {name: getattr(frame, name) for name in order}
    return tuple(read[name].tobytes() for name in outputs)


@pytest.fixture(scope="module")
def alone():
    """What each scene looks like in each size, drawn by one device that has the process for itself."""
    found = {}
    with mr.Renderer(size=SIZES[0], msaa=1, device="software") as renderer:
        for hue in HUES:
            for kind in range(KINDS):
                scene = scene_of(hue, kind)
                for size in SIZES:
                    renderer.size = size
                    found[hue, kind, size] = dict(zip(OUTPUTS[-1], pixels(renderer.render(scene, CAMERA, OUTPUTS[-1]), *[OUTPUTS[-1]] * 2),
                                                      strict=True))
    assert len({shown["color"] for shown in found.values()}) == len(HUES) * KINDS * len(SIZES), "no two look alike"
    return found


class Painter:
    """Draws scenes of its own hue, again and again, and compares every byte."""

    def __init__(self, alone, hue, seed):
        self.alone, self.hue, self.random, self.drawn = alone, hue, np.random.default_rng(seed), 0
        self.scenes = [scene_of(hue, kind) for kind in range(KINDS)]

    def choose(self):
        outputs = OUTPUTS[self.random.integers(len(OUTPUTS))]
        return (int(self.random.integers(KINDS)), SIZES[self.random.integers(len(SIZES))], outputs,
                [outputs[k] for k in self.random.permutation(len(outputs))])

    def compare(self, frame, kind, size, outputs, order, hue=None):
        shown = self.alone[hue or self.hue, kind, size]
        assert pixels(frame, outputs, order) == tuple(shown[name] for name in outputs), f"{hue or self.hue} {kind} {size} {outputs}"
        self.drawn += 1

    def draw(self, renderer):
        """One frame in a random size, with random outputs."""
        kind, size, outputs, order = self.choose()
        renderer.size = size
        self.compare(renderer.render(self.scenes[kind], CAMERA, outputs), kind, size, outputs, order)

    def steadily(self, stop):
        """One renderer for the whole time."""
        with mr.Renderer(size=SIZES[0], msaa=1, device="software") as renderer:
            while not stop.is_set():
                self.draw(renderer)

    def restlessly(self, stop):
        """Devices come and go, some with two renderers, some lose their contexts; contexts go through the pool."""
        while not stop.is_set():
            with (Device.open("software", debug=bool(self.random.random() < 0.3)) as device,
                  mr.Renderer(size=SIZES[0], msaa=1, device=device) as one, mr.Renderer(size=SIZES[1], msaa=1, device=device) as other):
                for _ in range(self.random.integers(1, 6)):
                    self.draw(one)
                    self.draw(other)
                if self.random.random() < 0.2:
                    one.simulate_loss()
                    one.restore()
                    self.draw(one)
            assert device.live == {}

    def in_short_threads(self, stop):
        """`mr.render` keeps a renderer for each thread, which goes when the thread ends."""
        while not stop.is_set():
            with ThreadPoolExecutor(1) as pool:
                pool.submit(self.some_at_once).result()

    def some_at_once(self):
        for _ in range(self.random.integers(1, 5)):
            kind, size, outputs, order = self.choose()
            self.compare(mr.render(self.scenes[kind], CAMERA, size, outputs=outputs, msaa=1), kind, size, outputs, order)

    def hand_over(self, stop, mine, theirs):
        """Draws a scene and gives it to the other thread, which draws it and gives it back."""
        with mr.Renderer(size=SIZES[0], msaa=1, device="software") as renderer:
            while not stop.is_set():
                try:
                    hue, kind, scene = mine.get(timeout=0.1)
                except queue.Empty:
                    continue
                _, size, outputs, order = self.choose()
                renderer.size = size
                self.compare(renderer.render(scene, CAMERA, outputs), kind, size, outputs, order, hue)
                theirs.put((hue, kind, scene))

    def meanwhile(self, stop, scenes):
        """Edits that change nothing are posted to scenes of others, and garbage of everybody is collected here."""
        while not stop.wait(0.002):
            scene = scenes[self.random.integers(len(scenes))]
            scene.post(lambda scene=scene: setattr(scene, "background", scene.background))
            scene.post(lambda scene=scene: scene.add(mr.Mesh(mr.box(0.1), mr.Standard(color="red")), position=(0, 0, 50)).remove())
            cycle = [mr.Mesh(mr.box(1), mr.Standard())]
            cycle.append(cycle)
            gc.collect()


@pytest.mark.slow
def test_promise_8_devices_on_many_threads_never_mix_pixels(alone, monkeypatch):
    """Seven threads at once: two keep a device, two open and close devices and threads, two hand scenes over, one edits and collects."""
    monkeypatch.setenv("METARENDER_DEVICE", "software")  # for mr.render
    stop, errors, queues = threading.Event(), [], (queue.Queue(), queue.Queue())
    painters = [Painter(alone, hue, seed) for seed, hue in enumerate((*HUES, HUES[0], HUES[1]))]
    for hue in HUES[2:4]:
        for kind in range(KINDS):
            queues[0].put((hue, kind, scene_of(hue, kind)))
    shown = [scene for painter in painters[:3] for scene in painter.scenes]
    work = [lambda: painters[0].steadily(stop), lambda: painters[1].steadily(stop), lambda: painters[2].restlessly(stop),
            lambda: painters[3].in_short_threads(stop), lambda: painters[4].hand_over(stop, *queues),
            lambda: painters[5].hand_over(stop, *queues[::-1]), lambda: painters[6].meanwhile(stop, shown)]

    def guarded(function):
        try:
            function()
        except BaseException as error:  # one is enough to stop all
            errors.append(error)
            stop.set()

    threads = [threading.Thread(target=guarded, args=(function,)) for function in work]
    for thread in threads:
        thread.start()
    while sum(painter.drawn for painter in painters) < FRAMES and not stop.wait(0.01):
        pass
    stop.set()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    assert all(painter.drawn > FRAMES // 50 for painter in painters[:6]), [painter.drawn for painter in painters]


@pytest.mark.slow
def test_promise_8_devices_in_turns_on_one_thread_never_mix_pixels(alone):
    """Each is read after the other has drawn, while renderers and contexts come and go around them."""
    one, two = Painter(alone, "red", 1), Painter(alone, "blue", 2)
    random = np.random.default_rng(3)
    with mr.Renderer(size=SIZES[0], msaa=1, device="software") as first, mr.Renderer(size=SIZES[0], msaa=1, device="software") as second:
        pairs = ((one, first), (two, second))
        while one.drawn + two.drawn < FRAMES // 2:
            frames = []
            for painter, renderer in pairs:
                kind, size, outputs, order = painter.choose()
                renderer.size = size
                frames.append((painter, renderer.render(painter.scenes[kind], CAMERA, outputs), kind, size, outputs, order))
                if random.random() < 0.05:
                    with mr.Renderer(size=SIZES[1], msaa=1, device="software") as passing:
                        two.draw(passing)
                if random.random() < 0.01:
                    renderer.device.use()
                    Device.open("software", debug=True).close()
            for place in random.permutation(2):
                painter, frame, *wanted = frames[place]
                painter.compare(frame, *wanted)
            if random.random() < 0.02:
                painter, renderer = pairs[random.integers(2)]
                renderer.simulate_loss()
                renderer.restore()
                painter.draw(renderer)
    assert min(one.drawn, two.drawn) > FRAMES // 8
