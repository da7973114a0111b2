"""Ten thousand rigid bodies of MuJoCo: eight trays, simulated each by itself, whose 10,000 parts are posed in one call a frame.

Every shape that a model may have (plane, sphere, capsule, ellipsoid, cylinder, box, mesh) becomes a geometry, and equal ones share it.
MuJoCo keeps what `Parts.set_poses` takes: places and matrices of all shapes, float64, in rows. ``pip install "metarender[mujoco]"``

test: compare
package: mujoco
budget: draw_calls=2 bytes_uploaded=0
"""

from typing import Any

import numpy as np

import metarender as mr

TRAYS, BODIES = 8, 1250  # ten thousand
CAMERA = mr.PerspectiveCamera(fov=34).look_at((9, 14, 20), (0.3, -0.9, 0.5))
COLORS = ((0.85, 0.34, 0.12), (0.10, 0.42, 0.62), (0.88, 0.70, 0.18), (0.32, 0.55, 0.28))


def import_mujoco() -> Any:
    """Return the module, or say how to get it."""
    try:
        import mujoco
    except ImportError:
        raise mr.MissingExtra("this example needs MuJoCo; install it with: pip install 'metarender[mujoco]'") from None
    return mujoco


def tray(mujoco: Any) -> Any:
    """A model of small bodies above a tray."""
    random, kinds = np.random.default_rng(3), mujoco.mjtGeom
    spec = mujoco.MjSpec()
    spec.option.timestep, spec.memory = 0.004, 128 << 20
    solid = {"contype": 1, "conaffinity": 2}  # meets what falls, which does not meet each other
    spec.worldbody.add_geom(type=kinds.mjGEOM_BOX, size=(2.7, 2.7, 0.05), pos=(0, 0, -0.05), rgba=(0.5, 0.53, 0.56, 1), **solid)
    for k in range(4):
        side, along = (2.75, 0) if k < 2 else (0, 2.75), (0.05, 2.8) if k < 2 else (2.8, 0.05)
        place = np.array((*side, 0.1)) * (1 if k % 2 else -1, 1 if k % 2 else -1, 1)
        spec.worldbody.add_geom(type=kinds.mjGEOM_BOX, size=(*along, 0.15), pos=place, rgba=(0.3, 0.32, 0.35, 1), **solid)
    shapes = ((kinds.mjGEOM_BOX, (0.07, 0.05, 0.03)), (kinds.mjGEOM_SPHERE, (0.05, 0, 0)), (kinds.mjGEOM_CAPSULE, (0.03, 0.05, 0)),
              (kinds.mjGEOM_CYLINDER, (0.045, 0.05, 0)))
    for k in range(BODIES):
        row, column = divmod(k, 36)
        body = spec.worldbody.add_body(pos=(column * 0.14 - 2.45, row * 0.14 - 2.4, random.uniform(0.3, 2.2)), quat=random.normal(size=4))
        body.add_freejoint()
        body.add_geom(type=shapes[k % 4][0], size=shapes[k % 4][1], rgba=(*COLORS[random.integers(4)], 1), contype=2, conaffinity=1)
    return spec.compile()


def along_z(geometry: mr.Geometry) -> mr.Geometry:
    """What stands along y, along z as MuJoCo has it."""
    turn = np.array([(1, 0, 0), (0, 0, -1), (0, 1, 0)])
    return mr.Geometry(positions=geometry.positions @ turn.T, normals=geometry.normals @ turn.T, indices=geometry.indices)


