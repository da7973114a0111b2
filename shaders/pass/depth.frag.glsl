// Depth only, for shadow maps: nothing for opaque surfaces, the alpha test for masked ones.
// Space: none. The composer makes it the fragment unit of shadow programs.
#ifdef MASK
#include "interface/surface.glsl"
#include "material/surface.glsl"
#include "pass/fragment.glsl"
#endif

void main() {
#ifdef MASK
    Surface s;
    surface(make_fragment(), s);
    if (s.color.a < s.alpha_cutoff) discard;
#endif
}
