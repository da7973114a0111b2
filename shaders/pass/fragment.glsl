// Fills the Fragment that a material's `surface()` reads, from the varyings that exist.
// Space: eye space. Included by pass/*.frag.glsl after interface/surface.glsl.
Fragment make_fragment() {
    vec2 zeros[2] = vec2[2](vec2(0.0), vec2(0.0));
    Fragment f = Fragment(vec3(0.0), vec3(0.0, 0.0, 1.0), 1.0, vec4(0.0), zeros, zeros, zeros, vec4(1.0), 0.0, 0u);
#ifdef NEEDS_MATERIAL
    f.material = v_instance.x;
#ifdef HAS_UV0
    f.uv[0] = v_uv0;
    f.uv_dx[0] = dFdx(v_uv0);
    f.uv_dy[0] = dFdy(v_uv0);
#endif
#ifdef HAS_UV1
    f.uv[1] = v_uv1;
    f.uv_dx[1] = dFdx(v_uv1);
    f.uv_dy[1] = dFdy(v_uv1);
#endif
#ifdef HAS_COLOR
    f.color = v_color;
#endif
#ifdef HAS_VALUE
    f.value = v_value;
#endif
#endif
#ifdef NEEDS_POSITION
    f.position = v_position;
#ifdef HAS_NORMAL
    f.side = gl_FrontFacing ? 1.0 : -1.0;
    f.normal = dot(v_normal, v_normal) > 0.0 ? normalize(v_normal) : -view.forward.xyz;  // files hold normals of length zero
#else
    // No normals in the geometry: the face itself, turned towards the eye.
    vec3 face = cross(dFdx(v_position), dFdy(v_position));
    f.normal = dot(face, face) > 0.0 ? normalize(face) : -view.forward.xyz;
    f.normal = faceforward(f.normal, mix(v_position, view.forward.xyz, view.forward.w), f.normal);
#endif
#ifdef HAS_TANGENT
    f.tangent = v_tangent;
#endif
#endif
    return f;
}
