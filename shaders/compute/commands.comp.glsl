// Splits runs of draw slots into commands for the stretches whose bits are set. Each run has a place for every pair of slots
// (2k, 2k + 1) that it reaches into; a stretch writes its command where it begins, and the other places get commands of no instances:
// so the order of draws stays, the number of commands is known beforehand, and nothing is counted on the device.
// Space: none. The composer makes it the compute unit of the commands program.
#include "interface/bindings.glsl"

layout(local_size_x = 64) in;

#define LONGEST 256u  // slots of one command at most, aligned: how far a thread looks ahead

struct Command { uint count, instances, first_index, base_vertex, base_instance; };

layout(std430, binding = STORAGE_RUNS) readonly buffer Runs { Command runs[]; };
layout(std430, binding = STORAGE_PLACES) readonly buffer Places { uint places[]; };  // by run: its first place
layout(std430, binding = STORAGE_TARGET) writeonly buffer Target { Command commands[]; };
layout(std430, binding = STORAGE_BITS) readonly buffer Bits { uvec2 bits[]; };       // by 32 slots: kept; kept and large

uniform uint first_run;    // of the list, in `runs`
uniform uint run_count;
uniform uint first_place;  // of the list's numbers, in `places`
uniform uint target;       // where the list's commands begin
uniform int which;         // bits.x or bits.y

// The last run that begins at or before a place.
uint run_of(uint place) {
    uint low = 0u, high = run_count;
    while (high - low > 1u) {
        uint middle = (low + high) / 2u;
        if (places[first_place + middle] <= place) low = middle;
        else high = middle;
    }
    return low;
}

bool is_set(uint slot) { return (bits[slot / 32u][which] >> (slot & 31u) & 1u) != 0u; }

// First slot after `slot` and before `end` whose bit is clear, else `end`.
uint end_of_stretch(uint slot, uint end) {
    while (slot < end) {
        uint clear = ~bits[slot / 32u][which] >> (slot & 31u);
        if (clear != 0u) return min(slot + uint(findLSB(clear)), end);
        slot = (slot | 31u) + 1u;
    }
    return end;
}

void main() {
    uint place = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * 64u + gl_LocalInvocationID.x;
    if (place >= places[first_place + run_count]) return;
    uint number = run_of(place);
    Command run = runs[first_run + number];
    uint first = run.base_instance, end = first + run.instances;
    uint slot = (first / 2u + (place - places[first_place + number])) * 2u;
    bool begins = slot >= first && is_set(slot) && (slot == first || slot % LONGEST == 0u || !is_set(slot - 1u));
    if (!begins) {
        slot += 1u;  // an odd slot is never aligned, so it begins a stretch only where the even one before it is not drawn
        begins = slot < end && is_set(slot) && (slot == first || !is_set(slot - 1u));
    }
    uint length = begins ? end_of_stretch(slot, min(end, (slot / LONGEST + 1u) * LONGEST)) - slot : 0u;
    commands[target + place] = Command(run.count, length, run.first_index, run.base_vertex, slot);
}
