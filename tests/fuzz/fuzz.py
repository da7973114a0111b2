"""Fuzzes the loaders for a while: ``python tests/fuzz/fuzz.py --seconds 60``; the same seed gives the same files.

Findings are written to ``--out`` as files; a finding that is mended moves to ``tests/fuzz/corpus``. With ``--atheris`` libFuzzer chooses
what to damage by the branches that it reaches (``pip install atheris``), and everything after ``--`` is handed to it.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import mutate
import targets

MEMORY = 1 << 30
"""Bytes of address space that a process may take beyond what it has when it starts."""


def limit_memory() -> None:
    """Make every allocation beyond the limit fail, which is then a finding."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def run(kind: str, seed: int, count: int | None, seconds: float, out: Path, folders: tuple[Path, ...] = ()) -> tuple[int, int, int]:
    """Fuzz one loader until `count` files or `seconds` are over; return how many ran, were loaded, and broke a rule."""
    seeds, damage = targets.seeds_of(kind, folders), targets.MUTATORS[kind]
    end = time.monotonic() + seconds
    ran = loaded = broken = 0
    while ran != count and time.monotonic() < end:
        data = damage(random.Random(f"{kind} {seed} {ran}"), seeds)
        ran += 1
        try:
            loaded += targets.call(kind, data)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            broken += 1
            keep(out, kind, data, f"{seed}-{ran - 1}", error)
    return ran, loaded, broken


def keep(out: Path, kind: str, data: bytes, name: str, error: BaseException) -> None:
    """Write a finding."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{kind}-{name}").write_bytes(data)
    print(f"{kind} {name}: {type(error).__name__}: {str(error)[:300]}", flush=True)


def with_atheris(kind: str, options: list[str], folders: tuple[Path, ...]) -> None:
    """Hand the loader to libFuzzer: what it found worth keeping is damaged further, by our mutator or by its own."""
    import atheris

    seeds, damage = targets.seeds_of(kind, folders), targets.MUTATORS[kind]

    def mutator(data: bytes, size: int, seed: int) -> bytes:
        chance = random.Random(seed)
        kept = mutate.parts_of_bytes(data) if kind == "gltf" else None if kind == "capture" else data or None
        if chance.random() < 0.2:
            return bytes(atheris.Mutate(data, size))
        return damage(chance, seeds if kept is None or chance.random() < 0.2 else [kept])[:size]

    atheris.instrument_all()
    atheris.Setup([sys.argv[0], *options], lambda data: targets.call(kind, data) and None, custom_mutator=mutator)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=[*targets.LOADERS, "all"], default="all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--executions", type=int, help="stop after so many files of each kind")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each kind")
    parser.add_argument("--seeds", type=Path, action="append", default=[], help="a folder of further sound glTF files")
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--atheris", action="store_true")
    parser.add_argument("options", nargs="*", help="for libFuzzer")
    given = parser.parse_args()
    limit_memory()
    if given.atheris:
        with_atheris("gltf" if given.kind == "all" else given.kind, given.options, tuple(given.seeds))
    found = 0
    for kind in targets.LOADERS if given.kind == "all" else [given.kind]:
        if given.kind == "all" and kind in targets.NEEDS and find_spec(targets.NEEDS[kind]) is None:
            print(f"{kind}: not fuzzed, {targets.NEEDS[kind]} is not installed", flush=True)
            continue
        start = time.monotonic()
        ran, loaded, broken = run(kind, given.seed, given.executions, given.seconds, given.out, tuple(given.seeds))
        took = time.monotonic() - start
        print(f"{kind}: {ran} files, {loaded} loaded, {broken} findings, {ran / took:.0f} a second", flush=True)
        found += broken
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
