// What the vertex path hands to fragment shaders; `VARYING` is `out` in one and `in` in the other.
// Only what the pass, the geometry and the material need exists: every output costs a software rasteriser time.
// Space: eye space (world axes, origin at the eye). Included by geometry/*.vert.glsl and pass/*.frag.glsl.
#if (defined(PASS_SHADE) && defined(LIT)) || defined(PASS_GHOST)
#define NEEDS_POSITION
#endif
#if defined(PASS_SHADE) || defined(PASS_GHOST) || defined(MASK)
#define NEEDS_MATERIAL
#endif

#ifdef NEEDS_MATERIAL
flat VARYING uvec2 v_instance;  // material row, sRGB override colour
#ifdef PART_STATES
flat VARYING uvec2 v_state;     // flags, value as bits
#endif
#ifdef HAS_UV0
VARYING vec2 v_uv0;
#endif
#ifdef HAS_UV1
VARYING vec2 v_uv1;
#endif
#ifdef HAS_COLOR
VARYING vec4 v_color;
#endif
#ifdef HAS_VALUE
VARYING float v_value;
#endif
#endif
#ifdef NEEDS_POSITION
VARYING vec3 v_position;
#ifdef HAS_NORMAL
VARYING vec3 v_normal;
#endif
#ifdef HAS_TANGENT
VARYING vec4 v_tangent;
#endif
#endif
#ifdef PASS_IDS
flat VARYING uint v_id;
#endif
