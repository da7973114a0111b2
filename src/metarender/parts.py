"""Parts: many leaves in one range, edited through contiguous arrays in the user's order; no Python object per part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._core import STATE_DTYPE, Node
from .color import Color, to_srgb_bytes
from .errors import InvalidInput

if TYPE_CHECKING:
    from .geometry import Mesh
    from .scene import Scene

Field = Literal["position", "linear", "matrix", "color", "state"]
FIELDS = ("position", "linear", "matrix", "color", "state")


class Edit:
    """A block in which one array of a Parts may be written; made by :meth:`Parts.edit`.

    When the block ends the range is marked as changed and its values are checked. A row with values that are not finite
    is reset (position 0, the identity, or the value 0) and ``InvalidInput`` names the first one; the other rows stay as
    written. For ``"matrix"``, which is a copy, nothing is written back in that case. After the block the array is read-only.
    """

    def __init__(self, parts: Parts, field: Field) -> None:
        self._parts = parts
        self._field = field
        self._view: NDArray[Any] | None = None

    def __enter__(self) -> NDArray[Any]:
        if self._view is not None:
            raise InvalidInput("an edit block can be entered once; call edit() again")
        self._view = self._parts.scene.store.begin_edit(self._parts._range, self._field)
        return self._view

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._parts.scene.store.end_edit(self._parts._range, self._field, self._view)
        except InvalidInput:
            if kind is None:  # an exception of the block itself says more
                raise


class Parts:
    """A range of nodes that share a parent, each with one draw; made by :meth:`Scene.add_parts` and :meth:`Scene.add_instances`.

    Each part is a node like any other: ``parts[row]`` is its handle. Rows keep the order in which they were made. A part
    that is removed, given another parent or given a child leaves the range and later rows close up; :attr:`ids` lists
    what is left.

    Attributes
    ----------
    scene : Scene
    mesh : Mesh or None
        What each part drew when the range was made; None when they differ.
    name : str
    """

    def __init__(self, scene: Scene, number: int, mesh: Mesh | None, name: str) -> None:
        self.scene = scene
        self.mesh = mesh
        self.name = name
        self._range = number

    def __len__(self) -> int:
        return self.scene.store.range_count(self._range)

    @overload
    def __getitem__(self, row: int | np.integer[Any]) -> Node: ...
    @overload
    def __getitem__(self, row: slice | NDArray[Any] | Sequence[int]) -> NDArray[np.uint32]: ...
    def __getitem__(self, row: Any) -> Any:
        """Return the node of a row, or the ids (k,) uint32 of a slice, a boolean mask (n,) or an array of rows."""
        found = self.ids[row]
        return Node(self.scene.store, found) if isinstance(found, np.uint32) else found

    def __iter__(self) -> Iterator[Node]:
        return (Node(self.scene.store, number) for number in self.ids.tolist())

    def __repr__(self) -> str:
        return f"<Parts {self.name!r} {len(self)} members>"

    @property
    def ids(self) -> NDArray[np.uint32]:
        """Public ids of the parts in row order, (n,) uint32."""
        return self.scene.store.range_ids(self._range)

    def edit(self, field: Field) -> Edit:
        """Open a block that writes one array of all parts, local to the parent.

        Parameters
        ----------
        field : {"position", "linear", "matrix", "color", "state"}
            ``"position"``: view, (n, 3) float64, metres. ``"linear"``: view, (n, 3, 3) float32, column convention.
            ``"matrix"``: copy, (n, 4, 4) float64, written back at the end. ``"color"``: view, (n, 4) uint8, sRGB that
            replaces the base colour with alpha as the share of the blend. ``"state"``: view of the whole state rows, (n,)
            of ``color`` (4,) uint8, ``flags`` uint32, ``value`` float32 and ``user`` uint32.

        Returns
        -------
        Edit
            ``with parts.edit("position") as position: position[mask] += (0, 1, 0)``

        Raises
        ------
        InvalidInput
            Unknown field; values that are not finite when the block ends; adding, removing or moving nodes inside it.
        WrongThreadError
            Another thread is using the scene.
        """
        if field not in FIELDS:
            raise InvalidInput(f"edit() takes 'position', 'linear', 'matrix', 'color' or 'state', got {field!r}")
        return Edit(self, field)

    def set(self, ids: ArrayLike | slice | Sequence[Node], *, position: ArrayLike | None = None, rotation: ArrayLike | None = None,
            scale: ArrayLike | None = None, matrix: ArrayLike | None = None, color: ArrayLike | Color | None = None,
            flags: ArrayLike | None = None, value: ArrayLike | None = None, user: ArrayLike | None = None,
            visible: ArrayLike | bool | None = None) -> None:
        """Set some of the parts in one call: the cost is that of the parts named, wherever they stand.

        Parameters
        ----------
        ids : (k,) uint32, a sequence of Node, a boolean mask (n,), or a slice
            Public ids of parts of this range, as ``parts.ids[rows]`` gives them; a mask or a slice picks rows itself.
        position, rotation, scale, matrix
            (k, 3) metres, (k, 4) xyzw, (k, 3), (k, 4, 4) or (k, 3, 4): as in :meth:`Scene.set`. ``set(slice(None), matrix=...)`` is the
            fastest way to move every part; float32 matrices are taken without a copy.
        color : (k, 4) or (4,) uint8, or one colour
            sRGB override, alpha is the share of the blend.
        flags, user : (k,) or one uint32
        value : (k,) or one float
        visible : (k,) or one bool

        Raises
        ------
        InvalidInput, ReleasedError
            Wrong shapes or values, ids of other nodes; nothing is changed then.
        """
        store, whole = self.scene.store, isinstance(ids, slice) and ids == slice(None)
        if whole and matrix is not None and position is rotation is scale is color is flags is value is user is visible is None:
            store.set_range(self._range, matrix)
            return
        ids = self._members(ids)
        rows = self._states(ids, color, flags, value, user)
        shown = visible if visible is None or isinstance(visible, bool) else np.asarray(visible)
        if isinstance(shown, np.ndarray):
            if shown.dtype != bool or shown.shape not in ((), ids.shape):
                raise InvalidInput(f"visible must be a bool or an array of bool of shape {ids.shape}, got {shown.dtype} {shown.shape}")
            shown = np.broadcast_to(shown, ids.shape)
        store.set(ids, position=position, rotation=rotation, scale=scale, matrix=matrix)
        if rows is not None:
            store.set_state(ids, rows)
        if shown is not None:
            store.set_visible(ids, shown)

    def set_poses(self, position: ArrayLike, rotation: ArrayLike, scale: ArrayLike | None = None, *, order: str = "xyzw") -> None:
        """Pose every part in one call, from the arrays that a simulation keeps: nothing is copied where they are float64.

        Parameters
        ----------
        position : (n, 3) float64
            Metres, local to the parent, in row order.
        rotation : (n, 4), or (n, 9) or (n, 3, 3)
            Quaternions of any length but zero, or matrices in rows.
        scale : (n, 3), optional
            1 without it, whatever the parts had.
        order : "xyzw" or "wxyz"
            Of quaternions; MuJoCo, say, puts w first.

        Raises
        ------
        InvalidInput
            Wrong shapes, or values that are not finite; nothing is changed then.
        """
        if order not in ("xyzw", "wxyz"):
            raise InvalidInput(f"set_poses() takes order 'xyzw' or 'wxyz', got {order!r}")
        self.scene.store.set_range_poses(self._range, position, rotation, scale, order == "wxyz")

    def _states(self, ids: Any, color: Any, flags: Any, value: Any, user: Any) -> NDArray[np.void] | None:
        """State rows of ids with what is given put in, or None when nothing is."""
        given = {"color": color, "flags": flags, "value": value, "user": user}
        if all(item is None for item in given.values()):
            return None
        rows = self.scene.store.states_of(ids)
        for field, item in given.items():
            if item is None:
                continue
            try:
                array = np.asarray(item)
                if field == "color" and (array.dtype != np.uint8 or array.shape[-1:] != (4,)):
                    array = np.array(to_srgb_bytes(item))
                fits = array.dtype.kind in "iu" and (not array.size or 0 <= array.min() <= array.max() < 2**32)
                if field in ("flags", "user") and not fits:
                    raise InvalidInput(f"{field} must be whole numbers in 0 .. 4294967295, got {item!r}")
                rows[field] = array
            except InvalidInput:
                raise
            except (TypeError, ValueError) as error:
                raise InvalidInput(f"{field} does not fit {len(rows)} parts: {error}") from error
        if value is not None and not np.isfinite(rows["value"]).all():
            row = int(np.argmin(np.isfinite(rows["value"])))
            raise InvalidInput(f"value must be finite, got {rows['value'][row]} in row {row}")
        return rows

    @property
    def visible(self) -> NDArray[np.bool_]:
        """The own switch of each part, (n,) bool, read-only; assign a bool or a mask (n,) to change."""
        shown = self.scene.store.visible_of(self.ids)
        shown.flags.writeable = False
        return shown

    @visible.setter
    def visible(self, value: ArrayLike | bool) -> None:
        self.scene.store.set_visible(self.ids, value if isinstance(value, bool) else np.asarray(value))

    @property
    def state(self) -> NDArray[np.void]:
        """State rows, (n,) of ``color``, ``flags``, ``value``, ``user``: a read-only copy; :meth:`edit` or :meth:`set` change them."""
        rows = self.scene.store.states_of(self.ids)
        assert rows.dtype == STATE_DTYPE
        rows.flags.writeable = False
        return rows

    def remove(self, ids: ArrayLike | slice | Sequence[Node] | None = None) -> None:
        """Remove some parts, or every one: the range is empty from then on.

        Parameters
        ----------
        ids : (k,) uint32, a sequence of Node, a boolean mask (n,), or a slice, optional
            As in :meth:`set`.
        """
        if ids is not None:
            chosen = self._members(ids)
            self.scene._remove_many(chosen)
            return
        self.scene._remove_many(self.ids)
        if self._range:
            self.scene.store.free_range(self._range)
            self.scene._ranges.pop(self._range, None)
            self._range = 0  # the number of no range: nothing in it

    def _members(self, ids: ArrayLike | slice | Sequence[Node]) -> NDArray[np.uint32]:
        """Public ids (k,) uint32 that were checked to be of these parts."""
        if isinstance(ids, slice):
            return self.ids[ids]
        if isinstance(ids, np.ndarray) and ids.dtype == np.bool_:
            if ids.shape != (len(self),):
                raise InvalidInput(f"a mask of these parts must have shape ({len(self)},), got {ids.shape}")
            return self.ids[ids]
        ranges = self.scene.store.ranges_of(ids)
        if (ranges != self._range).any():
            row = int(np.argmax(ranges != self._range))
            raise InvalidInput(f"the node in row {row} of ids is not one of these parts; use scene.set for nodes of any kind")
        return np.array([int(k.id) if isinstance(k, Node) else k for k in ids] if isinstance(ids, Sequence) else ids, dtype=np.uint32)


Instances = Parts
"""Parts with one geometry."""
