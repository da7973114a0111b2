// What a pass knows of its view. "Eye space" here means world axes with the origin at the eye: positions are small
// numbers wherever the camera stands, and moving the camera changes this block and the anchor offsets only.
// Included by every vertex and fragment shader. Python: VIEW_DTYPE in src/metarender/gpu/bindings.py (std140).
#include "interface/bindings.glsl"

layout(std140, binding = BLOCK_VIEW) uniform View {
    mat4 view_projection;          // eye space to clip space, reversed-Z
    mat4 clip_to_direction;        // clip (x, y, 1, 1) to an eye-space direction, for the sky
    mat4 shadow_matrix;            // eye space to shadow map: xy 0..1, z reversed depth
    vec4 first_anchor;             // offset of anchor 0, for scenes that have no other
    vec4 forward;                  // xyz: where the camera looks; w: 1 for a parallel projection
    vec4 shadow;                   // texel size in metres, depth bias, index of the light or -1, metres that its casters may stray
    vec4 environment;              // cos and sin of its rotation, intensity, last specular level
    vec2 viewport;                 // pixels
    float exposure;
    int tone_mapping;              // TONE_* of lib/tonemap.glsl
    int light_count;
    float colormap_low;            // value that gets the first colour
    float colormap_scale;          // 1 over the range of values
    float strays;                  // metres that surfaces may stray, for each metre of depth (parallel: at any depth)
} view;
