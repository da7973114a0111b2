"""Faces: the 52 blend shapes of ARKit by name, and how captured numbers of them become the weights of a mesh's morphs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInput

ARKIT = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft", "eyeWideLeft",
    "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight", "eyeSquintRight", "eyeWideRight",
    "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight",
    "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft",
    "mouthStretchRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp",
    "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight",
    "tongueOut",
)
"""Names of ARKit's blend shapes (ARFaceAnchor.BlendShapeLocation), in the order of the documentation."""


def plain(name: str) -> str:
    """Return a name without what makers of figures spell in their own ways: ``Face.EyeBlink_L`` is ``eyeblinkleft``."""
    short = name.replace(":", ".").rsplit(".", 1)[-1]
    for ending, whole in (("_L", "Left"), ("_R", "Right")):
        if short.endswith(ending):
            short = short[:-2] + whole
    return short.replace("_", "").replace(" ", "").lower()


def morph_weights(values: ArrayLike, morphs: Sequence[str], names: Sequence[str] = ARKIT) -> NDArray[np.float32]:
    """Return the weights of morphs out of captured blend shapes.

    Parameters
    ----------
    values : (n,) or (t, n)
        One for each of `names`, as the capture has them: mostly 0 to 1.
    morphs : m strings
        Names of a mesh's morphs; ``eyeBlink_L``, ``EyeBlinkLeft`` and ``head.eyeBlinkLeft`` are the same.
    names : n strings
        What the columns are; ARKit's by default.

    Returns
    -------
    (m,) or (t, m) float32
        0 where no column is for a morph. ``Track(node, "weights", times, weights)`` plays them.

    Raises
    ------
    InvalidInput
        Wrong shape, a value that is not finite, two names that are the same, names that are no text, or no morph that any name is for.
    """
    if isinstance(morphs, str) or isinstance(names, str) or not all(isinstance(name, str) for name in (*morphs, *names)):
        raise InvalidInput("morph_weights needs sequences of names, such as [morph.name for morph in geometry.morphs].")
    try:
        with np.errstate(over="ignore"):  # refused below
            array = np.asarray(values, np.float32)
    except (TypeError, ValueError):
        raise InvalidInput(f"morph_weights needs numbers of shape (t, {len(names)}).") from None
    if array.ndim not in (1, 2) or array.shape[-1] != len(names) or not np.isfinite(array).all():
        raise InvalidInput(f"morph_weights needs finite numbers of shape ({len(names)},) or (t, {len(names)}), not {array.shape}.")
    column = {plain(name): number for number, name in enumerate(names)}
    if len(column) < len(names):
        raise InvalidInput("morph_weights has names that are the same but for their spelling; give each column a name of its own.")
    found = [column.get(plain(morph)) for morph in morphs]
    if all(place is None for place in found):
        raise InvalidInput(f"morph_weights finds none of {', '.join(morphs[:8]) or 'no morphs'} among its names; rename the morphs.")
    out = np.zeros((*array.shape[:-1], len(found)), np.float32)
    for row, place in enumerate(found):
        if place is not None:
            out[..., row] = array[..., place]
    return out
