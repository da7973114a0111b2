"""What reads a USD stage first: a process of its own, which a damaged file may end. Started by usd.py and imports nothing of ours.

Arguments: bytes of memory, file. What it reads goes nowhere; the exit code is 0 where the library came through, whatever it said.
"""

from __future__ import annotations

import sys


def limit(memory: int) -> None:
    """Let the system end this process before it takes more than it was given."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(arguments: list[str]) -> int:
    """Compose the stage and ask for every value."""
    from pxr import Tf, Usd

    limit(int(arguments[0]))
    try:
        stage = Usd.Stage.Open(arguments[1])
        for prim in Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies(Usd.PrimAllPrimsPredicate)):
            for attribute in prim.GetAttributes():
                attribute.Get(Usd.TimeCode.EarliestTime())
    except MemoryError:
        return 1
    except (Tf.ErrorException, TypeError, ValueError, OverflowError):  # said again, and told, by who reads it next
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
