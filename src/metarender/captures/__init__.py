"""A frame with all that it needs in one file: ``capture`` writes it, ``open_capture`` reads it, ``replay`` draws it again and compares."""

from .opening import Capture, open_capture
from .replaying import Difference, Replay, replay
from .writing import capture

__all__ = ["Capture", "Difference", "Replay", "capture", "open_capture", "replay"]
