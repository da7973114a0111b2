// A ghosted part: a pale film, denser where the surface turns away, so that what lies behind stays readable.
// Space: eye space in, display-referred premultiplied linear out. The composer makes it the fragment unit of ghost programs.
#include "interface/surface.glsl"
#include "pass/fragment.glsl"

layout(location = 0) out vec4 out_color;

const vec3 GHOST_COLOR = vec3(0.36, 0.55, 0.78);
const float THINNEST = 0.06, DENSEST = 0.55;

void main() {
    Fragment f = make_fragment();
    vec3 to_eye = view.forward.w > 0.5 ? -view.forward.xyz : normalize(-f.position);
    float grazing = 1.0 - abs(dot(f.normal, to_eye));
    float alpha = mix(THINNEST, DENSEST, grazing * grazing);
    out_color = vec4(apply_override(GHOST_COLOR, v_instance.y) * alpha, alpha);
}
