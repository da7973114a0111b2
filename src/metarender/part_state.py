"""What can be said of a part besides where it is: ghost, selected, highlighted, a value, and what is shown at all."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntFlag
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._core import Node, Store, change_state, parents_of
from .color import to_srgb_bytes
from .errors import InvalidInput
from .parts import Parts

if TYPE_CHECKING:
    from .scene import Scene


class PartState(IntFlag):
    """Bits of the ``flags`` field of a state row; interface/instance.glsl holds the same numbers."""

    GHOST = 1
    """Drawn as a pale film, casts no shadow, and is not picked."""
    SELECTED = 2
    """Outlined, also through what hides it."""
    HIGHLIGHTED = 4
    """Brightened."""
    VALUE = 8
    """Coloured by its value through the colormap of the scene."""


def ids_of(parts: Any, store: Store) -> NDArray[np.uint32]:
    """Return the ids of a Node, of an Instances, of a sequence of nodes, or of ids, (n,) uint32.

    Raises
    ------
    InvalidInput
        The argument is none of these, or of another scene than `store`.
    """
    found = [parts] if isinstance(parts, Node) else getattr(parts, "ids", parts)
    if isinstance(found, Iterable) and not isinstance(found, (np.ndarray, str)):
        found = list(found)
        if any(part.store is not store for part in found if isinstance(part, Node)):
            raise InvalidInput("parts has a node of another scene; give nodes of this one.")
        found = [part.id if isinstance(part, Node) else part for part in found]
    if isinstance(parts, Parts) and parts.scene.store is not store:
        raise InvalidInput("parts are of another scene; give those of this one.")
    try:
        array = np.atleast_1d(np.asarray(found))
    except ValueError:
        array = np.empty(0, object)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InvalidInput(f"parts must be a Node, an Instances, nodes, or ids, not {type(parts).__name__}.")
    return array.astype(np.uint32)


def _override(color: Any, count: int) -> NDArray[np.uint8]:
    """Return what colours a part: bytes as they are, or any colour of the library with its alpha as the blend."""
    if isinstance(color, np.ndarray) and color.dtype == np.uint8 and color.shape in ((4,), (count, 4)):
        return color
    return np.array(to_srgb_bytes(color), np.uint8)


def set_state(scene: Scene, parts: Any, *, color: Any = None, ghost: bool | None = None, selected: bool | None = None,
              highlighted: bool | None = None, value: ArrayLike | None = None, visible: bool | None = None) -> None:
    """Change the state of parts and leave what is not named as it is; see ``Scene.set_state``."""
    ids = ids_of(parts, scene.store)
    clear = give = PartState(0)
    for flag, on in ((PartState.GHOST, ghost), (PartState.SELECTED, selected), (PartState.HIGHLIGHTED, highlighted)):
        if on is not None:
            give, clear = (give | flag, clear) if on else (give, clear | flag)
    if value is not None:
        give |= PartState.VALUE
    override = None if color is None else _override(color, len(ids))
    if clear or give or override is not None:
        change_state(scene.store, ids, clear=int(clear), set=int(give), color=override, value=value)
    if visible is not None:
        scene.store.set_visible(ids, bool(visible))


def isolate(scene: Scene, parts: Any) -> None:
    """Hide everything but the parts, what is below them, and what they hang from."""
    everything = scene.store.subtree()
    order = np.argsort(everything)
    parents = parents_of(scene.store, everything)
    # Place of each node's parent in `everything`; a top-level node is its own.
    above = order[np.searchsorted(everything, parents, sorter=order) % len(order)] if len(order) else order
    above = np.where(parents == 0, np.arange(len(everything)), above)
    below = np.isin(everything, ids_of(parts, scene.store))
    over = below.copy()
    while True:  # each round looks twice as far up as the one before
        below = below | below[above]
        over[above[over]] = True
        higher = above[above]
        if np.array_equal(higher, above):
            break
        above = higher
    kept = below | over
    scene.store.set_visible(everything[kept], True)
    scene.store.set_visible(everything[~kept], False)


def show_all(scene: Scene) -> None:
    """Show everything again: visible, and no ghosts."""
    everything = scene.store.subtree()
    scene.store.set_visible(everything, True)
    change_state(scene.store, everything, clear=int(PartState.GHOST))
