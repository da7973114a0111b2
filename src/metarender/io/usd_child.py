"""What reads a USD stage first: a process of its own, which a damaged file may end. Started by usd_checks.py and imports nothing of ours.

Arguments: bytes of memory, seconds of processors, whether value clips may be opened (0 or 1), file. What it reads goes nowhere; the exit
code is 0 where the library came through, whatever it said. Nothing outside the folder of the file is opened.
"""

from __future__ import annotations

import os
import sys
from typing import Any

MOVING = ("xformOp:", "visibility", "translations", "rotations", "scales")
"""Beginnings of the names of what is read at all times."""


def limit(memory: int, seconds: int) -> None:
    """Let the system end this process before it takes more bytes than it was given, or seconds of processors.

    Who started it ends it sooner, unless that one was ended itself.
    """
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def layers_of(path: str, most: int = 10_000) -> list[Any] | None:
    """Open a file and all layers that it brings, in the order of usd_checks.py; None as soon as one is missing or outside the folder."""
    from pxr import Sdf

    folder = os.path.dirname(os.path.realpath(path))
    left, seen, opened = [os.path.abspath(path)], set[str](), []
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        outer = Sdf.Layer.SplitIdentifier(name)[0].partition("[")[0]
        place = os.path.realpath(outer)
        if not os.path.isabs(outer) or os.path.commonpath([folder, place]) != folder or not os.path.isfile(place) or len(seen) > most:
            return None
        layer = Sdf.Layer.FindOrOpen(name)
        if layer is None:
            return None
        opened.append(layer)
        left += [layer.ComputeAbsolutePath(found) for found in layer.GetCompositionAssetDependencies() if found]
    return opened


def prims_of(stage: Any) -> list[Any]:
    """Every prim once: what is instanced stands in its prototype."""
    from pxr import Usd

    roots = [Usd.PrimRange.Stage(stage, Usd.PrimAllPrimsPredicate), *(Usd.PrimRange.AllPrims(root) for root in stage.GetPrototypes())]
    return [prim for prims in roots for prim in prims]


def read(prims: list[Any]) -> None:
    """Ask for every value of some prims; one that the library refuses keeps none of the others from being asked for."""
    from pxr import Tf, Usd

    for prim in prims:
        for attribute in prim.GetAttributes():
            try:
                attribute.Get(Usd.TimeCode.EarliestTime())
                if attribute.GetName().startswith(MOVING):
                    for time in attribute.GetTimeSamples():
                        attribute.Get(time)
            except (Tf.ErrorException, TypeError, ValueError, OverflowError):
                continue


def main(arguments: list[str]) -> int:
    """Compose the stage and ask for every value."""
    from pxr import Tf, Usd

    limit(int(arguments[0]), int(arguments[1]))
    try:
        layers = layers_of(arguments[3])  # held, so that none is opened twice
        if layers is None:
            return 0
        stage = Usd.Stage.Open(arguments[3])
        prims = prims_of(stage)
        if arguments[2] == "0" and any(prim.HasAuthoredMetadata("clips") for prim in prims):
            return 0
        read(prims)
    except MemoryError:
        return 1
    except (Tf.ErrorException, TypeError, ValueError, OverflowError):  # said again, and told, by who reads it next
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
