"""The scene of the soak: a small plant that lives by a virtual clock and is edited in every way, and can be put back as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import metarender as mr
from metarender.testing.clock import VirtualClock

ASSETS = Path(__file__).parents[1] / "assets"
FILES = ("Box/Box.glb", "BoxVertexColors/BoxVertexColors.glb", "SimpleInstancing/SimpleInstancing.glb", "UnlitTest/UnlitTest.glb",
         "OrientationTest/OrientationTest.glb", "AnimatedMorphCubeQuantized/AnimatedMorphCube.gltf",
         "TextureTransformTest/TextureTransformTest.gltf", "asset-generator/Material_AlphaBlend_00.gltf")
HALL = (300, 60)
"""Parts that stay, and parts that are made anew in each cycle."""


class World:
    """A scene with a way back: `reset` leaves the same ids with the same content, whatever was done before.

    Attributes
    ----------
    counts : dict of str to int
        How often each kind of edit was made.
    """

    def __init__(self) -> None:
        self.scene, self.clock, self.counts = mr.Scene(), VirtualClock(), dict[str, int]()
        self.camera = mr.PerspectiveCamera(fov=50).look_at((7, 6, 11), (0, 0.5, 0))
        self.scene.background = "#203040"
        checker = np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((4, 4), int)).astype(np.uint8)
        tiles = np.stack([60 + 120 * checker] * 3 + [np.full_like(checker, 255)], axis=-1)
        self.materials = [mr.Standard(color_texture=mr.Texture(tiles, srgb=True)), mr.Standard(color="orange", roughness=0.4),
                          mr.Standard(color="steelblue", metallic=1.0), mr.Unlit(color="tomato"),
                          mr.Standard(color=(0.2, 0.6, 1.0, 0.4), alpha_mode="blend")]
        self.shapes = [mr.box(0.5), mr.sphere(0.3, 12, 6).with_levels([mr.sphere(0.3, 6, 3)]), mr.cylinder(0.2, 0.6, 10)]
        self.sun = self.scene.add(mr.DirectionalLight(direction=(-0.4, -1, -0.3)))
        self.lamp = self.scene.add(mr.PointLight(intensity=30.0), position=(0, 3, 0))
        self.scene.add(mr.Mesh(mr.box((14, 0.2, 14)), self.materials[0]), position=(0, -1, 0))
        self.scene.add(mr.Mesh(mr.box((6, 3, 0.2)), self.materials[1]), position=(0, 0.5, -5))  # hides parts behind it
        self.scene.add(mr.Mesh(mr.sphere(1.2, 16, 8), self.materials[4]), position=(-3, 0.5, 3))
        self.groups = [self.scene.add(name=f"group {number}") for number in range(4)]
        for group in self.groups:
            self.scene.add(mr.Mesh(self.shapes[1], self.materials[2]), group, position=(2, 0.5, 0))
        random = np.random.default_rng(1)
        self.hall = self._parts(HALL[0], random)
        self.first_positions = self._copied("position")
        self.first_states = self._copied("state")
        self.colors = [material.color for material in self.materials]
        self.moving: mr.Parts | None = None
        self.loose: list[mr.Node] = []
        self.loaded: list[mr.Node] = []
        self.random, self.since = random, 0.0
        self.reset()  # moving a group to where it is makes it the last of its siblings, once

    def _parts(self, count: int, random: np.random.Generator) -> mr.Parts:
        matrices = np.tile(np.eye(4), (count, 1, 1))
        matrices[:, :3, 3] = random.uniform(-6, 6, (count, 3)) * (1, 0.2, 1)
        return self.scene.add_parts(self.shapes, self.materials, random.integers(0, 3, count), random.integers(0, 5, count), matrices)

    def _copied(self, field: Any) -> np.ndarray[Any, Any]:
        with self.hall.edit(field) as values:
            return values.copy()

    # --- life ----------------------------------------------------------------------------------------------------------

    def begin(self, seed: int) -> None:
        """Start a cycle: the same seed does the same."""
        self.random, self.since = np.random.default_rng(seed), self.clock.now()
        self.moving = self._parts(HALL[1], self.random)

    def tick(self) -> None:
        """A thirtieth second passes: groups turn, the camera sways."""
        self.clock.advance(1 / 30)
        now = self.clock.now() - self.since
        for number, group in enumerate(self.groups):
            angle = now * (0.2 + 0.1 * number)
            group.rotation = (0.0, np.sin(angle / 2), 0.0, np.cos(angle / 2))
        self.camera.look_at((7 * np.cos(now / 9), 6, 11), (0, 0.5, 0))

    def reset(self) -> None:
        """Undo everything: what came goes, what stayed is as it was, and the order is settled."""
        for node in (*self.loose, *self.loaded):
            node.remove()
        self.loose.clear()
        self.loaded.clear()
        if self.moving is not None:
            self.moving.remove()
            self.moving = None
        with self.hall.edit("position") as position:
            position[:] = self.first_positions
        with self.hall.edit("state") as state:
            state[:] = self.first_states
        self.scene.show_all()
        for group in self.groups:
            group.parent, group.position, group.rotation = None, (0, 0, 0), (0, 0, 0, 1)
        for material, color in zip(self.materials, self.colors, strict=True):
            material.color = color
        self.sun.light.direction, self.lamp.position = (-0.4, -1, -0.3), (0, 3, 0)
        self.camera.look_at((7, 6, 11), (0, 0.5, 0))
        self.scene.settle()

    # --- edits ---------------------------------------------------------------------------------------------------------

    def edit(self, name: str) -> None:
        """Make one edit by its name."""
        action: Callable[[], None] = getattr(self, f"_{name}")
        action()
        self.counts[name] = self.counts.get(name, 0) + 1

    def _count(self, name: str, number: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + number

    def _some(self) -> np.ndarray[Any, np.dtype[np.uint32]]:
        return self.random.choice(self.hall.ids, int(self.random.integers(1, 20)), replace=False)

    def _nodes(self) -> None:
        """Five nodes come under a group, the oldest five go."""
        for _ in range(5):
            mesh = mr.Mesh(self.shapes[self.random.integers(3)], self.materials[self.random.integers(5)])
            self.loose.append(self.scene.add(mesh, self.groups[self.random.integers(4)], position=self.random.uniform(-3, 3, 3)))
        self._count("nodes added", 5)
        while len(self.loose) > 30:
            self.loose.pop(0).remove()
            self._count("nodes removed", 1)

    def _mesh(self) -> None:
        """A geometry and a texture that were never seen before."""
        size = int(self.random.integers(4, 24))
        texture = mr.Texture(self.random.integers(0, 256, (size, 16, 4), dtype=np.uint8), srgb=True)
        mesh = mr.Mesh(mr.sphere(float(self.random.uniform(0.2, 0.5)), size, 4), mr.Standard(color_texture=texture))
        self.loose.append(self.scene.add(mesh, position=self.random.uniform(-4, 4, 3)))
        self._count("nodes added", 1)

    def _load(self) -> None:
        """A file comes; the one before the last goes."""
        file = FILES[int(self.random.integers(len(FILES)))]
        self.loaded.append(self.scene.add(mr.load(ASSETS / file), position=self.random.uniform(-3, 3, 3)))
        while len(self.loaded) > 1:
            self.loaded.pop(0).remove()

    def _positions(self) -> None:
        with self.hall.edit("position") as position:
            chosen = self.random.random(len(position)) < 0.1
            position[chosen] += self.random.normal(0, 0.3, (int(chosen.sum()), 3))

    def _moving(self) -> None:
        assert self.moving is not None
        rows = self.random.integers(0, len(self.moving), 5)
        self.moving.set(self.moving.ids[np.unique(rows)], position=self.random.uniform(-5, 5, (len(np.unique(rows)), 3)))
        if len(self.moving) > 20:
            self.moving.remove(self.moving.ids[:1])

    def _states(self) -> None:
        self.scene.set_state(self._some(), color=self.random.integers(0, 256, 4).astype(np.uint8))
        self.scene.set_state(self._some(), value=float(self.random.random()))
        self.scene.set_state(self._some(), highlighted=bool(self.random.random() < 0.5))

    def _select(self) -> None:
        self.scene.set_state(self._some(), selected=bool(self.random.random() < 0.5))

    def _ghost(self) -> None:
        self.scene.ghost(self._some(), bool(self.random.random() < 0.5))

    def _plain(self) -> None:
        """No ghost and no selection: occlusion may work."""
        self.scene.set_state(self.hall.ids, ghost=False, selected=False)

    def _isolate(self) -> None:
        self.scene.isolate(np.concatenate([self._some(), self._some()]))

    def _show_all(self) -> None:
        self.scene.show_all()

    def _reparent(self) -> None:
        one, other = self.random.choice(4, 2, replace=False)
        self.groups[other].parent = None
        self.groups[one].parent = None if self.groups[one].parent is not None else self.groups[other]
        for node in self.loose[:2]:
            node.parent = self.groups[self.random.integers(4)]

    def _material(self) -> None:
        self.materials[self.random.integers(1, 4)].color = tuple(self.random.uniform(0, 1, 3))

    def _light(self) -> None:
        self.sun.light.direction = (*self.random.uniform(-1, 1, 2) - (0, 2), 0.3)
        self.lamp.position = self.random.uniform(-3, 3, 3) + (0, 4, 0)

    def _settle(self) -> None:
        self.scene.settle()

    def _ask(self) -> None:
        """Rays and regions, which build hierarchies."""
        self.scene.raycast(self.camera.position, (-0.5, -0.5, -1))
        self.scene.query(sphere=((0, 0, 0), 3.0))

    def _post(self) -> None:
        self.scene.post(self._positions)
