"""The Python twin of ``shaders/interface``: binding numbers and the layout of every struct that GLSL shares."""

from __future__ import annotations

import numpy as np

ATTRIBUTES = {"in_position": 0, "in_normal": 1, "in_tangent": 2, "in_uv0": 3, "in_uv1": 4, "in_color": 5, "in_value": 5,
              "in_joints0": 6, "in_weights0": 7, "in_row0": 8, "in_row1": 9, "in_row2": 10, "in_info": 11, "in_state": 12,
              "in_joints1": 13, "in_weights1": 14, "in_morph": 15}
BLOCK_VIEW, BLOCK_OCCLUSION = 0, 1
STORAGE_ANCHORS, STORAGE_MATERIALS, STORAGE_LIGHTS = 0, 1, 2
STORAGE_DEFORM, STORAGE_MORPHS = 3, 4
STORAGE_RUNS, STORAGE_STAGING, STORAGE_TARGET = 3, 4, 5
STORAGE_PLACES, STORAGE_BITS, STORAGE_PYRAMID = 4, 6, 7
STORAGE_BOXES, STORAGE_CULL_ANCHORS, STORAGE_BLOCKS = 3, 4, 5
"""Compute shaders share the numbers from 3 on: OpenGL 4.3 promises eight. Draws that deform bind theirs each time."""
UNIT_SLOT_0, UNIT_SLOT_1, UNIT_SLOT_2, UNIT_SLOT_3, UNIT_SLOT_4 = 0, 1, 2, 3, 4
"""A material's texture slots; slot n is unit n."""

UNIT_ENVIRONMENT_SPECULAR, UNIT_ENVIRONMENT_IRRADIANCE, UNIT_ENVIRONMENT_DFG, UNIT_SHADOW, UNIT_SOURCE = 8, 9, 10, 11, 12
UNIT_COLORMAP = 13

STATE_GHOST, STATE_SELECTED, STATE_HIGHLIGHTED, STATE_VALUE = 1, 2, 4, 8
"""Flags of a state row, as ``metarender.part_state.PartState`` has them."""

VIEW_DTYPE = np.dtype([("view_projection", "f4", (4, 4)), ("clip_to_direction", "f4", (4, 4)), ("shadow_matrix", "f4", (4, 4)),
                       ("first_anchor", "f4", 4), ("forward", "f4", 4), ("shadow", "f4", 4), ("environment", "f4", 4),
                       ("viewport", "f4", 2), ("exposure", "f4"), ("tone_mapping", "i4"), ("light_count", "i4"), ("colormap_low", "f4"),
                       ("colormap_scale", "f4"), ("strays", "f4")])
"""``View`` of interface/view.glsl (std140); matrices are stored transposed, because GLSL reads columns."""

BLOCK_BYTES = 512
"""Bytes from one ``View`` block to the next: their size rounded up to the strictest alignment that drivers ask for."""

LIGHT_DTYPE = np.dtype([("position", "f4", 4), ("direction", "f4", 4), ("color", "f4", 4), ("cone", "f4", 4)])
"""``Light`` of interface/lights.glsl (std430)."""
