"""Clips of a scene as glTF animations: those of files with their own curves, those made in code from their arrays (glTF 2.0, 3.11)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..animation.clips import Clip
from ..animation.tracks import Track
from ..camera import Camera, PerspectiveCamera
from ..lights import Light
from ..materials import Material
from ..origin import KeptFile
from ..scene import Scene
from .gltf_animations import FACTORS, PROPERTIES
from .gltf_copied_clips import OTHER_MORPHS, SHEARED_CURVES
from .gltf_copying import Copier
from .gltf_document import Document
from .gltf_rows import Plan
from .gltf_settings import KEY, put_entry
from .gltf_surfaces import Surfaces, put_label

_PATHS = {"position": "translation", "rotation": "rotation", "scale": "scale", "weights": "weights"}
_CURVES = {"step": "STEP", "linear": "LINEAR", "cubic": "CUBICSPLINE"}
POINTER = "KHR_animation_pointer"


class ClipWriter:
    """Writes the clips of a scene once its nodes have their places.

    Parameters
    ----------
    document : Document
    scene : Scene
    plan : Plan
    surfaces : Surfaces
    kept : list of KeptFile
    enter : callable
        ``enter(kept)`` returns the `Copier` of a file, for the nodes that the scene has of it.
    """

    def __init__(self, document: Document, scene: Scene, plan: Plan, surfaces: Surfaces, kept: list[KeptFile],
                 enter: Callable[[KeptFile], Copier]) -> None:
        self._document, self._scene, self._plan, self._surfaces = document, scene, plan, surfaces
        self._kept, self._enter = kept, enter
        self._accessors: dict[tuple[Any, ...], int] = {}
        self._alive: list[Any] = []

    def write(self) -> None:
        """Write all clips, in their order."""
        for clip in self._scene.clips:
            copier = self._file_of(clip)
            if copier is None:
                self._write(clip)
                continue
            assert clip._origin is not None
            number = copier.found("animations", clip._origin.number)
            if number is not None:
                self._label(self._document.lists["animations"][number], clip)

    def _file_of(self, clip: Clip) -> Copier | None:
        """The copier of the file that a clip is of, set to the nodes that it drives; None for one made in code, and for one that drives
        the weights of instances that became nodes of their own."""
        origin = clip._origin
        weighed = [track.target for track in clip.tracks if track.path == "weights" and isinstance(track.target, np.ndarray)]
        if any(row in self._plan.showing for target in weighed for row in self._plan.rows_of(target)):
            return None
        files = [] if origin is None else [kept for kept in self._kept if kept.source is origin.source]
        driven = next((track.target for track in clip.tracks if isinstance(track.target, np.ndarray)), None)
        for kept in files:
            if driven is None or np.isin(driven, kept.ids).any():
                return self._enter(kept)
        return None

    def _label(self, entry: dict[str, Any], clip: Clip) -> None:
        """Give the animation of a file what its clip is called now, and how long it is where that was changed."""
        extras = entry.get("extras")
        ours = {KEY: extras[KEY]} if isinstance(extras, dict) and KEY in extras else {}
        put_label(entry, clip.name, {**clip.extras, **ours})
        if clip._origin is not None and clip.duration != clip._origin.held:
            put_entry(entry, {"duration": clip.duration}, ("duration",))

    def _write(self, clip: Clip) -> None:
        channels: list[dict[str, Any]] = []
        samplers: list[dict[str, Any]] = []
        taken: set[tuple[int, str]] = set()
        for track in clip.tracks:
            times = track.times.astype(np.float32)
            if times[0] < 0:
                self._document.notes["curves that begin before 0 seconds"] = None
                continue
            keys = np.flatnonzero(np.diff(times, prepend=np.float32(-1)) > 0)  # float32 may not tell two keys apart
            for targets, row, factor in self._targets(track):
                free = [target for target in targets if self._take(target, taken)]
                if free:
                    samplers.append(self._sampler(track, times[keys], keys, row, factor))
                    channels += [{"sampler": len(samplers) - 1, "target": target} for target in free]
        if not channels:
            self._document.notes[f"the clip {clip.name!r}, of which no curve is left"] = None
            return
        entry: dict[str, Any] = {"channels": channels, "samplers": samplers}
        put_label(entry, clip.name, clip.extras)
        last = max(self._document.lists["accessors"][sampler["input"]]["max"][0] for sampler in samplers)
        if not math.isclose(clip.duration, last, rel_tol=1e-6):  # times are float32 in the file
            put_entry(entry, {"duration": clip.duration}, ("duration",))
        self._document.add("animations", entry)

    def _take(self, target: dict[str, Any], taken: set[tuple[int, str]]) -> bool:
        """Whether a target is the first of its kind in a clip; glTF knows no curves that are mixed (glTF 2.0, 3.11)."""
        if "node" not in target:
            return True
        key = target["node"], target["path"]
        if key in taken:
            self._document.notes["the second curve of one property in a clip"] = None
            return False
        taken.add(key)
        return True

    def _targets(self, track: Track) -> list[tuple[list[dict[str, Any]], int, float]]:
        """What a track drives: targets of channels, the row of its values that drives them, and what these are divided by."""
        if not isinstance(track.target, np.ndarray):
            return self._pointed(track.target, track.path)
        if track.path not in _PATHS:
            self._document.notes[f"curves of the {track.path} of parts"] = None
            return []
        plan, ids = self._plan, track.target
        places = plan.morphed(ids) if track.path == "weights" else [[] if at is None else [at] for at in plan.places(ids)]
        if [] in places:
            self._document.notes["curves of nodes that are not there, or of too many parts"] = None
        targets = [(row, {"node": driven, "path": _PATHS[track.path]}) for row, found in enumerate(places) for place in found
                   if (driven := self._driven(place, track)) is not None]
        if track.values.shape[-2] == 1:
            return [([target for _, target in targets], 0, 1.0)] if targets else []
        return [([target], row, 1.0) for row, target in targets]

    def _driven(self, place: int, track: Track) -> int | None:
        """Return the node of the file that a track drives, None where it cannot."""
        if track.path == "weights" and self._document.morphs_of(place) != track.values.shape[-1]:
            self._document.notes[OTHER_MORPHS] = None
            return None
        found = self._plan.driven_place(place, track.path)
        if found is None:
            self._document.notes[SHEARED_CURVES] = None
        return found

    def _pointed(self, thing: Material | Light | Camera, path: str) -> list[tuple[list[dict[str, Any]], int, float]]:
        """An attribute as a JSON pointer (KHR_animation_pointer); nothing where the scene has no such thing or glTF no such attribute."""
        kind, place = self._place(thing)
        names = PROPERTIES[kind]
        if isinstance(thing, Camera):
            body = "perspective/" if isinstance(thing, PerspectiveCamera) else "orthographic/"
            names = {name: attribute for name, attribute in names.items() if name.startswith(body)}
        name = next((name for name, attribute in names.items() if attribute == path), None)
        if place is None or name is None:
            self._document.notes[f"curves of the {path} of a {type(thing).__name__}"] = None
            return []
        where = f"/extensions/KHR_lights_punctual/lights/{place}" if kind == "lights" else f"/{kind}/{place}"
        return [([{"path": "pointer", "extensions": {POINTER: {"pointer": f"{where}/{name}"}}}], 0, FACTORS.get(name, 1.0))]

    def _place(self, thing: Material | Light | Camera) -> tuple[str, int | None]:
        """Collection and number of a thing, None where the scene does not have it."""
        if isinstance(thing, Material):
            return "materials", self._surfaces.material(thing) if _has(self._scene.material_list, thing) else None
        if isinstance(thing, Light):
            return "lights", self._surfaces.light(thing) if _has(self._scene._lights.values(), thing) else None
        return "cameras", self._surfaces.camera(thing) if _has(self._scene._cameras.values(), thing) else None

    def _of_unit_length(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cubic rotations (k, 3, 4) whose keys have length 1, as glTF asks; keys of one length turn as they did before (glTF 2.0, 3.11)."""
        length = np.linalg.norm(values[:, 1].astype(np.float64), axis=1)
        if (np.abs(length - 1) < 1e-6).all():
            return values
        if np.ptp(length) > 1e-6 * length.max():
            self._document.notes["lengths of the keys of cubic rotations"] = None
        unit: NDArray[np.float32] = (values / length[:, None, None]).astype(np.float32)
        return unit

    def _sampler(self, track: Track, times: NDArray[np.float32], keys: NDArray[np.intp], row: int, factor: float) -> dict[str, Any]:
        """One curve: for cubic ones in-tangent, value and out-tangent of each key (glTF 2.0, 3.11)."""
        self._alive.append(track)
        curve = "step" if len(keys) < 2 and track.interpolation == "cubic" else track.interpolation  # one key has no tangents
        begin, key = (id(track.times),), (id(track.values), row, factor, track.path == "weights")
        if begin not in self._accessors:
            self._accessors[begin] = self._document.accessor(times, bounds=True)
        if key not in self._accessors:
            values = (track.values[keys][..., row, :] / factor).astype(np.float32)
            if track.path == "rotation" and track.interpolation == "cubic":
                values = self._of_unit_length(values)
            if curve == "step" and track.interpolation == "cubic":
                values = values[:, 1]
            width = 1 if track.path == "weights" else values.shape[-1]
            self._accessors[key] = self._document.accessor(values.reshape(-1, width))
        entry: dict[str, Any] = {"input": self._accessors[begin], "output": self._accessors[key]}
        if curve != "linear":
            entry["interpolation"] = _CURVES[curve]
        return entry


def _has(things: Iterable[Any], thing: Any) -> bool:
    return any(thing is other for other in things)
