"""Fields of geometries as plain values and arrays, and back: a capture is a frame, so it holds the numbers that are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from ..field import Field
from ..geometry import Geometry
from .archive import ArchiveReader
from .fields import Fields, plain_text
from .surfaces import OBJECT_BYTES


def number_values(geometries: Sequence[Geometry], arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Describe the fields of geometries, each once; numbers go to `arrays`."""
    users: dict[int, tuple[Field, list[int]]] = {}
    for number, geometry in enumerate(geometries):
        if geometry.field is not None:
            users.setdefault(id(geometry.field), (geometry.field, []))[1].append(number)
    for number, (field, _) in enumerate(users.values()):
        arrays[f"fields/{number}"] = field.shown
    return {"fields": [{"name": plain_text(field.name), "unit": plain_text(field.unit), "geometries": places}
                       for field, places in users.values()]}


def read_numbers(scene: Fields, geometries: list[Geometry], archive: ArchiveReader) -> list[Geometry]:
    """Return the geometries, with the fields of a scene's description."""
    if not scene.given("fields"):  # as in captures of the first version
        return geometries
    found = list(geometries)
    for number, fields in enumerate(scene.parts("fields")):
        archive.budget.take(OBJECT_BYTES, "A field", fields.pointer)
        name, unit, places = fields.text("name"), fields.text("unit"), fields.wholes("geometries", len(found) - 1)
        fields.done()
        if not places or any(found[place].field is not None for place in places):
            fields.refuse("geometries must name at least one, and none that has a field", name="geometries")
        values = archive.array(f"fields/{number}", "<f4", (found[places[0]].vertex_count,), finite=False)
        with fields.refusing():
            field = Field(values, name=name, unit=unit)
            for place in places:
                found[place] = found[place].with_field(field)
    return found
