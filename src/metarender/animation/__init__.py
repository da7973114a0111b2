"""Time in a scene: tracks of values, clips of tracks, the actions that play them, and procedures made from tables of steps."""

from .clips import Clip, Clips
from .mixing import Action
from .procedures import Step, procedure, read_steps
from .tracks import Track

__all__ = ["Action", "Clip", "Clips", "Step", "Track", "procedure", "read_steps"]
