// A line around what the selection mask covers: opaque next to it, fading over the last pixel of its width.
// Space: pixels in, display-referred premultiplied linear out. The composer makes it the fragment unit of the outline program.
#include "interface/bindings.glsl"
layout(binding = UNIT_SOURCE) uniform sampler2D mask;

layout(location = 0) out vec4 out_color;

const vec3 OUTLINE_COLOR = vec3(0.02, 0.8, 1.0);
const int WIDTH = 3;
const float COARSE = 3.0;  // its texels are 8 pixels wide, so that a filtered one misses nothing within WIDTH

void main() {
    ivec2 here = ivec2(gl_FragCoord.xy), last = textureSize(mask, 0) - 1;
    if (textureLod(mask, gl_FragCoord.xy / vec2(last + 1), COARSE).r <= 0.0 || texelFetch(mask, here, 0).r > 0.5) discard;
    float nearest = float(WIDTH) + 1.0;
    for (int y = -WIDTH; y <= WIDTH; ++y) {
        for (int x = -WIDTH; x <= WIDTH; ++x) {
            if (texelFetch(mask, clamp(here + ivec2(x, y), ivec2(0), last), 0).r > 0.5) nearest = min(nearest, length(vec2(x, y)));
        }
    }
    float alpha = clamp(float(WIDTH) + 0.5 - nearest, 0.0, 1.0);
    if (alpha <= 0.0) discard;
    out_color = vec4(OUTLINE_COLOR * alpha, alpha);
}
