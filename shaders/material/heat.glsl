// The numbers of a field as colours: the ramp is looked up for each fragment, so that no colour is made that is not in it.
// Space: none; linear colours. Included by passes through the composer, as "material/surface.glsl".
struct HeatRow {  // HEAT_ROW in src/metarender/materials.py
    vec4 missing;
    vec4 numbers;     // value of the first colour, 1 over the range, alpha cutoff, opacity
    TextureSlot slots[1];
};
layout(std430, binding = STORAGE_MATERIALS) readonly buffer HeatTable { HeatRow heat_rows[]; };

#ifdef FEATURE_0
layout(binding = UNIT_SLOT_0) uniform sampler2DArray ramp;
#endif

void surface(in Fragment f, out Surface s) {
    vec4 numbers = heat_rows[f.material].numbers;
    s = Surface(heat_rows[f.material].missing, vec3(0.0), f.normal, 0.0, 0.6, 1.0, numbers.z);
#if defined(FEATURE_0) && defined(HAS_VALUE)
    if (!isnan(f.value)) {
        float share = clamp((f.value - numbers.x) * numbers.y, 0.0, 1.0);
        ivec3 place = ivec3(int(share * float(textureSize(ramp, 0).x - 1) + 0.5), 0, int(heat_rows[f.material].slots[0].u.w));
        s.color = vec4(texelFetch(ramp, place, 0).rgb, numbers.w);
    }
#endif
}
