// The one vertex path of every pass: local space to eye space to clip space.
// Normals are carried by the cofactor matrix, so shear and uneven scale are right and no inverse is needed.
// Included by the composer as the vertex unit of shade, depth, shadow and ids programs.
#include "interface/view.glsl"
#include "interface/instance.glsl"
#define VARYING out
#include "interface/varyings.glsl"

vec3 anchor_offset() {
#ifdef MANY_ANCHORS
    return anchor_offsets[in_info.z & 0xffffffu].xyz;
#else
    return view.first_anchor.xyz;
#endif
}

// Which parts a pass draws at all. Dropping is the business of this file, so that passes share their draw lists.
bool is_dropped() {
#ifdef PART_STATES
    bool ghost = (in_state.y & uint(STATE_GHOST)) != 0u;
#if defined(PASS_GHOST)
    return !ghost;
#elif defined(PASS_SELECTION)
    return (in_state.y & uint(STATE_SELECTED)) == 0u;
#else
    return ghost;
#endif
#else
    return false;
#endif
}

// `gl_Position` must be bit-equal in all programs, or the passes disagree about depth.
invariant gl_Position;

void main() {
    vec4 local = vec4(in_position, 1.0);
    vec3 position = vec3(dot(in_row0, local), dot(in_row1, local), dot(in_row2, local)) + anchor_offset();
    gl_Position = view.view_projection * vec4(position, 1.0);
    if (is_dropped()) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);  // the same for all vertices: outside, and without area
#ifdef NEEDS_POSITION
    v_position = position;
#ifdef HAS_NORMAL
    vec3 cofactor0 = cross(in_row1.xyz, in_row2.xyz);
    vec3 cofactor1 = cross(in_row2.xyz, in_row0.xyz);
    vec3 cofactor2 = cross(in_row0.xyz, in_row1.xyz);
    v_normal = vec3(dot(cofactor0, in_normal), dot(cofactor1, in_normal), dot(cofactor2, in_normal));
#ifdef MIRRORED
    v_normal = -v_normal;  // the cofactor matrix carries the sign of the determinant
#endif
#endif
#ifdef HAS_TANGENT
    v_tangent = vec4(dot(in_row0.xyz, in_tangent.xyz), dot(in_row1.xyz, in_tangent.xyz), dot(in_row2.xyz, in_tangent.xyz), in_tangent.w);
#ifdef MIRRORED
    v_tangent.w = -v_tangent.w;
#endif
#endif
#endif
#ifdef NEEDS_MATERIAL
    v_instance = uvec2(in_info.y, in_state.x);
#ifdef PART_STATES
    v_state = in_state.yz;
#endif
#ifdef HAS_UV0
    v_uv0 = in_uv0;
#endif
#ifdef HAS_UV1
    v_uv1 = in_uv1;
#endif
#ifdef HAS_COLOR
    v_color = in_color;
#endif
#endif
#ifdef PASS_IDS
    v_id = in_info.x;
#endif
}
