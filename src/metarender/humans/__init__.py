"""Digital humans: captured motion on skeletons of any make, limbs that reach, eyes that look, faces from blend shapes.

All are plain functions of arrays, so that a second or an hour of motion costs one call.
"""

from .faces import ARKIT, morph_weights
from .limbs import aim, two_bone
from .motion import Motion, Skeleton
from .retarget import retarget

__all__ = ["ARKIT", "Motion", "Skeleton", "aim", "morph_weights", "retarget", "two_bone"]
