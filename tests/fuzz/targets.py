"""What is fuzzed: each loader, called the way that users call it, with the rules that every call must keep.

A call may return or raise `MetarenderError`; it may not raise anything else, take more than five seconds, or need more than the memory
that it was given. What was loaded must be finite and must not point past its own ends.
"""

from __future__ import annotations

import atexit
import io
import os
import random
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import mutate
import numpy as np
import plain
from PIL import Image

import metarender as mr
from metarender.errors import MetarenderError
from metarender.io import AssetWarning, Limits
from metarender.io.bvh import read_bvh
from metarender.io.hdr import read_hdr
from metarender.io.images import decode
from metarender.io.ktx2 import read_basis
from metarender.io.limits import Budget

PATIENCE = 5.0
LIMITS = Limits(total_bytes=64 << 20, array_bytes=32 << 20, image_pixels=1 << 20, nodes=100_000, draws=100_000, json_objects=1_000_000)
ASSETS = Path(__file__).parent.parent / "assets"
CORPUS = Path(__file__).parent / "corpus"
FOLDER = Path(tempfile.mkdtemp(prefix="metarender-fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


class Finding(BaseException):
    """A rule was broken; not an Exception, so that no loader can catch it."""


def _too_long(signum: int, frame: Any) -> None:
    raise Finding(f"A call takes more than {PATIENCE} seconds.")


def load_gltf(data: bytes) -> None:
    """Load a file as a scene; what was loaded can be saved, and then loads again."""
    path = FOLDER / ("model.glb" if data[:4] == b"glTF" else "model.gltf")
    path.write_bytes(data)
    scene = mr.load(path, limits=LIMITS)
    for node in scene.nodes:
        if node.mesh is not None:
            for geometry, _ in node.mesh.primitives:
                _check_geometry(geometry)
    _save(scene)
    _play(scene)


def _save(scene: mr.Scene) -> None:
    """Save what was loaded, and load it again: nothing may be lost."""
    saved = FOLDER / "saved.glb"
    try:
        mr.save(scene, saved)
        again = mr.load(saved, limits=LIMITS)
    except MetarenderError as error:
        if getattr(error, "code", "") == "LIMIT_EXCEEDED":  # accessors that share bytes in the file have their own afterwards
            return
        raise Finding(f"What was loaded cannot be saved and loaded again: {error}") from None
    if (again.store.node_count, again.store.draw_count) != (scene.store.node_count, scene.store.draw_count):
        raise Finding("Saving adds or loses nodes or draws.")


def _play(scene: mr.Scene) -> None:
    """Play the clips, all at once and each at a few times; what they pose must be finite, and go back to rest to the bit."""
    ids = scene.subtree()
    rest = scene.store.local_matrices(ids)
    for clip in scene.clips[:8]:
        scene.play(clip, weight=0.5)
    for seconds in (0.0, 0.3, 1e6):
        scene.at(seconds)
        if not np.isfinite(scene.store.local_matrices(ids)).all():
            raise Finding("A pose is not finite.")
    for action in scene.actions:
        action.stop()
    scene.at(0.0)
    if np.abs(scene.store.local_matrices(ids) - rest).max(initial=0) > 1e-5 * max(1.0, np.abs(rest).max(initial=0)):
        raise Finding("A node is not back at rest.")


def _check_geometry(geometry: Any) -> None:
    if not np.isfinite(geometry.positions).all():
        raise Finding("A vertex is not finite.")
    if geometry.indices is not None and geometry.indices.size and int(geometry.indices.max()) >= len(geometry.positions):
        raise Finding("An index is past the vertices.")


def load_image(data: bytes) -> None:
    """Decode a picture as the loader of glTF does."""
    if decode(data, Budget(LIMITS)).size > 4 * LIMITS.image_pixels:
        raise Finding("A picture has more pixels than allowed.")


def load_radiance(data: bytes) -> None:
    """Read a Radiance picture."""
    path = FOLDER / "picture.hdr"
    path.write_bytes(data)
    if not np.isfinite(read_hdr(path, limits=LIMITS)).all():
        raise Finding("A pixel is not finite.")


def load_capture(data: bytes) -> None:
    """Open a capture, and ask its scene a few things."""
    path = FOLDER / "bug.mrz"
    path.write_bytes(data)
    opened = mr.open_capture(path, limits=LIMITS)
    for geometry in opened.scene.geometry_list:
        if geometry is not None:
            _check_geometry(geometry)
    bounds, names = opened.scene.bounds, opened.scene.names
    if bounds is not None and not np.isfinite(bounds).all():
        raise Finding("A box is not finite.")
    for number in opened.scene.subtree().tolist()[:20]:
        if opened.scene.node(number).name != names.get(number, ""):
            raise Finding("A node has two names.")
    if len(opened.scene.query(box=((-1e9,) * 3, (1e9,) * 3), visible_only=False)) > opened.scene.store.node_count:
        raise Finding("More nodes draw than there are.")


def load_motion(data: bytes) -> None:
    """Read a captured motion, and pose it."""
    path = FOLDER / "motion.bvh"
    path.write_bytes(data)
    motion = read_bvh(path, limits=LIMITS)
    places, _ = motion.world()
    if not np.isfinite(places).all() or motion.skeleton.parents.max() >= len(motion.names):
        raise Finding("A joint is nowhere.")


def load_basis(data: bytes) -> None:
    """Read a Basis Universal picture as the loader of glTF does."""
    picture = read_basis(data, import_module("opengl_basisu"), Budget(LIMITS), "")
    if picture.size[0] * picture.size[1] > LIMITS.image_pixels:
        raise Finding("A picture has more pixels than allowed.")
    mr.Texture.from_blocks(picture.levels, picture.size, srgb=True)


def load_table(data: bytes) -> None:
    """Read a table of steps and scrub through the procedure that it makes of two parts; those that name others are refused."""
    path = FOLDER / "steps.csv"
    path.write_bytes(data)
    scene = mr.Scene()
    scene.add_many([-1, -1, -1], names=["part 1", "part 2", "base"])
    clip = scene.add_clip(mr.procedure(scene, path))
    if any(not np.isfinite(track.values).all() for track in clip.tracks):
        raise Finding("A key is not finite.")
    _play(scene)


def load_plain(kind: str, data: bytes) -> None:
    """Load a file of a plain format, ask whether its surface is closed, and save it."""
    path = FOLDER / f"model{plain.SUFFIX[kind]}"
    path.write_bytes(data)
    if kind == "usd":
        (FOLDER / "tex.png").write_bytes(_pictures()[0])
    if kind in ("obj", "mtl"):
        (FOLDER / ("model.mtl" if kind == "obj" else "model.obj")).write_bytes(plain.MTL if kind == "obj" else plain.OBJ)
        (FOLDER / "tex.png").write_bytes(_pictures()[0])
    scene = mr.load(path.with_suffix(".obj") if kind == "mtl" else path, limits=LIMITS)
    for node in scene.nodes:
        if node.mesh is not None:
            for geometry, _ in node.mesh.primitives:
                _check_geometry(geometry)
    if scene.store.draw_count < 1000:
        report = mr.check_solid(scene)
        if not report.triangles and report.printable:
            raise Finding("Nothing is printable.")
        mr.save(scene, FOLDER / "saved.ply")
    if scene.clips:
        _play(scene)


LOADERS: dict[str, Callable[[bytes], None]] = {
    "gltf": load_gltf, "image": load_image, "radiance": load_radiance, "capture": load_capture, "draco": load_gltf, "meshopt": load_gltf,
    "basis": load_basis, "motion": load_motion, "table": load_table, **{kind: partial(load_plain, kind) for kind in plain.KINDS}}
NEEDS = {"draco": "DracoPy", "meshopt": "meshoptimizer", "basis": "opengl_basisu"}
"""Kind -> optional library without which it is not fuzzed."""


def call(kind: str, data: bytes) -> bool:
    """Call a loader; return whether it loaded the file, raise what breaks a rule."""
    signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", AssetWarning)
            LOADERS[kind](data)
        return True
    except MetarenderError:
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if time.perf_counter() - start > PATIENCE:
            _too_long(0, None)


TABLES = [
    b"part,start,duration,does,x,y,z,easing\npart 1,0,1,insert,0,2,0,out\npart 2,1,0.5,remove,1,0,0,in\npart 1,2,0,ghost,,,,\n",
    b"part,start\npart 1,0\npart 2,0.5\n", b"does,part,start,z\nmove,part 1,0,1\nmove,part 1,1,0\nhighlight,part 2,0,\n"]
"""Tables of steps to start from."""


def seeds_of(kind: str, folders: tuple[Path, ...] = ()) -> list[Any]:
    """Sound files to start from, the smallest of each kind first; with `folders`, those in them too."""
    if kind in plain.KINDS:
        return plain.seeds(kind)
    if kind == "image":
        return _pictures()
    if kind == "radiance":
        return [_radiance(4, 16, b"-Y 4 +X 16\n"), _radiance(3, 5, b"+Y 3 -X 5\n")]
    if kind == "basis":
        return [path.read_bytes() for path in (*sorted((ASSETS / "textures").glob("*.ktx2")), *sorted(CORPUS.glob("basis-sound-*")))]
    if kind in NEEDS:
        return [part for path in sorted(CORPUS.glob(f"{kind}-sound-*")) if (part := mutate.parts_of(path)) is not None]
    if kind == "table":
        return TABLES
    if kind == "motion":
        return [MOTION.encode(), MOTION.replace("Xrotation", "Xposition").encode()]
    if kind == "capture":
        return [mutate.members_of(path.read_bytes()) for path in sorted(CORPUS.glob("capture-sound-*"))]
    paths = [path for folder in (ASSETS, CORPUS, *folders) for path in sorted(folder.rglob("*.gl*")) if path.suffix in (".gltf", ".glb")]
    parts = [mutate.parts_of(path) for path in paths if path.stat().st_size < 100_000]
    return [part for part in parts if part is not None and len(part.text) + len(part.blob) < 100_000]


def _pictures() -> list[bytes]:
    result = []
    for mode in ("L", "LA", "P", "RGB", "RGBA", "I;16", "1", "CMYK"):
        noise = Image.frombytes("RGBA", (9, 7), bytes(range(252)))
        picture = Image.frombytes("I;16", (9, 7), bytes(range(126))) if mode == "I;16" else noise.convert(mode)
        for name, options in (("PNG", {}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("WEBP", {}), ("WEBP", {"lossless": True})):
            stream = io.BytesIO()
            try:
                picture.save(stream, name, **options)
            except OSError:  # this format has no such mode
                continue
            result.append(stream.getvalue())
    return result


def _radiance(height: int, width: int, size: bytes) -> bytes:
    chance = random.Random(height)
    head = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n" + size
    if width < 8:
        return head + bytes(chance.randrange(3, 256) for _ in range(height * width * 4))
    line = bytes((2, 2, width >> 8, width & 255)) + bytes((128 + width, 5)) * 2 + (bytes((width,)) + bytes(range(width))) * 2
    return head + line * height


MOTION = """HIERARCHY
ROOT hips
{
 OFFSET 0 0 0
 CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
 JOINT leg {
  OFFSET 0 -1 0
  CHANNELS 3 Zrotation Yrotation Xrotation
  End Site { OFFSET 0 -1 0.5 } }
}
MOTION
Frames: 2
Frame Time: 0.03
1 2 3 10 20 30 40 50 60
1.5 2 3 11 21 31 41 51 61
"""

MUTATORS: dict[str, Callable[[random.Random, list[Any]], bytes]] = {
    "gltf": mutate.gltf, "image": mutate.image, "radiance": mutate.radiance, "capture": mutate.capture, "draco": mutate.packed,
    "meshopt": mutate.packed, "basis": mutate.basis, "motion": mutate.motion, "table": mutate.table,
    **{kind: partial(plain.damage, kind) for kind in plain.KINDS}}
