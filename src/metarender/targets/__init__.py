"""Where a finished picture goes: a window, an offscreen picture, later a stream or a host's context."""
