"""Test cards: small scenes that between them show everything a picture is made of, so that no fault in it can go unseen.

`test_cards.py` compares each with its golden to the byte; `faults.py` lists what each must betray.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import metarender as mr


class Card(NamedTuple):
    """A scene, the camera that looks at it, and the settings of the renderer."""

    scene: mr.Scene
    camera: mr.Camera
    settings: dict[str, Any]


def facing(height: float) -> mr.Camera:
    """A parallel view along -Z of that many metres."""
    return mr.OrthographicCamera(height=height, near=0, far=40).look_at((0, 0, 20), (0, 0, 0))


def quad(size: float = 1.0, **attributes: Any) -> mr.Geometry:
    """A square in the XY plane that faces +Z, its texture upright."""
    half = size / 2
    return mr.Geometry(positions=[[-half, half, 0], [-half, -half, 0], [half, -half, 0], [half, half, 0]],
                       normals=np.tile((0, 0, 1.0), (4, 1)), uv0=[[0, 0], [0, 1], [1, 1], [1, 0]], indices=[0, 1, 2, 0, 2, 3], **attributes)


def waves(seed: int, size: int = 32) -> np.ndarray:
    """Four smooth channels that differ from each other and have no symmetry, (size, size, 4) from 0 to 1."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((size, size)) / size * 2 * np.pi
    turns, phases = rng.integers(1, 4, (4, 2)), rng.uniform(0, 6, (4, 2))
    return np.stack([0.5 + 0.25 * (np.sin(a * x + p) + np.sin(b * y + q)) for (a, b), (p, q) in zip(turns, phases, strict=True)], axis=2)


def texture(values: np.ndarray, srgb: bool, **sampler: str) -> mr.Texture:
    """A texture of values from 0 to 1 with its own alpha."""
    return mr.Texture(np.rint(values * 255).astype(np.uint8), srgb=srgb, sampler=mr.Sampler(**sampler))


def opaque(values: np.ndarray) -> np.ndarray:
    """The same colours without holes."""
    return np.concatenate([values[..., :3], np.ones((*values.shape[:2], 1))], axis=2)


def relief() -> mr.Texture:
    """A normal map of lopsided bumps."""
    height = waves(3)[..., 0]
    slope = np.stack([np.gradient(height, axis=1), -np.gradient(height, axis=0)], axis=2) * -12
    normals = np.concatenate([slope, np.ones((*height.shape, 1))], axis=2)
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    return texture(opaque(normals * 0.5 + 0.5), srgb=False)


def studio_scene(intensity: float) -> mr.Scene:
    """A scene in a dim studio, so that lights show and nothing clips."""
    scene = mr.Scene()
    scene.environment = mr.Environment.studio(intensity=intensity)
    return scene


def materials() -> Card:
    """Metals and dielectrics, normal maps with and without tangents, every texture slot; studio, sun with shadow, point and spot light."""
    scene = studio_scene(0.3)
    scene.add(mr.Mesh(mr.plane(30), mr.Standard(color=(0.35, 0.3, 0.25), roughness=0.9)))
    ball = mr.sphere(0.42, 24, 12)
    for row in range(2):
        for column in range(5):
            skin = mr.Standard(color=((0.9, 0.55, 0.25), (0.3, 0.45, 0.85))[row], metallic=float(row), roughness=column / 4)
            scene.add(mr.Mesh(ball, skin), position=(column - 2, 0.45, -1.2 + row))
    for number, tangents in enumerate((None, np.tile((1.0, 0, 0, 1), (4, 1)))):
        sheet = mr.Standard(color=(0.45, 0.45, 0.5), roughness=0.35, normal_texture=relief(), normal_scale=0.8)
        scene.add(mr.Mesh(quad(1.15, tangents=tangents), sheet), position=(-2.1 + 1.3 * number, 0.35, 1.6), rotation=(-0.35, 0, 0, 0.94),
                  scale=(1 - 2 * number, 1, 1))
    everything = mr.Standard(color_texture=texture(opaque(waves(5)), srgb=True), metallic=1.0, roughness=1.0,
                             metallic_roughness_texture=texture(opaque(waves(6, 16)), srgb=False), occlusion_strength=0.9,
                             occlusion_texture=texture(opaque(waves(7)), srgb=False), emissive="#301800", emissive_strength=3.0,
                             emissive_texture=texture(opaque(waves(8, 16)), srgb=True))
    scene.add(mr.Mesh(mr.box(1.0), everything), position=(0.8, 0.5, 1.3), rotation=(0, 0.3, 0, 0.95))
    scene.add(mr.Mesh(mr.torus(0.4, 0.15, 24, 12), mr.Standard(color=(0.3, 0.3, 0.3), emissive=(0.02, 0.06, 0.03), emissive_strength=2.5)),
              position=(2.4, 0.5, 0.9), rotation=(0.5, 0, 0.2, 0.84), scale=(1.2, 0.7, 1.0))
    scene.add(mr.DirectionalLight(direction=(-0.5, -1, -0.6), intensity=1.2))
    scene.add(mr.PointLight("#ffb060", intensity=1.2, range=3.0), position=(-1.5, 1.2, 0.2))
    scene.add(mr.SpotLight("#60a0ff", intensity=4.0, inner_angle=0.2, outer_angle=0.5), position=(1.5, 2.5, 0), rotation=(-0.7, 0, 0, 0.7))
    scene.add(mr.PointLight("#ff00ff", intensity=50.0), position=(0, 1, 0)).visible = False
    camera = mr.PerspectiveCamera(fov=32).look_at((0.6, 4.6, 7.2), (0, 0.2, 0.2))
    return Card(scene, camera, {})


