"""A Scene to glTF 2.0 files (.gltf, .glb): what was loaded comes back as it was, what was made in code from its arrays.

The rooms: `kept` (loaded files), `gltf_references` (what names what), `gltf_copying` with `gltf_copied_clips` (objects of a file),
`gltf_surfaces`, `gltf_shapes` and `gltf_tree` with `gltf_rows` (objects of the scene), `gltf_settings` (what we keep in extras), `losses`
(what is told), `gltf_document` (collections and the buffer). Here they meet.
"""

from __future__ import annotations

import base64
import struct
import warnings
from collections.abc import Callable
from copy import deepcopy
from typing import Any
from urllib.parse import quote

import numpy as np

from .._version import __version__
from ..errors import AssetError, InvalidInput
from ..origin import KeptFile
from ..scene import Scene
from . import AssetWarning, listed
from .gltf_clips import ClipWriter
from .gltf_copying import Copier
from .gltf_document import CORE, NOT_JSON, Document, as_json, not_json
from .gltf_part_names import METADATA, add_schema
from .gltf_references import TABLES
from .gltf_rows import Kind, Plan, Rows
from .gltf_same_instances import INSTANCING, reusable_instances
from .gltf_settings import write_settings
from .gltf_shapes import Shapes
from .gltf_surfaces import Surfaces
from .gltf_tree import Tree
from .kept import Source
from .losses import state_losses
from .output import Output

_LARGEST = 0xFFFFFFFF
"""Bytes that the header of a GLB can say."""
_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/ktx2": "ktx2"}
_QUANTIZED = "KHR_mesh_quantization"
_EARLY = ("name", "translation", "rotation", "scale", "matrix", "mesh", "skin", "weights", "camera", "children")
_LATE = ("extensions", "extras")
_PLACES = {name: place for place, name in enumerate((*_EARLY, "", *_LATE))}
_MADE_BY = f"metarender {__version__}"

_CONTAINERS = (dict, list)
Progress = Callable[[int, int], object]


def write_gltf(scene: Scene, output: Output, *, embed: bool = False, progress: Progress | None = None) -> None:
    """Save a scene as .glb or .gltf; the suffix of ``output.path`` decides.

    Parameters
    ----------
    scene : Scene
    output : Output
    embed : bool
        Put buffer and pictures into a .gltf as data URIs instead of files beside it.
    progress : callable, optional
        Called as ``progress(done, total)`` with bytes written.

    Raises
    ------
    AssetError
        A file cannot be written, is larger than a GLB can be, or something in the scene is nested too deeply or cannot be JSON.
    InvalidInput
        An option has the wrong type.

    Warns
    -----
    AssetWarning
        Once, where the scene has what glTF or this writer cannot hold.
    """
    if not isinstance(embed, bool):
        raise InvalidInput(f"embed must be True or False, not {embed!r}.")
    try:
        document, root = describe(scene)
    except RecursionError:  # a file may name levels of detail of levels of detail, or nest its extras, as deep as it likes
        raise AssetError(f"{output.path.name} cannot be written, because levels of detail or extras are nested too deeply; make them flat."
                         ) from None
    if output.path.suffix.lower() == ".glb":
        _write_glb(document, root, output, progress)
    else:
        _write_text(document, root, output, embed, progress)
    if document.notes:
        warnings.warn(f"{output.path.name} was saved without {listed(document.notes)}.", AssetWarning, stacklevel=4)


def describe(scene: Scene) -> tuple[Document, dict[str, Any]]:
    """Make the document of a scene, and its root object without buffers and images."""
    writer = _Writer(scene)
    try:
        return writer.write()
    finally:  # those that take part know one another; without this their memory would wait for the collector
        vars(writer).clear()


