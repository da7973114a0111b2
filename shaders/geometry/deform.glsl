// What a pose makes of a vertex: morphs by the weights of its node, then the joints that it follows.
// Space: local in; out of `place` world axes relative to the draw's anchor, as the matrix rows of the instance lead to it.
// Included by geometry/mesh.vert.glsl for geometries with joints or morphs. `_native/pose.c` writes the rows of `deform`.
layout(std430, binding = STORAGE_DEFORM) readonly buffer Deform { uvec4 deform[]; };
#ifdef MORPHED
// Displacements of each vertex, three numbers each: for each morph its position, then its normal and its tangent where there are any.
layout(std430, binding = STORAGE_MORPHS) readonly buffer Morphs { float displacements[]; };

vec3 displacement(uint row) {
    return vec3(displacements[3u * row], displacements[3u * row + 1u], displacements[3u * row + 2u]);
}

// Adds what the morphs of the pose with this row move.
void morph(uint pose, inout vec3 position, inout vec3 normal, inout vec3 tangent) {
    uint count = deform[pose].y, row = in_morph;
    for (uint i = 0u; i < count; ++i) {
        float weight = uintBitsToFloat(deform[pose + 1u + i / 4u][i % 4u]);
        position += weight * displacement(row++);
#ifdef MORPH_NORMALS
#ifdef HAS_NORMAL
        normal += weight * displacement(row);
#endif
        ++row;
#endif
#ifdef MORPH_TANGENTS
#ifdef HAS_TANGENT
        tangent += weight * displacement(row);
#endif
        ++row;
#endif
    }
}
#endif

#ifdef SKINNED
void follow(uint joint, float weight, inout vec4 row0, inout vec4 row1, inout vec4 row2) {
    row0 += weight * uintBitsToFloat(deform[joint]);
    row1 += weight * uintBitsToFloat(deform[joint + 1u]);
    row2 += weight * uintBitsToFloat(deform[joint + 2u]);
}

// The matrix rows of a vertex: the blend of its joints' instead of those of the instance.
void skin(uint palette, inout vec4 row0, inout vec4 row1, inout vec4 row2) {
    row0 = row1 = row2 = vec4(0.0);
    for (int i = 0; i < 4; ++i) follow(palette + 3u * in_joints0[i], in_weights0[i], row0, row1, row2);
#ifdef SKINNED8
    for (int i = 0; i < 4; ++i) follow(palette + 3u * in_joints1[i], in_weights1[i], row0, row1, row2);
#endif
}
#endif
