// The vertex attributes: those of the geometry, and the instance row (divisor 1) that baseInstance selects.
// Space: positions and normals are local; the matrix rows lead to world axes relative to the draw's anchor.
// Included by geometry/*.vert.glsl.
#include "interface/bindings.glsl"

layout(location = ATTRIBUTE_POSITION) in vec3 in_position;
#ifdef HAS_NORMAL
layout(location = ATTRIBUTE_NORMAL) in vec3 in_normal;
#endif
#ifdef HAS_TANGENT
layout(location = ATTRIBUTE_TANGENT) in vec4 in_tangent;
#endif
#ifdef HAS_UV0
layout(location = ATTRIBUTE_UV0) in vec2 in_uv0;
#endif
#ifdef HAS_UV1
layout(location = ATTRIBUTE_UV1) in vec2 in_uv1;
#endif
#ifdef HAS_COLOR
layout(location = ATTRIBUTE_COLOR) in vec4 in_color;
#endif
#ifdef SKINNED
layout(location = ATTRIBUTE_JOINTS0) in uvec4 in_joints0;
layout(location = ATTRIBUTE_WEIGHTS0) in vec4 in_weights0;
#endif
#ifdef SKINNED8
layout(location = ATTRIBUTE_JOINTS1) in uvec4 in_joints1;
layout(location = ATTRIBUTE_WEIGHTS1) in vec4 in_weights1;
#endif
#ifdef MORPHED
layout(location = ATTRIBUTE_MORPH) in uint in_morph;   // first row of its displacements
#endif
#ifdef HAS_VALUE
layout(location = ATTRIBUTE_VALUE) in float in_value;
#endif
layout(location = ATTRIBUTE_ROW0) in vec4 in_row0;
layout(location = ATTRIBUTE_ROW1) in vec4 in_row1;
layout(location = ATTRIBUTE_ROW2) in vec4 in_row2;
layout(location = ATTRIBUTE_INFO) in uvec4 in_info;    // id, material, anchor | flags << 24, first row of its pose or 0
layout(location = ATTRIBUTE_STATE) in uvec4 in_state;  // sRGB override colour with alpha = blend, flags, value, user

#ifdef MANY_ANCHORS
layout(std430, binding = STORAGE_ANCHORS) readonly buffer Anchors { vec4 anchor_offsets[]; };
#endif
