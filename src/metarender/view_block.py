"""The ``View`` block of one view: what its shaders read of the camera, the picture, the sun and the environment."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .gpu.bindings import VIEW_DTYPE
from .settings import TONE_MAPPINGS
from .views import SunPlan, ViewPlan, clip_to_direction


def view_block(scene: Any, plan: ViewPlan, picture: Any, first_anchor: NDArray[np.float32], light_count: int, sun: SunPlan | None,
               sun_row: int) -> NDArray[Any]:
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
    block = np.zeros((), VIEW_DTYPE)
    block["view_projection"] = plan.view_projection().T
    block["first_anchor"] = first_anchor
    block["forward"] = (*plan.forward, float(plan.parallel))
    block["viewport"], block["exposure"], block["tone_mapping"] = picture.size, picture.exposure, TONE_MAPPINGS[picture.tone_mapping]
    block["light_count"] = light_count
    if sun is not None:
        block["shadow_matrix"] = sun.eye_to_map.T
        block["shadow"] = (sun.texel, sun.depth_bias, sun_row, picture.lod_pixels * sun.texel)
        block["strays"] = 2.0 * picture.lod_pixels / (picture.size[1] * plan.projection[1, 1])
    ramp = scene.colormap
    block["colormap_low"], block["colormap_scale"] = ramp.low, 1.0 / (ramp.high - ramp.low)
    environment = scene.environment
    if environment is not None:
        angle = environment.rotation
        block["clip_to_direction"] = clip_to_direction(plan).T
        block["environment"] = (math.cos(angle), math.sin(angle), environment.intensity, len(environment.specular) - 1)
    return block
