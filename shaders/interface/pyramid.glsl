// The depth pyramid: each texel of level 0 holds the farthest depth of 4 x 4 pixels, of each further level of 4 x 4 texels.
// Sizes are rounded up, so that a texel at the border holds what there is of it. Levels lie one behind the other.
// Space: reversed depth, 0 is infinitely far. Included by compute/pyramid.comp.glsl and compute/occlude.comp.glsl.
#define PYRAMID_SHIFT 2
#define PYRAMID_STEP 4
