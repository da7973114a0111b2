"""How benchmarks take a time: the shortest of a few runs, because what disturbs a run only makes it longer."""

import time
from collections.abc import Callable


def best(call: Callable[[], object], rounds: int = 7) -> float:
    """Shortest of a few runs, seconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