class _Writer:
    """Everything that takes part in one save."""

    def __init__(self, scene: Scene) -> None:
        scene._tables.collect()  # what nothing draws any more is not saved
        self._scene = scene
        self._document = Document()
        self._copiers: dict[int, Copier] = {}
        self._files: dict[int, tuple[dict[int, int], dict[int, int], dict[tuple[str, int], int | None]]] = {}
        self._entered: tuple[KeptFile, Copier] | None = None
        self._live: dict[tuple[str, int, Any], Any] = {}
        held = {"materials": scene.material_list, "meshes": dict.fromkeys(scene._meshes.values()), "lights": scene._lights.values(),
                "cameras": scene._cameras.values()}
        for collection, things in held.items():
            for thing in things:
                origin = None if thing is None else thing._origin
                if origin is not None:
                    self._live.setdefault((collection, id(origin.source), origin.number), thing)
        self._surfaces = Surfaces(self._document, self._copier)
        self._shapes = Shapes(self._document, self._surfaces, self._copier)

    def _copier(self, source: Source) -> Copier:
        """The one copier of a file."""
        found = self._copiers.get(id(source))
        if found is None:
            def live(collection: str, number: int) -> int | None:
                thing = self._live.get((collection, id(source), number))
                if thing is None:
                    return None
                write: dict[str, Callable[[Any], int | None]] = {
                    "materials": self._surfaces.material, "meshes": self._shapes.mesh, "lights": self._surfaces.light,
                    "cameras": self._surfaces.camera,
                }
                return write[collection](thing)

            found = self._copiers[id(source)] = Copier(self._document, source.opened(), live)
        return found

    def _enter(self, kept: KeptFile) -> Copier:
        """The copier of a file, set to the nodes that the scene has of it."""
        if self._entered is None or self._entered[0] is not kept:
            copier = self._copier(kept.source)
            copier.enter(*self._files[id(kept)])
            self._entered = kept, copier
        return self._entered[1]

    def write(self) -> tuple[Document, dict[str, Any]]:
        """Describe the whole scene."""
        document, scene = self._document, self._scene
        kept = [file for file in scene.kept if isinstance(file.source, Source)]
        roots = [self._copier(source).copy_root() for source in dict.fromkeys(file.source for file in kept)]
        rows = Rows(scene)
        document.notes |= dict.fromkeys(state_losses(scene, rows.table))
        whole = reusable_instances(rows, lambda file: self._copier(file.source))
        plan = Plan(rows, set(whole), {row for row in np.flatnonzero(rows.need_two()).tolist() if not self._is_as_loaded(rows, row)})
        self._files = {id(file): ({}, {}, {}) for file in kept}
        for row, place in plan.home.items():
            if row >= 0 and (origin := rows.file_of(row)) is not None:
                homes, outer, _ = self._files[id(origin[0])]
                homes[origin[1]] = place
                if plan.entries[place].kind is Kind.INNER:
                    outer[origin[1]] = plan.entries[place].parent
        self._write_in_order()
        Tree(document, rows, plan, self._surfaces, self._shapes, self._enter).write(whole)
        ClipWriter(document, scene, plan, self._surfaces, kept, self._enter).write()
        for write in document.postponed:
            write()
        document.postponed.clear()
        shown = self._shown(kept, [place for place, entry in enumerate(plan.entries) if entry.parent < 0])
        for copier in self._copiers.values():
            copier.settle_doubts(len(self._copiers) == 1)
        ours = any(entry.kind is Kind.PARTS for entry in plan.entries)
        return document, self._root(kept, roots, shown, ours)

    def _is_as_loaded(self, rows: Rows, row: int) -> bool:
        """Whether a node has the matrix of its file, which may shear as much as rounding makes it."""
        origin = rows.file_of(row)
        source = {} if origin is None else self._copier(origin[0].source).entry("nodes", origin[1])
        return "matrix" in source and rows.has_matrix(row, source)

    def _write_in_order(self) -> None:
        """Write materials and meshes of files in the order of the files, so that small edits make small differences."""
        for collection in ("materials", "meshes"):
            for (kind, source, number), thing in sorted(self._live.items(), key=lambda entry: entry[0][2]):
                if kind == collection and source in self._copiers and number >= 0:
                    self._surfaces.material(thing) if kind == "materials" else self._shapes.mesh(thing)

    def _shown(self, kept: list[KeptFile], roots: list[int]) -> dict[str, Any]:
        """The scene object; its name and extras are those of the loaded one (glTF 2.0, 3.5.1)."""
        result: dict[str, Any] = {}
        for file in kept:
            if file.scene is not None and file.scene >= 0:
                copier = self._enter(file)
                source = copier.entry("scenes", file.scene)
                result = copier.copy({name: value for name, value in source.items() if name != "nodes"})
                break
        write_settings(self._scene, result, self._document.notes)
        return {**({"nodes": roots} if roots else {}), **result}

    def _root(self, kept: list[KeptFile], roots: list[dict[str, Any]], shown: dict[str, Any], ours: bool) -> dict[str, Any]:
        """The object at the top, in the order of the specification's own examples (glTF 2.0, 5.17)."""
        lists = {name: list(map(_in_order, entries)) for name, entries in self._document.lists.items()}
        self._document.lists = lists
        sources = [copier.source for copier in self._copiers.values()]
        extensions: dict[str, Any] = {}
        for root in roots:
            for name, found in root.get("extensions", {}).items():
                if name in extensions and extensions[name] != found:
                    self._document.notes[f"the second {name} of files that were put together"] = None
                extensions.setdefault(name, deepcopy(found))
        for collection, (name, inner) in TABLES.items():
            if lists.get(collection):
                extensions[name] = {**extensions.get(name, {}), inner: lists[collection]}
        if METADATA in extensions and not add_schema(extensions[METADATA]):
            self._document.notes["names of parts, because the schema of the file is in another one or none"] = None
        body: dict[str, Any] = {name: lists[name] for name in CORE if lists[name]}
        extras = next((root["extras"] for root in roots if "extras" in root), None)
        extensions = {name: extensions[name] for name in sorted(extensions)}
        top = {"asset": _asset([self._copier(file.source).source["asset"] for file in kept]), "scene": 0, "scenes": [shown], **body}
        if extensions:
            top["extensions"] = extensions
        if extras is not None:
            top["extras"] = extras
        return {**_extension_names(top, sources, ours), **top}


