"""The ``View`` block of one view: what its shaders read of the camera, the picture, the sun and the environment."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .gpu.bindings import VIEW_DTYPE
from .settings import TONE_MAPPINGS
from .views import SunPlan, ViewPlan, clip_to_direction


def view_block(scene: Any, plan: ViewPlan, picture: Any, first_anchor: NDArray[np.float32], light_count: int, sun: SunPlan | None,
               sun_row: int) -> np.void:
    """Return a ``VIEW_DTYPE`` record.

    Parameters
    ----------
    scene : Scene
        Its environment and colormap are read.
    plan : ViewPlan
    picture : Renderer
        Its size, exposure, tone mapping and lod_pixels are read.
    first_anchor : (4,) float32
        Offset of anchor 0 from the eye, metres.
    light_count, sun_row : int
        Rows of lights, and which of them casts the shadow (-1: none).
    sun : SunPlan or None
    """
    ramp = scene.colormap
    steady = _steady(picture.size, picture.exposure, picture.tone_mapping, light_count, ramp.low, ramp.high)
    block: np.void = steady.copy().view(VIEW_DTYPE)[0]
    block["view_projection"] = plan.view_projection().T
    block["first_anchor"] = first_anchor
    back_x, back_y, back_z = plan.pose[:3, 2].tolist()
    block["forward"] = (-back_x, -back_y, -back_z, float(plan.parallel))
    if sun is not None:
        block["shadow_matrix"] = sun.eye_to_map.T
        block["shadow"] = (sun.texel, sun.depth_bias, sun_row, picture.lod_pixels * sun.texel)
        block["strays"] = 2.0 * picture.lod_pixels / (picture.size[1] * plan.projection[1, 1])
    environment = scene.environment
    if environment is not None:
        angle = environment.rotation
        block["clip_to_direction"] = clip_to_direction(plan).T
        block["environment"] = (math.cos(angle), math.sin(angle), environment.intensity, len(environment.specular) - 1)
    return block


@lru_cache(maxsize=16)
def _steady(size: tuple[int, int], exposure: float, tone_mapping: str, light_count: int, low: float, high: float) -> NDArray[Any]:
    """Return the bytes of what stays the same while only the camera moves: numpy copies a record field by field, bytes at once."""
    block = np.zeros(1, VIEW_DTYPE)
    block["viewport"], block["exposure"], block["tone_mapping"] = size, exposure, TONE_MAPPINGS[tone_mapping]
    block["light_count"], block["colormap_low"], block["colormap_scale"] = light_count, low, 1.0 / (high - low)
    return block.view(np.uint8)
