"""Scenes for captures: one with everything that a frame can need, and random ones."""

from __future__ import annotations

from functools import cache

import numpy as np

import metarender as mr
from metarender.environment import EnvironmentMaps, filter_maps

SIZE = (96, 72)
OUTPUTS = ("color", "depth", "ids")


def texture(seed: int, srgb: bool, size: int = 8, **how: str) -> mr.Texture:
    pixels = np.random.default_rng(seed).integers(90, 255, (size, size, 4), np.uint8)
    pixels[..., 3] = 255
    return mr.Texture(pixels, srgb=srgb, sampler=mr.Sampler(**how), name=f"noise {seed}")


def materials() -> list[mr.Material]:
    """One of each kind that draws in another way."""
    painted = mr.TextureInfo(texture(1, True), offset=(0.3, 0.1), rotation=0.4, scale=(2.0, 3.0))
    return [
        mr.Standard(color=(0.7, 0.3, 0.1), roughness=0.3, metallic=0.6, name="metal"),
        mr.Standard(color_texture=painted, normal_texture=texture(2, False), metallic_roughness_texture=texture(3, False, 4)),
        mr.Standard(color="white", emissive="green", emissive_strength=0.4, occlusion_texture=texture(4, False), double_sided=True),
        mr.Standard(color=(0.2, 0.4, 0.9, 0.4), alpha_mode="blend"),
        mr.Unlit(color="orange", color_texture=texture(5, True, 8, mag="nearest", wrap_s="clamp_to_edge")),
        mr.Unlit(color=(0.9, 0.9, 0.1, 0.6), alpha_mode="mask", alpha_cutoff=0.5),
    ]


