"""An hour of life in one process: edits, loads, losses, resizes; then everything must be as it was in the beginning.

    python tests/soak/soak.py --frames 108000 --json soak.json        # one hour at 30 frames a second, about 12 minutes of work

The run is made of cycles. Each makes the same kinds of edits (one of four orders in turn), goes back to the first state, draws it, and
looks at memory. Two renderers draw the scene: one loses its context again and again, the other, on a device of its own, never does.

What grows: ModernGL keeps the 220 names of a context's extensions when the context goes, and the driver a little, 18 to 26 KiB in all for
each loss; for some dozens of cycles the heap also settles into pages of its own. With ``--no-losses`` nothing grows once it has settled.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import hashlib
import json
import os
import resource
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("LP_NUM_THREADS", "1")

import numpy as np
from world import World

import metarender as mr
import metarender.renderer
from metarender.gpu.device import Device

SIZE = (128, 72)
SIZES = ((96, 54), (160, 90), (64, 36), (72, 128))
OUTPUTS = ("color", "ids", "depth")
SEEDS = 4
"""Different cycles, in turns; fewer where the run is short, so that each comes again."""

STEADY = 48
"""Frames from one to the next of the renderer that never loses its context."""

PER_CYCLE = {"nodes": 40, "mesh": 6, "load": 1, "positions": 30, "moving": 40, "states": 30, "select": 5, "ghost": 5, "plain": 6,
             "isolate": 2, "show_all": 6, "reparent": 20, "material": 12, "light": 10, "settle": 6, "ask": 6, "post": 6,
             "loss": 1, "resize": 5, "size_back": 5, "occlusion": 4, "outputs": 40, "pick": 10, "memory": 4}
"""How often each thing happens in a cycle of FULL frames, less often in a shorter one; `loss` also once at its end."""

FULL = 2160

SHADOW_MAP = 512
"""Texels of the sun's map in this run; at the 4096 of the engine a software device would do little else than clear it."""

MIB = 1 << 20
ALLOWED = 8 * MIB
"""Bytes that the process may grow by over the last four fifths of the run where the slope is surely above what lost contexts alone cost."""


class Sample(NamedTuple):
    """What a process holds at the end of a cycle, in the first state."""

    resident: int
    heap: int
    blocks: int
    """Of Python's own allocator."""


class Mallinfo(ctypes.Structure):
    """mallinfo2 of glibc 2.33."""

    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
                                                     "fordblks", "keepcost")]


def sample() -> Sample:
    """Collect what is garbage and look; names that C code looked up lie in a cache of up to 4,096 and are no growth.

    Nor are pages that are free but lie between others in the heap, which glibc keeps until it is asked.
    """
    gc.collect()
    library = ctypes.CDLL(None)
    (getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache)()
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(ctypes.c_size_t(0))
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * resource.getpagesize()
    read = getattr(library, "mallinfo2", None)
    if read is None:
        return Sample(resident, 0, sys.getallocatedblocks())
    read.restype = Mallinfo
    found = read()
    return Sample(resident, found.uordblks + found.hblkhd, sys.getallocatedblocks())


def slope(values: list[int]) -> tuple[float, float]:
    """Growth a cycle by least squares, and the lower end of its 95 % range; of less than three values, both are what was seen."""
    x, y = np.arange(len(values), dtype=float), np.array(values, dtype=float)
    if len(values) < 3:
        return (float(y[-1] - y[0]),) * 2
    (rise, at), spread = np.polyfit(x, y, 1), ((x - x.mean()) ** 2).sum()
    error = np.sqrt(((y - (rise * x + at)) ** 2).sum() / (len(x) - 2) / spread)
    return float(rise), float(rise - 1.96 * error)