def _in_order(entry: dict[str, Any]) -> dict[str, Any]:
    """An object with its properties in one order, however it came about; those that are not of nodes stay in theirs."""
    places = [_PLACES.get(name, len(_EARLY)) for name in entry]
    if places == sorted(places) and "extensions" not in entry:
        return entry
    early = {name: entry[name] for name in _EARLY if name in entry}
    late = {name: entry[name] for name in _LATE if name in entry}
    if "extensions" in late:
        late["extensions"] = {name: late["extensions"][name] for name in sorted(late["extensions"])}
    return early | {name: value for name, value in entry.items() if name not in late} | late


def _asset(assets: list[dict[str, Any]]) -> dict[str, Any]:
    """What files say of themselves, with this program as the last of those that made it (glTF 2.0, 3.2)."""
    result: dict[str, Any] = {}
    for asset in assets:
        result = {**deepcopy(asset), **result}
    rights = list(dict.fromkeys(asset["copyright"] for asset in assets if "copyright" in asset))
    if rights:
        result["copyright"] = "; ".join(rights)
    before = result.get("generator", "")
    result["generator"] = before if before.endswith(_MADE_BY) else f"{before}, {_MADE_BY}" if before else _MADE_BY
    return {"version": "2.0", **{name: value for name, value in result.items() if name != "version"}}


def _extension_names(top: dict[str, Any], sources: list[dict[str, Any]], ours: bool) -> dict[str, list[str]]:
    """``extensionsUsed`` and ``extensionsRequired``: exactly those that are there (glTF 2.0, 3.12)."""
    present = _names_in(top)
    if any(_QUANTIZED in source.get("extensionsUsed", ()) for source in sources) and _is_quantized(top):
        present.add(_QUANTIZED)
    known = [name for source in sources for name in source.get("extensionsUsed", ())]
    used = [name for name in dict.fromkeys([*known, *sorted(present)]) if name in present]
    needed = {name for source in sources for name in source.get("extensionsRequired", ())} | {_QUANTIZED}
    if ours and not any(INSTANCING in source.get("extensionsUsed", ()) for source in sources):
        needed.add(INSTANCING)
    required = [name for name in used if name in needed]
    return {name: names for name, names in (("extensionsUsed", used), ("extensionsRequired", required)) if names}


def _names_in(value: Any) -> set[str]:
    """Names of all extensions below a value, without what applications keep in extras."""
    found: set[str] = set()
    pending = [value]
    while pending:
        item = pending.pop()
        if type(item) is list:
            if item and type(item[0]) in _CONTAINERS:
                pending += item
        elif type(item) is dict:
            if type(extensions := item.get("extensions")) is dict:
                found.update(extensions)
            pending += [inner for name, inner in item.items() if type(inner) in _CONTAINERS and name != "extras"]
    return found


