"""A plate held at its edges and struck in the middle: modes from numpy, bent too far and coloured by the stress of its surface.

`move` shows a moment: the stress is a field over the vertices, of which only the numbers that are shown go to the device; the deflection is
a field too, and moves the vertices.

test: compare
budget: draw_calls=3 bytes_uploaded=0
"""

import numpy as np

import metarender as mr

ACROSS, DEEP = 97, 65  # vertices along the plate and across it
LENGTH, WIDTH, THICK = 1.2, 0.8, 0.004  # metres
STEEL = {"modulus": 210e9, "density": 7850.0, "ratio": 0.3}
EXAGGERATION = 25.0


def solve(seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Deflection (t, n) in metres and von Mises stress (t, n) in MPa of the upper surface, from the first modes of a simply held plate."""
    x, z = np.meshgrid(np.linspace(0, LENGTH, ACROSS), np.linspace(0, WIDTH, DEEP))
    stiffness = STEEL["modulus"] * THICK**3 / 12 / (1 - STEEL["ratio"] ** 2)
    deflection, bend_x, bend_z, twist = (np.zeros((len(seconds), x.size)) for _ in range(4))
    for m in range(1, 8):
        for n in range(1, 8):
            kx, kz = m * np.pi / LENGTH, n * np.pi / WIDTH
            turn = np.sqrt(stiffness / STEEL["density"] / THICK) * (kx**2 + kz**2)
            struck = np.sin(kx * 0.4 * LENGTH) * np.sin(kz * 0.5 * WIDTH) * np.exp(-0.09 * (m**2 + n**2)) * 3e-3
            swing = struck * np.sin(turn * seconds)[:, None] * np.exp(-0.6 * seconds)[:, None]
            sines = (np.sin(kx * x) * np.sin(kz * z)).ravel()
            deflection += swing * sines
            bend_x += swing * kx**2 * sines
            bend_z += swing * kz**2 * sines
            twist += swing * kx * kz * (np.cos(kx * x) * np.cos(kz * z)).ravel()
    scale = STEEL["modulus"] * THICK / 2 / (1 - STEEL["ratio"] ** 2) / 1e6
    sx, sz = scale * (bend_x + STEEL["ratio"] * bend_z), scale * (bend_z + STEEL["ratio"] * bend_x)
    shear = scale * (1 - STEEL["ratio"]) * twist
    return deflection, np.sqrt(sx**2 - sx * sz + sz**2 + 3 * shear**2)


def plate() -> mr.Geometry:
    """The surface at rest."""
    x, z = np.meshgrid(np.linspace(-LENGTH / 2, LENGTH / 2, ACROSS), np.linspace(-WIDTH / 2, WIDTH / 2, DEEP))
    corner = np.arange(ACROSS * DEEP).reshape(DEEP, ACROSS)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]
    return mr.Geometry(positions=np.stack([x, 0 * x, z], axis=-1).reshape(-1, 3), normals=np.tile((0.0, 1.0, 0.0), (x.size, 1)),
                       indices=np.stack([a, d, c, a, c, b], axis=-1).ravel(), name="plate")


class Result:
    """The plate in a scene, and what was computed of it."""

    def __init__(self) -> None:
        times = np.linspace(0, 0.25, 251)
        deflection, stress = solve(times)
        moved = np.zeros((*deflection.shape, 3))
        moved[..., 1] = deflection
        self.stress = mr.Field(stress, times, name="von Mises stress", unit="MPa")
        self.deflection = mr.Field(moved, times, name="deflection", unit="m")
        self.rest = plate().with_field(self.stress)
        self.heat = mr.Heat(mr.Colormap.viridis(0, self.stress.range[1]), double_sided=True, name="stress")
        self.scene = mr.Scene()
        self.node = self.scene.add(mr.Mesh(self.rest, self.heat), name="plate")
        steel = mr.Standard(color="#5d646c", metallic=0.8, roughness=0.4)
        for x in (-1, 1):
            self.scene.add(mr.Mesh(mr.box((0.03, 0.05, WIDTH + 0.06)), steel), position=(x * (LENGTH / 2 + 0.015), 0, 0))
        for z in (-1, 1):
            self.scene.add(mr.Mesh(mr.box((LENGTH, 0.05, 0.03)), steel), position=(0, 0, z * (WIDTH / 2 + 0.015)))
        self.scene.background = "#eef1f4"
        self.scene.legends = [mr.Legend(self.heat.colormap, title=self.stress.name, unit=self.stress.unit)]

    def show(self, seconds: float) -> None:
        """Show a moment of the quarter of a second that was computed, again and again."""
        seconds %= float(self.stress.times[-1])
        self.stress.at(seconds)
        self.node.mesh = mr.Mesh(self.rest.displaced(self.deflection.sample(seconds), EXAGGERATION), self.heat)


def build(seconds: float = 0.0985) -> tuple[mr.Scene, mr.Camera]:
    """Return the scene at a time, and the camera."""
    result = Result()
    result.show(seconds)
    return result.scene, mr.PerspectiveCamera(fov=34).look_at((0.85, 0.98, 1.4), (0.22, -0.05, 0))


if __name__ == "__main__":
    result = Result()
    camera = mr.PerspectiveCamera(fov=34).look_at((0.85, 0.98, 1.4), (0.22, -0.05, 0))
    mr.view(result.scene, camera=camera, on_frame=lambda seconds: result.show(seconds * 0.02))  # fifty times slower