def shape(mujoco: Any, model: Any, geom: int) -> mr.Geometry:
    """The geometry of a shape of a model."""
    kinds, size = mujoco.mjtGeom, model.geom_size[geom]
    kind = kinds(int(model.geom_type[geom]))
    if kind == kinds.mjGEOM_PLANE:
        return along_z(mr.plane(tuple(np.where(size[:2] > 0, 2 * size[:2], 100.0))))  # 0 is without end
    if kind in (kinds.mjGEOM_SPHERE, kinds.mjGEOM_ELLIPSOID):
        ball = mr.sphere(1.0, segments=10, rings=6)
        radii = np.repeat(size[0], 3) if kind == kinds.mjGEOM_SPHERE else size
        return mr.Geometry(positions=ball.positions * radii, normals=ball.normals / radii, indices=ball.indices)
    if kind == kinds.mjGEOM_CAPSULE:
        return along_z(mr.capsule(size[0], 2 * (size[0] + size[1]), segments=10, rings=3))
    if kind == kinds.mjGEOM_CYLINDER:
        return along_z(mr.cylinder(size[0], 2 * size[1], segments=12))
    if kind == kinds.mjGEOM_BOX:
        return mr.box(tuple(2 * size))
    if kind == kinds.mjGEOM_MESH:
        mesh = model.geom_dataid[geom]
        first, faces = model.mesh_vertadr[mesh], model.mesh_faceadr[mesh]
        return mr.Geometry(positions=model.mesh_vert[first:first + model.mesh_vertnum[mesh]],
                           indices=model.mesh_face[faces:faces + model.mesh_facenum[mesh]].ravel()).with_flat_normals()
    raise mr.InvalidInput(f"shape {geom} of the model is of a kind that this example does not draw: {kind}; leave it out")


class Trays:
    """Simulations side by side in one scene."""

    def __init__(self) -> None:
        self.mujoco = import_mujoco()
        self.model = tray(self.mujoco)
        self.data = [self.mujoco.MjData(self.model) for _ in range(TRAYS)]
        for number, data in enumerate(self.data):  # each starts in a way of its own
            data.qvel[:] = np.random.default_rng(number).normal(scale=0.4, size=self.model.nv)
        geoms, model = self.model.ngeom, self.model
        self.position, self.rotation = np.empty((TRAYS, geoms, 3)), np.empty((TRAYS, geoms, 9))
        self.corner = np.array([(number % 4 * 6.0 - 9.0, number // 4 * 6.0 - 3.0, 0.0) for number in range(TRAYS)])
        looks = np.column_stack([model.geom_type, model.geom_size, model.geom_dataid])
        _, first, kind = np.unique(looks, axis=0, return_index=True, return_inverse=True)
        colors, paint = np.unique(model.geom_rgba, axis=0, return_inverse=True)
        self.scene = mr.Scene()
        self.scene.background = "#e8ebee"
        self.scene.add(mr.DirectionalLight(direction=(-0.5, -1, -0.35), intensity=1.3))
        upright = self.scene.add(rotation=(-np.sqrt(0.5), 0, 0, np.sqrt(0.5)), name="z is up in here")
        self.parts = self.scene.add_parts([shape(self.mujoco, model, geom) for geom in first],
                                          [mr.Standard(color=tuple(map(float, color)), roughness=0.5) for color in colors],
                                          np.tile(kind.ravel(), TRAYS), np.tile(paint.ravel(), TRAYS),
                                          np.tile(np.eye(4), (TRAYS * geoms, 1, 1)), parent=upright, name="shapes")

    def advance(self, seconds: float) -> None:
        """Simulate, and pose all parts."""
        for data in self.data:
            for _ in range(round(seconds / self.model.opt.timestep)):
                self.mujoco.mj_step(self.model, data)
        for row, data in enumerate(self.data):
            self.position[row] = data.geom_xpos + self.corner[row]
            self.rotation[row] = data.geom_xmat
        self.parts.set_poses(self.position.reshape(-1, 3), self.rotation.reshape(-1, 9))


def build(seconds: float = 0.4) -> tuple[mr.Scene, mr.Camera]:
    """Return the scene at a time, and the camera."""
    trays = Trays()
    trays.advance(seconds)
    return trays.scene, CAMERA


if __name__ == "__main__":
    trays = Trays()
    mr.view(trays.scene, camera=CAMERA, on_frame=lambda seconds: trays.advance(0.016))
