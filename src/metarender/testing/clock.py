"""A clock that stands still until a test moves it."""

from __future__ import annotations

from ..checks import number


class VirtualClock:
    """Seconds that pass only when asked for; the ``clock`` fixture puts it in the place of the ``time`` module's clocks.

    Counted in whole nanoseconds, so that a thousand steps of a millisecond are one second.
    """

    def __init__(self) -> None:
        self._nanoseconds = 0

    def now(self) -> float:
        """Seconds since the test began."""
        return self._nanoseconds / 1e9

    def now_ns(self) -> int:
        """Nanoseconds since the test began."""
        return self._nanoseconds

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises
        ------
        InvalidInput
            Time does not run backwards, and stays below a thousand years.
        """
        self._nanoseconds += round(number(seconds, "clock.advance seconds", 0.0, 3.2e10) * 1e9)
