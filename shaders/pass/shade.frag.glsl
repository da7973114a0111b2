// The colour of a surface: lights, environment, exposure and tone mapping, written as premultiplied linear light.
// Space: eye space in, display-referred linear out. The composer makes it the fragment unit of opaque and transparent passes.
#include "interface/surface.glsl"
#include "material/surface.glsl"
#include "pass/fragment.glsl"
#ifdef LIT
#include "lib/brdf.glsl"
#include "lib/tonemap.glsl"
#include "interface/lights.glsl"
#ifdef HAS_ENVIRONMENT
#include "lib/ibl.glsl"
layout(binding = UNIT_ENVIRONMENT_SPECULAR) uniform samplerCube environment_specular;
layout(binding = UNIT_ENVIRONMENT_IRRADIANCE) uniform samplerCube environment_irradiance;
layout(binding = UNIT_ENVIRONMENT_DFG) uniform sampler2D environment_dfg;
#endif
#ifdef HAS_SHADOW
#include "lib/shadow.glsl"
layout(binding = UNIT_SHADOW) uniform sampler2DShadow shadow_map;
#endif
#endif

layout(location = 0) out vec4 out_color;

#ifdef LIT
#ifdef HAS_SHADOW
float sun_visibility(Fragment f, vec3 to_light) {
    float depth = view.forward.w > 0.0 ? 1.0 : dot(f.position, view.forward.xyz);
    vec3 receiver = shadow_receiver(f.position, f.normal * f.side, to_light, view.shadow.x, view.shadow.w + view.strays * depth);
    vec3 place = (view.shadow_matrix * vec4(receiver, 1.0)).xyz;
    // What lies deeper than the map reaches is compared with its far plane: below nothing it is lit.
    return shadow_tent5(shadow_map, vec3(place.xy, max(place.z + view.shadow.y, 0.0)));
}
#endif

vec3 shade(Fragment f, Surface s) {
    vec3 to_eye = view.forward.w > 0.5 ? -view.forward.xyz : normalize(-f.position);
#ifdef HAS_NORMAL
    s.roughness = filtered_roughness(s.roughness, f.normal);
#endif
    Layers layers = make_layers(s.color.rgb, s.metallic, s.roughness);
    layers = compensated(layers, clamp(dot(s.normal, to_eye), 0.0, 1.0));
    vec3 radiance = s.emissive;
#ifdef HAS_ENVIRONMENT
    radiance += view.environment.z * image_based_light(layers, s.normal, to_eye, s.occlusion, environment_specular,
                                                       environment_irradiance, environment_dfg, view.environment.xy);
#endif
    for (int i = 0; i < view.light_count; ++i) {
        vec3 to_light;
        vec3 irradiance = light_irradiance(lights[i], f.position, to_light);
#ifdef HAS_SHADOW
        if (i == int(view.shadow.z)) irradiance *= sun_visibility(f, to_light);
#endif
        radiance += irradiance * direct_light(layers, s.normal, to_eye, to_light);
    }
    return tone_map(radiance * view.exposure, view.tone_mapping);
}
#endif

void main() {
    Fragment f = make_fragment();
    Surface s;
    surface(f, s);
    s.normal *= f.side;
    s.color.rgb = apply_override(s.color.rgb, v_instance.y);
#ifdef PART_STATES
    s.color.rgb = apply_state(s.color.rgb);
#endif
#ifdef MASK
    if (s.color.a < s.alpha_cutoff) discard;
#endif
#ifdef BLEND
    float alpha = clamp(s.color.a, 0.0, 1.0);
#else
    float alpha = 1.0;
#endif
#ifdef LIT
    vec3 color = shade(f, s);
#else
    vec3 color = s.color.rgb;
#endif
    // What a display cannot show must not outweigh the other samples of a pixel, nor what lies behind.
    out_color = vec4(clamp(color, 0.0, 1.0) * alpha, alpha);
}