def _is_quantized(top: dict[str, Any]) -> bool:
    """Whether positions, normals, tangents or texture coordinates are stored as glTF alone does not allow."""
    accessors = top.get("accessors", ())
    for mesh in top.get("meshes", ()):
        for primitive in mesh["primitives"]:
            for attributes, is_base in ((primitive["attributes"], True), *((target, False) for target in primitive.get("targets", ()))):
                for name, number in attributes.items():
                    accessor = accessors[number]
                    if accessor["componentType"] == 5126 or name.startswith(("_", "JOINTS_", "WEIGHTS_", "COLOR_")):
                        continue
                    if not (is_base and name.startswith("TEXCOORD_") and accessor.get("normalized")):
                        return True
    return False


# ---- files ----


def _encode(top: dict[str, Any]) -> bytes:
    """The JSON of a document; what extras or names hold that JSON cannot is refused, with the object that has it."""
    try:
        return as_json(top)
    except NOT_JSON:
        for collection, entries in top.items():
            for number, entry in enumerate(entries if isinstance(entries, list) else ()):
                try:
                    as_json(entry)
                except NOT_JSON as error:
                    raise not_json(f"{collection}[{number}]", error) from None
        raise not_json("the document", "its extras or extensions") from None


def _write_glb(document: Document, top: dict[str, Any], output: Output, progress: Progress | None) -> None:
    """Header, JSON and buffer with the pictures in it (glTF 2.0, 4.4)."""
    for entry, picture in zip(document.lists["images"], document.pictures, strict=True):
        entry["bufferView"] = document.view(picture.data)
        entry["mimeType"] = picture.mime
    if document.lists["bufferViews"]:
        top["bufferViews"] = document.lists["bufferViews"]
        top["buffers"] = [{"byteLength": document.size}]
    text = _encode(top)
    text += b" " * (-len(text) % 4)
    gap = -document.size % 4
    total = 12 + 8 + len(text) + (8 + document.size + gap if document.size else 0)
    if total > _LARGEST:
        raise AssetError(f"{output.path.name} would have {total:,} bytes, more than a .glb can; save it as .gltf.")
    pieces = [struct.pack("<4sIIII", b"glTF", 2, total, len(text), 0x4E4F534A), text]
    if document.size:
        pieces += [struct.pack("<II", document.size + gap, 0x004E4942), *document.chunks, bytes(gap)]
    _write_pieces([(None, pieces)], output, total, progress)


def _write_text(document: Document, top: dict[str, Any], output: Output, embed: bool, progress: Progress | None) -> None:
    """JSON, and files beside it or data URIs in it (glTF 2.0, 3.6.1.1)."""
    stem = output.path.stem
    files: list[tuple[str | None, list[Any]]] = []

    def uri(name: str, mime: str, pieces: list[Any]) -> str:
        if embed:
            return f"data:{mime};base64," + base64.b64encode(b"".join(pieces)).decode()
        files.append((name, pieces))
        return quote(name, errors="replace")  # a name that is no text is refused when it is opened

    for number, (entry, picture) in enumerate(zip(document.lists["images"], document.pictures, strict=True)):
        entry["uri"] = uri(f"{stem}_image{number}.{_SUFFIXES.get(picture.mime, 'image')}", picture.mime, [picture.data])
        if picture.mime not in _SUFFIXES:
            entry["mimeType"] = picture.mime
    if document.size:
        top["buffers"] = [{"uri": uri(f"{stem}.bin", "application/octet-stream", document.chunks), "byteLength": document.size}]
    text = _encode(top)
    total = len(text) + (0 if embed else document.size + sum(len(picture.data) for picture in document.pictures))
    _write_pieces([*files, (None, [text])], output, total, progress)


def _write_pieces(files: list[tuple[str | None, list[Any]]], output: Output, total: int, progress: Progress | None) -> None:
    done = 0
    for name, pieces in files:
        stream = output.open(name)
        for piece in pieces:
            stream.write(piece)
            done += memoryview(piece).nbytes
            if progress is not None:
                progress(done, total)
