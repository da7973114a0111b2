"""Instances: many leaves with one geometry and material, edited through contiguous arrays in the user's order."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ._core import Node
from .errors import InvalidInput

if TYPE_CHECKING:
    from .geometry import Mesh
    from .scene import Scene

Field = Literal["position", "linear", "matrix", "color"]


class Edit:
    """A block in which one array of an Instances may be written; made by :meth:`Instances.edit`.

    When the block ends the range is marked as changed and its values are checked. A row with values that are not finite
    is reset (position 0, or the identity) and ``InvalidInput`` names the first one; the other rows stay as written. For
    ``"matrix"``, which is a copy, nothing is written back in that case. After the block the array is read-only.
    """

    def __init__(self, instances: Instances, field: Field) -> None:
        self._instances = instances
        self._field = field
        self._view: NDArray[Any] | None = None

    def __enter__(self) -> NDArray[Any]:
        if self._view is not None:
            raise InvalidInput("an edit block can be entered once; call edit() again")
        self._view = self._instances.scene.store.begin_edit(self._instances._range, self._field)
        return self._view

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._instances.scene.store.end_edit(self._instances._range, self._field, self._view)
        except InvalidInput:
            if kind is None:  # an exception of the block itself says more
                raise


class Instances:
    """A range of nodes that share a parent, a geometry and a material; made by :meth:`Scene.add_instances`.

    Rows keep the order in which they were made. A member that is removed, given another parent or given a child leaves the
    range and the rows close up; :attr:`ids` lists the members.

    Attributes
    ----------
    scene : Scene
    mesh : Mesh
        What each member drew when the range was made.
    name : str
    """

    def __init__(self, scene: Scene, number: int, mesh: Mesh, name: str) -> None:
        self.scene = scene
        self.mesh = mesh
        self.name = name
        self._range = number

    def __len__(self) -> int:
        return self.scene.store.range_count(self._range)

    def __getitem__(self, row: int) -> Node:
        return Node(self.scene.store, self.ids[row])

    def __iter__(self) -> Iterator[Node]:
        return (Node(self.scene.store, number) for number in self.ids.tolist())

    def __repr__(self) -> str:
        return f"<Instances {self.name!r} {len(self)} members>"

    @property
    def ids(self) -> NDArray[np.uint32]:
        """Public ids of the members in row order, (n,) uint32."""
        return self.scene.store.range_ids(self._range)

    def edit(self, field: Field) -> Edit:
        """Open a block that writes one array of all members, local to the parent.

        Parameters
        ----------
        field : {"position", "linear", "matrix", "color"}
            ``"position"``: view, (n, 3) float64, metres. ``"linear"``: view, (n, 3, 3) float32, column convention.
            ``"matrix"``: copy, (n, 4, 4) float64, written back at the end. ``"color"``: view, (n, 4) uint8, sRGB that
            replaces the base colour with alpha as the share of the blend.

        Returns
        -------
        Edit
            ``with instances.edit("position") as position: position[:] = ...``

        Raises
        ------
        InvalidInput
            Unknown field; values that are not finite when the block ends; adding, removing or moving nodes inside it.
        WrongThreadError
            Another thread is using the scene.
        """
        if field not in ("position", "linear", "matrix", "color"):
            raise InvalidInput(f"edit() takes 'position', 'linear', 'matrix' or 'color', got {field!r}")
        return Edit(self, field)

    def remove(self) -> None:
        """Remove every member from the scene; the range is empty from then on."""
        self.scene._remove_many(self.ids)
        if self._range:
            self.scene.store.free_range(self._range)
            self._range = 0  # the number of no range: nothing in it
