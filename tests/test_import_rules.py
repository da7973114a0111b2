"""Who may import whom: DESIGN.md section 7 as data, read with ast."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "metarender"
SCENE_LAYER = {"scene", "instances", "camera", "lights", "geometry", "primitives", "materials", "textures", "color", "transforms",
               "watched", "environment", "descriptions", "checks", "colormap", "part_state", "queries", "bulk", "simplify", "parts",
               "names", "memory", "deformation", "origin", "animation", "drawn", "solid", "field", "legend",
               "letters"}
DESCRIPTIONS = {"geometry", "materials", "textures", "color"}

# module or package -> our modules and packages that it may import (besides itself and errors)
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "_version": set(),
    **dict.fromkeys(SCENE_LAYER, SCENE_LAYER | {"_core"}),
    "queries": SCENE_LAYER | {"_core", "views"},
    "environment": SCENE_LAYER | {"_core", "io"},
    "stats": set(),
    "views": {"_core", "camera"},
    "settings": {"checks", "color"},
    "view_block": {"gpu", "settings", "views"},
    "pictures": {"camera", "frame", "renderer", "scene", "settings"},
    "light_rows": {"lights", "gpu"},
    "frame": {"stats", "renderer", "checks"},
    "gpu": DESCRIPTIONS | {"_core", "gpu"},
    "passes": {"gpu", "frame", "passes", "_core"},
    "targets": {"gpu", "controls", "targets"},
    "controls": SCENE_LAYER | {"controls"},
    "humans": SCENE_LAYER | {"_core", "humans"},
    "io": SCENE_LAYER | {"_core", "_version", "humans", "io"},
    "renderer": SCENE_LAYER | {"_core", "frame", "gpu", "light_rows", "passes", "settings", "stats",
                                "view_block", "views", "warm_up"},
    "bench": SCENE_LAYER | {"_core", "_version", "bench_report", "progress", "renderer", "stats"},
    "bench_report": set(),
    "warm_up": {"_core", "gpu"},
    "viewer": SCENE_LAYER | {"controls", "frame", "renderer", "settings", "stats", "targets", "gpu", "views"},
    "inventory": SCENE_LAYER,
    "progress": set(),
    "captures": SCENE_LAYER | {"_core", "captures", "doctor", "frame", "io", "renderer", "settings", "stats", "testing", "views"},
    "doctor": {"gpu", "_core", "targets", "_version"},
    "demos": SCENE_LAYER | {"targets", "stats", "renderer", "viewer", "frame"},
    "cli": SCENE_LAYER | {"bench", "captures", "demos", "inventory", "progress", "doctor", "io", "renderer", "viewer", "frame", "stats",
                          "_version", "testing"},
    "testing": SCENE_LAYER | {"_core", "_version", "frame", "gpu", "pictures", "renderer", "stats", "testing"},
}
EXTERNAL_OWNERS = {"moderngl": {"gpu"}, "glcontext": {"gpu"}, "glfw": {"targets/window.py"}, "pyrr": set(),
                   "pytest": {"testing"}, "flip_evaluator": {"testing"}}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports_of(path: Path) -> list[tuple[int, str, str]]:
    """(level, module, name) of every import in a file, those inside functions too, those for type checkers not."""
    found = []
    tree = ast.parse(path.read_text("utf-8"))
    for_types = {inner for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
                 for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.ImportFrom):
            found += [(node.level, node.module or "", alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [(0, alias.name, "") for alias in node.names]
    return found


def our_rooms(path: Path) -> set[str]:
    package = ["metarender", *path.relative_to(PACKAGE).parts[:-1]]
    rooms = set()
    for level, module, name in imports_of(path):
        if level:
            base = package[: len(package) - level + 1]
            parts = [*base, *(module.split(".") if module else [name])]
        else:
            parts = module.split(".")
        if parts[0] == "metarender" and len(parts) > 1:
            rooms.add(parts[1])
    return rooms


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_stay_inside_the_walls(path):
    room = room_of(path)
    if room == "data":
        return
    assert room in ALLOWED, f"{path.name} has no row in ALLOWED: which layer is it?"
    forbidden = our_rooms(path) - ALLOWED[room] - {room, "errors"}
    assert not forbidden, f"{room} may not import {sorted(forbidden)}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_outside_library_has_its_owner(path):
    place = str(path.relative_to(PACKAGE))
    for level, module, _ in imports_of(path):
        library = module.split(".")[0]
        if not level and library in EXTERNAL_OWNERS:
            owners = EXTERNAL_OWNERS[library]
            assert room_of(path) in owners or place in owners, f"{place} may not import {library}; only {sorted(owners)} may"


def test_native_code_knows_no_python():
    for path in (PACKAGE / "_native").glob("*.[chi]*"):
        assert "Python.h" not in path.read_text("utf-8"), path.name


def test_every_file_says_its_job():
    for path in modules():
        assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path.name


def test_no_room_is_a_drawer():
    for path in PACKAGE.rglob("*"):
        assert path.stem not in {"utils", "util", "helpers", "common", "misc", "manager"}, path