def shapes() -> list[mr.Geometry]:
    """Triangles with few and many attributes, lines, points, and levels that share their vertices."""
    ball = mr.sphere(0.5)
    rough = mr.Geometry(positions=ball.positions, indices=ball.indices[: 3 * (len(ball.indices) // 6)], normals=ball.normals, uv0=ball.uv0)
    points = np.random.default_rng(8).uniform(-0.5, 0.5, (60, 3))
    return [mr.box(0.8), ball.with_levels([(rough, 0.3)]), mr.torus(0.4, 0.15),
            mr.Geometry(positions=points, topology="lines", colors=np.abs(points) * 2),
            mr.Geometry(positions=points, topology="points"), mr.Geometry(positions=mr.box(0.5).positions, indices=mr.box(0.5).indices)]


def add_figures(scene: mr.Scene) -> None:
    """Two figures that share a skin and a geometry with a morph, and a third thing that only morphs."""
    rng = np.random.default_rng(9)
    places = rng.uniform(-0.4, 0.4, (30, 3))
    flesh = mr.Geometry(positions=places, joints=rng.integers(0, 3, (30, 8)), weights=rng.uniform(0, 1, (30, 8)), name="flesh",
                        normals=places / np.linalg.norm(places, axis=1, keepdims=True),
                        morphs=[mr.Morph(places * 0.5, places, name="grow"), mr.Morph(rng.uniform(-0.2, 0.2, (30, 3)))])
    skin = mr.Skin(np.tile(np.eye(4), (3, 1, 1)), "bones")
    for side in (-1, 1):
        joints = [scene.add(None, position=(side * 1.6, 0.3 * number, 0.5), rotation=(0, 0, 0.2 * number, 1)) for number in range(3)]
        node = scene.add(mr.Mesh(flesh, mr.Standard(color="pink", double_sided=True), weights=(0.5, 0)))
        scene.bind(node, skin, joints)
        node.weights = (0.5, side)
    box = mr.box(0.3)
    scene.add(mr.Mesh(mr.Geometry(positions=box.positions, normals=box.normals, indices=box.indices, morphs=[mr.Morph(box.positions)]),
                      mr.Standard(color="cyan"), weights=[0.4]), position=(0, 1.2, 0.4))


@cache
def sky() -> EnvironmentMaps:
    """Noise from all around, filtered once."""
    return filter_maps(np.random.default_rng(3).uniform(0, 1.5, (8, 16, 3)).astype(np.float32), 16, 3)


def everything() -> tuple[mr.Scene, mr.Camera]:
    """A scene that uses all that a capture must hold, each where it can be seen."""
    scene, kinds, forms = mr.Scene(), materials(), shapes()
    group = scene.add(None, position=(0, 0.2, 0), rotation=(0, 0.2, 0, 1), name="group")
    doomed = scene.add(mr.Mesh(forms[0], kinds[0]), position=(0, 0, 0))
    for number, (form, kind) in enumerate(zip(forms, kinds, strict=True)):
        scene.add(mr.Mesh(form, kind), group, position=(number % 3 * 1.2 - 1.2, number // 3 * 1.2 - 0.6, 0), name=f"thing {number}")
    doomed.remove()
    add_figures(scene)
    scene.add(mr.Mesh(primitives=[(forms[0], kinds[4]), (forms[2], kinds[0])]), matrix=np.diag([-0.5, 0.5, 0.5, 1.0]), name="mirrored")
    matrices = np.tile(np.eye(4), (12, 1, 1))
    matrices[:, :3, 3] = np.stack([np.arange(12) * 0.3 - 1.7, np.full(12, -1.5), np.zeros(12)], axis=1)
    rack = scene.add_parts([mr.box(0.2), mr.sphere(0.12)], kinds[:2], np.arange(12) % 2, np.arange(12) % 2, matrices,
                           names=[f"part {k}" for k in range(12)], name="rack")
    rack.set(rack.ids[:3], color=(255, 0, 255, 200), user=7)
    scene.set_state(rack.ids[3:6], value=[0.1, 0.5, 0.9])
    scene.set_state(rack.ids[6], ghost=True)
    scene.set_state(rack.ids[7], selected=True)
    scene.set_state(rack.ids[8], highlighted=True)
    rack.set(rack.ids[9:10], visible=False)
    scene.node(int(rack.ids[10])).layers = 2
    far = scene.add(None, position=(3e6, 1e5, -2e6))
    scene.add(mr.Mesh(forms[0], kinds[1]), far, position=(-3e6 + 2.0, -1e5, 2e6 - 1.0), name="by a far anchor")
    scene.add(mr.DirectionalLight(color=(1.0, 0.9, 0.8), direction=(-1, -2, -1.5), shadow_distance=30.0))
    lamp = mr.PointLight(color="cyan", intensity=3.0, range=6.0, name="lamp")
    for x in (-1.0, 1.5):
        scene.add(lamp, position=(x, 1.0, 1.5))
    scene.add(mr.SpotLight(intensity=20.0, inner_angle=0.1, outer_angle=0.5), position=(0, 2, 2), rotation=(-0.38, 0, 0, 0.92))
    scene.add(mr.OrthographicCamera(3.0), position=(0, 0, 4), name="front")
    field = mr.Field(np.linspace(0, 8, 2 * forms[0].vertex_count).reshape(2, -1), [0.0, 1.0], name="load", unit="kN")
    field.at(0.3)
    ramp = mr.Colormap.viridis(0.0, 6.0)
    for number, heat in enumerate((mr.Heat(ramp, lit=True), mr.Heat(ramp, missing="red", opacity=0.5, alpha_mode="blend"))):
        scene.add(mr.Mesh(forms[0].with_field(field), heat), position=(2.2, number - 0.5, 0), name=f"loaded {number}")
    hole = np.where(np.arange(forms[2].vertex_count) % 7, 2.0, np.nan)
    scene.add(mr.Mesh(forms[2].with_field(mr.Field(hole)), mr.Heat(ramp, missing="red")), position=(2.2, 1.6, 0))
    scene.legends = [mr.Legend(ramp, title="load", unit="kN", length=0.4, text_size=8.0, ticks=3, panel="#ffffff80")]
    scene.environment = mr.Environment._from_maps(sky(), 0.7, 0.8, "noise")
    scene.background, scene.colormap = "environment", mr.Colormap.cool_warm(0.0, 1.0)
    scene.node(int(rack.ids[11])).remove()
    return scene, mr.PerspectiveCamera(fov=50.0, name="eye").look_at((1.0, 1.2, 4.2), (0, -0.2, 0))


def random_scene(edits: list[tuple[int, int, int]]) -> tuple[mr.Scene, mr.Camera]:
    """A scene after random edits: each number stands for what is done, to what, and how."""
    scene, rng, kinds, forms = mr.Scene(), np.random.default_rng(len(edits)), materials(), shapes()
    for what, a, b in edits:
        nodes = list(scene.nodes)
        node, other = (nodes[k % len(nodes)] if nodes else None for k in (a, b))
        if what <= 1:
            parent, place = other if a % 3 else None, rng.uniform(-1.5, 1.5, 3)
            scene.add(mr.Mesh(forms[a % 6], kinds[b % 6]), parent, position=place, rotation=rng.normal(size=4))
        elif what == 2:
            matrices = np.tile(np.eye(4), (1 + a % 5, 1, 1))
            matrices[:, :3, 3] = rng.uniform(-1.5, 1.5, (len(matrices), 3))
            scene.add_instances(forms[b % 3], kinds[a % 6], matrices=matrices, parent=node if b % 2 else None, name=f"range {b}")
        elif what == 3:
            thing = (mr.PointLight(intensity=2.0), mr.DirectionalLight(direction=rng.normal(size=3)), mr.SpotLight(intensity=5.0))[a % 3]
            scene.add(thing, position=rng.uniform(-2, 2, 3))
        elif node is None or other is None:
            continue
        elif what == 4:
            node.remove()
        elif what == 5:
            if node not in ancestors(other):
                node.parent = other
        elif what == 6:
            scene.set_state(node, color=tuple(rng.integers(0, 256, 4).tolist()), value=b / 1000 if b % 2 else None, ghost=a % 5 == 0,
                            selected=a % 7 == 0, highlighted=a % 3 == 0)
        elif what == 7:
            node.visible, node.layers = bool(a % 4), 1 + b % 3
        elif what == 8:
            node.matrix = np.diag([*rng.uniform(0.4, 1.4, 2), -1.0 if a % 2 else 1.0, 1.0])
        elif what == 9:
            kinds[a % 6].color = tuple(rng.uniform(0, 1, 4))
    return scene, mr.PerspectiveCamera(fov=60.0).look_at((0.5, 0.8, 4.0), (0, 0, 0))


def ancestors(node: mr.Node | None) -> list[mr.Node]:
    found = []
    while node is not None:
        found.append(node)
        node = node.parent
    return found
