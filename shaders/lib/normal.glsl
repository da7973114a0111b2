// Computes: the shading normal of a tangent-space normal map, with the vertex tangent or, without one, with a frame from derivatives.
// Space: the space of the normal that is passed in (world axes in our shaders); texels as sampled, 0 to 1.
// Included by: material shaders with a normal map.
//
// vec3 perturb_normal(vec3 normal, vec4 tangent, vec3 texel, float scale)
// vec3 perturb_normal_by_uv(vec3 normal, vec3 position, vec2 uv_dx, vec2 uv_dy, vec3 texel, float scale)      fragment stage only
//      uv_dx and uv_dy are the derivatives of the normal map's own coordinates, in x and y of the window
//
// Pass the vertex normal and tangent as they are, also on back faces, and negate the RESULT there: the relief of a sheet
// seen from behind is the opposite one in all three axes.

vec3 decode_normal(vec3 texel, float scale)
{
    return (texel * 2.0 - 1.0) * vec3(scale, scale, 1.0);
}

vec3 perturb_normal(vec3 normal, vec4 tangent, vec3 texel, float scale)
{
    vec3 local = decode_normal(texel, scale);
    vec3 n = normalize(normal);
    vec3 t = tangent.xyz - n * dot(n, tangent.xyz);
    float length2 = dot(t, t);
    if (length2 < 1e-12) return n;
    t *= inversesqrt(length2);
    vec3 b = cross(n, t) * tangent.w;
    return normalize(local.x * t + local.y * b + local.z * n);
}

vec3 perturb_normal_by_uv(vec3 normal, vec3 position, vec2 uv_dx, vec2 uv_dy, vec3 texel, float scale)
{
    vec3 n = normalize(normal);
    vec3 px = dFdx(position), py = dFdy(position);
    float turn = uv_dx.x * uv_dy.y - uv_dy.x * uv_dx.y;
    // Both gradients lack the factor 1 / |turn|; only directions matter. v grows downwards in a picture, hence the minus.
    float side = turn < 0.0 ? -1.0 : 1.0;
    vec3 along_u = (px * uv_dy.y - py * uv_dx.y) * side;
    vec3 along_v = (py * uv_dx.x - px * uv_dy.x) * side;
    vec3 t = along_u - n * dot(n, along_u);
    float length2 = dot(t, t);
    if (turn == 0.0 || length2 == 0.0) return n;
    t *= inversesqrt(length2);
    vec3 b = cross(n, t);
    b *= dot(b, along_v) > 0.0 ? -1.0 : 1.0;
    vec3 local = decode_normal(texel, scale);
    return normalize(local.x * t + local.y * b + local.z * n);
}
