// Resolves samples, turns premultiplied linear light into straight sRGB, and puts the top row first.
// Space: display-referred linear in, sRGB out. The composer makes it the fragment unit of the encode program.
#include "interface/bindings.glsl"
#include "lib/color.glsl"
#ifdef MULTISAMPLE
layout(binding = UNIT_SOURCE) uniform sampler2DMS source;
#define SOURCE_HEIGHT textureSize(source).y
#else
layout(binding = UNIT_SOURCE) uniform sampler2D source;
#define SOURCE_HEIGHT textureSize(source, 0).y
#endif
uniform int samples;

layout(location = 0) out vec4 out_color;

vec4 resolved(ivec2 place) {
#ifdef MULTISAMPLE
    vec4 sum = vec4(0.0);
    for (int i = 0; i < samples; ++i) sum += texelFetch(source, place, i);
    return sum / float(samples);
#else
    return texelFetch(source, place, 0);
#endif
}

void main() {
    ivec2 place = ivec2(gl_FragCoord.xy);
    place.y = SOURCE_HEIGHT - 1 - place.y;
    vec4 color = resolved(place);
    out_color = color.a > 0.0 ? vec4(srgb_encode(clamp(color.rgb / color.a, 0.0, 1.0)), color.a) : vec4(0.0);
}