def context_cost(count: int = 60) -> float:
    """Bytes by which the process grows with each context that a device loses and makes anew, with nothing drawn on any of them.

    Drivers keep something of a context that is gone (45 KiB in Mesa 22.3), and ModernGL the names of its extensions.
    """
    device = Device.open("software")
    try:
        held = []
        for _ in range(count):
            device.simulate_loss()
            device.restore()
            held.append(sample().resident)
        return slope(held[count // 4:])[0]
    finally:
        device.close()


def digest(frame: mr.Frame) -> str:
    """One number for all that a frame shows."""
    found = hashlib.sha256()
    for output in OUTPUTS:
        found.update(np.ascontiguousarray(getattr(frame, output)).tobytes())
    return found.hexdigest()[:16]


class Soak:
    """The run and what it saw."""

    def __init__(self, frames: int, cycles: int, losses: bool = True) -> None:
        self.losses = losses
        self.length, self.cycles, self.seeds = frames // cycles, cycles, min(SEEDS, max(cycles // 3, 1))
        self.plan = {name: max(count * self.length // FULL, 1) for name, count in PER_CYCLE.items()}
        self.world = World()
        self.losing = mr.Renderer(size=SIZE, msaa=1, device="software")
        self.steady = mr.Renderer(size=SIZE, msaa=2, device="software")
        self.samples: list[Sample] = []
        self.hashes: list[str] = []
        self.live: list[dict[str, int]] = []
        self.live_bytes: list[int] = []
        self.steady_live: list[dict[str, int]] = []
        self.steady_bytes: list[int] = []
        self.times = np.zeros(self.length * cycles)  # seconds of processor, of all threads: other processes make no difference
        self.started = time.perf_counter()
        self.traced: list[int] = []
        self.drawn = 0
        self.context_cost = 0.0

    def run(self, progress: bool) -> None:
        """Draw everything."""
        self.first = self._look()
        for cycle in range(self.cycles):
            if cycle == self.cycles // 2:
                tracemalloc.start()
            self.world.begin(cycle % self.seeds)
            for number in range(self.length):
                self._frame(cycle, number)
            self.hashes.append(self._look())
            self._follow(cycle)
            if progress:
                print(f"\r{cycle + 1}/{self.cycles} cycles, {self.drawn} frames, {self.samples[-1].resident / MIB:.1f} MiB, "
                      f"{np.median(self.times[:self.drawn]) * 1e3:.2f} ms, {self.hashes[-1]}", end="", file=sys.stderr, flush=True)
        self.context_cost = context_cost() if self.losses else 0.0
        if progress:
            print(file=sys.stderr)

    def _frame(self, cycle: int, number: int) -> None:
        start = time.process_time()
        for offset, (name, count) in enumerate(self.plan.items()):
            # Spread over the cycle, each kind a little later than the one before, so that they meet in many ways.
            place = number * count + offset * self.length // len(self.plan)
            for _ in range((place + count) // self.length - place // self.length):
                getattr(self, f"_{name}", lambda name=name: self.world.edit(name))()
        if number % 3 == 0:  # in between, the shadow map is kept
            self.world.tick()
        self.losing.render(self.world.scene, self.world.camera).color  # noqa: B018
        if number % STEADY == 0:
            self.steady.render(self.world.scene, self.world.camera).color  # noqa: B018
        self.times[cycle * self.length + number] = time.process_time() - start
        self.drawn += 1

    def _look(self) -> str:
        """Go back to the first state and draw it with both renderers, the losing one on a context that is new."""
        self.world.reset()
        self.losing.size, self.losing.occlusion = SIZE, False
        self.steady.occlusion = False
        self._loss()
        seen = [digest(renderer.render(self.world.scene, self.world.camera, OUTPUTS)) for renderer in (self.losing, self.steady)]
        return "/".join(seen)

    def _follow(self, cycle: int) -> None:
        """Note what is held after a cycle."""
        if tracemalloc.is_tracing():
            gc.collect()
            self.traced.append(tracemalloc.get_traced_memory()[0])
            if len(self.traced) == 3:
                tracemalloc.stop()
        for renderer, live, held in ((self.losing, self.live, self.live_bytes), (self.steady, self.steady_live, self.steady_bytes)):
            gc.collect()
            renderer.device.drain()
            live.append(dict(sorted(renderer.device.live.items())))
            held.append(sum(renderer.device.live_bytes.values()))
        self.samples.append(sample())

    # --- what happens to renderers -------------------------------------------------------------------------------------

    def _loss(self) -> None:
        if not self.losses:
            return
        self.losing.simulate_loss()
        self.losing.restore()
        self.world._count("losses", 1)

    def _resize(self) -> None:
        self.losing.size = SIZES[self.world.random.integers(len(SIZES))]
        self.world._count("resizes", 1)

    def _size_back(self) -> None:
        self.losing.size = SIZE
        self.world._count("resizes", 1)

    def _occlusion(self) -> None:
        self.losing.occlusion = self.steady.occlusion = (False, "cpu", "gpu")[self.world.random.integers(3)]
        self.world._count("occlusion switched", 1)

    def _outputs(self) -> None:
        frame = self.losing.render(self.world.scene, self.world.camera, OUTPUTS)
        digest(frame)
        self.world._count("frames with ids and depth", 1)

    def _pick(self) -> None:
        """Ids that are drawn when they are asked for, of a frame that was drawn without."""
        self.losing.render(self.world.scene, self.world.camera).pick(SIZE[0] // 4, SIZE[1] // 4)
        self.world._count("picks", 1)

    def _memory(self) -> None:
        assert self.losing.memory.total >= 0 and self.world.scene.memory.total >= 0

    # --- result --------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close both renderers; nothing may be left."""
        for renderer in (self.losing, self.steady):
            renderer.close()
            assert renderer.device.live == {}, renderer.device.live

    def result(self) -> dict[str, Any]:
        """All figures, and whether the run passed."""
        warm = min(max(len(self.samples) // 5, self.seeds), len(self.samples) - 1)  # each cycle was seen once
        late = self.samples[warm:]
        rise, surely = slope([one.resident for one in late])
        heap, _ = slope([one.heap for one in late])
        blocks, _ = slope([one.blocks for one in late])
        half = len(self.live) // 2  # by then a device has made what it makes once: programs, and what is drawn with them
        lost = (self.world.counts.get("losses", 0) - 1) / len(self.samples)
        tenth = max(len(self.times) // 10, 1)
        first, last = self.times[:tenth] * 1e3, self.times[-tenth:] * 1e3
        passed = {
            "memory is flat": surely <= lost * self.context_cost or rise * len(late) < ALLOWED,
            "every hash is the first": set(self.hashes) == {self.first},
            "live objects of the losing device are the same": all(live == self.live[-1] for live in self.live[0 if self.losses else half:]),
            "live objects of the steady device are the same": all(live == self.steady_live[-1] for live in self.steady_live[half:]),
        }
        return {
            "passed": all(passed.values()), "rules": passed, "frames": self.drawn, "cycles": self.cycles, "size": SIZE,
            "edits": dict(sorted(self.world.counts.items())), "first_hash": self.first, "last_hash": self.hashes[-1],
            "hashes": len(self.hashes), "different_hashes": sorted(set(self.hashes)),
            "resident": [one.resident for one in self.samples], "heap": [one.heap for one in self.samples],
            "blocks": [one.blocks for one in self.samples], "peak_resident": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "bytes_of_a_lost_context": self.context_cost, "losses_per_cycle": lost,
            "resident_slope_per_cycle": rise, "resident_slope_at_least": surely, "heap_slope_per_cycle": heap,
            "blocks_slope_per_cycle": blocks, "traced": self.traced,
            "live": self.live[-1], "live_bytes": self.live_bytes, "steady_live": self.steady_live[-1], "steady_bytes": self.steady_bytes,
            "ms_first_tenth": {"p50": float(np.median(first)), "p99": float(np.percentile(first, 99))},
            "ms_last_tenth": {"p50": float(np.median(last)), "p99": float(np.percentile(last, 99))},
            "processor_seconds": float(self.times.sum()), "seconds": time.perf_counter() - self.started,
        }


def soak(frames: int, cycles: int, progress: bool = False, losses: bool = True) -> dict[str, Any]:
    """Run and close everything."""
    before, metarender.renderer.SHADOW_MAP_SIZE = metarender.renderer.SHADOW_MAP_SIZE, SHADOW_MAP
    try:
        run = Soak(frames, cycles, losses)
        try:
            run.run(progress)
        finally:
            run.close()
        return run.result()
    finally:
        metarender.renderer.SHADOW_MAP_SIZE = before


def main() -> int:
    """Read the command line; 0 when every rule held."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=108_000)
    parser.add_argument("--cycles", type=int, default=50, help="how often the first state comes back; memory is looked at then")
    parser.add_argument("--json", type=Path, help="where the result goes")
    parser.add_argument("--no-losses", action="store_true", help="lose no context: a driver keeps something of each")
    options = parser.parse_args()
    found = soak(options.frames, options.cycles, progress=True, losses=not options.no_losses)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1), "utf-8")
    for name in ("rules", "edits", "first_hash", "last_hash", "resident_slope_per_cycle", "resident_slope_at_least",
                 "bytes_of_a_lost_context", "heap_slope_per_cycle", "blocks_slope_per_cycle", "traced", "ms_first_tenth", "ms_last_tenth",
                 "processor_seconds", "seconds", "peak_resident"):
        print(f"{name}: {found[name]}")
    return 0 if found["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
