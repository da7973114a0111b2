// The contract between passes and materials: a pass fills a Fragment, a material's `surface()` turns it into a Surface.
// Space: eye space. Colours are linear. Included by pass/*.frag.glsl and, through them, by material/*.glsl.
#include "interface/view.glsl"
#define VARYING in
#include "interface/varyings.glsl"
#include "lib/color.glsl"

struct Fragment {
    vec3 position;    // eye space, metres
    vec3 normal;      // unit, of the front side
    float side;       // 1 where the front side is seen, -1 where the back side is
    vec4 tangent;     // w is the handedness; zero where the geometry has none
    vec2 uv[2];
    vec2 uv_dx[2];    // derivatives in x and y of the window
    vec2 uv_dy[2];
    vec4 color;       // of the vertex, linear
    float value;      // of a field, NaN where there is none
    uint material;    // row in the table of the shader
};

struct Surface {
    vec4 color;       // base colour, straight alpha
    vec3 emissive;
    vec3 normal;      // unit, of the front side
    float metallic;
    float roughness;
    float occlusion;  // 1 is open
    float alpha_cutoff;
};

struct TextureSlot {  // TEXTURE_SLOT_DTYPE in src/metarender/materials.py
    vec4 u;           // row that transforms (u, v, 1); w is the layer
    vec4 v;           // the same for v; w is the set of coordinates
};

vec2 slot_uv(TextureSlot slot, Fragment f) {
    vec3 uv = vec3(f.uv[int(slot.v.w)], 1.0);
    return vec2(dot(slot.u.xyz, uv), dot(slot.v.xyz, uv));
}

vec2 slot_direction(TextureSlot slot, vec2 direction[2]) {
    vec2 uv = direction[int(slot.v.w)];
    return vec2(dot(slot.u.xy, uv), dot(slot.v.xy, uv));
}

// Gradients are given, because a pixel just outside a triangle reads zeros from the material table on llvmpipe, and
// the differences with it would pick a wrong mip level along every edge.
#define sample_slot(unit, slot, f) \
    textureGrad(unit, vec3(slot_uv(slot, f), slot.u.w), slot_direction(slot, f.uv_dx), slot_direction(slot, f.uv_dy))

#if defined(PART_STATES) && defined(PASS_SHADE)
layout(binding = UNIT_COLORMAP) uniform sampler2D colormap;

// The colour of a part's value, which stands for any other, and what highlighting adds.
vec3 apply_state(vec3 color) {
    if ((v_state.x & uint(STATE_VALUE)) != 0u) {
        float share = clamp((uintBitsToFloat(v_state.y) - view.colormap_low) * view.colormap_scale, 0.0, 1.0);
        color = texelFetch(colormap, ivec2(int(share * 255.0 + 0.5), 0), 0).rgb;
    }
    return (v_state.x & uint(STATE_HIGHLIGHTED)) != 0u ? mix(color, vec3(1.0, 0.75, 0.25), 0.45) : color;
}
#endif

vec3 apply_override(vec3 color, uint packed_override) {
    if (packed_override < 0x1000000u) return color;
    vec4 override = unpackUnorm4x8(packed_override);
    return mix(color, srgb_decode(override.rgb), override.a);
}
