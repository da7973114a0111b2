// One level of the depth pyramid, from the samples of the depth attachment or from the level before.
// Space: reversed depth. The composer makes it the compute unit of the pyramid programs.
#include "interface/bindings.glsl"
#include "interface/pyramid.glsl"

layout(local_size_x = 8, local_size_y = 8) in;

uniform ivec3 source;       // width and height of what is read, and where it begins in the pyramid
uniform ivec3 destination;  // the same of the level that is written

#ifdef FROM_DEPTH
#ifdef MULTISAMPLE
layout(binding = UNIT_SOURCE) uniform sampler2DMS depth_attachment;
uniform int samples;
#else
layout(binding = UNIT_SOURCE) uniform sampler2D depth_attachment;
#endif
layout(std430, binding = STORAGE_PYRAMID) writeonly buffer Pyramid { float pyramid[]; };

float farthest(ivec2 place) {
#ifdef MULTISAMPLE
    float depth = texelFetch(depth_attachment, place, 0).x;
    for (int i = 1; i < samples; ++i) depth = min(depth, texelFetch(depth_attachment, place, i).x);
    return depth;
#else
    return texelFetch(depth_attachment, place, 0).x;
#endif
}
#else
layout(std430, binding = STORAGE_PYRAMID) buffer Pyramid { float pyramid[]; };

float farthest(ivec2 place) { return pyramid[source.z + place.y * source.x + place.x]; }
#endif

void main() {
    ivec2 texel = ivec2(gl_GlobalInvocationID.xy), first = texel * PYRAMID_STEP, end = min(first + PYRAMID_STEP, source.xy);
    if (any(greaterThanEqual(texel, destination.xy))) return;
    float depth = 1.0;
    for (int y = first.y; y < end.y; ++y)
        for (int x = first.x; x < end.x; ++x) depth = min(depth, farthest(ivec2(x, y)));
    pyramid[destination.z + texel.y * destination.x + texel.x] = depth;
}
