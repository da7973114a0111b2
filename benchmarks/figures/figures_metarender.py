"""Skinned figures in metarender: the file loaded once and copied, one clip played by each copy."""

import time

from figures import CLIP, SIZE, eye, measure, options, places, seconds_of

import metarender as mr
from metarender.renderer import Renderer

given = options()
renderer = Renderer(size=(SIZE, SIZE), msaa=1, device="software", tone_mapping="none")
scene = mr.Scene()
scene.environment = None
scene.background = "black"
scene.add(mr.DirectionalLight(direction=(-48, -80, -36), intensity=2.5, shadow=False))
camera = mr.PerspectiveCamera(45, 1).look_at(eye(given.count), (0, 0, 0))
start = time.perf_counter()
figure = mr.load(given.model)
for number, place in enumerate(places(given.count)):
    copy = scene.add(figure, position=place)
    scene.play(next(clip for clip in scene.clips.of(copy) if clip.name == CLIP), start=-seconds_of(0, number))
build = time.perf_counter() - start


def frame(number: int) -> None:
    scene.at(seconds_of(number, 0))
    global drawn
    drawn = renderer.render(scene, camera)
    renderer.device.finish()


measure("metarender", mr.__version__, given, build, frame)
if given.picture:
    drawn.save(given.picture)
