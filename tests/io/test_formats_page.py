"""docs/formats.md is true: its tables are compared with the registries and with what comes back from each format."""

import inspect
import re
import tomllib
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import metarender as mr
from metarender import io as mrio
from metarender.drawn import drawn
from metarender.io import AssetWarning

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "formats.md"


def tables():
    """The tables of the page: rows of cells, the head first."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", PAGE.read_text("utf-8"), re.MULTILINE):
        rows = [[cell.strip().strip("`") for cell in line.strip().strip("|").split("|")] for line in block.splitlines()]
        found.append([rows[0], *rows[2:]])
    return found


FORMATS, KEPT = tables()
ROWS = {row[0]: dict(zip(FORMATS[0], row, strict=True)) for row in FORMATS[1:]}
COLUMNS = {"glTF": ".glb", "OBJ": ".obj", "PLY": ".ply", "STL": ".stl", "3MF": ".3mf"}


def test_the_page_lists_what_is_registered():
    ours = {suffix for suffix, function in mrio.loaders().items() if function.__module__.startswith("metarender.")}
    assert ours == {suffix for suffix, row in ROWS.items() if row["read"] == "yes"} == set(ROWS)
    ours = {suffix for suffix, function in mrio.savers().items() if function.__module__.startswith("metarender.")}
    assert ours == {suffix for suffix, row in ROWS.items() if row["written"] == "yes"}
    assert all(row["written"] in ("yes", "no") for row in ROWS.values())


@pytest.mark.parametrize("suffix", ROWS)
def test_options_units_and_axes_are_those_of_the_code(suffix):
    row = ROWS[suffix]
    for registry, column in ((mrio._LOADERS, "options of load"), (mrio._SAVERS, "options of save")):
        options = registry[suffix][1] if suffix in registry else ()
        assert sorted(options) == sorted(filter(None, row[column].split(", ")))
    for entries in (mrio._READERS, mrio._WRITERS):
        if suffix in entries:
            module, name, options = entries[suffix]
            parameters = inspect.signature(getattr(import_module(f"metarender.io.{module}"), name)).parameters
            for what in {"unit", "up"} & set(options) if suffix != ".3mf" else ():
                assert parameters[what].default == row[what]
    wanted = {name for name in (row["needs"].partition(":")[0],) if name}
    assert wanted <= set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])


# ---- what a save keeps ----


def surface(**more):
    return mr.Geometry(positions=np.eye(3), normals=np.tile([0, 0, 1.0], (3, 1)), uv0=np.eye(3)[:, :2], **more)


def colored():
    return mr.Mesh(surface(colors=np.eye(3)), mr.Standard())


def metal():
    return mr.Mesh(surface(), mr.Standard(metallic=0.75, roughness=0.25, color="red"))


def textured():
    return mr.Mesh(surface(), mr.Standard(color_texture=mr.Texture(np.full((2, 2, 4), 9, np.uint8), srgb=True)))


def tree():
    scene = mr.Scene()
    group = scene.add(None, name="group", position=(1, 0, 0))
    box = mr.Mesh(mr.box(1), mr.Standard(color="red"))
    for place in range(4):
        scene.add(box, group, position=(2 * place, 0, 0), name=f"box {place}")
    return scene


def lit():
    scene = tree()
    scene.add(mr.PointLight())
    scene.add(mr.PerspectiveCamera())
    scene.background = "red"
    box = scene.find("box 1")
    box.extras["k"] = 1
    scene.add_clip(mr.Clip("c", [mr.Track(box, "position", [0, 1], np.eye(3)[:2])]))
    return scene


def morphed():
    scene = mr.Scene()
    scene.add(mr.Mesh(surface(morphs=[mr.Morph(np.full((3, 3), 2.0))]), mr.Standard(), weights=(1.0,)))
    return scene


def other(topology):
    return lambda: mr.Mesh(mr.Geometry(positions=np.eye(4)[:, :3], topology=topology), mr.Unlit())


def geometries(scene):
    return [part.geometry for part in drawn(scene)]


def materials(scene):
    return [part.material for part in drawn(scene)]


def pose_of(scene):
    """Whether a scene is still morphed, or only where that has put it."""
    return "yes" if any(geometry.morphs for geometry in scene.geometry_list if geometry) else (
        "posed" if scene.bounds.min() > 1.9 or scene.bounds.max() > 2.9 else "no")


FACTS = {
    "triangles": (metal, lambda s: any(g.topology == "triangles" for g in geometries(s))),
    "lines": (other("lines"), lambda s: any(g.topology == "lines" for g in geometries(s))),
    "points": (other("points"), lambda s: any(g.topology == "points" for g in geometries(s))),
    "normals": (metal, lambda s: np.allclose(geometries(s)[0].normals, [0, 0, 1])),
    "texture coordinates": (metal, lambda s: geometries(s)[0].uv0 is not None),
    "colours of vertices": (colored, lambda s: any(g.colors is not None for g in geometries(s))),
    "colours of materials": (metal, lambda s: any(
        np.allclose(np.array(m.color[:3]) * (1 if g.colors is None else g.colors[0, :3]), (1, 0, 0), atol=1e-3)
        for g, m in zip(geometries(s), materials(s), strict=True))),
    "metalness and roughness": (metal, lambda s: any(m.metallic == 0.75 and m.roughness == 0.25 for m in materials(s))),
    "textures": (textured, lambda s: any(m.color_texture is not None for m in materials(s))),
    "names of nodes": (tree, lambda s: s.find("box 2") is not None),
    "the tree": (tree, lambda s: s.find("group") is not None and s.find("box 2").parent == s.find("group")),
    "a mesh in many places once": (tree, lambda s: len({id(g) for g in geometries(s)}) == 1 < len(geometries(s))),
    "lights and cameras": (lit, lambda s: len(s.lights) == len(s.cameras) == 1),
    "joints and morphs": (morphed, pose_of),
    "clips": (lit, lambda s: len(s.clips) == 1),
    "background and environment": (lit, lambda s: s.background != "transparent"),
    "extras": (lit, lambda s: any(node.extras for node in s.nodes)),
}


@pytest.mark.parametrize("row", KEPT[1:], ids=lambda row: row[0])
def test_what_a_save_keeps_is_what_comes_back(tmp_path, row):
    make, holds = FACTS[row[0]]
    for cell, suffix in zip(row[1:], (COLUMNS[name] for name in KEPT[0][1:]), strict=True):
        made = make()
        scene = made if isinstance(made, mr.Scene) else mr.Scene()
        if scene is not made:
            scene.add(made)
            if suffix in (".stl", ".3mf"):
                scene.add(metal(), position=(9, 9, 9))  # these refuse a scene without triangles
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AssetWarning)
            mr.save(scene, tmp_path / f"a{suffix}")
            found = holds(mr.load(tmp_path / f"a{suffix}"))
        found = found if isinstance(found, str) else "yes" if found else "no"
        assert found == {"alone": "yes"}.get(cell, cell), suffix


def test_every_row_of_what_is_kept_has_a_fact():
    assert [row[0] for row in KEPT[1:]] == list(FACTS) and KEPT[0][1:] == list(COLUMNS)
