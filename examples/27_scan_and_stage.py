"""A scan and a stage in one scene: a cloud of points from an XYZ file, and a crane from a USD stage that turns by its time samples.

Clouds come from .xyz, .las, .laz and .ply files, stages from .usda, .usdc and .usdz; their units and axes are turned to metres and +Y.
``pip install "metarender[usd]"``

test: compare
package: pxr
budget: draw_calls=4 bytes_uploaded=0
settings: point_size=3
"""

import tempfile
from pathlib import Path

import numpy as np

import metarender as mr

STAGE = """#usda 1.0
(
    metersPerUnit = 0.01
    upAxis = "Z"
    timeCodesPerSecond = 24
    endTimeCode = 96
)
{mast}
def Xform "jib" {{
    float xformOp:rotateZ.timeSamples = {{ 0: 0, 96: 300 }}
    double3 xformOp:translate = (0, 0, 300)
    uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateZ"]
{boom}
{hook}
}}
"""
BOX = """def Mesh "{name}" {{
    int[] faceVertexCounts = [4, 4, 4, 4, 4, 4]
    int[] faceVertexIndices = [0, 1, 3, 2, 4, 6, 7, 5, 0, 4, 5, 1, 2, 3, 7, 6, 0, 2, 6, 4, 1, 5, 7, 3]
    point3f[] points = {points}
    uniform token subdivisionScheme = "none"
    color3f[] primvars:displayColor = [{color}]
}}"""
HOME = np.array((4_649_000.0, 500_000.0, 120.0))
"""Where the scanner stood, metres: easting, northing, height."""


def scan(path: Path) -> None:
    """Write a scan of a hilly yard, 60,000 points with colours: x y z r g b, +Z up, as surveyors keep them."""
    rng = np.random.default_rng(27)
    across = rng.uniform(-5, 5, (60_000, 2))
    height = 0.5 * np.sin(0.8 * across[:, 0]) * np.cos(0.6 * across[:, 1]) * np.clip(np.hypot(*across.T) / 2 - 0.5, 0, 1)
    shade = np.clip(0.5 + height, 0, 1)[:, None]
    color = (70, 95, 60) * (1 - shade) + (205, 190, 150) * shade + rng.normal(0, 8, (len(across), 3))
    np.savetxt(path, np.column_stack([across + HOME[:2], height + HOME[2], np.clip(color, 0, 255)]), "%.3f")


def box(name: str, low: tuple[int, int, int], high: tuple[int, int, int], color: tuple[float, float, float]) -> str:
    """Return a box in the words of USD, centimetres."""
    points = [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    return BOX.format(name=name, points=points, color=color)


def stage() -> str:
    """Return a crane whose jib turns in four seconds."""
    orange, black = (0.9, 0.3, 0.03), (0.02, 0.02, 0.03)
    return STAGE.format(mast=box("mast", (-9, -9, 0), (9, 9, 300), orange), boom=box("boom", (-60, -7, -7), (200, 7, 7), orange),
                        hook=box("hook", (169, -11, -71), (191, 11, -49), black))


def build(seconds: float = 1.2) -> tuple[mr.Scene, mr.Camera]:
    """Return the scene at a time of the stage, and the camera."""
    scene = mr.Scene()
    with tempfile.TemporaryDirectory() as folder:
        scan(Path(folder) / "yard.xyz")
        (Path(folder) / "crane.usda").write_text(stage())
        yard = scene.add(mr.load(Path(folder) / "yard.xyz"), name="yard")
        scene.add(mr.load(Path(folder) / "crane.usda"), name="crane")
    east, north, up = HOME
    yard.position = (-east, -up, north)  # +Z up became +Y up
    scene.add(mr.DirectionalLight(direction=(-1, -2, -1.5), intensity=2.5))
    scene.background = "#dfe6ec"
    scene.play(scene.clips[0])
    scene.at(seconds)
    return scene, mr.PerspectiveCamera(fov=32).look_at((7, 5.5, 10), (0, 1.1, 0))


if __name__ == "__main__":
    scene, camera = build()
    mr.view(scene, camera=camera, point_size=3)  # the crane turns; the space bar stops it
