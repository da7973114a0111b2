// What culling on the device knows of a view, of the boxes of its draws, and of the depth that they are tested against.
// Space: boxes are relative to their anchors, in world axes; x and y along the picture in pixels, from the bottom left.
// Included by compute/occlude.comp.glsl. Python: GPU_VIEW_DTYPE of metarender._core (std140), BOX rows of Store.fill_rows.
#include "interface/bindings.glsl"

layout(std140, binding = BLOCK_OCCLUSION) uniform OcclusionView {
    vec4 axes[3];    // right, up and forward of the camera
    vec4 planes[6];  // unit normals of the frustum
    vec2 gain;       // x = gain x / z + shift; without the division in a parallel view
    vec2 shift;
    vec2 size;       // pixels of the picture
    vec2 depth;      // depth = depth.x / z + depth.y: 1 at the near plane, smaller behind
    float near;      // metres; what reaches nearer is not measured
    int parallel;
    uint layers;
    uint spare;
} occlusion;

// Two vectors a draw slot: centre and anchor; half extents and layers. Those of slots without a draw say nothing.
layout(std430, binding = STORAGE_BOXES) readonly buffer Boxes { uvec4 box_rows[]; };

// Three vectors an anchor: its origin in camera axes and what rounding may add to an extent; distances of the six planes.
layout(std430, binding = STORAGE_CULL_ANCHORS) readonly buffer CullAnchors { vec4 cull_anchors[]; };
