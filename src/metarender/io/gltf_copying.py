"""Objects of a loaded glTF file into a new document: what is asked for and all that it names, renumbered, data as it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import extent
from ..errors import AssetError, MissingExtra
from .gltf_copied_clips import copied_animation
from .gltf_document import Document
from .gltf_layout import INDEX, LAYOUTS, VERTEX, Layout, layout_of
from .gltf_references import (
    DECODED,
    EXTENSIONS,
    KEPT_WHOLE,
    MATERIAL_EXTENSIONS,
    OBJECTS,
    TABLES,
    TEXTURE,
    VITAL,
    Missing,
    Specification,
    is_safe,
)
from .images import sniff
from .kept import OpenedSource

UNREADABLE = (AssetError, MissingExtra)
"""What reading again may raise for what was not needed for drawing."""

_LOCAL = frozenset({"nodes", "lods", "skins", "animations"})
"""Collections whose copies depend on which nodes of a scene stand for those of the file."""
_COPIED_AS = {"accessors": ("accessors", "positions", "vertices", "indices", "times"), "bufferViews": ("views",), "nodes": ("lods",)}
"""Names under which the objects of a collection are copied, where these differ."""
_POINTER = re.compile(r"/(?:extensions/KHR_lights_punctual/)?(?P<list>nodes|meshes|materials|cameras|lights)/(?P<number>[0-9]{1,9})(?=/|$)")
_SUFFIXES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".ktx2": "image/ktx2"}
_PLACES = {"image/webp": "EXT_texture_webp", "image/ktx2": "KHR_texture_basisu"}


class Copier:
    """Copies from one file.

    Parameters
    ----------
    document : Document
    opened : OpenedSource
    live : callable
        ``live(collection, number)`` returns the number, in the new document, of a material, mesh, light or camera of the file as the
        scene has it now, None where the scene does not have it.

    Attributes
    ----------
    nodes, outer : dict of int to int
        See `enter`.
    """

    def __init__(self, document: Document, opened: OpenedSource, live: Callable[[str, int], int | None]) -> None:
        self.document = document
        self.opened = opened
        self.source = opened.document
        self._live = live
        self._shared: dict[tuple[str, int], int | None] = {}
        self._local: dict[tuple[str, int], int | None] = {}
        self.nodes: dict[int, int] = {}
        self.outer: dict[int, int] = {}
        self._doubtful: list[tuple[dict[str, Any], dict[str, Any], str]] = []
        self._entries: dict[str, list[dict[str, Any]]] = {}

    def enter(self, nodes: dict[int, int], outer: dict[int, int], local: dict[tuple[str, int], int | None]) -> None:
        """Copy for one set of nodes from now on.

        Parameters
        ----------
        nodes : dict of int to int
            New numbers by those in the file.
        outer : dict of int to int
            Of nodes that became two, whose inner one is in `nodes`.
        local : dict
            What was copied for them so far.
        """
        self.nodes, self.outer, self._local = nodes, outer, local

    def index(self, collection: str, number: int) -> int:
        """Copy an object, once, and return its new number.

        Raises
        ------
        Missing
        """
        if type(number) is not int:  # what is in extensions that nothing here draws may be anything
            raise Missing
        known = self._local if collection in _LOCAL else self._shared
        key = collection, number
        if key not in known:
            known[key] = None  # what names itself finds nothing, instead of never ending
            known[key] = self._make(collection, number)
        found = known[key]
        if found is None:
            raise Missing
        return found

    def found(self, collection: str, number: Any) -> int | None:
        """As `index`, None where it is missing."""
        try:
            return self.index(collection, number)
        except Missing:
            return None

    def entry(self, collection: str, number: int) -> dict[str, Any]:
        """Return an object of the file as it is there."""
        found: dict[str, Any] = self.entries(collection)[number]
        return found

    def entries(self, collection: str) -> list[dict[str, Any]]:
        """Return a collection of the file."""
        if collection not in self._entries:
            holder, name = self.source, collection
            if collection in TABLES:
                extension, name = TABLES[collection]
                holder = self.source.get("extensions", {}).get(extension, {})
            found = holder.get(name, [])
            self._entries[collection] = found if isinstance(found, list) else []
        return self._entries[collection]

    def _make(self, collection: str, number: int) -> int:
        maker = _MAKERS.get(collection)
        if maker is not None:
            return maker(self, number)
        entries = self.entries(collection)
        if not 0 <= number < len(entries):
            raise Missing
        return self.document.add(collection, self.copy(entries[number], OBJECTS.get(collection, {})))

    # ---- values ----

    def copy(self, value: Any, specification: Specification = None) -> Any:
        """Copy a value and renumber what it names; what is missing is left out.

        Raises
        ------
        Missing
            Something is missing without which the value says nothing.
        """
        if isinstance(specification, str):
            return self.index(specification, value)
        if isinstance(value, dict):
            return self._copy_object(value, specification if isinstance(specification, dict) else {})
        if isinstance(value, list):
            item = specification[0] if isinstance(specification, list) else None
            return [self.copy(entry, item) for entry in value]
        return value

    def _copy_object(self, value: dict[str, Any], specification: dict[str, Specification]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, item in value.items():
            if name == "extras":
                result[name] = deepcopy(item)
                continue
            if name == "extensions":
                if isinstance(item, dict):
                    self._copy_extensions(item, result)
                continue
            inner = specification.get(name, specification.get("*"))
            if inner is None and name.endswith("Texture") and isinstance(item, dict):
                inner = TEXTURE
            try:
                result[name] = self.copy(item, inner)
            except Missing:
                if name in VITAL:
                    raise
        return result

    def _copy_extensions(self, extensions: dict[str, Any], owner: dict[str, Any]) -> None:
        """Copy the extensions of an object; one that is not known stays for now, and goes in the end if its numbers may be wrong."""
        result: dict[str, Any] = {}
        for name, body in extensions.items():
            if name in DECODED:
                continue
            try:
                if name == "KHR_animation_pointer":
                    result[name] = self._renumber_pointer(body)
                elif name in EXTENSIONS or name.startswith(MATERIAL_EXTENSIONS):
                    result[name] = self.copy(body, EXTENSIONS.get(name, {}))
                else:
                    result[name] = deepcopy(body)
                    if not is_safe(body):
                        self._doubtful.append((owner, result, name))
            except Missing:
                continue
        if result:
            owner["extensions"] = result

    def _renumber_pointer(self, body: dict[str, Any]) -> dict[str, Any]:
        """Renumber the object that a JSON pointer leads to (KHR_animation_pointer)."""
        text = body.get("pointer", "")
        match = _POINTER.match(text)
        if match is None:
            raise Missing
        number = self.index(match["list"], int(match["number"]))
        return {**deepcopy(body), "pointer": f"{text[:match.start('number')]}{number}{text[match.end('number'):]}"}

    # ---- the document itself ----

    def copy_root(self) -> dict[str, Any]:
        """Copy collections that are kept whole; returns extensions and extras of the document."""
        for collection in KEPT_WHOLE:
            for number, entry in enumerate(self.entries(collection)):
                made: dict[str, Any] = {}
                self._shared[collection, number] = self.document.add(collection, made)
                self.document.postponed.append(partial(self._fill, made, entry if isinstance(entry, dict) else {}, collection))
        owner: dict[str, Any] = {}
        tables = {name for name, _ in TABLES.values()}
        extensions = self.source.get("extensions", {})
        self._copy_extensions({name: body for name, body in extensions.items() if name not in tables}, owner)
        metadata = extensions.get("EXT_structural_metadata", {})
        lists = {name for extension, name in TABLES.values() if extension == "EXT_structural_metadata"}
        if rest := {name: deepcopy(value) for name, value in metadata.items() if name not in lists}:
            owner.setdefault("extensions", {})["EXT_structural_metadata"] = self._with_schema(rest)
        if "extras" in self.source:
            owner["extras"] = deepcopy(self.source["extras"])
        return owner

    def _with_schema(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """Bring a schema in that is in a file of its own, which would not be found beside the new one."""
        if "schemaUri" in metadata and "schema" not in metadata:
            try:
                schema = self.opened.json(metadata["schemaUri"])
            except UNREADABLE as error:
                self.document.notes[f"the schema of its metadata ({error})"] = None
            else:
                return {"schema": schema, **{name: value for name, value in metadata.items() if name != "schemaUri"}}
        return metadata

    def _fill(self, made: dict[str, Any], entry: dict[str, Any], collection: str) -> None:
        """Copy an object of a collection that is kept whole to where its number was reserved."""
        try:
            made.update(self.copy(entry, OBJECTS[collection]))
        except Missing:
            made.update({name: deepcopy(value) for name, value in entry.items() if name not in ("properties", "extensions")})

    def settle_doubts(self, alone: bool) -> None:
        """Drop unknown extensions that name something by number, unless every number is what it was."""
        kept = alone and self._is_unchanged()
        for owner, extensions, name in self._doubtful:
            if not kept:
                del extensions[name]
                if not extensions:
                    owner.pop("extensions", None)
                self.document.notes[f"the extension {name}, which may refer to numbers that have changed"] = None

    def _is_unchanged(self) -> bool:
        for collection, entries in self.document.lists.items():
            names = _COPIED_AS.get(collection, (collection,))
            pairs = {key[1]: new for key, new in [*self._shared.items(), *self._local.items()] if key[0] in names}
            if collection == "nodes":
                pairs |= self.nodes
            if len(entries) != len(self.entries(collection)) or any(old != new for old, new in pairs.items()):
                return False
        return True

    # ---- objects that need more than renumbering ----

    def places(self, numbers: list[int]) -> list[int | None]:
        """New numbers of nodes, None for those that the scene has not."""
        return [self.nodes.get(number) for number in numbers]

    def _node(self, number: int) -> int:
        found = self.nodes.get(number)
        if found is None:
            raise Missing
        return found

    def _lod(self, number: int) -> int:
        """A node that is only drawn instead of another (MSFT_lod); the scene has none of it, so it comes from the file."""
        if number in self.nodes:
            return self.nodes[number]
        if not 0 <= number < len(self.entries("nodes")):
            raise Missing
        return self.document.add("nodes", self.copy(self.entry("nodes", number), OBJECTS["nodes"]))

    def _as_it_is_now(self, collection: str, number: int) -> int:
        """A material, mesh, light or camera of the scene, or that of the file where the scene has it no more."""
        entries = self.entries(collection)
        if not 0 <= number < len(entries):
            raise Missing
        found = self._live(collection, number)
        if found is not None:
            return found
        made = self.copy(entries[number], OBJECTS[collection])
        if collection == "meshes":
            made["primitives"] = with_attributes(made["primitives"])
            if not made["primitives"]:
                raise Missing
        return self.document.add(collection, made)

    def _skin(self, number: int) -> int:
        """A skin, if all of its joints are there."""
        entry = self.entry("skins", number)
        if any(joint not in self.nodes for joint in entry["joints"]):
            self.document.notes["a skin that lost a joint"] = None
            raise Missing
        return self.document.add("skins", self.copy(entry, OBJECTS["skins"]))

    def _texture(self, number: int) -> int:
        """A texture; a picture that is neither PNG nor JPEG moves to where it is allowed (KHR_texture_basisu, EXT_texture_webp)."""
        entries = self.entries("textures")
        if not 0 <= number < len(entries):
            raise Missing
        result = self.copy(entries[number], OBJECTS["textures"])
        extension = _PLACES.get(self.document.pictures[result["source"]].mime) if "source" in result else None
        if extension is not None:
            result.setdefault("extensions", {})[extension] = {"source": result.pop("source")}
        return self.document.add("textures", result)

    def _image(self, number: int) -> int:
        """An image with its bytes as they are, whatever they hold."""
        entries = self.entries("images")
        if not 0 <= number < len(entries):
            raise Missing
        entry = entries[number]
        try:
            data, declared = self.opened.image(number)
        except UNREADABLE as error:
            self.document.notes[f"an image that cannot be read again ({error})"] = None
            raise Missing from None
        uri = entry.get("uri", "")
        mime = declared or sniff(data) or next((mime for suffix, mime in _SUFFIXES.items() if uri.lower().endswith(suffix)), "")
        if not mime:  # a .glb has to name it, and nothing does
            self.document.notes["an image of an unknown format"] = None
            raise Missing
        kept = self.copy({name: value for name, value in entry.items() if name not in ("uri", "bufferView", "mimeType")})
        return self.document.image(kept, data, mime)

    def _view(self, number: int) -> int:
        """The bytes of a buffer view."""
        views = self.entries("bufferViews")
        if not 0 <= number < len(views):
            raise Missing
        try:
            data = self.opened.accessors.view_bytes(number)
        except UNREADABLE as error:
            raise self._unreadable(error) from None
        return self.document.view(data)

    def _unreadable(self, error: Exception) -> Missing:
        self.document.notes[f"data that cannot be read again ({error})"] = None
        return Missing()

    def _accessor(self, number: int, target: int = 0, bounds: bool = False) -> int:
        """An accessor with a view of its own; sparse ones stay sparse (glTF 2.0, 3.6.2.3)."""
        accessors = self.entries("accessors")
        if not 0 <= number < len(accessors):
            raise Missing
        entry = accessors[number]
        layout = layout_of(entry)
        if layout is None:
            raise Missing
        moved: dict[str, Any] = {}
        try:
            if "bufferView" in entry:
                moved["bufferView"] = self._elements(entry, entry["count"], layout, target)
            if "sparse" in entry:
                moved["sparse"] = self._sparse(entry["sparse"], layout)
        except UNREADABLE as error:
            raise self._unreadable(error) from None
        plain = {name: value for name, value in entry.items() if name not in ("bufferView", "byteOffset", "sparse")}
        result = {**moved, **self.copy(plain)}
        if bounds or "min" in entry or "max" in entry:
            self._bound(number, result)
        return self.document.add("accessors", result)

    def _elements(self, place: dict[str, Any], count: int, layout: Layout, target: int = 0) -> int:
        array = self.opened.accessors.elements(place["bufferView"], place.get("byteOffset", 0), count, layout)
        return self.document.elements(_by_columns(array), layout, target)

    def _sparse(self, sparse: dict[str, Any], layout: Layout) -> dict[str, Any]:
        index_layout = LAYOUTS.get((sparse["indices"]["componentType"], "SCALAR"))
        if index_layout is None:
            raise Missing
        result: dict[str, Any] = self.copy(sparse)
        for name, how in (("indices", index_layout), ("values", layout)):
            result[name].pop("byteOffset", None)
            result[name]["bufferView"] = self._elements(sparse[name], sparse["count"], how)
        return result

    def _bound(self, number: int, result: dict[str, Any]) -> None:
        """Set the true bounds; those of the file stay where its data says none (glTF 2.0, 3.6.2.5)."""
        accessors = self.opened.accessors
        if "bufferView" not in result and "sparse" not in result:
            return  # the data is in an extension, or all zeros
        try:
            array = _by_columns(accessors.raw(number))
        except UNREADABLE:
            return
        lowest, highest = extent(array.reshape(len(array), -1))
        if np.isfinite(lowest).all() and np.isfinite(highest).all():
            result["max"], result["min"] = highest.tolist(), lowest.tolist()


def _now(collection: str) -> Callable[[Copier, int], int]:
    return lambda copier, number: copier._as_it_is_now(collection, number)


_MAKERS: dict[str, Callable[[Copier, int], int]] = {
    "accessors": Copier._accessor, "animations": copied_animation, "images": Copier._image, "lods": Copier._lod,
    "indices": lambda copier, number: copier._accessor(number, INDEX),
    **{name: _now(name) for name in ("materials", "meshes", "lights", "cameras")},
    "nodes": Copier._node, "positions": lambda copier, number: copier._accessor(number, VERTEX, bounds=True), "skins": Copier._skin,
    "textures": Copier._texture, "times": lambda copier, number: copier._accessor(number, bounds=True),
    "vertices": lambda copier, number: copier._accessor(number, VERTEX), "views": Copier._view,
}
"""What copies the objects of a collection that need more than renumbering, or whose numbers have several names."""


def with_attributes(primitives: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out primitives of which no attribute could be read; glTF knows none without."""
    return [primitive for primitive in primitives if primitive["attributes"]]


def _by_columns(array: NDArray[Any]) -> NDArray[Any]:
    """Matrices (n, rows, columns) in the order of the file, (n, columns, rows); vectors as they are."""
    return array.transpose(0, 2, 1) if array.ndim == 3 else array
