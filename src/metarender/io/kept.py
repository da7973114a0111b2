"""A loaded glTF file as a save needs it again: its text as bytes, and the buffers and pictures that were fetched for it.

The JSON is kept as text and parsed again by a save, so a scene holds no Python objects for what nobody asked about; buffers are the
memory that the vertices of the scene already lie in, and pictures are held as they are in the file, encoded.
"""

from __future__ import annotations

import json
from typing import Any

from ..errors import AssetError
from .gltf_accessors import Accessors
from .gltf_container import Container, Resources, buffer_bytes, parse_json
from .gltf_rules import mend_numbers
from .gltf_schema import pointer
from .limits import Budget, Limits


class Source:
    """One file.

    Parameters
    ----------
    container : Container
    limits : Limits
        With which it was loaded.
    has_decimals : bool
        Whether integers are written as decimals in it.

    Attributes
    ----------
    buffers : dict of int to memoryview
        Those that were fetched.
    images : dict of int to (bytes, str)
        Those that were fetched from files or data URIs, and the type that was declared there.
    """

    def __init__(self, container: Container, limits: Limits, has_decimals: bool) -> None:
        self._has_decimals = has_decimals
        self._path, self._text, self._binary = container.path, container.text, container.binary
        self._is_glb, self._size, self._limits = container.is_glb, container.size, limits
        self.buffers: dict[int, memoryview] = {}
        self.images: dict[int, tuple[bytes, str]] = {}

    def opened(self) -> OpenedSource:
        """Parse the text again, for one save; it was checked when it was loaded."""
        document = json.loads(str(self._text, "utf-8"))
        if self._has_decimals:
            mend_numbers(document)
        return OpenedSource(self, Container(self._path, document, self._text, self._binary, self._is_glb, self._size, 0), self._limits)


class OpenedSource:
    """A source with its JSON parsed and everything at hand; what was not fetched yet is fetched now.

    Attributes
    ----------
    source : Source
    document : dict
        As in the file; it passed `check_document` when it was loaded.
    accessors : Accessors
    """

    def __init__(self, source: Source, container: Container, limits: Limits) -> None:
        self.source = source
        self.document = container.document
        self._limits = limits
        budget = Budget(limits)
        budget.read_file(container.size, "The file", "")
        self._resources = resources = Resources(container.path.parent, budget)
        buffers = source.buffers

        def buffer(number: int) -> memoryview:  # no method, which would hold this object by way of the accessors
            if number not in buffers:
                buffers[number] = buffer_bytes(container, resources, number)
            return buffers[number]

        self.accessors = Accessors(self.document, buffer, budget)

    def json(self, uri: str) -> dict[str, Any]:
        """Return the content of a JSON file beside the source.

        Raises
        ------
        AssetError
            It cannot be read, or is no JSON object.
        """
        if not isinstance(uri, str):
            raise AssetError("A URI must be text.")
        return parse_json(self._resources.fetch(uri, "")[0], self._limits)

    def image(self, number: int) -> tuple[bytes | memoryview, str]:
        """Return a picture as it is in the file, and the type that it is declared to have.

        Raises
        ------
        AssetError
            It was not needed for drawing, and is no longer where the file says it is.
        """
        entry: dict[str, Any] = self.document["images"][number]
        if "bufferView" in entry:
            return self.accessors.view_bytes(entry["bufferView"]), entry.get("mimeType", "")
        images = self.source.images
        if number not in images:
            images[number] = self._resources.fetch(entry["uri"], pointer("images", number, "uri"))
        data, declared = images[number]
        return data, entry.get("mimeType", "") or declared
