"""Captures taken apart and put together again, to make damaged ones."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

Members = dict[str, bytes]


def members_of(data: bytes) -> Members:
    """What is in a capture, by name."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: Members, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of some members."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, method)
    return stream.getvalue()


def changed(path: Path, change: Callable[[Any], object], to: Path) -> Path:
    """Write a capture whose manifest was changed."""
    members = members_of(path.read_bytes())
    manifest = json.loads(members["manifest.json"])
    change(manifest)
    members["manifest.json"] = json.dumps(manifest).encode()
    to.write_bytes(packed(members))
    return to
