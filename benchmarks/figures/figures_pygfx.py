"""Skinned figures in pygfx: the file loaded once for each, with an AnimationMixer of its own; needs gltflib."""

import time

import numpy as np
import pygfx as gfx
import wgpu
from figures import CLIP, SIZE, eye, measure, options, places, seconds_of
from PIL import Image

given = options()
texture = gfx.Texture(dim=2, size=(SIZE, SIZE, 1), format="rgba8unorm",
                      usage=wgpu.TextureUsage.RENDER_ATTACHMENT | wgpu.TextureUsage.COPY_SRC | wgpu.TextureUsage.TEXTURE_BINDING)
renderer = gfx.renderers.WgpuRenderer(texture, pixel_ratio=1, ppaa="none")
scene = gfx.Scene()
scene.add(gfx.AmbientLight("#fff", 0.4))
sun = gfx.DirectionalLight("#fff", 2.5)
sun.local.position = (48, 80, 36)
scene.add(sun)
camera = gfx.PerspectiveCamera(45, 1, depth_range=(1, 1e5))
camera.local.position = eye(given.count)
camera.look_at((0, 0, 0))
start = time.perf_counter()
actions = []
for place in places(given.count):
    loaded = gfx.load_gltf(str(given.model), quiet=True)
    loaded.scene.local.position = place
    scene.add(loaded.scene)
    clip = next(clip for clip in loaded.animations if clip.name == CLIP)
    mixer = gfx.AnimationMixer()
    action = mixer.clip_action(clip)
    action.play()
    actions.append((mixer, action))
build = time.perf_counter() - start


def frame(number: int) -> None:
    for i, (mixer, action) in enumerate(actions):
        action.time = seconds_of(number, i) % action._clip.duration
        mixer.update(0)
    renderer.render(scene, camera)
    global picture
    picture = renderer.snapshot()


measure("pygfx", gfx.__version__, given, build, frame)
if given.picture:
    Image.fromarray(np.asarray(picture)).save(given.picture)
