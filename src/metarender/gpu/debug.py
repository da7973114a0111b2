"""The driver's debug output, collected on the thread that caused it."""

from __future__ import annotations

import ctypes
from collections import deque
from dataclasses import dataclass

from . import gl_extra as g
from .current import NativeContext

MAX_MESSAGES = 1000


@dataclass(frozen=True)
class DebugMessage:
    """One message of the driver; ``high`` marks errors and undefined behaviour."""

    text: str
    high: bool
    kind: int
    severity: int
    source: int
    id: int


class DebugLog:
    """Messages of one context, newest last.

    Attributes
    ----------
    messages : deque of DebugMessage
        At most 1,000.
    """

    def __init__(self) -> None:
        self.messages: deque[DebugMessage] = deque(maxlen=MAX_MESSAGES)
        self._unseen = 0

    def listen(self, context: NativeContext, gl: g.GL) -> None:
        """Receive messages of the current context, on the calling thread (synchronous output)."""
        callback = g.DEBUG_CALLBACK(self._receive)
        context.keep = [callback]  # the driver holds its address
        gl.glEnable(g.GL_DEBUG_OUTPUT)
        gl.glEnable(g.GL_DEBUG_OUTPUT_SYNCHRONOUS)
        gl.glDebugMessageCallback(ctypes.cast(callback, ctypes.c_void_p), None)

    def take_high(self) -> int:
        """Number of high-severity messages since the last call."""
        count, self._unseen = self._unseen, 0
        return count

    def last_high(self) -> str:
        """Text of the newest high-severity message, empty if none."""
        return next((m.text for m in reversed(self.messages) if m.high), "")

    def _receive(self, source: int, kind: int, id_: int, severity: int, length: int, text: bytes | None, user: object) -> None:
        high = severity == g.GL_DEBUG_SEVERITY_HIGH and kind != g.GL_DEBUG_TYPE_OTHER
        self.messages.append(DebugMessage((text or b"").decode("utf-8", "replace").strip(), high, kind, severity, source, id_))
        self._unseen += high
