// The environment as background, behind everything.
// Space: eye-space direction in, display-referred linear out. The composer makes it the fragment unit of the sky program.
#include "interface/view.glsl"
#include "lib/tonemap.glsl"
#include "lib/ibl.glsl"
layout(binding = UNIT_ENVIRONMENT_SPECULAR) uniform samplerCube environment_specular;

in vec2 v_clip;
layout(location = 0) out vec4 out_color;

void main() {
    vec3 direction = normalize((view.clip_to_direction * vec4(v_clip, 1.0, 1.0)).xyz);
    vec3 radiance = textureLod(environment_specular, environment_direction(direction, view.environment.xy), 0.0).rgb;
    out_color = vec4(clamp(tone_map(radiance * (view.environment.z * view.exposure), view.tone_mapping), 0.0, 1.0), 1.0);
}
