// Tests the boxes of 64 draw slots at a time, against the depth pyramid or, with FRUSTUM, against the planes of the view.
// What it keeps may be hidden; what it drops would not change one sample of the picture.
// Space: camera axes, then pixels. The composer makes it the compute unit of the occlusion programs.
#include "interface/occlusion.glsl"
#include "interface/pyramid.glsl"

layout(local_size_x = 64) in;

#define ROUNDING 9.5367431640625e-7  // 16 units in the last place of everything that is added up
#define MARGIN 1.0                   // pixels: how lines and points are wider than their boxes, and how the device snaps
#define LARGE 16.0                   // pixels: what is smaller hides too little to be drawn twice

layout(std430, binding = STORAGE_BLOCKS) readonly buffer Blocks { uint blocks[]; };  // block, low and high word of its candidates
layout(std430, binding = STORAGE_BITS) writeonly buffer Bits { uvec2 bits[]; };      // by 32 slots: kept; kept and large
layout(std430, binding = STORAGE_PYRAMID) readonly buffer Pyramid { float pyramid[]; };

uniform int block_count;
uniform ivec3 levels[8];  // width, height and beginning
uniform int level_count;

shared uint kept_bits[2], large_bits[2];

struct Box { vec3 centre, half_extents; uint anchor, layers; };

Box load_box(uint slot) {
    uvec4 low = box_rows[2u * slot], high = box_rows[2u * slot + 1u];
    return Box(uintBitsToFloat(low.xyz), uintBitsToFloat(high.xyz), low.w, high.w);
}

#ifdef FRUSTUM
// The sums of _native/cull.inl in their order, so that the bits are the same.
bool behind(Box box, vec3 normal, float distance) {
    precise vec3 reach = mix(box.half_extents + box.centre, box.half_extents - box.centre, lessThan(normal, vec3(0.0)));
    precise vec3 part = abs(normal) * reach;
    precise float sum = ((part.x + part.y) + part.z) + distance;
    return sum < 0.0;
}

bool is_kept(Box box, out bool large) {
    uint row = 3u * box.anchor;
    vec4 first = cull_anchors[row + 1u], second = cull_anchors[row + 2u];
    float distances[6] = float[6](first.x, first.y, first.z, first.w, second.x, second.y);
    large = false;
    for (int i = 0; i < 6; ++i)
        if (behind(box, occlusion.planes[i].xyz, distances[i])) return false;
    return (box.layers & occlusion.layers) != 0u;
}
#else
// Whether everything in a rectangle of pixels has something in front of it that is nearer than `depth`.
bool is_covered(ivec2 low, ivec2 high, float depth) {
    int level = 0;
    low >>= PYRAMID_SHIFT;
    high >>= PYRAMID_SHIFT;
    while (level + 1 < level_count && any(greaterThanEqual(high - low, ivec2(PYRAMID_STEP)))) {
        low >>= PYRAMID_SHIFT;
        high >>= PYRAMID_SHIFT;
        ++level;
    }
    for (int y = low.y; y <= high.y; ++y)
        for (int x = low.x; x <= high.x; ++x)
            if (!(pyramid[levels[level].z + y * levels[level].x + x] > depth)) return false;
    return true;
}

// Largest depth value that a fragment of something from `nearest` to `farthest` may get: the vertices are rounded, and so is the
// plane that a rasteriser lays through them, the more the longer and thinner its triangle is.
float largest_depth(float nearest, float farthest, float by_near, float by_far) {
    vec2 parts = occlusion.depth.x * (occlusion.parallel != 0 ? vec2(nearest, farthest) : vec2(by_near, by_far));
    float depth = parts.x + occlusion.depth.y;
    return depth + 0.01 * (parts.x - parts.y) + 4.0 * ROUNDING * (abs(parts.x) + abs(occlusion.depth.y));
}

bool is_kept(Box box, out bool large) {
    vec4 anchor = cull_anchors[3u * box.anchor];
    vec3 centre = anchor.xyz, extent = vec3(anchor.w);
    for (int k = 0; k < 3; ++k) {
        centre[k] += dot(occlusion.axes[k].xyz, box.centre);
        extent[k] += dot(abs(occlusion.axes[k].xyz), box.half_extents);
    }
    vec3 sizes = abs(centre) + extent;
    extent += ROUNDING * (sizes.x + sizes.y + sizes.z);
    float nearest = centre.z - extent.z, farthest = centre.z + extent.z;
    large = true;
    if (!(nearest > occlusion.near)) return true;
    bool parallel = occlusion.parallel != 0;
    float by_near = parallel ? 1.0 : 1.0 / nearest, by_far = parallel ? 1.0 : 1.0 / farthest;
    vec2 left = centre.xy - extent.xy, right = centre.xy + extent.xy;
    vec2 low = left * mix(vec2(by_far), vec2(by_near), lessThan(left, vec2(0.0))) * occlusion.gain + occlusion.shift;
    vec2 high = right * mix(vec2(by_far), vec2(by_near), greaterThan(right, vec2(0.0))) * occlusion.gain + occlusion.shift;
    large = !(max(high.x - low.x, high.y - low.y) < LARGE);
    low -= MARGIN;
    high += MARGIN;
    if (!(all(lessThan(low, occlusion.size)) && all(greaterThanEqual(high, vec2(0.0))))) return true;  // not in the picture: not ours
    ivec2 first = ivec2(max(low, vec2(0.0))), last = ivec2(min(high, occlusion.size - 1.0));
    return !is_covered(first, last, largest_depth(nearest, farthest, by_near, by_far));
}
#endif

void main() {
    uint lane = gl_LocalInvocationID.x, row = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    if (row >= uint(block_count)) return;
    if (lane < 2u) kept_bits[lane] = large_bits[lane] = 0u;
    barrier();
    uint block = blocks[3u * row], bit = 1u << (lane & 31u);
    if ((blocks[3u * row + 1u + lane / 32u] & bit) != 0u) {
        bool large;
        if (is_kept(load_box(64u * block + lane), large)) {
            atomicOr(kept_bits[lane / 32u], bit);
            if (large) atomicOr(large_bits[lane / 32u], bit);
        }
    }
    barrier();
    if (lane < 2u) bits[2u * block + lane] = uvec2(kept_bits[lane], large_bits[lane]);
}
