"""Plants every fault of the table in a copy of the tree and tells which tests notice.

    python tests/faults/run_faults.py [--out DIR] [--only PATTERN] [--part K/N]

Writes DIR/faults.json, to which several parts add up, and DIR/faults.md. Exit code 1 where a fault was missed. The tests must pass
without a fault; a fault counts as caught only where a test fails by an assertion. Needs a compiler for faults of the core.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from faults import FAULTS, Fault
from outcomes import PASSED
from workspace import Workspace, as_json

FLIP_THRESHOLDS = (0.05, 0.01)
"""Customary limits of mean FLIP between two pictures that count as equal."""


def chosen(options: argparse.Namespace) -> list[Fault]:
    """The faults that were asked for."""
    part, parts = map(int, options.part.split("/"))
    found = [fault for fault in FAULTS if re.search(options.only, fault.name)]
    return found[len(found) * (part - 1) // parts:len(found) * part // parts]


def worst(record: dict[str, Any]) -> dict[str, Any] | None:
    """The picture with the largest mean FLIP."""
    found: dict[str, Any] | None = max(record["figures"], key=lambda row: row["flip"], default=None)
    return found


def table(records: list[dict[str, Any]]) -> str:
    """The report as Markdown."""
    caught = sum(record["caught"] for record in records)
    shown = [record for record in records if record["figures"]]
    missed = {limit: [record for record in shown if worst(record)["flip"] < limit] for limit in FLIP_THRESHOLDS}
    gated = {limit: sum(any(row["gates"] for row in record["figures"]) for record in rows) for limit, rows in missed.items()}
    lines = [f"{len(records)} faults, {caught} caught.", "",
             *(f"Mean FLIP below {limit} in every picture: {len(rows)} of {len(shown)} that change a card; our gates refuse {gated[limit]} "
               "of them even for another version of the rasteriser, equal bytes refuse all." for limit, rows in missed.items()), "",
             "| fault | in | caught by | largest mean FLIP | worst tile | share | blob | gates |", "|---|---|---|---|---|---|---|---|"]
    for record in records:
        row = worst(record)
        measured = "| | | | |" if row is None else (f"| {row['flip']:.4f} | {row['tile']:.1f} | {row['share']:.2%} | {row['blob']} | "
                                                    f"{'refuse' if any(r['gates'] for r in record['figures']) else 'pass'}")
        names = [test.removeprefix("tests/").replace("|", "\\|") for test in record["failed"]]
        by = ", ".join(f"`{name}`" for name in names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "") or "**nothing**"
        lines.append(f"| {record['name']} | `{record['file'].removeprefix('src/metarender/')}` | {by} {measured} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run what was asked for; 0 where everything was caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("faults"))
    parser.add_argument("--only", default="", help="a regular expression for names")
    parser.add_argument("--part", default="1/1", help="the K-th of N stretches of the table")
    options = parser.parse_args()
    selected, kept = chosen(options), options.out / "faults.json"
    records = {record["name"]: record for record in (json.loads(kept.read_text("utf-8")) if kept.is_file() else [])}
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        ended = workspace.run(sorted({test for fault in selected for test in fault.tests}))
        if not ended or set(ended.values()) != {PASSED}:
            print("Without a fault, these do not pass:", *(test for test, how in ended.items() if how != PASSED), sep="\n  ")
            return 2
        print(f"{len(ended)} tests pass without a fault.", flush=True)
        for fault in selected:
            start = time.perf_counter()
            verdict = workspace.try_fault(fault)
            records[fault.name] = as_json(verdict)
            print(f"{'caught' if verdict.caught else 'MISSED'}  {fault.name}: {len(verdict.failed)} failed, {len(verdict.broken)} broken, "
                  f"{time.perf_counter() - start:.1f} s", flush=True)
            options.out.mkdir(parents=True, exist_ok=True)
            ordered = [records[f.name] for f in FAULTS if f.name in records]
            kept.write_text(json.dumps(ordered, indent=1), "utf-8")
            (options.out / "faults.md").write_text(table(ordered), "utf-8")
    return 0 if all(records[fault.name]["caught"] for fault in selected) else 1


if __name__ == "__main__":
    sys.exit(main())
