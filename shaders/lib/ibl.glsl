// Computes: the light that a surface point sends to the eye under an environment (split sum with an exact irradiance map).
// Space: world axes for every direction, linear light; environment space is world space turned by Environment.rotation.
// Included by: lit material shaders and the sky. Includes lib/brdf.glsl.
//
// vec3 environment_direction(vec3 direction, vec2 rotation)       rotation = cosine and sine of Environment.rotation
// float specular_level(float roughness, float last_level)         inverse of the roughness of a level in environment.py
// vec3 image_based_light(Layers layers, vec3 normal, vec3 view, float occlusion,
//                        samplerCube specular_map, samplerCube irradiance_map, sampler2D dfg_table, vec2 rotation)
//     occlusion: 1 = open. The result is radiance for intensity 1: multiply by Environment.intensity.

#include "lib/brdf.glsl"

// World to environment space: the inverse turn about +Y.
vec3 environment_direction(vec3 direction, vec2 rotation)
{
    return vec3(rotation.x * direction.x - rotation.y * direction.z, direction.y, rotation.y * direction.x + rotation.x * direction.z);
}

// Level t * last holds roughness t (0.4 + 0.6 t): finer steps where the lobe is narrow.
float specular_level(float roughness, float last_level)
{
    return last_level * (sqrt(0.16 + 2.4 * roughness) - 0.4) / 1.2;
}

// How much of a lobe an ambient visibility leaves (Lagarde and de Rousiers 2014): rough lobes lose like the diffuse one, sharp ones less.
float specular_occlusion(float nv, float occlusion, float roughness)
{
    return clamp(pow(nv + occlusion, exp2(-16.0 * roughness - 1.0)) - 1.0 + occlusion, 0.0, 1.0);
}

vec3 image_based_light(Layers layers, vec3 normal, vec3 view, float occlusion,
                       samplerCube specular_map, samplerCube irradiance_map, sampler2D dfg_table, vec2 rotation)
{
    float nv = clamp(dot(normal, view), 0.0, 1.0);
    float roughness = layers.roughness;
    vec3 dfg = textureLod(dfg_table, vec2(nv, roughness), 0.0).rgb;     // scale and bias of f0, mean grazing weight

    // The map was filtered for a lobe seen head-on; a rough lobe seen at an angle leans towards the normal.
    vec3 mirrored = mix(reflect(-view, normal), normal, roughness * roughness);
    float level = specular_level(roughness, float(textureQueryLevels(specular_map) - 1));
    vec3 reflected = textureLod(specular_map, environment_direction(mirrored, rotation), level).rgb;
    vec3 albedo = (layers.f0 * dfg.x + dfg.y) * energy_gain(layers, dfg.x + dfg.y);

    vec3 irradiance = textureLod(irradiance_map, environment_direction(normal, rotation), 0.0).rgb;
    float transmitted = (1.0 - DIELECTRIC_F0) * (1.0 - dfg.z);
    return layers.diffuse * irradiance * (transmitted * occlusion) + reflected * albedo * specular_occlusion(nv, occlusion, roughness);
}
