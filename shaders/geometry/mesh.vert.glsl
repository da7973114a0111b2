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

#if defined(SKINNED) || defined(MORPHED)
#define DEFORMED
#include "geometry/deform.glsl"
#endif

// `gl_Position` must be bit-equal in all programs, or the passes disagree about depth.
invariant gl_Position;

void main() {
    vec4 row0 = in_row0, row1 = in_row1, row2 = in_row2;
    vec3 local = in_position, normal = vec3(0.0), tangent = vec3(0.0);
#ifdef HAS_NORMAL
    normal = in_normal;
#endif
#ifdef HAS_TANGENT
    tangent = in_tangent.xyz;
#endif
#ifdef MORPHED
    if (in_info.w != 0u) morph(in_info.w, local, normal, tangent);
#endif
#ifdef SKINNED
    uint palette = in_info.w != 0u ? deform[in_info.w].x : 0u;
    if (palette != 0u) skin(palette, row0, row1, row2);
#endif
    vec4 place = vec4(local, 1.0);
    vec3 position = vec3(dot(row0, place), dot(row1, place), dot(row2, place)) + anchor_offset();
    gl_Position = view.view_projection * vec4(position, 1.0);
    if (is_dropped()) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);  // the same for all vertices: outside, and without area
#ifdef NEEDS_POSITION
    v_position = position;
    float side = 1.0;  // the cofactor matrix carries the sign of the determinant
#ifdef MIRRORED
    side = -1.0;
#endif
#ifdef HAS_NORMAL
    vec3 cofactor0 = cross(row1.xyz, row2.xyz);
    vec3 cofactor1 = cross(row2.xyz, row0.xyz);
    vec3 cofactor2 = cross(row0.xyz, row1.xyz);
    v_normal = vec3(dot(cofactor0, normal), dot(cofactor1, normal), dot(cofactor2, normal));
#ifdef DEFORMED
    if (in_info.w != 0u) {  // joints may mirror where their node does not, and each vertex has a length of its own
        side = dot(row0.xyz, cofactor0) < 0.0 ? -1.0 : 1.0;
        float length2 = dot(v_normal, v_normal);
        v_normal *= length2 > 0.0 ? inversesqrt(length2) : 0.0;
    }
#endif
    v_normal *= side;
#endif
#ifdef HAS_TANGENT
    v_tangent = vec4(dot(row0.xyz, tangent), dot(row1.xyz, tangent), dot(row2.xyz, tangent), in_tangent.w * side);
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
#ifdef HAS_VALUE
    v_value = in_value;
#endif
#endif
#ifdef PASS_IDS
    v_id = in_info.x;
#endif
}
