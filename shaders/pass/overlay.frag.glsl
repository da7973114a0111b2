// A picture that lies over the frame, such as a legend, pixel by pixel: its viewport is as large as it is.
// Space: display-referred linear, straight alpha in and premultiplied out. The composer makes it the fragment unit of the overlay program.
#include "interface/bindings.glsl"
layout(binding = UNIT_SOURCE) uniform sampler2D picture;

in vec2 v_clip;
layout(location = 0) out vec4 out_color;

void main() {
    vec2 place = vec2(v_clip.x, -v_clip.y) * 0.5 + 0.5;  // the top row comes first
    vec4 color = texelFetch(picture, ivec2(place * vec2(textureSize(picture, 0))), 0);
    out_color = vec4(color.rgb * color.a, color.a);
}
