// Punctual lights, as many as there are (KHR_lights_punctual).
// Space: eye space. Included by pass/shade.frag.glsl. Python: LIGHT_DTYPE in src/metarender/gpu/bindings.py (std430).
struct Light {
    vec4 position;   // eye space, metres; w is the range, 0 for none
    vec4 direction;  // the way it travels, unit; w is 0 directional, 1 point, 2 spot
    vec4 color;      // linear, times intensity (lux or candela)
    vec4 cone;       // scale and offset of the angular fall-off
};
layout(std430, binding = STORAGE_LIGHTS) readonly buffer Lights { Light lights[]; };

// Irradiance on a plane that faces the light, and the unit vector towards it.
vec3 light_irradiance(Light light, vec3 position, out vec3 to_light) {
    if (light.direction.w < 0.5) {
        to_light = -light.direction.xyz;
        return light.color.rgb;
    }
    vec3 offset = light.position.xyz - position;
    float squared = max(dot(offset, offset), 1e-8);
    to_light = offset * inversesqrt(squared);
    float fade = 1.0;
    if (light.position.w > 0.0) {
        float ratio = squared / (light.position.w * light.position.w);
        fade = clamp(1.0 - ratio * ratio, 0.0, 1.0);  // KHR_lights_punctual, "Range property", recommended window
    }
    if (light.direction.w > 1.5) {
        float angular = clamp(dot(light.direction.xyz, -to_light) * light.cone.x + light.cone.y, 0.0, 1.0);
        fade *= angular * angular;
    }
    return light.color.rgb * (fade / squared);
}
