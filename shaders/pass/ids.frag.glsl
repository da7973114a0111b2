// The id of the nearest surface, blended ones included, masks respected.
// Space: none. The composer makes it the fragment unit of ids programs.
#include "interface/surface.glsl"
#ifdef MASK
#include "material/surface.glsl"
#include "pass/fragment.glsl"
#endif

layout(location = 0) out uint out_id;

void main() {
#ifdef MASK
    Surface s;
    surface(make_fragment(), s);
    if (s.color.a < s.alpha_cutoff) discard;
#endif
    out_id = v_id;
}
