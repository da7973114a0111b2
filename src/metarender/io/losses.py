"""What a scene has that a format may not hold, as noun phrases for the warning of a save."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import read_rows
from ..colormap import Colormap
from ..drawn import Drawn, material_color
from ..environment import Environment
from ..materials import Standard
from ..part_state import PartState
from ..scene import Scene

UNDER_COLORS = "textures and colours of vertices below the colours of parts"
_COLORLESS = {(1.0, 1.0, 1.0, 1.0), (0.6, 0.6, 0.6, 1.0)}
"""Linear colours of materials that nobody chose: those made in code, and those of files without any."""
_STATES = ((PartState.GHOST, "ghosts"), (PartState.SELECTED | PartState.HIGHLIGHTED, "selections"),
           (PartState.VALUE, "values of parts"))


def is_studio(environment: Environment | None) -> bool:
    """Whether an environment is the built-in one, at any intensity and rotation."""
    return environment is not None and environment.maps is Environment.studio().maps


def state_losses(scene: Scene, rows: dict[str, NDArray[Any]]) -> list[str]:
    """Return what no format holds: states of parts besides their colours, layers, actions, and what is drawn over pictures.

    `rows` are the arrays of ``read_rows``.
    """
    flags = int(np.bitwise_or.reduce(rows["flags"][rows["draws"] > 0], initial=0))
    usual, colormap = Colormap.heat(), scene.colormap
    found = [(flags & int(flag), what) for flag, what in _STATES] + [
        ((colormap.low, colormap.high) != (usual.low, usual.high) or not np.array_equal(colormap.table, usual.table), "the colormap"),
        (scene.legends, "legends"), ((rows["layers"] != 1).any(), "layers"), (rows["user"].any(), "user numbers of parts"),
        (scene.actions, "what plays, which stands where it is now"),
    ]
    return [what for is_there, what in found if is_there]


def are_colored(parts: list[Drawn]) -> bool:
    """Whether parts have colours worth telling: of vertices, several, or one that is not what a part without any is given."""
    colors = {material_color(part.material) for part in parts}
    return len(colors) > 1 or not colors <= _COLORLESS or any(part.geometry.colors is not None for part in parts)


def plain_losses(scene: Scene, parts: list[Drawn], holds: frozenset[str]) -> list[str]:
    """Return what formats do not hold that are a list of surfaces.

    Parameters
    ----------
    parts : list of Drawn
        What is written.
    holds : frozenset of str
        Which of "colours", "textures" and "emission" the format has.
    """
    environment = scene.environment
    usual = is_studio(environment) and environment is not None and (environment.intensity, environment.rotation) == (1.0, 0.0)
    materials = dict.fromkeys(part.material for part in parts)
    found = [
        ("colours" not in holds and are_colored(parts), "colours"),
        (any(any(material.texture_infos) for material in materials) and "textures" not in holds, "textures"),
        ("emission" not in holds and any(isinstance(material, Standard) and any(material.emissive) for material in materials),
         "what materials emit"),
        (any(not part.is_exact for part in parts), UNDER_COLORS), (any(part.geometry.field is not None for part in parts), "fields"),
        (any(part.is_posed for part in parts), "joints and morphs, so that figures stand as they are posed now"),
        (scene.lights, "lights"), (scene.cameras, "cameras"), (len(scene.clips), "clips"), (not usual, "the environment"),
        (not isinstance(scene.background, str) or scene.background != "transparent", "the background"),
    ]
    return [what for is_there, what in found if is_there] + state_losses(scene, read_rows(scene.store))
