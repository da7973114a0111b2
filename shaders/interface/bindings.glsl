// Every binding number, once: vertex attributes, blocks, storage buffers, texture units, fragment outputs.
// Python holds the same table in src/metarender/gpu/bindings.py; a test compares the two.
// Included by every other file of interface/.
#define ATTRIBUTE_POSITION 0
#define ATTRIBUTE_NORMAL 1
#define ATTRIBUTE_TANGENT 2
#define ATTRIBUTE_UV0 3
#define ATTRIBUTE_UV1 4
#define ATTRIBUTE_COLOR 5
#define ATTRIBUTE_VALUE 5  // what reads the numbers of a field reads no colours
#define ATTRIBUTE_JOINTS0 6
#define ATTRIBUTE_WEIGHTS0 7
#define ATTRIBUTE_ROW0 8
#define ATTRIBUTE_ROW1 9
#define ATTRIBUTE_ROW2 10
#define ATTRIBUTE_INFO 11
#define ATTRIBUTE_STATE 12
#define ATTRIBUTE_JOINTS1 13
#define ATTRIBUTE_WEIGHTS1 14
#define ATTRIBUTE_MORPH 15

#define BLOCK_VIEW 0
#define BLOCK_OCCLUSION 1

#define STORAGE_ANCHORS 0
#define STORAGE_MATERIALS 1
#define STORAGE_LIGHTS 2
// Compute shaders share the numbers from 3 on: OpenGL 4.3 promises eight. Draws that deform bind theirs each time.
#define STORAGE_DEFORM 3
#define STORAGE_MORPHS 4
#define STORAGE_RUNS 3
#define STORAGE_STAGING 4
#define STORAGE_TARGET 5
#define STORAGE_PLACES 4
#define STORAGE_BITS 6
#define STORAGE_PYRAMID 7
#define STORAGE_BOXES 3
#define STORAGE_CULL_ANCHORS 4
#define STORAGE_BLOCKS 5

#define UNIT_SLOT_0 0
#define UNIT_SLOT_1 1
#define UNIT_SLOT_2 2
#define UNIT_SLOT_3 3
#define UNIT_SLOT_4 4
#define UNIT_ENVIRONMENT_SPECULAR 8
#define UNIT_ENVIRONMENT_IRRADIANCE 9
#define UNIT_ENVIRONMENT_DFG 10
#define UNIT_SHADOW 11
#define UNIT_SOURCE 12
#define UNIT_COLORMAP 13

// Flags of a state row; PartState in src/metarender/part_state.py holds the same numbers.
#define STATE_GHOST 1
#define STATE_SELECTED 2
#define STATE_HIGHLIGHTED 4
#define STATE_VALUE 8
