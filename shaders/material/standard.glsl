// The metallic-roughness material of glTF 2.0: textures and factors to a Surface.
// Space: eye space, linear colours. Included by passes through the composer, as "material/surface.glsl".
struct StandardRow {  // STANDARD_ROW in src/metarender/materials.py
    vec4 color;
    vec4 emissive;    // w is the alpha cutoff
    vec4 factors;     // metallic, roughness, normal scale, occlusion strength
    TextureSlot slots[5];
};
layout(std430, binding = STORAGE_MATERIALS) readonly buffer StandardTable { StandardRow standard_rows[]; };

#ifdef FEATURE_0
layout(binding = UNIT_SLOT_0) uniform sampler2DArray color_texture;
#endif
#ifdef FEATURE_1
layout(binding = UNIT_SLOT_1) uniform sampler2DArray metallic_roughness_texture;
#endif
#ifdef FEATURE_2
layout(binding = UNIT_SLOT_2) uniform sampler2DArray normal_texture;
#endif
#ifdef FEATURE_3
layout(binding = UNIT_SLOT_3) uniform sampler2DArray occlusion_texture;
#endif
#ifdef FEATURE_4
layout(binding = UNIT_SLOT_4) uniform sampler2DArray emissive_texture;
#endif
#ifdef FEATURE_2
#include "lib/normal.glsl"
#endif

#define ROW standard_rows[f.material]

void surface(in Fragment f, out Surface s) {
    s.color = ROW.color * f.color;
    s.emissive = ROW.emissive.rgb;
    s.alpha_cutoff = ROW.emissive.a;
    s.metallic = ROW.factors.x;
    s.roughness = ROW.factors.y;
    s.occlusion = 1.0;
    s.normal = f.normal;
#ifdef FEATURE_0
    s.color *= sample_slot(color_texture, ROW.slots[0], f);
#endif
#ifdef FEATURE_1
    vec4 packed_factors = sample_slot(metallic_roughness_texture, ROW.slots[1], f);
    s.metallic *= packed_factors.b;
    s.roughness *= packed_factors.g;
#endif
#ifdef FEATURE_2
    vec3 texel = sample_slot(normal_texture, ROW.slots[2], f).rgb;
#ifdef HAS_TANGENT
    s.normal = perturb_normal(f.normal, f.tangent, texel, ROW.factors.z);
#else
    vec2 uv_dx = slot_direction(ROW.slots[2], f.uv_dx), uv_dy = slot_direction(ROW.slots[2], f.uv_dy);
    s.normal = perturb_normal_by_uv(f.normal, f.position, uv_dx, uv_dy, texel, ROW.factors.z);
#endif
#endif
#ifdef FEATURE_3
    s.occlusion = mix(1.0, sample_slot(occlusion_texture, ROW.slots[3], f).r, ROW.factors.w);
#endif
#ifdef FEATURE_4
    s.emissive *= sample_slot(emissive_texture, ROW.slots[4], f).rgb;
#endif
}
