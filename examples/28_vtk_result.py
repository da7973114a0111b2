"""A result in a file of VTK: a bent bar of hexahedra, its surface found and coloured by the stress that the file has for each point.

What `mr.load` gives is a mesh in `Heat` colours; ``io.read_vtk`` gives all fields and times. ``pip install "metarender[vtk]"``

test: compare
package: vtkmodules
budget: draw_calls=4 bytes_uploaded=0
"""

import tempfile
from pathlib import Path

import numpy as np

import metarender as mr

CELLS = (40, 6, 6)
LENGTH, SIDE = 2.0, 0.3


def write_bar(path: Path) -> None:
    """Write a bar that is fixed at one end and bent at the other, as legacy VTK text: cells of eight corners, one number a point."""
    nx, ny, nz = (count + 1 for count in CELLS)
    high, wide, long = np.linspace(-SIDE / 2, SIDE / 2, nz), np.linspace(-SIDE / 2, SIDE / 2, ny), np.linspace(0, LENGTH, nx)
    z, y, x = np.meshgrid(high, wide, long, indexing="ij")
    stress = 240.0 * (1 - x / LENGTH) * np.abs(y) / (SIDE / 2)  # of a cantilever, MPa
    points = np.stack([x, y - 0.06 * x**2 * (3 * LENGTH - x) / LENGTH, z], axis=-1).reshape(-1, 3)
    at = np.arange(nx * ny * nz).reshape(nz, ny, nx)
    corners = ((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0))
    cells = np.stack([at[c:c + nz - 1, b:b + ny - 1, a:a + nx - 1].ravel() for c, b, a in corners], axis=1)
    with path.open("w") as file:
        file.write(f"# vtk DataFile Version 3.0\nbar\nASCII\nDATASET UNSTRUCTURED_GRID\nPOINTS {len(points)} double\n")
        np.savetxt(file, points, "%.9g")
        file.write(f"CELLS {len(cells)} {9 * len(cells)}\n")
        np.savetxt(file, np.column_stack([np.full(len(cells), 8), cells]), "%d")
        file.write(f"CELL_TYPES {len(cells)}\n" + "12\n" * len(cells))
        file.write(f"POINT_DATA {len(points)}\nSCALARS stress double 1\nLOOKUP_TABLE default\n")
        np.savetxt(file, stress.ravel(), "%.9g")


def build() -> tuple[mr.Scene, mr.Camera]:
    """Return the scene and the camera."""
    with tempfile.TemporaryDirectory() as folder:
        write_bar(Path(folder) / "bar.vtk")
        scene = mr.load(Path(folder) / "bar.vtk")
    heat = next(material for material in scene.material_list if isinstance(material, mr.Heat))
    scene.legends = [mr.Legend(heat.colormap, title="stress", unit="MPa")]
    scene.background = "#eef1f4"
    scene.add(mr.Mesh(mr.box((0.08, 0.7, 0.7)), mr.Standard(color="#5d646c", metallic=0.8, roughness=0.4)), position=(-0.04, 0, 0))
    scene.add(mr.DirectionalLight(direction=(-1, -2, -1.5), intensity=2.5))
    return scene, mr.PerspectiveCamera(fov=30).look_at((2.6, 1.3, 3.2), (1.05, -0.25, 0))


if __name__ == "__main__":
    scene, camera = build()
    mr.view(scene, camera=camera)
