// Copies runs of 16-byte rows from a staging buffer to where they belong: one dispatch instead of a call for each run.
// Space: none. The composer makes it the compute unit of the scatter program.
#include "interface/bindings.glsl"

layout(local_size_x = 64) in;

struct Run {
    uint source;       // row in the staging buffer
    uint destination;  // row in the target
    uint count;
    uint padding;
};
layout(std430, binding = STORAGE_RUNS) readonly buffer Runs { Run runs[]; };
layout(std430, binding = STORAGE_STAGING) readonly buffer Staging { uvec4 staging_rows[]; };
layout(std430, binding = STORAGE_TARGET) writeonly buffer Target { uvec4 target_rows[]; };

uniform uint run_count;

void main() {
    uint number = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    if (number >= run_count) return;
    Run run = runs[number];
    for (uint row = gl_LocalInvocationID.x; row < run.count; row += 64u) {
        target_rows[run.destination + row] = staging_rows[run.source + row];
    }
}
