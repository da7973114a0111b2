// A colour that no light changes (KHR_materials_unlit).
// Space: none; linear colours. Included by passes through the composer, as "material/surface.glsl".
struct UnlitRow {  // UNLIT_ROW in src/metarender/materials.py
    vec4 color;
    vec4 alpha_cutoff;
    TextureSlot slots[1];
};
layout(std430, binding = STORAGE_MATERIALS) readonly buffer UnlitTable { UnlitRow unlit_rows[]; };

#ifdef FEATURE_0
layout(binding = UNIT_SLOT_0) uniform sampler2DArray color_texture;
#endif

void surface(in Fragment f, out Surface s) {
    s = Surface(unlit_rows[f.material].color * f.color, vec3(0.0), f.normal, 0.0, 1.0, 1.0, unlit_rows[f.material].alpha_cutoff.x);
#ifdef FEATURE_0
    s.color *= sample_slot(color_texture, unlit_rows[f.material].slots[0], f);
#endif
}
