"""Skinned figures in Panda3D: one Actor for each, posed by its own clip; needs panda3d-gltf."""

import time

import panda3d
from direct.actor.Actor import Actor
from direct.showbase.ShowBase import ShowBase
from figures import CLIP, SIZE, eye, measure, options, places, seconds_of
from panda3d.core import (
    AmbientLight,
    DirectionalLight,
    FrameBufferProperties,
    GraphicsPipe,
    PerspectiveLens,
    Texture,
    Vec4,
    WindowProperties,
    load_prc_file_data,
)

given = options()
load_prc_file_data("", "window-type none\naudio-library-name null\nsync-video 0\nmodel-cache-dir\nload-display p3headlessgl\n")
base = ShowBase(windowType="none")
kind = FrameBufferProperties()
kind.set_rgba_bits(8, 8, 8, 8)
kind.set_depth_bits(24)
base.make_default_pipe()
buffer = base.graphicsEngine.make_output(base.pipe, "buffer", 0, kind, WindowProperties.size(SIZE, SIZE), GraphicsPipe.BF_refuse_window)
color = Texture()
buffer.add_render_texture(color, buffer.RTM_copy_ram)
camera = base.make_camera(buffer)
lens = PerspectiveLens()
lens.set_fov(45)
lens.set_near_far(1, 1e5)
camera.node().set_lens(lens)
ambient, sun = AmbientLight("ambient"), DirectionalLight("sun")
ambient.set_color(Vec4(0.4, 0.4, 0.4, 1))
for light in (ambient, sun):
    base.render.set_light(base.render.attach_new_node(light))
x, y, z = eye(given.count)
camera.set_pos(x, -z, y)  # Panda3D has +Z up
camera.look_at(0, 0, 0)
start = time.perf_counter()
first = Actor(str(given.model))
figures = []
for place in places(given.count):
    actor = Actor(other=first)
    actor.reparent_to(base.render)
    actor.set_pos(place[0], -place[2], place[1])
    figures.append(actor)
build = time.perf_counter() - start
controls = [actor.get_anim_control(CLIP) for actor in figures]
rate = controls[0].get_frame_rate()
count = controls[0].get_num_frames()


def frame(number: int) -> None:
    for i, control in enumerate(controls):
        control.pose(seconds_of(number, i) * rate % (count - 1))
    base.graphicsEngine.render_frame()


measure("Panda3D", panda3d.__version__, given, build, frame)
if given.picture:
    color.write(str(given.picture))
