"""Files as they travel: boxes in Draco and meshopt, a picture in WebP and in Basis Universal (KTX2), each beside the plain one.

All of them load as if they were plain; a GPU keeps the Basis pictures as blocks. ``pip install "metarender[gltf]"``

test: compare
package: meshoptimizer DracoPy opengl_basisu
budget: draw_calls=4 bytes_uploaded=0
"""

import json
import shutil
import sys
import tempfile
from base64 import b64encode
from pathlib import Path

import numpy as np
from PIL import Image

import metarender as mr

FILES = Path(__file__).with_suffix("")
QUAD = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], "<f4").tobytes()
COORDINATES = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], "<f4").tobytes()
CORNERS = np.array([0, 1, 2, 0, 2, 3], "<u2").tobytes()


def panel(folder: Path, picture: str, extension: str = "") -> mr.Scene:
    """Load a square whose colours are a picture of the folder, which an extension of glTF brings."""
    data = QUAD + COORDINATES + CORNERS
    primitive = {"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}
    document = {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0}}],
        "images": [{"uri": picture}], "textures": [{"extensions": {extension: {"source": 0}}} if extension else {"source": 0}],
        "buffers": [{"byteLength": len(data), "uri": "data:application/octet-stream;base64," + b64encode(data).decode()}],
        "bufferViews": [{"buffer": 0, "byteOffset": at, "byteLength": size} for at, size in ((0, 48), (48, 32), (80, 12))],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3", "min": [-1, -1, 0], "max": [1, 1, 0]},
            {"bufferView": 1, "componentType": 5126, "count": 4, "type": "VEC2"},
            {"bufferView": 2, "componentType": 5123, "count": 6, "type": "SCALAR"}],
    }  # fmt: skip
    if extension:
        document["extensionsUsed"] = document["extensionsRequired"] = [extension]
    path = folder / f"{picture}.gltf"
    path.write_text(json.dumps(document))
    return mr.load(path)


def panels(folder: Path) -> list[mr.Scene]:
    """Return the same picture four times: PNG, WebP, and the two codecs of Basis Universal."""
    for name in ("2d_uastc.ktx2", "2d_etc1s.ktx2"):
        shutil.copy(FILES / name, folder)
    basis = [panel(folder, name, "KHR_texture_basisu") for name in ("2d_uastc.ktx2", "2d_etc1s.ktx2")]
    pixels = next(iter(basis[0].nodes)).mesh.primitives[0][1].color_texture.texture.pixels
    Image.fromarray(pixels).save(folder / "plain.png")
    Image.fromarray(pixels).save(folder / "packed.webp", lossless=True)
    return [panel(folder, "plain.png"), panel(folder, "packed.webp", "EXT_texture_webp"), *basis]


def build() -> tuple[mr.Scene, mr.Camera]:
    """Return the scene and the camera: boxes above, pictures below, the plain ones at the left."""
    scene = mr.Scene()
    scene.background = "#f4f6f8"
    scene.add(mr.DirectionalLight(intensity=2.0), rotation=(-0.34, 0.2, 0, 0.92))
    scene.environment = mr.Environment.studio(intensity=0.7)
    boxes = [mr.Scene(), mr.load(FILES / "Box.gltf"), mr.load(FILES / "BoxMeshopt.glb")]
    boxes[0].add(mr.Mesh(mr.box(1.0), mr.Standard(color=(0.8, 0, 0), roughness=1.0)))
    for number, box in enumerate(boxes):
        scene.add(box, position=(2.2 * (number - 1), 1.2, 0), rotation=(0.18, 0.3, 0, 0.937))
    with tempfile.TemporaryDirectory() as folder:
        for number, square in enumerate(panels(Path(folder))):
            scene.add(square, position=(2.2 * (number - 1.5), -1.1, 0), scale=0.95)
    return scene, mr.PerspectiveCamera(fov=28).look_at((0, 0.1, 11), (0, 0.05, 0))


if __name__ == "__main__":
    for path in sorted(FILES.glob("*.*")):
        print(f"{path.name}: {path.stat().st_size:,} bytes")
    scene, camera = build()
    mr.render(scene, camera, size=(1280, 720)).save(sys.argv[1] if len(sys.argv) > 1 else "compressed.png")