def textures() -> Card:
    """Wrapping, filtering, mip levels, transforms, both sets of coordinates, vertex colours, several pages; unlit, seen straight on."""
    scene = mr.Scene()
    scene.background = "#203040"
    patches = np.array([[(1, 0, 0, 1), (0, 1, 0, 1)], [(0, 0, 1, 1), (1, 1, 0.4, 1)]], float)
    picture, nearest = opaque(waves(11)), {"mag": "nearest", "min": "nearest"}
    board = np.ones((64, 64, 4))
    board[(np.indices((64, 64)).sum(axis=0) % 2) == 1, :3] = (0.1, 0, 0.3)
    wrapped = [texture(patches, srgb=True, wrap_s=s, wrap_t=t, **nearest)
               for s, t in (("repeat", "mirrored_repeat"), ("mirrored_repeat", "clamp_to_edge"), ("clamp_to_edge", "repeat"))]
    skins: list[mr.Material] = [mr.Unlit(color_texture=mr.TextureInfo(made, offset=(-0.7, -0.6), scale=(2.5, 2.25))) for made in wrapped]
    skins += [mr.Unlit(color_texture=texture(picture, srgb=True)),
              mr.Unlit(color=(0.5, 1.0, 0.8), color_texture=texture(picture, srgb=True)),
              mr.Unlit(color_texture=mr.TextureInfo(texture(picture, srgb=True), rotation=0.6, offset=(0.1, 0.2), scale=(1.5, 0.8))),
              mr.Unlit(color_texture=mr.TextureInfo(texture(board, srgb=True), scale=(5, 3))),
              mr.Unlit(color_texture=mr.TextureInfo(texture(opaque(waves(12, 16)), srgb=True, wrap_s="clamp_to_edge"), tex_coord=1))]
    second = [[1.2, 0.1], [0.9, 1.0], [0, 0.8], [0.1, 0]]
    for number, skin in enumerate(skins):
        scene.add(mr.Mesh(quad(0.9, uv1=second), skin), position=(number % 4 - 1.5, 1 - number // 4, 0))
    colors = np.array([[1, 0.2, 0.1], [0.1, 0.9, 0.3], [0.2, 0.3, 1], [0.9, 0.8, 0.1]])
    scene.add(mr.Mesh(quad(0.9, colors=colors), mr.Unlit()), position=(-1.5, -1, 0))
    scene.add(mr.Mesh(quad(0.9, colors=colors), mr.Unlit(color_texture=texture(picture, srgb=True, mag="nearest"))), position=(-0.5, -1, 0))
    for row, column in np.ndindex(4, 4):  # sixteen textures of one page on sixteen materials
        skin = mr.Unlit(color_texture=mr.Texture(np.full((4, 4, 4), (60 * row, 250 - 60 * column, 90, 255), np.uint8), srgb=True))
        scene.add(mr.Mesh(quad(0.2), skin), position=(0.17 + 0.22 * column, -0.67 - 0.22 * row, 0))
    scene.add(mr.Mesh(mr.Geometry(positions=np.array([(0, 0, 0), (0.8, 0.8, 0), (0, 0.8, 0), (0.8, 0, 0)]), topology="lines"), mr.Unlit()),
              position=(1.1, -1.4, 0))
    return Card(scene, facing(3.1), {"msaa": 1})


def states() -> Card:
    """Parts with values, ghosts, a selection, highlights and overrides on a floor that shows their shadows."""
    scene = studio_scene(0.4)
    scene.background = "#d8dde3"
    scene.add(mr.Mesh(mr.plane(9), mr.Standard(color=(0.3, 0.32, 0.3), roughness=0.8)))
    matrices = np.tile(np.eye(4), (24, 1, 1))
    matrices[:, :3, 3] = np.stack([np.arange(24) % 6 - 2.5, np.full(24, 0.35), np.arange(24) // 6 - 1.5], axis=1)
    matrices[:, 1, 1] = 1 + 0.1 * (np.arange(24) % 5)
    parts = scene.add_instances(mr.box(0.7), mr.Standard(color=(0.6, 0.35, 0.2), roughness=0.5), matrices=matrices)
    ids = parts.ids
    scene.set_state(parts[0:8], value=np.linspace(-0.1, 1.1, 8).astype(np.float32))
    scene.ghost(ids[[9, 10, 15, 22]])
    scene.set_state(ids[[13, 14]], selected=True)
    scene.set_state(ids[[16, 3]], highlighted=True)
    parts.set(ids[[17, 18, 10]], color=np.array([[200, 40, 160, 255], [20, 220, 90, 128], [255, 200, 0, 200]], np.uint8))
    parts.set(ids[[19]], visible=False)
    parts[20].layers = 0
    glass = mr.Standard(color=(0.3, 0.6, 0.9, 0.4), alpha_mode="blend")
    scene.set_state(scene.add(mr.Mesh(mr.box(0.6), glass), position=(0.6, 0.35, 2.7)), selected=True)
    scene.add(mr.DirectionalLight(direction=(0.6, -1, -0.4), intensity=1.6))
    return Card(scene, mr.PerspectiveCamera(fov=30).look_at((-3.5, 6.0, 9.0), (0, 0.2, 0.1)), {})


def blends() -> Card:
    """Glass in front of glass, mirrored and from both sides, masks that cast masked shadows, a translucent background."""
    scene = studio_scene(0.4)
    scene.background = (0.2, 0.5, 0.9, 0.5)
    glass = [((0.9, 0.1, 0.1, 0.5), False), ((0.1, 0.8, 0.2, 0.35), True), ((0.2, 0.3, 1.0, 0.6), False), ((0.9, 0.8, 0.2, 0.25), True)]
    lopsided = mr.cone(0.5, 1.2, 20)
    for number, (color, unlit) in enumerate(glass):
        for mirror in (1, -1):
            kind = mr.Unlit if unlit else mr.Standard
            skin = kind(color=color, alpha_mode="blend", double_sided=number == 3)
            scene.add(mr.Mesh(lopsided, skin), position=(mirror * (0.55 + 0.3 * number), 0.1, 0.5 - 0.45 * number),
                      rotation=(0.3, 0, 0.2 * mirror, 0.93), scale=(mirror, 1, 1))
    scene.add(mr.Mesh(mr.box(0.8), mr.Standard(color=(0.8, 0.8, 0.8))), position=(0, 0, -1.2), rotation=(0.2, 0.4, 0, 0.9))
    scene.add(mr.Mesh(mr.plane(5), mr.Standard(color=(0.4, 0.37, 0.33), roughness=1.0)), position=(0, -0.9, 0))
    holes = texture(waves(21), srgb=True)
    scene.add(mr.Mesh(quad(1.3), mr.Standard(color_texture=holes, alpha_mode="mask", alpha_cutoff=0.55, double_sided=True)),
              position=(-1.6, 0.2, 1.1), rotation=(0, 0.3, 0, 0.95))
    scene.add(mr.Mesh(quad(0.9), mr.Unlit(color_texture=holes, alpha_mode="mask", alpha_cutoff=0.35)), position=(1.7, -0.3, 1.0))
    scene.add(mr.Mesh(quad(1.0), mr.Unlit(color_texture=holes, alpha_mode="blend")), position=(0.3, 0.9, 1.2))
    scene.add(mr.DirectionalLight(direction=(0.4, -1, -0.5), intensity=1.8))
    return Card(scene, mr.PerspectiveCamera(fov=36).look_at((0.4, 1.1, 6.0), (0, -0.05, 0)), {"exposure": 1.1})


def sky() -> Card:
    """A turned, lopsided sky behind mirrors of rising roughness, under the film curve."""
    v, u = np.meshgrid((np.arange(32) + 0.5) / 32, (np.arange(64) + 0.5) / 64, indexing="ij")
    light = np.stack([0.3 + 0.7 * (u > 0.5) * (v < 0.5), 0.4 + 0.3 * np.sin(2 * np.pi * u), 1.1 - v], axis=2)
    light[4:8, 10:14] = 9.0
    scene = mr.Scene()
    scene.environment, scene.background = mr.Environment(light.astype(np.float32), intensity=0.9, rotation=0.7), "environment"
    for number in range(6):
        skin = mr.Standard(color=(0.95, 0.9, 0.85) if number < 4 else (0.3, 0.5, 0.2), metallic=float(number < 4), roughness=number % 4 / 3)
        scene.add(mr.Mesh(mr.sphere(0.45, 24, 12), skin), position=(number % 3 - 1, 0.5 - number // 3, 0))
    scene.add(mr.Mesh(mr.box((3.4, 0.1, 0.1)), mr.Unlit(color="black")), position=(0, 1.1, 0))
    return Card(scene, mr.PerspectiveCamera(fov=34).look_at((1.0, 0.6, 5.0), (0, 0.05, 0)), {"tone_mapping": "aces", "exposure": 0.7})


def places() -> Card:
    """Trees of mirrored and sheared nodes, kilometres away over several anchors, some hidden, many repeated, cut by the frame."""
    scene = studio_scene(0.4)
    scene.background = "#10202a"
    away = scene.add(None, position=(40_000.5, -300.25, -70_000.75))
    rng = np.random.default_rng(4)
    arm, tip = mr.Mesh(mr.box((0.3, 1.0, 0.2)), mr.Standard(color="#c05030")), mr.Mesh(mr.cone(0.25, 0.6, 12), mr.Standard(color="#40a0c0"))
    for column in range(4):
        node = scene.add(arm, away, position=(column * 1.3 - 2, -1, 0), scale=(1 if column % 2 else -1, 1, 1))
        for level in range(4):
            turn = rng.normal(0, 0.25, 4) + (0, 0, 0, 1)
            node = scene.add(tip if level == 3 else arm, node, position=(0.1, 0.85, 0.05), rotation=turn / np.linalg.norm(turn),
                             scale=(0.9, 0.8, 1.1) if level < 3 else (0.8, -1.2, 0.8))
            if (column, level) == (2, 1):
                node.visible = False  # and with it what it carries
    blocks = np.tile(np.eye(4), (300, 1, 1))
    blocks[:, :3, 3] = rng.uniform((-9, -2, -40), (9, 2.5, -3), (300, 3))
    blocks[:, :3, 3] += (40_000.5, -300.25, -70_000.75)
    blocks[:, [0, 1, 2], [0, 1, 2]] = rng.uniform(0.1, 0.7, (300, 3)) * rng.choice([1, -1], (300, 3), p=(0.85, 0.15))
    kinds = [mr.sphere(0.5, 12, 6), mr.box(1.0), mr.cylinder(0.4, 1.0, 12)]
    skins = [mr.Standard(color=tuple(rng.uniform(0.1, 0.9, 3)), roughness=0.3 + 0.2 * k) for k in range(4)]
    scene.add_parts(kinds, skins, rng.integers(0, 3, 300), rng.integers(0, 4, 300), blocks)
    scene.add(mr.Mesh(mr.box(600.0), mr.Unlit(color="#335544")), away, position=(900, 100, -3000))  # another anchor
    for height, skin in ((0.6, mr.Standard(color="white", double_sided=True)), (-0.6, mr.Standard(color="red"))):  # seen from behind
        scene.add(mr.Mesh(quad(0.9), skin), away, position=(2.9, height, 0.6), rotation=(0, 0.94, 0, 0.34))
    scene.add(mr.DirectionalLight(direction=(-0.4, -0.6, -1), intensity=2.5))
    scene.add(mr.PointLight(intensity=8.0), away, position=(0, 2, 2.5))
    camera = mr.PerspectiveCamera(fov=40).look_at((0.6, 0.8, 6.5), (0.1, 0.2, 0))
    camera.position = camera.position + (40_000.5, -300.25, -70_000.75)
    return Card(scene, camera, {"tone_mapping": "agx", "exposure": 1.3})


CARDS: dict[str, Callable[[], Card]] = {card.__name__: card for card in (materials, textures, states, blends, sky, places)}
SIZE = (224, 144)
