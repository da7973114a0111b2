// Computes: how much of a shadow-mapped light reaches a point (percentage-closer filtering with a tent), and where to look it up.
// Space: positions and normals in any one metric space; map coordinates 0 to 1 with reversed depth (1 near the light, 0 far).
// Included by: lit material shaders.
//
// vec3  shadow_receiver(vec3 position, vec3 geometric_normal, vec3 to_light, float texel, float strays)     metres
// float shadow_tent3(sampler2DShadow map, vec3 coord)      tent 3 texels wide, 4 fetches; 1 = lit
// float shadow_tent5(sampler2DShadow map, vec3 coord)      tent 5 texels wide, 9 fetches; 1 = lit
//
// The map: 32-bit float depth of a reversed-Z orthographic view, cleared to 0, comparison GL_GEQUAL (lit where the receiver is
// not farther than the caster), linear filter, clamped to a border of 0, so that everything outside is lit.

const float SHADOW_NORMAL_OFFSET = 2.5;     // texels; the tents' effective reach plus half a texel of rasterisation

// A plane tilted by angle a changes by reach * tan(a) of depth under the filter; reach * sin(a) along the normal makes up for it.
// Where coarser levels are drawn, receiver and caster lie up to `strays` metres apart, and that much along the normal more.
vec3 shadow_receiver(vec3 position, vec3 geometric_normal, vec3 to_light, float texel, float strays)
{
    float cosine = clamp(dot(geometric_normal, to_light), 0.0, 1.0);
    float along = SHADOW_NORMAL_OFFSET * texel * sqrt(1.0 - cosine * cosine) + strays;
    return position + geometric_normal * along + to_light * (0.5 * texel);
}

// Share of a unit tent of half width `reach` around `centre` that lies below each x.
vec4 tent_below(vec4 x, float centre, float reach)
{
    vec4 u = clamp((x - centre) / reach, -1.0, 1.0);
    vec4 tail = 1.0 - abs(u);
    return mix(0.5 * tail * tail, 1.0 - 0.5 * tail * tail, greaterThan(u, vec4(0.0)));
}

float shadow_tent3(sampler2DShadow map, vec3 coord)
{
    vec2 size = vec2(textureSize(map, 0));
    vec2 place = coord.xy * size;
    vec2 edge = floor(place + 0.5);     // the tent touches the four texels around the nearest texel edge
    vec2 offset = place - edge;
    vec4 x = tent_below(vec4(-1.0, 0.0, 1.0, 2.0), offset.x, 1.5);
    vec4 y = tent_below(vec4(-1.0, 0.0, 1.0, 2.0), offset.y, 1.5);
    // One linear fetch weighs two neighbours: put it at the right fraction between their centres.
    vec2 wx = vec2(x.y, 1.0 - x.y), wy = vec2(y.y, 1.0 - y.y);
    vec2 fx = vec2((x.y - x.x) / wx.x - 1.5, (1.0 - x.z) / wx.y + 0.5) + edge.x;
    vec2 fy = vec2((y.y - y.x) / wy.x - 1.5, (1.0 - y.z) / wy.y + 0.5) + edge.y;
    vec2 step = 1.0 / size;
    float low = wx.x * texture(map, vec3(vec2(fx.x, fy.x) * step, coord.z)) + wx.y * texture(map, vec3(vec2(fx.y, fy.x) * step, coord.z));
    float high = wx.x * texture(map, vec3(vec2(fx.x, fy.y) * step, coord.z)) + wx.y * texture(map, vec3(vec2(fx.y, fy.y) * step, coord.z));
    return wy.x * low + wy.y * high;
}

float shadow_tent5(sampler2DShadow map, vec3 coord)
{
    vec2 size = vec2(textureSize(map, 0));
    vec2 place = coord.xy * size;
    vec2 edge = floor(place + 0.5);     // six texels around the nearest texel edge
    vec2 offset = place - edge;
    vec3 weight[2];
    vec3 fetch[2];
    for (int axis = 0; axis < 2; axis++) {
        vec4 inner = tent_below(vec4(-2.0, -1.0, 0.0, 1.0), offset[axis], 2.5);
        float outer = tent_below(vec4(2.0), offset[axis], 2.5).x;
        weight[axis] = vec3(inner.y, inner.w - inner.y, 1.0 - inner.w);
        vec3 second = vec3(inner.y - inner.x, inner.w - inner.z, 1.0 - outer);
        fetch[axis] = second / weight[axis] + vec3(-2.5, -0.5, 1.5) + edge[axis];
    }
    vec2 step = 1.0 / size;
    float lit = 0.0;
    for (int j = 0; j < 3; j++)
        for (int i = 0; i < 3; i++)
            lit += weight[0][i] * weight[1][j] * texture(map, vec3(vec2(fetch[0][i], fetch[1][j]) * step, coord.z));
    return lit;
}
