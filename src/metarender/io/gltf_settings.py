"""What glTF has no place for and we keep in ``extras["metarender"]``: of a scene background and environment, of a clip its length, of a
geometry its name.

Only what a file can hold exactly and in a few words stands there; everything else is told when a scene is saved. What a file says there is
checked whole before anything of it is used.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..animation.clips import LONGEST
from ..environment import Environment
from ..scene import Scene
from .gltf_schema import Context, Fault, Rule, array, number, one_of, record, shown, text
from .losses import is_studio

KEY = "metarender"
_MOST = 1e30
"""Of a colour, an intensity or an angle: shaders work with float32, and a scene beyond that could be loaded but not drawn."""
_COLOR = array(number(0, _MOST), lengths=(4,))
_STUDIO = record("environment", {"kind": one_of(str), "intensity": number(0, _MOST), "rotation": number(-_MOST, _MOST)},
                 required=("kind", "intensity", "rotation"))
_ANYWHERE = Context({}, ())


class Settings(NamedTuple):
    """How a scene looks besides what is in it.

    Attributes
    ----------
    background : "environment", (4,) floats, or None
        Linear RGB with straight alpha; None is the transparent one.
    studio : (float, float) or None
        Intensity and rotation (radians) of the built-in studio; None is no environment at all.
    """

    background: str | tuple[float, ...] | None = None
    studio: tuple[float, float] | None = (1.0, 0.0)

    def apply(self, scene: Scene) -> None:
        """Give a new scene these settings."""
        if self.background is not None:
            scene.background = self.background
        if self.studio != (1.0, 0.0):
            scene.environment = None if self.studio is None else Environment.studio(intensity=self.studio[0], rotation=self.studio[1])


def _background(value: Any, context: Context) -> None:
    """Accept "environment" or four numbers of at least 0, alpha at most 1."""
    if value == "environment":
        return
    _COLOR(value, context)
    if value[3] > 1:
        raise Fault("VALUE_NOT_IN_RANGE", f"The alpha {shown(value[3])} is more than 1.", 3)


def _environment(value: Any, context: Context) -> None:
    """Accept null or the studio."""
    if value is None:
        return
    _STUDIO(value, context)
    if value["kind"] != "studio":
        raise Fault("VALUE_NOT_IN_LIST", f"{shown(value['kind'])} is no kind of environment; 'studio' is one.", "kind")


_SCENE = record("scene", {"background": _background, "environment": _environment})
_CLIP = record("animation", {"duration": number(0, LONGEST)})
_GEOMETRY = record("primitive", {"name": text()})


def _entry(extras: Any, rule: Rule, where: str, notes: list[str]) -> dict[str, Any]:
    """Our entry of some extras, nothing where there is none; one that breaks the rule is noted, and nothing of it is used."""
    found = extras.get(KEY) if isinstance(extras, dict) else None
    if found is None:
        return {}
    try:
        rule(found, _ANYWHERE)
    except Fault as fault:
        notes.append(f"settings of metarender, because {fault.error(f'{where}/extras/{KEY}')}")
        return {}
    entry: dict[str, Any] = found
    return entry


def read_settings(extras: Any, where: str, notes: list[str]) -> Settings:
    """Read the settings of a scene from its extras; what is wrong there is added to the notes, and changes nothing."""
    entry = _entry(extras, _SCENE, where, notes)
    background, studio = entry.get("background"), entry.get("environment", {})
    return Settings(background if background is None or isinstance(background, str) else tuple(map(float, background)),
                    None if studio is None else (float(studio.get("intensity", 1.0)), float(studio.get("rotation", 0.0))))


def read_duration(extras: Any, last: float, where: str, notes: list[str]) -> float:
    """Return how long a clip is, seconds: `last`, the time of its last key, unless its extras say otherwise."""
    return float(_entry(extras, _CLIP, where, notes).get("duration", last))


def read_name(extras: Any, where: str, notes: list[str]) -> str:
    """Return the name of the geometry of a primitive."""
    name: str = _entry(extras, _GEOMETRY, where, notes).get("name", "")
    return name


def put_entry(owner: dict[str, Any], values: dict[str, Any], names: tuple[str, ...]) -> bool:
    """Set our entry in the extras of an object of the file, and take away what it said of `names` before.

    Returns
    -------
    bool
        False where the extras are no object, so that there is no room; nothing is changed then.
    """
    extras = owner.get("extras", {})
    if not isinstance(extras, dict):
        return not values
    before = extras.get(KEY)
    entry = {name: value for name, value in before.items() if name not in names} if isinstance(before, dict) else {}
    entry |= values
    rest = {name: value for name, value in extras.items() if name != KEY}
    if entry or rest:
        owner["extras"] = {**rest, **({KEY: entry} if entry else {})}
    elif before is not None:
        del owner["extras"]
    return True


def write_settings(scene: Scene, shown: dict[str, Any], notes: dict[str, None]) -> None:
    """Put the settings of a scene into its object in the file, and note what has no place there."""
    values: dict[str, Any] = {}
    if scene.background_color is not None:
        values["background"] = list(scene.background_color)
    elif isinstance(scene.background, str) and scene.background == "environment":
        values["background"] = "environment"
    environment = scene.environment
    if environment is None:
        values["environment"] = None
    elif not is_studio(environment):
        notes[f"the environment {environment.name!r}, since only the studio has a place in the file"] = None
    elif (environment.intensity, environment.rotation) != (1.0, 0.0):
        values["environment"] = {"kind": "studio", "intensity": environment.intensity, "rotation": environment.rotation}
    if not put_entry(shown, values, ("background", "environment")):
        notes["the background and the environment, because the extras of the scene are no object"] = None
