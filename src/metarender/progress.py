"""One line that tells how far a long load is, on terminals only and only once it takes long."""

from __future__ import annotations

import time
from typing import TextIO

PATIENCE_SECONDS = 0.5
REFRESH_SECONDS = 0.1


class ProgressLine:
    """Called as ``line(done, total)``; writes to a terminal, erases itself at the end.

    Parameters
    ----------
    stream : text file
        Where to write; nothing is written unless it is a terminal.
    label : str
        What is being done.
    """

    def __init__(self, stream: TextIO, label: str) -> None:
        self._stream, self._label = stream, label
        self._shown = 0
        self._started = self._last = time.perf_counter()
        self._terminal = stream.isatty()

    def __call__(self, done: int, total: int) -> None:
        now = time.perf_counter()
        if not self._terminal or now - self._started < PATIENCE_SECONDS or (self._shown and now - self._last < REFRESH_SECONDS):
            return
        self._last = now
        share = min(max(done / total, 0.0), 1.0) if total > 0 else 0.0
        text = f"{self._label} {share:4.0%} [{'#' * int(share * 30):30}] {now - self._started:.1f} s"
        self._write(text)

    def _write(self, text: str) -> None:
        self._stream.write("\r" + text.ljust(self._shown))
        self._stream.flush()
        self._shown = len(text)

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._shown:
            self._write("")
            self._stream.write("\r")
            self._stream.flush()
